-- What the history is written and read with. Values come as one JSON document; what is zero is left out of it.

-- name: write_texts
-- What is known of statements beside their counters.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
), fresh as (
  select f.*
    from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (dbid oid, userid oid, queryid int8, toplevel bool, query text, truncated bool, utility bool, own bool, usage jsonb)
)
insert into postai.statement as s (dbid, userid, queryid, toplevel, query, truncated, utility, own, usage)
select distinct on (f.dbid, f.userid, f.queryid, f.toplevel)
       f.dbid, f.userid, f.queryid, f.toplevel, f.query, coalesce(f.truncated, false), coalesce(f.utility, false),
       coalesce(f.own, false), f.usage
  from fresh as f
on conflict (dbid, userid, queryid, toplevel) do update
   set query = coalesce(excluded.query, s.query), truncated = excluded.truncated, utility = excluded.utility,
       own = excluded.own, usage = coalesce(excluded.usage, s.usage), last_seen = pg_catalog.clock_timestamp()

-- name: write_statements
-- Windows of statements; those that are not known yet are entered.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
), fresh as materialized (
  select f.*
    from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (dbid oid, userid oid, queryid int8, toplevel bool, query text, at timestamptz, seconds real, stddev_ms real,
            calls int8, total_ms float8, rows int8, blks_hit int8, blks_read int8, blks_dirtied int8, blks_written int8,
            temp_blks_read int8, temp_blks_written int8, wal_bytes int8, plans int8, blk_read_ms real,
            blk_write_ms real, plan_ms real, jit_ms real, cpu_ms real, disk_bytes_read int8, plan_hash text)
), added as (
  insert into postai.statement (dbid, userid, queryid, toplevel, query, first_seen, last_seen)
  select distinct on (f.dbid, f.userid, f.queryid, f.toplevel)
         f.dbid, f.userid, f.queryid, f.toplevel, f.query, f.at, f.at
    from fresh as f
   where not exists (select from postai.statement as s
                      where s.dbid = f.dbid and s.userid = f.userid and s.queryid = f.queryid and s.toplevel = f.toplevel)
   order by f.dbid, f.userid, f.queryid, f.toplevel, f.at
  returning id, dbid, userid, queryid, toplevel
), seen as (
  update postai.statement as s
     set last_seen = greatest(s.last_seen, f.at), query = coalesce(s.query, f.query)
    from fresh as f
   where s.dbid = f.dbid and s.userid = f.userid and s.queryid = f.queryid and s.toplevel = f.toplevel
     and (s.last_seen < f.at - interval '1 hour' or (s.query is null and f.query is not null))
)
insert into postai.sample_statement
       (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read, blks_dirtied, blks_written,
        temp_blks_read, temp_blks_written, wal_bytes, plans, blk_read_ms, blk_write_ms, plan_ms, jit_ms, cpu_ms,
        disk_bytes_read, plan_hash)
select f.at, k.id, f.seconds, f.stddev_ms, f.calls, f.total_ms, f.rows, f.blks_hit, f.blks_read,
       f.blks_dirtied, f.blks_written, f.temp_blks_read, f.temp_blks_written, f.wal_bytes, f.plans, f.blk_read_ms,
       f.blk_write_ms, f.plan_ms, f.jit_ms, f.cpu_ms, f.disk_bytes_read, f.plan_hash
  from fresh as f
  join (select s.id, s.dbid, s.userid, s.queryid, s.toplevel from postai.statement as s
        union all
        select a.id, a.dbid, a.userid, a.queryid, a.toplevel from added as a) as k using (dbid, userid, queryid, toplevel)

