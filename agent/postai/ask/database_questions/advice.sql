-- Topics about what postai itself has found.

-- name: recommendations
-- What the advisors propose, the most valuable first.
select r.id, r.severity, r.kind, r.title, r.gain, r.statement
  from postai.recommendations as r
 limit 100

-- name: health
-- The last look at every check, the worst first.
select h.status, h.title as check, h.value, h.why, h.fix, h.checked_at
  from postai.health as h
