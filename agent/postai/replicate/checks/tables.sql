-- name: row_security
-- Tables with row security, whoever looks.
select format('%I.%I', n.nspname, c.relname)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'r' and c.relpersistence = 'p' and c.relrowsecurity and {no_extension}
 order by 1

-- name: candidates
-- For these tables: the shortest index by which REPLICA IDENTITY can identify rows.
select distinct on (w.name) w.name, x.relname::text
  from unnest(%s::text[]) as w (name)
  join pg_index as i on i.indrelid = w.name::regclass
  join pg_class as x on x.oid = i.indexrelid
 where i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
   and not exists (select from unnest(i.indkey) with ordinality as k (attnum, place)
                     join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
                    where k.place <= i.indnkeyatts and (not a.attnotnull or coalesce(to_jsonb(a) ->> 'attgenerated', '') <> ''))
 order by w.name, i.indnkeyatts, x.relname

-- name: not_comparable
-- Columns of these tables whose type has no equality: rows cannot be found by them.
select a.attrelid::regclass::text, string_agg(format('%%I %%s', a.attname, t.typname), ', ' order by a.attnum)
  from unnest(%s::text[]) as w (name)
  join pg_attribute as a on a.attrelid = w.name::regclass and a.attnum > 0 and not a.attisdropped
  join pg_type as t on t.oid = a.atttypid
  left join pg_type as b on b.oid = t.typbasetype
  left join pg_type as e on e.oid = coalesce(b.typelem, t.typelem) and coalesce(b.typcategory, t.typcategory) = 'A'
  cross join lateral (select coalesce(e.oid, b.oid, t.oid) as oid, coalesce(e.typtype, b.typtype, t.typtype) as typtype) as x
 where x.typtype = 'b'
   and not exists (select from pg_opclass as o join pg_am as m on m.oid = o.opcmethod and m.amname in ('btree', 'hash')
                    where o.opcdefault
                      and (o.opcintype = x.oid
                           or exists (select from pg_cast as k where k.castsource = x.oid and k.casttarget = o.opcintype
                                         and k.castmethod = 'b' and k.castcontext = 'i')))
 group by a.attrelid
 order by 1

-- name: generated_keys
-- Tables whose rows are identified by an index that has a generated column.
select format('%I.%I', n.nspname, c.relname)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  join pg_index as i on i.indrelid = c.oid
   and (c.relreplident = 'i' and i.indisreplident or c.relreplident = 'd' and i.indisprimary)
 where c.relkind = 'r' and c.relpersistence = 'p' and {no_extension}
   and exists (select from unnest(i.indkey) as k (attnum)
                 join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
                where coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '')
 order by 1

-- name: kinds
-- Relations of the user that do not travel like a table: their kind and persistence, and how many partitions.
select case when c.relkind = 'f' then 'foreign' when c.relkind = 'm' then 'materialized'
            when c.relkind = 'p' then 'partitioned' when c.relpersistence = 'u' then 'unlogged'
            when c.relkind = 'r' and c.relispartition then 'partition' end,
       format('%I.%I', n.nspname, c.relname), c.relispartition
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where (c.relkind in ('f', 'm', 'p') or c.relkind = 'r' and (c.relpersistence = 'u' or c.relispartition))
   and {no_extension}
 order by 1, 2

-- name: columns
-- Generated and identity columns of the tables that move.
select count(*) filter (where coalesce(to_jsonb(a) ->> 'attgenerated', '') <> ''),
       count(*) filter (where a.attidentity = 'a'), count(*) filter (where a.attidentity = 'd')
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p')
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where a.attnum > 0 and not a.attisdropped and {no_extension}
   and (a.attidentity <> '' or coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '')

-- name: sequences
-- How many sequences there are, and how many were never used.
select count(*), count(*) filter (where s.last_value is null)
  from pg_sequences as s join pg_namespace as n on n.nspname = s.schemaname and {users_schema}

-- name: large_objects
-- How many large objects there are.
select count(*) from pg_largeobject_metadata

-- name: odd_columns
-- Columns that hold numbers of the catalog, or types that a newer server has not.
select format('%I.%I.%I', n.nspname, c.relname, a.attname), t.typname::text
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p')
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  join pg_type as t on t.oid = a.atttypid
  left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
 where a.attnum > 0 and not a.attisdropped and {no_extension}
   and coalesce(e.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace
   and (coalesce(e.typname, t.typname) in ('oid', 'abstime', 'reltime', 'tinterval', 'anyarray', 'aclitem')
        or coalesce(e.typname, t.typname) ~ '^reg')
 order by 1

-- name: with_oids
-- Tables that have the hidden column oid, which ended with PostgreSQL 12.
select format('%I.%I', n.nspname, c.relname)
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind in ('r', 'p') and (to_jsonb(c) ->> 'relhasoids')::bool and {no_extension}
 order by 1

-- name: triggers
-- Triggers that fire for what is applied, too.
select format('%I.%I', n.nspname, c.relname), quote_ident(t.tgname), t.tgenabled::text
  from pg_trigger as t
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where not t.tgisinternal and t.tgenabled in ('A', 'R') and {no_extension}
 order by 1, 2

-- name: rules
-- Rules of tables.
select format('%I on %I.%I', r.rulename, n.nspname, c.relname)
  from pg_rewrite as r
  join pg_class as c on c.oid = r.ev_class and c.relkind in ('r', 'p')
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where r.ev_enabled <> 'D' and {no_extension}
 order by 1

-- name: invalid_indexes
-- Indexes whose building failed.
select format('%I.%I', n.nspname, c.relname)
  from pg_index as i
  join pg_class as c on c.oid = i.indexrelid
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where not i.indisvalid and c.relkind = 'i'
 order by 1
