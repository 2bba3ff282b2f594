"""The server crashes while the agent builds an index, and a database of thousands of tables: on a server of our own."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lifecycle_support import OPTIONS, Shop, draft, index_draft, open_shop

from conftest import TestDatabase, make_database, new_server
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.observe.collect import Collector
from postai.observe.health.running import check_health
from postai.optimize.advisors import advise_everything
from postai.optimize.types import AdvisorOptions, Workload, WorkloadStatement
from postai.proposals import Decision, DraftStep
from postai.proposals.types import Backfill
from postai.proposals.verification import measure_due
from postai.setup.server import LocalServer, debian_binaries
from postai.sql.safety import load_safety

TABLES = 3000
SLOWLY = replace(OPTIONS, batch_ms=3.0, batch_rest=0.5)
FILLED = (
    DraftStep("ALTER TABLE shop.item ADD COLUMN weight bigint", undo="ALTER TABLE shop.item DROP COLUMN weight"),
    DraftStep(
        "UPDATE shop.item SET weight = id % 7 WHERE weight IS NULL",
        undo="ALTER TABLE shop.item DROP COLUMN IF EXISTS weight",
        step_class="batched",
        backfill=Backfill("shop.item", ("id",), {"weight": "id % 7"}, "weight IS NULL"),
    ),
)


@pytest.fixture(scope="module")
def own_server() -> Iterator[LocalServer]:
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no Debian server (see CONTRIBUTING.md)")
    conf = "max_locks_per_transaction = 4096\nsynchronous_commit = on\nmax_prepared_transactions = 5\n"
    with new_server(binaries, "crash", conf) as server:
        yield server


@pytest.fixture
def shop(own_server: LocalServer) -> Shop:
    return open_shop(make_database(own_server))


def wait_for_build(shop: Shop) -> None:
    end = time.monotonic() + 30
    while shop.indexes() != [("item_name", False)]:
        assert time.monotonic() < end, "no build began"
        time.sleep(0.05)


def test_a_server_that_crashes_in_mid_build_leaves_no_broken_index(shop: Shop, own_server: LocalServer) -> None:
    proposal = shop.create(index_draft())
    action = shop.apply(proposal)
    blocker = shop.database.connect(autocommit=False)
    blocker.execute("set transaction isolation level repeatable read")
    blocker.execute("select 1 from shop.item limit 1")  # the build waits for this snapshot
    with shop.background(lambda: shop.runner().run_next(Deadline.after(60))) as results:
        wait_for_build(shop)
        own_server.stop("immediate")
        own_server.start()
    assert results[0].state in ("released", "lost"), results
    blocker.close()
    assert shop.indexes() == [("item_name", False)], "the crash left it"
    second = shop.runner("second")
    second.recover()
    end = time.monotonic() + 30
    while (result := second.run_next(Deadline.after(60))) is None:
        assert time.monotonic() < end, "nobody took it over"
        time.sleep(0.1)
    assert result.state == "done", result
    assert shop.indexes() == [("item_name", True)] and shop.proposal(proposal) == ("closed", "applied")
    assert shop.action(action)["attempt"] == 2 and shop.problems() == []
    assert shop.kinds(proposal).count("step.done") == 1


def test_a_backfill_outlives_the_server(shop: Shop, own_server: LocalServer) -> None:
    proposal = shop.create(draft(*FILLED))
    shop.apply(proposal)
    batches: list[Decision] = []

    def report(one: Decision) -> None:
        if one.point == "step.batch":
            batches.append(one)
            if len(batches) == 3:
                own_server.stop("immediate")
                own_server.start()

    assert shop.run(options=SLOWLY, report=report).state in ("released", "lost")
    written = shop.value("select count(*) from shop.item where weight is not null")
    end = time.monotonic() + 20
    while shop.runner().recover() == 0:
        if shop.value("select lease_until < clock_timestamp() from postai.action where proposal = " + str(proposal)):
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    resumed: list[Decision] = []
    assert shop.run(report=resumed.append).state == "done"
    assert written > 0 and any(one.point == "step.resumed" and f" {written} rows" in one.sentence for one in resumed)
    assert shop.value("select count(*) from shop.item where weight is distinct from id % 7") == 0


def test_a_prepared_transaction_in_the_way_is_named(shop: Shop) -> None:
    with shop.database.connect() as other:
        other.execute("begin; update shop.item set price = 0 where id = 1; prepare transaction 'left_over'")
        shop.apply(shop.create(draft(FILLED[0])))
        result = shop.run()
        assert result.error is not None and result.error.sqlstate == "PA009"
        assert "a prepared transaction left_over holds RowExclusiveLock" in (result.error.detail or "")
        other.execute("rollback prepared 'left_over'")


def test_scans_that_a_crash_made_forgotten_are_not_taken_for_none(shop: Shop, own_server: LocalServer) -> None:
    shop.apply_and_run(index_draft())
    own_server.stop("immediate")
    own_server.start()
    with shop.connect() as agent:
        (one,) = measure_due(agent, datetime.now(UTC) + timedelta(hours=25))
    assert (one.verdict.state, one.undo) == ("unknown", None) and "not known here" in one.verdict.reason, one


def many_tables(database: TestDatabase, number: int) -> None:
    """Empty tables with a primary key, made in few transactions."""
    for first in range(0, number, 1000):
        database.execute(
            f"do $$ begin for i in {first}..{min(first + 1000, number) - 1} loop"
            " execute format('create table many.t%s (id int primary key, parent int)', i); end loop; end $$"
        )


def look_at_everything(shop: Shop) -> float:
    """Health, collection and all advisors, as the agent; seconds of the slowest."""
    taken = []
    with shop.connect() as agent:
        began = time.monotonic()
        results = check_health(agent, Deadline.after(30))
        assert len(results) > 10 and not [one for one in results if one.status == "unknown" and "time" in one.why]
        taken.append(time.monotonic() - began)
        collector = Collector()
        for _ in range(2):
            began = time.monotonic()
            states = collector.collect(agent, values=False)
            taken.append(time.monotonic() - began)
        assert not [one for one in states if one.error], states
        began = time.monotonic()
        query = "select * from shop.item where name = $1"
        workload = Workload((WorkloadStatement("1", query, 1000.0, mean_ms=5.0),), "file")
        told = advise_everything(
            agent, load_catalog(agent), load_safety(agent), workload, AdvisorOptions(), Deadline.after(55),
            price_per_gb_month=0.1,
        )  # fmt: skip
        assert not [note for note in told.advice.notes if "not looked" in note], told.advice.notes
        taken.append(time.monotonic() - began)
    print(f"seconds: {taken}")
    return max(taken)


@pytest.mark.slow
def test_thousands_of_tables_are_looked_at_in_bounded_time_and_memory(shop: Shop) -> None:
    shop.sql("create schema many")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many_tables(shop.database, TABLES)
    assert look_at_everything(shop) < 30.0, "what postai.optimize has is 55 seconds"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 250 * 1024, f"{grown} KiB"
    assert shop.apply_and_run(draft("ANALYZE shop.item")).state == "done"
