-- name: long_transactions
-- Transactions of others in any database that are older than a minute: a slot waits for those that write.
select a.pid, coalesce(a.usename::text, '?'), round(date_part('epoch', clock_timestamp() - a.xact_start))::int
  from pg_stat_activity as a
 where a.xact_start < clock_timestamp() - interval '1 min' and a.pid <> pg_backend_pid()
   and (a.backend_xid is not null or a.datname = current_database())
   and coalesce(a.backend_type, '') !~ '^(walsender|logical replication|autovacuum|parallel)'
 order by 3 desc

-- name: wraparound
-- Vacuums that do not give way to a publication or a trigger, as far as this role may see them.
select a.pid, a.query from pg_stat_activity as a
 where a.datname = current_database() and a.query ~ '^autovacuum: .*to prevent wraparound'
 order by 1

-- name: prepared
-- Prepared transactions of any database: a slot waits for them, too.
select p.gid, p.database::text, p.database = current_database() from pg_prepared_xacts as p order by 1

-- name: wal
-- Where the log is written at now.
select pg_current_wal_lsn()::text

-- name: written
-- Bytes of log since that place.
select pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn)::int8

-- name: sample
-- Some text of that many bytes, to see how fast it comes.
select repeat('x', %s)
