-- The server.

-- name: version
-- Version and start.
select pg_catalog.current_setting('server_version') as version, pg_catalog.version() as full_version,
       pg_catalog.pg_postmaster_start_time() as running_since

-- name: uptime
-- Start of the server.
select pg_catalog.pg_postmaster_start_time() as running_since,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time()) as uptime,
       pg_catalog.pg_conf_load_time() as configuration_read, pg_catalog.pg_is_in_recovery() as is_standby

-- name: cache_hit_ratio
-- This database, its tables, its indexes.
select found.what, pg_catalog.round(100.0 * found.hit / nullif(found.hit + found.read, 0), 2) as percent_from_memory,
       found.hit as blocks_from_memory, found.read as blocks_read, found.since as counted_since,
       pg_catalog.current_setting('shared_buffers') as shared_buffers
from (
  select 'database' as what, d.blks_hit as hit, d.blks_read as read, d.stats_reset as since
  from pg_catalog.pg_stat_database d
  where d.datname = pg_catalog.current_database()
  union all
  select 'tables', pg_catalog.sum(t.heap_blks_hit)::pg_catalog.int8, pg_catalog.sum(t.heap_blks_read)::pg_catalog.int8, null
  from pg_catalog.pg_statio_user_tables t
  union all
  select 'indexes', pg_catalog.sum(t.idx_blks_hit)::pg_catalog.int8, pg_catalog.sum(t.idx_blks_read)::pg_catalog.int8, null
  from pg_catalog.pg_statio_user_tables t
) found

-- name: database_activity
-- By database.
select d.datname as database, d.xact_commit as commits, d.xact_rollback as rollbacks,
       pg_catalog.round(100.0 * d.xact_rollback / nullif(d.xact_commit + d.xact_rollback, 0), 2) as percent_rolled_back,
       d.deadlocks, d.conflicts, d.stats_reset as counted_since
from pg_catalog.pg_stat_database d
where d.datname is not null
order by d.datname = pg_catalog.current_database() desc, d.datname

-- name: checkpoints
-- Before 17 the background writer's view has them.
select b.checkpoints_timed as by_time, b.checkpoints_req as requested,
       pg_catalog.round((b.checkpoint_write_time / 1000)::pg_catalog.numeric, 1) as write_seconds,
       pg_catalog.round((b.checkpoint_sync_time / 1000)::pg_catalog.numeric, 1) as sync_seconds,
       b.buffers_checkpoint as blocks_written, pg_catalog.current_setting('checkpoint_timeout') as checkpoint_timeout,
       pg_catalog.current_setting('max_wal_size') as max_wal_size, b.stats_reset as counted_since
from pg_catalog.pg_stat_bgwriter b

-- name: checkpoints_v17
-- From 17 on they have their own view.
select c.num_timed as by_time, c.num_requested as requested,
       pg_catalog.round((c.write_time / 1000)::pg_catalog.numeric, 1) as write_seconds,
       pg_catalog.round((c.sync_time / 1000)::pg_catalog.numeric, 1) as sync_seconds,
       c.buffers_written as blocks_written, pg_catalog.current_setting('checkpoint_timeout') as checkpoint_timeout,
       pg_catalog.current_setting('max_wal_size') as max_wal_size, c.stats_reset as counted_since
from pg_catalog.pg_stat_checkpointer c

-- name: io
-- From 16 on.
select i.backend_type as process, i.object, i.context as purpose, i.reads, i.read_time as read_ms, i.writes,
       i.write_time as write_ms, i.extends, i.hits, i.stats_reset as counted_since
from pg_catalog.pg_stat_io i
where coalesce(i.reads, 0) + coalesce(i.writes, 0) + coalesce(i.extends, 0) > 0
order by coalesce(i.reads, 0) + coalesce(i.writes, 0) + coalesce(i.extends, 0) desc, process, i.object, purpose

-- name: changed_settings
-- Values that may hold secrets are not shown.
select s.name,
       case when s.name like '%.%' or s.name like '%conninfo%' or s.name like '%\_command' or s.name like '%passphrase%'
            then '(not shown)' else s.setting end as value,
       s.unit, case when s.name like '%.%' then null else s.boot_val end as default_value, s.source,
       s.pending_restart as needs_restart, s.short_desc as meaning
from pg_catalog.pg_settings s
where (s.source not in ('default', 'override') and s.setting is distinct from s.boot_val) or s.pending_restart
order by s.name

-- name: setting
-- One of them.
select s.name,
       case when s.name like '%.%' or s.name like '%conninfo%' or s.name like '%\_command' or s.name like '%passphrase%'
            then '(not shown)' else s.setting end as value,
       s.unit, s.boot_val as default_value, s.min_val as least, s.max_val as most, s.source, s.context as changed_by,
       s.pending_restart as needs_restart, s.short_desc as meaning
from pg_catalog.pg_settings s
where s.name = :setting

-- name: extensions
-- Of this database.
select e.extname as extension, e.extversion as version, n.nspname as schema,
       pg_catalog.obj_description(e.oid, 'pg_extension') as comment
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
order by e.extname

-- name: roles
-- Without PostgreSQL's own.
select r.rolname as role, r.rolsuper as superuser, r.rolcanlogin as can_log_in, r.rolcreatedb as creates_databases,
       r.rolcreaterole as creates_roles, r.rolreplication as replicates, r.rolbypassrls as bypasses_row_security,
       r.rolconnlimit as connection_limit, r.rolvaliduntil as valid_until
from pg_catalog.pg_roles r
where r.rolname !~ '^pg_'
order by r.rolsuper desc, r.rolname

-- name: replication_lag
-- Replicas of this server, and this server itself when it is one: with all of it replayed, an old last transaction
-- means that the primary is idle.
select r.application_name as replica, r.client_addr as address, r.state, r.sync_state,
       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
         case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
              else pg_catalog.pg_current_wal_lsn() end, r.replay_lsn)) as not_replayed,
       r.write_lag, r.flush_lag, r.replay_lag
from pg_catalog.pg_stat_replication r
union all
select 'this server', null, 'standby', null,
       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
         pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())),
       null, null,
       case when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then interval '0'
            else pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp() end
where pg_catalog.pg_is_in_recovery()
order by replica

-- name: replication_slots
-- With the log that they hold back.
select s.slot_name as slot, s.slot_type as kind, s.database, s.active, s.wal_status,
       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
         case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
              else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn)) as held_back
from pg_catalog.pg_replication_slots s
order by s.active, s.slot_name

-- name: archiving
-- Counters of the archiver.
select pg_catalog.current_setting('archive_mode') as archive_mode, a.archived_count as archived,
       a.last_archived_time as last_archived, a.failed_count as failed, a.last_failed_time as last_failed,
       coalesce(a.last_failed_time > a.last_archived_time, a.failed_count > 0) as stuck, a.stats_reset as counted_since
from pg_catalog.pg_stat_archiver a
