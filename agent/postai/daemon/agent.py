"""The wiring of the sidecar: databases with their keepers and duties, fronts, the clock, start and graceful stop."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections.abc import Sequence

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
        # Not a lock of any kind: a signal that arrives just before the wait for one begins would not end that wait.
        self._stop = False
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)

    @property
    def wakeup_fd(self) -> int:
        """For `signal.set_wakeup_fd`: whatever signal comes, `run` wakes up and lets its handler run."""
        return self._wake_in.fileno()

    def request_stop(self) -> None:
        """Make `run` end; may be called from a signal handler."""
        self._stop = True
        with contextlib.suppress(OSError):  # enough is waiting to be read, or it has ended
            self._wake_in.send(b"x")

    def close(self) -> None:
        """Give back what `wakeup_fd` named."""
        self._wake_in.close()
        self._wake_out.close()

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
        while not self._stop:
            select.select([self._wake_out], [], [])
            self._wake_out.recv(4096)
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
