-- name: claim
-- Take the next action: one that waits, or one whose worker let its lease run out.
with next as (
  select a.id from postai.action a
   where (a.state = 'queued' and coalesce(a.not_before, '-infinity') <= pg_catalog.clock_timestamp()
          and (a.run_window is null or a.run_window @> pg_catalog.clock_timestamp()))
      or (a.state in ('running', 'verifying') and a.lease_until < pg_catalog.clock_timestamp())
   order by a.id
   for update skip locked
   limit 1
), mine as (
  update postai.action a
     set state = case a.state when 'verifying' then 'verifying' else 'running' end, worker = %s, attempt = a.attempt + 1,
         lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %s),
         started_at = coalesce(a.started_at, pg_catalog.clock_timestamp())
    from next where a.id = next.id
  returning a.*
)
select m.id, m.proposal, p.kind, m.kind, m.state, m.requested_by::text, m.attempt,
       -- What an earlier action of the proposal began and could not clean up is taken over.
       case when m.checkpoint <> '{}' then m.checkpoint
            else coalesce((select e.checkpoint from postai.action e
                            where e.proposal = m.proposal and e.kind = m.kind and e.id < m.id
                              -- An undo in between has taken the rows of a backfill back.
                              and (e.checkpoint ->> 'phase' is distinct from 'batch'
                                   or not exists (select from postai.action u where u.proposal = m.proposal and u.id > e.id
                                                     and u.id < m.id and u.kind <> m.kind and u.attempt > 0))
                            order by e.id desc limit 1), '{}') end,
       case when isfinite(upper(m.run_window))
            then extract(epoch from upper(m.run_window) - pg_catalog.clock_timestamp())::double precision end
  from mine m join postai.proposal p on p.id = m.proposal

-- name: scans_wait
-- Whether what reads whole tables is left to an action of its own.
select a.scan_window is not null from postai.action a where a.id = %s

-- name: proposal
-- What was approved: digest then and now, accepted triggers, who approved.
select p.approved_digest is not distinct from postai._digest(p.id), p.accepted_triggers, p.approved_by::text
  from postai.proposal p where p.id = %s

-- name: require_current
-- Raises PA008 when what the proposal touches is gone or was changed.
select postai._require_current(%s)

-- name: steps
-- The steps in their order.
select s.step, s.statement, s.precondition, s.postcondition, s.undo, s.done_at is not null, s.undo_precondition,
       s.step_class, s.together, s.backfill, s.locks
  from postai.proposal_step s where s.proposal = %s order by s.step

-- name: agent_is_superuser
-- Whether the agent logged in as a superuser.
select r.rolsuper, r.rolname::text from pg_catalog.pg_roles r where r.rolname = session_user

-- name: renew
-- Keep the lease and show the progress; no row = another worker has the action, or it was given back.
update postai.action set lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %s), progress = %s::jsonb
 where id = %s and attempt = %s and state in ('running', 'verifying') and worker is not null
returning cancel_requested

-- name: watch
-- Whether the action is still ours and goes on.
select cancel_requested from postai.action where id = %s and attempt = %s and state in ('running', 'verifying')

-- name: progress
-- What the backend at work does: phase, part done, and whom it waits for.
select coalesce(p.phase, v.phase),
       case when coalesce(p.blocks_total, 0) > 0 then p.blocks_done::real / p.blocks_total
            when coalesce(p.tuples_total, 0) > 0 then p.tuples_done::real / p.tuples_total
            when coalesce(v.heap_blks_total, 0) > 0 then v.heap_blks_scanned::real / v.heap_blks_total end,
       (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('pid', b.pid, 'user', b.usename, 'application', b.application_name,
                                                                  'state', b.state, 'since', b.xact_start))
          from pg_catalog.pg_stat_activity b where b.pid = any (pg_catalog.pg_blocking_pids(w.pid)))
  from (select %s::int as pid) w left join pg_catalog.pg_stat_progress_create_index p on p.pid = w.pid
  left join pg_catalog.pg_stat_progress_vacuum v on v.pid = w.pid

-- name: blockers
-- Who holds a lock on a relation which is not our own: backend, user, mode; of a prepared transaction null and its name.
select distinct l.pid, coalesce(a.usename::text, p.gid), l.mode
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
  left join pg_catalog.pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid' and x.virtualtransaction = l.virtualtransaction
  left join pg_catalog.pg_prepared_xacts p on p.transaction = x.transactionid
 where l.locktype = 'relation' and l.relation = any (%s::oid[]) and l.granted and l.pid is distinct from pg_catalog.pg_backend_pid()
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
 order by 1 limit 5

-- name: session
-- This backend: pid and start.
select a.pid, extract(epoch from a.backend_start)::text from pg_catalog.pg_stat_activity a where a.pid = pg_catalog.pg_backend_pid()

-- name: checkpoint
-- Note the step under way; no row = another worker has the action.
update postai.action set checkpoint = %s::jsonb where id = %s and attempt = %s and state = 'running' returning id

