-- name: snapshot
-- A name by which other sessions see exactly what this one sees.
select pg_catalog.pg_export_snapshot()

-- name: horizon
-- Which transactions of the server have ended: the same text means that none that wrote has since.
select pg_catalog.txid_current_snapshot()::text

-- name: counters
-- What was written to each table, as the server counts it, and its file, which TRUNCATE replaces.
select pg_catalog.format('%%I.%%I', n.nspname, c.relname), c.relfilenode::int8,
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
       + pg_catalog.pg_stat_get_tuples_deleted(c.oid)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))

-- name: relations
-- Everything that has rows of its own, and what has partitions.
select pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind in ('r', 'p', 'm') and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))

-- name: writing
-- Tables that somebody has written to in a transaction that has not ended; everybody may see locks.
select distinct pg_catalog.format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_class as c on c.oid = l.relation and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
   and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
 order by 1

-- name: sessions
-- Sessions of this database other than postai's, and the transaction that each is in; everybody may see that of all.
select l.virtualtransaction
  from pg_catalog.pg_stat_activity as a
  left join pg_catalog.pg_locks as l on l.pid = a.pid and l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock'
 where a.usesysid is not null and a.datname = pg_catalog.current_database()
   and (a.usename <> current_user or a.application_name is distinct from 'postai')

-- name: standby
-- Whether the server is a standby.
select pg_catalog.pg_is_in_recovery()

-- name: receiver
-- Of a standby: whether it streams, when it last heard from its primary, whether it has replayed what that had then.
select w.status = 'streaming', w.last_msg_receipt_time, w.latest_end_lsn <= pg_catalog.pg_last_wal_replay_lsn()
  from pg_catalog.pg_stat_wal_receiver as w

-- name: strip
-- Statements that take away what stands in the way of copying rows anew: foreign keys, triggers, keys, indexes, row
-- security; and the rows of materialized views. In this order.
with mine as (
    select c.oid, pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name, c.relkind, c.relrowsecurity, c.relispopulated
      from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
     where c.relkind in ('r', 'p', 'm') and pg_catalog.format('%%I.%%I', n.nspname, c.relname) = any (%s::text[])
       and not exists (select from pg_catalog.pg_depend as e
                        where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e')
), statements (place, statement) as (
    select case k.contype when 'f' then 1 else 3 end, pg_catalog.format('alter table %%s drop constraint if exists %%I', m.name, k.conname)
      from mine as m join pg_catalog.pg_constraint as k on k.conrelid = m.oid
     where k.contype in ('f', 'p', 'u', 'x') and k.conparentid = 0
    union all
    select 2, pg_catalog.format('drop trigger if exists %%I on %%s', t.tgname, m.name)
      from mine as m join pg_catalog.pg_trigger as t on t.tgrelid = m.oid
     where not t.tgisinternal and t.tgparentid = 0
    union all
    select 4, pg_catalog.format('drop index if exists %%I.%%I', n.nspname, i.relname)
      from mine as m join pg_catalog.pg_index as x on x.indrelid = m.oid
      join pg_catalog.pg_class as i on i.oid = x.indexrelid
      join pg_catalog.pg_namespace as n on n.oid = i.relnamespace
     where not exists (select from pg_catalog.pg_constraint as k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
       and not i.relispartition
    union all
    select 5, pg_catalog.format('alter table %%s disable row level security', m.name) from mine as m where m.relrowsecurity
    union all
    select 6, pg_catalog.format('refresh materialized view %%s with no data', m.name)
      from mine as m where m.relkind = 'm' and m.relispopulated
)
select s.statement from statements as s order by s.place, s.statement

-- name: forget
-- What comes after the rows has to be made again; what could not be taken away is there already then.
delete from {schema}.restored;
insert into {schema}.restored (statement) values ('undone')
