-- The server. For a session with search_path = pg_catalog; columns: object, value, text, fix, level.

-- name: facts
-- What every check may need to know.
select pg_is_in_recovery(),
       coalesce((select pg_has_role(current_user, r.oid, 'usage') from pg_roles r where r.rolname = 'pg_read_all_stats'),
                false),
       quote_ident(current_user),
       coalesce((select quote_ident(n.nspname)
                 from pg_extension e
                 join pg_namespace n on n.oid = e.extnamespace
                 join pg_proc p on p.pronamespace = n.oid and p.proname = 'pgstattuple_approx'
                 where e.extname = 'pgstattuple' and has_schema_privilege(n.oid, 'usage')
                   and has_function_privilege(p.oid, 'execute')
                 limit 1), '')

-- name: has_history
-- Whether this role may read what postai collected of the server (in a table: a view would run who knows what), and now.
select coalesce((select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
                 from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname = 'postai' and c.relname = 'sample_server' and c.relkind = 'r' and not c.relrowsecurity),
                false), clock_timestamp()

-- name: replication_lag
-- A primary tells of each of its standbys, a standby of itself.
select format('standby %s', coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text)),
       coalesce(extract(epoch from r.replay_lag), 0)::float8,
       format('%s, %s behind', r.state, pg_size_pretty(u.bytes)), '',
       case when r.state = 'backup' then null when u.bytes > 4294967296 then 'critical'
            when u.bytes > 268435456 then 'warning' end
from pg_stat_replication r
cross join lateral (
  select pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                         r.replay_lsn) as bytes
) u
union all
select 'this standby', extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       'what it received is not replayed yet',
       case when pg_is_wal_replay_paused() then 'SELECT pg_wal_replay_resume()' else '' end,
       case when pg_is_wal_replay_paused() then 'warning' end
where pg_is_in_recovery() and pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
order by 2 desc

-- name: replication_slots
-- What slots hold back.
select format('slot %s', quote_literal(s.slot_name)), u.bytes::float8,
       format('%s%s, holds %s of WAL%s', case when s.active then 'in use' else 'not in use' end,
              coalesce(', ' || s.wal_status, ''), pg_size_pretty(u.bytes),
              case when s.xmin is null then '' else format(' and rows of %s transactions', age(s.xmin)) end),
       case when s.active then '' else format('SELECT pg_drop_replication_slot(%L)', s.slot_name) end,
       case when s.wal_status in ('unreserved', 'lost') then 'critical'
            when not s.active and u.bytes > 10 * u.wal then 'critical'
            when not s.active or u.bytes > 4 * u.wal then 'warning' end
from pg_replication_slots s
cross join lateral (
  select coalesce(pg_wal_lsn_diff(
           case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
           s.restart_lsn), 0) as bytes,
         pg_size_bytes(current_setting('max_wal_size')) as wal
) u
where not s.temporary
order by 2 desc, 1

-- name: checkpoints
-- Those that came because much was written, of all.
select 'requested checkpoints', b.checkpoints_req * 100.0::float8 / (b.checkpoints_req + b.checkpoints_timed),
       format('%s of %s since %s', b.checkpoints_req, b.checkpoints_req + b.checkpoints_timed,
              to_char(b.stats_reset, 'YYYY-MM-DD HH24:MI')),
       format('ALTER SYSTEM SET max_wal_size = %L',
              2 * pg_size_bytes(current_setting('max_wal_size')) / 1048576 || 'MB'), null
from pg_stat_bgwriter b
where b.checkpoints_req + b.checkpoints_timed >= 20

-- name: checkpoints_v17
-- The same from the view that has them since.
select 'requested checkpoints', c.num_requested * 100.0::float8 / (c.num_requested + c.num_timed),
       format('%s of %s since %s', c.num_requested, c.num_requested + c.num_timed,
              to_char(c.stats_reset, 'YYYY-MM-DD HH24:MI')),
       format('ALTER SYSTEM SET max_wal_size = %L',
              2 * pg_size_bytes(current_setting('max_wal_size')) / 1048576 || 'MB'), null
