-- name: write_counters
-- Rows written to tables (a partitioned one with the sum of its leaves) since the counters count.
select t.oid::pg_catalog.int8,
       coalesce(sum(pg_catalog.pg_stat_get_tuples_inserted(l.leaf)), 0)::pg_catalog.float8,
       coalesce(sum(pg_catalog.pg_stat_get_tuples_updated(l.leaf)), 0)::pg_catalog.float8,
       coalesce(sum(pg_catalog.pg_stat_get_tuples_hot_updated(l.leaf)), 0)::pg_catalog.float8,
       coalesce(sum(pg_catalog.pg_stat_get_tuples_deleted(l.leaf)), 0)::pg_catalog.float8
  from pg_catalog.unnest(%s::pg_catalog.oid[]) t(oid)
  cross join lateral (
    select t.oid as leaf
    union select p.relid::pg_catalog.oid from pg_catalog.pg_partition_tree(t.oid) p where p.isleaf
  ) l
 group by t.oid;

-- name: sorted_by_bytes
-- Text columns of tables whose collation sorts by bytes, so that an ordinary B-tree serves LIKE 'abc%'.
select a.attrelid::pg_catalog.int8, a.attname::pg_catalog.text
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
  left join pg_catalog.pg_collation o on o.oid = a.attcollation
 where a.attrelid = any (%s::pg_catalog.oid[]) and a.attnum > 0 and not a.attisdropped and a.attcollation <> 0
   and coalesce(nullif(o.collcollate, ''), d.datcollate) in ('C', 'POSIX');

-- name: values
-- Common values, their shares, and values between the others, of columns of tables.
select c.oid::pg_catalog.int8, s.attname::pg_catalog.text, s.most_common_vals::pg_catalog.text::pg_catalog.text[],
       s.most_common_freqs::pg_catalog.float8[], s.histogram_bounds::pg_catalog.text::pg_catalog.text[]
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname
 where c.oid = any (%s::pg_catalog.oid[]) and s.attname = any (%s::pg_catalog.name[])
 order by c.oid, s.attname, s.inherited = (c.relkind = 'p');

-- name: extensions
-- Extensions that bring operator classes or hypothetical indexes, with the schema of each, quoted.
select e.extname::pg_catalog.text, pg_catalog.quote_ident(n.nspname)
  from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where e.extname in ('hypopg', 'pg_trgm', 'btree_gin', 'btree_gist', 'postgis', 'citext');

-- name: indispensable
-- Those of some indexes that do more than to serve queries.
select i.indexrelid::pg_catalog.int8
  from pg_catalog.pg_index i
 where i.indexrelid = any (%s::pg_catalog.oid[])
   and (i.indisunique or i.indisexclusion or i.indisreplident or i.indisclustered
        or exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid)
        or exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid));
