-- Indexes. Those of postai itself are left out where advice is given.

-- name: unused_indexes
-- Not scanned, enforcing nothing. A part of a partitioned index cannot be dropped by itself.
select s.schemaname as schema, s.relname as "table", s.indexrelname as index,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(s.indexrelid)) as size, s.idx_scan as scans,
       d.stats_reset as counted_since, pg_catalog.pg_get_indexdef(s.indexrelid) as definition
from pg_catalog.pg_stat_user_indexes s
join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
join pg_catalog.pg_class x on x.oid = s.indexrelid
left join pg_catalog.pg_stat_database d on d.datname = pg_catalog.current_database()
where s.idx_scan = 0 and not i.indisunique and not i.indisexclusion and not i.indisreplident and not x.relispartition
  and not exists (select from pg_catalog.pg_constraint c where c.conindid = s.indexrelid)
  and s.schemaname not in ('postai', 'postai_cache') and s.relid = coalesce(:table_oid, s.relid)
order by pg_catalog.pg_relation_size(s.indexrelid) desc nulls last, s.schemaname, s.relname, s.indexrelname

-- name: duplicate_indexes
-- Pairs in which the first can go. Of two that are the same, the one with the higher oid.
with candidate as (
  select i.indexrelid, i.indrelid, i.indkey::pg_catalog.text as keys, i.indclass::pg_catalog.text as classes,
         i.indcollation::pg_catalog.text as collations, i.indoption::pg_catalog.text as options, i.indisunique,
         i.indnatts = i.indnkeyatts as plain,
         coalesce(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), '') as expressions,
         coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') as predicate, c.relam, a.amname,
         exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid) as enforces
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_am a on a.oid = c.relam
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where i.indisvalid and c.relkind in ('i', 'I') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'pg_toast', 'information_schema', 'postai', 'postai_cache')
    and i.indrelid = coalesce(:table_oid, i.indrelid)
)
select one.indrelid::pg_catalog.regclass as "table", one.indexrelid::pg_catalog.regclass as superfluous_index,
       other.indexrelid::pg_catalog.regclass as kept_index,
       case when one.keys = other.keys then 'same' else 'beginning' end as kind,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(one.indexrelid)) as size,
       pg_catalog.pg_get_indexdef(one.indexrelid) as definition
from candidate one
join candidate other on other.indrelid = one.indrelid and other.indexrelid <> one.indexrelid and other.relam = one.relam
  and other.predicate = one.predicate
where not one.indisunique and not one.enforces and (
    (other.keys = one.keys and other.classes = one.classes and other.collations = one.collations
      and other.options = one.options and other.expressions = one.expressions and other.plain = one.plain
      and (other.indisunique or other.enforces or other.indexrelid < one.indexrelid))
    or (one.amname = 'btree' and one.plain and one.expressions = '' and other.expressions = ''
      and pg_catalog.strpos(other.keys || ' ', one.keys || ' ') = 1 and other.keys <> one.keys
      and pg_catalog.strpos(other.classes || ' ', one.classes || ' ') = 1
      and pg_catalog.strpos(other.collations || ' ', one.collations || ' ') = 1
      and pg_catalog.strpos(other.options || ' ', one.options || ' ') = 1))
order by pg_catalog.pg_relation_size(one.indexrelid) desc nulls last, superfluous_index, kept_index

-- name: missing_foreign_key_indexes
-- Foreign keys whose columns lead no valid index that has all rows, or all in which they are not null.
select c.conrelid::pg_catalog.regclass as "table", c.conname as foreign_key,
       c.confrelid::pg_catalog.regclass as refers_to,
       (select pg_catalog.string_agg(a.attname::pg_catalog.text, ', ' order by k.place)
          from pg_catalog.unnest(c.conkey) with ordinality as k(number, place)
          join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number) as columns,
       pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.conrelid::pg_catalog.regclass)) as table_size
from pg_catalog.pg_constraint c
join pg_catalog.pg_namespace n on n.oid = c.connamespace
where c.contype = 'f' and c.conparentid = 0 and n.nspname not in ('postai', 'postai_cache')
  and c.conrelid = coalesce(:table_oid, c.conrelid)
  and not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = x.relam and m.amname in ('btree', 'hash', 'gist', 'spgist')
    where i.indrelid = c.conrelid and i.indisvalid
      and i.indnkeyatts >= pg_catalog.array_length(c.conkey, 1)
      and (i.indkey::pg_catalog.int2[])[0:pg_catalog.array_length(c.conkey, 1) - 1] @> c.conkey
      and (i.indkey::pg_catalog.int2[])[0:pg_catalog.array_length(c.conkey, 1) - 1] <@ c.conkey
      and (i.indpred is null
           or pg_catalog.string_to_array(pg_catalog.btrim(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '()'), ') AND (')
              <@ (select pg_catalog.array_agg(pg_catalog.quote_ident(a.attname::pg_catalog.text) || ' IS NOT NULL')
                    from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (c.conkey))))
order by pg_catalog.pg_table_size(c.conrelid::pg_catalog.regclass) desc nulls last, "table", foreign_key

-- name: invalid_indexes
-- What the planner does not use.
select i.indrelid::pg_catalog.regclass as "table", i.indexrelid::pg_catalog.regclass as index, i.indisready as ready,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(i.indexrelid)) as size,
       pg_catalog.pg_get_indexdef(i.indexrelid) as definition
from pg_catalog.pg_index i
where (not i.indisvalid or not i.indisready or not i.indislive) and i.indrelid = coalesce(:table_oid, i.indrelid)
order by 1, 2

-- name: missing_indexes
-- Tables by rows read in sequential scans.
select t.schemaname as schema, t.relname as "table", t.seq_scan as sequential_scans,
       t.seq_tup_read as rows_read, t.seq_tup_read / nullif(t.seq_scan, 0) as rows_per_scan,
       t.idx_scan as index_scans, t.n_live_tup as live_rows,
       pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(t.relid::pg_catalog.regclass)) as size
from pg_catalog.pg_stat_user_tables t
where t.seq_scan > 0 and t.n_live_tup >= 1000 and t.schemaname not in ('postai', 'postai_cache')
order by t.seq_tup_read desc, t.schemaname, t.relname

-- name: biggest_indexes
-- By size.
select s.schemaname as schema, s.relname as "table", s.indexrelname as index,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(s.indexrelid)) as size,
       pg_catalog.pg_relation_size(s.indexrelid) as bytes, s.idx_scan as scans
from pg_catalog.pg_stat_user_indexes s
order by bytes desc nulls last, s.schemaname, s.relname, s.indexrelname

-- name: table_indexes
-- Definitions.
select n.nspname as schema, t.relname as "table", c.relname as index, i.indisunique as "unique",
       i.indisprimary as primary_key, i.indisvalid as valid,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(i.indexrelid)) as size, s.idx_scan as scans,
       pg_catalog.pg_get_indexdef(i.indexrelid) as definition
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_class t on t.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
left join pg_catalog.pg_stat_user_indexes s on s.indexrelid = i.indexrelid
where n.nspname not in ('pg_catalog', 'pg_toast', 'information_schema', 'postai', 'postai_cache')
  and i.indrelid = coalesce(:table_oid, i.indrelid)
order by n.nspname, t.relname, c.relname
