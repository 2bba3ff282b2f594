-- name: state
-- What a server says of itself: its cluster, whether it is in recovery, its timeline, its position, size of a segment.
-- A replica's timeline is the receiver's where the role may see it (pg_read_all_stats), else what was flushed last.
select s.system_identifier::pg_catalog.text, r.yes,
       case when r.yes
         then (select greatest(c.timeline_id, k.min_recovery_end_timeline, w.received_tli)
                 from pg_catalog.pg_control_checkpoint() as c, pg_catalog.pg_control_recovery() as k
                 left join pg_catalog.pg_stat_wal_receiver as w on w.status = 'streaming')
         else ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::integer
       end,
       (case when r.yes then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_insert_lsn() end
        - '0/0'::pg_catalog.pg_lsn)::pg_catalog.text,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))
  from (select pg_catalog.pg_is_in_recovery() as yes) as r, pg_catalog.pg_control_system() as s
