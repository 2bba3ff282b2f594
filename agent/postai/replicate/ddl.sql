-- name: fingerprint
-- Changes whenever the definition of something that is neither temporary nor of a move changes; cheap enough for every
-- look.
with relation as (
    select c.oid, c.xmin from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname !~ '^(pg_toast|postai_[0-9]+$)'
     where c.relpersistence <> 't' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c', 'S', 'i', 'I') and c.oid >= 16384
), change (of, xmin) as (
    select 'c' || r.oid::text, r.xmin from relation as r
    union all
    select 'a' || a.attrelid || ':' || a.attnum, a.xmin from pg_catalog.pg_attribute as a join relation as r on r.oid = a.attrelid
     where a.attnum > 0
    union all
    select 'd' || d.oid, d.xmin from pg_catalog.pg_attrdef as d join relation as r on r.oid = d.adrelid
    union all
    select 'k' || k.oid, k.xmin from pg_catalog.pg_constraint as k left join relation as r on r.oid = k.conrelid
     where k.oid >= 16384 and (k.conrelid = 0 or r.oid is not null)
    union all
    select 'i' || i.indexrelid, i.xmin from pg_catalog.pg_index as i join relation as r on r.oid = i.indexrelid
    union all
    select 'h' || h.inhrelid || ':' || h.inhparent, h.xmin from pg_catalog.pg_inherits as h join relation as r on r.oid = h.inhrelid
    union all
    select 't' || t.oid, t.xmin from pg_catalog.pg_type as t left join relation as r on r.oid = t.typrelid
     where t.oid >= 16384 and t.typelem = 0 and (t.typrelid = 0 or r.oid is not null)
    union all
    select 'e' || e.oid, e.xmin from pg_catalog.pg_enum as e
    union all
    select 'p' || p.oid, p.xmin from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and n.nspname !~ '^postai_[0-9]+$' where p.oid >= 16384
    union all
    select 'g' || t.oid, t.xmin from pg_catalog.pg_trigger as t join relation as r on r.oid = t.tgrelid
    union all
    select 'y' || p.oid, p.xmin from pg_catalog.pg_policy as p
    union all
    select 'w' || w.oid, w.xmin from pg_catalog.pg_rewrite as w join relation as r on r.oid = w.ev_class
    union all
    select 'q' || q.seqrelid, q.xmin from pg_catalog.pg_sequence as q join relation as r on r.oid = q.seqrelid
    union all
    select 'n' || n.oid, n.xmin from pg_catalog.pg_namespace as n where n.nspname !~ '^pg_(temp|toast_temp)_'
    union all
    select 'm' || d.classoid || ':' || d.objoid || ':' || d.objsubid, d.xmin from pg_catalog.pg_description as d where d.objoid >= 16384
    union all
    select 'u' || a.oid, a.xmin from pg_catalog.pg_default_acl as a
    union all
    select 'b' || p.oid, p.xmin from pg_catalog.pg_publication as p
    union all
    select 'br' || p.oid, p.xmin from pg_catalog.pg_publication_rel as p
    union all
    select 'x' || e.oid, e.xmin from pg_catalog.pg_extension as e
    union all
    select 's' || s.oid, s.xmin from pg_catalog.pg_statistic_ext as s
    union all
    select 'v' || t.oid, t.xmin from pg_catalog.pg_event_trigger as t
    union all
    select 'o' || o.oid, o.xmin from pg_catalog.pg_operator as o where o.oid >= 16384
    union all
    select 'l' || o.oid, o.xmin from pg_catalog.pg_collation as o where o.oid >= 16384
    union all
    select 'z' || o.oid, o.xmin from pg_catalog.pg_cast as o where o.oid >= 16384
)
select pg_catalog.concat_ws(':', pg_catalog.current_setting('server_version_num'),
         (select s.oid from pg_catalog.pg_database as s where s.datname = pg_catalog.current_database()), pg_catalog.count(*),
         pg_catalog.sum(pg_catalog.hashtextextended(c.of || '@' || c.xmin::text, 0)::numeric))
  from change as c

-- name: stamps
-- By which transaction each column of a table was defined.
select a.attrelid::int8, a.attnum::int4, a.xmin::text
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and c.oid >= 16384
 where a.attnum > 0 and not a.attisdropped

-- name: tables
-- What was seen on the other side: its fingerprint, and the names of its tables and columns by their numbers there;
-- and which ones have these names here, and how each was defined.
create table if not exists {schema}.schema_known (fingerprint text primary key);
create table if not exists {schema}.schema_object (
    oid int8, number int4, of text not null, name text not null, own_oid int8, own_number int4, text text not null,
    primary key (oid, number)
);
create table if not exists {schema}.schema_told (
    aspect text, kind text, of text, name text, source_text text not null, target_text text not null,
    primary key (aspect, kind, of, name)
)

-- name: told
-- What a person was asked to bring together, and how it read on the other side then and here.
select t.aspect, t.kind, t.of, t.name, t.target_text from {schema}.schema_told as t

