-- What the collection reads. Counters come as the text of one row, so that what did not change is compared and not read.

-- name: ground
-- Who, where and when we are, and which sources there are: extensions with their schema and the columns they give. That
-- a library is loaded is told by its settings.
select pg_catalog.clock_timestamp(), pg_catalog.pg_postmaster_start_time(), d.oid::int8, r.oid::int8, r.rolname::text,
       pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE'),
       not r.rolsuper and r.oid <> d.datdba and exists (
         select from pg_catalog.pg_auth_members as m
          where m.member = r.oid and m.roleid = pg_catalog.to_regrole('postai_agent')),
       pg_catalog.current_setting('track_activity_query_size'),
       pg_catalog.current_setting('pg_wait_sampling.profile_period', true),
       pg_catalog.current_setting('pg_stat_statements.max', true) is not null,
       (select coalesce(pg_catalog.jsonb_object_agg(e.extname, pg_catalog.jsonb_build_object(
                 'schema', n.nspname, 'columns', p.proargnames)), '{}')
          from pg_catalog.pg_extension as e
          join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
          join pg_catalog.pg_proc as p on p.pronamespace = n.oid
           and p.proname = case e.extname when 'pg_wait_sampling' then 'pg_wait_sampling_get_profile'
                                          when 'pg_qualstats' then 'pg_qualstats_example_queries' else e.extname end
         where case e.extname when 'pg_stat_statements' then true
                              when 'pg_wait_sampling' then true
                              when 'pg_stat_kcache' then pg_catalog.current_setting('pg_stat_kcache.linux_hz', true) is not null
                              when 'pg_qualstats' then pg_catalog.current_setting('pg_qualstats.max', true) is not null
                              else false end
           and pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
           and pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'))
  from pg_catalog.pg_database as d
  join pg_catalog.pg_roles as r on r.rolname = current_user
 where d.datname = pg_catalog.current_database()

-- name: statements_missing
-- Why there is no pg_stat_statements: whether it can be had at all, is installed here, and what is loaded at the start.
select exists (select from pg_catalog.pg_available_extensions as a where a.name = 'pg_stat_statements'),
       (select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_extension as e
          join pg_catalog.pg_namespace as n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'),
       coalesce((select s.setting from pg_catalog.pg_settings as s where s.name = 'shared_preload_libraries'), ''),
       pg_catalog.quote_ident(current_user)

-- name: statements_reset
-- When the counters of statements began.
select i.stats_reset::pg_catalog.text from /* schema */.pg_stat_statements_info as i

-- name: statements
-- The counters of the statements of this database.
select s.queryid, s.userid::int8, s.toplevel, row(/* counters */)::pg_catalog.text
  from /* schema */.pg_stat_statements(false) as s/* kcache */
 where s.dbid = %s and s.queryid is not null

-- name: statements_kcache
-- What pg_stat_kcache adds to a statement, as a join.
  left join /* schema */.pg_stat_kcache() as k
    on k.queryid = s.queryid and k.userid = s.userid and k.dbid = s.dbid and k.top = s.toplevel

-- name: texts
-- The texts of some statements.
select s.queryid, s.userid::int8, s.toplevel, pg_catalog.left(s.query, %s)
  from /* schema */.pg_stat_statements(true) as s
 where s.dbid = %s and s.queryid = any(%s::int8[]) and s.query is not null

-- name: relations
-- Names that statements use for tables, with their columns; all tables of that name where the schema is not said.
select f.schema, f.name, n.nspname::text, c.relname::text,
       array(select a.attname::text from pg_catalog.pg_attribute as a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum)
  from pg_catalog.json_to_recordset(%s::pg_catalog.json) as f (schema text, name text)
  join pg_catalog.pg_class as c on c.relname = f.name and c.relkind in ('r', 'p', 'v', 'm', 'f')
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
   and (n.nspname = f.schema or (f.schema is null and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai')))

-- name: tables
-- The counters of the tables that were ever used; reads of their indexes are counted there.
select x.oid, row(x.seq_scan, x.seq_tup_read, x.fetched, x.ins, x.upd, x.del, x.hot, x.blks_fetched, x.blks_hit,
                             x.live, x.dead)::pg_catalog.text
  from (select c.oid::int8, pg_catalog.pg_stat_get_numscans(c.oid) as seq_scan,
               pg_catalog.pg_stat_get_tuples_returned(c.oid) as seq_tup_read,
               pg_catalog.pg_stat_get_tuples_fetched(c.oid) as fetched,
               pg_catalog.pg_stat_get_tuples_inserted(c.oid) as ins, pg_catalog.pg_stat_get_tuples_updated(c.oid) as upd,
               pg_catalog.pg_stat_get_tuples_deleted(c.oid) as del, pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) as hot,
               pg_catalog.pg_stat_get_blocks_fetched(c.oid) as blks_fetched,
               pg_catalog.pg_stat_get_blocks_hit(c.oid) as blks_hit,
               pg_catalog.pg_stat_get_live_tuples(c.oid) as live, pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead
          from pg_catalog.pg_class as c
         where c.relkind in ('r', 'm') and c.relpersistence <> 't'
           and c.relnamespace not in (select n.oid from pg_catalog.pg_namespace as n
                                       where n.nspname ~ '^pg_' or n.nspname in ('information_schema', 'postai', 'postai_cache'))
        offset 0) as x
 where (x.seq_scan, x.fetched, x.ins, x.upd, x.del, x.blks_fetched) <> (0, 0, 0, 0, 0, 0)

-- name: indexes
-- The counters of the indexes that were ever used.
select x.oid, x.table_oid, row(x.idx_scan, x.idx_tup_read, x.idx_tup_fetch)::pg_catalog.text
  from (select c.oid::int8, i.indrelid::int8 as table_oid, pg_catalog.pg_stat_get_numscans(c.oid) as idx_scan,
               pg_catalog.pg_stat_get_tuples_returned(c.oid) as idx_tup_read,
               pg_catalog.pg_stat_get_tuples_fetched(c.oid) as idx_tup_fetch
          from pg_catalog.pg_class as c
          join pg_catalog.pg_index as i on i.indexrelid = c.oid
         where c.relkind = 'i' and c.relpersistence <> 't'
           and c.relnamespace not in (select n.oid from pg_catalog.pg_namespace as n
                                       where n.nspname ~ '^pg_' or n.nspname in ('information_schema', 'postai', 'postai_cache'))
        offset 0) as x
 where (x.idx_scan, x.idx_tup_read) <> (0, 0)

-- name: names
-- Schema and name of some relations.
select c.oid::int8, n.nspname::text, c.relname::text
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any(%s::oid[])

-- name: sizes
-- Sizes of some tables (with TOAST) and indexes; of what is locked exclusively, or waited for to be, none.
select c.oid::int8, case when c.relkind = 'i' then pg_catalog.pg_relation_size(c.oid) else pg_catalog.pg_table_size(c.oid) end
  from pg_catalog.pg_class as c
 where c.oid = any(%s::oid[])
   and not exists (select from pg_catalog.pg_locks as l
                    where l.relation in (c.oid, c.reltoastrelid) and l.mode = 'AccessExclusiveLock'
                      and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))

-- name: databases
-- The counters of all databases.
select s.datid::int8,
       row(s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, s.tup_returned, s.tup_fetched, s.tup_inserted,
                      s.tup_updated, s.tup_deleted, s.conflicts, s.temp_files, s.temp_bytes, s.deadlocks, s.blk_read_time,
                      s.blk_write_time, s.active_time, s.idle_in_transaction_time)::pg_catalog.text
  from pg_catalog.pg_stat_database as s
 where s.datid <> 0

-- name: storage
-- How big this database is; takes no lock.
select pg_catalog.pg_database_size(pg_catalog.current_database()),
       pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'execute'),
       pg_catalog.has_function_privilege('pg_catalog.pg_ls_tmpdir(oid)', 'execute')

-- name: storage_parts
-- What tables, their TOAST and indexes take of it, without what is locked exclusively, and how many these are.
with held as materialized (
  select distinct l.relation as oid from pg_catalog.pg_locks as l
   where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_catalog.pg_backend_pid()
     and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
), part as materialized (
  select c.oid, case when c.relkind = 't' or (c.relkind = 'i' and c.relnamespace = 'pg_toast'::pg_catalog.regnamespace) then 'toast'
                     when c.relkind = 'i' then 'index' else 'heap' end as kind
    from pg_catalog.pg_class as c
   where c.relkind in ('r', 'm', 't', 'i', 'S') and c.oid not in (select h.oid from held as h) and c.relisshared = false
), sized as (
  select p.kind, pg_catalog.pg_relation_size(p.oid) + pg_catalog.pg_relation_size(p.oid, 'fsm')
                 + pg_catalog.pg_relation_size(p.oid, 'vm') + pg_catalog.pg_relation_size(p.oid, 'init') as bytes
    from part as p
)
select pg_catalog.sum(s.bytes) filter (where s.kind = 'heap')::int8, pg_catalog.sum(s.bytes) filter (where s.kind = 'toast')::int8,
       pg_catalog.sum(s.bytes) filter (where s.kind = 'index')::int8, (select pg_catalog.count(*) from held)::int4
  from sized as s

-- name: storage_wal
-- What WAL takes on this server.
select pg_catalog.sum(w.size)::int8 from pg_catalog.pg_ls_waldir() as w

-- name: storage_temp
-- What temporary files take on this server.
select coalesce(pg_catalog.sum(f.size), 0)::int8
  from pg_catalog.pg_tablespace as t cross join lateral pg_catalog.pg_ls_tmpdir(t.oid) as f
 where t.spcname <> 'pg_global'

-- name: server
-- The counters of the whole server, by group.
select 'wal', pg_catalog.to_jsonb(s) from pg_catalog.pg_stat_wal as s
union all
select 'bgwriter', pg_catalog.to_jsonb(s) from pg_catalog.pg_stat_bgwriter as s

-- name: server_16
-- The same where input and output are counted (16 and later); rows in which nothing happened are left out.
union all
select s.backend_type || ' ' || s.object || ' ' || s.context, pg_catalog.to_jsonb(s) - 'backend_type' - 'object' - 'context' - 'op_bytes'
  from pg_catalog.pg_stat_io as s
 where s.reads > 0 or s.writes > 0 or s.extends > 0 or s.hits > 0 or s.fsyncs > 0

-- name: server_17
-- The same where checkpoints are counted apart (17 and later).
union all
select 'checkpointer', pg_catalog.to_jsonb(s) from pg_catalog.pg_stat_checkpointer as s

-- name: activity
-- Active backends of this database: what they wait for, and their statement where texts are wanted.
select a.pid, a.query_id, a.usesysid::int8, a.wait_event_type, a.wait_event, case when %s then a.query end
  from pg_catalog.pg_stat_get_activity(null) as a
 where a.state = 'active' and a.datid = %s and a.pid <> pg_catalog.pg_backend_pid()

-- name: blocking
-- Who blocks some backends, what lock they wait for, and for how many milliseconds.
select w.pid, pg_catalog.pg_blocking_pids(w.pid), l.lock_type, l.relid, l.waited
  from pg_catalog.unnest(%s::int4[]) as w (pid)
  left join (select k.pid, pg_catalog.max(k.locktype) filter (where not k.granted) as lock_type,
                    pg_catalog.max(k.relation::int8) filter (where not k.granted or k.locktype = 'tuple') as relid,
                    pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - k.waitstart) * 1000)::float8 as waited
               from pg_catalog.pg_locks as k
              where k.pid = any(%s::int4[]) and (not k.granted or k.locktype = 'tuple')
              group by k.pid) as l on l.pid = w.pid

