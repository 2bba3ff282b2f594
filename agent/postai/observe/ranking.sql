-- name: now
-- The server's time.
select pg_catalog.clock_timestamp()

-- name: ranking
-- What each statement took in a stretch of time: those that pass the filters, in an order, a page of them; and how many
-- pass, and the time of all that clients sent, whoever did: what ran inside a statement is part of its time.
with wanted as materialized (
  select %s::text as username, (select r.oid from pg_catalog.pg_roles as r where r.rolname = %s) as userid
), done as materialized (
  select x.queryid, w.username = '' or x.userid is not distinct from w.userid as mine, pg_catalog.sum(x.calls)::bigint as calls,
         pg_catalog.sum(x.total_ms) as total_ms, coalesce(pg_catalog.sum(x.total_ms) filter (where not x.toplevel), 0) as inner_ms,
         pg_catalog.sum(x.rows)::bigint as rows, pg_catalog.sum(x.blks_hit)::bigint as blks_hit,
         pg_catalog.sum(x.blks_read)::bigint as blks_read, pg_catalog.sum(x.temp_blks_written)::bigint as temp_blks,
         pg_catalog.sum(x.wal_bytes)::bigint as wal_bytes,
         pg_catalog.sum(x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / greatest(x.calls, 1)) as squares
    from postai.statement_history as x cross join wanted as w
   where x.at > %s and x.at <= %s
   group by x.queryid, mine
), whole as materialized (
  select pg_catalog.sum(d.total_ms - d.inner_ms) as total_ms from done as d
), texts as materialized (
  select s.queryid, pg_catalog.min(s.query) as query, pg_catalog.array_agg(distinct s.username::text) as users,
         pg_catalog.bool_or(s.query is not null and pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower(%s)) > 0) as named,
         pg_catalog.bool_or(s.usage is not null and pg_catalog.jsonb_exists(s.usage, %s)) as touches
    from postai.statements as s
   where not s.of_postai
   group by s.queryid
), passed as materialized (
  select d.*, t.query, t.users, d.total_ms / nullif(d.calls, 0) as mean_ms, d.blks_hit + d.blks_read as blocks
    from done as d join texts as t on t.queryid = d.queryid
   where d.mine and d.total_ms / greatest(d.calls, 1) >= %s and d.total_ms >= %s and d.calls >= %s
     and (%s::text = '' or t.named) and (%s::text = '' or t.touches)
)
select (select pg_catalog.count(*) from passed)::integer, w.total_ms,
       p.queryid, p.query, p.users, p.calls, p.total_ms, p.mean_ms,
       pg_catalog.sqrt(greatest(p.squares / nullif(p.calls, 0) - p.mean_ms ^ 2, 0)),
       p.total_ms / nullif(w.total_ms, 0), p.rows, p.blks_hit, p.blks_read, p.temp_blks, p.wal_bytes,
       postai._load_severity(p.total_ms * 86400 / greatest(%s, 3600), p.total_ms / nullif(w.total_ms, 0), p.mean_ms), p.inner_ms
  from passed as p cross join whole as w
 order by /* order */
 limit %s offset %s

-- name: trends
-- The time of some statements, of all roles or one, in equal parts of a stretch of time.
select x.queryid,
       pg_catalog.width_bucket(extract(epoch from x.at)::float8, extract(epoch from %s::timestamptz)::float8,
                               extract(epoch from %s::timestamptz)::float8 + 0.001, %s),
       pg_catalog.sum(x.total_ms)
  from postai.statement_history as x
 where x.queryid = any(%s) and x.at > %s and x.at <= %s
   and (%s::text = '' or x.userid = (select r.oid from pg_catalog.pg_roles as r where r.rolname = %s))
 group by 1, 2

-- name: users
-- Who ran statements of which there is history.
select distinct s.username::text from postai.statements as s where not s.of_postai order by 1

-- name: since
-- Since when there is history.
select pg_catalog.min(x.at) from postai.load_history as x
