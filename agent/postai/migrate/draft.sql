-- name: readable
-- Whether the collected statements are here and may be read.
select coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('postai.statements'), 'select'), false)
   and coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('postai.sample_statement'), 'select'), false);

-- name: named
-- Number of statements whose text holds two words, their calls, and when the last one was seen.
--
-- %s, %s: regular expressions for the name of the table and that of the column (or the table once more).
select pg_catalog.count(distinct s.id), coalesce(pg_catalog.sum(x.calls), 0)::pg_catalog.int8,
       pg_catalog.to_char(pg_catalog.max(s.last_seen), 'YYYY-MM-DD HH24:MI')
  from postai.statements as s
  left join postai.sample_statement as x on x.statement_id = s.id
 where not s.own and not s.utility
   and s.query operator(pg_catalog.~*) %s and s.query operator(pg_catalog.~*) %s;
