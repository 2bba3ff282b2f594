"""Pauses between attempts: doubling, with jitter so that many agents do not come back at the same moment."""

from __future__ import annotations

from random import Random


class Backoff:
    """Exponential pauses.

    Args:
        random: source of the jitter.
        first, longest: seconds of the first pause and of the ceiling, before jitter.
    """

    def __init__(self, random: Random, *, first: float = 0.1, longest: float = 10.0) -> None:
        self._random = random
        self._first = first
        self._longest = longest
        self._attempt = 0

    def next(self) -> float:
        """Seconds to wait now: half to all of the doubled pause."""
        pause = min(self._longest, self._first * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        return pause * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The attempt succeeded."""
        self._attempt = 0
