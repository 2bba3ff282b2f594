-- name: resolve
-- Objects by name: position, catalog, oid (null = there is none), identity, owner, oid that workers lock.
select w.n::int, w.class, f.oid::bigint, o.identity, o.owner::text, coalesce(i.indrelid, f.oid)::bigint
  from rows from (pg_catalog.jsonb_to_recordset(%s::jsonb) as (class text, schema text, name text))
       with ordinality as w (class, schema, name, n)
  left join lateral (
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
     where w.class = 'pg_class' and s.nspname = w.schema and c.relname = w.name
    union all
    select t.oid from pg_catalog.pg_type t join pg_catalog.pg_namespace s on s.oid = t.typnamespace
     where w.class = 'pg_type' and s.nspname = w.schema and t.typname = w.name
    union all
    select p.oid from pg_catalog.pg_proc p join pg_catalog.pg_namespace s on s.oid = p.pronamespace
     where w.class = 'pg_proc' and s.nspname = w.schema and p.proname = w.name
    union all
    select x.oid from pg_catalog.pg_statistic_ext x join pg_catalog.pg_namespace s on s.oid = x.stxnamespace
     where w.class = 'pg_statistic_ext' and s.nspname = w.schema and x.stxname = w.name
    union all
    select s.oid from pg_catalog.pg_namespace s where w.class = 'pg_namespace' and s.nspname = w.name
    union all
    select d.oid from pg_catalog.pg_database d where w.class = 'pg_database' and d.datname = pg_catalog.current_database()
  ) f on true
  left join lateral postai._object(w.class, f.oid) o on true
  left join pg_catalog.pg_index i on w.class = 'pg_class' and i.indexrelid = f.oid
 order by w.n, f.oid

-- name: fingerprint
-- Hash of the objects as they are now.
select postai._fingerprint(%s::jsonb)

-- name: missing_rights
-- What an approver, or the connected agent, lacks to change these objects.
select problem, hint from postai._missing_rights(%s::jsonb, %s::name, array[session_user]::name[])

-- name: lacking
-- What an operator, or every agent, lacks to carry a proposal out; no row for somebody who is no operator.
--
-- %s: number of the proposal, the operator's name twice.
select m.problem, m.hint
  from postai._missing_rights(postai._objects(%s), %s::name, postai._agent_roles()) as m
 where pg_catalog.pg_has_role(%s::name, pg_catalog.to_regrole('postai_operator'), 'usage')

-- name: user_triggers
-- Triggers of users that fire when rows of these tables are written.
select postai._user_triggers(%s::oid[])

-- name: index_state
-- An index by name: whether it is valid, and whether it is being built at this moment.
select i.indisvalid and i.indisready,
       exists (select from pg_catalog.pg_stat_progress_create_index p
                where p.datname = pg_catalog.current_database() and p.index_relid = c.oid)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_index i on i.indexrelid = c.oid
 where n.nspname = %s and c.relname = %s

-- name: index_definition
-- The definition of an index by name; waits for whoever has locked its table.
select pg_catalog.pg_get_indexdef(c.oid)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_index i on i.indexrelid = c.oid
 where n.nspname = %s and c.relname = %s

-- name: constraint_definition
-- A constraint of a table by name, as the server writes it.
select pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint k where k.conrelid = pg_catalog.to_regclass(%s) and k.conname = %s

-- name: key_columns
-- Columns of a table's primary key, or else of its first valid unique one, in order.
select a.attname::text
  from (select i.indrelid, i.indkey, i.indnkeyatts from pg_catalog.pg_index i
         where i.indrelid = pg_catalog.to_regclass(%s) and i.indisunique and i.indisvalid and i.indpred is null
           and 0 <> all (i.indkey::int2[])
         order by i.indisprimary desc, i.indexrelid limit 1) k
 cross join lateral pg_catalog.unnest(k.indkey::int2[]) with ordinality as c (number, position)
  join pg_catalog.pg_attribute a on a.attrelid = k.indrelid and a.attnum = c.number
 where c.position <= k.indnkeyatts order by c.position

-- name: default_expression
-- The default of a column, as the server writes it.
select pg_catalog.pg_get_expr(d.adbin, d.adrelid)
  from pg_catalog.pg_attrdef d
  join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
 where d.adrelid = pg_catalog.to_regclass(%s) and a.attname = %s

-- name: indexes_of
-- Valid indexes of a table: name and definition; waits for whoever has locked the table.
select c.relname::text, pg_catalog.pg_get_indexdef(c.oid)
  from pg_catalog.pg_class t
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  join pg_catalog.pg_index i on i.indrelid = t.oid
  join pg_catalog.pg_class c on c.oid = i.indexrelid
 where n.nspname = %s and t.relname = %s and i.indisvalid and i.indisready order by 1

-- name: reindex_leftovers
-- Broken copies that REINDEX CONCURRENTLY left at an index or table and its TOAST table, unless somebody builds there now.
with at (oid) as (
  select coalesce(i.indrelid, c.oid)
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_index i on i.indexrelid = c.oid
   where n.nspname = %s and c.relname = %s
), tables (oid) as (
  select oid from at union all select c.reltoastrelid from at join pg_catalog.pg_class c on c.oid = at.oid
)
select n.nspname::text, c.relname::text
  from tables
  join pg_catalog.pg_index i on i.indrelid = tables.oid and not i.indisvalid
  join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relname ~ '_cc(new|old)[0-9]*$'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not exists (select from pg_catalog.pg_stat_progress_create_index p where p.relid = tables.oid)
 order by 1, 2

-- name: name_taken
-- Whether a relation of that name exists.
select pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %s::text, %s::text)) is not null
