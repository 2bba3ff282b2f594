-- Which migrations were carried out. {home} is the schema that holds the table.

-- name: known
-- All that are known, oldest first.
select m.id, m.title, m.checksum, m.source, m.state, m.proposal, m.applied_by::pg_catalog.text, m.started_at, m.finished_at
  from {home}.migration as m order by m.started_at, m.id;

-- name: known_here
-- The same where postai is installed: one whose proposal was dismissed or undone is where it was before.
select m.id, m.title, m.checksum, m.source,
       case when m.state = 'applied' and p.outcome = 'undone' then 'rolled back'
            when m.state in ('rolling back', 'rolled back') and p.outcome in ('dismissed', 'superseded', 'undone') then 'applied'
            else m.state end,
       m.proposal, m.applied_by::pg_catalog.text, m.started_at, m.finished_at
  from postai.migration as m left join postai.proposals as p on p.id = m.proposal
 where not (m.state = 'running' and coalesce(p.outcome in ('dismissed', 'superseded', 'undone'), false))
 order by m.started_at, m.id;

-- name: begin
-- One begins (again).
insert into {home}.migration as m (id, title, checksum, state, proposal) values (%s, %s, %s, %s, %s)
    on conflict (id) do update
   set title = excluded.title, checksum = excluded.checksum, state = excluded.state, proposal = excluded.proposal,
       applied_by = session_user, started_at = pg_catalog.clock_timestamp(), finished_at = null
 where m.state in ('rolled back', 'applied', excluded.state)
returning 1;

-- name: end
-- It is done.
update {home}.migration set state = %s, finished_at = pg_catalog.clock_timestamp() where id = %s;

-- name: record
-- One that was there before us.
insert into {home}.migration (id, title, checksum, source, state, finished_at)
values (%s, %s, %s, %s, 'applied', pg_catalog.clock_timestamp()) on conflict (id) do nothing;

-- name: proposal
-- What became of a proposal: its state, outcome, last action and that action's state.
select p.state, p.outcome, a.id, a.state
  from postai.proposals as p left join postai.actions as a on a.id = p.action where p.id = %s;

-- name: dropped
-- Whether what a migration set aside was dropped for good. Its number is given.
select exists (select from {home}.migration as m join postai.proposals as p on p.evidence ->> 'after' = m.proposal::pg_catalog.text
                where m.id = %s and p.kind = 'migrate' and p.outcome = 'applied');

-- name: orphans
-- Open proposals of the same statements, by the same login, that no migration stands for: a command died before it could
-- note them. The number of the new proposal is given.
select p.id from postai.proposals as p, postai.proposals as n
 where n.id = %s and p.id <> n.id and p.kind = 'migrate' and p.state = 'open' and p.proposed_by = session_user
   and p.evidence -> 'given' = n.evidence -> 'given' and p.evidence -> 'after' is null
   and not exists (select from {home}.migration as m where m.proposal = p.id);

-- name: propose
-- A proposal for DDL; the agent makes it.
select postai.migrate(%s, versioned_views => %s);
