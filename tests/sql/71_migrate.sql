-- Schema change: who may ask for it, who sees its steps, which migrations and snapshots there are.
begin;
select plan(17);
create role tap_reader login; create role tap_user login; create role tap_operator login; create role tap_nobody login;
grant postai_reader to tap_reader; grant postai_user to tap_user; grant postai_operator to tap_operator;

insert into postai.proposal (kind, title, why, fingerprint) values ('migrate', 'one', '', ''), ('create_index', 'two', '', '');
insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects, locks, blocks, rewrites, scans,
                                  together, step_class, undo, undo_class, undo_in_transaction)
  select id, 1, 'alter table s.t add a int', 'ALTER TABLE', true, '[]'::jsonb, '{"s.t": "AccessExclusiveLock"}'::jsonb, '{"s.t": "reads+writes", "s.u": "writes"}'::jsonb,
         '{s.t}'::text[], '{}'::text[], '{"alter table s.t add b int"}'::text[], 'short_lock', 'alter table s.t drop a', 'ALTER TABLE', true
    from postai.proposal where title = 'one'
  union all
  select id, 1, 'create index concurrently i on s.t (a)', 'CREATE INDEX', false, '[]', '{}', '{}', '{}', '{}', '{}', null, null, null, null
    from postai.proposal where title = 'two';
set session authorization tap_reader;
select results_eq($$select step, statement, locks ->> 's.t', blocks, rewrites, scans, in_transaction, undo
                      from postai.steps((select id from postai.proposals where title = 'one'))$$,
  $$values (1, E'alter table s.t add a int;\nalter table s.t add b int', 'AccessExclusiveLock', 'reads+writes', true, false, true,
            'alter table s.t drop a')$$, 'a step of a schema change, with all that it does');
select results_eq($$select blocks, rewrites, scans, in_transaction, undo from postai.steps((select id from postai.proposals where title = 'two'))$$,
  $$values (null::text, null::boolean, null::boolean, false, null::text)$$, 'of an advisor''s step less is known');
select is_empty('select * from postai.steps(0)', 'no proposal has no steps');
select lives_ok('select * from postai.migration', 'readers see migrations');
select lives_ok('select * from postai.schema_snapshot', 'and snapshots');
select throws_ok($$select postai.migrate('drop table t')$$, '42501', null, 'readers propose nothing');
select throws_ok($$select postai.design('a blog')$$, '42501', null, 'nor schemas');
select throws_ok('select * from postai.drift()', '42501', null, 'and do not compare');
select throws_ok($$insert into postai.migration (id, title, state) values ('1', 'a', 'applied')$$, '42501', null, 'they note nothing');
reset session authorization;
set session authorization tap_user;
select throws_ok($$select postai.migrate('drop table t')$$, 'PA002', null, 'users propose, where there is an agent');
select throws_ok($$select postai.migrate(' ')$$, '22023', 'the request is empty', 'not for nothing');
select throws_ok($$select postai.design(null)$$, '22023', 'the description is empty', 'nor for null');
select throws_ok('select * from postai.drift()', 'PA002', null, 'drift asks the agent');
select throws_ok($$insert into postai.schema_snapshot (reason, hash, server_version) values ('a', 'b', 1)$$, '42501', null,
  'what the schema should be is for operators to say');
reset session authorization;
set session authorization tap_operator;
select lives_ok($$insert into postai.migration (id, title, state) values ('1', 'a', 'applied')$$, 'operators note migrations');
select lives_ok($$insert into postai.schema_snapshot (reason, hash, server_version, content) values ('a', 'b', 1, '[]')$$, 'and snapshots');
reset session authorization;
set session authorization tap_nobody;
select throws_ok('select * from postai.steps(1)', '42501', null, 'others see nothing');
reset session authorization;
select * from finish();
rollback;
