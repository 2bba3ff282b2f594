-- What postai wants to change, the steps, and the actions that carry steps out. Which state may follow which is data
-- (postai._transitions) and enforced by triggers, whoever writes; each change of state is an event of the same
-- transaction. docs/lifecycle.md shows the same table.

-- Oids mean something in one database only. A dump that is restored, a clone, and an upgraded cluster have other ones.
create function postai._home() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  cluster text := '';
begin
  begin
    cluster := system_identifier from pg_control_system();
  exception
    when insufficient_privilege then
      null; -- some managed servers keep it to themselves; the rest has to do
  end;
  return (select format('%s/%s/%s', cluster, d.oid, to_regclass('postai.proposal')::oid)
            from pg_database as d where d.datname = current_database());
end
$$;
comment on function postai._home() is
  'Which database this is: another value after a restore, a clone, or pg_upgrade: select postai._home()';

create table postai.proposal (
  id bigint generated always as identity primary key,
  kind text not null check (kind ~ '^[a-z][a-z_]*$'),
  title text not null check (length(title) between 1 and 200),
  why text not null,
  evidence jsonb not null default '{}',
  risk text not null default 'low' check (risk in ('low', 'medium', 'high')),
  fingerprint text not null,
  key text,
  seen_at timestamptz not null default now(),
  undoes bigint references postai.proposal,
  measured jsonb check (jsonb_typeof(measured) = 'object'),
  state text not null default 'open' check (state in ('open', 'approved', 'closed')),
  outcome text check (outcome in ('applied', 'dismissed', 'superseded', 'undone')),
  reason text,
  superseded_by bigint references postai.proposal,
  proposed_by name not null default session_user,
  proposed_at timestamptz not null default now(),
  home text not null default postai._home(),
  approved_by name,
  approved_at timestamptz,
  approved_digest text,
  accepted_triggers jsonb not null default '[]',
  closed_by name,
  closed_at timestamptz,
  check ((state = 'closed') = (outcome is not null)),
  check (state <> 'approved' or (approved_by is not null and approved_digest is not null))
);
comment on table postai.proposal is 'A change that was proposed: what, why, on what evidence; its steps are in postai.proposal_step.';
comment on column postai.proposal.fingerprint is 'postai._fingerprint() of the objects that the steps touch, when it was proposed; another value = stale.';
comment on column postai.proposal.evidence is
  'What the reason rests on. Of advisors: object, severity (HIGH, MEDIUM, LOW), saved_ms_per_day, write_ms_per_day, bytes, estimated_by and effects: [{"id": queryid, "calls_per_day", "before_ms", "after_ms"}].';
comment on column postai.proposal.key is 'What an advisor speaks of: it does not propose the same again, and a better proposal of the same key replaces an open one.';
comment on column postai.proposal.seen_at is 'When an advisor last said it.';
comment on column postai.proposal.undoes is 'The applied proposal that this one takes back, because measuring showed that it did not help.';
comment on column postai.proposal.measured is
  'What came of it: {"state": confirmed (by the planner; not measured yet), helped, no effect, worse or unknown, "reason", "saved_ms_per_day", "estimated_ms_per_day", "write_ms_per_day", "bytes", "statements": [...], "tables": {"before", "after"}, "planner": [...]}.';
create index proposal_key on postai.proposal (key, id) where key is not null;
comment on column postai.proposal.home is 'postai._home() where it was made; after a restore it is stale, as its oids mean other objects.';
comment on column postai.proposal.approved_digest is 'postai._digest() of the steps that were approved; nothing else is ever run.';
comment on column postai.proposal.accepted_triggers is 'User triggers that the approver let fire when steps write rows.';

