-- Space that could be saved. For a session with search_path = pg_catalog.

-- name: server
-- What the server can do: lz4, the default compression, the version of pg_repack in this database, its name.
select (select s.enumvals @> array['lz4'] from pg_settings s where s.name = 'default_toast_compression'),
       current_setting('default_toast_compression'),
       (select e.extversion from pg_extension e where e.extname = 'pg_repack'),
       current_database()::text

-- name: updates
-- Tables with many updates that had to write a new entry into each index, because the page had no room. From 16 on the
-- server counts those that went to another page.
select format('%%I.%%I', n.nspname, c.relname), u.updates, u.hot, u.moved,
       coalesce((select o.option_value::int from pg_options_to_table(c.reloptions) o
                 where o.option_name = 'fillfactor'), 100),
       c.relpages::int8 * current_setting('block_size')::int8
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select pg_stat_get_tuples_updated(c.oid) as updates, pg_stat_get_tuples_hot_updated(c.oid) as hot,
         /* moved */ null::int8 as moved
) u
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'postai', 'postai_cache')
  and u.updates >= %s and u.hot < 0.5 * u.updates
  and exists (select from pg_index i where i.indrelid = c.oid)
order by u.updates - u.hot desc, c.oid
limit 50

-- name: toasted
-- Tables with big values stored apart, and their columns that are compressed with pglz or not at all.
select format('%%I.%%I', n.nspname, c.relname), t.relpages::int8 * current_setting('block_size')::int8,
       (select json_agg(json_build_array(quote_ident(a.attname), a.attstorage, a.attcompression) order by a.attnum)
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attlen = -1
          and ((a.attstorage in ('x', 'm')
                and (a.attcompression = 'p'
                     or (a.attcompression = '' and current_setting('default_toast_compression') = 'pglz')))
               or (a.attstorage = 'e' and a.atttypid in ('text'::regtype, 'json'::regtype, 'jsonb'::regtype,
                                                         'xml'::regtype, 'varchar'::regtype))))
from pg_class c
join pg_class t on t.oid = c.reltoastrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'postai', 'postai_cache')
  and t.relpages::int8 * current_setting('block_size')::int8 >= %s
order by t.relpages desc, c.oid
limit 50

-- name: unlogged
-- Tables that a crash would empty.
select format('%I.%I', n.nspname, c.relname), c.relpages::int8 * current_setting('block_size')::int8,
       greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::int8
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'u' and n.nspname not in ('postai', 'postai_cache')
  and greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) > 0
order by c.relpages desc, c.oid
limit 50

-- name: utc
-- Texts of times in one form, for the transaction.
select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true)

-- name: cold
-- Big tables whose rows lie in the order of a time that is never missing and indexed, with the bounds of its histogram (seconds
-- since 1970). Left out is what cannot be moved without side effects: rows that other tables refer to, triggers,
-- policies, rules, inheritance and partitions, publications; and what is updated or deleted from a lot.
with big as materialized (
  select c.oid, n.nspname, c.relname, greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) as rows,
         (c.relpages + coalesce(t.relpages, 0))::int8 * current_setting('block_size')::int8 as bytes
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_class t on t.oid = c.reltoastrelid
  where c.relkind = 'r' and c.relpersistence = 'p' and not c.relispartition and not c.relhassubclass
    and not c.relhasrules and not c.relrowsecurity and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    and (c.relpages + coalesce(t.relpages, 0))::int8 * current_setting('block_size')::int8 >= %s
    and octet_length(c.relname) <= 55 and c.relname !~ '_archive$'
    and not exists (select from pg_inherits h where h.inhrelid = c.oid)
    and not exists (select from pg_constraint f where f.confrelid = c.oid)
    and not exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal)
    and not exists (select from pg_publication p where p.puballtables)
    and not exists (select from pg_publication_rel p where p.prrelid = c.oid)
    and not exists (select from pg_class o where o.relnamespace = n.oid and o.relname = c.relname || '_archive')
    and pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
        <= 0.05 * greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))
  order by 5 desc, c.oid
  limit 20
)
select b.nspname, b.relname, b.rows::float8, b.bytes,
       (select coalesce(sum(x.relpages), 0) from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = b.oid)::int8 * current_setting('block_size')::int8,
       pg_stat_get_numscans(b.oid), d.attname, d.type_name, d.bounds,
       (select json_agg(json_build_array(quote_ident(a.attname), a.attgenerated <> '') order by a.attnum)
        from pg_attribute a where a.attrelid = b.oid and a.attnum > 0 and not a.attisdropped)
from big b
cross join lateral (
  select a.attname, format_type(a.atttypid, null) as type_name,
         (select json_agg(extract(epoch from u.bound)::float8 order by u.place)
          from unnest(s.histogram_bounds::text::timestamp[]) with ordinality as u(bound, place)
          where isfinite(u.bound)) as bounds
  from pg_attribute a
  join pg_stats s on s.schemaname = b.nspname and s.tablename = b.relname and s.attname = a.attname and not s.inherited
  where a.attrelid = b.oid and a.attnum > 0 and not a.attisdropped
    and a.atttypid in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
    and s.null_frac = 0 and s.correlation > 0.9 and s.histogram_bounds is not null
    -- Without one, each batch would read the whole table.
    and exists (select from pg_index i
                join pg_class x on x.oid = i.indexrelid
                join pg_am m on m.oid = x.relam and m.amname in ('btree', 'brin')
                where i.indrelid = b.oid and i.indisvalid and i.indpred is null and i.indkey[0] = a.attnum)
  order by s.correlation desc, a.attnum
  limit 1
) d
