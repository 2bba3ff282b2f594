-- What the keeper of a database says to it.

-- name: try_lead
-- Take the lock that says "an agent is here"; it is held until the session ends.
select pg_catalog.pg_try_advisory_lock(%s, %s)

-- name: evict
-- End the sessions that hold that lock and are no agents: they would keep every agent from leading.
select postai._evict_strangers()

-- name: beat
-- Write this agent's row; the rows of agents that died a day ago go away. Without a model there is no budget.
with gone as (
  delete from postai.agent_status where heartbeat_at < pg_catalog.now() - interval '1 day'
), model as (
  select coalesce(nullif(postai._setting_text('model'), ''), configured.name) as name,
         case postai._setting_text('engine') when 'auto' then 'grammar, model' else postai._setting_text('engine') end as engine,
         greatest(0, coalesce((select (s.value #>> '{}')::numeric from postai.setting as s where s.name = 'daily_budget_usd'),
                              configured.budget)
                     - (select coalesce(pg_catalog.sum(c.cost_usd), 0) from postai.model_call as c where c.at >= current_date)) as left_over
    from (select %s::text as name, %s::numeric as budget) as configured
   where configured.name is not null
)
insert into postai.agent_status as s
       (agent_id, host, pid, version, started_at, heartbeat_at, leader, model, engine, budget_left)
select %s, %s, %s, %s, pg_catalog.to_timestamp(%s), pg_catalog.now(), %s,
       m.name, coalesce(m.engine, 'grammar'), m.left_over
  from (select 1) as one left join model as m on true
on conflict (agent_id) do update
  set heartbeat_at = excluded.heartbeat_at, leader = excluded.leader, model = excluded.model, engine = excluded.engine,
      budget_left = excluded.budget_left

-- name: leave
-- Take this agent's row away: it ended on purpose.
delete from postai.agent_status where agent_id = %s

-- name: write
-- This session writes whatever the database's own setting says.
set default_transaction_read_only = off
