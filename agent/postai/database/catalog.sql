-- name: fingerprint
-- A short text that changes with every change of definitions, rights or role memberships, and with nothing else.
--
-- What this relies on (PostgreSQL 14 to 18):
-- * DDL, GRANT and COMMENT write a new version of the catalog row they change, whose xmin is the changing transaction
--   (catalog rows are changed through heap_update); VACUUM freezes a row without changing the xmin that is shown
--   (since 9.4, htup_details.h: HEAP_XMIN_FROZEN).
-- * VACUUM and ANALYZE write relpages, reltuples, relhasindex ... of pg_class in place, without a new version
--   (heap_inplace_update); TRUNCATE, VACUUM FULL and REINDEX write a new version for the new file. So pg_class is hashed
--   by the columns that mean something and not by xmin.
-- * Objects made after initdb have oids from 16384 (FirstNormalObjectId), until the counter wraps round, and then again.
-- * Temporary tables live in schemas pg_temp_N: relations of schemas pg_* are left out, or every temporary table of any
--   session would count. postai_cache is left out because refreshing the cache changes it all the time, and
--   postai_scratch_* because empty copies come and go there; functions and operators count in any schema.
-- * bit_xor does not depend on the order of rows; each row is hashed together with its key, so no two cancel out.
-- * postai._catalog_fingerprint() in sql/40_ask.sql is the same text; a test compares them.
with space as materialized (
  select n.oid, n.xmin from pg_catalog.pg_namespace n
   where n.nspname !~ '^(pg|postai_scratch)_' and n.nspname not in ('information_schema', 'postai_cache')
), relation as materialized (
  select c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl, c.reloptions, c.relam, c.relispartition,
         c.relrowsecurity, c.relforcerowsecurity
    from pg_catalog.pg_class c
   where c.relnamespace in (select space.oid from space)
)
select pg_catalog.md5(pg_catalog.concat_ws(' ',
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(s.oid, s.xmin), 0)) from space s),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(r.*), 0)) from relation r),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(a.attrelid, a.attnum, a.xmin), 0))
     from pg_catalog.pg_attribute a join relation r on r.oid = a.attrelid and r.relkind not in ('i', 'I', 'S')
    where a.attnum > 0),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.oid, d.xmin), 0))
     from pg_catalog.pg_attrdef d join relation r on r.oid = d.adrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(k.oid, k.xmin), 0))
     from pg_catalog.pg_constraint k
    where k.connamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(i.indexrelid, i.xmin), 0))
     from pg_catalog.pg_index i join relation r on r.oid = i.indrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(h.inhrelid, h.inhparent, h.xmin), 0))
     from pg_catalog.pg_inherits h join relation r on r.oid = h.inhrelid),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(w.oid, w.xmin), 0))
     from pg_catalog.pg_rewrite w join relation r on r.oid = w.ev_class),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(p.oid, p.xmin), 0)) from pg_catalog.pg_policy p),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(g.oid, g.xmin), 0))
     from pg_catalog.pg_trigger g join relation r on r.oid = g.tgrelid where not g.tgisinternal),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.objoid, d.classoid, d.objsubid, d.xmin), 0))
     from pg_catalog.pg_description d where d.objoid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(t.oid, t.xmin), 0))
     from pg_catalog.pg_type t where t.typnamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(e.oid, e.xmin), 0)) from pg_catalog.pg_enum e),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(x.oid, x.xmin), 0))
     from pg_catalog.pg_statistic_ext x where x.stxnamespace in (select space.oid from space)),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.oid, m.xmin), 0))
     from pg_catalog.pg_amproc m where m.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.oid, m.xmin), 0))
     from pg_catalog.pg_amop m where m.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(f.oid, f.xmin), 0)) from pg_catalog.pg_proc f),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(o.oid, o.xmin), 0)) from pg_catalog.pg_operator o),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0)) from pg_catalog.pg_cast c),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(x.oid, x.xmin), 0)) from pg_catalog.pg_extension x),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(d.classid, d.objid, d.refobjid, d.xmin), 0))
     from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(c.oid, c.xmin), 0))
     from pg_catalog.pg_opclass c where c.oid >= 16384),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(s.oid, s.xmin), 0)) from pg_catalog.pg_foreign_server s),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(m.roleid, m.member, m.grantor, m.xmin), 0))
     from pg_catalog.pg_auth_members m),
  (select pg_catalog.bit_xor(pg_catalog.hash_record_extended(row(u.oid, u.rolname, u.rolsuper, u.rolinherit,
            u.rolbypassrls), 0)) from pg_catalog.pg_roles u)))

