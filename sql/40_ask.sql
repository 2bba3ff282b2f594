-- ask and its relatives: what a person types. The outer functions pin no search_path, so that the caller's is read
-- before anything pins it; whatever runs a generated statement is INVOKER, read-only, and goes
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
create index question_asked_at on postai.question (asked_at);

create table postai.feedback (
  question_id bigint primary key references postai.question (id) on delete cascade,
  correct boolean not null,
  correction text,
  given_by name not null default session_user,
  given_at timestamptz not null default clock_timestamp()
);
comment on table postai.feedback is 'Whether the answer to a question was right, as a person said with postai.feedback.';

create view postai.questions with (security_barrier) as
  select q.*, f.correct, f.correction
    from postai.question as q
    left join postai.feedback as f on f.question_id = q.id
   where q.asked_by = session_user
      or pg_catalog.pg_has_role(session_user, coalesce(pg_catalog.to_regrole('postai_operator'), pg_catalog.to_regrole(pg_catalog.quote_ident(postai._owner()))), 'member');
comment on view postai.questions is 'One''s own questions with the feedback given on them; operators see everybody''s: select id, question, status, correct from postai.questions order by id desc';

-- Running as the caller ---------------------------------------------------------------------------------------
--
-- Read-only by a subtransaction that is rolled back on purpose: SET in a function's head is refused for
-- transaction_read_only from PostgreSQL 16 on, SET LOCAL alone would outlive the function, and what a variable or
-- RETURN NEXT holds survives the rollback. The SQLSTATE PA0RO only ends the block; the flag tells it from one that a
-- statement raised.

create function postai._path(schemas name[]) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  -- The agent knows no temporary tables: one that is named like the table that is meant must not be read in its place.
  select concat_ws(', ', string_agg(quote_ident(s.name), ', ' order by s.position), 'pg_temp')
    from unnest(schemas) with ordinality as s (name, position)
   where s.name !~ '^pg_temp'
$$;
comment on function postai._path(name[]) is
  'The search_path in which a generated statement runs: the caller''s, temporary tables last: select postai._path(current_schemas(false))';

