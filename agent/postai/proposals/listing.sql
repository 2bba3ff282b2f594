-- name: list
-- Proposals that fit a filter, with the state of what is carried out of them.
select p.id, p.kind, p.title, p.why, p.risk, p.state, p.outcome,
       coalesce(p.object, pg_catalog.array_to_string(p.objects[1:3], ', ')) as object, p.severity, p.saved_ms_per_day,
       p.write_ms_per_day, p.bytes, p.effect, p.measured_saved_ms_per_day, p.measured_bytes, p.steps, p.done,
       coalesce(p.statements, '{}'), p.proposed_by::text, p.proposed_at, p.closed_at, p.action,
       (select a.state from postai.actions as a where a.id = p.action)
  from postai.proposals as p
  join (values (%s, %s, %s, %s)) as g (wanted_state, wanted_kind, wanted_severity, words) on true
 where (g.wanted_state = 'all' or p.state = g.wanted_state) and (g.wanted_kind = '' or p.kind = g.wanted_kind)
   and (g.wanted_severity = '' or p.severity = g.wanted_severity)
   and (g.words = '' or pg_catalog.strpos(pg_catalog.lower(pg_catalog.concat_ws(' ', p.title, p.object, pg_catalog.array_to_string(p.objects, ' '))), pg_catalog.lower(g.words)) > 0)

-- name: total
-- How many fit.
select pg_catalog.count(*)
  from postai.proposals as p
  join (values (%s, %s, %s, %s)) as g (wanted_state, wanted_kind, wanted_severity, words) on true
 where (g.wanted_state = 'all' or p.state = g.wanted_state) and (g.wanted_kind = '' or p.kind = g.wanted_kind)
   and (g.wanted_severity = '' or p.severity = g.wanted_severity)
   and (g.words = '' or pg_catalog.strpos(pg_catalog.lower(pg_catalog.concat_ws(' ', p.title, p.object, pg_catalog.array_to_string(p.objects, ' '))), pg_catalog.lower(g.words)) > 0)

-- name: counts
-- How many there are of each state and kind.
select p.state, p.kind, pg_catalog.count(*) from postai.proposals as p group by p.state, p.kind
