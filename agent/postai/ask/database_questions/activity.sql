-- What goes on now, and statements as pg_stat_statements counts them.

-- name: blocking
-- Waiting sessions with those that stand before them. The lock table shows everybody's; the statements show to few. Who
-- waits for a row waits for the transaction that has it, and holds the row's place in the queue.
select l.pid as waiting_pid, w.usename as waiting_user, w.query as waiting_query,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - l.waitstart) as waiting_for,
       l.mode as lock_wanted,
       (select coalesce(l.relation, pg_catalog.min(t.relation))::pg_catalog.regclass
          from pg_catalog.pg_locks t
          join pg_catalog.pg_database d on d.oid = t.database and d.datname = pg_catalog.current_database()
         where t.pid = l.pid and t.relation is not null and (t.locktype = 'tuple' or t.relation = l.relation)) as relation,
       b.pid as blocking_pid, b.usename as blocking_user, b.state as blocking_state, b.query as blocking_query,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - b.xact_start) as blocking_transaction_age
from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity w on w.pid = l.pid
cross join lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(l.pid)) as ahead(pid)
left join pg_catalog.pg_stat_activity b on b.pid = ahead.pid
where not l.granted
order by l.waitstart, l.pid, ahead.pid

-- name: long_transactions
-- Open and prepared transactions, the oldest first.
select t.pid, t.database, t."user", t.application, t.state, t.started,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - t.started) as open_for, t.query
from (
  select a.pid, a.datname as database, a.usename as "user", a.application_name as application, a.state,
         a.xact_start as started, a.query
  from pg_catalog.pg_stat_activity a
  where a.xact_start is not null and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type = 'client backend'
  union all
  select null, p.database, p.owner, null, 'prepared', p.prepared, p.gid
  from pg_catalog.pg_prepared_xacts p
) t
order by t.started, t.pid

-- name: running_now
-- Active statements, the longest first.
select a.pid, a.datname as database, a.usename as "user", a.application_name as application,
       pg_catalog.date_trunc('milliseconds', pg_catalog.clock_timestamp() - a.query_start) as running_for,
       a.wait_event_type as waits_for_kind, a.wait_event as waits_for, a.query
from pg_catalog.pg_stat_activity a
where a.state = 'active' and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type = 'client backend'
order by a.query_start, a.pid

-- name: connections
-- Connections of the whole server in one row. What a session does, and whether it is a client's, shows to few; of the
-- others it is known that they have a database.
select pg_catalog.count(*) as connections,
       pg_catalog.count(*) filter (where a.state = 'active') as active,
       pg_catalog.count(*) filter (where a.state = 'idle') as idle,
       pg_catalog.count(*) filter (where a.state like 'idle in transaction%') as idle_in_transaction,
       pg_catalog.count(*) filter (where a.backend_type is null) as state_not_shown,
       pg_catalog.current_setting('max_connections')::pg_catalog.int4 as max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4 as reserved_for_superusers
from pg_catalog.pg_stat_activity a
where coalesce(a.backend_type, 'client backend') = 'client backend' and a.datid is not null

-- name: connected
-- Client sessions by who and from where; of those that do not show what they are, whoever has a database.
select a.usename as "user", a.datname as database, a.application_name as application, a.client_addr as address,
       pg_catalog.count(*) as connections, pg_catalog.min(a.backend_start) as connected_since
from pg_catalog.pg_stat_activity a
where coalesce(a.backend_type, 'client backend') = 'client backend' and a.datid is not null
group by a.usename, a.datname, a.application_name, a.client_addr
order by connections desc, "user", database, application

-- name: locks
-- Locks on relations of this database.
select l.relation::pg_catalog.regclass as relation, l.mode, l.granted, l.pid, a.usename as "user", a.state,
       pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.xact_start) as transaction_age, a.query
from pg_catalog.pg_locks l
join pg_catalog.pg_database d on d.oid = l.database and d.datname = pg_catalog.current_database()
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.pid <> pg_catalog.pg_backend_pid()
  and l.relation = coalesce(:table_oid, l.relation)
order by l.granted, a.xact_start, l.pid, l.relation, l.mode

-- name: slowest_statements
-- By mean time.
select s.query, s.calls, pg_catalog.round(s.mean_exec_time::pg_catalog.numeric, 2) as mean_ms,
       pg_catalog.round(s.max_exec_time::pg_catalog.numeric, 2) as slowest_ms,
       pg_catalog.round(s.total_exec_time::pg_catalog.numeric, 2) as total_ms, s.rows
from :statements s
join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = pg_catalog.current_database()
order by s.mean_exec_time desc, s.queryid
limit 20

-- name: heaviest_statements
-- By total time.
select s.query, s.calls, pg_catalog.round(s.total_exec_time::pg_catalog.numeric, 2) as total_ms,
       pg_catalog.round((100 * s.total_exec_time
         / nullif(pg_catalog.sum(s.total_exec_time) over (), 0))::pg_catalog.numeric, 1) as percent_of_all,
       pg_catalog.round(s.mean_exec_time::pg_catalog.numeric, 2) as mean_ms, s.rows
from :statements s
join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = pg_catalog.current_database()
order by s.total_exec_time desc, s.queryid
limit 20

-- name: frequent_statements
-- By number of calls.
select s.query, s.calls, pg_catalog.round(s.mean_exec_time::pg_catalog.numeric, 2) as mean_ms,
       pg_catalog.round(s.total_exec_time::pg_catalog.numeric, 2) as total_ms, s.rows
from :statements s
join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = pg_catalog.current_database()
order by s.calls desc, s.queryid
limit 20

-- name: slow_table
-- Statements whose text holds the table's name.
select s.query, s.calls, pg_catalog.round(s.mean_exec_time::pg_catalog.numeric, 2) as mean_ms,
       pg_catalog.round(s.total_exec_time::pg_catalog.numeric, 2) as total_ms, s.rows,
       s.shared_blks_read as blocks_read, s.temp_blks_written as temp_blocks_written
from :statements s
join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = pg_catalog.current_database()
where pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower(:table_name)) > 0
order by s.total_exec_time desc, s.queryid
limit 20

-- name: slow_part
-- Statements whose text holds a word, then the others.
select pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower(:word)) > 0 as holds_the_word,
       s.query, s.calls, pg_catalog.round(s.mean_exec_time::pg_catalog.numeric, 2) as mean_ms,
       pg_catalog.round(s.total_exec_time::pg_catalog.numeric, 2) as total_ms, s.rows
from :statements s
join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = pg_catalog.current_database()
order by 1 desc nulls last, s.total_exec_time desc, s.queryid
limit 20

-- name: table_reads
-- One table's counters.
select t.schemaname as schema, t.relname as "table", t.n_live_tup as live_rows, t.n_dead_tup as dead_rows,
       t.seq_scan as sequential_scans, t.seq_tup_read as rows_read_sequentially, t.idx_scan as index_scans,
       t.idx_tup_fetch as rows_fetched_by_index, t.n_tup_ins as inserted, t.n_tup_upd as updated,
       t.n_tup_del as deleted,
       pg_catalog.round(100.0 * io.heap_blks_hit / nullif(io.heap_blks_hit + io.heap_blks_read, 0), 1)
         as percent_from_memory,
       greatest(t.last_vacuum, t.last_autovacuum) as last_vacuumed,
       greatest(t.last_analyze, t.last_autoanalyze) as last_analyzed
from pg_catalog.pg_stat_user_tables t
join pg_catalog.pg_statio_user_tables io on io.relid = t.relid
where t.relid = :table_oid
