"""Planned changes meet faults: they end as an undisturbed run does, or leave what was there, and nobody else fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lifecycle_support import Shop
from planned_support import (
    BROKEN,
    PATIENT,
    QUICK,
    RETYPED,
    STORMY,
    application,
    finish,
    hashes,
    plain,
    planned_shop,
    propose,
    tiny_tablespace,
    wait_for,
)
from psycopg.pq import TransactionStatus

from conftest import TestDatabase
from postai.deadline import Deadline
from postai.errors import Refused
from postai.migrate.checks import run_checks
from postai.migrate.draft import draft
from postai.migrate.plan import plan
from postai.proposals import Decision

HERE = Path(__file__).parent
FILLED = "alter table shop.orders add column weight integer default (random() * 0)::integer + 3"
SESSION = "select pid from pg_stat_activity where usename = 'lc_agent' and datname = current_database() and "
SLOW = """
set role lc_owner;
create function shop.slow(n int) returns boolean language plpgsql immutable as
  'begin if n = 49 then perform pg_sleep(0.02); end if; return true; end';
"""


@pytest.fixture
def shop(database15: TestDatabase) -> Shop:
    return planned_shop(database15)


@pytest.fixture
def shop18(database18: TestDatabase) -> Shop:
    return planned_shop(database18)


@pytest.fixture(params=["database15", pytest.param("database18", marks=pytest.mark.soak)])
def either(request: pytest.FixtureRequest) -> Shop:
    return planned_shop(request.getfixturevalue(request.param))


def apply(shop: Shop, text: str) -> int:
    """The proposal, which is queued."""
    proposal = propose(shop, text)
    again(shop, proposal)
    return proposal


def again(shop: Shop, proposal: int) -> None:
    shop.sql(f"select postai.apply({proposal}, unsafe => true)", "lc_boss")


def assert_applied(shop: Shop, proposal: int, wanted: tuple[str, str]) -> None:
    assert shop.proposal(proposal) == ("closed", "applied"), shop.sql("select state, error from postai.action")
    finish(shop, proposal)
    assert hashes(shop) == wanted
    assert shop.value(BROKEN) == 0 and shop.problems() == []


def terminate(shop: Shop, condition: str) -> None:
    """End the runner's session as soon as it is at something."""
    # In one statement: a moment later it may be between two sleeps.
    wait_for(lambda: shop.sql(f"select pg_terminate_backend(pid) from ({SESSION}{condition}) as s"))


def test_a_validation_whose_session_is_ended_is_done_again(either: Shop) -> None:
    either.sql(SLOW)
    text = "alter table shop.orders add constraint orders_slow check (shop.slow(amount))"
    wanted = plain(either, text)
    proposal = apply(either, text)
    with application(either) as errors:
        with either.background(lambda: either.run(options=QUICK)) as results:
            terminate(either, "query like '%VALIDATE%' and wait_event = 'PgSleep'")
        assert results[0].state == "released"
        assert either.value("select count(*) from pg_constraint where conname = 'orders_slow' and not convalidated")
        assert either.run(options=QUICK).state == "done"
    assert errors == []
    assert_applied(either, proposal, wanted)
    assert either.kinds(proposal).count("step.done") == 2


def test_a_batch_whose_session_is_ended_is_written_again(either: Shop) -> None:
    wanted = plain(either, RETYPED)
    proposal = apply(either, RETYPED)
    with application(either) as errors:
        with either.holding() as other:

            def report(one: Decision) -> None:
                if one.point == "step.batch" and other.info.transaction_status == TransactionStatus.IDLE:
                    other.execute("select id from shop.orders where id = 2900 for no key update")

            with either.background(lambda: either.run(options=PATIENT, report=report)) as results:
                terminate(either, "query like '%UPDATE%' and wait_event_type = 'Lock'")
                wait_for(lambda: results)
        assert results[0].state == "released"
        told: list[Decision] = []
        assert either.run(options=QUICK, report=told.append).state == "done"
    assert errors == [] and any(one.point == "step.resumed" for one in told)
    assert_applied(either, proposal, wanted)


def test_a_disk_that_is_full_in_mid_backfill(either: Shop) -> None:
    wanted = plain(either, FILLED)
    proposal = propose(either, FILLED)
    with tiny_tablespace(either, 3) as place:
        for name in ("table shop.orders", "index shop.orders_pkey", "index shop.orders_amount"):
            either.sql(f"alter {name} set tablespace tiny")
        again(either, proposal)
        ballast = place / "ballast"
        batches: list[Decision] = []

        def report(one: Decision) -> None:
            batches.append(one)
            if one.point == "step.batch" and not ballast.exists():
                with pytest.raises(OSError), ballast.open("wb", buffering=0) as out:
                    while True:
                        out.write(bytes(4096))

        result = either.run(options=replace(QUICK, batch_ms=2.0), report=report)
        assert result.state == "failed" and result.error is not None and result.error.sqlstate == "53100", result
        written = either.value("select count(*) from shop.orders where weight = 3")
        assert 0 < written < 3000
        ballast.unlink()
        again(either, proposal)
        told: list[Decision] = []
        assert either.run(options=QUICK, report=told.append).state == "done"
        assert any(one.point == "step.resumed" and f" {written} rows" in one.sentence for one in told)
        for name in ("table shop.orders", "index shop.orders_pkey", "index shop.orders_amount"):
            either.sql(f"alter {name} set tablespace pg_default")
    assert_applied(either, proposal, wanted)


