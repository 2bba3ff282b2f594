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

-- name: owner
-- Its owner, and who may read and write it.
select pg_catalog.pg_get_userbyid(m.lomowner)::text,
       array(select pg_catalog.format('grant %%s on large object %%s to %%s', pg_catalog.lower(a.privilege_type), m.oid,
                    case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end)
               from pg_catalog.aclexplode(m.lomacl) as a where a.grantee <> m.lomowner)
  from pg_catalog.pg_largeobject_metadata as m where m.oid = %s::int8::oid

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