-- EXECUTE takes several statements in one text, a cursor takes one. So whatever is not run by a cursor comes here first:
-- the server's own parser counts, and nothing is analysed, planned or run. PREPARE is no query and opens no cursor,
-- which is refused with its name when it stands alone, and without it when more statements follow.
create function postai._one_statement(statement text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  nothing record;
  said text;
begin
  begin
    for nothing in execute concat('prepare postai_held as ', statement) loop
    end loop;
  exception
    when invalid_cursor_definition then
      get stacked diagnostics said = message_text;
      if position('PREPARE' in said) > 0 then
        return;
      end if;
  end;
  perform postai._raise('PA003', 'the agent sent more than one statement', null, 'Nothing was run. Ask in other words.');
end
$$;
comment on function postai._one_statement(text) is
  'Raises PA003 for a text of several statements, without running any: select postai._one_statement(''select 1'')';

-- The same text as the block "fingerprint" of the agent's catalog.sql, which says what it relies on.
create function postai._catalog_fingerprint() returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
with space as materialized (
  select n.oid, n.xmin from pg_catalog.pg_namespace n
   where n.nspname !~ '^(pg|postai_scratch)_' and n.nspname not in ('information_schema', 'postai_cache')
), relation as materialized (
  select c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl, c.reloptions, c.relam, c.relispartition,
         c.relrowsecurity, c.relforcerowsecurity
    from pg_catalog.pg_class c
   where c.relnamespace in (select space.oid from space)
)
select pg_catalog.md5(pg_catalog.concat_ws(' ',
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(s.oid, s.xmin), 0)) from space s),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(r.*), 0)) from relation r),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(a.attrelid, a.attnum, a.xmin), 0))
     from pg_catalog.pg_attribute a join relation r on r.oid = a.attrelid and r.relkind not in ('i', 'I', 'S')
    where a.attnum > 0),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.oid, d.xmin), 0))
     from pg_catalog.pg_attrdef d join relation r on r.oid = d.adrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(k.oid, k.xmin), 0))
     from pg_catalog.pg_constraint k
    where k.connamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(i.indexrelid, i.xmin), 0))
     from pg_catalog.pg_index i join relation r on r.oid = i.indrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(h.inhrelid, h.inhparent, h.xmin), 0))
     from pg_catalog.pg_inherits h join relation r on r.oid = h.inhrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(w.oid, w.xmin), 0))
     from pg_catalog.pg_rewrite w join relation r on r.oid = w.ev_class),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(p.oid, p.xmin), 0)) from pg_catalog.pg_policy p),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(g.oid, g.xmin), 0))
     from pg_catalog.pg_trigger g join relation r on r.oid = g.tgrelid where not g.tgisinternal),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.objoid, d.classoid, d.objsubid, d.xmin), 0))
     from pg_catalog.pg_description d where d.objoid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(t.oid, t.xmin), 0))
     from pg_catalog.pg_type t where t.typnamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(e.oid, e.xmin), 0)) from pg_catalog.pg_enum e),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(x.oid, x.xmin), 0))
     from pg_catalog.pg_statistic_ext x where x.stxnamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.oid, m.xmin), 0))
     from pg_catalog.pg_amproc m where m.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.oid, m.xmin), 0))
     from pg_catalog.pg_amop m where m.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(f.oid, f.xmin), 0)) from pg_catalog.pg_proc f),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(o.oid, o.xmin), 0)) from pg_catalog.pg_operator o),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0)) from pg_catalog.pg_cast c),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(x.oid, x.xmin), 0)) from pg_catalog.pg_extension x),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.classid, d.objid, d.refobjid, d.xmin), 0))
     from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0))
     from pg_catalog.pg_opclass c where c.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(s.oid, s.xmin), 0)) from pg_catalog.pg_foreign_server s),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.roleid, m.member, m.grantor, m.xmin), 0))
     from pg_catalog.pg_auth_members m),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(u.oid, u.rolname, u.rolsuper, u.rolinherit,
            u.rolbypassrls), 0)) from pg_catalog.pg_roles u)))
$$;
comment on function postai._catalog_fingerprint() is
  'A short text that changes with every change of definitions, rights or role memberships: select postai._catalog_fingerprint()';

-- Between the agent's look at the catalog and the statement, the owner of a view could put other code into it (and make
-- the statement wait for that change by a lock). So the statement is analysed first, which locks everything that it
-- reads, through views too, and neither plans nor runs it; what the agent saw must then still hold.
create function postai._hold(statement text, path text, unchanged text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._one_statement(statement);
  if unchanged is null then
    return;
  end if;
  -- A prepared statement outlives the transaction: one may be left from a cancel between the next two statements.
  if exists (select from pg_prepared_statements as p where p.name = 'postai_held') then
    execute 'deallocate postai_held';
  end if;
  perform set_config('search_path', path, true);
  execute pg_catalog.concat('prepare postai_held as ', statement);
  execute 'deallocate postai_held';
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if postai._catalog_fingerprint() is distinct from unchanged then
    perform postai._raise('40001', 'definitions changed while the question was being answered',
      'Tables, views, functions or rights are not what the agent saw; nothing was run.',
      'Ask again; if this transaction itself changed definitions, commit first.');
  end if;
end
$$;
comment on function postai._hold(text, text, text) is
  'Locks what a generated statement reads, and raises 40001 unless the catalog is what the agent saw: select postai._hold(''select 1'', ''public'', postai._catalog_fingerprint())';

create function postai._plan(statement text, path text, unchanged text, options text) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- A locked table is waited for during a part of the question's time only, so that there is time to say so.
  patience constant integer := greatest(1, postai._setting_ms('ask_timeout') / 4);
  own constant double precision := extract(epoch from current_setting('lock_timeout')::interval) * 1000;
  line record;
  plan text := '';
  over boolean := false;
  state text; said text; more text; advice text;
begin
  perform set_config('transaction_read_only', 'on', true),
    set_config('lock_timeout', (case when own between 1 and patience then own else patience end)::text, true);
  perform postai._hold(statement, path, unchanged);
  perform set_config('search_path', path, true);
  for line in execute pg_catalog.concat('explain (', options, ') ', statement) loop
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
      'detail', nullif(more, ''), 'hint', coalesce(nullif(advice, ''), case state when '55P03' then
        'A table that is read here is locked by somebody: select postai.ask(''who is blocking whom?'') tells by whom.' end)));
