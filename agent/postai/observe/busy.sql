-- name: busy
-- Relations whose sizes and definitions one would have to wait for, as somebody holds them exclusively or waits to: they
-- themselves, the tables of such indexes, and the tables of such TOAST.
select b.oid from (
  with locked as materialized (
    select distinct l.relation as oid from pg_catalog.pg_locks as l
     where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_catalog.pg_backend_pid()
       and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
  ), tables as (
    select l.oid from locked as l
     union select i.indrelid from pg_catalog.pg_index as i join locked as l on l.oid = i.indexrelid
  )
  select t.oid from tables as t
   union select c.oid from pg_catalog.pg_class as c join tables as t on t.oid = c.reltoastrelid
) as b
