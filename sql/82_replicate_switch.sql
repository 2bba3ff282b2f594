-- How people switch a move, which is waited for, and what they see of moves.

-- A switch is waited for ---------------------------------------------------------------------------------------

create function postai._switch_ask(
    verb text, move text, max_pause interval, run_window tstzrange, rehearse boolean, writers_stopped boolean) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  seconds constant numeric := extract(epoch from max_pause);
  begins constant timestamptz := lower(run_window);
begin
  perform postai._require_operator('switch a move', 'Only operators move databases.');
  if seconds is null or seconds not between 0.1 and 86400 then
    perform postai._raise('22023', format('max_pause must be from 0.1 seconds to a day, not %s', coalesce(max_pause::text, 'NULL')), null,
      'Leave it out for 3 seconds.');
  elsif isempty(run_window) or upper(run_window) <= clock_timestamp() then
    perform postai._raise('22023', format('the window %s is over', run_window), null, 'Give one that is still to come.');
  end if;
  return postai._replicate_request(verb, move, jsonb_strip_nulls(jsonb_build_object('max_pause', round(seconds, 3), 'rehearse', rehearse,
      'writers_stopped', nullif(writers_stopped, false), 'not_after', case when upper_inf(run_window) then null else upper(run_window) end)),
    case when begins > clock_timestamp() then begins end);
end
$$;
comment on function postai._switch_ask(text, text, interval, tstzrange, boolean, boolean) is
  'Asks for a switch, gives the request: select postai._switch_ask(''cutover'', ''shop'', ''3 seconds'', null, false, false)';

-- Tells the steps that are new and rests for a moment. A cancel becomes a value: the agent must hear of it first, and
-- what it then undoes is to be seen. Two blocks, because a cancel is signalled twice.
create function postai._switch_look(
    request bigint, inout seen bigint, inout cancelled boolean, out is_over boolean, out said text, out error jsonb, out taken boolean)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
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
  for one in select s.id, s.said from postai._switch_steps(request, seen) as s loop
    raise notice '%', one.said;
    seen := one.id;
  end loop;
  select s.taken, s.is_over, s.said, s.error into taken, is_over, said, error from postai._request_state(request) as s;
end
$$;
comment on function postai._switch_look(bigint, bigint, boolean) is
  'Shows the new steps of a request after a moment: select * from postai._switch_look(7, 0, false)';

create function postai._switch_steps(request bigint, seen bigint) returns table (id bigint, said text)
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
comment on function postai._switch_steps(bigint, bigint) is
  'Events of a move since a request of it was taken up: select * from postai._switch_steps(7, 0). Definer: see _replicate_request.';