-- name: limits
-- Settings of the operator for running steps: lock time-out in seconds, rows of a first batch, lag in seconds and active
-- sessions at which a backfill pauses; and the server's deadlock_timeout in seconds.
select extract(epoch from postai._setting_text('step_lock_timeout')::interval)::double precision,
       least(postai._setting_text('batch_rows')::numeric, 1000000)::integer,
       extract(epoch from postai._setting_text('batch_max_lag')::interval)::double precision,
       least(postai._setting_text('batch_max_active')::numeric, 1000000)::integer,
       extract(epoch from pg_catalog.current_setting('deadlock_timeout')::interval)::double precision

-- name: counted
-- What the server has done so far: transaction ids given, transactions ended.
select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint,
       (select pg_catalog.sum(d.xact_commit + d.xact_rollback)::bigint from pg_catalog.pg_stat_database d)

-- name: lockable
-- Tables of a step, with the mode for each, that the current role may lock by hand: those that refer to others among
-- them first.
with wanted as (
  select c.oid, pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name, x.mode
    from rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) as x (name, mode)
    join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(x.name) and c.relkind in ('r', 'p')
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where pg_catalog.has_table_privilege(c.oid, 'update, delete, truncate')
)
select w.name, w.mode from wanted w
 order by (select pg_catalog.count(distinct k.conrelid) from pg_catalog.pg_constraint k
            where k.contype = 'f' and k.confrelid = w.oid and k.conrelid <> w.oid
              and k.conrelid in (select o.oid from wanted o)), w.name

-- name: load
-- What others have to bear: seconds by which the slowest standby replays late, active sessions, sessions that wait for locks.
select coalesce((select extract(epoch from pg_catalog.max(r.replay_lag)) from pg_catalog.pg_stat_replication r), 0)::double precision,
       pg_catalog.count(*) filter (where a.state = 'active')::integer,
       pg_catalog.count(*) filter (where a.wait_event_type = 'Lock')::integer
  from pg_catalog.pg_stat_activity a where a.backend_type = 'client backend' and a.pid <> pg_catalog.pg_backend_pid()

-- name: key_types
-- Types of columns of a table, in the order of the names, with their schemas where search_path is pg_catalog; null =
-- there is no such column, or only operators outside of pg_catalog order it as an index does.
select (select pg_catalog.format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type b on b.oid = t.typbasetype and t.typtype = 'd'
         where a.attrelid = pg_catalog.to_regclass(%s) and a.attname = k.name and not a.attisdropped
           and (t.typtype = 'e' or coalesce(b.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace))
  from pg_catalog.unnest(%s::text[]) with ordinality as k (name, position) order by k.position

-- name: rows
-- Rows of a table and its partitions, as of the last ANALYZE.
with recursive parts (oid) as (
  select pg_catalog.to_regclass(%s)::oid
  union all
  select i.inhrelid from parts join pg_catalog.pg_inherits i on i.inhparent = parts.oid
)
select coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::bigint
  from parts join pg_catalog.pg_class c on c.oid = parts.oid and c.relkind <> 'p'

-- name: save_batch
-- Note how far a backfill came, in the transaction of the batch; no row = another worker has the action.
update postai.action set checkpoint = %s::jsonb, progress = %s::jsonb
 where id = %s and attempt = %s and state = 'running' returning id

-- name: other_builds
-- Backends of other sessions that build an index on one of these tables at this moment.
select p.pid, p.phase from pg_catalog.pg_stat_progress_create_index p
 where p.datname = pg_catalog.current_database() and p.relid = any (%s::oid[]) and p.pid <> %s

-- name: end_frozen
-- End the sessions that hold advisory locks and do nothing for so many seconds, while no other worker has an action.
with frozen as materialized (
select l.pid
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity s on s.pid = l.pid
  join pg_catalog.pg_database d on d.oid = l.database and d.datname = pg_catalog.current_database()
 where l.locktype = 'advisory' and l.objsubid = 2 and l.granted and l.pid <> pg_catalog.pg_backend_pid()
   and l.classid = %s::pg_catalog.int8::pg_catalog.oid
   and l.objid = any (array(select (k & 4294967295)::pg_catalog.oid from pg_catalog.unnest(%s::pg_catalog.int8[]) as k))
   and s.usename = current_user and s.state like 'idle%%'
   and s.state_change < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)
   and not exists (select from postai.action o
                    where o.state in ('running', 'verifying') and o.lease_until > pg_catalog.clock_timestamp() and o.id <> %s)
)
select f.pid from frozen f where pg_catalog.pg_terminate_backend(f.pid)

-- name: detach_pending
-- Whether a partition's detachment was begun and not ended.
select exists (select from pg_catalog.pg_inherits i
                where i.inhparent = pg_catalog.to_regclass(%s) and i.inhrelid = pg_catalog.to_regclass(%s) and i.inhdetachpending)

-- name: mark_step
-- Note that a step was done or undone, in the transaction that did it; no row = another worker has the action.
with mine as (
  update postai.action a set checkpoint = %s::jsonb where a.id = %s and a.attempt = %s and a.state = 'running' returning a.proposal
)
update postai.proposal_step s
   set done_at = case when %s then pg_catalog.clock_timestamp() end, measured_ms = %s
  from mine where s.proposal = mine.proposal and s.step = %s
