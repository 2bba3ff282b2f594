-- ask and its relatives: what a person types. The outer functions are one SELECT each, so that the caller's
-- search_path is read before anything pins it; whatever runs a generated statement is INVOKER, read-only, and goes
-- through a cursor, which takes exactly one statement that returns rows.

create table postai.question (
  id bigint generated always as identity primary key,
  asked_at timestamptz not null default clock_timestamp(),
  asked_by name not null,
  role name not null,
  question text not null,
  status text not null check (status in ('answered', 'abstained', 'refused', 'failed')),
  sql text,
  engine text,
  confidence real,
  explanation text,
  elapsed_ms real
);
comment on table postai.question is 'What was asked and how it was read, written by the agent; never holds rows of an answer.';
create index question_asked_by on postai.question (asked_by, id);

create view postai.questions with (security_barrier) as
  select q.*
    from postai.question as q
   where q.asked_by = session_user
      or pg_catalog.pg_has_role(session_user, coalesce(pg_catalog.to_regrole('postai_operator'), pg_catalog.to_regrole(pg_catalog.quote_ident(postai._owner()))), 'member');
comment on view postai.questions is 'One''s own questions; operators see everybody''s: select asked_at, question, status from postai.questions order by id desc';

-- Running as the caller ---------------------------------------------------------------------------------------
--
-- Read-only by a subtransaction that is rolled back on purpose: SET in a function's head is refused for
-- transaction_read_only from PostgreSQL 16 on, SET LOCAL alone would outlive the function, and what a variable or
-- RETURN NEXT holds survives the rollback. The SQLSTATE PA0RO only ends the block; the flag tells it from one that a
-- statement raised.

create function postai._explain(statement text, path text) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  line record;
  plan text := '';
  over boolean := false;
  state text; said text; more text; advice text;
begin
  perform set_config('transaction_read_only', 'on', true), set_config('search_path', path, true);
  for line in execute pg_catalog.concat('explain (format json) ', statement) loop
    plan := pg_catalog.concat(plan, pg_catalog.row_to_json(line) operator(pg_catalog.->>) 'QUERY PLAN');
  end loop;
  over := true;
  raise sqlstate 'PA0RO';
exception
  -- "others" leaves out query_canceled and assert_failure, and so it must.
  when others then
    if over then
      return json_build_object('plan', plan::json);
    end if;
    get stacked diagnostics state = returned_sqlstate, said = message_text, more = pg_exception_detail,
                            advice = pg_exception_hint;
    return json_build_object('error', json_build_object('sqlstate', state, 'message', said,
      'detail', nullif(more, ''), 'hint', nullif(advice, '')));
end
$$;
comment on function postai._explain(text, text) is
  'EXPLAIN of a generated statement as the caller, its error as a value: select postai._explain(''select 1'', ''public'')';

create function postai._rows(statement text, path text, max_rows integer) returns setof json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  line record;
  found_row json;
  given integer := 0;
  over boolean := false;
begin
  perform set_config('transaction_read_only', 'on', true), set_config('search_path', path, true);
  for line in execute statement loop
    if given operator(pg_catalog.=) max_rows then
      raise notice 'there are more than % rows; ask for more with max_rows', max_rows;
      exit;
    end if;
    found_row := pg_catalog.row_to_json(line);
    return next found_row;
    given := given operator(pg_catalog.+) 1;
  end loop;
  over := true;
  raise sqlstate 'PA0RO';
exception
  when sqlstate 'PA0RO' then
    if not over then
      raise;
    end if;
end
$$;
comment on function postai._rows(text, text, integer) is
  'Rows of one generated statement as JSON objects, read-only, as the caller: select postai._rows(''select 1 as one'', ''public'', 100)';

create function postai._columns(statement text, path text) returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  line record;
  nulls json;
  over boolean := false;
