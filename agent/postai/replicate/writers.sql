-- name: moment
-- The server's clock.
select pg_catalog.clock_timestamp()

-- name: setting
-- What the database says of new sessions, and whether there is a place where that is kept.
select {said}, pg_catalog.to_regclass('{schema}.setting') is not null

-- name: remember
-- Keep what the database said before the move changed it.
insert into {schema}.setting (name, had)
select 'default_transaction_read_only', {said}
on conflict (name) do nothing

-- name: had
-- What it said before; no row where the move has not changed it.
select s.had from {schema}.setting as s where s.name = 'default_transaction_read_only'

-- name: forget
-- It says again what it said before.
delete from {schema}.setting where name = 'default_transaction_read_only'

-- name: end_sessions
-- End the sessions of other people that began before that moment, or are writing; parts of the server stay.
select a.pid, pg_catalog.pg_terminate_backend(a.pid)
  from pg_catalog.pg_stat_activity as a
 where {others} and (a.backend_start <= %s or a.backend_xid is not null or a.backend_start is null)

-- name: writing
-- Sessions of other people within a transaction that wrote.
select a.pid from pg_catalog.pg_stat_activity as a where {others} and a.backend_xid is not null

-- name: end_blockers
-- End the sessions of other people that this process waits for.
select a.pid, pg_catalog.pg_terminate_backend(a.pid)
  from pg_catalog.pg_stat_activity as a
 where {others} and a.pid = any (pg_catalog.pg_blocking_pids(%s))

-- name: prepared
-- Prepared transactions of this database: they can be committed in spite of every fence.
select p.gid from pg_catalog.pg_prepared_xacts as p where p.database = pg_catalog.current_database() order by 1

-- name: long_transactions
-- Transactions of other people that are older than so many seconds.
select a.pid, a.usename::text, pg_catalog.round(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start))::int
  from pg_catalog.pg_stat_activity as a
 where {others} and a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)
 order by 3 desc

-- name: rights
-- Whether this role may set the database's settings, see all sessions, and end them; those of roles that it is a member
-- of it may always. Somebody else who comes meanwhile makes the switch fail, and it is undone.
with stranger as (
    select count(*) > 0 as there from pg_catalog.pg_stat_activity as a
     where a.datname = pg_catalog.current_database() and a.usesysid is not null
       and not coalesce(pg_catalog.pg_has_role(a.usesysid, 'usage'), true))
select pg_catalog.pg_has_role(d.datdba, 'usage'),
       not s.there or r.rolsuper or pg_catalog.pg_has_role('pg_read_all_stats', 'usage'),
       not s.there or r.rolsuper or pg_catalog.pg_has_role('pg_signal_backend', 'usage'),
       pg_catalog.quote_ident(r.rolname), pg_catalog.quote_ident(d.datname)
  from pg_catalog.pg_database as d, pg_catalog.pg_roles as r, stranger as s
 where d.datname = pg_catalog.current_database() and r.rolname = current_user

-- name: unfenced_roles
-- Roles whose own setting stands above the database's.
select r.rolname::text
  from pg_catalog.pg_db_role_setting as s
  join pg_catalog.pg_roles as r on r.oid = s.setrole and r.rolname <> session_user
 where s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
   and exists (select from pg_catalog.unnest(s.setconfig) as c (setting)
                where c.setting ~ '^(default_)?transaction_read_only=(off|false|no|0)')
 order by 1
