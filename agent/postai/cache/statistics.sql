-- name: tables
-- Cache tables and how they do.
select c.name, c.rows, c.bytes, c.reads, c.refreshes, c.refresh_ms::double precision, c.invalidations,
       extract(epoch from c.ttl)::double precision, c.as_of, c.fresh, c.stale_reason, c.refreshed_on, c.not_followed, c.error::jsonb,
       c.created_by::text, c.query
  from postai.cache_stats as c order by c.name

-- name: advice
-- Statements that a cache table would pay for.
select a.query, a.user_name::text, a.calls_per_day, a.mean_ms, a.rows_per_call, a.rows_written_per_day, a.saved_ms_per_day, a.advice
  from postai.cache_advice as a limit 20
