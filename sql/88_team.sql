-- Teams: roles that cannot log in and are members of postai_reader, postai_user or postai_operator. Their members are
-- PostgreSQL's memberships; nothing about them is kept here. What changes a team is CREATE ROLE, GRANT and REVOKE, which
-- run with the rights of the caller: the server says who may, and these functions say what was lacking.

create function postai._is_own_role(role name) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select role in ('postai_reader', 'postai_user', 'postai_operator', 'postai_agent') or role ~ '^postai_transport_[0-9]+$'
      or exists (select from pg_roles as r where r.rolname = role and not r.rolsuper
                    and case when to_regrole('postai_agent') is null then false else postai._may_use(role, 'postai_agent') end)
$$;
comment on function postai._is_own_role(name) is
  'Whether a role is one of postai''s parts, or what its sidecar or transport logs in as: select postai._is_own_role(''postai_user'')';

create view postai._team as
  select r.oid, r.rolname as team
    from pg_catalog.pg_roles as r
   where not r.rolcanlogin and not r.rolsuper and r.rolname !~ '^pg_' and not postai._is_own_role(r.rolname)
     and exists (select from pg_catalog.pg_roles as p
                  where p.rolname in ('postai_reader', 'postai_user', 'postai_operator') and pg_catalog.pg_has_role(r.oid, p.oid, 'member'));
comment on view postai._team is 'The roles that are teams: select team from postai._team';

-- Before PostgreSQL 16 a membership has no options: pg_auth_members is read as JSON for that.
create view postai.team_members as
  with recursive given as materialized (
    select m.roleid, m.member, pg_catalog.bool_or(m.admin_option) as admin_option,
           pg_catalog.array_agg(distinct g.rolname order by g.rolname) filter (where g.rolname is not null) as granted_by
      from pg_catalog.pg_auth_members as m left join pg_catalog.pg_roles as g on g.oid = m.grantor
     group by m.roleid, m.member
  ), inside (team, first, member, admin_option, granted_by) as (
    -- What a direct grant says comes along, as nobody knows how many rows a join of these would have.
    select g.roleid, g.member, g.member, g.admin_option, g.granted_by from given as g join postai._team as t on t.oid = g.roleid
    union
    select i.team, i.first, g.member, null::boolean as admin_option, null::name[] as granted_by from inside as i join given as g on g.roleid = i.member
  ), found as (
    select i.team, i.member, pg_catalog.bool_or(i.first = i.member) as direct,
           coalesce(pg_catalog.array_agg(f.rolname order by f.rolname) filter (where i.first <> i.member), '{}') as through,
           coalesce(pg_catalog.bool_or(i.admin_option), false) as admin_option, coalesce(pg_catalog.max(i.granted_by), '{}') as granted_by
      from inside as i join pg_catalog.pg_roles as f on f.oid = i.first
     group by i.team, i.member
  )
  select t.rolname as team, r.rolname as member, case when r.rolcanlogin then 'login' else 'team' end as kind, f.direct, f.through,
         f.admin_option, postai._may_use(r.rolname, t.rolname) as holds,
         pg_catalog.has_database_privilege(r.oid, d.oid, 'connect') as may_connect, f.granted_by
    from found as f
    join pg_catalog.pg_roles as t on t.oid = f.team
    join pg_catalog.pg_roles as r on r.oid = f.member
    join pg_catalog.pg_database as d on d.datname = pg_catalog.current_database();
comment on view postai.team_members is
  'Members of teams as the server has them: directly, or through the teams that are named; whether the member holds the team''s rights (a membership may be one to hand it on only), may add members (admin_option), may connect to this database: select team, member, direct, through, holds from postai.team_members';

