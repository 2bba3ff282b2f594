-- name: extensions
-- Extensions, their versions, and how many of the user's objects need them.
with member as (
    select d.refobjid as extension, d.classid, d.objid from pg_depend as d
     where d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass)
select e.extname::text, e.extversion,
       (select count(*) from member as m
          join pg_depend as d on d.refclassid = m.classid and d.refobjid = m.objid and d.deptype = 'n'
         where m.extension = e.oid
           and not exists (select from member as o where o.classid = d.classid and o.objid = d.objid))
  from pg_extension as e where e.extname <> 'plpgsql' and e.extname !~ '^postai'
 order by 1

-- name: available
-- Of these extensions, those that this server can have, and the version that it would make.
select a.name::text, a.default_version from pg_available_extensions as a where a.name = any (%s)

-- name: extension_tables
-- Tables of extensions that hold a user's rows.
select format('%I: %s', e.extname, c.oid::regclass)
  from pg_extension as e
  cross join lateral unnest(e.extconfig) as x (oid)
  join pg_class as c on c.oid = x.oid and c.relkind in ('r', 'p')
 order by 1

-- name: c_functions
-- Functions of the user in C.
select p.oid::regprocedure::text, coalesce(p.probin::text, '')
  from pg_proc as p
  join pg_language as l on l.oid = p.prolang and l.lanname = 'c'
  join pg_namespace as n on n.oid = p.pronamespace and {users_schema}
 where not exists (select from pg_depend as d
                    where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
 order by 1

-- name: event_triggers
-- Event triggers that are no extension's and not ours.
select quote_ident(t.evtname), t.evtenabled::text
  from pg_event_trigger as t
 where t.evtname !~ '^postai' and t.evtenabled <> 'D'
   and not exists (select from pg_depend as d
                    where d.classid = 'pg_event_trigger'::regclass and d.objid = t.oid and d.deptype = 'e')
 order by 1

-- name: publications
-- Publications that are not ours.
select quote_ident(p.pubname) from pg_publication as p where p.pubname !~ '^postai_[0-9]' order by 1

-- name: subscriptions
-- Subscriptions that bring changes into this database.
select quote_ident(s.subname)
  from pg_subscription as s
 where s.subenabled and s.subname !~ '^postai_[0-9]'
   and s.subdbid = (select d.oid from pg_database as d where d.datname = current_database())
 order by 1

-- name: slots
-- Logical slots of others, with who made their plugin.
select s.slot_name::text, s.plugin::text
  from pg_replication_slots as s
 where s.database = current_database() and not s.temporary and s.slot_name !~ '^postai_[0-9]'
 order by 1

-- name: security_labels
-- Providers of security labels and how many objects have one.
select l.provider, count(*) from pg_seclabel as l group by 1 order by 1

-- name: tablespaces
-- Tablespaces other than the default in which the user has something.
select distinct t.spcname::text
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  join pg_tablespace as t on t.oid = c.reltablespace
 order by 1

-- name: attver
-- Columns with an internal option that only their own server's pg_dump hides.
select count(*) from pg_attribute as a where a.attoptions::text ~ 'pg_attver'

-- name: database_settings
-- Settings of the database, and of roles in it.
select coalesce(r.rolname::text, ''), split_part(c.setting, '=', 1),
       substr(c.setting, strpos(c.setting, '=') + 1)
  from pg_db_role_setting as s
  join pg_database as d on d.oid = s.setdatabase and d.datname = current_database()
  left join pg_roles as r on r.oid = s.setrole
  cross join lateral unnest(s.setconfig) as c (setting)
 order by 1, 2

-- name: taken
-- What has a name of the move's: left by an earlier move, or another one's.
select 'slot ' || s.slot_name, format('SELECT pg_drop_replication_slot(%L)', s.slot_name)
  from pg_replication_slots as s
 where s.slot_name ~ '^postai_[0-9]' and (s.database = current_database() or s.database is null)
union all
select 'publication ' || p.pubname, format('DROP PUBLICATION %I', p.pubname)
  from pg_publication as p where p.pubname ~ '^postai_[0-9]'
union all
select 'subscription ' || s.subname,
       format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', s.subname)
  from pg_subscription as s
 where s.subname ~ '^postai_[0-9]' and s.subdbid = (select d.oid from pg_database as d where d.datname = current_database())
union all
select 'event trigger ' || t.evtname, format('DROP EVENT TRIGGER %I', t.evtname)
  from pg_event_trigger as t where t.evtname ~ '^postai_[0-9]'
union all
select 'schema ' || n.nspname, format('DROP SCHEMA %I CASCADE', n.nspname)
  from pg_namespace as n where n.nspname ~ '^postai_[0-9]'
union all
select 'role ' || r.rolname, format('DROP OWNED BY %1$I; DROP ROLE %1$I', r.rolname)
  from pg_roles as r where r.rolname ~ '^postai_[0-9]'

-- name: own_schema
-- Whether postai is installed here.
select exists (select from pg_namespace as n where n.nspname = 'postai')

-- name: same_tables
-- Of these tables, those that are there, and whether they take any room.
select format('%%I.%%I', n.nspname, c.relname), pg_relation_size(c.oid) > 0, has_table_privilege(c.oid, 'SELECT')
  from unnest(%s::text[], %s::text[]) as w (schema, name)
  join pg_namespace as n on n.nspname = w.schema
  join pg_class as c on c.relnamespace = n.oid and c.relname = w.name
 order by 1
