-- name: records_readable
-- Whether postai's records of earlier steps are here and may be read.
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'postai' and c.relname = 'proposal_step'
                  and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'));

-- name: measured_over_estimated
-- Number of measured steps, and the median of how many times longer than estimated they took.
select pg_catalog.count(*), pg_catalog.percentile_cont(0.5) within group (order by x.ratio)
  from (select s.measured_ms::pg_catalog.float8 / s.estimated_ms as ratio
          from postai.proposal_step as s
         where s.measured_ms >= 1000 and s.estimated_ms >= 1
         order by s.done_at desc limit 50) as x;