create view postai.teams as
  with here as materialized (
    select d.oid, d.datdba, coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)) as acl
      from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()
  ), let_in as materialized (
    select distinct a.grantee from here as h, pg_catalog.aclexplode(h.acl) as a where a.privilege_type = 'CONNECT'
  ), owner as materialized (
    -- Whose objects belong to a superuser nobody applies anything to.
    select r.rolname
      from (select h.datdba as oid from here as h
             union
            select s.refobjid from pg_catalog.pg_shdepend as s, here as h where s.dbid = h.oid and s.deptype = 'o') as o
      join pg_catalog.pg_roles as r on r.oid = o.oid
     where not r.rolsuper and not postai._is_own_role(r.rolname)
  ), counted as materialized (
    select m.team, pg_catalog.count(*)::integer as members from postai.team_members as m where m.kind = 'login' and m.holds group by m.team
  ), looked as (
    select t.oid, t.team, pg_catalog.shobj_description(t.oid, 'pg_authid') as title,
           case when postai._is_operator(t.team) then 'operator'
                when case when pg_catalog.to_regrole('postai_user') is not null then postai._may_use(t.team, 'postai_user') end then 'user'
                when case when pg_catalog.to_regrole('postai_reader') is not null then postai._may_use(t.team, 'postai_reader') end then 'reader'
                else 'none' end as part,
           pg_catalog.has_database_privilege(t.oid, h.oid, 'connect') as may_connect,
           array(select r.rolname from let_in as l join pg_catalog.pg_roles as r on r.oid = l.grantee
                  where pg_catalog.pg_has_role(t.oid, r.oid, 'usage') order by r.rolname) as connect_through,
           array(select o.rolname from owner as o where postai._may_use(t.team, o.rolname) order by o.rolname) as owner_roles
      from postai._team as t, here as h
  )
  select l.team, l.title, l.part, l.may_connect, l.connect_through,
         l.may_connect and pg_catalog.cardinality(l.connect_through) = 0 as connect_as_public, l.owner_roles,
         coalesce(c.members, 0) as members
    from looked as l left join counted as c on c.team = l.team;
comment on view postai.teams is
  'Teams: roles that cannot log in and have a part in postai (reader, user, operator), the logins that hold them, whether they may connect to this database and by a grant to which roles (connect_as_public: only because everybody may), and the owner roles that they hold, to whose objects operators among them may apply changes: select team, part, members, may_connect, owner_roles from postai.teams';

create function postai._note_team(kind text, team text, member text, part text, title text) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if kind not in ('team.made', 'team.member_added', 'team.member_removed') or not exists (
      select from pg_roles as r left join pg_roles as t on t.rolname = team
       where postai._may_become(session_user, r.rolname)
         and (r.rolsuper or r.rolcreaterole or coalesce(pg_has_role(r.oid, t.oid, 'member with admin option'), false))) then
    return false;
  end if;
  perform postai._record_event(kind, format('team %s', left(team, 63)), null, null, jsonb_strip_nulls(jsonb_build_object(
    'member', left(member, 63), 'part', left(part, 10), 'title', left(title, 200))));
  return true;
end
$$;
comment on function postai._note_team(text, text, text, text, text) is
  'Writes into the log what is done to a team, where the session''s user may do it; false where not: select postai._note_team(''team.member_added'', ''sales'', ''ann'', null, null). Definer: the log takes what it is told by functions only.';

-- What the caller lacks, as statements for whoever may give it; '' = nothing that is known of.
create function postai._lacking_for_team(team text, part text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' ',
           case when part is not null and not r.rolcreaterole then format('ALTER ROLE %I CREATEROLE;', r.rolname) end,
           case when not coalesce(pg_has_role(r.oid, g.oid, 'member with admin option'), false)
                 and (current_setting('server_version_num')::integer >= 160000 or (part is null and not r.rolcreaterole))
                then format('GRANT %I TO %I WITH ADMIN OPTION;', coalesce('postai_' || part, team), r.rolname) end)
    from pg_roles as r left join pg_roles as g on g.rolname = coalesce('postai_' || part, team)
   where r.rolname = current_user and not r.rolsuper
$$;
comment on function postai._lacking_for_team(text, text) is
  'What the caller lacks to make a team of that part, or, without a part, to change its members: select postai._lacking_for_team(''sales'', null)';

create function postai._change_team(kind text, team text, member text, part text, title text, statements text[]) returns setof text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  one text;
  noted boolean;
  said text;
  more text;
  refused text := format('role %I may not %s team %I', current_user, case kind when 'team.made' then 'make' else 'change the members of' end, team);
  by_hand text := array_to_string(statements, '; ') || ';';
begin
  -- Before: whoever removes himself may not be able to afterwards.
  noted := postai._note_team(kind, team, member, part, title);
  begin
    foreach one in array statements loop
      execute one;
    end loop;
  exception
    when insufficient_privilege then
      get stacked diagnostics said = message_text, more = pg_exception_detail;
      perform postai._raise('PA006', refused, concat_ws('. ', said, nullif(more, '')),
        coalesce(nullif(postai._lacking_for_team(team, part), '') || E'\nOr an administrator runs: ', 'An administrator can run: ') || by_hand);
    when duplicate_object or unique_violation then
      perform postai._raise('42710', format('team %I was changed just now', team), 'Another session did the same.', 'Look at it again: SELECT * FROM postai.teams');
    when invalid_grant_operation then
      get stacked diagnostics said = message_text, more = pg_exception_detail;
      perform postai._raise('0LP01', format('%I cannot be a member of team %I', member, team), concat_ws('. ', said, nullif(more, '')),
        'A team cannot be inside of itself: SELECT team, member, through FROM postai.team_members');
    when dependent_objects_still_exist then
      get stacked diagnostics said = message_text, more = pg_exception_detail;
      perform postai._raise('2BP01', format('%I has handed team %I on', member, team), concat_ws('. ', said, nullif(more, '')),
        format('Remove those members first: SELECT member FROM postai.team_members WHERE team = %L AND %L = ANY (granted_by)', team, member));
    when internal_error then
      get stacked diagnostics said = message_text;
      if said not like 'tuple concurrently %' then
        raise;
      end if;
      perform postai._raise('40001', format('team %I was changed just now', team), said, 'Look at it again: SELECT * FROM postai.teams');
  end;
  if not noted then
    perform postai._raise('PA006', refused, 'The change could not be written into the log of events.',
      'An administrator can run: ' || by_hand);
  end if;
  return query select unnest(statements);
