-- What the dashboard keeps in a database: API tokens and links to one page. Of either a hash is kept; the secret is shown
-- once. Both stand for reading with the dashboard's reader login, as long as who made them may read here, too.

create table postai.web_pass (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('token', 'link')),
  hash bytea not null unique check (octet_length(hash) = 32),
  prefix text not null,
  title text not null check (char_length(title) between 1 and 100),
  page text check ((page is not null) = (kind = 'link')),
  made_by name not null default session_user,
  maker oid not null default pg_catalog.to_regrole(pg_catalog.quote_ident(session_user)),
  made_at timestamptz not null default pg_catalog.clock_timestamp(),
  expires_at timestamptz not null,
  revoked_by name,
  revoked_at timestamptz,
  check ((revoked_at is null) = (revoked_by is null))
);
comment on table postai.web_pass is
  'API tokens and links to one page of the dashboard, by their hash; people look at the view postai.web_passes.';
comment on column postai.web_pass.maker is
  'The role itself: another one that gets the name later is told apart by it. The name counts, too: a restored dump finds other numbers.';
comment on column postai.web_pass.hash is 'SHA-256 of the secret, which has 244 random bits; the secret itself is kept nowhere.';

create view postai.web_passes with (security_barrier) as
  select w.id, w.kind, w.prefix, w.title, w.page, w.made_by, w.made_at, w.expires_at, w.revoked_by, w.revoked_at,
         case when w.revoked_at is not null then 'revoked' when w.expires_at <= pg_catalog.clock_timestamp() then 'expired'
              else 'open' end as state
    from postai.web_pass as w where w.made_by = session_user and w.maker = pg_catalog.to_regrole(pg_catalog.quote_ident(session_user))
      or postai._is_operator(current_user);
comment on view postai.web_passes is
  'Your API tokens and links of the dashboard, for operators everybody''s: select id, kind, prefix, title, expires_at, state from postai.web_passes';

create function postai._make_pass(kind text, title text, page text, lifetime interval) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  -- gen_random_uuid takes 122 bits of each from the server's source of strong random bytes.
  secret text := concat(case kind when 'token' then 'postai_' end, replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''));
  made bigint;
begin
  if title is null or btrim(title) = '' or char_length(title) > 100 then
    perform postai._raise('22023', 'say what it is for', null, 'A title has 1 to 100 characters.');
  elsif lifetime is null or lifetime < interval '1 second' or lifetime > interval '366 days' then
    perform postai._raise('22023', 'it must end within a year', null, 'Write, for example: lifetime => ''30 days''.');
  elsif kind = 'link' and (page is null or char_length(page) > 1000 or page !~ '^/[!-~]*$' or page ~ '//|\\|\.\.') then
    perform postai._raise('22023', 'that is no page', null, 'Write the path below the database, for example: /queries?hours=24');
  elsif (select count(*) from postai.web_pass as w
          where w.made_by = session_user and w.maker = to_regrole(quote_ident(session_user)) and w.revoked_at is null and w.expires_at > clock_timestamp()) >= 100 then
    perform postai._raise('53400', 'you have 100 open tokens and links', null, 'Revoke some: SELECT postai.revoke_pass(id) ...');
  end if;
  insert into postai.web_pass (kind, hash, prefix, title, page, expires_at)
    values (kind, sha256(convert_to(secret, 'UTF8')), left(secret, case kind when 'token' then 12 else 5 end), title, page,
            clock_timestamp() + lifetime)
    returning id into made;
  perform postai._record_event('web.made', format('%s %s', kind, made), null, null,
    jsonb_strip_nulls(jsonb_build_object('title', title, 'page', page, 'until', clock_timestamp() + lifetime)));
  return secret;
end
$$;
comment on function postai._make_pass(text, text, text, interval) is
  'Makes a token or link and returns its secret. Definer: only hashes of what was made here get into the table.';

