-- From 0.1.0 to 0.2.0: ask, proposals, events and the agent's own tables come as whole files; settings remember when.
-- "include" names a file of the SQL core that is new in this version.

comment on schema postai is
  'postai, an AI database administrator: start with SELECT * FROM postai.agent(), then ask about your tables with SELECT postai.ask(...)';

alter table postai.setting add column changed_at timestamptz not null default now();

create or replace function postai._known_settings()
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
    ('allowed_functions', 'list', '', 'operator', 'User functions that generated statements may call: schema.name, or schema.name(types) where there are several; comma separated.'),
    ('second_sample', 'boolean', 'false', 'operator', 'Whether the model is asked a second time where it is not sure, and the results of both statements are compared.'),
    ('value_index', 'boolean', 'true', 'operator', 'Whether the agent keeps distinct values of text columns with few of them, to understand questions.'),
    ('keep_days', 'number', '90', 'operator', 'Days for which questions and the list of model calls are kept.'),
    ('reuse_answers_days', 'number', '7', 'operator', 'Days for which an answer of the model is given again to the same question without a call; 0 = never.'),
    ('collect', 'boolean', 'true', 'operator', 'Whether the agent collects the counters of statements, tables and indexes.'),
    ('collect_interval', 'duration', '60s', 'operator', 'How often the counters are collected.'),
    ('collect_values', 'boolean', 'false', 'owner', 'Whether texts of running statements, with the values in them, are kept as samples.'),
    ('collect_plans', 'boolean', 'false', 'owner', 'Whether plans that auto_explain writes into the server''s log are collected.'),
    ('history_days', 'number', '14', 'operator', 'Days for which every interval is kept; after that one row an hour, for a year.'),
    ('history_mb', 'number', '500', 'operator', 'Most that the history may take, in megabytes; the oldest goes first.'),
    ('optimize_interval', 'duration', '1h', 'operator', 'How often the advisors look for something to propose.'),
    ('index_budget_mb', 'number', '0', 'operator', 'Most that proposed indexes may take together, in megabytes; 0 = half of what the tables take.'),
    ('price_per_gb_month', 'number', '0.10', 'operator', 'What a gigabyte of storage costs in a month, in your currency.'),
    ('alert_quiet', 'duration', '1h', 'operator', 'How long the same alert is not repeated.'),
    ('cache_tables', 'number', '100', 'operator', 'Most cache tables there may be.'),
    ('cache_rows', 'number', '1000000', 'operator', 'Most rows that a cache table may have.'),
    ('cache_mb', 'number', '100', 'operator', 'Most that the rows of a cache table may take, in megabytes.'),
    ('auto_apply', 'text', '', 'operator', 'Kinds of proposals that are applied without being asked: create_index, reindex, vacuum, analyze ...; comma separated.'),
    ('auto_apply_mb', 'number', '100', 'operator', 'Biggest object, in megabytes, that a proposal applied without being asked may build or rewrite.'),
    ('auto_apply_per_day', 'number', '3', 'operator', 'Most proposals that are applied without being asked in a day.'),
    ('auto_apply_window', 'text', '', 'operator', 'Times of day, in the database''s time zone, in which they may be applied: 22:00-04:00; empty = always.'),
    ('verify_after', 'duration', '30min', 'operator', 'How long after a change its effect is measured, at the earliest.'),
    ('step_lock_timeout', 'duration', '1s', 'operator', 'Longest wait of one try for a strong lock, at which others queue; 200ms to 2s.'),
    ('batch_rows', 'number', '1000', 'operator', 'Rows of the first batch of a backfill; later ones adapt so that each takes about 50 ms.'),
    ('batch_max_lag', 'duration', '10s', 'operator', 'A backfill pauses while a standby replays later than this.'),
    ('batch_max_active', 'number', '40', 'operator', 'A backfill pauses while more sessions than this are active.')
$$;

drop view postai.settings;
create view postai.settings as
  select k.name,
         case when s.name is null then k.fallback
              when pg_catalog.jsonb_typeof(s.value) = 'array' then
                (select coalesce(pg_catalog.string_agg(e.item, ', ' order by e.position), '')
                   from pg_catalog.jsonb_array_elements_text(s.value) with ordinality as e (item, position))
              else s.value #>> '{}' end as value,
         k.fallback as default_value, k.type, k.set_by, s.changed_by, s.changed_at, k.description
    from postai._known_settings() as k
    left join postai.setting as s on s.name = k.name;
comment on view postai.settings is 'Every setting with its value here: select name, value from postai.settings; change one with postai.set(name, value).';

