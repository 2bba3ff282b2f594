-- name: tables
-- The tables whose rows move: permanent, ordinary or partitions, not an extension's; what identifies their rows.
select n.nspname::text, c.relname::text, pg_catalog.pg_table_size(c.oid)::int8, c.reltuples::int8,
       case c.relreplident
         when 'f' then 'full'
         when 'i' then case when exists (select from pg_catalog.pg_index as i
                        where i.indrelid = c.oid and i.indisreplident and i.indisvalid) then 'index' else 'none' end
         when 'd' then case when exists (select from pg_catalog.pg_index as i
                        where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate) then 'primary' else 'none' end
         else 'none' end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
   and not exists (select from pg_catalog.pg_depend as d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2

-- name: made
-- Another answer when a table or a sequence was made, dropped or renamed.
select count(*), pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws('.', c.oid, n.nspname, c.relname), ' ' order by c.oid))
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind in ('r', 'S') and c.relpersistence = 'p'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))

-- name: identity_table
-- Which tables got REPLICA IDENTITY FULL for the move, with what they had before.
create table if not exists {schema}.identity_given (relation oid primary key, had "char" not null)

-- name: give_identity
-- Remember what a table had.
insert into {schema}.identity_given
select c.oid, c.relreplident from pg_catalog.pg_class as c where c.oid = %s::pg_catalog.regclass
on conflict do nothing

-- name: identity_given
-- The tables that got one and still are there.
select n.nspname::text, c.relname::text, g.had::text
  from {schema}.identity_given as g
  join pg_catalog.pg_class as c on c.oid = g.relation and c.relreplident = 'f'
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 order by 1, 2

-- name: publication
-- The tables of a publication; one row of nulls where it has none.
select n.nspname::text, c.relname::text
  from pg_catalog.pg_publication as p
  left join pg_catalog.pg_publication_rel as r on r.prpubid = p.oid
  left join pg_catalog.pg_class as c on c.oid = r.prrelid
  left join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where p.pubname = %s

-- name: slot
-- A slot of this database.
select s.active, s.active_pid, s.confirmed_flush_lsn is not null
  from pg_catalog.pg_replication_slots as s
 where s.slot_name = %s and s.database = pg_catalog.current_database()

-- name: lost
-- Whether a slot has lost the log that it needs.
select s.wal_status = 'lost' from pg_catalog.pg_replication_slots as s where s.slot_name = %s

-- name: create_slot
-- Make a slot; it waits for the transactions that run now.
select lsn::text from pg_catalog.pg_create_logical_replication_slot(%s, 'pgoutput') as t (slot_name, lsn)

-- name: advance
-- Bring an unused slot to the end of what is on the disk, and say whether it got there.
with goal as materialized (select pg_catalog.pg_current_wal_flush_lsn() as lsn)
select case when s.confirmed_flush_lsn >= goal.lsn then true
            else (select a.end_lsn from pg_catalog.pg_replication_slot_advance(s.slot_name, goal.lsn) as a) >= goal.lsn end
  from goal, pg_catalog.pg_replication_slots as s
 where s.slot_name = %s

-- name: advance_before_12
-- The same where WITH is always materialized.
with goal as (select pg_catalog.pg_current_wal_flush_lsn() as lsn)
select case when s.confirmed_flush_lsn >= goal.lsn then true
            else (select a.end_lsn from pg_catalog.pg_replication_slot_advance(s.slot_name, goal.lsn) as a) >= goal.lsn end
  from goal, pg_catalog.pg_replication_slots as s
 where s.slot_name = %s

-- name: advance_to
-- Bring an unused slot to a place in the log, unless it is there.
select pg_catalog.pg_replication_slot_advance(s.slot_name, %s::pg_catalog.pg_lsn)
  from pg_catalog.pg_replication_slots as s
 where s.slot_name = %s and s.confirmed_flush_lsn < %s::pg_catalog.pg_lsn and not s.active

-- name: behind
-- Whether a slot has not come to a place in the log.
select s.confirmed_flush_lsn < %s::pg_catalog.pg_lsn from pg_catalog.pg_replication_slots as s where s.slot_name = %s

