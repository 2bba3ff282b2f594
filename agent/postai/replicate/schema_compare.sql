-- What a schema consists of, as text that is the same on servers of different versions as far as they write it alike:
-- no oid is compared, every name carries its schema (search_path is empty), and names, rights and settings that only
-- newer versions have are left out. `oid` and `sub` tell a thing that was renamed.

-- name: limits
-- For the rest of the transaction: nothing is changed, all names are written with their schema, nobody waits long.
set transaction read only; set local search_path = ''; set local quote_all_identifiers = on; set local lock_timeout = '2s'; set local jit = off;
set local max_parallel_workers_per_gather = 0

-- name: parts
-- Aspect (definition, owner, grants, comment), kind, the object, name within it, text, oid, number of the column.
with space as (
    select n.oid, n.nspname, n.nspowner, n.nspacl, pg_catalog.quote_ident(n.nspname) as shown
      from pg_catalog.pg_namespace as n
     where {users_schema} and (pg_catalog.cardinality(%s::text[]) = 0 or n.nspname = any (%s::text[]))
       and not exists (select from pg_catalog.pg_depend as d
                        where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objid = n.oid and d.deptype = 'e')
), member as (
    select d.classid, d.objid from pg_catalog.pg_depend as d where d.deptype = 'e'
), relation as (
    select c.oid, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
           c.relpersistence, c.relpartbound, c.reloftype, n.shown || '.' || pg_catalog.quote_ident(c.relname) as shown
      from pg_catalog.pg_class as c join space as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c') and c.relpersistence <> 't'
       and not exists (select from member as e where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid)
), object (kind, of, name, text, classid, oid, sub, owner, acl_kind, acl) as (
{objects}
)
select 'definition', o.kind, o.of, o.name, o.text, o.oid::int8, o.sub from object as o
union all
select 'owner', o.kind, o.of, o.name, pg_catalog.pg_get_userbyid(o.owner)::text, o.oid::int8, o.sub
  from object as o where o.owner is not null
union all
select 'comment', o.kind, o.of, o.name, d.description, o.oid::int8, o.sub
  from object as o join pg_catalog.pg_description as d on d.objoid = o.oid and d.classoid = o.classid and d.objsubid = o.sub
union all
select 'grants', o.kind, o.of, o.name,
       coalesce((select pg_catalog.string_agg(g.one, ', ' order by g.one collate "C")
          from (select distinct case when a.grantee = 0 then 'PUBLIC' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end
                       || ' ' || a.privilege_type || case when a.is_grantable and a.grantee <> o.owner then '*' else '' end as one
                  from pg_catalog.aclexplode(coalesce(o.acl, pg_catalog.acldefault(o.acl_kind, o.owner))) as a
                 where a.privilege_type <> 'MAINTAIN') as g), ''),
       o.oid::int8, o.sub
  from object as o where o.acl_kind is not null and (o.acl is not null or o.acl_kind <> 'c')
union all
select 'definition', 'security label', o.kind || ' ' || o.of || ' ' || o.name, s.provider, s.label, 0, 0
  from object as o join pg_catalog.pg_seclabel as s on s.objoid = o.oid and s.classoid = o.classid and s.objsubid = o.sub

-- name: objects
-- Everything that a row needs before it can come, but without keys.
select 'schema', n.shown, '', '', 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid, 0,
       case when n.nspname <> 'public' then n.nspowner end, case when n.nspname <> 'public' then 'n'::"char" end, n.nspacl
  from space as n
