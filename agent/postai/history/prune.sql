-- How the history is kept small. Hours become one row for each thing; the end of such a row is that of the last interval
-- of the hour, its length what the intervals covered. Parameters of a roll_ block: begin and end of the hour.

-- name: next_hour
-- The first hour of which there are rows after a time.
select pg_catalog.min(h.hour)
  from (select pg_catalog.date_trunc('hour', x.at - interval '1 microsecond') as hour from (select a.at from postai.sample_statement as a where a.at > %s order by a.at limit 1) as x
        union all
        select pg_catalog.date_trunc('hour', x.at - interval '1 microsecond') from (select a.at from postai.sample_table as a where a.at > %s order by a.at limit 1) as x
        union all
        select pg_catalog.date_trunc('hour', x.at - interval '1 microsecond') from (select a.at from postai.sample_database as a where a.at > %s order by a.at limit 1) as x) as h

-- name: roll_statement
-- Statements.
with gone as (
  delete from postai.sample_statement as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
), summed as (
  select g.statement_id, pg_catalog.sum(g.calls)::int8 as calls, pg_catalog.sum(g.total_ms) as total_ms,
         pg_catalog.sum(case when g.calls > 0 then g.calls * coalesce(g.stddev_ms, 0)::float8 ^ 2 + g.total_ms ^ 2 / g.calls else 0 end) as squares,
         nullif(pg_catalog.sum(g.rows), 0)::int8 as rows, nullif(pg_catalog.sum(g.blks_hit), 0)::int8 as blks_hit,
         nullif(pg_catalog.sum(g.blks_read), 0)::int8 as blks_read, nullif(pg_catalog.sum(g.blks_dirtied), 0)::int8 as blks_dirtied,
         nullif(pg_catalog.sum(g.blks_written), 0)::int8 as blks_written,
         nullif(pg_catalog.sum(g.temp_blks_read), 0)::int8 as temp_blks_read,
         nullif(pg_catalog.sum(g.temp_blks_written), 0)::int8 as temp_blks_written,
         nullif(pg_catalog.sum(g.wal_bytes), 0)::int8 as wal_bytes, nullif(pg_catalog.sum(g.plans), 0)::int8 as plans,
         nullif(pg_catalog.sum(g.blk_read_ms), 0) as blk_read_ms, nullif(pg_catalog.sum(g.blk_write_ms), 0) as blk_write_ms,
         nullif(pg_catalog.sum(g.plan_ms), 0) as plan_ms, nullif(pg_catalog.sum(g.jit_ms), 0) as jit_ms,
         pg_catalog.sum(g.cpu_ms) as cpu_ms, pg_catalog.sum(g.disk_bytes_read)::int8 as disk_bytes_read,
         (pg_catalog.array_agg(g.plan_hash order by g.at desc) filter (where g.plan_hash is not null))[1] as plan_hash
    from gone as g
   group by g.statement_id
)
insert into postai.sample_statement
       (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read, blks_dirtied, blks_written,
        temp_blks_read, temp_blks_written, wal_bytes, plans, blk_read_ms, blk_write_ms, plan_ms, jit_ms, cpu_ms,
        disk_bytes_read, plan_hash)
select p.at, s.statement_id, p.seconds,
       nullif(pg_catalog.sqrt(greatest(case when s.calls > 0 then s.squares / s.calls - (s.total_ms / s.calls) ^ 2 end, 0)), 0),
       s.calls, s.total_ms, s.rows, s.blks_hit, s.blks_read, s.blks_dirtied, s.blks_written, s.temp_blks_read,
       s.temp_blks_written, s.wal_bytes, s.plans, s.blk_read_ms, s.blk_write_ms, s.plan_ms, s.jit_ms, s.cpu_ms,
       s.disk_bytes_read, s.plan_hash
  from summed as s, span as p

-- name: roll_table
-- Tables: rows and bytes are those at the end.
with gone as (
  delete from postai.sample_table as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
)
insert into postai.sample_table
       (at, table_oid, seconds, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del,
        n_tup_hot_upd, blks_read, blks_hit, live_rows, dead_rows, bytes)
select p.at, g.table_oid, p.seconds, nullif(pg_catalog.sum(g.seq_scan), 0), nullif(pg_catalog.sum(g.seq_tup_read), 0),
       nullif(pg_catalog.sum(g.idx_scan), 0), nullif(pg_catalog.sum(g.idx_tup_fetch), 0), nullif(pg_catalog.sum(g.n_tup_ins), 0),
       nullif(pg_catalog.sum(g.n_tup_upd), 0), nullif(pg_catalog.sum(g.n_tup_del), 0), nullif(pg_catalog.sum(g.n_tup_hot_upd), 0),
       nullif(pg_catalog.sum(g.blks_read), 0), nullif(pg_catalog.sum(g.blks_hit), 0),
       (pg_catalog.array_agg(g.live_rows order by g.at desc))[1], (pg_catalog.array_agg(g.dead_rows order by g.at desc))[1],
       (pg_catalog.array_agg(g.bytes order by g.at desc) filter (where g.bytes is not null))[1]
  from gone as g, span as p
 group by p.at, p.seconds, g.table_oid

