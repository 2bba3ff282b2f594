-- Looking whether something applied waits to be measured.

-- name: waiting
-- Whether an applied proposal was not measured yet; the server's time.
select exists (select from postai.proposal p
                where p.outcome = 'applied' and (p.measured is null or p.measured ->> 'state' = 'confirmed')),
       pg_catalog.clock_timestamp()