-- name: read_statements
-- Windows that ended in a time; parameters: since, until, whether the rest is wanted, whether the agent's own are.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, s.query,
       x.at - pg_catalog.make_interval(secs => x.seconds), x.at, x.calls, x.total_ms, coalesce(x.stddev_ms, 0)::float8,
       coalesce(x.rows, 0), coalesce(x.blks_hit, 0), coalesce(x.blks_read, 0), coalesce(x.blks_dirtied, 0),
       coalesce(x.blks_written, 0), coalesce(x.temp_blks_read, 0), coalesce(x.temp_blks_written, 0),
       coalesce(x.blk_read_ms, 0)::float8, coalesce(x.blk_write_ms, 0)::float8, coalesce(x.wal_bytes, 0),
       coalesce(x.plans, 0), coalesce(x.plan_ms, 0)::float8, coalesce(x.jit_ms, 0)::float8, x.plan_hash,
       x.cpu_ms::float8, x.disk_bytes_read
  from postai.sample_statement as x
  join postai.statement as s on s.id = x.statement_id
 where x.at > %s and x.at <= %s and (%s or s.queryid <> 0) and (%s or not s.own)
 order by x.at, x.total_ms desc, s.id

-- name: sum_statements
-- As read_statements, with one window for each statement.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, s.query, x.start, x.until, x.calls, x.total_ms,
       pg_catalog.sqrt(greatest(case when x.calls > 0 then x.squares / x.calls - (x.total_ms / x.calls) ^ 2 end, 0)),
       x.rows, x.blks_hit, x.blks_read, x.blks_dirtied, x.blks_written, x.temp_blks_read, x.temp_blks_written,
       x.blk_read_ms, x.blk_write_ms, x.wal_bytes, x.plans, x.plan_ms, x.jit_ms, x.plan_hash, x.cpu_ms, x.disk_bytes_read
  from (select x.statement_id, pg_catalog.min(x.at - pg_catalog.make_interval(secs => x.seconds)) as start,
               pg_catalog.max(x.at) as until, pg_catalog.sum(x.calls)::int8 as calls,
               pg_catalog.sum(x.total_ms) as total_ms,
               pg_catalog.sum(case when x.calls > 0 then x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / x.calls else 0 end) as squares,
               coalesce(pg_catalog.sum(x.rows), 0)::int8 as rows, coalesce(pg_catalog.sum(x.blks_hit), 0)::int8 as blks_hit,
               coalesce(pg_catalog.sum(x.blks_read), 0)::int8 as blks_read,
               coalesce(pg_catalog.sum(x.blks_dirtied), 0)::int8 as blks_dirtied,
               coalesce(pg_catalog.sum(x.blks_written), 0)::int8 as blks_written,
               coalesce(pg_catalog.sum(x.temp_blks_read), 0)::int8 as temp_blks_read,
               coalesce(pg_catalog.sum(x.temp_blks_written), 0)::int8 as temp_blks_written,
               coalesce(pg_catalog.sum(x.blk_read_ms::float8), 0) as blk_read_ms,
               coalesce(pg_catalog.sum(x.blk_write_ms::float8), 0) as blk_write_ms,
               coalesce(pg_catalog.sum(x.wal_bytes), 0)::int8 as wal_bytes,
               coalesce(pg_catalog.sum(x.plans), 0)::int8 as plans,
               coalesce(pg_catalog.sum(x.plan_ms::float8), 0) as plan_ms,
               coalesce(pg_catalog.sum(x.jit_ms::float8), 0) as jit_ms,
               (pg_catalog.array_agg(x.plan_hash order by x.at desc) filter (where x.plan_hash is not null))[1] as plan_hash,
               pg_catalog.sum(x.cpu_ms::float8) as cpu_ms, pg_catalog.sum(x.disk_bytes_read)::int8 as disk_bytes_read
          from postai.sample_statement as x
         where x.at > %s and x.at <= %s
         group by x.statement_id) as x
  join postai.statement as s on s.id = x.statement_id
 where (%s or s.queryid <> 0) and (%s or not s.own)
 order by x.total_ms desc, s.id

-- name: read_texts
-- What is known of the statements of this database that ran since a time.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, s.query, s.truncated, s.utility, s.own, s.usage
  from postai.statement as s
 where s.queryid <> 0 and s.last_seen >= %s::timestamptz - interval '1 hour'
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
 order by s.id

