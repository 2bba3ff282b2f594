-- name: sequences
-- The sequences of the user's schemas.
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and {users_schema}
 where c.relkind = 'S' and c.relpersistence <> 't'
   and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
 order by 1, 2

-- name: no_views
-- For this transaction no view is read: whoever owns a sequence could put one in its place, whose functions would run as
-- postai. Servers without the setting are older than 2024.
select pg_catalog.set_config(s.name, 'view, foreign-table', true)
  from pg_catalog.pg_settings as s where s.name = 'restrict_nonsystem_relation_kind'

-- name: descending
-- Which of these sequences count downwards.
select t.name from pg_catalog.unnest(%s::text[]) as t (name)
  join pg_catalog.pg_sequence as s on s.seqrelid = t.name::pg_catalog.regclass and s.seqincrement < 0

-- name: set
-- Put sequences to a value. It does not wait for the disk: the commit that follows in a switch does.
select pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.setval(s.name::pg_catalog.regclass, s.value, s.called)
  from rows from (pg_catalog.unnest(%s::pg_catalog.text[]), pg_catalog.unnest(%s::pg_catalog.int8[]),
                  pg_catalog.unnest(%s::pg_catalog.bool[])) as s (name, value, called)
