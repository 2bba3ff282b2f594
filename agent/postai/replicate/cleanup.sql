-- name: event_triggers
-- Event triggers of a move.
select e.evtname::text from pg_catalog.pg_event_trigger as e where pg_catalog.starts_with(e.evtname::text, %s) order by 1

-- name: orphans
-- Slots of the copying of subscriptions that the subscriber has no more; nobody else would drop them.
select s.slot_name::text, s.active_pid
  from pg_catalog.pg_replication_slots as s
 where s.database = pg_catalog.current_database()
   and s.slot_name ~ ('^pg_[0-9]+_sync_[0-9]+_' || %s::text || '$')
   and pg_catalog.substring(s.slot_name::text, '^pg_([0-9]+)_')::int8 <> all (%s::int8[])

-- name: subscriptions
-- The server's identifier, and its subscriptions.
select (select c.system_identifier from pg_catalog.pg_control_system() as c)::text,
       array(select s.oid::int8 from pg_catalog.pg_subscription as s)

-- name: drop_slot
-- Drop a slot that nobody reads.
select pg_catalog.pg_drop_replication_slot(s.slot_name) from pg_catalog.pg_replication_slots as s
 where s.slot_name = %s and s.active_pid is null

-- name: end_reader
-- End the process that reads a slot.
select pg_catalog.pg_terminate_backend(%s)
