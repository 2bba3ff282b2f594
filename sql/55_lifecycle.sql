-- Who may change the state of a proposal, and the functions that do it.
--
-- Each verb is an INVOKER function (it looks at who calls) over a DEFINER one (it writes the tables). So a definer
-- function or a trigger of somebody else, run by an operator by accident, cannot approve anything: inside it
-- current_user is no operator. The approver is always session_user.

create function postai._may_use(who name, role name) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- Since PostgreSQL 16 a membership may exist that gives neither the rights nor SET ROLE.
  if current_setting('server_version_num')::integer >= 160000 then
    return pg_has_role(who, role, 'USAGE') or pg_has_role(who, role, 'SET');
  end if;
  return pg_has_role(who, role, 'MEMBER');
end
$$;
comment on function postai._may_use(name, name) is 'Whether one role holds another: select postai._may_use(session_user, ''postai_operator'')';

create function postai._may_become(who name, role name) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_has_role(who, role, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end);
end
$$;
comment on function postai._may_become(name, name) is 'Whether one role may SET ROLE to another: select postai._may_become(''agent'', ''shop_owner'')';

create function postai._is_operator(who name) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_roles where rolname = who)
     and (postai._may_use(who, postai._owner())
          or case when to_regrole('postai_operator') is null then false else postai._may_use(who, 'postai_operator') end)
$$;
comment on function postai._is_operator(name) is
  'Whether a role is an operator (or owns schema postai): select postai._is_operator(session_user)';

create function postai._require_operator(verb text, why text default 'Only operators change the state of a proposal.') returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  who name;
begin
  foreach who in array array[current_user, session_user] loop
    if not postai._is_operator(who) then
      perform postai._raise('PA006', format('role %I may not %s', who, verb), why,
                            format('GRANT postai_operator TO %I;', who));
    end if;
  end loop;
end
$$;
comment on function postai._require_operator(text, text) is
  'Raises PA006 unless the caller, and the session''s user, are operators: select postai._require_operator(''approve a proposal'')';

