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
-- The server's identifier, and its subscriptions; their numbers from where every role may read them, also before 14.
select (select c.system_identifier from pg_catalog.pg_control_system() as c)::text,
       array(select distinct s.subid::int8 from pg_catalog.pg_stat_subscription as s)

-- name: drop_slot
-- Drop a slot that nobody reads.
select pg_catalog.pg_drop_replication_slot(s.slot_name) from pg_catalog.pg_replication_slots as s
 where s.slot_name = %s and s.active_pid is null

-- name: end_reader
-- End the process that reads a slot.
select pg_catalog.pg_terminate_backend(%s)

-- name: leftovers
-- For a person: subscriptions, publications, and the replica identity that tables had.
do $left$
declare
    one record;
begin
    for one in select s.subname from pg_catalog.pg_subscription as s
                 join pg_catalog.pg_database as d on d.oid = s.subdbid and d.datname = pg_catalog.current_database()
                where s.subname ~ '{own}' loop
        execute pg_catalog.format('alter subscription %I disable', one.subname);
        execute pg_catalog.format('alter subscription %I set (slot_name = none)', one.subname);
        execute pg_catalog.format('drop subscription %I', one.subname);
    end loop;
    for one in select p.pubname from pg_catalog.pg_publication as p where p.pubname ~ '{own}' loop
        execute pg_catalog.format('drop publication %I', one.pubname);
    end loop;
    if pg_catalog.to_regclass('{schema}.identity_given') is not null then
        for one in execute $given$
            select g.relation::pg_catalog.regclass::text as named, case g.had when 'n' then 'nothing' else 'default' end as had
              from {schema}.identity_given as g
              join pg_catalog.pg_class as c on c.oid = g.relation and c.relreplident = 'f' $given$ loop
            execute pg_catalog.format('alter table only %s replica identity %s', one.named, one.had);
        end loop;
    end if;
end
$left$

-- name: left_slots
-- For a person: slots that nobody reads any more.
select pg_catalog.pg_drop_replication_slot(s.slot_name) from pg_catalog.pg_replication_slots as s
 where s.database = pg_catalog.current_database() and s.active_pid is null
   and (s.slot_name ~ '{own}' or s.slot_name ~ '{copying}')

-- name: standby
-- Whether the server is a standby, on which nothing can be made.
select pg_catalog.pg_is_in_recovery()
