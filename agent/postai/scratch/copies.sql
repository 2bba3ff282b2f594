-- name: session
-- What forbids making tables here (true = it does), and what is allowed: recovery, read only, schema, temporary tables.
select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temp')

-- name: resolve
-- Relations by name, position by position: oid, schema, kind; nulls where there is none. A null schema = search_path.
select w.n::pg_catalog.int4, c.oid::pg_catalog.int8, c.nspname, c.relkind::pg_catalog.text
  from rows from (pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as (schema pg_catalog.text, name pg_catalog.text))
       with ordinality as w (schema, name, n)
  left join lateral (
    select c.oid, n.nspname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relname = w.name::pg_catalog.name
       and case when w.schema is null then pg_catalog.pg_table_is_visible(c.oid) else n.nspname = w.schema end
  ) c on true
 order by w.n

-- name: shapes
-- What a copy of each relation is made of: oid, schema, name, kind, columns as SQL, partition key.
--
-- Everything is read from the system catalogs, so that no relation is locked; only where a virtual generated column
-- (PostgreSQL 18) or a partition key is written as text, its relation is opened with ACCESS SHARE.
-- Stored generated columns become ordinary ones. A partition key with an expression is left out: PostgreSQL would
-- evaluate it. Virtual columns can use built-in functions only.
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::pg_catalog.text,
       coalesce((select pg_catalog.array_agg(pg_catalog.format('%%I %%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
           || case when l.oid is not null then pg_catalog.format(' collate %%I.%%I', m.nspname, l.collname) else '' end
           || case when a.attgenerated = 'v' then pg_catalog.format(' generated always as (%%s) virtual',
                (select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d
                  where d.adrelid = a.attrelid and d.adnum = a.attnum)) else '' end
           || case when a.attnotnull and a.attgenerated <> 'v' then ' not null' else '' end order by a.attnum)
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_collation l on l.oid = a.attcollation and a.attcollation <> t.typcollation
          left join pg_catalog.pg_namespace m on m.oid = l.collnamespace
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}'),
       (select pg_catalog.pg_get_partkeydef(c.oid) from pg_catalog.pg_partitioned_table p
         where p.partrelid = c.oid and p.partexprs is null)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any(%s::pg_catalog.oid[])

-- name: duplicate_of
-- A valid index of the real table (first parameter) that is as good as the new one on its copy (second, as text).
with one as (
  select i.indexrelid, i.indrelid, i.indisunique, i.indpred, c.relam, i.indnatts, i.indnkeyatts,
         i.indclass::pg_catalog.text as classes, i.indcollation::pg_catalog.text as collations,
         i.indoption::pg_catalog.text as orders
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
   where i.indexrelid = pg_catalog.to_regclass(%s)
), other as materialized (
  select pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name, i.indexrelid, i.indrelid, i.indpred, o.indnatts,
         o.indexrelid as made, o.indrelid as copy, o.indpred as made_predicate
    from one o join pg_catalog.pg_index i on i.indrelid = %s and i.indisvalid and i.indisready and i.indislive
    join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relam = o.relam and i.indnatts = o.indnatts and i.indnkeyatts = o.indnkeyatts
     and i.indclass::pg_catalog.text = o.classes and i.indcollation::pg_catalog.text = o.collations
     and i.indoption::pg_catalog.text = o.orders and (i.indisunique or not o.indisunique)
     and (i.indpred is null) = (o.indpred is null) and i.indisexclusion is false
)
select o.name from other o
 where (o.indpred is null or pg_catalog.pg_get_expr(o.indpred, o.indrelid)
                           = pg_catalog.pg_get_expr(o.made_predicate, o.copy))
   and not exists (
     select from pg_catalog.generate_series(1, o.indnatts) k
       join pg_catalog.pg_attribute a on a.attrelid = o.indexrelid and a.attnum = k
       join pg_catalog.pg_attribute b on b.attrelid = o.made and b.attnum = k
      where a.attoptions is distinct from b.attoptions
         or pg_catalog.pg_get_indexdef(o.indexrelid, k, false) <> pg_catalog.pg_get_indexdef(o.made, k, false))
 order by o.name limit 1
