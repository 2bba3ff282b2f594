"""What is usual for a statement: sums of its last intervals, in little memory, and robust statistics over them.

Everything that is remembered of an interval is a sum, so that intervals with few calls are merged by adding them up.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from postai.history.types import StatementWindow
from postai.observe.regressions_types import Numbers

KEPT = 48
"""Intervals with calls of which a baseline consists, at most."""

PENDING = 3
"""Newest intervals that are judged and not yet part of the baseline."""

_MAD_TO_SIGMA = 1.4826  # for a normal distribution


class Point(NamedTuple):
    """Sums of one interval, or of several: see `Numbers` for the words. `squares` is the sum of squared times."""

    calls: float
    total_ms: float
    squares: float
    rows: float
    blocks: float
    reads: float
    temp_blocks: float
    read_ms: float
    jit_ms: float
    lock_ms: float
    seconds: float

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.calls if self.calls else 0.0

    @property
    def stddev_ms(self) -> float:
        return math.sqrt(max(0.0, self.squares / self.calls - self.mean_ms**2)) if self.calls else 0.0

    def numbers(self) -> Numbers:
        calls = max(1.0, self.calls)
        return Numbers(
            calls=round(self.calls),
            calls_per_second=self.calls / max(0.001, self.seconds),
            mean_ms=self.mean_ms,
            rows=self.rows / calls,
            blocks=self.blocks / calls,
            reads=self.reads / calls,
            temp_blocks=self.temp_blocks / calls,
            read_ms=self.read_ms / calls,
            jit_ms=self.jit_ms / calls,
            lock_ms=self.lock_ms / calls,
        )


_FIELDS = len(Point._fields)


def point(window: StatementWindow, lock_ms: float) -> Point:
    """The sums of one window; `lock_ms` is how long its calls waited for locks."""
    mean = window.mean_ms
    return Point(
        calls=window.calls,
        total_ms=window.total_ms,
        squares=window.calls * (window.stddev_ms**2 + mean * mean),
        rows=window.rows,
        blocks=window.blks_hit + window.blks_read,
        reads=window.blks_read,
        temp_blocks=window.temp_blks_read + window.temp_blks_written,
        read_ms=window.blk_read_ms,
        jit_ms=window.jit_ms,
        lock_ms=lock_ms,
        seconds=window.seconds,
    )


def merge(points: Sequence[Point]) -> Point:
    """Several intervals as one."""
    return Point(*map(sum, zip(*points, strict=True)))


class Ring:
    """The last `KEPT` points, oldest first when read."""

    __slots__ = ("_at", "_values")

    def __init__(self) -> None:
        self._values = array("f")
        self._at = 0

    def __len__(self) -> int:
        return len(self._values) // _FIELDS

    def add(self, one: Point) -> None:
        if len(self) < KEPT:
            self._values.extend(one)
        else:
            self._values[self._at * _FIELDS : (self._at + 1) * _FIELDS] = array("f", one)
            self._at = (self._at + 1) % KEPT

    def __iter__(self) -> Iterator[Point]:
        for n in range(len(self)):
            begin = (self._at + n) % len(self) * _FIELDS
            yield Point(*self._values[begin : begin + _FIELDS])


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of one number of a statement, on a logarithmic scale.

    Attributes:
        middle: the median; sigma: its spread, from the median of the distances to it, with a floor.
        high: what it hardly ever reaches.
    """

    middle: float
    sigma: float
    high: float

    def distance(self, value: float) -> float:
        """How many times its spread a value (not logarithmic yet) lies above the middle."""
        return (value - self.middle) / self.sigma


def usual(values: Sequence[float], floor: float) -> Usual:
    """Median and spread of some logarithms; `floor` is the least spread that is believed."""
    ordered = sorted(values)
    middle = _median(ordered)
    deviation = _median(sorted(abs(one - middle) for one in ordered))
    # One or two outliers among many belong to another trouble, not to what is usual.
    forgiven = 0 if len(ordered) < 12 else 1 if len(ordered) < 30 else 2
    return Usual(middle, _MAD_TO_SIGMA * deviation + floor, ordered[-1 - forgiven])


def grouped(points: Sequence[Point], size: int) -> list[Point]:
    """Runs of `size` intervals merged, so that they are as sure as what they are compared with."""
    if size == 1 or len(points) < 4 * size:
        return list(points)
    first = len(points) % size
    return [merge(points[n : n + size]) for n in range(first, len(points), size)]


class Baseline:
    """What was seen of one statement: the ring, and the newest intervals that are still on trial.

    Attributes:
        trial: (number of the interval, its point), oldest first.
        ewma: moving average of the logarithm of the mean time, for a quick look.
        plan: shape of its plan in the newest interval of the ring in which it was known.
        query: its text; names: the tables in it, None = not looked at yet.
        stuck: (number of the interval, milliseconds, sessions) of waiting for locks since a call ended last.
    """

    __slots__ = ("ewma", "names", "plan", "query", "ring", "stuck", "trial", "trial_plans")

    def __init__(self) -> None:
        self.ring = Ring()
        self.trial: list[tuple[int, Point]] = []
        self.trial_plans: list[str | None] = []
        self.ewma: float | None = None
        self.plan: str | None = None
        self.query: str | None = None
        self.names: tuple[tuple[str | None, str], ...] | None = None
        self.stuck: list[tuple[int, float, float]] = []

    def add(self, number: int, one: Point, plan: str | None) -> None:
        """A new interval goes on trial; the oldest one on trial becomes part of what is usual."""
        self.trial.append((number, one))
        self.trial_plans.append(plan)
        while len(self.trial) > PENDING:
            self._learn(self.trial.pop(0)[1], self.trial_plans.pop(0))

    def _learn(self, one: Point, plan: str | None) -> None:
        self.ring.add(one)
        level = math.log(max(1e-4, one.mean_ms))
        self.ewma = level if self.ewma is None else self.ewma + 0.15 * (level - self.ewma)
        self.plan = plan or self.plan


def log_mean(one: Point) -> float:
    """Logarithm of the time of a call, in ms."""
    return math.log(max(1e-4, one.mean_ms))


def log_per_call(name: str, plus: float) -> Callable[[Point], float]:
    """A function that gives the logarithm of a number per call; `plus` keeps small numbers from mattering."""
    place = Point._fields.index(name)
    return lambda one: math.log(float(one[place]) / max(1.0, one.calls) + plus)


def _median(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
