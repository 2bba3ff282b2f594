-- What the duty of the collection asks for at every turn.

-- name: settings
-- Whether to collect, every how many seconds, whether with values and with plans, and how much is kept: days, megabytes.
select postai._setting_text('collect')::pg_catalog.bool, postai._setting_ms('collect_interval') / 1000.0::pg_catalog.float8,
       postai._setting_text('collect_values')::pg_catalog.bool, postai._setting_text('collect_plans')::pg_catalog.bool,
       postai._setting_text('history_days')::pg_catalog.float8, postai._setting_text('history_mb')::pg_catalog.float8, pg_catalog.clock_timestamp()
