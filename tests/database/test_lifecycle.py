"""The life of a proposal on real servers: proposed, applied, verified, undone; and every way in which it may not go."""

from __future__ import annotations

import pytest
from lifecycle_support import INDEX, OPTIONS, Shop, draft, error_of, index_draft, open_shop

from conftest import TestDatabase
from postai.errors import Refused
from postai.proposals import Measured, UnknownObject


@pytest.fixture
def shop(database: TestDatabase) -> Shop:
    return open_shop(database)


def test_an_index_is_proposed_applied_verified_and_undone(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    assert shop.sql(
        f"select title, state, steps, done, statements, objects from postai.proposals where id = {proposal}"
    ) == [("Index on item.name", "open", 1, 0, [INDEX], ["shop.item"])]
    action = shop.apply(proposal)
    assert shop.action(action)["state"] == "queued" and shop.proposal(proposal) == ("approved", None)
    assert shop.indexes() == []

    result = shop.run()
    assert (result.state, result.kind, result.error) == ("done", "apply", None)
    assert shop.indexes() == [("item_name", True)]
    assert shop.value("select tableowner from pg_tables where tablename = 'item'") == "lc_owner"
    assert shop.proposal(proposal) == ("closed", "applied")
    measured = shop.value(f"select measured from postai.actions where id = {action}", "lc_boss")
    assert measured["steps"][0]["estimated_ms"] == 500 and measured["elapsed_ms"] >= 0

    undo = shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done"
    assert shop.indexes() == [] and shop.proposal(proposal) == ("closed", "undone")
    assert shop.action(undo)["kind"] == "undo"
    assert shop.kinds(proposal) == [
        "proposal.created", "proposal.approved", "action.queued", "action.running", "step.started", "step.done",
        "action.verifying", "action.done", "proposal.applied",
        "action.queued", "action.running", "step.started", "step.undone", "action.verifying", "action.done",
        "proposal.undone",
    ]  # fmt: skip
    assert shop.problems() == []
    assert shop.sql("select distinct actor from postai.event where kind = 'proposal.approved'") == [("lc_boss",)]


def test_new_objects_get_the_owner_of_their_schema(shop: Shop) -> None:
    result = shop.apply_and_run(
        draft(
            "CREATE TABLE shop.tag (id bigint PRIMARY KEY, item bigint REFERENCES shop.item)",
            "CREATE INDEX CONCURRENTLY tag_item ON shop.tag (item)",
            "ALTER TABLE shop.item ADD COLUMN weight integer",
        )
    )
    assert result.state == "done", result
    assert shop.value("select tableowner from pg_tables where tablename = 'tag'") == "lc_owner"
    assert shop.indexes("shop.tag") == [("tag_item", True)]


def test_a_failing_step_leaves_nothing_and_can_be_applied_again(shop: Shop) -> None:
    proposal = shop.create(
        draft(
            ("ALTER TABLE shop.item ADD COLUMN weight integer", "ALTER TABLE shop.item DROP COLUMN weight"),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY item_price ON shop.item (price)",
                "DROP INDEX CONCURRENTLY shop.item_price",
            ),
        )
    )
    action = shop.apply(proposal)
    result = shop.run()
    assert result.state == "failed" and result.error is not None and result.error.sqlstate == "23505"
    assert shop.indexes() == [], "the broken index must be gone"
    assert shop.proposal(proposal) == ("approved", None)
    assert error_of(lambda: shop.database.execute(f"call postai.wait({action})", "lc_boss")).sqlstate == "23505"
    assert shop.value(f"select error -> 'detail' is null from postai.actions where id = {action}", "lc_reader")

    shop.sql("update shop.item set price = id")
    shop.apply(proposal)
    assert shop.run().state == "done"
    assert shop.indexes() == [("item_price", True)]
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done"
    assert (
        shop.value("select count(*) from pg_attribute where attrelid = 'shop.item'::regclass and attname = 'weight'")
        == 0
    )


