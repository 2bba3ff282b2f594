-- What edges that follow this database's changes can be told.

create function postai.edge_purge(relation regclass default null) returns pg_lsn
  language sql
  set search_path = pg_catalog, pg_temp
as $$
  select pg_logical_emit_message(true, 'postai.edge', coalesce('table ' || relation::oid, 'purge'))
$$;
comment on function postai.edge_purge(regclass) is
  'Lets every edge that caches this database forget its answers, or those that read one table, once the transaction is committed; returns where in the log that stands: select postai.edge_purge(''shop.item'')';

select postai._grant('execute on function postai.edge_purge(regclass)', 'postai_operator', 'postai_agent');
