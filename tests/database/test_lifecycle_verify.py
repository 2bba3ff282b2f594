"""What an applied proposal brought, measured from the history, and the undo that is proposed when it did not help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lifecycle_support import Shop, shop_clone, shop_template

from conftest import TestDatabase
from postai import database as db
from postai.deadline import Deadline
from postai.history.store import write_statements, write_values
from postai.history.types import StatementKey, StatementWindow, rest_key
from postai.optimize.advisors import known_workload
from postai.optimize.drafts import draft_of
from postai.optimize.types import Effect, Recommendation
from postai.proposals import create
from postai.proposals.verification import Measurement, measure_due
from postai.service.verify_duty import VerifyDuty

READ, WRITE = 4242, -77
AHEAD = timedelta(hours=3)
"""Changes are looked at so long after they were made; the history is written for that time."""
NOW = timedelta()
NAME = Recommendation(
    kind="create_index", object="shop.item", title="Index on item (name)", why="Found often by name.",
    statement="CREATE INDEX CONCURRENTLY item_name ON shop.item (name)", undo="DROP INDEX CONCURRENTLY shop.item_name",
    comment="COMMENT ON INDEX shop.item_name IS 'finds items by name'",
    saved_ms_per_day=18_000.0, bytes=800_000, severity="HIGH", estimated_by="planner",
    effects=(Effect(str(READ), 1000.0, 20.0, 2.0), Effect("q7 of a file", 1.0, 2.0, 1.0)),
)  # fmt: skip

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def collected(
    shop: Shop, queryid: int, query: str, hours: float, ms: float, calls: int = 50, ahead: timedelta = AHEAD
) -> None:
    """An hour of history that ended that many hours before the time of measuring."""
    oid = shop.value("select oid::int8 from pg_database where datname = current_database()")
    end = datetime.now(UTC) + ahead - timedelta(hours=hours)
    windows = [
        StatementWindow(
            StatementKey(queryid, 10, oid, True), query, at - timedelta(minutes=6), at, calls, ms * calls
        )
        for at in (end - timedelta(minutes=6 * n) for n in range(10))
    ]  # fmt: skip
    with shop.connect() as agent:
        write_statements(agent, windows)


def applied(shop: Shop, one: Recommendation = NAME, *, scanned: bool = True) -> int:
    """A proposal that was just applied."""
    proposal = shop.create(draft_of(one))
    shop.apply(proposal)
    assert shop.run().state == "done"
    if scanned:
        with shop.database.connect() as connection:
            connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
            connection.execute("select * from shop.item where name = 'item 7'")
    return proposal


def measured(shop: Shop, ahead: timedelta = AHEAD) -> tuple[Measurement, ...]:
    with shop.connect() as agent:
        return measure_due(agent, datetime.now(UTC) + ahead)


def long_ago(shop: Shop) -> None:
    """The change was made three hours ago, so that it can be looked at now."""
    shop.sql("update postai.action set started_at = now() - interval '3 h', finished_at = now() - interval '3 h'")


@both_servers
def test_a_saving_is_shown_beside_its_estimate(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0)
    proposal = applied(shop)
    assert measured(shop) == (), "too few calls until now"
    collected(shop, READ, "select * from item where name = $1", 1.0, 2.5)
    one = measured(shop)[0]
    assert (one.proposal, one.verdict.state, one.undo) == (proposal, "helped", None), one
    columns = "effect, saved_ms_per_day, measured_saved_ms_per_day, measured is null"
    assert shop.sql(f"select {columns} from postai.proposals", "lc_reader") == [("helped", 18_000.0, 17_500.0, True)]
    found = shop.value("select measured from postai.proposals", "lc_boss")
    assert found["statements"][0] | {"calls": 0} == {
        "id": READ, "calls": 0, "before_ms": 20.0, "after_ms": 2.5, "promised_ms": 2.0, "saved_ms_per_day": 17_500.0,
        "before_is_estimate": False, "after_is_bound": False,
    }  # fmt: skip
    assert shop.kinds(proposal)[-1] == "proposal.measured"
    assert measured(shop) == (), "once"


def test_advice_goes_by_what_statements_take_since_the_change(shop: Shop) -> None:
    with shop.connect() as agent:
        now = datetime.now(UTC)
        key = rest_key(shop.value("select oid::int8 from pg_database where datname = current_database()"))
        write_statements(agent, [StatementWindow(key, None, now - timedelta(hours=25), now, 0, 0.0)])
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0, ahead=NOW)
    collected(shop, WRITE, "select * from item where note = $1", 4.0, 7.0, ahead=NOW)
    applied(shop)
    long_ago(shop)
    collected(shop, READ, "select * from item where name = $1", 1.0, 0.5, calls=10, ahead=NOW)
    with shop.connect() as agent:
        workload, whole = known_workload(agent)
    means = {int(one.id): round(one.mean_ms or 0, 3) for one in workload.statements}
    assert (means, whole) == ({READ: 0.5, WRITE: 7.0}, False), "and of what did not run since, by what it took before"
    assert workload.statements[0].calls_per_day > 500 / 1.1, "how often they run, by all of the history"
    assert all(one.parameters == () for one in workload.statements)
    with shop.connect() as agent:
        read = StatementKey(
            READ, 10, shop.value("select oid::int8 from pg_database where datname = current_database()"), True
        )
        write_values(agent, [(read, "activity", "select * from item where name = 'item 7'")])
        workload, _ = known_workload(agent)
    assert {one.parameters for one in workload.statements if one.id == str(READ)} == {(("'item 7'",),)}


@both_servers
def test_what_did_not_help_gets_its_undo_proposed(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0)
    proposal = applied(shop)
    collected(shop, READ, "select * from item where name = $1", 1.0, 19.0)
    one = measured(shop)[0]
    assert (one.verdict.state, one.not_undone) == ("no effect", None) and one.undo is not None
    kind, title, statements, undo, undoes = shop.sql(
        f"select kind, title, statements, undo, undoes from postai.proposals where id = {one.undo}"
    )[0]
    assert (kind, undoes, title) == ("undo_index", proposal, "Drop index shop.item_name: it did not help")
    assert (statements, undo) == ([NAME.undo], [NAME.statement])
    evidence = shop.value(f"select evidence from postai.proposals where id = {one.undo}", "lc_boss")
    assert evidence["measured"]["state"] == "no effect" and evidence["bytes"] < 0
    shop.apply(one.undo)
    assert shop.run().state == "done" and shop.indexes() == []
    assert shop.proposal(proposal) == ("closed", "undone")
    assert shop.sql(f"select reason from postai.proposals where id = {proposal}") == [
        (f"taken back by proposal {one.undo}",)
    ]
    assert shop.problems() == []


def test_an_index_that_is_never_scanned_and_writes_that_take_longer(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0)
    collected(shop, WRITE, "insert into item (id, name) values ($1, $2)", 4.0, 1.0, calls=5000)
    collected(shop, 5, "insert into item_log select id from item", 4.0, 1.0, calls=5000)
    applied(shop)
    collected(shop, READ, "select * from item where name = $1", 1.0, 15.0)
    collected(shop, WRITE, "insert into item (id, name) values ($1, $2)", 1.0, 2.0, calls=5000)
    collected(shop, 5, "insert into item_log select id from item", 1.0, 900.0, calls=5000)
    one = measured(shop)[0]
    assert one.verdict.state == "worse" and "writ" in one.verdict.reason
    assert one.verdict.write_ms_per_day == pytest.approx(5000 * 240, rel=0.02), "only of that table"
    assert shop.value(f"select severity from postai.proposals where id = {one.undo}") == "MEDIUM"


@both_servers
def test_an_unused_index_did_not_help_whatever_the_statements_do(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0)
    applied(shop, scanned=False)
    collected(shop, READ, "select * from item where name = $1", 1.0, 2.0)
    one = measured(shop)[0]
    assert one.verdict.state == "no effect" and "never scanned" in one.verdict.reason and one.undo is not None


def test_waiting_ends(shop: Shop) -> None:
    applied(shop)
    assert measured(shop) == ()
    one = measured(shop, timedelta(hours=25))[0]
    assert (one.verdict.state, one.undo) == ("unknown", None) and "often enough" in one.verdict.reason


def test_what_cannot_be_taken_back_is_only_told(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0)
    applied(shop, replace(NAME, undo=None, comment=None))
    collected(shop, READ, "select * from item where name = $1", 1.0, 19.0)
    one = measured(shop)[0]
    assert one.undo is None and one.not_undone == "it has no undo statements, or the agent did not carry it out"


def test_the_duty_measures_by_itself(shop: Shop) -> None:
    collected(shop, READ, "select * from item where name = $1", 4.0, 20.0, ahead=NOW)
    proposal = applied(shop)
    long_ago(shop)
    collected(shop, READ, "select * from item where name = $1", 1.0, 2.0, ahead=NOW)
    with db.Pool(shop.database.dsn("lc_agent")) as pool:
        with pool.database() as agent:
            create(agent, draft_of(replace(NAME, statement="ANALYZE shop.item", comment=None, undo=None)))
        duty = VerifyDuty("shop", pool, look=0.05)
        duty.begin()
        end = time.monotonic() + 20
        while shop.value(f"select effect from postai.proposals where id = {proposal}") is None:
            assert time.monotonic() < end
            duty.wake("")
            time.sleep(0.05)
        duty.end()
        duty.stop(Deadline.after(10))
