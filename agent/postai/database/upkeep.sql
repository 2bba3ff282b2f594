-- How full tables and indexes are, and whether autovacuum keeps up. For a session with search_path = pg_catalog.
-- What somebody holds exclusively is left out.

-- name: setup
-- Limits of a look around: reads only, waits for nobody (both limits are in milliseconds), takes one processor, and is
-- not compiled, which would take longer than the statements.
select pg_catalog.set_config('transaction_read_only', 'on', true),
       pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true),
       pg_catalog.set_config('jit', 'off', true),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)

-- name: held
-- Relations of this database that somebody holds exclusively: their sizes cannot be read without waiting.
select l.relation
from pg_locks l
where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.granted
  and l.database = (select d.oid from pg_database d where d.datname = current_database())

-- name: table_space
-- The biggest tables with the widths of their columns, as far as the session may see their statistics. Of the two
-- numbers of rows the bigger one, so that there is rather less bloat: n_live_tup is wrong for a while after an ANALYZE in
-- a transaction that also wrote, and after the counters were reset; reltuples is as of the last VACUUM or ANALYZE.
with held as (/* held */), biggest as materialized (
  select c.oid, c.relname, n.nspname, c.relnatts, c.reloptions,
         greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) as rows, pg_stat_get_dead_tuples(c.oid) as dead
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and not exists (select from held where held.relation = c.oid)
  order by greatest(c.relpages, (pg_stat_get_live_tuples(c.oid) + pg_stat_get_dead_tuples(c.oid)) / 200) desc, c.oid
  limit %s
)
select b.oid::int8, format('%%I.%%I', b.nspname, b.relname), pg_relation_size(b.oid::regclass),
       current_setting('block_size')::int,
       b.rows::float8, b.dead,
       coalesce((select o.option_value::int from pg_options_to_table(b.reloptions) o
                 where o.option_name = 'fillfactor'), 100),
       (select json_agg(json_build_array(a.attlen, a.attalign, coalesce(s.avg_width, nullif(a.attlen, -1)),
                                         s.null_frac, s.avg_width is not null) order by a.attnum)
        from pg_attribute a
        left join pg_stats s on s.schemaname = b.nspname and s.tablename = b.relname and s.attname = a.attname
          and not s.inherited
        where a.attrelid = b.oid and a.attnum > 0 and not a.attisdropped),
       b.relnatts::int,
       has_table_privilege(b.oid, 'select')
from biggest b
order by 3 desc, 1

-- name: index_space
-- The biggest B-trees with the widths of their keys; included columns are keys like others here.
with held as (/* held */), biggest as materialized (
  select c.oid, c.relname, n.nspname, c.reltuples, c.reloptions, i.indrelid, t.relname as table_name, i.indkey,
         i.indclass, i.indnkeyatts, i.indnatts, i.indisunique, i.indpred is not null as partial,
         greatest(t.reltuples, pg_stat_get_live_tuples(t.oid))::float8 as table_rows
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_am m on m.oid = c.relam and m.amname = 'btree'
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'i' and c.relpersistence <> 't' and i.indisvalid and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and not exists (select from held where held.relation in (c.oid, t.oid))
  order by c.relpages desc, c.oid
  limit %s
)
select b.oid::int8, format('%%I.%%I', b.nspname, b.relname), format('%%I.%%I', b.nspname, b.table_name),
       pg_relation_size(b.oid::regclass), current_setting('block_size')::int,
       (case when b.partial then b.reltuples else b.table_rows end)::float8,
       coalesce((select o.option_value::int from pg_options_to_table(b.reloptions) o
                 where o.option_name = 'fillfactor'), 90),
       coalesce((select o.option_value::bool from pg_options_to_table(b.reloptions) o
                 where o.option_name = 'deduplicate_items'), true)
         and b.indnkeyatts = b.indnatts and not b.indisunique
         and not exists (
           select from unnest(b.indclass::oid[]) as k(opclass)
           join pg_opclass o on o.oid = k.opclass
           where not exists (select from pg_amproc p where p.amprocfamily = o.opcfamily and p.amprocnum = 4
                               and p.amproclefttype = o.opcintype)),
       (select json_agg(json_build_array(a.attlen, a.attalign, coalesce(s.avg_width, nullif(a.attlen, -1)),
                                         s.null_frac, s.n_distinct) order by a.attnum)
        from pg_attribute a
        left join pg_attribute u on u.attrelid = b.indrelid and u.attnum = b.indkey[a.attnum - 1] and u.attnum > 0
        -- LIMIT keeps it a look-up of one column: joined otherwise, the whole view is read for each index.
        left join lateral (
          select x.avg_width, x.null_frac, x.n_distinct from pg_stats x
          where x.schemaname = b.nspname and x.tablename = case when u.attnum is null then b.relname else b.table_name end
            and x.attname = coalesce(u.attname, a.attname) and not x.inherited
          limit 1) s on true
        where a.attrelid = b.oid and a.attnum > 0),
       has_table_privilege(b.indrelid, 'select')
