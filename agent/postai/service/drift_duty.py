"""The duty that looks, at the agent's start and from time to time, whether the schema is what it should be."""

from __future__ import annotations

import json
import logging

from postai.daemon.loop import Loop, Pause
from postai.database import Database, Pool
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.migrate.drift_store import drift, newest, take

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
MOST_NAMED = 20


class DriftDuty(Loop):
    """Compares the schema of one database with the newest snapshot; the first one it takes itself.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        look: seconds between two looks.
    """

    channel = "postai_drift"

    def __init__(self, name: str, pool: Pool, look: float = LOOK_SECONDS) -> None:
        super().__init__(
            f"drift-{name}",
            self._take_turn,
            trouble="the schema cannot be compared",
            database=name,
            again=LOOK_SECONDS / 60,
        )
        self._name = name
        self._pool = pool
        self._every = look
        self._told: str | None = None
        self._sql = load("postai.service", "drift_duty.sql")

    def _take_turn(self, deadline: Deadline) -> Pause:  # noqa: ARG002  (the statements have time limits of their own)
        self.look()
        return Pause(self._every, 1.0)

    def look(self) -> None:
        """Take the first snapshot, or tell what is not as the newest one says."""
        with self._pool.database() as db:
            if newest(db) is None:
                take(db, "the agent's first look")
            else:
                self._compare(db)

    def _compare(self, db: Database) -> None:
        report = drift(db)
        if not report.differences:
            self._told = None
        elif report.hash != self._told:
            # Once for each state of the schema; names only, texts may hold values.
            self._told = report.hash
            named = [f"{one.object}: {one.change}" for one in report.differences[:MOST_NAMED]]
            detail = {"hash": report.hash, "differences": len(report.differences), "objects": named}
            db.query(self._sql["record"], [json.dumps(detail)])
            log.warning(
                "the schema is not what it should be",
                extra={"database": self._name, "differences": len(report.differences), "objects": named},
            )
