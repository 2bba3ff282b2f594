-- Looking for changes to carry out, cheaply: the runner itself opens sessions of its own.

-- name: due
-- Whether an action waits that may run now, or one whose worker let its lease run out.
select exists (
  select from postai.action as a
   where (a.state = 'queued' and coalesce(a.not_before, '-infinity') <= pg_catalog.clock_timestamp()
          and (a.run_window is null or a.run_window @> pg_catalog.clock_timestamp()))
      or (a.state in ('running', 'verifying') and a.lease_until < pg_catalog.clock_timestamp()))
