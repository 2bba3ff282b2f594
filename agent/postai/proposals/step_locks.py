"""The table locks of a step that runs in one transaction: all of them at its start, within one time of waiting.

Whoever wants the first table waits behind us until we have the last one. So what we wait for one lock is taken off what
we may wait for the next. All of it is at most the server's deadlock_timeout: where we and an application wait for each
other, we give up before the server looks for whom to end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from postai.database import Database
from postai.database.named_sql import load

_STRONG = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
"""Modes that stop writes, at least; nobody waits for the others."""


def strong(locks: Mapping[str, str], mode: str | None = None) -> dict[str, str]:
    """Those locks of a step that stop others; `mode` takes the place of each one's own."""
    return {table: mode or own for table, own in locks.items() if own in _STRONG}


class LockBudget:
    """How long the statements of the open transaction may wait for locks, all together.

    Args:
        db: session with an open transaction, under the role that runs the step.
        seconds: for one lock, and with several tables for all of them.
    """

    def __init__(self, db: Database, seconds: float) -> None:
        self._db = db
        self._ends = time.monotonic() + seconds

    def limit(self) -> None:
        """Let the next statement wait as long as is left."""
        left = max(1, int((self._ends - time.monotonic()) * 1000))
        self._db.execute(f"set local lock_timeout = {left}")

    def take(self, locks: Mapping[str, str]) -> None:
        """Take all locks of a step, those of tables that refer to others among them first, as writers do.

        Args:
            locks: table -> mode, as in a step; one alone is left to the statement itself.

        Raises:
            ServerError: 55P03, 40P01: not all of them were free in time.
        """
        if len(locks) > 1:
            rows = self._db.query(load(__package__, "runner.sql")["lockable"], [list(locks), list(locks.values())])
            for table, mode in rows:
                self.limit()
                words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
                self._db.execute(f"LOCK TABLE ONLY {table} IN {words} MODE")
        self.limit()