from biggest b
order by 4 desc, 1

-- name: counted_since
-- Since when the counters of tables, indexes and this database count, and how many seconds that is. Of a reset by hand
-- pg_stat_database tells; its time is NULL until there is one (from PostgreSQL 15 on). What throws all counters away, a
-- crash or recovery from a backup, gives the background writer's statistics a new time, as initdb does
-- (pgstat_reset_after_failure in PostgreSQL's pgstat.c); a clean restart keeps the counters and that time. Where somebody
-- reset the background writer's alone, the counters look younger than they are, which is the safe side.
select u.since, extract(epoch from pg_catalog.clock_timestamp() - u.since)::pg_catalog.float8
from (
  select greatest(d.stats_reset, b.stats_reset) as since
  from pg_catalog.pg_stat_bgwriter b
  left join pg_catalog.pg_stat_database d on d.datname = pg_catalog.current_database()
) u

-- name: vacuum_state
-- Tables with more dead rows than autovacuum allows, or on which it is switched off, the worst first.
with candidate as materialized (
  select c.oid, n.nspname, c.relname, c.reltuples, c.relpages, c.reloptions,
         pg_stat_get_live_tuples(c.oid) as live, pg_stat_get_dead_tuples(c.oid) as dead
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and (pg_stat_get_dead_tuples(c.oid) >= %s or 'autovacuum_enabled=false' = any (c.reloptions)
         or 'autovacuum_enabled=off' = any (c.reloptions))
), option as (
  select c.oid, o.option_name as name, o.option_value as value
  from candidate c
  cross join lateral pg_options_to_table(c.reloptions) o
), told as (
  select c.*,
         coalesce((select o.value from option o where o.oid = c.oid and o.name = 'autovacuum_vacuum_threshold'),
                  current_setting('autovacuum_vacuum_threshold'))::float8 as base,
         coalesce((select o.value from option o where o.oid = c.oid and o.name = 'autovacuum_vacuum_scale_factor'),
                  current_setting('autovacuum_vacuum_scale_factor'))::float8 as scale,
         coalesce(nullif(current_setting('autovacuum_vacuum_max_threshold', true), '')::float8, -1) as most,
         coalesce((select o.value::bool from option o where o.oid = c.oid and o.name = 'autovacuum_enabled'),
                  true) as enabled
  from candidate c
), judged as (
  select t.*, case when t.most >= 0 then least(t.most, t.base + t.scale * greatest(t.reltuples, 0))
                   else t.base + t.scale * greatest(t.reltuples, 0) end as threshold
  from told t
)
select j.oid::int8, format('%%I.%%I', j.nspname, j.relname), j.live, j.dead, j.threshold, j.scale,
       j.enabled,
       extract(epoch from clock_timestamp() - coalesce(
         greatest(pg_stat_get_last_vacuum_time(j.oid), pg_stat_get_last_autovacuum_time(j.oid)), %s))::float8,
       coalesce(pg_stat_get_last_vacuum_time(j.oid), pg_stat_get_last_autovacuum_time(j.oid)) is not null,
       j.relpages::int8 * current_setting('block_size')::int8,
       coalesce((select json_object_agg(o.name, o.value) from option o
                 where o.oid = j.oid and o.name like 'autovacuum%%'), '{}')
from judged j
where j.dead > j.threshold or (not j.enabled and (j.live > 1000 or j.dead > 1000))
order by j.dead desc, j.oid
limit %s
