-- name: put_off
-- A proposal's title, evidence and who asked for it, and the proposal that drops for good what it set aside.
select p.title, p.evidence, p.proposed_by::pg_catalog.text,
       (select pg_catalog.max(o.id) from postai.proposal as o
         where o.kind = 'migrate' and o.evidence ->> 'after' = p.id::pg_catalog.text)
  from postai.proposal as p where p.id = %s;

-- name: then
-- What follows a proposal and is not done yet: its number, its statements, its last action and that one's state.
select p.id, p.statements, a.id, a.state
  from postai.proposals as p left join postai.actions as a on a.id = p.action
 where p.kind = 'migrate' and p.state in ('open', 'approved') and p.evidence ->> 'after' = %s
 order by p.id desc limit 1;
