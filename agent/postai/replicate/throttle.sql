-- name: may_count_cores
-- Whether this role may read files of the server's machine: a statement that names the function is refused otherwise.
select pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text,int8,int8)', 'execute')

-- name: cores
-- How many processors the server's machine has, as ranges: 0-3,6.
select pg_catalog.pg_read_file('/sys/devices/system/cpu/online', 0, 1000)

-- name: sees_sessions
-- Whether this role sees what others' sessions do.
select r.rolsuper or pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
  from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: active
-- Sessions that keep a processor or a disk busy, the move's own left out.
select count(*)
  from pg_catalog.pg_stat_activity as a
 where a.state = 'active' and a.backend_type in ('client backend', 'parallel worker')
   and (a.wait_event_type is null or a.wait_event_type in ('IO', 'LWLock', 'BufferPin'))
   and a.application_name !~ '^(postai|pg_[0-9]+_sync_)' and a.pid <> pg_catalog.pg_backend_pid()

-- name: replicas
-- The replica that is furthest behind, in seconds; subscribers are none.
select coalesce(a.application_name, ''), pg_catalog.date_part('epoch', greatest(a.replay_lag, a.flush_lag))::float8
  from pg_catalog.pg_stat_replication as a
 where a.replay_lag is not null
   and not exists (select from pg_catalog.pg_replication_slots as s where s.active_pid = a.pid and s.slot_type = 'logical')
 order by 2 desc limit 1
