"""Stretches of the history that pages show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from postai.errors import UsageError

LONGEST = timedelta(days=366)
FIRST = datetime.min.replace(tzinfo=UTC)
STEPS = (60, 300, 900, 1800, 3600, 10800, 43200, 86400)
MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Range:
    """What ended after `since` and not after `until`; both are UTC."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.until - self.since).total_seconds()

    @property
    def step(self) -> int:
        """Seconds of one point of a line over it, so that there are few hundred points at most."""
        return next((one for one in STEPS if self.seconds / one <= MOST_POINTS), STEPS[-1])


def range_of(now: datetime, hours: float, since: str = "", until: str = "") -> Range:
    """The stretch that somebody asked for.

    Args:
        now: the server's time.
        hours: how long it is where no beginning is given.
        since, until: ISO 8601, without an offset UTC; "" = not given.

    Raises:
        UsageError: one is no moment, it ends before it begins, or is longer than a year.
    """
    end = moment_of(until) or now.astimezone(UTC)
    length = timedelta(hours=min(max(hours, 1 / 60), 9000))
    begin = moment_of(since) or end - min(length, end - FIRST)
    if not timedelta(0) < end - begin <= LONGEST:
        raise UsageError("a range of time ends after it begins and is at most a year long", hint="Times are UTC.")
    return Range(begin, end)


def moment_of(text: str) -> datetime | None:
    """A moment that somebody typed; None = nothing.

    Raises:
        UsageError: it is none.
    """
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text[:40]!r} is no date and time", hint="Write 2026-03-04T12:00; times are UTC.") from None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{text[:40]!r} is no date and time of ours", hint="Write 2026-03-04T12:00.") from None
