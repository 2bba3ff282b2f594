-- name: pins
-- For this transaction: texts of values are the same whatever the database's settings are, and read back as they were.
-- It is on the disk when it is committed: what has arrived leaves the log of the other side.
select pg_catalog.set_config(s.name, s.value, true)
  from (values ('search_path', 'pg_catalog, pg_temp'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
               ('timezone', 'UTC'), ('extra_float_digits', '3'), ('bytea_output', 'hex'), ('lc_monetary', 'C'),
               ('xmloption', 'content'), ('client_encoding', 'UTF8'), ('row_security', 'off'),
               ('postai.applies', %s),
               ('synchronous_commit', case pg_catalog.current_setting('synchronous_commit') when 'off' then 'on'
                                      else pg_catalog.current_setting('synchronous_commit') end)) as s (name, value)

-- name: tables_only
-- For this transaction no view is read: whoever owns a table could put one in its place, whose functions would run as
-- postai. Servers without the setting are older than 2024.
select pg_catalog.set_config(s.name, 'view, foreign-table', true)
  from pg_catalog.pg_settings as s where s.name = 'restrict_nonsystem_relation_kind'

-- name: firing
-- Tables of the user with triggers or foreign keys that fire for what is applied.
select distinct n.nspname::text, c.relname::text
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where t.tgenabled in ('O', 'A') and t.tgname !~ '^postai_[0-9]'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
 order by 1, 2

-- name: shapes
-- Tables by their oids: columns that are written (not the generated ones) with types; which of all these are; columns, types and operators of
-- the best key; the name of what stands behind its operator is the index's own. For domains, the type that they are of:
-- what a domain checks is somebody's function, which would run as postai. And whether a trigger changes rows before they
-- are written, so that a column changes that no statement names.
select c.oid::int8, n.nspname::text, c.relname::text,
       array(select a.attname::text from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and {generated} = '' order by a.attnum),
       array(select pg_catalog.format_type({base}, -1) from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and {generated} = '' order by a.attnum),
       array(select {generated} = '' from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
       exists (select from pg_catalog.pg_trigger as t
                where t.tgrelid = c.oid and t.tgtype::int4 & 19 = 19 and t.tgenabled <> 'D'),
       k.names, k.types, k.operators
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join lateral (
    select pg_catalog.array_agg(a.attname::text order by p.n) as names,
           pg_catalog.array_agg(pg_catalog.format_type({base}, -1) order by p.n) as types,
           pg_catalog.array_agg('operator(' || pg_catalog.quote_ident(s.nspname) || '.' || o.oprname || ')' order by p.n) as operators
      from (select i.* from pg_catalog.pg_index as i
             where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
               and i.indpred is null and i.indexprs is null
               and not exists (select from pg_catalog.pg_attribute as a
                                where a.attrelid = c.oid and not a.attnotnull
                                  and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
             order by i.indisprimary desc, i.indisreplident desc, i.indnkeyatts, i.indexrelid limit 1) as i
      cross join lateral pg_catalog.generate_series(0, i.indnkeyatts - 1) as p (n)
      join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[p.n]
      join pg_catalog.pg_opclass as oc on oc.oid = i.indclass[p.n]
      join pg_catalog.pg_amop as ao on ao.amopfamily = oc.opcfamily and ao.amoplefttype = oc.opcintype
        and ao.amoprighttype = oc.opcintype and ao.amopstrategy = 3 and ao.amoppurpose = 's'
      join pg_catalog.pg_operator as o on o.oid = ao.amopopr
      join pg_catalog.pg_namespace as s on s.oid = o.oprnamespace) as k on true
 where c.oid = any (%s::int8[]::oid[])

-- name: base
-- The type that a column's domain is of, or its own.
(with recursive base (type) as (
     select a.atttypid
     union all
     select t.typbasetype from pg_catalog.pg_type as t join base as b on t.oid = b.type and t.typtype = 'd')
 select b.type from base as b join pg_catalog.pg_type as t on t.oid = b.type and t.typtype <> 'd')

-- name: oid
-- Number of a table, null where there is none.
select pg_catalog.to_regclass(%s)::oid::int8

-- name: log
-- What the triggers write: the key of a row that changed (k), a row that came or went where there is no key (+, -), or
-- that the table was emptied (t). Each index, default and vacuum would be paid for by every change: there is none, but
-- two logs in turn; the one that nobody writes to is emptied as a whole when all of it has arrived.
create table if not exists {log}_0 (
    txid int8 not null default pg_catalog.txid_current(), relation oid not null, kind "char" not null, image text[]
) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table if not exists {log}_1 (
    txid int8 not null default pg_catalog.txid_current(), relation oid not null, kind "char" not null, image text[]
) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table if not exists {mark} (one bool primary key default true check (one), snapshot text not null);
alter table {log}_0 replica identity full;
alter table {log}_1 replica identity full;
comment on table {log}_0 is 'postai: changes that are on their way to the other side';
comment on table {log}_1 is 'postai: changes that are on their way to the other side'

-- name: unlog
-- Take the logs away.
drop table if exists {log}_0, {log}_1, {mark}

-- name: function
-- A function of one table's triggers. It is a definer's: whoever may write the table need not know the log. Setting the
-- search_path would take a third of their time, at every change: the bodies name everything in full instead,
-- types and operators, too.
create or replace function {function}() returns trigger language plpgsql security definer as {body};
comment on function {function}() is {comment};
revoke execute on function {function}() from public

-- name: note
-- Its body where texts of values depend on no setting.
begin
    {pass}insert into {log}_{n} (relation, kind, image) values (tg_relid, {kind}, {image});
    return null;
end

-- name: note_steadily
-- Its body where they do: the settings of the application are others for a moment, if they must be.
declare
    had pg_catalog.text[];
begin
    {pass}if {differ} then
        had := array[pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'),
                     pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary')];
        perform pg_catalog.set_config('datestyle', 'ISO, YMD', true), pg_catalog.set_config('intervalstyle', 'postgres', true),
                pg_catalog.set_config('extra_float_digits', '3', true), pg_catalog.set_config('lc_monetary', 'C', true);
        insert into {log}_{n} (relation, kind, image) values (tg_relid, {kind}, {image});
        perform pg_catalog.set_config('datestyle', had[1], true), pg_catalog.set_config('intervalstyle', had[2], true),
                pg_catalog.set_config('extra_float_digits', had[3], true), pg_catalog.set_config('lc_monetary', had[4], true);
    else
        insert into {log}_{n} (relation, kind, image) values (tg_relid, {kind}, {image});
    end if;
    return null;
end

-- name: pass_applied
-- The beginning of a body where this move itself applies changes, which need not be noted.
if session_user operator(pg_catalog.=) {mover}
       and pg_catalog.current_setting('postai.applies', true) operator(pg_catalog.=) {applies} then return null; end if;

-- name: pass_same_key
-- The beginning of the body for keys that may be others.
if {same} then return null; end if;

-- name: captured
-- Tables with the triggers of a stream: whether all fire always, or as this role can have it, and what their functions
-- were made for.
select c.oid::int8,
       pg_catalog.bool_and(t.tgenabled = 'A' or t.tgenabled = 'O' and not pg_catalog.pg_has_role(c.relowner, 'usage'))
         and pg_catalog.count(*) = pg_catalog.cardinality(%s::text[]),
       pg_catalog.min(pg_catalog.obj_description(t.tgfoid, 'pg_proc'))
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid
 where t.tgname = any (%s::text[])
 group by c.oid

-- name: owned
-- Whether this role has the rights of a table's owner.
select pg_catalog.pg_has_role(c.relowner, 'usage') from pg_catalog.pg_class as c where c.oid = %s::int8::oid

-- name: functions
-- The functions of a stream.
select p.proname::text
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and n.nspname = %s
 where p.proname ~ {function_names}

-- name: set_mark
-- The stream begins after what is committed now.
insert into {mark} (snapshot) values (pg_catalog.txid_current_snapshot()::text)
on conflict (one) do update set snapshot = excluded.snapshot

-- name: mark
-- Where it begins.
select m.snapshot from {mark} as m

-- name: snapshot
-- What is committed now.
select pg_catalog.txid_current_snapshot()::text

-- name: size
-- Bytes of both logs (0 = empty), how many functions write to them, and which one they write to.
select case pg_catalog.pg_relation_size({literal_0}::pg_catalog.regclass) when 0 then 0
            else pg_catalog.pg_total_relation_size({literal_0}::pg_catalog.regclass) end::int8,
       case pg_catalog.pg_relation_size({literal_1}::pg_catalog.regclass) when 0 then 0
            else pg_catalog.pg_total_relation_size({literal_1}::pg_catalog.regclass) end::int8, f.count, f.written
  from (select pg_catalog.count(*)::int8 as count,
               coalesce(pg_catalog.bool_or(pg_catalog.strpos(p.prosrc, {literal_1}) > 0), false)::int4 as written
          from pg_catalog.pg_proc as p
          join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and n.nspname = %s
         where p.proname ~ {function_names}) as f

-- name: turned
-- The functions of a stream as they are to be when they write to the other log.
select pg_catalog.replace(pg_catalog.pg_get_functiondef(p.oid), %s::text, %s::text)
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and n.nspname = %s
 where p.proname ~ {function_names}

-- name: left
-- Whether a log that is left has something that has not arrived.
select exists (select from {log}_{n} as l where {since})

-- name: pending
-- How many changes after a snapshot there are, counted so far, and their size.
select pg_catalog.count(*)::int8, coalesce(pg_catalog.sum(p.size), 0)::int8
  from (select 40 + coalesce(pg_catalog.pg_column_size(l.image), 0) as size from {logs} as l where {since} limit %s) as p

-- name: progress
-- Where a stream is, on the side that is changed: everything that is in `snapshot` has arrived. And its tables,
-- as they are called on the other side.
create table if not exists {progress} (
    one bool primary key default true check (one), snapshot text not null,
    at timestamptz not null default pg_catalog.clock_timestamp()
);
create table if not exists {tables} (
    relation int8 primary key, name text not null, state text not null, snapshot text not null default '',
    rows int8 not null default 0, bytes int8 not null default 0
);
comment on table {progress} is 'postai: where the changes of the other side are'

-- name: begin
-- A stream begins after a snapshot of the publisher.
insert into {progress} (snapshot) values (%s) on conflict (one) do nothing

-- name: begin_table
-- A table of a stream that needs no copy.
insert into {tables} (relation, name, state, snapshot) values (%s, %s, 'ready', %s) on conflict (relation) do nothing

-- name: position
-- Where it is.
select p.snapshot from {progress} as p

-- name: silent
-- Seconds since it moved on.
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.at)::float8 from {progress} as p

-- name: move_to
-- On to a snapshot; tables that were copied before are with the others now.
with now as (update {tables} set state = 'ready' where state = 'copied')
update {progress} set snapshot = %s, at = pg_catalog.clock_timestamp()

-- name: followed
-- The tables of a stream.
select t.relation, t.name, t.state, t.snapshot, t.rows, t.bytes from {tables} as t

-- name: again
-- A table that has to be copied anew.
update {tables} set state = 'again' where relation = %s

-- name: set_copied
-- A table is copied.
insert into {tables} (relation, name, state, snapshot, rows, bytes) values (%s, %s, 'copied', %s, %s, %s)
on conflict (relation) do update set name = excluded.name, state = excluded.state, snapshot = excluded.snapshot,
       rows = excluded.rows, bytes = excluded.bytes

-- name: forget
-- A table that the publisher has no more.
delete from {tables} where relation <> all (%s::int8[])

-- name: anything
-- Whether a change of a table other than this one has come after a snapshot.
select exists (select from {logs} as l where {since} and l.relation <> %s::int8::oid)

-- name: logs
-- Both logs.
(select * from {log}_0 union all select * from {log}_1)

-- name: since
-- What came after a snapshot (as a condition on the log `l`); the statement's own snapshot says what is committed.
l.txid >= pg_catalog.txid_snapshot_xmin({snapshot}::txid_snapshot)
   and not pg_catalog.txid_visible_in_snapshot(l.txid, {snapshot}::txid_snapshot)

-- name: files
-- The files of tables, as they are now, whatever the transaction's snapshot is: a table that was emptied or written
-- anew has another one, and older snapshots see nothing in it.
select pg_catalog.array_agg(pg_catalog.pg_relation_filenode(t.oid::oid)::int8 order by t.n)
  from pg_catalog.unnest(%s::int8[]) with ordinality as t (oid, n)

-- name: changes
-- What has changed since a snapshot, each once; what the copy of a table has is left out. Tables that were emptied first.
declare postai_changes scroll cursor for
select l.relation::int8, l.kind, l.image, l.count
  from (select l.relation, case l.kind when '-' then '+' else l.kind end::text as kind, l.image,
               pg_catalog.sum(case l.kind when '-' then -1 else 1 end)::int8 as count
          from {logs} as l
          join (values {tables_followed}) as f (relation, snapshot) on f.relation = l.relation
         where {since} and (f.snapshot is null or not pg_catalog.txid_visible_in_snapshot(l.txid, f.snapshot))
         group by 1, 2, 3) as l
 where l.kind <> '+' or l.count <> 0
 order by l.kind <> 't', l.relation

-- name: rows
-- Rows by their keys, each once.
copy (select {columns} from only {table} as t
       where t.ctid = any (array(select t.ctid from {keys} join only {table} as t on {join}))) to stdout

-- name: empty
-- Take all rows of a table away.
delete from only {table}

-- name: delete
-- Take rows away by their keys.
delete from only {table} as t using {keys} where {join}

-- name: delete_rows
-- Take as many rows away as went, of those that have the same text.
delete from only {table} where ctid = any (array(
    select found.ctid
      from (select t.ctid, w.count, pg_catalog.row_number() over (partition by w.image) as n
              from only {table} as t
              join rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::int4[])) as w (image, count)
                on {gone}::text operator(pg_catalog.=) {image}::text) as found
     where found.n <= found.count))
