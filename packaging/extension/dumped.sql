-- pg_dump writes the rows of an extension's table only when the extension says so. Everything is dumped but what
-- belongs to this installation (transport, grants, versions, moves to this database) or is worth nothing later (the queue, living agents, the history).
do $$
declare
  one oid;
begin
  for one in
    select c.oid
      from pg_catalog.pg_class as c
      left join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('i', 'a')
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.relkind = 'S'
      join pg_catalog.pg_class as t on t.oid = coalesce(d.refobjid, c.oid)
     where c.relnamespace = 'postai'::pg_catalog.regnamespace and c.relkind in ('r', 'p', 'S')
       and t.relname <> all (array['job', 'kept_answer', 'agent_status', 'value_index', 'value_index_state', 'contained_join', 'transport', 'role_grant', 'schema_version',
                           'statement', 'sample_statement', 'statement_sum', 'statement_plan', 'logged_plan', 'log_position', 'predicate', 'statement_values', 'relation',
                           'sample_table', 'sample_index', 'sample_database', 'sample_storage', 'sample_server', 'sample_wait', 'sample_block', 'collect_state',
                           'regression', 'judge_state', 'seen_index', 'alert', 'alert_delivery', 'health_check', 'space_finding',
                           'replication', 'replication_table', 'replication_event', 'replication_request', 'edge'])
  loop
    perform pg_catalog.pg_extension_config_dump(one, '');
  end loop;
end
$$;
