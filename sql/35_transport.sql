-- How a backend reaches the agent. The way is fixed per database at install, in a table that only its owner writes:
--   socket  PL/Python talks to the agent's unix socket (function postai._socket, a layer of its own)
--   dblink  jobs submitted and polled over a second connection, as a login that may do nothing else
--   call    jobs submitted here; only a procedure, which commits between polls, can wait for them
--
-- A conversation is the same on each: _open, then _next until it gives "answer" or "error"; "explain", "analyze" and
-- "digest" are answered with _reply; _close at the end. The four are DEFINER and hold fixed SQL only; whatever runs generated SQL is
-- INVOKER and stands in 40_ask.sql.

create table postai.transport (
  only_row boolean primary key default true check (only_row),
  kind text not null default 'call' check (kind in ('socket', 'dblink', 'call')),
  login name,
  secret bytea not null default
    pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())),
  fixed_at timestamptz not null default now()
);
comment on table postai.transport is 'How functions of this database reach the agent; one row, written by the installer.';
comment on column postai.transport.login is 'Login of transport dblink; may only submit and poll jobs.';
comment on column postai.transport.secret is 'Signs what transport dblink submits, so that its connection is of no use to the session''s user.';
insert into postai.transport default values;

create function postai._transport() returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select kind from postai.transport
$$;
comment on function postai._transport() is 'The transport of this database: select postai._transport()';

create function postai._agent_present() returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  holder integer;
begin
  select l.pid into holder
    from pg_locks as l
   where l.locktype = 'advisory' and l.classid = 1886352244 and l.objid = 1 and l.objsubid = 2 and l.granted
     and l.database = (select d.oid from pg_database as d where d.datname = current_database());
  if holder is null then
    return false;
  end if;
  -- Anybody can take an advisory lock: its holder must have logged in as a member of postai_agent or as the owner of
  -- the schema. The list of sessions is read once in a transaction, so that an agent that came later is looked for a
  -- second time.
  for attempt in 1..2 loop
    if exists (select from pg_stat_get_activity(holder) as a
                where pg_has_role(a.usesysid, to_regrole('postai_agent')::oid, 'member')
                   or pg_has_role(a.usesysid, (select n.nspowner from pg_namespace as n where n.nspname = 'postai'), 'member')) then
      return true;
    end if;
    perform pg_stat_clear_snapshot();
  end loop;
  return false;
end
$$;
comment on function postai._agent_present() is
  'Whether an agent leads in this database (its session holds an advisory lock while it lives): select postai._agent_present()';

create function postai._not_reachable(detail text) returns json
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('v', 1, 'type', 'error', 'error', json_build_object(
    'sqlstate', 'PA002', 'message', 'the agent is not reachable', 'detail', detail,
    'hint', 'Start it with: post-ai agent'))
$$;
comment on function postai._not_reachable(text) is 'The error frame for an agent that does not answer: select postai._not_reachable(''why'')';

-- Jobs as transport -------------------------------------------------------------------------------------------

create function postai._signature(payload text) returns bytea
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  -- The time at which the server started is part of it: a restored copy has the same secret, and its second connection
  -- must not reach the original.
  select sha256(t.secret || sha256(t.secret || convert_to(
           concat_ws(' ', extract(epoch from pg_postmaster_start_time()), current_database(), payload), 'UTF8')))
    from postai.transport as t
$$;
comment on function postai._signature(text) is 'Proof that a request was built in this database by postai: select postai._signature(''{}'')';

create function postai._job_submit(payload text, signature bytea) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  submitted constant jsonb := payload::jsonb;
  job bigint;
