create schema shop;
create schema other;
create schema tricks;
create schema shadow;
set search_path = shop;

create type mood as enum ('good', 'bad');
create domain word as text;
create domain price as numeric(10, 2) check (value >= 0);
create domain moment as timestamptz;
create type pair as (a int, b text);
create type span as range (subtype = int8);

create table customer (id int primary key, name text not null, code text, mood mood, born date, vip bool, ref uuid,
  data jsonb, tags text[], nick word, since timestamptz not null default clock_timestamp(), at_time time,
  "full" text generated always as (name || code) stored, "date" date, paid price, seen moment);
create table orders (id bigint primary key, customer_id int references customer on delete cascade, total numeric,
  placed_at timestamptz default now(), note text);
create table items (order_id bigint, line int, product text, primary key (order_id, line));
create table "Ö rder" ("Id" int primary key, "Größe" int);
create table zoned (id int primary key, t timetz);
create table regs (id int primary key, c regclass, m xml, s span, p pair);
create table plain_pair (id int primary key, p pair);
create unlogged table fast (id int);
create table parted (id int, day date, v int, primary key (id, day)) partition by range (day);
create table parted_1 partition of parted for values from ('2024-01-01') to ('2024-02-01');
create table parted_2 partition of parted for values from ('2024-02-01') to ('2024-03-01') partition by list (id);
create table parted_2a partition of parted_2 default;
create table parent (id int primary key, v int);
create table child (w int) inherits (parent);
create table grandchild () inherits (child);
create sequence numbers;
create table secret (id int primary key, owner name);
alter table secret enable row level security;
create policy mine on secret using (owner = current_user);
create table date_text (id int, born text);
create materialized view mat as select * from customer;

create view v_plain as select id, name, mood from customer where vip;
create view v_join as select c.id, c.name, o.total from customer as c join orders as o on o.customer_id = c.id;
create view v_nested as select id, count(*) as n from v_join group by id;
create view v_barrier with (security_barrier) as select * from customer where id > 0;
create view v_parted as select day, sum(v) as v from parted group by day;
create view v_now as select *, now() as at from customer;
create view v_now_nested as select id from v_now where at > since;
create view v_user as select *, current_user as me from customer;
create view v_catalog as select relname from pg_class;
create view v_catalog_nested as select * from v_catalog;
create view v_secret as select * from secret;
create view v_mat as select * from mat;
create view v_text_to_date as select born::date as born from date_text;
create view v_text_array as select string_to_array(born, ',')::date[] as born from date_text;
create view v_xmin as select id, xmin from customer;
create view v_tableoid as select tableoid::regclass::text as name from parent;
create view v_sample as select * from customer tablesample system (50);
create view v_random as select id from customer order by random();
create view v_locked as select id from customer for share;
create view v_fixed as select * from orders where placed_at > timestamptz 'now';
create view v_time_zone as select timetz '10:00' as t, id from customer;
create view v_sequence as select last_value from numbers;
create view v_check as select total::price as p from orders;

create function tricks.pure(int) returns int immutable language sql as 'select $1 + 1';
create function tricks.reads(int) returns bigint stable language sql as 'select count(*) from shop.orders';
create function tricks.definer() returns bigint stable security definer language sql as 'select 1::bigint';
create view v_function as select tricks.pure(id) as id from customer;
create function tricks.int_times_text(int, text) returns bool immutable language sql as 'select random() > 0.5';
create operator tricks.=== (leftarg = int, rightarg = text, function = tricks.int_times_text);
create view v_operator as select id operator(tricks.===) name as b from customer;
create function shop.rating(customer) returns double precision volatile language sql as 'select random()';
create function shop.upper(mood) returns text volatile language sql as 'select clock_timestamp()::text';
create function shadow.lower(text) returns text volatile language sql as 'select clock_timestamp()::text';
create function shadow.count_eq(int, int) returns bool volatile language sql as 'select random() > 0.5';
create operator shadow.= (leftarg = int, rightarg = int, function = shadow.count_eq);
create domain shadow.abs as int check (value < random());
create type shadow.lone as (x int);
create function shadow.lone_eq(shadow.lone, mood) returns bool volatile language sql as 'select random() > 0.5';
create operator shadow.> (leftarg = shadow.lone, rightarg = mood, function = shadow.lone_eq);
create aggregate tricks.total(int) (sfunc = int4pl, stype = int);
