-- name: entries
-- Cache tables, when each must be filled again (in seconds, null = at once) and how long that took the last time.
select e.id, e.name::text, extract(epoch from e.ttl)::float8,
       extract(epoch from f.fresh_until - pg_catalog.clock_timestamp())::float8,
       coalesce(e.refresh_ms, 0) / 1000,
       greatest(0, extract(epoch from e.not_before - pg_catalog.clock_timestamp()))::float8
  from postai.cache_entry as e
  left join postai_cache._fresh as f on f.id = e.id and f.fresh_until > '-infinity'
 where postai._cache_is_ours(e.id)
 order by e.id

-- name: sweep
-- Drop what is left of cache tables that lost their query.
select postai._cache_sweep()

-- name: obstacle
-- Why a cache table cannot be filled; null = it can. First, that its query would run with more rights than it may.
select case when p.proowner is distinct from pg_catalog.to_regrole('postai_reader') or p.proowner is null
            then 'the function postai._cache_rows is not owned by postai_reader'
            when c.bytes > 8388608 + 10 * coalesce(f.bytes, 0) and c.bytes > c.most
            then 'old rows cannot be removed: VACUUM waits for a long transaction, or does not run'
            else postai._cache_problem(pg_catalog.to_regclass('postai_cache._query_' || c.id)) end
  from (select i.id, pg_catalog.pg_relation_size(pg_catalog.to_regclass('postai_cache._rows_' || i.id)) as bytes,
                    2 * postai._setting_text('cache_mb')::numeric * 1048576 as most
          from (select %s::int4 as id) as i) as c
  left join postai_cache._fresh as f on f.id = c.id
  left join pg_catalog.pg_proc as p
    on p.oid = pg_catalog.to_regprocedure('postai._cache_rows(anyelement, integer, uuid, jsonb, bigint)')

-- name: claim
-- One refresh of a cache table at a time. What defines it now; the most rows it may have.
select e.key::text, {definition}, postai._setting_text('cache_rows')::numeric::int8
  from postai.cache_entry as e where e.id = %s for no key update of e

-- name: ours
-- Whether the rows of a cache table that was claimed lie in a table that postai made.
select postai._cache_is_ours(%s)

-- name: definition
-- Changes with everything that the stream does not tell of: views, partitions, policies, what is published.
(select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', c.oid, c.xmin, w.xmin, t.relid), ',' order by c.oid, w.oid)
                       || coalesce(pg_catalog.max(p.xmin::text), ''))
   from pg_catalog.pg_class as c
   join postai._cache_reads(pg_catalog.to_regclass('postai_cache._query_' || e.id)) as r on r = c.oid
   left join pg_catalog.pg_rewrite as w on w.ev_class = c.oid
   left join pg_catalog.pg_publication as p on p.pubname = %s
   left join lateral pg_catalog.pg_get_publication_tables(p.pubname) as t on t.relid = c.oid)

-- name: fill
-- Replace all rows. Readers see the old ones until the end; nothing is locked that they need.
with gone as (delete from postai_cache._rows_{id}),
     came as (insert into postai_cache._rows_{id} as r
              select * from postai._cache_rows(null::postai_cache._rows_{id}, {id}, %s::uuid, null, %s)
              returning pg_catalog.pg_column_size(r) as size)
insert into postai_cache._fresh as f (id, as_of, fresh_until, rows, bytes)
select {id}, pg_catalog.transaction_timestamp(), pg_catalog.transaction_timestamp() + e.ttl, c.rows, c.bytes
  from postai.cache_entry as e, (select count(*) as rows, coalesce(pg_catalog.sum(size), 0) as bytes from came) as c
 where e.id = {id}
    on conflict (id) do update set as_of = excluded.as_of, fresh_until = excluded.fresh_until,
        rows = excluded.rows, bytes = excluded.bytes, stale_reason = null