create table postai.proposal_step (
  proposal bigint not null references postai.proposal on delete cascade,
  step integer not null check (step > 0),
  statement text not null,
  statement_class text not null,
  in_transaction boolean not null,
  precondition text,
  postcondition text,
  undo text,
  undo_class text,
  undo_in_transaction boolean,
  undo_precondition text,
  objects jsonb not null check (jsonb_typeof(objects) = 'array'),
  locks jsonb not null default '{}',
  hazard text,
  estimated_ms bigint,
  estimated_rows bigint,
  step_class text check (step_class in ('short_lock', 'weak_scan', 'alone', 'batched')),
  together text[] not null default '{}',
  phase text not null default 'expand' check (phase in ('expand', 'contract')),
  blocks jsonb not null default '{}',
  rewrites text[],
  scans text[],
  backfill jsonb check (jsonb_typeof(backfill) = 'object'),
  done_at timestamptz,
  measured_ms bigint,
  primary key (proposal, step),
  check ((undo is null) = (undo_class is null) and (undo is null) = (undo_in_transaction is null))
);
comment on table postai.proposal_step is 'Steps of a proposal in their order; done_at is written with the step, cleared when it is undone.';
comment on column postai.proposal_step.undo_precondition is 'A SELECT of one boolean that must be true just before the undo runs.';
comment on column postai.proposal_step.step_class is
  'Of a schema change: short_lock, weak_scan (in a transaction), alone (allows none) or batched (many transactions); null = an advisor''s step.';
comment on column postai.proposal_step.together is 'Further statements of the same transaction, right after the statement.';
comment on column postai.proposal_step.phase is 'expand leaves the old in its place, contract takes it away.';
comment on column postai.proposal_step.blocks is 'What others cannot do meanwhile: {"public.t": "writes"}.';
comment on column postai.proposal_step.rewrites is 'Tables that are written anew; null = not known.';
comment on column postai.proposal_step.scans is 'Tables that are read completely; null = not known.';
comment on column postai.proposal_step.backfill is
  'Rows that are written in batches along a key: {"table", "key": [column], "assignments": {column: expression}, "condition"}.';
comment on column postai.proposal_step.objects is 'Existing objects that are touched, and schemas of new ones: [{"class": "pg_class", "oid": 16384, "identity": "public.t"}].';

create table postai.action (
  id bigint generated always as identity primary key,
  proposal bigint not null references postai.proposal,
  kind text not null check (kind in ('apply', 'undo')),
  state text not null default 'queued'
    check (state in ('queued', 'running', 'verifying', 'done', 'regressed', 'failed', 'cancelled')),
  requested_by name not null default session_user,
  requested_at timestamptz not null default now(),
  not_before timestamptz,
  run_window tstzrange,
  scan_window tstzrange,
  recurring text,
  time_zone text,
  by_policy boolean not null default false,
  noticed_at timestamptz,
  worker text,
  attempt integer not null default 0,
  lease_until timestamptz,
  cancel_requested boolean not null default false,
  checkpoint jsonb not null default '{}',
  progress jsonb not null default '{}',
  before jsonb check (jsonb_typeof(before) = 'array'),
  measured jsonb,
  error jsonb,
  started_at timestamptz,
  finished_at timestamptz,
  check ((state in ('done', 'regressed', 'failed', 'cancelled')) = (finished_at is not null)),
  check ((state = 'failed') = (error is not null)),
  check (recurring is null or (not_before is not null and time_zone is not null))
);
comment on table postai.action is 'Queue of changes of this database; only the agent runs them, outside of any caller''s transaction.';
comment on column postai.action.run_window is 'It begins in this time only, and ends with it: what is not done by then waits for the next window.';
comment on column postai.action.scan_window is
  'Its first step that reads a whole table (VALIDATE) and what comes after it run in this time only, as an action of their own; what is before that runs at once.';
comment on column postai.action.recurring is 'Cron expression, read in time_zone: when this action has ended, the next one is queued.';
comment on column postai.action.by_policy is 'Whether nobody asked for it but setting auto_apply; requested_by is then who set that.';
comment on column postai.action.noticed_at is 'When it was told that the action is about to run.';
comment on column postai.action.attempt is 'Raised by each claim; a worker whose number is no longer this one has lost the action and writes nothing.';
comment on column postai.action.checkpoint is
  'The step under way and the backend that runs it, written before the step: {"step", "phase", "pid", "backend_start"}; of a backfill, written with each batch: {"step", "phase": "batch", "key", "bound", "rows", "seen", "total", "size", "passes"}.';
comment on column postai.action.before is
  'What the tables that it touches were like when it began: sizes, live and dead rows, vacuums, updates; its `measured` has the same of its end.';