begin
  if signature is distinct from postai._signature(payload) or submitted ->> 'database' is distinct from current_database() then
    perform postai._raise('PA006', 'this request was not signed by postai in this database',
      'Only the functions of postai submit over the transport''s login.',
      'After a restore under another name or on another server run: post-ai install');
  end if;
  -- A session has one conversation at a time, as over the socket: many that nobody reads would keep every worker waiting.
  update postai.job as j set state = 'cancelled', finished_at = clock_timestamp(), exchange_out = null, lease_until = null
   where j.kind = 'ask' and j.state in ('queued', 'running', 'asking') and j.request -> 'pid' = submitted -> 'pid'
     and j.token <> (submitted ->> 'id')::uuid;
  insert into postai.job as j (token, kind, request, submitted_by, max_attempts)
    values ((submitted ->> 'id')::uuid, 'ask', submitted, (submitted ->> 'session_user')::name, 3)
    on conflict (token) do nothing
    returning j.id into job;
  perform pg_notify('postai_job', job::text);
  return submitted ->> 'id';
end
$$;
comment on function postai._job_submit(text, bytea) is
  'Queues a signed request: select postai._job_submit(payload, signature). Definer: submitters have no right to write jobs.';

create function postai._job_mine(job postai.job) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select job.submitted_by = session_user or session_user = (select t.login from postai.transport as t)
$$;
comment on function postai._job_mine(postai.job) is
  'Whether this session submitted the job, itself or as the transport''s login: select postai._job_mine(j) from postai.job j';

create function postai._job_poll(token uuid) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  one postai.job;
begin
  select j.* into one from postai.job as j where j.token = _job_poll.token and postai._job_mine(j);
  if not found or one.state = 'cancelled' then
    return json_build_object('v', 1, 'type', 'error', 'error', json_build_object(
      'sqlstate', 'PA002', 'message', 'the question is gone from the queue', 'detail', null, 'hint', 'Ask again.'));
  elsif one.state = 'asking' then
    return one.exchange_out || jsonb_build_object('seq', one.exchange_seq);
  elsif one.state = 'done' and one.result #>> '{answer,status}' = 'answered'
        and one.request ->> 'verb' in ('ask', 'answer', 'run') then
    -- The caller runs the statement now; the agent watches until lease_until.
    update postai.job as j
       set result = null, executing = true,
           lease_until = clock_timestamp() + make_interval(secs => postai._setting_ms('ask_timeout') / 1000.0)
     where j.id = one.id;
    return one.result;
  elsif one.state in ('done', 'failed') then
    delete from postai.job as j where j.id = one.id;
    return one.result;
  end if;
  return null;
end
$$;
comment on function postai._job_poll(uuid) is
  'Next frame of one''s own job, NULL = none yet: select postai._job_poll(token). Definer: submitters have no right to read jobs.';

create function postai._job_reply(token uuid, seq integer, frame jsonb) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  job bigint;
begin
  update postai.job as j set state = 'running', exchange_in = frame, exchange_out = null
   where j.token = _job_reply.token and j.state = 'asking' and j.exchange_seq = _job_reply.seq and postai._job_mine(j)
  returning j.id into job;
  if job is not null then
    perform pg_notify('postai_job', job::text);
  end if;
  return job is not null;
end
$$;
comment on function postai._job_reply(uuid, integer, jsonb) is
  'Answers exchange seq of one''s own job: select postai._job_reply(token, 1, ''{}''). Definer: see _job_poll.';

create function postai._job_close(token uuid) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  job bigint;
begin
  delete from postai.job as j
   where j.token = _job_close.token and j.state in ('done', 'failed') and postai._job_mine(j);
  if found then
    return true;
  end if;
  update postai.job as j set state = 'cancelled', finished_at = clock_timestamp(), exchange_out = null, lease_until = null
   where j.token = _job_close.token and j.state in ('queued', 'running', 'asking') and postai._job_mine(j)
  returning j.id into job;
  if job is not null then
    perform pg_notify('postai_job', job::text);
  end if;
  return job is not null;
end
$$;
comment on function postai._job_close(uuid) is
  'Removes one''s own job that has ended, or cancels it: select postai._job_close(token). Definer: see _job_poll.';

-- The second connection of transport dblink -------------------------------------------------------------------

create function postai._dblink_home() returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'dblink'
$$;
comment on function postai._dblink_home() is 'Schema of extension dblink, quoted: select postai._dblink_home()';

create function postai._dblink(statement text) returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  home constant text := postai._dblink_home();
  name constant text := 'postai';
  is_open boolean;
  result text;
  problem text;
  cause text;