-- name: forget_told
-- Nobody is asked any more.
delete from {schema}.schema_told

-- name: tell
-- Somebody is asked.
insert into {schema}.schema_told
select * from rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]),
                         pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]))

-- name: known
-- The fingerprint that was dealt with.
select k.fingerprint from {schema}.schema_known as k

-- name: forget
-- Forget what was seen.
delete from {schema}.schema_known; delete from {schema}.schema_object

-- name: know
-- The fingerprint that is dealt with now.
insert into {schema}.schema_known (fingerprint) values (%s)

-- name: know_objects
-- Names by numbers.
insert into {schema}.schema_object (oid, number, of, name, own_oid, own_number, text)
select * from rows from (pg_catalog.unnest(%s::int8[]), pg_catalog.unnest(%s::int4[]), pg_catalog.unnest(%s::text[]),
                         pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::int8[]), pg_catalog.unnest(%s::int4[]),
                         pg_catalog.unnest(%s::text[]))

-- name: objects
-- All of them.
select o.oid, o.number, o.of, o.name, o.own_oid, o.own_number, o.text from {schema}.schema_object as o

-- name: called
-- What tables and columns are called now, by their numbers.
select t.n::int8, pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname), pg_catalog.quote_ident(a.attname)
  from rows from (pg_catalog.unnest(%s::int8[]), pg_catalog.unnest(%s::int4[])) with ordinality as t (oid, number, n)
  join pg_catalog.pg_class as c on c.oid = t.oid::oid
  join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
  left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = t.number and not a.attisdropped
 where t.number = 0 or a.attnum > 0

-- name: finished
-- Whether all that comes after the rows was made, so that it can be compared, too.
select exists (select from {schema}.restored as r where r.statement = 'post-data')

-- name: has_notes
-- Whether the schema was made by a move at all.
select pg_catalog.to_regclass(%s) is not null

-- name: column
-- Of a partitioned table its partitions have the value for older rows. A column that is to be added: type, collation, NOT NULL, default, identity, generated, whether it has a value for older
-- rows, that value, whether it comes from a parent, whether the table has rows that it may differ in (its estimate).
with recursive below (oid) as (
    select %s::oid
    union all
    select i.inhrelid from below as b join pg_catalog.pg_inherits as i on i.inhparent = b.oid
)
select pg_catalog.format_type(a.atttypid, a.atttypmod),
       case when a.attcollation not in (t.typcollation, 0) then
         (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(k.collname)
            from pg_catalog.pg_collation as k join pg_catalog.pg_namespace as n on n.oid = k.collnamespace where k.oid = a.attcollation) end,
       a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, coalesce(j.o ->> 'attgenerated', ''),
       coalesce(m.atthasmissing, false), m.value, a.attinhcount > 0
  from pg_catalog.pg_attribute as a
 cross join lateral (select pg_catalog.to_jsonb(a) - 'attmissingval' as o) as j
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join lateral (
    select o.atthasmissing, (o.attmissingval::text::text[])[1] as value
      from below as b join pg_catalog.pg_attribute as o on o.attrelid = b.oid and o.attname = a.attname and o.atthasmissing
     limit 1) as m on true
 where a.attrelid = %s::oid and a.attnum = %s::int2 and not a.attisdropped

-- name: enum
-- The values of an enum in their order.
select pg_catalog.array_agg(e.enumlabel::text order by e.enumsortorder) from pg_catalog.pg_enum as e where e.enumtypid = %s::oid

-- name: capture
-- A trigger that notes each change of the schema as it happens. It can never fail a statement of the application.
create table if not exists {schema}.ddl (
    id bigint generated always as identity primary key, at timestamptz not null default pg_catalog.clock_timestamp(),
    command text not null, object text
);
create or replace function {schema}.note_ddl() returns event_trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp as $note$
begin
    if tg_event = 'sql_drop' then
        insert into {schema}.ddl (command, object)
        select tg_tag, o.object_identity from pg_catalog.pg_event_trigger_dropped_objects() as o
         where o.original and not o.is_temporary limit 20;
    else
        insert into {schema}.ddl (command, object)
        select c.command_tag, c.object_identity from pg_catalog.pg_event_trigger_ddl_commands() as c
         where c.schema_name is null or c.schema_name not like 'pg\_temp%' limit 20;
    end if;
exception when others then
    null;
end
$note$;
comment on function {schema}.note_ddl() is
    'postai: notes changes of the schema during a move. definer: the application may not write to the table itself';
revoke all on function {schema}.note_ddl() from public

-- name: capture_trigger
-- One of the two; there is no IF NOT EXISTS for them.
select pg_catalog.count(*) from pg_catalog.pg_event_trigger as t where t.evtname = %s

-- name: captured
-- What was noted since the last look, and is forgotten with it.
with taken as (delete from {schema}.ddl as d returning d.id, d.command, d.object)
select t.command, coalesce(t.object, '') from taken as t order by t.id

-- name: any_row
-- Whether the table has a row.
select 1 from {table} limit 1
