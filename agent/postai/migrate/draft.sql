-- name: readable
-- Whether the collected statements are here and may be read.
select coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('postai.statement'), 'select'), false)
   and coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('postai.sample_statement'), 'select'), false);

-- name: since
-- Since when statements that name tables have been collected; null = there are none.
select pg_catalog.to_char(pg_catalog.min(s.first_seen), 'YYYY-MM-DD HH24:MI')
  from postai.statement as s where not s.own and s.queryid <> 0 and s.usage is not null;

-- name: named
-- Number of statements that use a table (or a column of it), their calls, and when the last one was seen.
--
-- %s: the table, qualified and quoted; the column, null = any; the table; the column. Statements that could not be
-- parsed are not counted.
select pg_catalog.count(distinct s.id), coalesce(pg_catalog.sum(x.calls), 0)::pg_catalog.int8,
       pg_catalog.to_char(pg_catalog.max(s.last_seen), 'YYYY-MM-DD HH24:MI')
  from postai.statement as s
  left join (select c.statement_id, pg_catalog.sum(c.calls) as calls
               from postai.sample_statement as c group by c.statement_id) as x on x.statement_id = s.id
 where not s.own and s.queryid <> 0 and pg_catalog.jsonb_exists(s.usage, %s)
   and (%s::pg_catalog.text is null
        or exists (select from pg_catalog.jsonb_each(pg_catalog.jsonb_extract_path(s.usage, %s)) as e
                    where pg_catalog.jsonb_exists(e.value, %s)));
