-- Of what is locked exclusively no sizes, expressions, keys or indexes are asked for (see busy.py); pg_partition_tree would
-- lock all partitions, so they are found in pg_inherits.

-- name: table
-- One relation, of a partitioned table the sums of its partitions, and what of it is locked.
with recursive busy as materialized (
  /* busy */
), tree (oid) as (
  select %s::oid
   union all
  select h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
    join pg_catalog.pg_class as c on c.oid = h.inhrelid and c.relispartition
), part as materialized (
  select c.oid, c.reltoastrelid, c.reltuples, c.relkind in ('r', 'm') as stored, c.oid in (select b.oid from busy as b) as locked
    from tree as t join pg_catalog.pg_class as c on c.oid = t.oid
), summed as (
  select pg_catalog.sum(p.reltuples::float8) filter (where p.stored and p.reltuples >= 0) as rows,
         pg_catalog.sum(pg_catalog.pg_relation_size(p.oid)) filter (where p.stored and not p.locked) as heap,
         pg_catalog.sum(pg_catalog.pg_total_relation_size(p.reltoastrelid)) filter (where p.stored and not p.locked and p.reltoastrelid <> 0) as toast,
         pg_catalog.sum(pg_catalog.pg_indexes_size(p.oid)) filter (where p.stored and not p.locked) as indexes,
         pg_catalog.sum(pg_catalog.pg_relation_size(p.oid, 'fsm') + pg_catalog.pg_relation_size(p.oid, 'vm')) filter (where p.stored and not p.locked) as maps,
         pg_catalog.count(*) filter (where p.stored and p.locked) as locked
    from part as p
)
select c.oid::int8, n.nspname::text, c.relname::text, pg_catalog.format('%%I.%%I', n.nspname, c.relname),
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end,
       pg_catalog.obj_description(c.oid, 'pg_class'), pg_catalog.pg_get_userbyid(c.relowner)::text,
       case when c.relkind <> 'f' then s.rows when c.reltuples >= 0 then c.reltuples::float8 end,
       s.heap::int8, s.toast::int8, s.indexes::int8, s.maps::int8,
       case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' else 'permanent' end,
       coalesce(c.reloptions, '{}'), case when c.relkind = 'p' and not o.locked then pg_catalog.pg_get_partkeydef(c.oid) end,
       (select pg_catalog.format('%%I.%%I', pn.nspname, p.relname) from pg_catalog.pg_inherits as h
          join pg_catalog.pg_class as p on p.oid = h.inhparent join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
         where h.inhrelid = c.oid order by h.inhseqno limit 1),
       c.relrowsecurity, c.relforcerowsecurity,
       case when c.relkind in ('v', 'm') and not exists (select from busy) then pg_catalog.pg_get_viewdef(c.oid, true) end,
       o.locked, s.locked::int4
  from summed as s cross join part as o
  join pg_catalog.pg_class as c on c.oid = o.oid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where o.oid = %s

-- name: columns
-- Its columns, with statistics of those that the role may read.
select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       case when %s then null when a.attgenerated = 'v' then 'generated, virtual: ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
            when a.attgenerated <> '' then 'generated, stored: ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
            when a.attidentity = 'a' then 'identity, always' when a.attidentity = 'd' then 'identity'
            else pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
       pg_catalog.col_description(a.attrelid, a.attnum), s.null_frac::float8, s.n_distinct::float8, s.avg_width,
       pg_catalog.cardinality(s.most_common_freqs), (s.most_common_freqs)[1]::float8, s.correlation::float8
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join pg_catalog.pg_stats as s
    on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.inherited = (c.relkind = 'p')
 where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
 order by a.attnum

-- name: constraints
-- Its constraints.
select k.conname::text,
       case k.contype when 'p' then 'primary key' when 'u' then 'unique' when 'f' then 'foreign key' when 'c' then 'check'
                      when 'x' then 'exclude' else k.contype::text end,
       case when %s then '' else pg_catalog.pg_get_constraintdef(k.oid, true) end, k.convalidated,
       case when k.contype = 'f' then (select pg_catalog.format('%%I.%%I', n.nspname, c.relname) from pg_catalog.pg_class as c
         join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.oid = k.confrelid) end
  from pg_catalog.pg_constraint as k
 where k.conrelid = %s and k.contype <> 't' and k.contype <> 'n'
 order by pg_catalog.strpos('puxfc', k.contype::text), k.conname

