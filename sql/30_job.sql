-- The queue of everything that is not a database change, and the way of the SQL-only transports.
--
-- States: queued -> running (claimed by a worker, which holds a lease) -> asking (the agent asks the caller for an
-- EXPLAIN) -> running -> done or failed; cancelled when the caller went away. A worker whose lease ran out loses
-- the job: every change it makes names its attempt, and the attempt has moved on.

create table postai.job (
  id bigint generated always as identity primary key,
  token uuid not null unique default gen_random_uuid(),
  kind text not null,
  dedupe_key text,
  request jsonb not null default '{}',
  state text not null default 'queued' check (state in ('queued', 'running', 'asking', 'done', 'failed', 'cancelled')),
  attempt integer not null default 0,
  max_attempts integer not null default 3 check (max_attempts between 1 and 100),
  worker text,
  lease_until timestamptz,
  exchange_seq integer not null default 0,
  exchange_out jsonb,
  exchange_in jsonb,
  result jsonb,
  executing boolean not null default false,
  submitted_by name not null default session_user,
  submitted_at timestamptz not null default clock_timestamp(),
  run_after timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
comment on table postai.job is 'Queue of questions and background work; rows leave 10 minutes after they end, results when they are read.';
comment on column postai.job.token is 'What the submitter knows the job by; cannot be guessed.';
comment on column postai.job.exchange_out is 'What the agent asks the caller while state is asking: {"type": "explain", "sql": ...}.';
comment on column postai.job.exchange_in is 'The caller''s reply to exchange number exchange_seq.';
comment on column postai.job.executing is 'The caller has the answer and runs the statement, until lease_until at most.';

create unique index job_dedupe on postai.job (dedupe_key) where state in ('queued', 'running', 'asking');
create index job_waiting on postai.job (run_after, id) where state in ('queued', 'running', 'asking');
create index job_finished on postai.job (finished_at) where state in ('done', 'failed', 'cancelled');

-- For the agent ------------------------------------------------------------------------------------------------

create function postai._job_enqueue(
    kind text, request jsonb default '{}', dedupe_key text default null, run_after timestamptz default null,
    max_attempts integer default 3)
  returns bigint
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  with added as (
    insert into postai.job (kind, request, dedupe_key, run_after, max_attempts)
    values ($1, $2, $3, coalesce($4, clock_timestamp()), $5)
    on conflict (dedupe_key) where state in ('queued', 'running', 'asking') do nothing
    returning id
  )
  select id from added, pg_notify('postai_job', added.id::text)
$$;
comment on function postai._job_enqueue(text, jsonb, text, timestamptz, integer) is
  'Adds background work, NULL when the same dedupe_key already waits: select postai._job_enqueue(''collect'', ''{}'', ''collect''). Definer: the agent has no right to write jobs otherwise.';

create function postai._job_claim(worker text, lease_seconds integer, kinds text[]) returns setof postai.job
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  update postai.job as j
     set state = 'running', attempt = j.attempt + 1, worker = $1,
         lease_until = clock_timestamp() + make_interval(secs => $2), exchange_out = null, exchange_in = null
   where j.id = (
     select w.id from postai.job as w
      where w.kind = any ($3) and w.attempt < w.max_attempts and w.run_after <= clock_timestamp()
        and (w.state = 'queued' or (w.state in ('running', 'asking') and w.lease_until < clock_timestamp()))
      order by w.run_after, w.id
      for update skip locked
      limit 1)
  returning j.*
$$;
comment on function postai._job_claim(text, integer, text[]) is
  'Takes the next job of these kinds for lease_seconds, also one whose worker died: select * from postai._job_claim(''host/1'', 30, array[''ask'']). Definer: claims touch jobs of every submitter.';

create function postai._job_renew(job bigint, attempt integer, lease_seconds integer) returns boolean
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  with renewed as (
    update postai.job as j set lease_until = clock_timestamp() + make_interval(secs => $3)
     where j.id = $1 and j.attempt = $2 and j.state in ('running', 'asking')
    returning 1
  )
  select exists (select from renewed)
$$;
comment on function postai._job_renew(bigint, integer, integer) is
  'Prolongs a lease; false = the job is cancelled or another worker has it: select postai._job_renew(7, 1, 30). Definer: see _job_claim.';

create function postai._job_exchange(job bigint, attempt integer, frame jsonb) returns integer
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  update postai.job as j
     set state = 'asking', exchange_seq = j.exchange_seq + 1, exchange_out = $3, exchange_in = null
   where j.id = $1 and j.attempt = $2 and j.state = 'running'
  returning j.exchange_seq
$$;
comment on function postai._job_exchange(bigint, integer, jsonb) is
  'Asks the caller of a job for an EXPLAIN and gives the number of the exchange; NULL = the job is no longer ours: select postai._job_exchange(7, 1, ''{"type": "explain", "sql": "select 1"}''). Definer: see _job_claim.';

create function postai._job_look(job bigint, attempt integer)
  returns table (state text, exchange_seq integer, exchange_in jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select j.state, j.exchange_seq, j.exchange_in
    from postai.job as j
   where j.id = $1 and j.attempt = $2 and j.state in ('running', 'asking')
$$;
comment on function postai._job_look(bigint, integer) is
  'State of a claimed job and the caller''s reply once it is there; no row = cancelled or no longer ours: select * from postai._job_look(7, 1). Definer: see _job_claim.';

create function postai._job_finish(job bigint, attempt integer, result jsonb) returns boolean
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  with finished as (
    update postai.job as j
       set state = case when $3 ->> 'type' = 'error' then 'failed' else 'done' end, result = $3,
           finished_at = clock_timestamp(), lease_until = null, exchange_out = null, exchange_in = null
     where j.id = $1 and j.attempt = $2 and j.state in ('running', 'asking')
    returning 1
  )
  select exists (select from finished)
$$;
comment on function postai._job_finish(bigint, integer, jsonb) is
  'Ends a claimed job with its last frame; false = the job is no longer ours and nothing was written: select postai._job_finish(7, 1, ''{"type": "answer"}''). Definer: see _job_claim.';

create function postai._job_overdue() returns table (job bigint, request jsonb)
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  update postai.job as j
     set executing = false, lease_until = null
   where j.state = 'done' and j.executing and j.lease_until < clock_timestamp()
  returning j.id, j.request
$$;
comment on function postai._job_overdue() is
  'Callers that have run their statement for longer than ask_timeout, each told once: select * from postai._job_overdue(). Definer: see _job_claim.';

create function postai._job_prune() returns integer
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  with worn_out as (
    update postai.job as j
       set state = 'failed', finished_at = clock_timestamp(), lease_until = null, exchange_out = null,
           result = jsonb_build_object('v', 1, 'id', j.token, 'type', 'error', 'error', jsonb_build_object(
             'sqlstate', 'PA002', 'message', 'the agent died ' || j.attempt || ' times over this job',
             'detail', null, 'hint', 'Read the agent''s log.'))
     where j.state in ('running', 'asking') and j.lease_until < clock_timestamp() and j.attempt >= j.max_attempts
    returning 1
  ), gone as (
    delete from postai.job as j
     where j.state in ('done', 'failed', 'cancelled') and j.finished_at < clock_timestamp() - interval '10 minutes'
    returning 1
  ), abandoned as (
    delete from postai.job as j
     where j.state = 'queued' and j.kind = 'ask' and j.submitted_at < clock_timestamp() - interval '1 hour'
    returning 1
  )
  select ((select count(*) from worn_out) + (select count(*) from gone) + (select count(*) from abandoned))::integer
$$;
comment on function postai._job_prune() is
  'Ends jobs that killed every worker and removes those that ended 10 minutes ago: select postai._job_prune(). Definer: see _job_claim.';

select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array[
    'postai._job_enqueue(text, jsonb, text, timestamptz, integer)', 'postai._job_claim(text, integer, text[])',
    'postai._job_renew(bigint, integer, integer)', 'postai._job_exchange(bigint, integer, jsonb)',
    'postai._job_look(bigint, integer)', 'postai._job_finish(bigint, integer, jsonb)', 'postai._job_overdue()',
    'postai._job_prune()']) as f;
select postai._grant('select on postai.job', 'postai_agent');
