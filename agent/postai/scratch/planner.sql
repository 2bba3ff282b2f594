-- name: tables
-- The relations that copies are needed of: those asked for, the relations under their views, and their partitions.
--
-- Everything is read from the system catalogs. Columns: oid, schema, name, kind, definition of the column list (domains
-- as the types under them, so that no domain's check is evaluated), virtual generated columns, partition key, parent of a
-- partition and its bounds, query of a view, pages, rows (-1 = never analysed), all-visible pages, whether tables inherit
-- from it, oids of what a view reads. Definitions are not written of relations that are locked (second and third
-- parameter), as that would wait for the lock.
with recursive chain(oid, base, typmod) as (
  select t.oid, t.typbasetype, t.typtypmod from pg_catalog.pg_type t where t.typtype = 'd'
  union all
  select c.oid, t.typbasetype, case when c.typmod >= 0 then c.typmod else t.typtypmod end
    from chain c join pg_catalog.pg_type t on t.oid = c.base where t.typtype = 'd'
), under as materialized (
  select c.oid, c.base, c.typmod from chain c join pg_catalog.pg_type t on t.oid = c.base and t.typtype <> 'd'
), wanted(oid) as (
  select u.oid from pg_catalog.unnest(%s::pg_catalog.oid[]) as u (oid)
  union
  select n.oid from wanted w cross join lateral (
    select d.refobjid as oid from pg_catalog.pg_rewrite r
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind = 'v'
     where r.ev_class = w.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.oid
    union all
    select h.inhrelid from pg_catalog.pg_inherits h
      join pg_catalog.pg_class p on p.oid = h.inhparent and p.relkind = 'p' where h.inhparent = w.oid
    union all
    select h.inhparent from pg_catalog.pg_inherits h
      join pg_catalog.pg_class p on p.oid = h.inhrelid and p.relispartition where h.inhrelid = w.oid
  ) n
)
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::pg_catalog.text,
       coalesce((select pg_catalog.array_agg(pg_catalog.format('%%I %%s', a.attname,
                case when u.oid is null then pg_catalog.format_type(a.atttypid, a.atttypmod)
                     else pg_catalog.format_type(u.base, u.typmod) end)
           || case when l.oid is not null then pg_catalog.format(' collate %%I.%%I', m.nspname, l.collname) else '' end
           || case when a.attnotnull then ' not null' else '' end order by a.attnum)
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join under u on u.oid = a.atttypid
          left join pg_catalog.pg_collation l on l.oid = a.attcollation
           and (a.attcollation <> t.typcollation or u.oid is not null)
          left join pg_catalog.pg_namespace m on m.oid = l.collnamespace
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'), '{}'),
       coalesce((select pg_catalog.array_agg(pg_catalog.format('%%I %%s generated always as (%%s) virtual', a.attname,
                pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
          from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = c.oid and not a.attisdropped and a.attgenerated = 'v' and not k.locked), '{}'),
       (select pg_catalog.pg_get_partkeydef(c.oid) from pg_catalog.pg_partitioned_table p
         where p.partrelid = c.oid and p.partexprs is null and not k.locked),
       case when c.relispartition then h.parent end::pg_catalog.int8,
       case when c.relispartition and not k.locked then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
       case when c.relkind = 'v' and not k.locked then pg_catalog.pg_get_viewdef(c.oid) end,
       c.relpages::pg_catalog.int8, c.reltuples::pg_catalog.float8, c.relallvisible::pg_catalog.int8,
       exists (select from pg_catalog.pg_inherits h join pg_catalog.pg_class p on p.oid = h.inhrelid
                where h.inhparent = c.oid and not p.relispartition),
       v.reads
  from wanted w join pg_catalog.pg_class c on c.oid = w.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral (select h.inhparent as parent from pg_catalog.pg_inherits h where h.inhrelid = c.oid limit 1) h on true
  cross join lateral (
    select coalesce(pg_catalog.array_agg(distinct d.refobjid::pg_catalog.int8), '{}') as reads from pg_catalog.pg_rewrite r
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
     where c.relkind = 'v' and r.ev_class = c.oid and d.refobjid <> c.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  ) v
  cross join lateral (select c.oid = any(%s::pg_catalog.oid[]) or v.reads && %s::pg_catalog.int8[] as locked) k
 where c.oid >= 16384

-- name: locked
-- Relations that another session has locked, or wants to lock, against reading.
select l.relation::pg_catalog.int8 from pg_catalog.pg_locks l
 where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_catalog.pg_backend_pid()
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())

-- name: sizes
-- Blocks of the heaps of tables as they are on disk at this moment; opens each with ACCESS SHARE.
select u.oid::pg_catalog.int8, pg_catalog.pg_relation_size(u.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8
  from pg_catalog.unnest(%s::pg_catalog.oid[]) as u (oid)

-- name: indexes
-- Valid indexes of tables: table, oid, name, definition, primary key's definition.
--
-- Indexes of partitions that belong to an index of their parent come with that one.
select i.indrelid::pg_catalog.int8, i.indexrelid::pg_catalog.int8, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid),
       (select pg_catalog.pg_get_constraintdef(k.oid) from pg_catalog.pg_constraint k
         where k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype = 'p')
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indrelid = any(%s::pg_catalog.oid[]) and i.indisvalid and i.indislive and not c.relispartition
 order by i.indexrelid

-- name: extend
-- Makes a table as many blocks long (second %s) as rows of this length need a block of their own.
insert into %s select pg_catalog.repeat('x', 700) from pg_catalog.generate_series(1, %s)

-- name: copy_statistics
-- A superuser copies what ANALYZE found, column by column by name, of pairs (real, copy) of tables or indexes.
insert into pg_catalog.pg_statistic
select p.copy, b.attnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct,
       s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5, s.staop1, s.staop2, s.staop3, s.staop4, s.staop5,
       s.stacoll1, s.stacoll2, s.stacoll3, s.stacoll4, s.stacoll5,
       s.stanumbers1, s.stanumbers2, s.stanumbers3, s.stanumbers4, s.stanumbers5,
       s.stavalues1, s.stavalues2, s.stavalues3, s.stavalues4, s.stavalues5
  from rows from (pg_catalog.unnest(%s::pg_catalog.oid[]), pg_catalog.unnest(%s::pg_catalog.oid[])) as p (real, copy)
  join pg_catalog.pg_statistic s on s.starelid = p.real
  join pg_catalog.pg_attribute a on a.attrelid = p.real and a.attnum = s.staattnum and not a.attisdropped
  join pg_catalog.pg_attribute b on b.attrelid = p.copy and b.attname = a.attname and not b.attisdropped

-- name: set_sizes
-- A superuser sets what the planner takes the density of rows from: copies, pages, rows, all-visible pages.
update pg_catalog.pg_class c set relpages = p.pages, reltuples = p.tuples, relallvisible = p.visible
  from rows from (pg_catalog.unnest(%s::pg_catalog.oid[]), pg_catalog.unnest(%s::pg_catalog.int4[]),
                  pg_catalog.unnest(%s::pg_catalog.float4[]), pg_catalog.unnest(%s::pg_catalog.int4[]))
       as p (oid, pages, tuples, visible)
 where c.oid = p.oid

-- name: restore_statistics
-- As copy_statistics, by the copies' owner, of the columns that the role may read (PostgreSQL 18 and later).
select pg_catalog.pg_restore_attribute_stats(
         'schemaname', n.nspname::pg_catalog.text, 'relname', c.relname::pg_catalog.text,
         'attname', s.attname::pg_catalog.text, 'inherited', s.inherited,
         'null_frac', s.null_frac, 'avg_width', s.avg_width, 'n_distinct', s.n_distinct,
         'most_common_vals', s.most_common_vals::pg_catalog.text, 'most_common_freqs', s.most_common_freqs,
         'histogram_bounds', s.histogram_bounds::pg_catalog.text, 'correlation', s.correlation,
         'most_common_elems', s.most_common_elems::pg_catalog.text, 'most_common_elem_freqs', s.most_common_elem_freqs,
         'elem_count_histogram', s.elem_count_histogram,
         'range_length_histogram', s.range_length_histogram::pg_catalog.text,
         'range_empty_frac', s.range_empty_frac,
         'range_bounds_histogram', s.range_bounds_histogram::pg_catalog.text)
  from rows from (pg_catalog.unnest(%s::pg_catalog.oid[]), pg_catalog.unnest(%s::pg_catalog.oid[])) as p (real, copy)
  join pg_catalog.pg_class r on r.oid = p.real join pg_catalog.pg_namespace m on m.oid = r.relnamespace
  join pg_catalog.pg_class c on c.oid = p.copy join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_stats s on s.schemaname = m.nspname and s.tablename = r.relname
 where exists (select from pg_catalog.pg_attribute a where a.attrelid = p.copy and a.attname = s.attname)

-- name: restore_sizes
-- As set_sizes, by the copies' owner (PostgreSQL 18 and later).
select pg_catalog.pg_restore_relation_stats(
         'schemaname', n.nspname::pg_catalog.text, 'relname', c.relname::pg_catalog.text,
         'relpages', p.pages, 'reltuples', p.tuples, 'relallvisible', p.visible)
  from rows from (pg_catalog.unnest(%s::pg_catalog.oid[]), pg_catalog.unnest(%s::pg_catalog.int4[]),
                  pg_catalog.unnest(%s::pg_catalog.float4[]), pg_catalog.unnest(%s::pg_catalog.int4[]))
       as p (oid, pages, tuples, visible)
  join pg_catalog.pg_class c on c.oid = p.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace

-- name: rights
-- Who plans: whether catalogs of copies are written by a superuser, by functions of postai that one has installed, or
-- only as far as their owner may; prices of a page read in sequence and at random, of an index entry; work_mem in kB.
select case when r.rolsuper then 'superuser'
            when exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
                           join pg_catalog.pg_roles o on o.oid = p.proowner
                          where n.nspname = 'postai' and p.proname = '_copy_statistics' and p.prosecdef and o.rolsuper
                            and pg_catalog.has_schema_privilege(n.oid, 'usage')
                            and pg_catalog.has_function_privilege(p.oid, 'execute')) then 'function'
            else 'owner' end,
       pg_catalog.current_setting('seq_page_cost')::pg_catalog.float8,
       pg_catalog.current_setting('random_page_cost')::pg_catalog.float8,
       pg_catalog.current_setting('cpu_index_tuple_cost')::pg_catalog.float8,
       (select s.setting::pg_catalog.float8 from pg_catalog.pg_settings s where s.name = 'work_mem')
  from pg_catalog.pg_roles r where r.rolname = current_user

-- name: names_of
-- Of indexes, given by qualified name: that name, and schema and name of it and of each index of a partition below it.
with recursive one(root, oid) as (
  select u.root, pg_catalog.to_regclass(u.root)::pg_catalog.oid from pg_catalog.unnest(%s::pg_catalog.text[]) as u (root)
  union all select one.root, h.inhrelid from one join pg_catalog.pg_inherits h on h.inhparent = one.oid
)
select one.root, n.nspname, c.relname
  from one join pg_catalog.pg_class c on c.oid = one.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace

-- name: oids
-- Oids of relations by their names, each beside a number of its own; null = there is none.
select p.number, pg_catalog.to_regclass(p.name)::pg_catalog.oid::pg_catalog.int8
  from rows from (pg_catalog.unnest(%s::pg_catalog.int8[]), pg_catalog.unnest(%s::pg_catalog.text[]))
       as p (number, name)

-- name: parameter_types
-- Types of the parameters of a prepared statement, as PostgreSQL resolved them.
select parameter_types::pg_catalog.text[] from pg_catalog.pg_prepared_statements where name = %s

-- name: set_valid
-- A superuser lets the planner see indexes of copies, or hides them from it; both are written into the text.
update pg_catalog.pg_index set indisvalid = %s where indexrelid = any(array[%s]::pg_catalog.regclass[])

-- name: ask_statistics
-- As copy_statistics, by the function for it.
select postai._copy_statistics(%s::pg_catalog.oid[], %s::pg_catalog.oid[])

-- name: ask_sizes
-- As set_sizes, by the function for it.
select postai._set_copy_sizes(%s::pg_catalog.oid[], %s::pg_catalog.int4[], %s::pg_catalog.float4[], %s::pg_catalog.int4[])

-- name: ask_valid
-- As set_valid (the other way round written into the text), by the function for it.
select postai._show_copy_indexes(array[%s]::pg_catalog.regclass[]::pg_catalog.oid[], %s)
