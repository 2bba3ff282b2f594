"""Steps of schema changes: backfills in batches, several statements in one transaction, no way back, one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lifecycle_support import OPTIONS, Shop, draft, error_of, open_shop

from conftest import TestDatabase
from postai.proposals import Decision, DraftStep
from postai.proposals.types import Backfill

HERE = Path(__file__).parent
QUICK = replace(OPTIONS, batch_rest=0.0, batch_ms=20.0)
FILL = Backfill("shop.item", ("id",), {"weight": "length(name) % 7"}, "weight IS NULL")
COLUMN = DraftStep(
    "ALTER TABLE shop.item ADD COLUMN weight integer",
    undo="ALTER TABLE shop.item DROP COLUMN IF EXISTS weight",
    step_class="short_lock",
)
ROWS = DraftStep(
    "UPDATE shop.item SET weight = length(name) % 7 WHERE weight IS NULL",
    undo=COLUMN.undo,
    step_class="batched",
    backfill=FILL,
    postcondition="SELECT NOT EXISTS (SELECT 1 FROM shop.item WHERE weight IS NULL)",
)
SUM = "select md5(string_agg(i::text, '' order by id)) from shop.item as i"


@pytest.fixture
def shop(database: TestDatabase) -> Shop:
    one = open_shop(database)
    one.value("select postai.set('batch_rows', '200')")
    one.sql("analyze shop.item")
    return one


@pytest.fixture
def shop18(database18: TestDatabase) -> Shop:
    one = open_shop(database18)
    one.value("select postai.set('batch_rows', '200')")
    one.sql("analyze shop.item")
    return one


def expected(shop: Shop) -> str:
    """What the rows look like after the plain statements, which are rolled back."""
    with shop.database.connect(autocommit=False) as plain:
        plain.execute(COLUMN.statement)
        plain.execute(ROWS.statement)
        row = plain.execute(SUM).fetchone()
        plain.rollback()
    assert row is not None
    return str(row[0])


def test_rows_are_written_in_batches_and_taken_back(shop: Shop) -> None:
    wanted = expected(shop)
    proposal = shop.create(draft(COLUMN, ROWS))
    action = shop.apply(proposal)
    seen: list[Decision] = []
    assert shop.run(options=QUICK, report=seen.append).state == "done"
    assert shop.value(SUM) == wanted
    assert sum(one.point == "step.batch" for one in seen) > 5
    assert shop.kinds(proposal).count("step.progress") == 3
    percents = shop.sql(
        "select (detail ->> 'percent')::int from postai.event "
        f"where proposal = {proposal} and kind = 'step.progress' order by id"
    )
    assert percents == [(25,), (50,), (75,)]
    assert shop.action(action)["progress"].get("phase") is None or shop.action(action)["state"] == "done"
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run(options=QUICK).state == "done"
    assert shop.proposal(proposal) == ("closed", "undone")
    assert (
        shop.value("select count(*) from pg_attribute where attrelid = 'shop.item'::regclass and attname = 'weight'")
        == 0
    )


def test_a_worker_killed_between_batches_goes_on_behind_the_last_row(shop18: Shop) -> None:
    wanted = expected(shop18)
    proposal = shop18.create(draft(COLUMN, ROWS))
    shop18.apply(proposal)
    for point in (6, 12, 11):  # in the first step, between two batches, and again
        process = _worker(shop18, point)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        _freed(shop18)
    checkpoint = shop18.value(f"select checkpoint from postai.action where proposal = {proposal}")
    assert checkpoint["phase"] == "batch" and checkpoint["rows"] > 0
    before = checkpoint["rows"]
    assert shop18.value("select count(*) from shop.item where weight is not null") == before
    resumed: list[Decision] = []
    assert shop18.run(options=QUICK, report=resumed.append).state == "done"
    assert any(one.point == "step.resumed" for one in resumed)
    assert shop18.value(SUM) == wanted
    assert shop18.value(f"select count(*) from postai.event where proposal = {proposal} and kind = 'step.done'") == 2


def _worker(shop: Shop, die_at: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), *sys.path]),
        "LIFECYCLE_DSN": shop.database.dsn("lc_agent"),
        "LIFECYCLE_DIE_AT": str(die_at),
    }
    return subprocess.Popen(
        [sys.executable, str(HERE / "lifecycle_worker.py")], env=environment, stdout=subprocess.PIPE
    )


def _freed(shop: Shop) -> None:
    end = time.monotonic() + 20
    while shop.runner().recover() == 0 and shop.value(
        "select exists (select from postai.action where state = 'running' and lease_until > clock_timestamp())"
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_terminated_backend_and_locked_rows_lose_nothing(shop: Shop) -> None:
    wanted = expected(shop)
    proposal = shop.create(draft(COLUMN, ROWS))
    shop.apply(proposal)
    killed: list[Any] = []

    def report(one: Decision) -> None:
        if one.point == "step.batch" and not killed:
            killed.append(
                shop.value(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'lc_agent' "
                    f"and datname = '{shop.database.name}' and pid = "
                    f"(select (checkpoint ->> 'pid')::int from postai.action where proposal = {proposal})"
                )
            )

    assert shop.run(options=QUICK, report=report).state == "released" and killed == [1]
    missed: list[Decision] = []
    with shop.holding("select id from shop.item where id > 19000 for update") as other:

        def later(one: Decision) -> None:
            missed.append(one)
            if one.point == "step.lock_missed":
                other.rollback()

        assert shop.run(options=replace(QUICK, lock_patience=20.0), report=later).state == "done"
    assert any(one.point == "step.lock_missed" for one in missed)
    assert shop.value(SUM) == wanted


def test_a_cancelled_backfill_goes_on_where_it_was(shop18: Shop) -> None:
    proposal = shop18.create(draft(COLUMN, ROWS))
    action = shop18.apply(proposal)
    batches: list[Decision] = []

    def report(one: Decision) -> None:
        batches.append(one)
        if sum(each.point == "step.batch" for each in batches) == 3 and one.point == "step.batch":
            shop18.value(f"select postai.cancel({action})", "lc_boss")

    slow = replace(QUICK, batch_rest=3.0, batch_ms=5.0)
    assert shop18.run(options=slow, report=report).state == "cancelled"
    written = shop18.value("select count(*) from shop.item where weight is not null")
    assert 0 < written < 20000
    shop18.apply(proposal)
    after: list[Decision] = []
    assert shop18.run(options=QUICK, report=after.append).state == "done"
    assert any(one.point == "step.resumed" and str(written) in one.sentence for one in after)
    assert shop18.value("select count(*) from shop.item where weight is null") == 0


def test_composite_keys_of_text_and_rows_that_are_deleted(shop18: Shop) -> None:
    shop18.sql('set role lc_owner; create table shop.line ("a %" text, b timestamptz, n int, primary key ("a %", b))')
    shop18.sql(
        "insert into shop.line select 'x' || i % 10, timestamptz '2026-01-01 00:00+02' + i * interval '1 minute', i "
        "from generate_series(1, 5000) as i; analyze shop.line"
    )
    gone = Backfill("shop.line", ("a %", "b"), {}, "n % 2 = 0")
    step = DraftStep("DELETE FROM shop.line WHERE n % 2 = 0", step_class="batched", backfill=gone, phase="contract")
    proposal = shop18.create(draft(step))
    error = error_of(lambda: shop18.apply(proposal))
    assert error.sqlstate == "PA003" and "unsafe => true" in (error.diag.message_hint or "")
    shop18.sql(f"select postai.apply({proposal}, unsafe => true)", "lc_boss")
    assert shop18.run(options=QUICK).state == "done"
    assert shop18.sql("select count(*), sum(n) from shop.line") == [(2500, 6250000)]
    assert error_of(lambda: shop18.sql(f"select postai.undo({proposal})", "lc_boss")).sqlstate == "55000"


TRIGGER = (
    DraftStep(
        "CREATE FUNCTION shop.zz_fill() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"
        " AS 'begin new.weight := length(new.name) % 7; return new; end'",
        undo="DROP FUNCTION IF EXISTS shop.zz_fill()",
        step_class="short_lock",
    ),
    DraftStep(
        "CREATE TRIGGER zz_fill BEFORE INSERT OR UPDATE ON shop.item FOR EACH ROW EXECUTE FUNCTION shop.zz_fill()",
        undo="DROP TRIGGER IF EXISTS zz_fill ON shop.item",
        step_class="short_lock",
    ),
)


def test_a_trigger_that_the_change_makes_needs_no_yes_of_its_own(shop: Shop) -> None:
    bad = replace(ROWS, backfill=replace(FILL, assignments={"weight": "1 / (id - 15000)"}))
    proposal = shop.create(draft(COLUMN, *TRIGGER, bad))
    shop.apply(proposal)
    result = shop.run(options=QUICK)
    assert result.state == "failed" and result.error and result.error.sqlstate == "22012"
    shop.apply(proposal)  # the trigger is there now, and still nobody is asked
    assert shop.run(options=QUICK).state == "failed"
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run(options=QUICK).state == "done"
    assert shop.value("select count(*) from pg_proc where proname = 'zz_fill'") == 0
    # Another function under the same name is not what was approved.
    proposal = shop.create(draft(COLUMN, *TRIGGER, ROWS))
    shop.apply(proposal)

    def swap(one: Decision) -> None:
        if one.point == "step.marked" and one.step == 3:
            shop.sql(
                "set role lc_owner; create or replace function shop.zz_fill() returns trigger language plpgsql as "
                "'begin return new; end'"
            )

    result = shop.run(options=QUICK, report=swap)
    assert result.error is not None and result.error.sqlstate == "PA006"


def test_statements_of_one_transaction_and_undo_that_repeats_itself(shop18: Shop) -> None:
    swap = DraftStep(
        "ALTER TABLE shop.item RENAME COLUMN note TO old_note",
        undo="ALTER TABLE shop.item RENAME COLUMN old_note TO note",
        together=(
            "ALTER TABLE shop.item RENAME COLUMN name TO note",
            "ALTER TABLE shop.item RENAME COLUMN note TO name",
        ),
        step_class="short_lock",
    )
    made = DraftStep(
        "CREATE TABLE shop.extra (id bigint)", undo="DROP TABLE IF EXISTS shop.extra", step_class="short_lock"
    )
    named = DraftStep(
        "COMMENT ON TABLE shop.extra IS 'x'", undo="DROP TABLE IF EXISTS shop.extra", step_class="short_lock"
    )
    proposal = shop18.create(draft(swap, made, named))
    shop18.apply(proposal)
    assert shop18.run().state == "done"
    assert (
        shop18.value(
            "select string_agg(attname, ',' order by attnum) from pg_attribute "
            "where attrelid = 'shop.item'::regclass and attnum > 0"
        )
        == "id,name,price,old_note"
    )
    shop18.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop18.run().state == "done"
    assert shop18.value("select to_regclass('shop.extra')") is None
    with pytest.raises(Exception, match="cannot share one"):
        shop18.create(draft(replace(swap, together=("CREATE INDEX CONCURRENTLY i ON shop.item (id)",))))


def test_one_schema_change_at_a_time_and_one_build_per_table(shop18: Shop) -> None:
    options = replace(QUICK, concurrent_lock_timeout=1.0)
    with shop18.holding(f"select pg_advisory_xact_lock({0x706F7375}, {0x6D696772})"):
        shop18.apply(shop18.create(draft(COLUMN)))
        result = shop18.run(options=options)
        assert result.error is not None and result.error.sqlstate == "PA009"
    index = draft(
        ("CREATE INDEX CONCURRENTLY item_price ON shop.item (price)", "DROP INDEX CONCURRENTLY shop.item_price")
    )
    shop18.apply(shop18.create(index))
    told: list[Decision] = []
    with shop18.holding("update shop.item set price = 0 where id = 1") as writer:
        builder = shop18.database.connect()
        with shop18.background(lambda: builder.execute("create index concurrently by_hand on shop.item (note, name)")):
            _until(shop18, "select exists (select from pg_stat_progress_create_index)")

            def report(one: Decision) -> None:
                told.append(one)
                if one.point == "step.waiting" and "builds an index" in one.sentence:
                    writer.rollback()

            assert shop18.run(options=QUICK, report=report).state == "done"
        builder.close()
    assert any("builds an index on the same table" in one.sentence for one in told)
    assert shop18.indexes() == [("by_hand", True), ("item_price", True)]


def _until(shop: Shop, condition: str) -> None:
    end = time.monotonic() + 20
    while not shop.value(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def test_a_detachment_that_was_cut_off_is_finalised(shop: Shop) -> None:
    shop.sql(
        "set role lc_owner; create table shop.log (id int, at int) partition by range (at);"
        "create table shop.log_1 partition of shop.log for values from (0) to (10);"
        "insert into shop.log values (1, 1)"
    )
    attached = (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = pg_catalog.to_regclass('shop.log_1')"
        " AND h.inhparent = pg_catalog.to_regclass('shop.log'))"
    )
    with shop.holding("select * from shop.log"):
        cut = shop.database.connect()
        cut.execute("set statement_timeout = '300ms'")
        with pytest.raises(psycopg.Error):
            cut.execute("alter table shop.log detach partition shop.log_1 concurrently")
        cut.close()
    assert shop.value("select inhdetachpending from pg_inherits where inhrelid = 'shop.log_1'::regclass")
    step = DraftStep(
        "ALTER TABLE shop.log DETACH PARTITION shop.log_1 CONCURRENTLY",
        undo="ALTER TABLE shop.log ATTACH PARTITION shop.log_1 FOR VALUES FROM (0) TO (10)",
        postcondition=f"SELECT NOT {attached}",
        step_class="alone",
    )
    proposal = shop.create(draft(step))
    shop.apply(proposal)
    assert shop.run().state == "done"
    assert not shop.value(f"select {attached}")
    shop.value(f"select postai.undo({proposal})", "lc_boss")
    assert shop.run().state == "done" and shop.value(f"select {attached}")


def test_a_backfill_pauses_while_others_are_busy(shop18: Shop) -> None:
    shop18.value("select postai.set('batch_max_active', '0')")
    proposal = shop18.create(draft(COLUMN, ROWS))
    action = shop18.apply(proposal)
    told: list[Decision] = []
    sleeper = shop18.database.connect()

    def report(one: Decision) -> None:
        told.append(one)

    paused = (
        f"select coalesce(phase like 'paused: % sessions are active', false) from postai.actions where id = {action}"
    )
    with (
        shop18.background(lambda: sleeper.execute("select pg_sleep(1.2)")),
        shop18.background(lambda: shop18.run(options=QUICK, report=report)) as results,
    ):
        _until(shop18, paused)
        shop18.value(f"select postai.cancel({action})", "lc_boss")
    sleeper.close()
    assert results[0].state == "cancelled"
