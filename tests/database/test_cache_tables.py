"""Cache tables as SQL makes them, without an agent: what is kept, who may read it, what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from cache_support import MAKER, READER, SALES, Shop, open_shop

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer


@pytest.fixture
def shop(database: TestDatabase) -> Iterator[Shop]:
    yield from open_shop(database)


def explain(shop: Shop, query: str) -> str:
    return "\n".join(row[0] for row in shop.sql(f"explain (analyze, timing off, summary off, costs off) {query}"))


def denied(shop: Shop, query: str, user: str) -> str:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        shop.sql(query, user)
    return str(error.value)


def test_the_statement_itself_fills_it_and_its_rows_are_read_until_they_are_too_old(shop: Shop) -> None:
    shop.cache(more=", ttl => '1 minute'")
    wanted = sorted(shop.sql(SALES))
    assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == wanted
    plan = explain(shop, "select * from postai_cache.sales")
    assert "Function Scan on _live_1 l (never executed)" in plan
    assert "Seq Scan on orders" not in plan
    shop.sql("insert into app.orders (region, amount) values ('new', 1)")
    assert sorted(shop.sql("select * from postai_cache.sales")) == wanted
    shop.expire()
    plan = explain(shop, "select * from postai_cache.sales")
    assert "Seq Scan on _rows_1 (never executed)" in plan
    assert "One-Time Filter" in plan
    assert sorted(shop.sql("select * from postai_cache.sales")) == sorted(shop.sql(SALES)) != wanted


def test_after_a_crash_both_the_rows_and_what_calls_them_fresh_are_gone(shop: Shop) -> None:
    shop.cache()
    kinds = "select relpersistence::text from pg_class where relname in ('_rows_1', '_fresh')"
    assert shop.sql(kinds) == [("u",), ("u",)]
    shop.sql("truncate postai_cache._rows_1, postai_cache._fresh")
    assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))
    assert shop.sql("select fresh, stale_reason from postai.cache_stats") == [
        (False, "it is empty, as after a crash of the server")
    ]


def test_only_its_creator_reads_it_until_he_lets_others(shop: Shop) -> None:
    shop.cache()
    for one in ("sales", "_rows_1", "_query_1", "_key_1"):
        denied(shop, f"select * from postai_cache.{one}", READER)
    shop.sql(f"grant select on postai_cache.sales to {READER}", MAKER)
    for expired in (False, True):
        if expired:
            shop.expire()
        assert sorted(shop.sql("select * from postai_cache.sales", READER)) == sorted(shop.sql(SALES))
        for one in ("_rows_1", "_query_1", "_key_1"):
            denied(shop, f"select * from postai_cache.{one}", READER)
        for key in ("null", "gen_random_uuid()"):
            denied(shop, f"select * from postai_cache._live_1({key}, null)", READER)
    denied(shop, "insert into postai_cache._rows_1 select * from postai_cache._query_1", MAKER)


def test_rights_that_the_creator_loses_count_at_once(shop: Shop) -> None:
    shop.sql("create table app.other as select 1 as a; create schema theirs; create table theirs.t as select 1 as a")
    shop.sql(f"grant usage on schema theirs to {MAKER}; grant select on theirs.t to {MAKER}")
    shop.cache(query="select a from theirs.t")
    assert shop.sql("select * from postai_cache.sales", MAKER) == [(1,)]
    shop.sql(f"revoke select on theirs.t from {MAKER}")
    assert shop.fresh()
    assert "table t" in denied(shop, "select * from postai_cache.sales", MAKER)
    assert "table other" in str(shop.refused("select a from app.other"))


REFUSED = {
    "select random()": "volatile",
    "select nextval('app.orders_id_seq') as n": "volatile",
    "select relname from pg_class": "pg_class",
    "select table_name::text from information_schema.tables": "belongs to PostgreSQL",
    "select id from app.orders tablesample system (10)": "TABLESAMPLE",
    "select id from app.orders for update": "locks rows",
    "select app.f(id) as f from app.orders": "app.f(integer)",
    "select id from app.orders where id operator(app.===) 1": "app.===",
    "select 'a'::app.short as s": "app.short",
    "select id from app.looks_plain": "volatile",
    "select id from app.hidden": "row level security",
    "select * from app.counted": "materialized view",
}
OBJECTS = """
create function app.f(int) returns int immutable language sql as 'select $1';
create operator app.=== (function = int4eq, leftarg = int, rightarg = int);
create domain app.short as text check (length(value) < 9);
create view app.looks_plain as select id from app.orders where random() < 2;
create table app.hidden (id int);
alter table app.hidden enable row level security;
create materialized view app.counted as select count(*) as n from app.orders;
"""


def test_what_cannot_be_proved_harmless_is_refused(shop: Shop) -> None:
    shop.sql(OBJECTS, MAKER)
    for query, why in REFUSED.items():
        error = shop.refused(query)
        assert error.sqlstate == "PA003", (query, error)
        assert why in (error.diag.message_detail or ""), (query, error.diag.message_detail)
    for query in ("select 1 as a; select 2 as a", "", "delete from app.orders returning id", "select 1 as a, 2 as a"):
        assert shop.refused(query).sqlstate in ("42601", "42701"), query
    with shop.database.connect(MAKER) as connection:
        connection.execute("create temp table here (a int)")
        with pytest.raises(psycopg.Error, match=r"temporary|cannot be kept"):
            connection.execute("select postai.cache('t', 'select a from here')")
    shop.sql("create unlogged table app.loose (a int)", MAKER)
    assert shop.refused("select a from app.loose", ", invalidate_on_write => true").sqlstate == "PA007"
    assert shop.sql("select count(*) from postai.cache_entry") == [(0,)]
    assert shop.sql("select count(*) from pg_class where relnamespace = 'postai_cache'::regnamespace") == [(2,)]


def test_names_limits_and_times_to_live(shop: Shop) -> None:
    for name in ("", "_rows_1", "x" * 65, "ü" * 32):
        with pytest.raises(psycopg.Error) as error:
            shop.cache(name)
        assert error.value.sqlstate == "42602"
    strange = "we\"ird 'na%s$1me;--"
    shop.cache(strange, 'select id as "a""b%s", mood from app.orders')
    quoted = strange.replace('"', '""')
    assert shop.sql(f'select count(*) from postai_cache."{quoted}"', MAKER) == [(300,)]
    shop.cache("x" * 63, "select 1 as a")
    with pytest.raises(psycopg.Error) as error:
        shop.cache(strange)
    assert error.value.sqlstate == "42P07"
    for ttl in ("0 s", "-1 s", "31 days"):
        assert shop.refused("select 1 as a", f", ttl => '{ttl}'").sqlstate == "22023"
    shop.sql("select postai.set('cache_rows', '299')")
    assert shop.refused("select id from app.orders").sqlstate == "54000"
    shop.sql("select postai.set('cache_rows', '300'); select postai.set('cache_mb', '0.001')")
    assert shop.refused("select id from app.orders").sqlstate == "54000"
    shop.sql("select postai.set('cache_mb', '1'); select postai.set('cache_tables', '2')")
    assert shop.refused("select 1 as a").sqlstate == "53400"


def test_dropping(shop: Shop) -> None:
    shop.cache()
    shop.cache("second", "select id from app.orders")
    shop.sql(f"grant select on postai_cache.sales to {READER}", MAKER)
    with pytest.raises(psycopg.Error) as error:
        shop.sql("alter table app.orders drop column amount", MAKER)
    assert error.value.sqlstate == "2BP01"
    with pytest.raises(psycopg.Error) as error:
        shop.sql("select postai.uncache('sales')", READER)
    assert error.value.sqlstate == "PA006"
    shop.sql("create view app.mine as select * from postai_cache.second", MAKER)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        shop.sql("select postai.uncache('second')", MAKER)
    shop.sql("select postai.uncache('sales')", MAKER)
    shop.sql("drop table app.orders cascade", MAKER)
    assert shop.sql("select postai._cache_sweep()") == [(1,)]
    assert shop.sql("select postai._cache_sweep()") == [(0,)]
    left = "select relname from pg_class where relnamespace = 'postai_cache'::regnamespace and relkind <> 'i'"
    assert shop.sql(left) == [("_fresh",)]
    assert shop.sql("select count(*) from postai.cache_stats") == [(0,)]
    assert shop.sql("select kind from postai.event where kind like 'cache.%' order by id") == [
        ("cache.created",), ("cache.created",), ("cache.dropped",), ("cache.dropped",)
    ]  # fmt: skip


def test_the_creators_settings_count_whoever_reads(shop: Shop) -> None:
    with shop.database.connect(MAKER) as connection:
        connection.execute("set timezone = 'Asia/Tokyo'; set search_path = app, public")
        connection.execute(
            "select postai.cache('days', "
            "'select timestamptz ''2026-01-01 20:00+00''::text as at, mood from orders limit 1')"
        )
    for _ in range(2):
        assert shop.sql("select at from postai_cache.days", MAKER) == [("2026-01-02 05:00:00+09",)]
        shop.expire()


def test_a_dump_is_restored(shop: Shop, server: LocalServer) -> None:
    programs = server.binaries.bin
    if not (programs / "pg_dump").exists():
        pytest.skip("these server programs have no pg_dump")
    shop.cache()
    dump = subprocess.run([programs / "pg_dump", "-d", shop.database.dsn()], capture_output=True, check=True).stdout
    copy = make_database(server)
    try:
        target = ["-d", copy.dsn(), "-q", "-v", "ON_ERROR_STOP=1"]
        subprocess.run([programs / "psql", *target], input=dump, capture_output=True, check=True)
        assert sorted(copy.execute("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))
        copy.execute("select postai.uncache('sales')", MAKER)
    finally:
        drop_database(copy)


def test_a_server_without_contrib(pg16: LocalServer) -> None:
    for shop in open_shop(make_database(pg16)):
        shop.cache()
        shop.expire()
        assert shop.refresh().rows == 5
        assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))


HISTORY = """
insert into postai.relation (relid, schema_name, relation_name) values (1, 'app', 'orders'), (2, 'app', 'Busy');
insert into postai.sample_database (at, dbid, seconds)
  select now(), oid, 3600 from pg_database where datname = current_database();
