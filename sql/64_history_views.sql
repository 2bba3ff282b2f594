-- The history as people read it: numbers of statements, tables, indexes and the database, interval by interval. Texts of
-- other people's statements stay with operators. Names are looked up one by one, and not by a join, so that the newest
-- row of a table is one look into the index; for the same reason only what hides rows is a security barrier.

create view postai.statement_history as
  select x.at, x.seconds, x.statement_id, s.queryid, s.userid, x.calls, x.total_ms, x.stddev_ms, x.rows, x.blks_hit, x.blks_read,
         x.blks_dirtied, x.blks_written, x.temp_blks_read, x.temp_blks_written, x.wal_bytes, x.blk_read_ms, x.blk_write_ms,
         x.plans, x.plan_ms, x.jit_ms, x.cpu_ms, x.disk_bytes_read, x.plan_hash, s.toplevel
    from postai.sample_statement as x
    join postai.statement as s on s.id = x.statement_id
   where not s.own and (s.queryid <> 0 or s.userid = 0);
comment on view postai.statement_history is
  'What each statement did in the seconds before at; query id 0 = all that were too small for a row of their own; not toplevel = it ran inside another one, whose time holds its own: select at, calls, total_ms / calls as mean_ms from postai.statement_history where queryid = 42 order by at';

create view postai.statement_sums as
  select x.at, x.hours, x.statement_id, s.queryid, s.userid, x.calls, x.total_ms, x.squares, x.rows, x.blks_hit, x.blks_read,
         x.temp_blks_written, x.wal_bytes, s.toplevel
    from postai.statement_sum as x
    join postai.statement as s on s.id = x.statement_id
   where not s.own and (s.queryid <> 0 or s.userid = 0);
comment on view postai.statement_sums is
  'What each statement did in the hour, or day (24 hours), before at, as the sum of its rows of postai.statement_history: of full days, and of full hours of which every interval is kept; the last ones may be missing. squares = sum of the squares of the times of single calls: select at, calls, total_ms from postai.statement_sums where hours = 24 and queryid = 42 order by at';

create view postai._summed as
  select x.hours, x.at from postai.statement_sum as x;
comment on view postai._summed is 'Which hours and days were summed up, told once for each statement; whether one was is a look into an index.';

create view postai.load_history as
  select x.at, x.seconds, x.dbid <> 0 as here, x.xact_commit, x.xact_rollback, x.blks_read, x.blks_hit, x.tup_returned, x.tup_fetched,
         x.tup_inserted, x.tup_updated, x.tup_deleted, x.conflicts, x.temp_files, x.temp_bytes, x.deadlocks, x.blk_read_ms,
         x.blk_write_ms, x.active_ms, x.idle_in_transaction_ms
    from postai.sample_database as x;
comment on view postai.load_history is
  'What happened in this database in the seconds before at, and in all others together (not here): select at, active_ms / seconds / 1000 as sessions from postai.load_history where here order by at';

create view postai.table_history as
  select x.at, x.seconds, x.table_oid,
         (select r.schema_name from postai.relation as r where r.relid = x.table_oid) as schema_name,
         (select r.relation_name from postai.relation as r where r.relid = x.table_oid) as table_name, x.seq_scan, x.seq_tup_read, x.idx_scan,
         x.idx_tup_fetch, x.n_tup_ins, x.n_tup_upd, x.n_tup_del, x.n_tup_hot_upd, x.blks_read, x.blks_hit, x.live_rows,
         x.dead_rows, x.bytes
    from postai.sample_table as x;
comment on view postai.table_history is
  'What happened to each table in the seconds before at; rows and bytes are those of its end: select at, live_rows, bytes from postai.table_history where table_oid = ''orders''::regclass order by at';

create view postai.index_history as
  select x.at, x.seconds, x.index_oid,
         (select r.table_oid from postai.relation as r where r.relid = x.index_oid) as table_oid,
         (select r.schema_name from postai.relation as r where r.relid = x.index_oid) as schema_name,
         (select r.relation_name from postai.relation as r where r.relid = x.index_oid) as index_name, x.idx_scan, x.idx_tup_read, x.bytes
    from postai.sample_index as x;
comment on view postai.index_history is
  'How often each index was used in the seconds before at: select at, idx_scan from postai.index_history where index_name = ''orders_pkey'' order by at';

create view postai.storage_history as
  select x.at, x.bytes, x.heap_bytes, x.toast_bytes, x.index_bytes, x.held, x.wal_bytes, x.temp_bytes
    from postai.sample_storage as x;
comment on view postai.storage_history is
  'How big this database was, with what tables, TOAST and indexes took of it, and the server''s WAL and temporary files: select at, pg_size_pretty(bytes) from postai.storage_history order by at';

create view postai.wait_history as
  select x.at, x.seconds, x.samples, x.looks, x.queryid, x.event_type, x.event
    from postai.sample_wait as x;
comment on view postai.wait_history is
  'What active backends were seen waiting for (event type CPU = nothing) in the seconds before at; samples / looks is the average number of backends: select event_type, event, sum(samples) from postai.wait_history where at > now() - interval ''1 hour'' group by 1, 2';

create view postai.statement_plans with (security_barrier) as
  select p.statement_id, s.queryid, p.plan_hash, p.shape, p.cost, p.first_seen, p.last_seen
    from postai.statement_plan as p
    join postai.statement as s on s.id = p.statement_id
   where postai._may_see_statement(s.userid);
comment on view postai.statement_plans is
  'Shapes of the plans that the planner chose for a statement with unknown parameters; of other people''s for operators only: select plan_hash, cost, first_seen, last_seen from postai.statement_plans where queryid = 42';

select postai._grant('select on postai.' || v, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array['statement_history', 'statement_sums', '_summed', 'load_history', 'table_history', 'index_history', 'storage_history', 'wait_history', 'statement_plans']) as v;
