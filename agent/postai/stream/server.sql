-- name: same_server
-- Whether this session is on the server that streams, and that one may be written to.
select not pg_catalog.pg_is_in_recovery()
   and exists (select from pg_catalog.pg_replication_slots as s where s.slot_name = %s and s.active_pid = %s)

-- name: sample
-- Where the log ends, up to where it is on disk, and which transactions are visible.
select pg_catalog.pg_current_wal_insert_lsn()::text, pg_catalog.pg_current_wal_flush_lsn()::text,
       pg_catalog.pg_current_snapshot()::text

-- name: write_out
-- Bring the log to disk up to here: a transaction of its own that nobody has to wait for.
select pg_catalog.pg_logical_emit_message(true, 'postai.beat', '')::text

-- name: write_out_since_17
-- The same without a transaction.
select pg_catalog.pg_logical_emit_message(false, 'postai.beat', '', true)::text

-- name: doubts
-- Transactions that have not ended, each with the tables of this database that it has locked for writing. A snapshot
-- would not show the newest of them; of those with subtransactions the oldest number is the transaction's own.
with open as (
    select distinct on (h.virtualtransaction) h.virtualtransaction, h.transactionid::text::int8 as xid
      from pg_catalog.pg_locks as h
     where h.locktype = 'transactionid' and h.mode = 'ExclusiveLock' and h.granted
     order by h.virtualtransaction, pg_catalog.age(h.transactionid) desc
)
select o.xid, pg_catalog.array_agg(distinct l.relation::int8)
  from open as o
  join pg_catalog.pg_locks as l
    on l.locktype = 'relation' and l.virtualtransaction = o.virtualtransaction and l.granted and l.relation >= 16384
       and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
       and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
 group by o.xid

-- name: tables
-- Tables of users: what tells their rows apart, how the publication came to them, and why the stream does not tell of
-- all their changes (null = it does).
with publication as materialized (
    select p.* from pg_catalog.pg_publication as p where p.pubname = %s
), published as materialized (
    select t.relid from publication as p cross join lateral pg_catalog.pg_get_publication_tables(p.pubname) as t
)
select c.oid::int8, n.nspname, c.relname, c.relreplident::text,
       case when c.relpersistence = 'u' then 'unlogged'
            when p.pubviaroot and (c.relkind = 'p' or c.relispartition) then 'root'
            when c.relkind = 'p' then null
            when p.oid is null and (c.relreplident = 'n' or (c.relreplident in ('d', 'i') and i.indexrelid is null))
              then 'no identity'
            when p.oid is null then 'no publication'
            when c.relreplident = 'n' or (c.relreplident in ('d', 'i') and i.indexrelid is null)
              then case when t.relid is null or not (p.pubupdate or p.pubdelete) then 'no identity' else 'updates fail' end
            when t.relid is null then 'not published'
            when f.filtered then 'filtered'
            when not (p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate) then 'operations' end,
       k.names, k.types, k.plain,
       case when t.relid is null then null
            when p.puballtables then 'all tables'
            when exists (select from pg_catalog.pg_publication_rel as r where r.prpubid = p.oid and r.prrelid = c.oid) then 'itself'
            when exists (select from pg_catalog.pg_publication_rel as r
                          where r.prpubid = p.oid and r.prrelid in (select a.relid from pg_catalog.pg_partition_ancestors(c.oid) as a))
              then 'partition'
            else 'schema' end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  left join publication as p on true
  left join published as t on t.relid = c.oid
  left join lateral (
    select i.indexrelid, i.indkey::int2[] as columns
      from pg_catalog.pg_index as i
     where i.indrelid = c.oid and i.indisvalid and i.indislive and i.indimmediate
       and case when c.relreplident = 'i' then i.indisreplident else i.indisprimary end) as i on true
  left join lateral (
    select pg_catalog.bool_or(pg_catalog.to_jsonb(r) ->> 'prqual' is not null
                              or pg_catalog.to_jsonb(r) ->> 'prattrs' is not null) as filtered
      from pg_catalog.pg_publication_rel as r
     where r.prpubid = p.oid and r.prrelid in (select a.relid from pg_catalog.pg_partition_ancestors(c.oid) as a union all select c.oid)) as f on true
  left join lateral (
    select pg_catalog.array_agg(a.attname::text order by a.attnum) as names, pg_catalog.array_agg(a.atttypid::int8 order by a.attnum) as types,
           pg_catalog.bool_and(a.atttypid in (20, 21, 23, 26, 2950)
                               or (a.atttypid in (25, 1043) and coalesce(o.collisdeterministic, true))) as plain
      from pg_catalog.pg_attribute as a left join pg_catalog.pg_collation as o on o.oid = a.attcollation
     where a.attrelid = c.oid and a.attnum = any (i.columns)) as k on true
 where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.oid >= 16384
 order by n.nspname, c.relname

