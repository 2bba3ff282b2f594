-- name: moves
-- Moves to this database.
select r.name, r.state, r.serving, r.progress, r.lag, r.next from postai.replications as r

-- name: driven
-- Whether an agent is there.
select postai._agent_present()

-- name: move
-- One move.
select d.name, d.source, d.target, d.method, d.state, d.serving, d.way_back, d.lag_bytes, d.lag_seconds, d.safe_wal_bytes,
       d.verified_at, d.verified_equal, d.verified_mode, d.doing, d.problem, d.problem_hint, d.next, d.asked, d.refused, d.done,
       d.driven, d.restarts, d.requested_by::text, d.created_at, d.updated_at, d.ended_at
  from postai.replication_details as d where d.name = %s

-- name: requests
-- What was asked of it, the newest first.
select r.id, r.verb, r.requested_by::text, r.requested_at, r.not_before, r.taken_at, r.done_at, r.rehearse, r.max_pause, r.waits,
       r.said, r.sqlstate, r.problem, r.problem_detail, r.problem_hint
  from postai.replication_requests as r where r.name = %s order by r.id desc limit %s

-- name: tables
-- Its tables, those that are not done first.
select p.table_name, p.state, p.progress, p.rows, p.size, pg_catalog.date_part('epoch', p.eta), p.verified
  from postai.replication_progress as p where p.name = %s limit %s

-- name: events
-- What happened to it, the newest first.
select e.at, e.state, e.step, e.level, e.what
  from postai.replication_events as e where e.name = %s order by e.at desc limit %s

-- name: read_write
-- A transaction that may write where the database says otherwise.
set transaction read write

-- name: check
-- Whether a move is possible.
select c.level, c.side, c.what, coalesce(c.objects, '{}'), c.fix from postai.replicate_check(%s, %s) as c

-- name: start
-- Ask for a move.
select postai.replicate_start(%s, %s, %s)

-- name: verify
-- Ask for a comparison.
select postai.replicate_verify(%s)

-- name: repair
-- Ask for differences to be mended.
select postai.replicate_repair(%s)

-- name: cancel
-- Take back what was asked for.
select postai.replicate_cancel(%s)

-- name: complete
-- Ask for the end after a cutover.
select postai.replicate_complete(%s)

-- name: abort
-- Ask for the end before a cutover.
select postai.replicate_abort(%s)

-- name: switch
-- Ask for a cutover or a rollback, which is given up when nobody begins it within a minute.
select postai._switch_ask(%s, %s, pg_catalog.make_interval(secs => %s), null, %s, %s)