returning f.rows, f.bytes, pg_catalog.pg_current_snapshot()::text

-- name: fill_groups
-- Replace the rows of some groups.
with gone as (delete from postai_cache._rows_{id} as r where {condition} returning pg_catalog.pg_column_size(r) as size),
     came as (insert into postai_cache._rows_{id} as r
              select * from postai._cache_rows(null::postai_cache._rows_{id}, {id}, %s::uuid, %s::jsonb, %s)
              returning pg_catalog.pg_column_size(r) as size),
     c as (select count(*) as rows, coalesce(pg_catalog.sum(size), 0) as bytes from came),
     g as (select count(*) as rows, coalesce(pg_catalog.sum(size), 0) as bytes from gone)
update postai_cache._fresh as f
   set as_of = pg_catalog.transaction_timestamp(), fresh_until = pg_catalog.transaction_timestamp() + e.ttl, stale_reason = null,
       rows = f.rows + c.rows - g.rows, bytes = f.bytes + c.bytes - g.bytes
  from postai.cache_entry as e, c, g
 where e.id = {id} and f.id = {id}
returning f.rows, f.bytes, pg_catalog.pg_current_snapshot()::text

-- name: condition
-- The condition for the rows of some groups.
select postai._cache_predicate(('postai_cache._rows_' || %s::int4)::pg_catalog.regclass, %s::jsonb)

-- name: limit
-- Raise when it is bigger than the settings allow.
select postai._cache_limit(%s, %s)

-- name: done
-- Note a refresh.
update postai.cache_entry
   set refreshes = refreshes + 1, refreshed_groups = refreshed_groups + %s::int4, refresh_ms = %s, not_before = null, error = null
 where id = %s

-- name: stale
-- From now on readers get the query itself. One that is being filled looks for itself, before and after its commit.
update postai_cache._fresh as f
   set fresh_until = '-infinity', stale_reason = %s, invalidations = f.invalidations + 1
 where f.id in (select s.id from postai_cache._fresh as s where s.id = any (%s::int4[]) and s.fresh_until > '-infinity'
                   for update skip locked)

-- name: failed
-- Note why it could not be refreshed, and when to try again.
update postai.cache_entry
   set error = %s::jsonb, not_before = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %s)
 where id = %s

-- name: extend
-- Nothing was written until some seconds ago, and nothing was redefined: the rows are those of that moment.
update postai_cache._fresh as f
   set as_of = n.at, fresh_until = n.at + e.ttl
  from postai.cache_entry as e, (select pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s) as at) as n
 where e.id = f.id and f.id = (select s.id from postai_cache._fresh as s where s.id = %s for update skip locked) and f.as_of < n.at and f.fresh_until > '-infinity' and {definition} = %s

-- name: to_follow
-- Cache tables whose writes are to be followed: what they read, and the query as the server writes it.
select e.id, e.timed, array(select r::int8 from postai._cache_reads(q.oid) as r where r <> q.oid),
       pg_catalog.pg_get_viewdef(q.oid)
  from postai.cache_entry as e
  join pg_catalog.pg_class as q on q.oid = pg_catalog.to_regclass('postai_cache._query_' || e.id)
 where e.invalidate_on_write is distinct from false and e.followed
 order by e.id

-- name: not_followed
-- Why writes are not followed, null = they are; of some cache tables, or (null) of all that are to be followed.
update postai.cache_entry as e set not_followed = %s
 where e.id in (select s.id from postai.cache_entry as s
                 where (s.id = any (%s::int4[]) or %s::int4[] is null) and s.invalidate_on_write is distinct from false and s.followed
                   and s.not_followed is distinct from %s
                   for no key update skip locked)

-- name: names
-- What stands behind the oids of tables, for a reason why they are not followed.
select c.oid::int8, c.oid::pg_catalog.regclass::text, c.relkind::text from pg_catalog.pg_class as c where c.oid = any (%s::pg_catalog.oid[])
