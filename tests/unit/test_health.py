"""The registry of health checks, how they judge, and the formulas behind what they see."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from postai.database.amounts import bytes_text, seconds_text
from postai.database.named_sql import load
from postai.database.upkeep import (
    VacuumState,
    Width,
    autovacuum_statements,
    btree_pages,
    heap_pages,
    tuned_autovacuum,
)
from postai.history.types import ServerWindow
from postai.observe.health import CHECKS, Check, Seen
from postai.observe.health.check import MANUAL
from postai.observe.health.checks_io import INPUT_OUTPUT, judge_io
from postai.observe.health.running import judge
from postai.optimize.storage_archive import MOST_BATCHES, Cold, archive_steps
from postai.sql.parse import parse_one

ID = Width(4, "i", 4.0, 0.0, -1.0)
TEXT = Width(-1, "i", 101.0, 0.0, -1.0)


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_every_check_is_complete(check: Check) -> None:
    assert check.docs.startswith(MANUAL)
    assert check.why.endswith(".") and check.fix.endswith(".") and "\n" not in check.fix
    assert check.threshold and not check.title.endswith(".")
    assert (check.look is None) == bool(check.file)
    if check.file:
        parse_one(load("postai.observe.health", f"{check.file}.sql")[check.id])


def test_ids_are_used_once() -> None:
    assert len({one.id for one in CHECKS}) == len(CHECKS)
    assert len({one.title for one in CHECKS}) == len(CHECKS)


CHECK = Check("c", "C", "It matters.", "Do it.", MANUAL, "percent", warning=10, critical=50, file="none")


@pytest.mark.parametrize(
    ("value", "level", "status"),
    [(9.9, None, "ok"), (10, None, "warning"), (50, None, "critical"), (0, "warning", "warning"),
     (60, "warning", "critical"), (20, "unknown", "warning"), (0, "unknown", "unknown")],
)  # fmt: skip
def test_a_level_makes_it_worse_never_better(value: float, level: str | None, status: str) -> None:
    assert CHECK.status(Seen("x", value, "", level=level)) == status  # type: ignore[arg-type]


def test_lower_may_be_worse() -> None:
    check = dataclasses.replace(CHECK, below=True, warning=90, critical=None)
    assert check.threshold == "warning below 90 %"
    found = judge(check, [Seen("a", 95, ""), Seen("b", 10, "bad"), Seen("c", 50, "poor")])
    assert (found.status, found.number) == ("warning", 10)
    assert [one.object for one in found.objects] == ["b", "c"]


def test_the_worst_is_told_first_and_at_most_five_are_mended() -> None:
    seen = [Seen(f"t{i}", 10 + i, f"{i} things", f"VACUUM t{i}") for i in range(8)] + [Seen("fine", 1, "")]
    found = judge(CHECK, seen)
    assert found.value == "t7: 7 things (and 7 more)" and found.threshold == "warning from 10 %, critical from 50 %"
    assert found.fix == "-- Do it.\n" + "\n".join(f"VACUUM t{i};" for i in (7, 6, 5, 4, 3))
    assert found.why.startswith("t7: 7 things; t6: 6 things;") and found.why.endswith(". It matters.")
    assert len(found.objects) == 8


def test_nothing_seen_is_well() -> None:
    found = judge(CHECK, [])
    assert (found.status, found.value, found.number, found.fix) == ("ok", "", None, "")


def test_pages_of_a_heap() -> None:
    # 24 bytes of header, 4 + 101 of data aligned to 112, 4 of pointer: 58 rows a page of 8192 bytes.
    assert heap_pages(58_000, [ID, TEXT], 2, 100, 8192) == 1000
    assert heap_pages(58_000, [ID, TEXT], 2, 50, 8192) == 2000
    assert heap_pages(58_000, [ID, Width(-1, "i", None)], 2, 100, 8192) is None
    assert heap_pages(0, [ID], 1, 100, 8192) == 0


def test_pages_of_a_btree() -> None:
    unique = btree_pages(200_000, [ID], False, 90, 8192)
    assert unique is not None and 545 <= unique <= 555  # a real one has 551
    equal = btree_pages(200_000, [Width(4, "i", 4.0, 0.0, 100.0)], True, 90, 8192)
    assert equal is not None and 165 <= equal <= 185  # a real one has 180
    assert btree_pages(10, [Width(-1, "i", None)], True, 90, 8192) is None


def test_settings_of_autovacuum_shrink_with_the_table() -> None:
    scales = [tuned_autovacuum(rows)["autovacuum_vacuum_scale_factor"] for rows in (1e3, 1e6, 1e9)]
    assert scales == ["0.10", "0.05", "0.01"]
    late = VacuumState(1, "s.t", 900, 500, 250.0, 0.2, True, 7200.0, True, 0, {"autovacuum_vacuum_threshold": "70"})
    assert late.late() and not dataclasses.replace(late, seconds=60.0).late()
    statement, undo = autovacuum_statements(late)
    assert "autovacuum_vacuum_threshold = 1000" in statement
    assert undo == (
        "ALTER TABLE s.t SET (autovacuum_vacuum_threshold = 70),"
        " RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_limit)"
    )
    parse_one(statement)
    parse_one(undo)
    lower = autovacuum_statements(dataclasses.replace(late, scale=0.005))
    assert "SET (autovacuum_vacuum_cost_limit = 2000)" in lower[0], "autovacuum would begin later"
    assert autovacuum_statements(dataclasses.replace(late, options={}))[1].startswith("ALTER TABLE s.t RESET (")


def test_archiving_goes_in_bounded_batches_up_to_a_month() -> None:
    now = datetime(2025, 6, 17, 12, tzinfo=UTC)
    bounds = [datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in range(2015, 2026)]
    table = Cold("s", "T", 1e9, 10, 10, 0, "at", "date", bounds, (("at", False), ("g", True)))
    plan = archive_steps(table, 730, 50_000, now)
    assert plan is not None and plan.until == "2023-06-01" and 83 < plan.percent < 85
    assert len(plan.steps) == MOST_BATCHES + 2
    first, last = plan.steps[1], plan.steps[-2]
    assert "WHERE at < " in str(first["statement"]) and "at < '2023-06-01'::date" in str(last["statement"])
    assert str(last["undo"]).startswith('WITH moved AS (DELETE FROM s."T_archive" WHERE at >= ')
    assert "(at) OVERRIDING" in str(last["undo"])
    assert archive_steps(table, 5000, 50_000, now) is None
    assert archive_steps(dataclasses.replace(table, bounds=bounds[:2]), 730, 1, now) is None


def test_amounts_in_words() -> None:
    assert [bytes_text(one) for one in (0, 1023, 1536, 20 << 20, -(3 << 40), 5 << 50)] == [
        "0 bytes", "1023 bytes", "1.5 kB", "20 MB", "-3.0 TB", "5120 TB",
    ]  # fmt: skip
    assert [seconds_text(one) for one in (0.5, 1, 90, 3600, 5400, 86400 * 12)] == [
        "500 ms", "1 s", "1.5 min", "1 h", "1.5 h", "12 d",
    ]  # fmt: skip


def test_who_writes_and_how_long_it_takes() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    busy = {"writes": 9_000, "evictions": 20_000, "fsyncs": 1, "reads": 1_000, "read_time": 20_000.0}
    others = {"writes": 3_000, "fsyncs": 20, "fsync_time": 100.0}
    window = ServerWindow(
        noon,
        noon,
        {"io client backend relation normal": busy, "io checkpointer relation normal": others, "wal": {"x": 1}},
    )
    writes, syncs, reads = judge_io([window])
    assert (writes.value, INPUT_OUTPUT.status(writes)) == (75.0, "warning")
    assert (syncs.object, syncs.level) == ("client backends", "warning")
    assert (reads.object, reads.level) == ("reads", "warning") and "20.0 ms" in reads.text
    assert judge_io([ServerWindow(noon, noon, {"io client backend relation normal": {"reads": 5}})]) == []
    slow = {
        "io checkpointer relation normal": {"fsyncs": 20, "fsync_time": 10_000.0},
        "io walwriter wal normal": {"fsyncs": 9999},
    }
    (syncs,) = judge_io([ServerWindow(noon, noon, slow)])
    assert syncs.text.startswith("one takes 500.0 ms"), "WAL has no times"
