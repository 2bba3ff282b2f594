-- What people see of proposals, actions and events, and the procedure that waits for an action. Text of other people's
-- queries, and details of errors (they may hold values), are shown to operators only.

create function postai._number(value jsonb) returns double precision
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when jsonb_typeof(value) = 'number' then value::double precision end
$$;
comment on function postai._number(jsonb) is 'A number of JSON, null when it is none: select postai._number(''12'')';

create view postai.proposals with (security_barrier) as
  select p.id, p.kind, p.title, p.why,
         case when p.proposed_by = session_user or postai._is_operator(current_user) then p.evidence end as evidence,
         p.risk, p.state, p.outcome, p.reason, p.superseded_by, p.proposed_by, p.proposed_at, p.approved_by, p.approved_at,
         p.closed_by, p.closed_at, s.steps, s.done, s.statements, s.undo, s.objects, s.estimated_ms, a.id as action,
         p.evidence ->> 'object' as object, p.evidence ->> 'severity' as severity, p.evidence ->> 'estimated_by' as estimated_by,
         postai._number(p.evidence -> 'saved_ms_per_day') as saved_ms_per_day,
         postai._number(p.evidence -> 'write_ms_per_day') as write_ms_per_day,
         postai._number(p.evidence -> 'bytes')::bigint as bytes,
         p.measured ->> 'state' as effect, postai._number(p.measured -> 'saved_ms_per_day') as measured_saved_ms_per_day,
         postai._number(p.measured -> 'write_ms_per_day') as measured_write_ms_per_day,
         postai._number(p.measured -> 'bytes')::bigint as measured_bytes, p.measured ->> 'reason' as measured_reason,
         case when p.proposed_by = session_user or postai._is_operator(current_user) then p.measured end as measured,
         p.undoes, p.seen_at
    from postai.proposal as p
    left join lateral (
      select pg_catalog.count(*)::integer as steps, pg_catalog.count(st.done_at)::integer as done,
             pg_catalog.array_agg(st.statement order by st.step) as statements,
             pg_catalog.array_agg(st.undo order by st.step desc) as undo,
             (select pg_catalog.array_agg(distinct o.value ->> 'identity')
                from postai.proposal_step as so, pg_catalog.jsonb_array_elements(so.objects) as o
               where so.proposal = p.id) as objects,
             pg_catalog.sum(st.estimated_ms)::bigint as estimated_ms
        from postai.proposal_step as st where st.proposal = p.id) as s on true
    left join lateral (
      select x.id from postai.action as x where x.proposal = p.id order by x.id desc limit 1) as a on true;
comment on view postai.proposals is
  'What postai proposes, with statements, undo, and estimate beside measurement: select id, title, state, statements, saved_ms_per_day, effect, measured_saved_ms_per_day, bytes, measured_bytes from postai.proposals';

create view postai.actions with (security_barrier) as
  select a.id, a.proposal, p.title, a.kind, a.state, a.requested_by, a.requested_at, a.not_before, a.run_window,
         a.recurring, a.by_policy, a.started_at,
         a.finished_at, a.attempt, (a.checkpoint ->> 'step')::integer as step, a.progress ->> 'phase' as phase,
         (a.progress ->> 'done')::real as progress,
         case when a.finished_at is null and postai._is_operator(current_user) then a.progress -> 'blockers' end as blockers,
         a.cancel_requested,
         (select pg_catalog.sum(s.estimated_ms)::bigint from postai.proposal_step as s where s.proposal = a.proposal) as estimated_ms,
         (a.measured ->> 'elapsed_ms')::bigint as measured_ms, a.measured,
         case when postai._is_operator(current_user) then a.error else a.error - 'detail' end as error
    from postai.action as a join postai.proposal as p on p.id = a.proposal;
comment on view postai.actions is
  'What the agent carries out or carried out, with progress and what it waits for: select id, state, phase, progress, blockers from postai.actions';

create view postai.events with (security_barrier) as
  select e.id, e.at, e.actor, e.kind, e.subject, e.proposal, e.action,
         case when e.actor = session_user or postai._is_operator(current_user) then e.detail end as detail
    from postai.event as e;
comment on view postai.events is
  'The audit log: who did what, when; details of other people''s events for operators: select at, actor, kind, subject from postai.events order by id desc limit 10';

-- COMMIT between the looks, so that no snapshot is held: CREATE INDEX CONCURRENTLY waits for everybody who holds one.
-- A procedure that commits can be neither DEFINER nor carry SET: every name and operator here is qualified.
create procedure postai.wait(action bigint, timeout interval default '1 hour')
  language plpgsql
