-- The history of bench_ranking.py.

-- name: statements
-- A thousand of them.
insert into postai.statement (dbid, userid, queryid, toplevel, query)
select d.oid, 10, i, true, format('SELECT o.id, o.total FROM orders AS o WHERE o.status = $1 /* %s */', i)
  from pg_database as d, generate_series(1, 1000) as i
 where d.datname = current_database();

-- name: minutes
-- Fourteen days of minutes, 113 statements in each, in an hour all of them.
insert into postai.sample_statement (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read)
select date_trunc('hour', now()) - m * interval '1 minute', s.id, 60, 2, 50 + s.id % 40, (50 + s.id % 40) * (1 + s.id % 37),
       900, 20000, s.id % 50
  from generate_series(0, 14 * 1440 - 1) as m, generate_series(0, 112) as n, postai.statement as s
 where s.id = (select min(o.id) from postai.statement as o) + (m * 37 + n * 9) % 1000
 order by m desc;

-- name: hours
-- The hours of the sixteen days before, a third of the statements in each.
insert into postai.sample_statement (at, statement_id, seconds, stddev_ms, calls, total_ms, rows, blks_hit, blks_read)
select date_trunc('hour', now()) - h * interval '1 hour', s.id, 3600, 2, 50 + s.id % 400, (50 + s.id % 400) * (1 + s.id % 37),
       900, 20000, s.id % 50
  from generate_series(14 * 24, 30 * 24 - 1) as h, postai.statement as s
 where (s.id + h) % 3 = 0;

-- name: rolled
-- As the agent notes that these became hours.
insert into postai.collect_state (part, until) values ('pruning', date_trunc('hour', now()) - interval '14 days');

-- name: tidy
-- As autovacuum would by then.
vacuum analyze;