create or replace function postai.set(name text, value text) returns void
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
    raise exception using errcode = '42704', message = format('there is no setting %L', name),
      detail = 'Nearest: ' || (select string_agg(n.name, ', ')
                                 from (select k.name from postai._known_settings() as k
                                        order by postai._nearness(k.name, coalesce(set.name, '')) desc, k.name limit 3) as n),
      hint = 'SELECT name, value, description FROM postai.settings lists them all.';
  end if;
  if known.set_by = 'owner' and not pg_has_role(session_user, postai._owner(), 'member') then
    raise exception using errcode = 'PA006', message = format('%I may be changed by the owner of schema postai only', name),
      hint = format('Ask a member of role %I.', postai._owner());
  end if;
  if value is null then
    delete from postai.setting as s where s.name = set.name;
  else
    begin
      clean := postai._setting_value(known.type, value);
    exception
      when data_exception then
        raise exception using errcode = '22023', message = format('%L is no value for setting %I', value, name),
          detail = format('Its type is %s; the default is %L.', known.type, known.fallback),
          hint = case known.type when 'duration' then 'Write for example 30s or 2 min, up to 1 hour.'
                                 when 'number' then 'Write a number that is not negative.'
                                 when 'boolean' then 'Write true or false.'
                                 when 'list' then 'Write schema.name, schema.name(argument types), extension NAME or server NAME; comma separated, without brackets or quotes around them.'
                                 else 'Choose one of: ' || replace(known.type, '|', ', ') end;
    end;
    insert into postai.setting as s (name, value, changed_by, changed_at) values (name, clean, session_user, now())
      on conflict on constraint setting_pkey
      do update set value = excluded.value, changed_by = excluded.changed_by, changed_at = excluded.changed_at;
  end if;
  perform postai._record_event('setting.changed', name, null, null, jsonb_build_object('value', value));
end
$$;

-- Roles belong to the whole cluster: another database may have made them, and we may not be allowed to.
create function postai._make_roles() returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  wanted text;
begin
  foreach wanted in array array['postai_reader', 'postai_user', 'postai_operator', 'postai_agent'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
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
    if to_regrole('postai_reader') is not null and to_regrole('postai_user') is not null
       and not pg_has_role('postai_user', 'postai_reader', 'member') then
      grant postai_reader to postai_user;
    end if;
    if to_regrole('postai_user') is not null and to_regrole('postai_operator') is not null
       and not pg_has_role('postai_operator', 'postai_user', 'member') then
      grant postai_user to postai_operator;
    end if;
  exception
    when insufficient_privilege then
      raise notice 'the roles of postai may not be granted to each other here: grant postai_reader to postai_user and postai_user to postai_operator as a superuser';
  end;
end
$$;
comment on function postai._make_roles() is
  'Makes the roles of postai that are missing, at installation and after a restore on another server: select postai._make_roles()';
select postai._make_roles();

-- Reads IntervalStyle and the like.
create or replace function postai._setting_value(type text, value text) returns jsonb
  language plpgsql stable
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
      -- A comma inside parentheses stands between argument types.
      if exists (select from regexp_split_to_table(value, ',(?![^(]*\))') as item
                  where btrim(item) <> '' and btrim(item) !~
                        '^(([^][\s(){}"'',.;]+|"([^"]|"")+")\.([^][\s(){}"'',.;]+|"([^"]|"")+")(\s*\([^()]*\))?|(extension|server)\s+\S.*)$') then
        raise invalid_parameter_value;
      end if;
      return coalesce((select jsonb_agg(btrim(item) order by position)
                         from regexp_split_to_table(value, ',(?![^(]*\))') with ordinality as e (item, position)
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

drop procedure postai._require_autocommit(text);
drop function postai._refuse_atomic(text, text);
delete from postai.role_grant where privilege like '%postai.\_refuse\_atomic(%' or privilege like '%postai.\_require\_autocommit(%';

select postai._apply_grants();

-- include: 25_event.sql
-- include: 35_transport.sql
-- include: 40_ask.sql
-- include: 41_explain.sql
-- include: 42_teach.sql
-- include: 45_values.sql
-- include: 50_proposal.sql
-- include: 55_lifecycle.sql
-- include: 56_lifecycle_views.sql
-- include: 57_schedule.sql
-- include: 58_policy.sql
-- include: 60_agent.sql
-- include: 61_history.sql
-- include: 62_judge.sql
-- include: 63_health.sql
-- include: 64_history_views.sql
-- include: 66_optimize.sql
-- include: 67_scratch.sql
-- include: 68_script.sql
-- include: 70_lint.sql
-- include: 71_migrate.sql
-- include: 80_replicate.sql
-- include: 81_replicate_requests.sql
-- include: 82_replicate_switch.sql
-- include: 83_stream.sql
-- include: 84_edge.sql
-- include: 85_cache.sql
-- include: 86_cache_advice.sql
-- include: 87_web.sql
-- include: 88_team.sql
-- include: 90_rights.sql
