"""Rest after work, so that a duty uses no more than its share of one session's time, whatever happens."""

from __future__ import annotations


class Rest:
    """Says when the next work may begin: each second of work takes `1 + times` seconds of the clock.

    What was spent while the rest went on is added to it. So between two works at least `times` times as long as all
    that was spent goes by without any, and the share of the work is at most 1 / (1 + times).

    Args:
        times: so many times longer than the work is the rest.

    Attributes:
        until: when the rest is over, in seconds of the clock.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        self.until = 0.0

    def spent(self, began: float, ended: float) -> None:
        """Something was done.

        Args:
            began, ended: seconds of one clock that never goes back.
        """
        self.until = max(self.until, began) + (1 + self._times) * (ended - began)

    def look_again(self, began: float, ended: float) -> float:
        """When a look that took so long may be repeated at the earliest, so that looking never eats up the rest."""
        return ended + 2 * (1 + self._times) * (ended - began)