create index action_proposal on postai.action (proposal, id);
create unique index action_one_live on postai.action (proposal) where state in ('queued', 'running', 'verifying');
create index action_left on postai.action (id) where state in ('failed', 'cancelled') and checkpoint ->> 'phase' = 'started';
create index action_waiting on postai.action (id) where state in ('queued', 'running', 'verifying');

create function postai._transitions()
  returns table (subject text, from_state text, to_state text, verb text, role text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('proposal', 'open', 'approved', 'approve, apply, schedule', 'operator'),
    ('proposal', 'open', 'approved', 'apply_by_policy', 'agent'),
    ('proposal', 'open', 'dismissed', 'dismiss', 'operator'),
    ('proposal', 'open', 'applied', 'done_by_hand, notice', 'operator, agent'),
    ('proposal', 'open', 'superseded', 'propose, finish', 'agent'),
    ('proposal', 'approved', 'dismissed', 'dismiss', 'operator'),
    ('proposal', 'approved', 'applied', 'done_by_hand, finish or notice', 'operator, agent'),
    ('proposal', 'approved', 'undone', 'finish', 'agent'),
    ('proposal', 'applied', 'undone', 'finish', 'agent'),
    ('action', 'none', 'queued', 'apply, schedule, undo', 'operator'),
    ('action', 'none', 'queued', 'apply_by_policy, recur', 'agent'),
    ('action', 'queued', 'running', 'claim', 'agent'),
    ('action', 'queued', 'cancelled', 'cancel', 'operator'),
    ('action', 'queued', 'failed', 'expire', 'agent'),
    ('action', 'running', 'verifying', 'verify', 'agent'),
    ('action', 'running', 'failed', 'finish', 'agent'),
    ('action', 'running', 'cancelled', 'cancel', 'agent'),
    ('action', 'verifying', 'done', 'finish', 'agent'),
    ('action', 'verifying', 'regressed', 'finish', 'agent'),
    ('action', 'verifying', 'failed', 'finish', 'agent')
$$;
comment on function postai._transitions() is
  'Every change of state that exists, with the verb that makes it and the role that may: select * from postai._transitions()';

create function postai._guard_transition() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  thing text := tg_table_name;
  before text := old.state;
  after text := new.state;
  details jsonb;
begin
  if thing = 'proposal' then
    before := coalesce(old.outcome, old.state);
    after := coalesce(new.outcome, new.state);
    details := jsonb_build_object('from', before, 'reason', new.reason, 'approved_by', new.approved_by,
                                  'superseded_by', new.superseded_by);
    if old.state <> 'open' and (old.title, old.why, old.evidence) is distinct from (new.title, new.why, new.evidence) then
      perform postai._raise('55000', format('what proposal %s says cannot be changed any more', new.id),
        format('It is %s: people decided on it as it was.', before), 'Make a new proposal.');
    end if;
  else
    details := jsonb_build_object('from', before, 'kind', new.kind, 'attempt', new.attempt, 'worker', new.worker,
                                  'error', new.error, 'measured', new.measured);
  end if;
  if before is distinct from after then
    if not exists (select from postai._transitions() as t
                    where t.subject = thing and t.from_state = before and t.to_state = after) then
      perform postai._raise('55000', format('%s %s is %s and cannot become %s', thing, new.id, before, after), null,
                            format('SELECT * FROM postai.%ss WHERE id = %s shows how it came there.', thing, new.id));
    end if;
    if thing = 'proposal' then
      perform postai._record_event(thing || '.' || after, thing || ' ' || new.id, new.id, null, jsonb_strip_nulls(details));
    else
      perform postai._record_event(thing || '.' || after, thing || ' ' || new.id, new.proposal, new.id, jsonb_strip_nulls(details));
      perform pg_notify('postai_notice', jsonb_build_object('kind', thing || '.' || after, 'action', new.id,
                                                            'proposal', new.proposal)::text);
    end if;
  end if;
  return new;
end
$$;
comment on function postai._guard_transition() is
  'Lets through the changes of state of postai._transitions() and writes each to the log. SECURITY DEFINER: the agent may not write the log.';

create trigger transition before update on postai.proposal for each row execute function postai._guard_transition();
create trigger transition before update on postai.action for each row execute function postai._guard_transition();

create function postai._refuse_step_change() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (to_jsonb(old) - '{done_at,measured_ms}'::text[]) is distinct from (to_jsonb(new) - '{done_at,measured_ms}'::text[]) then
    perform postai._raise('55000', format('step %s of proposal %s cannot be changed', old.step, old.proposal),
      'What was proposed is what people read and approve.', 'Make a new proposal that supersedes this one.');
  end if;
  return new;
end
$$;
comment on function postai._refuse_step_change() is 'Keeps the text of steps as it was proposed.';
create trigger unchanged before update on postai.proposal_step for each row execute function postai._refuse_step_change();

create function postai._digest(proposal bigint) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(coalesce(jsonb_agg(to_jsonb(s) - '{done_at,measured_ms}'::text[] order by s.step), '[]')::text,
                                  'UTF8')), 'hex')
    from postai.proposal_step as s where s.proposal = $1
