-- name: wanted
-- Names of the roles that this database needs: its owners, grantees and those with settings here, the roles that belong
-- to them, and all roles that these belong to.
with recursive here as (
    select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()
), named (oid) as (
    select s.refobjid from pg_catalog.pg_shdepend as s, here as h
     where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       and (s.dbid = h.oid or s.dbid = 0 and s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass and s.objid = h.oid)
    union
    select s.setrole from pg_catalog.pg_db_role_setting as s, here as h where s.setdatabase = h.oid and s.setrole <> 0
    union
    -- What the first superuser owns is nowhere noted.
    select c.relowner from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
     where c.relowner = 10
    union
    select p.proowner from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and {users_schema}
     where p.proowner = 10
    union
    select n.nspowner from pg_catalog.pg_namespace as n where n.nspowner = 10 and n.nspname <> 'public' and {users_schema}
), users (oid) as (
    select n.oid from named as n
    union
    select m.member from users as u join pg_catalog.pg_auth_members as m on m.roleid = u.oid
), all_of_them (oid) as (
    select u.oid from users as u
    union
    select m.roleid from all_of_them as a join pg_catalog.pg_auth_members as m on m.member = a.oid
)
select r.rolname::text from all_of_them as a join pg_catalog.pg_roles as r on r.oid = a.oid
 where r.rolname !~ '^(pg_|postai_(reader|user|operator|agent)$|postai_[0-9]|rds|cloudsql|azure_|alloydb)'
 order by 1

-- name: roles
-- These roles as they are on this server: name, what CREATE ROLE says of them, comment.
select r.rolname::text, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
       r.rolbypassrls, r.rolconnlimit,
       case when r.rolvaliduntil is not null and r.rolvaliduntil <> 'infinity'
            then pg_catalog.to_char(r.rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') end,
       pg_catalog.shobj_description(r.oid, 'pg_authid')
  from pg_catalog.pg_roles as r where r.rolname = any (%s::text[])
 order by 1

-- name: memberships
-- Who belongs to which of all roles, for these members: group, member, admin, inherit and set option, group is superuser.
select g.rolname::text, u.rolname::text, pg_catalog.bool_or(m.admin_option),
       pg_catalog.bool_or(coalesce((j.o ->> 'inherit_option')::bool, u.rolinherit)),
       pg_catalog.bool_or(coalesce((j.o ->> 'set_option')::bool, true)), g.rolsuper
  from pg_catalog.pg_auth_members as m
 cross join lateral (select pg_catalog.to_jsonb(m) as o) as j
  join pg_catalog.pg_roles as g on g.oid = m.roleid
  join pg_catalog.pg_roles as u on u.oid = m.member
 where u.rolname = any (%s::text[])
 group by g.rolname, u.rolname, g.rolsuper
 order by 1, 2

-- name: settings
-- Settings of these roles and of this database: role (null = of all), whether in this database only, name, value.
select r.rolname::text, s.setdatabase <> 0, pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)
  from pg_catalog.pg_db_role_setting as s
  left join pg_catalog.pg_roles as r on r.oid = s.setrole
 cross join pg_catalog.unnest(s.setconfig) as c
 where (s.setdatabase = 0 or s.setdatabase = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
   and (s.setrole = 0 and s.setdatabase <> 0 or r.rolname = any (%s::text[]))
 order by 1 nulls first, 2, 3

-- name: me
-- This session's role: name, superuser, oid.
select r.rolname::text, r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: may_own
-- Which of these roles this session cannot give objects to, and whether they are superusers.
select r.rolname::text, r.rolsuper from pg_catalog.pg_roles as r
 where r.rolname = any (%s::text[]) and not pg_catalog.pg_has_role(r.oid, {right})
 order by 1

-- name: passwords
-- Password hashes of these roles; only superusers may read them.
select a.rolname::text, a.rolpassword from pg_catalog.pg_authid as a
 where a.rolname = any (%s::text[]) and a.rolcanlogin and a.rolpassword is not null

-- name: without_password
-- Which of these roles may log in and have no password here.
select a.rolname::text from pg_catalog.pg_authid as a
 where a.rolname = any (%s::text[]) and a.rolcanlogin and a.rolpassword is null
 order by 1

-- name: database
-- What is said and granted of this database: comment; grantee (empty = PUBLIC), right, grant option.
select pg_catalog.shobj_description(d.oid, 'pg_database'), coalesce(r.rolname::text, ''), a.privilege_type, a.is_grantable
  from pg_catalog.pg_database as d
  left join lateral pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) as a on a.grantee <> d.datdba
  left join pg_catalog.pg_roles as r on r.oid = a.grantee
 where d.datname = pg_catalog.current_database()
 order by 2, 3