def test_a_partly_applied_proposal_can_be_undone(shop: Shop) -> None:
    proposal = shop.create(
        draft(
            ("ALTER TABLE shop.item ADD COLUMN weight integer", "ALTER TABLE shop.item DROP COLUMN weight"),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY item_price ON shop.item (price)",
                "DROP INDEX CONCURRENTLY shop.item_price",
            ),
        )
    )
    shop.apply(proposal)
    assert shop.run().state == "failed"
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done" and shop.proposal(proposal) == ("closed", "undone")
    assert (
        shop.value("select count(*) from pg_attribute where attrelid = 'shop.item'::regclass and attname = 'weight'")
        == 0
    )


@pytest.mark.parametrize(
    "change",
    ["drop table shop.item", "drop table shop.item; create table shop.item (id int, name text)",
     "alter table shop.item rename column note to remark", "alter table shop.item rename to thing"],
)  # fmt: skip
def test_a_changed_table_makes_a_proposal_stale_at_the_queue_and_at_the_run(shop: Shop, change: str) -> None:
    early, late = shop.create(index_draft()), shop.create(index_draft())
    action = shop.apply(late)
    shop.sql(change)
    error = error_of(lambda: shop.apply(early))
    assert error.sqlstate == "PA008" and "ask for a new one" in (error.diag.message_hint or "")
    result = shop.run()
    assert result.state == "failed" and result.error is not None and result.error.sqlstate == "PA008"
    assert shop.action(action)["error"]["sqlstate"] == "PA008"
    if change.startswith("alter"):
        assert shop.value("select count(*) from pg_class where relname = 'item_name'") == 0