-- name: written
-- Whether rows of published tables were changed since the slot's place by anybody but a stream (I, U, D, T: insert,
-- update, delete, truncate); nothing is taken from the slot.
select exists (
    select from pg_catalog.pg_logical_slot_peek_binary_changes(
             %s, null, 1, 'proto_version', '1', 'publication_names', %s, 'origin', 'none') as c
     where pg_catalog.get_byte(c.data, 0) = any ('{73,85,68,84}'))

-- name: drop_slots
-- Drop a slot and those that the copying of that subscription left, as far as nobody uses them; tells what stays.
with ours as (
    select s.slot_name, s.active_pid from pg_catalog.pg_replication_slots as s
     where s.database = pg_catalog.current_database()
       and (s.slot_name = %s or s.slot_name ~ %s::text))
select o.slot_name::text, o.active_pid,
       case when o.active_pid is null then pg_catalog.pg_drop_replication_slot(o.slot_name)::text end
  from ours as o

-- name: end_sender
-- End the server process that reads a slot for a subscriber that is gone.
select pg_catalog.pg_terminate_backend(s.active_pid) from pg_catalog.pg_replication_slots as s
 where s.slot_name = %s and s.active_pid is not null

-- name: readers
-- Slots of this database that are read now: that of a subscription, and those of its copying with the table's oid.
select s.slot_name::text, (pg_catalog.regexp_match(s.slot_name::text, '^pg_[0-9]+_sync_([0-9]+)_'))[1]::int8
  from pg_catalog.pg_replication_slots as s
 where s.database = pg_catalog.current_database() and s.active_pid is not null
   and (s.slot_name = %s or s.slot_name ~ %s::text)

-- name: finishing
-- Tables that are copied and have to catch up, and that nobody works at; how the slots of the copying are named.
select {copying}, r.srrelid::int8, n.nspname::text, c.relname::text
  from pg_catalog.pg_subscription as s
  join pg_catalog.pg_subscription_rel as r on r.srsubid = s.oid and r.srsubstate = 'f'
  join pg_catalog.pg_class as c on c.oid = r.srrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where s.subname = %s
   and s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
   and not exists (select from pg_catalog.pg_stat_subscription as w
                    where w.subid = s.oid and w.relid = r.srrelid and w.pid is not null)

-- name: copying_slots
-- Tables (by the subscriber's oid) that a subscription has slots for copying of.
select (pg_catalog.regexp_match(s.slot_name::text, '^pg_[0-9]+_sync_([0-9]+)_'))[1]::int8
  from pg_catalog.pg_replication_slots as s
 where s.database = pg_catalog.current_database() and s.slot_name ~ %s::text

-- name: workers
-- Processes of an enabled subscription, with the table that they copy and their silence in seconds; how the slots of
-- the copying are named.
select {copying}, w.relid::int8, w.pid,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - w.last_msg_receipt_time)::float8
  from pg_catalog.pg_subscription as s
  left join pg_catalog.pg_stat_subscription as w on w.subid = s.oid and w.pid is not null
 where s.subname = %s and s.subenabled
   and s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: subscribed
-- A subscription of this database, without its oid, which only superusers may read before 14.
select 1 from pg_catalog.pg_subscription as s
 where s.subname = %s
   and s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: subscription
-- A subscription of this database; how the slots of its copying are named.
select {copying}, s.subenabled, s.subslotname::text
  from pg_catalog.pg_subscription as s
 where s.subname = %s
   and s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: may_subscribe
-- Whether this role may make a subscription.
select r.rolsuper or pg_catalog.pg_has_role('pg_create_subscription', 'usage')
  from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: may_subscribe_before_16
-- The same where only superusers may; a managed server lets others, which cannot be seen.
select r.rolsuper or exists (select from pg_catalog.pg_roles as m
                              where m.rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'doadmin', 'supabase_admin'))
  from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: secret
-- Where a connection string waits for the statement that needs it; it is not written to the log of changes.
create temporary table postai_secret (value text not null) on commit drop

-- name: bring_secret
-- Rows of a COPY are written to no server log, as statements and parameters are.
copy pg_temp.postai_secret from stdin (format binary)

-- name: unlogged
-- What logs a statement within a block, or what it warns of, is off in this transaction, as far as this role may do so.
do $unlogged$
declare
    one record;
