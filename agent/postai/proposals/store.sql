-- name: insert_proposal
-- A new proposal, open.
insert into postai.proposal (kind, title, why, evidence, risk, fingerprint, proposed_by, key, undoes)
values (%s, %s, %s, %s::jsonb, %s, %s, coalesce(%s::name, session_user), %s, %s) returning id

-- name: insert_step
-- One of its steps.
insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, precondition, postcondition,
                                  undo, undo_class, undo_in_transaction, objects, locks, hazard, estimated_ms, estimated_rows,
                                  undo_precondition, step_class, together, phase, blocks, rewrites, scans, backfill)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s, %s, %s, %s, %s, %s::text[], %s, %s::jsonb,
        %s::text[], %s::text[], %s::jsonb)

-- name: record_event
-- Add to the log.
select postai._record_event('proposal.created', 'proposal ' || %s::bigint, %s, null, %s::jsonb)

-- name: supersede
-- Close an open proposal in favour of a newer one; no row = it is not open.
update postai.proposal set state = 'closed', outcome = 'superseded', superseded_by = %s, closed_by = session_user,
       closed_at = pg_catalog.clock_timestamp()
 where id = %s and state = 'open' returning id