end
$$;
comment on function postai._change_team(text, text, text, text, text, text[]) is
  'Runs what changes a team, with the caller''s rights, and writes the event; errors say what the caller lacks: select postai._change_team(''team.member_added'', ''sales'', ''ann'', null, null, ''{GRANT sales TO ann}'')';

create function postai._require_team(team text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  r pg_roles;
  above name;
begin
  select * into r from pg_roles as p where p.rolname = team;
  if r.oid is null then
    perform postai._raise('42704', format('there is no team %s', coalesce(quote_ident(left(team, 63)), 'NULL')), null,
      'SELECT team FROM postai.teams lists them; postai.make_team makes one.');
  elsif r.rolsuper or r.rolname ~ '^pg_' or postai._is_own_role(r.rolname) then
    perform postai._raise('PA003', format('role %I is no team', team), 'It is a superuser, PostgreSQL''s own role, or one of postai''s.',
      'Make a team that is a member of it, or have an administrator grant it.');
  elsif not exists (select from postai._team as t where t.oid = r.oid) then
    perform postai._raise('42809', format('role %I is no team', team),
      case when r.rolcanlogin then 'It can log in.' else 'It is no member of postai_reader, postai_user or postai_operator.' end,
      case when r.rolcanlogin then 'SELECT team FROM postai.teams lists teams.' else format('GRANT postai_reader TO %I;', team) end);
  end if;
  select p.rolname into above from pg_roles as p where p.rolsuper and pg_has_role(r.oid, p.oid, 'member') order by 1 limit 1;
  if above is not null then
    perform postai._raise('PA003', format('team %I is a member of superuser %I', team, above), 'Whoever is in it could become that superuser.',
      format('REVOKE %I FROM the role that leads there, or have an administrator change the team.', above));
  end if;
end
$$;
comment on function postai._require_team(text) is 'Raises an error unless members may be added to and taken from that role: select postai._require_team(''sales'')';

create function postai._require_member(member text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if not exists (select from pg_roles as r where r.rolname = member) then
    perform postai._raise('42704', format('there is no role %s', coalesce(quote_ident(left(member, 63)), 'NULL')), null,
      'SELECT rolname FROM pg_roles WHERE rolcanlogin lists who can log in.');
  elsif member ~ '^pg_' or postai._is_own_role(member::name) then
    perform postai._raise('PA003', format('role %I is not a person''s', member), 'It is PostgreSQL''s own, or what postai or its sidecar works as.',
      'Give people roles of their own.');
  end if;
end
$$;
comment on function postai._require_member(text) is 'Raises an error unless that role may be a member of a team: select postai._require_member(''ann'')';

create function postai._team_grants(team text, member text) returns table (grantor name, holds boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select g.rolname, coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true) or coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
    from pg_auth_members as m
    join pg_roles as t on t.oid = m.roleid and t.rolname = $1
    join pg_roles as r on r.oid = m.member and r.rolname = $2
    left join pg_roles as g on g.oid = m.grantor
$$;
comment on function postai._team_grants(text, text) is
  'Grants that make a role a direct member of a team, and whether each gives the team''s rights: select * from postai._team_grants(''sales'', ''ann'')';

create function postai.make_team(team text, part text default 'user', title text default null) returns setof text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if team is null or octet_length(team) not between 1 and 63 or team ~ '[[:cntrl:]]' then
    perform postai._raise('22023', format('%s cannot name a team', quote_nullable(left(team, 100))), null, 'A name has 1 to 63 bytes and no control characters.');
  elsif lower(team) ~ '^(pg|postai)_' or team in ('public', 'none') then
    perform postai._raise('42939', format('%L is a reserved name', team), 'Names that begin with pg_ or postai_ are not for people.', 'Take another one.');
  elsif part is null or part not in ('reader', 'user', 'operator') then
    perform postai._raise('22023', format('there is no part %s', quote_nullable(left(part, 100))), null, 'Write reader, user or operator.');
  elsif title = '' or char_length(title) > 200 then
    perform postai._raise('22023', 'a title has 1 to 200 characters', null, 'Leave it out, or say who they are.');
  elsif not exists (select from pg_roles as r where r.rolname = 'postai_' || part) then
    perform postai._raise('PA007', format('this server has no role postai_%s', part), null, 'A superuser makes what is missing: SELECT postai._make_roles();');
  end if;
  perform pg_advisory_xact_lock(1886352245, hashtext(team));
  if exists (select from pg_roles as r where r.rolname = team) then
    perform postai._raise('42710', format('there is a role %I already', team), null,
      (select case when r.rolcanlogin then 'It can log in: take another name.'
                   else format('Where it is to be a team: GRANT postai_%s TO %I;', part, team) end from pg_roles as r where r.rolname = team));
  end if;
  return query select postai._change_team('team.made', team, null, part, title, array_remove(array[
    format('CREATE ROLE %I NOLOGIN', team),
    case when title is not null then format('COMMENT ON ROLE %I IS %L', team, title) end,
    format('GRANT %I TO %I', 'postai_' || part, team),
    case when has_database_privilege(current_database(), 'connect with grant option') then
      format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), team) end], null));