begin
  perform set_config('transaction_read_only', 'on', true), set_config('search_path', path, true);
  -- One row of NULLs, whatever the statement gives: its names are wanted, also double ones and when it has no rows.
  for line in execute pg_catalog.concat('select q.* from (select 1) as one left join (select * from (', E'\n', statement,
                                        E'\n', ') as inside limit 0) as q on true')
  loop
    nulls := pg_catalog.row_to_json(line);
  end loop;
  over := true;
  raise sqlstate 'PA0RO';
exception
  when sqlstate 'PA0RO' then
    if not over then
      raise;
    end if;
    return array(select k.key from json_each(nulls) with ordinality as k (key, value, position) order by k.position);
end
$$;
comment on function postai._columns(text, text) is
  'Column names of one generated statement in order: select postai._columns(''select 1 as one'', ''public'')';

create function postai._prepare(statement text, path text, name text) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  wrapped constant text := format(E'select * from (\n%s\n) as answer limit 100', statement);
begin
  if exists (select from pg_prepared_statements as p where p.name = _prepare.name) then
    execute format('deallocate %I', name);
  end if;
  perform set_config('search_path', path, true);
  execute pg_catalog.format('prepare %I as %s', name, wrapped);
  return wrapped;
end
$$;
comment on function postai._prepare(text, text, text) is
  'Leaves a prepared statement of that name, in place of an older one, and gives its text: select postai._prepare(''select 1'', ''public'', ''ask'')';

-- The conversation --------------------------------------------------------------------------------------------

create function postai._backend_start() returns timestamptz
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select a.backend_start from pg_stat_get_activity(pg_backend_pid()) as a
$$;
comment on function postai._backend_start() is 'When this session began: select postai._backend_start()';

-- Answers one explain frame; gives the agent's last frame when the conversation is over, else NULL.
create function postai._step(conversation text, path text, wait_ms integer) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  frame json := postai._next(conversation, wait_ms);
  said json;
begin
  if frame ->> 'type' = 'explain' then
    said := postai._explain(frame ->> 'sql', path);
    perform postai._reply(conversation, (frame ->> 'seq')::integer, (jsonb_build_object(
      'v', 1, 'id', conversation, 'type', 'explained') || said::jsonb)::text);
    return null;
  elsif frame ->> 'type' = 'error' or frame ->> 'type' = 'answer' then
    return frame;
  elsif frame is not null then
    perform postai._raise('PA002', 'the agent sent a frame that is not understood', left(frame::text, 200),
      'Install the same version of postai in the database and on the agent''s host.');
  end if;
  return null;
end
$$;
comment on function postai._step(text, text, integer) is
  'Takes a conversation one frame further: select postai._step(conversation, ''public'', 30000)';