-- Roles as which the agent may log in. Superusers are members of everything, but the agent never is one.
create function postai._agent_roles() returns name[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when to_regrole('postai_agent') is null then array[postai._owner()]
              else coalesce((select array_agg(r.rolname order by r.rolname) from pg_roles as r
                              where r.rolcanlogin and not r.rolsuper and postai._may_use(r.rolname, 'postai_agent')),
                            array['postai_agent'::name]) end
$$;
comment on function postai._agent_roles() is 'Roles as which the agent may log in: select postai._agent_roles()';

-- Roles are looked at once each, however many objects they own. What is asked of a role comes in CASE: of one that does not
-- exist nothing can be asked.
create function postai._missing_rights(objects jsonb, approver name, agents name[]) returns table (problem text, hint text)
  language sql stable rows 1
  set search_path = pg_catalog, pg_temp
as $$
  with who as materialized (
    select case when cardinality(agents) = 1 then agents[1] else 'postai_agent' end as grantee,
           exists (select from pg_roles as r where r.rolname = approver) as known
  ), touched as materialized (
    select distinct o.class, x.identity, x.owner,
           coalesce((select format('%I.%I', n.nspname, t.relname)
                       from pg_index as i join pg_class as t on t.oid = i.indrelid join pg_namespace as n on n.oid = t.relnamespace
                      where o.class = 'pg_class' and i.indexrelid = o.oid), x.identity) as whole
      from jsonb_to_recordset(objects) as o (class text, oid oid)
     cross join lateral postai._object(o.class, o.oid) as x
  ), owners as materialized (
    -- Superusers first, so that nobody is told to hand such a role out.
    select t.owner, case when r.rolsuper then 'superuser'
                         when not postai._may_use(approver, t.owner) then 'not held'
                         when not exists (select from unnest(agents) as a where postai._may_become(a, t.owner)) then 'no member' end as lack
      from (select distinct o.owner from touched as o, who where who.known) as t
      join pg_roles as r on r.rolname = t.owner
  )
  select f.problem, f.hint
    from (select '' as identity, format('role %I, who approved, does not exist any more', approver) as problem,
                 'Let another operator apply it.' as hint
            from who where not who.known
          union all
          select '', format('role %I is no operator', approver), format('GRANT postai_operator TO %I;', approver)
            from who where case when who.known then not postai._is_operator(approver) end
          union all
          select t.identity,
                 case w.lack
                   when 'superuser' then format('%s belongs to superuser %I, and the agent never acts as a superuser', t.identity, t.owner)
                   when 'not held' then format('role %I does not hold role %I, the owner of %s', approver, t.owner, t.identity)
                   else format('the agent (%s) is no member of role %I, the owner of %s', array_to_string(agents, ', '), t.owner, t.identity) end,
                 case w.lack
                   when 'superuser' then
                     case t.class when 'pg_class' then format('ALTER TABLE %s OWNER TO ...;', t.whole)
                                  when 'pg_namespace' then format('ALTER SCHEMA %s OWNER TO ...;', t.identity)
                                  when 'pg_database' then format('ALTER DATABASE %s OWNER TO ...;', t.identity)
                                  else 'Give it' end
                     || format(' to a plain role, no superuser, that is granted to %I and to %I.', approver, who.grantee)
                   when 'not held' then format('GRANT %I TO %I;', t.owner, approver)
                   else format('GRANT %I TO %I;', t.owner, who.grantee) end
            from who, touched as t join owners as w on w.owner = t.owner
           where w.lack is not null) as f
   order by f.identity
$$;
comment on function postai._missing_rights(jsonb, name, name[]) is
  'What an approver or the agent lacks to change these objects, with the GRANT: select * from postai._missing_rights(''[]'', session_user, postai._agent_roles())';

create function postai._lock_proposal(proposal bigint) returns postai.proposal
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_row postai.proposal;
begin
  select * into found_row from postai.proposal as p where p.id = $1 for update;
  if not found then
    perform postai._raise('42704', format('there is no proposal %s', coalesce($1::text, 'NULL')), null,
                          'SELECT id, title, state FROM postai.proposals lists them.');
  end if;
  return found_row;
end
$$;
comment on function postai._lock_proposal(bigint) is 'The proposal, locked against other transitions: select postai._lock_proposal(7)';

create function postai._require_no_live_action(proposal bigint) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  live record;
begin
  select a.id, a.kind, a.state into live from postai.action as a
   where a.proposal = $1 and a.state in ('queued', 'running', 'verifying');
  if found then
    perform postai._raise('55000', format('action %s (%s) of proposal %s is %s', live.id, live.kind, $1, live.state), null,
      format('CALL postai.wait(%s) waits for it, SELECT postai.cancel(%s) cancels it.', live.id, live.id));
  end if;
end
$$;
comment on function postai._require_no_live_action(bigint) is
  'Raises 55000 while an action of the proposal is queued or running: select postai._require_no_live_action(7)';

create function postai._require_home(proposal bigint) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (select p.home from postai.proposal as p where p.id = $1) <> postai._home() then
    perform postai._raise('PA008', format('proposal %s is stale: it was made in a database of which this one is a copy', $1),
      'After a restore, a clone or pg_upgrade nothing that was proposed before is carried out or undone.',
      format('SELECT postai.dismiss(%s, ''made before the restore''); and ask for a new one.', $1));
  end if;
end
$$;
comment on function postai._require_home(bigint) is
  'Raises PA008 when a proposal came with a restore: select postai._require_home(7)';

create function postai._require_current(proposal bigint) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  gone text;
begin
  perform postai._require_home($1);
  if not exists (select from postai.proposal_step as s where s.proposal = $1) then
    perform postai._raise('55000', format('proposal %s is advice, and no statement of it can be carried out', $1), null,
      format('Follow it by hand; SELECT postai.done_by_hand(%s, ''what you did''); closes it.', $1));
  end if;
  select string_agg(distinct o.identity, ', ') into gone
    from jsonb_to_recordset(postai._objects($1)) as o (class text, oid oid, identity text)
   where not exists (select from postai._object(o.class, o.oid) as x where x.identity = o.identity)
     and not exists (select from postai.proposal_step as s where s.proposal = $1 and s.done_at is not null);
  if gone is not null then
    perform postai._raise('PA008', format('proposal %s is stale: %s does not exist any more', $1, gone), null,
                          'Dismiss it and ask for a new one.');
  end if;
  -- Steps that were done change what they touch: only the first run can compare. Housekeeping fits any definition.
  if not postai._is_repeatable($1)
     and not exists (select from postai.proposal_step as s where s.proposal = $1 and s.done_at is not null)
     and postai._fingerprint(postai._objects($1)) <> (select p.fingerprint from postai.proposal as p where p.id = $1) then
    perform postai._raise('PA008', format('proposal %s is stale: what it touches was changed since it was made', $1),
      (select string_agg(distinct o.identity, ', ') from jsonb_to_recordset(postai._objects($1)) as o (identity text)),
      'Dismiss it and ask for a new one.');
  end if;
end
$$;
comment on function postai._require_current(bigint) is
  'Raises PA008 when what a proposal touches is gone or was changed: select postai._require_current(7)';

create function postai._require_rights(proposal bigint, approver name default session_user) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  problems record;
begin
  select string_agg(m.problem, '; ') as text, string_agg(distinct m.hint, ' ') as hint into problems
    from postai._missing_rights(postai._objects($1), approver, postai._agent_roles()) as m;
  if problems.text is not null then
    perform postai._raise('PA006', format('proposal %s may not be applied by %I', $1, approver), problems.text, problems.hint);
  end if;
end
$$;
comment on function postai._require_rights(bigint, name) is
  'Raises PA006 with the GRANT unless the approver and the agent hold the owners'' roles: select postai._require_rights(7)';

create function postai._require_triggers(proposal bigint, accept_triggers boolean, accepted jsonb, undoing boolean default false) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  fire jsonb := postai._user_triggers(postai._written_tables($1, undoing));
begin
  if fire <@ (accepted || postai._made_triggers($1)) or accept_triggers then
    return fire;
  end if;
  perform postai._raise('PA006', format('proposal %s writes rows of tables with triggers', $1),
    (select string_agg(format('trigger %I on %s runs %s of %I', t.trigger, t.table, t.function, t.owner), '; ')
       from jsonb_to_recordset(fire) as t (trigger text, "table" text, function text, owner text)),
    format('Look at the functions, then say yes: SELECT postai.approve(%s, accept_triggers => true);', $1));
  return null;
end
$$;
comment on function postai._require_triggers(bigint, boolean, jsonb, boolean) is
  'Raises PA006 while triggers of users would fire that the operator did not accept: select postai._require_triggers(7, false, ''[]'')';

create function postai._require_way_back(proposal bigint, unsafe boolean) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  fixed integer[] := postai._irreversible_steps($1);
begin
  if fixed = '{}' or unsafe or not exists (select from postai.proposal_step as s where s.proposal = $1 and s.step_class is not null) then
    return;
  end if;
  perform postai._raise('PA003', format('proposal %s cannot be undone once it ran', $1),
    (select string_agg(format('step %s: %s', s.step, left(s.statement, 200)), '; ' order by s.step)
       from postai.proposal_step as s where s.proposal = $1 and s.step = any (fixed)),
    format('Have a backup, then say yes: SELECT postai.apply(%s, unsafe => true);', $1));
end
$$;
comment on function postai._require_way_back(bigint, boolean) is
  'Raises PA003 when steps of a schema change have no undo and nobody said yes to that: select postai._require_way_back(7, false)';

create function postai._approve_as(proposal bigint, accept_triggers boolean, approver name, unsafe boolean default false) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  p postai.proposal := postai._lock_proposal(proposal);
  accepted jsonb;
begin
  if p.state = 'closed' then
    perform postai._raise('55000', format('proposal %s is closed (%s)', p.id, p.outcome), p.reason, 'Ask for a new one.');
  end if;
  perform postai._require_no_live_action(p.id);
  if p.state = 'approved' and p.approved_digest <> postai._digest(p.id) then
    perform postai._raise('PA008', format('the steps of proposal %s were changed after it was approved', p.id), null,
                          'Dismiss it and ask for a new one.');
  end if;
  perform postai._require_current(p.id);
  perform postai._require_rights(p.id, approver);
  if p.state = 'open' then
    perform postai._require_way_back(p.id, unsafe);
  end if;
  accepted := postai._require_triggers(p.id, accept_triggers, p.accepted_triggers);
  update postai.proposal as u
     set state = 'approved', approved_by = approver, approved_at = clock_timestamp(),
         approved_digest = postai._digest(p.id), accepted_triggers = accepted
   where u.id = p.id;
end
$$;
comment on function postai._approve_as(bigint, boolean, name, boolean) is
  'Approves in the name of a role after all checks of its rights. SECURITY DEFINER: nobody may write postai.proposal; granted to nobody.';

create function postai._approve(proposal bigint, accept_triggers boolean, unsafe boolean) returns void
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._approve_as(proposal, accept_triggers, session_user, unsafe)
$$;
comment on function postai._approve(bigint, boolean, boolean) is
  'Approves as session_user after all checks. SECURITY DEFINER: nobody may write postai.proposal; see postai.approve.';

create function postai._enqueue(
  proposal bigint, kind text, requested_by name default session_user, run_window tstzrange default null,
  not_before timestamptz default null, recurring text default null, time_zone text default null, by_policy boolean default false
) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  action bigint;
begin
  insert into postai.action (proposal, kind, requested_by, run_window, not_before, recurring, time_zone, by_policy)
  values ($1, $2, $3, $4, coalesce($5, nullif(lower($4), '-infinity')), $6, $7, $8) returning id into action;
  perform postai._record_event('action.queued', 'action ' || action, $1, action,
    jsonb_strip_nulls(jsonb_build_object('kind', $2, 'run_window', $4, 'not_before', $5, 'recurring', $6,
                                         'requested_by', nullif($3, session_user))));
  perform pg_notify('postai_action', action::text);
  return action;
end
$$;
comment on function postai._enqueue(bigint, text, name, tstzrange, timestamptz, text, text, boolean) is
  'Queues an action and wakes the agent. SECURITY DEFINER: nobody may write postai.action; granted to nobody.';

create function postai._apply(proposal bigint, accept_triggers boolean, unsafe boolean) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._approve_as(proposal, accept_triggers, session_user, unsafe);
  if unsafe and exists (select from postai.proposal as p where p.id = $1 and jsonb_typeof(p.evidence -> 'later') = 'array'
                           and p.evidence -> 'later' <> '[]') then
    raise notice 'proposal % drops nothing yet: what is to go is only set aside; a second proposal, open once this one ran, drops it for good and needs a yes of its own (CALL postai.wait names it)', $1;
  end if;
  return postai._enqueue(proposal, 'apply');
end
$$;
comment on function postai._apply(bigint, boolean, boolean) is
  'Approves and queues in one. SECURITY DEFINER: nobody may write the tables; see postai.apply.';

create function postai._undo(proposal bigint) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  p postai.proposal := postai._lock_proposal(proposal);
  second record;
  fixed text;
begin
  perform postai._require_no_live_action(p.id);
  -- What dropped for good, or is about to drop, what this one only set aside.
  select f.id, f.state, f.outcome into second from postai.proposal as f
   where f.kind = 'migrate' and f.evidence ->> 'after' = p.id::text and (f.state = 'approved' or f.outcome = 'applied')
   order by f.id desc limit 1;
  if found then
    perform postai._raise('55000', format('proposal %s cannot be undone', p.id),
      format('Proposal %s %s for good what it set aside.', second.id, case when second.outcome is null then 'is to drop' else 'dropped' end),
      case when second.outcome is null then format('SELECT postai.dismiss(%s, ''why''); unless steps of it were done already.', second.id)
           else 'What was dropped is in your backups only; ask for a new proposal that makes it again.' end);
  end if;
  if p.state = 'open' or p.outcome in ('dismissed', 'superseded', 'undone')
     or not exists (select from postai.proposal_step as s where s.proposal = p.id and s.done_at is not null
                       and (s.undo is not null or not postai._is_repeatable(p.id))) then
    perform postai._raise('55000', format('proposal %s has nothing to undo', p.id),
      format('It is %s, and no step of it was carried out by the agent.', coalesce(p.outcome, p.state)),
      'SELECT * FROM postai.actions shows what was carried out.');
  end if;
  select string_agg(s.step::text, ', ' order by s.step) into fixed
    from postai.proposal_step as s
   where s.proposal = p.id and s.done_at is not null and s.step = any (postai._irreversible_steps(p.id));
  if fixed is not null then
    perform postai._raise('55000', format('proposal %s cannot be undone', p.id), format('Step %s has no undo statement.', fixed),
                          'Ask for a new proposal that leads back.');
  end if;
  perform postai._require_home(p.id);
  perform postai._require_rights(p.id);
  perform postai._require_triggers(p.id, false, p.accepted_triggers, undoing => true);
  return postai._enqueue(p.id, 'undo');
end
$$;
comment on function postai._undo(bigint) is
  'Queues the undo statements. SECURITY DEFINER: nobody may write the tables; see postai.undo.';

create function postai._close(proposal bigint, how text, why text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  p postai.proposal := postai._lock_proposal(proposal);
begin
  if how not in ('dismissed', 'applied') or coalesce(btrim(why), '') = '' then
    perform postai._raise('22023', 'a reason is needed', null, 'Say in a few words why; it goes into the log.');
  end if;
  if p.state = 'closed' then
    perform postai._raise('55000', format('proposal %s is closed (%s)', p.id, p.outcome), p.reason, 'Nothing is left to do.');
  end if;
  perform postai._require_no_live_action(p.id);
  update postai.proposal as u
     set state = 'closed', outcome = _close.how, reason = _close.why, closed_by = session_user, closed_at = clock_timestamp()
   where u.id = p.id;
end
$$;
comment on function postai._close(bigint, text, text) is
  'Closes a proposal without running it. SECURITY DEFINER: nobody may write postai.proposal; see postai.dismiss.';

create function postai._cancel(action bigint) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  a postai.action;
begin
  select * into a from postai.action as x where x.id = $1 for update;
  if not found then
    perform postai._raise('42704', format('there is no action %s', coalesce($1::text, 'NULL')), null,
                          'SELECT id, proposal, state FROM postai.actions lists them.');
  end if;
  if a.state = 'queued' then
    update postai.action as u set state = 'cancelled', finished_at = clock_timestamp() where u.id = a.id;
  elsif a.state = 'running' then
    if not a.cancel_requested then
      update postai.action as u set cancel_requested = true where u.id = a.id;
      perform postai._record_event('action.cancel_requested', 'action ' || a.id, a.proposal, a.id);
    end if;
  else
    perform postai._raise('55000', format('action %s is %s and cannot be cancelled', a.id, a.state), null,
                          format('SELECT postai.undo(%s) leads back what was carried out.', a.proposal));
  end if;
  perform pg_notify('postai_action', a.id::text);
end
$$;
comment on function postai._cancel(bigint) is
  'Cancels a queued action, asks the agent to cancel a running one. SECURITY DEFINER: nobody may write postai.action; see postai.cancel.';

create function postai.approve(proposal bigint, accept_triggers boolean default false, unsafe boolean default false) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('approve a proposal');
  perform postai._approve(proposal, accept_triggers, unsafe);
end
$$;
comment on function postai.approve(bigint, boolean, boolean) is
  'Approves a proposal without running it; accept_triggers lets triggers of users fire, unsafe says yes to a schema change that cannot be undone: select postai.approve(7)';

create function postai.apply(proposal bigint, accept_triggers boolean default false, unsafe boolean default false) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('apply a proposal');
  return postai._apply(proposal, accept_triggers, unsafe);
end
$$;
comment on function postai.apply(bigint, boolean, boolean) is
  'Approves a proposal if need be and queues it; gives the action, see CALL postai.wait; unsafe says yes to a schema change that cannot be undone: select postai.apply(7)';

create function postai.dismiss(proposal bigint, reason text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('dismiss a proposal');
  perform postai._close(proposal, 'dismissed', reason);
end
$$;
comment on function postai.dismiss(bigint, text) is 'Closes a proposal that is not wanted: select postai.dismiss(7, ''the table goes away next week'')';

create function postai.done_by_hand(proposal bigint, note text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('close a proposal');
  perform postai._close(proposal, 'applied', note);
end
$$;
comment on function postai.done_by_hand(bigint, text) is
  'Closes a proposal that a person carried out: select postai.done_by_hand(7, ''created the index in the release'')';

create function postai.undo(proposal bigint) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('undo a proposal');
  return postai._undo(proposal);
end
$$;
comment on function postai.undo(bigint) is
  'Queues the undo statements of the steps that were carried out; gives the action: select postai.undo(7)';

create function postai.cancel(action bigint) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('cancel an action');
  perform postai._cancel(action);
end
$$;
comment on function postai.cancel(bigint) is
  'Cancels an action; a running one ends at its statement, steps already carried out stay: select postai.cancel(12)';
