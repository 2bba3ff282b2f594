-- name: who
-- A statement of all who ran it: its text, tables, since when it is known, and the server's time.
select pg_catalog.min(s.query), pg_catalog.bool_or(s.truncated), pg_catalog.bool_or(s.utility),
       pg_catalog.array_agg(distinct s.username::text), pg_catalog.min(s.first_seen), pg_catalog.max(s.last_seen),
       (pg_catalog.array_agg(s.usage order by s.last_seen desc) filter (where s.usage is not null and s.usage <> '{}'))[1],
       pg_catalog.clock_timestamp()
  from postai.statements as s
 where s.queryid = %s
having pg_catalog.count(*) > 0

-- name: hours_until
-- Until when intervals are hours: longer ago their means are those of an hour, and spread less.
select pg_catalog.max(c.until) from postai.collect_state as c where c.part = 'pruning'

-- name: figures
-- What it took in a stretch of time; for the spread the means of its intervals, or of its hours where the stretch, or
-- one that it is compared with, has no others; single calls are not kept.
with timed as materialized (
  select case when %s then pg_catalog.date_trunc('hour', x.at - interval '1 microsecond') else x.at end as at,
         pg_catalog.sum(x.calls) as calls, pg_catalog.sum(x.total_ms) as total_ms,
         pg_catalog.sum(x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / greatest(x.calls, 1)) as squares,
         pg_catalog.sum(x.rows) as rows, pg_catalog.sum(x.blks_hit) as blks_hit, pg_catalog.sum(x.blks_read) as blks_read,
         pg_catalog.sum(x.blks_dirtied) as blks_dirtied, pg_catalog.sum(x.blks_written) as blks_written,
         pg_catalog.sum(x.temp_blks_read) as temp_blks_read, pg_catalog.sum(x.temp_blks_written) as temp_blks_written,
         pg_catalog.sum(x.wal_bytes) as wal_bytes, pg_catalog.sum(x.blk_read_ms::float8) as blk_read_ms,
         pg_catalog.sum(x.blk_write_ms::float8) as blk_write_ms, pg_catalog.sum(x.plan_ms::float8) as plan_ms,
         pg_catalog.sum(x.jit_ms::float8) as jit_ms, pg_catalog.sum(x.cpu_ms::float8) as cpu_ms
    from postai.statement_history as x
   where x.queryid = %s and x.at > %s and x.at <= %s
   group by 1
), summed as (
  select pg_catalog.sum(t.calls) as calls, pg_catalog.sum(t.total_ms) / nullif(pg_catalog.sum(t.calls), 0)::float8 as mean_ms,
         pg_catalog.sum(t.squares) as squares
    from timed as t
)
select pg_catalog.count(t.at)::integer, s.calls::bigint, pg_catalog.sum(t.total_ms), s.mean_ms,
       pg_catalog.sqrt(greatest(s.squares / nullif(s.calls, 0)::float8 - s.mean_ms ^ 2, 0)),
       pg_catalog.min(t.total_ms / nullif(t.calls, 0)::float8), pg_catalog.max(t.total_ms / nullif(t.calls, 0)::float8),
       pg_catalog.sum(t.rows)::bigint, pg_catalog.sum(t.blks_hit)::bigint, pg_catalog.sum(t.blks_read)::bigint,
       pg_catalog.sum(t.blks_dirtied)::bigint, pg_catalog.sum(t.blks_written)::bigint,
       pg_catalog.sum(t.temp_blks_read)::bigint, pg_catalog.sum(t.temp_blks_written)::bigint, pg_catalog.sum(t.wal_bytes)::bigint,
       pg_catalog.sum(t.blk_read_ms), pg_catalog.sum(t.blk_write_ms), pg_catalog.sum(t.plan_ms), pg_catalog.sum(t.jit_ms),
       pg_catalog.sum(t.cpu_ms)
  from summed as s left join timed as t on true
 group by s.calls, s.mean_ms, s.squares

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
   and coalesce((select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'execute')) from pg_catalog.pg_proc as p
                  where p.pronamespace = n.oid and p.proname = 'pg_stat_statements'), false)

-- name: extremes
-- The shortest and the longest call since its counters began, as far as the role may see them; without the texts, which
-- would have the server read its file of them.
select pg_catalog.min(s.min_exec_time), pg_catalog.max(s.max_exec_time)
  from /* schema */.pg_stat_statements(false) as s
 where s.queryid = %s and s.calls > 0
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: replanned
-- When another plan was seen than before, of each who ran it; and which.
select x.at, x.plan_hash
  from (select h.at, h.plan_hash,
               pg_catalog.lag(h.plan_hash) over (partition by h.statement_id order by h.at) as before
          from postai.statement_history as h
         -- What was seen last before the stretch is found when that was in the week before it.
         where h.queryid = %s and h.plan_hash is not null and h.at <= %s and h.at > %s::timestamptz - interval '7 days') as x
 where x.before <> x.plan_hash and x.at > %s
 order by x.at desc limit 50

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
select p.id, p.kind, p.title, p.state, p.outcome, p.saved_ms_per_day, p.measured_saved_ms_per_day, p.proposed_at, p.effect,
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

-- name: indexed
-- Expressions of indexes of some tables (or of their partitions) that nobody has locked.
with busy as materialized (
  /* busy */
)
select distinct pg_catalog.pg_get_indexdef(i.indexrelid, k.place::int, true)
  from pg_catalog.unnest(%s::text[]) as u (name)
  join pg_catalog.pg_namespace as n on pg_catalog.strpos(u.name, pg_catalog.quote_ident(n.nspname) || '.') = 1
  join pg_catalog.pg_class as c on c.relnamespace = n.oid and pg_catalog.format('%%I.%%I', n.nspname, c.relname) = u.name
  join pg_catalog.pg_index as i on i.indrelid = c.oid and i.indisvalid and i.indexprs is not null
 cross join lateral pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
 where k.attnum = 0 and k.place <= i.indnkeyatts and c.oid not in (select b.oid from busy as b)

-- name: skew
-- Columns that it compares whose values are of very different frequency, by statistics that the role may read: rows with
-- the most common value, and with one of the others on average. No values.
select u.name, u.column_name, r.rows, s.null_frac::float8, s.n_distinct::float8, (s.most_common_freqs)[1]::float8,
       case when s.n_distinct < 0 then -s.n_distinct * r.rows else s.n_distinct end
  from rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) as u (name, column_name)
  join pg_catalog.pg_namespace as n on pg_catalog.strpos(u.name, pg_catalog.quote_ident(n.nspname) || '.') = 1
  join pg_catalog.pg_class as k on k.relnamespace = n.oid and pg_catalog.format('%%I.%%I', n.nspname, k.relname) = u.name
  join pg_catalog.pg_stats as s on s.schemaname = n.nspname and s.tablename = k.relname and s.attname = u.column_name
   -- A table from which others inherit has statistics with and without their rows; who names it reads theirs, too.
   and s.inherited = exists (select from pg_catalog.pg_stats as i where i.schemaname = n.nspname and i.tablename = k.relname
                                and i.attname = u.column_name and i.inherited)
 cross join lateral (
   -- ANALYZE counts the rows of partitions for their table, too, but not those of heirs.
   with recursive heir (oid) as (
     select k.oid union select h.inhrelid from heir as p join pg_catalog.pg_inherits as h on h.inhparent = p.oid where k.relkind = 'r'
   )
   select pg_catalog.sum(greatest(c.reltuples, 0))::float8 as rows from heir as p join pg_catalog.pg_class as c on c.oid = p.oid
 ) as r
 where r.rows > 0 and s.most_common_freqs is not null