begin
  if home is null then
    perform postai._raise('PA007', 'extension dblink is missing', 'This database reaches the agent over dblink.',
      'CREATE EXTENSION dblink, or choose another transport with: post-ai install --transport call');
  end if;
  for attempt in 1..2 loop
    execute format('select $1 = any (coalesce(%s.dblink_get_connections(), ''{}''))', home) into is_open using name;
    if not is_open then
      begin
        execute format('select %s.dblink_connect($1, $2)', home) using name, 'postai_loopback';
      exception
        when connection_exception or undefined_object then
          get stacked diagnostics problem = message_text, cause = pg_exception_detail;
          perform postai._raise('PA007', 'the second connection of transport dblink cannot be opened',
            concat_ws(': ', problem, nullif(cause, '')),
            'Let login postai_transport_* in by password (pg_hba.conf), then run: post-ai install --transport dblink');
      end;
    end if;
    begin
      execute format('select answer from %s.dblink($1, $2) as r (answer text)', home) into result using name, statement;
      return result;
    exception
      when connection_exception or admin_shutdown or crash_shutdown then
        execute format('select %s.dblink_disconnect($1)', home) using name;
        if attempt = 2 then
          raise;
        end if;
    end;
  end loop;
end
$$;
comment on function postai._dblink(text) is
  'Runs one statement of postai over the session''s second connection, connecting again when it was lost: select postai._dblink(''select 1'')';

create function postai._dblink_drop() returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('select %1$s.dblink_disconnect(c) from unnest(%1$s.dblink_get_connections()) as c where c = $1',
                 postai._dblink_home()) using 'postai';
end
$$;
comment on function postai._dblink_drop() is
  'Closes the session''s second connection (a cancelled statement may still be on it): select postai._dblink_drop()';

-- The conversation --------------------------------------------------------------------------------------------

-- The advisors look at a whole workload, and changes are tried on copies: they get a minute even where questions get less.
create function postai._time_limit(verb text) returns integer
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(postai._setting_ms('ask_timeout'), case when verb in ('optimize', 'migrate', 'design', 'drift', 'replicate_check') then 60000 end)
$$;
comment on function postai._time_limit(text) is
  'How long a request of that verb may take, in milliseconds: select postai._time_limit(''optimize'')';

create function postai._request(
    verb text, question text, role text, search_path text[], max_rows integer, backend_start timestamptz)
  returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set datestyle = 'ISO, YMD'
  set timezone = 'UTC'
as $$
declare
  thing constant text := case when verb in ('check', 'optimize') then 'statement' when verb in ('explain', 'lint') then 'text' when verb = 'migrate' then 'request' when verb = 'design' then 'description' else 'question' end;
  longest constant integer := case when verb in ('lint', 'migrate') then 1000000 else 20000 end;
begin
  if role is null or not exists (select from pg_roles as r where r.rolname = role)
     or not pg_has_role(session_user, role, 'member') then
    perform postai._raise('PA006', format('%I is not a member of role %I', session_user, coalesce(role, '')),
      'A question is asked with the rights of a role that the login is a member of.', 'SET ROLE, or log in as that role.');
  end if;
  if verb = 'replicate_check' and not postai._is_operator(session_user) then
    -- The agent would look into databases that the caller may not see.
    perform postai._raise('PA006', format('role %I may not check a move', session_user), 'Only operators move databases.',
      format('GRANT postai_operator TO %I;', session_user));
  end if;
  -- The whole workload is asked for by no statement at all.
  if question is null or btrim(question, E' \t\r\n\f') = '' and not (verb in ('optimize', 'drift') and question = '') then
    perform postai._raise('22023', format('the %s is empty', thing), null,
      case verb when 'check' then 'Give the SELECT that answers the question.'
                when 'optimize' then 'Give one SELECT; SELECT * FROM postai.optimize() looks at the whole workload.'
                when 'migrate' then 'Give DDL, or say in words what is to change: select postai.migrate(''add a region to orders'')'
                when 'design' then 'Say what there is and what it has: select postai.design(''a blog with authors, posts and comments'')'
                when 'lint' then 'Give the statements of a schema change, with semicolons between them.'
        else 'Ask in words, for example: select postai.ask(''how many orders were placed yesterday?'')' end);
  end if;
  if octet_length(question) > longest then
    perform postai._raise('22023', format('the %s is too long: %s bytes', thing, octet_length(question)), null,
      format('At most %s bytes are read.', longest));
  end if;
  if max_rows is null or max_rows not between 1 and 1000000 then
    perform postai._raise('22023', format('max_rows must be from 1 to 1000000, not %s', coalesce(max_rows::text, 'NULL')),
      null, 'Leave it out for 100 rows.');
  end if;
  return json_build_object(
    'v', 1, 'id', gen_random_uuid(), 'type', 'ask', 'verb', verb, 'question', question,
    'session_user', session_user, 'role', role, 'search_path', coalesce(search_path, '{}'),
    'database', current_database(), 'pid', pg_backend_pid(),
    -- Exact texts: the agent cancels a statement only when all three are equal in pg_stat_activity.
    'backend_start', coalesce(backend_start::text, ''), 'query_start', statement_timestamp()::text,
    'max_rows', max_rows, 'deadline_ms', postai._time_limit(verb));
