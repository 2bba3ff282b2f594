-- What a schema consists of, as text that is the same in every database that holds the same: no oid is in it, every
-- name carries its schema (search_path is empty meanwhile), and order and names that PostgreSQL chooses by itself
-- (NOT NULL constraints from 18 on, indexes and constraints of partitions that come with their parent's) are left out.

-- name: objects
-- One row for each part of each object: kind, "of" (the object, with its schema), name of the part, and its text.
with space as materialized (
  select n.oid, n.nspname, pg_catalog.quote_ident(n.nspname) as shown
    from pg_catalog.pg_namespace as n
   where n.nspname <> all ('{information_schema,postai,postai_cache,postai_migrate,pg_catalog,pg_toast}')
     and n.nspname !~ '^((pg_temp|pg_toast_temp|postai_scratch)_|postai_[0-9]+$)'
     and not exists (select from pg_catalog.pg_depend as d
                      where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objid = n.oid and d.deptype = 'e')
), extension as materialized (
  select d.classid, d.objid from pg_catalog.pg_depend as d where d.deptype = 'e'
), relation as materialized (
  select c.oid, c.relkind, c.relpersistence, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
         c.relpartbound, c.relreplident, n.shown || '.' || pg_catalog.quote_ident(c.relname) as shown
    from pg_catalog.pg_class as c join space as n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c') and c.relpersistence <> 't'
     and not exists (select from extension as e where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid)
)
select 'schema' as kind, n.shown as "of", '' as name, array['']::text[] as parts from space as n
union all
select 'type', n.shown || '.' || pg_catalog.quote_ident(t.typname), '',
       array[case t.typtype
         when 'e' then 'AS ENUM (' || coalesce((select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                                                  from pg_catalog.pg_enum as e where e.enumtypid = t.oid), '') || ')'
         when 'r' then (select 'AS RANGE (SUBTYPE = ' || pg_catalog.format_type(r.rngsubtype, null) || ')'
                          from pg_catalog.pg_range as r where r.rngtypid = t.oid)
         when 'c' then 'AS (' || coalesce((select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
                                             from pg_catalog.pg_attribute as a
                                            where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')'
         end]
  from pg_catalog.pg_type as t join space as n on n.oid = t.typnamespace
 where (t.typtype in ('e', 'r') or t.typtype = 'c' and exists (select from relation as r where r.oid = t.typrelid and r.relkind = 'c'))
   and not exists (select from extension as e where e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and e.objid = t.oid)
union all
select 'domain', n.shown || '.' || pg_catalog.quote_ident(t.typname), '',
       array[pg_catalog.format_type(t.typbasetype, t.typtypmod), coalesce(t.typdefault, ''), case when t.typnotnull then 'NOT NULL' else '' end]
  from pg_catalog.pg_type as t join space as n on n.oid = t.typnamespace
 where t.typtype = 'd'
   and not exists (select from extension as e where e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and e.objid = t.oid)
union all
select 'domain constraint', n.shown || '.' || pg_catalog.quote_ident(t.typname), pg_catalog.quote_ident(k.conname),
       array[pg_catalog.pg_get_constraintdef(k.oid)]
  from pg_catalog.pg_constraint as k join pg_catalog.pg_type as t on t.oid = k.contypid join space as n on n.oid = t.typnamespace
 where k.contype = 'c'
   and not exists (select from extension as e where e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and e.objid = t.oid)
union all
select 'sequence', r.shown, '',
       array[pg_catalog.concat_ws(' ', 'AS', pg_catalog.format_type(s.seqtypid, null), 'INCREMENT', s.seqincrement, 'MINVALUE', s.seqmin,
               'MAXVALUE', s.seqmax, 'START', s.seqstart, 'CACHE', s.seqcache, case when s.seqcycle then 'CYCLE' end)]
  from relation as r join pg_catalog.pg_sequence as s on s.seqrelid = r.oid
 where not exists (select from pg_catalog.pg_depend as d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = r.oid and d.deptype = 'i')
union all
select 'sequence owner', r.shown, '', array[o.shown, pg_catalog.quote_ident(a.attname)]
  from relation as r
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = r.oid and d.deptype = 'a'
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0
  join relation as o on o.oid = d.refobjid
  join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
 where r.relkind = 'S'
union all
select case when r.relkind = 'f' then 'foreign table' else 'table' end, r.shown, '',
       array[case when r.relpersistence = 'u' then 'UNLOGGED' else '' end,
             coalesce((select pg_catalog.string_agg(p.shown, ', ' order by i.inhseqno)
                         from pg_catalog.pg_inherits as i join relation as p on p.oid = i.inhparent where i.inhrelid = r.oid), ''),
             coalesce(pg_catalog.pg_get_expr(r.relpartbound, r.oid), ''),
             case when r.relkind = 'p' then coalesce(pg_catalog.pg_get_partkeydef(r.oid), '') else '' end,
             coalesce((select s.srvname from pg_catalog.pg_foreign_table as f join pg_catalog.pg_foreign_server as s on s.oid = f.ftserver
                        where f.ftrelid = r.oid), '')]
  from relation as r where r.relkind in ('r', 'p', 'f')
union all
select 'storage', r.shown, '', array[pg_catalog.array_to_string(array(select o from pg_catalog.unnest(r.reloptions) as o order by o collate "C"), ', ')]
  from relation as r where r.relkind in ('r', 'p', 'm') and r.reloptions is not null
union all
select 'row security', r.shown, '', array[case when r.relrowsecurity then 'ENABLE' else 'DISABLE' end, case when r.relforcerowsecurity then 'FORCE' else 'NO FORCE' end]
  from relation as r where r.relrowsecurity or r.relforcerowsecurity
union all
-- In the order of the table: CREATE TABLE is made of them.
select * from (
select 'column', r.shown, pg_catalog.quote_ident(a.attname),
       array[pg_catalog.format_type(a.atttypid, a.atttypmod),
             case when a.attcollation <> t.typcollation and a.attcollation <> 0
                  then (select pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(k.collname)
                          from pg_catalog.pg_collation as k join pg_catalog.pg_namespace as cn on cn.oid = k.collnamespace
                         where k.oid = a.attcollation) else '' end,
             -- A default names no column, and where none can be named the table need not be opened.
             case when a.attgenerated = '' then coalesce(pg_catalog.pg_get_expr(d.adbin, 0), '') else '' end,
             case when a.attgenerated <> '' then 'ALWAYS AS (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ')' || case a.attgenerated when 's' then ' STORED' else ' VIRTUAL' end
                  when a.attidentity = 'a' then 'ALWAYS AS IDENTITY' when a.attidentity = 'd' then 'BY DEFAULT AS IDENTITY' else '' end,
             case when a.attnotnull then 'NOT NULL' else '' end]
  from relation as r
  join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where r.relkind in ('r', 'p', 'f')
 order by r.oid, a.attnum) as c
union all
select 'constraint', r.shown, pg_catalog.quote_ident(k.conname), array[pg_catalog.pg_get_constraintdef(k.oid), k.contype::text]
  from pg_catalog.pg_constraint as k join relation as r on r.oid = k.conrelid
 where k.contype in ('c', 'p', 'u', 'f', 'x') and k.conparentid = 0 and (k.conislocal or k.coninhcount = 0)
union all
select 'index', r.shown, pg_catalog.quote_ident(c.relname),
       array[pg_catalog.pg_get_indexdef(i.indexrelid), case when i.indisvalid and i.indisready then '' else 'INVALID' end]
  from pg_catalog.pg_index as i join relation as r on r.oid = i.indrelid join pg_catalog.pg_class as c on c.oid = i.indexrelid
 where not c.relispartition
   and not exists (select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x'))
union all
select case when r.relkind = 'm' then 'materialized view' else 'view' end, r.shown, '',
       array[pg_catalog.pg_get_viewdef(r.oid), case when r.relkind = 'v' then coalesce(pg_catalog.array_to_string(r.reloptions, ', '), '') else '' end]
  from relation as r where r.relkind in ('v', 'm')
union all
select 'rule', r.shown, pg_catalog.quote_ident(w.rulename), array[pg_catalog.pg_get_ruledef(w.oid)]
  from pg_catalog.pg_rewrite as w join relation as r on r.oid = w.ev_class
 where w.rulename <> '_RETURN'
union all
select 'trigger', r.shown, pg_catalog.quote_ident(t.tgname),
       array[pg_catalog.pg_get_triggerdef(t.oid), case t.tgenabled when 'O' then '' when 'D' then 'DISABLE' when 'A' then 'ENABLE ALWAYS' else 'ENABLE REPLICA' end]
  from pg_catalog.pg_trigger as t join relation as r on r.oid = t.tgrelid
 where not t.tgisinternal and t.tgparentid = 0
union all
select 'policy', r.shown, pg_catalog.quote_ident(p.polname),
       array[case when p.polpermissive then 'AS PERMISSIVE' else 'AS RESTRICTIVE' end || ' FOR '
             || case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end || ' TO '
             || case when p.polroles = '{0}' then 'PUBLIC'
                     else (select pg_catalog.string_agg(pg_catalog.quote_ident(o.rolname), ', ' order by o.rolname)
                             from pg_catalog.pg_roles as o where o.oid = any (p.polroles)) end
             || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
             || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')]
  from pg_catalog.pg_policy as p join relation as r on r.oid = p.polrelid
union all
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       n.shown || '.' || pg_catalog.quote_ident(p.proname) || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', '',
       array[case when p.prokind = 'a' then (select pg_catalog.format('(SFUNC = %s, STYPE = %s)', g.aggtransfn::pg_catalog.regproc::text, pg_catalog.format_type(g.aggtranstype, null))
                                               from pg_catalog.pg_aggregate as g where g.aggfnoid = p.oid)
                  else pg_catalog.pg_get_functiondef(p.oid) end]
  from pg_catalog.pg_proc as p join space as n on n.oid = p.pronamespace
 where not exists (select from extension as e where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid)
   -- Constructors of range types come with their type.
   and not exists (select from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'i')
union all
select 'statistics', n.shown || '.' || pg_catalog.quote_ident(s.stxname), '', array[pg_catalog.pg_get_statisticsobjdef(s.oid)]
  from pg_catalog.pg_statistic_ext as s join space as n on n.oid = s.stxnamespace

-- name: limits
-- For the rest of the transaction: nothing is changed, all names are written with their schema, and nobody waits long.
set transaction read only;
set local search_path = '';
set local lock_timeout = '2s';
set local max_parallel_workers_per_gather = 0;
set local jit = off;

-- name: hash_head
-- What stands before `objects` for the hash.
select pg_catalog.md5(coalesce(pg_catalog.string_agg(x.kind || E'\x1f' || x."of" || E'\x1f' || x.name || E'\x1f' || x.parts::text, E'\x1e'
         order by x.kind collate "C", x."of" collate "C", x.name collate "C"), ''))
  from (

-- name: hash_tail
-- What stands behind it.
) as x

-- name: changes_head
-- What stands before `objects` for the hash and, where it is not the one of a snapshot, the parts that differ.
with actual as materialized (

-- name: changes_tail
-- What stands behind it: 0 and the hash; 1 and each part that only the snapshot has; 2 and each that is only there now.
), found as materialized (
  select pg_catalog.md5(coalesce(pg_catalog.string_agg(x.kind || E'\x1f' || x."of" || E'\x1f' || x.name || E'\x1f' || x.parts::text, E'\x1e'
           order by x.kind collate "C", x."of" collate "C", x.name collate "C"), '')) as hash from actual as x
)
select 0 as side, pg_catalog.to_jsonb(f.hash) as part from found as f
union all
select pg_catalog.max(b.side), b.part
  from (select 1 as side, p.value as part
          from {home}.schema_snapshot as s, pg_catalog.jsonb_array_elements(s.content) as p (value)
         where s.id = %s and (select f.hash from found as f) <> %s
        union all
        select 2, pg_catalog.jsonb_build_array(x.kind, x."of", x.name, pg_catalog.array_replace(x.parts, null, ''))
          from actual as x where (select f.hash from found as f) <> %s) as b
 group by b.part having pg_catalog.count(*) = 1
