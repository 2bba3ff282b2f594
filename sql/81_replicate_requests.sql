-- How people ask for moves, and what they see of them. The functions only write a request: copying, switching and
-- dropping take longer than a transaction may, and CREATE SUBSCRIPTION with its slot cannot run in a function at all.

-- Asking ------------------------------------------------------------------------------------------------------

create function postai._require_mover(doing text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  who name;
begin
  foreach who in array array[current_user, session_user] loop
    if not postai._is_operator(who) then
      perform postai._raise('PA006', format('role %I may not %s', who, doing), 'Only operators move databases.',
                            format('GRANT postai_operator TO %I;', who));
    end if;
  end loop;
end
$$;
comment on function postai._require_mover(text) is
  'Raises PA006 unless the caller, and the session''s user, are operators: select postai._require_mover(''start a move'')';

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

-- The same as MoveOptions of the agent, which checks them once more.
create function postai._require_move_options(options jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  given record;
  known constant jsonb := '{"schemas": ["array"], "roles": ["boolean"], "role_passwords": ["boolean"], "full_identity": ["boolean"],
    "workers": ["integer", 1, 32], "split_bytes": ["integer", 0], "load": ["number", 0], "replica_lag": ["number", 0],
    "keep_wal_bytes": ["integer", 0], "passfile": ["string"], "source_passfile": ["string"], "max_pause": ["number", 0.1, 60], "way_back": ["boolean"]}';
begin
  if options is null or jsonb_typeof(options) <> 'object' then
    perform postai._raise('22023', 'options of a move are a JSON object', null, 'Write, for example: ''{"schemas": ["shop"], "workers": 4}''');
  end if;
  for given in
    select o.key, o.value, known -> o.key ->> 0 as type, jsonb_typeof(o.value) as has, known -> o.key -> 1 as lowest, known -> o.key -> 2 as highest
      from jsonb_each(options) as o
  loop
    if given.type is null then
      perform postai._raise('22023', format('a move has no option %s', quote_literal(left(given.key, 100))), null,
        format('Known are: %s.', (select string_agg(k.name, ', ' order by k.name) from jsonb_object_keys(known) as k (name))));
    elsif (case given.type
        when 'array' then given.has <> 'array' or jsonb_path_exists(given.value, '$[*] ? (@.type() != "string")', silent => true)
        when 'integer' then given.has <> 'number' or given.value::numeric % 1 <> 0
        when 'string' then given.has not in ('string', 'null')
        else given.has <> given.type end)
      or given.has = 'number' and (given.value < given.lowest or given.value > coalesce(given.highest, given.value)) then
      perform postai._raise('22023', format('the option %s of a move cannot be %s', given.key, left(given.value::text, 100)), null,
        format('It is %s%s%s.', case given.type when 'array' then 'an array of texts' when 'integer' then 'an integer' when 'string' then 'a text'
          else concat('a ', given.type) end, ' from ' || given.lowest::text, ' to ' || given.highest::text));
    end if;
  end loop;
end
$$;
comment on function postai._require_move_options(jsonb) is
  'Raises 22023 unless these are options of a move: select postai._require_move_options(''{"workers": 4}'')';

create function postai._replicate_start(name text, source text, target text, options jsonb) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known record;
begin
  perform postai._require_home();
  perform postai._require_move_options(options);
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

create function postai.replicate_start(name text, source text, target text, options jsonb default '{}') returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('start a move');
  return postai._replicate_start(name, source, target, options);
end
$$;
comment on function postai.replicate_start(text, text, text, jsonb) is
  'Has the agent copy a database to this one and follow it, or go on with a move that stands still; gives the request; source and target name connections of the agent''s configuration, this database is the target; options are those of post-ai replicate start, and change those of a move that goes on: select postai.replicate_start(''shop'', ''legacy'', ''new'', ''{"schemas": ["shop"]}'')';

create function postai.replicate_verify(name text) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('verify a move');
  return postai._replicate_request('verify', name);
end
$$;
comment on function postai.replicate_verify(text) is
  'Has the agent compare both sides of a move row for row, while they are used; gives the request: select postai.replicate_verify(''shop'')';

create function postai.replicate_repair(name text) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('repair a move');
  return postai._replicate_request('repair', name);
end
$$;
comment on function postai.replicate_repair(text) is
  'Has the agent make the rows equal that the last verification found different, on the side that does not serve, and compare both sides again; gives the request: select postai.replicate_repair(''shop'')';

create function postai.replicate_rollback(name text) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('roll a move back');
  return postai._replicate_request('rollback', name);
end
$$;
comment on function postai.replicate_rollback(text) is
  'Has the agent switch back to the source with all that was written since the cutover; gives the request: select postai.replicate_rollback(''shop'')';

create function postai.replicate_complete(name text) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('complete a move');
  return postai._replicate_request('complete', name);
end
$$;
comment on function postai.replicate_complete(text) is
  'Ends a move after its cutover: the agent removes what it made on both sides, and there is no way back any more; gives the request: select postai.replicate_complete(''shop'')';

create function postai.replicate_abort(name text) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('abort a move');
  return postai._replicate_request('abort', name);
end
$$;
comment on function postai.replicate_abort(text) is
  'Gives a move up while the source serves: the agent removes what it made there; what was copied stays in the target; gives the request: select postai.replicate_abort(''shop'')';

create function postai.replicate_cancel(name text) returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_mover('cancel what was asked of a move');
  return postai._replicate_cancel(name);
end
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

-- The check waits for its answer, as questions do ----------------------------------------------------------------

create function postai.replicate_check(source text, target text)
  returns table (level text, side text, what text, objects text[], fix text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
begin
  perform postai._require_mover('check a move');
  perform postai._require_home();
  talk := postai._changed('replicate_check', json_build_object('source', source, 'target', target)::text, 'pg_catalog', '{}');
  if talk.code is not null then
    perform postai._raise(talk.code, talk.message, talk.detail, talk.hint);
  end if;
  return query
    select f.level, f.side, f.what, f.objects, f.fix
      from rows from (json_to_recordset(talk.answer -> 'found')
             as (level text, side text, what text, objects text[], fix text)) with ordinality as f (level, side, what, objects, fix, position)
     order by f.position;
end
$$;
comment on function postai.replicate_check(text, text) is
  'Whether and how one database can move to this one: what blocks it (blocker), what to know (warning, note), each with what mends it; changes nothing: select level, side, what, fix from postai.replicate_check(''legacy'', ''new'')';

-- The cutover is waited for ---------------------------------------------------------------------------------------

create function postai._cutover_ask(move text, max_pause interval, run_window tstzrange, rehearse boolean) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  seconds constant numeric := extract(epoch from max_pause);
  begins constant timestamptz := lower(run_window);
begin
  perform postai._require_mover('switch a move');
  if seconds is null or seconds not between 0.1 and 60 then
    perform postai._raise('22023', format('max_pause must be from 0.1 to 60 seconds, not %s', coalesce(max_pause::text, 'NULL')), null,
      'Leave it out for 3 seconds.');
  elsif isempty(run_window) or upper(run_window) <= clock_timestamp() then
    perform postai._raise('22023', format('the window %s is over', run_window), null, 'Give one that is still to come.');
  end if;
  return postai._replicate_request('cutover', move, jsonb_strip_nulls(jsonb_build_object('max_pause', round(seconds, 3), 'rehearse', rehearse,
      'not_after', case when upper_inf(run_window) then null else upper(run_window) end)),
    case when begins > clock_timestamp() then begins end);
end
$$;
comment on function postai._cutover_ask(text, interval, tstzrange, boolean) is
  'Asks for a switch, gives the request: select postai._cutover_ask(''shop'', ''3 seconds'', null, false)';

-- Tells the steps that are new and rests for a moment. A cancel becomes a value: the agent must hear of it first, and
-- what it then undoes is to be seen. Two blocks, because a cancel is signalled twice.
create function postai._cutover_look(
    request bigint, inout seen bigint, inout cancelled boolean, out is_over boolean, out said text, out error jsonb, out taken boolean)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  state record;
  one record;
begin
  begin
    begin
      perform pg_sleep(0.05);
    exception
      when query_canceled then
        cancelled := true;
    end;
  exception
    when query_canceled then
      cancelled := true;
  end;
  for one in select s.id, s.said from postai._cutover_steps(request, seen) as s loop
    raise notice '%', one.said;
    seen := one.id;
  end loop;
  select s.taken, s.is_over, s.said, s.error into taken, is_over, said, error from postai._request_state(request) as s;
end
$$;
comment on function postai._cutover_look(bigint, bigint, boolean) is
  'Shows the new steps of a request after a moment: select * from postai._cutover_look(7, 0, false)';

create function postai._cutover_steps(request bigint, seen bigint) returns table (id bigint, said text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  -- The agent writes the steps of the pause down when it is over, with the time that each was done.
  with step as (
    select e.id, e.step, nullif(e.what, e.step) as what, coalesce((e.data ->> 'at')::timestamptz, e.at) as at
      from postai.replication_request as r
      join postai.replication_event as e on e.replication_id = r.replication_id and e.at >= r.taken_at
     where r.id = request and e.step <> all ('{rehearsed,serving_target,rolled_back,ready}')
  )
  select s.id, concat_ws(': ', concat(lpad(round(extract(epoch from s.at - p.at) * 1000)::text, 5) || ' ms  ', replace(s.step, '_', ' ')), s.what)
    from step as s
    left join lateral (select max(x.at) as at from step as x where x.step = 'pausing' and x.id <= s.id) as p on true
   where s.id > seen
   order by s.id
$$;
comment on function postai._cutover_steps(bigint, bigint) is
  'Events of a move since a request of it was taken up: select * from postai._cutover_steps(7, 0). Definer: see _replicate_request.';

create function postai._request_state(request bigint, out taken boolean, out is_over boolean, out said text, out error jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.taken_at is not null, r.done_at is not null, r.outcome ->> 'said', case when r.done_at is not null then r.error end
    from postai.replication_request as r where r.id = request
$$;
comment on function postai._request_state(bigint) is
  'How far a request is, and what came of it: select * from postai._request_state(7). Definer: see _replicate_request.';

create procedure postai.cutover(
    name text, max_pause interval default '3 seconds', run_window tstzrange default null, rehearse boolean default false)
  language plpgsql
as $$
declare
  refused pg_catalog.text;
  request pg_catalog.int8;
  looked record;
  asked pg_catalog.timestamptz;
  withdrawn pg_catalog.bool := false;
begin
  -- In this block COMMIT always fails; in a transaction block it says the same as inside a function.
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics refused = message_text;
  end;
  if refused operator(pg_catalog.=) postai._transaction_end_refused() then
    raise exception using errcode = '25001', message = 'postai.cutover cannot run inside a transaction block',
      detail = 'It commits while it waits, so that the agent sees the request.',
      hint = 'Turn autocommit on (psql: \set AUTOCOMMIT on; drivers: autocommit = true) and CALL postai.cutover again.';
  end if;
  -- After a rollback this database is read-only by its own setting.
  commit;
  set transaction read write;
  request := postai._cutover_ask(name, max_pause, run_window, rehearse);
  asked := pg_catalog.clock_timestamp();
  commit;
  if pg_catalog.lower(run_window) operator(pg_catalog.>) asked then
    raise notice 'the agent switches in the window % as soon as nothing stands against it', run_window
      using hint = pg_catalog.format('SELECT postai.replicate_cancel(%L) takes it back.', name);
    return;
  end if;
  select 0::pg_catalog.int8 as seen, false as cancelled, false as is_over, null::pg_catalog.text as said,
         null::pg_catalog.jsonb as error, false as taken into looked;
  loop
    select l.* into looked from postai._cutover_look(request, looked.seen, looked.cancelled) as l;
    commit;
    exit when looked.is_over;
    if not withdrawn and (looked.cancelled or not looked.taken and postai._is_waited_in_vain(asked)) then
      commit;
      set transaction read write;
      perform postai._replicate_withdraw(request, case when looked.cancelled then 'the waiting session was cancelled' else 'no agent took it up' end);
      withdrawn := true;
      commit;
    end if;
    exit when withdrawn and pg_catalog.clock_timestamp() operator(pg_catalog.-) asked
                              operator(pg_catalog.>) (max_pause operator(pg_catalog.+) '90 seconds'::pg_catalog.interval);
  end loop;
  if looked.is_over and withdrawn and not looked.cancelled and not looked.taken then
    raise exception using errcode = 'PA002', message = 'no agent took the switch up',
      detail = 'The request is taken back: nothing was done.',
      hint = case when postai._agent_present() then 'The agent''s log says why.' else 'Start it with: post-ai agent' end;
  elsif looked.error is not null then
    perform postai._raise(looked.error operator(pg_catalog.->>) 'sqlstate', looked.error operator(pg_catalog.->>) 'message',
                          looked.error operator(pg_catalog.->>) 'detail', looked.error operator(pg_catalog.->>) 'hint');
  elsif not looked.is_over then
    raise exception using errcode = '57014', message = 'the switch was cancelled, and the agent has not said yet what came of it',
      hint = 'SELECT * FROM postai.replications shows which side serves.';
  end if;
  raise notice '%', looked.said;
end
$$;
comment on procedure postai.cutover(text, interval, tstzrange, boolean) is
  'Switches a move: the clients write to this database a moment later, and are held back for max_pause at most, undo included; shows the steps and raises what went wrong; in a run_window that is to come it only leaves the request; rehearse does all but hold clients back and send them; autocommit only: call postai.cutover(''shop'')';

create function postai._is_waited_in_vain(since timestamptz) returns boolean
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select clock_timestamp() - since > interval '30 seconds'
         or clock_timestamp() - since > interval '5 seconds' and not postai._agent_present()
$$;
comment on function postai._is_waited_in_vain(timestamptz) is
  'Whether a request that nobody took up will be taken up no more: select postai._is_waited_in_vain(now())';

-- What people see -------------------------------------------------------------------------------------------------

create function postai._wrapped(said text, width integer) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(rtrim(regexp_replace(l.line, format('(.{1,%s})( +|$)', greatest(width, 20)), E'\\1\n', 'g'), E'\n'), E'\n' order by l.n)
    from regexp_split_to_table(said, E'\n') with ordinality as l (line, n)
$$;
comment on function postai._wrapped(text, integer) is 'A text in lines of so many characters, broken at spaces: select postai._wrapped(''wait until it has caught up'', 20)';

-- The same class as store.py's LOCK_CLASS.
create function postai._is_driven(move integer) returns boolean
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select postai._agent_present() or exists (
    select from pg_locks as l
     where l.locktype = 'advisory' and l.classid = 1836021349 and l.objid::bigint = move and l.objsubid = 2 and l.granted
       and l.database = (select d.oid from pg_database as d where d.datname = current_database()))
$$;
comment on function postai._is_driven(integer) is
  'Whether somebody carries a move on: the agent, or post-ai replicate in a terminal: select postai._is_driven(1)';

create function postai._next_of(m postai.replication, asked text) returns text
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when m.ended_at is not null then ''
    when not postai._is_driven(m.id) then E'nobody drives it:\npost-ai agent'
    when m.resume_state in ('completed', 'aborted') then concat_ws(E'\n', m.error ->> 'message', m.error ->> 'hint', 'the agent tries again')
    when m.state = 'failed' then concat_ws(E'\n', m.error ->> 'message', m.error ->> 'hint',
        format(E'then go on:\npostai.replicate_start(%L, %L, %L)', m.name, m.source, m.target))
    when m.error is not null then concat_ws(E'\n', m.error ->> 'message', m.error ->> 'hint')
    when asked is not null then asked
    when m.doing is not null then m.doing
    when m.state in ('ready', 'rolled_back') and (m.verified_at is null or m.verified_at < now() - interval '1 day') then
      format('postai.replicate_verify(%L)', m.name)
    when m.state in ('ready', 'rolled_back') and (m.verified -> 'equal')::text = 'false' then
      format(E'differences: see verified in\npostai.replication_progress;\npostai.replicate_repair(%L)', m.name)
    when m.state in ('ready', 'rolled_back') then format('CALL postai.cutover(%L);', m.name)
    when m.state = 'serving_target' then
      format(E'to stay, or to go back:\npostai.replicate_complete(%L)\npostai.replicate_rollback(%L)', m.name, m.name)
    else 'wait' end
$$;
comment on function postai._next_of(postai.replication, text) is
  'What holds a move up and what to do next, given what is asked of it: select postai._next_of(m, null) from postai.replication m';

create function postai._not_done(move integer) returns text
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(E'\n', concat(r.verb, ' was not done: ', r.error ->> 'message'), r.error ->> 'hint')
    from (select l.* from postai.replication_request as l
           where l.replication_id = move and l.done_at is not null order by l.done_at desc limit 1) as r
   where r.error is not null and r.error ->> 'message' <> concat(r.verb, ' was cancelled')
     and r.done_at > clock_timestamp() - interval '1 hour'
     and not exists (select from postai.replication_event as e
                      where e.replication_id = move and e.at > r.done_at
                        and e.step = any ('{serving_target,rolled_back,verified,ready,rehearsed}'))
$$;
comment on function postai._not_done(integer) is
  'Why the last thing that was asked of a move in this hour was not done, unless something was done since: select postai._not_done(1). Definer: see _replicate_request.';

-- Made for psql: next is broken so that a row of usual names fits into 80 columns.
create view postai.replications with (security_barrier) as
  with known as (
    select m.name, m.state, m.serving,
           (select pg_catalog.floor(case when pg_catalog.sum(t.total_bytes) > 0 then 100 * pg_catalog.sum(t.bytes) / pg_catalog.sum(t.total_bytes)
                     else 100.0 * pg_catalog.count(*) filter (where t.state = 'ready') / nullif(pg_catalog.count(*), 0) end)::integer
              from postai.replication_table as t where t.replication_id = m.id) as progress,
           case when m.ended_at is null then m.lag_bytes end as lag_bytes,
           postai._next_of(m, coalesce((
             select case when r.taken_at is not null then pg_catalog.concat(r.verb, ' runs')
                         when r.not_before > pg_catalog.now() then
                           pg_catalog.format('%s begins at %s', r.verb, pg_catalog.to_char(r.not_before, 'YYYY-MM-DD HH24:MI TZ'))
                         else pg_catalog.concat(r.verb, ' waits') end
               from postai.replication_request as r
              where r.replication_id = m.id and r.done_at is null order by r.taken_at, r.id limit 1), postai._not_done(m.id))) as next,
           m.ended_at, m.created_at
      from postai.replication as m
    union all
    -- A start that nobody has taken up yet, or that failed before there was a move.
    select r.options ->> 'name', case when r.done_at is null then 'requested' else 'refused' end, 'source', null, null,
           case when r.done_at is not null then pg_catalog.concat_ws(E'\n', r.error ->> 'message', r.error ->> 'hint')
                when postai._is_driven(0) then 'wait' else E'nobody drives it:\npost-ai agent' end, r.done_at, r.requested_at
      from postai.replication_request as r
     where r.verb = 'start' and r.replication_id is null and (r.done_at is null or r.done_at > pg_catalog.now() - interval '1 hour')
  ), shown as (
    select k.name, k.state, k.serving, k.progress,
           case when k.lag_bytes = 0 then '0' else postai._amount(k.lag_bytes) end as lag, k.next, k.ended_at, k.created_at
      from known as k
  )
  select s.name, s.state, s.serving, s.progress, s.lag,
         postai._wrapped(s.next, 48 - pg_catalog.max(greatest(4, pg_catalog.length(s.name))) over ()
           - pg_catalog.max(pg_catalog.length(s.state)) over () - pg_catalog.max(greatest(3, pg_catalog.length(s.lag))) over ()) as next
    from shown as s
   order by s.ended_at is not null, s.created_at desc;
comment on view postai.replications is
  'Moves of databases to this one: state, the side that clients write to, how much is copied (percent), how far it is behind, and what holds it up or is to be done next; ended moves last: select * from postai.replications';

create view postai.replication_progress with (security_barrier) as
  select m.name, t.table_name, t.state,
         case when t.state = 'ready' or t.total_bytes = 0 and t.state = 'catching_up' then 100
              when t.total_bytes > 0 then least(100, pg_catalog.floor(100.0 * t.bytes / t.total_bytes)) else 0 end::integer as progress,
         t.rows, postai._amount(t.total_bytes) as size,
         case when t.state <> 'ready' then pg_catalog.make_interval(secs => pg_catalog.round(t.seconds)) end as eta, t.verified
    from postai.replication_table as t join postai.replication as m on m.id = t.replication_id
   order by m.created_at desc, t.state = 'ready', t.total_bytes desc, t.table_name;
comment on view postai.replication_progress is
  'How far each table of a move is, in percent, when it will be copied at the present speed, and what the last verification said of it: select table_name, state, progress, size, eta from postai.replication_progress where name = ''shop''';

create view postai.replication_events with (security_barrier) as
  select m.name, e.at, e.state, e.step, e.level, e.what
    from postai.replication_event as e join postai.replication as m on m.id = e.replication_id
   order by e.id;
comment on view postai.replication_events is
  'What happened to moves, every step with its time; kept as it was written: select at, state, step, what from postai.replication_events where name = ''shop''';

-- Readers may call the verbs to be told which GRANT they lack; what does the work is granted to operators.
select postai._grant('execute on function ' || f, 'postai_reader')
  from pg_catalog.unnest(array[
    'postai._require_mover(text)', 'postai._require_home()', 'postai.replicate_check(text, text)',
    'postai.replicate_start(text, text, text, jsonb)', 'postai.replicate_verify(text)', 'postai.replicate_repair(text)',
    'postai._require_move_options(jsonb)', 'postai.replicate_rollback(text)',
    'postai.replicate_complete(text)', 'postai.replicate_abort(text)', 'postai.replicate_cancel(text)',
    'postai._cutover_ask(text, interval, tstzrange, boolean)', 'postai._wrapped(text, integer)', 'postai._is_driven(integer)',
    'postai._next_of(postai.replication, text)', 'postai._not_done(integer)']) as f;
select postai._grant('execute on procedure postai.cutover(text, interval, tstzrange, boolean)', 'postai_reader');
select postai._grant('execute on function ' || f, 'postai_operator')
  from pg_catalog.unnest(array[
    'postai._replicate_start(text, text, text, jsonb)', 'postai._replicate_request(text, text, jsonb, timestamptz)',
    'postai._replicate_withdraw(bigint, text)',
    'postai._replicate_cancel(text)', 'postai._cutover_look(bigint, bigint, boolean)', 'postai._cutover_steps(bigint, bigint)',
    'postai._request_state(bigint)', 'postai._is_waited_in_vain(timestamptz)']) as f;
select postai._grant('select on postai.' || v, 'postai_user', 'postai_agent')
  from pg_catalog.unnest(array['replications', 'replication_progress', 'replication_events']) as v;
