-- name: any
-- Whether there are large objects.
select exists (select from pg_catalog.pg_largeobject_metadata)

-- name: install
-- Which large objects the move has brought to the target: only those may be removed again.
create table if not exists {schema}.large_object (id oid primary key)

-- name: brought
-- Those.
select l.id::int8 from {schema}.large_object as l

-- name: note
-- One more.
insert into {schema}.large_object (id) values (%s::int8::oid) on conflict do nothing

-- name: meta
-- Owner, grants and comment of all of them or of some.
select m.oid::int8, pg_catalog.pg_get_userbyid(m.lomowner)::text, g.rights, g.grantees, d.description
  from pg_catalog.pg_largeobject_metadata as m
  left join pg_catalog.pg_description as d
    on d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass and d.objoid = m.oid and d.objsubid = 0
 cross join lateral (
       select coalesce(pg_catalog.array_agg(a.privilege_type), '{}') as rights,
              coalesce(pg_catalog.array_agg(case when a.grantee <> 0 then pg_catalog.pg_get_userbyid(a.grantee)::text end), '{}') as grantees
         from pg_catalog.aclexplode(m.lomacl) as a where a.grantee <> m.lomowner) as g
 where %s::int8[] is null or m.oid = any (%s::int8[]::oid[])

-- name: roles
-- Every role.
select r.rolname::text from pg_catalog.pg_roles as r

-- name: comment
-- The statement that sets a comment, or removes it.
select pg_catalog.format('comment on large object %%s is %%L', %s::int8, %s::text)

-- name: may_see
-- Whether this role may read and lock what large objects are kept in.
select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user

-- name: stamp
-- One number for all large objects: the transactions that wrote their pages, owners, grants and comments last.
select pg_catalog.concat_ws('/',
    (select pg_catalog.concat(count(*), ':', sum(pg_catalog.hashint8extended(l.xmin::text::int8, (l.loid::int8 << 32) # l.pageno)::numeric))
       from pg_catalog.pg_largeobject as l),
    (select pg_catalog.concat(count(*), ':', sum(pg_catalog.hashint8extended(m.xmin::text::int8, m.oid::int8)::numeric))
       from pg_catalog.pg_largeobject_metadata as m),
    (select pg_catalog.concat(count(*), ':', sum(pg_catalog.hashint8extended(d.xmin::text::int8, d.objoid::int8)::numeric))
       from pg_catalog.pg_description as d where d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass))

-- name: stamps
-- The same for each.
select m.oid::int8, pg_catalog.concat_ws('/', m.xmin, d.xmin, l.pages)
  from pg_catalog.pg_largeobject_metadata as m
  left join pg_catalog.pg_description as d
    on d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass and d.objoid = m.oid and d.objsubid = 0
  left join (select o.loid, pg_catalog.concat(count(*), ':', sum(pg_catalog.hashint8extended(o.xmin::text::int8, o.pageno::int8)::numeric)) as pages
               from pg_catalog.pg_largeobject as o group by 1) as l on l.loid = m.oid

-- name: read
-- A part of one.
select pg_catalog.lo_get(%s::int8::oid, %s::int8, %s)

-- name: write
-- A part of one.
select pg_catalog.lo_put(%s::int8::oid, %s::int8, %s::bytea)

-- name: make
-- A new, empty one.
select pg_catalog.lo_create(%s::int8::oid)

-- name: remove
-- Remove one where it is there.
select pg_catalog.lo_unlink(m.oid) from pg_catalog.pg_largeobject_metadata as m where m.oid = %s::int8::oid
