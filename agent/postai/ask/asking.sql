-- name: transport
-- How the agent is reached: socket, dblink or call.
select postai._transport()

-- name: answer
-- A question's answer; JSON as text, so that numbers stay as the server wrote them, and none that is too long to be kept.
select a.question_id, a.status, a.sql, a.columns, case when pg_catalog.length(t.rows) <= %s then t.rows end, a.explanation,
       a.confidence::double precision, a.engine, a.readings::text, a.reason, a.elapsed_ms::double precision
  from postai.answer(%s, %s) as a, lateral (select a.rows::text as rows) as t

-- name: path
-- Where the question's names are looked up.
select postai._path(pg_catalog.current_schemas(false)), pg_catalog.current_schemas(false)::pg_catalog.text[]

-- name: start
-- The parts of procedure postai.run, each committed by itself: a conversation begins, and whether it is over.
select t.talk::text, postai._run_over(t.talk) from postai._run_start(%s, %s, %s, %s) as t (talk)

-- name: wait
-- One poll.
select t.talk::text, postai._run_over(t.talk) from postai._run_wait(%s::json, %s) as t (talk)

-- name: told
-- What its last frame says, and the error that stands for it where it is no statement.
select (f.answer ->> 'question_id')::bigint, f.answer ->> 'status', f.answer ->> 'sql', f.answer ->> 'explanation',
       (f.answer ->> 'confidence')::double precision, f.answer ->> 'engine', (f.answer -> 'readings')::text,
       postai._reason(f.answer ->> 'reason', f.answer ->> 'hint'), r.code, r.message, v.detail, v.hint
  from (select t.talk -> 'frame' as frame, t.talk #> '{frame,answer}' as answer from (select %s::json as talk) as t) as f,
       lateral postai._refusal(f.frame) as r, lateral postai._advice(f.frame, r.detail, r.hint) as v

-- name: hold
-- Locks what the statement reads, and fails unless the catalog is what the agent saw.
select postai._hold(t.talk #>> '{frame,answer,sql}', %s, t.talk #>> '{frame,unchanged}') from (select %s::json as talk) as t

-- name: rows
-- As postai.answer gives them: a list of values for each row.
select postai._columns(s.sql, s.path), (
         select coalesce(pg_catalog.json_agg((
                  select coalesce(pg_catalog.json_agg(c.value order by c.position), '[]')
                    from pg_catalog.json_each(l.line) with ordinality as c (key, value, position)) order by l.position), '[]')::text
           from postai._rows(s.sql, s.path, %s) with ordinality as l (line, position))
  from (select %s::text as sql, %s::text as path) as s

-- name: close
-- Ends the conversation, where one was begun.
select postai._close(t.talk ->> 'id', %s) from (select %s::json as talk) as t where t.talk ->> 'id' is not null

-- name: history
-- One's own last questions.
select id, asked_at, question, status, correct from postai.questions
 where asked_by = session_user order by id desc limit %s
