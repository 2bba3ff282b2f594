-- name: relations
-- Tables, views and what is like them, partitions summed up in the table that is partitioned; what is locked exclusively
-- has no size (to ask would wait).
with space as materialized (
  select n.oid, n.nspname from pg_catalog.pg_namespace as n
   where n.nspname !~ '^(pg|postai_scratch)_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
), busy as materialized (
  /* busy */
), relation as materialized (
  select c.oid, case when c.relispartition then coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid) else c.oid end as root, c.relispartition,
         s.nspname, c.relname, c.relkind, c.reltuples, c.relhasindex,
         c.relkind in ('r', 'm') as stored, c.relkind in ('r', 'm') and c.oid not in (select b.oid from busy as b) as sizable
    from pg_catalog.pg_class as c join space as s on s.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
), summed as (
  select r.root, pg_catalog.sum(case when r.stored then greatest(r.reltuples, 0) end)::float8 as rows,
         pg_catalog.bool_or(r.stored and r.reltuples < 0) as unknown,
         pg_catalog.sum(case when r.sizable then pg_catalog.pg_table_size(r.oid) end)::bigint as table_bytes,
         pg_catalog.sum(case when r.sizable then case when r.relhasindex then pg_catalog.pg_indexes_size(r.oid) else 0 end end)::bigint as index_bytes,
         (pg_catalog.count(*) filter (where r.relispartition and r.relkind <> 'p'))::integer as partitions,
         (pg_catalog.count(*) filter (where r.stored and not r.sizable))::integer as locked,
         pg_catalog.sum(pg_catalog.pg_stat_get_numscans(r.oid))::bigint as seq_scan,
         pg_catalog.sum(pg_catalog.pg_stat_get_dead_tuples(r.oid))::bigint as dead
    from relation as r group by r.root
)
select r.oid::int8, r.nspname::text, r.relname::text, pg_catalog.format('%I.%I', r.nspname, r.relname),
       case r.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end,
       case when s.unknown and s.rows = 0 then null else s.rows end, s.table_bytes, s.index_bytes, s.partitions, s.locked, s.seq_scan, s.dead,
       pg_catalog.obj_description(r.oid, 'pg_class')
  from relation as r join summed as s on s.root = r.oid
 where not r.relispartition
 order by r.nspname, r.relname

-- name: readable
-- Which of some relations the role may read, or some columns of.
select c.oid::int8
  from pg_catalog.pg_class as c
 where c.oid = any(%s::oid[]) and (pg_catalog.has_table_privilege(c.oid, 'select') or pg_catalog.has_any_column_privilege(c.oid, 'select'))

-- name: history
-- Fails where the role may not read the history.
select from postai.table_history, postai.bloat limit 0

-- name: growth
-- How much tables, with their partitions, grew in a week, and since when that is known.
select coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid)::int8, pg_catalog.sum(n.bytes - w.bytes)::bigint, pg_catalog.min(w.at)
  from pg_catalog.pg_class as c
 cross join lateral (select h.at, h.bytes from postai.table_history as h
                      where h.table_oid = c.oid and h.bytes is not null order by h.at desc limit 1) as n
 cross join lateral (select h.at, h.bytes from postai.table_history as h
                      where h.table_oid = c.oid and h.bytes is not null and h.at > pg_catalog.now() - interval '7 days' and h.at < n.at
                      order by h.at limit 1) as w
 where c.relkind in ('r', 'm')
 group by 1

-- name: bloat
-- Space of tables, with their partitions and indexes, that holds nothing needed.
select coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid)::int8, pg_catalog.sum(b.bytes)::bigint
  from (select f.table_name, pg_catalog.sum(f.bloat_bytes) as bytes from postai.bloat as f group by f.table_name) as b
  join (pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace)
    on pg_catalog.format('%I.%I', n.nspname, c.relname) = b.table_name
 group by 1

