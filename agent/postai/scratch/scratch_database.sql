-- name: scratch_rights
-- Whether this role may make databases, whether here; the mark of this session; options of the new database.
select r.rolsuper or r.rolcreatedb, pg_catalog.pg_is_in_recovery(),
       pg_catalog.format('%s_%s', pg_catalog.pg_backend_pid(), pg_catalog.to_hex((extract(epoch from
         (select a.backend_start from pg_catalog.pg_stat_activity a where a.pid = pg_catalog.pg_backend_pid()))
         * 1000000)::pg_catalog.int8)),
       pg_catalog.concat_ws(' ',
         pg_catalog.format('encoding %L', pg_catalog.pg_encoding_to_char(d.encoding)),
         pg_catalog.format('lc_collate %L lc_ctype %L', d.datcollate, d.datctype),
         case j.o ->> 'datlocprovider'
           when 'i' then pg_catalog.format('locale_provider icu icu_locale %L',
                           coalesce(j.o ->> 'datlocale', j.o ->> 'daticulocale'))
                         || coalesce(' icu_rules ' || pg_catalog.quote_literal(j.o ->> 'daticurules'), '')
           when 'b' then pg_catalog.format('locale_provider builtin builtin_locale %L', j.o ->> 'datlocale') end)
  from pg_catalog.pg_roles r, pg_catalog.pg_database d
 cross join lateral (select pg_catalog.to_jsonb(d) as o) j
 where r.rolname = current_user and d.datname = pg_catalog.current_database()

-- name: scratch_leftovers
-- Scratch databases of this role whose session is gone: the prefix, the prefix, the prefix. A session whose start this
-- role may not see counts as theirs.
select d.datname::pg_catalog.text
  from pg_catalog.pg_database d join pg_catalog.pg_roles r on r.oid = d.datdba and r.rolname = current_user
 where d.datname ~ ('^' || %s::pg_catalog.text || '[0-9]+_[0-9a-f]+_[0-9a-f]{8}$')
   and not exists (
     select from pg_catalog.pg_stat_activity a
      where pg_catalog.starts_with(d.datname, pg_catalog.format('%%s%%s_', %s::pg_catalog.text, a.pid))
        and coalesce(pg_catalog.starts_with(d.datname, pg_catalog.format('%%s%%s_%%s_', %s::pg_catalog.text, a.pid,
              pg_catalog.to_hex((extract(epoch from a.backend_start) * 1000000)::pg_catalog.int8))), true))
