"""The duty that judges what was collected, as soon as it was, and sends alerts.

Two threads: one judges and lays alerts down, the other one sends them, so that a mail server that does not answer
holds up neither the judging nor the agent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from postai.database import Pool
from postai.deadline import Cancelled, Deadline
from postai.errors import PostaiError
from postai.observe.alerts import Alerts
from postai.service.judging import Judge

log = logging.getLogger(__name__)

LONGEST = 60.0
"""Seconds that one turn may take; what is left comes with the next one."""
LOOK_SECONDS = 1.0
"""Least time between two looks whether something new was collected."""
PRUNE_SECONDS = 3600.0


class JudgeDuty:
    """Judges one database and sends its alerts.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        alerts: the channels.
        look: least seconds between two looks.
    """

    channel = "postai_collected"
    through_pooler = True

    def __init__(self, name: str, pool: Pool, alerts: Alerts, look: float = LOOK_SECONDS) -> None:
        self._name = name
        self._pool = pool
        self._alerts = alerts
        self._look = look
        self._judge = Judge(name, alerts)
        self._fresh = False
        self._prune_at = 0.0
        self._loops = (_Loop(f"judge-{name}", self._judge_now, look), _Loop(f"alerts-{name}", self._send, look))

    # The keeper calls these.

    def begin(self) -> None:
        self._fresh = True  # another agent may have judged meanwhile
        for loop in self._loops:
            loop.begin()

    def wake(self, payload: str) -> None:  # noqa: ARG002  (any reason is a reason to look)
        for loop in self._loops:
            loop.wake()

    def end(self) -> None:
        for loop in self._loops:
            loop.end()

    def stop(self, deadline: Deadline) -> None:
        for loop in self._loops:
            loop.ask_to_stop()
        for loop in self._loops:
            loop.join(deadline)

    # In threads of their own.

    def _judge_now(self, deadline: Deadline) -> None:
        if self._fresh:
            self._fresh, self._judge = False, Judge(self._name, self._alerts)
        with self._pool.database() as db:
            if self._judge.judge(db, deadline):
                self._judge.look(db)
                self._loops[1].wake()

    def _send(self, deadline: Deadline) -> None:
        with self._pool.database() as db:
            if time.monotonic() >= self._prune_at:
                self._alerts.give_up_orphans(db)
                self._alerts.prune(db)
                self._prune_at = time.monotonic() + PRUNE_SECONDS
            self._alerts.deliver(db, deadline)


class _Loop:
    """A thread that does something when it is woken, not too often, while it may."""

    def __init__(self, name: str, work: Callable[[Deadline], None], look: float) -> None:
        self._name = name
        self._work = work
        self._least = look
        self._wake = threading.Event()
        self._open = False
        self._stopping = False
        self._deadline = Deadline.after(LONGEST)
        self._thread: threading.Thread | None = None
        self._told: str | None = None

    def begin(self) -> None:
        self._open = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def end(self) -> None:
        self._open = False
        self._deadline.cancel.set()

    def ask_to_stop(self) -> None:
        self._stopping = True
        self.end()
        self._wake.set()

    def join(self, deadline: Deadline) -> None:
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            # First the deadline, then the look whether we lead still: `end` does it the other way round.
            self._deadline = Deadline.after(LONGEST)
            if not self._open:
                continue
            try:
                self._work(self._deadline)
                self._told = None
            except Cancelled:
                continue
            except PostaiError as error:
                self._tell(error)
            except Exception:
                # The outermost layer of this thread: it must not end, or nobody would judge any more.
                log.exception("%s failed unexpectedly", self._name)
            self._deadline.cancel.wait(self._least)

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every attempt."""
        if error.message != self._told:
            self._told = error.message
            log.warning(
                "judging does not go on",
                extra={"part": self._name, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint},
            )
