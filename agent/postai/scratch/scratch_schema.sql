-- name: schema_rights
-- Whether this role may make schemas, or is lent some by postai; whether here, whether event triggers would fire; the
-- mark of this session.
select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
       case when pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('postai')::pg_catalog.oid, 'usage')
            then coalesce(pg_catalog.has_function_privilege(
                   pg_catalog.to_regprocedure('postai._lend_scratch_schema(text)')::pg_catalog.oid, 'execute'), false)
            else false end,
       pg_catalog.pg_is_in_recovery() or pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
       exists (select from pg_catalog.pg_event_trigger t where t.evtenabled <> 'D'),
       pg_catalog.format('%s_%s', pg_catalog.pg_backend_pid(), pg_catalog.to_hex((extract(epoch from
         (select a.backend_start from pg_catalog.pg_stat_activity a where a.pid = pg_catalog.pg_backend_pid()))
         * 1000000)::pg_catalog.int8))

-- name: schema_leftovers
-- Scratch schemas of this role whose session is gone: the prefix, the prefix, the prefix. A session whose start this
-- role may not see counts as theirs. Those that postai lent it are another's, who gave it CREATE: the second column.
select n.nspname::pg_catalog.text, n.nspowner <> r.oid
  from pg_catalog.pg_namespace n
  join pg_catalog.pg_roles r on r.rolname = current_user and (r.oid = n.nspowner or exists (
         select from pg_catalog.aclexplode(n.nspacl) a
          where a.grantee = r.oid and a.grantor = n.nspowner and a.privilege_type = 'CREATE'))
 where n.nspname ~ ('^' || %s::pg_catalog.text || '[0-9]+_[0-9a-f]+_[0-9a-f]{8}_[0-9]+$')
   and not exists (
     select from pg_catalog.pg_stat_activity a
      where pg_catalog.starts_with(n.nspname, pg_catalog.format('%%s%%s_', %s::pg_catalog.text, a.pid))
        and coalesce(pg_catalog.starts_with(n.nspname, pg_catalog.format('%%s%%s_%%s_', %s::pg_catalog.text, a.pid,
              pg_catalog.to_hex((extract(epoch from a.backend_start) * 1000000)::pg_catalog.int8))), true))

-- name: lend
-- An empty schema of this name, made by postai for this role.
select postai._lend_scratch_schema(%s)

-- name: give_back
-- Drop it again.
select postai._return_scratch_schema(%s)

-- name: extension_objects
-- Types, functions, operators, operator classes and relations of extensions: schema, name, whether PostgreSQL itself
-- has none of that name.
select n.nspname::pg_catalog.text, o.name::pg_catalog.text, not pg_catalog.bool_or(o.name in (
         select p.proname from pg_catalog.pg_proc p where p.oid < 16384
          union all select t.typname from pg_catalog.pg_type t where t.oid < 16384
          union all select p.oprname from pg_catalog.pg_operator p where p.oid < 16384))
  from pg_catalog.pg_depend d
 cross join lateral (
   select t.typnamespace, t.typname from pg_catalog.pg_type t
    where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and t.oid = d.objid
    union all
   select p.pronamespace, p.proname from pg_catalog.pg_proc p
    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = d.objid
    union all
   select p.oprnamespace, p.oprname from pg_catalog.pg_operator p
    where d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass and p.oid = d.objid
    union all
   select p.opcnamespace, p.opcname from pg_catalog.pg_opclass p
    where d.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass and p.oid = d.objid
    union all
   select c.relnamespace, c.relname from pg_catalog.pg_class c
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = d.objid
 ) o (place, name)
  join pg_catalog.pg_namespace n on n.oid = o.place
 where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and n.nspname <> 'pg_catalog'
 group by n.nspname, o.name