-- name: roll_index
-- Indexes.
with gone as (
  delete from postai.sample_index as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
)
insert into postai.sample_index (at, index_oid, seconds, idx_scan, idx_tup_read, bytes)
select p.at, g.index_oid, p.seconds, nullif(pg_catalog.sum(g.idx_scan), 0), nullif(pg_catalog.sum(g.idx_tup_read), 0),
       (pg_catalog.array_agg(g.bytes order by g.at desc) filter (where g.bytes is not null))[1]
  from gone as g, span as p
 group by p.at, p.seconds, g.index_oid

-- name: roll_database
-- Databases.
with gone as (
  delete from postai.sample_database as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
)
insert into postai.sample_database
       (at, dbid, seconds, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted,
        tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, blk_read_ms, blk_write_ms, active_ms,
        idle_in_transaction_ms)
select p.at, g.dbid, p.seconds, nullif(pg_catalog.sum(g.xact_commit), 0), nullif(pg_catalog.sum(g.xact_rollback), 0),
       nullif(pg_catalog.sum(g.blks_read), 0), nullif(pg_catalog.sum(g.blks_hit), 0), nullif(pg_catalog.sum(g.tup_returned), 0),
       nullif(pg_catalog.sum(g.tup_fetched), 0), nullif(pg_catalog.sum(g.tup_inserted), 0), nullif(pg_catalog.sum(g.tup_updated), 0),
       nullif(pg_catalog.sum(g.tup_deleted), 0), nullif(pg_catalog.sum(g.conflicts), 0), nullif(pg_catalog.sum(g.temp_files), 0),
       nullif(pg_catalog.sum(g.temp_bytes), 0), nullif(pg_catalog.sum(g.deadlocks), 0), nullif(pg_catalog.sum(g.blk_read_ms), 0),
       nullif(pg_catalog.sum(g.blk_write_ms), 0), nullif(pg_catalog.sum(g.active_ms), 0), nullif(pg_catalog.sum(g.idle_in_transaction_ms), 0)
  from gone as g, span as p
 group by p.at, p.seconds, g.dbid

-- name: roll_storage
-- Sizes: those at the end.
with gone as (
  delete from postai.sample_storage as x where x.at > %s and x.at <= %s returning x.*
)
insert into postai.sample_storage (at, bytes, heap_bytes, toast_bytes, index_bytes, held, wal_bytes, temp_bytes)
select g.at, g.bytes, g.heap_bytes, g.toast_bytes, g.index_bytes, g.held, g.wal_bytes, g.temp_bytes
  from gone as g order by g.at desc limit 1

-- name: roll_server
-- The server.
with gone as (
  delete from postai.sample_server as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
), summed as (
  select o.key as name, c.key as counter, pg_catalog.sum(c.value::text::numeric) as value
    from gone as g, pg_catalog.jsonb_each(g.counters) as o, pg_catalog.jsonb_each(o.value) as c
   group by o.key, c.key
), groups as (
  select s.name, pg_catalog.jsonb_object_agg(s.counter, s.value) as counters from summed as s group by s.name
)
insert into postai.sample_server (at, seconds, counters)
select p.at, p.seconds, coalesce((select pg_catalog.jsonb_object_agg(g.name, g.counters) from groups as g), '{}')
  from span as p
 where p.at is not null

-- name: roll_wait
-- Waits: the average number of backends stays.
with gone as (
  delete from postai.sample_wait as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds,
         (select pg_catalog.sum(o.looks)::int4 from (select pg_catalog.max(g.looks) as looks from gone as g group by g.at) as o) as looks
    from gone as g
), summed as (
  select g.queryid, g.event_type, g.event, p.at, p.seconds, p.looks,
         pg_catalog.round(pg_catalog.sum(g.samples * g.seconds::float8 / greatest(g.looks, 1)) * p.looks / p.seconds)::int4 as samples
    from gone as g, span as p
   group by g.queryid, g.event_type, g.event, p.at, p.seconds, p.looks
)
insert into postai.sample_wait (at, seconds, samples, looks, queryid, event_type, event)
select s.at, s.seconds, s.samples, s.looks, s.queryid, s.event_type, s.event from summed as s where s.samples > 0

