-- What the drift duty writes.

-- name: record
-- An event that says what differs.
select postai._record_event('drift.found', 'schema', null, null, %s::jsonb)
