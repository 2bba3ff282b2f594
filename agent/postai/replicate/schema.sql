-- name: extensions
-- Extensions: name, schema, version, what of the user's needs them (how many objects).
with member as (
    select d.refobjid as extension, d.classid, d.objid from pg_catalog.pg_depend as d
     where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
)
select e.extname::text, n.nspname::text, e.extversion,
       (select pg_catalog.count(*) from member as m
          join pg_catalog.pg_depend as d on d.refclassid = m.classid and d.refobjid = m.objid and d.deptype = 'n'
         where m.extension = e.oid
           and not exists (select from member as o where o.classid = d.classid and o.objid = d.objid))
  from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname <> 'plpgsql' and e.extname !~ '^postai'
 order by e.oid

-- name: available
-- Extensions that could be made here: name, default version, versions, whether it can be put into any schema.
select a.name::text, a.default_version, pg_catalog.array_agg(v.version::text), pg_catalog.bool_or(v.schema is null)
  from pg_catalog.pg_available_extensions as a
  join pg_catalog.pg_available_extension_versions as v on v.name = a.name
 where a.name = any (%s::text[])
 group by a.name, a.default_version

-- name: filled
-- Materialised views that have been filled, each after those that it reads: schema, name.
with recursive reads (view, other) as (
    select w.ev_class, d.refobjid
      from pg_catalog.pg_rewrite as w
      join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.ev_class
      join pg_catalog.pg_class as c on c.oid = w.ev_class and c.relkind in ('v', 'm')
      join pg_catalog.pg_class as o on o.oid = d.refobjid and o.relkind in ('v', 'm')
), depth (oid, level) as (
    select c.oid, 0 from pg_catalog.pg_class as c where c.relkind in ('v', 'm')
    union
    select r.view, d.level + 1 from depth as d join reads as r on r.other = d.oid where d.level < 100
)
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  join (select d.oid, max(d.level) as level from depth as d group by d.oid) as d on d.oid = c.oid
 where c.relkind = 'm' and c.relispopulated
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
   and not exists (select from pg_catalog.pg_depend as e
                    where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e')
 order by d.level, 1, 2

-- name: superuser
-- Whether this session is a superuser's.
select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: restored_table
-- Which statements of the source's schema were run.
create table if not exists {schema}.restored (
    statement text primary key, at timestamptz not null default pg_catalog.clock_timestamp()
)

-- name: restored
-- Their digests.
select r.statement from {schema}.restored as r

-- name: note
-- Note some.
insert into {schema}.restored (statement) values {statements} on conflict do nothing

-- name: quiet
-- For the rest of the transaction a superuser's statements are not logged: they hold what nobody may read.
select pg_catalog.set_config(s.name, s.value, true)
  from pg_catalog.pg_roles as r
 cross join (values ('log_statement', 'none'), ('log_min_duration_statement', '-1'), ('log_min_error_statement', 'panic'),
                    ('log_duration', 'off'), ('log_min_messages', 'error')) as s (name, value)
 where r.rolname = current_user and r.rolsuper

-- name: secret
-- The statement that is run next; it ends with the transaction.
select pg_catalog.set_config('postai.statement', %s, true) is null

-- name: secretly
-- Run it without having it in a statement, nor in an error.
do $secretly$
begin
    execute pg_catalog.current_setting('postai.statement');
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$secretly$

-- name: memory
-- Memory for building an index: so many sessions may have a quarter of what the server caches, a gigabyte each at most.
select pg_catalog.set_config('maintenance_work_mem', pg_catalog.concat(greatest(w.setting::int8,
           least(1048576, b.setting::int8 * pg_catalog.current_setting('block_size')::int8 / 4096 / %s::int8)), 'kB'), false)
  from pg_catalog.pg_settings as w, pg_catalog.pg_settings as b
 where w.name = 'maintenance_work_mem' and b.name = 'shared_buffers'
