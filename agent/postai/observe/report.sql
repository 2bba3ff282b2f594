-- name: head
-- Where and when.
select pg_catalog.current_database()::text, pg_catalog.current_setting('server_version'), pg_catalog.now(), current_user::text

-- name: health
-- Checks that are not well.
select h.status, h.title, h.value, h.fix
  from postai.health as h
 where h.status in ('critical', 'warning', 'unknown')
 order by case h.status when 'critical' then 1 when 'warning' then 2 else 3 end, h.title

-- name: proposals
-- Open ones, and those closed in the time.
select p.id, p.kind, p.title, coalesce(p.outcome, p.state), p.saved_ms_per_day, p.measured_saved_ms_per_day,
       coalesce(p.measured_bytes, p.bytes), p.effect
  from postai.proposals as p
 where p.state <> 'closed' or p.closed_at > pg_catalog.now() - %s::interval
 order by (p.state = 'closed'), p.saved_ms_per_day desc nulls last, p.id

-- name: storage
-- The largest tables.
with busy as materialized (
  /* busy */
)
select pg_catalog.format('%I.%I', n.nspname, c.relname), case when u.sizable then pg_catalog.pg_total_relation_size(c.oid) end,
       case when u.sizable then pg_catalog.pg_table_size(c.oid) end, case when u.sizable then pg_catalog.pg_indexes_size(c.oid) end,
       case when c.reltuples >= 0 then c.reltuples::bigint end
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 cross join lateral (select c.oid not in (select b.oid from busy as b) as sizable) as u
 where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
 -- How many pages a table has is told by the last VACUUM or ANALYZE; one that never had any is looked at.
 order by case when u.sizable and c.reltuples < 0 then pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8
               else c.relpages end desc, 1
 limit 30

-- name: unused
-- Indexes of no use.
select u.index, u.table_name, u.bytes from postai.unused_indexes as u
 order by u.bytes desc

-- name: events
-- The last events.
select e.at, e.actor::text, e.kind, e.subject from postai.events as e where e.at > pg_catalog.now() - %s::interval
 order by e.id desc limit 200

-- name: script
-- Open proposals with their statements, the first to gain most.
select p.id, p.title, p.why, p.statements, p.undo from postai.proposals as p
 where p.state <> 'closed' order by p.saved_ms_per_day desc nulls last, p.id
