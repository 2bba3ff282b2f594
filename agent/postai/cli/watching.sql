-- What `post-ai top` and `post-ai watch` look at.

-- name: statistics
-- Where pg_stat_statements is, quoted; no row = it was not created in this database. Its times have their names since
-- extension version 1.8.
select pg_catalog.quote_ident(n.nspname)
  from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname = 'pg_stat_statements'

-- name: statements
-- Counters of the statements of this database since they were last reset; /* where */ is the extension's schema. The
-- agent's own are left out, and calls of postai, which wait for it.
select s.queryid::text, pg_catalog.quote_ident(r.rolname), pg_catalog.sum(s.calls)::bigint,
       pg_catalog.sum(s.total_exec_time), pg_catalog.sum(s.rows)::bigint,
       pg_catalog.sum(s.shared_blks_hit)::bigint, pg_catalog.sum(s.shared_blks_read)::bigint,
       pg_catalog.left(pg_catalog.min(s.query), 10000)
  from /* where */.pg_stat_statements as s
  join pg_catalog.pg_database as d on d.oid = s.dbid
  left join pg_catalog.pg_roles as r on r.oid = s.userid
 where d.datname = pg_catalog.current_database() and s.queryid is not null
   and (s.query operator(pg_catalog.~*) '\mpostai\.[a-z_]+\s*\(') is not true
   and not exists (
     select from pg_catalog.pg_auth_members as m join pg_catalog.pg_roles as a on a.oid = m.roleid
      where m.member = s.userid and a.rolname = 'postai_agent' and not r.rolsuper)
 group by s.queryid, r.rolname

-- name: load
-- Sessions of this database by what they do, and its counters.
select d.connections, a.active, a.waiting, a.idle_in_transaction, s.setting::integer as max_connections,
       d.transactions, d.blks_hit, d.blks_read, d.deadlocks, d.temp_bytes,
       extract(epoch from pg_catalog.clock_timestamp())::double precision
  from (select pg_catalog.count(*) filter (where b.state = 'active') as active,
               pg_catalog.count(*) filter (where b.state = 'active' and b.wait_event_type = 'Lock') as waiting,
               pg_catalog.count(*) filter (where b.state like 'idle in transaction%') as idle_in_transaction
          from pg_catalog.pg_stat_activity as b
         where b.datname = pg_catalog.current_database() and b.backend_type = 'client backend'
           and b.pid <> pg_catalog.pg_backend_pid()) as a,
       (select t.numbackends - 1 as connections, t.xact_commit + t.xact_rollback as transactions, t.blks_hit, t.blks_read,
               t.deadlocks, t.temp_bytes
          from pg_catalog.pg_stat_database as t where t.datname = pg_catalog.current_database()) as d,
       pg_catalog.pg_settings as s
 where s.name = 'max_connections'

-- name: waits
-- What active sessions of this database wait for; CPU = for nothing.
select coalesce(b.wait_event_type, 'CPU') as kind, coalesce(b.wait_event, '') as event, pg_catalog.count(*)
  from pg_catalog.pg_stat_activity as b
 where b.datname = pg_catalog.current_database() and b.state = 'active' and b.pid <> pg_catalog.pg_backend_pid()
   and b.backend_type in ('client backend', 'parallel worker')
 group by 1, 2 order by 3 desc, 1, 2 limit 8

-- name: blocking
-- Sessions that wait for a lock, longest first, and who is in their way.
select b.pid, b.usename::text, extract(epoch from pg_catalog.clock_timestamp() - b.query_start)::double precision,
       pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(b.pid), ', '), pg_catalog.left(b.query, 500)
  from pg_catalog.pg_stat_activity as b
 where b.datname = pg_catalog.current_database() and b.wait_event_type = 'Lock'
 order by 3 desc nulls last limit 8

-- name: has_actions
-- Whether postai is here and this role may see what it does.
select coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                and pg_catalog.has_table_privilege(pg_catalog.to_regclass('postai.actions'), 'SELECT'), false)
  from pg_catalog.pg_namespace as n where n.nspname = 'postai'

-- name: actions
-- Changes that wait or run.
select a.id, a.proposal, a.title, a.state, a.phase, a.progress
  from postai.actions as a where a.state in ('queued', 'running', 'verifying') order by a.id limit 8
