"""The sample store: complete, consistent, the same on every server, loaded by a role without privileges."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.errors import UsageError
from postai.setup.store import TABLES, load, tables, workload

EVAL = Path(__file__).parents[1] / "eval"


def test_about_a_million_rows_in_every_table(store: TestDatabase) -> None:
    with connect(store.dsn("shop")) as db:
        found = tables(db)
    assert tuple(one.name for one in found) == TABLES
    rows = {one.name: one.rows for one in found}
    assert all(rows.values())
    assert 900_000 < sum(rows.values()) < 1_300_000
    assert rows["orders"] > 100_000
    assert rows["page_views"] == 270_000
    assert next(one.total_bytes for one in found if one.name == "page_views") > 10_000_000


def test_the_owner_is_a_plain_role_and_owns_everything(store: TestDatabase) -> None:
    assert store.execute("select rolsuper or rolcreaterole from pg_roles where rolname = 'shop'") == [(False,)]
    strangers = store.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relowner <> 'shop'::regrole"
    )
    assert strangers == []
    assert store.execute("select count(*) from pg_class where relnamespace::regnamespace::text like 'pg_temp%'") == [
        (0,)
    ]


def test_every_foreign_key_is_valid_and_some_lack_an_index(store: TestDatabase) -> None:
    keys = store.execute(
        """select conrelid::regclass::text || '.' || a.attname, k.convalidated,
             exists (select from pg_index as i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1])
           from pg_constraint as k join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
           where k.contype = 'f' and k.conparentid = 0"""
    )
    assert len(keys) == 22
    assert all(valid for _, valid, _ in keys)
    missing = {name for name, _, indexed in keys if not indexed}
    assert {"order_items.product_id", "payments.order_id", "reviews.customer_id"} <= missing
    assert {"orders.customer_id", "order_items.order_id", "products.category_id"}.isdisjoint(missing)


def test_everything_is_described(store: TestDatabase) -> None:
    silent = store.execute(
        """select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
           and not relispartition and obj_description(oid, 'pg_class') is null"""
    )
    assert silent == []
    assert "revenue" in str(store.execute("select col_description('orders'::regclass, 7)")).lower()


def test_the_rows_make_sense(store: TestDatabase) -> None:
    for impossible in (
        "orders as o join customers as c on c.id = o.customer_id where o.ordered_at < c.created_at",
        "orders as o join addresses as a on a.id = o.shipping_address_id where a.customer_id <> o.customer_id",
        "orders as o where total <> (select sum(line_total) from order_items as i where i.order_id = o.id)",
        "shipments as s join orders as o on o.id = s.order_id where s.shipped_at < o.ordered_at",
        "shipments as s join orders as o on o.id = s.order_id where o.status in ('pending', 'paid', 'cancelled')",
        "order_items as i join orders as o on o.id = i.order_id join products as p on p.id = i.product_id"
        " where o.ordered_at < p.created_at",
        "customers where referrer_id >= id",
        "orders where ordered_at >= current_date + interval '1 hour'",
        "shipments where delivered_at >= current_date",
    ):
        assert store.execute(f"select count(*) from {impossible}") == [(0,)], impossible
    assert store.execute("select count(*) > 0 from orders where ordered_at >= current_date") == [(True,)]
    ((top, all_orders),) = store.execute(
        "select sum(n) filter (where place <= 4000), sum(n) from (select count(*) as n,"
        " row_number() over (order by count(*) desc) as place from orders group by customer_id) as c"
    )
    assert top / all_orders > 0.3  # type: ignore[operator]


def test_dead_rows_of_sessions_stay(store: TestDatabase) -> None:
    ((times,),) = store.execute("select pg_relation_size('sessions') / sum(pg_column_size(s.*)) from sessions as s")
    assert float(str(times)) > 2.5


def test_counters_continue_after_the_rows(store: TestDatabase) -> None:
    ((last, highest),) = store.execute(
        "select last_value, (select max(id) from orders) from pg_sequences where sequencename = 'orders_id_seq'"
    )
    assert last == highest


def test_two_loads_on_different_servers_give_the_same_rows(store15: TestDatabase, store18: TestDatabase) -> None:
    first = [one.execute("select min(ordered_at)::date from orders") for one in (store15, store18)]
    if first[0] != first[1]:
        pytest.skip("midnight passed between the two loads")
    for table in TABLES:
        sums = []
        for one in (store15, store18):
            with one.connect() as connection:
                connection.execute("set timezone = 'UTC'")
                query = f"select count(*), sum(hashtextextended(t::text, 0)) from {table} as t"
                sums.append(connection.execute(query).fetchone())
        assert sums[0] == sums[1], table


def test_a_second_load_is_refused(store15: TestDatabase) -> None:
    with connect(store15.dsn("shop")) as db, pytest.raises(UsageError) as caught:
        load(db, lambda _: None)
    assert caught.value.sqlstate == "PA000"
    assert "new, empty database" in str(caught.value.hint)


def test_the_workload_runs_every_shape(store: TestDatabase) -> None:
    shapes = workload.shapes()
    assert len(shapes) >= 30
    clone = make_database(store.server, store.name)
    try:
        with connect(clone.dsn("shop")) as db:
            runs = workload.run(db, seconds=0.2, seed=7)
    finally:
        drop_database(clone)
    assert {one.name for one in runs} == {shape.name for shape in shapes}
    assert all(one.calls > 0 for one in runs)
    assert [one.seconds for one in runs] == sorted((one.seconds for one in runs), reverse=True)


def test_the_gold_answers_find_rows(store: TestDatabase) -> None:
    scorer = _scorer()
    scorer.self_test()
    with store.connect("shop") as connection:
        problems = scorer.check_golds(scorer.runner(connection), scorer.load_questions(scorer.QUESTIONS))
    assert problems == []


def _scorer() -> ModuleType:
    name = "check_store_questions"
    spec = importlib.util.spec_from_file_location(name, EVAL / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
