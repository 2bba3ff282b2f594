-- name: relations
-- The copy's relations (of all schemas, or of these): oid, kind, schema, name, file, an index's table, a partition's
-- or child's parent, whether it is an index along which its table was clustered, the default partition.
select c.oid::pg_catalog.int8, c.relkind::pg_catalog.text, n.nspname, c.relname,
       c.relfilenode::pg_catalog.int8, i.indrelid::pg_catalog.int8,
       (select h.inhparent from pg_catalog.pg_inherits h where h.inhrelid = c.oid order by h.inhseqno limit 1)::pg_catalog.int8,
       coalesce(i.indisclustered, false), p.partdefid::pg_catalog.int8
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname not like 'pg\_%%'
   and n.nspname <> 'information_schema' and coalesce(n.nspname = any(%s::pg_catalog.text[]), true)
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_partitioned_table p on p.partrelid = c.oid and p.partdefid <> 0
 where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'i', 'I')

-- name: locks
-- Locks that this session holds on relations of this database: oid, mode.
select l.relation::pg_catalog.int8, l.mode
  from pg_catalog.pg_locks l
 where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())

-- name: foreign_keys
-- The copy's foreign keys (of all schemas, or of these): oid, name, referencing table, referenced table, whether it is validated.
select k.oid::pg_catalog.int8, k.conname, k.conrelid::pg_catalog.int8, k.confrelid::pg_catalog.int8, k.convalidated
  from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
 where k.contype = 'f' and coalesce(n.nspname = any(%s::pg_catalog.text[]), true)

-- name: session
-- Who asks, the schemas of the search_path, and settings that say what a statement means.
select current_user::pg_catalog.text, pg_catalog.current_schemas(false)::pg_catalog.text[],
       (select pg_catalog.jsonb_object_agg(s.name, s.setting)::pg_catalog.text from pg_catalog.pg_settings s
         where s.name in ('TimeZone', 'DateStyle', 'IntervalStyle', 'standard_conforming_strings',
                          'default_toast_compression', 'array_nulls'))

-- name: use_path
-- Set the search_path to these schemas.
select pg_catalog.set_config('search_path',
         coalesce((select pg_catalog.string_agg(pg_catalog.quote_ident(p), ', ') from pg_catalog.unnest(%s::pg_catalog.text[]) p),
                  ''), false)

-- name: strays
-- Whether this session holds a lock that keeps others from writing on a table outside these schemas.
select exists (
  select from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and c.oid >= 16384
     and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                    'AccessExclusiveLock')
     and n.nspname <> all(%s::pg_catalog.text[]) and n.nspname not like 'pg\_%%')
