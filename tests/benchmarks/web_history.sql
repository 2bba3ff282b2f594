-- name: statements
-- A thousand statements of the store's owner.
insert into postai.statement (dbid, userid, queryid, toplevel, query, first_seen)
select d.oid, r.oid, 1000000 + i, true,
       format('SELECT o.id, o.total, c.name FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE o.status = $1 AND o.total > $2 /* %s */ ORDER BY o.ordered_at DESC LIMIT $3', i),
       now() - interval '30 days'
  from pg_database as d, pg_roles as r, generate_series(1, 1000) as i
 where d.datname = current_database() and r.rolname = 'shopkeeper';

-- name: hours
-- Thirty days of them, a row an hour as the agent keeps it, a third of the statements in each.
insert into postai.sample_statement (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read)
select date_trunc('hour', now()) - h * interval '1 hour', s.id, 3600, 2, 50 + s.id % 400,
       (50 + s.id % 400) * (1 + s.id % 37) * (1 + 0.3 * sin(h / 24.0 * 6.28)), 900, 20000, s.id % 50
  from generate_series(0, 719) as h, postai.statement as s
 where s.queryid > 1000000 and (s.id + h) % 3 = 0;

-- name: databases
-- The database: minutes of the last day, hours before that.
insert into postai.sample_database (at, dbid, seconds, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, temp_bytes, active_ms)
select at, d.oid, seconds, seconds * (80 + 40 * sin(extract(epoch from at) / 13750)), 3, seconds * 20, seconds * 9000, seconds * 500, 0,
       seconds * (700 + 400 * sin(extract(epoch from at) / 13750))
  from pg_database as d,
       (select now() - m * interval '1 minute', 60 from generate_series(0, 1439) as m
        union all select date_trunc('hour', now()) - h * interval '1 hour', 3600 from generate_series(25, 719) as h) as x (at, seconds)
 where d.datname = current_database();

-- name: tables
-- Sizes of the tables, an hour each.
insert into postai.sample_table (at, table_oid, seconds, seq_scan, idx_scan, n_tup_ins, live_rows, dead_rows, bytes)
select date_trunc('hour', now()) - h * interval '1 hour', c.oid, 3600, 3, 900, 20, 100000 - h * 20, 100, 50000000 - h * 4000
  from generate_series(0, 719) as h, pg_class as c
 where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace;

-- name: rolled
-- As the agent notes that these are hours already.
insert into postai.collect_state (part, until) values ('pruning', date_trunc('hour', now()))
on conflict (part) do update set until = excluded.until;

