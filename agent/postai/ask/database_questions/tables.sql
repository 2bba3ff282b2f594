-- Tables: shape, vacuum, statistics. Those of postai itself are left out where advice is given.

-- name: vacuum_health
-- Dead rows against autovacuum's threshold; the table's own settings go before the server's.
select t.schemaname as schema, t.relname as "table", t.n_live_tup as live_rows, t.n_dead_tup as dead_rows,
       own.threshold as vacuum_at_dead_rows,
       case when not own.enabled then 'autovacuum is off'
            when t.n_dead_tup > own.threshold then 'late'
            else 'in time' end as state,
       greatest(t.last_vacuum, t.last_autovacuum) as last_vacuumed, t.autovacuum_count as autovacuums
from pg_catalog.pg_stat_user_tables t
join pg_catalog.pg_class c on c.oid = t.relid
cross join lateral (
  select (coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_threshold'),
                   pg_catalog.current_setting('autovacuum_vacuum_threshold'))::pg_catalog.float8
          + coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_scale_factor'),
                     pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::pg_catalog.float8
            * greatest(c.reltuples, 0))::pg_catalog.int8 as threshold,
         coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_enabled'),
                  'on')::pg_catalog.bool
         and pg_catalog.current_setting('autovacuum')::pg_catalog.bool as enabled
  from pg_catalog.pg_options_to_table(c.reloptions) as o
) own
where t.schemaname not in ('postai', 'postai_cache') and t.relid = coalesce(:table_oid, t.relid)
order by t.n_dead_tup::pg_catalog.float8 / (own.threshold + 1) desc, t.schemaname, t.relname

-- name: vacuum_health_v18
-- As above; from 18 on the threshold has an upper limit.
select t.schemaname as schema, t.relname as "table", t.n_live_tup as live_rows, t.n_dead_tup as dead_rows,
       own.threshold as vacuum_at_dead_rows,
       case when not own.enabled then 'autovacuum is off'
            when t.n_dead_tup > own.threshold then 'late'
            else 'in time' end as state,
       greatest(t.last_vacuum, t.last_autovacuum) as last_vacuumed, t.autovacuum_count as autovacuums
from pg_catalog.pg_stat_user_tables t
join pg_catalog.pg_class c on c.oid = t.relid
cross join lateral (
  select least(
           coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_threshold'),
                    pg_catalog.current_setting('autovacuum_vacuum_threshold'))::pg_catalog.float8
           + coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_scale_factor'),
                      pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::pg_catalog.float8
             * greatest(c.reltuples, 0),
           nullif(coalesce(
             pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_max_threshold'),
             pg_catalog.current_setting('autovacuum_vacuum_max_threshold'))::pg_catalog.float8, -1)
         )::pg_catalog.int8 as threshold,
         coalesce(pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_enabled'),
                  'on')::pg_catalog.bool
         and pg_catalog.current_setting('autovacuum')::pg_catalog.bool as enabled
  from pg_catalog.pg_options_to_table(c.reloptions) as o
) own
where t.schemaname not in ('postai', 'postai_cache') and t.relid = coalesce(:table_oid, t.relid)
order by t.n_dead_tup::pg_catalog.float8 / (own.threshold + 1) desc, t.schemaname, t.relname

-- name: dead_rows
-- The most first.
select t.schemaname as schema, t.relname as "table", t.n_dead_tup as dead_rows, t.n_live_tup as live_rows,
       pg_catalog.round(100.0 * t.n_dead_tup / nullif(t.n_dead_tup + t.n_live_tup, 0), 1) as percent_dead,
       pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(t.relid::pg_catalog.regclass)) as size,
       greatest(t.last_vacuum, t.last_autovacuum) as last_vacuumed
from pg_catalog.pg_stat_user_tables t
where t.schemaname not in ('postai', 'postai_cache') and t.relid = coalesce(:table_oid, t.relid)
order by t.n_dead_tup desc, t.schemaname, t.relname

-- name: vacuum_progress
-- Vacuums at work in this database.
select p.relid::pg_catalog.regclass as "table", p.pid, a.backend_type as who, p.phase,
       pg_catalog.round(100.0 * p.heap_blks_scanned / nullif(p.heap_blks_total, 0), 1) as percent_scanned,
       p.index_vacuum_count as index_rounds,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.query_start) as running_for
from pg_catalog.pg_stat_progress_vacuum p
left join pg_catalog.pg_stat_activity a on a.pid = p.pid
where p.datname = pg_catalog.current_database()
order by a.query_start, p.pid

-- name: last_vacuum
-- The longest ago first.
select t.schemaname as schema, t.relname as "table", t.last_vacuum, t.last_autovacuum, t.last_analyze, t.last_autoanalyze,
       t.n_mod_since_analyze as changed_rows_since_analyze
from pg_catalog.pg_stat_user_tables t
where t.schemaname not in ('postai', 'postai_cache') and t.relid = coalesce(:table_oid, t.relid)
order by greatest(t.last_vacuum, t.last_autovacuum) nulls first, t.schemaname, t.relname

-- name: never_analyzed
-- By rows.
select t.schemaname as schema, t.relname as "table", t.n_live_tup as live_rows,
       t.n_mod_since_analyze as changed_rows_since_analyze
