-- name: meaning
-- What the names of one statement mean to the session that asks. Every name here is qualified, operators too: the
-- statement runs in a client's session, under a search_path that anybody may have filled.
with recursive asked as (
  select $1::pg_catalog.json as names
), {known_member}, path as (
  select n.oid, s.place
  from pg_catalog.unnest(pg_catalog.current_schemas(true)) with ordinality as s (name, place)
  join pg_catalog.pg_namespace as n on n.nspname operator(pg_catalog.=) s.name
), named_relation as (
  select r.place, r.one operator(pg_catalog.->>) 0 as schema, r.one operator(pg_catalog.->>) 1 as name
  from asked, pg_catalog.json_array_elements(asked.names operator(pg_catalog.->) 'relations')
    with ordinality as r (one, place)
), relation as (
  select r.place, (
    select c.oid
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) c.relnamespace
    left join path as p on p.oid operator(pg_catalog.=) n.oid
    where c.relname operator(pg_catalog.=) r.name::pg_catalog.name
      and case when r.schema is null then p.oid is not null
               else n.nspname operator(pg_catalog.=) r.schema::pg_catalog.name end
    order by p.place
    limit 1
  ) as oid
  from named_relation as r
), reached as (
  -- by way of an array: the planner then expects few rows, and does not compile the statement
  select r.oid from pg_catalog.unnest(array(select n.oid from relation as n where n.oid is not null)) as r (oid)
  union
  select e.target
  from reached as f
  cross join lateral (
    select i.inhrelid as target
    from pg_catalog.pg_inherits as i
    where i.inhparent operator(pg_catalog.=) f.oid
    union all
    select d.refobjid
    from pg_catalog.pg_rewrite as w
    join pg_catalog.pg_depend as d on d.objid operator(pg_catalog.=) w.oid
    join pg_catalog.pg_class as v on v.oid operator(pg_catalog.=) w.ev_class
    where w.ev_class operator(pg_catalog.=) f.oid
      and v.relkind operator(pg_catalog.=) 'v'
      and d.classid operator(pg_catalog.=) 2618::pg_catalog.oid
      and d.refclassid operator(pg_catalog.=) 1259::pg_catalog.oid
      and d.refobjid operator(pg_catalog.<>) f.oid
  ) as e
), above as (
  select r.oid as child, i.inhparent as oid
  from reached as r
  join pg_catalog.pg_class as c on c.oid operator(pg_catalog.=) r.oid and c.relispartition
  join pg_catalog.pg_inherits as i on i.inhrelid operator(pg_catalog.=) r.oid
  union
  select i.inhrelid, i.inhparent
  from above as a
  join pg_catalog.pg_class as c on c.oid operator(pg_catalog.=) a.oid and c.relispartition
  join pg_catalog.pg_inherits as i on i.inhrelid operator(pg_catalog.=) a.oid
), named_call as (
  select f.name::pg_catalog.name as name
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'functions') as f (name)
), named_field as (
  select f.name::pg_catalog.name as name
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'fields') as f (name)
), named_operator as (
  select o.name::pg_catalog.name as name
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'operators') as o (name)
), named_type as (
  select t.place, (
    select y.oid
    from pg_catalog.pg_type as y
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) y.typnamespace
    left join path as p on p.oid operator(pg_catalog.=) n.oid
    where y.typname operator(pg_catalog.=) (t.one operator(pg_catalog.->>) 1)::pg_catalog.name
      and case when t.one operator(pg_catalog.->>) 0 is null then p.oid is not null
               else n.nspname operator(pg_catalog.=) (t.one operator(pg_catalog.->>) 0)::pg_catalog.name end
    order by p.place
    limit 1
  ) as oid
  from asked, pg_catalog.json_array_elements(asked.names operator(pg_catalog.->) 'types')
    with ordinality as t (one, place)
), read_column as (
  select a.attrelid, a.attname, a.atttypid
  from pg_catalog.pg_attribute as a
  where a.attrelid operator(pg_catalog.=) any (array(select r.oid from relation as r))
    and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
), type_in_use as (
  select u.oid
  from (select c.atttypid from read_column as c
        union all select t.oid from named_type as t
        union all
        select t.oid
        from pg_catalog.pg_type as t
        where t.typname operator(pg_catalog.=) any (array(select f.name from named_field as f))
        union all
        select p.one::pg_catalog.oid
        from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'parameters') as p (one)
       ) as u (oid)
  where u.oid is not null
{element_types}
select pg_catalog.json_build_object(
  'strings', pg_catalog.current_setting('standard_conforming_strings'),
  'encoding', pg_catalog.current_setting('server_encoding'),
  'relations', (select pg_catalog.json_agg(r.oid::pg_catalog.int8 order by r.place) from relation as r),
  'classes', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity,
      c.relam operator(pg_catalog.=) 2::pg_catalog.oid))
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) c.relnamespace
    where c.oid operator(pg_catalog.=) any (array(
      select r.oid from reached as r union all select a.oid from above as a))),
  'children', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(i.inhparent::pg_catalog.int8, i.inhrelid::pg_catalog.int8))
    from pg_catalog.pg_inherits as i
    where i.inhparent operator(pg_catalog.=) any (array(select r.oid from reached as r))),
  'above', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(a.child::pg_catalog.int8, a.oid::pg_catalog.int8))
    from above as a),
  'views', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(w.ev_class::pg_catalog.int8, w.ev_action::pg_catalog.text))
    from pg_catalog.pg_rewrite as w
    join pg_catalog.pg_class as c on c.oid operator(pg_catalog.=) w.ev_class
    where w.ev_class operator(pg_catalog.=) any (array(select r.oid from reached as r))
      and c.relkind operator(pg_catalog.=) 'v' and w.ev_type operator(pg_catalog.=) '1'),
  'columns', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      c.attrelid::pg_catalog.int8, c.attname, c.atttypid::pg_catalog.int8))
    from read_column as c),
  'casts_to', (select pg_catalog.json_agg(t.oid::pg_catalog.int8 order by t.place) from named_type as t),
{types},
  'made_casts', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      k.castsource::pg_catalog.int8, k.casttarget::pg_catalog.int8, k.castcontext, k.castmethod,
      coalesce({trusted}, false)))
    from pg_catalog.pg_cast as k
    left join pg_catalog.pg_proc as p on p.oid operator(pg_catalog.=) k.castfunc
    where k.oid operator(pg_catalog.>=) 16384::pg_catalog.oid),
  'functions', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      n.nspname, n.oid operator(pg_catalog.=) any (array(select s.oid from path as s)), p.proname,
      p.oid::pg_catalog.int8, p.provolatile, p.pronargs operator(pg_catalog.-) p.pronargdefaults,
      case when p.provariadic operator(pg_catalog.=) 0::pg_catalog.oid then p.pronargs end,
      p.proargtypes::pg_catalog.oid[]::pg_catalog.int8[],
      case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
                or p.proname operator(pg_catalog.=) any (array(select f.name from named_field as f)) then array(
        select (select t.typtype from pg_catalog.pg_type as t where t.oid operator(pg_catalog.=) a.oid)
        from pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) with ordinality as a (oid, place)
        order by a.place) else array[]::pg_catalog."char"[] end,
      (p.proname::pg_catalog.text operator(pg_catalog.||) '('::pg_catalog.text)
        operator(pg_catalog.||) (pg_catalog.oidvectortypes(p.proargtypes) operator(pg_catalog.||) ')'::pg_catalog.text),
      p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
        and {trusted}))
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) p.pronamespace
    where p.proname operator(pg_catalog.=) any (array(
      select c.name from named_call as c union all select f.name from named_field as f))),
  'types_named', (
    select pg_catalog.json_agg(distinct t.typname)
    from pg_catalog.pg_type as t
    join path as s on s.oid operator(pg_catalog.=) t.typnamespace
    where t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
      and t.typname operator(pg_catalog.=) any (array(select c.name from named_call as c))),
  'types_after_dots', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(t.typname, t.oid::pg_catalog.int8))
    from pg_catalog.pg_type as t
    join path as s on s.oid operator(pg_catalog.=) t.typnamespace
    where t.typtype operator(pg_catalog.<>) 'c'
      and t.typname operator(pg_catalog.=) any (array(select f.name from named_field as f))),
  'extensions', (select pg_catalog.json_agg(x.extname) from pg_catalog.pg_extension as x),
  'orders', exists (
    select from pg_catalog.pg_opclass as o
    where o.oid operator(pg_catalog.>=) 16384::pg_catalog.oid and o.opcdefault
      and o.opcmethod operator(pg_catalog.=) any (array[403, 405]::pg_catalog.oid[])
      and o.opcintype operator(pg_catalog.<) 16384::pg_catalog.oid),
  'operators', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      n.nspname, n.oid operator(pg_catalog.=) any (array(select s.oid from path as s)), o.oprname,
      o.oid::pg_catalog.int8, coalesce(p.provolatile, 'v'::pg_catalog."char"),
      case when o.oprleft operator(pg_catalog.=) 0::pg_catalog.oid then 1 else 2 end,
      case when o.oprleft operator(pg_catalog.=) 0::pg_catalog.oid then 1 else 2 end,
      coalesce(p.proargtypes::pg_catalog.oid[]::pg_catalog.int8[], array[]::pg_catalog.int8[]),
      case when p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid then array(
        select (select t.typtype from pg_catalog.pg_type as t where t.oid operator(pg_catalog.=) a.oid)
        from pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) with ordinality as a (oid, place)
        order by a.place) else array[]::pg_catalog."char"[] end,
      (p.proname::pg_catalog.text operator(pg_catalog.||) '('::pg_catalog.text)
        operator(pg_catalog.||) (pg_catalog.oidvectortypes(p.proargtypes) operator(pg_catalog.||) ')'::pg_catalog.text),
      p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
        and {trusted}))
    from pg_catalog.pg_operator as o
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) o.oprnamespace
    left join pg_catalog.pg_proc as p on p.oid operator(pg_catalog.=) o.oprcode::pg_catalog.oid
    where o.oprname operator(pg_catalog.=) any (array(select c.name from named_operator as c)))
)::pg_catalog.text;

