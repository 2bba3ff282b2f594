-- Who does what. For a session with search_path = pg_catalog; columns: object, value, text, fix, level. What others run
-- is not shown.

-- name: connections
-- Sessions of clients, of those that are allowed to all.
select 'sessions', u.used * 100.0::float8 / u.most, format('%s of %s', u.used, u.most), '', null
from (
  select count(*) filter (where a.backend_type = 'client backend') as used,
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0) as most
  from pg_stat_activity a
) u

-- name: idle_connections
-- Sessions that have been waiting for their client for a minute, of those that are allowed.
select 'idle sessions', u.idle * 100.0::float8 / u.most, format('%s of %s allowed', u.idle, u.most), '', null
from (
  select count(*) filter (where a.backend_type = 'client backend' and a.state = 'idle'
                            and a.state_change < clock_timestamp() - interval '1 minute') as idle,
         current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0) as most
  from pg_stat_activity a
) u

-- name: idle_in_transaction
-- Open transactions whose client does nothing.
select format('session %s of %I in %I', a.pid, coalesce(a.usename, '?'), coalesce(a.datname, '?')), u.seconds,
       format('idle for %s', date_trunc('second', u.seconds * interval '1 second')),
       format('SELECT pg_terminate_backend(%s)', a.pid), null
from pg_stat_activity a
cross join lateral (select extract(epoch from clock_timestamp() - a.state_change)::float8 as seconds) u
where a.state like 'idle in transaction%' and a.pid <> pg_backend_pid()
order by u.seconds desc
limit 20

-- name: long_transactions
-- Transactions at work, by age; vacuum removes no row that the oldest may still see.
select format('session %s of %I in %I', a.pid, coalesce(a.usename, '?'), coalesce(a.datname, '?')), u.seconds,
       format('open for %s', date_trunc('second', u.seconds * interval '1 second')),
       format('SELECT pg_cancel_backend(%s)', a.pid), null
from pg_stat_activity a
cross join lateral (select extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds) u
where a.state = 'active' and a.backend_type = 'client backend' and a.xact_start is not null
  and a.pid <> pg_backend_pid()
order by u.seconds desc
limit 20

-- name: blocked_sessions
-- Sessions that wait for a lock, and who holds it.
with waiting as materialized (
  select a.pid, a.usename, a.datname, l.relation, l.mode,
         extract(epoch from clock_timestamp() - coalesce(l.waitstart, a.state_change))::float8 as seconds
  from pg_stat_activity a
  join pg_locks l on l.pid = a.pid and not l.granted
  where a.wait_event_type = 'Lock' and a.pid <> pg_backend_pid()
  order by 6 desc
  limit 20
)
select format('session %s of %I in %I', w.pid, coalesce(w.usename, '?'), coalesce(w.datname, '?')), w.seconds,
       format('waits %s for %s', date_trunc('second', w.seconds * interval '1 second'),
              coalesce((select format('session %s of %I (%s)', b.pid, coalesce(b.usename, '?'), coalesce(b.state, b.backend_type))
                        from pg_stat_activity b
                        where b.pid = blocker.pid), 'session ' || blocker.pid, 'a lock')),
       coalesce(format('SELECT pg_terminate_backend(%s)', nullif(blocker.pid, 0)), ''), null
from waiting w
left join lateral (select p.pid from unnest(pg_blocking_pids(w.pid)) as p(pid) limit 1) blocker on true
order by w.seconds desc

-- name: prepared_transactions
-- Transactions that were prepared and neither committed nor rolled back.
select format('prepared transaction %s of %I in %I', quote_literal(p.gid), p.owner, p.database), u.seconds,
       format('prepared %s ago', date_trunc('second', u.seconds * interval '1 second')),
       case when p.database = current_database() then format('ROLLBACK PREPARED %L', p.gid) else '' end, null
from pg_prepared_xacts p
cross join lateral (select extract(epoch from clock_timestamp() - p.prepared)::float8 as seconds) u
order by u.seconds desc
limit 20
