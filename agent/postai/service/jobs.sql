-- The job queue as the agent works it; the functions are the SQL core's (sql/30_job.sql).

-- name: claim
-- Take the next job that is due, also one whose worker died.
select id, attempt, kind, request
  from postai._job_claim(%s, %s, %s)

-- name: look
-- State of a claimed job and the caller's reply; no row = it is no longer ours.
select state, exchange_seq, exchange_in from postai._job_look(%s, %s)

-- name: exchange
-- Ask the caller to explain or run a statement; gives the number of the exchange, null = the job is no longer ours.
select postai._job_exchange(%s, %s, %s::text::jsonb)

-- name: finish
-- End a claimed job with its last frame; false = it is no longer ours.
select postai._job_finish(%s, %s, %s::text::jsonb)

-- name: watch
-- Renew the leases of the running jobs; false = the job is gone, or its caller no longer runs the statement that asked.
select r.id, r.attempt,
       postai._job_renew(r.id, r.attempt, %s)
       and (r.pid is null or exists (
         select from pg_catalog.pg_stat_activity as a
          where a.pid = r.pid
            -- Who may not see other people's sessions finds nulls here, and believes that the caller is there.
            and (a.backend_start is null or r.backend_start is null or a.backend_start = r.backend_start)
            and (a.query_start is null or r.query_start is null or a.query_start = r.query_start)
            and (a.state is null or a.state <> 'idle')))
  from unnest(%s::bigint[], %s::integer[], %s::integer[], %s::timestamptz[], %s::timestamptz[])
       as r (id, attempt, pid, backend_start, query_start)

-- name: overdue
-- Callers that have run their statement for longer than ask_timeout, each told once.
select request from postai._job_overdue()

-- name: prune
-- End jobs that killed every worker and remove those that ended 10 minutes ago.
select postai._prune()

-- name: enqueue
-- Put background work on the queue unless the same work waits already.
select postai._job_enqueue(%s, '{}', %s)
