-- name: edges
-- Edges and what they last said.
select e.name, e.version, e.region, e.address, e.state, e.first_at, e.reported_at, e.figures
  from postai.edges as e order by e.state desc, e.name

-- name: endpoints
-- Servers as each edge sees them.
select n.edge, n.node, n.region, n.role, n.latency_ms, n.behind_seconds, n.problem, n.reported_at
  from postai.edge_endpoints as n order by n.edge, n.region, n.node

-- name: rules
-- Rules that edges follow.
select r.name, r.database_name, r.user_name, r.relation, r.query, extract(epoch from r.ttl)::double precision, r.route, r.regions,
       r.cache_table, r.changed_by::text, r.changed_at
  from postai.edge_rules as r order by r.name

-- name: set_rule
-- Make or replace a rule.
select postai.edge_rule(%s, %s, %s, %s, %s, %s::interval, %s, %s::text[], %s)

-- name: forget_rule
-- Take a rule away.
select postai.forget_edge_rule(%s)