union all
select case t.typtype when 'e' then 'enum' else 'type' end, n.shown || '.' || pg_catalog.quote_ident(t.typname), '',
       case t.typtype
         when 'e' then coalesce((select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                                   from pg_catalog.pg_enum as e where e.enumtypid = t.oid), '')
         when 'r' then (select 'range of ' || pg_catalog.format_type(r.rngsubtype, null) from pg_catalog.pg_range as r where r.rngtypid = t.oid)
         when 'b' then 'base' when 'p' then 'shell'
         else coalesce((select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
                          from pg_catalog.pg_attribute as a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') end,
       'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0, t.typowner, 'T'::"char", t.typacl
  from pg_catalog.pg_type as t join space as n on n.oid = t.typnamespace
 where (t.typtype in ('e', 'r', 'p') or t.typtype = 'c' and exists (select from relation as r where r.oid = t.typrelid and r.relkind = 'c')
        or t.typtype = 'b' and t.typcategory <> 'A')
   and not exists (select from member as e where e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and e.objid = t.oid)
union all
select 'domain', n.shown || '.' || pg_catalog.quote_ident(t.typname), '',
       pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod), 'default ' || t.typdefault, case when t.typnotnull then 'not null' end,
         (select pg_catalog.string_agg(pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid), ' ' order by k.conname::text collate "C")
            from pg_catalog.pg_constraint as k where k.contypid = t.oid and k.contype = 'c')),
       'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0, t.typowner, 'T'::"char", t.typacl
  from pg_catalog.pg_type as t join space as n on n.oid = t.typnamespace
 where t.typtype = 'd'
   and not exists (select from member as e where e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and e.objid = t.oid)
union all
select 'sequence', r.shown, '',
       pg_catalog.concat_ws(' ', pg_catalog.format_type(s.seqtypid, null), 'increment', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, 'start',
         s.seqstart, 'cache', s.seqcache, case when s.seqcycle then 'cycle' end,
         'of ' || (select p.oid::pg_catalog.regclass::text || '.' || pg_catalog.quote_ident(a.attname)
                     from pg_catalog.pg_depend as d
                     join pg_catalog.pg_class as p on p.oid = d.refobjid
                     join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = r.oid and d.deptype in ('a', 'i')
                      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0)),
       'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, 0, r.relowner, 's'::"char", r.relacl
  from relation as r join pg_catalog.pg_sequence as s on s.seqrelid = r.oid
union all
select case r.relkind when 'f' then 'foreign table' else 'table' end, r.shown, '',
       pg_catalog.concat_ws(' ', case r.relpersistence when 'u' then 'unlogged' end,
         'of ' || case when r.reloftype <> 0 then pg_catalog.format_type(r.reloftype, null) end,
         'inherits ' || (select pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ', ' order by i.inhseqno)
                           from pg_catalog.pg_inherits as i where i.inhrelid = r.oid),
         pg_catalog.pg_get_expr(r.relpartbound, r.oid), 'partition by ' || case when r.relkind = 'p' then pg_catalog.pg_get_partkeydef(r.oid) end,
         'server ' || (select s.srvname from pg_catalog.pg_foreign_table as f join pg_catalog.pg_foreign_server as s on s.oid = f.ftserver where f.ftrelid = r.oid),
         'with ' || (select pg_catalog.string_agg(o, ', ' order by o collate "C") from pg_catalog.unnest(r.reloptions) as o)),
       'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, 0, r.relowner, 'r'::"char", r.relacl
  from relation as r where r.relkind in ('r', 'p', 'f')
union all
select 'column', r.shown, pg_catalog.quote_ident(a.attname),
       pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
         'collate ' || case when a.attcollation not in (t.typcollation, 0) then
           (select pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(k.collname)
              from pg_catalog.pg_collation as k join pg_catalog.pg_namespace as m on m.oid = k.collnamespace where k.oid = a.attcollation) end,
         case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
         case when coalesce({generated}, '') <> ''
              then 'generated always as (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') ' || case {generated} when 's' then 'stored' else 'virtual' end
              else 'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
         case when a.attnotnull then 'not null' end,
         'storage ' || case when a.attstorage <> t.typstorage then a.attstorage::text end,
         'compression ' || nullif({compression}, ''),
         'statistics ' || case when coalesce(a.attstattarget, -1) <> -1 then a.attstattarget::text end),
       'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, a.attnum::int4, null, case when a.attacl is not null then 'c'::"char" end, a.attacl
  from relation as r
  join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where r.relkind in ('r', 'p', 'f')
