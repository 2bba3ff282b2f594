"""The duty that measures what applied proposals brought, and proposes to take back what did not help."""

from __future__ import annotations

import logging
import threading
import time

from postai.database import Pool
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.proposals.verification import Measurement, measure_due

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0


class VerifyDuty:
    """Measures the applied proposals of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        look: seconds between two looks.
    """

    channel = "postai_verify"
    through_pooler = True

    def __init__(self, name: str, pool: Pool, look: float = LOOK_SECONDS) -> None:
        self._name = name
        self._pool = pool
        self._every = look
        self._sql = load("postai.service", "verify_duty.sql")
        self._wake = threading.Event()
        self._open = False
        self._stopping = False
        self._look_at = 0.0
        self._thread: threading.Thread | None = None
        self._told: str | None = None

    # The keeper calls these.

    def begin(self) -> None:
        self._open = True
        self._look_at = 0.0
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"verify-{self._name}", daemon=True)
            self._thread.start()
        self._wake.set()

    def wake(self, payload: str) -> None:
        if payload:
            self._look_at = 0.0
        self._wake.set()

    def end(self) -> None:
        self._open = False

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
            if not self._open or self._stopping or time.monotonic() < self._look_at:
                continue
            try:
                self._look()
                self._told = None
            except PostaiError as error:
                self._tell(error)
            except Exception:
                # The outermost layer of this thread: it must not end, or nothing would be measured any more.
                log.exception("measuring failed unexpectedly", extra={"database": self._name})
            self._look_at = time.monotonic() + self._every

    def _look(self) -> None:
        with self._pool.database() as db:
            waiting, now = db.query(self._sql["waiting"])[0]
            if waiting:
                for one in measure_due(db, now):
                    self._report(one)

    def _report(self, one: Measurement) -> None:
        log.info(
            "what a proposal brought was measured",
            extra={
                "database": self._name,
                "proposal": one.proposal,
                "state": one.verdict.state,
                "reason": one.verdict.reason,
                "undo": one.undo,
                "not_undone": one.not_undone,
            },
        )

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every look."""
        if error.message != self._told:
            self._told = error.message
            extra = {"database": self._name, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint}
            log.warning("what proposals brought cannot be measured", extra=extra)