-- name: read_known
-- The statements of this database, without texts.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, s.query is not null, s.utility,
       s.usage is not null or s.utility or s.truncated
  from postai.statement as s
 where s.queryid <> 0
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())

-- name: texts_of
-- What is known of some statements.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, s.query, s.truncated, s.utility, s.own, s.usage
  from pg_catalog.json_to_recordset(%s::pg_catalog.json) as f (dbid oid, userid oid, queryid int8, toplevel bool)
  join postai.statement as s using (dbid, userid, queryid, toplevel)
 order by s.id

-- name: write_tables
-- Windows of tables, and their names where those changed.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
), fresh as materialized (
  select f.*
    from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (oid oid, schema name, "table" name, at timestamptz, seconds real, seq_scan int8, seq_tup_read int8,
            idx_scan int8, idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8,
            blks_read int8, blks_hit int8, live_rows int8, dead_rows int8, bytes int8)
), named as (
  insert into postai.relation as r (relid, schema_name, relation_name)
  select distinct on (f.oid) f.oid, f.schema, f."table" from fresh as f
   where not exists (select from postai.relation as k
                      where k.relid = f.oid and k.table_oid is null and k.schema_name = f.schema and k.relation_name = f."table")
   order by f.oid, f.at desc
  on conflict (relid) do update
     set table_oid = null, schema_name = excluded.schema_name, relation_name = excluded.relation_name
)
insert into postai.sample_table
       (at, table_oid, seconds, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del,
        n_tup_hot_upd, blks_read, blks_hit, live_rows, dead_rows, bytes)
select f.at, f.oid, f.seconds, f.seq_scan, f.seq_tup_read, f.idx_scan, f.idx_tup_fetch, f.n_tup_ins, f.n_tup_upd,
       f.n_tup_del, f.n_tup_hot_upd, f.blks_read, f.blks_hit, f.live_rows, f.dead_rows, f.bytes
  from fresh as f

-- name: read_tables
-- Windows of tables that ended in a time.
select x.table_oid::int8, r.schema_name::text, r.relation_name::text,
       x.at - pg_catalog.make_interval(secs => x.seconds), x.at, coalesce(x.seq_scan, 0), coalesce(x.seq_tup_read, 0),
       coalesce(x.idx_scan, 0), coalesce(x.idx_tup_fetch, 0), coalesce(x.n_tup_ins, 0), coalesce(x.n_tup_upd, 0),
       coalesce(x.n_tup_del, 0), coalesce(x.n_tup_hot_upd, 0), coalesce(x.blks_read, 0), coalesce(x.blks_hit, 0),
       coalesce(x.live_rows, 0), coalesce(x.dead_rows, 0), x.bytes
  from postai.sample_table as x
  join postai.relation as r on r.relid = x.table_oid
 where x.at > %s and x.at <= %s
 order by x.at, r.schema_name, r.relation_name, r.relid

-- name: write_indexes
-- Windows of indexes, and their names where those changed.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
), fresh as materialized (
  select f.*
    from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (oid oid, table_oid oid, schema name, index name, at timestamptz, seconds real, idx_scan int8,
            idx_tup_read int8, bytes int8)
), named as (
  insert into postai.relation as r (relid, table_oid, schema_name, relation_name)
  select distinct on (f.oid) f.oid, f.table_oid, f.schema, f.index from fresh as f
   where not exists (select from postai.relation as k
                      where k.relid = f.oid and k.table_oid = f.table_oid and k.schema_name = f.schema and k.relation_name = f.index)
   order by f.oid, f.at desc
  on conflict (relid) do update
     set table_oid = excluded.table_oid, schema_name = excluded.schema_name, relation_name = excluded.relation_name
)
insert into postai.sample_index (at, index_oid, seconds, idx_scan, idx_tup_read, bytes)
select f.at, f.oid, f.seconds, f.idx_scan, f.idx_tup_read, f.bytes from fresh as f

