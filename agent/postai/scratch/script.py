"""Statements that are sent together."""

from __future__ import annotations

from postai.database import Database


class Script:
    """Statements without result that wait until the next one that has to be sent: fewer round trips."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[str] = []

    def add(self, *statements: str) -> None:
        """Let statements wait, which must not fail unless who calls `run` is prepared for it."""
        self._waiting += statements

    def run(self) -> None:
        """Run what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._db.execute("; ".join(waiting))