-- name: search
-- Names that hold a text, in any case: relations, columns, indexes, constraints, triggers, functions, types, schemas.
with space as materialized (
  select n.oid, n.nspname from pg_catalog.pg_namespace as n
   where n.nspname !~ '^(pg|postai_scratch)_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
), wanted as (
  select pg_catalog.lower(%s::text) as text
), relation as materialized (
  select c.oid, s.nspname, c.relname, c.relkind, c.relispartition, pg_catalog.format('%%I.%%I', s.nspname, c.relname) as name
    from pg_catalog.pg_class as c join space as s on s.oid = c.relnamespace
), found (place, kind, name, relation, comment) as (
  select 1, case r.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
         r.relname::text, r.name, pg_catalog.obj_description(r.oid, 'pg_class')
    from relation as r, wanted as w where r.relkind in ('r', 'p', 'v', 'm', 'f') and pg_catalog.strpos(pg_catalog.lower(r.relname), w.text) > 0
  union all
  select 2, 'column', a.attname::text, r.name, pg_catalog.col_description(a.attrelid, a.attnum)
    from pg_catalog.pg_attribute as a join relation as r on r.oid = a.attrelid, wanted as w
   where a.attnum > 0 and not a.attisdropped and r.relkind in ('r', 'p', 'v', 'm', 'f') and not r.relispartition
     and pg_catalog.strpos(pg_catalog.lower(a.attname), w.text) > 0
  union all
  select 3, 'index', i.relname::text, t.name, null
    from relation as i join pg_catalog.pg_index as x on x.indexrelid = i.oid join relation as t on t.oid = x.indrelid, wanted as w
   where not i.relispartition and pg_catalog.strpos(pg_catalog.lower(i.relname), w.text) > 0
  union all
  select 4, 'constraint', k.conname::text, r.name, null
    from pg_catalog.pg_constraint as k join relation as r on r.oid = k.conrelid, wanted as w
   where not r.relispartition and k.contype <> 'n' and pg_catalog.strpos(pg_catalog.lower(k.conname), w.text) > 0
  union all
  select 5, 'trigger', g.tgname::text, r.name, null
    from pg_catalog.pg_trigger as g join relation as r on r.oid = g.tgrelid, wanted as w
   where not g.tgisinternal and not r.relispartition and pg_catalog.strpos(pg_catalog.lower(g.tgname), w.text) > 0
  union all
  select 6, 'function', pg_catalog.concat(s.nspname, '.', p.proname, '(', pg_catalog.pg_get_function_identity_arguments(p.oid), ')'), null,
         pg_catalog.obj_description(p.oid, 'pg_proc')
    from pg_catalog.pg_proc as p join space as s on s.oid = p.pronamespace, wanted as w
   where pg_catalog.strpos(pg_catalog.lower(p.proname), w.text) > 0
  union all
  select 7, 'sequence', r.name, null, null
    from relation as r, wanted as w where r.relkind = 'S' and pg_catalog.strpos(pg_catalog.lower(r.relname), w.text) > 0
)
select f.kind, f.name, f.relation, f.comment from found as f, wanted as w
 order by pg_catalog.lower(f.name) <> w.text, f.place, f.name, f.relation limit %s

-- name: keys
-- Foreign keys between tables, those of partitions only at the partitioned table.
select k.conname::text, k.conrelid::int8, k.confrelid::int8,
       array(select a.attname::text from pg_catalog.unnest(k.conkey) with ordinality as u (number, place)
               join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place),
       array(select a.attname::text from pg_catalog.unnest(k.confkey) with ordinality as u (number, place)
               join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = u.number order by u.place)
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_class as c on c.oid = k.conrelid
 where k.contype = 'f' and k.conparentid = 0 and not c.relispartition
   and k.connamespace not in (select n.oid from pg_catalog.pg_namespace as n
                               where n.nspname ~ '^(pg|postai_scratch)_' or n.nspname in ('information_schema', 'postai', 'postai_cache'))

-- name: drawn
-- Names and columns of some tables.
select c.oid::int8, pg_catalog.format('%%I.%%I', n.nspname, c.relname), c.relname::text,
       (select pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
                 exists (select from pg_catalog.pg_index as i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey::smallint[]))) order by a.attnum)
          from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any(%s::oid[])

-- name: names
-- Qualified and quoted names of some tables.
select c.oid::int8, pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any(%s::oid[])

-- name: find
-- The relation of a qualified and quoted name.
select c.oid::int8
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_class as c on c.relnamespace = n.oid
 where pg_catalog.strpos(%s, pg_catalog.quote_ident(n.nspname) || '.') = 1
   and pg_catalog.format('%%I.%%I', n.nspname, c.relname) = %s and c.relkind in ('r', 'p', 'v', 'm', 'f')
