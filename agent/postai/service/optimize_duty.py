"""The duty that runs the advisors every optimize_interval, so that postai.recommendations is never old."""

from __future__ import annotations

import logging
import threading
import time

from postai.deadline import Cancelled, Deadline
from postai.errors import PostaiError
from postai.service.optimizing import Optimizer

log = logging.getLogger(__name__)

FIRST_SECONDS = 120.0
"""After the start there is little to see, and others have more to do."""
LONGEST_PAUSE = 300.0
"""The setting is looked at again after that time."""
WAIT_SECONDS = 600.0


class OptimizeDuty:
    """Runs the advisors of one database from time to time.

    Args:
        name: the database's name in the configuration.
        optimizer: runs them.
        first: seconds after the beginning of leadership in which nothing is run.
    """

    channel = "postai_optimize"
    through_pooler = True

    def __init__(self, name: str, optimizer: Optimizer, first: float = FIRST_SECONDS) -> None:
        self._name = name
        self._optimizer = optimizer
        self._first = first
        self._wake = threading.Event()
        self._open = False
        self._stopping = False
        self._look_at = 0.0
        self._deadline = Deadline.after(WAIT_SECONDS)
        self._thread: threading.Thread | None = None
        self._told: str | None = None

    # The keeper calls these.

    def begin(self) -> None:
        self._look_at = time.monotonic() + self._first
        self._open = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"optimize-duty-{self._name}", daemon=True)
            self._thread.start()

    def wake(self, payload: str) -> None:
        if payload or time.monotonic() >= self._look_at:
            self._wake.set()

    def end(self) -> None:
        self._open = False
        self._deadline.cancel.set()

    def stop(self, deadline: Deadline) -> None:
        self._stopping = True
        self.end()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    # In its own thread.

    def _loop(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            # First the deadline, then the look whether we lead still: `end` does it the other way round.
            self._deadline = Deadline.after(WAIT_SECONDS)
            if not self._open or time.monotonic() < self._look_at:
                continue
            pause = LONGEST_PAUSE
            try:
                due = self._optimizer.due()
                if due <= 0.0:
                    self._optimizer.everything(self._deadline)
                    due = self._optimizer.due()
                pause = min(pause, max(due, 1.0))
                self._told = None
            except Cancelled:
                continue
            except PostaiError as error:
                self._tell(error)
            except Exception:
                # The outermost layer of this thread: it must not end, or the advice would grow old.
                log.exception("running the advisors failed unexpectedly", extra={"database": self._name})
            self._look_at = time.monotonic() + pause

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every attempt."""
        if error.message != self._told:
            self._told = error.message
            log.warning(
                "the advisors cannot run",
                extra={"database": self._name, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint},
            )
