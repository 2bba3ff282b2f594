-- name: conflicts
-- What the changes of a subscription met on its side, by PostgreSQL's own names.
select s.confl_insert_exists, s.confl_update_exists, s.confl_update_missing, s.confl_delete_missing,
       s.confl_multiple_unique_conflicts
  from pg_catalog.pg_stat_subscription_stats as s where s.subname = %s

-- name: stands_still
-- Whether a table's copy was begun (d) or has to catch up (f) while no process of the server works at it.
select exists (
  select from pg_catalog.pg_subscription_rel as r join pg_catalog.pg_subscription as s on s.oid = r.srsubid
   where s.subname = %s and r.srsubstate in ('d', 'f')
     and not exists (select from pg_catalog.pg_stat_subscription as w
                      where w.subid = s.oid and w.relid = r.srrelid and w.pid is not null))

-- name: data_directory
-- Where a server on this machine keeps its data; no row where it is another machine's, or this role may not know.
select s.setting from pg_catalog.pg_settings as s
 where s.name = 'data_directory' and s.setting <> ''
   and pg_catalog.inet_client_addr() is not distinct from pg_catalog.inet_server_addr()
