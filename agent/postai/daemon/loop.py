"""Work that a leader does again and again: a turn on a thread of its own, a pause, the next turn."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from postai.daemon.backoff import Backoff
from postai.deadline import Deadline
from postai.errors import PostaiError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""First pause after a turn that failed; it doubles up to `LONGEST_AGAIN`."""
LONGEST_AGAIN = 300.0


@dataclass(frozen=True, slots=True)
class Pause:
    """What comes after a turn.

    Attributes:
        most: seconds until the next turn when nobody asks for one.
        least: seconds before which nobody gets one.
    """

    most: float
    least: float = 0.0


class Loop:
    """A duty that runs `turn` while it is open, never two turns at once.

    Its settings are the turn's to read, so a change counts from the next turn on. A turn that fails is told once (what
    nobody foresaw each time, with its traceback) and tried again after pauses that grow.

    Args:
        name: of the thread.
        turn: does the work; the deadline is cancelled when the work is to end. Says when to come again.
        trouble: for the log, what cannot be done when a turn fails.
        database: name in the configuration, for the log.
        anew: called in the thread before the first turn after each `begin`: another agent may have led meanwhile.
        first: seconds between `begin` and the first turn.
        longest: seconds that a turn may take.
        again: seconds of the first pause after a turn that failed.
    """

    through_pooler = True

    def __init__(
        self,
        name: str,
        turn: Callable[[Deadline], Pause],
        *,
        trouble: str,
        database: str,
        anew: Callable[[], None] = lambda: None,
        first: float = 0.0,
        longest: float = 60.0,
        again: float = AGAIN_SECONDS,
    ) -> None:
        self._name = name
        self._turn = turn
        self._trouble = trouble
        self._database = database
        self._anew = anew
        self._first = first
        self._longest = longest
        self._backoff = Backoff(SystemRandom(), first=again, longest=max(again, LONGEST_AGAIN))
        self._state = threading.Condition()
        self._open = self._fresh = self._stopping = False
        self._due = self._not_before = 0.0
        self._deadline = Deadline.after(longest)
        self._told: str | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        with self._state:
            self._open = self._fresh = True
            self._due = self._not_before = time.monotonic() + self._first
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._state.notify()

    def wake(self, payload: str) -> None:
        """A notification makes a turn due; without one the loop has a clock of its own."""
        if payload:
            self.hurry()

    def hurry(self, within: float = 0.0) -> None:
        """A turn is due in so many seconds at the latest, unless the last one wants a rest."""
        with self._state:
            self._due = min(self._due, max(self._not_before, time.monotonic() + within))
            self._state.notify()

    def end(self) -> None:
        with self._state:
            self._open = False
            self._deadline.cancel.set()

    def stop(self, deadline: Deadline) -> None:
        with self._state:
            self._stopping = True
            self._state.notify()
        self.end()
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    # In the thread.

    def _run(self) -> None:
        while (deadline := self._next()) is not None:
            pause = self._take(deadline)
            with self._state:
                # What was begun anew meanwhile is due already.
                if not self._fresh and pause is not None:
                    ended = time.monotonic()
                    self._not_before = ended + pause.least
                    self._due = max(self._not_before, min(self._due, ended + pause.most))

    def _next(self) -> Deadline | None:
        """Wait until a turn is due; None = there is none any more."""
        with self._state:
            while not self._stopping:
                left = self._due - time.monotonic()
                if self._open and left <= 0:
                    self._deadline = Deadline.after(self._longest)
                    self._due = math.inf  # a hurry during the turn counts for the next one
                    return self._deadline
                self._state.wait(left if self._open else None)
            return None

    def _take(self, deadline: Deadline) -> Pause | None:
        """One turn; None = it was cancelled."""
        try:
            if self._fresh:
                self._fresh = False
                self._backoff.reset()
                self._anew()
            pause = self._turn(deadline)
            self._told = None
            self._backoff.reset()
        except PostaiError as error:
            if deadline.cancel.is_set():
                return None
            self._tell(error)
        except Exception:
            # The outermost layer of this thread: it must not end, or the work would never be done again.
            log.exception("%s: it failed unexpectedly", self._trouble, extra={"database": self._database})
        else:
            return pause
        rest = self._backoff.next()
        return Pause(rest, rest)

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every turn; never its detail, which may hold values."""
        if error.message != self._told:
            self._told = error.message
            extra = {"database": self._database, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint}
            log.warning(self._trouble, extra=extra)
