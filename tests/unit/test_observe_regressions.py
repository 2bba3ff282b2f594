"""Statements that become slower: found, explained, over; and what is none of that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from postai.history.types import IndexWindow, StatementKey, StatementWindow, TableWindow, WaitWindow
from postai.observe.regressions import Detector
from postai.observe.regressions_causes import CAUSES
from postai.observe.regressions_tables import tables_in
from postai.observe.regressions_types import (
    Blocker,
    Facts,
    Interval,
    LostIndex,
    Numbers,
    Options,
    Recovered,
    Regression,
    TableFacts,
)

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ORDERS = 16400
KEY = StatementKey(1, 10, 5, True)
QUERY = "SELECT * FROM shop.orders WHERE customer_id = $1"


class History:
    """Some statements, interval by interval, with a little noise; each test makes the first of them worse."""

    def __init__(self, statements: int = 12, calls: int = 60) -> None:
        self.random = Random(7)
        self.detector = Detector()
        self.number = 0
        self.calls = calls
        self.statements = statements
        self.table = TableWindow(ORDERS, "shop", "orders", BEGIN, BEGIN, live_rows=10_000, bytes=2_000_000)
        self.found: list[Regression] = []
        self.revised: list[Regression] = []
        self.over: list[Recovered] = []
        self.facts = Facts()

    def window(self, queryid: int, slower: float = 1.0, **changes: Any) -> StatementWindow:
        start = BEGIN + self.number * MINUTE
        mean = 5.0 * slower * self.random.uniform(0.9, 1.1)
        calls = changes.pop("calls", self.calls)
        query = changes.pop("query", QUERY if queryid == 1 else f"SELECT {queryid}")
        values: dict[str, Any] = {"rows": calls * 2, "blks_hit": calls * 20, "stddev_ms": mean / 3} | changes
        return StatementWindow(
            StatementKey(queryid, 10, 5, True), query, start, start + MINUTE, calls, mean * calls, **values
        )

    def pass_(
        self, count: int = 1, slower: float = 1.0, everything: float = 1.0, waits: int = 0, **changes: Any
    ) -> None:
        """Intervals in which the first statement is so; `index` = scans of its index, `sequential` of its table."""
        sequential, index = changes.pop("sequential", 0), changes.pop("index", self.calls)
        table = changes.pop("table", {})
        absent = changes.pop("absent", False)
        for _ in range(count):
            start = BEGIN + self.number * MINUTE
            end = start + MINUTE
            windows = [self.window(n, everything) for n in range(2, self.statements + 1)]
            if not absent:
                windows.append(self.window(1, slower * everything, **changes))
            self.table = replace(self.table, start=start, end=end, seq_scan=sequential, n_tup_ins=0, **table)
            scans = (
                (IndexWindow(16500, ORDERS, "shop", "orders_customer", start, end, index, index * 2),) if index else ()
            )
            waited = (WaitWindow(1, "Lock", "transactionid", start, end, waits, 60),) if waits else ()
            seen = self.detector.observe(
                Interval(start, end, tuple(windows), (self.table,), scans if index else (), waited)
            )
            self.found += [self.detector.explain(one, self.facts) for one in seen.found]
            self.revised += [self.detector.explain(one, self.facts) for one in seen.revised]
            self.over += seen.recovered
            self.number += 1


@pytest.fixture
def history() -> History:
    one = History()
    one.pass_(25)
    return one


def only(history: History) -> Regression:
    (one,) = history.found
    assert one.key == KEY
    return one


def test_nothing_is_said_of_noise(history: History) -> None:
    history.pass_(60)
    assert history.found == []


def test_a_dropped_index_names_the_index_and_makes_it_again(history: History) -> None:
    made = "CREATE INDEX orders_customer ON shop.orders USING btree (customer_id)"
    history.facts = Facts(lost_indexes=(LostIndex(ORDERS, "shop.orders_customer", made, BEGIN + 26 * MINUTE),))
    history.pass_(1, slower=20.0, blks_hit=60 * 250, sequential=60, index=0)
    one = only(history)
    assert one.cause == "plan_changed"
    assert "index shop.orders_customer is gone" in one.why
    assert "CREATE INDEX CONCURRENTLY orders_customer ON shop.orders USING btree (customer_id);" in one.mitigation
    assert one.factor == pytest.approx(20, rel=0.3)
    assert one.started_at == BEGIN + 25 * MINUTE
    assert (one.before.blocks, one.after.blocks) == (20, 250)
    assert one.evidence["tables"][0]["seq_scans_began"] is True


def test_a_sequential_scan_without_a_lost_index_is_another_plan(history: History) -> None:
    history.pass_(1, slower=20.0, blks_hit=60 * 250, sequential=60, index=0)
    one = only(history)
    assert one.cause == "plan_changed"
    assert "shop.orders is now read by sequential scans" in one.why
    assert "index shop.orders_customer is no longer used" in one.why
    assert one.mitigation.startswith("ANALYZE shop.orders;")


def test_another_plan_hash_is_another_plan() -> None:
    history = History()
    history.pass_(25, plan_hash="a")
    history.pass_(2, slower=2.5, blks_hit=60 * 34, plan_hash="b")
    one = only(history)
    assert one.cause == "plan_changed" and "another plan" in one.why
    assert (one.evidence["plan_before"], one.evidence["plan_after"]) == ("a", "b")


def test_stale_statistics_say_analyze(history: History) -> None:
    history.facts = Facts(tables={ORDERS: TableFacts(ORDERS, "shop", "orders", 6_000, 16_000, None, False)})
    history.table = replace(history.table, live_rows=16_000, bytes=3_200_000)
    history.pass_(2, slower=30.0, blks_hit=60 * 700, table={"n_tup_upd": 6_000})
    one = only(history)
    assert one.cause == "statistics_stale"
    assert one.mitigation == "ANALYZE shop.orders;"
    assert "6,000 rows of shop.orders were written since it was analyzed and autovacuum does not" in one.why


def test_more_rows_are_more_rows(history: History) -> None:
    history.pass_(2, slower=5.0, rows=60 * 10, blks_hit=60 * 90)
    one = only(history)
    assert one.cause == "rows_changed"
    assert "10.0 rows a call instead of 2.0" in one.why


def test_a_table_that_grew_explains_as_much(history: History) -> None:
    history.table = replace(history.table, live_rows=60_000, bytes=12_000_000)
    history.facts = Facts(tables={ORDERS: TableFacts(ORDERS, "shop", "orders", 50_000, 60_000, BEGIN, True)})
    history.pass_(2, slower=6.0, blks_hit=60 * 120)
    one = only(history)
    assert one.cause == "rows_changed"
    assert "shop.orders grew 6.0 times" in one.why
    assert one.mitigation.startswith("ANALYZE shop.orders; (50,000 rows of it came since the last time)")


def test_the_cause_is_known_better_when_counters_come_late(history: History) -> None:
    history.pass_(1, slower=6.0, blks_hit=60 * 120)
    assert only(history).cause == "plan_changed"
    history.table = replace(history.table, live_rows=60_000, bytes=12_000_000)
    history.pass_(4, slower=6.0, blks_hit=60 * 120)
    assert [one.cause for one in history.revised] == ["rows_changed", "rows_changed"]


def test_what_was_just_written_shows_in_the_size_first(history: History) -> None:
    known = TableFacts(ORDERS, "shop", "orders", 0, 10_000, BEGIN, True, bytes=12_000_000)
    history.facts = Facts(tables={ORDERS: known})
    history.pass_(1, slower=6.0, blks_hit=60 * 120)
    one = only(history)
    assert one.cause == "rows_changed"
    assert one.mitigation.startswith("ANALYZE shop.orders; (83% of it came since the last time)")


def test_a_lock_storm_names_the_root(history: History) -> None:
    blocker = Blocker(4711, "batch", "idle in transaction", "UPDATE shop.orders SET note = $1", 3, (1,), BEGIN)
    history.facts = Facts(blockers=(blocker,))
    history.pass_(2, slower=50.0, stddev_ms=300.0, waits=15)
    one = only(history)
    assert one.cause == "lock_wait"
    assert "session at the root is 4711 (batch, idle in transaction)" in one.why
    assert "pg_terminate_backend(4711)" in one.mitigation
    assert one.evidence["blockers"][0]["query"] == "UPDATE shop.orders SET note = $1"


def test_a_write_that_waits_unseen_probably_waits_for_locks() -> None:
    history = History()
    update = "UPDATE shop.orders SET note = $1 WHERE id = $2"
    history.pass_(25, query=update)
    history.pass_(3, query=update, slower=8.0, stddev_ms=40.0)
    one = only(history)
    assert one.cause == "lock_wait" and "probably" in one.why


def test_calls_that_never_end_are_seen_by_their_waiting(history: History) -> None:
    history.pass_(2, absent=True, waits=120)
    one = only(history)
    assert one.cause == "lock_wait"
    assert "2 of its calls wait for locks and none has ended" in one.why


def test_reads_that_miss_the_cache(history: History) -> None:
    history.pass_(3, slower=6.0, blks_hit=60 * 4, blks_read=60 * 16, blk_read_ms=60 * 22.0)
    assert only(history).cause == "io_wait"


def test_spills_ask_for_memory_for_that_role(history: History) -> None:
    history.facts = Facts(roles={10: '"Web app"'})
    history.pass_(3, slower=4.0, temp_blks_read=60 * 2000, temp_blks_written=60 * 2000)
    one = only(history)
    assert one.cause == "temp"
    assert one.mitigation.startswith('ALTER ROLE "Web app" SET work_mem = \'')


def test_jit(history: History) -> None:
    history.pass_(3, slower=6.0, jit_ms=60 * 24.0)
    assert only(history).cause == "jit"


def test_dead_rows(history: History) -> None:
    history.pass_(3, slower=4.0, blks_hit=60 * 80, table={"dead_rows": 20_000})
    one = only(history)
    assert one.cause == "blocks_per_row"
    assert "VACUUM (ANALYZE) shop.orders;" in one.mitigation


def test_more_calls_are_told_only_when_they_are_a_load(history: History) -> None:
    history.pass_(3, calls=60 * 12)
    assert history.found == []
    history = History()
    history.pass_(25)
    history.pass_(3, calls=60 * 40)
    one = only(history)
    assert one.cause == "more_calls"
    assert one.factor == pytest.approx(40, rel=0.01)


def test_one_slow_interval_without_a_reason_is_nothing(history: History) -> None:
    history.pass_(1, slower=10.0)
    history.pass_(3)
    assert history.found == []
    history.pass_(3, slower=10.0, stddev_ms=5.0)
    assert only(history).cause == "unexplained"


def test_a_machine_that_is_slow_is_nobodys_fault(history: History) -> None:
    history.pass_(6, everything=4.0)
    assert history.found == []


def test_a_single_dear_call_among_few_is_chance() -> None:
    history = History(calls=6)
    history.pass_(25)
    for _ in range(3):
        history.pass_(1, slower=8.0, stddev_ms=90.0, blks_hit=6 * 160)
        history.pass_(1)
    assert history.found == []


def test_few_calls_are_merged_and_still_found() -> None:
    history = History(calls=2)
    history.pass_(25)
    history.pass_(3, slower=15.0, blks_hit=2 * 400)
    assert only(history).cause == "plan_changed"


def test_statements_without_a_history_are_left_alone() -> None:
    history = History()
    history.pass_(4)
    history.pass_(4, slower=20.0, blks_hit=60 * 400)
    assert history.found == []


def test_it_is_told_once_and_is_over_when_it_recovered(history: History) -> None:
    history.pass_(20, slower=20.0, blks_hit=60 * 250)
    assert only(history) and history.over == []
    history.pass_(2)
    assert history.over == []
    history.pass_(1)
    (over,) = history.over
    assert (over.key, over.outcome) == (KEY, "recovered")
    assert over.after is not None and over.after.mean_ms == pytest.approx(5, rel=0.1)
    history.pass_(3, slower=20.0, blks_hit=60 * 250)
    assert len(history.found) == 2


def test_what_lasts_for_long_is_the_usual_at_last() -> None:
    history = History()
    history.detector = Detector(Options(accepted_days=0.01))
    history.pass_(25)
    history.pass_(40, slower=20.0, blks_hit=60 * 250)
    assert [one.outcome for one in history.over] == ["accepted"]
    assert len(history.found) == 1


def test_a_new_agent_goes_on_where_the_last_one_was(history: History) -> None:
    history.pass_(2, slower=20.0, blks_hit=60 * 250)
    one = only(history)
    history.detector = Detector()
    history.detector.restore(KEY, one.started_at, Numbers(**vars_of(one.before)), False)
    history.pass_(5, slower=20.0, blks_hit=60 * 250)
    assert len(history.found) == 1
    history.pass_(3)
    assert [over.outcome for over in history.over] == ["recovered"]


def vars_of(numbers: Numbers) -> dict[str, Any]:
    return {name: getattr(numbers, name) for name in Numbers.__dataclass_fields__}


@pytest.mark.parametrize(
    "query",
    ["SELECT cause FROM postai.regressions", "SELECT postai.optimize()", "SELECT * FROM pg_stat_activity",
     "SELECT * FROM pg_catalog.pg_class c, information_schema.tables t WHERE t.table_name = c.relname"],
)  # fmt: skip
def test_what_watches_is_not_watched(query: str) -> None:
    history = History()
    history.pass_(25, query=query)
    history.pass_(3, query=query, slower=20.0, blks_hit=60 * 250)
    assert history.found == []


def test_tables_of_a_statement() -> None:
    found = tables_in('SELECT * FROM shop.orders o JOIN "Big" b ON b.id = o.id')
    assert set(found) == {(None, "Big"), ("shop", "orders")}
    assert tables_in("SELECT * FROM shop.orders WHERE id = $1 AND (") == ()
    assert tables_in(None) == ()


def test_every_cause_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "judging.md").read_text("utf-8")
    for cause in CAUSES:
        assert f"`{cause.id}`" in page
        assert cause.why and cause.fix and cause.anchor == cause.id.replace("_", "-")
