-- name: agent
-- State of the sidecar.
select a.version, a.transport, a.reachable, a.leader, a.last_poll, a.model, a.engine, a.budget_left::double precision,
       (select pg_catalog.max(c.until) from postai.collect_state as c where c.part in ('statements', 'database')),
       (select pg_catalog.string_agg(c.part || ': ' || coalesce(c.missing || '. ' || coalesce(c.hint, ''), c.error), E'\n' order by c.part)
          from postai.collect_state as c where coalesce(c.missing, c.error) is not null)
  from postai.agent() as a

-- name: server
-- The server and this database; what a login without rights in postai may see, too.
select pg_catalog.current_setting('server_version'), pg_catalog.pg_postmaster_start_time(),
       pg_catalog.current_database()::text, current_user::text,
       coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'local') || ':' || pg_catalog.current_setting('port'),
       coalesce((select s.version from pg_catalog.pg_stat_ssl as s where s.ssl and s.pid = pg_catalog.pg_backend_pid()), ''),
       pg_catalog.pg_is_in_recovery(),
       (select pg_catalog.sum(d.numbackends) from pg_catalog.pg_stat_database as d where d.datid <> 0)::integer,
       (select pg_catalog.sum(d.numbackends) from pg_catalog.pg_stat_database as d where d.datname = pg_catalog.current_database())::integer,
       pg_catalog.current_setting('max_connections')::integer

-- name: sessions
-- Sessions of this database by what they do; for roles that may not see them, only their own ones.
select coalesce(a.state, 'not visible to you'), pg_catalog.count(*)::integer
  from pg_catalog.pg_stat_activity as a
 where a.datname = pg_catalog.current_database() and a.backend_type = 'client backend'
 group by 1 order by 2 desc, 1

-- name: health
-- Health checks, the worst first.
select h.name, h.title, h.status, h.value, h.why, h.fix, h.docs, h.since, h.checked_at from postai.health as h

-- name: now
-- The interval that was collected last, unless so long ago that it says nothing of now.
select x.at, x.seconds::double precision, x.active_ms / 1000 / x.seconds,
       (coalesce(x.xact_commit, 0) + coalesce(x.xact_rollback, 0)) / x.seconds::double precision
  from postai.load_history as x
 where x.here and x.at > pg_catalog.now() - interval '3 hours'
   and x.at > pg_catalog.now() - greatest(interval '5 minutes', pg_catalog.make_interval(secs => 3 * x.seconds))
 order by x.at desc limit 1

-- name: load
-- This database in steps of so many seconds: sessions at work, transactions a second, share of blocks that were in
-- shared buffers.
select extract(epoch from b.at)::double precision, b.active_ms / 1000 / b.seconds, b.transactions / b.seconds,
       b.hit / nullif(b.hit + b.read, 0), b.hit + b.read, b.temp_bytes / b.seconds, b.longest
  from (select pg_catalog.date_bin(pg_catalog.make_interval(secs => %s), x.at - pg_catalog.make_interval(secs => 0.001), '2000-01-01') as at,
               pg_catalog.sum(x.seconds)::double precision as seconds, pg_catalog.max(x.seconds)::double precision as longest, pg_catalog.sum(coalesce(x.active_ms, 0)) as active_ms,
               pg_catalog.sum(coalesce(x.xact_commit, 0) + coalesce(x.xact_rollback, 0))::double precision as transactions,
               pg_catalog.sum(coalesce(x.blks_hit, 0))::double precision as hit,
               pg_catalog.sum(coalesce(x.blks_read, 0))::double precision as read,
               pg_catalog.sum(coalesce(x.temp_bytes, 0))::double precision as temp_bytes
          from postai.load_history as x
         where x.here and x.at > pg_catalog.now() - pg_catalog.make_interval(secs => %s)
         group by 1) as b
 order by b.at

-- name: statements
-- The statements of the last hour that took most time, and their share of all that clients sent.
with done as materialized (
  select x.queryid, pg_catalog.sum(x.calls)::bigint as calls, pg_catalog.sum(x.total_ms) as total_ms,
         coalesce(pg_catalog.sum(x.total_ms) filter (where not x.toplevel), 0) as inner_ms, pg_catalog.max(x.statement_id) as statement_id
    from postai.statement_history as x
   where x.at > pg_catalog.now() - pg_catalog.make_interval(secs => %s)
   group by x.queryid
), most as materialized (
  -- More than are shown, as postai's own are among them.
  select d.* from done as d where d.queryid <> 0 order by d.total_ms desc, d.queryid limit 200
)
select d.queryid, s.query, d.calls, d.total_ms, d.total_ms / nullif(d.calls, 0),
       d.total_ms / nullif((select pg_catalog.sum(a.total_ms - a.inner_ms) from done as a), 0), d.inner_ms
  from most as d
  left join postai.statements as s on s.id = d.statement_id
 where s.of_postai is not true
 order by d.total_ms desc, d.queryid
 limit %s

