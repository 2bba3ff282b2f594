-- Bounded reads of other people's tables.
--
-- Between the picture and the read, an owner may put something else behind a name, to have code of theirs run as the
-- role that reads here. So every statement defends itself:
-- * TABLESAMPLE is refused by the parser for a view and for a foreign table; SYSTEM (100) gives every row.
-- * row_security = off makes row level security an error instead of a policy that is run.
-- * A column is only looked at while its type is the one in the picture, so that no cast of a new type is called.
-- * Whether the table may be read is asked of the catalogs after it was locked, by a filter that runs before the scan.
-- * The planner computes constant parts of index expressions, predicates, statistics and partition keys as the role that
--   reads: a table with a function of a user in one of them is not even planned, and checks are switched off. Nor is a
--   table planned on which somebody is defining something, so that nothing is added between the look and the plan.

-- name: harmless
-- The expressions that the planner computes for a table (i = of an index, s = of statistics, p = of a partition key) and
-- that call nothing but the system's functions and those written in C, which only superusers make.
with called as materialized (
  select p.oid from pg_catalog.pg_proc p
   where p.oid >= 16384 and p.prolang not in (select g.oid from pg_catalog.pg_language g where g.lanname in ('internal', 'c'))
), calling as (
  select d.classid, d.objid from pg_catalog.pg_depend d
   where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid in (select f.oid from called f)
  union all
  select d.classid, d.objid from pg_catalog.pg_depend d
   where d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
     and d.refobjid in (select o.oid from pg_catalog.pg_operator o join called f on f.oid = o.oprcode)
), part(letter, classid, objid) as (
  select 'i', 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid from pg_catalog.pg_index i
   where i.indexprs is not null or i.indpred is not null
  union all
  select 's', 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, x.oid from pg_catalog.pg_statistic_ext x
   where x.stxexprs is not null
  union all
  select 'p', 'pg_catalog.pg_class'::pg_catalog.regclass, t.partrelid from pg_catalog.pg_partitioned_table t
   where t.partexprs is not null
)
select p.letter || p.objid from part p
 where not exists (select from calling c where c.classid = p.classid and c.objid = p.objid)

-- name: guard
-- For one transaction: read-only, short waits, no row level security, no checks looked at, no names but the system's.
-- Then the expressions that the planner would compute for a read of the table, whether somebody is defining something on
-- it, and whether the same must be asked of tables below it.
select pg_catalog.set_config('transaction_read_only', 'on', true), pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('constraint_exclusion', 'off', true),
       pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('lock_timeout', '100ms', true), pg_catalog.set_config('statement_timeout', %s, true),
       array(select 'i' || i.indexrelid from pg_catalog.pg_index i
              where i.indrelid = c.oid and (i.indexprs is not null or i.indpred is not null)
             union all
             select 's' || x.oid from pg_catalog.pg_statistic_ext x where x.stxrelid = c.oid and x.stxexprs is not null),
       exists (select from pg_catalog.pg_locks l
                where l.relation = c.oid and l.pid <> pg_catalog.pg_backend_pid()
                  and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
                  -- autovacuum, which is nobody, defines nothing
                  and not exists (select from pg_catalog.pg_stat_get_activity(l.pid) a where a.usesysid is null)),
       c.relhassubclass or c.relkind = 'p'
  from pg_catalog.pg_class c
 where c.oid = %s

-- name: below
-- The same expressions of a table and all tables below it, and whether somebody is defining something on one of them.
with recursive below(oid) as (
  select %s::pg_catalog.oid
  union
  select i.inhrelid from pg_catalog.pg_inherits i join below b on b.oid = i.inhparent
), tables(oids) as materialized (
  select pg_catalog.array_agg(b.oid) from below b
)
select array(select 'i' || i.indexrelid from pg_catalog.pg_index i
              where i.indrelid = any (t.oids) and (i.indexprs is not null or i.indpred is not null)
             union all
             select 's' || x.oid from pg_catalog.pg_statistic_ext x where x.stxrelid = any (t.oids) and x.stxexprs is not null
             union all
             select 'p' || p.partrelid from pg_catalog.pg_partitioned_table p
              where p.partrelid = any (t.oids) and p.partexprs is not null),
       exists (select from pg_catalog.pg_locks l
                where l.relation = any (t.oids) and l.pid <> pg_catalog.pg_backend_pid()
                  and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
                  -- autovacuum, which is nobody, defines nothing
                  and not exists (select from pg_catalog.pg_stat_get_activity(l.pid) a where a.usesysid is null))
  from tables t

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
