-- Joins that people declare: what a name means, who may, for whom it counts; and who sees the value index.
begin;
select plan(43);
create schema depot;
create table depot.parcels (id int primary key, sender int, code varchar(10), sent timestamptz, shape point, weight numeric);
create table depot.people (id bigint primary key, code text, "Odd.Name" int);
create table depot.stops (id int primary key, parcel int references depot.parcels, hub int, day int);
create table public.people (id int);
create view depot.heavy as select * from depot.parcels where weight > 10;
create role tap_ann login; create role tap_bob login; create role tap_op login;
grant postai_user to tap_ann, tap_bob; grant postai_operator to tap_op;
grant usage on schema depot to tap_ann, tap_bob, tap_op;
grant select on depot.parcels, depot.people, depot.stops, depot.heavy to tap_ann, tap_op;
grant select (id, sender) on depot.parcels to tap_bob; grant select (id) on depot.people to tap_bob;

set session authorization tap_ann;
set search_path = depot, public;
select lives_ok($$select postai.declare_join('parcels.sender', 'people.id')$$, 'by search_path, int with bigint');
select lives_ok($$select postai.declare_join('parcels.sender', 'people.id')$$, 'twice is no error');
select lives_ok($$select postai.declare_join('depot.people.id', 'depot.parcels.sender')$$, 'nor is the other way round');
select results_eq($$select left_column, right_column, source, confidence, declared_by, shared from postai.joins where source = 'declared'$$,
  $$values ('depot.parcels.sender', 'depot.people.id', 'declared', 1::real, 'tap_ann'::name, false)$$, 'one join, one''s own');
select results_eq($$select left_column, right_column from postai.joins where source = 'foreign key'$$,
  $$values ('depot.stops.parcel', 'depot.parcels.id')$$, 'foreign keys are there too');
select lives_ok($$select postai.declare_join('parcels.code', 'people.code')$$, 'varchar with text');
select lives_ok($$select postai.declare_join('heavy.sender', 'people."Odd.Name"')$$, 'a view, a quoted name');
select is((select count(*) from postai.joins where right_column = 'depot.people."Odd.Name"'), 1::bigint, 'shown quoted');

select throws_ok($$select postai.declare_join('parcels.sent', 'people.id')$$, '42883', 'parcels.sent and people.id cannot be compared', 'types');
select throws_ok($$select postai.declare_join('parcels.shape', 'parcels.weight')$$, '42883');
select throws_ok($$select postai.declare_join('parcels.sender', 'parcels.sender')$$, '22023', 'a column joined with itself says nothing');
select throws_ok($$select postai.declare_join('parcels.sendr', 'people.id')$$, '42703', 'table depot.parcels has no column sendr');
select throws_ok($$select postai.declare_join('nothing.x', 'people.id')$$, '42P01', 'there is no table nothing');
select throws_ok($$select postai.declare_join('public.parcels.sender', 'people.id')$$, '42P01', 'there is no table public.parcels');
select throws_ok(format('select postai.declare_join(%L, ''people.id'')', s), '22023', null, coalesce(s, 'null'))
  from unnest(array['sender', 'a.b.c.d', 'parcels.', 'parcels.sender; drop table x', '', null]) as s;
select throws_ok($$select postai.declare_join('pg_catalog.pg_class.oid', 'people.id')$$, '42P01', null, 'no system catalogs');
select throws_ok($$select postai.declare_join('public.people.id', 'people.id')$$, '42501', 'role tap_ann may not read public.people.id', 'rights');
create temp table parcels (sender int, own int);
select throws_ok($$select postai.declare_join('parcels.own', 'people.id')$$, '42703', null, 'temporary tables are not seen');
drop table pg_temp.parcels;

set session authorization tap_bob;
set search_path = depot, public;
select is((select count(*) from postai.joins where source = 'declared'), 0::bigint, 'another''s join does not count');
select throws_ok($$select postai.declare_join('parcels.code', 'people.code')$$, '42501', 'role tap_bob may not read depot.parcels.code', 'rights of columns');
select lives_ok($$select postai.declare_join('parcels.sender', 'people.id')$$, 'but what one may read, one may join');
select throws_ok($$select postai._declare_shared_join('{depot,parcels,sender}', '{depot,people,id}')$$, '42501', null, 'sharing is for operators');
select throws_ok($$select postai._forget_shared_join('{depot,parcels,sender}', '{depot,people,id}')$$, '42501', null, 'and so is taking shared ones back');
select throws_ok('select * from postai.' || t, '42501', null, t || ' is hidden')
  from unnest(array['value_index', 'contained_join', 'declared_join']) as t;

set session authorization tap_op;
set search_path = depot, public;
select lives_ok($$select postai.declare_join('stops.hub', 'people.id')$$, 'an operator declares for everybody');
select lives_ok($$select postai.declare_join('parcels.code', 'people.code')$$, 'twice over');
set session authorization tap_ann;
select results_eq($$select left_column, declared_by, shared from postai.joins where source = 'declared' and left_column like '%.hub'$$,
  $$values ('depot.stops.hub', 'tap_op'::name, true)$$, 'everybody sees it');
select throws_ok($$select postai.forget_join('stops.hub', 'people.id')$$, '42704', null, 'but may not take it back');
select lives_ok($$select postai.forget_join('people.id', 'parcels.sender')$$, 'one''s own may be taken back, either way round');
select is((select count(*) from postai.joins where source = 'declared' and left_column = 'depot.parcels.sender'), 0::bigint, 'it is gone');
set session authorization tap_bob;
select is((select string_agg(left_column, ' ') from postai.joins where source = 'declared'), 'depot.parcels.sender',
  'another''s stays, and shared ones that one may not read are not shown');
reset session authorization;
select is((select count(*) from postai.events where kind = 'join.shared'), 2::bigint, 'sharing is an event');

insert into postai.contained_join values ('depot', 'stops', 'hub', 'depot', 'people', 'id', 0.8), ('depot', 'gone', 'x', 'depot', 'people', 'id', 0.8);
set session authorization tap_op;
select results_eq($$select left_column, confidence from postai.joins where source = 'contained'$$, $$values ('depot.stops.hub', 0.8::real)$$, 'joins that were found');
select lives_ok($$select postai.forget_join('stops.hub', 'people.id')$$, 'an operator takes a shared one back');
reset session authorization;
alter table depot.parcels drop column sender cascade;
set session authorization tap_bob;
set search_path = depot, public;
select is((select count(*) from postai.joins where source = 'declared'), 0::bigint, 'what is gone is not shown');
select lives_ok($$select postai.forget_join('depot.parcels.sender', 'people.id')$$, 'and can be taken back');
reset session authorization;

select * from finish();
rollback;
