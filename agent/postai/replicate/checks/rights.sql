-- name: not_owned
-- Tables that move and whose owner's rights this role has not, by owner.
select c.relowner::regrole::text, r.rolsuper, format('%I.%I', n.nspname, c.relname)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  join pg_roles as r on r.oid = c.relowner
 where c.relkind = 'r' and c.relpersistence = 'p' and {no_extension}
   and not pg_has_role(c.relowner, 'usage')
 order by 1, 3

-- name: not_triggered
-- Tables on which this role may make no trigger.
select format('%I.%I', n.nspname, c.relname)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p' and {no_extension}
   and not has_table_privilege(c.oid, 'TRIGGER')
 order by 1

-- name: not_readable
-- Schemas, tables and sequences that this role may not read.
select 'SCHEMA', format('%I', n.nspname), 'USAGE'
  from pg_namespace as n
 where {users_schema} and not has_schema_privilege(n.oid, 'USAGE')
   and exists (select from pg_class as c where c.relnamespace = n.oid and c.relkind in ('r', 'S'))
union all
select case c.relkind when 'S' then 'SEQUENCE' else 'TABLE' end, format('%I.%I', n.nspname, c.relname), 'SELECT'
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind in ('r', 'S') and c.relpersistence = 'p' and {no_extension}
   and not case c.relkind when 'S' then has_sequence_privilege(c.oid, 'SELECT')
                          else has_table_privilege(c.oid, 'SELECT') end
 order by 1, 2

-- name: large_objects_not_readable
-- Large objects that this role may not read, a thousand of them at a time.
select m.oid::int8 from pg_largeobject_metadata as m
 where current_setting('lo_compat_privileges') = 'off' and not pg_has_role(m.lomowner, 'usage')
   and not exists (select from aclexplode(m.lomacl) as a
                    where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))
 order by 1 limit 1000

-- name: hidden_rows
-- Tables whose row security holds for this role.
select format('%I.%I', n.nspname, c.relname), c.relforcerowsecurity
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p' and c.relrowsecurity and {no_extension}
   and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'usage'))
 order by 1

-- name: sessions
-- Whether this role sees others' sessions, may end them, and may change the database's settings; who owns it, whether that
-- is a superuser; and whether roles of which this one is no member are connected.
select pg_has_role('pg_read_all_stats', 'usage'), pg_has_role('pg_signal_backend', 'usage'),
       pg_has_role(d.datdba, 'usage'), d.datdba::regrole::text, r.rolsuper,
       exists (select from pg_stat_activity as a
                where a.datname = current_database() and a.usesysid is not null
                  and not coalesce(pg_has_role(a.usesysid, 'usage'), true))
  from pg_database as d join pg_roles as r on r.oid = d.datdba
 where d.datname = current_database()

-- name: roles
-- Roles that own something here or are granted something, and whether they can log in.
select r.rolname::text, r.rolcanlogin
  from pg_roles as r
 where r.rolname !~ '^pg_'
   and (exists (select from pg_shdepend as s
                 where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
                   and s.dbid = (select d.oid from pg_database as d where d.datname = current_database()))
        or exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
                    where c.relowner = r.oid))
 order by 1

-- name: known_roles
-- Of these roles, those that are there, and whether this role is a member.
select r.rolname::text, pg_has_role(r.oid, 'member') from pg_roles as r where r.rolname = any (%s) order by 1

-- name: may_be_replica
-- Whether this role may switch triggers off for its session.
select has_parameter_privilege('session_replication_role', 'SET')

-- name: firing
-- How many tables have triggers, those of foreign keys included.
select count(distinct t.tgrelid)
  from pg_trigger as t
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where t.tgenabled <> 'D' and {no_extension}