$$;
comment on function postai._digest(bigint) is 'Hash of all that the steps of a proposal say: select postai._digest(7)';

-- What is known about one touched object now; no row = it is gone. The owner of a schema that belongs to
-- pg_database_owner is the owner of the database: nobody can be granted that role.
create function postai._object(class text, object oid, out identity text, out owner name, out picture text) returns setof record
  language sql stable rows 1
  set search_path = pg_catalog, pg_temp
as $$
  with found (identity, owner, picture) as (
    select format('%I.%I', n.nspname, c.relname), c.relowner,
           -- pg_get_indexdef would wait for whoever has locked the table.
           case when c.relkind in ('i', 'I') then (
                  select format('index %s %s %s %s %s %s %s %s %s %s', i.indrelid, i.indisunique, c.relam, i.indkey, i.indnkeyatts,
                                i.indclass, i.indcollation, i.indoption, i.indexprs, i.indpred)
                    from pg_index as i where i.indexrelid = c.oid)
                else c.relkind::text || (select coalesce(string_agg(
                       format('%s %I %s %s', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ','
                       order by a.attnum), '')
                     from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) end
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where class = 'pg_class' and c.oid = object
    union all
    select format('%I.%I', n.nspname, t.typname), t.typowner,
           t.typtype::text || (select coalesce(string_agg(e.enumlabel, ',' order by e.enumsortorder), '')
                                 from pg_enum as e where e.enumtypid = t.oid)
      from pg_type as t join pg_namespace as n on n.oid = t.typnamespace where class = 'pg_type' and t.oid = object
    union all
    select p.oid::regprocedure::text, p.proowner, encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex')
      from pg_proc as p where class = 'pg_proc' and p.prokind in ('f', 'p') and p.oid = object
    union all
    select format('%I.%I', n.nspname, s.stxname), s.stxowner, pg_get_statisticsobjdef(s.oid)
      from pg_statistic_ext as s join pg_namespace as n on n.oid = s.stxnamespace
     where class = 'pg_statistic_ext' and s.oid = object
    union all
    select format('%I', n.nspname), n.nspowner, '' from pg_namespace as n where class = 'pg_namespace' and n.oid = object
    union all
    select format('%I', d.datname), d.datdba, '' from pg_database as d where class = 'pg_database' and d.oid = object
  )
  select f.identity, r.rolname, f.picture
    from found as f
    join pg_roles as r on r.oid = case when f.owner = to_regrole('pg_database_owner') then
           (select d.datdba from pg_database as d where d.datname = current_database()) else f.owner end
$$;
comment on function postai._object(text, oid) is
  'Name, owner and a description of one object now, no row when it is gone: select * from postai._object(''pg_class'', ''public.t''::regclass)';

create function postai._fingerprint(objects jsonb) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(coalesce(string_agg(
           -- What an index is stands in its definition: REINDEX CONCURRENTLY gives it another oid.
           format('%s %s %s %s', o.class, case when now_there.picture like 'index %' then null else o.oid end,
                  coalesce(now_there.identity, '-'), now_there.picture), chr(10)
           order by o.class, now_there.identity, o.oid), ''), 'UTF8')), 'hex')
    from (select distinct r.class, r.oid from jsonb_to_recordset(objects) as r (class text, oid oid)) as o
    left join lateral postai._object(o.class, o.oid) as now_there on true
$$;
comment on function postai._fingerprint(jsonb) is
  'Hash of the names, columns and definitions of objects: another value means that they changed: select postai._fingerprint(''[]'')';

