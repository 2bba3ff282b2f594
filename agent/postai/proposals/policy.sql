-- What the operator's policy lets the agent apply without being asked; postai._apply_by_policy decides.

-- name: policy
-- What stands against applying anything now (null = nothing), and how many more may be applied today.
select problem, left_today from postai._policy()

-- name: candidates
-- Open proposals of the policy's kinds, the most valuable first, without those that came of a question about one
-- statement, and indexes (of foreign keys) of which no statement is known to get faster.
select p.id from postai.proposals p join postai.proposal o on o.id = p.id
 where p.state = 'open' and coalesce(o.evidence -> 'asked', 'false') = 'false'
   and (p.kind <> 'create_index' or postai._saves(o.evidence))
   and p.kind = any (select pg_catalog.unnest(y.kinds) from postai._policy() y)
 order by coalesce(p.saved_ms_per_day, 0) - coalesce(p.write_ms_per_day, 0) desc, p.id

-- name: apply
-- Approve in the operator's name, and queue.
select postai._apply_by_policy(%s)
