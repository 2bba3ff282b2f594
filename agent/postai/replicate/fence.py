"""The fence: a row written on one side and seen on the other proves that all earlier commits were applied there.

Changes are applied in the order of their commits, so this holds for every method, needs no superuser, and knows in
milliseconds what the views of replication tell seconds later.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from postai.database import named_sql
from postai.database.identifiers import qualified
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import Refused
from postai.replicate.types import own_schema

POLL_SECONDS = 0.001


def install(db: Database, move: int) -> None:
    """Make the schema of the move and its fence where they are missing (on both sides, before any publication)."""
    if not installed(db, move):
        with db.transaction():
            db.query(_sql("install", move))


def claim_target(target: Database, move: int) -> None:
    """Make the schema of the move on the target, where it is its own.

    Raises:
        Refused: somebody else made one of that name: triggers of its tables would run as postai.
    """
    with target.transaction():
        install(target, move)
        _require_own(target, move)


def claim(source: Database, target: Database, move: int) -> None:
    """Make the schema of the move on both sides, with the same mark: another home may count its moves as this one does.

    Raises:
        Refused: on the source is that of another home's move, or somebody else made one of that name: triggers of its
            tables would run as postai.
    """
    claim_target(target, move)
    mark = mark_of(target, move) or uuid.uuid4().hex
    target.execute(_sql("mark", move).replace("{mark}", mark))
    with source.transaction():
        source.query(_sql("claim_lock", move), (move,))
        there = mark_of(source, move)
        if there not in (None, mark):
            raise Refused(
                f"the source has {own_schema(move)} of another target's move",
                hint="Abort this move, which leaves that alone, and start it again: it gets another number.",
            )
        install(source, move)
        if there is None:
            _require_own(source, move)
        source.execute(_sql("mark", move).replace("{mark}", mark))


def _require_own(db: Database, move: int) -> None:
    if _others(db, move):
        raise Refused(
            f"another role made the schema {own_schema(move)} in {db.name}",
            hint="Abort this move, which leaves that alone, and start it again: it gets another number.",
        )


def _others(db: Database, move: int) -> bool:
    """Whether somebody else made the schema: whatever is in it could run as postai."""
    ((others,),) = db.query(_sql("others", move), (own_schema(move),))
    return bool(others)


def foreign(source: Database, target: Database, move: int) -> bool:
    """Whether what is on the source under the move's number is another home's, or somebody else's."""
    mark = mark_of(source, move)
    return _others(source, move) if mark is None else mark != mark_of(target, move)


def mark_of(db: Database, move: int) -> str | None:
    """What tells the move from those of other homes; None = it has no schema there."""
    rows = db.query(_sql("mark_of", move), (own_schema(move),))
    return rows[0][0] if rows else None


def installed(db: Database, move: int) -> bool:
    """Whether `install` was here."""
    ((there,),) = db.query(_sql("installed", move), (qualified(own_schema(move), "kept"),))
    return bool(there)


def put(db: Database, move: int) -> str:
    """Write a row into the fence and commit it; returns its token."""
    token = uuid.uuid4().hex
    db.execute(_sql("put", move), (token,))
    return token


def seen(db: Database, move: int, token: str) -> bool:
    """Whether that row has arrived."""
    ((there,),) = db.query(_sql("seen", move), (token,))
    return bool(there)


def cross(
    publisher: Database, subscriber: Database, move: int, deadline: Deadline, pump: Callable[[], None] | None = None
) -> float:
    """Wait until everything that was committed on the publisher before this call is on the subscriber.

    Args:
        pump: moves changes, where no process of the server does it.

    Returns:
        seconds that it took.

    Raises:
        DeadlineExceeded: it did not arrive in time.
    """
    began = time.monotonic()
    token = put(publisher, move)
    while True:
        if pump is not None:
            pump()
        if seen(subscriber, move, token):
            return time.monotonic() - began
        deadline.check()
        time.sleep(POLL_SECONDS)


def clear(publisher: Database, move: int) -> None:
    """Take the rows away that were put here: a stream back that knows no origin (before 16) may bring them."""
    publisher.execute(_sql("clear", move))


def keep(db: Database, move: int, *streams: str) -> None:
    """Have the beginning of streams kept; on return everything committed before is on the disk, too."""
    db.execute(_sql("keep", move), (list(streams),))


def kept_at(db: Database, move: int, stream: str) -> str | None:
    """The place in the log at which a stream was kept; None where it is not."""
    rows = db.query(_sql("kept_at", move), (stream,)) if installed(db, move) else []
    return rows[0][0] if rows else None


def release(db: Database, move: int, stream: str) -> None:
    """The beginning of that stream may be moved again."""
    if kept(db, move, stream):
        db.execute(_sql("release", move), (stream,))


def kept(db: Database, move: int, stream: str) -> bool:
    """Whether the beginning of a stream is kept: it must not be moved, traffic may have come since."""
    if not installed(db, move):
        return False
    ((there,),) = db.query(_sql("kept", move), (stream,))
    return bool(there)


def _sql(name: str, move: int) -> str:
    return named_sql.load(__package__, "fence.sql")[name].replace("{schema}", own_schema(move))
