-- name: proposal
-- One proposal; then its evidence and measurement, and the numbers of both beside each other.
select p.id, p.kind, p.title, p.why, p.risk, p.state, p.outcome, p.reason, p.superseded_by, p.undoes, p.proposed_by::text,
       p.proposed_at, p.seen_at, p.approved_by::text, p.approved_at, p.closed_by::text, p.closed_at, p.object, p.severity,
       p.estimated_by, p.effect, p.measured_reason, p.evidence, p.measured,
       pg_catalog.jsonb_build_object(
         'saved_ms_per_day', p.saved_ms_per_day, 'measured_saved_ms_per_day', p.measured_saved_ms_per_day,
         'write_ms_per_day', p.write_ms_per_day, 'measured_write_ms_per_day', p.measured_write_ms_per_day,
         'bytes', p.bytes, 'measured_bytes', p.measured_bytes)
  from postai.proposals as p where p.id = %s

-- name: steps
-- Its steps in their order.
select s.step, s.statement, s.locks, s.blocks, s.rewrites, s.scans, s.in_transaction, s.estimated_ms, s.estimated_rows,
       s.hazard, s.undo, s.step_class, s.state
  from postai.steps(%s) as s order by s.step

-- name: actions
-- What was and is carried out of it, the newest first.
select a.id, a.kind, a.state, a.requested_by::text, a.requested_at, least(a.not_before, timestamptz '9999-12-30 00:00Z'),
       case when pg_catalog.upper(a.run_window) < timestamptz '9999-12-30 00:00Z' then pg_catalog.upper(a.run_window) end, a.recurring, a.by_policy,
       a.started_at, a.finished_at, a.attempt, a.step, a.phase, a.progress, coalesce(a.blockers, '[]'), a.cancel_requested,
       a.estimated_ms, a.measured_ms, a.error
  from postai.actions as a where a.proposal = %s order by a.id desc

-- name: events
-- Who did what with it, the newest first.
select e.id, e.at, e.actor::text, e.kind, e.subject, e.proposal, e.action, e.detail
  from postai.events as e where e.proposal = %s order by e.id desc limit %s