create function postai._objects(proposal bigint) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(distinct
           -- REINDEX CONCURRENTLY gives an index another oid; under the same name it is the same index.
           case when o.value ->> 'class' <> 'pg_class' or exists (select from pg_class as c where c.oid = (o.value ->> 'oid')::oid)
                then o.value
                else o.value || coalesce((select jsonb_build_object('oid', c.oid::bigint)
                                            from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
                                           where format('%I.%I', n.nspname, c.relname) = o.value ->> 'identity'
                                             and c.relkind in ('i', 'I')), '{}') end), '[]')
    from postai.proposal_step as s, jsonb_array_elements(s.objects) as o
   where s.proposal = $1
$$;
comment on function postai._objects(bigint) is 'All objects that the steps of a proposal touch: select postai._objects(7)';

create function postai._is_repeatable(proposal bigint) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select count(*) > 0 and bool_and(s.statement_class in ('VACUUM', 'ANALYZE', 'REINDEX'))
    from postai.proposal_step as s where s.proposal = $1
$$;
comment on function postai._is_repeatable(bigint) is
  'Whether a proposal only does what may be done again and again, and needs no undo: select postai._is_repeatable(7)';

-- User triggers that fire when rows of these tables are written, also on partitions and where a foreign key cascades.
create function postai._user_triggers(tables oid[]) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive written (oid) as (
    select unnest(tables)
    union
    select case when step.child is null then written.oid else step.child end
      from written,
           lateral (select i.inhrelid as child from pg_inherits as i where i.inhparent = written.oid
                    union all
                    select k.conrelid from pg_constraint as k
                     where k.contype = 'f' and k.confrelid = written.oid
                       and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))) as step
  )
  select coalesce(jsonb_agg(jsonb_build_object(
           'trigger', t.tgname, 'table', format('%I.%I', n.nspname, c.relname), 'function', t.tgfoid::regprocedure::text,
           'owner', r.rolname, 'source', encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
           order by n.nspname, c.relname, t.tgname), '[]')
    from written
    join pg_trigger as t on t.tgrelid = written.oid and not t.tgisinternal and t.tgenabled <> 'D'
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_proc as p on p.oid = t.tgfoid
    join pg_roles as r on r.oid = p.proowner
$$;
comment on function postai._user_triggers(oid[]) is
  'Triggers of users that fire when rows of these tables are written, with the owners of their functions: select postai._user_triggers(array[''public.t''::regclass::oid])';

create function postai._written_tables(proposal bigint, undoing boolean default false) returns oid[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct (o.value ->> 'oid')::oid), '{}')
    from postai.proposal_step as s, jsonb_array_elements(s.objects) as o
   where s.proposal = $1 and o.value ->> 'class' = 'pg_class'
     and (s.undo_class in ('INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE', 'TRUNCATE TABLE', 'COPY')
          or not undoing and s.statement_class in ('INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE', 'TRUNCATE TABLE', 'COPY'))
$$;
comment on function postai._written_tables(bigint, boolean) is
  'Tables into which steps of a proposal, or only their undo statements, write rows: select postai._written_tables(7)';

create function postai._made_triggers(proposal bigint) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(f.value), '[]')
    from jsonb_array_elements(postai._user_triggers(postai._written_tables($1))) as f
   where exists (select from postai.proposal_step as s
                  where s.proposal = $1 and s.done_at is not null and s.statement_class = 'CREATE TRIGGER'
                    and strpos(s.statement, format('TRIGGER %I ', f.value ->> 'trigger')) > 0
                    and strpos(s.statement, format(' ON %s ', f.value ->> 'table')) > 0)
$$;
comment on function postai._made_triggers(bigint) is
  'Triggers that a proposal made itself, on tables into which its later steps write: select postai._made_triggers(7)';

-- A comment goes with what it speaks of, and housekeeping changes nothing that people see.
create function postai._irreversible_steps(proposal bigint) returns integer[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(s.step order by s.step), '{}')
    from postai.proposal_step as s
   where s.proposal = $1 and s.undo is null and s.statement_class not in ('COMMENT', 'VACUUM', 'ANALYZE', 'REINDEX')
$$;
comment on function postai._irreversible_steps(bigint) is
  'Numbers of the steps from which nothing leads back: select postai._irreversible_steps(7)';