union all
select 'constraint', r.shown, pg_catalog.quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid),
       'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0, null, null, null
  from pg_catalog.pg_constraint as k join relation as r on r.oid = k.conrelid
 where k.contype = 'c' and (k.conislocal or k.coninhcount = 0)
union all
select case r.relkind when 'm' then 'materialized view' else 'view' end, r.shown, '',
       coalesce('with (' || (select pg_catalog.string_agg(o, ', ' order by o collate "C") from pg_catalog.unnest(r.reloptions) as o) || ') ', '')
         || 'as ' || pg_catalog.ltrim(pg_catalog.pg_get_viewdef(r.oid)),
       'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, 0, r.relowner, 'r'::"char", r.relacl
  from relation as r where r.relkind in ('v', 'm')
union all
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       n.shown || '.' || pg_catalog.quote_ident(p.proname) || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', '',
       case when p.prokind = 'a' then (select pg_catalog.concat_ws(' ', g.aggtransfn::pg_catalog.regproc, pg_catalog.format_type(g.aggtranstype, null),
                                                nullif(g.aggfinalfn::pg_catalog.regproc::text, '-'), g.agginitval)
                                         from pg_catalog.pg_aggregate as g where g.aggfnoid = p.oid)
            else pg_catalog.pg_get_functiondef(p.oid) end,
       'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0, p.proowner, 'f'::"char", p.proacl
  from pg_catalog.pg_proc as p join space as n on n.oid = p.pronamespace
 where not exists (select from member as e where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid)
   and not exists (select from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'i')
union all
select 'collation', n.shown || '.' || pg_catalog.quote_ident(c.collname), '', pg_catalog.concat_ws(' ', c.collprovider::text, c.collcollate, c.collctype),
       'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, 0, c.collowner, null, null
  from pg_catalog.pg_collation as c join space as n on n.oid = c.collnamespace
 where not exists (select from member as e where e.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass and e.objid = c.oid)
union all
select x.kind, pg_catalog.pg_describe_object(x.classid, x.oid, 0), '', '', x.classid, x.oid, 0, x.owner, null, null
  from (select 'operator', 'pg_catalog.pg_operator'::pg_catalog.regclass::oid, o.oid, o.oprowner from pg_catalog.pg_operator as o join space as n on n.oid = o.oprnamespace
        union all
        select 'operator class', 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, o.opcowner from pg_catalog.pg_opclass as o join space as n on n.oid = o.opcnamespace
        union all
        select 'operator family', 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, o.opfowner from pg_catalog.pg_opfamily as o join space as n on n.oid = o.opfnamespace
        union all
        select 'conversion', 'pg_catalog.pg_conversion'::pg_catalog.regclass, o.oid, o.conowner from pg_catalog.pg_conversion as o join space as n on n.oid = o.connamespace
        union all
        select 'text search configuration', 'pg_catalog.pg_ts_config'::pg_catalog.regclass, o.oid, o.cfgowner from pg_catalog.pg_ts_config as o join space as n on n.oid = o.cfgnamespace
        union all
        select 'text search dictionary', 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, o.oid, o.dictowner from pg_catalog.pg_ts_dict as o join space as n on n.oid = o.dictnamespace
       ) as x (kind, classid, oid, owner)
 where not exists (select from member as e where e.classid = x.classid and e.objid = x.oid)

-- name: after_rows
-- What comes after the rows: keys and indexes and all that is attached to tables.
union all
select 'constraint', r.shown, pg_catalog.quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid),
       'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0, null, null, null
  from pg_catalog.pg_constraint as k join relation as r on r.oid = k.conrelid
 where k.contype in ('p', 'u', 'x', 'f') and coalesce(pg_catalog.to_jsonb(k) ->> 'conparentid', '0') = '0' and (k.conislocal or k.coninhcount = 0)