-- name: referring
-- Foreign keys of other tables that refer to it.
select k.conname::text, pg_catalog.format('%%I.%%I', n.nspname, c.relname), pg_catalog.pg_get_constraintdef(k.oid, true)
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_class as c on c.oid = k.conrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where k.confrelid = %s and k.contype = 'f' and k.conparentid = 0
 order by 2, 1

-- name: indexes
-- Its indexes with their use since the counters began; of one that is partitioned the sums of its parts.
with recursive busy as materialized (
  /* busy */
), tree (root, oid) as (
  select i.indexrelid, i.indexrelid from pg_catalog.pg_index as i where i.indrelid = %s
   union all
  select t.root, h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
), used as (
  select t.root, pg_catalog.sum(pg_catalog.pg_stat_get_numscans(c.oid))::int8 as scans,
         pg_catalog.sum(pg_catalog.pg_stat_get_tuples_returned(c.oid))::int8 as entries,
         pg_catalog.sum(pg_catalog.pg_relation_size(c.oid)) filter (
           where i.indexrelid not in (select b.oid from busy as b) and i.indrelid not in (select b.oid from busy as b))::int8 as bytes
    from tree as t join pg_catalog.pg_class as c on c.oid = t.oid and c.relkind = 'i'
    join pg_catalog.pg_index as i on i.indexrelid = t.oid
   group by t.root
)
select c.relname::text, case when %s then '' else pg_catalog.pg_get_indexdef(i.indexrelid) end, i.indisprimary, i.indisunique, i.indisvalid,
       u.bytes, coalesce(u.scans, 0), coalesce(u.entries, 0), c.oid::int8, pg_catalog.obj_description(c.oid, 'pg_class')
  from pg_catalog.pg_index as i join pg_catalog.pg_class as c on c.oid = i.indexrelid
  left join used as u on u.root = i.indexrelid
 where i.indrelid = %s
 order by not i.indisprimary, c.relname

-- name: partitions
-- Its partitions, or tables that inherit from it; of what is locked the bound is not told.
with busy as materialized (
  /* busy */
)
select pg_catalog.format('%%I.%%I', n.nspname, c.relname),
       case when c.oid not in (select b.oid from busy as b) then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
       case when c.reltuples >= 0 and c.relkind <> 'p' then c.reltuples::float8 end,
       case when c.relkind in ('r', 'm') then c.relpages::int8 * pg_catalog.current_setting('block_size')::int8 end,
       c.oid in (select b.oid from busy as b)
  from pg_catalog.pg_inherits as h
  join pg_catalog.pg_class as c on c.oid = h.inhrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where h.inhparent = %s
 order by 1

-- name: views
-- Views that read it, directly.
select distinct pg_catalog.format('%%I.%%I', n.nspname, v.relname), case v.relkind when 'm' then 'materialized view' else 'view' end
  from pg_catalog.pg_depend as d
  join pg_catalog.pg_rewrite as w on w.oid = d.objid
  join pg_catalog.pg_class as v on v.oid = w.ev_class
  join pg_catalog.pg_namespace as n on n.oid = v.relnamespace
 where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.refobjid = %s and v.oid <> d.refobjid and v.relkind in ('v', 'm')
   and n.nspname not in ('postai', 'postai_cache')
 order by 1

-- name: triggers
-- Its triggers, without those of constraints.
select g.tgname::text, case when %s then '' else pg_catalog.pg_get_triggerdef(g.oid, true) end, g.tgenabled <> 'D'
  from pg_catalog.pg_trigger as g where g.tgrelid = %s and not g.tgisinternal order by 1

-- name: policies
-- Its row level security policies.
select p.polname::text, case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end,
       p.polpermissive, case when not %s then pg_catalog.pg_get_expr(p.polqual, p.polrelid) end,
       case when not %s then pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) end,
       array(select case when u.oid = 0 then 'public' else pg_catalog.pg_get_userbyid(u.oid)::text end from pg_catalog.unnest(p.polroles) as u (oid))
  from pg_catalog.pg_policy as p where p.polrelid = %s order by 1