create function postai._request_state(request bigint, out taken boolean, out is_over boolean, out said text, out error jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.taken_at is not null, r.done_at is not null, r.outcome ->> 'said', case when r.done_at is not null then r.error end
    from postai.replication_request as r where r.id = request
$$;
comment on function postai._request_state(bigint) is
  'How far a request is, and what came of it: select * from postai._request_state(7). Definer: see _replicate_request.';

-- Raises nothing that it can give to its caller: psql shows where an error comes from, and people need one line of that.
-- A rollback ends the sessions of this database, but not one that waits so: it is closed to writing like the new ones.
create procedure postai._switch(
    verb text, name text, max_pause interval, run_window tstzrange, rehearse boolean, writers_stopped boolean,
    inout said text, inout failed jsonb)
  language plpgsql
as $$
declare
  refused pg_catalog.text;
  state pg_catalog.text;
  more pg_catalog.text;
  advice pg_catalog.text;
  request pg_catalog.int8;
  looked record;
  asked pg_catalog.timestamptz;
  withdrawn pg_catalog.bool := false;
  known_as constant pg_catalog.text := pg_catalog.current_setting('application_name');
  read_only constant pg_catalog.text := pg_catalog.current_setting('default_transaction_read_only');
begin
  -- In this block COMMIT always fails; in a transaction block it says the same as inside a function.
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics refused = message_text;
  end;
  if refused operator(pg_catalog.=) postai._transaction_end_refused() then
    failed := pg_catalog.jsonb_build_object('sqlstate', '25001',
      'message', pg_catalog.format('postai.%s cannot run inside a transaction block', verb),
      'detail', 'It commits while it waits, so that the agent sees the request.',
      'hint', pg_catalog.format('Turn autocommit on (psql: \set AUTOCOMMIT on; drivers: autocommit = true) and CALL postai.%s again.', verb));
    return;
  end if;
  -- After a rollback this database is read-only by its own setting.
  commit;
  set transaction read write;
  begin
    request := postai._switch_ask(verb, name, max_pause, run_window, rehearse, writers_stopped);
  exception
    when others then
      get stacked diagnostics state = returned_sqlstate, said = message_text, more = pg_exception_detail, advice = pg_exception_hint;
      failed := pg_catalog.jsonb_build_object('sqlstate', state, 'message', said, 'detail', case when more operator(pg_catalog.<>) '' then more end, 'hint', advice);
      return;
  end;
  asked := pg_catalog.clock_timestamp();
  commit;
  if pg_catalog.lower(run_window) operator(pg_catalog.>) asked then
    raise notice 'the agent switches in the window % as soon as nothing stands against it', run_window
      using hint = pg_catalog.format('SELECT postai.replicate_cancel(%L) takes it back.', name);
    return;
  end if;
  if verb operator(pg_catalog.=) 'rollback' and not rehearse then
    set default_transaction_read_only = on;
    set application_name = 'postai waits';
    commit;
  end if;
  select 0::pg_catalog.int8 as seen, false as cancelled, false as is_over, null::pg_catalog.text as said,
         null::pg_catalog.jsonb as error, false as taken into looked;
  loop
    select l.* into looked from postai._switch_look(request, looked.seen, looked.cancelled) as l;
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
  perform pg_catalog.set_config('application_name', known_as, false);
  if looked.is_over and looked.error is null and not rehearse then
    -- As a new session has it; what an earlier rollback set in this one ends with the cutover.
    perform pg_catalog.set_config('default_transaction_read_only', case when verb operator(pg_catalog.=) 'rollback' then 'on' else 'off' end, false)
      where verb operator(pg_catalog.=) 'rollback' or read_only operator(pg_catalog.=) 'on';
  elsif looked.is_over then
    perform pg_catalog.set_config('default_transaction_read_only', read_only, false);
  end if;
  commit;
  said := looked.said;
  if looked.is_over and withdrawn and not looked.cancelled and not looked.taken then
    failed := pg_catalog.jsonb_build_object('sqlstate', 'PA002', 'message', 'no agent took the switch up',
      'detail', 'The request is taken back: nothing was done.',
      'hint', case when postai._agent_present() then 'The agent''s log says why.' else 'Start it with: post-ai agent' end);
  elsif looked.error is not null then
    failed := looked.error operator(pg_catalog.||) pg_catalog.jsonb_build_object('hint',
      coalesce(postai._in_sql(looked.error operator(pg_catalog.->>) 'hint'), 'SELECT * FROM postai.replications shows how far it is.'));
  elsif not looked.is_over then
    failed := pg_catalog.jsonb_build_object('sqlstate', '57014',
      'message', 'the switch was cancelled, and the agent has not said yet what came of it',
      'hint', 'SELECT * FROM postai.replications shows which side serves.');
  end if;
end
$$;
comment on procedure postai._switch(text, text, interval, tstzrange, boolean, boolean, text, jsonb) is
  'Asks for a switch and waits for it; gives what came of it, or the parts of an error: call postai._switch(''cutover'', ''shop'', ''3 seconds'', null, false, false, null, null)';

create procedure postai.cutover(
    name text, max_pause interval default '3 seconds', run_window tstzrange default null, rehearse boolean default false,
    writers_stopped boolean default false)
  language plpgsql
as $$
declare
  said pg_catalog.text;
  failed pg_catalog.jsonb;
begin
  call postai._switch('cutover', name, max_pause, run_window, rehearse, writers_stopped, said, failed);
  if failed operator(pg_catalog.->>) 'detail' is not null then
    raise exception using errcode = failed operator(pg_catalog.->>) 'sqlstate', message = failed operator(pg_catalog.->>) 'message',
      detail = failed operator(pg_catalog.->>) 'detail', hint = failed operator(pg_catalog.->>) 'hint';
  elsif failed is not null then
    raise exception using errcode = failed operator(pg_catalog.->>) 'sqlstate', message = failed operator(pg_catalog.->>) 'message',
      hint = failed operator(pg_catalog.->>) 'hint';
  elsif said is not null then
    raise notice '%', said;
  end if;
end
$$;
comment on procedure postai.cutover(text, interval, tstzrange, boolean, boolean) is
  'Switches a move: the clients write to this database a moment later, and are held back for max_pause at most, undo included; shows the steps and raises what went wrong; in a run_window that is to come it only leaves the request; rehearse does all but hold clients back and send them; writers_stopped says that nobody writes to the source, which a source that can only be read needs; autocommit only: call postai.cutover(''shop'')';

create procedure postai.rollback(
    name text, max_pause interval default '3 seconds', run_window tstzrange default null, rehearse boolean default false)
  language plpgsql
as $$
declare
  said pg_catalog.text;
  failed pg_catalog.jsonb;
begin
  call postai._switch('rollback', name, max_pause, run_window, rehearse, false, said, failed);
  if failed operator(pg_catalog.->>) 'detail' is not null then
    raise exception using errcode = failed operator(pg_catalog.->>) 'sqlstate', message = failed operator(pg_catalog.->>) 'message',
      detail = failed operator(pg_catalog.->>) 'detail', hint = failed operator(pg_catalog.->>) 'hint';
  elsif failed is not null then
    raise exception using errcode = failed operator(pg_catalog.->>) 'sqlstate', message = failed operator(pg_catalog.->>) 'message',
      hint = failed operator(pg_catalog.->>) 'hint';
  elsif said is not null then
    raise notice '%', said;
  end if;
end
$$;
comment on procedure postai.rollback(text, interval, tstzrange, boolean) is
  'Switches a move back: the clients write to the source a moment later, with all that was written since the cutover; this session becomes read-only, as all new ones of this database then are; shows the steps and raises what went wrong; in a run_window that is to come it only leaves the request; rehearse does all but hold clients back and send them; autocommit only: call postai.rollback(''shop'')';

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
    when m.resume_state in ('completed', 'aborted') then concat_ws(E'\n', m.error ->> 'message', postai._in_sql(m.error ->> 'hint'), 'the agent tries again')
    when m.state = 'failed' then concat_ws(E'\n', m.error ->> 'message', postai._in_sql(m.error ->> 'hint'),
        format(E'then go on:\npostai.replicate_start(%L, %L, %L)', m.name, m.source, m.target))
    when m.error is not null then concat_ws(E'\n', m.error ->> 'message', postai._in_sql(m.error ->> 'hint'))
    when asked is not null then asked
    when m.doing is not null then m.doing
    when m.state = 'ready' and m.method = 'dump' and m.verified_at is null then
      format(E'rows are copied in the pause; measure it:\nCALL postai.cutover(%L, rehearse => true);', m.name)
    when m.state in ('ready', 'rolled_back') and m.method is distinct from 'dump' and (m.verified_at is null or m.verified_at < now() - interval '1 day') then
      format('postai.replicate_verify(%L)', m.name)
    when m.state in ('ready', 'rolled_back') and (m.verified -> 'equal')::text = 'false' then
      format(E'differences: see verified in\npostai.replication_progress;\npostai.replicate_repair(%L)', m.name)
    when m.state in ('ready', 'rolled_back') then format('CALL postai.cutover(%L);', m.name)
    when m.state = 'serving_target' and m.method = 'dump' then format(E'to stay:\npostai.replicate_complete(%L)', m.name)
    when m.state = 'serving_target' then
      format(E'to stay, or to go back:\npostai.replicate_complete(%L)\nCALL postai.rollback(%L);', m.name, m.name)
    else 'wait' end
$$;
comment on function postai._next_of(postai.replication, text) is
  'What holds a move up and what to do next, given what is asked of it: select postai._next_of(m, null) from postai.replication m';

create function postai._answered(move integer, out asked text, out refused text, out done text)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select (select case when o.taken_at is not null then concat(o.verb, ' runs')
                      when o.not_before > now() then format('%s begins at %s', o.verb, to_char(o.not_before, 'YYYY-MM-DD HH24:MI TZ'))
                      else concat(o.verb, ' waits', ': ' || (o.outcome ->> 'waits')) end
            from postai.replication_request as o
           where o.replication_id = move and o.done_at is null order by o.taken_at, o.id limit 1),
         case when r.error ->> 'message' <> concat(r.verb, ' was cancelled') then
           concat_ws(E'\n', concat(r.verb, ' was not done: ', r.error ->> 'message'), postai._in_sql(r.error ->> 'hint')) end,
         case when r.id is not null and r.error is null then
           coalesce(r.outcome ->> 'note', concat(r.verb, ' at ', to_char(r.done_at, 'HH24:MI'), ': ' || (r.outcome ->> 'said'))) end
    from (values (move)) as one left join (select l.* from postai.replication_request as l
           where l.replication_id = move and l.done_at is not null order by l.done_at desc limit 1) as r
     on r.done_at > clock_timestamp() - interval '1 hour' and (r.verb <> 'start' or r.error is not null or r.outcome ? 'note')
     and not exists (select from postai.replication_event as e
                      where e.replication_id = move and e.at > r.done_at
                        and e.step = any ('{serving_target,rolled_back,verified,ready,rehearsed}'))
$$;
comment on function postai._answered(integer) is
  'What is asked of a move now; and why the last thing that was asked of it in this hour was not done, or what came of it, unless something was done since: select * from postai._answered(1). Definer: see _replicate_request.';

-- Made for psql: next is broken so that a row of usual names fits into 80 columns.
create view postai.replications with (security_barrier) as
  with known as (
    select m.name, m.state, m.serving,
           (select pg_catalog.floor(case when pg_catalog.sum(t.total_bytes) > 0 then 100 * pg_catalog.sum(t.bytes) / pg_catalog.sum(t.total_bytes)
                     else 100.0 * pg_catalog.count(*) filter (where t.state = 'ready') / nullif(pg_catalog.count(*), 0) end)::integer
              from postai.replication_table as t where t.replication_id = m.id) as progress,
           case when m.ended_at is null then m.lag_bytes end as lag_bytes,
           pg_catalog.concat_ws(E'\n', case when m.ended_at is null and m.state <> 'failed' then a.done end, postai._next_of(m, coalesce(a.asked, a.refused))) as next,
           m.ended_at, m.created_at
      from postai.replication as m cross join lateral postai._answered(m.id) as a
    union all
    -- A start that nobody has taken up yet, or that failed before there was a move. With names, as pg_dump would make some up.
    select r.options ->> 'name' as name, case when r.done_at is null then 'requested' else 'refused' end as state,
           'source' as serving, null::integer as progress, null::bigint as lag_bytes,
           case when r.done_at is not null then pg_catalog.concat_ws(E'\n', r.error ->> 'message', postai._in_sql(r.error ->> 'hint'))
                when postai._is_driven(0) then 'wait' else E'nobody drives it:\npost-ai agent' end as next, r.done_at, r.requested_at
      from postai.replication_request as r
     where r.verb = 'start' and r.replication_id is null and (r.done_at is null or r.done_at > pg_catalog.now() - interval '1 hour')
       and not exists (select from postai.replication as m where m.name = r.options ->> 'name' and m.created_at > r.requested_at)
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
         case when t.rows > 0 or t.bytes = 0 then t.rows end as rows, postai._amount(t.total_bytes) as size,
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

create view postai.replication_details with (security_barrier) as
  select m.name, m.source, m.target, m.method, m.state, m.serving,
         coalesce((m.options ->> 'way_back')::boolean, true) and m.method is distinct from 'dump' as way_back,
         case when m.ended_at is null then m.lag_bytes end as lag_bytes, case when m.ended_at is null then m.lag_seconds end as lag_seconds,
         m.safe_wal_bytes, m.verified_at, (m.verified ->> 'equal')::boolean as verified_equal, m.verified ->> 'mode' as verified_mode,
         m.doing, m.error ->> 'message' as problem, postai._in_sql(m.error ->> 'hint') as problem_hint,
         postai._next_of(m, coalesce(a.asked, a.refused)) as next, a.asked, a.refused, a.done, postai._is_driven(m.id) as driven,
         m.restarts, m.requested_by, m.created_at, m.updated_at, m.ended_at
    from postai.replication as m cross join lateral postai._answered(m.id) as a;
comment on view postai.replication_details is
  'What there is to know of a move before it is switched: both connections, method, whether there is a way back, lag, what the last verification said, what is asked of it and whether somebody drives it; lag_bytes in bytes, lag_seconds in seconds: select name, serving, way_back, lag_bytes, verified_at, verified_equal, next from postai.replication_details';

create view postai.replication_requests with (security_barrier) as
  select r.id, coalesce(m.name, r.options ->> 'name') as name, r.verb, r.requested_by, r.requested_at, r.not_before, r.taken_at, r.done_at,
         coalesce((r.options ->> 'rehearse')::boolean, false) as rehearse, (r.options ->> 'max_pause')::double precision as max_pause,
         r.outcome ->> 'waits' as waits, r.outcome ->> 'said' as said, r.error ->> 'sqlstate' as sqlstate, r.error ->> 'message' as problem,
         r.error ->> 'detail' as problem_detail, postai._in_sql(r.error ->> 'hint') as problem_hint
    from postai.replication_request as r left join postai.replication as m on m.id = r.replication_id;
comment on view postai.replication_requests is
  'What was asked of moves and what came of it; max_pause in seconds: select verb, requested_by, requested_at, done_at, said, problem from postai.replication_requests where name = ''shop'' order by id desc';

-- As the verbs of 81_replicate_requests.sql.
select postai._grant('execute on function ' || f, 'postai_reader')
  from pg_catalog.unnest(array[
    'postai._switch_ask(text, text, interval, tstzrange, boolean, boolean)', 'postai._wrapped(text, integer)', 'postai._is_driven(integer)',
    'postai._next_of(postai.replication, text)', 'postai._answered(integer)']) as f;
select postai._grant('execute on procedure ' || p, 'postai_reader')
  from pg_catalog.unnest(array['postai.cutover(text, interval, tstzrange, boolean, boolean)', 'postai.rollback(text, interval, tstzrange, boolean)',
    'postai._switch(text, text, interval, tstzrange, boolean, boolean, text, jsonb)']) as p;
select postai._grant('execute on function ' || f, 'postai_operator')
  from pg_catalog.unnest(array[
    'postai._switch_look(bigint, bigint, boolean)', 'postai._switch_steps(bigint, bigint)',
    'postai._request_state(bigint)', 'postai._is_waited_in_vain(timestamptz)']) as f;
select postai._grant('select on postai.' || v, 'postai_user', 'postai_agent')
  from pg_catalog.unnest(array['replications', 'replication_progress', 'replication_events', 'replication_details', 'replication_requests']) as v;