union all
select 'index', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), '',
       pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid), case when not i.indisvalid then 'invalid' end, case when i.indisclustered then 'clustered' end),
       'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, 0, null, null, null
  from pg_catalog.pg_index as i join relation as r on r.oid = i.indrelid join pg_catalog.pg_class as c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
union all
select 'replica identity', r.shown, '', pg_catalog.concat_ws(' ', r.relreplident::text,
         (select pg_catalog.quote_ident(c.relname) from pg_catalog.pg_index as i join pg_catalog.pg_class as c on c.oid = i.indexrelid
           where i.indrelid = r.oid and i.indisreplident)), 0, r.oid, 0, null, null, null
  from relation as r where r.relkind in ('r', 'p') and r.relreplident in ('i', 'n')
union all
select 'row security', r.shown, '', pg_catalog.concat_ws(' ', case when r.relrowsecurity then 'enabled' end, case when r.relforcerowsecurity then 'forced' end),
       0, r.oid, 0, null, null, null
  from relation as r where r.relrowsecurity or r.relforcerowsecurity
union all
select 'policy', r.shown, pg_catalog.quote_ident(p.polname),
       pg_catalog.concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd::text, 'to',
         coalesce((select pg_catalog.string_agg(pg_catalog.quote_ident(o.rolname), ', ' order by o.rolname::text collate "C")
                     from pg_catalog.pg_roles as o where o.oid = any (p.polroles)), 'PUBLIC'),
         'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)),
       'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0, null, null, null
  from pg_catalog.pg_policy as p join relation as r on r.oid = p.polrelid
union all
select 'rule', r.shown, pg_catalog.quote_ident(w.rulename), pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(w.oid), nullif(w.ev_enabled::text, 'O')),
       'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, 0, null, null, null
  from pg_catalog.pg_rewrite as w join relation as r on r.oid = w.ev_class where w.rulename <> '_RETURN'
union all
select 'trigger', r.shown, pg_catalog.quote_ident(t.tgname), pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), nullif(t.tgenabled::text, 'O')),
       'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0, null, null, null
  from pg_catalog.pg_trigger as t join relation as r on r.oid = t.tgrelid
 where not t.tgisinternal and coalesce(pg_catalog.to_jsonb(t) ->> 'tgparentid', '0') = '0' and t.tgname !~ '^postai_[0-9]'
union all
select 'statistics', n.shown || '.' || pg_catalog.quote_ident(s.stxname), '', pg_catalog.pg_get_statisticsobjdef(s.oid),
       'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, 0, s.stxowner, null, null
  from pg_catalog.pg_statistic_ext as s join space as n on n.oid = s.stxnamespace
union all
select 'default grants', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.defaclrole)),
       coalesce('in ' || n.shown || ' ', '') || a.defaclobjtype::text,
       (select pg_catalog.string_agg(g.one, ', ' order by g.one collate "C")
          from (select case when x.grantee = 0 then 'PUBLIC' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) end || ' ' || x.privilege_type as one
                  from pg_catalog.aclexplode(a.defaclacl) as x where x.privilege_type <> 'MAINTAIN') as g), 0, a.oid, 0, null, null, null
  from pg_catalog.pg_default_acl as a left join space as n on n.oid = a.defaclnamespace
 where a.defaclnamespace = 0 and pg_catalog.cardinality(%s::text[]) = 0 or n.oid is not null

-- name: of_database
-- What belongs to no schema: compared where all schemas are.
union all
select 'extension', pg_catalog.quote_ident(e.extname), '', 'in ' || n.nspname, 'pg_catalog.pg_extension'::pg_catalog.regclass, e.oid, 0, null, null, null
  from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname <> 'plpgsql' and e.extname !~ '^postai'
