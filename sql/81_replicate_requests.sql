-- How people ask for moves, and what they see of them. The functions only write a request: copying, switching and
-- dropping take longer than a transaction may, and CREATE SUBSCRIPTION with its slot cannot run in a function at all.

-- Asking ------------------------------------------------------------------------------------------------------

-- A source is left with the schema of its move, whose row is kept in the target alone.
create function postai._require_home() returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pg_namespace as n
              where n.nspname ~ '^postai_[0-9]{1,9}$'
                and not exists (select from postai.replication as m where n.nspname = concat('postai_', m.id))) then
    perform postai._raise('PA003', 'this database is the source of a move', 'A move is driven from its target, which alone knows how far it is.',
      'Connect to the target''s database, and run it there.');
  end if;
end
$$;
comment on function postai._require_home() is
  'Raises PA003 in a database that a move reads from: select postai._require_home(). Definer: people read moves by views only.';

create function postai._replicate_request(verb text, move text, options jsonb default '{}', not_before timestamptz default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known postai.replication;
  open_request record;
  request bigint;
begin
  if current_setting('transaction_read_only')::boolean then
    perform postai._raise('25006', 'a request cannot be written in a read-only transaction', case when not pg_is_in_recovery() then
        'While the source of a move serves again, its target is read-only.' end,
      'SET default_transaction_read_only = off; and once more.');
  end if;
  select m.* into known from postai.replication as m where m.name = move;
  if known.id is null and verb <> 'start' then
    perform postai._require_home();
    perform postai._raise('42704', format('there is no move %s', quote_nullable(left(move, 100))), null,
      'SELECT name, state FROM postai.replications lists them.');
  elsif known.ended_at is not null and verb <> 'start' then
    perform postai._raise('55000', format('the move %s has ended: it is %s', move, replace(known.state, '_', ' ')), null,
      format('Begin anew: SELECT postai.replicate_start(%L, %L, %L);', move, known.source, known.target));
  end if;
  for open_request in
    select r.id, r.verb, r.taken_at from postai.replication_request as r
     where r.done_at is null and (r.replication_id = known.id or r.replication_id is null and r.options ->> 'name' = move)
     for update
  loop
    if open_request.verb = verb and open_request.taken_at is not null then
      perform postai._raise('55006', format('%s of the move %s is under way', verb, move), null,
        format('SELECT postai.replicate_cancel(%L) stops it as long as it can be undone.', move));
    elsif open_request.verb = verb or verb = 'abort' then
      perform postai._replicate_withdraw(open_request.id, format('%s was asked for after it', verb));
    end if;
  end loop;
  insert into postai.replication_request (replication_id, verb, options, not_before)
  values (case when verb <> 'start' then known.id end, verb, options, not_before)
  returning id into request;
  perform postai._record_event('replicate.requested', move, null, null,
    options - 'name' || jsonb_build_object('verb', verb, 'request', request));
  perform pg_notify('postai_replicate', request::text);
  return request;
end
$$;
comment on function postai._replicate_request(text, text, jsonb, timestamptz) is
  'Writes what is asked of a move, in the place of an earlier request of the kind that has not begun: select postai._replicate_request(''verify'', ''shop''). Definer: nobody has the right to write requests otherwise.';

-- A request that has begun cannot be taken back: an error on it tells the agent to stop as long as it can be undone.
create function postai._replicate_withdraw(request bigint, why text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update postai.replication_request as r
     set error = json_build_object('sqlstate', '57014', 'message', concat(r.verb, ' was cancelled'), 'detail', why, 'hint', null),
         done_at = case when r.taken_at is null then clock_timestamp() end
   where r.id = request and r.done_at is null;
  perform pg_notify('postai_replicate', request::text);
end
$$;
comment on function postai._replicate_withdraw(bigint, text) is
  'Takes back a request that has not begun, and has one that has begun stopped as long as it can be undone: select postai._replicate_withdraw(7, ''no agent''). Definer: see _replicate_request.';

-- The same as MoveOptions, and what a comparison takes, of the agent, which checks them once more.
create function postai._require_options(what text, options jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  given record;
  known constant jsonb := jsonb '{"move": {"schemas": ["array"], "roles": ["boolean"], "role_passwords": ["boolean"],
      "full_identity": ["boolean"], "workers": ["integer", 1, 32], "split_bytes": ["integer", 0], "load": ["number", 0],
      "replica_lag": ["number", 0], "keep_wal_bytes": ["integer", 0], "passfile": ["string"], "source_passfile": ["string"],
      "way_back": ["boolean"]},
    "verification": {"settling": ["boolean"], "share": ["number", 0.01, 1], "busy": ["integer", 0]}}' -> what;
begin
  if options is null or jsonb_typeof(options) <> 'object' then
    perform postai._raise('22023', format('options of a %s are a JSON object', what), null,
      format('Write, for example: %L', case what when 'move' then '{"schemas": ["shop"], "workers": 4}' else '{"settling": true}' end));
  end if;
  for given in
    select o.key, o.value, known -> o.key ->> 0 as type, jsonb_typeof(o.value) as has, known -> o.key -> 1 as lowest, known -> o.key -> 2 as highest
      from jsonb_each(options) as o
  loop
    if given.type is null then
      perform postai._raise('22023', format('a %s has no option %s', what, quote_literal(left(given.key, 100))), null,
        format('Known are: %s.', (select string_agg(k.name, ', ' order by k.name) from jsonb_object_keys(known) as k (name))));
    elsif (case given.type
        when 'array' then given.has <> 'array' or jsonb_path_exists(given.value, '$[*] ? (@.type() != "string")', silent => true)
        when 'integer' then given.has <> 'number' or given.value::numeric % 1 <> 0
        when 'string' then given.has not in ('string', 'null')
        else given.has <> given.type end)
      or given.has = 'number' and (given.value < given.lowest or given.value > coalesce(given.highest, given.value)) then
      perform postai._raise('22023', format('the option %s of a %s cannot be %s', given.key, what, left(given.value::text, 100)), null,
        format('It is %s%s%s.', case given.type when 'array' then 'an array of texts' when 'integer' then 'an integer' when 'string' then 'a text'
          else concat('a ', given.type) end, ' from ' || given.lowest::text, ' to ' || given.highest::text));
    end if;
  end loop;
end
$$;
comment on function postai._require_options(text, jsonb) is
  'Raises 22023 unless these are options of a move, or of a verification: select postai._require_options(''move'', ''{"workers": 4}'')';

create function postai._replicate_start(name text, source text, target text, options jsonb) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known record;
begin
  perform postai._require_home();
  perform postai._require_options('move', options);
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' then
    perform postai._raise('22023', format('%s cannot name a move', quote_nullable(left(name, 100))), null,
      'Use letters, digits, ''.'', ''-'' and ''_'', at most 63 characters.');
  elsif source is null or target is null or source = target then
    perform postai._raise('22023', 'a move has a source and a target, which are two', null,
      'Name two connections of the agent''s configuration: post-ai connection list');
  end if;
  select m.source, m.target, m.state into known from postai.replication as m where m.name = name and m.ended_at is null;
  if found and row(known.source, known.target) is distinct from row(source, target) then
    perform postai._raise('42710', format('there is a move %s already, from %s to %s', name, known.source, known.target), null,
      format('Choose another name, or end it: SELECT postai.replicate_abort(%L);', name));
  elsif found and known.state <> 'failed' then
    perform postai._raise('42710', format('the move %s is under way: it is %s', name, replace(known.state, '_', ' ')), null,
      'SELECT * FROM postai.replications shows how far it is.');
  elsif found then
    return postai._replicate_request('resume', name, options);
  end if;
  return postai._replicate_request('start', name, jsonb_build_object('name', name, 'source', source, 'target', target, 'options', options));
end
$$;
comment on function postai._replicate_start(text, text, text, jsonb) is
  'Body of postai.replicate_start: select postai._replicate_start(''shop'', ''legacy'', ''new'', ''{}''). Definer: see _replicate_request.';

-- What is refused is raised here once more: psql shows where an error comes from, and people need one line of that.
create function postai._replicate_asked(verb text, name text, options jsonb default '{}', source text default null, target text default null)
  returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  request bigint;
  code text;
  said text;
  more text;
  advice text;
begin
  begin
    perform postai._require_operator(case verb when 'rollback' then 'roll a move back'
      when 'cancel' then 'cancel what was asked of a move' else concat(verb, ' a move') end, 'Only operators move databases.');
    if verb = 'verify' then
      perform postai._require_options('verification', options);
    end if;
    request := case verb when 'start' then postai._replicate_start(name, source, target, options)
      when 'cancel' then postai._replicate_cancel(name) else postai._replicate_request(verb, name, options) end;
    if verb <> 'cancel' and not postai._agent_present() then
      raise notice 'no agent serves this database: the request waits for one' using hint = 'Start it with: post-ai agent';
    end if;
    return request;
  exception
    when others then
      get stacked diagnostics code = returned_sqlstate, said = message_text, more = pg_exception_detail, advice = pg_exception_hint;
  end;
  if more = '' then
    raise exception using errcode = code, message = said, hint = advice;
  end if;
  raise exception using errcode = code, message = said, detail = more, hint = advice;
end
$$;
comment on function postai._replicate_asked(text, text, jsonb, text, text) is
  'Asks for something of a move, gives the request: select postai._replicate_asked(''verify'', ''shop'')';

create function postai.replicate_start(name text, source text, target text, options jsonb default '{}') returns bigint
  language sql
as $$
  select postai._replicate_asked('start', name, options, source, target)
$$;
comment on function postai.replicate_start(text, text, text, jsonb) is
  'Has the agent copy a database to this one and follow it, or go on with a move that stands still; gives the request; source and target name connections of the agent''s configuration, this database is the target; options are those of post-ai replicate start, and change those of a move that goes on: select postai.replicate_start(''shop'', ''legacy'', ''new'', ''{"schemas": ["shop"]}'')';

create function postai.replicate_verify(name text, options jsonb default '{}') returns bigint
  language sql
as $$
  select postai._replicate_asked('verify', name, options)
$$;
comment on function postai.replicate_verify(text, jsonb) is
  'Has the agent compare both sides of a move row for row, while they are used; gives the request; settling holds no writer back, share (0.01 to 1) is how much of the time it reads, and while more than busy sessions are active it waits: select postai.replicate_verify(''shop'', ''{"settling": true, "share": 0.5}'')';

create function postai.replicate_repair(name text) returns bigint
  language sql
as $$
  select postai._replicate_asked('repair', name)
$$;
comment on function postai.replicate_repair(text) is
  'Has the agent make the rows equal that the last verification found different, on the side that does not serve, and compare both sides again; gives the request: select postai.replicate_repair(''shop'')';

create function postai.replicate_rollback(name text) returns bigint
  language sql
as $$
  select postai._replicate_asked('rollback', name)
$$;
comment on function postai.replicate_rollback(text) is
  'Has the agent switch back to the source with all that was written since the cutover, and does not wait for it as postai.rollback does; gives the request: select postai.replicate_rollback(''shop'')';

create function postai.replicate_complete(name text) returns bigint
  language sql
as $$
  select postai._replicate_asked('complete', name)
$$;
comment on function postai.replicate_complete(text) is
  'Ends a move after its cutover: the agent removes what it made on both sides, and there is no way back any more; gives the request: select postai.replicate_complete(''shop'')';

create function postai.replicate_abort(name text) returns bigint
  language sql
as $$
  select postai._replicate_asked('abort', name)
$$;
comment on function postai.replicate_abort(text) is
  'Gives a move up while the source serves: the agent removes what it made there; what was copied stays in the target; gives the request: select postai.replicate_abort(''shop'')';

create function postai.replicate_cancel(name text) returns integer
  language sql
as $$
  select postai._replicate_asked('cancel', name)::pg_catalog.int4
$$;
comment on function postai.replicate_cancel(text) is
  'Takes back what was asked of a move and has not begun, such as a cutover in a window, and stops what has begun as long as it can be undone; gives how many requests; the move itself goes on: select postai.replicate_cancel(''shop'')';

create function postai._replicate_cancel(move text) returns integer
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_here bigint[];
begin
  select array_agg(r.id) into found_here
    from postai.replication_request as r left join postai.replication as m on m.id = r.replication_id
   where r.done_at is null and (m.name = move or r.replication_id is null and r.options ->> 'name' = move);
  perform postai._replicate_withdraw(one, format('%I cancelled it', session_user)) from unnest(found_here) as one;
  if found_here is not null then
    perform postai._record_event('replicate.cancelled', move, null, null, jsonb_build_object('requests', found_here));
  end if;
  return coalesce(cardinality(found_here), 0);
end
$$;
comment on function postai._replicate_cancel(text) is
  'Body of postai.replicate_cancel: select postai._replicate_cancel(''shop''). Definer: see _replicate_request.';

-- The agent speaks of commands of the shell and their options.
create function postai._in_sql(said text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  name constant text := '([[:alnum:]](?:[[:alnum:]_.-]*[[:alnum:]_-])?)';
  one text[];
begin
  foreach one slice 1 in array array[
    [format('post-ai replicate start %s %s %s --no-way-back', name, name, name), 'SELECT postai.replicate_start(''\1'', ''\2'', ''\3'', ''{"way_back": false}'')'],
    [format('post-ai replicate start %s %s %s', name, name, name), 'SELECT postai.replicate_start(''\1'', ''\2'', ''\3'')'],
    [format('post-ai replicate check %s %s', name, name), 'SELECT * FROM postai.replicate_check(''\1'', ''\2'')'],
    [format('post-ai replicate cutover %s( --writers-stopped) --max-pause ([0-9.]+)', name),
     'CALL postai.cutover(''\1'', max_pause => ''\3 seconds'', writers_stopped => true)'],
    [format('post-ai replicate cutover %s --max-pause ([0-9.]+)', name), 'CALL postai.cutover(''\1'', max_pause => ''\2 seconds'')'],
    [format('post-ai replicate cutover %s --rehearse', name), 'CALL postai.cutover(''\1'', rehearse => true)'],
    [format('post-ai replicate (cutover|rollback) %s', name), 'CALL postai.\1(''\2'')'],
    [format('post-ai replicate (verify|repair|complete|abort) %s', name), 'SELECT postai.replicate_\1(''\2'')'],
    ['post-ai replicate status shows', 'postai.replication_progress shows'],
    [format('post-ai replicate status %s', name), 'SELECT * FROM postai.replications'],
    ['into postai\.toml; its driver', 'into the agent''s postai.toml, and start the agent anew; its driver'],
    ['--full-identity', 'the option "full_identity": true'],
    ['--no-way-back', 'the option "way_back": false'],
    ['--keep-wal', 'the option keep_wal_bytes']]
  loop
    said := regexp_replace(said, one[1], one[2], 'g');
  end loop;
  return said;
end
$$;
comment on function postai._in_sql(text) is
  'What the agent says of a move, in the words of SQL: select postai._in_sql(''verify it: post-ai replicate verify shop'')';

-- The check waits for its answer, as questions do ----------------------------------------------------------------

create function postai.replicate_check(source text, target text)
  returns table (level text, side text, what text, objects text[], fix text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
  code text;
  said text;
  more text;
  advice text;
begin
  begin
    perform postai._require_operator('check a move', 'Only operators move databases.');
    perform postai._require_home();
  exception
    when others then
      get stacked diagnostics code = returned_sqlstate, said = message_text, more = pg_exception_detail, advice = pg_exception_hint;
  end;
  if code is null then
    talk := postai._changed('replicate_check', json_build_object('source', source, 'target', target)::text, 'pg_catalog', '{}');
    select talk.code, talk.message, talk.detail, coalesce(talk.hint, '') into code, said, more, advice;
  end if;
  if code is not null and coalesce(more, '') = '' then
    raise exception using errcode = code, message = said, hint = advice;
  elsif code is not null then
    raise exception using errcode = code, message = said, detail = more, hint = advice;
  end if;
  return query
    select f.level, f.side, postai._in_sql(f.what), f.objects, postai._in_sql(f.fix)
      from rows from (json_to_recordset(talk.answer -> 'found')
             as (level text, side text, what text, objects text[], fix text)) with ordinality as f (level, side, what, objects, fix, position)
     order by f.position;
end
$$;
comment on function postai.replicate_check(text, text) is
  'Whether and how one database can move to this one: what blocks it (blocker), what to know (warning, note), each with what mends it; changes nothing: select level, side, what, fix from postai.replicate_check(''legacy'', ''new'')';

-- Readers may call the verbs to be told which GRANT they lack; what does the work is granted to operators.
select postai._grant('execute on function ' || f, 'postai_reader')
  from pg_catalog.unnest(array[
    'postai._require_home()', 'postai._require_options(text, jsonb)',
    'postai._replicate_asked(text, text, jsonb, text, text)', 'postai._in_sql(text)', 'postai.replicate_check(text, text)',
    'postai.replicate_start(text, text, text, jsonb)', 'postai.replicate_verify(text, jsonb)', 'postai.replicate_repair(text)',
    'postai.replicate_rollback(text)', 'postai.replicate_complete(text)', 'postai.replicate_abort(text)',
    'postai.replicate_cancel(text)']) as f;
select postai._grant('execute on function ' || f, 'postai_operator')
  from pg_catalog.unnest(array[
    'postai._replicate_start(text, text, text, jsonb)', 'postai._replicate_request(text, text, jsonb, timestamptz)',
    'postai._replicate_withdraw(bigint, text)', 'postai._replicate_cancel(text)']) as f;