-- name: snapshot
-- The whole picture: one row for each section, its body a JSON array of parallel arrays, one for each column.
--
-- What this relies on (PostgreSQL 14 to 18):
-- * Parallel arrays: json_agg looks up the output function of its argument once for all rows, json_build_array again for
--   each row. oid is cast to bigint, because JSON output writes an oid as a string.
-- * UNION ALL runs its branches in the order written; a parallel plan is impossible because set_config is parallel unsafe.
--   So the first branch sets search_path and the last one puts it back: in between format_type, pg_get_viewdef and their
--   like qualify every name outside pg_catalog, whatever path the session has. `before` is read before it is changed.
-- * The size functions and everything that writes an expression, key, index or view as text (pg_get_*def, pg_get_expr)
--   open the relation with ACCESS SHARE (deparse_context_for reads its column names) and would wait behind a running
--   ALTER TABLE, TRUNCATE or VACUUM FULL. They are not called for relations that another session has locked, or wants to
--   lock, in ACCESS EXCLUSIVE mode.
-- * DDL may still begin meanwhile, and it may want what we have while we want what it has. The wait here ends before
--   deadlock_timeout (1 s by default), so that the server never picks somebody's DDL as the victim.
-- * These functions look at the newest state and not at the statement's snapshot: of an object that was dropped
--   meanwhile they give null.
-- * pg_stats shows only columns that the connected role may read, and none of a table whose row level security applies
--   to it.
with before as materialized (
  select pg_catalog.current_setting('search_path') as path, pg_catalog.current_setting('lock_timeout') as patience
), fingerprint(value) as materialized (
/* fingerprint */
), space as materialized (
  select n.oid, n.nspname from pg_catalog.pg_namespace n
   where n.nspname !~ '^(pg|postai_scratch)_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
), locked as materialized (
  select l.relation as oid from pg_catalog.pg_locks l
   where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock'
     and l.pid is distinct from pg_catalog.pg_backend_pid()
     and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
), busy as materialized (
  select l.oid from locked l
  union select i.indrelid from pg_catalog.pg_index i join locked l on l.oid = i.indexrelid
  union select c.oid from pg_catalog.pg_class c join locked l on l.oid = c.reltoastrelid
), busy_view as materialized (
  select w.ev_class as oid from pg_catalog.pg_depend d join pg_catalog.pg_rewrite w on w.oid = d.objid
   where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
     and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid in (select busy.oid from busy)
  union select busy.oid from busy
), relation as materialized (
  select c.oid, s.nspname, c.relname, c.relkind, c.relispartition, c.relowner, c.reltuples, c.relrowsecurity,
         c.oid in (select busy.oid from busy) as busy
    from pg_catalog.pg_class c join space s on s.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f')
), member as materialized (
  select d.classid, d.objid, x.extname from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid
   where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     and d.classid in ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
), base as materialized (
  with recursive chain(oid, base) as (
    select t.oid, t.typbasetype from pg_catalog.pg_type t where t.typtype = 'd'
    union all
    select c.oid, t.typbasetype from chain c join pg_catalog.pg_type t on t.oid = c.base where t.typtype = 'd'
  )
  select c.oid, c.base from chain c join pg_catalog.pg_type t on t.oid = c.base and t.typtype <> 'd'
)
select 'path' as section, pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true) as body
  from before where before.path is not null
