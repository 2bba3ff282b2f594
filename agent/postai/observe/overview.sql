-- name: agent
-- State of the sidecar.
select version, transport, reachable, leader, last_poll, model, engine, budget_left::double precision from postai.agent()

-- name: server_version
-- The server's version.
select pg_catalog.current_setting('server_version')