-- name: settings
-- What following this database's changes needs: free slots and walsenders, rights, the publication.
select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('wal_level'),
       pg_catalog.current_setting('max_replication_slots')::int8 - (select pg_catalog.count(*) from pg_catalog.pg_replication_slots),
       pg_catalog.current_setting('max_wal_senders')::int8 - (select pg_catalog.count(*) from pg_catalog.pg_stat_replication),
       (select r.rolreplication or r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user),
       p.oid is not null, p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate, p.pubviaroot,
       pg_catalog.current_setting('max_replication_slots')::int8, pg_catalog.current_setting('max_wal_senders')::int8
  from (select) as one left join pg_catalog.pg_publication as p on p.pubname = %s

-- name: seen
-- Which transactions are visible.
select pg_catalog.pg_current_snapshot()::text

-- name: triggers
-- Whether definitions that change are told by the stream (event_triggers.sql).
select pg_catalog.count(*) = 2
  from pg_catalog.pg_event_trigger as e
 where e.evtname in ('postai_edge_ddl', 'postai_edge_drop') and e.evtenabled = 'A'

-- name: roles
-- Changes with roles, memberships, their settings and the database's own rights; and with what no event trigger tells of,
-- or not in time: event triggers themselves, owners (REASSIGN OWNED), a partition that DETACH CONCURRENTLY has taken out
-- of sight, but waits to take away; and publications, without which rows are not told. A row's xmin tells that it was
-- taken away and came back since the last look; of pg_authid only superusers may read it. Then when this session has
-- read the server's configuration, and how many rows of catalogs were ever written: counted up to 10 s later.
select pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(r.row, 0)::numeric)),
       pg_catalog.pg_conf_load_time()::text,
       (select pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
                              + pg_catalog.pg_stat_get_tuples_deleted(c.oid))::int8
          from pg_catalog.pg_class as c where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace and c.relkind = 'r'
           and not c.relisshared
           and c.relname not in ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_largeobject_metadata'))
  from (select 'r' || (r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcanlogin, r.rolbypassrls, r.rolvaliduntil)::text from pg_catalog.pg_roles as r
        union all
        select 'm' || m.xmin::text || m::text from pg_catalog.pg_auth_members as m
        union all
        select 's' || s.xmin::text || s::text from pg_catalog.pg_db_role_setting as s
        union all
        select 'd' || (d.xmin, d.oid, d.datname, d.datdba, d.datacl, d.datallowconn)::text from pg_catalog.pg_database as d
         where d.datname = pg_catalog.current_database()
        union all
        -- What came and went between two looks has been counted, if a little later.
        select 'n' || c.oid::text || ':' || (pg_catalog.pg_stat_get_tuples_inserted(c.oid)
                 + pg_catalog.pg_stat_get_tuples_updated(c.oid) + pg_catalog.pg_stat_get_tuples_deleted(c.oid))::text
          from pg_catalog.pg_class as c
         where c.oid in ('pg_catalog.pg_authid'::pg_catalog.regclass, 'pg_catalog.pg_auth_members'::pg_catalog.regclass,
                         'pg_catalog.pg_db_role_setting'::pg_catalog.regclass)
        union all
        select 'e' || e.xmin::text || e.evtenabled::text from pg_catalog.pg_event_trigger as e
        union all
        select 'o' || (o.xmin, o.classid, o.objid, o.objsubid, o.refobjid, o.deptype)::text
          from pg_catalog.pg_shdepend as o
          left join pg_catalog.pg_class as c on o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = o.objid
         where o.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
           and c.relpersistence is distinct from 't'
        union all
        select 'b' || b.xmin::text || b.oid::text from pg_catalog.pg_publication as b
        union all
        select 't' || t.xmin::text || t.oid::text from pg_catalog.pg_publication_rel as t
        union all
        select 'p' || i.xmin::text || i.inhrelid::text from pg_catalog.pg_inherits as i where i.inhdetachpending) as r (row)