-- name: read_indexes
-- Windows of indexes that ended in a time.
select x.index_oid::int8, r.table_oid::int8, r.schema_name::text, r.relation_name::text,
       x.at - pg_catalog.make_interval(secs => x.seconds), x.at, coalesce(x.idx_scan, 0), coalesce(x.idx_tup_read, 0),
       x.bytes
  from postai.sample_index as x
  join postai.relation as r on r.relid = x.index_oid
 where x.at > %s and x.at <= %s and r.table_oid is not null
 order by x.at, r.schema_name, r.relation_name, r.relid

-- name: write_waits
-- How often backends were seen waiting.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
)
insert into postai.sample_wait (at, seconds, samples, looks, queryid, event_type, event)
select f.at, f.seconds, f.samples, f.looks, f.queryid, f.event_type, f.event
  from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
    as f (at timestamptz, seconds real, samples int4, looks int4, queryid int8, event_type text, event text)

-- name: read_waits
-- How often backends were seen waiting, in intervals that ended in a time.
select x.queryid, x.event_type, x.event, x.at - pg_catalog.make_interval(secs => x.seconds), x.at, x.samples, x.looks
  from postai.sample_wait as x
 where x.at > %s and x.at <= %s
 order by x.at, x.samples desc, x.event_type, x.event, x.queryid

-- name: write_blocks
-- Who waited for whose lock.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
)
insert into postai.sample_block
       (at, seconds, root_pid, root_queryid, root_userid, root_state, queryid, lock_type, relid, backends, depth, waited_ms, looks)
select f.at, f.seconds, f.root_pid, f.root_queryid, f.root_userid, f.root_state, f.queryid, f.lock_type, f.relid,
       f.backends, f.depth, f.waited_ms, f.looks
  from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
    as f (at timestamptz, seconds real, root_pid int4, root_queryid int8, root_userid oid, root_state text, queryid int8,
          lock_type text, relid oid, backends int4, depth int2, waited_ms float8, looks int4)

-- name: read_blocks
-- Who waited for whose lock, in intervals that ended in a time.
select x.at - pg_catalog.make_interval(secs => x.seconds), x.at, x.root_pid, x.root_queryid, x.root_userid::int8,
       x.root_state, x.queryid, x.lock_type, x.relid::int8, x.backends, x.depth::int4, x.waited_ms, x.looks
  from postai.sample_block as x
 where x.at > %s and x.at <= %s
 order by x.at, x.waited_ms desc, x.root_pid

-- name: write_databases
-- What happened in this database, and in all others.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
)
insert into postai.sample_database
       (at, dbid, seconds, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted,
        tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, blk_read_ms, blk_write_ms, active_ms,
        idle_in_transaction_ms)
select f.at, f.dbid, f.seconds, f.xact_commit, f.xact_rollback, f.blks_read, f.blks_hit, f.tup_returned,
       f.tup_fetched, f.tup_inserted, f.tup_updated, f.tup_deleted, f.conflicts, f.temp_files, f.temp_bytes,
       f.deadlocks, f.blk_read_ms, f.blk_write_ms, f.active_ms, f.idle_in_transaction_ms
  from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json)
    as f (at timestamptz, dbid oid, seconds real, xact_commit int8, xact_rollback int8, blks_read int8, blks_hit int8,
          tup_returned int8, tup_fetched int8, tup_inserted int8, tup_updated int8, tup_deleted int8, conflicts int8,
          temp_files int8, temp_bytes int8, deadlocks int8, blk_read_ms real, blk_write_ms real, active_ms float8,
          idle_in_transaction_ms float8)