union all
select 'path', pg_catalog.set_config('lock_timeout', '200ms', true) from before where before.patience is not null
union all
select 'database', pg_catalog.json_build_array(
    pg_catalog.json_agg(pg_catalog.current_database()),
    pg_catalog.json_agg(pg_catalog.current_setting('server_version_num')::pg_catalog.int4),
    pg_catalog.json_agg(f.value))::pg_catalog.text
  from fingerprint f
union all
select 'relation', pg_catalog.json_build_array(
    pg_catalog.json_agg(r.oid::pg_catalog.int8), pg_catalog.json_agg(r.nspname), pg_catalog.json_agg(r.relname),
    pg_catalog.json_agg(r.relkind), pg_catalog.json_agg(r.relispartition),
    pg_catalog.json_agg(pg_catalog.pg_get_userbyid(r.relowner)), pg_catalog.json_agg(r.reltuples),
    pg_catalog.json_agg(r.relrowsecurity),
    pg_catalog.json_agg(case when r.relkind in ('v', 'f', 'p') then 0
        when not r.busy then pg_catalog.pg_table_size(r.oid) end),
    pg_catalog.json_agg(h.inhparent::pg_catalog.int8),
    pg_catalog.json_agg(case when r.relkind = 'p' and not r.busy then pg_catalog.pg_get_partkeydef(r.oid) end),
    pg_catalog.json_agg(m.extname))::pg_catalog.text
  from (select * from relation order by nspname, relname) r
  left join pg_catalog.pg_inherits h on h.inhrelid = r.oid and h.inhseqno = 1
  left join member m on m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and m.objid = r.oid
union all
select 'column', pg_catalog.json_build_array(
    pg_catalog.json_agg(a.attrelid::pg_catalog.int8), pg_catalog.json_agg(a.attnum), pg_catalog.json_agg(a.attname),
    pg_catalog.json_agg(a.atttypid::pg_catalog.int8), pg_catalog.json_agg(a.atttypmod),
    pg_catalog.json_agg(a.attnotnull), pg_catalog.json_agg(a.attidentity), pg_catalog.json_agg(a.attgenerated)
    )::pg_catalog.text
  from (select a.* from pg_catalog.pg_attribute a
         where a.attnum > 0 and not a.attisdropped and a.attrelid in (select relation.oid from relation)
         order by a.attrelid, a.attnum) a
union all
select 'type', pg_catalog.json_build_array(
    pg_catalog.json_agg(u.atttypid::pg_catalog.int8), pg_catalog.json_agg(u.atttypmod),
    pg_catalog.json_agg(pg_catalog.format_type(u.atttypid, u.atttypmod)), pg_catalog.json_agg(t.oid::pg_catalog.int8),
    pg_catalog.json_agg(t.typname), pg_catalog.json_agg(t.typtype), pg_catalog.json_agg(t.typcategory))::pg_catalog.text
  from (select distinct a.atttypid, a.atttypmod from pg_catalog.pg_attribute a
         where a.attnum > 0 and not a.attisdropped and a.attrelid in (select relation.oid from relation)) u
  left join base b on b.oid = u.atttypid
  join pg_catalog.pg_type t on t.oid = coalesce(b.base, u.atttypid)
union all
select 'default', pg_catalog.json_build_array(
    pg_catalog.json_agg(d.adrelid::pg_catalog.int8), pg_catalog.json_agg(d.adnum),
    pg_catalog.json_agg(pg_catalog.pg_get_expr(d.adbin, d.adrelid)))::pg_catalog.text
  from pg_catalog.pg_attrdef d join relation r on r.oid = d.adrelid and not r.busy
