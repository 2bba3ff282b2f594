-- What the keeper of a database says to it.

-- name: try_lead
-- Take the lock that says "an agent is here"; it is held until the session ends.
select pg_catalog.pg_try_advisory_lock(%s, %s)

-- name: beat
-- Write this agent's row; the rows of agents that died a day ago go away.
with gone as (
  delete from postai.agent_status where heartbeat_at < pg_catalog.now() - interval '1 day'
)
insert into postai.agent_status as s (agent_id, host, pid, version, started_at, heartbeat_at, leader, model, engine)
values (%s, %s, %s, %s, pg_catalog.to_timestamp(%s), pg_catalog.now(), %s, %s, %s)
on conflict (agent_id) do update
  set heartbeat_at = excluded.heartbeat_at, leader = excluded.leader, model = excluded.model, engine = excluded.engine

-- name: leave
-- Take this agent's row away: it ended on purpose.
delete from postai.agent_status where agent_id = %s
