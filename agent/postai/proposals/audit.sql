-- name: older
-- Events that fit, the newest first.
select e.id, e.at, e.actor::text, e.kind, e.subject, e.proposal, e.action, e.detail
  from postai.events as e
  join (values (%s::text, %s::text, %s::timestamptz, %s::timestamptz, %s::bigint, %s::bigint))
       as g (actor, kind, since, until, before, after) on true
 where (g.actor = '' or e.actor = g.actor) and (g.kind = '' or e.kind = g.kind or pg_catalog.starts_with(e.kind, g.kind || '.'))
   and (g.since is null or e.at >= g.since) and (g.until is null or e.at < g.until)
   and (g.before is null or e.id < g.before) and (g.after is null or e.id > g.after)
 order by e.id desc limit %s

-- name: newer
-- Events that fit and follow one, the oldest first.
select e.id, e.at, e.actor::text, e.kind, e.subject, e.proposal, e.action, e.detail
  from postai.events as e
  join (values (%s::text, %s::text, %s::timestamptz, %s::timestamptz, %s::bigint, %s::bigint))
       as g (actor, kind, since, until, before, after) on true
 where (g.actor = '' or e.actor = g.actor) and (g.kind = '' or e.kind = g.kind or pg_catalog.starts_with(e.kind, g.kind || '.'))
   and (g.since is null or e.at >= g.since) and (g.until is null or e.at < g.until)
   and (g.before is null or e.id < g.before) and (g.after is null or e.id > g.after)
 order by e.id limit %s

-- name: actors
-- Who did something lately.
select distinct n.actor::text from (select e.actor from postai.events as e order by e.id desc limit 5000) as n order by 1

-- name: kinds
-- What happened lately.
select distinct n.kind from (select e.kind from postai.events as e order by e.id desc limit 5000) as n order by 1

-- name: extent
-- How many events there are, and when the newest one was written.
select pg_catalog.count(*), pg_catalog.max(e.at) from postai.events as e
