"""Which part of the time a backfill works, so that others lose little by it.

Where the machine has time left, others lose nothing and the backfill hardly rests. Where it has none, what the backfill
does is missing there. So the transactions of others are counted while it works, and now and then while it rests for a
moment; what they lose by it decides how long it rests after each batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LOSS = 0.17
"""What others may lose: part of the transactions that they do while the backfill rests."""
LEAST, MOST = 0.1, 0.95
"""Parts of the time that it works."""
LOOK = 0.5
"""Seconds for which it rests to see what others do."""
FIRST, LAST = 1.0, 20.0
"""Seconds before the first look, and most between two; it grows to twice, or four times where nobody loses."""
_MEMORY = 0.7
"""Weight of the looks before, in each new one."""
_ENOUGH = 50
"""Transactions in a look from which on a difference tells something."""


@dataclass(frozen=True)
class Counted:
    """What a server has done so far: transaction ids that it gave, and transactions that ended, some a second late."""

    at: float
    ids: int
    ended: int

    def since(self, before: Counted, own: int) -> tuple[float, float]:
        """Both a second since then, without so many of our own."""
        seconds = max(0.001, self.at - before.at)
        return (self.ids - before.ids - own) / seconds, (self.ended - before.ended - own) / seconds


class Pace:
    """The rests of one backfill.

    Args:
        count: ids and ended transactions of the server so far.
        pause: rests for so many seconds.
        rest: of the first batches, as a part of the time that they took.
    """

    def __init__(self, count: Callable[[], tuple[int, int]], pause: Callable[[float], None], rest: float) -> None:
        self._count = count
        self._pause = pause
        self._share = 1 / (1 + rest)
        self._most = max(MOST, self._share)
        self._interval = FIRST
        self._lost = self._worked = 0.0
        self._own = 0
        self._start = self._counted()

    @property
    def share(self) -> float:
        """Part of the time that it works now."""
        return self._share

    def after_batch(self, took: float) -> None:
        """Rest for as long as others need it, after a batch that took so many seconds."""
        self._own += 1
        self._pause(took * (1 / self._share - 1))
        if time.monotonic() - self._start.at >= self._interval:
            self._look()

    def _look(self) -> None:
        """Compare what others did beside the batches with what they do without them."""
        resting = self._counted()
        beside = resting.since(self._start, self._own)
        self._pause(LOOK)
        after = self._counted()
        alone = after.since(resting, 0)
        # Ids are given at once, ended transactions are told late; but only who writes gets an id.
        which = 0 if alone[0] * LOOK >= _ENOUGH else 1
        if alone[which] * LOOK >= _ENOUGH:
            self._learn(1 - beside[which] / alone[which])
        else:
            self._lost = self._worked = 0.0
            self._share = self._most
        self._interval = min(LAST, self._interval * (4 if self._share == self._most else 2))
        self._own, self._start = 0, after

    def _learn(self, lost: float) -> None:
        """What others lose grows with the part of the time at work: how much, by all looks, the newer ones more."""
        self._lost = _MEMORY * self._lost + self._share * lost
        self._worked = _MEMORY * self._worked + self._share**2
        by_work = max(LOSS / self._most, self._lost / self._worked)
        self._share = max(LEAST, min(self._most, LOSS / by_work, 2 * self._share))

    def _counted(self) -> Counted:
        ids, ended = self._count()
        return Counted(time.monotonic(), ids, ended)
