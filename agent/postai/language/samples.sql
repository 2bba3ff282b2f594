-- Bounded reads of other people's tables.
--
-- Between the picture and the read, an owner may put something else behind a name, to have code of theirs run as the
-- role that reads here. So every statement defends itself:
-- * TABLESAMPLE is refused by the parser for a view and for a foreign table; SYSTEM (100) gives every row.
-- * row_security = off makes row level security an error instead of a policy that is run.
-- * A column is only looked at while its type is the one in the picture, so that no cast of a new type is called.
-- * Whether the table may be read is asked of the catalogs after it was locked, by a filter that runs before the scan.

-- name: guard
-- For one transaction: read-only, short waits, no row level security, no names but the system's.
select pg_catalog.set_config('transaction_read_only', 'on', true), pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('lock_timeout', '100ms', true), pg_catalog.set_config('statement_timeout', %s, true)

-- name: read
-- Some columns of one table, one part for each. Row 0 says whether the table may still be read: it is the one in the
-- picture, and neither row level security nor a foreign table is in it or its partitions.
with recursive below(oid) as (
  select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.oid = {oid} and n.nspname = {schema} and c.relname = {name}
  union
  select i.inhrelid from pg_catalog.pg_inherits i join below b on b.oid = i.inhparent
), open as materialized (
  select pg_catalog.count(*) between 1 and {partitions}
         and pg_catalog.bool_and(not c.relrowsecurity and c.relkind in ('r', 'p', 'm')) as yes
    from below b join pg_catalog.pg_class c on c.oid = b.oid
)
select 0 as number, null::pg_catalog.text as value, null::pg_catalog.bool as long,
       case when o.yes then 1 else 0 end::pg_catalog.int8 as seen
  from open o
{parts}

-- name: distinct
-- The distinct values of a column that are short enough, with the number of rows of each.
union all
(select {number}, s.value, s.long, pg_catalog.count(*) from (
{rows}
) s group by s.value, s.long limit {groups})

-- name: wanted
-- Of the values that are looked for, those that a column has, with the number of rows of each.
union all
(select {number}, s.value, false, pg_catalog.count(*) from (
{rows}
) s where s.value in (select w.value from pg_catalog.unnest(%s::pg_catalog.text[]) as w (value)) group by s.value)

-- name: rows
-- The values of a column as text, null where one is null or too long.
select case when pg_catalog.octet_length(c.value) <= {bytes} then c.value end as value,
       pg_catalog.octet_length(c.value) > {bytes} as long
  from (select case when pg_catalog.pg_typeof(t.{column})::pg_catalog.oid = {type} then {value} collate "C" end as value
          from {table} as t tablesample system ({percent}) repeatable (0)
         where (select o.yes from open o)
         limit {limit}) c
