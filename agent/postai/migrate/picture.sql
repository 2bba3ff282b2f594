-- name: names
-- Schemas in which unqualified names are found. %s: json [{"kind", "name"}].
select w.kind, w.name, found.schema
  from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as w(kind pg_catalog.text, name pg_catalog.text)
  left join lateral (
    select n.nspname as schema
      from pg_catalog.unnest(pg_catalog.current_schemas(true)) with ordinality as s(path, ord)
      join pg_catalog.pg_namespace n on n.nspname = s.path
     where case w.kind
             when 'relation' then exists (select from pg_catalog.pg_class c
                                           where c.relnamespace = n.oid and c.relname = w.name)
             when 'type' then exists (select from pg_catalog.pg_type t
                                       where t.typnamespace = n.oid and t.typname = w.name)
             when 'opclass' then exists (select from pg_catalog.pg_opclass o
                                          where o.opcnamespace = n.oid and o.opcname = w.name)
             when 'collation' then exists (select from pg_catalog.pg_collation o
                                            where o.collnamespace = n.oid and o.collname = w.name)
             when 'statistics' then exists (select from pg_catalog.pg_statistic_ext o
                                             where o.stxnamespace = n.oid and o.stxname = w.name)
             when 'function' then exists (select from pg_catalog.pg_proc p
                                           where p.pronamespace = n.oid and p.proname = w.name)
             else false
           end
     order by s.ord limit 1
  ) found on true;


-- name: related
-- Oids of the named relations, of all partitions and children below them, and of all tables above those.
--
-- %s: json [{"schema", "name"}].
with recursive named as (
  select c.oid
    from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as w(schema pg_catalog.text, name pg_catalog.text)
    join pg_catalog.pg_namespace n on n.nspname = w.schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.name
), owners as (
  select n.oid from named n
  union
  select i.indrelid from named n join pg_catalog.pg_index i on i.indexrelid = n.oid
), up as (
  select o.oid from owners o
  union
  select h.inhparent from up u join pg_catalog.pg_inherits h on h.inhrelid = u.oid
), down as (
  select u.oid from up u
  union
  select h.inhrelid from down d join pg_catalog.pg_inherits h on h.inhparent = d.oid
)
select d.oid::pg_catalog.int8 from down d;

-- name: relations
-- The relations themselves. %s: array of oids.
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::pg_catalog.text, c.relpersistence::pg_catalog.text,
       c.reltuples::pg_catalog.float8,
       case when c.relkind in ('r', 'm', 't') then pg_catalog.pg_table_size(c.oid)
            when c.relkind = 'i' then pg_catalog.pg_relation_size(c.oid) end,
       h.inhparent::pg_catalog.int8, c.relispartition, pg_catalog.pg_get_expr(c.relpartbound, c.oid),
       pg_catalog.pg_get_partkeydef(c.oid), p.partstrat::pg_catalog.text, p.partattrs::pg_catalog.int2[], c.relispopulated, c.relrowsecurity,
       c.relreplident::pg_catalog.text, coalesce(h.inhdetachpending, false),
       c.relrowsecurity and c.relforcerowsecurity
         and exists (select from pg_catalog.pg_roles r where r.oid = c.relowner and not r.rolsuper and not r.rolbypassrls)
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_inherits h on h.inhrelid = c.oid and h.inhseqno = 1
  left join pg_catalog.pg_partitioned_table p on p.partrelid = c.oid
 where c.oid = any (%s::pg_catalog.oid[]);

