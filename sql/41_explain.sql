-- postai.explain: what a plan says, in words. The agent finds the statement and reads the plan; the caller runs it.

create function postai._explained(
    sql_or_question text, path text, schemas text[],
    out findings json, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk constant record := postai._converse('explain', sql_or_question, path, schemas, 100);
begin
  code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
  findings := case json_typeof(talk.frame #> '{answer,findings}') when 'array' then talk.frame #> '{answer,findings}' else '[]' end;
end
$$;
comment on function postai._explained(text, text, text[]) is
  'Body of postai.explain, an error as a value: select * from postai._explained(''select 1'', ''public'', ''{public}'')';

create function postai.explain(sql_or_question text)
  returns table (step integer, node text, problem text, advice text, severity text)
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._explained(sql_or_question, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return query select f.step, f.node, f.problem, f.advice, f.severity
                 from pg_catalog.json_to_recordset(talk.findings)
                      as f (step pg_catalog.int4, node pg_catalog.text, problem pg_catalog.text, advice pg_catalog.text,
                            severity pg_catalog.text);
end
$$;
comment on function postai.explain(text) is
  'Runs a SELECT, or the answer to a question, read-only with the caller''s rights, and says in words where its time goes and what could be better: select * from postai.explain(''select * from orders where status = ''''new'''''')';

select postai._grant('execute on ' || f, 'postai_user')
  from pg_catalog.unnest(array['function postai._explained(text, text, text[])', 'function postai.explain(text)']) as f;
