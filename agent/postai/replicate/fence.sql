-- name: install
-- The schema of a move with its fence (published) and the streams whose beginning must be kept (not published).
create schema if not exists {schema};
comment on schema {schema} is 'postai: a move of this database; removed when it is completed or aborted';
create table if not exists {schema}.fence (
    token text primary key, at timestamptz not null default pg_catalog.clock_timestamp()
);
create table if not exists {schema}.kept (
    stream text primary key, at timestamptz not null, lsn pg_lsn not null
);
create table if not exists {schema}.setting (name text primary key, had text);
comment on table {schema}.fence is
    'A row that arrives on the other side proves that everything committed before it has arrived';
comment on table {schema}.kept is
    'Streams that begin at their mark: traffic may have come since, which must not be skipped';
comment on table {schema}.setting is
    'Settings of the database that the move changed, and what they were before (null: nothing was set)'

-- name: claim_lock
-- One home at a time makes the schema of a move of that number.
select pg_catalog.pg_advisory_xact_lock(1836017765, %s)

-- name: mark
-- Whose the schema is: both sides of a move have the same mark.
comment on schema {schema} is 'postai: a move of this database ({mark}); removed when it is completed or aborted'

-- name: mark_of
-- The mark of a move's schema.
select pg_catalog.substring(pg_catalog.obj_description(n.oid, 'pg_namespace'), '[(]([0-9a-f]{32})[)]')
  from pg_catalog.pg_namespace as n where n.nspname = %s

-- name: others
-- Whether somebody else owns the schema, or a table in it.
select exists (select from pg_catalog.pg_namespace as n
                where n.nspname = %s and (n.nspowner <> u.oid or exists (
                      select from pg_catalog.pg_class as c where c.relnamespace = n.oid and c.relowner <> u.oid)))
  from pg_catalog.pg_roles as u where u.rolname = current_user

-- name: installed
-- Whether the fence is there.
select pg_catalog.to_regclass(%s) is not null

-- name: put
-- A new row in the fence; what is older than an hour goes.
with gone as (delete from {schema}.fence where at < pg_catalog.clock_timestamp() - interval '1 hour')
insert into {schema}.fence (token) values (%s)

-- name: seen
-- Whether the row has arrived.
select exists (select from {schema}.fence where token = %s)

-- name: clear
-- Take the rows of the fence away: a stream back that knows no origin would bring them here a second time. Deleted
-- one by one they would come back, too, and be missed here, which counts as a conflict.
truncate {schema}.fence

-- name: keep
-- Keep the beginning of a stream; it always writes, so that its commit brings everything before it to the disk.
insert into {schema}.kept (stream, at, lsn)
select s.stream, pg_catalog.clock_timestamp(), pg_catalog.pg_current_wal_insert_lsn()
  from pg_catalog.unnest(%s::text[]) as s (stream)
on conflict (stream) do update set at = excluded.at, lsn = excluded.lsn

-- name: kept_at
-- Where the log was when that stream was kept.
select k.lsn::text from {schema}.kept as k where k.stream = %s

-- name: release
-- The beginning of that stream needs no keeping any more.
delete from {schema}.kept where stream = %s

-- name: kept
-- Whether the beginning of a stream must be kept.
select exists (select from {schema}.kept where stream = %s)
