-- postai.optimize: the advisors run in the agent, at once; what they propose stands in postai.recommendations, which
-- the agent also fills by itself every optimize_interval.

create function postai._span(ms double precision) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when ms < 1000 then round(ms::numeric)::text || ' ms'
              when ms < 59500 then round(ms::numeric / 1000)::text || ' s'
              when ms < 3570000 then round(ms::numeric / 60000)::text || ' min'
              when ms < 36000000 and m.minutes % 60 > 0 then m.minutes / 60 || ' h ' || m.minutes % 60 || ' min'
              else round(ms::numeric / 3600000)::text || ' h' end
    from (select round(least(ms, 1e15)::numeric / 60000)::bigint as minutes) as m
$$;
comment on function postai._span(double precision) is 'A time as people say it: select postai._span(12000000)';

create function postai._amount(bytes bigint) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when abs(bytes) < 1048576 then greatest(1, round(abs(bytes) / 1024.0))::text || ' kB'
              when abs(bytes) < 10737418240 then round(abs(bytes) / 1048576.0)::text || ' MB'
              else round(abs(bytes) / 1073741824.0)::text || ' GB' end
$$;
comment on function postai._amount(bigint) is 'An amount of bytes as people say it: select postai._amount(22020096)';

create function postai._gain(saved_ms_per_day double precision, write_ms_per_day double precision, bytes bigint) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(concat_ws(', ',
           case when saved_ms_per_day >= 1 then format('saves %s a day', postai._span(saved_ms_per_day)) end,
           case when bytes < 0 then format('frees %s', postai._amount(bytes))
                when bytes > 0 then format('costs %s', postai._amount(bytes)) end,
           case when write_ms_per_day >= 1000 then format('writes take %s a day more', postai._span(write_ms_per_day))
                when write_ms_per_day <= -1000 then format('writes take %s a day less', postai._span(-write_ms_per_day)) end), ''),
           'keeps trouble away')
$$;
comment on function postai._gain(double precision, double precision, bigint) is
  'What a recommendation brings and costs, in words: select postai._gain(12000000, 0, 22020096)';

create view postai.recommendations with (security_barrier) as
  select p.id, p.kind, coalesce(p.evidence ->> 'severity', 'LOW') as severity, p.evidence ->> 'object' as object, p.title,
         case when g.asked then coalesce(p.evidence ->> 'gain', 'not measured')
              else postai._gain(g.saved_ms_per_day, g.write_ms_per_day, g.bytes) end as gain,
         -- Of a statement that somebody asked about nobody knows how often it runs.
         case when not g.asked then g.saved_ms_per_day end as saved_ms_per_day,
         case when not g.asked then g.write_ms_per_day end as write_ms_per_day, g.bytes, p.evidence ->> 'estimated_by' as estimated_by, p.proposed_at,
         (select pg_catalog.string_agg(s.statement, E';\n' order by s.step)
            from postai.proposal_step as s where s.proposal = p.id) as statement,
         (select pg_catalog.array_agg(b.beginning order by b.place)
            from (select distinct on (e.place) e.place,
                         pg_catalog.left(pg_catalog.regexp_replace(s.query, '\s+', ' ', 'g'), 60) as beginning
                    from pg_catalog.jsonb_array_elements(
                           case when pg_catalog.jsonb_typeof(p.evidence -> 'effects') = 'array' then p.evidence -> 'effects' else '[]' end)
                         with ordinality as e (value, place)
                    join postai.statement as s on s.queryid::text = e.value ->> 'id'
                   where s.query is not null and postai._may_see_statement(s.userid)
                     and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
                   order by e.place, s.last_seen desc) as b) as queries
    from postai.proposal as p,
         lateral (select coalesce((p.evidence ->> 'saved_ms_per_day')::double precision, 0) as saved_ms_per_day,
                         coalesce((p.evidence ->> 'write_ms_per_day')::double precision, 0) as write_ms_per_day,
                         coalesce((p.evidence ->> 'bytes')::numeric::bigint, 0) as bytes,
                         coalesce(p.evidence -> 'asked', 'false') <> 'false' as asked) as g
   where p.state = 'open' and p.evidence ? 'saved_ms_per_day'
   order by g.asked, g.saved_ms_per_day - g.write_ms_per_day desc,
            pg_catalog.array_position(array['HIGH', 'MEDIUM', 'LOW'], p.evidence ->> 'severity'), g.bytes, p.id;
comment on view postai.recommendations is
  'What the advisors propose and nobody has decided on yet, the most valuable first, what came of a question about one statement last: select id, title, gain, statement from postai.recommendations';
comment on column postai.recommendations.queries is
  'How the statements begin that get faster, the one that gains most first: for operators, and for those whose statements they are.';

create function postai._optimized(whole boolean, query text, schemas text[])
  returns table (id bigint, kind text, severity text, object text, title text, gain text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- On the wire an empty text means the whole workload; typed by a person it is a mistake.
  talk constant record := postai._converse('optimize', case when whole then '' when query = '' then ' ' else query end,
                                           postai._path(schemas::name[]), schemas, 100);
  note text;
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  if json_typeof(talk.frame #> '{answer,notes}') = 'array' then
    for note in select n from json_array_elements_text(talk.frame #> '{answer,notes}') as n loop
      raise notice '%', note;
    end loop;
  end if;
  return query select r.id, r.kind, r.severity, r.object, r.title, r.gain, r.statement
                 from rows from (json_to_recordset(
                        case json_typeof(talk.frame #> '{answer,proposals}')
                          when 'array' then talk.frame #> '{answer,proposals}' else '[]' end)
                      as (id bigint, kind text, severity text, object text, title text, gain text, statement text))
                      with ordinality as r (id, kind, severity, object, title, gain, statement, position)
                order by r.position;
end
$$;
comment on function postai._optimized(boolean, text, text[]) is
  'Body of postai.optimize: select * from postai._optimized(true, null, ''{public}'')';

create function postai.optimize()
  returns table (id bigint, kind text, severity text, object text, title text, gain text, statement text)
  language plpgsql volatile
as $$
begin
  return query select * from postai._optimized(true, null, pg_catalog.current_schemas(false)::pg_catalog.text[]);
end
$$;
comment on function postai.optimize() is
  'Looks at what the database is asked and at its state now, and proposes what would help, the most valuable first: select id, title, gain, statement from postai.optimize()';

create function postai.optimize(query text)
  returns table (id bigint, kind text, severity text, object text, title text, gain text, statement text)
  language plpgsql volatile
as $$
begin
  return query select * from postai._optimized(false, query, pg_catalog.current_schemas(false)::pg_catalog.text[]);
end
$$;
comment on function postai.optimize(text) is
  'Proposes what would make one SELECT faster, with its cost before and after: select title, gain, statement from postai.optimize(''select * from orders where customer_id = 42'')';

select postai._grant('select on postai.recommendations', 'postai_reader', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array[
    'postai._span(double precision)', 'postai._amount(bigint)',
    'postai._gain(double precision, double precision, bigint)']) as f;
select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'postai._optimized(boolean, text, text[])', 'postai.optimize()', 'postai.optimize(text)']) as f;
