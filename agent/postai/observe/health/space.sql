-- Space and vacuum. For a session with search_path = pg_catalog; columns: object, value, text, fix, level.

-- name: frozen
-- Share of the 2^31 ids that may be in use at once: databases of the server, and the worst tables here. To be filled in:
-- the column with the oldest id, the function that gives its age, the setting that bounds it, and how the ids are called.
select u.object, u.age * 100.0::float8 / 2147483647, format('%s {ids} old', to_char(u.age, 'FM999,999,999,999')), u.fix,
       case when u.age > 2 * current_setting('{setting}')::int8 then 'warning' end
from (
  select 'database ' || quote_ident(d.datname) as object, {age}(d.dat{column})::int8 as age,
         case when d.datname = current_database() then 'VACUUM (FREEZE)' else '' end as fix
  from pg_database d
  union all
  (select format('%I.%I', n.nspname, c.relname),
          greatest({age}(c.rel{column}), coalesce({age}(t.rel{column}), 0))::int8,
          format('VACUUM (FREEZE) %I.%I', n.nspname, c.relname)
   from pg_class c
   join pg_namespace n on n.oid = c.relnamespace
   left join pg_class t on t.oid = c.reltoastrelid
   where c.relkind in ('r', 'm') and c.relpersistence <> 't'
   order by 2 desc, c.oid
   limit 5)
) u
order by u.age desc, u.object like 'database %', u.object

-- name: autovacuum_workers
-- Workers that are at work, of those there may be.
select count(*)::int, current_setting('autovacuum_max_workers')::int
from pg_stat_activity a
where a.backend_type = 'autovacuum worker'

-- name: cache
-- Blocks of some kinds of relations that were found in shared buffers; parameters: their name, and the kinds.
select %s, 100.0::float8 * u.hit / u.fetched, format('%%s of %%s blocks were in shared buffers', u.hit, u.fetched), '', null
from (
  select sum(pg_stat_get_blocks_hit(c.oid)) as hit, sum(pg_stat_get_blocks_fetched(c.oid)) as fetched
  from pg_class c
  where c.relkind = any (%s)
) u
where u.fetched >= 100000

-- name: temporary_files
-- Bytes a day, once the counters have counted for an hour.
select 'this database', (d.temp_bytes / u.days)::float8,
       format('%s a day in %s files since %s', pg_size_pretty((d.temp_bytes / u.days)::numeric), d.temp_files,
              to_char(u.since, 'YYYY-MM-DD HH24:MI')), '', null
from pg_stat_database d
cross join lateral (
  select w.since, extract(epoch from clock_timestamp() - w.since) / 86400 as days
  from (
    select greatest(d.stats_reset, b.stats_reset) as since -- see counted_since of upkeep.sql
    from pg_stat_bgwriter b
  ) w
) u
where d.datname = current_database() and u.days > 1.0 / 24

-- name: pgstattuple
-- Exactly how full a table is; reads the pages that are not known to be all visible.
select p.dead_tuple_len + p.approx_free_space from /* schema */.pgstattuple_approx(%s::oid::regclass) p