-- name: uses
-- The functions, operators and types, given by oid, that stored view definitions use.
with recursive asked as (
  select $1::pg_catalog.json as names
), {known_member}, type_in_use as (
  select t.one::pg_catalog.oid as oid
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'types') as t (one)
{element_types}, operator_function as (
  select o.oprcode::pg_catalog.oid as oid
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'operators') as f (one)
  join pg_catalog.pg_operator as o on o.oid operator(pg_catalog.=) f.one::pg_catalog.oid
), used_function as (
  select f.one::pg_catalog.oid as oid
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'functions') as f (one)
  union
  select o.oid from operator_function as o
)
select pg_catalog.json_build_object(
  'functions', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      p.oid::pg_catalog.int8, p.provolatile,
      (p.proname::pg_catalog.text operator(pg_catalog.||) '('::pg_catalog.text)
        operator(pg_catalog.||) (pg_catalog.oidvectortypes(p.proargtypes) operator(pg_catalog.||) ')'::pg_catalog.text),
      p.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
        and {trusted}))
    from pg_catalog.pg_proc as p
    where p.oid operator(pg_catalog.=) any (array(select f.oid from used_function as f))),
{types}
)::pg_catalog.text;

-- name: known_member
-- Of both: members of extensions whose functions in C and IMMUTABLE are known to be what they say.
known_member as (
  select e.classid, e.objid, x.extname
  from asked, pg_catalog.json_array_elements_text(asked.names operator(pg_catalog.->) 'extensions') as k (name)
  join pg_catalog.pg_extension as x on x.extname operator(pg_catalog.=) k.name::pg_catalog.name
  join pg_catalog.pg_depend as e
    on e.refclassid operator(pg_catalog.=) 3079::pg_catalog.oid and e.refobjid operator(pg_catalog.=) x.oid
       and e.deptype operator(pg_catalog.=) 'e'
)

