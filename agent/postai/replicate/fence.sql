-- name: install
-- The schema of a move with its fence (published) and the streams whose beginning must be kept (not published).
create schema if not exists {schema};
comment on schema {schema} is 'postai: a move of this database; removed when it is completed or aborted';
create table if not exists {schema}.fence (
    token text primary key, at timestamptz not null default pg_catalog.clock_timestamp()
);
create table if not exists {schema}.kept (stream text primary key, at timestamptz not null);
comment on table {schema}.fence is
    'A row that arrives on the other side proves that everything committed before it has arrived';
comment on table {schema}.kept is
    'Streams that begin at their mark: traffic may have come since, which must not be skipped'

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

-- name: keep
-- Keep the beginning of a stream; it always writes, so that its commit brings everything before it to the disk.
insert into {schema}.kept (stream, at) values (%s, pg_catalog.clock_timestamp())
on conflict (stream) do update set at = excluded.at

-- name: release
-- The beginning of that stream needs no keeping any more.
delete from {schema}.kept where stream = %s

-- name: kept
-- Whether the beginning of a stream must be kept.
select exists (select from {schema}.kept where stream = %s)