union all
select 'comment', pg_catalog.json_build_array(
    pg_catalog.json_agg(d.objoid::pg_catalog.int8), pg_catalog.json_agg(d.objsubid),
    pg_catalog.json_agg(d.description))::pg_catalog.text
  from pg_catalog.pg_description d
 where d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objoid in (select relation.oid from relation)
union all
-- A foreign key to a partitioned table has one more row for each partition, on the same table, with conparentid set:
-- these are left out. A partition's own copy has another conrelid and stays.
select 'constraint', pg_catalog.json_build_array(
    pg_catalog.json_agg(k.conrelid::pg_catalog.int8), pg_catalog.json_agg(k.conname), pg_catalog.json_agg(k.contype),
    pg_catalog.json_agg(k.conkey), pg_catalog.json_agg(k.convalidated), pg_catalog.json_agg(k.confrelid::pg_catalog.int8),
    pg_catalog.json_agg(k.confkey),
    pg_catalog.json_agg(case when k.contype = 'c' and not k.busy then pg_catalog.pg_get_constraintdef(k.oid) end)
    )::pg_catalog.text
  from (select k.*, r.busy from pg_catalog.pg_constraint k join relation r on r.oid = k.conrelid
         where k.contype in ('p', 'u', 'f', 'c')
           and (k.conparentid = 0 or k.conrelid <>
                (select p.conrelid from pg_catalog.pg_constraint p where p.oid = k.conparentid))
         order by k.conname) k
union all
select 'index', pg_catalog.json_build_array(
    pg_catalog.json_agg(i.indrelid::pg_catalog.int8), pg_catalog.json_agg(i.indexrelid::pg_catalog.int8),
    pg_catalog.json_agg(i.relname), pg_catalog.json_agg(i.indkey::pg_catalog.int2[]), pg_catalog.json_agg(i.indnkeyatts),
    pg_catalog.json_agg(case when i.indexprs is not null and not i.busy then array(
        select pg_catalog.pg_get_indexdef(i.indexrelid, k, false) from pg_catalog.generate_series(1, i.indnkeyatts) k
         where i.indkey[k - 1] = 0 order by k) end),
    pg_catalog.json_agg(case when i.indpred is not null and not i.busy
        then pg_catalog.pg_get_expr(i.indpred, i.indrelid) end),
    pg_catalog.json_agg(i.indpred is not null), pg_catalog.json_agg(i.amname), pg_catalog.json_agg(i.indisunique),
    pg_catalog.json_agg(i.indisvalid),
    pg_catalog.json_agg(case when not i.busy then pg_catalog.pg_get_indexdef(i.indexrelid) end),
    pg_catalog.json_agg(case when i.relkind = 'I' then 0 when not i.busy then pg_catalog.pg_table_size(i.indexrelid) end)
    )::pg_catalog.text
  from (select i.*, c.relname, c.relkind, m.amname, r.busy
          from pg_catalog.pg_index i join relation r on r.oid = i.indrelid
          join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam
         order by c.relname) i
union all
select 'view', pg_catalog.json_build_array(
    pg_catalog.json_agg(r.oid::pg_catalog.int8), pg_catalog.json_agg(pg_catalog.pg_get_viewdef(r.oid)))::pg_catalog.text
  from relation r where r.relkind in ('v', 'm') and r.oid not in (select busy_view.oid from busy_view)
union all
select 'statistics', pg_catalog.json_build_array(
    pg_catalog.json_agg(s.schemaname), pg_catalog.json_agg(s.tablename), pg_catalog.json_agg(s.attname),
    pg_catalog.json_agg(s.n_distinct), pg_catalog.json_agg(s.null_frac),
    pg_catalog.json_agg(s.most_common_vals::pg_catalog.text), pg_catalog.json_agg(s.most_common_freqs),
    pg_catalog.json_agg(s.histogram))::pg_catalog.text
  from (select s.schemaname, s.tablename, s.attname, s.n_distinct, s.null_frac, s.most_common_vals, s.most_common_freqs,
               case when t.typcategory = 'S' or t.typname = 'jsonb' then s.histogram_bounds::pg_catalog.text
               end as histogram
          from pg_catalog.pg_stats s
          join relation r on r.nspname = s.schemaname and r.relname = s.tablename
          join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attname = s.attname and not a.attisdropped
          join pg_catalog.pg_type t on t.oid = a.atttypid
         order by s.inherited desc) s
