-- Definitions. For a session with search_path = pg_catalog; columns: object, value, text, fix, level.

-- name: sequences
-- How far sequences are, of what they or the columns they feed can hold: those of the biggest tables first, for each one
-- that is read takes its time. A column is fed as its owner, as identity, or by a default.
with fed as (
  select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number
  from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    and d.refobjsubid > 0
  union
  select d.refobjid, f.adrelid, f.adnum
  from pg_depend d
  join pg_attrdef f on f.oid = d.objid
  where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'n'
), sequence as (
  select q.seqrelid, format('%I.%I', n.nspname, c.relname) as name, q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
         f.relation, a.attname, y.typname, t.reltuples,
         case when a.atttypid = 'int2'::regtype then 32767::int8 when a.atttypid = 'int4'::regtype then 2147483647
              else 9223372036854775807 end as holds
  from pg_sequence q
  join pg_class c on c.oid = q.seqrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join fed f on f.sequence = q.seqrelid
  left join pg_attribute a on a.attrelid = f.relation and a.attnum = f.number
  left join pg_type y on y.oid = a.atttypid
  left join pg_class t on t.oid = f.relation
  where not q.seqcycle and c.relpersistence <> 't' and n.nspname not in ('postai', 'postai_cache')
    and not (c.relpersistence = 'u' and pg_is_in_recovery())
), looked as materialized (
  select s.*, has_sequence_privilege(s.seqrelid, 'select, usage') as readable
  from sequence s
  where least(s.seqmax, s.holds) < 9007199254740992 or s.seqmin < -2147483648
  order by s.reltuples desc nulls last, s.seqrelid
  limit 1000
), told as (
  select l.*, case when l.readable then pg_sequence_last_value(l.seqrelid) end as last
  from looked l
), used as (
  select t.*,
         case when t.seqincrement > 0
              then 100.0::float8 * (t.last::float8 - least(t.seqstart, t.last))
                   / nullif(least(t.seqmax, t.holds)::float8 - t.seqstart, 0)
              else 100.0::float8 * (greatest(t.seqstart, t.last) - t.last::float8)
                   / nullif(t.seqstart - greatest(t.seqmin, -t.holds - 1)::float8, 0) end as percent
  from told t
)
(select u.name, u.percent,
        format('at %s of %s%s', u.last,
               case when u.seqincrement > 0 then least(u.seqmax, u.holds) else greatest(u.seqmin, -u.holds - 1) end,
               coalesce(format(', for %s.%I, which is %s', u.relation::regclass, u.attname, u.typname), '')),
        concat_ws(E';\n',
          case when u.holds < 9223372036854775807
               then format('ALTER TABLE %s ALTER COLUMN %I TYPE bigint', u.relation::regclass, u.attname) end,
          case when u.seqmax <= 2147483647 then format('ALTER SEQUENCE %s AS bigint', u.seqrelid::regclass) end),
        null
 from used u
 where u.percent >= 50
 order by u.percent desc
 limit 20)
union all
select '', 0, format('%s sequences may not be read, one is %s', count(*), min(u.name)),
       format('GRANT SELECT ON SEQUENCE %s TO %I', min(u.name), current_user), 'unknown'
from used u
where not u.readable
having count(*) > 0

-- name: foreign_key_indexes
-- Foreign keys of big tables whose columns lead no valid index that has all rows, or all in which they are not null.
select format('%s (%s)', c.conrelid::regclass, quote_ident(c.conname)), s.rows::float8,
       format('about %s rows refer to %s', to_char(s.rows::int8, 'FM999,999,999,999'),
              c.confrelid::regclass),
       format('CREATE INDEX %sON %s (%s)', case when t.relkind = 'p' then '' else 'CONCURRENTLY ' end,
              c.conrelid::regclass,
              (select string_agg(quote_ident(a.attname), ', ' order by k.place)
               from unnest(c.conkey) with ordinality as k(number, place)
               join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number)),
       null
from pg_constraint c
join pg_class t on t.oid = c.conrelid
join pg_namespace n on n.oid = t.relnamespace
cross join lateral (
  with recursive part(oid) as (
    select t.oid
    union all
    select h.inhrelid from part p join pg_inherits h on h.inhparent = p.oid where t.relkind = 'p'
  )
  select sum(greatest(x.reltuples, pg_stat_get_live_tuples(x.oid))) as rows
  from part p join pg_class x on x.oid = p.oid and x.relkind = 'r'
) s
where c.contype = 'f' and c.conparentid = 0 and t.relpersistence <> 't' and n.nspname not in ('postai', 'postai_cache')
  and s.rows >= 10000
  and not exists (
    select from pg_index i
    join pg_class x on x.oid = i.indexrelid
    join pg_am m on m.oid = x.relam and m.amname in ('btree', 'hash', 'gist', 'spgist')
    where i.indrelid = c.conrelid and i.indisvalid
      and i.indnkeyatts >= array_length(c.conkey, 1)
      and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
      and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] <@ c.conkey
      and (i.indpred is null
           or string_to_array(btrim(pg_get_expr(i.indpred, i.indrelid), '()'), ') AND (')
              <@ (select array_agg(format('%I IS NOT NULL', a.attname)) from pg_attribute a
                  where a.attrelid = i.indrelid and a.attnum = any (c.conkey))))
