"""What changes brought that promise nothing to single statements, and what the planner says of a new index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lifecycle_support import Shop, draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.history.store import write_statements, write_texts
from postai.history.types import Statement, StatementKey, StatementWindow
from postai.proposals import Draft, DraftStep
from postai.proposals.verification import LONGEST_WAIT, Measurement, measure_due

READ = 4242
BY_NAME = "select * from shop.item where name = $1"
LATER = timedelta(hours=3)

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def history(shop: Shop, queryid: int, query: str, before_ms: float, after_ms: float, table: str = "shop.item") -> None:
    """A statement that was called 100 times in each of ten intervals, an hour before now and two hours after."""
    oid = shop.value("select oid::int8 from pg_database where datname = current_database()")
    key = StatementKey(queryid, 10, oid, True)
    now = datetime.now(UTC)
    usage = {table: {"filters": ["name"]}}
    with shop.connect() as agent:
        for middle, ms in ((now - timedelta(hours=1), before_ms), (now + timedelta(hours=2), after_ms)):
            ends = [middle + timedelta(minutes=n) for n in range(10)]
            windows = [StatementWindow(key, query, at - timedelta(minutes=1), at, 100, ms * 100) for at in ends]
            write_statements(agent, windows)
        write_texts(agent, [Statement(key, query, usage=usage)])


def done(shop: Shop, one: Draft) -> int:
    proposal = shop.create(one)
    shop.apply(proposal)
    result = shop.run()
    assert result.state == "done", result
    return proposal


def measured(shop: Shop, ahead: timedelta = LATER) -> Measurement:
    with shop.connect() as agent:
        (one,) = measure_due(agent, datetime.now(UTC) + ahead)
    return one


def drop(**evidence: Any) -> Draft:
    step = DraftStep(
        "DROP INDEX CONCURRENTLY shop.item_name", undo="CREATE INDEX CONCURRENTLY item_name ON shop.item (name)"
    )
    evidence = {"object": "shop.item_name", "table": "shop.item", "bytes": -600_000, "effects": [], **evidence}
    return Draft(kind="drop_index", title="Drop it", why="unused", steps=(step,), evidence=evidence)


@both_servers
def test_a_dropped_index_that_was_needed_is_proposed_again(shop: Shop) -> None:
    shop.sql("create index item_name on shop.item (name)")
    history(shop, READ, BY_NAME, 2.0, 25.0)
    proposal = done(shop, drop())
    one = measured(shop)
    assert one.verdict.state == "worse" and str(READ) in one.verdict.reason, one
    statements, undoes = shop.sql(f"select statements, undoes from postai.proposals where id = {one.undo}")[0]
    assert (statements, undoes) == (["CREATE INDEX CONCURRENTLY item_name ON shop.item (name)"], proposal)
    shop.apply(one.undo or 0)
    assert shop.run().state == "done" and shop.indexes() == [("item_name", True)]


def test_a_dropped_index_that_nobody_needed_freed_its_bytes(shop: Shop) -> None:
    shop.sql("create index item_name on shop.item (name)")
    history(shop, READ, BY_NAME, 2.0, 2.3)
    proposal = done(shop, drop())
    one = measured(shop)
    assert (one.verdict.state, one.undo) == ("helped", None) and (one.verdict.bytes or 0) < -500_000, one
    columns = "effect, bytes, measured_bytes < -500000, measured_reason like 'no statement%'"
    assert shop.sql(f"select {columns} from postai.proposals where id = {proposal}", "lc_reader") == [
        ("helped", -600_000, True, True)
    ]


@pytest.mark.parametrize(("slower", "state"), [(1.8, "helped"), (4.0, "unknown")])
def test_a_machine_that_got_slower_as_a_whole_is_no_verdict(shop: Shop, slower: float, state: str) -> None:
    shop.sql("create index item_name on shop.item (name)")
    history(shop, READ, BY_NAME, 2.0, 2.0 * slower)
    for number in range(1, 8):
        history(shop, number, f"select {number} from shop.other", 1.0, slower, table="shop.other")
    done(shop, drop())
    one = measured(shop, timedelta(seconds=LONGEST_WAIT + 60))
    assert (one.verdict.state, one.undo) == (state, None), one
    assert one.verdict.statements[0].after_ms == pytest.approx(2.0 if state == "helped" else 8.0)


@both_servers
def test_indexes_of_the_same_hour_do_not_condemn_each_other(shop: Shop) -> None:
    """Statements of two other tables got far faster: one by a proposal, one by an index that somebody made by hand."""
    shop.sql(
        "set role lc_owner; create table shop.parcel (id int, name text); create table shop.visit (id int, name text);"
        "create view shop.parcels as select * from shop.parcel"
    )
    shop.sql("insert into postai.seen_index (index_oid, table_oid, index_name, definition, first_seen)"
             " values (1, 1, 'old', 'old', now() - interval '9 days'),"
             " (2, 'shop.visit'::regclass, 'shop.v', 'new', now() + interval '1 h')")  # fmt: skip
    made = []
    for number, table in enumerate(("item", "parcel")):
        statement = f"CREATE INDEX CONCURRENTLY {table}_name ON shop.{table} (name)"
        undo = f"DROP INDEX CONCURRENTLY shop.{table}_name"
        effect = {"id": str(READ + number), "calls_per_day": 5000.0, "before_ms": 100.0, "after_ms": 1.0}
        made.append(shop.create(draft((statement, undo), kind="create_index", evidence={"effects": [effect]})))
        history(shop, READ + number, f"select * from shop.{table} where name = $1", 100.0, 1.0, table=f"shop.{table}")
    for number, table in enumerate(("parcel", "parcels", "visit") * 3):
        history(shop, number + 1, f"select {number} from shop.{table}", 100.0, 1.0, table=f"shop.{table}")
    for proposal in made:
        shop.apply(proposal)
        assert shop.run().state == "done"
    with shop.database.connect() as connection:
        connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        connection.execute("select from shop.item where name = 'a'; select from shop.parcel where name = 'a'")
    with shop.connect() as agent:
        found = measure_due(agent, datetime.now(UTC) + LATER)
    assert [(one.proposal, one.verdict.state, one.undo) for one in found] == [(one, "helped", None) for one in made]


@both_servers
def test_vacuum_and_reindex_are_measured_by_what_they_left(shop: Shop) -> None:
    shop.sql("alter table shop.item set (autovacuum_enabled = false)")
    shop.sql("create index item_name on shop.item (name); analyze shop.item")
    shop.sql("delete from shop.item where id % 2 = 0")
    proposal = done(shop, draft("VACUUM (ANALYZE) shop.item", kind="vacuum"))
    one = measured(shop)
    assert one.verdict.state == "helped" and "from 10,000 to 0 dead rows" in one.verdict.reason, one
    found = shop.value(f"select measured from postai.proposals where id = {proposal}", "lc_boss")
    assert [found["tables"][at][0]["dead_rows"] for at in ("before", "after")] == [10_000, 0]
    rebuild = "REINDEX INDEX CONCURRENTLY shop.item_name"
    done(shop, draft(rebuild, kind="reindex", evidence={"bytes": -300_000}))
    one = measured(shop)
    assert one.verdict.state == "helped" and (one.verdict.bytes or 0) < -200_000, one


def test_settings_of_autovacuum_are_judged_by_whether_it_came(shop: Shop) -> None:
    change = ("ALTER TABLE shop.item SET (autovacuum_vacuum_cost_limit = 2000)",
              "ALTER TABLE shop.item RESET (autovacuum_vacuum_cost_limit)")  # fmt: skip
    shop.sql("update shop.item set price = 1 where id <= 5000; analyze shop.item")
    done(shop, draft(change, kind="autovacuum"))
    with shop.connect() as agent:
        assert measure_due(agent, datetime.now(UTC) + LATER) == (), "it may still come"
    shop.sql("vacuum shop.item")
    one = measured(shop)
    assert one.verdict.state == "helped" and "1 vacuums since" in one.verdict.reason, one


def test_settings_that_changed_nothing_are_taken_back(shop: Shop) -> None:
    shop.sql("alter table shop.item set (autovacuum_enabled = false)")
    change = ("ALTER TABLE shop.item SET (autovacuum_vacuum_cost_limit = 2000)",
              "ALTER TABLE shop.item RESET (autovacuum_vacuum_cost_limit)")  # fmt: skip
    done(shop, draft(change, kind="autovacuum"))
    shop.sql("update shop.item set price = 1 where id <= 5000")
    one = measured(shop, timedelta(seconds=LONGEST_WAIT + 60))
    assert one.verdict.state == "no effect" and one.undo is not None, one


def test_what_cannot_be_measured_is_said_once(shop: Shop) -> None:
    proposal = done(shop, draft("ALTER TABLE shop.item ADD COLUMN added int", kind="change"))
    one = measured(shop)
    assert one.verdict.state == "unknown" and "kind change" in one.verdict.reason
    assert shop.value(f"select effect from postai.proposals where id = {proposal}") == "unknown"
    with shop.connect() as agent:
        assert measure_due(agent, datetime.now(UTC) + LATER) == ()


def gin(shop: Shop, query: str) -> int:
    """A GIN index that a model advised for a statement."""
    shop.sql("alter table shop.item add tags text[]; update shop.item set tags = array[(id % 500)::text]")
    shop.sql("analyze shop.item; grant select on shop.item to lc_agent")
    history(shop, READ, query, 20.0, 20.0)
    effects = [{"id": str(READ), "calls_per_day": 1000.0, "before_ms": 20.0, "after_ms": 1.0}]
    evidence = {"object": "shop.item", "estimated_by": "model", "effects": effects}
    step = DraftStep(
        "CREATE INDEX CONCURRENTLY item_tags ON shop.item USING gin (tags)",
        undo="DROP INDEX CONCURRENTLY shop.item_tags",
    )
    return done(shop, Draft("create_index", "Tags", "slow", (step,), evidence))


@both_servers
def test_the_planner_confirms_an_index_that_a_model_advised(shop: Shop) -> None:
    proposal = gin(shop, "select id from shop.item where tags @> $1")
    one = measured(shop, timedelta())
    assert (one.verdict.state, one.undo) == ("confirmed", None), one
    found = shop.value(f"select measured from postai.proposals where id = {proposal}", "lc_boss")
    assert found["planner"][0]["indexes"] == ["item_tags"] and found["planner"][0]["cost"] > 0
    final = measured(shop)
    assert final.verdict.state == "no effect", "times are measured later all the same"
    found = shop.value(f"select measured from postai.proposals where id = {proposal}", "lc_boss")
    assert found["planner"][0]["indexes"] == ["item_tags"]


def test_an_index_that_the_planner_does_not_use_is_taken_back_at_once(shop: Shop) -> None:
    gin(shop, "select id from shop.item where name = $1")
    one = measured(shop, timedelta())
    assert one.verdict.state == "no effect" and "none of 1" in one.verdict.reason
    assert shop.value(f"select title from postai.proposals where id = {one.undo}") == (
        "Drop index shop.item_tags: it did not help"
    )


def test_an_archive_with_rows_of_others_is_not_dropped(shop: Shop) -> None:
    move = "WITH moved AS (DELETE FROM shop.{} WHERE id <= 5 RETURNING *) INSERT INTO shop.{} SELECT * FROM moved"
    steps = (
        DraftStep(
            "CREATE TABLE shop.item_archive (LIKE shop.item)",
            undo="DROP TABLE shop.item_archive",
            undo_precondition="SELECT NOT EXISTS (SELECT FROM shop.item_archive)",
        ),
        DraftStep(move.format("item", "item_archive"), undo=move.format("item_archive", "item")),
    )
    proposal = done(shop, draft(*steps, kind="archive"))
    assert measured(shop).verdict.state in ("helped", "no effect")
    shop.sql("insert into shop.item_archive (id) values (77777)")
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA008" and "precondition" in result.error.message
    assert shop.sql("select id from shop.item_archive") == [(77777,)]
    shop.sql("delete from shop.item_archive")
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done" and shop.value("select to_regclass('shop.item_archive')") is None
    assert shop.value("select count(*) from shop.item") == 20_000


def test_what_blocked_an_action_is_not_shown_once_it_has_ended(shop: Shop) -> None:
    proposal = done(shop, draft("ANALYZE shop.item"))
    shop.sql("""update postai.action set progress = '{"blockers": [{"pid": 1}]}'""")
    shown = shop.sql(f"select state, blockers from postai.actions where proposal = {proposal}", "lc_boss")
    assert shown == [("done", None)]