-- name: columns
-- Their columns. %s: array of oids.
select a.attrelid::pg_catalog.int8, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::pg_catalog.int8,
       a.atttypmod, a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::pg_catalog.text,
       a.attgenerated::pg_catalog.text,
       case when a.attcollation <> t.typcollation then
         (select pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(o.collname)
            from pg_catalog.pg_collation o join pg_catalog.pg_namespace s on s.oid = o.collnamespace
           where o.oid = a.attcollation) end,
       a.attacl is not null, pg_catalog.col_description(a.attrelid, a.attnum::pg_catalog.int4), a.attinhcount > 0,
       coalesce(a.attstattarget, -1) <> -1 or a.attstorage <> t.typstorage or a.attcompression <> ''
         or coalesce(a.attoptions::pg_catalog.text, '') operator(pg_catalog.~) 'n_distinct',
       case when a.atthasdef and a.attgenerated = '' then
         pg_catalog.pg_get_serial_sequence(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
                                           a.attname) end,
       -- The type itself, or the one below a domain of one level.
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace or t.typtype = 'e'
         or t.typtype = 'd' and exists (select from pg_catalog.pg_type b
                                         where b.oid = t.typbasetype and b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm', 'v', 'f')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = any (%s::pg_catalog.oid[]) and a.attnum > 0 and not a.attisdropped
 order by a.attrelid, a.attnum;

-- name: constraints
-- Their constraints, and the foreign keys of others that refer to them. %s: array of oids, twice.
select k.oid::pg_catalog.int8, k.conrelid::pg_catalog.int8, k.conname, k.contype::pg_catalog.text, pg_catalog.pg_get_constraintdef(k.oid),
       k.convalidated, k.condeferrable, k.condeferred, k.conkey, k.conindid::pg_catalog.int8, k.confrelid::pg_catalog.int8,
       k.conparentid <> 0, n.nspname, c.relname, k.confkey, pg_catalog.obj_description(k.oid, 'pg_constraint'),
       coalesce(k.connoinherit, false), k.coninhcount > 0, c.relkind::pg_catalog.text
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where k.contype in ('c', 'f', 'p', 'u', 'x', 'n')
   and (k.conrelid = any (%s::pg_catalog.oid[])
        or (k.contype = 'f' and k.confrelid = any (%s::pg_catalog.oid[])))
 order by k.conrelid, k.conname;

-- name: indexes
-- Their indexes. %s: array of oids.
select i.indrelid::pg_catalog.int8, i.indexrelid::pg_catalog.int8, n.nspname, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid,
       i.indisunique, i.indisprimary, i.indkey::pg_catalog.int2[], i.indpred is not null, i.indexprs is not null,
       h.inhparent::pg_catalog.int8, c.relkind = 'I',
       k.conname,
       pg_catalog.obj_description(c.oid, 'pg_class'), i.indisclustered, i.indisreplident, i.indisexclusion,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0), i.indnkeyatts, i.indimmediate
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_inherits h on h.inhrelid = i.indexrelid
  left join pg_catalog.pg_constraint k
    on k.conrelid = i.indrelid and k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
 where i.indrelid = any (%s::pg_catalog.oid[])
 order by c.relname;

-- name: triggers
-- Triggers of users. %s: array of oids.
select t.tgrelid::pg_catalog.int8, t.tgname, t.tgattr::pg_catalog.int2[], (t.tgtype & 16) <> 0, (t.tgtype & 8) <> 0, t.tgparentid <> 0
  from pg_catalog.pg_trigger t
 where not t.tgisinternal and t.tgrelid = any (%s::pg_catalog.oid[]);

-- name: dependents
-- What depends on a column: views, rules, policies, triggers, generated columns, statistics, publications, functions.
--
-- %s: array of oids, twice. One row for each column (0 = the whole relation) and dependent object.
select distinct d.refobjid::pg_catalog.int8, d.refobjsubid,
       case d.classid
         when 'pg_catalog.pg_rewrite'::pg_catalog.regclass then
           case when exists (select from pg_catalog.pg_rewrite r where r.oid = d.objid and r.ev_class = d.refobjid)
                then 'rule' else 'view' end
         when 'pg_catalog.pg_policy'::pg_catalog.regclass then 'policy'
         when 'pg_catalog.pg_trigger'::pg_catalog.regclass then 'trigger'
         when 'pg_catalog.pg_attrdef'::pg_catalog.regclass then 'generated column'
         when 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass then 'statistics'
         when 'pg_catalog.pg_publication_rel'::pg_catalog.regclass then 'publication'
         when 'pg_catalog.pg_proc'::pg_catalog.regclass then 'function'
       end as kind,
       case when d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                 and not exists (select from pg_catalog.pg_rewrite r where r.oid = d.objid and r.ev_class = d.refobjid)
            then (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
                    from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
                    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where r.oid = d.objid)
            else pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) end
  from pg_catalog.pg_depend d
 where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = any (%s::pg_catalog.oid[])
   and d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                     'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass,
                     'pg_catalog.pg_statistic_ext'::pg_catalog.regclass,
                     'pg_catalog.pg_publication_rel'::pg_catalog.regclass,
                     'pg_catalog.pg_proc'::pg_catalog.regclass)
   and not (d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            and exists (select from pg_catalog.pg_rewrite r where r.oid = d.objid and r.ev_class = d.refobjid
                           and (r.ev_type = '1' or d.refobjsubid = 0)))
   and not (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            and exists (select from pg_catalog.pg_attrdef f where f.oid = d.objid and f.adrelid = d.refobjid
                           and f.adnum = d.refobjsubid))
   and not (d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
            and exists (select from pg_catalog.pg_trigger t where t.oid = d.objid and (t.tgisinternal or d.refobjsubid = 0)))