order by 2 desc, 1
limit 20

-- name: invalid_indexes
-- Indexes that no query uses and every write keeps up, unless somebody is building them at this moment.
select format('%I.%I', n.nspname, c.relname), c.relpages::float8 * current_setting('block_size')::int8,
       format('of %s, %s', i.indrelid::regclass, pg_size_pretty(c.relpages::int8 * current_setting('block_size')::int8)),
       format('DROP INDEX %s%I.%I', case when c.relkind = 'I' then '' else 'CONCURRENTLY ' end, n.nspname, c.relname),
       'warning'
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where (not i.indisvalid or not i.indisready or not i.indislive) and n.nspname !~ '^pg_'
  and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
  and not exists (select from pg_locks l where l.relation = i.indexrelid and l.granted
                    and l.mode in ('AccessExclusiveLock', 'ShareUpdateExclusiveLock', 'RowExclusiveLock'))
order by 2 desc, 1
limit 20

-- name: invalid_constraints
-- Constraints that were added NOT VALID: the rows from before were never checked.
select format('%s (%s)', c.conrelid::regclass, quote_ident(c.conname)), greatest(t.reltuples, 0)::float8,
       pg_get_constraintdef(c.oid),
       format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.conrelid::regclass, c.conname), 'warning'
from pg_constraint c
join pg_class t on t.oid = c.conrelid
join pg_namespace n on n.oid = t.relnamespace
where not c.convalidated and c.conparentid = 0 and n.nspname not in ('postai', 'postai_cache')
order by 2 desc, 1
limit 20

-- name: invalid_constraints_v18
-- The same; constraints that are not enforced are not meant to be valid.
select format('%s (%s)', c.conrelid::regclass, quote_ident(c.conname)), greatest(t.reltuples, 0)::float8,
       pg_get_constraintdef(c.oid),
       format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.conrelid::regclass, c.conname), 'warning'
from pg_constraint c
join pg_class t on t.oid = c.conrelid
join pg_namespace n on n.oid = t.relnamespace
where not c.convalidated and c.conenforced and c.conparentid = 0 and n.nspname not in ('postai', 'postai_cache')
order by 2 desc, 1
limit 20

-- name: statistics
-- Tables with rows that were never analyzed, or changed by half since; a partitioned table is analyzed by people only.
select u.object, u.rows,
       case when u.never then format('never analyzed, about %s rows', to_char(u.rows::int8, 'FM999,999,999,999'))
            else format('%s rows changed since the last ANALYZE, of about %s',
                        to_char(u.changed, 'FM999,999,999,999'), to_char(u.rows::int8, 'FM999,999,999,999')) end,
       'ANALYZE ' || u.object, 'warning'
from (
  select format('%I.%I', n.nspname, c.relname) as object, c.relkind,
         case when c.relkind = 'p'
              then (select sum(greatest(l.reltuples, pg_stat_get_live_tuples(l.oid)))
                    from pg_inherits h join pg_class l on l.oid = h.inhrelid
                    where h.inhparent = c.oid)
              else greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) end::float8 as rows,
         pg_stat_get_mod_since_analyze(c.oid) as changed,
         case when c.relkind = 'p' or has_table_privilege(c.oid, 'select')
              then not exists (select from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)
                and (c.relkind <> 'p' or c.reltuples < 0)
              else c.reltuples < 0 end
         and coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) is null as never
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm', 'p') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and (c.relkind = 'p' or pg_stat_get_live_tuples(c.oid) >= 1000
         or (c.reltuples >= 1000 and pg_stat_get_last_autoanalyze_time(c.oid) is null))
) u
where u.rows >= 1000 and (u.never or u.changed > greatest(0.5 * u.rows, 10000))
order by u.rows desc, u.object
limit 20

-- name: primary_keys
-- Tables with rows and without a primary key.
select format('%I.%I', n.nspname, c.relname), greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::float8,
       format('about %s rows',
              to_char(greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::int8, 'FM999,999,999,999')),
       '', 'warning'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not c.relispartition and c.relpersistence <> 't' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'postai', 'postai_cache')
  and greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) >= 1000
  and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 2 desc, 1
limit 20

-- name: unlogged_tables
-- Tables that are empty after a crash and on every standby.
select format('%I.%I', n.nspname, c.relname), c.relpages::float8 * current_setting('block_size')::int8,
       format('%s, emptied by a crash, not on standbys',
              pg_size_pretty(c.relpages::int8 * current_setting('block_size')::int8)),
       format('ALTER TABLE %I.%I SET LOGGED', n.nspname, c.relname), 'warning'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'u' and n.nspname not in ('postai', 'postai_cache')
  and greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) > 0
order by 2 desc, 1
limit 20
