-- name: teams
-- Teams of this database.
select t.team::text, t.title, t.part, t.may_connect, t.connect_through::text[], t.connect_as_public, t.owner_roles::text[], t.members
  from postai.teams as t order by t.team limit %s

-- name: members
-- Members of teams, direct ones first.
select m.team::text, m.member::text, m.kind, m.direct, m.through::text[], m.admin_option, m.holds, m.may_connect, m.granted_by::text[]
  from postai.team_members as m order by m.team, not m.direct, m.member limit %s

-- name: own
-- The teams that the connection's role is in.
select m.team::text, m.member::text, m.kind, m.direct, m.through::text[], m.admin_option, m.holds, m.may_connect, m.granted_by::text[]
  from postai.team_members as m where m.member = current_user order by m.team

-- name: database
-- This database, and whether everybody may connect to it.
select d.datname::text, exists (
         select from pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) as a
          where a.grantee = 0 and a.privilege_type = 'CONNECT')
  from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()

-- name: make_team
-- Make a team.
select s.statement from postai.make_team(%s, %s, %s) as s (statement)

-- name: add_member
-- Add a member to a team.
select s.statement from postai.add_member(%s, %s) as s (statement)

-- name: remove_member
-- Take a member out of a team.
select s.statement from postai.remove_member(%s, %s) as s (statement)