insert into postai.sample_table (at, table_oid, seconds, n_tup_ins) values (now(), 1, 3600, 2), (now(), 2, 3600, 90000);
with one as (
  insert into postai.statement (dbid, userid, queryid, toplevel, query, usage)
  select d.oid, current_user::regrole, q.id, true, q.text, q.usage::jsonb
    from pg_database as d, (values
      (11, 'SELECT region, sum(amount) AS s FROM app.orders GROUP BY region', '{"app.orders": {}}'),
      (12, 'SELECT sum(amount) FROM app.orders WHERE region = $1', '{"app.orders": {}}'),
      (13, 'SELECT count(*) FROM app."Busy"', '{"app.\\"Busy\\"": {}}'),
      (14, 'DELETE FROM app.orders', '{"app.orders": {}}'),
      (15, 'SELECT f()', null)) as q (id, text, usage)
   where d.datname = current_database() returning id)
insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms, rows)
  select now(), id, 3600, 1000, 200000, 5000 from one;
"""


def test_what_a_cache_table_would_pay_for(shop: Shop) -> None:
    shop.sql(HISTORY)
    found = shop.sql(
        "select calls_per_day, mean_ms::int, rows_written_per_day, saved_ms_per_day, advice from postai.cache_advice"
    )
    assert [row[:4] for row in found] == [(24000, 200, 48, (24000 - 48 - 288) * 200)] * 2
    (statement,) = [row[4] for row in found if row[4].startswith("SELECT")]
    shop.sql(statement, MAKER)
    assert shop.sql("select count(*) from postai_cache.query_11", MAKER) == [(5,)]
    assert shop.sql("select count(*) from postai.cache_advice", READER) == [(0,)]  # other people's texts
