-- Version 0.1.0 in one piece, frozen: settings and the job queue. Never edited; tests upgrade from it.

-- Schema, roles, rights, installed version.
--
-- Every file of this directory is plain SQL for PostgreSQL 14 to 18, read by the installer (one transaction) and by
-- the extension script alike. Conventions: a name that starts with "_" is not for people; functions of the schema
-- name everything with its schema or pin search_path; EXECUTE is taken from PUBLIC by the last file.

create schema postai;
comment on schema postai is
  'postai, an AI database administrator: start with SELECT postai.ask(''how many tables are there?'')';

-- Roles belong to the whole cluster: another database may have made them, and we may not be allowed to.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['postai_reader', 'postai_user', 'postai_operator', 'postai_agent'] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
        execute pg_catalog.format('create role %I nologin', wanted);
      end if;
    exception
      when duplicate_object or unique_violation then
        raise notice 'role % was made by another session', wanted;
      when insufficient_privilege then
        raise notice 'role % is missing and may not be created here: the rights stay with the owner of schema postai',
          wanted;
    end;
  end loop;
  begin
    if pg_catalog.to_regrole('postai_reader') is not null and pg_catalog.to_regrole('postai_user') is not null
       and not pg_catalog.pg_has_role('postai_user', 'postai_reader', 'member') then
      grant postai_reader to postai_user;
    end if;
    if pg_catalog.to_regrole('postai_user') is not null and pg_catalog.to_regrole('postai_operator') is not null
       and not pg_catalog.pg_has_role('postai_operator', 'postai_user', 'member') then
      grant postai_user to postai_operator;
    end if;
  exception
    when insufficient_privilege then
      raise notice 'the roles of postai may not be granted to each other here: grant postai_reader to postai_user and postai_user to postai_operator as a superuser';
  end;
end
$$;

create table postai.schema_version (
  version text primary key,
  installed_at timestamptz not null default now(),
  installed_by name not null default session_user,
  installed_as text not null check (installed_as in ('plain', 'extension'))
);
comment on table postai.schema_version is 'Versions of the SQL part that were installed in this database, with the way they came.';

create table postai.role_grant (
  privilege text not null,
  grantee name not null,
  primary key (privilege, grantee)
);
comment on table postai.role_grant is
  'What each role of postai may do, as given by the SQL files; lets rights follow when a role is created later.';

create function postai._grant(privilege text, variadic grantees text[]) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  grantee text;
begin
  foreach grantee in array grantees loop
    insert into postai.role_grant values (privilege, grantee) on conflict do nothing;
    if to_regrole(quote_ident(grantee)) is not null then
      execute format('grant %s to %I', privilege, grantee);
    end if;
  end loop;
end
$$;
comment on function postai._grant(text, text[]) is
  'Grants a privilege to roles of postai that exist and notes it for those that may come: select postai._grant(''select on postai.setting'', ''postai_reader'')';

create function postai._apply_grants() returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
  given integer := 0;
begin
  for one in select privilege, grantee from postai.role_grant order by grantee, privilege loop
    if to_regrole(quote_ident(one.grantee)) is not null then
      execute format('grant %s to %I', one.privilege, one.grantee);
      given := given + 1;
    end if;
  end loop;
  return given;
end
$$;
comment on function postai._apply_grants() is
  'Gives the noted privileges again, for roles that were created after the installation: select postai._apply_grants()';

create function postai._owner() returns name
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.rolname from pg_namespace n join pg_roles r on r.oid = n.nspowner where n.nspname = 'postai'
$$;
comment on function postai._owner() is 'Owner of schema postai: select postai._owner()';

create function postai._raise(sqlstate text, message text, detail text default null, hint text default null) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  sqlstate := case when sqlstate ~ '^[0-9A-Z]{5}$' and sqlstate !~ '^00' then sqlstate else 'PA000' end;
  message := coalesce(nullif(message, ''), 'postai failed');
  if nullif(detail, '') is null and nullif(hint, '') is null then
    raise exception using errcode = sqlstate, message = message;
  elsif nullif(hint, '') is null then
    raise exception using errcode = sqlstate, message = message, detail = detail;
  elsif nullif(detail, '') is null then
    raise exception using errcode = sqlstate, message = message, hint = hint;
  else
    raise exception using errcode = sqlstate, message = message, detail = detail, hint = hint;
  end if;