as $$
declare
  started pg_catalog.timestamptz := pg_catalog.clock_timestamp();
  pause pg_catalog.float8 := 0.02;
  shown pg_catalog.text := '';
  now_shown pg_catalog.text;
  refused pg_catalog.text;
  a record;
  rest record;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      -- In this block COMMIT always fails; in a transaction block it says the same as inside a function.
      get stacked diagnostics refused = message_text;
  end;
  if refused operator(pg_catalog.=) postai._transaction_end_refused() then
    perform postai._raise('25001', 'postai.wait cannot run inside a transaction block',
      'It commits while it waits, so that it holds no snapshot.',
      pg_catalog.format('Turn autocommit on (psql: \set AUTOCOMMIT on; drivers: autocommit = true) and CALL postai.wait(%s) again.', action));
  end if;
  loop
    select v.state, v.phase, v.progress, v.blockers, v.error, v.kind, v.proposal, v.cancel_requested, v.measured into a
      from postai.actions as v where v.id operator(pg_catalog.=) action;
    if not found then
      perform postai._raise('42704', pg_catalog.format('there is no action %s', action), null,
                            'SELECT id, proposal, state FROM postai.actions lists them.');
    end if;
    now_shown := pg_catalog.concat_ws(', ', a.state, a.phase,
      case when a.progress operator(pg_catalog.>) 0 then
        pg_catalog.to_char(pg_catalog.floor(a.progress operator(pg_catalog.*) 10) operator(pg_catalog.*) 10, 'FM990') operator(pg_catalog.||) ' %' end,
      case when pg_catalog.jsonb_array_length(a.blockers) operator(pg_catalog.>) 0 then
        pg_catalog.concat('waiting for backend ', a.blockers operator(pg_catalog.#>>) '{0,pid}') end);
    if now_shown operator(pg_catalog.<>) shown then
      raise notice 'action %: %', action, now_shown;
      shown := now_shown;
    end if;
    exit when a.state operator(pg_catalog.=) any ('{done,regressed}'::pg_catalog.text[]);
    if a.state operator(pg_catalog.=) 'failed' then
      perform postai._raise(a.error operator(pg_catalog.->>) 'sqlstate', a.error operator(pg_catalog.->>) 'message', a.error operator(pg_catalog.->>) 'detail', a.error operator(pg_catalog.->>) 'hint');
    elsif a.state operator(pg_catalog.=) 'cancelled' then
      perform postai._raise('57014', pg_catalog.format('action %s was cancelled', action), null,
                            pg_catalog.format('SELECT postai.apply(%s) queues it again.', a.proposal));
    elsif a.state operator(pg_catalog.=) 'queued' and not postai._agent_present()
          and pg_catalog.clock_timestamp() operator(pg_catalog.-) started operator(pg_catalog.>) '5 seconds'::pg_catalog.interval then
      perform postai._raise('PA002', pg_catalog.format('action %s waits for an agent, and none is there', action),
        'No agent holds the leader''s lock in this database.', 'Start it with: post-ai agent');
    elsif pg_catalog.clock_timestamp() operator(pg_catalog.-) started operator(pg_catalog.>=) timeout then
      perform postai._raise('57014', pg_catalog.format('action %s is still %s after %s', action, a.state, timeout),
        'It goes on.', pg_catalog.format('CALL postai.wait(%s) waits again, SELECT postai.cancel(%s) cancels it.', action, action));
    end if;
    commit;
    perform pg_catalog.pg_sleep(pause);
    commit;
    pause := least(0.5, pause operator(pg_catalog.*) 1.5);
  end loop;
  if pg_catalog.jsonb_typeof(a.measured operator(pg_catalog.->) 'then') operator(pg_catalog.=) 'number' then
    raise notice 'proposal % drops for good what was set aside: CALL postai.wait(postai.apply(%, unsafe => true));',
      a.measured operator(pg_catalog.->>) 'then', a.measured operator(pg_catalog.->>) 'then';
  end if;
  -- What schedule(..., scans_only => true) left for its window.
  for rest in
    select v.id, v.run_window from postai.actions as v
     where v.proposal operator(pg_catalog.=) a.proposal and v.id operator(pg_catalog.>) action
       and v.state operator(pg_catalog.=) 'queued' and a.kind operator(pg_catalog.=) v.kind
  loop
    raise notice 'the rest waits for % as action %: SELECT * FROM postai.steps(%);', coalesce(rest.run_window::pg_catalog.text, 'its turn'), rest.id, a.proposal;
  end loop;
end
$$;
comment on procedure postai.wait(bigint, interval) is
  'Waits until an action has ended, shows its progress and raises its error; autocommit only: call postai.wait(12)';

create function postai._transaction_end_refused() returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  refused text;
begin
  begin
    commit;
  exception
    when invalid_transaction_termination then
      get stacked diagnostics refused = message_text;
  end;
  return refused;
end
$$;
comment on function postai._transaction_end_refused() is
  'What COMMIT says, in the session''s language, where a transaction cannot be ended: select postai._transaction_end_refused()';

-- A verb that is refused takes its transaction with it, and so would its own note: the caller writes it afterwards.
create function postai._note_refusal(verb text, subject text, proposal bigint default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  -- Whoever may do nothing else must not be able to fill the log.
  if (select count(*) from postai.event as e
       where e.at > clock_timestamp() - interval '1 hour' and e.kind = 'refused' and e.actor = session_user) < 100 then
    perform postai._record_event('refused', left(subject, 100), (select p.id from postai.proposal as p where p.id = proposal), null,
                                 jsonb_build_object('verb', left(verb, 40)));
  end if;
end
$$;
comment on function postai._note_refusal(text, text, bigint) is
  'Writes into the log that the caller was refused a verb, at most 100 times an hour: select postai._note_refusal(''apply'', ''proposal 7'', 7). Definer: the log takes what it is told by functions only.';

select postai._grant('select on postai.proposals', 'postai_reader');
select postai._grant('select on postai.actions', 'postai_reader');
select postai._grant('select on postai.events', 'postai_reader', 'postai_agent');
-- Readers may call the verbs to be told which GRANT they lack; what does the work is granted to operators.
select postai._grant('execute on function ' || f, 'postai_reader', 'postai_agent')
  from unnest(array['postai._number(jsonb)', 'postai._is_operator(name)', 'postai._may_use(name, name)', 'postai._owner()', 'postai._agent_present()',
                    'postai._transaction_end_refused()']) as f;
select postai._grant('execute on function ' || f, 'postai_reader')
  from unnest(array['postai._require_operator(text, text)', 'postai._note_refusal(text, text, bigint)', 'postai.approve(bigint, boolean, boolean)', 'postai.apply(bigint, boolean, boolean)',
                    'postai.dismiss(bigint, text)', 'postai.done_by_hand(bigint, text)', 'postai.undo(bigint)',
                    'postai.cancel(bigint)']) as f;
select postai._grant('execute on procedure postai.wait(bigint, interval)', 'postai_reader');
select postai._grant('execute on function ' || f, 'postai_operator')
  from unnest(array['postai._approve(bigint, boolean, boolean)', 'postai._apply(bigint, boolean, boolean)', 'postai._close(bigint, text, text)',
                    'postai._undo(bigint)', 'postai._cancel(bigint)']) as f;
-- The agent proposes, and writes what it did; it can neither approve nor queue.
select postai._grant('select on postai.' || t, 'postai_agent')
  from unnest(array['proposal', 'proposal_step', 'action', 'proposals', 'actions', 'event']) as t;
select postai._grant('insert (kind, title, why, evidence, risk, fingerprint, proposed_by, key, undoes) on postai.proposal', 'postai_agent');
select postai._grant('update (title, why, evidence, seen_at, measured, state, outcome, reason, superseded_by, closed_by, closed_at) on postai.proposal', 'postai_agent');
select postai._grant('insert on postai.proposal_step', 'postai_agent');
select postai._grant('update (done_at, measured_ms) on postai.proposal_step', 'postai_agent');
select postai._grant('update (state, worker, attempt, lease_until, noticed_at, checkpoint, progress, before, measured, error, started_at, finished_at) on postai.action',
                     'postai_agent');
select postai._grant('execute on function ' || f, 'postai_agent')
  from unnest(array['postai._fingerprint(jsonb)', 'postai._object(text, oid)', 'postai._digest(bigint)', 'postai._objects(bigint)', 'postai._is_repeatable(bigint)',
                    'postai._may_become(name, name)', 'postai._missing_rights(jsonb, name, name[])', 'postai._agent_roles()',
                    'postai._home()', 'postai._require_home(bigint)', 'postai._require_current(bigint)', 'postai._user_triggers(oid[])', 'postai._written_tables(bigint, boolean)',
                    'postai._raise(text, text, text, text)']) as f;
