-- What answering a question needs beside the catalog.

-- name: settings
-- The settings of this database, and whether it overrides them or the agent's configuration may speak.
select name, value, changed_at is not null from postai.settings

-- name: moment
-- Today as this database counts days, how long a statement may run, in milliseconds, and what changes with what was
-- taught to a login.
select current_date, postai._setting_ms('ask_timeout'), postai._taught_version(%s)

-- name: taught_examples
-- Verified examples that count for a login, its own before shared ones, newest first.
select question, sql, search_path, taught_by::text, shared
  from postai.example
 where shared or taught_by = %s
 order by shared, taught_at desc

-- name: taught_terms
-- Terms that count for a login, its own before shared ones, newest first.
select term, meaning
  from postai.term
 where shared or taught_by = %s
 order by shared, taught_at desc

-- name: kept_answer
-- An answer of the model that may be given again.
select answer
  from postai.kept_answer
 where key = %s and at > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s * 86400)

-- name: keep_answer
-- Keep an answer of the model.
insert into postai.kept_answer (key, question_key, answer)
values (%s, postai._question_key(%s), %s::text::jsonb)
on conflict (key) do update
   set question_key = excluded.question_key, answer = excluded.answer, at = pg_catalog.clock_timestamp()

-- name: record
-- Note what was asked. Losing the last few notes in a crash of the server is better than waiting for the disk.
with fast as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true)
)
insert into postai.question (asked_by, role, question, status, sql, engine, confidence, explanation, elapsed_ms)
select %s, %s, %s, %s, %s, %s, %s, %s, %s from fast
returning id

-- name: record_call
-- Note one call of the model.
insert into postai.model_call (purpose, model, input_tokens, output_tokens, cost_usd, latency_ms, status, question_id)
values (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: spent_today
-- What model calls have cost since midnight, in US dollars.
select coalesce(pg_catalog.sum(cost_usd), 0) from postai.model_call where at >= current_date

-- name: is_ours
-- Whether a backend with this process id and start runs in this database of this server.
select exists (
  select from pg_catalog.pg_stat_activity as a
   where a.pid = %s and a.datname = pg_catalog.current_database()
     and (a.backend_start is null or a.backend_start = coalesce(%s::timestamptz, a.backend_start)))

-- name: cancel
-- Cancel a statement; false = that backend no longer runs the very same one.
select postai._cancel_statement(%s, %s::timestamptz, %s::timestamptz)
