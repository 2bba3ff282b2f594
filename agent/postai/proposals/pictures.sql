-- What tables are like before and after a change.

-- name: touched
-- The tables that the steps of a proposal touch; of an index its table.
select coalesce(pg_catalog.array_agg(distinct coalesce(i.indrelid, c.oid)::pg_catalog.int8), '{}')
  from postai.proposal_step s
 cross join lateral pg_catalog.jsonb_to_recordset(s.objects) as o (class text, oid oid)
  join pg_catalog.pg_class c on c.oid = o.oid and o.class = 'pg_class'
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
 where s.proposal = %s

-- name: earlier
-- The tables that were looked at before a proposal was applied first: their oids and what they were like.
select a.before,
       (select pg_catalog.array_agg((t.value ->> 'oid')::pg_catalog.int8) from pg_catalog.jsonb_array_elements(a.before) t)
  from postai.action a where a.proposal = %s and a.kind = 'apply' and a.before is not null order by a.id limit 1

-- name: tables
-- Tables with their partitions: oid, name, bytes without and of indexes, live and dead rows, vacuums (by hand and
-- automatic), updates and heap-only updates since the counters began.
select pg_catalog.jsonb_build_object(
         'oid', c.oid::pg_catalog.int8, 'name', pg_catalog.format('%%I.%%I', n.nspname, c.relname),
         'bytes', pg_catalog.sum(pg_catalog.pg_table_size(p.relid)),
         'index_bytes', pg_catalog.sum(pg_catalog.pg_indexes_size(p.relid)),
         'live_rows', pg_catalog.sum(pg_catalog.pg_stat_get_live_tuples(p.relid)),
         'dead_rows', pg_catalog.sum(pg_catalog.pg_stat_get_dead_tuples(p.relid)),
         'vacuums', pg_catalog.sum(pg_catalog.pg_stat_get_vacuum_count(p.relid)
                                   + pg_catalog.pg_stat_get_autovacuum_count(p.relid)),
         'updates', pg_catalog.sum(pg_catalog.pg_stat_get_tuples_updated(p.relid)),
         'hot_updates', pg_catalog.sum(pg_catalog.pg_stat_get_tuples_hot_updated(p.relid)))
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 cross join lateral (select c.oid as relid union select x.relid::oid from pg_catalog.pg_partition_tree(c.oid) x) p
 where c.oid = any (%s::pg_catalog.int8[]::oid[]) and c.relkind in ('r', 'm', 'p')
 group by c.oid, n.nspname, c.relname order by c.oid
