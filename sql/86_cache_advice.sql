-- Which statements a cache table would pay for: dear, repeated, with few rows, of tables that are seldom written to.
-- Only advice: nobody but a person makes a cache table.

create view postai.cache_advice with (security_barrier) as
  with slow as (
    select q.*, s.usage
      from postai.slow_queries as q
      join pg_catalog.pg_roles as u on u.rolname = q.user_name
      join postai.statement as s
        on s.queryid = q.queryid and s.userid = u.oid and s.toplevel
           and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
     where q.query is not null and not s.truncated and not s.utility and s.usage is not null and s.usage <> '{}'
       and q.query operator(pg_catalog.~*) '^\s*(select|with)\M'
       and q.mean_ms >= 20 and q.calls_per_day >= 100 and q.rows_per_call <= 10000
  ), written as (
    select pg_catalog.concat(pg_catalog.quote_ident(r.schema_name), '.', pg_catalog.quote_ident(r.relation_name)) as name,
           pg_catalog.sum(coalesce(t.n_tup_ins, 0) + coalesce(t.n_tup_upd, 0) + coalesce(t.n_tup_del, 0))
             * 86400 / greatest(pg_catalog.sum(t.seconds), 3600) as rows_per_day
      from postai.sample_table as t join postai.relation as r on r.relid = t.table_oid
     where t.at > pg_catalog.now() - interval '1 day'
     group by 1
  ), judged as (
    select s.*, coalesce((select pg_catalog.sum(w.rows_per_day) from pg_catalog.jsonb_object_keys(s.usage) as k
                            join written as w on w.name = k), 0) as written_per_day
      from slow as s
  )
  select j.query, j.user_name, j.calls_per_day, j.mean_ms, j.rows_per_call, pg_catalog.round(j.written_per_day::numeric)::bigint as rows_written_per_day,
         -- Each write costs one run, but not more runs than there are calls now.
         pg_catalog.round((greatest(0, j.calls_per_day - least(j.written_per_day, j.calls_per_day) - 288) * j.mean_ms)::numeric)::bigint as saved_ms_per_day,
         case when j.query operator(pg_catalog.~) '\$[0-9]' then
                'It has parameters: cache what it reads for all of their values, grouped by them, and ask that with WHERE.'
              else pg_catalog.format('SELECT postai.cache(%L, %L);', pg_catalog.concat('query_', pg_catalog.abs(j.queryid)), j.query) end as advice
    from judged as j
   where j.written_per_day < j.calls_per_day / 5 and j.calls_per_day - j.written_per_day > 288
   order by 7 desc;
comment on view postai.cache_advice is
  'Statements of the last day that a cache table would pay for, what it would save at 5 minutes to live, and how: select calls_per_day, mean_ms, saved_ms_per_day, advice from postai.cache_advice';
comment on column postai.cache_advice.rows_written_per_day is 'Rows of the tables that it names; what stands behind views is not known.';

select postai._grant('select on postai.cache_advice', 'postai_reader', 'postai_agent');
