-- What the advisors propose: who may run them, who sees it, in which order, in which words.
begin;
select plan(15);
create role tap_reader login; create role tap_user login; create role tap_nobody login;
grant postai_reader to tap_reader; grant postai_user to tap_user;

select is(postai._gain(12000000, 0, 22020096), 'saves 3 h 20 min a day, costs 21 MB', 'time and space');
select is(postai._gain(0, -5000, -4294967296), 'frees 4096 MB, writes take 5 s a day less', 'space and writes');
select is(postai._gain(0, 0, 0), 'keeps trouble away', 'nothing that can be counted');

insert into postai.proposal (kind, title, why, fingerprint, evidence, state, outcome) values
  ('create_index', 'small', '', '', '{"saved_ms_per_day": 10, "object": "public.a", "severity": "LOW"}', 'open', null),
  ('create_index', 'costly', '', '', '{"saved_ms_per_day": 900, "write_ms_per_day": 899, "severity": "HIGH"}', 'open', null),
  ('create_index', 'big', '', '', '{"saved_ms_per_day": 1000, "bytes": 1048576, "severity": "HIGH",
    "effects": [{"id": "-9223372036854775808"}, {"id": "q7 of a file"}, {"id": "99999999999999999999"}]}', 'open', null),
  ('vacuum', 'grave', '', '', '{"saved_ms_per_day": 0, "severity": "HIGH"}', 'open', null),
  ('vacuum', 'light', '', '', '{"saved_ms_per_day": 0, "severity": "LOW"}', 'open', null),
  ('create_index', 'asked', '', '', '{"saved_ms_per_day": 90000, "asked": true, "gain": "cost 9 -> 1"}', 'open', null),
  ('create_index', 'over', '', '', '{"saved_ms_per_day": 5000}', 'closed', 'dismissed'),
  ('change', 'by a person', '', '', '{}', 'open', null);
insert into postai.statement (dbid, userid, queryid, toplevel, query)
select d.oid, 10, -9223372036854775808, true, E'select *\n from a   where b = $1 ' || pg_catalog.repeat('and true ', 9)
  from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database();
select is((select queries from postai.recommendations where title = 'big'),
  array['select * from a where b = $1 and true and true and true and '], 'operators see how the statements begin');
set session authorization tap_reader;
select is((select queries from postai.recommendations where title = 'big'), null, 'others do not');
select results_eq('select title from postai.recommendations', array['big', 'small', 'costly', 'grave', 'light', 'asked'],
  'open ones of the advisors, by what they save less what they cost, what nobody measured last');
select results_eq($$select gain, saved_ms_per_day, write_ms_per_day from postai.recommendations where title = 'asked'$$,
  $$values ('cost 9 -> 1', null::double precision, null::double precision)$$, 'nothing a day where nobody measured');
select is((select gain from postai.recommendations where title = 'big'), 'saves 1 s a day, costs 1 MB', 'in words');
select is((select object from postai.recommendations where title = 'small'), 'public.a', 'what it is about');
select throws_ok('select * from postai.optimize()', '42501', null, 'readers do not run the advisors');
select throws_ok($$select * from postai.optimize('select 1')$$, '42501', null, 'nor for one statement');
reset session authorization;
set session authorization tap_user;
select throws_ok('select * from postai.optimize()', 'PA002', null, 'users do, where there is an agent');
select throws_ok($$select * from postai.optimize(' ')$$, '22023', 'the statement is empty', 'not for nothing');
select throws_ok($$select * from postai.optimize(null)$$, '22023', 'the statement is empty', 'nor for null');
reset session authorization;
set session authorization tap_nobody;
select throws_ok('select * from postai.recommendations', '42501', null, 'others see nothing');
reset session authorization;
select * from finish();
rollback;
