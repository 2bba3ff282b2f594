-- name: proposals
-- Schema changes that were proposed, the newest first, with what they block at most and how far they are.
select p.id, p.title, p.risk, p.state, p.outcome, p.steps, p.done, p.proposed_by::text, p.proposed_at, p.closed_at, p.estimated_ms,
       s.hazards, s.irreversible, s.blocks, s.momentary, a.id, a.state, a.phase, a.progress, 
       case when pg_catalog.lower(a.run_window) between timestamptz '0001-01-02 00:00Z' and timestamptz '9999-12-30 00:00Z'
            then pg_catalog.lower(a.run_window) end
  from postai.proposals as p
  left join postai.actions as a on a.id = p.action
  left join lateral (
    select pg_catalog.count(t.hazard)::int as hazards, pg_catalog.count(*) filter (where t.undo is null)::int as irreversible,
           case when pg_catalog.bool_or(t.blocks = 'reads+writes') then 'reads+writes' when pg_catalog.bool_or(t.blocks = 'writes') then 'writes'
                when pg_catalog.bool_or(t.blocks = 'ddl') then 'ddl' when pg_catalog.bool_or(t.blocks = 'none') then 'none' end as blocks,
           coalesce(pg_catalog.bool_and(t.step_class = 'short_lock') filter (where t.blocks in ('reads+writes', 'writes')), false) as momentary
      from postai.steps(p.id) as t) as s on true
 where p.kind = 'migrate' order by p.id desc limit %s

-- name: files
-- Migration files and other tools' migrations, the newest first.
select m.id, m.title, m.source, m.state, m.proposal, m.applied_by::text, m.started_at, m.finished_at
  from postai.migration as m order by m.started_at desc, m.id desc limit %s

-- name: snapshot
-- The newest snapshot of the schema.
select s.taken_at, s.taken_by::text, s.reason from postai.schema_snapshot as s order by s.id desc limit 1

-- name: drift
-- Where the schema is not what it should be.
select d.object, d.change, d.expected, d.actual, d.fix from postai.drift() as d

-- name: lint
-- Hazards of a text.
select l.statement, l.hazard, l.severity, l.message, l.safe_alternative from postai.lint(%s) as l

-- name: migrate
-- Propose a change.
select postai.migrate(%s)
