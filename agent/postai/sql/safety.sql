-- name: snapshot
-- Everything a guard must know about one database, as one JSON object (run with search_path = pg_catalog).
with user_functions as (
  select p.oid::bigint, n.nspname, p.proname, 
         case when n.nspname = 'pg_catalog' then 'pg_catalog.' else '' end || p.oid::regprocedure::text as signature, p.provolatile, l.lanname,
         p.pronargs, p.pronargdefaults, p.provariadic <> 0 as takes_more, p.proargtypes::oid[]::bigint[] as arguments,
         array_append(coalesce(p.proallargtypes, '{}'), p.prorettype)::bigint[] as results, r.rolsuper,
         (select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
           where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' limit 1) as extension
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  join pg_roles r on r.oid = p.proowner
  where p.oid >= 16384
), stored as (
  select 'pg_rewrite'::regclass::bigint as classid, w.oid::bigint as objid, w.ev_class::bigint as relid,
         case when c.relkind = 'v' then 'definition' else 'rule ' || w.rulename end as part,
         w.ev_action::text as tree
  from pg_rewrite w join pg_class c on c.oid = w.ev_class
  where w.oid >= 16384 and w.ev_type = '1' and c.relkind <> 'm'
  union all
  select 'pg_policy'::regclass::bigint, p.oid, p.polrelid, 'policy ' || p.polname, p.polqual::text
  from pg_policy p join pg_class c on c.oid = p.polrelid
  where c.relrowsecurity and p.polcmd in ('r', '*') and p.polqual is not null
  union all
  select 'pg_class'::regclass::bigint, i.indexrelid, i.indrelid, 'index ' || c.relname,
         concat(i.indexprs::text, ' ', i.indpred::text)
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indexrelid >= 16384 and (i.indexprs is not null or i.indpred is not null)
  union all
  select 'pg_constraint'::regclass::bigint, k.oid, k.conrelid, 'constraint ' || k.conname, k.conbin::text
  from pg_constraint k
  where k.oid >= 16384 and k.contype = 'c' and k.conrelid <> 0
  union all
  select 'pg_attrdef'::regclass::bigint, d.oid, d.adrelid, 'generated column ' || a.attname, d.adbin::text
  from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  where d.oid >= 16384 and a.attgenerated = 'v'
  union all
  select 'pg_class'::regclass::bigint, t.partrelid, t.partrelid, 'partition key', t.partexprs::text
  from pg_partitioned_table t
  where t.partexprs is not null
  union all
  select 'pg_statistic_ext'::regclass::bigint, x.oid, x.stxrelid, 'statistics ' || x.stxname, x.stxexprs::text
  from pg_statistic_ext x
  where x.stxexprs is not null
), domain_checks as (
  select k.oid::bigint, k.contypid::bigint, k.conname, k.conbin::text as tree
  from pg_constraint k
  where k.oid >= 16384 and k.contype = 'c' and k.contypid <> 0
), class_functions as (
  select c.oid::bigint as opclass, m.amproc::bigint as function
  from pg_opclass c join pg_amproc m on m.amprocfamily = c.opcfamily
  where c.oid >= 16384
  union
  select c.oid::bigint, o.oprcode::bigint
  from pg_opclass c
  join pg_amop m on m.amopfamily = c.opcfamily
  join pg_operator o on o.oid = m.amopopr
  where c.oid >= 16384
)
select json_build_object(
  'constraint_class', 'pg_constraint'::regclass::bigint,
  'functions', (select json_agg(json_build_array(
      oid, nspname, proname, signature, provolatile, lanname, pronargs, pronargdefaults, takes_more, arguments, results,
      rolsuper, extension)) from user_functions),
  'operators', (select json_agg(json_build_array(o.oid::bigint, n.nspname, o.oprname, o.oprleft::bigint, o.oprright::bigint, o.oprcode::bigint))
      from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where o.oid >= 16384),
  'casts', (select json_agg(json_build_array(c.castsource::bigint, c.casttarget::bigint, c.castfunc::bigint, c.castcontext,
        format_type(c.castsource, null), format_type(c.casttarget, null)))
      from pg_cast c where c.oid >= 16384),
  'types', (select json_agg(json_build_array(t.oid::bigint, n.nspname, t.typname, t.typtype, t.typelem::bigint, t.typbasetype::bigint,
        t.typrelid::bigint, t.typcategory,
        case when t.typtype = 'b' and t.typcategory <> 'A' then array[t.typinput::bigint, t.typoutput::bigint,
          t.typreceive::bigint, t.typsend::bigint, t.typmodin::bigint, t.typmodout::bigint] else '{}' end))
      from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid >= 16384),
  'composites', (select json_agg(json_build_array(a.attrelid::bigint, a.types)) from (
      select a.attrelid, array_agg(distinct a.atttypid::bigint) as types
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and a.atttypid >= 16384
        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
      group by a.attrelid) a),
  'domain_checks', (select json_agg(json_build_array(contypid::bigint, conname, oid::bigint, tree)) from domain_checks),
  'ranges', (select json_agg(json_build_array(r.rngtypid::bigint, r.rngsubtype::bigint, r.rngmultitypid::bigint, r.rngsubopc::bigint,
        array[r.rngcanonical::bigint, r.rngsubdiff::bigint]))
      from pg_range r where r.rngtypid >= 16384),
  'opclasses', (select json_agg(json_build_array(o.oid, o.name, o.type, o.by_default, o.functions)) from (
      select c.oid::bigint, c.opcname::text as name, c.opcintype::bigint as type, c.opcdefault as by_default,
             (select json_agg(distinct f.function::bigint) from class_functions f
               where f.opclass::bigint = c.oid::bigint) as functions
      from pg_opclass c where c.oid >= 16384
      union all
      -- what somebody added to PostgreSQL's own operator families serves every column of these types
      select m.oid::bigint, f.opfname || ' (added member)', greatest(m.amproclefttype, m.amprocrighttype)::bigint, true,
             json_build_array(m.amproc::bigint)
      from pg_amproc m join pg_opfamily f on f.oid = m.amprocfamily
      where m.oid >= 16384 and f.oid < 16384
      union all
      select m.oid::bigint, f.opfname || ' (added member)', greatest(m.amoplefttype, m.amoprighttype)::bigint, true,
             json_build_array(o.oprcode::bigint)
      from pg_amop m join pg_opfamily f on f.oid = m.amopfamily join pg_operator o on o.oid = m.amopopr
      where m.oid >= 16384 and f.oid < 16384) o),
  'relations', (select json_agg(json_build_array(c.oid::bigint, n.nspname, c.relname, c.relkind, c.reltype::bigint, s.srvname))
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_foreign_table f on f.ftrelid = c.oid
      left join pg_foreign_server s on s.oid = f.ftserver
      where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'),
  'children', (select json_agg(json_build_array(inhparent::bigint, inhrelid::bigint)) 
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where c.oid >= 16384 and c.relpersistence <> 't'),
  'stored', (select json_agg(json_build_array(classid::bigint, objid::bigint, relid::bigint, part, tree)) from stored),
  'used_opclasses', (select json_agg(json_build_array(relid::bigint, opclass::bigint, part)) from (
      select i.indrelid as relid, u.opclass, 'index ' || c.relname as part
      from pg_index i join pg_class c on c.oid = i.indexrelid, unnest(i.indclass::oid[]) as u (opclass)
      where u.opclass >= 16384
      union
      select t.partrelid, u.opclass, 'partition key'
      from pg_partitioned_table t, unnest(t.partclass::oid[]) as u (opclass)
      where u.opclass >= 16384) x),
  'dependencies', (select json_agg(json_build_array(d.classid::bigint, d.objid::bigint, d.refclassid::regclass::text, d.refobjid::bigint))
      from pg_depend d
      where d.refobjid >= 16384
        and d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_class'::regclass,
                          'pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_statistic_ext'::regclass)
        and (d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
             or d.refclassid = 'pg_type'::regclass and d.classid <> 'pg_class'::regclass)),
  'columns', (select json_agg(json_build_array(a.attrelid::bigint, a.attname))
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and a.attname in (select proname from user_functions)),
  'builtin_functions', (select json_agg(json_build_array(p.oid::bigint, p.proname, p.fit)) from (
      select p.oid, p.proname, p.provolatile in ('i', 's') and p.prokind <> 'p'
             and not (p.prorettype || p.proargtypes::oid[]) && (
               select array_agg(f.oid) from pg_type f  -- once for all functions
               where (f.typname in ('cstring', '_cstring', 'internal', 'trigger', 'event_trigger', 'void',
                                    'pg_ddl_command') or f.typname like '%\_handler')
                 and f.typnamespace = 'pg_catalog'::regnamespace) as fit
      from pg_proc p where p.oid < 16384 and p.pronamespace = 'pg_catalog'::regnamespace) p),
  'builtin_operators', (select json_agg(json_build_array(o.oid::bigint, o.oprname))
      from pg_operator o where o.oid < 16384),
  'builtin_types', (select json_agg(json_build_array(t.oid::bigint, t.typname))
      from pg_type t where t.oid < 16384 and t.typnamespace = 'pg_catalog'::regnamespace)
)
