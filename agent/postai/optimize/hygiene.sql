-- Indexes that cost more than they are worth. For a session with search_path = pg_catalog.
--
-- An index that is attached to the index of a partitioned table cannot be dropped by itself: it is looked at together
-- with its parent. Indexes whose table somebody holds exclusively are left out, for reading their size would wait.

-- name: server
-- Who else reads: standbys count their own scans.
select pg_is_in_recovery(),
       (select count(*) from pg_stat_replication r where r.state is null or r.state <> 'backup')::int,
       (select count(*) from pg_replication_slots s where s.slot_type = 'physical' and not s.temporary)::int

-- name: knows_steps
-- Whether postai is installed here and its steps may be read.
select exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'postai' and c.relname = 'proposal_step'
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))

-- name: knows_statements
-- Whether postai is installed here and its history may be read.
select exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'postai' and c.relname = 'statement' and has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(c.oid, 'select'))
  and exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'postai' and c.relname = 'sample_statement' and has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(c.oid, 'select'))

-- name: knows_indexes
-- Whether postai is installed here and the indexes that it saw may be read.
select exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'first_seen'
  where n.nspname = 'postai' and c.relname = 'seen_index' and has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(c.oid, 'select'))

-- name: seen
-- Indexes that postai saw, and how many seconds ago first; NULL = it was there before postai was.
select s.index_name, case when s.first_seen > min(s.first_seen) over () + interval '5 minutes'
                          then extract(epoch from clock_timestamp() - s.first_seen)::float8 end
from postai.seen_index s
where s.gone_at is null

-- name: built
-- Steps of proposals that built an index after a time, and how many seconds ago.
select s.statement, extract(epoch from clock_timestamp() - s.done_at)::float8
from postai.proposal_step s
where s.done_at > %s and s.statement ~* '^\s*create\s+(unique\s+)?index'
order by s.done_at

-- name: covered
-- Pairs of indexes of which the second does all that the first does.
with usable as materialized (
  select i.indexrelid, i.indrelid, c.relam, a.amname, c.relkind, c.relispartition, c.reloptions, i.indisunique,
         i.indimmediate, i.indnkeyatts as keys, i.indkey::int2[] as numbers,
         (i.indkey::int2[])[0:i.indnkeyatts - 1] as key_numbers, (i.indkey::int2[])[i.indnkeyatts:] as included,
         i.indclass::oid[] as classes, i.indcollation::oid[] as collations, i.indoption::int2[] as options,
         i.indexprs is not null as expressions, i.indpred,
         exists (select from pg_constraint k where k.conindid = i.indexrelid) as constrained,
         i.indisprimary or i.indisreplident or i.indisclustered or i.indisexclusion as special
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_am a on a.oid = c.relam
  join pg_namespace n on n.oid = c.relnamespace
  where i.indisvalid and i.indisready and i.indislive and c.relkind in ('i', 'I') and c.relpersistence <> 't'
    and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
)
select one.indexrelid::int8, other.indexrelid::int8,
       one.keys = other.keys and cardinality(one.numbers) = cardinality(other.numbers),
       other.constrained or other.special, other.indisunique
from usable one
join usable other on other.indrelid = one.indrelid and other.indexrelid <> one.indexrelid and other.relam = one.relam
  and other.relkind = one.relkind and other.numbers[0] = one.numbers[0]