-- name: roll_block
-- Blocking chains: one of the roots stands for all that ran the same.
with gone as (
  delete from postai.sample_block as x where x.at > %s and x.at <= %s returning x.*
), span as (
  select pg_catalog.max(g.at) as at, extract(epoch from pg_catalog.max(g.at) - pg_catalog.min(g.at - pg_catalog.make_interval(secs => g.seconds)))::real as seconds
    from gone as g
)
insert into postai.sample_block
       (at, seconds, root_pid, root_queryid, root_userid, root_state, queryid, lock_type, relid, backends, depth, waited_ms, looks)
select p.at, p.seconds, pg_catalog.max(g.root_pid), g.root_queryid, g.root_userid, g.root_state, g.queryid, g.lock_type, g.relid,
       pg_catalog.max(g.backends), pg_catalog.max(g.depth), pg_catalog.max(g.waited_ms), pg_catalog.sum(g.looks)::int4
  from gone as g, span as p
 group by p.at, p.seconds, g.root_queryid, g.root_userid, g.root_state, g.queryid, g.lock_type, g.relid

-- name: unsummed
-- Full hours and days until a time of which there are intervals and no sums: how many hours, and their end. Hours that
-- became rows have none, only days.
select w.hours, g.at
  from (select pg_catalog.min(x.at) as at from postai.sample_statement as x) as f
 cross join (values (24, interval '24 hours', null::timestamptz),
                    (1, interval '1 hour', (select c.until from postai.collect_state as c where c.part = 'pruning'))) as w (hours, span, after)
 cross join lateral pg_catalog.generate_series(
         pg_catalog.date_bin(w.span, greatest(f.at - interval '1 microsecond', w.after), '2000-01-01 00:00+00') + w.span, %s, w.span) as g (at)
 where f.at is not null
   and exists (select from postai.sample_statement as x where x.at > g.at - w.span and x.at <= g.at)
   and not exists (select from postai.statement_sum as s where s.hours = w.hours and s.at = g.at)
 order by g.at, w.hours

-- name: lock_sums
-- Whoever has changed intervals, and has not committed yet, is waited for: their trigger could not see these sums.
lock table postai.statement_sum in share row exclusive mode

-- name: sum_up
-- The sums of a period: its end, its hours, its end and hours, its end.
insert into postai.statement_sum (at, hours, statement_id, calls, total_ms, squares, rows, blks_hit, blks_read, temp_blks_written, wal_bytes)
select %s::timestamptz, %s, x.statement_id, pg_catalog.sum(x.calls)::int8, pg_catalog.sum(x.total_ms),
       pg_catalog.sum(x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / greatest(x.calls, 1)),
       pg_catalog.sum(x.rows)::int8, pg_catalog.sum(x.blks_hit)::int8, pg_catalog.sum(x.blks_read)::int8,
       pg_catalog.sum(x.temp_blks_written)::int8, pg_catalog.sum(x.wal_bytes)::int8
  from postai.sample_statement as x
 where x.at > %s::timestamptz - pg_catalog.make_interval(hours => %s) and x.at <= %s
 group by x.statement_id
on conflict do nothing

-- name: oldest
-- Delete rows of a table that ended before a time, the oldest first and so many at most.
delete from /* table */ as x
 where x.ctid = any(array(select o.ctid from /* table */ as o where o.at < %s order by o.at limit %s))

-- name: bytes
-- Of each table of the history: what it takes on disk, with indexes and free space, and without the indexes.
select c.relname::text, pg_catalog.pg_total_relation_size(c.oid), pg_catalog.pg_relation_size(c.oid)
  from pg_catalog.pg_class as c
 where c.relnamespace = 'postai'::pg_catalog.regnamespace and c.relname = any(%s) and c.relkind = 'r'

-- name: sampled
-- Bytes of living rows by hour, in a share (in percent) of a table's pages.
select pg_catalog.date_trunc('hour', x.at), pg_catalog.sum(pg_catalog.pg_column_size(x.*) + 8)::int8
  from /* table */ as x tablesample system (%s)
 group by 1

-- name: forgotten
-- Delete statements without history that were not seen since a time, with what hangs on them, and names without any.
with gone as (
  delete from postai.statement as s
   where s.last_seen < %s
     and not exists (select from postai.sample_statement as x where x.statement_id = s.id)
  returning s.id
), plans as (
  delete from postai.statement_plan as p using gone as g where p.statement_id = g.id
), logged as (
  delete from postai.logged_plan as p using gone as g where p.statement_id = g.id
), texts as (
  delete from postai.statement_values as v using gone as g where v.statement_id = g.id
), names as (
  delete from postai.relation as r
   where not exists (select from postai.sample_table as x where x.table_oid = r.relid)
     and not exists (select from postai.sample_index as x where x.index_oid = r.relid)
  returning 1
)
select (select pg_catalog.count(*) from gone) + (select pg_catalog.count(*) from names)