-- name: definitions
-- Changes with every definition that the answer to a query may depend on.
with relation as (
    select c.oid, c.xmin from pg_catalog.pg_class as c
     where c.relpersistence <> 't' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c', 'i', 'I') and c.oid >= 16384
), change (catalog, oid, xmin) as (
    select 1, r.oid, r.xmin from relation as r
    union all
    select 2 + 100 * a.attnum, a.attrelid, a.xmin from pg_catalog.pg_attribute as a join relation as r on r.oid = a.attrelid where a.attnum > 0
    union all
    select 3, w.oid, w.xmin from pg_catalog.pg_rewrite as w join relation as r on r.oid = w.ev_class
    union all
    select 4, p.oid, p.xmin from pg_catalog.pg_policy as p
    union all
    select 5, h.inhrelid, h.xmin from pg_catalog.pg_inherits as h join relation as r on r.oid = h.inhrelid
    union all
    select 6, p.oid, p.xmin from pg_catalog.pg_proc as p
    union all
    select 7, t.oid, t.xmin from pg_catalog.pg_type as t left join relation as r on r.oid = t.typrelid
     where t.typelem = 0 and (t.typrelid = 0 or r.oid is not null)
    union all
    select 8, o.oid, o.xmin from pg_catalog.pg_operator as o
    union all
    select 9, o.oid, o.xmin from pg_catalog.pg_cast as o
    union all
    select 10, o.oid, o.xmin from pg_catalog.pg_collation as o
    union all
    select 11, n.oid, n.xmin from pg_catalog.pg_namespace as n where n.nspname !~ '^pg_(toast_)?temp_'
    union all
    select 12, i.indexrelid, i.xmin from pg_catalog.pg_index as i join relation as r on r.oid = i.indexrelid
    union all
    select 13, p.oid, p.xmin from pg_catalog.pg_publication as p
    union all
    select 14, p.oid, p.xmin from pg_catalog.pg_publication_rel as p
    union all
    select 15, e.oid, e.xmin from pg_catalog.pg_enum as e
    union all
    select 16, e.oid, e.xmin from pg_catalog.pg_event_trigger as e
    union all
    select 17, t.oid, t.xmin from pg_catalog.pg_ts_config as t
    union all
    select 18 + 100 * t.mapseqno, t.mapcfg, t.xmin from pg_catalog.pg_ts_config_map as t
    union all
    select 19, t.oid, t.xmin from pg_catalog.pg_ts_dict as t
    union all
    select 20, k.oid, k.xmin from pg_catalog.pg_constraint as k join relation as r on r.oid = k.conrelid
    union all
    select 21, d.oid, d.xmin from pg_catalog.pg_attrdef as d join relation as r on r.oid = d.adrelid
    union all
    select 23, o.oid, o.xmin from pg_catalog.pg_opclass as o
    union all
    select 24, o.oid, o.xmin from pg_catalog.pg_amop as o
    union all
    select 25, o.oid, o.xmin from pg_catalog.pg_conversion as o
    {since_15}
)
select pg_catalog.concat_ws(':', pg_catalog.count(*),
         pg_catalog.sum(pg_catalog.hashint8extended(c.oid::int8 << 32 | c.xmin::text::int8, c.catalog)::numeric))
  from change as c

-- name: definitions_since_15
-- Schemas that are published as a whole.
union all select 22, p.oid, p.xmin from pg_catalog.pg_publication_namespace as p