begin
    for one in select s.name, s.value from (values ('log_min_messages', 'error'), ('pg_stat_statements.track', 'none'))
                 as s (name, value) where pg_catalog.current_setting(s.name, true) is not null loop
        begin
            perform pg_catalog.set_config(one.name, one.value, true);
        exception when insufficient_privilege then
            continue;
        end;
    end loop;
end
$unlogged$

-- name: subscribe
-- Make a subscription without its connection string in a statement: the string may hold a password, and statements
-- are logged. Nor may an error show the inner statement.
do $subscribe$
declare
    name constant text := pg_catalog.current_setting('postai.subscription');
begin
    execute pg_catalog.format('create subscription %I connection %L publication %I with (%s)', name,
        (select s.value from pg_temp.postai_secret as s), name, pg_catalog.current_setting('postai.options'));
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$subscribe$

-- name: reconnect
-- Give a subscription its connection string anew; as above.
do $reconnect$
begin
    execute pg_catalog.format('alter subscription %I connection %L',
        pg_catalog.current_setting('postai.subscription'), (select s.value from pg_temp.postai_secret as s));
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$reconnect$

-- name: subscribe_values
-- The other values for it; they end with the transaction.
select pg_catalog.set_config('postai.subscription', %s, true), pg_catalog.set_config('postai.options', %s, true)

-- name: can_bypass
-- Whether this role passes by row security.
select r.rolsuper or r.rolbypassrls, r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: forced
-- Whether tables of the user have row security that holds for their owner, too.
select exists (select from pg_catalog.pg_class as c
                 join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
                where c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity)

-- name: text_only
-- Whether a column has a type whose binary form names an object by its number on that server (reg*), or has none.
with recursive used (oid) as (
    select a.atttypid from pg_catalog.pg_attribute as a
      join pg_catalog.pg_class as c on c.oid = a.attrelid and c.relkind = 'r' and c.relpersistence = 'p'
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
     where a.attnum > 0 and not a.attisdropped
    union
    select x.oid from used
      join pg_catalog.pg_type as t on t.oid = used.oid
      cross join lateral (select t.typelem union all select t.typbasetype
                          union all select r.rngsubtype from pg_catalog.pg_range as r where r.rngtypid = t.oid
                          union all select a.atttypid from pg_catalog.pg_attribute as a
                                     where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) as x (oid)
     where x.oid <> 0)
select exists (select from used
                 join pg_catalog.pg_type as t on t.oid = used.oid
                where t.typsend = 0 or t.typreceive = 0
                   or t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.typname ~ '^reg')

-- name: relations
-- The tables of a subscription with the state of their copy, and what is copied of them now.
select n.nspname::text, c.relname::text, r.srsubstate::text,
       p.tuples_processed, p.bytes_processed, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.backend_start)::float8
  from pg_catalog.pg_subscription as s
  join pg_catalog.pg_subscription_rel as r on r.srsubid = s.oid
  join pg_catalog.pg_class as c on c.oid = r.srrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_stat_progress_copy as p on p.relid = c.oid and p.datname = pg_catalog.current_database()
  left join pg_catalog.pg_stat_activity as a on a.pid = p.pid
 where s.subname = %s
 order by 1, 2

-- name: relations_before_14
-- The same without what is copied now.
select n.nspname::text, c.relname::text, r.srsubstate::text, null::int8, null::int8, null::float8
  from pg_catalog.pg_subscription as s
  join pg_catalog.pg_subscription_rel as r on r.srsubid = s.oid
  join pg_catalog.pg_class as c on c.oid = r.srrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where s.subname = %s
 order by 1, 2

-- name: slot_lag
-- What the publisher knows of the subscriber.
select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn)::int8,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::int8, s.active, s.wal_status, s.safe_wal_size
  from pg_catalog.pg_replication_slots as s where s.slot_name = %s

-- name: slot_lag_before_13
-- The same without what the WAL that it needs is threatened by.
select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn)::int8,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::int8, s.active, null::text, null::int8
  from pg_catalog.pg_replication_slots as s where s.slot_name = %s

-- name: silent
-- Seconds since the subscriber heard from the publisher.
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - max(s.last_msg_receipt_time))::float8
  from pg_catalog.pg_stat_subscription as s where s.subname = %s and s.relid is null

-- name: errors
-- How often applying and copying failed.
select s.apply_error_count + s.sync_error_count from pg_catalog.pg_stat_subscription_stats as s where s.subname = %s
