"""Tables of a shop, changes of them as the planner makes them, and an application that goes on writing meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from lifecycle_support import OPTIONS, Shop, open_shop

from conftest import TestDatabase, server_user
from postai.deadline import Deadline
from postai.migrate.draft import draft
from postai.migrate.later import propose_later
from postai.migrate.plan import plan
from postai.proposals import create

QUICK = replace(OPTIONS, batch_rest=0.0, batch_ms=20.0)
PATIENT = replace(QUICK, lock_patience=30.0)

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
create function shop.nothing() returns trigger language plpgsql as 'begin return new; end';
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
  union all
  select format('view %s %s %s', c.oid::regclass, c.relkind, pg_get_viewdef(c.oid)) from pg_class c
   where c.relnamespace = 'shop'::regnamespace and c.relkind in ('v', 'm')
) as s
"""

EVERY_KIND = """
alter table shop.orders alter column customer_id set not null;
alter table shop.orders add constraint orders_customer foreign key (customer_id) references shop.customer (id);
alter table shop.orders add constraint orders_code_key unique (code);
create index on shop.log (at);
alter table shop.orders alter column amount type bigint;
alter table shop.orders add column status text not null default 'new';
"""
ROWS = """
select md5(string_agg(line, ',' order by line)) from (
  select to_jsonb(o)::text as line from shop.orders as o union all select to_jsonb(l)::text from shop.log as l
) as r
"""
RETYPED = "alter table shop.orders alter column amount type bigint"
STORMY = [
    ("orders", "alter table shop.orders add column status text not null default 'new'"),
    ("orders", "alter table shop.orders alter column customer_id set not null"),
    ("orders", "alter table shop.orders add constraint orders_amount_ok check (amount >= 0)"),
    ("orders", "alter table shop.orders alter column code set default 'x'"),
    ("orders", "alter table shop.orders rename column code to sign"),
    ("orders", "create trigger t before insert on shop.orders for each row execute function shop.nothing()"),
    ("orders", RETYPED),
    ("orders", "alter table shop.orders drop column placed"),
    (
        "orders",
        "alter table shop.orders add constraint orders_customer foreign key (customer_id) references shop.customer",
    ),
    ("customer", "alter table shop.customer rename to client"),
    ("log_1", "alter table shop.log detach partition shop.log_1"),
]
"""Tables whose locks a change needs, and the change: one for each kind of short step."""
BROKEN = """
select (select count(*) from pg_index where not (indisvalid and indisready))
       + (select count(*) from pg_constraint where not convalidated)
       + (select count(*) from pg_inherits where inhdetachpending)
"""
"""Indexes that are not valid, constraints that are not validated, partitions that are half detached."""


def planned_shop(database: TestDatabase) -> Shop:
    """A shop with these tables in that database."""
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
                row = f"update shop.orders set amount = amount {{}} where id = {number % 3000}"
                for statement in (
                    f"insert into shop.orders (id, customer_id, amount, code) values ({number}, 1, 1, {number})",
                    row.format("+ 1"),
                    f"select id, code, amount from shop.orders where id = {number}",
                    row.format("- 1"),  # in the end the rows are what they were
                    f"delete from shop.orders where id = {number}",
                ):
                    try:
                        connection.execute(statement)  # type: ignore[arg-type]
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


def plain(shop: Shop, text: str) -> tuple[str, str]:
    """Hashes of the schema and of the rows after the statements as they were given, which are rolled back."""
    with shop.database.connect(autocommit=False) as connection:
        connection.execute("set role lc_owner")
        connection.execute(text)  # type: ignore[arg-type]
        row = connection.execute(f"select ({SCHEMA}), ({ROWS})").fetchone()  # type: ignore[arg-type]
        connection.rollback()
    assert row is not None
    return str(row[0]), str(row[1])


def finish(shop: Shop, proposal: int) -> None:
    """Drop for good what a change that was carried out set aside, by the proposal that it makes."""
    with shop.connect() as agent:
        told = propose_later(agent, proposal).values
    assert "not_proposed" not in told, told
    if (second := told.get("then")) is not None:
        shop.sql(f"select postai.apply({second}, unsafe => true)", "lc_boss")
        result = shop.run(options=QUICK)
        assert result.state == "done", result.error


def hashes(shop: Shop) -> tuple[str, str]:
    """The same two of what is there now."""
    return shop.value(SCHEMA), shop.value(ROWS)


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.02)


@contextmanager
def tiny_tablespace(shop: Shop, megabytes: int = 1) -> Iterator[Path]:
    """New objects of the shop's database go to a disk of that size, which lies at the path."""
    user = server_user()
    if user is None:
        pytest.skip("only root can mount a tiny disk")
    place = tempfile.mkdtemp(prefix="postai-tiny-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True)
    try:
        if mounted.returncode != 0:
            pytest.skip("nothing can be mounted here")
        shutil.chown(place, user)
        os.chmod(place, 0o700)
        shop.sql(f"create tablespace tiny location '{place}'")
        shop.sql("grant create on tablespace tiny to lc_owner")
        shop.sql(f'alter database "{shop.database.name}" set default_tablespace = tiny')
        try:
            yield Path(place)
        finally:
            shop.sql(f'alter database "{shop.database.name}" reset default_tablespace')
            shop.sql("drop tablespace tiny")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", place], check=True)
        os.rmdir(place)
