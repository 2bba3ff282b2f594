-- name: database
-- Encoding and collation of the database; provider, locale and version as far as this version has them.
select pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''),
       coalesce(to_jsonb(d) ->> 'datcollversion', '')
  from pg_database as d where d.datname = current_database()

-- name: actual_version
-- The version of the default collation that the operating system or ICU has now.
select coalesce(pg_database_collation_actual_version(d.oid), '') from pg_database as d
 where d.datname = current_database()

-- name: named
-- Collations of the server's own that columns, domains and indexes of the user have.
select distinct l.collname::text
  from pg_collation as l
  join (select a.attcollation as oid
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm', 'i', 'I', 'f')
          join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
         where a.attnum > 0 and not a.attisdropped and {no_extension}
        union
        select t.typcollation from pg_type as t join pg_namespace as n on n.oid = t.typnamespace and {users_schema}
         where t.typtype = 'd') as used on used.oid = l.oid
 where l.collnamespace = 'pg_catalog'::regnamespace
   and (l.collencoding = -1 or l.collencoding = (select d.encoding from pg_database as d
                                                  where d.datname = current_database()))
 order by 1

-- name: missing
-- Of these collations, those that the server has not.
select w.name from unnest(%s::text[]) as w (name)
 where not exists (select from pg_collation as l
                    where l.collname = w.name and l.collnamespace = 'pg_catalog'::regnamespace
                      and l.collencoding in (-1, (select d.encoding from pg_database as d
                                                   where d.datname = current_database())))
 order by 1

-- name: text_indexes
-- Indexes of the user on a column whose order comes from the operating system or ICU.
select count(distinct c.oid)
  from pg_index as i
  join pg_class as c on c.oid = i.indexrelid
  join pg_namespace as n on n.oid = c.relnamespace and {users_schema}
  cross join lateral unnest(i.indcollation) as x (collation_oid)
  join pg_collation as l on l.oid = x.collation_oid and l.collname not in ('C', 'POSIX', 'ucs_basic')
