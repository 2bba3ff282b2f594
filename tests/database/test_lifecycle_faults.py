"""Index proposals that meet locks, full disks, double values, dying agents and changed tables leave nothing broken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lifecycle_support import OPTIONS, Shop, draft, error_of, shop_clone, shop_template
from planned_support import tiny_tablespace, wait_for

from conftest import TestDatabase
from postai.optimize.drafts import draft_of
from postai.optimize.types import Recommendation

HERE = Path(__file__).parent
NOTE = Recommendation(
    kind="create_index", object="shop.item", title="Index on item (note)", why="Found often by note.",
    statement="CREATE INDEX CONCURRENTLY item_note ON shop.item (note)", undo="DROP INDEX CONCURRENTLY shop.item_note",
    comment="COMMENT ON INDEX shop.item_note IS 'finds items by note'",
)  # fmt: skip
BROKEN = "select count(*) from pg_index where not indisvalid"
OLD_SNAPSHOT = ("begin isolation level repeatable read", "select 1 from pg_class limit 1")
COMMENT = "select obj_description('shop.item_note'::regclass)"


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(request.param))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def test_a_lock_held_for_long_names_its_holder_and_what_is_left_goes_later(shop: Shop) -> None:
    proposal = shop.create(draft_of(NOTE))
    shop.apply(proposal)
    impatient = replace(OPTIONS, concurrent_lock_timeout=0.5, lock_patience=0.2)
    with shop.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1") as holder:
        result = shop.run(options=impatient)
        assert result.state == "failed" and result.error is not None and result.error.sqlstate == "PA009"
        assert f"backend {holder.info.backend_pid} of postgres" in (result.error.detail or "")
        assert "DROP INDEX CONCURRENTLY IF EXISTS shop.item_note;" in (result.error.hint or "")
        # Not even DROP INDEX gets past that transaction.
        shop.runner(options=impatient).tend()
        assert shop.indexes() == [("item_note", False)]
    shop.runner().tend()
    assert shop.indexes() == [] and shop.proposal(proposal) == ("approved", None)
    assert shop.value("select checkpoint ->> 'phase' from postai.action") == "cleaned"
    shop.apply(proposal)
    assert shop.run().state == "done" and shop.value(COMMENT) == "finds items by note"


def test_a_locked_table_does_not_hold_up_looking(shop: Shop) -> None:
    shop.sql("set role lc_owner; create index item_note on shop.item (note)")
    drop = shop.create(draft("DROP INDEX CONCURRENTLY shop.item_note", kind="drop_index"))
    with shop.holding("lock table shop.item in access exclusive mode") as holder:
        shop.apply(drop)
        result = shop.run(options=replace(OPTIONS, concurrent_lock_timeout=0.3, lock_patience=0.2))
        assert result.error is not None and result.error.sqlstate == "PA009"
        assert f"backend {holder.info.backend_pid} of postgres" in (result.error.detail or "")
    shop.apply(drop)
    assert shop.run().state == "done" and shop.indexes() == []


def test_a_full_disk_leaves_nothing(shop: Shop) -> None:
    proposal = shop.create(draft_of(NOTE))
    with tiny_tablespace(shop):
        shop.apply(proposal)
        result = shop.run()
        assert result.error is not None and result.error.sqlstate == "53100", result
        assert shop.indexes() == [] and shop.value(BROKEN) == 0
    shop.apply(proposal)
    assert shop.run().state == "done"


def test_a_limit_of_temporary_files_leaves_nothing(shop: Shop) -> None:
    for setting in ("temp_file_limit = '64kB'", "maintenance_work_mem = '1MB'"):
        shop.sql(f'alter role lc_agent in database "{shop.database.name}" set {setting}')
    shop.apply(shop.create(draft_of(NOTE)))
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "53400", result
    assert shop.indexes() == []


def test_double_values_leave_nothing(shop: Shop) -> None:
    unique = replace(NOTE, statement="CREATE UNIQUE INDEX CONCURRENTLY item_note ON shop.item (price)")
    action = shop.apply(shop.create(draft_of(unique)))
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "23505" and shop.indexes() == []
    assert shop.value(f"select error -> 'detail' is null from postai.actions where id = {action}", "lc_reader")


def test_an_agent_killed_in_mid_build_is_continued_up_to_the_comment(shop: Shop) -> None:
    proposal = shop.create(draft_of(NOTE))
    shop.apply(proposal)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
        "LIFECYCLE_DSN": shop.database.dsn("lc_agent"),
        "LIFECYCLE_DIE_AT": "0",
    }
    with shop.holding(*OLD_SNAPSHOT):
        process = subprocess.Popen([sys.executable, str(HERE / "lifecycle_worker.py")], env=environment)
        wait_for(lambda: shop.indexes() == [("item_note", False)])
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        # Its backend waits for the transaction, and does not know yet.
        shop.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'CREATE INDEX%' "
                 "and datname = current_database()")  # fmt: skip
        wait_for(lambda: shop.runner("second").recover() == 1)
        shop.sql("update postai.action set lease_until = now()")
    assert shop.run(name="second").state == "done"
    assert shop.indexes() == [("item_note", True)] and shop.value(COMMENT) == "finds items by note"
    assert shop.kinds(proposal).count("step.done") == 2 and shop.problems() == []


@pytest.mark.parametrize("name", ["item_note", "somebody_s_index"])
def test_an_index_that_exists_already_is_found(shop: Shop, name: str) -> None:
    proposal = shop.create(draft_of(NOTE))
    action = shop.apply(proposal)
    shop.sql(f"set role lc_owner; create index {name} on shop.item using btree (note)")
    result = shop.run()
    assert result.state == "done", result
    assert shop.indexes() == [(name, True)] and shop.proposal(proposal) == ("closed", "applied")
    assert shop.action(action)["error"] is None


def test_a_table_that_vanished_is_stale_at_the_queue_and_at_the_run(shop: Shop) -> None:
    early, late = shop.create(draft_of(NOTE)), shop.create(draft_of(replace(NOTE, title="late")))
    action = shop.apply(late)
    shop.sql("drop table shop.item")
    error = error_of(lambda: shop.apply(early))
    assert error.sqlstate == "PA008" and "shop.item does not exist" in (error.diag.message_primary or "")
    assert shop.run().state == "failed"
    waited = error_of(lambda: shop.sql(f"call postai.wait({action})", "lc_boss"))
    assert waited.sqlstate == "PA008" and waited.diag.message_hint == "Dismiss it and ask for a new one."


def test_a_reindex_that_is_cut_off_leaves_no_copy(shop: Shop) -> None:
    shop.sql("set role lc_owner; create index item_note on shop.item (note)")
    proposal = shop.create(draft("REINDEX INDEX CONCURRENTLY shop.item_note", kind="reindex"))
    shop.apply(proposal)
    with shop.holding(*OLD_SNAPSHOT):
        result = shop.run(options=replace(OPTIONS, statement_timeout=0.7))
    assert result.error is not None and result.error.sqlstate == "57014"
    assert shop.indexes() == [("item_note", True)] and shop.value(BROKEN) == 0
    shop.apply(proposal)
    with shop.holding("begin isolation level repeatable read", "select 1 from shop.item limit 1"):
        result = shop.run(options=replace(OPTIONS, concurrent_lock_timeout=0.5, lock_patience=0.2))
        assert result.error is not None and result.error.sqlstate == "PA009"
        assert "as soon as it can" in (result.error.hint or "") and shop.value(BROKEN) == 1
    shop.runner().tend()
    assert shop.indexes() == [("item_note", True)] and shop.value(BROKEN) == 0
    shop.apply(proposal)
    assert shop.run().state == "done" and shop.problems() == []


def test_steps_on_partitions_go_on_where_they_failed_or_are_taken_back(shop: Shop) -> None:
    shop.sql(
        "set role lc_owner; create table shop.log (at date, what text) partition by range (at);"
        "create table shop.log_1 partition of shop.log for values from ('2026-01-01') to ('2026-02-01');"
        "create table shop.log_2 partition of shop.log for values from ('2026-02-01') to ('2026-03-01');"
    )
    listed = [
        {"statement": "CREATE INDEX log_what ON ONLY shop.log (what)", "undo": "DROP INDEX IF EXISTS shop.log_what"}
    ]
    for leaf in ("log_1", "log_2"):
        create = f"CREATE INDEX CONCURRENTLY {leaf}_what ON shop.{leaf} (what)"
        attach = f"ALTER INDEX shop.log_what ATTACH PARTITION shop.{leaf}_what"
        listed += [{"statement": create}, {"statement": attach}]
    one = replace(NOTE, object="shop.log", statement="", comment=None, evidence={"steps": listed})
    for leads_back in (True, False):
        proposal = shop.create(draft_of(one))
        shop.apply(proposal)
        with shop.holding("lock table shop.log_2 in access exclusive mode"):
            result = shop.run(options=replace(OPTIONS, concurrent_lock_timeout=0.3, lock_patience=0.2))
        assert result.error is not None and result.error.sqlstate == "PA009"
        assert shop.indexes("shop.log") == [("log_what", False)], "no partition of it is missing once it is valid"
        assert shop.indexes("shop.log_1") == [("log_1_what", True)] and shop.indexes("shop.log_2") == []
        if leads_back:
            shop.value(f"select postai.undo({proposal})", "lc_boss")
            assert shop.run().state == "done"
            assert shop.indexes("shop.log") == shop.indexes("shop.log_1") == []
            assert shop.proposal(proposal) == ("closed", "undone")
        else:
            shop.apply(proposal)
            assert shop.run().state == "done"
            assert shop.indexes("shop.log") == [("log_what", True)]
    assert shop.value(BROKEN) == 0


def test_an_index_is_not_dropped_before_the_one_that_replaces_it_is_there(shop: Shop) -> None:
    shop.sql("create index item_price on shop.item (price)")
    drop = Recommendation(
        kind="drop_index",
        object="shop.item_price",
        title="Drop shop.item_price once item_price_name is there",
        why="The new one begins with the same keys.",
        statement="DROP INDEX CONCURRENTLY shop.item_price",
        undo="CREATE INDEX CONCURRENTLY item_price ON shop.item (price)",
        evidence={"replaced_by": "shop.item_price_name"},
    )
    proposal = shop.create(draft_of(drop))
    shop.apply(proposal)
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA008"
    assert shop.indexes() == [("item_price", True)]
    shop.sql("create index item_price_name on shop.item (price, name)")
    shop.apply(proposal)
    assert shop.run().state == "done" and shop.indexes() == [("item_price_name", True)]
