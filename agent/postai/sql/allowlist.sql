-- name: functions
-- Built-in functions by name: does every overload pass the mechanical rule.
with forbidden as (
  select oid
  from pg_catalog.pg_type
  where typnamespace = 'pg_catalog'::pg_catalog.regnamespace
    and (typname in ('cstring', '_cstring', 'internal', 'trigger', 'event_trigger', 'void', 'pg_ddl_command')
         or typname like '%\_handler')
)
select p.proname::text,
       pg_catalog.bool_and(p.provolatile in ('i', 's') and p.prokind <> 'p' and not exists (
         select from forbidden f
         where f.oid = p.prorettype or f.oid = any (p.proargtypes::oid[]) or f.oid = any (p.proallargtypes)
       )) as fit
from pg_catalog.pg_proc p
where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.oid < 16384
group by p.proname
order by p.proname;

-- name: operators
-- Built-in operators whose every overload is carried out by an immutable or stable function, and the functions' names.
select o.oprname::text, pg_catalog.array_agg(distinct p.proname::text)
from pg_catalog.pg_operator o
join pg_catalog.pg_proc p on p.oid = o.oprcode
where o.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace and o.oid < 16384
group by o.oprname
having pg_catalog.bool_and(p.provolatile in ('i', 's'))
order by o.oprname;

-- name: types
-- Built-in types: base, range, multirange types and arrays of such; fit unless a cast onto one is volatile.
select t.typname::text,
       t.typtype in ('b', 'r', 'm')
       and coalesce(e.typtype in ('b', 'r', 'm'), true)
       and not exists (
         select from pg_catalog.pg_cast c
         join pg_catalog.pg_proc p on p.oid = c.castfunc
         where c.casttarget = t.oid and c.oid < 16384 and p.provolatile = 'v'
       ) as fit
from pg_catalog.pg_type t
left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.oid < 16384
order by t.typname;
