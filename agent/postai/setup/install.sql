-- What the installer asks of a database and does besides the files of sql/ and plpython/.

-- name: lock
-- One installer at a time in this database; ends with the transaction.
select pg_catalog.pg_advisory_xact_lock(1886352244, 2)

-- name: pin_search_path
-- Nothing that somebody put into public may be found instead of PostgreSQL's own.
set local search_path = pg_catalog, pg_temp

-- name: allow_time
-- An installation may wait for a lock longer than a question may.
set local lock_timeout = '10s'

-- name: state
-- What is here: the extension, the schema, its version table.
select exists (select from pg_catalog.pg_extension where extname = 'postai'),
       exists (select from pg_catalog.pg_namespace where nspname = 'postai'),
       pg_catalog.to_regclass('postai.schema_version') is not null

-- name: version
-- Newest installed version.
select version from postai.schema_version
 order by pg_catalog.string_to_array(version, '.')::integer[] desc limit 1

-- name: may_create_schema
-- Whether this user may create a schema here.
select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')

-- name: write_version
-- Note the version that is in place now.
insert into postai.schema_version (version, installed_as) values (%s, 'plain')

-- name: missing_roles
-- Which roles of postai do not exist.
select r from pg_catalog.unnest(array['postai_reader', 'postai_user', 'postai_operator', 'postai_agent']) as r
 where pg_catalog.to_regrole(r) is null

-- name: missing_grants
-- Number of noted privileges that a role lacks because it was created later.
select count(*)
  from postai.role_grant as g
  join pg_catalog.pg_roles as r on r.rolname = g.grantee
 where g.privilege = 'usage on schema postai' and not pg_catalog.has_schema_privilege(r.oid, 'postai', 'usage')

-- name: apply_grants
-- Give the noted privileges to the roles that exist now.
select postai._apply_grants(), postai._lower_cache()

-- name: transport
-- The transport that is fixed now.
select kind from postai.transport

-- name: circumstances
-- Superuser; language installed; language available; same host; dblink installed; dblink available; may create roles;
-- major of the server; address; port; settings for a loopback connection; oid of the database.
select (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user),
       exists (select from pg_catalog.pg_language where lanname = 'plpython3u'),
       exists (select from pg_catalog.pg_available_extensions where name = 'plpython3u'),
       pg_catalog.inet_server_addr() is null or pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr(),
       exists (select from pg_catalog.pg_extension where extname = 'dblink'),
       exists (select from pg_catalog.pg_available_extensions where name = 'dblink'),
       (select r.rolsuper or r.rolcreaterole from pg_catalog.pg_roles r where r.rolname = current_user),
       pg_catalog.host(pg_catalog.inet_server_addr()),
       pg_catalog.current_setting('listen_addresses'),
       (select pg_catalog.split_part(s.setting, ',', 1) from pg_catalog.pg_settings s where s.name = 'unix_socket_directories'),
       pg_catalog.current_setting('port'),
       (select d.oid::text from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())

-- name: dblink_open_to_all
-- The functions of dblink that everybody may execute.
select p.oid::pg_catalog.regprocedure::text
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = e.oid
       and d.deptype = 'e' and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  join pg_catalog.pg_proc as p on p.oid = d.objid
 where e.extname = 'dblink' and exists (
   select from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
    where a.grantee = 0 and a.privilege_type = 'EXECUTE')
 order by 1

-- name: socket_function
-- Source of the PL/Python client, if it is here.
select p.prosrc from pg_catalog.pg_proc p where p.oid = pg_catalog.to_regprocedure('postai._socket(text, text, text)')

-- name: drop_socket_function
-- Remove the PL/Python client of another transport, unless it belongs to an extension.
do $$
begin
  if not exists (select from pg_catalog.pg_depend as d
                  where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
                    and d.objid = pg_catalog.to_regprocedure('postai._socket(text, text, text)')) then
    drop function if exists postai._socket(text, text, text);
  end if;
end
$$

-- name: fix_transport
-- Fix the transport of this database.
update postai.transport set kind = %s, login = %s, fixed_at = pg_catalog.now()

-- name: try_dblink
-- Open the second connection, and see whether a lock of this session is known there.
select postai._dblink(pg_catalog.format(
  'select exists (select from pg_catalog.pg_locks as l where l.locktype = ''advisory'' and l.classid = 1886352244'
  ' and l.objid = %%s and l.objsubid = 2 and l.pid = %%s'
  ' and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))',
  %s::integer, pg_catalog.pg_backend_pid()))