-- name: counts
-- How many statements are known, how many of them ran in the last day, and since when there is history.
select pg_catalog.count(*)::integer,
       (pg_catalog.count(*) filter (where s.last_seen > pg_catalog.now() - interval '1 day'))::integer,
       (select pg_catalog.min(x.at) from postai.load_history as x)
  from postai.statements as s where not s.of_postai

-- name: regressions
-- Statements that became slower and still are.
select r.queryid, r.severity, r.cause, r.factor::double precision, r.query, r.why, r.started_at
  from postai.regressions as r where r.state = 'open' limit 5

-- name: proposals
-- What waits for a decision or for its turn, by kind, then all kinds together (kind NULL). What open ones would save a
-- day: of several for one statement the best counts, where the role may see for which they are, and together no more than
-- what sessions worked in the last day.
with waiting as materialized (
  select p.kind, p.state, p.severity, p.bytes, p.saved_ms_per_day, p.id,
         case when pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' then p.evidence -> 'effects' else '[]' end as effects
    from postai.proposals as p where p.state in ('open', 'approved')
), saves as materialized (
  select w.kind, coalesce(e.value ->> 'id', 'proposal ' || w.id) as what,
         case when e.value is null then w.saved_ms_per_day
              else (postai._number(e.value -> 'before_ms') - postai._number(e.value -> 'after_ms')) * postai._number(e.value -> 'calls_per_day') end as saved
    from waiting as w left join lateral pg_catalog.jsonb_array_elements(w.effects) as e (value) on true
   where w.state = 'open' and w.saved_ms_per_day is not null
), best as (
  select s.kind, s.what, pg_catalog.max(s.saved) as saved from saves as s where s.saved > 0
   group by grouping sets ((s.kind, s.what), (s.what))
), worked as (
  select pg_catalog.sum(x.active_ms) * 86400 / pg_catalog.sum(x.seconds) as ms
    from postai.load_history as x where x.here and x.at > pg_catalog.now() - interval '1 day'
)
select w.kind, (pg_catalog.count(*) filter (where w.state = 'open'))::integer,
       (pg_catalog.count(*) filter (where w.state = 'approved'))::integer,
       (select least(pg_catalog.sum(b.saved), (select o.ms from worked as o)) from best as b
         where b.kind is not distinct from w.kind having pg_catalog.count(*) > 0),
       pg_catalog.sum(w.bytes)::bigint, (pg_catalog.count(*) filter (where w.severity = 'HIGH'))::integer
  from waiting as w
 group by grouping sets ((w.kind), ())
having pg_catalog.count(*) > 0
 order by w.kind is null, 4 desc nulls last, 5 nulls last, 2 desc, 1

-- name: actions
-- What was done last, and is being done.
select a.id, a.proposal, a.title, a.kind, a.state, a.requested_by::text, coalesce(a.finished_at, a.started_at, a.requested_at),
       a.progress::double precision
  from postai.actions as a order by a.id desc limit 6

-- name: events
-- The newest events.
select e.id, e.at, e.actor::text, e.kind, e.subject, e.proposal from postai.events as e order by e.id desc limit 8

-- name: cache_tables
-- Cache tables that the role may see: how many, how many are fresh, and how often their rows were read.
select pg_catalog.count(*)::integer, (pg_catalog.count(*) filter (where c.fresh))::integer,
       coalesce(pg_catalog.sum(c.reads), 0)::bigint, coalesce(pg_catalog.sum(c.refreshes), 0)::bigint
  from postai.cache_stats as c

-- name: edge_caches
-- What the caches of the edges that report here have answered, since each edge began; misses of those that count them.
select pg_catalog.count(*)::integer, (pg_catalog.count(*) filter (where e.state = 'alive'))::integer,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{cache,hits}')), 0)::bigint,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{cache,stored}')), 0)::bigint,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{cache,hits}'))
                filter (where e.figures #> '{cache,misses}' is not null), 0)::bigint,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{cache,misses}')), 0)::bigint,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{tiers,hits}')), 0)::bigint,
       coalesce(pg_catalog.sum(postai._number(e.figures #> '{tiers,misses}')), 0)::bigint
  from postai.edges as e

-- name: storage
-- How big the database was when that was measured last, and how much it has grown since what was measured first in the
-- last week, and month.
select n.at, n.bytes, n.heap_bytes, n.toast_bytes, n.index_bytes, n.held, n.wal_bytes, n.temp_bytes,
       n.bytes - w.bytes, w.at, n.bytes - m.bytes, m.at
  from (select h.* from postai.storage_history as h order by h.at desc limit 1) as n
  left join lateral (select h.at, h.bytes from postai.storage_history as h
                      where h.at < n.at and h.at > pg_catalog.now() - interval '7 days' order by h.at limit 1) as w on true
  left join lateral (select h.at, h.bytes from postai.storage_history as h
                      where h.at < n.at and h.at > pg_catalog.now() - interval '30 days' order by h.at limit 1) as m on true
