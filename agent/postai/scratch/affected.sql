-- name: resolve
-- Objects of those names, looked up in every schema of the path where none is written: catalog, oid.
with wanted as (
  select w.name::pg_catalog.name as name, n.oid as place
    from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as w (schema pg_catalog.text, name pg_catalog.text)
    join pg_catalog.pg_namespace n on n.nspname = w.schema
      or w.schema is null and n.nspname = any(%s::pg_catalog.text[])
)
select distinct f.kind, f.oid::pg_catalog.int8
  from wanted w cross join lateral (
    select 'relation', c.oid from pg_catalog.pg_class c
     where c.relname = w.name and c.relnamespace = w.place and c.relpersistence <> 't'
     union all
    select 'type', t.oid from pg_catalog.pg_type t where t.typname = w.name and t.typnamespace = w.place
     union all
    select 'function', p.oid from pg_catalog.pg_proc p where p.proname = w.name and p.pronamespace = w.place
     union all
    select 'relation', s.stxrelid from pg_catalog.pg_statistic_ext s
     where s.stxname = w.name and s.stxnamespace = w.place
  ) f (kind, oid)
 where f.oid >= 16384

-- name: whole
-- Relations of whole schemas (null = of every schema of people's).
select c.oid::pg_catalog.int8
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't' and c.oid >= 16384
   and coalesce(n.nspname = any(%s::pg_catalog.text[]),
                n.nspname not in ('pg_catalog', 'information_schema', 'postai', 'postai_cache')
                and n.nspname not like 'pg\_%%')
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')

-- name: using_types
-- Relations that have a column of these types, or of types that are made of them.
with recursive made (oid) as (
  select pg_catalog.unnest(%s::pg_catalog.oid[])
   union
  select x.oid from made m cross join lateral (
    select t.oid from pg_catalog.pg_type t where t.typbasetype = m.oid or t.typelem = m.oid
     union all
    select r.rngtypid from pg_catalog.pg_range r where r.rngsubtype = m.oid
     union all
    select r.rngmultitypid from pg_catalog.pg_range r where r.rngtypid = m.oid
     union all
    select c.reltype from pg_catalog.pg_attribute a
      join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind = 'c' where a.atttypid = m.oid
  ) x
)
select distinct c.oid::pg_catalog.int8
  from made m join pg_catalog.pg_attribute a on a.atttypid = m.oid and a.attnum > 0
  join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm', 'f')
 union
select c.oid::pg_catalog.int8 from made m join pg_catalog.pg_class c on c.reloftype = m.oid

-- name: using_functions
-- Relations whose trigger, default, constraint, index, policy or query calls these functions.
select distinct coalesce(t.tgrelid, a.adrelid, nullif(k.conrelid, 0), p.polrelid, r.ev_class, i.indrelid)::pg_catalog.int8
  from pg_catalog.pg_depend d
  left join pg_catalog.pg_trigger t on d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = d.objid
  left join pg_catalog.pg_attrdef a on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.oid = d.objid
  left join pg_catalog.pg_constraint k on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = d.objid
  left join pg_catalog.pg_policy p on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and p.oid = d.objid
  left join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and r.oid = d.objid
  left join pg_catalog.pg_index i on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and i.indexrelid = d.objid
 where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid = any(%s::pg_catalog.oid[])
   and coalesce(t.tgrelid, a.adrelid, nullif(k.conrelid, 0), p.polrelid, r.ev_class, i.indrelid) is not null

-- name: neighbours
-- What is one step away from these relations: kind of the step, oid. Views, partitions, keys, sequences, indexes.
with given as materialized (select pg_catalog.unnest(%s::pg_catalog.oid[]) as oid)
select 'same', i.indrelid::pg_catalog.int8 from given g join pg_catalog.pg_index i on i.indexrelid = g.oid
 union
select 'same', case when h.inhrelid = g.oid then h.inhparent else h.inhrelid end
  from given g join pg_catalog.pg_inherits h on g.oid in (h.inhrelid, h.inhparent)
 union
select 'same', d.refobjid from given g
  join pg_catalog.pg_class c on c.oid = g.oid and c.relkind = 'S'
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = g.oid
   and d.refclassid = d.classid and d.deptype in ('a', 'i')
 union
select 'same', d.objid from given g
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = g.oid
   and d.classid = d.refclassid and d.deptype in ('a', 'i')
  join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'S'
 union
select 'reads', d.refobjid from given g
  cross join lateral (
    select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid from pg_catalog.pg_rewrite r where r.ev_class = g.oid
     union all
    select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid from pg_catalog.pg_attrdef a where a.adrelid = g.oid
     union all
    select 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid from pg_catalog.pg_policy p where p.polrelid = g.oid
  ) s (classid, oid)
  join pg_catalog.pg_depend d on d.classid = s.classid and d.objid = s.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> g.oid
 union
select 'read by', coalesce(r.ev_class, a.adrelid) from given g
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = g.oid
  left join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and r.oid = d.objid
  left join pg_catalog.pg_attrdef a on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.oid = d.objid
 where coalesce(r.ev_class, a.adrelid) <> g.oid
 union
select 'references', k.confrelid from given g
  join pg_catalog.pg_constraint k on k.conrelid = g.oid and k.contype = 'f'
 union
select 'referenced by', k.conrelid from given g
  join pg_catalog.pg_constraint k on k.confrelid = g.oid and k.contype = 'f'

-- name: needs
-- Everything that these relations, types and functions are made of: catalog, oid, the extension it belongs to.
with recursive start (classid, objid) as (
  select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, pg_catalog.unnest(%s::pg_catalog.oid[])
   union all
  select 'pg_catalog.pg_type'::pg_catalog.regclass, pg_catalog.unnest(%s::pg_catalog.oid[])
   union all
  select 'pg_catalog.pg_proc'::pg_catalog.regclass, pg_catalog.unnest(%s::pg_catalog.oid[])
), needs (classid, objid) as (
  select s.classid, s.objid from start s
   union
  select x.classid, x.objid from needs n cross join lateral (
    select d.refclassid, d.refobjid from pg_catalog.pg_depend d
     where d.classid = n.classid and d.objid = n.objid and d.refobjid >= 16384 and d.deptype in ('n', 'a', 'i')
       and (d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass
            or d.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass)
     union all
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid from pg_catalog.pg_constraint k
     where n.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and k.contypid = n.objid
     union all
    select s.classid, s.oid from (
      select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid from pg_catalog.pg_attrdef a where a.adrelid = n.objid
       union all
      select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid from pg_catalog.pg_constraint k
       where k.conrelid = n.objid and k.contype <> 'f'
       union all
      select 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid from pg_catalog.pg_trigger t
       where t.tgrelid = n.objid and not t.tgisinternal
       union all
      select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid from pg_catalog.pg_rewrite r where r.ev_class = n.objid
       union all
      select 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid from pg_catalog.pg_policy p where p.polrelid = n.objid
       union all
      select 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid from pg_catalog.pg_index i where i.indrelid = n.objid
    ) s (classid, oid) where n.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  ) x (classid, objid)
)
select c.relname, n.objid::pg_catalog.int8, e.extname, l.nspname as extension_schema
  from needs n join pg_catalog.pg_class c on c.oid = n.classid
  left join pg_catalog.pg_depend d on d.classid = n.classid and d.objid = n.objid and d.deptype = 'e'
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  left join pg_catalog.pg_extension e on e.oid = d.refobjid
  left join pg_catalog.pg_namespace l on l.oid = e.extnamespace
 where n.objid >= 16384
