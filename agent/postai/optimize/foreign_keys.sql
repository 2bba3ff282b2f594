-- Foreign keys of big tables. For a session with search_path = pg_catalog.

-- name: big
-- Foreign keys of tables of so many pages and rows: table, its name, name of the key, its columns, the referenced table,
-- rows of the table, rows written there and rows deleted from the referenced table since the counters began, and the
-- indexes that begin with its columns. Partial ones WHERE these are not null count: no look-up asks for null. Of a
-- partitioned table rows are those of its partitions; an index of a single partition that begins with the first column
-- counts too, for somebody indexes the partitions one by one.
with recursive held as (/* held */), key as (
  select c.conname, c.conrelid, c.confrelid, c.conkey
    from pg_constraint c
    join pg_class t on t.oid = c.conrelid and t.relkind in ('r', 'p') and t.relpersistence <> 't' and not t.relispartition
   where c.contype = 'f' and c.conparentid = 0 and not exists (select from held where held.relation = c.conrelid)
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = t.oid and d.deptype = 'e')
), part (root, oid) as (
  select conrelid, conrelid from key union select confrelid, confrelid from key
  union
  select p.root, h.inhrelid
    from part p join pg_inherits h on h.inhparent = p.oid join pg_class x on x.oid = h.inhrelid and x.relispartition
), counted as (
  select p.root, sum(x.relpages) as pages, sum(greatest(x.reltuples, pg_stat_get_live_tuples(x.oid))) as rows,
         sum(pg_stat_get_tuples_inserted(x.oid) + pg_stat_get_tuples_updated(x.oid)
             - pg_stat_get_tuples_hot_updated(x.oid)) as written,
         sum(pg_stat_get_tuples_deleted(x.oid)) as deleted
    from part p join pg_class x on x.oid = p.oid and x.relkind = 'r'
   group by p.root
)
select c.conrelid::int8, format('%%I.%%I', n.nspname, t.relname), c.conname::text,
       (select json_agg(a.attname order by k.place)
          from unnest(c.conkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number),
       format('%%I.%%I', rn.nspname, r.relname), counted.rows::float8, counted.written::float8,
       coalesce((select d.deleted from counted d where d.root = c.confrelid), 0)::float8,
       (select coalesce(json_agg(format('%%I.%%I', xn.nspname, x.relname)), '[]')
          from part p
          join pg_index i on i.indrelid = p.oid and i.indisvalid
          join pg_class x on x.oid = i.indexrelid
          join pg_namespace xn on xn.oid = x.relnamespace
          join pg_am m on m.oid = x.relam and m.amname in ('btree', 'hash', 'gist', 'spgist')
         where p.root = c.conrelid
           and case when p.oid = p.root
                 then i.indnkeyatts >= array_length(c.conkey, 1)
                      and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
                      and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] <@ c.conkey
                      and (i.indpred is null
                           or string_to_array(btrim(pg_get_expr(i.indpred, i.indrelid), '()'), ') AND (')
                              <@ (select array_agg(format('%%I IS NOT NULL', a.attname)) from pg_attribute a
                                   where a.attrelid = i.indrelid and a.attnum = any (c.conkey)))
                 else not x.relispartition and i.indpred is null
                      and (select a.attname from pg_attribute a where a.attrelid = p.oid and a.attnum = i.indkey[0])
                          = (select a.attname from pg_attribute a where a.attrelid = p.root and a.attnum = c.conkey[1])
               end)
  from key c
  join counted on counted.root = c.conrelid
  join pg_class t on t.oid = c.conrelid
  join pg_namespace n on n.oid = t.relnamespace and n.nspname not in ('postai', 'postai_cache')
  join pg_class r on r.oid = c.confrelid
  join pg_namespace rn on rn.oid = r.relnamespace
 where counted.pages >= %s and counted.rows >= %s
 order by 6 desc, 1, 3
 limit %s