end
$$;
comment on function postai._plan(text, text, text, text) is
  'Plan of a generated statement as the caller, read-only, its error as a value: select postai._plan(''select 1'', ''public'', null, ''format json'')';

create function postai._explain(statement text, path text, unchanged text default null) returns json
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select postai._plan(statement, path, unchanged, 'format json')
$$;
comment on function postai._explain(text, text, text) is
  'EXPLAIN of a generated statement as the caller, its error as a value: select postai._explain(''select 1'', ''public'')';

create function postai._analyze(statement text, path text, unchanged text default null) returns json
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select postai._plan(statement, path, unchanged, 'analyze, buffers, format json')
$$;
comment on function postai._analyze(text, text, text) is
  'EXPLAIN ANALYZE of a generated statement as the caller, which runs it read-only: select postai._analyze(''select 1'', ''public'')';

-- Two results are compared without showing either: columns by position, rows in any order, numbers by value up to nine
-- decimal places. What the agent gets is keyed with a secret of this database, so that it cannot guess small results.
create function postai._digest(statement text, path text, unchanged text, conversation text) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := 10000;
  until constant timestamptz := clock_timestamp() + interval '5 seconds';
  line record;
  given integer := 0;
  total numeric := 0;
  digest text;
  over boolean := false;
  state text; said text; more text; advice text;
begin
  perform set_config('transaction_read_only', 'on', true), postai._hold(statement, path, unchanged);
  perform set_config('search_path', path, true);
  for line in execute statement loop
    given := given operator(pg_catalog.+) 1;
    exit when given operator(pg_catalog.>) most or pg_catalog.clock_timestamp() operator(pg_catalog.>) until;
    total := total operator(pg_catalog.+) postai._row_hash(pg_catalog.row_to_json(line));
  end loop;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if given <= most and clock_timestamp() <= until then
    digest := postai._digest_key(conversation, format('%s %s', given, total));
  end if;
  over := true;
  raise sqlstate 'PA0RO';
exception
  when others then
    if over then
      return json_build_object('digest', digest, 'rows', least(given, most));
    end if;
    get stacked diagnostics state = returned_sqlstate, said = message_text, more = pg_exception_detail,
                            advice = pg_exception_hint;
    return json_build_object('error', json_build_object('sqlstate', state, 'message', said,
      'detail', nullif(more, ''), 'hint', nullif(advice, '')));
end
$$;
comment on function postai._digest(text, text, text, text) is
  'Hash of the rows of a generated statement as the caller, read-only, none for more than 10000 rows or 5 seconds: select postai._digest(''select 1'', ''public'', null, ''a'')';

