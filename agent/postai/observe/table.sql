-- Sizes, and everything that writes an expression, key or index as text, open the relation and would wait for whoever
-- holds it exclusively; so of what is locked they are not asked for.

-- name: table
-- One relation, and whether it is locked.
with busy as materialized (
  select l.relation as oid from pg_catalog.pg_locks as l
   where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_catalog.pg_backend_pid()
     and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
), own as materialized (
  select c.*, exists (
           select from busy as b where b.oid in (c.oid, c.reltoastrelid)
              or b.oid in (select i.indexrelid from pg_catalog.pg_index as i where i.indrelid = c.oid)) as locked
    from pg_catalog.pg_class as c where c.oid = %s
), sized as materialized (
  select o.*, o.relkind in ('r', 'm') and not o.locked as sizable from own as o
)
select c.oid::int8, n.nspname::text, c.relname::text, pg_catalog.format('%%I.%%I', n.nspname, c.relname),
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end,
       pg_catalog.obj_description(c.oid, 'pg_class'), pg_catalog.pg_get_userbyid(c.relowner)::text,
       case when c.relkind in ('r', 'm', 'f') and c.reltuples >= 0 then c.reltuples::float8 end,
       case when c.sizable then pg_catalog.pg_relation_size(c.oid) end,
       case when c.sizable and c.reltoastrelid <> 0 then pg_catalog.pg_total_relation_size(c.reltoastrelid) end,
       case when c.sizable then pg_catalog.pg_indexes_size(c.oid) end,
       case when c.sizable then pg_catalog.pg_relation_size(c.oid, 'fsm') + pg_catalog.pg_relation_size(c.oid, 'vm') end,
       case c.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' else 'permanent' end,
       coalesce(c.reloptions, '{}'), case when c.relkind = 'p' and not c.locked then pg_catalog.pg_get_partkeydef(c.oid) end,
       (select pg_catalog.format('%%I.%%I', pn.nspname, p.relname) from pg_catalog.pg_inherits as h
          join pg_catalog.pg_class as p on p.oid = h.inhparent join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
         where h.inhrelid = c.oid order by h.inhseqno limit 1),
       c.relrowsecurity, case when c.relkind in ('v', 'm') and not exists (select from busy) then pg_catalog.pg_get_viewdef(c.oid, true) end, c.locked
  from sized as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace

-- name: columns
-- Its columns, with statistics of those that the role may read.
select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       case when %s then null when a.attgenerated <> '' then 'generated: ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
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
                      when 'x' then 'exclude' when 'n' then 'not null' else k.contype::text end,
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
-- Its indexes with their use since the counters began.
select c.relname::text, case when %s then '' else pg_catalog.pg_get_indexdef(i.indexrelid) end, i.indisprimary, i.indisunique, i.indisvalid,
       case when c.relkind = 'i' and not %s then pg_catalog.pg_relation_size(c.oid) end,
       pg_catalog.pg_stat_get_numscans(c.oid), pg_catalog.pg_stat_get_tuples_returned(c.oid), c.oid::int8,
       pg_catalog.obj_description(c.oid, 'pg_class')
  from pg_catalog.pg_index as i join pg_catalog.pg_class as c on c.oid = i.indexrelid
 where i.indrelid = %s
 order by not i.indisprimary, c.relname

-- name: partitions
-- Its partitions, or tables that inherit from it.
select pg_catalog.format('%%I.%%I', n.nspname, c.relname), pg_catalog.pg_get_expr(c.relpartbound, c.oid),
       case when c.reltuples >= 0 then c.reltuples::float8 end,
       c.relpages::int8 * pg_catalog.current_setting('block_size')::int8
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
-- What happened to it since its counters began.
select s.seq_scan, s.seq_tup_read, s.idx_scan, s.n_tup_ins, s.n_tup_upd, s.n_tup_hot_upd, s.n_tup_del, s.n_live_tup, s.n_dead_tup,
       greatest(s.last_vacuum, s.last_autovacuum), greatest(s.last_analyze, s.last_autoanalyze)
  from pg_catalog.pg_stat_all_tables as s where s.relid = %s

-- name: trend
-- Its size and rows in the last 30 days, a point for each three hours.
select extract(epoch from pg_catalog.date_bin('3 hours', h.at, '2000-01-01'))::float8,
       (pg_catalog.array_agg(h.bytes order by h.at desc) filter (where h.bytes is not null))[1]::float8,
       (pg_catalog.array_agg(h.live_rows order by h.at desc))[1]::float8,
       pg_catalog.sum(coalesce(h.n_tup_ins, 0) + coalesce(h.n_tup_upd, 0) + coalesce(h.n_tup_del, 0))::float8
  from postai.table_history as h
 where h.table_oid = %s and h.at > pg_catalog.now() - interval '30 days'
 group by 1 order by 1

-- name: findings
-- What was found about the space of it and of its indexes.
select f.kind, f.object, f.bytes, f.freed, f.note from (
  select b.kind || ' bloat' as kind, b.object, b.bytes, b.bloat_bytes as freed, pg_catalog.round(b.bloat_percent::numeric) || ' %% holds nothing needed' as note
    from postai.bloat as b where b.table_name = %s
  union all
  select 'unused index', u.index, u.bytes, u.bytes, u.warning from postai.unused_indexes as u where u.table_name = %s
  union all
  select 'redundant index', r.index, r.bytes, r.bytes, r.kept_index || ' does the same' from postai.redundant_indexes as r where r.table_name = %s
) as f order by f.freed desc

-- name: proposals
-- Proposals that wait for a decision about it.
select p.id, p.title, p.state from postai.proposals as p
 where p.state in ('open', 'approved') and (p.object = %s or %s = any (p.objects) or p.evidence ->> 'table' = %s)
 order by p.id desc limit 20

-- name: snapshot
-- The newest snapshot of the schema, with which drift is compared.
select pg_catalog.max(s.taken_at) from postai.schema_snapshot as s
