-- name: span
-- Days that pg_stat_statements has counted for.
select greatest(extract(epoch from pg_catalog.now() - i.stats_reset), 1)::pg_catalog.float8 / 86400
  from {schema}.pg_stat_statements_info i;

-- name: extension
-- The schema of pg_stat_statements, quoted.
select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements';

-- name: statements
-- What ran in this database, the most expensive first, without postai's own sessions.
select s.queryid::pg_catalog.text,
       case when pg_catalog.octet_length(s.query) <= %s then s.query end,
       s.calls::pg_catalog.float8, s.total_exec_time, s.rows::pg_catalog.float8, r.rolname::pg_catalog.text
  from {schema}.pg_stat_statements s
  left join pg_catalog.pg_roles r on r.oid = s.userid
 where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and s.calls > 0 and r.rolname is distinct from 'postai_agent'
 order by s.total_exec_time desc
 limit %s;