from pg_stat_checkpointer c
where c.num_requested + c.num_timed >= 20

-- name: wal_archiving
-- Whether the last attempt to archive WAL failed.
select 'archiving', u.seconds,
       format('%s failures, none succeeded since %s', a.failed_count,
              coalesce(to_char(a.last_archived_time, 'YYYY-MM-DD HH24:MI'), 'the statistics were reset')), '', 'warning'
from pg_stat_archiver a
cross join lateral (
  select extract(epoch from a.last_failed_time - coalesce(a.last_archived_time, a.stats_reset))::float8 as seconds
) u
where current_setting('archive_mode') <> 'off'
  and a.last_failed_time > coalesce(a.last_archived_time, '-infinity'::timestamptz)

-- name: checksum_failures
-- Damaged blocks that were noticed; without checksums none is.
select 'database ' || quote_ident(d.datname), d.checksum_failures::float8,
       format('%s damaged blocks, the last noticed %s', d.checksum_failures,
              to_char(d.checksum_last_failure, 'YYYY-MM-DD HH24:MI')), '', null
from pg_stat_database d
where d.checksum_failures > 0 and d.datname is not null
union all
select '', 0, 'none noticed; data checksums are off', '', null
where current_setting('data_checksums') = 'off'

-- name: pg_stat_statements
-- Whether statements are counted here.
select 'pg_stat_statements', 0::float8,
       case when u.loaded is false then 'is not loaded by the server' else 'is not in this database' end,
       concat_ws(E';\n',
         case when u.loaded is false
              then format('ALTER SYSTEM SET shared_preload_libraries = %s',
                          (select string_agg(quote_literal(btrim(l.name, ' "')), ', ' order by l.place)
                           from regexp_split_to_table(
                                  concat_ws(',', nullif(current_setting('shared_preload_libraries', true), ''),
                                            'pg_stat_statements'), ',') with ordinality as l(name, place))) end,
         case when not u.here then 'CREATE EXTENSION pg_stat_statements' end),
       'warning'
from (
  select exists (select from pg_extension e where e.extname = 'pg_stat_statements') as here,
         case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
              then current_setting('shared_preload_libraries') ~ '\mpg_stat_statements\M' end as loaded
) u
where not u.here or u.loaded is false

-- name: dangerous_settings
-- Settings that may cost data, or switch off what keeps a server in order.
select 'setting ' || s.name, 0::float8, format('is %s: %s', s.setting, w.what),
       format(E'ALTER SYSTEM SET %s = %L;\nSELECT pg_reload_conf()', s.name, w.wanted), w.level
from (values
  ('fsync', 'on', 'critical', 'a crash of the machine may destroy the whole server'),
  ('full_page_writes', 'on', 'critical', 'a crash of the machine may leave half-written blocks'),
  ('autovacuum', 'on', 'critical', 'tables grow, and transaction ids run out'),
  ('track_counts', 'on', 'critical', 'autovacuum does not know what to do, and these checks see little'),
  ('zero_damaged_pages', 'off', 'critical', 'damaged blocks are emptied without an error'),
  ('ignore_checksum_failure', 'off', 'critical', 'damaged blocks are read as if they were whole'),
  ('track_activities', 'on', 'warning', 'nobody sees what sessions do')
) as w(name, wanted, level, what)
join pg_settings s on s.name = w.name and s.setting <> w.wanted
order by w.level, s.name

-- name: shared_buffers
-- The default of 128 MB is made for servers that are tried out.
select 'shared_buffers', u.buffers::float8,
       format('%s for a database of %s', pg_size_pretty(u.buffers), pg_size_pretty(u.size)), '',
       case when u.buffers <= 134217728 and u.size > 4 * u.buffers then 'warning' end
from (
  select pg_size_bytes(current_setting('shared_buffers')) as buffers,
         (select sum(c.relpages)::int8 * current_setting('block_size')::int8
          from pg_class c where c.relkind in ('r', 'm', 't', 'i')) as size
) u