DEFAULTED = """
set role lc_owner;
create table shop.log_rest partition of shop.log default;
create table shop.log_3 (id bigint, at date);
insert into shop.log_3 values (901, '2026-03-05');
"""
ATTACHED = "alter table shop.log attach partition shop.log_3 for values from ('2026-03-01') to ('2026-04-01')"


def test_rows_in_the_default_partition_stand_in_the_way(either: Shop) -> None:
    either.sql(DEFAULTED)
    before, wanted = hashes(either), plain(either, ATTACHED)
    proposal = propose(either, ATTACHED)
    undone = propose(either, ATTACHED)
    either.sql("insert into shop.log values (900, '2026-03-09')")
    with either.connect() as agent:
        made = plan(agent, [ATTACHED], Deadline.after(20))
        found = run_checks(agent, made, Deadline.after(20))
        with pytest.raises(Refused) as refused:
            draft(made, "A change", "because", found=found)
    assert "1 rows of the DEFAULT partition shop.log_rest belong to the new one" in (refused.value.detail or "")
    for one in (undone, proposal):  # the rows came after the plan
        again(either, one)
        result = either.run(options=QUICK)
        assert result.error is not None and result.error.sqlstate == "23514", result
        if one == undone:
            either.value(f"select postai.undo({one})", "lc_boss")
            assert either.run(options=QUICK).state == "done" and either.value(BROKEN) == 0
    either.sql("delete from shop.log where id = 900")
    again(either, proposal)
    with application(either) as errors:
        assert either.run(options=QUICK).state == "done"
    assert errors == []
    assert_applied(either, proposal, wanted)
    assert before != wanted


def test_a_partition_made_where_its_rows_lie_in_the_default_one(shop18: Shop) -> None:
    shop18.sql(DEFAULTED + "insert into shop.log values (900, '2026-04-09')")
    text = "create table shop.log_4 partition of shop.log for values from ('2026-04-01') to ('2026-05-01')"
    before = hashes(shop18)
    proposal = apply(shop18, text)
    result = shop18.run(options=QUICK)
    assert result.error is not None and result.error.sqlstate == "23514", result
    if shop18.kinds(proposal).count("step.done"):
        shop18.value(f"select postai.undo({proposal})", "lc_boss")
        assert shop18.run(options=QUICK).state == "done"
    assert hashes(shop18) == before and shop18.value(BROKEN) == 0


VIEWS = """
set role lc_owner;
create view shop.v as select id, amount, code from shop.orders;
create view shop.nested as select amount + 1 as more from shop.v;
create materialized view shop.m as select sum(more) as total from shop.nested;
create materialized view shop.n as select count(*) as codes from shop.orders where code <> '';
"""


@pytest.mark.parametrize(
    "text",
    [
        RETYPED,
        "alter table shop.orders alter column code type varchar(50)",
        "alter table shop.orders drop column amount",
        "alter table shop.orders drop column code",
        "drop table shop.orders",
        "drop view shop.v",
    ],
)
def test_what_views_need_stays(shop18: Shop, text: str) -> None:
    shop18.sql(VIEWS)
    with pytest.raises(psycopg.Error) as refused:
        plain(shop18, text)
    before = hashes(shop18)
    with shop18.connect() as agent:
        made = plan(agent, [text], Deadline.after(20))
    proposal = apply(shop18, text)
    result = shop18.run(options=QUICK)
    assert result.state == "failed" and result.error is not None
    assert text == "drop view shop.v" or any("shop.v" in one or "shop.n" in one for one in made.warnings)
    assert result.error.sqlstate == refused.value.sqlstate
    assert hashes(shop18) == before and shop18.kinds(proposal).count("step.done") == 0


def test_a_column_that_no_view_names_changes_beside_them(shop18: Shop) -> None:
    shop18.sql(VIEWS)
    text = "alter table shop.orders alter column customer_id type text; alter table shop.orders drop column placed"
    wanted = plain(shop18, text)
    assert_applied(shop18, run(shop18, text), wanted)


def run(shop: Shop, text: str, options: Any = QUICK) -> int:
    proposal = apply(shop, text)
    result = shop.run(options=options)
    assert result.state == "done", result.error
    return proposal