create function postai._row_hash(line json) returns bigint
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select hashtextextended(coalesce(string_agg(
           case json_typeof(c.value) when 'number' then trim_scale(round((c.value #>> '{}')::numeric, 9))::text
                                     else c.value::text end, ',' order by c.position), ''), 0)
    from json_each(line) with ordinality as c (key, value, position)
$$;
comment on function postai._row_hash(json) is
  'Hash of a row by its values in order, whatever its columns are called: select postai._row_hash(''{"a": 1}'')';

create function postai._digest_key(conversation text, digest text) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(postai._signature('digest ' || conversation) || convert_to(digest, 'UTF8')), 'hex')
$$;
comment on function postai._digest_key(text, text) is
  'A digest that only this database can make, so that results cannot be guessed from it: select postai._digest_key(''a'', ''1 42''). Definer: nobody may read the secret.';

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
  -- What is one statement by itself is one in parentheses too, or an error.
  perform postai._one_statement(statement);
  if exists (select from pg_prepared_statements as p where p.name = _prepare.name) then
    execute format('deallocate %I', name);
  end if;
  perform set_config('search_path', path, true);
  execute pg_catalog.format('prepare %I as %s', name, wrapped);
  raise notice 'this statement gives at most 100 rows'
    using hint = 'SELECT postai.ask(question, max_rows) gives more; SELECT postai.sql(question) gives the statement without the limit.';
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

-- Does what the agent asks for once; gives the agent's last frame when the conversation is over, else NULL.
create function postai._step(conversation text, path text, wait_ms integer) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  frame json := postai._next(conversation, wait_ms);
  said json;
begin
  if frame ->> 'type' in ('explain', 'analyze', 'digest') then
    case frame ->> 'type'
      when 'explain' then said := postai._explain(frame ->> 'sql', path, frame ->> 'unchanged');
      when 'analyze' then said := postai._analyze(frame ->> 'sql', path, frame ->> 'unchanged');
      else said := postai._digest(frame ->> 'sql', path, frame ->> 'unchanged', conversation);
    end case;
    perform postai._reply(conversation, (frame ->> 'seq')::integer, (jsonb_build_object('v', 1, 'id', conversation,
      'type', case frame ->> 'type' when 'digest' then 'digested' else 'explained' end) || said::jsonb)::text);
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
-- For run it stays open beyond this function. What went wrong comes back as a value (code is null when nothing did):
-- the function that a person typed raises it, so that psql shows one line of CONTEXT instead of ten.
create function postai._converse(
    verb text, question text, path text, schemas text[], max_rows integer,
    out conversation text, out frame json, out lines json[], out columns text[],
    out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  wait_ms integer;
  give_up timestamptz;
  is_open boolean := false;
begin
  -- Two blocks, because a cancel is signalled twice (to the process and to its group): the second signal may hit
  -- while the first one's handler works.
  begin
    begin
      wait_ms := postai._time_limit(verb) + 2000;
      give_up := clock_timestamp() + make_interval(secs => wait_ms / 1000.0);
      conversation := postai._open(verb, question, current_user, schemas, max_rows, postai._backend_start());
      is_open := true;
      loop
        frame := postai._step(conversation, path, wait_ms);
        exit when frame is not null;
        if clock_timestamp() > give_up then
          frame := postai._not_reachable(format('No answer within %s ms.', wait_ms));
        end if;
      end loop;
      if verb in ('ask', 'answer') and postai._is_answered(frame) then
        perform postai._hold(frame #>> '{answer,sql}', path, frame ->> 'unchanged');
        select array_agg(r) into lines from postai._rows(frame #>> '{answer,sql}', path, max_rows) as r;
        if verb = 'answer' then
          columns := postai._columns(frame #>> '{answer,sql}', path);
        end if;
      end if;
      if verb <> 'run' or not postai._is_answered(frame) then
        is_open := false;
        perform postai._close(conversation, false);
      end if;
      select r.* into code, message, detail, hint from postai._refusal(frame) as r;
    exception
      when query_canceled or assert_failure then
        if is_open then
          perform postai._close(conversation, true);
          is_open := false;
        end if;
        raise;
      when others then
        get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                                hint = pg_exception_hint;
        if is_open then
          perform postai._close(conversation, true);
          is_open := false;
        end if;
    end;
  exception
    when query_canceled then
      if is_open then
        perform postai._close(conversation, true);
      end if;
      raise;
    when others then
      -- Closing failed; what went wrong before that matters more.
      if code is null then
        get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                                hint = pg_exception_hint;
      end if;
  end;
  if code is not null then
    select a.detail, a.hint into detail, hint from postai._advice(frame, detail, hint) as a;
  end if;
end
$$;
comment on function postai._converse(text, text, text, text[], integer) is
  'Asks the agent, runs what it wants explained and fetches the rows, as the caller; an error is a value: select * from postai._converse(''sql'', ''how many orders?'', ''public'', ''{public}'', 100)';

create function postai._is_answered(frame json) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select frame ->> 'type' = 'answer' and frame #>> '{answer,status}' = 'answered'
         and coalesce(btrim(frame #>> '{answer,sql}'), '') <> ''
$$;
comment on function postai._is_answered(json) is 'Whether a last frame holds a statement: select postai._is_answered(frame)';

-- What a last frame says in the place of an answer; code is null when it holds a statement, proposals, hazards or differences.
create function postai._refusal(frame json, out code text, out message text, out detail text, out hint text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  answer constant json := frame -> 'answer';
  near text;
begin
  if frame ->> 'type' = 'error' then
    code := coalesce(frame #>> '{error,sqlstate}', 'PA000');
    message := coalesce(frame #>> '{error,message}', 'postai failed');
    detail := frame #>> '{error,detail}';
    hint := frame #>> '{error,hint}';
    return;
  elsif postai._is_answered(frame) or 'array' in (json_typeof(answer -> 'proposals'), json_typeof(answer -> 'hazards'), json_typeof(answer -> 'differences'), json_typeof(answer -> 'found')) then
    return;
  end if;
  select string_agg(format(E'\n%s. %s\n   %s', r.position, r.reading ->> 'text',
                           regexp_replace(left(r.reading ->> 'sql', 500), '\s+', ' ', 'g')), '' order by r.position)
    into near
    from json_array_elements(case json_typeof(answer -> 'readings') when 'array' then answer -> 'readings' else '[]' end)
         with ordinality as r (reading, position);
  case answer ->> 'status'
    when 'abstained' then
      code := 'PA001';
      message := 'not sure what the question means';
      detail := 'Nearest readings:' || near;
      hint := case when near is null then 'Name the table and the column that are meant.'
                   else 'Ask again with the words of one reading, or name the table and the column.' end;
    when 'refused' then
      code := 'PA003';
      message := 'refused as unsafe';
      detail := answer ->> 'explanation';
      hint := 'ask only reads.';
    when 'answered' then
      code := 'PA004';
      message := 'the agent answered without a statement';
      hint := 'Ask in other words.';
    else
      code := 'PA004';
      message := 'the question could not be answered';
      detail := answer ->> 'explanation';
      hint := 'Ask in other words.';
  end case;
  code := coalesce(answer ->> 'sqlstate', code);
  message := coalesce(answer ->> 'reason', message);
  hint := coalesce(answer ->> 'hint', hint);
end
$$;
comment on function postai._refusal(json) is
  'What to raise for a last frame, nothing when it holds a statement: select * from postai._refusal(frame)';

create function postai._advice(frame json, inout detail text, inout hint text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if postai._is_answered(frame) then
    detail := coalesce(nullif(detail, ''), 'The statement was: ' || left(frame #>> '{answer,sql}', 2000));
    hint := coalesce(nullif(hint, ''), 'Ask in other words, or correct the statement and run it yourself.');
  else
    detail := nullif(detail, '');
    hint := coalesce(nullif(hint, ''),
      case when coalesce(frame #>> '{error,sqlstate}', frame #>> '{answer,sqlstate}') ~ '^(0A|21|22|42)'
           then 'The server does not accept the statement: correct it, and try it by itself first.'
           else 'SELECT * FROM postai.agent() shows the state of the agent.' end);
  end if;
end
$$;
comment on function postai._advice(json, text, text) is
  'Detail and hint of an error, filled in where it has none: select * from postai._advice(frame, null, null)';

-- What people type --------------------------------------------------------------------------------------------
--
-- These read the caller's search_path, so they cannot pin one: every name and operator in them is qualified.

create function postai.ask(question text, max_rows integer default 100) returns setof json
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._converse('ask', question, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[], max_rows);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return query select l.line from pg_catalog.unnest(talk.lines) with ordinality as l (line, position) order by l.position;
end
$$;
comment on function postai.ask(text, integer) is
  'Answers a question about the data, one JSON object per row: select postai.ask(''top 5 customers by revenue last month'')';

create function postai.sql(question text) returns text
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._converse('sql', question, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[], 100);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return talk.frame operator(pg_catalog.#>>) '{answer,sql}';
end
$$;
comment on function postai.sql(text) is
  'The SELECT for a question, not run: select postai.sql(''how many orders were cancelled in each country?'') \gexec';

-- postai.answer has no column for a hint: what it names (close words of the schema) goes to the reason.
create function postai._reason(reason text, hint text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when hint ~ '^(Did you mean: |Perhaps you meant )' then coalesce(case when reason ~ '[.?!]$' then reason || ' ' else reason || '. ' end, '') || hint else reason end
$$;
comment on function postai._reason(text, text) is
  'Reason of an answer with the names that its hint offers: select postai._reason(''what is "cuntry"?'', ''Did you mean: country?'')';

create function postai._answer(
    question text, max_rows integer, path text, schemas text[],
    out question_id bigint, out status text, out sql text, out columns text[], out rows json, out explanation text,
    out confidence real, out engine text, out readings json, out reason text, out elapsed_ms real,
    out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  started constant timestamptz := clock_timestamp();
  talk constant record := postai._converse('answer', question, path, schemas, max_rows);
  answer constant json := talk.frame -> 'answer';
begin
  if answer is not null and (talk.code is null or not postai._is_answered(talk.frame)) then
    question_id := (answer ->> 'question_id')::bigint;
    status := answer ->> 'status';
    sql := answer ->> 'sql';
    explanation := answer ->> 'explanation';
    confidence := (answer ->> 'confidence')::real;
    engine := answer ->> 'engine';
    readings := coalesce(answer -> 'readings', '[]');
    reason := postai._reason(answer ->> 'reason', answer ->> 'hint');
    hint := talk.hint;
  elsif talk.code in ('PA001', 'PA003', 'PA004', 'PA005') then
    status := case talk.code when 'PA001' then 'abstained' when 'PA003' then 'refused' else 'failed' end;
    readings := '[]';
    reason := postai._reason(talk.message, talk.hint);
    hint := talk.hint;
  end if;
  if status is null or (status = 'answered' and talk.code is not null) then
    code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
  elsif status = 'answered' then
    columns := talk.columns;
    -- json, unlike jsonb, keeps the order of columns and those of the same name.
    select coalesce(json_agg((select coalesce(json_agg(c.value order by c.position), '[]')
                                from json_each(l.line) with ordinality as c (key, value, position)) order by l.position), '[]')
      into rows
      from unnest(talk.lines) with ordinality as l (line, position);
  end if;
  elapsed_ms := extract(epoch from clock_timestamp() - started) * 1000;
end
$$;
comment on function postai._answer(text, integer, text, text[]) is
  'Row of postai.answer with the hint of what was not answered; an error as a value: select * from postai._answer(''how many orders?'', 100, ''public'', ''{public}'')';

create function postai.answer(question text, max_rows integer default 100)
  returns table (question_id bigint, status text, sql text, columns text[], rows json, explanation text, confidence real,
                 engine text, readings json, reason text, elapsed_ms real)
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._answer(question, max_rows, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return query select talk.question_id, talk.status, talk.sql, talk.columns, talk.rows, talk.explanation, talk.confidence,
                      talk.engine, talk.readings, talk.reason, talk.elapsed_ms;
end
$$;
comment on function postai.answer(text, integer) is
  'Answers a question with its SQL, explanation and confidence, also when it is not sure: select * from postai.answer(''how many orders?'')';

create function postai._prepared(
    question text, name text, path text, schemas text[],
    out statement text, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
begin
  if coalesce(name, '') = '' or octet_length(name) > 63 then
    code := '22023';
    message := case when coalesce(name, '') = '' then 'the name of the prepared statement is empty'
                    else format('the name of the prepared statement has %s bytes', octet_length(name)) end;
    detail := 'A name has 1 to 63 bytes.';
    hint := 'Leave it out for the name ask: SELECT postai.prepare(question); EXECUTE ask;';
    return;
  elsif exists (select from pg_prepared_statements as p where p.name = _prepared.name and not p.from_sql) then
    code := '42P05';
    message := format('the driver of this session has a prepared statement named %I', name);
    hint := 'Choose another name.';
    return;
  end if;
  talk := postai._converse('prepare', question, path, schemas, 100);
  code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
  if code is null then
    statement := postai._prepare(talk.frame #>> '{answer,sql}', path, name);
  end if;
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                            hint = pg_exception_hint;
    select a.detail, a.hint into detail, hint from postai._advice(talk.frame, detail, hint) as a;
end
$$;
comment on function postai._prepared(text, text, text, text[]) is
  'Body of postai.prepare, an error as a value: select * from postai._prepared(''how many orders?'', ''ask'', ''public'', ''{public}'')';

create function postai.prepare(question text, name text default 'ask') returns text
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._prepared(question, name, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return talk.statement;
end
$$;
comment on function postai.prepare(text, text) is
  'Leaves a prepared statement that answers with real columns, at most 100 rows: select postai.prepare(''orders by country''); execute ask;';

-- run: a procedure that commits while it waits, so it can be neither DEFINER nor carry SET: every name in it is
-- written with its schema, and what needs more than that stands in functions.

create function postai._run_problem(code text, message text, detail text, hint text) returns json
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when code is not null then json_build_object('type', 'error', 'error', json_build_object(
    'sqlstate', code, 'message', message, 'detail', detail, 'hint', hint)) end
$$;
comment on function postai._run_problem(text, text, text, text) is
  'An error as the last frame of postai.run: select postai._run_problem(''PA001'', ''not sure'', null, null)';

create function postai._run_start(question text, max_rows integer, path text, schemas text[]) returns json
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
  code text; said text; more text; advice text;
begin
  if postai._transport() = 'call' then
    return json_build_object('id', postai._open('run', question, current_user, schemas, max_rows, postai._backend_start()),
      'pause', 0.002, 'give_up', clock_timestamp() + make_interval(secs => postai._setting_ms('ask_timeout') / 1000.0 + 2));
  end if;
  talk := postai._converse('run', question, path, schemas, max_rows);
  return json_build_object('id', talk.conversation, 'frame',
    coalesce(postai._run_problem(talk.code, talk.message, talk.detail, talk.hint), talk.frame));
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, said = message_text, more = pg_exception_detail, advice = pg_exception_hint;
    return json_build_object('frame', postai._run_problem(code, said, more, advice));
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
  code text; said text; more text; advice text;
begin
  perform pg_sleep(pause);
  frame := postai._step(talk ->> 'id', path, 0);
  if frame is null and clock_timestamp() > (talk ->> 'give_up')::timestamptz then
    perform postai._close(talk ->> 'id', true);
    frame := postai._not_reachable('No answer within ask_timeout.');
  end if;
  return json_build_object('id', talk -> 'id', 'frame', frame, 'pause', least(pause * 1.5, 0.05), 'give_up', talk -> 'give_up');
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, said = message_text, more = pg_exception_detail, advice = pg_exception_hint;
    return json_build_object('id', talk -> 'id', 'frame', postai._run_problem(code, said, more, advice));
end
$$;
comment on function postai._run_wait(json, text) is 'One poll of postai.run: select postai._run_wait(talk, ''public'')';

create function postai._declare(
    frame json, path text, max_rows integer, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  select r.* into code, message, detail, hint from postai._refusal(frame) as r;
  if code is null then
    if exists (select from pg_cursors as c where c.name = 'ask') then
      execute 'close ask';
    end if;
    perform postai._hold(frame #>> '{answer,sql}', path, frame ->> 'unchanged');
    perform set_config('search_path', path, true);
    execute pg_catalog.format(E'declare ask cursor with hold for select * from (\n%s\n) as answer limit %s',
                              frame operator(pg_catalog.#>>) '{answer,sql}', max_rows);
    return;
  end if;
  select a.detail, a.hint into detail, hint from postai._advice(frame, detail, hint) as a;
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                            hint = pg_exception_hint;
    select a.detail, a.hint into detail, hint from postai._advice(frame, detail, hint) as a;
end
$$;
comment on function postai._declare(json, text, integer) is
  'Opens holdable cursor ask, or gives what to raise: select * from postai._declare(frame, ''public'', 100)';

create procedure postai.run(question text, max_rows integer default 100)
  language plpgsql
as $$
declare
  path constant pg_catalog.text := postai._path(pg_catalog.current_schemas(false));
  refused pg_catalog.text;
  talk pg_catalog.json;
  failed pg_catalog.record;
begin
  -- In this block COMMIT always fails; in a transaction block it says the same as inside a function.
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics refused = message_text;
  end;
  if refused operator(pg_catalog.=) postai._transaction_end_refused() then
    raise exception using errcode = '25001', message = 'postai.run cannot run inside a transaction block',
      detail = 'It commits while it waits, so that it holds no snapshot.',
      hint = 'Turn autocommit on (psql: \set AUTOCOMMIT on; drivers: autocommit = true) and CALL postai.run again.';
  end if;
  talk := postai._run_start(question, max_rows, path, pg_catalog.current_schemas(false)::pg_catalog.text[]);
  commit;
  loop
    exit when postai._run_over(talk);
    talk := postai._run_wait(talk, path);
    commit;
  end loop;
  -- A holdable cursor runs its statement at COMMIT: the whole transaction must be read-only, not a function in it.
  set transaction read only;
  failed := postai._declare(talk operator(pg_catalog.->) 'frame', path, max_rows);
  commit;
  if postai._is_answered(talk operator(pg_catalog.->) 'frame') then
    perform postai._close(talk operator(pg_catalog.->>) 'id', false);
    commit;
  end if;
  if failed.code is not null and failed.detail is null then
    raise exception using errcode = failed.code, message = failed.message, hint = failed.hint;
  elsif failed.code is not null then
    raise exception using errcode = failed.code, message = failed.message, detail = failed.detail, hint = failed.hint;
  end if;
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
    'function postai._path(name[])', 'function postai._one_statement(text)', 'function postai._catalog_fingerprint()',
    'function postai._hold(text, text, text)',
    'function postai._plan(text, text, text, text)', 'function postai._explain(text, text, text)',
    'function postai._analyze(text, text, text)', 'function postai._digest(text, text, text, text)',
    'function postai._row_hash(json)', 'function postai._digest_key(text, text)',
    'function postai._rows(text, text, integer)',
    'function postai._columns(text, text)', 'function postai._prepare(text, text, text)',
    'function postai._backend_start()', 'function postai._step(text, text, integer)',
    'function postai._converse(text, text, text, text[], integer)', 'function postai._is_answered(json)', 'function postai._refusal(json)',
    'function postai._advice(json, text, text)', 'function postai._run_problem(text, text, text, text)',
    'function postai._reason(text, text)', 'function postai._answer(text, integer, text, text[])', 'function postai._prepared(text, text, text, text[])',
    'function postai._run_start(text, integer, text, text[])', 'function postai._run_wait(json, text)',
    'function postai._run_over(json)', 'function postai._declare(json, text, integer)',
    'function postai.ask(text, integer)', 'function postai.sql(text)', 'function postai.answer(text, integer)',
    'function postai.prepare(text, text)', 'procedure postai.run(text, integer)']) as f;