end
$$;
comment on function postai._request(text, text, text, text[], integer, timestamptz) is
  'The first frame of a conversation, after checks: select postai._request(''sql'', ''how many orders?'', current_user, ''{public}'', 100, null)';

create function postai._open(
    verb text, question text, role text, search_path text[], max_rows integer, backend_start timestamptz)
  returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  request constant json := postai._request(verb, question, role, search_path, max_rows, backend_start);
  way constant text := postai._transport();
  answer text;
begin
  if way = 'socket' then
    if to_regprocedure('postai._socket(text, text, text)') is null then
      perform postai._raise('PA007', 'the PL/Python layer of postai is missing', 'The transport of this database is socket.',
        'CREATE EXTENSION postai_plpython, or choose another transport with: post-ai install --transport dblink');
    end if;
    execute 'select postai._socket($1, $2, $3)' into answer using 'open', request ->> 'id', request::text;
    if answer is not null then
      perform postai._raise_frame(answer::json);
    end if;
  else
    if pg_is_in_recovery() then
      perform postai._raise('PA007', 'a standby cannot ask the agent',
        format('The transport of this database is %s, which writes jobs into a table.', way), 'Ask on the primary.');
    end if;
    if not postai._agent_present() then
      perform postai._raise_frame(postai._not_reachable('No agent leads in this database.'));
    end if;
    if way = 'dblink' then
      perform postai._dblink(format('select postai._job_submit(%L, %L)', request::text, postai._signature(request::text)));
    elsif verb = 'run' and current_setting('transaction_read_only')::boolean then
      perform postai._raise('25006', 'postai.run cannot ask in a read-only transaction',
        'The transport of this database is call, which writes jobs into a table.',
        'SET default_transaction_read_only = off; the statement that answers is run read-only all the same.');
    elsif verb = 'run' then
      perform postai._job_submit(request::text, postai._signature(request::text));
    else
      perform postai._raise('PA007', format('postai.%s cannot wait for the agent in this database', verb),
        'Its transport is call: only a procedure that commits between polls can wait.',
        case verb when 'explain' then 'Run EXPLAIN (ANALYZE, BUFFERS) yourself, or choose another transport with: post-ai install --transport dblink'
          when 'optimize' then 'SELECT * FROM postai.recommendations: the agent fills it every optimize_interval; or run from a shell: post-ai optimize'
          when 'migrate' then 'Run from a shell: post-ai migrate explain FILE'
          when 'design' then 'Run from a shell: post-ai design'
          when 'drift' then 'Run from a shell: post-ai migrate drift'
          when 'lint' then 'Run from a shell: post-ai lint FILE'
          when 'replicate_check' then 'Run from a shell: post-ai replicate check SOURCE TARGET'
          else format('CALL postai.run(%L); then FETCH ALL FROM ask;', left(question, 200)) end);
    end if;
  end if;
  return request ->> 'id';
