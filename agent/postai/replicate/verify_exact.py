"""Freezing both sides: in the same state while writers wait for a moment, or one after the other while nobody waits.

For the moment all tables are locked against writers, a fence row written then is awaited on the other side, and both
sides export snapshots; then the locks go, and everything is compared in these snapshots. The server itself ends the
locks in time, should this process or the network stop within.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from postai.database.errors import ConnectionLost, ServerError
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.replicate import fence
from postai.replicate.verified import Sides, VerifyOptions
from postai.replicate.verify_chunks import Pair
from postai.replicate.verify_tables import Compared, sql

# Of the time that writers may wait: for the locks; the server gives the rest up by itself.
LOCK_SHARE = 0.4
# A transaction that keeps a table for longer than this is not waited for with the other tables locked; where there
# always is one, older ones are tried, too.
OLD_SECONDS, OLDER, OLDEST_SECONDS = 0.02, 1.2, 0.5
BUSY = {"55P03", "57014", "40P01"}


class Unlockable(PostaiError):
    """The tables cannot be locked against writers: not allowed, or always busy; the message says why."""

    sqlstate = "PA009"
    title = "lock not obtained"


@dataclass(frozen=True)
class Moment:
    """When both sides were frozen.

    Attributes:
        token: of the fence row; lsn, at: place and time on the side that serves.
        stall: seconds that writers were held back at the longest, of all attempts.
    """

    token: str
    lsn: str
    at: datetime
    stall: float = 0.0
    attempts: int = 0


class Control:
    """A session on each side for the fence and the stream, not bound to a snapshot."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.serving = sides.open(sides.serving)
        try:
            self.other = sides.open(sides.serving.other)
        except BaseException:
            self.serving.close()
            raise

    def pump(self) -> None:
        """Move changes, where no process of the server does."""
        self.sides.stream.pump(self.serving, self.other)

    def put(self) -> str:
        return fence.put(self.serving, self.sides.move)

    def seen(self, token: str) -> bool:
        self.pump()
        return fence.seen(self.other, self.sides.move, token)

    def cross(self, deadline: Deadline) -> str:
        """Everything committed before is on the other side; returns the token."""
        token = self.put()
        while not self.seen(token):
            deadline.check()
            time.sleep(fence.POLL_SECONDS)
        return token

    def close(self) -> None:
        self.serving.close()
        self.other.close()


def freeze_freely(pair: Pair, control: Control) -> Moment:
    """Freeze both sides after a fence, as close to each other as can be, while everybody writes."""
    serving, other = pair.readers
    token = control.cross(pair.deadline)
    serving.begin()
    other.begin()
    frozen = serving.freeze()
    other.freeze()
    _follow(pair)
    return Moment(token, frozen.lsn, frozen.at)


def freeze_as(pair: Pair, snapshot: str) -> Moment:
    """Freeze the serving side as a snapshot has it, which is all that the other side holds."""
    serving, other = pair.readers
    serving.begin()
    other.begin()
    frozen = serving.freeze(snapshot)
    other.freeze()
    _follow(pair)
    return Moment("", frozen.lsn, frozen.at)


def freeze_exactly(pair: Pair, control: Control, tables: Sequence[Compared], options: VerifyOptions) -> Moment:
    """Freeze both sides in the same state.

    Raises:
        Unlockable: locking is not allowed, or in `lock_seconds` no moment was found for it.
    """
    end = time.monotonic() + options.lock_seconds
    oids = [table.oids[0] for table in tables]
    stall, attempts, old, why = 0.0, 0, OLD_SECONDS, ""
    lock: Database | None = None
    try:
        while True:
            pair.deadline.check()
            if not crosses_quickly(control, pair.deadline, options.max_stall):
                why = "the stream takes too long for a row"
            elif holders := _holders(control.serving, oids, tables, old):
                old = min(OLDEST_SECONDS, old * OLDER)
                why = f"long transactions, or maintenance, keep {', '.join(holders[:5])}"
            else:
                attempts += 1
                lock = lock or locker(control.sides, options.max_stall)
                moment, seconds = _attempt(pair, control, lock, tables, options.max_stall)
                stall = max(stall, seconds)
                if moment is not None:
                    _follow(pair)
                    return Moment(moment.token, moment.lsn, moment.at, stall, attempts)
                limit = f"{options.max_stall * 1000:g} ms"
                why = f"none of {attempts} attempts had all tables and a row of the stream in {limit}"
                if seconds < 0:
                    lock.close()
                    lock = None
            if time.monotonic() > end:
                break
            pair.deadline.cancel.wait(random.uniform(0.05, 0.4))  # noqa: S311
    except ServerError as error:
        if error.sqlstate not in ("42501", "53200"):
            raise
        why = error.message
    finally:
        if lock is not None:
            lock.close()
    raise Unlockable(f"the tables could not be locked for a moment: {why}")


def _follow(pair: Pair) -> None:
    for reader in pair.readers:
        reader.follow()


def crosses_quickly(control: Control, deadline: Deadline, limit: float) -> bool:
    """Whether a row comes to the other side in less than half of the time that writers may wait."""
    began = time.monotonic()
    control.cross(deadline)
    return time.monotonic() - began < limit / 2


def _holders(db: Database, oids: Sequence[int], tables: Sequence[Compared], seconds: float) -> list[str]:
    found = {oid for (oid,) in db.query(sql("holders"), (list(oids), seconds))}
    return [table.name for table in tables if table.oids[0] in found]


def locker(sides: Sides, limit: float) -> Database:
    """A session whose locks the server ends in time, whatever becomes of this process."""
    db = sides.open(sides.serving)
    wait, idle = max(1, int(limit * LOCK_SHARE * 1000)), max(1, int(limit * (1 - LOCK_SHARE) * 1000))
    db.query(f"set statement_timeout = {wait}; set lock_timeout = 0; set idle_in_transaction_session_timeout = {idle}")
    return db


def _attempt(
    pair: Pair, control: Control, lock: Database, tables: Sequence[Compared], limit: float
) -> tuple[Moment | None, float]:
    """One attempt, and how long writers were held back at most; -1: the lock's session is gone, it found nothing."""
    serving, other = pair.readers
    serving.begin()
    other.begin()
    began = time.monotonic()
    moment = None
    try:
        lock.query("begin")
        began = time.monotonic()
        lock.query(f"lock table {', '.join(f'only {table.name}' for table in tables)} in share mode")
        token = control.put()
        frozen = serving.freeze()
        arrived = False
        while not (arrived := control.seen(token)) and time.monotonic() - began < limit:
            time.sleep(fence.POLL_SECONDS / 2)
        if arrived:
            other.freeze()
        lock.query("rollback")  # it fails where the server has ended the locks already
        if arrived:
            moment = Moment(token, frozen.lsn, frozen.at)
    except ConnectionLost:
        serving.thaw()
        other.thaw()
        return None, -1.0
    except ServerError as error:
        lock.query("rollback")
        serving.thaw()
        other.thaw()
        if error.sqlstate not in BUSY:
            raise
        return None, time.monotonic() - began
    if moment is None:
        serving.thaw()
        other.thaw()
    return moment, time.monotonic() - began