create function postai.api_token(title text, lifetime interval default '30 days') returns text
  language sql
  set search_path = pg_catalog, pg_temp
as $$ select postai._make_pass('token', title, null, lifetime) $$;
comment on function postai.api_token(text, interval) is
  'Makes a token that reads /api/v1 of the dashboard in this database, and returns it; it is not shown again: select postai.api_token(''grafana'', ''90 days'')';

create function postai.share_link(title text, page text, lifetime interval default '7 days') returns text
  language sql
  set search_path = pg_catalog, pg_temp
as $$ select postai._make_pass('link', title, page, lifetime) $$;
comment on function postai.share_link(text, text, interval) is
  'Makes a link that shows one page of the dashboard to whoever has it, and returns its secret; /share/DATABASE/SECRET opens it: select postai.share_link(''for the team'', ''/queries'', ''1 day'')';

create function postai.revoke_pass(pass bigint) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  was postai.web_pass;
begin
  select * into was from postai.web_pass as w where w.id = pass for update;
  if was.id is null or ((was.made_by, was.maker) is distinct from (session_user, to_regrole(quote_ident(session_user))) and not postai._is_operator(session_user)) then
    perform postai._raise('42704', format('there is no token or link %s of yours', pass), null,
      'SELECT id, kind, title FROM postai.web_passes lists them; operators may revoke everybody''s.');
  elsif was.revoked_at is null then
    update postai.web_pass set revoked_at = clock_timestamp(), revoked_by = session_user where id = pass;
    perform postai._record_event('web.revoked', format('%s %s', was.kind, pass), null, null, jsonb_build_object('title', was.title));
  end if;
end
$$;
comment on function postai.revoke_pass(bigint) is
  'Ends a token or link now; one''s own, or anybody''s for operators: select postai.revoke_pass(7). Definer: nobody may write the table.';

create function postai._find_pass(pass_kind text, secret_hash bytea, out pass bigint, out made_by name, out title text, out page text)
  returns setof record
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select w.id, w.made_by, w.title, w.page from postai.web_pass as w
   where w.kind = pass_kind and w.hash = secret_hash and w.revoked_at is null and w.expires_at > clock_timestamp()
     and exists (select from pg_roles as r where r.oid = w.maker and r.rolname = w.made_by
                  and r.rolcanlogin and coalesce(r.rolvaliduntil > clock_timestamp(), true)
                  and has_database_privilege(r.oid, current_database(), 'connect')
                  and has_schema_privilege(r.oid, 'postai', 'usage')
                  and has_table_privilege(r.oid, 'postai.web_passes', 'select'))
$$;
comment on function postai._find_pass(text, bytea) is
  'The open token or link of that hash, while who made it may still log in and read here. Definer: nobody may read hashes.';

create function postai._note_login_ended(login text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not postai._is_operator(session_user) then
    perform postai._raise('PA006', format('role %I may not end other people''s logins', session_user), 'Only operators do.',
      format('GRANT postai_operator TO %I;', session_user));
  elsif login is null or char_length(login) > 200 then
    perform postai._raise('22023', 'say whose login it is', null, 'A name has 1 to 200 characters.');
  end if;
  perform postai._record_event('web.ended', format('login of %s', login), null, null, null);
end
$$;
comment on function postai._note_login_ended(text) is
  'Records that an operator ends somebody''s login of the dashboard: select postai._note_login_ended(''alice''). Definer: events are written by functions alone.';

select postai._grant('execute on function postai._note_login_ended(text)', 'postai_operator');
select postai._grant('select on postai.web_passes', 'postai_reader');
select postai._grant('execute on function ' || f, 'postai_reader')
  from unnest(array['postai.api_token(text, interval)', 'postai.share_link(text, text, interval)', 'postai.revoke_pass(bigint)',
                    'postai._make_pass(text, text, text, interval)', 'postai._find_pass(text, bytea)']) as f;