-- name: element_types
-- Of both: the end of type_in_use, what user-made types are made of.
  union
  select e.target
  from type_in_use as u
  join pg_catalog.pg_type as t on t.oid operator(pg_catalog.=) u.oid
  cross join lateral (
    select t.typelem as target
    union all select t.typbasetype
    union all select t.typarray
    union all
    select a.atttypid
    from pg_catalog.pg_attribute as a
    where a.attrelid operator(pg_catalog.=) t.typrelid and t.typrelid operator(pg_catalog.<>) 0::pg_catalog.oid
      and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
  ) as e
  where e.target operator(pg_catalog.<>) 0::pg_catalog.oid and t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
)

-- name: types
-- Of both: what types are.
  'types', (
    select pg_catalog.json_agg(pg_catalog.json_build_array(
      t.oid::pg_catalog.int8, n.nspname, t.typname, t.typtype, t.typelem::pg_catalog.int8,
      t.typbasetype::pg_catalog.int8, t.typarray::pg_catalog.int8,
      exists (select from pg_catalog.pg_constraint as k
               where k.contypid operator(pg_catalog.=) t.oid and k.contype operator(pg_catalog.=) 'c'),
      exists (select from pg_catalog.pg_opclass as o
               where o.opcintype operator(pg_catalog.=) t.oid and o.oid operator(pg_catalog.>=) 16384::pg_catalog.oid
                 and o.opcdefault and o.opcmethod operator(pg_catalog.=) any (array[403, 405]::pg_catalog.oid[])),
      t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid and t.oid operator(pg_catalog.=) any (array(
          -- not PostGIS, whose functions read a table of its own
          select m.objid from known_member as m
          where m.classid operator(pg_catalog.=) 1247::pg_catalog.oid and m.extname operator(pg_catalog.<>) 'postgis')),
      (select pg_catalog.json_agg(distinct a.atttypid::pg_catalog.int8) from pg_catalog.pg_attribute as a
        where a.attrelid operator(pg_catalog.=) t.typrelid and t.typrelid operator(pg_catalog.<>) 0::pg_catalog.oid
          and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped)))
    from pg_catalog.pg_type as t
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) t.typnamespace
    where t.oid operator(pg_catalog.=) any (array(select u.oid from type_in_use as u)))

-- name: trusted
-- Of both: whether a function p is one of those in C and IMMUTABLE.
p.prolang operator(pg_catalog.=) any (array[12, 13]::pg_catalog.oid[])
        and p.provolatile operator(pg_catalog.=) 'i' and p.oid operator(pg_catalog.=) any (array(
          select m.objid from known_member as m where m.classid operator(pg_catalog.=) 1255::pg_catalog.oid))
