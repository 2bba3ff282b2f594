-- name: types
-- Types of people's: oid, CREATE TYPE or CREATE DOMAIN. Row types of tables come with their tables.
select t.oid::pg_catalog.int8, pg_catalog.format(case t.typtype
    when 'e' then 'create type %%I.%%I as enum (%%s)'
    when 'd' then 'create domain %%I.%%I as %%s'
    when 'c' then 'create type %%I.%%I as (%%s)'
    when 'r' then 'create type %%I.%%I as range (%%s)' end, n.nspname, t.typname, case t.typtype
    when 'e' then (select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                     from pg_catalog.pg_enum e where e.enumtypid = t.oid)
    when 'd' then pg_catalog.concat(pg_catalog.format_type(t.typbasetype, t.typtypmod),
                    case when t.typcollation <> b.typcollation then ' collate ' || co.name end,
                    ' default ' || pg_catalog.pg_get_expr(t.typdefaultbin, 0), case when t.typnotnull then ' not null' end)
    when 'c' then (select pg_catalog.string_agg(pg_catalog.format('%%I %%s', a.attname,
                          pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                     from pg_catalog.pg_attribute a
                    where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
    when 'r' then (select pg_catalog.format('subtype = %%s%%s, multirange_type_name = %%I.%%I',
                          pg_catalog.format_type(r.rngsubtype, null),
                          (select pg_catalog.format(', subtype_opclass = %%I.%%I', m.nspname, o.opcname)
                             from pg_catalog.pg_opclass o join pg_catalog.pg_namespace m on m.oid = o.opcnamespace
                            where o.oid = r.rngsubopc),
                          n.nspname, (select u.typname from pg_catalog.pg_type u where u.oid = r.rngmultitypid))
                     from pg_catalog.pg_range r where r.rngtypid = t.oid) end)
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  left join pg_catalog.pg_type b on b.oid = t.typbasetype
  left join lateral (
    select pg_catalog.format('%%I.%%I', m.nspname, l.collname) as name
      from pg_catalog.pg_collation l join pg_catalog.pg_namespace m on m.oid = l.collnamespace where l.oid = t.typcollation
  ) co on true
  left join pg_catalog.pg_class c on c.oid = t.typrelid
 where t.oid = any(%s::pg_catalog.oid[]) and t.typtype in ('e', 'd', 'c', 'r') and (t.typtype <> 'c' or c.relkind = 'c')
 order by t.oid

-- name: domain_checks
-- Constraints of domains: oid, ALTER DOMAIN. NOT NULL comes with the domain.
select k.oid::pg_catalog.int8, pg_catalog.format('alter domain %%I.%%I add constraint %%I %%s', n.nspname, t.typname,
         k.conname, pg_catalog.pg_get_constraintdef(k.oid))
  from pg_catalog.pg_constraint k join pg_catalog.pg_type t on t.oid = k.contypid
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where k.contypid = any(%s::pg_catalog.oid[]) and k.contype = 'c'
 order by k.oid

-- name: functions
-- Functions and procedures: oid, CREATE with a body that does nothing, the whole definition of those in SQL.
--
-- What others wrote must not run with our rights, not even for a constant folded while a table is made.
select p.oid::pg_catalog.int8, pg_catalog.format('create %%s %%I.%%I(%%s)%%s language plpgsql %%s as %%L',
         case p.prokind when 'p' then 'procedure' else 'function' end, n.nspname, p.proname,
         pg_catalog.pg_get_function_arguments(p.oid),
         case when p.prokind = 'f' then ' returns ' || pg_catalog.pg_get_function_result(p.oid) end,
         case when p.prokind = 'f' then pg_catalog.concat_ws(' ',
           case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
           case when p.proisstrict then 'strict' end,
           case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end) end,
         case when p.prokind = 'p' then 'begin end'
              when p.proretset or p.prorettype = 'void'::pg_catalog.regtype or p.proallargtypes is not null
              then 'begin return; end' else 'begin return null; end' end),
       case when l.lanname = 'sql' and p.prokind = 'f' and p.proconfig is null and not p.prosecdef
            then pg_catalog.pg_get_functiondef(p.oid) end
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
 where p.oid = any(%s::pg_catalog.oid[]) and p.prokind in ('f', 'p')
 order by p.oid

-- name: aggregates
-- Plain aggregates: oid, CREATE AGGREGATE.
select p.oid::pg_catalog.int8, pg_catalog.format('create aggregate %%I.%%I(%%s) (sfunc = %%I.%%I, stype = %%s%%s%%s)',
         n.nspname, p.proname, coalesce(nullif(pg_catalog.pg_get_function_arguments(p.oid), ''), '*'), sn.nspname, s.proname,
         pg_catalog.format_type(a.aggtranstype, null), ', initcond = ' || pg_catalog.quote_literal(a.agginitval),
         case when f.oid is not null then pg_catalog.format(', finalfunc = %%I.%%I', fn.nspname, f.proname) end)
  from pg_catalog.pg_aggregate a
  join pg_catalog.pg_proc p on p.oid = a.aggfnoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_proc s on s.oid = a.aggtransfn join pg_catalog.pg_namespace sn on sn.oid = s.pronamespace
  left join pg_catalog.pg_proc f on f.oid = a.aggfinalfn left join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
 where p.oid = any(%s::pg_catalog.oid[]) and a.aggkind = 'n'
 order by p.oid

-- name: operators
-- Operators: oid, CREATE OPERATOR.
select o.oid::pg_catalog.int8, pg_catalog.format('create operator %%I.%%s (function = %%I.%%I, %%s)', n.nspname, o.oprname,
         fn.nspname, f.proname, pg_catalog.concat_ws(', ',
           'leftarg = ' || pg_catalog.format_type(nullif(o.oprleft, 0), null),
           'rightarg = ' || pg_catalog.format_type(nullif(o.oprright, 0), null)))
  from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  join pg_catalog.pg_proc f on f.oid = o.oprcode join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
 where o.oid = any(%s::pg_catalog.oid[])
 order by o.oid

-- name: collations
-- Collations of people's: oid, CREATE COLLATION.
select l.oid::pg_catalog.int8, pg_catalog.format('create collation %%I.%%I (%%s)', n.nspname, l.collname,
         pg_catalog.concat_ws(', ',
           case l.collprovider when 'i' then 'provider = icu' when 'b' then 'provider = builtin' else 'provider = libc' end,
           'locale = ' || pg_catalog.quote_literal(coalesce(j.o ->> 'colllocale', j.o ->> 'colliculocale', l.collcollate)),
           case when not l.collisdeterministic then 'deterministic = false' end))
  from pg_catalog.pg_collation l join pg_catalog.pg_namespace n on n.oid = l.collnamespace
 cross join lateral (select pg_catalog.to_jsonb(l) as o) j
 where l.oid = any(%s::pg_catalog.oid[])
 order by l.oid

-- name: sequences
-- Sequences that are not a column's identity: oid, CREATE SEQUENCE, ALTER SEQUENCE ... OWNED BY.
select c.oid::pg_catalog.int8, pg_catalog.format('create sequence %%I.%%I as %%s', n.nspname, c.relname,
         pg_catalog.format_type(s.seqtypid, null)),
       case when a.attname is not null then pg_catalog.format('alter sequence %%I.%%I owned by %%I.%%I.%%I',
         n.nspname, c.relname, tn.nspname, t.relname, a.attname) end
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_sequence s on s.seqrelid = c.oid
  left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
   and d.refclassid = d.classid and d.deptype in ('a', 'i')
  left join pg_catalog.pg_class t on t.oid = d.refobjid
  left join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
  left join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
 where c.oid = any(%s::pg_catalog.oid[]) and d.deptype is distinct from 'i'
 order by c.oid

-- name: tables
-- Tables: oid, kind, CREATE TABLE with columns and checks, schema, name.
--
-- A partition is a table of its own until it is attached; an inheriting table has its own columns only.
-- The text of a column: type, collation, compression, identity or generated expression, NOT NULL (from PostgreSQL 18
-- on a constraint with a name).
select c.oid::pg_catalog.int8, c.relkind::pg_catalog.text,
       pg_catalog.format('create %%stable %%I.%%I (%%s)%%s%%s%%s%%s%%s',
         case when c.relkind = 'f' then 'foreign ' when c.relpersistence = 'u' then 'unlogged ' end,
         n.nspname, c.relname,
         pg_catalog.concat_ws(', ', co.columns, case when c.relkind in ('r', 'p', 'f') then ck.checks end),
         case when c.relkind = 'f' then ' server postai_none' end,
         ' inherits (' || ih.parents || ')',
         ' partition by ' || case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end,
         case when am.amname <> 'heap' then pg_catalog.format(' using %%I', am.amname) end,
         ' with (' || (select pg_catalog.string_agg(pg_catalog.format('%%I = %%L', pg_catalog.split_part(o, '=', 1),
                               pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ')
                         from pg_catalog.unnest(c.reloptions) o where c.relkind = 'r') || ')'),
       n.nspname, c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_am am on am.oid = c.relam
 cross join lateral (
   select exists (select from pg_catalog.pg_inherits h where h.inhrelid = c.oid) and not c.relispartition
 ) i (inherits)
  left join lateral (
    select pg_catalog.string_agg(pg_catalog.format('%%I.%%I', pn.nspname, pc.relname), ', ' order by h.inhseqno) as parents
      from pg_catalog.pg_inherits h join pg_catalog.pg_class pc on pc.oid = h.inhparent
      join pg_catalog.pg_namespace pn on pn.oid = pc.relnamespace where h.inhrelid = c.oid and i.inherits
  ) ih on true
  left join lateral (
    select pg_catalog.string_agg(pg_catalog.concat(
             pg_catalog.format('%%I %%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)),
             (select pg_catalog.format(' collate %%I.%%I', m.nspname, l.collname) from pg_catalog.pg_collation l
                join pg_catalog.pg_namespace m on m.oid = l.collnamespace
               where l.oid = a.attcollation and a.attcollation <> t.typcollation),
             case a.attcompression when 'p' then ' compression pglz' when 'l' then ' compression lz4' end,
             case when a.attgenerated <> '' then pg_catalog.format(' generated always as (%%s) %%s',
               (select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d
                 where d.adrelid = c.oid and d.adnum = a.attnum),
               case a.attgenerated when 'v' then 'virtual' else 'stored' end) end,
             case when a.attidentity <> '' and not c.relispartition then
               pg_catalog.format(' generated %%s as identity',
                 case a.attidentity when 'a' then 'always' else 'by default' end)
               || coalesce((select pg_catalog.format(' (sequence name %%I.%%I)', sn.nspname, s.relname)
                     from pg_catalog.pg_depend d join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
                     join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refclassid = d.classid
                      and d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype = 'i'), '') end,
             case when a.attnotnull and k.conname is null
                       and pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 180000 then ' not null'
                  when k.convalidated then pg_catalog.format(' constraint %%I not null%%s', k.conname,
                         case when k.connoinherit then ' no inherit' end) end), ', ' order by a.attnum) as columns
      from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_constraint k on k.conrelid = c.oid and k.contype = 'n' and k.conkey[1] = a.attnum
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and (a.attislocal or not i.inherits)
  ) co on true
  left join lateral (
    select pg_catalog.string_agg(pg_catalog.format('constraint %%I %%s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)),
             ', ' order by k.oid) as checks
      from pg_catalog.pg_constraint k
     where k.conrelid = c.oid and k.contype = 'c' and k.convalidated and (k.conislocal or not i.inherits)
  ) ck on true
 where c.oid = any(%s::pg_catalog.oid[]) and c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
 order by c.oid

-- name: partitions
-- Partitions of tables and of indexes: oid, ALTER TABLE or ALTER INDEX that attaches them, whether it is an index.
select c.oid::pg_catalog.int8, pg_catalog.format('alter %%s %%I.%%I attach partition %%I.%%I %%s',
         case when p.relkind = 'I' then 'index' else 'table' end, pn.nspname, p.relname, n.nspname, c.relname,
         case when p.relkind = 'p' then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end), p.relkind = 'I'
  from pg_catalog.pg_inherits h
  join pg_catalog.pg_class c on c.oid = h.inhrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class p on p.oid = h.inhparent join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
 where c.oid = any(%s::pg_catalog.oid[]) and c.relispartition
   and not coalesce((pg_catalog.to_jsonb(h) ->> 'inhdetachpending')::pg_catalog.bool, false)
 order by p.relkind = 'I', c.oid

-- name: column_settings
-- What CREATE TABLE does not say of columns and tables: table, ALTER TABLE; defaults first.
select x.oid::pg_catalog.int8, pg_catalog.format('alter table only %%I.%%I %%s', n.nspname, c.relname, x.change)
  from (
    select 1, a.attrelid, pg_catalog.format('alter column %%I set default %%s', a.attname,
             pg_catalog.pg_get_expr(d.adbin, d.adrelid))
      from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = any(%s::pg_catalog.oid[]) and a.attgenerated = ''
    union all
    select 2, a.attrelid, pg_catalog.format('alter column %%I set storage %%s', a.attname, case a.attstorage
             when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end)
      from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
     where a.attrelid = any(%s::pg_catalog.oid[]) and a.attnum > 0 and a.attstorage <> t.typstorage
    union all
    select 3, c.oid, pg_catalog.format('of %%s', pg_catalog.format_type(c.reloftype, null))
      from pg_catalog.pg_class c where c.oid = any(%s::pg_catalog.oid[]) and c.reloftype <> 0
  ) x (turn, oid, change)
  join pg_catalog.pg_class c on c.oid = x.oid and c.relkind in ('r', 'p', 'f')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by x.turn, x.oid

-- name: keys
-- Indexes, and constraints that have one: oid, CREATE INDEX or ALTER TABLE, whether of a materialized view.
select i.indexrelid::pg_catalog.int8,
       case when k.oid is null then pg_catalog.pg_get_indexdef(i.indexrelid)
            else pg_catalog.format('alter table only %%I.%%I add constraint %%I %%s', n.nspname, c.relname, k.conname,
                   pg_catalog.pg_get_constraintdef(k.oid)) end,
       c.relkind = 'm'
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
   and k.contype in ('p', 'u', 'x')
 where i.indrelid = any(%s::pg_catalog.oid[]) and c.relkind in ('r', 'p', 'm')
 order by c.relkind = 'm', k.oid is null, i.indexrelid

-- name: views
-- Views and materialized views: oid, kind, CREATE without rows, whether it is filled, name, query.
select c.oid::pg_catalog.int8, c.relkind::pg_catalog.text,
       pg_catalog.format('create %%sview %%I.%%I (%%s)%%s as %%s%%s',
         case when c.relkind = 'm' then 'materialized ' end, n.nspname, c.relname,
         (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
            from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
         ' with (' || (select pg_catalog.string_agg(pg_catalog.format('%%I = %%L', pg_catalog.split_part(o, '=', 1),
                               pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ')
                         from pg_catalog.unnest(c.reloptions) o) || ')',
         pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';'),
         case when c.relkind = 'm' then ' with no data' end),
       c.relkind = 'm' and c.relispopulated, pg_catalog.format('%%I.%%I', n.nspname, c.relname),
       pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any(%s::pg_catalog.oid[]) and c.relkind in ('v', 'm') and c.relpersistence <> 't'
 order by c.oid

-- name: reading
-- Views that read these, at first or second hand, and these.
with recursive r (oid) as (
  select pg_catalog.unnest(%s::pg_catalog.oid[])
   union
  select w.ev_class from r
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = r.oid
     and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    join pg_catalog.pg_rewrite w on w.oid = d.objid
)
select r.oid::pg_catalog.int8 from r

-- name: constraints
-- Foreign keys between these tables and constraints that are not validated: oid, ALTER TABLE.
--
-- Those that a partition inherits come with their parent's.
select k.oid::pg_catalog.int8, pg_catalog.format('alter table %%I.%%I add constraint %%I %%s', n.nspname, c.relname,
         k.conname, pg_catalog.pg_get_constraintdef(k.oid))
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where k.conrelid = any(%s::pg_catalog.oid[])
   and (k.contype = 'f' and k.confrelid = any(%s::pg_catalog.oid[]) and k.conparentid = 0
        or k.contype in ('c', 'n') and not k.convalidated and k.conislocal)
 order by k.contype = 'f', k.oid

-- name: attached
-- Triggers, rules, policies and statistics: table, CREATE.
select t.tgrelid::pg_catalog.int8, pg_catalog.pg_get_triggerdef(t.oid)
  from pg_catalog.pg_trigger t where t.tgrelid = any(%s::pg_catalog.oid[]) and not t.tgisinternal and t.tgparentid = 0
 union all
select r.ev_class, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';')
  from pg_catalog.pg_rewrite r where r.ev_class = any(%s::pg_catalog.oid[]) and r.rulename <> '_RETURN'
 union all
select p.polrelid, pg_catalog.format('create policy %%I on %%I.%%I as %%s for %%s to %%s%%s%%s', p.polname, n.nspname,
         c.relname, case when p.polpermissive then 'permissive' else 'restrictive' end,
         case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                       else 'all' end,
         (select pg_catalog.string_agg(case when o = 0 then 'public'
                   else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o)) end, ', ')
            from pg_catalog.unnest(p.polroles) o),
         ' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
         ' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where p.polrelid = any(%s::pg_catalog.oid[])
 union all
select s.stxrelid, pg_catalog.pg_get_statisticsobjdef(s.oid)
  from pg_catalog.pg_statistic_ext s where s.stxrelid = any(%s::pg_catalog.oid[])

-- name: flags
-- What is switched on or off: table, ALTER TABLE.
select x.oid::pg_catalog.int8, pg_catalog.format('alter table %%I.%%I %%s', n.nspname, c.relname, x.change)
  from (
    select c.oid, 'enable row level security' from pg_catalog.pg_class c
     where c.oid = any(%s::pg_catalog.oid[]) and c.relrowsecurity
    union all
    select c.oid, 'force row level security' from pg_catalog.pg_class c
     where c.oid = any(%s::pg_catalog.oid[]) and c.relforcerowsecurity
    union all
    select i.indrelid, pg_catalog.format('cluster on %%I', c.relname) from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = any(%s::pg_catalog.oid[]) and i.indisclustered
    union all
    select i.indrelid, pg_catalog.format('replica identity using index %%I', c.relname) from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = any(%s::pg_catalog.oid[]) and i.indisreplident
    union all
    select c.oid, case c.relreplident when 'f' then 'replica identity full' else 'replica identity nothing' end
      from pg_catalog.pg_class c
     where c.oid = any(%s::pg_catalog.oid[]) and c.relkind in ('r', 'p') and c.relreplident in ('f', 'n')
    union all
    select t.tgrelid, pg_catalog.format('%%s trigger %%I', case t.tgenabled when 'D' then 'disable'
             when 'R' then 'enable replica' else 'enable always' end, t.tgname)
      from pg_catalog.pg_trigger t
     where t.tgrelid = any(%s::pg_catalog.oid[]) and not t.tgisinternal and t.tgenabled <> 'O'
  ) x (oid, change)
  join pg_catalog.pg_class c on c.oid = x.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace

-- name: publications
-- Publications, with those of these tables that they name: CREATE, ALTER.
select pg_catalog.format('create publication %%I%%s', p.pubname, case when p.puballtables then ' for all tables' end),
       (select pg_catalog.format('alter publication %%I add table %%s', p.pubname, pg_catalog.string_agg(
                 pg_catalog.format('only %%I.%%I', n.nspname, c.relname), ', ' order by r.oid))
          from pg_catalog.pg_publication_rel r join pg_catalog.pg_class c on c.oid = r.prrelid
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where r.prpubid = p.oid and c.oid = any(%s::pg_catalog.oid[]))
  from pg_catalog.pg_publication p
 order by p.oid

-- name: unsafe_functions
-- Names of functions of extensions that are not known to be harmless.
select distinct p.proname::pg_catalog.text
  from pg_catalog.pg_proc p
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'
  join pg_catalog.pg_extension e on e.oid = d.refobjid
 where e.extname <> all(%s::pg_catalog.text[]) or p.proname = any(%s::pg_catalog.text[])

-- name: schemas
-- Schemas in which these objects live.
select distinct n.nspname::pg_catalog.text
  from pg_catalog.pg_namespace n
  join (select c.relnamespace from pg_catalog.pg_class c where c.oid = any(%s::pg_catalog.oid[])
         union all select t.typnamespace from pg_catalog.pg_type t where t.oid = any(%s::pg_catalog.oid[])
         union all select p.pronamespace from pg_catalog.pg_proc p where p.oid = any(%s::pg_catalog.oid[])
         union all select l.collnamespace from pg_catalog.pg_collation l where l.oid = any(%s::pg_catalog.oid[])
  ) o (oid) on o.oid = n.oid
 union
select n.nspname from pg_catalog.pg_namespace n
 where n.nspname = any(%s::pg_catalog.text[]) and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%%'

-- name: settings
-- Settings of the session that say what a statement means.
select s.name, s.setting from pg_catalog.pg_settings s
 where s.name in ('TimeZone', 'DateStyle', 'IntervalStyle', 'standard_conforming_strings', 'default_toast_compression',
                  'default_table_access_method', 'array_nulls', 'quote_all_identifiers')