union all
-- Columns and domains of its row type, which keep whole rows.
select c.oid::pg_catalog.int8, 0, 'row type', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
  from pg_catalog.pg_class c join pg_catalog.pg_type y on y.oid = c.reltype
  join pg_catalog.pg_depend d
    on d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.refobjid in (y.oid, y.typarray)
  left join pg_catalog.pg_class o on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and o.oid = d.objid
 where c.oid = any (%s::pg_catalog.oid[])
   and (o.relkind in ('r', 'p', 'm', 'f', 'c') and d.objsubid > 0
        or d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid <> y.typarray);

-- name: owned_sequences
-- Sequences that a column owns, whether its default reads them or not. %s: array of the table's oid and its number.
select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.relname)
  from (select %s::pg_catalog.int8[] as at) w
  join pg_catalog.pg_depend d
    on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = w.at[1] and d.refobjsubid = w.at[2]
       and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'a'
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_catalog.pg_namespace n on n.oid = s.relnamespace
 order by 1;

-- name: tablespace
-- Where an index lies, if not where the database does. %s: its oid.
select t.spcname from pg_catalog.pg_class c join pg_catalog.pg_tablespace t on t.oid = c.reltablespace
 where c.oid = %s::pg_catalog.oid;

-- name: settings
-- Storage parameters of a table and of its TOAST table, its replica identity, the index it is clustered on. %s: its oid.
select c.reloptions, t.reloptions, c.relreplident::pg_catalog.text,
       (select x.relname from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
         where i.indrelid = c.oid and i.indisclustered)
  from pg_catalog.pg_class c left join pg_catalog.pg_class t on t.oid = c.reltoastrelid
 where c.oid = %s::pg_catalog.oid;

-- name: column_settings
-- What is set for a column: statistics target, storage, compression, options, identity. %s: array of oid and number.
select coalesce(a.attstattarget, -1), a.attstorage::pg_catalog.text, a.attcompression::pg_catalog.text, a.attoptions,
       a.attidentity::pg_catalog.text
  from (select %s::pg_catalog.int8[] as at) w
  join pg_catalog.pg_attribute a on a.attrelid = w.at[1]::pg_catalog.oid and a.attnum = w.at[2];

-- name: trigger_modes
-- When the triggers of users fire. %s: oid of their table.
select t.tgname, t.tgenabled::pg_catalog.text from pg_catalog.pg_trigger t
 where t.tgrelid = %s::pg_catalog.oid and not t.tgisinternal order by 1;

-- name: comment_on
-- The comment on something that is no relation; no row where it is not there.
--
-- %s: array of its kind, its name (a routine's with types of arguments, a table's for what belongs to one), its own name.
select c.comment
  from (select %s::pg_catalog.text[] as at) w
  cross join lateral (
    select t.oid, pg_catalog.obj_description(t.oid, 'pg_type') as comment
      from pg_catalog.pg_type t where w.at[1] = 'type' and t.oid = pg_catalog.to_regtype(w.at[2])
    union all
    select n.oid, pg_catalog.obj_description(n.oid, 'pg_namespace')
      from pg_catalog.pg_namespace n where w.at[1] = 'schema' and n.oid = pg_catalog.to_regnamespace(w.at[2])
    union all
    select f.oid, pg_catalog.obj_description(f.oid, 'pg_proc')
      from pg_catalog.pg_proc f
     where w.at[1] = 'function'
       and f.oid = case when w.at[2] operator(pg_catalog.~) '[)]$' then pg_catalog.to_regprocedure(w.at[2])::pg_catalog.oid
                        else pg_catalog.to_regproc(w.at[2])::pg_catalog.oid end
    union all
    select t.oid, pg_catalog.obj_description(t.oid, 'pg_trigger')
      from pg_catalog.pg_trigger t
     where w.at[1] = 'trigger' and t.tgrelid = pg_catalog.to_regclass(w.at[2]) and t.tgname = w.at[3]
    union all
    select p.oid, pg_catalog.obj_description(p.oid, 'pg_policy')
      from pg_catalog.pg_policy p
     where w.at[1] = 'policy' and p.polrelid = pg_catalog.to_regclass(w.at[2]) and p.polname = w.at[3]
  ) c;

-- name: of_rows
-- Whether values of a type are rows, or of a domain over them. %s: its name.
with recursive base(oid, typtype) as (
  select t.oid, t.typtype from pg_catalog.pg_type t where t.oid = pg_catalog.to_regtype(%s)
  union all
  select t.oid, t.typtype from base b join pg_catalog.pg_type d on d.oid = b.oid and b.typtype = 'd'
    join pg_catalog.pg_type t on t.oid = d.typbasetype
)
select coalesce(pg_catalog.bool_or(b.typtype = 'c'), false) from base b;