-- name: privileges
-- Who may do what with it; what the owner may do is told as well once something was granted.
select case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::text end,
       pg_catalog.array_agg(lower(a.privilege_type) order by a.privilege_type),
       coalesce(pg_catalog.array_agg(lower(a.privilege_type)) filter (where a.is_grantable), '{}'), null::text
  from pg_catalog.pg_class as c
 cross join lateral pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) as a
 where c.oid = %s
 group by a.grantee
union all
select case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::text end,
       pg_catalog.array_agg(lower(a.privilege_type) order by a.privilege_type),
       coalesce(pg_catalog.array_agg(lower(a.privilege_type)) filter (where a.is_grantable), '{}'), t.attname::text
  from pg_catalog.pg_attribute as t cross join lateral pg_catalog.aclexplode(t.attacl) as a
 where t.attrelid = %s and not t.attisdropped
 group by a.grantee, t.attname
 order by 4 nulls first, 1

-- name: activity
-- What happened to it, or to its partitions together, since the counters began; of vacuums and analyzes of partitions
-- the one that is longest ago, NULL = one of them never had any.
with recursive tree (oid) as (
  select %s::oid
   union all
  select h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
    join pg_catalog.pg_class as c on c.oid = h.inhrelid and c.relispartition
), part as (
  select c.oid, greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid), pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)) as vacuumed,
         greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)) as analyzed
    from tree as t join pg_catalog.pg_class as c on c.oid = t.oid and c.relkind in ('r', 'm')
)
select pg_catalog.sum(pg_catalog.pg_stat_get_numscans(p.oid))::int8, pg_catalog.sum(pg_catalog.pg_stat_get_tuples_returned(p.oid))::int8,
       (select pg_catalog.sum(pg_catalog.pg_stat_get_numscans(i.indexrelid))::int8
          from pg_catalog.pg_index as i where i.indrelid in (select o.oid from part as o)),
       pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(p.oid))::int8, pg_catalog.sum(pg_catalog.pg_stat_get_tuples_updated(p.oid))::int8,
       pg_catalog.sum(pg_catalog.pg_stat_get_tuples_hot_updated(p.oid))::int8, pg_catalog.sum(pg_catalog.pg_stat_get_tuples_deleted(p.oid))::int8,
       pg_catalog.sum(pg_catalog.pg_stat_get_live_tuples(p.oid))::int8, pg_catalog.sum(pg_catalog.pg_stat_get_dead_tuples(p.oid))::int8,
       case when pg_catalog.bool_and(p.vacuumed is not null) then pg_catalog.min(p.vacuumed) end,
       case when pg_catalog.bool_and(p.analyzed is not null) then pg_catalog.min(p.analyzed) end
  from part as p
having pg_catalog.count(*) > 0

