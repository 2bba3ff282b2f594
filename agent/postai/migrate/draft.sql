-- name: readable
-- Whether the collected statements are here and may be read.
select pg_catalog.count(*) = 2
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'postai' and c.relname in ('statement', 'sample_statement')
   and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select');

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


-- name: note_checks
-- What was looked for in the rows; what people decided on is never changed.
update postai.proposal set evidence = pg_catalog.jsonb_set(evidence, '{checks}', %s::pg_catalog.jsonb) where id = %s and state = 'open';
