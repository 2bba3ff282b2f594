-- Moves of databases to this one: the home of a move is its target. The agent, or `post-ai replicate` where no agent
-- runs, is the only writer of the first three tables; people ask through postai.replication_request.

create table postai.replication (
  id integer generated always as identity primary key,
  name text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  source text not null,
  target text not null,
  method text check (method in ('native', 'trigger', 'dump')),
  state text not null default 'created' check (state in (
    'created', 'analysed', 'preflight_ok', 'schema_copied', 'copying', 'catching_up', 'verifying', 'ready', 'switching',
    'serving_target', 'completed', 'failed', 'rolled_back', 'aborted')),
  resume_state text,
  serving text not null default 'source' check (serving in ('source', 'target')),
  options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
  report jsonb,
  verified_at timestamptz,
  verified jsonb,
  doing text,
  error jsonb,
  lag_bytes bigint,
  lag_seconds double precision,
  safe_wal_bytes bigint,
  restarts integer not null default 0,
  ending jsonb,
  requested_by name not null default session_user,
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  updated_at timestamptz not null default pg_catalog.clock_timestamp(),
  ended_at timestamptz
);
comment on table postai.replication is
  'Moves of databases to this one, ended ones too; people look at the view postai.replications: select id, name, state from postai.replication';
comment on column postai.replication.source is 'Name of a connection of the agent''s configuration, as is target; no secret is kept here.';
comment on column postai.replication.resume_state is 'Where a failed move goes on when it is resumed.';
comment on column postai.replication.serving is 'The side that the clients write to.';
comment on column postai.replication.doing is 'What is done at this moment, in a few words.';
comment on column postai.replication.error is 'Why it stands still, or what is tried again: {sqlstate, message, detail, hint}.';
comment on column postai.replication.safe_wal_bytes is 'What may still be written on the publishing side before the slot of the move is lost; null = no limit.';
comment on column postai.replication.ending is 'How it is to end, once complete or abort was asked for: whether the source is gone, and may be written to.';
comment on column postai.replication.restarts is 'How often the copy began again because the log that it needed was given up or lost.';

create table postai.replication_table (
  replication_id integer not null references postai.replication on delete cascade,
  table_name text not null,
  state text not null check (state in ('waiting', 'copying', 'catching_up', 'ready')),
  rows bigint not null default 0,
  bytes bigint not null default 0,
  total_rows bigint not null default 0,
  total_bytes bigint not null default 0,
  seconds double precision,
  verified text,
  primary key (replication_id, table_name)
);
comment on table postai.replication_table is
  'How far each table of a move is: select table_name, state, bytes, total_bytes from postai.replication_table where replication_id = 1';
comment on column postai.replication_table.seconds is 'Until it is copied at the present speed; null = not known.';
comment on column postai.replication_table.verified is 'What the last verification said of it: equal, or how it differs; null = not compared yet.';

create table postai.replication_event (
  id bigint generated always as identity primary key,
  replication_id integer not null references postai.replication on delete cascade,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  state text not null,
  step text,
  level text not null default 'note' check (level in ('note', 'warning', 'error')),
  what text not null,
  data jsonb
);
create index replication_event_move on postai.replication_event (replication_id, id);
comment on table postai.replication_event is
  'What happened to a move, only ever added to: select at, state, step, what from postai.replication_event where replication_id = 1 order by id';

create table postai.replication_request (
  id bigint generated always as identity primary key,
  replication_id integer references postai.replication on delete cascade,
  verb text not null check (verb in ('check', 'start', 'verify', 'repair', 'cutover', 'rollback', 'complete', 'abort', 'resume')),
  options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
  not_before timestamptz,
  requested_by name not null default session_user,
  requested_at timestamptz not null default pg_catalog.clock_timestamp(),
  taken_at timestamptz,
  done_at timestamptz,
  outcome jsonb,
  error jsonb
);
create index replication_request_open on postai.replication_request (id) where done_at is null;
comment on table postai.replication_request is
  'What people asked of moves; the agent takes them in their order, none before not_before: select id, verb, done_at, outcome, error from postai.replication_request where done_at is null';
comment on column postai.replication_request.replication_id is 'The move; null for check, and for start until the move is made.';
comment on column postai.replication_request.error is '{sqlstate, message, detail, hint}; null = it went well, or is not done yet.';

create function postai._refuse_replication_event_change() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'events of moves are only ever added' using errcode = '55000',
    hint = 'Correct a mistake with a new event.';
end
$$;
comment on function postai._refuse_replication_event_change() is 'Keeps postai.replication_event append-only; a move that is deleted takes its events with it.';

create trigger append_only before update on postai.replication_event
  for each row execute function postai._refuse_replication_event_change();

select postai._grant('select, insert, update on postai.' || t, 'postai_agent')
  from pg_catalog.unnest(array['replication', 'replication_table']) as t;
select postai._grant('delete on postai.replication_table', 'postai_agent');
select postai._grant('select, insert on postai.replication_event', 'postai_agent');
select postai._grant('select on postai.replication_request', 'postai_agent');
select postai._grant('update (replication_id, taken_at, done_at, outcome, error) on postai.replication_request', 'postai_agent');
-- The driver takes ids past those of another home.
select postai._grant('select, update on sequence postai.replication_id_seq', 'postai_agent');
