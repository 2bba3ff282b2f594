-- name: put_off
-- A proposal's title, evidence and who asked for it, and the proposal that drops for good what it set aside.
select p.title, p.evidence, p.proposed_by::pg_catalog.text,
       (select pg_catalog.max(o.id) from postai.proposal as o
         where o.kind = 'migrate' and o.evidence ->> 'after' = p.id::pg_catalog.text)
  from postai.proposal as p where p.id = %s;

-- name: then
-- The open proposal that follows a proposal.
select p.id from postai.proposals as p where p.kind = 'migrate' and p.state = 'open' and p.evidence ->> 'after' = %s;
