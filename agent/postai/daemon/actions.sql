-- Looking for changes to carry out, cheaply: the runner itself opens sessions of its own.

-- name: due
-- Whether an action waits that may run now (or one whose worker let its lease run out); whether the queue needs tending:
-- something is about to run, missed its window, or may have left a broken index; whether a policy may apply something.
select exists (
         select from postai.action as a
          where (a.state = 'queued' and coalesce(a.not_before, '-infinity') <= pg_catalog.clock_timestamp()
                 and (a.run_window is null or a.run_window @> pg_catalog.clock_timestamp()))
             or (a.state in ('running', 'verifying') and a.lease_until < pg_catalog.clock_timestamp())),
       exists (
         select from postai.action as a
          where a.state = 'queued'
            and ((a.noticed_at is null and a.not_before <= pg_catalog.clock_timestamp() + interval '5 minutes')
                 or upper(a.run_window) <= pg_catalog.clock_timestamp()))
       or exists (
         select from postai.action as a where a.state in ('failed', 'cancelled') and a.checkpoint ->> 'phase' = 'started'),
       postai._setting_text('auto_apply') <> ''
