-- What is taught: whose it is, what replaces what, limits, taking back, feedback. Transport call: the server checks.
begin;
select plan(42);
create table public.orders (id int, total numeric);

select is(postai._question_key(' How  many orders ?'), postai._question_key('how many orders'), 'spaces, capitals, the mark');
select isnt(postai._question_key('named "Ann"'), postai._question_key('named "ann"'), 'what is quoted keeps its capitals');
select isnt(postai._question_key('how many orders'), postai._question_key('how many order'), 'words count');

select lives_ok($$select postai.teach('How many orders?', 'select count(*) from orders;')$$);
select results_eq('select question, sql, shared, taught_by from postai.examples',
  $$values ('How many orders?', 'select count(*) from orders', false, session_user)$$, 'it is one''s own');
select lives_ok($$select postai.teach('how  many orders', 'select 7')$$);
select results_eq('select question, sql from postai.examples', $$values ('how  many orders', 'select 7')$$, 'the newer replaces the older');
select lives_ok($$select postai.teach('how many orders', 'select count(*) from orders', true)$$);
select is((select count(*) from postai.examples), 2::bigint, 'the shared one stands beside it');
select is((select detail ->> 'question' from postai.event where kind = 'example.shared'), 'how many orders', 'an event of the shared one');
select is((select count(*) from postai.event where kind = 'example.shared'), 1::bigint, 'and of that only');

select throws_ok(format('select postai.teach(''q'', %L)', s), c, null, s)
  from (values ('select 1; select 2', 'PA003'), ('select * from nowhere', '42P01'), ('delete from orders', '42601'),
               ('insert into orders values (1) returning 1', '42601'), ('create table x ()', '42601'), ('selec 1', '42601'),
               ('with d as (delete from orders returning 1) select 1', '0A000'), ('', '42601')) as t (s, c);
select throws_ok($$select postai.teach(' ', 'select 1')$$, '22023', 'an example needs a question');
select throws_ok($$select postai.teach(null, 'select 1')$$, '22023', 'an example needs a question');
select throws_ok($$select postai.teach(repeat('x', 4001), 'select 1')$$, '22023', 'an example needs a question');

select lives_ok($$select postai.define(' Big   order ', 'orders.total > 1000')$$);
select results_eq('select term, meaning, shared from postai.glossary', $$values ('Big order', 'orders.total > 1000', false)$$, 'spaces folded');
select lives_ok($$select postai.define('big order', 'orders.total > 2000')$$);
select results_eq('select term, meaning from postai.glossary', $$values ('big order', 'orders.total > 2000')$$, 'the newer replaces the older');
select lives_ok($$select postai.define('big order', 'orders.total > 9', true)$$);
select is((select count(*) from postai.glossary), 2::bigint, 'the shared one stands beside it');
select throws_ok(format('select postai.define(%L, %L)', t, m), '22023', null, 'refused')
  from (values (null, 'x'), ('', 'x'), (repeat('x', 101), 'x'), (E'a\x07b', 'x'), ('a', null), ('a', ' '), ('a', repeat('x', 1001))) as v (t, m);
select lives_ok($$select postai.forget_term('BIG order')$$);
select throws_ok($$select postai.forget_term('big order')$$, '42704');
select lives_ok($$select postai.forget_term('big order', true)$$);
select is((select count(*) from postai.glossary), 0::bigint, 'taken back');
select throws_ok($$select postai.forget_example(-1)$$, '42704');

insert into postai.term (taught_by, term, meaning) select session_user, 't' || n, 'm' from generate_series(1, 500) as n;
select throws_ok($$select postai.define('one more', 'x')$$, '54000', 'there are 500 terms already');
select lives_ok($$select postai.define('t1', 'changed')$$, 'a known one may change');

select * from finish();
rollback;
