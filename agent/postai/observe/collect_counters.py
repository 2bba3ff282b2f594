"""Differences of counters that only grow, unless they begin anew."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
Numbers = tuple[float, ...]


def numbers(row: str) -> Numbers:
    """The values of a row of numbers as PostgreSQL writes it as text; NULL counts as 0."""
    return tuple(_number(one) for one in row[1:-1].split(","))


def _number(text: str) -> float:
    if not text:
        return 0
    return float(text) if "." in text or "e" in text else int(text)


class Readings(Generic[K]):
    """What was read last time, to tell what changed since.

    Rows are kept as the text in which they came and compared so: only what changed is taken apart.
    """

    def __init__(self) -> None:
        self._rows: dict[K, str] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was read yet."""
        return self._rows is not None

    def changed(self, rows: Iterable[tuple[K, str]]) -> list[tuple[K, Numbers | None, Numbers]]:
        """Key, earlier and new values of every row that is new or changed; nothing at the first reading."""
        fresh = dict(rows)
        known, self._rows = self._rows, fresh
        if known is None:
            return []
        found: list[tuple[K, Numbers | None, Numbers]] = []
        for key, row in fresh.items():
            earlier = known.get(key)
            if earlier != row:
                found.append((key, None if earlier is None else numbers(earlier), numbers(row)))
        return found

    def keep(self, key: K, before: Numbers | None) -> None:
        """Take a row as not read: its next difference covers what this one would have."""
        assert self._rows is not None
        if before is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = f"({','.join(map(str, before))})"

    def last(self, key: K) -> Numbers | None:
        """The values of a row at the last reading; None when there was none."""
        row = (self._rows or {}).get(key)
        return None if row is None else numbers(row)


def difference(before: Numbers | None, now: Numbers, growing: int | None = None) -> list[float]:
    """What was added since.

    Counters that went down began anew in between (reset, eviction, crash), all of a row together: then what they show
    was all added since, and what was added before the reset is lost.

    Args:
        before, now: values of one row; before None = the row is new since the last reading.
        growing: how many values from the left are counters, the others are states and given as they are now; None =
            all.
    """
    counted = now if growing is None else now[:growing]
    if before is None or any(map(operator.lt, counted, before)):
        return list(now)
    return [*map(operator.sub, counted, before), *now[len(counted) :]]


def interval_stddev(before: tuple[float, float, float] | None, now: tuple[float, float, float]) -> float:
    """Standard deviation of the calls between two readings.

    pg_stat_statements keeps the deviation of all calls since the beginning. Their sum of squared deviations is that of
    the earlier calls plus that of the new ones plus what the distance of the two means adds; so the new one follows.
    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances", 1979, formula 2.1b.

    Args:
        before: calls, total time and standard deviation at the earlier reading; None = nothing before.
        now: the same at the later one.
    """
    calls, total, deviation = now
    if before is None or not before[0]:
        return deviation
    earlier, earlier_total, earlier_deviation = before
    new = calls - earlier
    if new <= 0:
        return 0.0
    apart = (total - earlier_total) / new - earlier_total / earlier
    squares = deviation**2 * calls - earlier_deviation**2 * earlier - apart**2 * earlier * new / calls
    return math.sqrt(max(squares, 0.0) / new)


def summed_stddev(parts: Iterable[tuple[float, float, float]]) -> float:
    """Standard deviation of all calls together.

    Args:
        parts: calls, total time and standard deviation of each part.
    """
    found = [one for one in parts if one[0]]
    calls = sum(one[0] for one in found)
    if not calls:
        return 0.0
    mean = sum(one[1] for one in found) / calls
    return math.sqrt(sum(n * (d**2 + (t / n - mean) ** 2) for n, t, d in found) / calls)


@dataclass(frozen=True)
class Source:
    """An extension that can be read: its schema, unquoted, and the columns that its function gives."""

    schema: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Ground:
    """What holds during one turn.

    Attributes:
        at: time of the server.
        started: when the server was started; other counters may hold after that.
        dbid, userid: oids of this database and of our role, which is named `role`.
        sees_all: whether the role may see other people's statements and waits.
        dedicated: whether the role is nobody's but the agent's.
        activity_bytes: track_activity_query_size: longer texts end there.
        profile_ms: period of pg_wait_sampling; None = not loaded.
        loaded: whether pg_stat_statements seems to be loaded.
        sources: extensions by name.
    """

    at: datetime
    started: datetime
    dbid: int
    userid: int
    role: str
    sees_all: bool
    dedicated: bool
    activity_bytes: int
    profile_ms: float | None
    loaded: bool
    sources: Mapping[str, Source]


def ground_of(row: Sequence[Any]) -> Ground:
    """From the row of statement "ground" of collect.sql."""
    at, started, dbid, userid, role, sees_all, dedicated, size, profile, loaded, extensions = row
    return Ground(
        at, started, dbid, userid, role, sees_all, dedicated, _bytes(size), float(profile) if profile else None, loaded,
        {name: Source(one["schema"], frozenset(one["columns"] or ())) for name, one in extensions.items()},
    )  # fmt: skip


def _bytes(size: str) -> int:
    """A memory setting as SHOW tells it: "1kB", "4096B"."""
    for unit, factor in (("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)):
        if size.endswith(unit):
            return int(size.removesuffix(unit)) * factor
    return int(size)
