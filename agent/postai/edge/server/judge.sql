-- name: relations
-- Schema and name of tables: $1 is an array of their oids. A materialized view holds rows of others: it is left out.
select n.nspname, c.relname
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any ($1::pg_catalog.oid[]) and c.relkind in ('r', 'p')
