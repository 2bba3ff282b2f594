-- One hostile or forbidden statement a line (written against shop.sql): each must be refused before it reaches a server.
select pg_sleep(1)
select pg_catalog.pg_sleep(1)
select "pg_sleep"(1)
select U&"pg\005fsleep"(1)
select U&"pg!005fsleep" uescape '!' (1)
select /* x */ pg_sleep /* y */ (1) -- z
select PG_SLEEP(1)
select pg_sleep_for('1 s')
select 1 where exists (select pg_sleep(1))
select case when true then pg_sleep(1) end
select * from orders order by pg_sleep(1)
select * from orders group by pg_sleep(1)
select count(*) from orders having count(pg_sleep(1)) > 0
select count(*) filter (where pg_sleep(1) is null) from orders
select sum(1) over (partition by pg_sleep(1)) from orders
select sum(1) over w from orders window w as (order by set_config('a.b', 'c', false))
select sum(1) over (order by id rows between nextval('counter') preceding and current row) from orders
select string_agg(status, ',' order by set_config('a.b', 'c', false)) from orders
select percentile_cont(0.5) within group (order by nextval('counter')) from orders
select 1 limit nextval('counter')
select 1 offset nextval('counter')
select coalesce(pg_sleep(1)::text, 'x')
select nullif(1, nextval('counter')), greatest(1, nextval('counter'))
select array[nextval('counter')]
select (array[1, 2])[nextval('counter')]
select row(nextval('counter'))
select 1 in (1, nextval('counter'))
select 1 between 0 and nextval('counter')
select 'a' like set_config('a.b', 'c', false)
select xmlelement(name a, set_config('a.b', 'c', false))
select xmlforest(set_config('a.b', 'c', false))
select xmlparse(document set_config('a.b', 'c', false))
select xmlserialize(document set_config('a.b', 'c', false)::xml as text)
select * from xmltable('/a' passing query_to_xml('select 1', true, true, '') columns b int path 'b')
select * from xmltable('/a' passing '<a/>'::xml columns b int path set_config('a.b', 'c', false))
select * from xmltable('/a' passing '<a/>'::xml columns b text path 'b' default set_config('a.b', 'c', false))
select * from generate_series(1, nextval('counter'))
select * from rows from (generate_series(1, 2), pg_read_file('x'))
select * from pg_read_file('/etc/passwd')
select * from pg_read_file('/etc/passwd') as t(line)
select pg_read_binary_file('x'), pg_stat_file('x'), pg_ls_dir('.')
select * from pg_ls_dir('/')
select * from pg_ls_logdir()
select * from lateral pg_read_file('x') f
select * from orders join pg_read_file('x') f on true
select * from orders tablesample bernoulli (nextval('counter'))
select * from orders tablesample system (1) repeatable (nextval('counter'))
select * from orders tablesample evil (1)
select set_config('role', 'postgres', false)
select current_setting('a'), set_config('a.b', 'c', true)
select database_to_xml(true, true, '')
select query_to_xml('delete from orders', true, true, '')
select table_to_xml('pg_authid', true, true, '')
select schema_to_xml('public', true, true, '')
select cursor_to_xml('c', 1, true, true, '')
select query_to_xml_and_xmlschema('select 1', true, true, ''), query_to_xmlschema('select 1', true, true, '')
select ts_stat('select search from customers')
select ts_rewrite('a'::tsquery, 'select 1')
select * from ts_stat('delete from orders returning 1')
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/x'), lo_create(0), lo_get(1), lo_put(1, 0, ''), lo_unlink(1), lo_from_bytea(0, '')
select loread(1, 1), lowrite(1, '')
select nextval('counter')
select setval('counter', 1), currval('counter'), lastval()
select pg_advisory_lock(1)
select pg_try_advisory_xact_lock(1)
select pg_notify('a', 'b')
select pg_terminate_backend(1), pg_cancel_backend(1)
select pg_reload_conf(), pg_rotate_logfile()
select pg_switch_wal(), pg_create_restore_point('x')
select pg_logical_emit_message(true, 'a', 'b')
select pg_create_physical_replication_slot('a'), pg_drop_replication_slot('a')
select pg_logical_slot_get_changes('a', null, null)
select pg_export_snapshot()
select txid_current(), pg_current_xact_id()
select pg_stat_reset(), pg_stat_reset_shared('bgwriter')
select setseed(0.5)
select pg_promote(), pg_wal_replay_pause()
select pg_input_is_valid('x', 'public.amount')
select domain_in('x', 'amount'::regtype::oid, -1)
select record_in('(1)', 'orders'::regtype::oid, -1)
select array_in('{1}', 'amount'::regtype::oid, -1)
select satisfies_hash_partition('events'::regclass, 1, 0, 1)
select fmgr_sql_validator(1)
select pg_get_object_address('table', array['orders'], array[]::text[])
select current_query()
select brin_summarize_new_values('x'), gin_clean_pending_list('x')
select pg_import_system_collations('public')
select binary_upgrade_set_next_pg_type_oid(1)
select dblink('x', 'y')
select * from dblink('dbname=postgres', 'drop table orders') as t(a text)
select dblink_exec('x', 'y')
select order_total(o) from orders o
select o.order_total from orders o
select (o).order_total from orders o
select (o.*).order_total from orders o
select (select o from orders o limit 1).order_total
select public.orders.order_total from orders
select c.label from customers c
select s.order_total from (select * from orders) s
select s.order_total from (select o from orders o) s
select s.label from (select 1 as id) s
with s as (select * from orders) select s.order_total from s
with s(label) as (select 1), t as (select 2) select t.label from t, s
select a.order_total from orders as a(order_total_of, x)
select * from orders o where o.order_total > 1
select * from orders o order by o.order_total
select max(o.order_total) from orders o
with x as (delete from orders returning *) select * from x
with x as (insert into orders (status, placed_at) values ('a', now()) returning *) select * from x
with x as (update orders set status = 'x' returning *) select * from x
with recursive x as (select 1 union all delete from orders returning 1) select * from x
select * from (with x as (delete from orders returning *) select * from x) y
select 1 where exists (with x as (delete from orders returning *) select * from x)
with a as (with b as (delete from orders returning 1) select * from b) select * from a
with x as (merge into orders o using customers c on true when matched then delete returning 1) select * from x
select * into stolen from orders
select * into temp stolen from orders
with x as (select 1) select * into stolen from x
select 1 union select 2 into stolen
select * from orders for update
select * from orders for no key update
select * from orders for share of orders
select * from orders for key share skip locked
select * from (select * from orders for update) x
with x as (select * from orders for update) select * from x
select (select id from orders limit 1 for update)
select 1 union (select id from orders for update)
select 1; select 2
select 1; drop table orders
select 1;; drop table orders
drop table orders
delete from orders
insert into orders (status) values ('x')
update orders set status = 'x'
truncate orders
merge into orders o using customers c on true when matched then delete
create table stolen as select * from orders
create view v as select 1
alter table orders add x int
copy orders to '/tmp/x'
copy (select * from orders) to program 'sh'
copy orders from program 'sh'
explain select 1
explain analyze delete from orders
explain (analyze) select pg_sleep(1)
prepare x as select 1
execute x
declare c cursor for select 1
fetch all from c
call p()
do $$begin perform 1; end$$
set role postgres
reset all
show all
begin
commit
listen a
notify a
lock table orders
vacuum
grant select on orders to public
select * from pg_authid
select * from pg_catalog.pg_authid
select * from pg_shadow
select * from pg_user_mapping
select * from pg_user_mappings
select * from pg_largeobject
select * from pg_statistic
select * from pg_hba_file_rules
select * from pg_file_settings
select * from pg_settings
select * from pg_config
select * from pg_stat_activity
select * from pg_proc
select * from pg_subscription
select * from pg_foreign_server
select * from information_schema.routines
select * from pg_toast.pg_toast_1255
select * from other_database.public.orders
select * from nowhere
select * from public.nowhere
select * from nowhere.orders
with x as (select 1) select * from x, nowhere
with x as (select * from later), later as (select 1) select * from x
select * from (with x as (select 1) select * from x) a, x
(with x as (select 1) select * from x) union select * from x
with x as (select * from x) select * from x
select * from public.x, (with x as (select 1) select * from x) a
select 'x'::cstring
select 'x'::refcursor
select 'x'::nowhere
select null::pg_catalog.pg_authid
select 'x'::anyelement
select 'x'::pg_catalog."any"
select 'x'::internal
select 'x'::trigger
select cast(1 as orders.id%type)
select 1::setof int
select nowhere(1)
select public.lower('x')
select 1 operator(public.+) 2
select 1 operator(nowhere.+) 2
select 1 <+> 2
select db.schema.f(1)
select * from orders order by id using operator(public.<)
select * from json_to_record('{}') as t(a nowhere)
select * from json_to_record('{}') as t(a pg_catalog.refcursor)
select * from orders where current of c
select default
select 1 from orders where (select pg_sleep(1) from orders limit 1) is null
select distinct on (nextval('counter')) 1 from orders
select 1 group by grouping sets ((nextval('counter')), ())
select 1 from orders o join customers c on nextval('counter') > 1
select 1 from orders o left join lateral (select nextval('counter')) x on true
values (nextval('counter'))
select * from (values (nextval('counter'))) v
select 1 union all select nextval('counter')
select 1 intersect (select 2 except select nextval('counter'))
select collation for (set_config('a.b', 'c', false))
select extract(epoch from set_config('a.b', 'c', false)::interval)
select overlay('a' placing set_config('a.b', 'c', false) from 1)
select trim(both set_config('a.b', 'c', false) from 'x')
select position(set_config('a.b', 'c', false) in 'x')
select ('2024-01-01', '2024-01-02') overlaps (set_config('a.b', 'c', false)::date, now())
select now() at time zone set_config('a.b', 'c', false)
select interval '1' second(3) + set_config('a.b', 'c', false)::interval
select numeric(nextval('counter'), 2) '1.5'
select format(string => 'x', variadic arr => array[set_config('a.b', 'c', false)])
select concat(variadic array[set_config('a.b', 'c', false)])
select make_interval(days => nextval('counter')::int)
select not pg_try_advisory_lock(1)
select pg_try_advisory_lock(1) is true
select pg_notify('a', 'b') is null
select lo_unlink(1)::text collate "C"
select $1, pg_sleep($2)
