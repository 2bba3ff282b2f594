-- What the keeper of the value index reads and writes.

-- name: look
-- Whether values are to be kept, and the fingerprint of the catalog.
select postai._setting_text('value_index')::pg_catalog.bool, (/* fingerprint */)

-- name: writes
-- For each table, numbers that change with its rows: written rows so far, and the file they are in.
select c.oid::pg_catalog.int8,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
       + pg_catalog.pg_stat_get_tuples_deleted(c.oid),
       c.relfilenode::pg_catalog.int8
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')

-- name: keep
-- The values of the columns of one table in the place of those that were known; gives how many columns changed.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
), fresh as (
  select f.number, f.schema, f.name, f.column, f.complete, f.bytes,
         array(select v.value from pg_catalog.jsonb_array_elements_text(f.values) with ordinality as v (value, place)
                order by v.place) as values
    from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb)
      as f (number smallint, schema name, name name, "column" name, complete boolean, bytes integer, values jsonb)
), gone as (
  delete from postai.value_index as i
   where i.table_oid = %s and i.column_number not in (select f.number from fresh as f)
  returning 1
), kept as (
  insert into postai.value_index as i
         (table_oid, column_number, schema_name, table_name, column_name, values, complete, bytes)
  select %s, f.number, f.schema, f.name, f.column, f.values, f.complete, f.bytes from fresh as f
  on conflict (table_oid, column_number) do update
     set schema_name = excluded.schema_name, table_name = excluded.table_name, column_name = excluded.column_name,
         values = excluded.values, complete = excluded.complete, bytes = excluded.bytes,
         refreshed_at = pg_catalog.clock_timestamp()
   where (i.schema_name, i.table_name, i.column_name, i.values, i.complete)
         is distinct from (excluded.schema_name, excluded.table_name, excluded.column_name, excluded.values, excluded.complete)
  returning 1
)
select (select pg_catalog.count(*) from gone) + (select pg_catalog.count(*) from kept) from fast

-- name: forget
-- Forget the values of all tables but these; gives how many columns that were.
with gone as (
  delete from postai.value_index as i where i.table_oid <> all (%s::pg_catalog.oid[]) returning 1
)
select pg_catalog.count(*) from gone

-- name: sizes
-- Size of the values that are kept of each table.
select i.table_oid::pg_catalog.int8, pg_catalog.sum(i.bytes)::pg_catalog.int8 from postai.value_index as i group by 1

-- name: joins
-- The joins that are kept.
select j.left_schema::pg_catalog.text, j.left_table::pg_catalog.text, j.left_column::pg_catalog.text,
       j.right_schema::pg_catalog.text, j.right_table::pg_catalog.text, j.right_column::pg_catalog.text,
       j.confidence::pg_catalog.float8
  from postai.contained_join as j

-- name: unread
-- How many tables cannot be read, and their numbers by SQLSTATE.
update postai.value_index_state as s
   set unread_tables = f.tables, unread_sqlstates = f.sqlstates
  from (select %s::pg_catalog.int4 as tables, %s::pg_catalog.jsonb as sqlstates) as f
 where (s.unread_tables, s.unread_sqlstates) is distinct from (f.tables, f.sqlstates)

-- name: keep_joins
-- The joins that were found in the place of those that were known; gives how many changed.
with fresh as (
  select f.*
    from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb)
      as f (left_schema name, left_table name, left_column name, right_schema name, right_table name, right_column name, confidence real)
), gone as (
  delete from postai.contained_join as j
   where not exists (select from fresh as f
                      where (f.left_schema, f.left_table, f.left_column, f.right_schema, f.right_table, f.right_column)
                          = (j.left_schema, j.left_table, j.left_column, j.right_schema, j.right_table, j.right_column))
  returning 1
), kept as (
  insert into postai.contained_join as j
         (left_schema, left_table, left_column, right_schema, right_table, right_column, confidence)
  select f.left_schema, f.left_table, f.left_column, f.right_schema, f.right_table, f.right_column, f.confidence
    from fresh as f
  on conflict (left_schema, left_table, left_column, right_schema, right_table, right_column) do update
     set confidence = excluded.confidence, found_at = pg_catalog.clock_timestamp()
   where j.confidence <> excluded.confidence
  returning 1
)
select (select pg_catalog.count(*) from gone) + (select pg_catalog.count(*) from kept)

-- name: publish
-- A new version: whoever answers questions reads the index again.
update postai.value_index_state as s
   set version = s.version + 1, refreshed_at = pg_catalog.clock_timestamp(),
       columns = (select pg_catalog.count(*) from postai.value_index),
       bytes = (select coalesce(pg_catalog.sum(i.bytes), 0) from postai.value_index as i),
       joins = (select pg_catalog.count(*) from postai.contained_join)