union all
select 'cast', pg_catalog.pg_describe_object('pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0), '', c.castcontext::text,
       'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0, null, null, null
  from pg_catalog.pg_cast as c
 where c.oid >= 16384
   and not exists (select from member as e where e.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass and e.objid = c.oid)
union all
select 'language', pg_catalog.quote_ident(l.lanname), '', case when l.lanpltrusted then 'trusted' else '' end, 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, 0,
       null, null, null
  from pg_catalog.pg_language as l
 where l.oid >= 16384
   and not exists (select from member as e where e.classid = 'pg_catalog.pg_language'::pg_catalog.regclass and e.objid = l.oid)
union all
select 'foreign server', pg_catalog.quote_ident(s.srvname), '', pg_catalog.concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, (select pg_catalog.string_agg(o, ', ' order by o collate "C") from pg_catalog.unnest(s.srvoptions) as o)),
       'pg_catalog.pg_foreign_server'::pg_catalog.regclass, s.oid, 0, s.srvowner, 'S'::"char", s.srvacl
  from pg_catalog.pg_foreign_server as s join pg_catalog.pg_foreign_data_wrapper as w on w.oid = s.srvfdw where s.srvname !~ '^postai'

-- name: of_database_after_rows
-- What belongs to no schema and comes after the rows.
union all
select 'publication', pg_catalog.quote_ident(p.pubname), '',
       pg_catalog.concat_ws(' ', case when p.puballtables then 'all tables' end, case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
         case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end, case when (pg_catalog.to_jsonb(p) ->> 'pubviaroot')::bool then 'via root' end,
         (select pg_catalog.string_agg(r.prrelid::pg_catalog.regclass::text
                   || coalesce(' (' || (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
                                          from pg_catalog.pg_attribute as a
                                         where a.attrelid = r.prrelid
                                           and a.attnum::text = any (pg_catalog.string_to_array(j.o ->> 'prattrs', ' '))) || ')', '')
                   || coalesce(' where ' || {row_filter}, ''), ', '
                   order by r.prrelid::pg_catalog.regclass::text collate "C")
            from pg_catalog.pg_publication_rel as r cross join lateral (select pg_catalog.to_jsonb(r) as o) as j
           where r.prpubid = p.oid), {published_schemas}),
       'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, 0, p.pubowner, null, null
  from pg_catalog.pg_publication as p where p.pubname !~ '^postai_'
union all
select 'event trigger', pg_catalog.quote_ident(t.evtname), '', pg_catalog.concat_ws(' ', t.evtevent, t.evtfoid::pg_catalog.regproc, pg_catalog.array_to_string(t.evttags, ', '), t.evtenabled::text),
       'pg_catalog.pg_event_trigger'::pg_catalog.regclass, t.oid, 0, t.evtowner, null, null
  from pg_catalog.pg_event_trigger as t where t.evtname !~ '^postai'
   and not exists (select from member as e where e.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass and e.objid = t.oid)

-- name: generated
-- How a column is generated (from 12 on).
a.attgenerated::text

-- name: compression
-- How a column is compressed (from 14 on).
a.attcompression::text

-- name: row_filter
-- The rows that a publication has of a table (from 15 on).
pg_catalog.pg_get_expr(r.prqual, r.prrelid)

-- name: published_schemas
-- The schemas that a publication has (from 15 on).
(select pg_catalog.string_agg(n.nspname, ', ' order by n.nspname) from pg_catalog.pg_publication_namespace as s
   join pg_catalog.pg_namespace as n on n.oid = s.pnnspid where s.pnpubid = p.oid)

-- name: same_table
-- Texts that two servers write differently for the same thing.
create table if not exists {schema}.same (
    aspect text, kind text, of text, name text, source_text text not null, target_text text not null,
    primary key (aspect, kind, of, name)
)

-- name: has_same
-- Whether there is that table.
select pg_catalog.to_regclass(%s) is not null

-- name: forget_same
-- Forget all of them.
delete from {schema}.same

-- name: add_same
-- Note one.
insert into {schema}.same
select * from rows from (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]),
                         pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]))
on conflict (aspect, kind, of, name) do update set source_text = excluded.source_text, target_text = excluded.target_text

-- name: same
-- All of them.
select s.aspect, s.kind, s.of, s.name, s.source_text, s.target_text from {schema}.same as s