-- name: read_databases
-- What happened in this database and in all others, in intervals that ended in a time.
select x.dbid::int8, x.at - pg_catalog.make_interval(secs => x.seconds), x.at, coalesce(x.xact_commit, 0),
       coalesce(x.xact_rollback, 0), coalesce(x.blks_read, 0), coalesce(x.blks_hit, 0), coalesce(x.tup_returned, 0),
       coalesce(x.tup_fetched, 0), coalesce(x.tup_inserted, 0), coalesce(x.tup_updated, 0), coalesce(x.tup_deleted, 0),
       coalesce(x.conflicts, 0), coalesce(x.temp_files, 0), coalesce(x.temp_bytes, 0), coalesce(x.deadlocks, 0),
       coalesce(x.blk_read_ms, 0)::float8, coalesce(x.blk_write_ms, 0)::float8, coalesce(x.active_ms, 0),
       coalesce(x.idle_in_transaction_ms, 0)
  from postai.sample_database as x
 where x.at > %s and x.at <= %s
 order by x.at, x.dbid desc

-- name: read_intervals
-- Beginning and end of every interval of which statements were collected, of those that ended in a time.
select x.at - pg_catalog.make_interval(secs => x.seconds), x.at
  from postai.sample_statement as x
  join postai.statement as s on s.id = x.statement_id
 where s.queryid = 0 and s.userid = 0 and s.toplevel and x.at > %s and x.at <= %s
 order by x.at

-- name: write_server
-- What the whole server did.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
)
insert into postai.sample_server (at, seconds, counters)
select f.at, f.seconds, f.counters
  from fast, pg_catalog.json_to_recordset(%s::pg_catalog.json) as f (at timestamptz, seconds real, counters jsonb)

-- name: read_server
-- What the whole server did, in intervals that ended in a time.
select x.at - pg_catalog.make_interval(secs => x.seconds), x.at, x.counters
  from postai.sample_server as x
 where x.at > %s and x.at <= %s
 order by x.at

-- name: write_storage
-- How big the database is.
insert into postai.sample_storage (at, bytes, heap_bytes, toast_bytes, index_bytes, held, wal_bytes, temp_bytes)
select f.at, f.bytes, f.heap_bytes, f.toast_bytes, f.index_bytes, f.held, f.wal_bytes, f.temp_bytes
  from pg_catalog.json_to_recordset(%s::pg_catalog.json)
    as f (at timestamptz, bytes int8, heap_bytes int8, toast_bytes int8, index_bytes int8, held int4, wal_bytes int8, temp_bytes int8)

-- name: read_storage
-- How big the database was, when that was measured in a time.
select x.at, x.bytes, x.heap_bytes, x.toast_bytes, x.index_bytes, x.held, x.wal_bytes, x.temp_bytes
  from postai.sample_storage as x
 where x.at > %s and x.at <= %s
 order by x.at

-- name: write_plans
-- Shapes of plans; of each statement the last five are kept.
with fresh as materialized (
  select s.id, f.plan_hash, f.shape, f.cost, f.first_seen, f.last_seen
    from pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (dbid oid, userid oid, queryid int8, toplevel bool, plan_hash text, shape jsonb, cost float8,
            first_seen timestamptz, last_seen timestamptz)
    join postai.statement as s using (dbid, userid, queryid, toplevel)
), gone as (
  delete from postai.statement_plan as p
   using (select o.statement_id, o.plan_hash,
                 pg_catalog.row_number() over (partition by o.statement_id order by o.last_seen desc) as place
            from postai.statement_plan as o
           where (o.statement_id, o.plan_hash) not in (select f.id, f.plan_hash from fresh as f)
             and o.statement_id in (select f.id from fresh as f)) as o
   where o.place > 4 and p.statement_id = o.statement_id and p.plan_hash = o.plan_hash
)
insert into postai.statement_plan as p (statement_id, plan_hash, shape, cost, first_seen, last_seen)
select f.id, f.plan_hash, f.shape, f.cost, f.first_seen, f.last_seen from fresh as f
on conflict (statement_id, plan_hash) do update set cost = excluded.cost, last_seen = excluded.last_seen

