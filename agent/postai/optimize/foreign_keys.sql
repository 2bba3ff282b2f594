-- Foreign keys of big tables. For a session with search_path = pg_catalog.

-- name: big
-- Foreign keys of tables of so many rows and pages: table, its name, name of the key, its columns, the referenced table,
-- rows of the table, rows written there and rows deleted from the referenced table since the counters began, and the
-- indexes that begin with its columns, as whole ones.
select c.conrelid::int8, format('%%I.%%I', n.nspname, t.relname), c.conname::text,
       (select json_agg(a.attname order by k.place)
          from unnest(c.conkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number),
       format('%%I.%%I', rn.nspname, r.relname), greatest(t.reltuples, pg_stat_get_live_tuples(t.oid))::float8,
       (pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid)
        - pg_stat_get_tuples_hot_updated(t.oid))::float8,
       pg_stat_get_tuples_deleted(r.oid)::float8,
       (select coalesce(json_agg(format('%%I.%%I', n.nspname, x.relname)), '[]')
          from pg_index i
          join pg_class x on x.oid = i.indexrelid
          join pg_am m on m.oid = x.relam and m.amname in ('btree', 'hash', 'gist', 'spgist')
         where i.indrelid = c.conrelid and i.indisvalid and i.indpred is null
           and i.indnkeyatts >= array_length(c.conkey, 1)
           and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
           and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] <@ c.conkey)
  from pg_constraint c
  join pg_class t on t.oid = c.conrelid and t.relkind = 'r' and t.relpersistence <> 't' and not t.relispartition
  join pg_namespace n on n.oid = t.relnamespace and n.nspname not in ('postai', 'postai_cache')
  join pg_class r on r.oid = c.confrelid
  join pg_namespace rn on rn.oid = r.relnamespace
 where c.contype = 'f' and c.conparentid = 0 and t.relpages >= %s
   and greatest(t.reltuples, pg_stat_get_live_tuples(t.oid)) >= %s
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = t.oid and d.deptype = 'e')
 order by 6 desc, 1, 3
 limit %s
