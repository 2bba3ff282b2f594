-- postai.migrate and its relatives: the agent reads the request, plans, and tries the steps on an empty copy; what it
-- proposes is then decided on and carried out like any other proposal.

create table postai.migration (
  id text primary key,
  title text not null,
  checksum text,
  source text not null default 'postai' check (source in ('postai', 'alembic', 'flyway', 'sqitch')),
  state text not null check (state in ('running', 'applied', 'rolling back', 'rolled back')),
  proposal bigint references postai.proposal,
  applied_by name not null default session_user,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
comment on table postai.migration is
  'Migration files that were carried out here, or that a baseline says are in the schema already: select id, title, state, finished_at from postai.migration order by id';
comment on column postai.migration.checksum is 'SHA-256 of the body of the up file; null = another tool''s migration that has none.';
comment on column postai.migration.source is 'Whose history it was taken from; postai = a file of a migrations directory.';

create table postai.schema_snapshot (
  id bigint generated always as identity primary key,
  taken_at timestamptz not null default now(),
  taken_by name not null default session_user,
  reason text not null,
  hash text not null,
  server_version integer not null,
  content jsonb
);
comment on table postai.schema_snapshot is
  'What the schema should be; postai.drift() compares with the newest one: select taken_at, taken_by, reason, hash from postai.schema_snapshot order by id';
comment on column postai.schema_snapshot.content is 'Each part of the schema: [kind, object, name, [texts]]; older snapshots keep their hash only.';

create function postai._changed(
    verb text, request text, path text, schemas text[],
    out answer json, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk constant record := postai._converse(verb, request, path, schemas, 100);
  note text;
begin
  code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
  answer := talk.frame -> 'answer';
  if json_typeof(answer -> 'notes') = 'array' then
    for note in select n from json_array_elements_text(answer -> 'notes') as n loop
      raise notice '%', note;
    end loop;
  end if;
end
$$;
comment on function postai._changed(text, text, text, text[]) is
  'Body of postai.migrate, postai.design and postai.drift, an error as a value: select * from postai._changed(''migrate'', ''drop table t'', ''public'', ''{public}'')';

create function postai.migrate(request text, versioned_views boolean default false) returns bigint
  language plpgsql volatile
as $$
declare
  -- Files say it the same way: the agent reads it in the first line.
  talk constant pg_catalog.record := postai._changed('migrate',
    pg_catalog.concat(case when versioned_views and pg_catalog.btrim(request) operator(pg_catalog.<>) ''
                           then E'-- postai: versioned-views\n' end, request),
    postai._path(pg_catalog.current_schemas(false)), pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return pg_catalog.json_extract_path_text(talk.answer, 'proposals', '0', 'id')::pg_catalog.int8;
end
$$;
comment on function postai.migrate(text, boolean) is
  'Proposes a schema change, given as DDL or in words, as online steps; nothing is changed yet; versioned_views leaves a view under the old name of what is renamed: select postai.migrate(''alter table orders add column region text not null default ''''north'''''')';

create function postai.design(description text, schema_name text default 'public') returns bigint
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._changed('design', description, postai._path(array[schema_name]::pg_catalog.name[]),
    array[schema_name]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return pg_catalog.json_extract_path_text(talk.answer, 'proposals', '0', 'id')::pg_catalog.int8;
end
$$;
comment on function postai.design(text, text) is
  'Proposes tables, keys, rules and indexes for a description in words; nothing is made yet: select postai.design(''a blog with authors, posts, tags and comments'')';

create function postai.steps(proposal bigint)
  returns table (step integer, statement text, locks json, blocks text, rewrites boolean, scans boolean,
                 in_transaction boolean, estimated_ms bigint, estimated_rows bigint, hazard text, undo text, step_class text,
                 state text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  -- Only steps of schema changes know what they block, rewrite and scan.
  select s.step, array_to_string(array[s.statement] || s.together, E';\n'), s.locks::json,
         (select case when s.step_class is null then null when bool_or(b.value = 'reads+writes') then 'reads+writes'
                      when bool_or(b.value = 'writes') then 'writes' when bool_or(b.value = 'ddl') then 'ddl' else 'none' end
            from jsonb_each_text(s.blocks) as b),
         case when s.step_class is not null then cardinality(s.rewrites) > 0 end,
         case when s.step_class is not null then cardinality(s.scans) > 0 end,
         s.in_transaction, s.estimated_ms, s.estimated_rows, s.hazard, s.undo, s.step_class,
         case when s.done_at is not null then 'done'
              when a.scan_window is not null and bool_or(s.step_class = 'weak_scan' and s.done_at is null) over (order by s.step)
                then concat('waits for ', a.scan_window)
              when a.state = 'queued' then concat('queued', ' for ' || a.run_window)
              when (a.checkpoint ->> 'step')::integer = s.step then a.state end
    from postai.proposal_step as s
    left join postai.action as a on a.proposal = s.proposal and a.state in ('queued', 'running', 'verifying')
   where s.proposal = steps.proposal
   order by s.step
$$;
comment on function postai.steps(bigint) is
  'The steps of a proposal with the lock on every table, what that blocks, the undo (null = irreversible), and whether it is done, runs or waits; what is not known is null: select step, statement, locks, blocks, undo from postai.steps(1). Definer: readers see proposals through views only; these are the same statements as in postai.proposals.';

create function postai.drift()
  returns table (object text, change text, expected text, actual text, fix text)
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._changed('drift', '', 'pg_catalog', '{}');
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return query select d.object, d.change, d.expected, d.actual, d.fix
                 from rows from (pg_catalog.json_to_recordset(talk.answer -> 'differences')
                      as (object pg_catalog.text, change pg_catalog.text, expected pg_catalog.text, actual pg_catalog.text,
                          fix pg_catalog.text)) with ordinality as d (object, change, expected, actual, fix, position)
                order by d.position;
end
$$;
comment on function postai.drift() is
  'Where the schema is not what it should be, by the newest snapshot, with the statement that mends it (null = only one that loses rows or values would): select object, change, fix from postai.drift()';

select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'postai._changed(text, text, text, text[])', 'postai.migrate(text, boolean)', 'postai.drift()',
    'postai.design(text, text)']) as f;
select postai._grant('execute on function postai.steps(bigint)', 'postai_reader', 'postai_agent');
select postai._grant('select on postai.migration', 'postai_reader', 'postai_agent');
select postai._grant('select on postai.schema_snapshot', 'postai_reader', 'postai_agent');
select postai._grant('insert, update on postai.migration', 'postai_operator');
select postai._grant('insert (reason, hash, server_version, content), update (content) on postai.schema_snapshot', 'postai_operator', 'postai_agent');
