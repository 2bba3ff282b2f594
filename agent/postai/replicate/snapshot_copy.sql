-- name: install
-- Large tables that are copied in parts, on the subscriber: copying, copied, following, joining, joined.
create table if not exists {schema}.split (relation text primary key, number int8 not null, state text not null,
                                           rows int8 not null default 0, bytes int8 not null default 0)

-- name: tables_only
-- For this transaction no view is read: whoever owns a table could put one in its place, whose functions would run as
-- postai. Servers without the setting are older than 2024.
select pg_catalog.set_config(s.name, 'view, foreign-table', true)
  from pg_catalog.pg_settings as s where s.name = 'restrict_nonsystem_relation_kind'

-- name: there
-- Whether it was made.
select pg_catalog.to_regclass(%s) is not null

-- name: splits
-- Those.
select s.relation, s.number, s.state, s.rows, s.bytes from {schema}.split as s order by 1

-- name: note
-- How far one is.
insert into {schema}.split as s (relation, number, state) values (%s, %s, %s)
on conflict (relation) do update set number = excluded.number, state = excluded.state,
   rows = case excluded.state when 'copying' then 0 else s.rows end, bytes = case excluded.state when 'copying' then 0 else s.bytes end

-- name: count
-- What is copied of one.
update {schema}.split set rows = %s, bytes = %s where relation = %s

-- name: shape
-- Number, pages and columns of a table.
select c.oid::int8, (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8)::int8,
       array(select pg_catalog.quote_ident(a.attname) from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                and coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '' order by a.attnum)
  from pg_catalog.pg_class as c where c.oid = %s::pg_catalog.regclass

-- name: subscriptions
-- Subscriptions of the parts of a stream in this database.
select s.subname::text from pg_catalog.pg_subscription as s
 where s.subname ~ ('^' || %s::text || '_[0-9]+$')
   and s.subdbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: published
-- Slots and publications of the parts of a stream.
select s.slot_name::text from pg_catalog.pg_replication_slots as s
 where s.slot_name ~ ('^' || %s::text || '_[0-9]+$') and s.database = pg_catalog.current_database()
union select p.pubname::text from pg_catalog.pg_publication as p where p.pubname ~ ('^' || %s::text || '_[0-9]+$')

-- name: in_publication
-- Whether a publication has a table.
select exists (select from pg_catalog.pg_publication_rel as r join pg_catalog.pg_publication as p on p.oid = r.prpubid
                where p.pubname = %s and r.prrelid = %s::pg_catalog.regclass)

-- name: slot_place
-- What the subscriber has confirmed, compared with a place in the log; and whether it reads now.
select s.confirmed_flush_lsn >= %s::pg_catalog.pg_lsn, s.active from pg_catalog.pg_replication_slots as s where s.slot_name = %s

-- name: cancels_soon
-- An autovacuum that is in the way is cancelled by the server when this time is over, not only after a second.
select pg_catalog.set_config('deadlock_timeout', %s, true)
  from pg_catalog.pg_roles as r where r.rolname = current_user and r.rolsuper

-- name: vacuumed
-- How many milliseconds to wait for a lock; longer where only a longer wait has the server cancel an autovacuum.
select case when exists (
           select from pg_catalog.pg_locks as l join pg_catalog.pg_stat_activity as a on a.pid = l.pid
            where l.relation = t.oid and l.granted and a.backend_type = 'autovacuum worker')
       then s.setting::int4 + %s::int4 else %s::int4 end
  from pg_catalog.pg_settings as s,
       (select %s::pg_catalog.regclass::oid) as t (oid)
 where s.name = 'deadlock_timeout'
