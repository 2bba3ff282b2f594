-- name: relations
-- Tables, views and materialized views that are no part of PostgreSQL: identity, partitioning, state.
select c.oid::bigint, n.nspname, c.relname, c.relkind, c.relispopulated,
       i.inhparent::bigint,
       case when c.relispartition then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
       p.partstrat,
       case when p.partrelid is not null then
         (select pg_catalog.array_agg(a.attname::text order by k.position)
            from pg_catalog.unnest(p.partattrs::smallint[]) with ordinality as k (attnum, position)
            left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum and k.attnum > 0) end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid and c.relispartition
  left join pg_catalog.pg_partitioned_table as p on p.partrelid = c.oid
 where c.relkind in ('r', 'p', 'v', 'm', 'f')
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg\_temp\_%'

-- name: columns
-- Columns of those relations with their types as SQL text.
select a.attrelid::bigint, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef, a.attgenerated = 'v'
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg\_temp\_%'
 order by a.attrelid, a.attnum

-- name: constraints
-- Constraints of tables.
select c.conrelid::bigint, c.conname, c.contype, c.convalidated, c.confrelid::bigint,
       (select pg_catalog.array_agg(a.attname::text order by k.position)
          from pg_catalog.unnest(c.conkey) with ordinality as k (attnum, position)
          join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum),
       case when c.contype = 'c' then pg_catalog.pg_get_expr(c.conbin, c.conrelid) end
  from pg_catalog.pg_constraint as c
  join pg_catalog.pg_namespace as n on n.oid = c.connamespace
 where c.conrelid <> 0 and c.contype in ('c', 'f', 'p', 'u', 'x', 'n')
   and n.nspname not in ('pg_catalog', 'information_schema')

-- name: indexes
-- Indexes with their key columns (null for an expression), and all columns of those with expressions or a predicate.
select n.nspname, i.relname, x.indrelid::bigint, x.indisunique, x.indisvalid, x.indpred is not null,
       (select pg_catalog.array_agg(a.attname::text order by k.position)
          from pg_catalog.unnest(x.indkey::smallint[]) with ordinality as k (attnum, position)
          left join pg_catalog.pg_attribute as a on a.attrelid = x.indrelid and a.attnum = k.attnum and k.attnum > 0
         where k.position <= x.indnkeyatts),
       case when x.indexprs is not null or x.indpred is not null then
         (select pg_catalog.array_agg(distinct a.attname::text)
            from pg_catalog.pg_depend as d
            join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
           where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = x.indexrelid
             and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = x.indrelid
             and d.refobjsubid > 0) end
  from pg_catalog.pg_index as x
  join pg_catalog.pg_class as i on i.oid = x.indexrelid
  join pg_catalog.pg_namespace as n on n.oid = i.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg\_temp\_%'

-- name: types
-- Enums and domains; a domain with the checks of the domains under it.
with recursive under (domain, type) as (
  select t.oid, t.oid from pg_catalog.pg_type as t where t.typtype = 'd'
  union all
  select u.domain, t.typbasetype
    from under as u
    join pg_catalog.pg_type as t on t.oid = u.type
   where t.typtype = 'd'
)
select n.nspname, t.typname,
       case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
       exists (select from under as u
                 join pg_catalog.pg_constraint as c on c.contypid = u.type
                where u.domain = t.oid and c.contype = 'c')
         or exists (select from under as u join pg_catalog.pg_type as b on b.oid = u.type
                     where u.domain = t.oid and b.typnotnull),
       exists (select from under as u join pg_catalog.pg_type as b on b.oid = u.type where u.domain = t.oid and b.typnotnull),
       t.typdefault is not null,
       case when t.typtype = 'e' then
         (select pg_catalog.array_agg(e.enumlabel::text order by e.enumsortorder) from pg_catalog.pg_enum as e where e.enumtypid = t.oid) end,
       exists (select from pg_catalog.pg_attribute as a
                 join pg_catalog.pg_class as c on c.oid = a.attrelid
                where c.relkind in ('r', 'p', 'm') and not a.attisdropped
                  and (a.atttypid in (t.oid, t.typarray)
                       or a.atttypid in (select u.domain from under as u where u.type = t.oid)))
  from pg_catalog.pg_type as t
  join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
 where t.typtype in ('d', 'e') and n.nspname not in ('pg_catalog', 'information_schema')

-- name: dependents
-- Which columns of which relations a view or rule uses; a null column stands for the whole relation.
select distinct r.ev_class::bigint, d.refobjid::bigint, a.attname
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'n'
  left join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.refobjsubid > 0
 where d.refobjsubid > 0 or d.refobjid <> r.ev_class

-- name: functions
-- Names of functions, whether an overload is volatile, and the bodies of those volatile ones that PostgreSQL may inline;
-- they do not count as volatile here.
select f.proname, coalesce(pg_catalog.bool_or(f.volatile and not f.inlined), false),
       pg_catalog.array_agg(f.body) filter (where f.volatile and f.inlined)
  from (select p.proname, p.provolatile = 'v' as volatile,
               p.prolang = 14 and p.prokind = 'f' and not (p.proretset or p.prosecdef or p.proisstrict)
                 and p.proconfig is null as inlined,
               coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as body
          from pg_catalog.pg_proc as p
         where p.prokind in ('f', 'w')) as f
 group by f.proname

-- name: session
-- The schemas that names are looked up in, and whether the session's clock never differs from UTC.
select pg_catalog.current_schemas(false)::text[],
       pg_catalog.lower(pg_catalog.current_setting('TimeZone'))
         in ('utc', 'gmt', 'etc/utc', 'etc/gmt', 'zulu', 'etc/zulu', 'uct', 'etc/uct', 'universal', 'greenwich',
             'etc/universal', 'etc/greenwich', 'gmt0', 'etc/gmt0')
