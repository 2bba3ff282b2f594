-- What people teach: verified examples, words and their meanings, feedback on answers.
--
-- Who may teach whom: what a login teaches counts for that login alone; what counts for everybody is taught by members
-- of postai_operator; one's own goes before what is shared. Nothing that is taught widens what is run: an example's
-- statement passes the guard each time, as any generated one, and runs with the rights of whoever asks.
--
-- The functions that a person types are INVOKER: they read the caller's search_path and look at who calls. What they
-- write goes through DEFINER functions; those for everybody's entries may be executed by operators only, so that a
-- definer function of somebody else, run by an operator by accident, shares nothing.

-- Two questions are the same when they differ in spaces, the mark at their end and, unless something in them is
-- quoted, in capitals. The agent compares them by the same rule (ask/taught_answers.py).
create function postai._question_key(question text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select md5(case when plain ~ '["''`]' then plain else lower(plain) end)
    from btrim(regexp_replace(question, '\s+', ' ', 'g'), ' ?.!') as plain
$$;
comment on function postai._question_key(text) is
  'What is equal for questions that are the same: select postai._question_key(''How many  orders?'')';

create table postai.example (
  id bigint generated always as identity primary key,
  taught_by name not null,
  shared boolean not null default false,
  question text not null check (pg_catalog.length(question) between 1 and 4000),
  question_key text not null,
  sql text not null check (pg_catalog.octet_length(sql) between 1 and 20000),
  search_path text[] not null,
  taught_at timestamptz not null default clock_timestamp()
);
comment on table postai.example is 'Questions with statements that answer them rightly; one''s own, or everybody''s when shared.';
comment on column postai.example.search_path is 'Schemas in which names without a schema are looked up, as for the one who taught it.';
create unique index example_own on postai.example (taught_by, question_key) where not shared;
create unique index example_shared on postai.example (question_key) where shared;

create table postai.term (
  id bigint generated always as identity primary key,
  taught_by name not null,
  shared boolean not null default false,
  term text not null check (pg_catalog.length(term) between 1 and 100),
  meaning text not null check (pg_catalog.length(meaning) between 1 and 1000),
  taught_at timestamptz not null default clock_timestamp()
);
comment on table postai.term is 'Words and what they mean here; one''s own, or everybody''s when shared.';
create unique index term_own on postai.term (taught_by, pg_catalog.lower(term)) where not shared;
create unique index term_shared on postai.term (pg_catalog.lower(term)) where shared;

create unlogged table postai.kept_answer (
  key text primary key,
  question_key text not null,
  answer jsonb not null,
  at timestamptz not null default clock_timestamp()
);
comment on table postai.kept_answer is
  'Answers of the model that may be given again; the key holds everything they depend on, rights too. Written and read by the agent only.';
create index kept_answer_at on postai.kept_answer (at);
create index kept_answer_question on postai.kept_answer (question_key);

create view postai.examples with (security_barrier) as
  select e.id, e.question, e.sql, e.shared, e.taught_by, e.taught_at, e.search_path
    from postai.example as e
   where e.shared or e.taught_by = session_user
      or pg_catalog.pg_has_role(session_user, coalesce(pg_catalog.to_regrole('postai_operator'), pg_catalog.to_regrole(pg_catalog.quote_ident(postai._owner()))), 'member');
comment on view postai.examples is 'Verified examples: one''s own and the shared ones; operators see everybody''s: select id, question, sql, shared from postai.examples';

create view postai.glossary with (security_barrier) as
  select t.term, t.meaning, t.shared, t.taught_by, t.taught_at
    from postai.term as t
   where t.shared or t.taught_by = session_user
      or pg_catalog.pg_has_role(session_user, coalesce(pg_catalog.to_regrole('postai_operator'), pg_catalog.to_regrole(pg_catalog.quote_ident(postai._owner()))), 'member');
comment on view postai.glossary is 'Words and their meanings: one''s own and the shared ones; operators see everybody''s: select term, meaning, shared from postai.glossary';

-- Writing -----------------------------------------------------------------------------------------------------

create function postai._keep_example(owner name, shared boolean, question text, statement text, schemas text[]) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  most constant integer := case when _keep_example.shared then 2000 else 500 end;
  same text;
  known bigint;
begin
  if question is null or btrim(question, E' \t\r\n') = '' or length(question) > 4000 then
    perform postai._raise('22023', 'an example needs a question', format('It has %s characters.', coalesce(length(question), 0)),
      'Give the question in 1 to 4000 characters, as it will be asked.');
  elsif statement is null or btrim(statement, E' \t\r\n;') = '' or octet_length(statement) > 20000 then
    perform postai._raise('22023', 'an example needs a statement', format('It has %s bytes.', coalesce(octet_length(statement), 0)),
      'Give the SELECT that answers the question, in at most 20000 bytes.');
  elsif schemas is null or array_ndims(schemas) > 1 or array_position(schemas, null) is not null
        or octet_length(array_to_string(schemas, ',')) > 20000 then
    perform postai._raise('22023', 'this is no search_path', null, 'Give a list of names of schemas, at most 20000 bytes: SELECT postai.teach(question, sql) takes your own.');
  end if;
  same := postai._question_key(question);
  select e.id into known from postai.example as e
   where e.question_key = same and e.shared = _keep_example.shared and (e.shared or e.taught_by = owner);
  if known is null and (select count(*) from postai.example as e
                         where e.shared = _keep_example.shared and (e.shared or e.taught_by = owner)) >= most then
    perform postai._raise('54000', format('there are %s examples already', most), null,
      'Remove one: SELECT postai.forget_example(id); SELECT id, question FROM postai.examples lists them.');
  end if;
  if known is not null then
    update postai.example as e
       set question = _keep_example.question, sql = statement, search_path = schemas, taught_by = owner, taught_at = clock_timestamp()
     where e.id = known;
  else
    insert into postai.example as e (taught_by, shared, question, question_key, sql, search_path)
      values (owner, _keep_example.shared, question, same, statement, schemas)
    returning e.id into known;
  end if;
  delete from postai.kept_answer as a where a.question_key = same;
  if shared then
    perform postai._record_event('example.shared', known::text, null, null, jsonb_build_object('question', question, 'sql', statement));
  end if;
  return known;
exception
  when unique_violation then
    perform postai._raise('40001', 'somebody taught the same question at the same moment', null, 'Teach it again.');
end
$$;
comment on function postai._keep_example(name, boolean, text, text, text[]) is
  'Writes an example in the place of an older one for the same question: select postai._keep_example(session_user, false, ''how many orders?'', ''select count(*) from orders'', ''{public}'')';

create function postai._teach_own(question text, statement text, schemas text[]) returns bigint
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_example(session_user, false, question, statement, schemas)
$$;
comment on function postai._teach_own(text, text, text[]) is
  'Writes an example of the login: select postai._teach_own(''how many orders?'', ''select count(*) from orders'', ''{public}''). Definer: nobody may write examples of others.';

create function postai._teach_shared(question text, statement text, schemas text[]) returns bigint
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_example(session_user, true, question, statement, schemas)
$$;
comment on function postai._teach_shared(text, text, text[]) is
  'Writes an example for everybody: select postai._teach_shared(''how many orders?'', ''select count(*) from orders'', ''{public}''). Definer: see _teach_own; operators only.';

create function postai._keep_term(shared boolean, term text, meaning text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  plain constant text := btrim(regexp_replace(_keep_term.term, '\s+', ' ', 'g'));
  said constant text := btrim(regexp_replace(_keep_term.meaning, '\s+', ' ', 'g'));
  most constant integer := case when _keep_term.shared then 2000 else 500 end;
  known bigint;
begin
  if plain is null or length(plain) not between 1 and 100 or plain ~ '[[:cntrl:]]' then
    perform postai._raise('22023', 'this is no term', format('It has %s characters.', coalesce(length(plain), 0)),
      'Give a word or a phrase of 1 to 100 characters, without control characters.');
  elsif said is null or length(said) not between 1 and 1000 or said ~ '[[:cntrl:]]' then
    perform postai._raise('22023', format('the meaning of %s has %s characters', quote_literal(plain), coalesce(length(said), 0)), null,
      'Give 1 to 1000 characters without control characters; SELECT postai.forget_term(term) takes a term back.');
  end if;
  select t.id into known from postai.term as t
   where lower(t.term) = lower(plain) and t.shared = _keep_term.shared and (t.shared or t.taught_by = session_user);
  if known is null and (select count(*) from postai.term as t
                         where t.shared = _keep_term.shared and (t.shared or t.taught_by = session_user)) >= most then
    perform postai._raise('54000', format('there are %s terms already', most), null,
      'Remove one: SELECT postai.forget_term(term); SELECT term FROM postai.glossary lists them.');
  end if;
  if known is not null then
    update postai.term as t set term = plain, meaning = said, taught_by = session_user, taught_at = clock_timestamp() where t.id = known;
  else
    insert into postai.term (taught_by, shared, term, meaning) values (session_user, _keep_term.shared, plain, said);
  end if;
  if shared then
    perform postai._record_event('term.shared', plain, null, null, jsonb_build_object('meaning', said));
  end if;
exception
  when unique_violation then
    perform postai._raise('40001', 'somebody defined the same term at the same moment', null, 'Define it again.');
end
$$;
comment on function postai._keep_term(boolean, text, text) is
  'Writes a term in the place of an older one: select postai._keep_term(false, ''churned'', ''no order for 90 days'')';

create function postai._define_own(term text, meaning text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_term(false, term, meaning)
$$;
comment on function postai._define_own(text, text) is
  'Writes a term of the login: select postai._define_own(''churned'', ''no order for 90 days''). Definer: nobody may write terms of others.';

create function postai._define_shared(term text, meaning text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_term(true, term, meaning)
$$;
comment on function postai._define_shared(text, text) is
  'Writes a term for everybody: select postai._define_shared(''churned'', ''no order for 90 days''). Definer: see _define_own; operators only.';

-- Teaching ----------------------------------------------------------------------------------------------------

create function postai._require_sharing() returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  who name;
begin
  foreach who in array array[current_user, session_user] loop
    if not postai._is_operator(who) then
      perform postai._raise('PA006', format('role %I may not teach everybody', who), 'What is shared counts for everybody who asks.',
                            format('Leave out shared, or: GRANT postai_operator TO %I;', who));
    end if;
  end loop;
end
$$;
comment on function postai._require_sharing() is
  'Raises PA006 unless the caller, and the session''s user, are operators: select postai._require_sharing()';

-- With transport call a function cannot wait for the agent: the server alone looks whether it is one SELECT that the
-- caller may run. The guard decides when the example is used, with each transport.
create function postai._teachable(
    statement text, path text, schemas text[], out checked text, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  talk record;
  said json;
begin
  if postai._transport() <> 'call' then
    talk := postai._converse('check', statement, path, schemas, 100);
    code := talk.code; message := talk.message; detail := talk.detail; hint := talk.hint;
    checked := talk.frame #>> '{answer,sql}';
    return;
  end if;
  checked := btrim(statement, E' \t\r\n;');
  perform postai._one_statement(checked), postai._columns(checked, path);
  said := postai._explain(checked, path) -> 'error';
  code := said ->> 'sqlstate'; message := said ->> 'message'; detail := said ->> 'detail'; hint := said ->> 'hint';
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                            hint = pg_exception_hint;
    detail := nullif(detail, '');
    hint := coalesce(nullif(hint, ''), 'Teach one SELECT that runs here: try it yourself first.');
end
$$;
comment on function postai._teachable(text, text, text[]) is
  'A statement as it may be taught, or why not, as values: select * from postai._teachable(''select 1'', ''public'', ''{public}'')';

create function postai._taught(
    question text, statement text, shared boolean, path text, schemas text[],
    out example bigint, out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  seen record;
begin
  if shared then
    perform postai._require_sharing();
  end if;
  seen := postai._teachable(statement, path, schemas);
  code := seen.code; message := seen.message; detail := seen.detail; hint := seen.hint;
  if code is not null then
    return;
  elsif shared then
    example := postai._teach_shared(question, seen.checked, schemas);
  else
    example := postai._teach_own(question, seen.checked, schemas);
  end if;
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                            hint = pg_exception_hint;
    detail := nullif(detail, '');
end
$$;
comment on function postai._taught(text, text, boolean, text, text[]) is
  'Body of postai.teach, an error as a value: select * from postai._taught(''how many?'', ''select 1'', false, ''public'', ''{public}'')';

create function postai.teach(question text, sql text, shared boolean default false) returns bigint
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._taught(question, sql, shared, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
  return talk.example;
end
$$;
comment on function postai.teach(text, text, boolean) is
  'Keeps a verified example and gives its id; it counts for oneself, shared (operators only) for everybody: select postai.teach(''how many customers churned?'', ''select count(*) from customers where churned'')';

create function postai.define(term text, meaning text, shared boolean default false) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if shared then
    perform postai._require_sharing();
    perform postai._define_shared(term, meaning);
  else
    perform postai._define_own(term, meaning);
  end if;
end
$$;
comment on function postai.define(text, text, boolean) is
  'Says what a word means here, in words or as an SQL expression; it counts for oneself, shared (operators only) for everybody: select postai.define(''big order'', ''orders.total > 1000'')';

-- Taking back -------------------------------------------------------------------------------------------------

create function postai._forget_example(id bigint, anybodys boolean) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  gone postai.example;
begin
  delete from postai.example as e
   where e.id = _forget_example.id and (anybodys or (e.taught_by = session_user and not e.shared))
  returning e.* into gone;
  if gone.id is null then
    perform postai._raise('42704', format('there is no example %s of yours', coalesce(_forget_example.id::text, 'NULL')), null,
      'SELECT id, question, shared FROM postai.examples lists them; operators remove shared ones.');
  elsif gone.shared or gone.taught_by <> session_user then
    perform postai._record_event('example.forgotten', gone.id::text, null, null,
      jsonb_build_object('question', gone.question, 'taught_by', gone.taught_by));
  end if;
end
$$;
comment on function postai._forget_example(bigint, boolean) is 'Body of postai.forget_example: select postai._forget_example(7, false)';

create function postai._forget_own_example(id bigint) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_example(id, false)
$$;
comment on function postai._forget_own_example(bigint) is
  'Removes an example of the login: select postai._forget_own_example(7). Definer: nobody may delete examples of others.';

create function postai._forget_any_example(id bigint) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_example(id, true)
$$;
comment on function postai._forget_any_example(bigint) is
  'Removes anybody''s example: select postai._forget_any_example(7). Definer: see _forget_own_example; operators only.';

create function postai.forget_example(id bigint) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if postai._is_operator(current_user) and postai._is_operator(session_user) then
    perform postai._forget_any_example(id);
  else
    perform postai._forget_own_example(id);
  end if;
end
$$;
comment on function postai.forget_example(bigint) is
  'Takes an example back; operators may remove anybody''s: select postai.forget_example(7)';

create function postai._forget_term(term text, shared boolean) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  delete from postai.term as t
   where lower(t.term) = lower(btrim(regexp_replace(_forget_term.term, '\s+', ' ', 'g'))) and t.shared = _forget_term.shared
     and (t.shared or t.taught_by = session_user);
  if not found then
    perform postai._raise('42704', format('there is no term %s %s', quote_nullable(left(_forget_term.term, 200)),
      case when _forget_term.shared then 'that is shared' else 'of yours' end), null, 'SELECT term, shared FROM postai.glossary lists them.');
  elsif _forget_term.shared then
    perform postai._record_event('term.forgotten', _forget_term.term, null, null, '{}');
  end if;
end
$$;
comment on function postai._forget_term(text, boolean) is 'Body of postai.forget_term: select postai._forget_term(''churned'', false)';

create function postai._forget_own_term(term text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_term(term, false)
$$;
comment on function postai._forget_own_term(text) is
  'Removes a term of the login: select postai._forget_own_term(''churned''). Definer: nobody may delete terms of others.';

create function postai._forget_shared_term(term text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_term(term, true)
$$;
comment on function postai._forget_shared_term(text) is
  'Removes a shared term: select postai._forget_shared_term(''churned''). Definer: see _forget_own_term; operators only.';

create function postai.forget_term(term text, shared boolean default false) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if shared then
    perform postai._require_sharing();
    perform postai._forget_shared_term(term);
  else
    perform postai._forget_own_term(term);
  end if;
end
$$;
comment on function postai.forget_term(text, boolean) is
  'Takes the meaning of a word back, one''s own or (operators only) the shared one: select postai.forget_term(''big order'')';

-- Feedback ----------------------------------------------------------------------------------------------------

create function postai._keep_feedback(question_id bigint, correct boolean, correction text, schemas text[], anybodys boolean) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  asked postai.question;
begin
  select q.* into asked from postai.question as q
   where q.id = _keep_feedback.question_id and (anybodys or q.asked_by = session_user);
  if asked.id is null then
    perform postai._raise('42704', format('there is no question %s of yours', coalesce(_keep_feedback.question_id::text, 'NULL')), null,
      'SELECT id, question, status FROM postai.questions ORDER BY id DESC lists them.');
  elsif _keep_feedback.correct is null then
    perform postai._raise('22023', 'feedback says whether the answer was correct', 'It is NULL.',
      'SELECT postai.feedback(id, true); or SELECT postai.feedback(id, false); or SELECT postai.feedback(id, false, ''the right SELECT'');');
  elsif _keep_feedback.correct and _keep_feedback.correction is not null then
    perform postai._raise('22023', 'an answer that was correct needs no correction', null,
      'SELECT postai.feedback(id, true); or SELECT postai.feedback(id, false, ''the right SELECT'');');
  elsif _keep_feedback.correct and (asked.status <> 'answered' or asked.sql is null) then
    perform postai._raise('22023', format('question %s was not answered', asked.id), format('Its status is %s.', asked.status),
      'SELECT postai.teach(question, sql) tells the right statement.');
  end if;
  insert into postai.feedback as f (question_id, correct, correction, given_by)
    values (asked.id, _keep_feedback.correct, _keep_feedback.correction, session_user)
    on conflict on constraint feedback_pkey
    do update set correct = excluded.correct, correction = excluded.correction, given_by = excluded.given_by, given_at = clock_timestamp();
  if _keep_feedback.correct or _keep_feedback.correction is not null then
    perform postai._keep_example(asked.asked_by, false, asked.question, coalesce(_keep_feedback.correction, asked.sql), schemas);
  else
    delete from postai.example as e
     where e.taught_by = asked.asked_by and not e.shared and e.question_key = postai._question_key(asked.question) and e.sql = asked.sql;
    delete from postai.kept_answer as a where a.question_key = postai._question_key(asked.question);
  end if;
  if asked.asked_by <> session_user then
    perform postai._record_event('feedback.given', asked.id::text, null, null,
      jsonb_build_object('asked_by', asked.asked_by, 'correct', _keep_feedback.correct));
  end if;
end
$$;
comment on function postai._keep_feedback(bigint, boolean, text, text[], boolean) is
  'Writes feedback and what follows from it: select postai._keep_feedback(7, true, null, ''{public}'', false)';

create function postai._feed_own(question_id bigint, correct boolean, correction text, schemas text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_feedback(question_id, correct, correction, schemas, false)
$$;
comment on function postai._feed_own(bigint, boolean, text, text[]) is
  'Feedback on a question of the login: select postai._feed_own(7, true, null, ''{public}''). Definer: nobody may read or judge the questions of others.';

create function postai._feed_any(question_id bigint, correct boolean, correction text, schemas text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_feedback(question_id, correct, correction, schemas, true)
$$;
comment on function postai._feed_any(bigint, boolean, text, text[]) is
  'Feedback on anybody''s question: select postai._feed_any(7, true, null, ''{public}''). Definer: see _feed_own; operators only.';

create function postai._fed_back(
    question_id bigint, correct boolean, correction text, path text, schemas text[],
    out code text, out message text, out detail text, out hint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  seen record;
  statement text := correction;
begin
  if correction is not null then
    seen := postai._teachable(correction, path, schemas);
    code := seen.code; message := seen.message; detail := seen.detail; hint := seen.hint;
    statement := seen.checked;
  end if;
  if code is not null then
    return;
  elsif postai._is_operator(current_user) and postai._is_operator(session_user) then
    perform postai._feed_any(question_id, correct, statement, schemas);
  else
    perform postai._feed_own(question_id, correct, statement, schemas);
  end if;
exception
  when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                            hint = pg_exception_hint;
    detail := nullif(detail, '');
end
$$;
comment on function postai._fed_back(bigint, boolean, text, text, text[]) is
  'Body of postai.feedback, an error as a value: select * from postai._fed_back(7, true, null, ''public'', ''{public}'')';

create function postai.feedback(question_id bigint, correct boolean, correction text default null) returns void
  language plpgsql volatile
as $$
declare
  talk constant pg_catalog.record := postai._fed_back(question_id, correct, correction,
    postai._path(pg_catalog.current_schemas(false)), pg_catalog.current_schemas(false)::pg_catalog.text[]);
begin
  if talk.code is not null and talk.detail is null then
    raise exception using errcode = talk.code, message = talk.message, hint = talk.hint;
  elsif talk.code is not null then
    raise exception using errcode = talk.code, message = talk.message, detail = talk.detail, hint = talk.hint;
  end if;
end
$$;
comment on function postai.feedback(bigint, boolean, text) is
  'Says whether the answer to one''s own question was right; a right one, or the correction, becomes a verified example: select postai.feedback(7, false, ''select count(*) from orders where not cancelled'')';

-- What the agent reads: rows that count for a login, and a text that changes when they do.
create function postai._taught_version(login name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  -- By parts, each of which has its index: other people's entries are not read.
  select concat_ws(' ',
    (select concat(count(*), ':', bit_xor(hash_record_extended(row(e.id, e.xmin), 0))) from postai.example as e
      where e.shared),
    (select concat(count(*), ':', bit_xor(hash_record_extended(row(e.id, e.xmin), 0))) from postai.example as e
      where not e.shared and e.taught_by = login),
    (select concat(count(*), ':', bit_xor(hash_record_extended(row(t.id, t.xmin), 0))) from postai.term as t
      where t.shared),
    (select concat(count(*), ':', bit_xor(hash_record_extended(row(t.id, t.xmin), 0))) from postai.term as t
      where not t.shared and t.taught_by = login))
$$;
comment on function postai._taught_version(name) is
  'A text that changes with what was taught to a login: select postai._taught_version(session_user)';

select postai._grant('select on ' || v, 'postai_user') from pg_catalog.unnest(array['postai.examples', 'postai.glossary']) as v;
select postai._grant('select on ' || t, 'postai_agent') from pg_catalog.unnest(array['postai.example', 'postai.term']) as t;
select postai._grant('select, insert, update, delete on postai.kept_answer', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array['postai._question_key(text)', 'postai._taught_version(name)']) as f;
select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'postai._teach_own(text, text, text[])', 'postai._define_own(text, text)', 'postai._forget_own_example(bigint)',
    'postai._forget_own_term(text)', 'postai._feed_own(bigint, boolean, text, text[])', 'postai._require_sharing()',
    'postai._teachable(text, text, text[])', 'postai._taught(text, text, boolean, text, text[])',
    'postai._fed_back(bigint, boolean, text, text, text[])', 'postai.teach(text, text, boolean)',
    'postai.define(text, text, boolean)', 'postai.forget_example(bigint)', 'postai.forget_term(text, boolean)',
    'postai.feedback(bigint, boolean, text)']) as f;
select postai._grant('execute on function ' || f, 'postai_operator')
  from pg_catalog.unnest(array[
    'postai._teach_shared(text, text, text[])', 'postai._define_shared(text, text)', 'postai._forget_any_example(bigint)',
    'postai._forget_shared_term(text)', 'postai._feed_any(bigint, boolean, text, text[])']) as f;
