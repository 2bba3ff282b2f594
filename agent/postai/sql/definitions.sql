-- name: fingerprint
-- A number that changes with every definition which could make a harmless looking SELECT run other code: relations,
-- view rules, policies, defaults, checks, indexes with expressions, types, functions, operators, casts, schemas.
-- It is a small part of the catalog's fingerprint (database/catalog.sql says what both rely on), cheap enough to be
-- asked again before every EXPLAIN. Temporary and toast relations are left out.
with space as materialized (
  select n.oid, n.nspname, n.nspacl from pg_catalog.pg_namespace n
   where n.nspname operator(pg_catalog.!~) '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache' /* besides */)
), relation as materialized (
  select c.oid, c.relname, c.relnamespace, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relowner
    from pg_catalog.pg_class c
   where c.oid >= 16384 and c.relkind in ('r', 'v', 'm', 'f', 'p') and c.relnamespace in (select space.oid from space)
)
select pg_catalog.concat_ws(' ',
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(s.*), 0)) from space s),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(r.*), 0)) from relation r),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(w.oid, w.xmin), 0))
     from pg_catalog.pg_rewrite w where w.ev_class in (select relation.oid from relation)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(p.oid, p.xmin), 0)) from pg_catalog.pg_policy p),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.oid, d.xmin), 0))
     from pg_catalog.pg_attrdef d where d.adrelid in (select relation.oid from relation)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(k.oid, k.xmin), 0))
     from pg_catalog.pg_constraint k where k.contype = 'c' and k.connamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(i.indexrelid, i.xmin), 0))
     from pg_catalog.pg_index i
    where (i.indexprs is not null or i.indpred is not null) and i.indrelid in (select relation.oid from relation)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(t.oid, t.xmin), 0))
     from pg_catalog.pg_type t where t.oid >= 16384 and t.typtype <> 'c' and t.typnamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(f.oid, f.xmin), 0))
     from pg_catalog.pg_proc f where f.oid >= 16384 and f.pronamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(o.oid, o.xmin), 0))
     from pg_catalog.pg_operator o where o.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0))
     from pg_catalog.pg_cast c where c.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0))
     from pg_catalog.pg_opclass c where c.oid >= 16384))

-- name: moment
-- The fingerprint, and before it the snapshot in which it was taken.
select pg_catalog.pg_current_snapshot()::pg_catalog.text || ' ' || (/* fingerprint */)

-- name: require
-- Fails (22P02) unless the fingerprint is a certain one; sent in one message with what must see the same definitions.
-- While no transaction has begun or ended that writes, the snapshot is the same, and nothing needs to be compared.
select case when pg_catalog.pg_current_snapshot()::pg_catalog.text = :snapshot then 0
            when (/* fingerprint */) = :wanted then 0
            else ('changed: ' || (/* fingerprint */))::pg_catalog.int4 end
