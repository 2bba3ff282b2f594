"""The wiring of the sidecar: databases with their keepers and duties, fronts, the clock, start and graceful stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from queue import SimpleQueue

from postai.daemon.clock import Clock
from postai.daemon.duty import Front
from postai.daemon.keeper import Keeper
from postai.deadline import Deadline

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""Longest time from the signal to the end."""


class Agent:
    """Everything that runs, started and stopped together; what fails alone does not stop the others.

    Args:
        keepers: one for each database.
        fronts: what is served beside them.
        clock: says when background work is due.
    """

    def __init__(self, keepers: Sequence[Keeper], fronts: Sequence[Front], clock: Clock) -> None:
        self._keepers = tuple(keepers)
        self._fronts = tuple(fronts)
        self._clock = clock
        # Not an Event: its lock may be held by the very thread that the signal handler interrupts.
        self._stop: SimpleQueue[None] = SimpleQueue()

    def request_stop(self) -> None:
        """Make `run` end; may be called from a signal handler."""
        self._stop.put(None)

    def run(self) -> bool:
        """Serve until `request_stop`.

        Returns:
            whether everything had ended in time.
        """
        for keeper in self._keepers:
            keeper.start()
        for front in self._fronts:
            front.start()
        self._clock.start()
        self._stop.get()
        log.info("stopping")
        deadline = Deadline.after(STOP_SECONDS)
        self._clock.stop()
        # Side by side: each may need its time to let running work end.
        parts: list[Front | Keeper] = [*self._fronts, *self._keepers]
        threads = [threading.Thread(target=part.stop, args=(deadline,), daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.1, deadline.remaining()))
        in_time = not any(thread.is_alive() for thread in threads)
        log.info("stopped" if in_time else "stopped, with work left that did not end in time")
        return in_time
