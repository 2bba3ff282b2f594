-- postai.lint: the hazards of a schema change. The agent reads the text and the catalogs; nothing of it is run.

create function postai._linted(
    ddl text, path text, schemas text[],
    out hazards json, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk constant record := postai._converse('lint', ddl, path, schemas, 100);
begin
  code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
  hazards := case json_typeof(talk.frame #> '{answer,hazards}') when 'array' then talk.frame #> '{answer,hazards}' else '[]' end;
end
$$;
comment on function postai._linted(text, text, text[]) is
  'Body of postai.lint, an error as a value: select * from postai._linted(''drop table t'', ''public'', ''{public}'')';

create function postai.lint(ddl text)
  returns table (statement integer, hazard text, severity text, message text, safe_alternative text)
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._linted(ddl, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return query select h.statement, h.hazard, h.severity, h.message, h.safe_alternative
                 from rows from (pg_catalog.json_to_recordset(talk.hazards)
                      as (statement pg_catalog.int4, hazard pg_catalog.text, severity pg_catalog.text,
                          message pg_catalog.text, safe_alternative pg_catalog.text))
                      with ordinality as h (statement, hazard, severity, message, safe_alternative, position)
                order by h.position;
end
$$;
comment on function postai.lint(text) is
  'Says which statements of a schema change would block, fail, break clients or lose data here, and what to do instead; nothing is run: select * from postai.lint(''alter table orders add column region text not null'')';

select postai._grant('execute on ' || f, 'postai_user')
  from pg_catalog.unnest(array['function postai._linted(text, text, text[])', 'function postai.lint(text)']) as f;
