-- What the duty of moves reads and writes beside store.sql.

-- name: waiting
-- What was asked and is not answered, whether it was begun, should stop, or is too old to begin; and whether its time has come.
select r.id, r.replication_id, r.verb, r.options, r.requested_by::text, r.taken_at is not null, r.error is not null,
       coalesce(r.not_before <= pg_catalog.clock_timestamp(), true),
       case when r.taken_at is not null or r.verb not in ('cutover', 'rollback') then false
            when r.options ? 'not_after' then (r.options ->> 'not_after')::timestamptz <= pg_catalog.clock_timestamp()
            else greatest(r.requested_at, r.not_before) < pg_catalog.clock_timestamp() - interval '1 minute' end,
       r.outcome ->> 'waits'
  from postai.replication_request as r
 where r.done_at is null
 order by r.verb <> 'abort', r.id

-- name: put_back
-- A request waits again: its window lasts, and something stood against it.
update postai.replication_request as r
   set taken_at = null, outcome = coalesce(%s::jsonb, r.outcome)
 where r.id = %s and r.done_at is null and r.error is null