def test_a_sibling_that_is_half_detached(either: Shop) -> None:
    """What the planner makes beside it is made; what PostgreSQL refuses meanwhile is told, and goes on after it."""
    with either.holding("select * from shop.log"):
        cut = either.database.connect()
        cut.execute("set statement_timeout = '300ms'")
        with pytest.raises(psycopg.Error):
            cut.execute("alter table shop.log detach partition shop.log_1 concurrently")
        cut.close()
    text = "create index on shop.log (id)"
    run(either, text)
    proposal = apply(either, "alter table shop.log detach partition shop.log_2")
    result = either.run(options=QUICK)
    assert result.error is not None and result.error.sqlstate == "55000" and result.error.hint, result
    either.sql("alter table shop.log detach partition shop.log_1 finalize")
    again(either, proposal)
    assert either.run(options=QUICK).state == "done"
    assert either.value("select count(*) from pg_inherits where inhparent = 'shop.log'::regclass") == 0
    assert either.value(BROKEN) == 0


def test_an_old_snapshot_holds_up_only_the_index(either: Shop) -> None:
    text = (
        "alter table shop.orders alter column customer_id set not null;"
        "alter table shop.orders add constraint orders_code_key unique (code)"
    )
    wanted = plain(either, text)
    proposal = apply(either, text)
    with (
        application(either) as errors,
        either.holding("begin isolation level repeatable read", "select 1 from pg_class limit 1") as old,
        either.background(lambda: either.run(options=QUICK)) as results,
    ):
        wait_for(lambda: ("orders_code_key", False) in either.indexes("shop.orders"))
        assert either.value("select attnotnull from pg_attribute where attname = 'customer_id' and attnum > 0"
                            " and attrelid = 'shop.orders'::regclass")  # fmt: skip
        time.sleep(0.5)
        assert results == []
        old.rollback()
    assert results[0].state == "done" and errors == []
    assert_applied(either, proposal, wanted)


def worker(shop: Shop) -> subprocess.Popen[bytes]:
    """An agent process that runs one action in small batches."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), *sys.path]),
        "LIFECYCLE_DSN": shop.database.dsn("lc_agent"),
        "LIFECYCLE_DIE_AT": "0",
    }
    return subprocess.Popen([sys.executable, str(HERE / "lifecycle_worker.py")], env=environment)


def test_two_agents_in_mid_backfill(either: Shop) -> None:
    """The second has to wait while the first lives; it goes on when the first is frozen, which then writes nothing."""
    wanted = plain(either, RETYPED)
    either.value("select postai.set('batch_rows', '50')")
    proposal = apply(either, RETYPED)
    at = f"select (checkpoint ->> 'rows')::int from postai.action where proposal = {proposal}"
    with application(either) as errors:
        first = worker(either)
        wait_for(lambda: (either.value(at) or 0) > 100)
        assert either.runner("second").run_next(Deadline.after(5)) is None
        first.send_signal(signal.SIGSTOP)
        try:
            frozen = either.value(at)
            told: list[Decision] = []
            second = either.runner("second", options=PATIENT, report=told.append)
            taken: list[Any] = []

            def take() -> bool:
                taken.extend(one for one in [second.run_next(Deadline.after(60))] if one is not None)
                return bool(taken)

            wait_for(take)
            assert taken[0].state == "done" and frozen < 3000, taken
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.wait(30) == 0
    assert errors == [] and any(one.point == "step.resumed" for one in told)
    assert_applied(either, proposal, wanted)
    assert either.value(f"select attempt from postai.action where proposal = {proposal}") == 2
    assert either.kinds(proposal).count("step.done") == either.value(f"select count(*) from postai.steps({proposal})")


@contextmanager
def storm(shop: Shop, table: str) -> Iterator[Callable[[], None]]:
    """Sessions that hold the table in transactions of some tenths of a second, one behind the other, until told."""
    stop = threading.Event()

    def work(number: int) -> None:
        with shop.database.connect(autocommit=False) as connection:
            time.sleep(0.11 * number)
            while not stop.is_set():
                connection.execute(f"lock table shop.{table} in row exclusive mode")  # type: ignore[arg-type]
                stop.wait(0.3)
                connection.rollback()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for one in threads:
        one.start()
    try:
        yield stop.set
    finally:
        stop.set()
        for one in threads:
            one.join()


@pytest.mark.parametrize(("table", "text"), STORMY)
def test_a_storm_of_locks_is_weathered(shop18: Shop, table: str, text: str) -> None:
    wanted = plain(shop18, text)
    proposal = apply(shop18, text)
    missed: list[Decision] = []
    options = replace(PATIENT, lock_timeout=0.05, concurrent_lock_timeout=30.0)
    with application(shop18) as errors, storm(shop18, table) as end:

        def report(one: Decision) -> None:
            if one.point == "step.lock_missed":
                missed.append(one)
                if len(missed) == 4:
                    end()

        result = shop18.run(options=options, report=report)
        assert result.state == "done", result.error
    assert missed, "no lock was missed"
    assert errors == [] or "rename" in text or "drop" in text
    assert_applied(shop18, proposal, wanted)
