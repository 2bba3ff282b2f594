-- name: is_member
-- Whether a role is a member of another one, directly or through others (a superuser is a member of every role).
select pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')
  from pg_catalog.pg_roles r, pg_catalog.pg_roles g
 where r.rolname = %s::pg_catalog.name and g.rolname = %s::pg_catalog.name

-- name: identity
-- Who is connected, and with which rights.
select session_user::pg_catalog.text, current_user::pg_catalog.text,
       r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls,
       pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text
  from pg_catalog.pg_roles r, pg_catalog.pg_database d
 where r.rolname = current_user and d.datname = pg_catalog.current_database()

-- name: relation_owners
-- Owners of relations.
select c.oid::pg_catalog.int8, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text
  from pg_catalog.pg_class c where c.oid = any(%s::pg_catalog.oid[])

-- name: schema_owner
-- Owner of a schema.
select pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text
  from pg_catalog.pg_namespace n where n.nspname = %s::pg_catalog.name

-- name: backend
-- Which server process answers.
select pg_catalog.pg_backend_pid()
