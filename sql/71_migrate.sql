-- postai.migrate and its relatives: the agent reads the request, plans, and tries the steps on an empty copy; what it
-- proposes is then decided on and carried out like any other proposal.

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

create function postai.migrate(request text) returns bigint
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._changed('migrate', request, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return (talk.answer #>> '{proposals,0,id}')::pg_catalog.int8;
end
$$;
comment on function postai.migrate(text) is
  'Proposes a schema change, given as DDL or in words, as online steps; nothing is changed yet: select postai.migrate(''alter table orders add column region text not null default ''''north'''''')';

create function postai.steps(proposal bigint)
  returns table (step integer, statement text, locks json, blocks text, rewrites boolean, scans boolean,
                 in_transaction boolean, estimated_ms bigint, estimated_rows bigint, hazard text, undo text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.step, s.statement, s.locks::json,
         (select case when bool_or(b.value = 'reads+writes') then 'reads+writes' when bool_or(b.value = 'writes') then 'writes'
                      when bool_or(b.value = 'ddl') then 'ddl' when count(*) > 0 then 'none' end
            from jsonb_each_text(case jsonb_typeof(t.told -> 'blocks') when 'object' then t.told -> 'blocks' end) as b),
         jsonb_array_length(case jsonb_typeof(t.told -> 'rewrites') when 'array' then t.told -> 'rewrites' end) > 0,
         jsonb_array_length(case jsonb_typeof(t.told -> 'scans') when 'array' then t.told -> 'scans' end) > 0,
         s.in_transaction, s.estimated_ms, s.estimated_rows, s.hazard, s.undo
    from postai.proposal_step as s
    join postai.proposal as p on p.id = s.proposal,
         lateral (select p.evidence #> array['steps', (s.step - 1)::text] as told) as t
   where s.proposal = steps.proposal
   order by s.step
$$;
comment on function postai.steps(bigint) is
  'The steps of a proposal with the lock on every table, what that blocks, and the undo (null = irreversible); what is not known is null: select step, statement, locks, blocks, undo from postai.steps(1). Definer: readers see proposals through views only; the columns are those of postai.proposals, and of its evidence what the steps do.';

select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array['postai._changed(text, text, text, text[])', 'postai.migrate(text)']) as f;
select postai._grant('execute on function postai.steps(bigint)', 'postai_reader');
