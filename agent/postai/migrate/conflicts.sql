-- name: holders
-- Sessions that hold locks on the tables and have done so for more than a second. %s: array of oids, twice.
select pg_catalog.format('backend %%s of %%s (%%s%%s) holds %%s on %%s for %%s s',
         a.pid, coalesce(a.usename, '?'), coalesce(a.state, '?'),
         case when a.application_name <> '' then ', ' || a.application_name else '' end,
         pg_catalog.string_agg(distinct l.mode, ', '), pg_catalog.string_agg(distinct l.relation::pg_catalog.regclass::pg_catalog.text, ', '),
         pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.int8)
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'relation' and l.granted and l.pid <> pg_catalog.pg_backend_pid()
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and l.relation = any (%s::pg_catalog.oid[]) and pg_catalog.cardinality(%s::pg_catalog.oid[]) > 0
   and a.xact_start < pg_catalog.clock_timestamp() - interval '1 second'
 group by a.pid, a.usename, a.state, a.application_name, a.xact_start
 order by a.xact_start;

-- name: snapshots
-- Transactions older than a minute whose snapshot CONCURRENTLY forms wait for.
select pg_catalog.format('backend %s of %s (%s) has held a snapshot for %s s: CONCURRENTLY waits for it',
         a.pid, coalesce(a.usename, '?'), coalesce(a.state, '?'),
         pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.int8)
  from pg_catalog.pg_stat_activity a
 where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
   and (a.backend_xmin is not null or a.backend_xid is not null)
   and a.backend_type = 'client backend'
   and a.xact_start < pg_catalog.clock_timestamp() - interval '1 minute'
 order by a.xact_start;

-- name: prepared
-- Prepared transactions of this database: they keep their locks until somebody ends them.
select pg_catalog.format('a prepared transaction of %s waits since %s: COMMIT PREPARED or ROLLBACK PREPARED ends it',
         p.owner, p.prepared)
  from pg_catalog.pg_prepared_xacts p where p.database = pg_catalog.current_database() order by p.prepared;

-- name: activity
-- Scans and row changes per second of each table.
select s.relid::pg_catalog.int8,
       (coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0) + coalesce(s.n_tup_ins, 0) + coalesce(s.n_tup_upd, 0)
        + coalesce(s.n_tup_del, 0))
       / greatest(1, pg_catalog.date_part('epoch', pg_catalog.now() - coalesce(d.stats_reset, pg_catalog.pg_postmaster_start_time())))
  from pg_catalog.pg_stat_user_tables s
  join pg_catalog.pg_stat_database d on d.datname = pg_catalog.current_database();

-- name: history_readable
-- Whether the collected history is here and may be read.
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'postai' and c.relname = 'sample_database'
                  and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'));

-- name: quiet_hours
-- The quietest hour of the week: day (0 = Sunday), hour (UTC), transactions per second, average, days of history.
select x.day, x.hour, x.per_second, pg_catalog.avg(x.per_second) over (), pg_catalog.max(x.days) over ()
  from (select pg_catalog.date_part('dow', d.at at time zone 'UTC')::pg_catalog.int4 as day,
               pg_catalog.date_part('hour', d.at at time zone 'UTC')::pg_catalog.int4 as hour,
               (pg_catalog.sum(d.xact_commit) / greatest(pg_catalog.sum(d.seconds), 1))::pg_catalog.float8 as per_second,
               (select pg_catalog.count(distinct pg_catalog.date_trunc('day', e.at)) from postai.sample_database e) as days
          from postai.sample_database d
         where d.dbid <> 0::pg_catalog.oid
         group by 1, 2) as x
 order by x.per_second limit 1;
