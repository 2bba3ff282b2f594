-- name: pins
-- For this transaction: texts of values are the same whatever the database's settings are, and read back as they were.
select pg_catalog.set_config(s.name, s.value, true)
  from (values ('search_path', 'pg_catalog, pg_temp'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
               ('timezone', 'UTC'), ('extra_float_digits', '3'), ('bytea_output', 'hex'), ('lc_monetary', 'C'),
               ('xmloption', 'content'), ('client_encoding', 'UTF8'), ('row_security', 'off'),
               ('postai.applies', %s)) as s (name, value)

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
-- Tables by their oids: columns that are written (not the generated ones) with types; columns, types and operators of
-- the best key; the name of what stands behind its operator is the index's own.
select c.oid::int8, n.nspname::text, c.relname::text,
       array(select a.attname::text from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and {generated} = '' order by a.attnum),
       array(select pg_catalog.format_type(a.atttypid, -1) from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and {generated} = '' order by a.attnum),
       k.names, k.types, k.operators
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join lateral (
    select pg_catalog.array_agg(a.attname::text order by p.n) as names,
           pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, -1) order by p.n) as types,
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

-- name: oid
-- Number of a table, null where there is none.
select pg_catalog.to_regclass(%s)::oid::int8

-- name: log
-- What the triggers write: the key of a row that changed (k), a row that came or went where there is no key (+, -), or
-- that the table was emptied (t). Everything that is read by the txid finds it by the index; nothing more, since each
-- index and each condition of one is paid for by every change.
create sequence if not exists {log}_id;
create table if not exists {log} (
    txid int8 not null default pg_catalog.txid_current(), id int8 not null default pg_catalog.nextval({sequence}),
    relation oid not null, kind "char" not null, image text[]
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index if not exists {index} on {log} (txid, id);
create table if not exists {emptied} (txid int8 not null, id int8 not null, relation oid not null);
create table if not exists {mark} (one bool primary key default true check (one), snapshot text not null);
comment on table {log} is 'postai: changes that are on their way to the other side'

-- name: unlog
-- Take the log away.
drop table if exists {log}, {emptied}, {mark};
drop sequence if exists {log}_id

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
    {pass}insert into {log} (relation, kind, image) values (tg_relid, {kind}, {image});
    return null;
end

-- name: note_emptied
-- Its body for TRUNCATE.
begin
    {pass}with noted as (insert into {log} (relation, kind) values (tg_relid, 't') returning txid, id, relation)
    insert into {emptied} (txid, id, relation) select n.txid, n.id, n.relation from noted as n;
    return null;
end

-- name: note_steadily
-- Its body where they do: the settings of the application are others for a moment, if they must be.
declare
    had pg_catalog.text[];
begin
    {pass}if pg_catalog.left(pg_catalog.current_setting('datestyle'), 3) operator(pg_catalog.<>) 'ISO'
       or pg_catalog.current_setting('intervalstyle') operator(pg_catalog.<>) 'postgres'
       or pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 operator(pg_catalog.<) {digits}
       or {monetary} and pg_catalog.current_setting('lc_monetary') operator(pg_catalog.<>) 'C' then
        had := array[pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'),
                     pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary')];
        perform pg_catalog.set_config('datestyle', 'ISO, YMD', true), pg_catalog.set_config('intervalstyle', 'postgres', true),
                pg_catalog.set_config('extra_float_digits', '3', true), pg_catalog.set_config('lc_monetary', 'C', true);
        insert into {log} (relation, kind, image) values (tg_relid, {kind}, {image});
        perform pg_catalog.set_config('datestyle', had[1], true), pg_catalog.set_config('intervalstyle', had[2], true),
                pg_catalog.set_config('extra_float_digits', had[3], true), pg_catalog.set_config('lc_monetary', had[4], true);
    else
        insert into {log} (relation, kind, image) values (tg_relid, {kind}, {image});
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

-- name: changes_rows
-- Whether a trigger changes rows before they are written, so that a column changes that no statement names.
select exists (select from pg_catalog.pg_trigger as t
                where t.tgrelid = %s::int8::oid and t.tgtype::int4 & 19 = 19 and t.tgenabled <> 'D')

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
 where p.proname ~ ('^' || %s || '_[0-9]+_(new|old|key|emptied)$')

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

-- name: prune_emptied
-- The same of tables that were emptied.
delete from {emptied} as l where l.txid < pg_catalog.txid_snapshot_xmin(%s::text::txid_snapshot)

-- name: prune
-- Some of what everybody has had.
delete from {log} where ctid = any (array(
    select l.ctid from {log} as l where l.txid < pg_catalog.txid_snapshot_xmin(%s::text::txid_snapshot) order by l.txid limit %s))

-- name: size
-- Bytes of the log.
select pg_catalog.pg_total_relation_size({literal}::pg_catalog.regclass)::int8

-- name: pending
-- How many changes after a snapshot there are, counted so far, and their size.
select pg_catalog.count(*)::int8, coalesce(pg_catalog.sum(p.size), 0)::int8
  from (select 48 + coalesce(pg_catalog.pg_column_size(l.image), 0) as size from {log} as l
         where l.txid >= pg_catalog.txid_snapshot_xmin(%s::text::txid_snapshot)
           and not pg_catalog.txid_visible_in_snapshot(l.txid, %s::text::txid_snapshot) limit %s) as p

-- name: progress
-- Where a stream is, on the side that is changed: everything that is in `snapshot` has arrived; while `until` is there
-- (it is on the way to that one), what comes up to (txid, id) has. And its tables, as they are called on the other side.
create table if not exists {progress} (
    one bool primary key default true check (one), snapshot text not null, until text, txid int8 not null default 0,
    id int8 not null default 0, at timestamptz not null default pg_catalog.clock_timestamp()
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
select p.snapshot, p.until, p.txid, p.id from {progress} as p

-- name: silent
-- Seconds since it moved on.
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.at)::float8 from {progress} as p

-- name: move_within
-- A part of the way.
update {progress} set until = %s, txid = %s, id = %s, at = pg_catalog.clock_timestamp()

-- name: move_to
-- All of it; tables that were copied before are with the others now.
with now as (update {tables} set state = 'ready' where state = 'copied')
update {progress} set snapshot = %s, until = null, txid = 0, id = 0, at = pg_catalog.clock_timestamp()

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
-- Whether a change has come after a snapshot.
select exists (select from {log} as l
                where l.txid >= pg_catalog.txid_snapshot_xmin(%s::text::txid_snapshot)
                  and not pg_catalog.txid_visible_in_snapshot(l.txid, %s::text::txid_snapshot)
                  and pg_catalog.txid_visible_in_snapshot(l.txid, pg_catalog.txid_current_snapshot()))

-- name: files
-- The files of tables, as they are now, whatever the transaction's snapshot is: a table that was emptied or written
-- anew has another one, and older snapshots see nothing in it.
select pg_catalog.array_agg(pg_catalog.pg_relation_filenode(t.oid::oid)::int8 order by t.n)
  from pg_catalog.unnest(%s::int8[]) with ordinality as t (oid, n)

-- name: emptied
-- Tables that were emptied between two snapshots, and the last time each.
select distinct on (l.relation) l.relation::int8, l.txid, l.id
  from {emptied} as l
 where {window}
 order by l.relation, l.id desc

-- name: seen
-- Which transactions a snapshot has.
select t.txid, pg_catalog.txid_visible_in_snapshot(t.txid, %s::text::txid_snapshot)
  from pg_catalog.unnest(%s::int8[]) as t (txid)

-- name: changes
-- Some changes between two snapshots, after those that were taken.
select l.txid, l.id, l.relation::int8, l.kind::text, l.image
  from {log} as l
 where (l.txid, l.id) > (%s::int8, %s::int8) and {window}
 order by l.txid, l.id limit %s

-- name: changes_of
-- The same of one table alone, all of them.
select l.txid, l.id, l.relation::int8, l.kind::text, l.image from {log} as l where l.relation = %s::int8::oid and {window}

-- name: window
-- Between two snapshots (as a condition on the log `l`).
l.txid >= pg_catalog.txid_snapshot_xmin(%s::text::txid_snapshot) and l.txid < pg_catalog.txid_snapshot_xmax(%s::text::txid_snapshot)
   and not pg_catalog.txid_visible_in_snapshot(l.txid, %s::text::txid_snapshot)
   and pg_catalog.txid_visible_in_snapshot(l.txid, %s::text::txid_snapshot)

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
