-- What a change is drawn on: the tables outside the system's and postai's own schemas, with exact definitions.

-- name: columns
-- Columns with their types, defaults and how they are made, of some schemas or of all but copies.
select n.nspname, c.relname, obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod),
       a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
       case when a.attcollation not in (0, t.typcollation) then (select quote_ident(s.nspname) || '.' || quote_ident(l.collname)
         from pg_collation l join pg_namespace s on s.oid = l.collnamespace where l.oid = a.attcollation) end,
       t.typtype::text
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where c.relkind in ('r', 'p') and not c.relispartition
   and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
   and case when %s::text[] is null then n.nspname !~ '^postai_scratch_' else n.nspname = any(%s) end
   and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
 order by n.nspname, c.relname, a.attnum

-- name: rules
-- Constraints with their columns, definitions and what they refer to.
select n.nspname, c.relname, k.conname, k.contype::text,
       array(select a.attname::text from unnest(k.conkey) with ordinality u (num, pos)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by u.pos),
       pg_get_constraintdef(k.oid), f.relname, fn.nspname,
       array(select a.attname::text from unnest(k.confkey) with ordinality u (num, pos)
               join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by u.pos),
       k.confdeltype::text
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_class f on f.oid = k.confrelid
  left join pg_namespace fn on fn.oid = f.relnamespace
 where k.contype in ('p', 'u', 'c', 'f', 'x') and c.relkind in ('r', 'p') and not c.relispartition
 order by n.nspname, c.relname, k.conname

-- name: indexes
-- Indexes that belong to no constraint.
select n.nspname, c.relname, i.relname, pg_get_indexdef(x.indexrelid),
       array(select coalesce(a.attname::text, '') from unnest(x.indkey::int2[]) with ordinality u (num, pos)
               left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = u.num order by u.pos), x.indisunique
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join pg_class c on c.oid = x.indrelid
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and not c.relispartition
   and not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
 order by n.nspname, c.relname, i.relname

-- name: enumerations
-- Enum types with their labels in order.
select n.nspname, t.typname, array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)
  from pg_type t
  join pg_namespace n on n.oid = t.typnamespace
 where t.typtype = 'e' and n.nspname !~ '^pg_'
   and case when %s::text[] is null then n.nspname !~ '^postai_scratch_' else n.nspname = any(%s) end
 order by n.nspname, t.typname

-- name: unfit
-- Of names of functions and of operators, those that are not PostgreSQL's own, that are somebody's too (known
-- extensions apart), or of which one is volatile: functions, operators, names of the extensions.
with given as (
  select w.name, 'f' as kind from unnest(%s::text[]) as w(name)
   union all
  select w.name, 'o' from unnest(%s::text[]) as w(name)
), found as (
  select g.name, g.kind, p.pronamespace = 'pg_catalog'::regnamespace as own, p.provolatile = 'v' as volatile,
         'pg_proc'::regclass as catalog, p.oid
    from given g join pg_proc p on g.kind = 'f' and p.proname = g.name
   union all
  select g.name, g.kind, o.oprnamespace = 'pg_catalog'::regnamespace, p.provolatile = 'v', 'pg_operator'::regclass, o.oid
    from given g join pg_operator o on g.kind = 'o' and o.oprname = g.name join pg_proc p on p.oid = o.oprcode
)
select distinct g.name::text
  from given g
 where not exists (select from found f where (f.name, f.kind) = (g.name, g.kind) and f.own)
    or exists (select from found f where (f.name, f.kind) = (g.name, g.kind) and f.own and f.volatile)
    or exists (select from found f where (f.name, f.kind) = (g.name, g.kind) and not f.own and not exists (
         select from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
          where d.classid = f.catalog and d.objid = f.oid and d.deptype = 'e' and e.extname = any(%s)))
 order by 1

-- name: extensions
-- Whether exclusion rules over a key and a period can be made.
select exists (select from pg_extension where extname = 'btree_gist')
