-- name: standbys
-- Who receives this server's WAL, and how far behind it has replayed; details only for members of pg_read_all_stats.
select coalesce(nullif(r.application_name, ''), 'not visible to you'), coalesce(pg_catalog.host(r.client_addr), 'local'),
       coalesce((select s.slot_type from pg_catalog.pg_replication_slots as s where s.active_pid = r.pid), 'physical'),
       coalesce(r.state, 'not visible to you'), r.sync_state,
       pg_catalog.pg_wal_lsn_diff(w.now, r.replay_lsn)::int8, extract(epoch from r.replay_lag)::float8
  from pg_catalog.pg_stat_replication as r
 cross join (select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
                         else pg_catalog.pg_current_wal_lsn() end as now) as w
 order by 1, 2

-- name: slots
-- Replication slots: what of WAL each holds back; one that nobody uses fills the disk.
select s.slot_name::text, s.slot_type, s.database::text, s.active, s.wal_status, pg_catalog.pg_wal_lsn_diff(w.now, s.restart_lsn)::int8
  from pg_catalog.pg_replication_slots as s
 cross join (select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
                         else pg_catalog.pg_current_wal_lsn() end as now) as w
 order by 6 desc nulls last, 1

-- name: receiving
-- Where this standby has its WAL from, what it has received and not replayed, and how old what it replayed last is.
select case when r.pid is not null then coalesce(r.status, 'not visible to you') end, case when r.sender_host is null then null else r.sender_host || ':' || r.sender_port end,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())::int8,
       case when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
            else extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) end::float8,
       pg_catalog.pg_last_xact_replay_timestamp()
  from (select 1) as one left join pg_catalog.pg_stat_wal_receiver as r on true
 where pg_catalog.pg_is_in_recovery()
