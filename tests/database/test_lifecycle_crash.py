"""Workers that die, meet locks or each other, or are told to stop: an action happens exactly once or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from lifecycle_support import OPTIONS, Shop, draft, error_of, index_draft, numbers, open_shop

from conftest import TestDatabase
from postai.deadline import Deadline
from postai.proposals import Decision

HERE = Path(__file__).parent
FREE = "select not exists (select from postai.action where lease_until > clock_timestamp())"


@pytest.fixture
def shop(database: TestDatabase) -> Shop:
    return open_shop(database)


@pytest.fixture
def shop18(database18: TestDatabase) -> Shop:
    return open_shop(database18)


def worker(shop: Shop, die_at: int = 0) -> subprocess.Popen[bytes]:
    """A real agent process that runs one action and kills itself at its n-th decision (0 = never)."""
    path = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "LIFECYCLE_DSN": shop.database.dsn("lc_agent"),
        "LIFECYCLE_DIE_AT": str(die_at),
    }
    return subprocess.Popen(
        [sys.executable, str(HERE / "lifecycle_worker.py")], env=environment, stdout=subprocess.PIPE
    )


def wait_for(condition, seconds: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.02)


THREE_STEPS = draft(
    ("ALTER TABLE shop.item ADD COLUMN weight integer", "ALTER TABLE shop.item DROP COLUMN weight"),
    (
        "UPDATE shop.item SET price = price + 1 WHERE id <= 100",
        "UPDATE shop.item SET price = price - 1 WHERE id <= 100",
    ),
    ("CREATE INDEX CONCURRENTLY item_name ON shop.item (name)", "DROP INDEX CONCURRENTLY shop.item_name"),
)


def assert_applied_once(shop: Shop, proposal: int) -> None:
    assert shop.proposal(proposal) == ("closed", "applied")
    assert shop.value("select sum(price) from shop.item where id <= 100") == 4950 + 100
    assert shop.indexes() == [("item_name", True)]
    kinds = shop.kinds(proposal)
    assert kinds.count("step.done") == 3 and kinds.count("action.done") == 1 and kinds.count("proposal.applied") == 1
    assert shop.problems() == []


@pytest.mark.parametrize(  # the two majors take turns with the points; all of them on both take long
    ("server", "first", "every"),
    [
        ("pg15", 1, 2),
        ("pg18", 2, 2),
        pytest.param("pg15", 1, 1, marks=pytest.mark.soak),
        pytest.param("pg18", 1, 1, marks=pytest.mark.soak),
    ],
    indirect=["server"],
)
def test_a_worker_killed_between_any_two_points_is_continued_exactly_once(shop: Shop, first: int, every: int) -> None:
    point = first - every
    while True:
        point += every
        proposal = shop.create(THREE_STEPS)
        shop.apply(proposal)
        process = worker(shop, die_at=point)
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        runner = shop.runner("second")
        wait_for(lambda runner=runner: runner.recover() == 1 or shop.value(
            "select not exists (select from postai.action where lease_until > clock_timestamp())"))  # fmt: skip
        result = runner.run_next(Deadline.after(60))
        if result is not None:
            assert result.state == "done", (point, result)
        assert_applied_once(shop, proposal)
        shop.value(f"select postai.undo({proposal})", "lc_boss")
        assert shop.run().state == "done"
        assert shop.indexes() == [] and shop.value("select sum(price) from shop.item where id <= 100") == 4950
    assert point > 15, "the run has fewer points than steps need"


def test_a_worker_killed_while_it_undoes_is_continued(shop18: Shop) -> None:
    for point in range(1, 17, 3):
        proposal = shop18.create(THREE_STEPS)
        shop18.apply(proposal)
        assert shop18.run().state == "done"
        shop18.value(f"select postai.undo({proposal})", "lc_boss")
        process = worker(shop18, die_at=point)
        process.communicate(timeout=60)
        wait_for(lambda: shop18.runner().recover() == 1 or shop18.value(FREE))
        result = shop18.runner("second").run_next(Deadline.after(60))
        assert result is None or result.state == "done"
        assert shop18.proposal(proposal) == ("closed", "undone") and shop18.indexes() == []
        assert shop18.value("select sum(price) from shop.item where id <= 100") == 4950
        assert shop18.kinds(proposal).count("step.undone") == 3


@pytest.mark.parametrize("backend", ["dies with its worker", "lives on"])
def test_a_worker_killed_in_the_middle_of_create_index_concurrently(shop: Shop, backend: str) -> None:
    if backend == "lives on":  # nothing tells the server that its client is gone
        shop.sql(f'alter role lc_agent in database "{shop.database.name}" set client_connection_check_interval = 0')
    proposal = shop.create(index_draft())
    shop.apply(proposal)
    building = "select exists (select from pg_stat_progress_create_index where datname = current_database())"
    with shop.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1") as blocker:
        process = worker(shop)
        wait_for(lambda: shop.value(building) and shop.indexes() != [])
        process.kill()
        process.communicate(timeout=20)
        if backend == "lives on":
            assert shop.value(building)
        else:
            wait_for(lambda: not shop.value(building))
            assert shop.indexes() == [("item_name", False)]
        heard: list[Decision] = []
        second = shop.runner("second", report=heard.append)
        second.recover()  # nothing to free when the lease has run out meanwhile
        with shop.background(lambda: second.run_next(Deadline.after(60))) as results:
            time.sleep(1.0)
            assert results == [], "it waits for the transaction as well"
            assert shop.indexes() == [("item_name", False)]
            blocker.rollback()
    assert results[0].state == "done", results
    assert shop.indexes() == [("item_name", True)]
    points = numbers(heard)
    if backend == "lives on":
        assert "step.waiting" in points and "step.accepted" in points and "step.cleaning" not in points
    else:
        assert "step.cleaned" in points and "step.accepted" not in points
    assert shop.problems() == []


def test_two_workers_at_once_do_each_action_once(shop: Shop) -> None:
    shop.sql(
        "create table shop.counter as select i as id, 0 as n from generate_series(1, 12) as i; "
        "alter table shop.counter owner to lc_owner"
    )
    for number in range(1, 13):
        shop.apply(shop.create(draft(f"UPDATE shop.counter SET n = n + 1 WHERE id = {number}")))
    done: list[str] = []

    def work(name: str) -> None:
        runner = shop.runner(name)
        while (result := runner.run_next(Deadline.after(60))) is not None:
            done.append(result.state)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == ["done"] * 12
    assert shop.sql("select distinct n from shop.counter") == [(1,)]
    assert shop.value("select count(distinct worker) from postai.action") > 1
    assert shop.problems() == []


def test_a_worker_that_lost_its_lease_writes_nothing_more(shop18: Shop) -> None:
    proposal = shop18.create(draft("UPDATE shop.item SET price = price + 1 WHERE id <= 100"))
    shop18.apply(proposal)
    second: list[object] = []

    def overtake(decision: Decision) -> None:
        if decision.point == "step.locked" and not second:  # just before it runs, another one claims the action
            shop18.sql("update postai.action set attempt = attempt + 1")
            second.append(decision)

    assert shop18.run(report=overtake).state == "lost"
    assert shop18.value("select sum(price) from shop.item where id <= 100") == 4950
    assert shop18.value("select state from postai.action") == "running"
    shop18.sql("update postai.action set lease_until = now()")
    assert shop18.run().state == "done"
    assert shop18.value("select sum(price) from shop.item where id <= 100") == 5050


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE shop.item ADD COLUMN weight integer", "CREATE INDEX CONCURRENTLY item_name ON shop.item (name)"],
)
def test_a_held_lock_ends_in_pa009_and_nothing_changed(shop: Shop, statement: str) -> None:
    proposal = shop.create(draft(statement))
    action = shop.apply(proposal)
    options = replace(OPTIONS, concurrent_lock_timeout=0.5)
    with shop.holding("lock table shop.item in access exclusive mode"):
        result = shop.run(options=options)
    assert result.state == "failed" and result.error is not None and result.error.sqlstate == "PA009"
    assert "AccessExclusiveLock" in (result.error.detail or "") and "postgres" in (result.error.detail or "")
    assert shop.indexes() == []
    assert (
        shop.value("select count(*) from pg_attribute where attrelid = 'shop.item'::regclass and attname = 'weight'")
        == 0
    )
    assert error_of(lambda: shop.sql(f"call postai.wait({action})", "lc_boss")).sqlstate == "PA009"
    shop.apply(proposal)
    assert shop.run().state == "done"


def test_a_lock_that_is_released_in_time_is_got_by_trying_again(shop18: Shop) -> None:
    proposal = shop18.create(draft("ALTER TABLE shop.item ADD COLUMN weight integer"))
    shop18.apply(proposal)
    heard: list[Decision] = []
    patient = replace(OPTIONS, lock_patience=20)
    with (
        shop18.background(lambda: shop18.run(report=heard.append, options=patient)) as results,
        shop18.holding("select count(*) from shop.item"),
    ):
        wait_for(lambda: "step.lock_missed" in numbers(heard))
    assert results[0].state == "done" and numbers(heard).count("step.executed") == 1


def test_concurrently_blocked_for_ever_says_what_is_left_and_the_next_apply_cleans_it(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    shop.apply(proposal)
    with shop.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1"):
        result = shop.run(options=replace(OPTIONS, concurrent_lock_timeout=0.5, lock_patience=1))
        assert result.error is not None and result.error.sqlstate == "PA009"
        # DROP INDEX CONCURRENTLY waits for the same transaction: what cannot be dropped is named, never forgotten.
        assert shop.indexes() == [("item_name", False)]
        assert "DROP INDEX CONCURRENTLY IF EXISTS shop.item_name;" in (result.error.hint or "")
    shop.apply(proposal)
    assert shop.run().state == "done" and shop.indexes() == [("item_name", True)]


def test_a_running_action_is_cancelled_within_a_second(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    action = shop.apply(proposal)
    with (
        shop.background(shop.run) as results,
        shop.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1") as blocker,
    ):
        wait_for(lambda: shop.indexes() == [("item_name", False)])
        wait_for(lambda: shop.value(f"select blockers is not null from postai.actions where id = {action}", "lc_boss"))

        def told() -> bool:  # others may hold a snapshot for a moment too
            phase, blockers = shop.sql(f"select phase, blockers from postai.actions where id = {action}", "lc_boss")[0]
            return "waiting" in phase and blocker.info.backend_pid in [one["pid"] for one in blockers or ()]

        wait_for(told)
        shop.sql(f"select postai.cancel({action})", "lc_boss")
        asked = time.monotonic()
        wait_for(
            lambda: shop.value(
                "select count(*) = 0 from pg_stat_activity where query like 'CREATE INDEX%' "
                "and state = 'active' and datname = current_database()"
            )
        )
        assert time.monotonic() - asked < 10  # 1 s is promised; a busy machine gets more here
    assert results[0].state == "cancelled" and shop.indexes() == []
    assert shop.proposal(proposal) == ("approved", None)
    error = error_of(lambda: shop.sql(f"call postai.wait({action})", "lc_boss"))
    assert error.sqlstate == "57014" and "apply" in (error.diag.message_hint or "")
    assert shop.kinds(proposal)[-2:] == ["action.cancel_requested", "action.cancelled"]


def test_an_agent_that_stops_gives_the_action_back(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    shop18.apply(proposal)
    deadline = Deadline.after(60)
    with (
        shop18.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1"),
        shop18.background(lambda: shop18.runner().run_next(deadline)) as results,
    ):
        wait_for(lambda: shop18.indexes() == [("item_name", False)])
        deadline.cancel.set()
    assert results[0].state == "released"
    assert shop18.value("select state from postai.action") == "running"
    assert shop18.run(name="second").state == "done" and shop18.indexes() == [("item_name", True)]


def test_wait_shows_progress_and_lets_an_index_be_built(shop: Shop) -> None:
    action = shop.apply(shop.create(index_draft()))
    with shop.database.connect("lc_boss") as waiting:
        notices: list[str] = []
        waiting.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with shop.background(lambda: waiting.execute(f"call postai.wait({action})")):
            time.sleep(0.2)
            assert shop.run().state == "done"
    assert notices[0].startswith(f"action {action}: queued") and notices[-1].startswith(f"action {action}: done")
    assert shop.sql("select phase, progress from postai.actions") == [(None, 1.0)]


def test_wait_says_why_it_cannot_wait(shop: Shop) -> None:
    action = shop.apply(shop.create(index_draft()))
    error = error_of(lambda: shop.sql(f"begin; call postai.wait({action})", "lc_boss"))
    assert error.sqlstate == "25001" and "autocommit" in (error.diag.message_hint or "")
    error = error_of(lambda: shop.sql(f"call postai.wait({action}, '300 ms')", "lc_boss"))
    assert error.sqlstate == "57014" and "still queued" in (error.diag.message_primary or "")
    with shop.database.connect("lc_boss") as connection:  # the extended protocol is no transaction block
        error = error_of(lambda: connection.execute("call postai.wait(%s, %s)", [action, "1 s"]))
        assert error.sqlstate == "57014"
    error = error_of(lambda: shop.sql(f"call postai.wait({action})", "lc_boss"))
    assert error.sqlstate == "PA002" and "post-ai agent" in (error.diag.message_hint or "")
    assert error_of(lambda: shop.sql("call postai.wait(4711)", "lc_boss")).sqlstate == "42704"


def test_an_action_that_kills_every_worker_is_given_up(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    shop18.apply(proposal)
    shop18.sql("update postai.action set attempt = 5")
    result = shop18.run()
    assert result.state == "failed" and result.error is not None and "gave up" in result.error.message


def test_a_server_that_ends_the_session_gives_the_action_back(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    shop18.apply(proposal)
    with (
        shop18.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1"),
        shop18.background(shop18.run) as results,
    ):
        wait_for(lambda: shop18.indexes() == [("item_name", False)])
        shop18.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where query like 'CREATE INDEX%' and datname = current_database()"
        )
    assert results[0].state == "released"
    assert shop18.run(name="second").state == "done" and shop18.indexes() == [("item_name", True)]
