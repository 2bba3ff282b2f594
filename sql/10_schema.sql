-- Schema, roles, rights, installed version.
--
-- Every file of this directory is plain SQL for PostgreSQL 14 to 18, read by the installer (one transaction) and by
-- the extension script alike. Conventions: a name that starts with "_" is not for people; functions of the schema
-- name everything with its schema or pin search_path; EXECUTE is taken from PUBLIC by the last file.

create schema postai;
comment on schema postai is
  'postai, an AI database administrator: start with SELECT * FROM postai.agent(), then ask about your tables with SELECT postai.ask(...)';

-- Roles belong to the whole cluster: another database may have made them, and we may not be allowed to.
create function postai._make_roles() returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  wanted text;
begin
  foreach wanted in array array['postai_reader', 'postai_user', 'postai_operator', 'postai_agent'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception
      when duplicate_object or unique_violation then
        raise notice 'role % was made by another session', wanted;
      when insufficient_privilege then
        raise notice 'role % is missing and may not be created here: the rights stay with the owner of schema postai',
          wanted;
    end;
  end loop;
  begin
    if to_regrole('postai_reader') is not null and to_regrole('postai_user') is not null
       and not pg_has_role('postai_user', 'postai_reader', 'member') then
      grant postai_reader to postai_user;
    end if;
    if to_regrole('postai_user') is not null and to_regrole('postai_operator') is not null
       and not pg_has_role('postai_operator', 'postai_user', 'member') then
      grant postai_user to postai_operator;
    end if;
  exception
    when insufficient_privilege then
      raise notice 'the roles of postai may not be granted to each other here: grant postai_reader to postai_user and postai_user to postai_operator as a superuser';
  end;
end
$$;
comment on function postai._make_roles() is
  'Makes the roles of postai that are missing, at installation and after a restore on another server: select postai._make_roles()';
select postai._make_roles();

create table postai.schema_version (
  version text primary key,
  installed_at timestamptz not null default now(),
  installed_by name not null default session_user,
  installed_as text not null check (installed_as in ('plain', 'extension'))
);
comment on table postai.schema_version is 'Versions of the SQL part that were installed in this database, with the way they came.';

create table postai.role_grant (
  privilege text not null,
  grantee name not null,
  primary key (privilege, grantee)
);
comment on table postai.role_grant is
  'What each role of postai may do, as given by the SQL files; lets rights follow when a role is created later.';

create function postai._grant(privilege text, variadic grantees text[]) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  grantee text;
begin
  foreach grantee in array grantees loop
    insert into postai.role_grant values (privilege, grantee) on conflict do nothing;
    if to_regrole(quote_ident(grantee)) is not null then
      execute format('grant %s to %I', privilege, grantee);
    end if;
  end loop;
end
$$;
comment on function postai._grant(text, text[]) is
  'Grants a privilege to roles of postai that exist and notes it for those that may come: select postai._grant(''select on postai.setting'', ''postai_reader'')';

create function postai._apply_grants() returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
  given integer := 0;
begin
  for one in select privilege, grantee from postai.role_grant order by grantee, privilege loop
    if to_regrole(quote_ident(one.grantee)) is not null then
      execute format('grant %s to %I', one.privilege, one.grantee);
      given := given + 1;
    end if;
  end loop;
  return given;
end
$$;
comment on function postai._apply_grants() is
  'Gives the noted privileges again, for roles that were created after the installation: select postai._apply_grants()';

create function postai._owner() returns name
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.rolname from pg_namespace n join pg_roles r on r.oid = n.nspowner where n.nspname = 'postai'
$$;
comment on function postai._owner() is 'Owner of schema postai: select postai._owner()';

create function postai._raise(sqlstate text, message text, detail text default null, hint text default null) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  sqlstate := case when sqlstate ~ '^[0-9A-Z]{5}$' and sqlstate !~ '^00' then sqlstate else 'PA000' end;
  message := coalesce(nullif(message, ''), 'postai failed');
  if nullif(detail, '') is null and nullif(hint, '') is null then
    raise exception using errcode = sqlstate, message = message;
  elsif nullif(hint, '') is null then
    raise exception using errcode = sqlstate, message = message, detail = detail;
  elsif nullif(detail, '') is null then
    raise exception using errcode = sqlstate, message = message, hint = hint;
  else
    raise exception using errcode = sqlstate, message = message, detail = detail, hint = hint;
  end if;
end
$$;
comment on function postai._raise(text, text, text, text) is
  'Raises an error of postai: select postai._raise(''PA001'', ''not sure'', ''what was found'', ''what to do next'')';

select postai._grant('usage on schema postai', 'postai_reader', 'postai_agent');
select postai._grant('select on postai.schema_version', 'postai_reader', 'postai_agent');
