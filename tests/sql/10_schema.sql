-- The names and signatures that people and programs rely on.
begin;
select plan(32);

select has_schema('postai');
select has_role(r) from unnest(array['postai_reader', 'postai_user', 'postai_operator', 'postai_agent']) as r;
select ok(not rolcanlogin, rolname || ' cannot log in') from pg_roles where rolname in ('postai_reader', 'postai_user', 'postai_operator', 'postai_agent');
select is_member_of('postai_reader', 'postai_user');
select is_member_of('postai_user', 'postai_operator');

select has_table('postai', t, 'table ' || t) from unnest(array['setting', 'job', 'question', 'event', 'proposal', 'proposal_step',
  'action', 'agent_status', 'model_call', 'schema_version']) as t;
select has_view('postai', v, 'view ' || v) from unnest(array['settings', 'questions']) as v;

select function_returns('postai', 'ask', array['text', 'integer'], 'setof json');
select function_returns('postai', 'sql', array['text'], 'text');
select function_returns('postai', 'prepare', array['text', 'text'], 'text');
select function_returns('postai', 'set', array['text', 'text'], 'void');
select is(pg_get_function_result('postai.answer(text, integer)'::regprocedure),
  'TABLE(question_id bigint, status text, sql text, columns text[], rows json, explanation text, confidence real, engine text, readings json, reason text, elapsed_ms real)',
  'columns of answer');
select is(pg_get_function_arguments('postai.ask(text, integer)'::regprocedure), 'question text, max_rows integer DEFAULT 100', 'arguments of ask');
select is(pg_get_function_arguments('postai.prepare(text, text)'::regprocedure), 'question text, name text DEFAULT ''ask''::text', 'arguments of prepare');
select is(prokind, 'p', 'run is a procedure') from pg_proc where oid = 'postai.run(text, integer)'::regprocedure;
select isnt_definer('postai', 'ask', array['text', 'integer']);

select * from finish();
rollback;