where not one.relispartition and not one.constrained and not one.special
  and (one.keys = other.keys or (one.amname = 'btree' and one.keys < other.keys and not one.indisunique))
  and (not one.indisunique or (other.indisunique and other.indimmediate))
  and other.key_numbers[1:one.keys] = one.key_numbers
  and other.classes[0:one.keys - 1] = one.classes[0:one.keys - 1]
  and other.collations[0:one.keys - 1] = one.collations[0:one.keys - 1]
  and (other.options[0:one.keys - 1] = one.options[0:one.keys - 1]
       or (one.amname = 'btree' and not exists (
             select from generate_series(0, one.keys - 1) as k(place)
             where other.options[k.place] # 3::int2 <> one.options[k.place])))
  and one.included <@ other.numbers
  and (one.amname = 'btree' or one.reloptions is not distinct from other.reloptions)
  and (one.indpred is null) = (other.indpred is null)
  and (one.indpred is null or pg_get_expr(one.indpred, one.indrelid) = pg_get_expr(other.indpred, other.indrelid))
  and (not one.expressions or not exists (
        select from generate_series(1, one.keys) as k(place)
        where pg_get_indexdef(one.indexrelid, k.place, false) <> pg_get_indexdef(other.indexrelid, k.place, false)))
  and (not one.indisunique
       or (select to_jsonb(x.*) -> 'indnullsnotdistinct' from pg_index x where x.indexrelid = one.indexrelid)
          is not distinct from
          (select to_jsonb(x.*) -> 'indnullsnotdistinct' from pg_index x where x.indexrelid = other.indexrelid))
limit 2000

-- name: unused
-- Indexes that few scans or none used, that enforce nothing, and that no foreign key needs; the biggest first.
with held as (/* held */), counted as materialized (
  select i.indexrelid, c.relpages,
         case when c.relkind = 'I'
              then (select coalesce(sum(pg_stat_get_numscans(p.relid)), 0)
                    from pg_partition_tree(i.indexrelid) p where p.isleaf)
              else pg_stat_get_numscans(i.indexrelid) end::int8 as scans
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('i', 'I') and not c.relispartition and c.relpersistence <> 't' and i.indisvalid
    and not i.indisunique and not i.indisexclusion and not i.indisreplident and not i.indisclustered
    and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
    and not exists (select from held where held.relation in (i.indexrelid, i.indrelid))
    and not exists (
      select from pg_constraint f
      where f.conrelid = i.indrelid and f.contype = 'f'
        and i.indnkeyatts >= cardinality(f.conkey)
        and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey
        and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] <@ f.conkey
        and (i.indpred is null
             or string_to_array(btrim(pg_get_expr(i.indpred, i.indrelid), '()'), ') AND (')
                <@ (select array_agg(format('%%I IS NOT NULL', a.attname)) from pg_attribute a
                     where a.attrelid = i.indrelid and a.attnum = any (f.conkey))))
)
select u.indexrelid::int8
from counted u
where u.scans <= %s
order by u.relpages desc, u.indexrelid
limit %s

-- name: invalid
-- Indexes that no query uses and that nobody is building, as far as locks tell.
select i.indexrelid::int8
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where (not i.indisvalid or not i.indisready or not i.indislive) and c.relkind = 'i' and c.relpersistence <> 't'
  and not c.relispartition and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
  and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  and not exists (select from pg_locks l
                  where l.relation = i.indrelid and l.granted
                    and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'AccessExclusiveLock'))
order by c.relpages desc, i.indexrelid
limit %s

-- name: indexes
-- Everything that is told of an index; of a partitioned one the sums of its leaves.
with held as (/* held */)
select i.indexrelid::int8, n.nspname, c.relname, format('%%I.%%I', tn.nspname, t.relname), i.indrelid::int8,
       c.relkind = 'I', a.amname, i.indisunique, pg_get_indexdef(i.indexrelid), leaf.bytes, leaf.scans, leaf.last_scan,
       written.rows, obj_description(i.indexrelid, 'pg_class'),
       (select f.attname::text from pg_attribute f where f.attrelid = i.indrelid and f.attnum = i.indkey[0])
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_am a on a.oid = c.relam
join pg_class t on t.oid = i.indrelid
join pg_namespace tn on tn.oid = t.relnamespace
cross join lateral (
  select coalesce(sum(pg_relation_size(l.oid::regclass)), 0)::int8 as bytes,
         coalesce(sum(pg_stat_get_numscans(l.oid)), 0)::int8 as scans,
         (extract(epoch from clock_timestamp() - max(/* last_scan */ null::timestamptz)))::float8 as last_scan
  from (select i.indexrelid as oid where c.relkind = 'i'
        union all
        select p.relid from pg_partition_tree(i.indexrelid) p where c.relkind = 'I' and p.isleaf) l
  where not exists (select from held where held.relation = l.oid)
) leaf
cross join lateral (
  select coalesce(sum(pg_stat_get_tuples_inserted(l.oid) + pg_stat_get_tuples_updated(l.oid)
                      - pg_stat_get_tuples_hot_updated(l.oid)), 0)::int8 as rows
  from (select t.oid where t.relkind <> 'p'
        union all
        select p.relid from pg_partition_tree(t.oid) p where t.relkind = 'p' and p.isleaf) l
) written
where i.indexrelid = any (%s::oid[])
