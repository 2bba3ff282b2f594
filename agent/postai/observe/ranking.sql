-- name: known
-- The server's time, since when there is history, and who ran statements.
select pg_catalog.clock_timestamp(), (select pg_catalog.min(x.at) from postai.load_history as x),
       array(select distinct s.username::text from postai.statements as s where not s.of_postai order by 1)

-- name: pieces
-- What statements did in a stretch of time, in pieces; stands before the other blocks. A day or hour that was summed up, and
-- lies in one of the equal parts of the stretch, is one piece, days first; all else is read interval by interval.
--
-- The planner knows nothing of how many there are: so moments come as arrays, and "offset 0" has it look up each stretch of
-- intervals by itself. Whether a period was summed up is one look into the index each: what comes first from there on is it.
-- %s: beginning, end, number of parts.
with asked as materialized (
  select a.*, extract(epoch from a.until - a.since)::float8 / a.parts as seconds
    from (select %s::timestamptz as since, %s::timestamptz as until, %s::integer as parts) as a
), summed as materialized (
  select w.hours, g.at, pg_catalog.tstzrange(g.at - w.span, g.at, '(]') as span,
         pg_catalog.date_bin('24 hours', g.at - interval '1 microsecond', '2000-01-01 00:00+00') + interval '24 hours' as day
    from asked as a
   cross join (values (1, interval '1 hour'), (24, interval '24 hours')) as w (hours, span)
   cross join lateral pg_catalog.generate_series(
           pg_catalog.date_bin(w.span, a.since, '2000-01-01 00:00+00') + w.span, a.until, w.span) as g (at)
   cross join lateral (
     select s.at from postai._summed as s where s.hours = w.hours and s.at >= g.at order by s.at limit 1) as found
   where found.at = g.at and g.at - w.span >= a.since
     and pg_catalog.floor(extract(epoch from g.at - w.span - a.since)::float8 / a.seconds) + 1
         = pg_catalog.ceil(extract(epoch from g.at - a.since)::float8 / a.seconds)
), taken as materialized (
  select s.* from summed as s
   where s.hours = 24 or not exists (select from summed as d where d.hours = 24 and d.at = s.day)
), rest as materialized (
  select pg_catalog.lower(r.span) as since, pg_catalog.upper(r.span) as until
    from asked as a
   cross join lateral pg_catalog.unnest(
           pg_catalog.tstzmultirange(pg_catalog.tstzrange(a.since, a.until, '(]'))
           - coalesce((select pg_catalog.range_agg(t.span) from taken as t), '{}')) as r (span)
), piece as (
  select x.at, x.queryid, x.userid, x.toplevel, x.calls, x.total_ms, x.squares, x.rows, x.blks_hit, x.blks_read, x.temp_blks_written, x.wal_bytes
    from postai.statement_sums as x
   where x.hours = 24 and x.at = any (array(select t.at from taken as t where t.hours = 24)) /* wanted */
  union all
  select x.at, x.queryid, x.userid, x.toplevel, x.calls, x.total_ms, x.squares, x.rows, x.blks_hit, x.blks_read, x.temp_blks_written, x.wal_bytes
    from postai.statement_sums as x
   where x.hours = 1 and x.at = any (array(select t.at from taken as t where t.hours = 1)) /* wanted */
  union all
  select x.*
    from rest as r /* each */
   cross join lateral (
     select x.at, x.queryid, x.userid, x.toplevel, x.calls, x.total_ms,
            x.calls * coalesce(x.stddev_ms, 0)::float8 ^ 2 + x.total_ms ^ 2 / greatest(x.calls, 1),
            x.rows, x.blks_hit, x.blks_read, x.temp_blks_written, x.wal_bytes
       from postai.statement_history as x
      where x.at > r.since and x.at <= r.until /* this */
     offset 0) as x
)

-- name: ranking
-- How many statements pass the filters, the time of all that clients sent, whoever did (what ran inside a statement is part
-- of its time), and what each took: a page of them in an order, one row of NULL where there is none.
, wanted as materialized (
  select %s::text as username, (select r.oid from pg_catalog.pg_roles as r where r.rolname = %s) as userid
), done as materialized (
  select x.queryid, w.username = '' or x.userid is not distinct from w.userid as mine, pg_catalog.sum(x.calls)::bigint as calls,
         pg_catalog.sum(x.total_ms) as total_ms, coalesce(pg_catalog.sum(x.total_ms) filter (where not x.toplevel), 0) as inner_ms,
         pg_catalog.sum(x.rows)::bigint as rows, pg_catalog.sum(x.blks_hit)::bigint as blks_hit,
         pg_catalog.sum(x.blks_read)::bigint as blks_read, pg_catalog.sum(x.temp_blks_written)::bigint as temp_blks,
         pg_catalog.sum(x.wal_bytes)::bigint as wal_bytes, pg_catalog.sum(x.squares) as squares
    from piece as x cross join wanted as w
   group by x.queryid, mine
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
), whole as materialized (
  select (select pg_catalog.count(*) from passed)::integer as passed, (select pg_catalog.sum(d.total_ms - d.inner_ms) from done as d) as total_ms
)
select w.passed, w.total_ms, p.*
  from whole as w
  left join lateral (
    select p.queryid, p.query, p.users, p.calls, p.total_ms, p.mean_ms,
           pg_catalog.sqrt(greatest(p.squares / nullif(p.calls, 0) - p.mean_ms ^ 2, 0)) as stddev_ms,
           p.total_ms / nullif(w.total_ms, 0) as share, p.rows, p.blks_hit, p.blks_read, p.temp_blks, p.wal_bytes,
           postai._load_severity(p.total_ms * 86400 / greatest(%s, 3600), p.total_ms / nullif(w.total_ms, 0), p.mean_ms) as severity,
           p.inner_ms
      from passed as p
     order by /* order */
     limit %s offset %s) as p on true

-- name: wanted
-- These three in place of the marks in `pieces`: of some statements only, few of all that there are, by the indexes that begin
-- with them. Of sums:
and x.statement_id = any (array(select s.id from postai.statements as s where s.queryid = any(%s)))

-- name: each
-- Of intervals, statement by statement:
cross join pg_catalog.unnest(array(select s.id from postai.statements as s where s.queryid = any(%s))) as one (id)

-- name: this
-- One statement's:
and x.statement_id = one.id

-- name: trends
-- The time of some statements, of all roles or one, in the parts of the stretch, from 1.
select x.queryid, pg_catalog.ceil(extract(epoch from x.at - a.since)::float8 / a.seconds)::integer, pg_catalog.sum(x.total_ms)
  from piece as x cross join asked as a
 where (%s::text = '' or x.userid = (select r.oid from pg_catalog.pg_roles as r where r.rolname = %s))
 group by 1, 2
