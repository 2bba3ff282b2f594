"""Judging statements: which are slow, how much they matter, where they tend to.

The rules, with their numbers, are documented in docs/judging.md; `sql/62_judge.sql` holds the same ones for the views.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from postai.history.types import StatementKey, StatementWindow

Severity = Literal["HIGH", "MEDIUM", "LOW"]

DAY_MS = 86_400_000.0
"""What one core has to give in a day, in milliseconds."""


def severity_of_load(ms_per_day: float) -> Severity:
    """How bad it is that something takes so much time: HIGH from a tenth of one core on, MEDIUM from a hundredth on."""
    if ms_per_day >= DAY_MS / 10:
        return "HIGH"
    return "MEDIUM" if ms_per_day >= DAY_MS / 100 else "LOW"


def severity(ms_per_day: float, share: float, mean_ms: float) -> Severity | None:
    """How much a statement matters.

    Args:
        ms_per_day: execution time of all its calls in a day.
        share: the same as a share (0 to 1) of what all statements take.
        mean_ms: execution time of one call.

    Returns:
        HIGH: a tenth of one core, or a fifth of all load when that is a hundredth of a core.
        MEDIUM: a hundredth of a core, or a twentieth of all load when that is a thousandth of a core, or calls of a
        second or more.
        LOW: calls of a tenth of a second or more, or a hundredth of all load.
        None: not slow.
    """
    core = ms_per_day / DAY_MS
    if core >= 0.1 or (share >= 0.2 and core >= 0.01):
        return "HIGH"
    if core >= 0.01 or (share >= 0.05 and core >= 0.001) or mean_ms >= 1000:
        return "MEDIUM"
    return "LOW" if mean_ms >= 100 or share >= 0.01 else None


@dataclass(frozen=True, slots=True)
class Load:
    """What one statement did in some time, and how much that matters.

    Attributes:
        share: of the execution time of all statements, 0 to 1.
        severity: None = not slow.
    """

    key: StatementKey
    query: str | None
    calls: int
    calls_per_day: float
    mean_ms: float
    ms_per_day: float
    share: float
    rows_per_call: float
    blocks_per_call: float
    severity: Severity | None


def loads(windows: Iterable[StatementWindow]) -> tuple[Load, ...]:
    """The load of every statement over the time that the windows span together, the heaviest first."""
    grouped: dict[StatementKey, list[StatementWindow]] = defaultdict(list)
    for window in windows:
        grouped[window.key].append(window)
    if not grouped:
        return ()
    begin = min(one.start for group in grouped.values() for one in group)
    end = max(one.end for group in grouped.values() for one in group)
    days = max(1e-9, (end - begin).total_seconds() / 86400)
    everything = sum(one.total_ms for group in grouped.values() for one in group)
    found = [_load(key, group, days, everything) for key, group in grouped.items()]
    return tuple(sorted(found, key=lambda one: (-one.ms_per_day, one.key)))


def _load(key: StatementKey, group: Sequence[StatementWindow], days: float, everything: float) -> Load:
    calls = sum(one.calls for one in group)
    total = sum(one.total_ms for one in group)
    share = total / everything if everything else 0.0
    mean = total / calls if calls else 0.0
    return Load(
        key=key,
        query=next((one.query for one in reversed(group) if one.query is not None), None),
        calls=calls,
        calls_per_day=calls / days,
        mean_ms=mean,
        ms_per_day=total / days,
        share=share,
        rows_per_call=sum(one.rows for one in group) / calls if calls else 0.0,
        blocks_per_call=sum(one.blks_hit + one.blks_read for one in group) / calls if calls else 0.0,
        severity=severity(total / days, share, mean),
    )


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a number tends to: a straight line through it.

    Attributes:
        per_day: change of the number in a day.
        relative_per_day: the same as a share of its average.
        fit: how much of the variation the line explains, 0 to 1.
        points: how many values it goes through.
    """

    per_day: float
    relative_per_day: float
    fit: float
    points: int

    @property
    def per_hour(self) -> float:
        return self.per_day / 24


def trend(points: Sequence[tuple[float, float]], weights: Sequence[float] | None = None) -> Trend | None:
    """The line of least squares.

    Args:
        points: (seconds, value); weights: of the points, all the same by default.

    Returns:
        None for fewer than three points, or when all are of the same moment.
    """
    weighed = list(weights) if weights is not None else [1.0] * len(points)
    total = math.fsum(weighed)
    if len(points) < 3 or total <= 0:
        return None
    mean_x = math.fsum(w * x for w, (x, _) in zip(weighed, points, strict=True)) / total
    mean_y = math.fsum(w * y for w, (_, y) in zip(weighed, points, strict=True)) / total
    xx = math.fsum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weighed, points, strict=True))
    yy = math.fsum(w * (y - mean_y) ** 2 for w, (_, y) in zip(weighed, points, strict=True))
    xy = math.fsum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weighed, points, strict=True))
    if xx <= 0:
        return None
    per_day = xy / xx * 86400
    fit = min(1.0, xy * xy / (xx * yy)) if yy > 0 else 1.0
    return Trend(per_day, per_day / mean_y if mean_y else 0.0, fit, len(points))


def time_trend(windows: Sequence[StatementWindow]) -> Trend | None:
    """Trend of the execution time of one call (ms), each window weighing as much as it had calls."""
    counted = [one for one in windows if one.calls]
    return trend([(one.end.timestamp(), one.mean_ms) for one in counted], [float(one.calls) for one in counted])


def load_trend(windows: Sequence[StatementWindow]) -> Trend | None:
    """Trend of the load (ms of execution time per second)."""
    timed = [one for one in windows if one.seconds > 0]
    return trend([(one.end.timestamp(), one.total_ms / one.seconds) for one in timed])
