-- What the health checks found last, and which tables and indexes take more than they need. The agent writes both from
-- time to time; people read views.

create table postai.health_check (
  name text primary key,
  place integer not null,
  title text not null,
  status text not null check (status in ('ok', 'unknown', 'warning', 'critical')),
  value text not null,
  threshold text not null,
  why text not null,
  fix text not null,
  docs text not null,
  since timestamptz not null default clock_timestamp(),
  checked_at timestamptz not null default clock_timestamp()
);
comment on table postai.health_check is
  'The last result of every health check, written by the agent. Not dumped: it is made anew within minutes.';
comment on column postai.health_check.since is 'When it got this status.';

create table postai.space_finding (
  kind text not null check (kind in ('table', 'bloated', 'unused', 'duplicate', 'prefix', 'invalid')),
  object text not null,
  table_name text not null,
  other text not null,
  bytes bigint not null,
  freed bigint not null,
  percent real,
  dead_rows bigint,
  method text,
  scans bigint,
  counted_since timestamptz,
  warning text not null,
  statement text not null,
  undo text,
  found_at timestamptz not null default clock_timestamp(),
  checked_at timestamptz not null default clock_timestamp(),
  primary key (kind, object)
);
comment on table postai.space_finding is
  'Tables and indexes that take more space than they need, as the agent saw them last. Not dumped: it is made anew within an hour.';
comment on column postai.space_finding.other is 'The index that does all that this one does; empty = none.';
comment on column postai.space_finding.statement is 'What postai would do; empty = nothing yet, see warning.';

create view postai.health with (security_barrier) as
  select h.name, h.title, h.status, h.value, h.threshold, h.why, h.fix, h.docs, h.since, h.checked_at
    from postai.health_check as h
   order by pg_catalog.array_position(array['critical', 'warning', 'unknown', 'ok'], h.status), h.place;
comment on view postai.health is
  'Health of the database and its server, one row per check, the worst first: select name, status, value, fix from postai.health where status <> ''ok''';

create view postai.bloat with (security_barrier) as
  select case f.kind when 'table' then 'table' else 'index' end as kind, f.object, f.table_name, f.bytes,
         f.freed as bloat_bytes, f.percent as bloat_percent, f.dead_rows, f.method, f.statement, f.found_at, f.checked_at
    from postai.space_finding as f
   where f.kind in ('table', 'bloated')
   order by f.freed desc, f.object;
comment on view postai.bloat is
  'Tables and B-tree indexes with space that holds nothing needed, the most first: select object, bloat_bytes, bloat_percent, statement from postai.bloat';

create view postai.unused_indexes with (security_barrier) as
  select f.object as index, f.table_name, f.bytes, f.scans, f.counted_since, f.warning, f.statement, f.undo, f.found_at, f.checked_at
    from postai.space_finding as f
   where f.kind = 'unused'
   order by f.bytes desc, f.object;
comment on view postai.unused_indexes is
  'Indexes that no query used since counted_since and that enforce nothing, the biggest first; read warning before you drop one: select index, bytes, warning, statement from postai.unused_indexes';

create view postai.redundant_indexes with (security_barrier) as
  select f.object as index, f.table_name, f.other as kept_index, f.kind, f.bytes, f.scans, f.warning, f.statement, f.undo,
         f.found_at, f.checked_at
    from postai.space_finding as f
   where f.kind in ('duplicate', 'prefix')
   order by f.bytes desc, f.object;
comment on view postai.redundant_indexes is
  'Indexes of which another one does all the work: the same columns (duplicate) or the first ones of its columns (prefix): select index, kept_index, bytes, statement from postai.redundant_indexes';

select postai._grant('select, insert, update, delete on postai.' || t, 'postai_agent')
  from pg_catalog.unnest(array['health_check', 'space_finding']) as t;
select postai._grant('select on postai.' || v, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array['health', 'bloat', 'unused_indexes', 'redundant_indexes']) as v;
