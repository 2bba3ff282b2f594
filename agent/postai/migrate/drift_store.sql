-- Snapshots of the schema, and what postai itself changed since. {home} is the schema that holds the tables.

-- name: home
-- The schema that holds our tables: postai, else the small one that post-ai migrate makes; null = none of them.
select pg_catalog.min(n.nspname::pg_catalog.text)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('postai', 'postai_migrate') and c.relname = 'schema_snapshot';

-- name: make_home
-- Where postai is not installed: the tables that its SQL core would have made.
create schema if not exists postai_migrate;
comment on schema postai_migrate is 'What post-ai migrate has carried out here, and what the schema should be.';
create table if not exists postai_migrate.migration (
  id text primary key,
  title text not null,
  checksum text,
  source text not null default 'postai' check (source in ('postai', 'alembic', 'flyway', 'sqitch')),
  state text not null check (state in ('running', 'applied', 'rolling back', 'rolled back')),
  proposal bigint,
  applied_by name not null default session_user,
  started_at timestamptz not null default pg_catalog.now(),
  finished_at timestamptz
);
create table if not exists postai_migrate.schema_snapshot (
  id bigint generated always as identity primary key,
  taken_at timestamptz not null default pg_catalog.now(),
  taken_by name not null default session_user,
  reason text not null,
  hash text not null,
  server_version integer not null,
  content jsonb
);

-- name: newest
-- The newest snapshot.
select s.id, s.taken_at, s.hash, s.server_version from {home}.schema_snapshot as s order by s.id desc limit 1;

-- name: content
-- What is in it.
select s.content from {home}.schema_snapshot as s where s.id = %s;

-- name: insert
-- A new one.
insert into {home}.schema_snapshot (reason, hash, server_version, content) values (%s, %s, %s, %s::pg_catalog.jsonb) returning id;

-- name: forget
-- Older ones keep their hash only.
update {home}.schema_snapshot set content = null where id < %s and content is not null;

-- name: running
-- Statements of the actions that run now.
select case a.kind when 'apply' then s.statement else s.undo end
  from postai.actions as a, lateral postai.steps(a.proposal) as s
 where a.started_at is not null and a.finished_at is null and (a.kind = 'apply' or s.undo is not null);

-- name: own
-- Statements of one action.
select case a.kind when 'apply' then s.statement else s.undo end
  from postai.actions as a, lateral postai.steps(a.proposal) as s
 where a.id = %s and (a.kind = 'apply' or s.undo is not null);

-- name: parts
-- Rows of `objects` out of a snapshot's content.
select p.value ->> 0 as kind, p.value ->> 1 as "of", p.value ->> 2 as name,
       array(select o.value from pg_catalog.jsonb_array_elements_text(p.value -> 3) with ordinality as o (value, position)
              order by o.position) as parts
  from pg_catalog.jsonb_array_elements(%s::pg_catalog.jsonb) as p (value)