union all
select 'enum', pg_catalog.json_build_array(
    pg_catalog.json_agg(t.oid::pg_catalog.int8), pg_catalog.json_agg(s.nspname), pg_catalog.json_agg(t.typname),
    pg_catalog.json_agg(l.labels), pg_catalog.json_agg(pg_catalog.obj_description(t.oid, 'pg_type')),
    pg_catalog.json_agg(pg_catalog.pg_get_userbyid(t.typowner)))::pg_catalog.text
  from (select e.enumtypid, pg_catalog.array_agg(e.enumlabel order by e.enumsortorder) as labels
          from pg_catalog.pg_enum e group by e.enumtypid) l
  join pg_catalog.pg_type t on t.oid = l.enumtypid left join space s on s.oid = t.typnamespace
union all
select 'domain', pg_catalog.json_build_array(
    pg_catalog.json_agg(t.oid::pg_catalog.int8), pg_catalog.json_agg(s.nspname), pg_catalog.json_agg(t.typname),
    pg_catalog.json_agg(pg_catalog.format_type(t.typbasetype, t.typtypmod)), pg_catalog.json_agg(t.typnotnull),
    pg_catalog.json_agg(t.typdefault),
    pg_catalog.json_agg((select pg_catalog.json_agg(pg_catalog.json_build_array(
        k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated) order by k.conname)
      from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c')),
    pg_catalog.json_agg(pg_catalog.obj_description(t.oid, 'pg_type')),
    pg_catalog.json_agg(pg_catalog.pg_get_userbyid(t.typowner)))::pg_catalog.text
  from pg_catalog.pg_type t join space s on s.oid = t.typnamespace where t.typtype = 'd'
union all
select 'composite', pg_catalog.json_build_array(
    pg_catalog.json_agg(t.oid::pg_catalog.int8), pg_catalog.json_agg(s.nspname), pg_catalog.json_agg(t.typname),
    pg_catalog.json_agg((select pg_catalog.json_agg(pg_catalog.json_build_array(
        a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)),
    pg_catalog.json_agg(pg_catalog.obj_description(t.oid, 'pg_type')),
    pg_catalog.json_agg(pg_catalog.pg_get_userbyid(t.typowner)))::pg_catalog.text
  from pg_catalog.pg_type t join space s on s.oid = t.typnamespace
  join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
union all
select 'function', pg_catalog.json_build_array(
    pg_catalog.json_agg(f.oid::pg_catalog.int8), pg_catalog.json_agg(s.nspname), pg_catalog.json_agg(f.proname),
    pg_catalog.json_agg(f.prokind), pg_catalog.json_agg(pg_catalog.pg_get_function_identity_arguments(f.oid)),
    pg_catalog.json_agg(pg_catalog.pg_get_function_result(f.oid)), pg_catalog.json_agg(l.lanname),
    pg_catalog.json_agg(f.provolatile), pg_catalog.json_agg(f.prosecdef),
    pg_catalog.json_agg(pg_catalog.obj_description(f.oid, 'pg_proc')),
    pg_catalog.json_agg(pg_catalog.pg_get_userbyid(f.proowner)), pg_catalog.json_agg(m.extname))::pg_catalog.text
  from pg_catalog.pg_proc f join space s on s.oid = f.pronamespace join pg_catalog.pg_language l on l.oid = f.prolang
  left join member m on m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and m.objid = f.oid
union all
select 'path', pg_catalog.set_config('search_path', before.path, true) from before
union all
select 'path', pg_catalog.set_config('lock_timeout', before.patience, true) from before
