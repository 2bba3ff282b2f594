-- Comparing what statements took before and after a change.

-- name: due
-- Applied proposals that were not measured yet: id, kind, title, evidence, when the work began and ended (by hand: when
-- it was proposed, and when it was noticed), whether waiting is over, whether it takes another one back, and whether the
-- planner confirmed it.
select p.id, p.kind, p.title, p.evidence, coalesce(a.started_at, p.proposed_at), coalesce(a.finished_at, p.closed_at),
       coalesce(a.finished_at, p.closed_at) + pg_catalog.make_interval(secs => %s) <= x.now, p.undoes is not null,
       p.measured -> 'planner'
  from postai.proposal p
  left join lateral (select x.started_at, x.finished_at from postai.action x
                      where x.proposal = p.id and x.kind = 'apply' and x.state in ('done', 'regressed')
                      order by x.id desc limit 1) a on true
 cross join (select %s::timestamptz as now) x
 where p.outcome = 'applied' and (p.measured is null or p.measured ->> 'state' = 'confirmed') and p.home = postai._home()
   and coalesce(a.finished_at, p.closed_at) + postai._setting_text('verify_after')::interval <= x.now
 order by p.id

-- name: unconfirmed
-- Applied proposals whose new indexes a model judged, not the planner: columns as of `due`.
select p.id, p.kind, p.title, p.evidence, coalesce(p.closed_at, p.proposed_at), p.closed_at, false, p.undoes is not null, null
  from postai.proposal p
 where p.outcome = 'applied' and p.measured is null and p.home = postai._home()
   and p.evidence ->> 'estimated_by' = 'model' and p.kind = 'create_index'
   and pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' and p.evidence -> 'effects' <> '[]'
 order by p.id

-- name: texts
-- Texts of statements of this database: queryid, text, columns by table.
select distinct on (s.queryid) s.queryid, s.query, s.usage
  from postai.statement s
 where s.queryid = any (%s::bigint[]) and s.query is not null and not s.truncated and not s.utility
   and s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
 order by s.queryid, s.last_seen desc

-- name: readers
-- Statements of this database that use a table (of a change: identities).
select s.queryid from postai.statement s
 where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and s.queryid <> 0 and s.last_seen > %s and not s.utility and not s.own
   and exists (select from pg_catalog.jsonb_object_keys(s.usage) k where k = any (%s::text[]))

