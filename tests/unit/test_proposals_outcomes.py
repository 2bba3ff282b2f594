"""What changes brought that promise nothing to single statements, by the pictures of their tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from postai.proposals.outcomes import Applied, outcome
from postai.proposals.verdict import Sample, drift


def table(**numbers: Any) -> list[dict[str, Any]]:
    usual = dict.fromkeys(("bytes", "index_bytes", "live_rows", "dead_rows", "vacuums", "updates", "hot_updates"), 0)
    return [{"oid": 1, "name": "s.t", **usual, **numbers}]


def applied(kind: str, before: Any, after: Any, now: Any = None, **changes: Any) -> Applied:
    return replace(Applied(kind, -1000.0, 0.0, before, after, now, None, overdue=True), **changes)


@pytest.mark.parametrize(
    ("one", "state", "reason"),
    [
        (applied("vacuum", table(dead_rows=100), table(dead_rows=90)), "no effect", "an old transaction"),
        (applied("vacuum", table(dead_rows=100), table(dead_rows=10)), "helped", "from 100 to 10 dead rows"),
        (applied("vacuum", None, table()), "unknown", "nobody looked"),
        (applied("reindex", table(index_bytes=5000), table(index_bytes=4900)), "no effect", "from 5,000 to 4,900"),
        (applied("reindex", table(index_bytes=5000), table(index_bytes=4000)), "helped", "bytes"),
        (applied("archive", table(live_rows=50), table(live_rows=20)), "helped", "from 50 to 20 rows"),
        (applied("archive", table(live_rows=50), table(live_rows=50)), "no effect", "rows"),
        (applied("compression", table(), table()), "unknown", "written anew"),
        (applied("migration", table(), table()), "unknown", "kind migration"),
        (applied("fillfactor", table(updates=5000), table(updates=5000), table(updates=5900)), "unknown", "too few"),
        (
            applied("fillfactor", table(updates=5000), table(updates=5000), table(updates=7000, hot_updates=1500)),
            "helped", "75% of the updates are heap-only",
        ),
        (
            applied("fillfactor", table(updates=5000, hot_updates=4000), table(updates=5000, hot_updates=4000),
                    table(updates=7000, hot_updates=5600)),
            "no effect", "80% were before",
        ),
        (
            applied("autovacuum", table(live_rows=90, dead_rows=10), table(vacuums=3), table(vacuums=1)),
            "unknown", "reset",
        ),
        (
            applied("autovacuum", table(live_rows=90, dead_rows=10), table(), table(live_rows=100)),
            "unknown", "nothing to do",
        ),
        (applied("autovacuum", table(live_rows=90, dead_rows=10), table(), None), "unknown", "locked"),
        (applied("create", None, None, scans=None), "unknown", "not known here"),
        (applied("create", None, None, scans=0), "no effect", "never scanned"),
        (applied("foreign_key", None, None, scans=0), "unknown", "foreign key"),
        (applied("foreign_key", None, None, scans=7), "helped", "7 times"),
        (applied("drop", table(index_bytes=500), table()), "helped", "0 compared"),
    ],
)  # fmt: skip
def test_what_came_of_it(one: Applied, state: str, reason: str) -> None:
    found = outcome(one, [], [])
    assert found.state == state and reason in found.reason, found


def intervals(ms: float, calls: int, number: int = 10) -> list[Sample]:
    return [Sample(7, 60.0, calls, ms * calls) for _ in range(number)]


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (intervals(2.0, 50), intervals(25.0, 50), "worse"),
        (intervals(2.0, 50), intervals(2.4, 50), "helped"),
        ([*intervals(2.0, 50, 5), *intervals(9.0, 50, 5)], intervals(10.0, 50), "helped"),
        (intervals(2.0, 50), [], "unknown"),
        (intervals(2.0, 50), intervals(25.0, 1, 6), "helped"),
    ],
    ids=["slower", "noise", "it varied as much before", "did not run", "ran too seldom to blame"],
)
def test_a_dropped_index_is_judged_by_who_read_its_table(before: list[Sample], after: list[Sample], state: str) -> None:
    found = outcome(applied("drop", table(index_bytes=500), table()), before, after)
    assert (found.state, found.bytes) == (state, -500), found


def test_what_writing_gained_counts_against_what_got_slower() -> None:
    one = applied("drop", table(), table(), write_ms_per_day=-1e9)
    assert outcome(one, intervals(2.0, 50), intervals(25.0, 50)).state == "helped"


def test_the_whole_machine() -> None:
    assert drift([(1.0, 3.0)] * 4) == 1.0, "too few tell"
    assert drift([(1.0, 3.0)] * 5 + [(1.0, 1.0)] * 2) == 3.0
    assert drift([(1.0, 1.05)] * 9) == 1.0, "noise"
