-- Sizes.

-- name: disk_usage
-- The biggest things of every kind. A standby knows its own position only by what it has received.
select found.kind, found.name, pg_catalog.pg_size_pretty(found.bytes) as size, found.bytes
from (
  select 'database' as kind, d.datname::pg_catalog.text as name, pg_catalog.pg_database_size(d.oid) as bytes
  from pg_catalog.pg_database d
  where pg_catalog.has_database_privilege(d.oid, 'connect') and d.datallowconn
  union all
  (select 'table', c.oid::pg_catalog.regclass::pg_catalog.text, pg_catalog.pg_table_size(c.oid::pg_catalog.regclass)
   from pg_catalog.pg_class c
   where c.relkind in ('r', 'm')
   order by 3 desc nulls last limit 20)
  union all
  (select 'index', c.oid::pg_catalog.regclass::pg_catalog.text, pg_catalog.pg_relation_size(c.oid::pg_catalog.regclass)
   from pg_catalog.pg_class c
   where c.relkind = 'i'
   order by 3 desc nulls last limit 20)
  union all
  select 'write-ahead log held by replication slot', r.slot_name::pg_catalog.text,
         pg_catalog.pg_wal_lsn_diff(
           case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
                else pg_catalog.pg_current_wal_lsn() end,
           r.restart_lsn)::pg_catalog.int8
  from pg_catalog.pg_replication_slots r
) found
where found.bytes > 0
order by found.bytes desc, found.kind, found.name
limit 50

-- name: database_size
-- This one first.
select d.datname as database, pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.oid)) as size,
       pg_catalog.pg_database_size(d.oid) as bytes
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
   or (d.datallowconn and not d.datistemplate and pg_catalog.has_database_privilege(d.oid, 'connect'))
order by d.datname = pg_catalog.current_database() desc, bytes desc, d.datname

-- name: biggest_tables
-- With indexes and TOAST; a partition counts for itself.
select n.nspname as schema, c.relname as "table",
       pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(c.oid::pg_catalog.regclass)) as total_size,
       pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid::pg_catalog.regclass)) as table_size,
       pg_catalog.pg_size_pretty(pg_catalog.pg_indexes_size(c.oid::pg_catalog.regclass)) as index_size,
       nullif(c.reltuples, -1)::pg_catalog.int8 as estimated_rows,
       pg_catalog.pg_total_relation_size(c.oid::pg_catalog.regclass) as bytes
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
order by bytes desc nulls last, n.nspname, c.relname

-- name: table_size
-- One table, of a partitioned one all partitions together.
select t.name as "table",
       pg_catalog.pg_size_pretty(pg_catalog.sum(pg_catalog.pg_total_relation_size(t.relid))) as total_size,
       pg_catalog.pg_size_pretty(pg_catalog.sum(pg_catalog.pg_relation_size(t.relid))) as rows_size,
       pg_catalog.pg_size_pretty(pg_catalog.sum(
         pg_catalog.pg_table_size(t.relid) - pg_catalog.pg_relation_size(t.relid))) as stored_apart_size,
       pg_catalog.pg_size_pretty(pg_catalog.sum(pg_catalog.pg_indexes_size(t.relid))) as index_size,
       pg_catalog.sum(pg_catalog.pg_total_relation_size(t.relid)) as bytes
from (
  select c.oid::pg_catalog.regclass::pg_catalog.text as name,
         coalesce(p.relid, c.oid::pg_catalog.regclass) as relid
  from pg_catalog.pg_class c
  left join lateral pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass) as p on true
  where c.oid = :table_oid
) t
group by t.name

-- name: row_estimates
-- As the planner knows them; of a partitioned table the sum of what is below.
select n.nspname as schema, c.relname as "table",
       (case when c.relkind = 'p' then below.rows when c.reltuples >= 0 then c.reltuples end)::pg_catalog.int8
         as estimated_rows,
       greatest(t.last_vacuum, t.last_autovacuum, t.last_analyze, t.last_autoanalyze) as last_looked
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_stat_user_tables t on t.relid = c.oid
left join lateral (
  select pg_catalog.sum(leaf.reltuples) filter (where leaf.reltuples >= 0) as rows
  from pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass) as p
  join pg_catalog.pg_class leaf on leaf.oid = p.relid
  where p.isleaf
) below on c.relkind = 'p'
where c.relkind in ('r', 'p', 'm') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'postai', 'postai_cache')
  and c.oid = coalesce(:table_oid, c.oid)
order by estimated_rows desc nulls last, n.nspname, c.relname

-- name: temporary_files
-- By database.
select d.datname as database, d.temp_files as files, pg_catalog.pg_size_pretty(d.temp_bytes) as written,
       d.temp_bytes as bytes, d.stats_reset as counted_since,
       pg_catalog.current_setting('work_mem') as work_mem_here
from pg_catalog.pg_stat_database d
where d.datname is not null
order by d.temp_bytes desc, d.datname

-- name: wal_volume
-- Since the reset.
select w.wal_records as records, w.wal_fpi as full_page_images, pg_catalog.pg_size_pretty(w.wal_bytes) as written,
       pg_catalog.pg_size_pretty((w.wal_bytes
         / nullif(extract(epoch from pg_catalog.now() - w.stats_reset) / 86400, 0))::pg_catalog.numeric) as per_day,
       w.stats_reset as counted_since
from pg_catalog.pg_stat_wal w