-- name: changed
-- What may have changed the time of statements since a moment, whoever did it: tables (identities) that were touched,
-- or got or lost an index, with their partitions and the views on them; statements to which something was promised.
with recursive applied as (
  select p.id, p.evidence, a.before
    from postai.proposal p left join postai.action a on a.proposal = p.id and a.started_at is not null
   cross join (select %s::timestamptz as since) x
   where p.home = postai._home()
     and (coalesce(a.finished_at, 'infinity') > x.since and a.id is not null or p.outcome = 'applied' and p.closed_at > x.since)
), touched (oid) as (
  select coalesce(i.indrelid, o.oid)
    from applied p join postai.proposal_step s on s.proposal = p.id
   cross join lateral pg_catalog.jsonb_to_recordset(s.objects) as o (class text, oid oid)
    left join pg_catalog.pg_index i on i.indexrelid = o.oid
   where o.class = 'pg_class'
  union
  select (t.value ->> 'oid')::oid from applied p cross join lateral pg_catalog.jsonb_array_elements(p.before) t
  union
  -- What the first look found was not made then.
  select s.table_oid from postai.seen_index s cross join (select %s::timestamptz as since) x
   where s.gone_at > x.since
      or s.first_seen > greatest(x.since, (select pg_catalog.min(f.first_seen) + interval '1 minute' from postai.seen_index f))
  union
  select r.oid from touched t cross join lateral (
    select h.inhparent from pg_catalog.pg_inherits h where h.inhrelid = t.oid
    union all
    select h.inhrelid from pg_catalog.pg_inherits h where h.inhparent = t.oid
    union all
    select w.ev_class from pg_catalog.pg_depend d join pg_catalog.pg_rewrite w on w.oid = d.objid
     where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid
  ) r (oid)
)
select (select coalesce(pg_catalog.array_agg(distinct pg_catalog.format('%%I.%%I', n.nspname, c.relname)), '{}')
          from touched t join pg_catalog.pg_class c on c.oid = t.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace),
       (select coalesce(pg_catalog.array_agg(distinct e.value ->> 'id'), '{}')
          from applied p
         cross join lateral pg_catalog.jsonb_array_elements(
           case when pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' then p.evidence -> 'effects' else '[]' end) e
         where pg_catalog.jsonb_typeof(e.value) = 'object' and e.value ->> 'id' is not null)

-- name: others
-- Mean times before and after of statements of this database that are known to use none of these tables, each called
-- often.
select b.total_ms / b.calls, a.total_ms / a.calls
  from (select x.statement_id, pg_catalog.sum(x.calls)::float8 as calls, pg_catalog.sum(x.total_ms) as total_ms
          from postai.sample_statement x where x.at > %s and x.at <= %s group by 1) b
  join (select x.statement_id, pg_catalog.sum(x.calls)::float8 as calls, pg_catalog.sum(x.total_ms) as total_ms
          from postai.sample_statement x where x.at - pg_catalog.make_interval(secs => x.seconds) >= %s and x.at <= %s
         group by 1) a using (statement_id)
  join postai.statement s on s.id = b.statement_id
 where b.calls >= 30 and a.calls >= 30 and s.queryid <> 0 and not s.utility and not s.own
   and s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and s.queryid::text <> all (%s::text[]) and s.usage is not null
   and not exists (select from pg_catalog.jsonb_object_keys(s.usage) k where k = any (%s::text[]))
 order by a.total_ms + b.total_ms desc limit 200

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
-- Scans and size of an index since it exists; null scans = the counters were reset after a time (by hand, or all of them
-- by a crash, of which the background writer's time tells).
select case when greatest((select d.stats_reset from pg_catalog.pg_stat_database d
                            where d.datname = pg_catalog.current_database()),
                          (select b.stats_reset from pg_catalog.pg_stat_bgwriter b)) < %s then i.idx_scan end,
       pg_catalog.pg_relation_size(i.indexrelid)
  from pg_catalog.pg_stat_all_indexes i where i.schemaname = %s and i.indexrelname = %s

-- name: touched
-- Identities of the tables that a proposal touches, of an index its table.
select coalesce(pg_catalog.array_agg(distinct pg_catalog.format('%%I.%%I', n.nspname, t.relname)), '{}')
  from postai.proposal_step s
 cross join lateral pg_catalog.jsonb_to_recordset(s.objects) as o (class text, oid oid)
  left join pg_catalog.pg_index i on i.indexrelid = o.oid
  join pg_catalog.pg_class t on t.oid = coalesce(i.indrelid, o.oid) and t.relkind in ('r', 'm', 'p')
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
 where s.proposal = %s and o.class = 'pg_class'

-- name: after
-- What its tables were like when it had been applied.
select a.measured -> 'after' from postai.action a
 where a.proposal = %s and a.kind = 'apply' and pg_catalog.jsonb_typeof(a.measured -> 'after') = 'array' order by a.id desc limit 1

-- name: standbys
-- Whether others replay what happens here: scans on them are not counted here.
select exists (select from pg_catalog.pg_stat_replication)

-- name: measured
-- Keep what was measured.
update postai.proposal set measured = %s::jsonb
 where id = %s and (measured is null or measured ->> 'state' = 'confirmed') returning id

-- name: record_event
-- Add to the log.
select postai._record_event('proposal.measured', 'proposal ' || %s::bigint, %s, null, %s::jsonb)
