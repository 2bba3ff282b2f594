-- Writing what the checks found.

-- name: write_health
-- Keeps the results of all checks, since when they are so, and forgets checks that are no more.
with incoming as (
  select r.*
  from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as r(
    name text, place int, title text, status text, value text, threshold text, why text, fix text, docs text)
), gone as (
  delete from postai.health_check as h
  where not exists (select from incoming as i where i.name = h.name)
)
insert into postai.health_check as h (name, place, title, status, value, threshold, why, fix, docs)
select i.name, i.place, i.title, i.status, i.value, i.threshold, i.why, i.fix, i.docs
from incoming as i
on conflict (name) do update
  set place = excluded.place, title = excluded.title, value = excluded.value, threshold = excluded.threshold,
      why = excluded.why, fix = excluded.fix, docs = excluded.docs, checked_at = pg_catalog.clock_timestamp(),
      since = case when h.status = excluded.status then h.since else pg_catalog.clock_timestamp() end,
      status = excluded.status

-- name: write_findings
-- Keeps what was found in space, since when, and forgets what is no more.
with incoming as (
  select r.*
  from pg_catalog.jsonb_to_recordset(%s::pg_catalog.jsonb) as r(
    kind text, object text, table_name text, other text, bytes int8, freed int8, percent float4, dead_rows int8,
    method text, scans int8, counted_since timestamptz, warning text, statement text, undo text)
), gone as (
  delete from postai.space_finding as f
  where not exists (select from incoming as i where i.kind = f.kind and i.object = f.object)
)
insert into postai.space_finding (
  kind, object, table_name, other, bytes, freed, percent, dead_rows, method, scans, counted_since, warning, statement, undo)
select i.kind, i.object, i.table_name, i.other, i.bytes, i.freed, i.percent, i.dead_rows, i.method, i.scans, i.counted_since,
       i.warning, i.statement, i.undo
from incoming as i
on conflict (kind, object) do update
  set table_name = excluded.table_name, other = excluded.other, bytes = excluded.bytes, freed = excluded.freed,
      percent = excluded.percent, dead_rows = excluded.dead_rows, method = excluded.method, scans = excluded.scans,
      counted_since = excluded.counted_since, warning = excluded.warning, statement = excluded.statement,
      undo = excluded.undo, checked_at = pg_catalog.clock_timestamp()