def test_another_index_does_not_make_a_proposal_stale(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    shop.sql("create index other on shop.item (price)")
    shop.apply(proposal)
    assert shop.run().state == "done"


def test_an_index_of_another_definition_under_the_name_is_left_alone(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    shop.apply(proposal)
    shop.sql("create index item_name on shop.item (price)")
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA008"
    assert "(price)" in (result.error.detail or "") and shop.indexes() == [("item_name", True)]


def test_an_index_that_somebody_made_meanwhile_is_accepted_and_not_undone(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    shop.apply(proposal)
    shop.sql("create index item_name on shop.item (name)")
    assert shop.run().state == "done" and shop.proposal(proposal) == ("closed", "applied")
    error = error_of(lambda: shop.sql(f"select postai.undo({proposal})", "lc_boss"))
    assert error.sqlstate == "55000" and shop.indexes() == [("item_name", True)]


def test_a_false_precondition_is_stale_and_a_false_postcondition_is_rolled_back(shop: Shop) -> None:
    from postai.proposals import DraftStep

    add = "ALTER TABLE shop.item ADD COLUMN weight integer"
    result = shop.apply_and_run(draft(DraftStep(add, precondition="SELECT count(*) = 0 FROM shop.item")))
    assert result.error is not None and result.error.sqlstate == "PA008"
    result = shop.apply_and_run(draft(DraftStep(add, postcondition="SELECT count(*) = 0 FROM shop.item")))
    assert result.error is not None and result.error.sqlstate == "PA010"
    assert (
        shop.value("select count(*) from pg_attribute where attrelid = 'shop.item'::regclass and attname = 'weight'")
        == 0
    )


def test_a_condition_that_changes_something_is_refused(shop: Shop) -> None:
    from postai.proposals import DraftStep

    add = "ALTER TABLE shop.item ADD COLUMN weight integer"
    for condition in (
        "DELETE FROM shop.item",
        "SELECT set_config('a.b', 'c', false) = ''",
        "SELECT pg_sleep(1) IS NULL",
    ):
        with pytest.raises(Refused):
            shop.create(draft(DraftStep(add, postcondition=condition)))


def test_unknown_and_unqualified_names_are_refused_at_create(shop: Shop) -> None:
    with pytest.raises(UnknownObject):
        shop.create(draft("ALTER TABLE shop.nothing ADD COLUMN a int"))
    with pytest.raises(Refused) as caught:
        shop.create(draft("ALTER TABLE item ADD COLUMN a int"))
    assert "schema.item" in (caught.value.hint or "")
    with pytest.raises(Refused):
        shop.create(draft("CREATE INDEX CONCURRENTLY IF NOT EXISTS item_name ON shop.item (name)"))
    assert shop.value("select count(*) from postai.proposal") == 0


def test_a_verifier_measures_and_can_find_a_regression(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    action = shop.apply(proposal)
    result = shop.run(verifiers={"index": lambda _, __: Measured({"gain": -0.5}, "reads became slower")})
    assert result.state == "regressed" and shop.proposal(proposal) == ("closed", "applied")
    assert shop.action(action)["measured"]["gain"] == -0.5
    assert shop.action(action)["measured"]["regression"] == "reads became slower"


def test_a_newer_proposal_supersedes_an_open_one(shop: Shop) -> None:
    old = shop.create(index_draft())
    new = shop.create(index_draft(supersedes=old))
    assert shop.proposal(old) == ("closed", "superseded")
    assert shop.value(f"select superseded_by from postai.proposals where id = {old}") == new


def test_done_by_hand_and_dismiss_need_a_reason_and_end_it(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    assert error_of(lambda: shop.sql(f"select postai.dismiss({proposal}, ' ')", "lc_boss")).sqlstate == "22023"
    shop.sql(f"select postai.dismiss({proposal}, 'not now')", "lc_boss")
    assert shop.sql(f"select outcome, reason from postai.proposals where id = {proposal}") == [("dismissed", "not now")]
    for verb in ("apply({})", "approve({})", "dismiss({}, 'x')", "done_by_hand({}, 'x')", "undo({})"):
        error = error_of(lambda verb=verb: shop.sql(f"select postai.{verb.format(proposal)}", "lc_boss"))
        assert error.sqlstate == "55000" and error.diag.message_hint
    other = shop.create(index_draft())
    shop.sql(f"select postai.done_by_hand({other}, 'in the release')", "lc_boss")
    assert shop.proposal(other) == ("closed", "applied")


def test_apply_twice_is_one_action(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    action = shop.apply(proposal)
    error = error_of(lambda: shop.apply(proposal))
    assert error.sqlstate == "55000" and f"postai.wait({action})" in (error.diag.message_hint or "")


def test_apply_in_a_transaction_that_rolls_back_leaves_no_trace(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    with shop.holding(f"select postai.apply({proposal})", user="lc_boss"):
        pass
    assert shop.proposal(proposal) == ("open", None) and shop.kinds(proposal) == ["proposal.created"]
    assert shop.runner().run_next(_soon()) is None


def test_an_open_transaction_of_an_operator_does_not_hold_up_the_log(shop: Shop) -> None:
    first, second = shop.create(index_draft()), shop.create(draft("ALTER TABLE shop.item ADD COLUMN weight integer"))
    shop.apply(second)
    with shop.holding(f"select postai.apply({first})", user="lc_boss"):
        assert shop.run().state == "done"
    assert shop.problems() == []


def test_apply_wakes_the_agent(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    with shop.database.connect() as listener:
        listener.execute("listen postai_action")
        action = shop.apply(proposal)
        assert [n.payload for n in listener.notifies(timeout=2, stop_after=1)] == [str(action)]


def test_the_agent_is_never_a_superuser(shop: Shop) -> None:
    from postai import database as db
    from postai.errors import NotPermitted
    from postai.proposals import Runner

    shop.apply(shop.create(index_draft()))
    with pytest.raises(NotPermitted):
        Runner(lambda: db.connect(shop.database.dsn()), "root", options=OPTIONS).run_next(_soon())
    assert shop.indexes() == []


def _soon():  # type: ignore[no-untyped-def]
    from postai.deadline import Deadline

    return Deadline.after(30)
