-- Keeping the proposals of the advisors up to date.

-- name: lock
-- One at a time: two runs of the advisors must not propose the same twice.
select pg_catalog.pg_advisory_xact_lock(1886352245, 1801807216)

-- name: standing
-- Proposals with a key that are open or approved: whether the agent is or was at it, whether what they touch is still what
-- it was (null = made in a database of which this one is a copy), and their steps.
select p.id, p.kind, p.key, p.state, p.evidence,
       exists (select from postai.action a where a.proposal = p.id and a.state in ('queued', 'running', 'verifying'))
       or exists (select from postai.proposal_step s where s.proposal = p.id and s.done_at is not null),
       case when p.home <> postai._home() then null
            else not exists (
              select from pg_catalog.jsonb_to_recordset(postai._objects(p.id)) as o (class text, oid oid, identity text)
               where not exists (select from postai._object(o.class, o.oid) as x where x.identity = o.identity)) end,
       postai._fingerprint(postai._objects(p.id)) = p.fingerprint or postai._is_repeatable(p.id),
       coalesce((select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(s.statement, s.postcondition) order by s.step)
                   from postai.proposal_step s where s.proposal = p.id), '[]')
  from postai.proposal p
 where p.key is not null and p.state in ('open', 'approved') order by p.id

-- name: silencing
-- What was decided on the same not long ago: dismissed, undone, or measured to be of no use.
select p.id, p.key, p.evidence,
       coalesce((select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(s.statement, s.postcondition) order by s.step)
                   from postai.proposal_step s where s.proposal = p.id), '[]')
  from postai.proposal p
 where p.key = any (%s::text[]) and p.closed_at > pg_catalog.now() - pg_catalog.make_interval(days => %s)
   and (p.outcome in ('dismissed', 'undone') or p.measured ->> 'state' in ('no effect', 'worse')) order by p.id desc

-- name: seen
-- The advisors said these again.
update postai.proposal set seen_at = pg_catalog.now() where id = any (%s::bigint[])

-- name: refresh
-- What is known of an open proposal changed.
update postai.proposal set title = %s, why = %s, evidence = %s::jsonb where id = %s and state = 'open' returning id

-- name: close
-- An open proposal is not needed any more, or another one took its place.
update postai.proposal
   set state = 'closed', outcome = 'superseded', reason = %s, superseded_by = %s, closed_by = session_user,
       closed_at = pg_catalog.clock_timestamp()
 where id = %s and state = 'open' returning id

-- name: close_by_hand
-- Somebody did it; who, nobody knows.
update postai.proposal
   set state = 'closed', outcome = 'applied', reason = 'done by hand', closed_by = session_user,
       closed_at = pg_catalog.clock_timestamp()
 where id = %s and state in ('open', 'approved') returning id

-- name: record_event
-- Add to the log.
select postai._record_event(%s, 'proposal ' || %s::bigint, %s, null, %s::jsonb)
