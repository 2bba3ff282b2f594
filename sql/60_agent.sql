-- What the agent says about itself, and what its model calls cost.

create table postai.agent_status (
  agent_id text primary key,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null,
  heartbeat_at timestamptz not null,
  leader boolean not null default false,
  model text,
  engine text,
  budget_left numeric
);
comment on table postai.agent_status is 'One row per agent that serves this database, renewed every few seconds.';

create table postai.model_call (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  purpose text not null,
  model text not null,
  input_tokens integer,
  output_tokens integer,
  cost_usd numeric,
  latency_ms real,
  status text not null,
  question_id bigint
);
comment on table postai.model_call is 'Every call of the model: purpose, tokens, cost, latency; never texts or row values.';
create index model_call_at on postai.model_call (at);

create function postai._reachable() returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  pong text;
begin
  if postai._transport() = 'socket' then
    if to_regprocedure('postai._socket(text, text, text)') is null then
      return false;
    end if;
    execute 'select postai._socket($1, $2, $3)' into pong using 'ping', '', '';
    return coalesce(pong::json ->> 'type' = 'pong', false);
  end if;
  return postai._agent_present();
end
$$;
comment on function postai._reachable() is
  'Whether the agent answers now: select postai._reachable(). Definer: callers may not open the agent''s socket.';

create function postai.agent()
  returns table (version text, transport text, reachable boolean, leader text, last_poll timestamptz, model text, engine text,
                 budget_left numeric)
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select (select v.version from postai.schema_version as v order by v.installed_at desc, string_to_array(v.version, '.')::integer[] desc limit 1),
         postai._transport(), postai._reachable(), case when postai._agent_present() then s.agent_id end, s.heartbeat_at, s.model, s.engine, s.budget_left
    from (select 1) as one
    left join lateral (select a.* from postai.agent_status as a order by a.leader desc, a.heartbeat_at desc limit 1) as s on true
$$;
comment on function postai.agent() is
  'State of the agent in one row; no leader when none is there, budget_left (US dollars, today) when it has a model: select * from postai.agent()';

create function postai._prune() returns integer
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  with oldest as materialized (
    select clock_timestamp() - make_interval(secs => least(postai._setting_text('keep_days')::double precision, 36500) * 86400) as at
  ), questions as (
    delete from postai.question as q where q.asked_at < (select o.at from oldest as o) returning 1
  ), answers as (
    delete from postai.kept_answer as a
     where a.at < clock_timestamp() - make_interval(secs => least(postai._setting_text('reuse_answers_days')::double precision, 36500) * 86400)
        or a.at < (select k.at from postai.kept_answer as k order by k.at desc offset 10000 limit 1)
    returning 1
  ), calls as (
    delete from postai.model_call as c where c.at < least((select o.at from oldest as o), date_trunc('day', now())) returning 1
  )
  select postai._job_prune() + ((select count(*) from questions) + (select count(*) from answers) + (select count(*) from calls))::integer
$$;
comment on function postai._prune() is
  'Removes ended jobs, kept answers over their age or beyond 10000, and questions and model calls older than setting keep_days (of model calls today''s stay, as the budget counts them): select postai._prune(). Definer: the agent may not delete questions.';

create function postai._cancel_statement(backend integer, backend_start timestamptz, query_start timestamptz) returns boolean
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_or(pg_cancel_backend(a.pid)), false)
    from pg_stat_activity as a
   where a.pid = $1 and a.backend_start = $2 and a.query_start = $3 and a.state = 'active'
     and a.datname = current_database()
$$;
comment on function postai._cancel_statement(integer, timestamptz, timestamptz) is
  'Cancels a statement that outlives ask_timeout, if that backend still runs the very same one: select postai._cancel_statement(4711, now(), now()). Definer: the agent is no superuser, and superusers ask too.';

create function postai._evict_strangers() returns text[]
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  pids integer[];
  found_here text[];
begin
  select array_agg(l.pid), array_agg(format('%s (pid %s)', pg_get_userbyid(a.usesysid), l.pid)) into pids, found_here
    from (select distinct k.pid
            from pg_locks as k
           where k.locktype = 'advisory' and k.classid = 1886352244 and k.objid = 1 and k.objsubid = 2 and k.granted
             and k.database = (select d.oid from pg_database as d where d.datname = current_database())) as l
   cross join lateral pg_stat_get_activity(l.pid) as a
   where not pg_has_role(a.usesysid, coalesce(to_regrole('postai_agent')::oid,
           (select n.nspowner from pg_namespace as n where n.nspname = 'postai')), 'member');
  perform pg_terminate_backend(p.pid) from unnest(pids) as p (pid);
  return coalesce(found_here, '{}');
exception
  when insufficient_privilege then
    perform postai._raise('PA006', 'a session that is no agent holds the agent''s lock', array_to_string(found_here, ', '),
      'End it as a superuser: select pg_terminate_backend(pid) from pg_locks where locktype = ''advisory'' and classid = 1886352244 and objid = 1');
end
$$;
comment on function postai._evict_strangers() is
  'Ends sessions that hold the agents'' lock without being agents, gives their roles and process ids: select postai._evict_strangers(). Definer: anybody can take an advisory lock, and the agent is no superuser.';

select postai._grant('select on postai.agent_status', 'postai_reader');
select postai._grant('select, insert, update, delete on postai.agent_status', 'postai_agent');
select postai._grant('select, insert on postai.model_call', 'postai_agent');
select postai._grant('select on postai.model_call', 'postai_operator');
select postai._grant('execute on function ' || f, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array['postai._reachable()', 'postai.agent()']) as f;
select postai._grant('execute on function postai._cancel_statement(integer, timestamptz, timestamptz)', 'postai_agent');
select postai._grant('execute on function postai._evict_strangers()', 'postai_agent');
select postai._grant('execute on function postai._prune()', 'postai_agent');
