-- name: table_statistics
-- What ANALYZE knows of the columns of some tables: one row for each column, those without statistics too.
--
-- What this relies on (PostgreSQL 14 to 18):
-- * pg_stats shows only columns that the connected role may read; of the others the rows here hold nulls. No relation is
--   opened, so nothing waits for a lock.
-- * A partitioned table has no pages of its own: the pages and rows of its leaves are added up, and its statistics are
--   those with inherited = true. For other tables those of the table alone come first.
-- * reltuples is -1 before the first VACUUM or ANALYZE: the counter of live rows stands in then.
-- * Samples are values of the histogram, for types whose length or content matters to an index; evenly chosen, because
--   hundreds of tables have megabytes of them.
-- * most_common_elem_freqs ends with two or three numbers that are no frequencies of elements (minimum, maximum, nulls);
--   elem_count_histogram ends with the average number of distinct elements.
with wanted as materialized (
  select c.oid, n.nspname, c.relname, c.relkind, c.relpages, c.reltuples, c.relallvisible
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.oid = any(%s::pg_catalog.oid[])
), leaf as materialized (
  select w.oid as root, c.oid, c.relpages, c.reltuples, c.relallvisible
    from wanted w
    cross join lateral (select t.relid from pg_catalog.pg_partition_tree(w.oid) t where t.isleaf and w.relkind = 'p'
                        union all select w.oid where w.relkind <> 'p') t
    join pg_catalog.pg_class c on c.oid = t.relid
), size as materialized (
  select l.root, pg_catalog.count(*) as leaves, pg_catalog.sum(l.relpages::pg_catalog.int8) as pages,
         pg_catalog.sum(l.relallvisible::pg_catalog.int8) as visible,
         pg_catalog.sum(case when l.reltuples >= 0 then l.reltuples::pg_catalog.float8
             else pg_catalog.pg_stat_get_live_tuples(l.oid)::pg_catalog.float8 end) as live
    from leaf l group by l.root
), base as materialized (
  with recursive chain(oid, base) as (
    select t.oid, t.typbasetype from pg_catalog.pg_type t where t.typtype = 'd'
    union all
    select c.oid, t.typbasetype from chain c join pg_catalog.pg_type t on t.oid = c.base where t.typtype = 'd'
  )
  select c.oid, c.base from chain c join pg_catalog.pg_type t on t.oid = c.base and t.typtype <> 'd'
), stats as materialized (
  select distinct on (w.oid, s.attname) w.oid, s.attname, s.avg_width, s.null_frac, s.n_distinct, s.correlation,
         s.most_common_freqs, s.most_common_vals, s.histogram_bounds, s.most_common_elem_freqs,
         coalesce(pg_catalog.cardinality(s.most_common_elems::pg_catalog.text::pg_catalog.text[]), 0) as elements,
         s.elem_count_histogram
    from wanted w join pg_catalog.pg_stats s on s.schemaname = w.nspname and s.tablename = w.relname
   order by w.oid, s.attname, s.inherited = (w.relkind = 'p') desc
)
select w.oid::pg_catalog.int8, z.live, z.pages, z.visible, z.leaves, a.attname, t.typname, t.typcategory, t.typlen,
       t.typalign, a.attnotnull, s.avg_width, s.null_frac, s.n_distinct, s.correlation, s.most_common_freqs,
       s.most_common_elem_freqs[1:s.elements], s.elem_count_histogram[pg_catalog.cardinality(s.elem_count_histogram)],
       case when k.sampled then s.most_common_vals::pg_catalog.text::pg_catalog.text[] end,
       case when k.sampled then array(
           select v.bounds[n] from pg_catalog.generate_series(
               1, pg_catalog.cardinality(v.bounds), 1 + (pg_catalog.cardinality(v.bounds) - 1) / k.most) n) end
  from wanted w join size z on z.root = w.oid
  join pg_catalog.pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
  left join base b on b.oid = a.atttypid
  join pg_catalog.pg_type t on t.oid = coalesce(b.base, a.atttypid)
  left join stats s on s.oid = w.oid and s.attname = a.attname
  cross join lateral (select t.typcategory = 'S' or t.typname in ('jsonb', 'citext') as sampled,
                             case t.typname when 'jsonb' then %s else %s end as most) k
  cross join lateral (select case when k.sampled then s.histogram_bounds::pg_catalog.text::pg_catalog.text[] end as bounds
                      offset 0) v -- once for each column
 order by w.oid, a.attnum

-- name: planner_settings
-- The planner's own prices, in its order: sequential page, random page, tuple, index tuple, operator, cache, work_mem.
select pg_catalog.current_setting('seq_page_cost')::pg_catalog.float8,
       pg_catalog.current_setting('random_page_cost')::pg_catalog.float8,
       pg_catalog.current_setting('cpu_tuple_cost')::pg_catalog.float8,
       pg_catalog.current_setting('cpu_index_tuple_cost')::pg_catalog.float8,
       pg_catalog.current_setting('cpu_operator_cost')::pg_catalog.float8,
       (select s.setting::pg_catalog.float8 from pg_catalog.pg_settings s where s.name = 'effective_cache_size'),
       (select s.setting::pg_catalog.float8 from pg_catalog.pg_settings s where s.name = 'work_mem'),
       pg_catalog.current_setting('block_size')::pg_catalog.int4