-- name: try_dblink_end
-- Close it again.
select postai._dblink_drop()

-- name: used_by
-- What outside of schema postai would be dropped with it: views, functions, columns ... that depend on its objects.
with ours as (
  select 'pg_catalog.pg_class'::pg_catalog.regclass as classid, c.oid
    from pg_catalog.pg_class c where c.relnamespace in (pg_catalog.to_regnamespace('postai'), pg_catalog.to_regnamespace('postai_cache'))
  union all
  select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    from pg_catalog.pg_type t where t.typnamespace in (pg_catalog.to_regnamespace('postai'), pg_catalog.to_regnamespace('postai_cache'))
  union all
  select 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
    from pg_catalog.pg_proc p where p.pronamespace in (pg_catalog.to_regnamespace('postai'), pg_catalog.to_regnamespace('postai_cache'))
), user_of as (
  select case when w.oid is null then d.classid else 'pg_catalog.pg_class'::pg_catalog.regclass end as classid,
         coalesce(w.ev_class, d.objid) as objid, case when w.oid is null then d.objsubid else 0 end as objsubid
    from pg_catalog.pg_depend d
    join ours o on o.classid = d.refclassid and o.oid = d.refobjid
    left join pg_catalog.pg_rewrite w on w.oid = d.objid and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
   where d.deptype in ('n', 'a')
)
select distinct concat_ws(' ', i.type, i.identity)
  from user_of u, lateral pg_catalog.pg_identify_object(u.classid, u.objid, u.objsubid) i
 where coalesce(i.schema, '') not in ('postai', 'postai_cache', 'pg_toast') and i.identity !~ '(^| on |for )postai(_cache)?\.'
   and not exists (select from ours o where o.classid = u.classid and o.oid = u.objid)
 order by 1

-- name: login
-- The login of transport dblink that an installation made.
select login from postai.transport where login is not null

-- name: loopback
-- The second connection of transport dblink as it is stored: database; port; whether the owner of the functions is
-- mapped; login that is noted; whether it exists and may log in; whether the database that it was made for is gone.
select (select o.option_value from pg_catalog.pg_options_to_table(s.srvoptions) as o where o.option_name = 'dbname'),
       (select o.option_value from pg_catalog.pg_options_to_table(s.srvoptions) as o where o.option_name = 'port'),
       exists (select from pg_catalog.pg_user_mappings as m where m.srvid = s.oid and m.usename = postai._owner()),
       t.login, r.oid is not null, coalesce(r.rolcanlogin, false),
       not exists (select from pg_catalog.pg_database as d where 'postai_transport_' || d.oid = t.login)
  from postai.transport as t
  left join pg_catalog.pg_foreign_server as s on s.srvname = 'postai_loopback'
  left join pg_catalog.pg_roles as r on r.rolname = t.login

-- name: make_roles
-- Make the roles of postai that are missing.
select postai._make_roles()

-- name: act_as
-- Take another role until the end of the transaction; gives the one before.
select pg_catalog.current_setting('role'), pg_catalog.set_config('role', %s, true)

-- name: mark
-- A lock that the second connection must see when it leads to this very database.
select pg_catalog.pg_advisory_xact_lock(1886352244, %s)

-- name: role_exists
-- Whether a role exists.
select exists (select from pg_catalog.pg_roles where rolname = %s)

-- name: is_tracked
-- Whether pg_stat_statements would count what a login runs here, and this session may change that, as superusers may.
select pg_catalog.current_setting('is_superuser') = 'on' and r.oid is not null and not exists (
         select from pg_catalog.pg_db_role_setting as s
          where s.setrole = r.oid
            and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
            and 'pg_stat_statements.track=none' = any (s.setconfig))
  from (select pg_catalog.to_regrole(pg_catalog.quote_ident(%s)) as oid) as r

-- name: is_member
-- Whether a role is a member of another.
select coalesce((select pg_catalog.pg_has_role(r.oid, m.oid, 'member')
                   from pg_catalog.pg_roles r, pg_catalog.pg_roles m
                  where r.rolname = %s and m.rolname = %s and not r.rolsuper), false)

-- name: owner
-- Owner of the schema and of its functions.
select postai._owner()
