"""Which answers may be kept, and what they are made of: proved on real servers, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from reads_support import Scene

from conftest import drop_database, make_database


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    database = make_database(request.getfixturevalue(request.param))
    made = Scene(database)
    yield made
    made.connection.close()
    drop_database(database)


PARTED = "parted parted_1 parted_2 parted_2a"
FAMILY = "parent child grandchild"

KEPT = {
    "select * from customer": "customer",
    "select id, name from customer where id = 5": "customer",
    "table customer": "customer",
    "values (1, 'a'), (2, 'b')": "",
    "select 1": "",
    "select": "",
    "select count(*) from customer as c join orders as o on o.customer_id = c.id": "customer orders",
    "select * from customer natural join orders": "customer orders",
    "select * from customer c left join orders o using (id)": "customer orders",
    "select * from customer where exists (select from orders where customer_id = customer.id)": "customer orders",
    "select name, (select max(total) from orders where customer_id = c.id) from customer c": "customer orders",
    "select * from customer where id in (select customer_id from orders)": "customer orders",
    "select * from customer where id = any ($1)": "customer",
    "with o as (select * from orders) select * from o": "orders",
    "with orders as (select * from customer) select * from orders": "customer",
    "with orders as (select * from orders) select * from orders": "orders",
    "with a as (select 1 as id), b as (select * from a, items) select * from b": "items",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select * from r": "",
    "with recursive orders as (select 1 as n union all select n + 1 from orders where n < 5) table orders": "",
    "select * from (with customer as (select 1) table customer) as x, customer": "customer",
    "select * from (with x as (table orders) table x) as y, (table items) as x": "orders items",
    "select * from shop.customer": "customer",
    'select "Größe" from "Ö rder" where "Id" = 1': "Ö rder",
    "select * from parted where day = '2024-01-05'": PARTED,
    "select * from parted_2": "parted_2 parted_2a parted",
    "select * from parted_2a": "parted_2a parted_2 parted",
    "select * from only parted_1": "parted_1 parted",
    "select * from parent": FAMILY,
    "select * from only parent": "parent",
    "select * from child": "child grandchild",
    "select * from v_plain": "customer",
    "select * from v_join where total > 5": "customer orders",
    "select * from v_nested, items": "customer orders items",
    "select * from v_barrier": "customer",
    "select * from v_parted": PARTED,
    "select * from v_fixed": "orders",
    "select v_plain from v_plain": "customer",
    "select row_to_json(c) from customer as c": "customer",
    "select c.* from customer as c": "customer",
    "select since::date, count(*) from customer group by 1 order by 2 desc": "customer",
    "select date_trunc('month', placed_at)::date from orders": "orders",
    "select (placed_at - interval '1 day')::date, max(placed_at)::date from orders group by 1": "orders",
    "select * from customer where since > '2024-01-01'::timestamptz and born = $1::date": "customer",
    "select to_char(since, 'YYYY'), extract(year from since), since at time zone 'UTC' from customer": "customer",
    "select * from generate_series(1, 5) as g join orders on orders.id = g": "orders",
    "select t from customer, unnest(tags) as t": "customer",
    "select key from customer, jsonb_each(data)": "customer",
    "select data ->> 'a', data @> '{\"a\": 1}' from customer": "customer",
    "select mood, count(*) filter (where vip) from customer group by mood": "customer",
    "select rank() over (partition by customer_id order by total) from orders": "orders",
    "select id from customer union select id from orders except table fewer": "customer orders fewer",
    "select id::text || name from customer where name ilike 'a%' and id between 1 and 5": "customer",
    "select case id when 1 then 'a' else 'b' end, coalesce(name, 'x'), nullif(id, 3) from customer": "customer",
    "select nick, nick::text from customer where nick = 'x'": "customer",
    "select 'bad'::mood, 'x'::word, array['good']::mood[]": "",
    "select c.date from customer as c": "customer",
    "with x as (select date from customer) select x.date from x": "customer",
    "select p, (p).a from plain_pair": "plain_pair",
    "select paid from customer": "customer",
    "select mode() within group (order by total), string_agg(note, ',' order by id) from orders": "orders",
    "select id from regs": "regs",
    "select count(*) from customer where name similar to 'a%' collate \"C\"": "customer",
    "select * from customer where 'snow white' = name": "customer",
    "select distinct on (customer_id) * from orders order by customer_id, total desc nulls last limit 5": "orders",
    "select age(since, placed_at) from customer, orders": "customer orders",
    "select * from customer, lateral (select * from orders where customer_id = customer.id limit 1) as o":
        "customer orders",
}  # fmt: skip

REFUSED = {
    "select * from customer; select 1": "2 statements",
    "": "0 statements",
    "select from where": "syntax",
    "insert into customer values (1)": "INSERT",
    "with d as (delete from orders returning *) select * from d": "changes data",
    "with i as (insert into orders values (nextval('numbers')) returning id) select * from i": "changes data",
    "select * into temp x from customer": "INTO",
    "select * from customer for update": "locks",
    "select * from (select * from customer for share) as x": "locks",
    "select * from customer where id in (select id from orders for key share)": "locks",
    "select now()": "now",
    "select pg_catalog.now()": "now",
    "select current_date": "CURRENT_DATE",
    "select current_user, name from customer": "CURRENT_USER",
    "select localtimestamp, current_schema": "CURRENT",
    "select * from customer where since > now() - interval '1 day'": "now",
    "select * from customer where since > 'now'": "present moment",
    "select * from customer where since > 'TODAY'": "present moment",
    "select date 'Tomorrow', name from customer": "present moment",
    "select timestamp 'yesterday 04:05'": "present moment",
    "select 'now'::text::timestamptz": "present moment",
    "select ('n' || 'ow')::timestamptz": "read as",
    "select ('n' || 'ow')::text::date": "read as",
    "select name::date from customer": "read as",
    "select date(name) from customer": "read as",
    "select timestamptz(name || code) from customer": "read as",
    "select tstzrange(name) from customer": "",
    "select _timestamptz(name) from customer": "",
    "select (array[name])::date[] from customer": "read as",
    "select name::tstzrange from customer": "read as",
    "select name::moment from customer": "read as",
    "select born::date from date_text": "read as",
    "select x.since::date from (select name as since from customer) as x": "read as",
    "select x.since::date from (select case when vip then name else since::text end from customer) as x": "read as",
    "with x (since) as (select name from customer) select since::date from x": "read as",
    "select since::date from unnest(array['a']) as since": "read as",
    "select born::date from customer join date_text using (born)": "read as",
    "select $1::text::date": "read as",
    "select e'n\\x6fw'::date": "present moment",
    "select u&'\\006eow'::date": "present moment",
    "select '{\"n\\ow\"}'::date[]": "present moment",
    "select '[n\"o\"w,)'::tstzrange": "present moment",
    "select row('a')::pair": "row type",
    "select (1, 'x')::pair": "row type",
    "select (date_text).timestamptz from date_text": "after a dot",
    "select d.date from date_text as d": "after a dot",
    "select d.moment from date_text as d": "after a dot",
    "select (d).timetz from (select name from customer) as d": "after a dot",
    "select random()": "random",
    "select * from customer order by random()": "random",
    "select id from customer where random() < 0.5": "random",
    "select gen_random_uuid()": "gen_random_uuid",
    "select pg_sleep(1)": "pg_sleep",
    "select txid_current()": "txid",
    "select pg_current_snapshot()": "snapshot",
    "select nextval('numbers')": "nextval",
    "select clock_timestamp(), statement_timestamp(), transaction_timestamp()": "timestamp",
    "select timeofday()": "timeofday",
    "select age(since) from customer": "age",
    "select version()": "version",
    "select current_setting('TimeZone')": "current_setting",
    "select set_config('a.b', 'c', false)": "set_config",
    "select pg_typeof(id) from customer": "pg_typeof",
    "select c.pg_typeof from customer as c": "after a dot",
    "select has_table_privilege('customer', 'select')": "has_table",
    "select pg_relation_size('customer')": "pg_relation_size",
    "select pg_advisory_lock(1)": "advisory",
    "select query_to_xml('select 1', true, true, '')": "query_to_xml",
    "select table_to_xml('customer', true, true, '')": "table_to_xml",
    "select * from json_populate_record(null::customer, '{}')": "",
    "select * from json_to_record('{\"a\": 1}') as x (a timestamptz)": "",
    "select jsonb_path_query_tz(data, '$') from customer": "tz",
    "select ts_stat('select 1')": "ts_stat",
    "select * from dblink('', 'select 1') as x (a int)": "none of PostgreSQL's",
    "select xmlelement(name a, name) from customer": "XML",
    "select m from regs": "type xml",
    "select c from regs": "regclass",
    "select * from regs": "type",
    "select r from regs as r": "type",
    "select s from regs": "span",
    "select 'customer'::regclass": "regclass",
    "select regclass('customer')": "regclass",
    "select '5'::span": "span",
    "select 5::price": "CHECK",
    "select '5'::price": "CHECK",
    "select t from zoned": "timetz",
    "select '10:00'::timetz": "timetz",
    "select timetz(at_time) from customer": "timetz",
    "select '10:00' at time zone current_setting('x')": "current_setting",
    "select ctid from customer": "ctid",
    "select xmin, id from customer": "xmin",
    "select c.xmax from customer as c": "xmax",
    "select (c).tableoid from parent as c": "tableoid",
    "select tableoid, * from parent": "tableoid",
    "select * from customer tablesample bernoulli (10)": "TABLESAMPLE",
    "select * from secret": "row level security",
    "select * from v_secret": "row level security",
    "select * from fast": "unlogged",
    "select * from mat": "materialized",
    "select * from v_mat": "materialized",
    "select last_value from numbers": "sequence",
    "select * from v_sequence": "sequence",
    "select * from pg_class": "catalog",
    "select * from pg_stat_activity": "catalog",
    "select * from information_schema.tables": "catalog",
    "select * from v_catalog": "catalog",
    "select * from v_catalog_nested": "catalog",
    "select * from v_now": "now",
    "select * from v_now_nested": "now",
    "select id from v_user": "CURRENT_USER",
    "select * from v_text_to_date": "reads text",
    "select * from v_text_array": "reads text",
    "select id from v_xmin": "system column",
    "select * from v_tableoid": "",
    "select * from v_sample": "TABLESAMPLE",
    "select * from v_random": "random",
    "select * from v_locked": "locks",
    "select id from v_time_zone": "timetz",
    "select * from v_check": "CHECK",
    "select * from v_function": "user-made",
    "select * from v_operator": "user-made",
    "select tricks.pure(1)": "user-made",
    "select tricks.reads(id) from customer": "user-made",
    "select * from tricks.reads(1)": "user-made",
    "select * from customer, lateral tricks.reads(customer.id)": "user-made",
    "select tricks.definer()": "user-made",
    "select tricks.total(id) from customer": "user-made",
    "select id operator(tricks.===) name from customer": "",
    "select c.rating from customer as c": "after a dot",
    "select (c).rating from (select * from customer) as c": "after a dot",
    "select upper(mood) from customer": "user-made",
    "select json_object('a': 1)": "Json",
    "select * from nowhere": "not found",
    "select * from tricks.nowhere": "not found",
    "select * from pg_temp.customer": "not found",
    "select 'x'::nothing": "not found",
    "select * from elsewhere.shop.customer": "database",
    "select pg_catalog.pg_sleep(0) as name from customer": "pg_sleep",
    "select getdatabaseencoding()": "getdatabaseencoding",
    "select array_to_string(array(select relname from pg_class), ',')": "catalog",
    "with recursive t as (select 1 union all select 2 from t) search depth first by id set o select * from t": "",
    "explain select 1": "EXPLAIN",
    "show all": "SHOW",
    "execute x": "EXECUTE",
    "select 'x' from customer where name = $1 limit (select count(*) from pg_locks)": "catalog",
}  # fmt: skip


def test_an_answer_that_depends_on_tables_only_may_be_kept_under_exactly_these(scene: Scene) -> None:
    scene.connection.execute("create table if not exists shop.fewer (id int)")
    scene.oids["fewer"] = scene.connection.execute("select 'shop.fewer'::regclass::oid::int").fetchone()[0]  # type: ignore[index]
    scene.names[scene.oids["fewer"]] = "fewer"
    wrong = {}
    for sql, tables in KEPT.items():
        verdict = scene.verdict(sql)
        expected = {"Ö rder"} if tables == "Ö rder" else set(tables.split())
        if not verdict.cacheable or scene.tables(verdict) != expected or not verdict.only_reads:
            wrong[sql] = (verdict.reason, scene.tables(verdict), verdict.only_reads)
    assert wrong == {}


def test_what_depends_on_more_is_refused(scene: Scene) -> None:
    wrong = {}
    for sql, words in REFUSED.items():
        verdict = scene.verdict(sql)
        if verdict.cacheable or words.lower() not in (verdict.reason or "").lower() or verdict.pins:
            wrong[sql] = verdict.reason
    assert wrong == {}
