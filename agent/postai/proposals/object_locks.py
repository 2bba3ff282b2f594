"""Advisory locks by which workers keep out of each other's way; they last as long as the backend that holds them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from postai.database import Database, ServerError
from postai.database.named_sql import load
from postai.errors import LockNotObtained
from postai.proposals.monitor import Watch
from postai.proposals.types import Object, RunnerOptions

OBJECT_LOCK = 0x706F7375
"""First key of the advisory locks that workers take per object (the second key is the object's oid)."""

MIGRATOR_LOCK = 0x6D696772
"""Second key of the lock that whoever carries out a schema change holds from its first step to its last."""


class ObjectLocks:
    """The locks of one worker.

    Args:
        work: the session that runs the statements.
        action: id of the action that they belong to.
    """

    def __init__(self, work: Database, monitor: Watch, action: int, options: RunnerOptions) -> None:
        self._work = work
        self._monitor = monitor
        self._action = action
        self._options = options

    def become_migrator(self, say: Callable[[str, str], None]) -> None:
        """Wait until no other worker changes this database's schema; the lock ends with the session.

        Raises:
            LockNotObtained: another one is still at it.
        """
        self._wait([MIGRATOR_LOCK], "another schema change of this database", say)

    @contextmanager
    def held(self, objects: Sequence[Object], say: Callable[[str, str], None]) -> Iterator[None]:
        """Hold the locks of the objects, so that no other worker (or what is left of one) is at them."""
        keys = sorted({(one.lock_oid + 2**31) % 2**32 - 2**31 for one in objects})
        names = ", ".join(one.identity for one in objects)
        self._wait(keys, names, say)
        try:
            say("step.locked", f"holds {names}")
            yield
        finally:
            self._unlock(keys)

    def _wait(self, keys: Sequence[int], what: str, say: Callable[[str, str], None]) -> None:
        waits_until = time.monotonic() + self._options.concurrent_lock_timeout
        pause = 0.05
        while not self._try_lock(keys):
            if time.monotonic() > waits_until:
                raise LockNotObtained(
                    "another worker of postai is still at the same object",
                    detail=what,
                    hint="SELECT * FROM postai.actions shows what runs; apply again when it has ended.",
                )
            say("step.waiting", f"another worker is at {what}")
            self._end_frozen(keys, say)
            self._monitor.pause(pause)
            pause = min(1.0, pause * 1.5)

    def _end_frozen(self, keys: Sequence[int], say: Callable[[str, str], None]) -> None:
        """End the sessions of workers that hold the locks and have no action: frozen, or their host is gone."""
        sql = load(__package__, "runner.sql")["end_frozen"]
        for (pid,) in self._work.query(sql, [OBJECT_LOCK, list(keys), self._options.lease, self._action]):
            say("step.freed", f"ended backend {pid} of a worker that did nothing for {self._options.lease:.0f} s")

    def _try_lock(self, keys: Sequence[int]) -> bool:
        for number, key in enumerate(keys):
            if not self._work.query("select pg_catalog.pg_try_advisory_lock(%s, %s)", [OBJECT_LOCK, key])[0][0]:
                self._unlock(keys[:number])
                return False
        return True

    def _unlock(self, keys: Sequence[int]) -> None:
        try:
            for key in keys:
                self._work.query("select pg_catalog.pg_advisory_unlock(%s, %s)", [OBJECT_LOCK, key])
        except ServerError as error:
            # A cancel that came late hits the unlock; the session is closed after it, which frees the locks.
            if error.sqlstate != "57014":
                raise