from pg_catalog.pg_stat_user_tables t
where t.last_analyze is null and t.last_autoanalyze is null and t.schemaname not in ('postai', 'postai_cache')
order by t.n_live_tup desc, t.schemaname, t.relname

-- name: wraparound
-- The limits are 2^31 ids, less three million that are kept back.
select found.kind, found.name, found.xid_age,
       pg_catalog.round(100.0 * found.xid_age
         / pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8, 1) as percent_of_forced_freeze,
       pg_catalog.round(100.0 * found.xid_age / 2144483647, 1) as percent_of_limit,
       found.multixact_age
from (
  select 'database' as kind, d.datname::pg_catalog.text as name, pg_catalog.age(d.datfrozenxid) as xid_age,
         pg_catalog.mxid_age(d.datminmxid) as multixact_age
  from pg_catalog.pg_database d
  union all
  (select 'table', c.oid::pg_catalog.regclass::pg_catalog.text, pg_catalog.age(c.relfrozenxid),
          pg_catalog.mxid_age(c.relminmxid)
   from pg_catalog.pg_class c
   where c.relkind in ('r', 'm', 't')
   order by 3 desc, 2 limit 20)
) found
order by found.xid_age desc, found.kind, found.name

-- name: no_primary_key
-- Tables that are no partitions.
select n.nspname as schema, c.relname as "table", nullif(c.reltuples, -1)::pg_catalog.int8 as estimated_rows,
       exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid
               and i.indpred is null) as has_unique_index
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'postai', 'postai_cache')
  and not exists (select from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype = 'p')
order by n.nspname, c.relname

-- name: invalid_constraints
-- Constraints added NOT VALID.
select c.conrelid::pg_catalog.regclass as "table", c.conname as "constraint", 'not validated' as state,
       pg_catalog.pg_get_constraintdef(c.oid) as definition
from pg_catalog.pg_constraint c
where not c.convalidated and c.conrelid <> 0 and c.conrelid = coalesce(:table_oid, c.conrelid)
order by 1, 2

-- name: invalid_constraints_v18
-- Constraints added NOT VALID or NOT ENFORCED.
select c.conrelid::pg_catalog.regclass as "table", c.conname as "constraint",
       case when c.conenforced then 'not validated' else 'not enforced' end as state,
       pg_catalog.pg_get_constraintdef(c.oid) as definition
from pg_catalog.pg_constraint c
where (not c.convalidated or not c.conenforced) and c.conrelid <> 0
  and c.conrelid = coalesce(:table_oid, c.conrelid)
order by 1, 2

-- name: sequences
-- Used part of the numbers, up to the limit of the column's type.
select s.schemaname as schema, s.sequencename as sequence, owner.column_name as fills, s.last_value,
       limits.most as limit_value,
       pg_catalog.round(100.0 * (s.last_value - s.start_value)
         / nullif((limits.most - s.start_value)::pg_catalog.numeric, 0), 2) as percent_used,
       s.cycle as starts_again
from pg_catalog.pg_sequences s
join pg_catalog.pg_namespace n on n.nspname = s.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = s.sequencename and c.relkind = 'S'
left join lateral (
  select a.attrelid::pg_catalog.regclass::pg_catalog.text || '.' || a.attname::pg_catalog.text as column_name,
         pg_catalog.format_type(a.atttypid, null) as type
  from pg_catalog.pg_depend d
  join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('a', 'i')
    and d.refobjsubid > 0
  limit 1
) owner on true
cross join lateral (
  select case when s.increment_by > 0 then least(s.max_value, case owner.type when 'smallint' then 32767
                when 'integer' then 2147483647 else s.max_value end)
              else greatest(s.min_value, case owner.type when 'smallint' then -32768
                when 'integer' then -2147483648 else s.min_value end) end as most
) limits
where s.last_value is not null and s.schemaname not in ('postai', 'postai_cache')
order by percent_used desc nulls last, s.schemaname, s.sequencename

-- name: table_writes
-- By rows written.
select t.schemaname as schema, t.relname as "table", t.n_tup_ins as inserted, t.n_tup_upd as updated,
       t.n_tup_del as deleted, pg_catalog.round(100.0 * t.n_tup_hot_upd / nullif(t.n_tup_upd, 0), 1) as percent_hot_updates,
       t.n_tup_ins + t.n_tup_upd + t.n_tup_del as written
from pg_catalog.pg_stat_user_tables t
where t.schemaname not in ('postai', 'postai_cache')
order by written desc, t.schemaname, t.relname

-- name: tables
-- Outside the system schemas.
select n.nspname as schema, c.relname as name,
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                      when 'm' then 'materialized view' else 'foreign table' end as kind,
       nullif(c.reltuples, -1)::pg_catalog.int8 as estimated_rows,
       pg_catalog.obj_description(c.oid, 'pg_class') as comment
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'postai', 'postai_cache')
order by n.nspname, c.relname

-- name: columns
-- In their order.
select a.attname as "column", pg_catalog.format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as may_be_null,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) as "default", pg_catalog.col_description(a.attrelid, a.attnum) as comment
from pg_catalog.pg_attribute a
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = :table_oid and a.attnum > 0 and not a.attisdropped
order by a.attnum
