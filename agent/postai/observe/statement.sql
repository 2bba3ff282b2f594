-- name: who
-- A statement of all who ran it: its text, tables, and since when it is known.
select pg_catalog.min(s.query), pg_catalog.bool_or(s.truncated), pg_catalog.bool_or(s.utility),
       pg_catalog.array_agg(distinct s.username::text), pg_catalog.min(s.first_seen), pg_catalog.max(s.last_seen),
       (pg_catalog.array_agg(s.usage order by s.last_seen desc) filter (where s.usage is not null and s.usage <> '{}'))[1]
  from postai.statements as s
 where s.queryid = %s
having pg_catalog.count(*) > 0

-- name: figures
-- What it took in a stretch of time; means of its intervals for the spread, as single calls are not kept.
select pg_catalog.count(*)::integer, pg_catalog.sum(x.calls)::bigint, pg_catalog.sum(x.total_ms),
       pg_catalog.sum(x.total_ms) / nullif(pg_catalog.sum(x.calls), 0)::float8,
       pg_catalog.sqrt(greatest(pg_catalog.sum(x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / greatest(x.calls, 1))
                       / nullif(pg_catalog.sum(x.calls), 0)::float8
                       - (pg_catalog.sum(x.total_ms) / nullif(pg_catalog.sum(x.calls), 0)::float8) ^ 2, 0)),
       pg_catalog.min(x.total_ms / nullif(x.calls, 0)), pg_catalog.max(x.total_ms / nullif(x.calls, 0)),
       pg_catalog.sum(x.rows)::bigint, pg_catalog.sum(x.blks_hit)::bigint, pg_catalog.sum(x.blks_read)::bigint,
       pg_catalog.sum(x.blks_dirtied)::bigint, pg_catalog.sum(x.blks_written)::bigint,
       pg_catalog.sum(x.temp_blks_read)::bigint, pg_catalog.sum(x.temp_blks_written)::bigint, pg_catalog.sum(x.wal_bytes)::bigint,
       pg_catalog.sum(x.blk_read_ms::float8), pg_catalog.sum(x.blk_write_ms::float8), pg_catalog.sum(x.plan_ms::float8),
       pg_catalog.sum(x.jit_ms::float8), pg_catalog.sum(x.cpu_ms::float8)
  from postai.statement_history as x
 where x.queryid = %s and x.at > %s and x.at <= %s

-- name: share
-- Its share of what the server's shared counters of this database say was worked in that time, 0 to 1.
select (select pg_catalog.sum(x.active_ms) from postai.load_history as x where x.here and x.at > %s and x.at <= %s)

-- name: trend
-- The statement in steps of so many seconds.
select extract(epoch from pg_catalog.date_bin(pg_catalog.make_interval(secs => %s), x.at - pg_catalog.make_interval(secs => 0.001), '2000-01-01'))::float8,
       pg_catalog.sum(x.total_ms) / nullif(pg_catalog.sum(x.calls), 0)::float8, pg_catalog.sum(x.calls)::bigint,
       pg_catalog.sum(x.total_ms),
       pg_catalog.sum(coalesce(x.blks_hit, 0) + coalesce(x.blks_read, 0))::float8 / nullif(pg_catalog.sum(x.calls), 0)::float8,
       pg_catalog.max(x.seconds)::float8
  from postai.statement_history as x
 where x.queryid = %s and x.at > %s and x.at <= %s
 group by 1 order by 1

-- name: statistics
-- Where pg_stat_statements is, for those who may use it.
select pg_catalog.quote_ident(n.nspname)
  from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname = 'pg_stat_statements' and pg_catalog.has_schema_privilege(n.oid, 'usage')
   and pg_catalog.current_setting('pg_stat_statements.max', true) is not null
   and coalesce((select pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, 'select')) from pg_catalog.pg_class as c
                  where c.relnamespace = n.oid and c.relname = 'pg_stat_statements'), false)

-- name: extremes
-- The shortest and the longest call since its counters began, as far as the role may see them.
select pg_catalog.min(s.min_exec_time), pg_catalog.max(s.max_exec_time)
  from /* schema */.pg_stat_statements as s
 where s.queryid = %s and s.calls > 0
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: plans
-- Shapes that the planner chose, and plans that runs had.
select p.plan_hash, 'chosen', p.shape, p.cost, null::bigint, null::float8, null::text, p.first_seen, p.last_seen
  from postai.statement_plans as p where p.queryid = %s
union all
select l.plan_hash, 'ran', coalesce(l.plan -> 'Plan', '{}'), (l.plan #>> '{Plan,Total Cost}')::float8, l.runs, l.slowest_ms, l.problems,
       l.first_seen, l.last_seen
  from postai.logged_plans as l where l.queryid = %s
 order by 9 desc, 2, 1

-- name: proposals
-- Proposals that were made for it, as far as the role may see their evidence, and those applied to its tables.
select p.id, p.kind, p.title, p.state, p.outcome, p.saved_ms_per_day, p.proposed_at, p.effect,
       (select pg_catalog.max(a.finished_at) from postai.actions as a
         where a.proposal = p.id and a.kind = 'apply' and a.state in ('done', 'regressed')),
       f.for_it
  from postai.proposals as p
 cross join lateral (select case when pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' then
                       exists (select from pg_catalog.jsonb_array_elements(p.evidence -> 'effects') as e where e.value ->> 'id' = %s)
                       else false end as for_it) as f
 where f.for_it or (p.outcome = 'applied' and (p.objects && %s or p.evidence ->> 'table' = any(%s)))
 order by p.id desc limit 50

-- name: regressions
-- When it became slower.
select r.severity, r.cause, r.factor::float8, r.why, r.mitigation, r.started_at, r.ended_at, r.state, r.before_ms::float8, r.after_ms::float8
  from postai.regressions as r where r.queryid = %s order by r.started_at desc limit 20

-- name: skew
-- Columns that it compares whose values are of very different frequency, by statistics that the role may read: rows with
-- the most common value, and with one of the others on average. No values.
select u.name, u.column_name, k.reltuples::float8, s.null_frac::float8, s.n_distinct::float8, (s.most_common_freqs)[1]::float8,
       case when s.n_distinct < 0 then -s.n_distinct * k.reltuples else s.n_distinct end
  from rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) as u (name, column_name)
  join pg_catalog.pg_namespace as n on pg_catalog.strpos(u.name, pg_catalog.quote_ident(n.nspname) || '.') = 1
  join pg_catalog.pg_class as k on k.relnamespace = n.oid and pg_catalog.format('%%I.%%I', n.nspname, k.relname) = u.name
  join pg_catalog.pg_stats as s on s.schemaname = n.nspname and s.tablename = k.relname and s.attname = u.column_name
 where k.reltuples > 0 and s.most_common_freqs is not null
