"""Severity, load and trends of statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.history.types import StatementKey, StatementWindow
from postai.observe.judge import DAY_MS, load_trend, loads, severity, severity_of_load, time_trend, trend

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def window(queryid: int, minute: int, calls: int, mean_ms: float, rows: int = 0) -> StatementWindow:
    start = NOON + timedelta(minutes=minute)
    return StatementWindow(
        StatementKey(queryid, 10, 5, True), f"SELECT {queryid}", start, start + timedelta(minutes=1), calls,
        calls * mean_ms, rows=rows, blks_hit=calls * 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ms_per_day", "share", "mean_ms", "wanted"),
    [
        (DAY_MS / 10, 0.0, 1.0, "HIGH"),
        (DAY_MS / 100, 0.2, 1.0, "HIGH"),
        (DAY_MS / 200, 0.9, 1.0, "MEDIUM"),
        (DAY_MS / 100, 0.0, 1.0, "MEDIUM"),
        (1.0, 0.0, 1000.0, "MEDIUM"),
        (1.0, 0.0, 100.0, "LOW"),
        (1.0, 0.01, 1.0, "LOW"),
        (1.0, 0.001, 99.0, None),
    ],
)
def test_severity(ms_per_day: float, share: float, mean_ms: float, wanted: str | None) -> None:
    assert severity(ms_per_day, share, mean_ms) == wanted


@given(st.floats(0, 1e9), st.floats(0, 1), st.floats(0, 1e6), st.floats(1, 10))
def test_more_load_is_never_less_severe(ms_per_day: float, share: float, mean_ms: float, more: float) -> None:
    order = [None, "LOW", "MEDIUM", "HIGH"]
    one, other = severity(ms_per_day, share, mean_ms), severity(ms_per_day * more, min(1, share * more), mean_ms * more)
    assert order.index(other) >= order.index(one)
    assert order.index(severity_of_load(ms_per_day * more)) >= order.index(severity_of_load(ms_per_day))


def test_loads_are_shares_of_the_whole_and_per_day() -> None:
    found = loads(
        [window(1, 0, 10, 30.0, rows=20), window(1, 1, 10, 30.0), window(2, 0, 100, 2.0), window(3, 0, 0, 0.0)]
    )
    assert [one.key.queryid for one in found] == [1, 2, 3]
    heavy = found[0]
    assert heavy.share == pytest.approx(0.75)
    assert heavy.calls_per_day == pytest.approx(20 * 720)  # two minutes were seen
    assert heavy.ms_per_day == pytest.approx(600 * 720)
    assert (heavy.mean_ms, heavy.rows_per_call, heavy.blocks_per_call) == pytest.approx((30.0, 1.0, 3.0))
    assert (found[2].mean_ms, found[2].severity) == (0.0, None)
    assert loads([]) == ()


def test_a_trend_is_the_slope_of_the_line() -> None:
    found = trend([(hour * 3600.0, 10.0 + hour) for hour in range(10)])
    assert found is not None
    assert found.per_hour == pytest.approx(1.0)
    assert found.relative_per_day == pytest.approx(24 / 14.5)
    assert (found.fit, found.points) == (pytest.approx(1.0), 10)
    assert trend([(0.0, 1.0), (1.0, 2.0)]) is None
    assert trend([(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]) is None


def test_trends_of_a_statement() -> None:
    windows = [window(1, minute, 10, 5.0) for minute in range(0, 120, 10)]
    time = time_trend([*windows, window(1, 125, 0, 0.0)])
    assert time is not None and time.per_day == pytest.approx(0.0, abs=1e-9)
    rising = load_trend([window(1, minute, 10 + minute, 6.0) for minute in range(0, 120, 10)])
    assert rising is not None and rising.per_hour == pytest.approx(6.0)
