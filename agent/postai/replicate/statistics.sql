-- name: extended
-- Tables with extended statistics, whose values do not travel: schema, name.
select distinct n.nspname::text, c.relname::text
  from pg_catalog.pg_statistic_ext as s join pg_catalog.pg_class as c on c.oid = s.stxrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[])
 order by 1, 2

-- name: analysable
-- Everything that has statistics: schema, name, whether it stands above partitions or children.
select n.nspname::text, c.relname::text, c.relkind = 'p' or c.relhassubclass
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
 order by 3, pg_catalog.pg_relation_size(case when c.relkind <> 'p' then c.oid end) nulls last, 1, 2
