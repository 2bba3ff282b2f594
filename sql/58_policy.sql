-- What the agent may apply without being asked: off unless an operator lists kinds in setting auto_apply. That operator
-- is the approver, with the rights that he holds when it happens. The agent cannot approve anything else: what the steps
-- of a proposal say is looked at here, not what the proposal calls itself.

create function postai._policy(
  out kinds text[], out of_role name, out most_bytes double precision, out left_today integer, out run_window tstzrange, out problem text
) returns record
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  times text := btrim(postai._setting_text('auto_apply_window'));
  piece text[];
  zone text;
  today timestamp;
  here timestamp;
begin
  select array(select btrim(k) from unnest(string_to_array(s.value #>> '{}', ',')) as k where btrim(k) <> ''), s.changed_by
    into kinds, of_role from postai.setting as s where s.name = 'auto_apply';
  kinds := coalesce(kinds, '{}');
  most_bytes := postai._setting_text('auto_apply_mb')::numeric * 1048576;
  left_today := floor(postai._setting_text('auto_apply_per_day')::numeric)
                - (select count(*) from postai.action as a where a.by_policy and a.requested_at > clock_timestamp() - interval '1 day');
  if cardinality(kinds) = 0 then
    problem := 'setting auto_apply names no kind of proposals';
  elsif left_today <= 0 then
    problem := 'as many proposals were applied in the last 24 hours as setting auto_apply_per_day allows';
  end if;
  if times = '' then
    return;
  end if;
  piece := regexp_match(times, '^(([01]?\d|2[0-3]):[0-5]\d)\s*-\s*(([01]?\d|2[0-3]):[0-5]\d)$');
  if piece is null then
    problem := format('setting auto_apply_window %L is no time of day like 22:00-04:00', times);
    return;
  end if;
  -- A session can set its own time zone; what counts is the database's, or the server's.
  zone := coalesce((select split_part(c, '=', 2)
                      from pg_db_role_setting as s, unnest(s.setconfig) as c
                     where s.setrole = 0 and s.setdatabase in (0, (select d.oid from pg_database as d where d.datname = current_database()))
                       and lower(split_part(c, '=', 1)) = 'timezone' order by s.setdatabase desc limit 1),
                   (select s.reset_val from pg_settings as s where s.name = 'TimeZone'));
  here := clock_timestamp() at time zone zone;
  today := date_trunc('day', here);
  if piece[3]::time <= piece[1]::time and here::time < piece[3]::time then
    today := today - interval '1 day';
  end if;
  run_window := tstzrange((today + piece[1]::time) at time zone zone,
    (today + piece[3]::time + case when piece[3]::time <= piece[1]::time then interval '1 day' else interval '0' end) at time zone zone);
  if not run_window @> clock_timestamp() then
    problem := coalesce(problem, format('it is not between %s (setting auto_apply_window)', times));
  end if;
end
$$;
comment on function postai._policy() is
  'What the agent may apply now without being asked, by whose policy, and what stands against it: select * from postai._policy()';

create function postai._policy_kinds() returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select array['create_index', 'drop_index', 'reindex', 'vacuum', 'analyze', 'autovacuum']
$$;
comment on function postai._policy_kinds() is
  'Kinds of proposals that a policy can allow: those of which postai._policy_step knows what they do: select postai._policy_kinds()';

-- A kind that no policy can allow would be accepted and never do anything.
create function postai._require_policy_kinds() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  unknown text := (select string_agg(btrim(k), ', ') from unnest(string_to_array(new.value #>> '{}', ',')) as k
                    where btrim(k) <> '' and btrim(k) <> all (postai._policy_kinds()));
begin
  if unknown is not null then
    perform postai._raise('22023', format('setting auto_apply cannot allow %s', unknown),
      'Without being asked only that is applied of which every form is known.',
      'Choose among: ' || array_to_string(postai._policy_kinds(), ', ') || '.');
  end if;
  return new;
end
$$;
comment on function postai._require_policy_kinds() is 'Refuses kinds of proposals in setting auto_apply that no policy can allow.';
create trigger policy_kinds before insert or update on postai.setting
  for each row when (new.name = 'auto_apply') execute function postai._require_policy_kinds();

create function postai._policy_step(statement text, out what text, out target text) returns record
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  name constant text := '(?:[a-zA-Z_][a-zA-Z0-9_$]*|"(?:[^"]|"")+")';
  full_name constant text := '(' || name || '\.' || name || ')';
  form text[];
begin
  foreach form slice 1 in array array[
    array['create_index', '^create\s+index\s+concurrently\s+' || name || '\s+on\s+(?:only\s+)?' || full_name || '\s*(?:using\s+[a-z]+\s*)?\([^;]+$'],
    array['create_index', '^create\s+index\s+' || name || '\s+on\s+only\s+' || full_name || '\s*(?:using\s+[a-z]+\s*)?\([^;]+$'],
    array['attach', '^alter\s+index\s+' || full_name || '\s+attach\s+partition\s+' || name || '\.' || name || '$'],
    array['comment', '^comment\s+on\s+index\s+' || full_name || '\s+is\s+''(?:[^'']|'''')*''$'],
    array['drop_index', '^drop\s+index\s+concurrently\s+' || full_name || '$'],
    array['reindex', '^reindex\s+(?:index|table)\s+concurrently\s+' || full_name || '$'],
    array['vacuum', '^vacuum\s+(?:(?:\((?:\s*(?:analyze|freeze|verbose|skip_locked|index_cleanup\s+(?:on|auto))\s*,?)+\)|analyze|freeze)\s*)?' || full_name || '$'],
    array['analyze', '^analyze\s+' || full_name || '(?:\s*\([^;()]+\))?$'],
    array['autovacuum', '^alter\s+table\s+' || full_name || '\s+reset\s*\(autovacuum_enabled\)$'],
    array['autovacuum', '^alter\s+table\s+' || full_name || '\s+set\s*\((?:\s*(?:toast\.)?autovacuum_(?:enabled\s*=\s*(?:on|true)|(?:vacuum|analyze|freeze|multixact)[a-z_]*\s*=\s*''?[0-9.]+''?)\s*,?)+\)$']
  ] loop
    target := (regexp_match(btrim(statement), form[2], 'i'))[1];
    if target is not null then
      what := form[1];
      return;
    end if;
  end loop;
end
$$;
comment on function postai._policy_step(text) is
  'What a statement does and to what, null for one that no policy can allow: select * from postai._policy_step(''ANALYZE shop.item'')';

create function postai._policy_bytes(proposal bigint, what text, target regclass, statement text) returns double precision
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case what
    -- The estimate, but no less than what the entries of a whole B-tree take.
    when 'create_index' then (
      select greatest(coalesce(postai._number(p.evidence -> 'bytes'), pg_table_size(target)),
                      case when statement ~* '\mwhere\M|\musing\s+(brin|gin|gist|hash)\M' then 0 else c.reltuples * 16 end)
        from postai.proposal as p, pg_class as c where p.id = $1 and c.oid = target)
    when 'reindex' then (select case when c.relkind in ('i', 'I') then pg_relation_size(c.oid) else pg_indexes_size(c.oid) end
                           from pg_class as c where c.oid = target)
    when 'drop_index' then pg_relation_size(target)
    when 'vacuum' then pg_table_size(target)
    else 0 end
$$;
comment on function postai._policy_bytes(bigint, text, regclass, text) is
  'How much a step of a proposal builds, rewrites or drops: select postai._policy_bytes(7, ''reindex'', ''shop.item_name'', '''')';

create function postai._saves(evidence jsonb) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(postai._number(evidence -> 'saved_ms_per_day'), 0) > 0
     and case when jsonb_typeof(evidence -> 'effects') = 'array' then evidence -> 'effects' <> '[]' else false end
$$;
comment on function postai._saves(jsonb) is
  'Whether evidence names statements that would save time: select postai._saves(''{"saved_ms_per_day": 5, "effects": [{}]}'')';

create function postai._require_policy(
    p postai.proposal, kinds text[], of_role name, most_bytes double precision, refusal text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
  objects jsonb := '[]'::jsonb;
  bytes double precision := 0::double precision;
  problem text := refusal;
begin
  if p.kind <> all (kinds) then
    problem := format('%s is not among the kinds of setting auto_apply', p.kind);
  end if;
  -- Whoever may ask about a statement would have its index built, on numbers that nobody measured.
  if coalesce(p.evidence -> 'asked', 'false') <> 'false' then
    problem := 'it came of a question about one statement, not of what was measured';
  end if;
  for one in select s.step, s.statement, f.what, to_regclass(f.target) as target
               from postai.proposal_step as s, postai._policy_step(s.statement) as f where s.proposal = p.id order by s.step loop
    if one.what is null then
      problem := format('step %s is nothing that is applied without being asked', one.step);
    elsif one.what not in ('attach', 'comment') and one.what <> all (kinds) then
      problem := format('step %s is %s, which is not among the kinds of setting auto_apply', one.step, one.what);
    elsif one.target is null and one.what not in ('attach', 'comment') then
      problem := format('what step %s touches does not exist', one.step);
    elsif one.what = 'create_index' and not postai._saves(p.evidence) then
      problem := format('step %s makes an index of which no statement is known to get faster', one.step);
    elsif one.target is not null then
      objects := objects || jsonb_build_object('class', 'pg_class', 'oid', one.target::oid::bigint);
      bytes := bytes + postai._policy_bytes(p.id, one.what, one.target, one.statement);
    end if;
  end loop;
  if bytes > most_bytes then
    problem := coalesce(problem, format('%s is more than setting auto_apply_mb allows', pg_size_pretty(bytes::bigint)));
  end if;
  problem := coalesce(problem, (select string_agg(m.problem, '; ')
                                  from postai._missing_rights(objects, of_role, postai._agent_roles()) as m));
  if problem is not null then
    perform postai._raise('PA006', format('proposal %s may not be applied without being asked', p.id), problem,
                          format('SELECT postai.apply(%s) asks for it.', p.id));
  end if;
end
$$;
comment on function postai._require_policy(postai.proposal, text[], name, double precision, text) is
  'Raises PA006 unless the policy allows all that a proposal does: called by postai._apply_by_policy(7)';

create function postai._apply_by_policy(proposal bigint) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  p postai.proposal;
  policy record;
begin
  -- One after the other, so that the limit of a day holds.
  perform from postai.setting as s where s.name = 'auto_apply' for update;
  p := postai._lock_proposal(proposal);
  policy := postai._policy();
  if p.state <> 'open' then
    perform postai._raise('55000', format('proposal %s is %s', p.id, coalesce(p.outcome, p.state)), null,
                          'Only open proposals are applied without being asked.');
  end if;
  perform postai._require_policy(p, policy.kinds, policy.of_role, policy.most_bytes, policy.problem);
  perform postai._approve_as(p.id, false, policy.of_role);
  perform postai._record_event('proposal.applied_by_policy', 'proposal ' || p.id, p.id, null,
    jsonb_build_object('policy_of', policy.of_role, 'kind', p.kind, 'note', format('applied by policy of %s', policy.of_role)));
  return postai._enqueue(p.id, 'apply', policy.of_role, policy.run_window, by_policy => true);
end
$$;
comment on function postai._apply_by_policy(bigint) is
  'Applies what the operator''s policy allows, in the operator''s name and with his rights: select postai._apply_by_policy(7). SECURITY DEFINER: the agent may not approve anything itself.';

select postai._grant('execute on function ' || f, 'postai_agent')
  from unnest(array['postai._policy()', 'postai._saves(jsonb)', 'postai._apply_by_policy(bigint)']) as f;
