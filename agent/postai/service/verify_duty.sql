-- Looking whether something applied waits to be measured.

-- name: waiting
-- Whether an applied proposal that promised something to statements was not measured yet; the server's time.
select exists (select from postai.proposal p
                where p.outcome = 'applied' and p.measured is null and pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array'
                  and p.evidence -> 'effects' <> '[]'),
       pg_catalog.clock_timestamp()
