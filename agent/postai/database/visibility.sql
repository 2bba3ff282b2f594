-- name: readable_columns
-- Of the given relations, the columns that the role may read: USAGE on the schema and SELECT on the table or the column.
-- (A view is judged by the right on the view: what lies below is read with the rights of its owner, or the server
-- refuses when the view is read.)
select c.oid::pg_catalog.int8, pg_catalog.array_agg(a.attnum order by a.attnum)
  from pg_catalog.pg_class c
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.oid = any(%s::pg_catalog.oid[])
   and pg_catalog.has_schema_privilege(%s::pg_catalog.name, c.relnamespace, 'USAGE')
   and (pg_catalog.has_table_privilege(%s::pg_catalog.name, c.oid, 'SELECT')
        or pg_catalog.has_column_privilege(%s::pg_catalog.name, c.oid, a.attnum, 'SELECT'))
 group by c.oid

-- name: role_exists
-- Whether there is a role of that name.
select exists (select from pg_catalog.pg_roles r where r.rolname = %s::pg_catalog.name)