-- The whole conversation; for ask and answer it stays open while the rows are fetched, as the agent limits their time.
-- For run it stays open beyond this function.
create function postai._converse(
    verb text, question text, path text, schemas text[], max_rows integer,
    out conversation text, out frame json, out lines json[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  wait_ms constant integer := postai._setting_ms('ask_timeout') + 2000;
  give_up constant timestamptz := clock_timestamp() + make_interval(secs => wait_ms / 1000.0);
  is_open boolean := true;
begin
  conversation := postai._open(verb, question, current_user, schemas, max_rows, postai._backend_start());
  -- Two blocks, because a cancel is signalled twice (to the process and to its group): the second signal may hit
  -- while the first one's handler works.
  begin
    begin
      loop
        frame := postai._step(conversation, path, wait_ms);
        exit when frame is not null;
        if clock_timestamp() > give_up then
          frame := postai._not_reachable(format('No answer within %s ms.', wait_ms));
        end if;
      end loop;
      if verb in ('ask', 'answer') and postai._is_answered(frame) then
        select array_agg(r) into lines from postai._rows(frame #>> '{answer,sql}', path, max_rows) as r;
      end if;
      if verb <> 'run' or not postai._is_answered(frame) then
        is_open := false;
        perform postai._close(conversation, false);
      end if;
    exception
      when query_canceled or assert_failure or others then
        if is_open then
          perform postai._close(conversation, true);
          is_open := false;
        end if;
        raise;
    end;
  exception
    when query_canceled then
      if is_open then
        perform postai._close(conversation, true);
      end if;
      raise;
  end;
end
$$;
comment on function postai._converse(text, text, text, text[], integer) is
  'Asks the agent, answers its EXPLAINs and fetches the rows, as the caller: select * from postai._converse(''sql'', ''how many orders?'', ''public'', ''{public}'', 100)';

create function postai._is_answered(frame json) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select frame ->> 'type' = 'answer' and frame #>> '{answer,status}' = 'answered'
         and coalesce(btrim(frame #>> '{answer,sql}'), '') <> ''
$$;
comment on function postai._is_answered(json) is 'Whether a last frame holds a statement: select postai._is_answered(frame)';

create function postai._raise_unless_answered(frame json) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  answer constant json := frame -> 'answer';
  near text;
begin
  if frame ->> 'type' = 'error' then
    perform postai._raise_frame(frame);
  end if;
  select string_agg(format('%s. %s: %s', r.position, r.reading ->> 'text', r.reading ->> 'sql'), E'\n' order by r.position)
    into near
    from json_array_elements(case json_typeof(answer -> 'readings') when 'array' then answer -> 'readings' else '[]' end)
         with ordinality as r (reading, position);
  case answer ->> 'status'
    when 'answered' then
      if nullif(btrim(answer ->> 'sql'), '') is null then
        perform postai._raise('PA004', 'the agent answered without a statement', null, 'Ask in other words.');
      end if;
    when 'abstained' then
      perform postai._raise(coalesce(answer ->> 'sqlstate', 'PA001'),
        coalesce(answer ->> 'reason', 'not sure what the question means'), 'Nearest readings: ' || near,
        coalesce(answer ->> 'hint', 'Ask again with the words of one reading, or name the table and the column.'));
    when 'refused' then
      perform postai._raise(coalesce(answer ->> 'sqlstate', 'PA003'),
        coalesce(answer ->> 'reason', 'refused as unsafe'), answer ->> 'explanation',
        coalesce(answer ->> 'hint', 'ask only reads.'));
    else
      perform postai._raise(coalesce(answer ->> 'sqlstate', 'PA004'),
        coalesce(answer ->> 'reason', 'the question could not be answered'), answer ->> 'explanation',
        coalesce(answer ->> 'hint', 'Ask in other words.'));
  end case;
end
$$;
comment on function postai._raise_unless_answered(json) is
  'Raises PA001, PA003, PA004 or what the last frame says, unless it holds a statement: select postai._raise_unless_answered(frame)';

-- What people type --------------------------------------------------------------------------------------------

create function postai._ask(question text, max_rows integer, path text, schemas text[]) returns setof json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk constant record := postai._converse('ask', question, path, schemas, max_rows);
begin
  perform postai._raise_unless_answered(talk.frame);
  return query select line from unnest(talk.lines) with ordinality as l (line, position) order by position;
end
$$;
comment on function postai._ask(text, integer, text, text[]) is 'Body of postai.ask: select postai._ask(''how many orders?'', 100, ''public'', ''{public}'')';

create function postai.ask(question text, max_rows integer default 100) returns setof json
  language sql volatile
as $$
  select a from postai._ask(question, max_rows, pg_catalog.current_setting('search_path'),
                            pg_catalog.current_schemas(false)::pg_catalog.text[]) as a
$$;
comment on function postai.ask(text, integer) is
  'Answers a question about the data, one JSON object per row: select postai.ask(''top 5 customers by revenue last month'')';

create function postai._sql(verb text, question text, path text, schemas text[]) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk constant record := postai._converse(verb, question, path, schemas, 100);
begin
  perform postai._raise_unless_answered(talk.frame);
  return talk.frame #>> '{answer,sql}';
end
$$;
comment on function postai._sql(text, text, text, text[]) is 'Body of postai.sql: select postai._sql(''sql'', ''how many orders?'', ''public'', ''{public}'')';

create function postai.sql(question text) returns text
  language sql volatile
as $$
  select postai._sql('sql', question, pg_catalog.current_setting('search_path'),
                     pg_catalog.current_schemas(false)::pg_catalog.text[])
$$;
comment on function postai.sql(text) is
  'The SELECT for a question, not run: select postai.sql(''how many orders were cancelled in each country?'') \gexec';

create function postai._answer(question text, max_rows integer, path text, schemas text[])
  returns table (question_id bigint, status text, sql text, columns text[], rows json, explanation text, confidence real,
                 engine text, readings json, reason text, elapsed_ms real)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  started constant timestamptz := clock_timestamp();
  talk constant record := postai._converse('answer', question, path, schemas, max_rows);
  frame constant json := talk.frame;
  answer constant json := frame -> 'answer';
begin
  if frame ->> 'type' = 'error' then
    status := case frame #>> '{error,sqlstate}' when 'PA001' then 'abstained' when 'PA003' then 'refused'
                                                when 'PA004' then 'failed' when 'PA005' then 'failed' end;
    if status is null then
      perform postai._raise_frame(frame);
    end if;
    reason := frame #>> '{error,message}';
    readings := '[]';
  else
    question_id := (answer ->> 'question_id')::bigint;
    status := answer ->> 'status';
    sql := answer ->> 'sql';
    explanation := answer ->> 'explanation';
    confidence := (answer ->> 'confidence')::real;
    engine := answer ->> 'engine';
    readings := coalesce(answer -> 'readings', '[]');
    reason := answer ->> 'reason';
  end if;
  if status = 'answered' then
    perform postai._raise_unless_answered(frame);
    columns := postai._columns(sql, path);
    -- json, unlike jsonb, keeps the order of columns and those of the same name.
    select coalesce(json_agg((select coalesce(json_agg(c.value order by c.position), '[]')
                                from json_each(l.line) with ordinality as c (key, value, position)) order by l.position), '[]')
      into rows
      from unnest(talk.lines) with ordinality as l (line, position);
  end if;
  elapsed_ms := extract(epoch from clock_timestamp() - started) * 1000;
  return next;
end
$$;
comment on function postai._answer(text, integer, text, text[]) is 'Body of postai.answer: select * from postai._answer(''how many orders?'', 100, ''public'', ''{public}'')';

create function postai.answer(question text, max_rows integer default 100)
  returns table (question_id bigint, status text, sql text, columns text[], rows json, explanation text, confidence real,
                 engine text, readings json, reason text, elapsed_ms real)
  language sql volatile
as $$
  select a.* from postai._answer(question, max_rows, pg_catalog.current_setting('search_path'),
                                 pg_catalog.current_schemas(false)::pg_catalog.text[]) as a
$$;
comment on function postai.answer(text, integer) is
  'Answers a question with its SQL, explanation and confidence, also when it is not sure: select * from postai.answer(''how many orders?'')';

create function postai._prepared(question text, name text, path text, schemas text[]) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(name, '') = '' or octet_length(name) > 63 then
    perform postai._raise('22023', 'the name of a prepared statement has 1 to 63 bytes', null, 'Leave it out for the name ask.');
  end if;
  return postai._prepare(postai._sql('prepare', question, path, schemas), path, name);
end
$$;
comment on function postai._prepared(text, text, text, text[]) is 'Body of postai.prepare: select postai._prepared(''how many orders?'', ''ask'', ''public'', ''{public}'')';

create function postai.prepare(question text, name text default 'ask') returns text
  language sql volatile
as $$
  select postai._prepared(question, name, pg_catalog.current_setting('search_path'),
                          pg_catalog.current_schemas(false)::pg_catalog.text[])
$$;
comment on function postai.prepare(text, text) is
  'Leaves a prepared statement that answers with real columns: select postai.prepare(''orders by country''); execute ask;';

-- run: a procedure that commits while it waits, so it can be neither DEFINER nor carry SET: every name in it is
-- written with its schema, and what needs more than that stands in functions.

create function postai._run_start(question text, max_rows integer, path text, schemas text[]) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
begin
  if postai._transport() = 'call' then
    return json_build_object('id', postai._open('run', question, current_user, schemas, max_rows, postai._backend_start()),
      'pause', 0.002, 'give_up', clock_timestamp() + make_interval(secs => postai._setting_ms('ask_timeout') / 1000.0 + 2));
  end if;
  talk := postai._converse('run', question, path, schemas, max_rows);
  return json_build_object('id', talk.conversation, 'frame', talk.frame);
end
$$;
comment on function postai._run_start(text, integer, text, text[]) is 'First part of postai.run: select postai._run_start(''how many orders?'', 100, ''public'', ''{public}'')';

create function postai._run_wait(talk json, path text) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  pause constant double precision := (talk ->> 'pause')::double precision;
  frame json;
begin
  perform pg_sleep(pause);
  frame := postai._step(talk ->> 'id', path, 0);
  if frame is null and clock_timestamp() > (talk ->> 'give_up')::timestamptz then
    perform postai._close(talk ->> 'id', true);
    frame := postai._not_reachable('No answer within ask_timeout.');
  end if;
  return json_build_object('id', talk -> 'id', 'frame', frame, 'pause', least(pause * 1.5, 0.05), 'give_up', talk -> 'give_up');
end
$$;
comment on function postai._run_wait(json, text) is 'One poll of postai.run: select postai._run_wait(talk, ''public'')';

create function postai._declare(statement text, path text, max_rows integer) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pg_cursors as c where c.name = 'ask') then
    execute 'close ask';
  end if;
  perform set_config('search_path', path, true);
  execute pg_catalog.format(E'declare ask cursor with hold for select * from (\n%s\n) as answer limit %s', statement, max_rows);
end
$$;
comment on function postai._declare(text, text, integer) is 'Opens holdable cursor ask: select postai._declare(''select 1'', ''public'', 100)';

create procedure postai.run(question text, max_rows integer default 100)
  language plpgsql
as $$
declare
  path constant pg_catalog.text := pg_catalog.current_setting('search_path');
  talk pg_catalog.json;
begin
  call postai._require_autocommit('postai.run');
  talk := postai._run_start(question, max_rows, path, pg_catalog.current_schemas(false)::pg_catalog.text[]);
  commit;
  loop
    exit when postai._run_over(talk);
    talk := postai._run_wait(talk, path);
    commit;
  end loop;
  perform postai._raise_unless_answered(talk operator(pg_catalog.->) 'frame');
  -- A holdable cursor runs its statement at COMMIT: the whole transaction must be read-only, not a function in it.
  set transaction read only;
  perform postai._declare(talk operator(pg_catalog.#>>) '{frame,answer,sql}', path, max_rows);
  commit;
  perform postai._close(talk operator(pg_catalog.->>) 'id', false);
end
$$;
comment on procedure postai.run(text, integer) is
  'Answers a question in holdable cursor ask, with every transport: call postai.run(''how many orders?''); fetch all from ask;';

create function postai._run_over(talk json) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select json_typeof(talk -> 'frame') = 'object'
$$;
comment on function postai._run_over(json) is 'Whether the conversation of postai.run has its last frame: select postai._run_over(talk)';

select postai._grant('select on postai.questions', 'postai_user');
select postai._grant('select, insert, update on postai.question', 'postai_agent');
select postai._grant('execute on ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'function postai._explain(text, text)', 'function postai._rows(text, text, integer)',
    'function postai._columns(text, text)', 'function postai._prepare(text, text, text)',
    'function postai._backend_start()', 'function postai._step(text, text, integer)',
    'function postai._converse(text, text, text, text[], integer)', 'function postai._is_answered(json)', 'function postai._raise_unless_answered(json)',
    'function postai._ask(text, integer, text, text[])', 'function postai._sql(text, text, text, text[])',
    'function postai._answer(text, integer, text, text[])', 'function postai._prepared(text, text, text, text[])',
    'function postai._run_start(text, integer, text, text[])', 'function postai._run_wait(json, text)',
    'function postai._run_over(json)', 'function postai._declare(text, text, integer)',
    'function postai.ask(text, integer)', 'function postai.sql(text)', 'function postai.answer(text, integer)',
    'function postai.prepare(text, text)', 'procedure postai.run(text, integer)']) as f;
