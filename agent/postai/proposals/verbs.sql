-- name: approve
-- Approve.
select postai.approve(%s, %s, %s)

-- name: apply
-- Approve if need be and queue.
select postai.apply(%s, %s, %s)

-- name: schedule
-- Approve if need be and queue for later.
select postai.schedule(%s, %s::tstzrange, %s)

-- name: schedule_at
-- Approve if need be and queue for a window of local times in a time zone, which recurring times are in, too. The yes to
-- triggers is one to an approval; it comes first, and in the same statement, so that it does not stay without the window.
with yes as materialized (select case when %s then postai.approve(%s, true, %s) end as done),
     zone as materialized (select pg_catalog.set_config('TimeZone', %s, true) as name from yes),
     given as (select %s::timestamp as begins, %s::timestamp as ends)
select postai.schedule(%s,
         case when pg_catalog.num_nonnulls(g.begins, g.ends) > 0
              then pg_catalog.tstzrange(g.begins at time zone z.name, g.ends at time zone z.name) end, %s, %s, %s)
  from zone as z, given as g

-- name: note_refusal
-- Write into the log that the caller was refused.
select postai._note_refusal(%s, %s, %s)

-- name: read_write
-- After a move was rolled back its database is read-only by default; requests and notes are still written.
set transaction read write

-- name: dismiss
-- Close as not wanted.
select postai.dismiss(%s, %s)

-- name: done_by_hand
-- Close as carried out by a person.
select postai.done_by_hand(%s, %s)

-- name: undo
-- Queue the undo statements.
select postai.undo(%s)

-- name: cancel
-- Cancel an action.
select postai.cancel(%s)

-- name: proposals
-- Proposals, the newest first.
select id, kind, title, why, risk, state, outcome, coalesce(statements, '{}'), coalesce(undo, '{}'), coalesce(objects, '{}'),
       estimated_ms, action, proposed_by::text, proposed_at
  from postai.proposals where %s::text is null or state = %s order by id desc limit %s

-- name: action
-- One action as it is now.
select id, proposal, kind, state, phase, progress, coalesce(blockers, '[]'), error, measured_ms, estimated_ms
  from postai.actions where id = %s

-- name: events
-- Events, the newest first.
select id, at, actor::text, kind, subject, proposal, action, detail
  from postai.events where %s::bigint is null or proposal = %s order by id desc limit %s

-- name: verify_events
-- What is wrong with a part of the chain of events; NULL = to its end.
select event_position, event_id, problem from postai._verify_events(%s, %s)

-- name: last_event
-- The highest number of an event.
select coalesce(pg_catalog.max(id), 0) from postai.events
