-- How far a script of SQL statements came: written in the transaction of each statement, so that a run that was cut off
-- is continued behind the last statement that was committed.

create table postai.script (
  key text not null,
  owner name not null default session_user,
  statements bigint not null check (statements >= 0),
  byte_offset bigint not null check (byte_offset >= 0),
  line bigint not null check (line > 0),
  settings text[] not null default '{}',
  noted_at timestamptz not null default now(),
  primary key (key, owner)
);
comment on table postai.script is 'Scripts that are under way or were cut off, by their contents'' hash; a row goes when its script is done.';
comment on column postai.script.byte_offset is 'Where the next statement begins.';
comment on column postai.script.settings is 'SET statements of the script so far, which a run that goes on repeats.';

create function postai._note_script(key text, statements bigint, byte_offset bigint, line bigint, settings text[]) returns void
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into postai.script as s (key, owner, statements, byte_offset, line, settings)
  values ($1, session_user, $2, $3, $4, $5)
  on conflict on constraint script_pkey
  do update set statements = excluded.statements, byte_offset = excluded.byte_offset, line = excluded.line,
                settings = excluded.settings, noted_at = clock_timestamp()
$$;
comment on function postai._note_script(text, bigint, bigint, bigint, text[]) is
  'Notes how far a script of the session''s user came: select postai._note_script(''3a7b'', 12, 4096, 80, ''{}''). Definer: nobody may write postai.script.';

create function postai._script(key text, out statements bigint, out byte_offset bigint, out line bigint, out settings text[]) returns setof record
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.statements, s.byte_offset, s.line, s.settings from postai.script as s where s.key = $1 and s.owner = session_user
$$;
comment on function postai._script(text) is
  'How far a script of the session''s user came: select * from postai._script(''3a7b''). Definer: people see their own scripts only.';

create function postai._forget_script(key text) returns void
  language sql security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from postai.script as s where s.key = $1 and s.owner = session_user
$$;
comment on function postai._forget_script(text) is
  'A script of the session''s user is done: select postai._forget_script(''3a7b''). Definer: nobody may write postai.script.';

select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array['postai._note_script(text, bigint, bigint, bigint, text[])', 'postai._script(text)',
                               'postai._forget_script(text)']) as f;