-- name: trend
-- Its size and rows, with its partitions, in the last 30 days, a point for each three hours. What nothing happened to is
-- not in the history: before its first moment there a table is taken to have been as then, and without any as it is.
with recursive busy as materialized (
  /* busy */
), tree (oid) as (
  select %s::oid
   union all
  select h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
    join pg_catalog.pg_class as c on c.oid = h.inhrelid and c.relispartition
), seen as materialized (
  select h.table_oid, pg_catalog.date_bin('3 hours', h.at - interval '1 microsecond', '2000-01-01') as at,
         (pg_catalog.array_agg(h.bytes order by h.at desc) filter (where h.bytes is not null))[1] as bytes,
         (pg_catalog.array_agg(h.live_rows order by h.at desc) filter (where h.live_rows is not null))[1] as rows,
         pg_catalog.sum(coalesce(h.n_tup_ins, 0) + coalesce(h.n_tup_upd, 0) + coalesce(h.n_tup_del, 0)) as written,
         pg_catalog.sum(coalesce(h.seq_scan, 0)) as seq_scan, pg_catalog.sum(coalesce(h.idx_scan, 0)) as idx_scan
    from postai.table_history as h
   where h.table_oid in (select t.oid from tree as t) and h.at > pg_catalog.now() - interval '30 days'
   group by 1, 2
), sizes as (
  select s.table_oid, s.at, s.bytes, s.bytes - pg_catalog.lag(s.bytes) over (partition by s.table_oid order by s.at) as change
    from seen as s where s.bytes is not null
), counts as (
  select s.table_oid, s.at, s.rows, s.rows - pg_catalog.lag(s.rows) over (partition by s.table_oid order by s.at) as change
    from seen as s where s.rows is not null
), quiet as (
  select pg_catalog.sum(pg_catalog.pg_table_size(c.oid)) filter (where c.oid not in (select s.table_oid from sizes as s)) as bytes,
         pg_catalog.sum(greatest(c.reltuples, 0)) filter (where c.oid not in (select s.table_oid from counts as s)) as rows
    from tree as t join pg_catalog.pg_class as c on c.oid = t.oid and c.relkind in ('r', 'm')
   where c.oid not in (select b.oid from busy as b)
), base as (
  select (select pg_catalog.sum(s.bytes) from sizes as s where s.change is null) + coalesce((select q.bytes from quiet as q), 0) as bytes,
         (select pg_catalog.sum(s.rows) from counts as s where s.change is null) + coalesce((select q.rows from quiet as q), 0) as rows
)
select extract(epoch from p.at)::float8, (b.bytes + pg_catalog.sum(p.bytes) over o)::float8, (b.rows + pg_catalog.sum(p.rows) over o)::float8,
       p.written::float8, p.seq_scan::float8, p.idx_scan::float8
  from (select s.at, pg_catalog.sum(s.written) as written, pg_catalog.sum(s.seq_scan) as seq_scan, pg_catalog.sum(s.idx_scan) as idx_scan,
               coalesce((select pg_catalog.sum(z.change) from sizes as z where z.at = s.at), 0) as bytes,
               coalesce((select pg_catalog.sum(z.change) from counts as z where z.at = s.at), 0) as rows
          from seen as s group by s.at) as p
 cross join base as b
window o as (order by p.at)
 order by p.at

-- name: index_trend
-- Scans of each index, with the parts of a partitioned one, in the last 30 days, day by day: which day of them, how many.
with recursive tree (root, oid) as (
  select i.indexrelid, i.indexrelid from pg_catalog.pg_index as i where i.indrelid = %s
   union all
  select t.root, h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
)
select t.root::int8, least(29, pg_catalog.floor(extract(epoch from h.at - (pg_catalog.now() - interval '30 days')) / 86400))::int4,
       pg_catalog.sum(coalesce(h.idx_scan, 0))::float8
  from tree as t join postai.index_history as h on h.index_oid = t.oid and h.at > pg_catalog.now() - interval '30 days'
 group by 1, 2

-- name: findings
-- What was found about the space of it, of its partitions and of its indexes.
with recursive tree (oid) as (
  select %s::oid
   union all
  select h.inhrelid from tree as t join pg_catalog.pg_inherits as h on h.inhparent = t.oid
    join pg_catalog.pg_class as c on c.oid = h.inhrelid and c.relispartition
), named as materialized (
  select pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name
    from tree as t join pg_catalog.pg_class as c on c.oid = t.oid join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
)
select f.kind, f.object, f.bytes, f.freed, f.note from (
  select b.kind || ' bloat' as kind, b.object, b.bytes, b.bloat_bytes as freed, pg_catalog.round(b.bloat_percent::numeric) || ' %% holds nothing needed' as note
    from postai.bloat as b join named as n on n.name = b.table_name
  union all
  select 'unused index', u.index, u.bytes, u.bytes, u.warning from postai.unused_indexes as u join named as n on n.name = u.table_name
  union all
  select 'redundant index', r.index, r.bytes, r.bytes, r.kept_index || ' does the same' from postai.redundant_indexes as r join named as n on n.name = r.table_name
) as f order by f.freed desc limit 50

-- name: proposals
-- Proposals that wait for a decision about it.
select p.id, p.title, p.state from postai.proposals as p
 where p.state in ('open', 'approved') and (p.object = %s or %s = any (p.objects) or p.evidence ->> 'table' = %s)
 order by p.id desc limit 20

-- name: snapshot
-- The newest snapshot of the schema, with which drift is compared.
select pg_catalog.max(s.taken_at) from postai.schema_snapshot as s

-- name: standby
-- Whether this server replays another one's WAL.
select pg_catalog.pg_is_in_recovery()
