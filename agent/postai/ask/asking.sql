-- name: answer
-- A question's answer; JSON as text, so that numbers stay as the server wrote them.
select question_id, status, sql, columns, rows::text, explanation, confidence::double precision, engine, readings::text, reason,
       elapsed_ms::double precision
  from postai.answer(%s, %s)

-- name: history
-- One's own last questions.
select id, asked_at, question, status, correct from postai.questions
 where asked_by = session_user order by id desc limit %s
