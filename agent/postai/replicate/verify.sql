-- name: pin
-- Everything that the text of a value depends on, and what would end a session that holds a snapshot. No view is read:
-- whoever owns a table could put one in its place, whose functions would run as postai.
select pg_catalog.count(pg_catalog.set_config(p.name, p.value, false))
  from (values ('search_path', 'pg_catalog'), ('extra_float_digits', '3'), ('datestyle', 'ISO, YMD'),
               ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('bytea_output', 'hex'), ('lc_monetary', 'C'),
               ('xmlbinary', 'base64'), ('xmloption', 'content'), ('client_encoding', 'UTF8'), ('row_security', 'off'),
               ('quote_all_identifiers', 'off'), ('jit', 'off'), ('max_parallel_workers_per_gather', '0'),
               ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),
               ('transaction_timeout', '0'), ('restrict_nonsystem_relation_kind', 'view, foreign-table')) as p (name, value)
 where exists (select from pg_catalog.pg_settings as s where pg_catalog.lower(s.name) = p.name)

-- name: hashes
-- Whether texts have the same hash on both sides: it depends on the encoding and the processor.
select pg_catalog.getdatabaseencoding()::text,
       pg_catalog.hashtextextended('postai 0123456789 abcdefghijklmnopqrstuvwxyz' collate "C", 0),
       pg_catalog.hashint8extended(-1234567890123456789, 0)

-- name: tables
-- Tables with their heap, and the unique index that tells their rows apart (the primary key, or one of few columns).
select n.nspname::text, c.relname::text, c.oid::int8, pg_catalog.pg_relation_size(c.oid)::int8,
       (c.relam = 0 or exists (select from pg_catalog.pg_am as m where m.oid = c.relam and m.amname = 'heap')) as heap,
       (select pg_catalog.array_agg(k.attnum::int4 order by k.at)
          from (select i.indkey, i.indnkeyatts
                  from pg_catalog.pg_index as i
                 where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
                   and not exists (select from pg_catalog.unnest(i.indkey) with ordinality as u (attnum, at)
                                     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = u.attnum
                                    where u.at <= i.indnkeyatts and not a.attnotnull)
                 order by i.indisprimary desc, i.indnkeyatts, i.indexrelid limit 1) as i
          cross join lateral pg_catalog.unnest(i.indkey) with ordinality as k (attnum, at)
         where k.at <= i.indnkeyatts)
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
   and not exists (select from pg_catalog.pg_depend as d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2

-- name: columns
-- Columns of tables: the type to read a value back as, and what its text is made of.
with recursive base (oid, base) as (
    select t.oid, t.oid from pg_catalog.pg_type as t where t.typtype <> 'd'
    union all
    select t.oid, b.base from pg_catalog.pg_type as t join base as b on t.typtype = 'd' and t.typbasetype = b.oid)
select a.attrelid::int8, a.attnum::int4, a.attname::text, pg_catalog.format_type(a.atttypid, -1), {generated}, a.attidentity::text,
       case when t.typtype = 'c' or e.typtype = 'c' then 'composite'
            when t.typcategory = 'A' and t.typelem <> 0 then 'array' else 'plain' end,
       case when t.typcategory = 'A' and t.typelem <> 0 then e.oid else t.oid end::int8,
       t.typtype <> 'b' or t.typcategory = 'A' or t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
  from pg_catalog.pg_attribute as a
  join base as b on b.oid = a.atttypid
  join pg_catalog.pg_type as t on t.oid = b.base
  left join pg_catalog.pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
 where a.attrelid = any (%s::pg_catalog.oid[]) and a.attnum > 0 and not a.attisdropped
 order by 1, 2

-- name: whole
-- How many rows a part of a table has, and the sum of their hashes.
select pg_catalog.count(*), coalesce(pg_catalog.sum({hash}), 0) from only {table} as t where {part}

-- name: buckets
-- The same for each of many sets of rows, told apart by the hash of their keys.
select {key_hash} & {mask}, pg_catalog.count(*), pg_catalog.sum({hash})
  from only {table} as t where {part} and {within} group by 1

-- name: keys
-- The same for each key.
select {keys}, pg_catalog.count(*), pg_catalog.sum({hash})
  from only {table} as t where {part} and {within} group by {numbers}

-- name: some
-- The same for some keys, looked up.
select {keys}, pg_catalog.count(*), pg_catalog.sum({hash})
  from only {table} as t
  join {source} on {on}
 group by {numbers}

-- name: freeze
-- A name by which other sessions see exactly what this one sees, and where and when that is.
select pg_catalog.pg_export_snapshot(), {lsn}::text, pg_catalog.clock_timestamp()

-- name: busy
-- Sessions of others that work now.
select pg_catalog.count(*) from pg_catalog.pg_stat_activity as a
 where a.datname = pg_catalog.current_database() and a.state = 'active' and a.application_name <> 'postai'
   and coalesce(a.backend_type, 'client backend') = 'client backend'

-- name: holders
-- Tables that somebody keeps in a way that SHARE has to wait for, in a transaction older than that.
select distinct l.relation::int8
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_stat_activity as a on a.pid = l.pid
 where l.locktype = 'relation' and l.granted and l.relation = any (%s::pg_catalog.oid[])
   and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
   and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
   and a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)

-- name: large_objects
-- Large objects after that oid, read a megabyte at a time, each with the sum of the hashes of its parts.
with recursive part as (
    (select m.oid, 0::int8 as at, pg_catalog.lo_get(m.oid, 0::int8, 1048576) as data
       from pg_catalog.pg_largeobject_metadata as m where m.oid > %s order by m.oid limit 100)
    union all
    select p.oid, p.at + 1048576, pg_catalog.lo_get(p.oid, p.at + 1048576, 1048576)
      from part as p where pg_catalog.length(p.data) = 1048576)
select p.oid::int8, pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5(p.data), '' order by p.at)) from part as p group by 1 order by 1

-- name: pages
-- Pages of a table's heap.
select (pg_catalog.pg_relation_size(%s::pg_catalog.oid) / pg_catalog.current_setting('block_size')::int8)::int8

-- name: images
-- Rows for the other side: their keys, then their values as text.
select {keys}{values} from only {table} as t {source}

-- name: remove
-- Delete the rows of some keys.
delete from only {table} as t using {source} where {on}

-- name: remove_some
-- Delete so many of the rows that are all the same.
delete from only {table} as t where t.ctid = any (array(select t.ctid from only {table} as t where {same} limit {count}))

-- name: quiet
-- No trigger, foreign key or rule but those that fire for applied changes, too.
select pg_catalog.set_config('session_replication_role', 'replica', false)

-- name: held
-- Whether a session still keeps a table from being written to; the snapshot is taken before that is looked up.
select exists (select from pg_catalog.pg_locks as l
                where l.pid = %s and l.relation = %s::pg_catalog.oid and l.granted and l.mode = 'ShareLock')

-- name: insert
-- A row as the serving side has it.
insert into {table} ({columns}) overriding system value values ({marks})

-- name: insert_empty
-- A row of a table that has no column to write.
insert into {table} default values

-- name: update
-- Give a row the values of the serving side.
update only {table} as t set {assigned} from {source} where {on}