-- name: read_plans
-- Shapes of plans that were seen since a time.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, p.plan_hash, p.shape, p.cost, p.first_seen, p.last_seen
  from postai.statement_plan as p
  join postai.statement as s on s.id = p.statement_id
 where p.last_seen >= %s
 order by s.id, p.last_seen desc

-- name: read_column_uses
-- What statements of this database that ran since a time (told twice) do with which columns.
select t.name, c.name, u.name, pg_catalog.count(distinct s.queryid)::int8, coalesce(pg_catalog.sum(x.calls), 0)::int8,
       pg_catalog.min(s.first_seen)
  from postai.statement as s
  left join (select d.statement_id, pg_catalog.sum(d.calls) as calls
               from postai.sample_statement as d where d.at > %s group by d.statement_id) as x on x.statement_id = s.id
 cross join lateral pg_catalog.jsonb_each(s.usage) as t (name, uses)
 cross join lateral pg_catalog.jsonb_each(t.uses) as u (name, columns)
 cross join lateral pg_catalog.jsonb_array_elements_text(u.columns) as c (name)
 where s.queryid <> 0 and not s.own and s.usage is not null and s.last_seen >= %s::timestamptz - interval '1 hour'
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
 group by t.name, c.name, u.name

-- name: write_predicates
-- Conditions as they are counted now; parameters: when, the conditions, when.
with fresh as (
  insert into postai.predicate as p (table_name, column_name, operator, conditions, checked, kept, at)
  select f."table", f."column", f.operator, pg_catalog.sum(f.conditions), pg_catalog.sum(f.checked), pg_catalog.sum(f.kept), %s
    from pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f ("table" text, "column" text, operator text, conditions int8, checked int8, kept int8)
   group by f."table", f."column", f.operator
  on conflict (table_name, column_name, operator) do update
     set conditions = excluded.conditions, checked = excluded.checked, kept = excluded.kept, at = excluded.at
)
delete from postai.predicate as p where p.at < %s::timestamptz - interval '7 days'

-- name: read_predicates
-- Conditions on columns, the most frequent first.
select p.table_name, p.column_name, p.operator, p.conditions, p.checked, p.kept
  from postai.predicate as p
 order by p.conditions desc

-- name: write_logged_plans
-- Plans of runs, the last five shapes of each statement. A plan that is too big is not kept, its shape's hash is.
with fresh as materialized (
  select s.id, f.plan_hash, case when pg_catalog.length(f.plan::text) <= 65536 then f.plan end as plan, f.problems, f.runs,
         f.slowest_ms, f.first_seen, f.last_seen
    from pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (dbid oid, userid oid, queryid int8, toplevel bool, plan_hash text, plan jsonb, problems text, runs int8,
            slowest_ms float8, first_seen timestamptz, last_seen timestamptz)
    join postai.statement as s using (dbid, userid, queryid, toplevel)
), gone as (
  delete from postai.logged_plan as p
   using (select o.statement_id, o.plan_hash,
                 pg_catalog.row_number() over (partition by o.statement_id order by o.last_seen desc) as place
            from postai.logged_plan as o
           where (o.statement_id, o.plan_hash) not in (select f.id, f.plan_hash from fresh as f)
             and o.statement_id in (select f.id from fresh as f)) as o
   where o.place > 4 and p.statement_id = o.statement_id and p.plan_hash = o.plan_hash
)
insert into postai.logged_plan as p (statement_id, plan_hash, plan, problems, runs, slowest_ms, first_seen, last_seen)
select f.id, f.plan_hash, f.plan, f.problems, f.runs, f.slowest_ms, f.first_seen, f.last_seen
  from (select f.*, pg_catalog.row_number() over (partition by f.id order by f.slowest_ms desc) as place from fresh as f) as f
 where f.place <= 5
on conflict (statement_id, plan_hash) do update
   set plan = case when excluded.slowest_ms >= p.slowest_ms then excluded.plan else p.plan end,
       problems = case when excluded.slowest_ms >= p.slowest_ms then excluded.problems else p.problems end,
       slowest_ms = greatest(excluded.slowest_ms, p.slowest_ms), runs = p.runs + excluded.runs, last_seen = excluded.last_seen

