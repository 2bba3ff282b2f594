-- What runs generated SQL: read-only, one statement, names and double columns kept.
begin;
select plan(22);
create table public.fruit (id int, name text);
insert into public.fruit values (1, 'apple'), (2, 'pear');

select results_eq($$select r::text from postai._rows('select id, name, id from fruit order by id', 'public', 10) as r$$,
  array['{"id":1,"name":"apple","id":1}', '{"id":2,"name":"pear","id":2}'], 'order and double names');
select is((select count(*) from postai._rows('select * from generate_series(1, 10)', 'public', 3)), 3::bigint, 'row limit');
select is((select count(*) from postai._rows('select from fruit', 'public', 3)), 2::bigint, 'rows without columns');
select is(postai._columns('select id, name as "x y", id from fruit', 'public'), array['id', 'x y', 'id'], 'names');
select is(postai._columns('select from fruit', 'public'), array[]::text[], 'no names');

select throws_ok(format('select * from postai._rows(%L, ''public'', 10)', s), '25006', null, s)
  from unnest(array['insert into fruit values (3) returning 1', 'with d as (delete from fruit returning 1) select 1',
                    'select nextval(''postai.question_id_seq'')', 'select * from fruit for share']) as s;
select throws_ok($$select * from postai._rows('select 1; select 2', 'public', 10)$$, '42P11');
select throws_ok($$select * from postai._rows('select * from nowhere', 'public', 10)$$, '42P01');
select throws_ok($$select * from postai._rows('select 1 from fruit where 1 / (id - 1) > 0', 'public', 10)$$, '22012');
select throws_ok($$select postai._columns('insert into fruit values (3) returning 1', 'public')$$, '42601');

select is(postai._explain('select * from fruit', 'public') #>> '{plan,0,Plan,Node Type}', 'Seq Scan', 'a plan');
select is(postai._explain('select * from nowhere', 'public') #>> '{error,sqlstate}', '42P01', 'an error is a value');
select is(postai._explain('analyze delete from fruit', 'public') #>> '{error,sqlstate}', '42601', 'EXPLAIN only');
select is(postai._explain('select 1; delete from public.fruit', 'public') #>> '{error,sqlstate}', 'PA003', 'one statement only');

select is(current_setting('transaction_read_only'), 'off', 'the transaction is as it was');
select is((select count(*) from fruit), 2::bigint, 'and so are the rows');

select is(postai._prepare('select id, name from fruit', 'public', 'q'), E'select * from (\nselect id, name from fruit\n) as answer limit 100', 'the prepared text');
select results_eq('execute q', $$values (1, 'apple'), (2, 'pear')$$, 'the prepared statement');
select throws_ok($$select postai._request('ask', ' ', current_user, '{public}', 10, null)$$, '22023', 'the question is empty');

select * from finish();
rollback;
