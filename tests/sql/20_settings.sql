-- Settings: defaults, types, errors, what is written down.
begin;
select plan(15);

select is(postai._setting_text('ask_timeout'), '30s', 'default');
select is(postai._setting_ms('ask_timeout'), 30000, 'in milliseconds');
select lives_ok($$select postai.set('ask_timeout', '1 min')$$);
select is(postai._setting_ms('ask_timeout'), 60000, 'changed');
select is((select changed_by::text from postai.settings where name = 'ask_timeout'), session_user::text, 'who changed it');
select lives_ok($$select postai.set('allowed_functions', ' a.f , b.g,')$$);
select is((select value from postai.setting where name = 'allowed_functions'), '["a.f", "b.g"]'::jsonb, 'a list is an array');
select lives_ok($$select postai.set('ask_timeout', null)$$);
select is(postai._setting_text('ask_timeout'), '30s', 'back to the default');
select throws_ok($$select postai.set('ask_timout', '1s')$$, '42704', 'there is no setting ''ask_timout''');
select throws_ok($$select postai.set('engine', 'magic')$$, '22023', '''magic'' is no value for setting engine');
select throws_ok($$select postai.set('ask_timeout', '3 days')$$, '22023');
select throws_ok($$select postai.set('ask_cost_ceiling', 'much')$$, '22023');
select cmp_ok(postai._nearness('ask_timout', 'ask_timeout'), '>', postai._nearness('ask_timout', 'share_values'), 'near names');
select is((select count(*) from postai.event where kind = 'setting.changed' and subject = 'ask_timeout'), 2::bigint, 'events');

select * from finish();
rollback;