-- name: roots
-- What some backends do, active or not.
select a.pid, a.query_id, a.usesysid::int8, a.state
  from pg_catalog.pg_stat_get_activity(null) as a
 where a.pid = any(%s::int4[])

-- name: wait_sampling
-- How often pg_wait_sampling saw statements waiting, all backends together.
select p.queryid, p.event_type, p.event, pg_catalog.sum(p.count)::int8
  from /* schema */.pg_wait_sampling_get_profile() as p
 where p.queryid <> 0 and p.event_type is not null and p.event_type not in ('Activity', 'Client')
 group by p.queryid, p.event_type, p.event

-- name: qualstats
-- One text with values of each statement that pg_qualstats met.
select q.queryid, q.query from /* schema */.pg_qualstats_example_queries() as q where q.query is not null

-- name: predicates
-- Conditions on columns that pg_qualstats counted, the most frequent first; what an index finds is not checked.
select pg_catalog.format('%%I.%%I', n.nspname, c.relname), a.attname::text, o.oprname::text, q.conditions, q.checked,
       greatest(q.checked - q.filtered, 0)
  from (select p.lrelid, p.lattnum, p.opno, pg_catalog.sum(p.occurences)::int8 as conditions,
               coalesce(pg_catalog.sum(p.execution_count) filter (where p.eval_type = 'f'), 0)::int8 as checked,
               coalesce(pg_catalog.sum(p.nbfiltered) filter (where p.eval_type = 'f'), 0)::int8 as filtered
          from /* schema */.pg_qualstats() as p
         where p.dbid = %s
         group by p.lrelid, p.lattnum, p.opno) as q
  join pg_catalog.pg_class as c on c.oid = q.lrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a on a.attrelid = q.lrelid and a.attnum = q.lattnum
  join pg_catalog.pg_operator as o on o.oid = q.opno
 where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
 order by q.conditions desc
 limit 2000
