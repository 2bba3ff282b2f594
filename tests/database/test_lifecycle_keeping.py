"""Advice that comes again and again is one proposal: replaced, closed, noticed when done by hand, or kept silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from lifecycle_support import Shop, error_of, shop_clone, shop_template

from conftest import TestDatabase
from postai.optimize.drafts import drafts_of
from postai.optimize.types import Effect, Recommendation
from postai.proposals import KeptReport, keep

NAME = Recommendation(
    kind="create_index",
    object="shop.item",
    title="Index on item (name)",
    why="Found often by name.",
    statement="CREATE INDEX CONCURRENTLY item_name ON shop.item (name)",
    undo="DROP INDEX CONCURRENTLY shop.item_name",
    comment="COMMENT ON INDEX shop.item_name IS 'finds items by name'",
    saved_ms_per_day=1000.0,
    bytes=800_000,
    severity="HIGH",
    estimated_by="planner",
    effects=(Effect("42", 100.0, 12.0, 2.0),),
)
WIDER = replace(
    NAME,
    statement="CREATE INDEX CONCURRENTLY item_name_price ON shop.item (name, price)",
    undo="DROP INDEX CONCURRENTLY shop.item_name_price",
    comment=None,
)
PRICE = replace(NAME, statement="CREATE INDEX CONCURRENTLY item_price ON shop.item (price)", undo=None, comment=None)
ADVICE = Recommendation("setting", "shared_buffers", "More shared_buffers", "Too small.", "", severity="LOW")
ALL = frozenset({"create_index", "drop_index", "setting"})

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def said(shop: Shop, *recommendations: Recommendation, over: frozenset[str] = ALL) -> KeptReport:
    with shop.connect() as agent:
        return keep(agent, drafts_of(recommendations), over=over)


@both_servers
def test_the_same_advice_is_one_proposal(shop: Shop) -> None:
    first = said(shop, NAME, ADVICE, NAME)
    assert first.proposals == (1, 2, 1) and first.created == (1, 2)
    other_words = replace(NAME, statement=NAME.statement.replace("item_name", "renamed"), title="Other", why="Other.")
    again = said(shop, other_words, ADVICE)
    assert again == KeptReport(proposals=(1, 2))
    more = said(shop, replace(NAME, saved_ms_per_day=5000.0, title="Much better now"), ADVICE)
    assert more.refreshed == (1,) and more.created == ()
    columns = "title, object, severity, saved_ms_per_day, bytes, effect, steps"
    assert shop.sql(f"select {columns} from postai.proposals order by id", "lc_user") == [
        ("Much better now", "shop.item", "HIGH", 5000.0, 800_000, None, 2),
        ("More shared_buffers", "shared_buffers", "LOW", 0.0, 0, None, 0),
    ]
    assert shop.kinds(1) == ["proposal.created", "proposal.refreshed"]


@both_servers
def test_a_better_statement_replaces_and_what_is_said_no_more_is_closed(shop: Shop) -> None:
    said(shop, NAME, PRICE, ADVICE)
    report = said(shop, WIDER, ADVICE)
    assert (report.created, report.superseded, report.closed) == ((4,), (1, 2), ())
    columns = "id, outcome, superseded_by, reason"
    assert shop.sql(f"select {columns} from postai.proposal where state = 'closed' order by id") == [
        (1, "superseded", 4, "a better one took its place"), (2, "superseded", 4, "a better one took its place")
    ]  # fmt: skip
    assert said(shop, over=frozenset()) == KeptReport(proposals=())
    assert said(shop).closed == (3, 4)
    assert shop.value("select reason from postai.proposal where id = 4") == "no longer needed"
    shop.apply(said(shop, NAME).created[0])
    assert said(shop).closed == (), "what an operator approved is his"
    assert shop.problems() == []


def test_two_indexes_that_begin_alike_and_are_said_together_are_two(shop: Shop) -> None:
    statement = "CREATE INDEX CONCURRENTLY item_cheap ON shop.item (name) WHERE price < 5"
    partial = replace(NAME, statement=statement, comment=None)
    assert said(shop, NAME, partial).created == (1, 2)
    assert said(shop, partial, NAME) == KeptReport(proposals=(2, 1))


@both_servers
@pytest.mark.parametrize("name", ["item_name", "somebody_s_index"])
def test_an_index_that_somebody_made_is_noticed(shop: Shop, name: str) -> None:
    said(shop, NAME, PRICE)
    shop.sql(f"create index {name} on shop.item using btree (name)")
    report = said(shop, NAME, PRICE)
    assert report.by_hand == (1,) and report.proposals == (None, 2)
    assert report.refused == (("Index on item (name)", "it is there already"),)
    assert shop.sql("select outcome, reason from postai.proposal where id = 1") == [("applied", "done by hand")]
    assert shop.kinds(1)[1:] == ["proposal.applied", "proposal.noticed_by_hand"]
    detail = shop.value("select detail from postai.event where kind = 'proposal.noticed_by_hand'")
    assert detail["done_by"] == "not known"
    assert error_of(lambda: shop.sql("select postai.undo(1)", "lc_boss")).sqlstate == "55000"


def test_what_the_agent_began_is_not_taken_for_somebody_s(shop: Shop) -> None:
    comment = "COMMENT ON INDEX shop.item_pkey IS 'the key'"
    said(shop, replace(NAME, comment=comment))
    shop.apply(1)
    with shop.holding("comment on index shop.item_pkey is 'being written'"):
        result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA009" and shop.indexes() == [("item_name", True)]
    report = said(shop, replace(NAME, comment=comment))
    assert report.by_hand == () and report.proposals == (1,)
    assert shop.proposal(1) == ("approved", None)


def test_an_index_that_somebody_dropped_is_noticed_and_a_dropped_table_closes(shop: Shop) -> None:
    shop.sql("create index item_note on shop.item (note)")
    drop = Recommendation(
        "drop_index", "shop.item_note", "Drop item_note", "Never scanned.", "DROP INDEX CONCURRENTLY shop.item_note",
        undo="CREATE INDEX CONCURRENTLY item_note ON shop.item (note)", bytes=-900_000,
    )  # fmt: skip
    said(shop, drop, NAME)
    assert shop.value("select risk from postai.proposals where id = 1") == "medium"
    shop.sql("drop index shop.item_note")
    assert said(shop, NAME).by_hand == (1,)
    shop.sql("drop table shop.item")
    report = said(shop, over=frozenset())
    assert report.closed == (2,)
    assert "does not exist" in shop.value("select reason from postai.proposal where id = 2")


def test_a_table_that_was_changed_gets_a_new_proposal(shop: Shop) -> None:
    said(shop, NAME)
    shop.sql("alter table shop.item add column weight int")
    report = said(shop, NAME)
    assert (report.created, report.superseded) == ((2,), (1,))
    shop.apply(2)
    assert shop.run().state == "done"


def test_what_was_dismissed_is_not_proposed_again_for_a_while(shop: Shop) -> None:
    said(shop, NAME)
    shop.sql("select postai.dismiss(1, 'not now')", "lc_boss")
    assert said(shop, NAME) == KeptReport(proposals=(None,), silenced=(1,))
    assert said(shop, replace(NAME, saved_ms_per_day=2900.0)).silenced == (1,)
    assert said(shop, WIDER).created == (2,), "something else is proposed"
    grown = said(shop, replace(NAME, saved_ms_per_day=3100.0))
    assert (grown.created, grown.superseded) == ((3,), (2,))
    shop.sql("select postai.dismiss(3, 'still not')", "lc_boss")
    assert said(shop, NAME).silenced == (3,)
    shop.sql("update postai.proposal set closed_at = now() - interval '31 days'")
    assert said(shop, NAME).created == (4,)


def test_what_was_undone_is_not_proposed_again(shop: Shop) -> None:
    said(shop, NAME)
    shop.apply(1)
    assert shop.run().state == "done"
    assert shop.value("select obj_description('shop.item_name'::regclass)") == "finds items by name"
    shop.value("select postai.undo(1)", "lc_boss")
    assert shop.run().state == "done" and shop.indexes() == []
    assert said(shop, NAME).silenced == (1,)


def test_advice_without_a_statement_is_closed_by_hand(shop: Shop) -> None:
    said(shop, ADVICE)
    error = error_of(lambda: shop.apply(1))
    assert error.sqlstate == "55000" and "done_by_hand(1" in (error.diag.message_hint or "")
    shop.sql("select postai.done_by_hand(1, 'set to 4 GB')", "lc_boss")
    assert shop.proposal(1) == ("closed", "applied")


def test_what_cannot_be_proposed_is_told_and_the_rest_is_kept(shop: Shop) -> None:
    gone = replace(NAME, statement="CREATE INDEX CONCURRENTLY x ON shop.gone (a)", comment=None)
    never = replace(NAME, statement="ALTER SYSTEM SET work_mem = '1GB'", comment=None)
    report = said(shop, gone, never, PRICE)
    assert report.proposals == (None, None, 1)
    assert [reason for _, reason in report.refused] == ["shop.gone does not exist", "ALTER SYSTEM cannot be proposed"]


def test_the_words_of_a_decided_proposal_stay(shop: Shop) -> None:
    said(shop, NAME)
    shop.apply(1)
    error = error_of(lambda: shop.sql("update postai.proposal set why = 'other' where id = 1", "lc_agent"))
    assert error.sqlstate == "55000" and error.diag.message_hint == "Make a new proposal."


def test_partitioned_tables_get_their_index_in_steps(shop: Shop) -> None:
    shop.sql(
        "create table shop.log (at date, what text) partition by range (at);"
        "create table shop.log_1 partition of shop.log for values from ('2026-01-01') to ('2026-02-01');"
        "create table shop.log_2 partition of shop.log for values from ('2026-02-01') to ('2026-03-01');"
        "insert into shop.log select '2026-01-01'::date + i % 59, i::text from generate_series(1, 1000) i;"
        "alter table shop.log owner to lc_owner; alter table shop.log_1 owner to lc_owner;"
        "alter table shop.log_2 owner to lc_owner"
    )
    parent = ("CREATE INDEX log_what ON ONLY shop.log (what)", "DROP INDEX shop.log_what")
    steps = [parent]
    for leaf in ("log_1", "log_2"):
        create = f"CREATE INDEX CONCURRENTLY {leaf}_what ON shop.{leaf} (what)"
        steps.append((create, f"DROP INDEX CONCURRENTLY shop.{leaf}_what"))
    steps += [
        (f"ALTER INDEX shop.log_what ATTACH PARTITION shop.{leaf}_what", parent[1]) for leaf in ("log_1", "log_2")
    ]
    listed = [{"statement": statement, "undo": undo} for statement, undo in steps]
    log = replace(NAME, object="shop.log", statement="", comment=None, evidence={"steps": listed})
    assert said(shop, log).created == (1,)
    assert said(shop, log).proposals == (1,)
    shop.apply(1)
    assert shop.run().state == "done"
    assert [shop.indexes(f"shop.{one}") for one in ("log", "log_1")] == [[("log_what", True)], [("log_1_what", True)]]
    shop.value("select postai.undo(1)", "lc_boss")
    result = shop.run()
    assert result.state == "done", result
    assert [shop.indexes(f"shop.{one}") for one in ("log", "log_1", "log_2")] == [[], [], []]
    shop.sql("update postai.proposal set closed_at = now() - interval '31 days'")
    assert said(shop, log).created == (2,)
    shop.sql("create index by_hand on shop.log (what)")
    assert said(shop, log).by_hand == (2,)
