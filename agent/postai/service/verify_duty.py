"""The duty that measures what applied proposals brought, and proposes to take back what did not help."""

from __future__ import annotations

import logging

from postai.daemon.loop import Loop, Pause
from postai.database import Pool
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.proposals.verification import Measurement, measure_due

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0


class VerifyDuty(Loop):
    """Measures the applied proposals of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        look: seconds between two looks.
    """

    channel = "postai_verify"

    def __init__(self, name: str, pool: Pool, look: float = LOOK_SECONDS) -> None:
        super().__init__(
            f"verify-{name}",
            self._look,
            trouble="what proposals brought cannot be measured",
            database=name,
            again=look,
        )
        self._name = name
        self._pool = pool
        self._every = look
        self._sql = load("postai.service", "verify_duty.sql")

    def _look(self, deadline: Deadline) -> Pause:  # noqa: ARG002  (the statements have time limits of their own)
        with self._pool.database() as db:
            waiting, now = db.query(self._sql["waiting"])[0]
            if waiting:
                for one in measure_due(db, now):
                    self._report(one)
        return Pause(self._every)

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