-- name: taken
-- Names of relations and constraints in some schemas, which new names must avoid. %s: array of schema names, twice.
select n.nspname, 'relation', c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%s::pg_catalog.text[])
union all
select n.nspname, 'constraint', k.conname
  from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
 where n.nspname = any (%s::pg_catalog.text[]);

-- name: binary
-- Whether one type can be read as another without a function. %s: oid of the source, name of the target.
select s.oid = t.oid or exists (select from pg_catalog.pg_cast k
                                 where k.castsource = s.oid and k.casttarget = t.oid and k.castmethod = 'b')
  from pg_catalog.pg_type s, pg_catalog.pg_type t
 where s.oid = %s::pg_catalog.oid and t.oid = pg_catalog.to_regtype(%s)::pg_catalog.oid;

-- name: made_by_users
-- Whether one of the functions of these names may be somebody's own. %s: array of names.
select exists (select from pg_catalog.pg_proc p
                where p.proname = any (%s::pg_catalog.name[]) and p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace);

-- name: row_security
-- Whether row level security of a table is enabled and forced, its owner, its policies. %s: its qualified, quoted name.
select c.relrowsecurity, c.relforcerowsecurity, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       array(select p.polname::pg_catalog.text from pg_catalog.pg_policy p where p.polrelid = c.oid order by 1)
  from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass(%s);

-- name: publications
-- Publications that send the rows of a table. %s: its qualified, quoted name.
select p.pubname from pg_catalog.pg_publication_tables p
 where pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', p.schemaname, p.tablename)) = pg_catalog.to_regclass(%s)
 order by 1;

-- name: any_volatile
-- Whether one of the functions of these names may be volatile. %s: array of names.
select exists (select from pg_catalog.pg_proc p where p.proname = any (%s::pg_catalog.name[]) and p.provolatile = 'v');

-- name: domain
-- Name, default (its own or that of the domain below it) and "has constraints" of a domain; no row for another type.
--
-- %s: name of the type.
with recursive chain as (
  select t.oid, t.typbasetype, t.typdefault, t.typnotnull, 0 as depth, t.typtype, t.typname
    from pg_catalog.pg_type t where t.oid = pg_catalog.to_regtype(%s)
  union all
  select t.oid, t.typbasetype, t.typdefault, t.typnotnull, c.depth + 1, t.typtype, t.typname
    from chain c join pg_catalog.pg_type t on t.oid = c.typbasetype where c.typtype = 'd'
)
select (select c.typname from chain c where c.depth = 0),
       (select c.typdefault from chain c where c.typtype = 'd' and c.typdefault is not null order by c.depth limit 1),
       exists (select from chain c where c.typtype = 'd'
                 and (c.typnotnull or exists (select from pg_catalog.pg_constraint k where k.contypid = c.oid)))
 where exists (select from chain c where c.depth = 0 and c.typtype = 'd');

-- name: type_name
-- A type as the server writes it, without its modifier; no row where it is not known. %s: its text.
select pg_catalog.format_type(t.oid, null) from pg_catalog.pg_type t where t.oid = pg_catalog.to_regtype(%s);

-- name: kind
-- What kind of relation it is. %s: its oid.
select c.relkind::pg_catalog.text from pg_catalog.pg_class c where c.oid = %s::pg_catalog.oid;

-- name: bound
-- The partition constraint of a partition as an expression. %s: its oid.
select pg_catalog.pg_get_partition_constraintdef(%s::pg_catalog.oid);

-- name: comparable
-- Whether values of a type can be compared for equality (a default btree or hash operator class). %s: oid of the type.
with recursive base as (
  select t.oid, t.typtype, t.typbasetype, t.typelem, t.typcategory from pg_catalog.pg_type t
   where t.oid = %s::pg_catalog.oid
  union all
  select t.oid, t.typtype, t.typbasetype, t.typelem, t.typcategory
    from base b join pg_catalog.pg_type t
      on t.oid = case when b.typtype = 'd' then b.typbasetype when b.typcategory = 'A' then b.typelem end
)
select coalesce(pg_catalog.bool_or(b.typtype in ('e', 'r', 'm') or exists (
         select from pg_catalog.pg_opclass o join pg_catalog.pg_am m on m.oid = o.opcmethod
          where o.opcdefault and m.amname in ('btree', 'hash')
            and (o.opcintype = b.oid or exists (select from pg_catalog.pg_cast k
                                                 where k.castsource = b.oid and k.casttarget = o.opcintype
                                                   and k.castmethod = 'b' and k.castcontext = 'i')))), false)
  from base b where b.typtype <> 'd' and b.typcategory <> 'A';

-- name: comment
-- What is said of a relation. %s: its oid.
select pg_catalog.obj_description(%s::pg_catalog.oid, 'pg_class');