end
$$;
comment on function postai._raise(text, text, text, text) is
  'Raises an error of postai: select postai._raise(''PA001'', ''not sure'', ''what was found'', ''what to do next'')';

-- COMMIT cannot simply be tried: an exception block is a subtransaction, in which it always fails. But a transaction
-- block makes it fail earlier and with other words; a function, which may never commit, says the same words in the
-- same language.
create function postai._refuse_atomic(verb text, said text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  as_in_a_block text;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics as_in_a_block = message_text;
  end;
  if said = as_in_a_block then
    perform postai._raise('25001', format('%s cannot run inside a transaction block', verb),
      'It commits while it waits, so that it holds no snapshot.',
      format('Turn autocommit on (psql: \set AUTOCOMMIT on; drivers: autocommit = true) and CALL %s again.', verb));
  end if;
end
$$;
comment on function postai._refuse_atomic(text, text) is
  'Raises 25001 when a failed COMMIT said what it says in a transaction block: see procedure postai._require_autocommit';

create procedure postai._require_autocommit(verb text)
  language plpgsql
as $$
declare
  said pg_catalog.text;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics said = message_text;
  end;
  perform postai._refuse_atomic(verb, said);
end
$$;
comment on procedure postai._require_autocommit(text) is
  'First statement of a procedure that commits: raises 25001 in a transaction block: call postai._require_autocommit(''postai.run'')';

select postai._grant('usage on schema postai', 'postai_reader', 'postai_agent');
select postai._grant('select on postai.schema_version', 'postai_reader', 'postai_agent');

-- Settings that this database overrides. The registry is a function, so that a new version brings new settings
-- without touching the rows of the table.

create table postai.setting (
  name text primary key,
  value jsonb not null,
  changed_by name not null default session_user
);
comment on table postai.setting is 'Settings that differ from their defaults; change them with postai.set.';

create function postai._known_settings()
  returns table (name text, type text, fallback text, set_by text, description text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('ask_timeout', 'duration', '30s', 'operator', 'How long one question may take, thinking and running together.'),
    ('ask_cost_ceiling', 'number', '10000000', 'operator', 'Highest estimated planner cost of a statement that ask runs.'),
    ('engine', 'auto|grammar|model', 'auto', 'operator', 'Which engine reads questions; auto tries the grammar first.'),
    ('model', 'text', '', 'operator', 'Name of the model; empty = the one in the agent''s configuration.'),
    ('share_values', 'boolean', 'false', 'owner', 'Whether row values may be sent to the model.'),
    ('daily_budget_usd', 'number', '5', 'operator', 'Most that model calls may cost in a day, in US dollars.'),
    ('allowed_functions', 'list', '', 'operator', 'User functions that generated statements may call: schema.name, comma separated.')
$$;
comment on function postai._known_settings() is 'Every setting with its type, default and who may change it: select * from postai._known_settings()';

create view postai.settings as
  select k.name,
         case when s.name is null then k.fallback
              when pg_catalog.jsonb_typeof(s.value) = 'array' then
                (select coalesce(pg_catalog.string_agg(e.item, ', ' order by e.position), '')
                   from pg_catalog.jsonb_array_elements_text(s.value) with ordinality as e (item, position))
              else s.value #>> '{}' end as value,
         k.fallback as default_value, k.type, k.set_by, s.changed_by, k.description
    from postai._known_settings() as k
    left join postai.setting as s on s.name = k.name;
comment on view postai.settings is 'Every setting with its value here: select name, value from postai.settings; change one with postai.set(name, value).';

create function postai._setting_text(setting text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select value from postai.settings where name = setting
$$;
comment on function postai._setting_text(text) is 'Value of a setting as text: select postai._setting_text(''ask_timeout'')';

create function postai._setting_ms(setting text) returns integer
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select least(3600000, extract(epoch from postai._setting_text(setting)::interval) * 1000)::integer
$$;
comment on function postai._setting_ms(text) is 'A setting of type duration in milliseconds: select postai._setting_ms(''ask_timeout'')';

-- Two names are near when they share many three-letter pieces; enough to find a typing mistake, and in the core.
create function postai._nearness(a text, b text) returns real
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with pieces as (
    select w.which, substr(w.word, i, 2) as piece
      from (values (1, '^' || lower(a) || '$'), (2, '^' || lower(b) || '$')) as w (which, word),
           generate_series(1, length(w.word) - 1) as i
  )
  select (2.0 * count(*) filter (where n = 2) / greatest(sum(n), 1))::real
    from (select piece, count(distinct which) as n from pieces group by piece) as p
$$;
comment on function postai._nearness(text, text) is 'How alike two names are, from 0 to 1: select postai._nearness(''ask_timout'', ''ask_timeout'')';

create function postai._setting_value(type text, value text) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  case
    when type = 'duration' then
      if value::interval <= interval '0' or value::interval > interval '1 hour' then
        raise invalid_parameter_value;
      end if;
      return to_jsonb(value);
    when type = 'number' then
      if value::numeric < 0 or value::numeric in ('NaN', 'Infinity') then
        raise invalid_parameter_value;
      end if;
      return to_jsonb(value::numeric);
    when type = 'boolean' then
      return to_jsonb(value::boolean);
    when type = 'list' then
      return coalesce((select jsonb_agg(btrim(item) order by position)
                         from unnest(string_to_array(value, ',')) with ordinality as e (item, position)
                        where btrim(item) <> ''), '[]');
    when type = 'text' then
      return to_jsonb(value);
    else
      if value <> all (string_to_array(type, '|')) then
        raise invalid_parameter_value;
      end if;
      return to_jsonb(value);
  end case;
end
$$;
comment on function postai._setting_value(text, text) is 'A setting''s text as JSON, or an error: select postai._setting_value(''boolean'', ''on'')';

create function postai.set(name text, value text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known record;
  clean jsonb;
begin
  select k.* into known from postai._known_settings() as k where k.name = set.name;
  if not found then
    perform postai._raise('42704', format('there is no setting %L', name),
      'Nearest: ' || (select string_agg(n.name, ', ')
                        from (select k.name from postai._known_settings() as k
                               order by postai._nearness(k.name, coalesce(set.name, '')) desc, k.name limit 3) as n),
      'SELECT name, value, description FROM postai.settings lists them all.');
  end if;
  if known.set_by = 'owner' and not pg_has_role(session_user, postai._owner(), 'member') then
    perform postai._raise('PA006', format('%I may be changed by the owner of schema postai only', name), null,
      format('Ask a member of role %I.', postai._owner()));
  end if;
  if value is null then
    delete from postai.setting as s where s.name = set.name;
  else
    begin
      clean := postai._setting_value(known.type, value);
    exception
      when data_exception then
        perform postai._raise('22023', format('%L is no value for setting %I', value, name),
          format('Its type is %s; the default is %L.', known.type, known.fallback),
          case known.type when 'duration' then 'Write for example 30s or 2 min, up to 1 hour.'
                          when 'number' then 'Write a number that is not negative.'
                          when 'boolean' then 'Write true or false.'
                          else 'Choose one of: ' || replace(known.type, '|', ', ') end);
    end;
    insert into postai.setting as s (name, value, changed_by) values (name, clean, session_user)
      on conflict on constraint setting_pkey do update set value = excluded.value, changed_by = excluded.changed_by;
  end if;
end
$$;
comment on function postai.set(text, text) is
  'Changes a setting, NULL = back to its default: select postai.set(''ask_timeout'', ''1 min''). Definer: operators write postai.setting through this check only.';

select postai._grant('select on postai.setting', 'postai_reader', 'postai_agent');
select postai._grant('select on postai.settings', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._known_settings()', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._setting_text(text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._setting_ms(text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._raise(text, text, text, text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._refuse_atomic(text, text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on procedure postai._require_autocommit(text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai.set(text, text)', 'postai_operator');

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

-- Nobody but the roles that were named may execute anything of this schema.
revoke execute on all routines in schema postai from public;
