"""Changes as the planner makes them, carried out under a writing application and taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from lifecycle_support import OPTIONS, Shop, open_shop

from conftest import TestDatabase
from postai.deadline import Deadline
from postai.migrate.draft import draft
from postai.migrate.plan import plan
from postai.proposals import create

QUICK = replace(OPTIONS, batch_rest=0.0, batch_ms=20.0)

TABLES = """
set role lc_owner;
create table shop.customer (id bigint primary key, mail text);
insert into shop.customer select i, 'c' || i from generate_series(0, 99) as i;
create table shop.orders (
  id bigint primary key, customer_id bigint, amount integer not null default 1, placed timestamptz default now(),
  code text);
insert into shop.orders select i, i % 100, i % 50, '2026-01-01', 'o' || i from generate_series(1, 3000) as i;
create index orders_amount on shop.orders (amount);
create table shop.log (id bigint, at date) partition by range (at);
create table shop.log_1 partition of shop.log for values from ('2026-01-01') to ('2026-02-01');
create table shop.log_2 partition of shop.log for values from ('2026-02-01') to ('2026-03-01');
insert into shop.log select i, date '2026-01-01' + i % 50 from generate_series(1, 500) as i;
reset role;
"""

SCHEMA = """
select md5(string_agg(line, e'\\n' order by line)) from (
  select format('column %s.%s %s %s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                pg_get_expr(d.adbin, d.adrelid)) as line
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r', 'p')
  union all
  select format('constraint %s %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
    from pg_constraint k where k.connamespace = 'shop'::regnamespace and k.contype <> 'n'
  union all
  select format('index %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = 'shop'::regnamespace
  union all
  select format('trigger %s', pg_get_triggerdef(t.oid)) from pg_trigger t join pg_class c on c.oid = t.tgrelid
   where c.relnamespace = 'shop'::regnamespace and not t.tgisinternal
  union all
  select format('function %s', p.oid::regprocedure) from pg_proc p where p.pronamespace = 'shop'::regnamespace
) as s
"""

QUICKLY = 6
CHANGES = [
    "alter table shop.orders add column status text not null default 'pending'",
    "alter table shop.orders add column token uuid not null default gen_random_uuid()",
    "alter table shop.orders alter column customer_id set not null",
    "alter table shop.orders add constraint orders_customer foreign key (customer_id) references shop.customer (id)",
    "alter table shop.orders add constraint orders_amount_ok check (amount >= 0)",
    "alter table shop.orders add constraint orders_code_key unique (code)",
    "create index on shop.log (at)",
    "alter table shop.orders alter column amount type bigint",
    "create table shop.note (id bigint generated always as identity primary key, order_id bigint references shop.orders)"
    "; create index on shop.note (order_id); comment on table shop.note is 'x'",
    "update shop.orders set code = 'none' where amount = 7",
    "alter table shop.log detach partition shop.log_2 concurrently",
]
"""Given statements; the ordinary run takes the first QUICKLY ones on one version."""


@pytest.fixture
def shop(database: TestDatabase) -> Shop:
    return _shop(database)


@pytest.fixture
def shop18(database18: TestDatabase) -> Shop:
    return _shop(database18)


def _shop(database: TestDatabase) -> Shop:
    one = open_shop(database)
    one.value("select postai.set('batch_rows', '500')")
    one.sql(TABLES)
    one.sql("analyze")
    return one


@contextmanager
def application(shop: Shop) -> Iterator[list[psycopg.Error]]:
    """Somebody who writes all the time; his errors, but those that the change is meant to raise, are none."""
    errors: list[psycopg.Error] = []
    stop = threading.Event()

    def work() -> None:
        with shop.database.connect() as connection:
            number = 100_000
            while not stop.is_set():
                number += 1
                try:
                    connection.execute(
                        f"insert into shop.orders (id, customer_id, amount, code) values ({number}, 1, 1, {number})"
                    )
                    connection.execute(f"update shop.orders set amount = amount + 1 where id = {number % 3000}")
                    connection.execute(f"select id, code, amount from shop.orders where id = {number}")
                    connection.execute(f"delete from shop.orders where id = {number}")
                except psycopg.Error as error:
                    errors.append(error)
                stop.wait(0.002)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join()


def propose(shop: Shop, text: str) -> int:
    with shop.connect() as agent:
        made = plan(agent, [text], Deadline.after(20))
        return create(agent, draft(made, "A change", "because"))


def test_planned_changes_run_under_load_reach_the_plain_schema_and_go_back(shop18: Shop) -> None:
    for text in CHANGES[:QUICKLY]:
        there_and_back(shop18, text)


@pytest.mark.slow
def test_all_planned_changes_on_all_versions(shop: Shop) -> None:
    for text in CHANGES:
        there_and_back(shop, text)


def there_and_back(shop: Shop, text: str) -> None:
    before = shop.value(SCHEMA)
    detached = "concurrently" in text
    wanted = None if detached else plain(shop, text)
    proposal = propose(shop, text)
    with application(shop) as errors:
        shop.sql(f"select postai.apply({proposal}, unsafe => true)", "lc_boss")
        result = shop.run(options=QUICK)
    assert result.state == "done", (text, result.error)
    assert errors == [], text
    assert detached or shop.value(SCHEMA) == wanted, text
    if shop.value(f"select postai._irreversible_steps({proposal})") == []:
        shop.value(f"select postai.undo({proposal})", "lc_boss")
        back = shop.run(options=QUICK)
        assert back.state == "done", (text, back.error)
        # PostgreSQL leaves a CHECK of the partition's bounds when it detaches it concurrently.
        assert detached or shop.value(SCHEMA) == before, text


def plain(shop: Shop, text: str) -> str:
    """The schema after the statement as it was given, which is rolled back."""
    with shop.database.connect(autocommit=False) as connection:
        connection.execute("set role lc_owner")
        connection.execute(text)  # type: ignore[arg-type]
        row = connection.execute(SCHEMA).fetchone()  # type: ignore[arg-type]
        connection.rollback()
    assert row is not None
    return str(row[0])