end
$$;
comment on function postai._open(text, text, text, text[], integer, timestamptz) is
  'Sends a question and gives the name of the conversation: select postai._open(''sql'', ''how many orders?'', current_user, ''{public}'', 100, null). Definer: callers may neither write jobs nor open sockets.';

create function postai._next(conversation text, wait_ms integer) returns json
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  way constant text := postai._transport();
  started constant timestamptz := clock_timestamp();
  seen timestamptz := clock_timestamp();
  looked timestamptz := clock_timestamp();
  pause double precision := 0.001;
  frame text;
begin
  if way = 'socket' then
    execute 'select postai._socket($1, $2, $3)' into frame using 'next', conversation, wait_ms::text;
    return frame::json;
  elsif way = 'call' then
    frame := postai._job_poll(conversation::uuid);
  end if;
  while way = 'dblink' loop
    frame := postai._dblink(format('select postai._job_poll(%L)', conversation::uuid));
    exit when frame is not null or clock_timestamp() > started + make_interval(secs => wait_ms / 1000.0);
    if clock_timestamp() > looked + interval '0.25 seconds' then
      looked := clock_timestamp();
      if postai._agent_present() then
        seen := looked;
      end if;
    end if;
    exit when clock_timestamp() > seen + interval '5 seconds';
    perform pg_sleep(pause);
    pause := least(pause * 1.25, 0.05);
  end loop;
  if frame is null and way = 'dblink' then
    return postai._not_reachable(case when clock_timestamp() > seen + interval '5 seconds'
      then 'It went away while it was thinking.' else format('No answer within %s ms.', wait_ms) end);
  end if;
  return frame::json;
end
$$;
comment on function postai._next(text, integer) is
  'The agent''s next frame; transport call gives NULL when there is none yet: select postai._next(conversation, 30000). Definer: see _open.';

create function postai._reply(conversation text, seq integer, frame text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  way constant text := postai._transport();
  answer text;
begin
  if way = 'socket' then
    execute 'select postai._socket($1, $2, $3)' into answer using 'reply', conversation, frame;
    if answer is not null then
      perform postai._raise_frame(answer::json);
    end if;
  elsif way = 'dblink' then
    perform postai._dblink(format('select postai._job_reply(%L, %s, %L)', conversation::uuid, seq, frame));
  else
    perform postai._job_reply(conversation::uuid, seq, frame::jsonb);
  end if;
end
$$;
comment on function postai._reply(text, integer, text) is
  'Answers what the agent asked for: select postai._reply(conversation, 1, ''{"type": "explained"}''). Definer: see _open.';

create function postai._close(conversation text, failed boolean) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  way constant text := postai._transport();
begin
  if way = 'socket' then
    execute 'select postai._socket($1, $2, $3)' using 'close', conversation, '';
  elsif way = 'dblink' then
    if failed then
      perform postai._dblink_drop();
    end if;
    perform postai._dblink(format('select postai._job_close(%L)', conversation::uuid));
  else
    perform postai._job_close(conversation::uuid);
  end if;
end
$$;
comment on function postai._close(text, boolean) is
  'Ends a conversation, which tells the agent to stop caring: select postai._close(conversation, false). Definer: see _open.';

create function postai._raise_frame(frame json) returns void
  language sql
  set search_path = pg_catalog, pg_temp
as $$
  select postai._raise(frame #>> '{error,sqlstate}', frame #>> '{error,message}', frame #>> '{error,detail}', frame #>> '{error,hint}')
$$;
comment on function postai._raise_frame(json) is
  'Raises the error that a frame holds: select postai._raise_frame(postai._not_reachable(''why''))';

select postai._grant('select (only_row, kind, fixed_at) on postai.transport', 'postai_reader', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'postai._open(text, text, text, text[], integer, timestamptz)', 'postai._next(text, integer)',
    'postai._reply(text, integer, text)', 'postai._close(text, boolean)', 'postai._raise_frame(json)',
    'postai._time_limit(text)']) as f;
select postai._grant('execute on function ' || f, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array[
    'postai._transport()', 'postai._agent_present()', 'postai._not_reachable(text)']) as f;
