"""The duty that runs the advisors every optimize_interval, so that postai.recommendations is never old."""

from __future__ import annotations

from postai.daemon.loop import Loop, Pause
from postai.deadline import Deadline
from postai.service.optimizing import Optimizer

FIRST_SECONDS = 120.0
"""After the start there is little to see, and others have more to do."""
LONGEST_PAUSE = 300.0
"""The setting is looked at again after that time."""
WAIT_SECONDS = 600.0


class OptimizeDuty(Loop):
    """Runs the advisors of one database from time to time.

    Args:
        name: the database's name in the configuration.
        optimizer: runs them.
        first: seconds after the beginning of leadership in which nothing is run.
    """

    channel = "postai_optimize"

    def __init__(self, name: str, optimizer: Optimizer, first: float = FIRST_SECONDS) -> None:
        super().__init__(
            f"optimize-duty-{name}",
            self._run_advisors,
            trouble="the advisors cannot run",
            database=name,
            first=first,
            longest=WAIT_SECONDS,
            again=LONGEST_PAUSE,
        )
        self._optimizer = optimizer

    def _run_advisors(self, deadline: Deadline) -> Pause:
        due = self._optimizer.due()
        if due <= 0.0:
            self._optimizer.everything(deadline)
            due = self._optimizer.due()
        pause = min(LONGEST_PAUSE, max(due, 1.0))
        return Pause(pause, pause)