end
$$;
comment on function postai.make_team(text, text, text) is
  'Makes a team: a role that cannot log in, with a part in postai (reader, user, operator), and, where you may grant it, with CONNECT to this database; gives the statements that ran, with your own rights: select postai.make_team(''sales'', ''user'', ''The sales team'')';

create function postai.add_member(team text, member text) returns setof text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postai._require_team(team);
  perform postai._require_member(member);
  perform pg_advisory_xact_lock(1886352245, hashtext(team));
  if exists (select from postai._team_grants(team, member) as g where g.holds) then
    perform postai._raise('42710', format('%I is a member of team %I already', member, team), null,
      format('SELECT member, holds FROM postai.team_members WHERE team = %L;', team));
  end if;
  return query select postai._change_team('team.member_added', team, member, null, null, array[format('GRANT %I TO %I', team, member)
    -- Since PostgreSQL 16 somebody may be a member who only hands the team on; a plain GRANT would leave it at that.
    || case when exists (select from postai._team_grants(team, member)) then ' WITH INHERIT TRUE, SET TRUE' else '' end]);
end
$$;
comment on function postai.add_member(text, text) is
  'Adds a login or another team to a team, with your own rights; gives the statement that ran: select postai.add_member(''sales'', ''ann'')';

create function postai.remove_member(team text, member text) returns setof text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  statements text[];
begin
  perform postai._require_team(team);
  perform postai._require_member(member);
  perform pg_advisory_xact_lock(1886352245, hashtext(team));
  -- Since PostgreSQL 16 each grantor has a grant of his own; one that only lets somebody hand the team on stays, where
  -- there is another.
  select array_agg(distinct case when current_setting('server_version_num')::integer >= 160000
                                 then format('REVOKE %I FROM %I GRANTED BY %I', team, member, g.grantor)
                                 else format('REVOKE %I FROM %I', team, member) end)
    into statements
    from (select a.*, bool_or(a.holds) over () as any_holds from postai._team_grants(team, member) as a) as g
   where g.holds or not g.any_holds;
  if statements is null then
    perform postai._raise('42704', format('%I is no direct member of team %I', member, team),
      (select format('It is one through %s.', array_to_string(m.through, ', ')) from postai.team_members as m
        where m.team::text = team and m.member::text = member and cardinality(m.through) > 0),
      format('SELECT member, through FROM postai.team_members WHERE team = %L;', team));
  end if;
  return query select postai._change_team('team.member_removed', team, member, null, null, statements);
end
$$;
comment on function postai.remove_member(text, text) is
  'Takes a direct member out of a team, with your own rights; gives the statements that ran: select postai.remove_member(''sales'', ''ann'')';

select postai._grant('select on postai.' || v, 'postai_reader') from unnest(array['_team', 'teams', 'team_members']) as v;
-- Readers may call them to be told what they lack: nothing here gives anybody a right that he has not.
select postai._grant('execute on function ' || f, 'postai_reader')
  from unnest(array['postai._is_own_role(name)', 'postai._note_team(text, text, text, text, text)', 'postai._lacking_for_team(text, text)',
                    'postai._change_team(text, text, text, text, text, text[])', 'postai._require_team(text)', 'postai._require_member(text)',
                    'postai._team_grants(text, text)', 'postai.make_team(text, text, text)', 'postai.add_member(text, text)',
                    'postai.remove_member(text, text)']) as f;
