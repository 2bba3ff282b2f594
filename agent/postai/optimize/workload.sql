-- name: span
-- Days that pg_stat_statements has counted for.
select greatest(extract(epoch from pg_catalog.now() - i.stats_reset), 1)::pg_catalog.float8 / 86400
  from {schema}.pg_stat_statements_info i;

-- name: extension
-- The schema of pg_stat_statements, quoted.
select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements';

-- name: statements
-- What ran in this database, the most expensive first, without the agent's own sessions, and without what has no plan:
-- looking for advice leaves many EXPLAINs behind, which must not crowd out the rest.
select s.queryid::pg_catalog.text,
       case when pg_catalog.octet_length(s.query) <= %s then s.query end,
       s.calls::pg_catalog.float8, s.total_exec_time, s.rows::pg_catalog.float8, r.rolname::pg_catalog.text
  from {schema}.pg_stat_statements s
  left join pg_catalog.pg_roles r on r.oid = s.userid
 where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
   and s.calls > 0 and s.query !~* '^\s*(explain|prepare|deallocate|set|begin|commit)\M'
   and not exists (
     select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles a on a.oid = m.roleid
      where m.member = s.userid and a.rolname = 'postai_agent')
 order by s.total_exec_time desc
 limit %s;