returning s.step

-- name: record_event
-- Add to the log.
select postai._record_event(%s, %s, %s, %s, %s::jsonb)

-- name: before
-- Keep what the tables were like before the first attempt.
update postai.action set before = %s::jsonb where id = %s and attempt = %s and before is null and state = 'running'

-- name: verifying
-- All steps are done; no row = another worker has the action.
update postai.action set state = 'verifying' where id = %s and attempt = %s and state in ('running', 'verifying') returning id

-- name: finish_action
-- End the action; no row = another worker has it. Of one that failed stays what it was at.
update postai.action a
   set state = x.ended, error = %s::jsonb, measured = %s::jsonb, finished_at = pg_catalog.clock_timestamp(), lease_until = null,
       progress = case when x.ended in ('done', 'regressed') then '{"done": 1}' else a.progress end
  from (select %s::text as ended) x
 where a.id = %s and a.attempt = %s and a.state in ('running', 'verifying') returning a.id

-- name: close_proposal
-- The proposal was applied or undone; one that is done again and again stays approved while its next action waits. With
-- one that is undone goes what would drop for good what it set aside.
with closed as (
  update postai.proposal
     set state = 'closed', outcome = %s, reason = %s, closed_by = session_user, closed_at = pg_catalog.clock_timestamp()
   where id = %s and not exists (select from postai.action a where a.proposal = proposal.id and a.state = 'queued')
  returning id, outcome
), followed as (
  update postai.proposal f
     set state = 'closed', outcome = 'superseded', reason = 'proposal ' || c.id || ' was undone', closed_by = session_user,
         closed_at = pg_catalog.clock_timestamp()
    from closed c
   where c.outcome = 'undone' and f.kind = 'migrate' and f.state = 'open' and f.evidence ->> 'after' = c.id::pg_catalog.text
)
select id from closed

-- name: close_undone
-- What an applied proposal took back is undone.
update postai.proposal set outcome = 'undone', reason = 'taken back by proposal ' || %s::bigint
 where id = (select p.undoes from postai.proposal p where p.id = %s) and outcome = 'applied'

-- name: release
-- Give the action back unfinished; without a worker nobody renews the lease any more.
update postai.action set lease_until = pg_catalog.clock_timestamp(), worker = null
 where id = %s and attempt = %s and state in ('running', 'verifying')

-- name: measured_steps
-- Time that each step took.
select s.step, s.measured_ms, s.estimated_ms from postai.proposal_step s
 where s.proposal = %s and s.measured_ms is not null order by s.step

-- name: expire_dead
-- Let the leases of workers run out whose session is gone.
update postai.action a set lease_until = pg_catalog.clock_timestamp()
 where a.state in ('running', 'verifying') and a.lease_until > pg_catalog.clock_timestamp()
   and not exists (
     select from pg_catalog.pg_stat_activity s
      where s.pid = (pg_catalog.split_part(a.worker, '/', 2))::int
        and coalesce(extract(epoch from s.backend_start)::text = pg_catalog.split_part(a.worker, '/', 3), true))

-- name: tell_soon
-- Tell once what is about to run.
with soon as (
  update postai.action a set noticed_at = pg_catalog.clock_timestamp()
   where a.state = 'queued' and a.noticed_at is null
     and a.not_before <= pg_catalog.clock_timestamp() + interval '5 minutes'
  returning a.id, a.proposal, a.not_before
), told as (
  select s.*, p.title from soon s join postai.proposal p on p.id = s.proposal
)
select t.id, postai._record_event('action.soon', 'action ' || t.id, t.proposal, t.id,
                                  pg_catalog.jsonb_build_object('at', t.not_before, 'title', t.title)),
       pg_catalog.pg_notify('postai_notice', pg_catalog.jsonb_build_object(
         'kind', 'action.soon', 'action', t.id, 'proposal', t.proposal, 'at', t.not_before)::text)
  from told t

-- name: expire
-- End what was not begun before its window closed.
update postai.action a
   set state = 'failed', finished_at = pg_catalog.clock_timestamp(), error = %s::jsonb
 where a.state = 'queued' and upper(a.run_window) <= pg_catalog.clock_timestamp()
returning a.id

-- name: left_broken
-- Ended actions that may have left a broken index: id, proposal, its kind, kind, state, who asked, attempt, checkpoint.
select a.id, a.proposal, p.kind, a.kind, a.state, a.requested_by::text, a.attempt, a.checkpoint
  from postai.action a join postai.proposal p on p.id = a.proposal
 where a.state in ('failed', 'cancelled') and a.checkpoint ->> 'phase' = 'started'
   and not exists (select from postai.action e where e.proposal = a.proposal and e.id > a.id)
 order by a.id

-- name: mark_cleaned
-- Nothing is left of what the action began.
update postai.action set checkpoint = checkpoint || '{"phase": "cleaned"}' where id = %s and state in ('failed', 'cancelled')
