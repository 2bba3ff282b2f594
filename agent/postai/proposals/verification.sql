-- Comparing what statements took before and after a change.

-- name: due
-- Applied proposals that promised something to statements and were not measured yet: id, evidence, when the work began
-- and ended (by hand: when it was proposed, and when it was noticed), whether waiting is over.
select p.id, p.title, p.evidence, coalesce(a.started_at, p.proposed_at), coalesce(a.finished_at, p.closed_at),
       coalesce(a.finished_at, p.closed_at) + pg_catalog.make_interval(secs => %s) <= pg_catalog.now()
  from postai.proposal p
  left join lateral (select x.started_at, x.finished_at from postai.action x
                      where x.proposal = p.id and x.kind = 'apply' and x.state in ('done', 'regressed')
                      order by x.id desc limit 1) a on true
 where p.outcome = 'applied' and p.measured is null and p.home = postai._home()
   and pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' and p.evidence -> 'effects' <> '[]'
   and coalesce(a.finished_at, p.closed_at) + postai._setting_text('verify_after')::interval <= pg_catalog.now()
 order by p.id

-- name: steps
-- Statement, undo, and whether the agent carried it out.
select s.statement, s.undo, s.done_at is not null from postai.proposal_step s where s.proposal = %s order by s.step

-- name: windows
-- What statements of this database did: queryid, end, seconds, calls, total time.
select s.queryid, x.at, x.seconds::float8, x.calls, x.total_ms
  from postai.sample_statement x join postai.statement s on s.id = x.statement_id
 where s.queryid = any (%s::bigint[]) and s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and x.at > %s and x.at <= %s
 order by x.at

-- name: smallest
-- Of each interval in which some statements were too small for a row of their own, the smallest total time that had one.
select x.at, x.seconds::float8, pg_catalog.min(x.total_ms) filter (where s.queryid <> 0)
  from postai.sample_statement x join postai.statement s on s.id = x.statement_id
 where x.at > %s and x.at <= %s
 group by x.at, x.seconds
having pg_catalog.sum(x.calls) filter (where s.queryid = 0 and s.userid = 0) > 0 and pg_catalog.min(x.total_ms) filter (where s.queryid <> 0) is not null

-- name: writers
-- Statements of this database whose text may write to a table: queryid and text.
select s.queryid, s.query
  from postai.statement s
 where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and s.queryid <> 0 and s.last_seen > %s and not s.utility and not s.truncated and not s.own
   and s.query ~* '\m(insert|update|delete|merge)\M' and pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower(%s)) > 0

-- name: index_use
-- Scans and size of an index since it exists; null scans = the counters were reset after a time.
select case when coalesce((select d.stats_reset from pg_catalog.pg_stat_database d
                            where d.datname = pg_catalog.current_database()), '-infinity') < %s then i.idx_scan end,
       pg_catalog.pg_relation_size(i.indexrelid)
  from pg_catalog.pg_stat_all_indexes i where i.schemaname = %s and i.indexrelname = %s

-- name: standbys
-- Whether others replay what happens here: scans on them are not counted here.
select exists (select from pg_catalog.pg_stat_replication)

-- name: measured
-- Keep what was measured.
update postai.proposal set measured = %s::jsonb where id = %s and measured is null returning id

-- name: record_event
-- Add to the log.
select postai._record_event('proposal.measured', 'proposal ' || %s::bigint, %s, null, %s::jsonb)
