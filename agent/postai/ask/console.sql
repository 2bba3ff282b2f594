-- name: session
-- Where names are looked up, and whether the role may read postai's settings here.
select pg_catalog.current_schemas(true)::pg_catalog.text[], exists (
         select from pg_catalog.pg_class as c
           join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
          where n.nspname = 'postai' and c.relname = 'settings' and pg_catalog.has_schema_privilege(n.oid, 'usage')
            and pg_catalog.has_table_privilege(c.oid, 'select'))

-- name: allowed
-- Functions that an operator listed.
select value from postai.settings where name = 'allowed_functions'

-- name: types
-- Names of types, in the order of their oids, and whether they are numbers.
select pg_catalog.format_type(o.oid, null), t.typcategory = 'N'
  from pg_catalog.unnest(%s::pg_catalog.oid[]) with ordinality as o (oid, place)
  left join pg_catalog.pg_type as t on t.oid = o.oid
 order by o.place

-- name: names
-- Relations with the columns that the role may read, and whether they need no schema; those that need none come first, as
-- a database with a schema for each tenant has more than are told.
select n.nspname, c.relname, pg_catalog.array_agg(a.attname order by a.attnum), pg_catalog.pg_table_is_visible(c.oid)
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
   and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname operator(pg_catalog.!~) '^pg_(toast|temp)'
   and pg_catalog.has_schema_privilege(n.oid, 'usage')
   and pg_catalog.has_column_privilege(c.oid, a.attnum, 'select')
 group by n.nspname, c.relname, c.oid
 order by pg_catalog.pg_table_is_visible(c.oid) desc, n.nspname, c.relname
 limit 5000
