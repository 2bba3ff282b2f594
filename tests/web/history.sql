-- Two hours of history, as the agent would have collected them: statements, one of them slower since an hour, the load,
-- sizes of tables, plans. Query ids are small, so that tests can name them.
insert into postai.statement (dbid, userid, queryid, toplevel, query, usage, first_seen, last_seen)
select d.oid, r.oid, q.queryid, true, q.query, q.usage::jsonb, now() - interval '2 hours', now()
  from pg_database as d, pg_roles as r,
       (values (101, 'shopkeeper', 'select * from orders where lower(note) = $1 and status = $2', '{"public.orders": {"filters": ["note", "status"], "reads": ["id"]}}'),
               (102, 'shopkeeper', 'select count(*) from customers where country = $1 /* <script>alert(5)</script> */', '{"public.customers": {"filters": ["country"]}}'),
               (103, 'olga', 'select name from products where id = $1', '{"public.products": {"filters": ["id"], "reads": ["name"]}}'),
               (104, 'olga', 'select * from postai.health', '{}')) as q (queryid, username, query, usage)
 where d.datname = current_database() and r.rolname = q.username;
insert into postai.statement (dbid, userid, queryid, toplevel)
select d.oid, 0, 0, true from pg_database as d where d.datname = current_database() on conflict do nothing;

insert into postai.sample_statement (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read, temp_blks_written, wal_bytes, plan_hash)
select m.at, s.id, 60, 1, 10 * s.queryid - 900, (10 * s.queryid - 900) * case when s.queryid = 102 then 0.5 when s.queryid = 101 and m.at > now() - interval '1 hour' then 40 else 8 end,
       10 * s.queryid, 5000, 20, case s.queryid when 101 then 7 end, case s.queryid when 103 then 900 end, case s.queryid when 101 then case when m.at > now() - interval '1 hour' then 'bbbb' else 'aaaa' end end
  from generate_series(now() - interval '119 minutes', now() - interval '30 seconds', interval '1 minute') as m (at), postai.statement as s
 where s.queryid between 101 and 104;
insert into postai.statement_plan
select s.id, 'bbbb', '{"Node Type": "Sort", "Plans": [{"Node Type": "Seq Scan", "Relation Name": "orders"}]}'::jsonb, 1234, now() - interval '1 hour', now()
  from postai.statement as s where s.queryid = 101
union all
select s.id, 'aaaa', '{"Node Type": "Index Scan", "Relation Name": "orders", "Index Name": "orders_status"}'::jsonb, 40, now() - interval '2 hours', now() - interval '1 hour'
  from postai.statement as s where s.queryid = 101;
insert into postai.sample_database (at, dbid, seconds, xact_commit, xact_rollback, blks_read, blks_hit, temp_bytes, active_ms)
select m.at, d.oid, 60, 600, 1, 1000, 99000, 0, 30000
  from generate_series(now() - interval '119 minutes', now() - interval '30 seconds', interval '1 minute') as m (at), pg_database as d
 where d.datname = current_database();
insert into postai.sample_storage (at, bytes, heap_bytes, toast_bytes, index_bytes, held, wal_bytes, temp_bytes)
select now() - make_interval(hours => n), 40000000 - 1000000 * n / 24, 20000000 - 1000000 * n / 24, 4000000, 12000000, 0, 33554432, 0
  from generate_series(0, 120, 12) as n;
insert into postai.relation (relid, schema_name, relation_name)
select 'public.orders'::regclass, 'public', 'orders' on conflict do nothing;
insert into postai.sample_table (at, table_oid, seconds, seq_scan, n_tup_ins, live_rows, dead_rows, bytes)
select now() - make_interval(days => n), 'public.orders'::regclass, 3600, 1, 10, 1000 - 10 * n, 5, 1000000 - 10000 * n from generate_series(0, 5) as n;
insert into postai.regression (dbid, userid, queryid, toplevel, cause, severity, factor, started_at, found_at, extra_ms_per_day, before, after, why, mitigation, evidence)
select s.dbid, s.userid, s.queryid, true, 'plan', 'HIGH', 5, now() - interval '1 hour', now() - interval '50 minutes', 1e6,
       '{"mean_ms": 8}', '{"mean_ms": 40}', 'Its plan changed.', 'Run ANALYZE on public.orders.', '{}'
  from postai.statement as s where s.queryid = 101;