-- name: read_logged_plans
-- Plans that some statements ran with.
select s.queryid, s.userid::int8, s.dbid::int8, s.toplevel, p.plan_hash, p.plan, p.problems, p.runs, p.slowest_ms,
       p.first_seen, p.last_seen
  from pg_catalog.json_to_recordset(%s::pg_catalog.json) as f (dbid oid, userid oid, queryid int8, toplevel bool)
  join postai.statement as s using (dbid, userid, queryid, toplevel)
  join postai.logged_plan as p on p.statement_id = s.id
 order by s.id, p.last_seen desc

-- name: write_log_position
-- Up to where the server's log is read.
insert into postai.log_position as p (file, bytes) values (%s, %s)
on conflict (id) do update set file = excluded.file, bytes = excluded.bytes

-- name: read_log_position
-- Up to where the server's log was read.
select p.file, p.bytes from postai.log_position as p

-- name: forget_log_position
-- It is not read any more.
delete from postai.log_position

-- name: write_values
-- Texts with values: so many of each statement and altogether at most, new ones in the place of the oldest.
with limits as materialized (
  select %s::int8 as each, %s::int8 as altogether
), fresh as materialized (
  select distinct on (s.id, pg_catalog.md5(f.query)) s.id, f.source, f.query
    from pg_catalog.json_to_recordset(%s::pg_catalog.json)
      as f (dbid oid, userid oid, queryid int8, toplevel bool, source text, query text)
    join postai.statement as s using (dbid, userid, queryid, toplevel)
), gone as (
  delete from postai.statement_values as v
   using (select o.statement_id, o.query,
                 pg_catalog.row_number() over (partition by o.statement_id order by o.at desc)
                 + (select pg_catalog.count(*) from fresh as f where f.id = o.statement_id) as place,
                 pg_catalog.row_number() over (order by o.at desc) + (select pg_catalog.count(*) from fresh) as overall
            from postai.statement_values as o) as o
   where (o.place > (select l.each from limits as l) or o.overall > (select l.altogether from limits as l))
     and v.statement_id = o.statement_id and v.query = o.query
)
insert into postai.statement_values as v (statement_id, source, query)
select f.id, f.source, f.query
  from (select f.*, pg_catalog.row_number() over (partition by f.id) as place, pg_catalog.row_number() over () as overall
          from fresh as f) as f, limits as l
 where f.place <= l.each and f.overall <= l.altogether
on conflict do nothing

-- name: forget_values
-- No text with values stays.
delete from postai.statement_values

-- name: read_values
-- A statement's texts with values beside its text without, the newest first.
select s.query, v.query
  from postai.statement_values as v
  join postai.statement as s on s.id = v.statement_id
 where s.queryid = %s and s.query is not null and not s.truncated
   and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
 order by v.at desc

-- name: write_states
-- How the parts of the collection go.
insert into postai.collect_state as c (part, last_run, until, cost_ms, rows, missing, hint, error)
select f.part, f.last_run, f.until, f.cost_ms, f.rows, f.missing, f.hint, f.error
  from pg_catalog.json_to_recordset(%s::pg_catalog.json)
    as f (part text, last_run timestamptz, until timestamptz, cost_ms real, rows int4, missing text, hint text, error text)
on conflict (part) do update
   set last_run = coalesce(excluded.last_run, c.last_run), until = coalesce(excluded.until, c.until),
       cost_ms = coalesce(excluded.cost_ms, c.cost_ms), rows = coalesce(excluded.rows, c.rows),
       missing = excluded.missing, hint = excluded.hint, error = excluded.error

-- name: read_states
-- How the parts of the collection go.
select c.part, c.last_run, c.until, c.cost_ms::float8, c.rows, c.missing, c.hint, c.error
  from postai.collect_state as c
 order by c.part
