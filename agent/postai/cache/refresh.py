"""Filling cache tables anew, without their readers waiting for it.

The rows are replaced in one transaction by DELETE and INSERT: readers see the old ones until it commits, in every
isolation level, and no lock is taken that they wait for. The query runs with its creator's rights, inside a function
with next to none (sql/85_cache.sql), in a session that is used for nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from postai.cache.board import Board, Groups
from postai.cache.groups import MOST, Grouping
from postai.database import Database
from postai.database.named_sql import load
from postai.errors import PostaiError, Refused
from postai.stream.snapshots import Snapshot

PROOF_SECONDS = 2.0
"""How long the stream may take to tell of what a snapshot shows; then the whole query is computed."""
BUSY = "its tables are being written to"
AGAIN_SECONDS = (5.0, 300.0)
"""Until a refresh that failed is tried again: at least, at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cache table.

    Attributes:
        ttl: seconds that its rows may be old.
        left: seconds for which they may still be read; None = they may not.
        took: seconds of the last refresh.
        rest: seconds before which it is not refreshed, because that has failed.
    """

    id: int
    name: str
    ttl: float
    left: float | None
    took: float
    rest: float

    @property
    def due(self) -> float:
        """In how many seconds it is to be refreshed: so early that its rows never get older than promised."""
        lead = min(self.ttl / 2, max(self.ttl / 10, 3 * self.took + 0.5))
        return max(self.rest, 0.0 if self.left is None else self.left - lead)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: seconds that it took, rows that there are, and whether only some groups were computed."""

    seconds: float
    rows: int
    groups: bool
    stale: bool


class _Missed(PostaiError):
    """The snapshot shows changes of other groups than those that were computed; it is rolled back."""


def entries(db: Database) -> tuple[Entry, ...]:
    """All cache tables, after what is left of dropped ones is gone."""
    db.query(sql("sweep"))
    return tuple(Entry(id, name, ttl, left, took, rest) for id, name, ttl, left, took, rest in db.query(sql("entries")))


def refresh(db: Database, entry: Entry, board: Board, publication: str) -> Refreshed:
    """Compute the rows of a cache table anew, or only those of the groups that were written to.

    Args:
        db: a session of its own, to be closed afterwards: what the query runs may leave locks and prepared statements.
        publication: by which writes are followed.

    Raises:
        Refused: the query reads or calls now what it must not.
        PostaiError: as the server says it; nothing is changed then.
    """
    began = time.monotonic()
    ((obstacle,),) = db.query(sql("obstacle"), (entry.id,))
    if obstacle is not None:
        raise Refused(f"the cache table {entry.name} cannot be refreshed", detail=str(obstacle))
    for _ in range(2):
        some = board.groups(entry.id)
        if some is None or len(some[1]) > MOST:
            break
        try:
            return _fill(db, entry, board, publication, began, some)
        except _Missed:
            continue  # the changes that were told meanwhile are on the board now
    return _fill(db, entry, board, publication, began, None)


def failed(db: Database, entry: Entry, error: PostaiError) -> None:
    """Note it, and when to try again: after ten times as long as it takes."""
    least, most = AGAIN_SECONDS
    parts = {"sqlstate": error.sqlstate, "message": error.message, "detail": error.detail, "hint": error.hint}
    db.execute(sql("failed"), (json.dumps(parts), min(most, max(least, 10 * entry.took)), entry.id))


def mark_stale(db: Database, ids: Sequence[int], reason: str) -> None:
    """From now on readers get the query itself."""
    db.execute(sql("stale"), (reason, list(ids)))


def _fill(
    db: Database, entry: Entry, board: Board, publication: str, began: float, some: tuple[Grouping, Groups] | None
) -> Refreshed:
    era = board.era
    with db.transaction():
        claimed = db.query(sql("claim").replace("{definition}", sql("definition")), (publication, entry.id))
        # Asked for when nobody else can drop it any more.
        if not claimed or db.query(sql("ours"), (entry.id,)) != [(True,)]:
            raise Refused(f"the cache table {entry.name} is gone")
        ((key, definition, most),) = claimed
        rows = _whole(db, entry.id, key, most) if some is None else _groups(db, entry.id, key, most, some)
        if not rows:
            raise _Missed("its rows were lost")
        ((count, size, text),) = rows
        snapshot = Snapshot.parse(text)
        db.query(sql("limit"), (count, size))
        if some is not None and not board.await_proof(time.monotonic(), PROOF_SECONDS):
            board.forget([entry.id])
        if some is not None and (board.groups(entry.id) is None or board.missed(entry.id, snapshot, some[1])):
            raise _Missed("other groups were written to")
        seconds = time.monotonic() - began
        db.execute(sql("done"), (int(some is not None), seconds * 1000, entry.id))
        stale = board.missed(entry.id, snapshot)
        if stale:
            mark_stale(db, [entry.id], BUSY)
    board.fill(entry.id, snapshot, definition, era)
    if not stale and board.missed(entry.id, snapshot):
        # What was told between the look above and the commit could not be marked then.
        stale = True
        mark_stale(db, [entry.id], BUSY)
    return Refreshed(seconds, count, some is not None, stale)


def _whole(db: Database, id: int, key: str, most: int) -> list[tuple[int, int, str]]:
    return db.query(sql("fill").format(id=int(id)), (key, most + 1))


def _groups(db: Database, id: int, key: str, most: int, some: tuple[Grouping, Groups]) -> list[tuple[int, int, str]]:
    grouping, groups = some
    wanted = json.dumps(grouping.condition(groups))
    ((condition,),) = db.query(sql("condition"), (id, wanted))
    text = sql("fill_groups").format(id=int(id), condition=str(condition).replace("%", "%%"))
    return db.query(text, (key, wanted, most + 1))


@cache
def _statements() -> dict[str, str]:
    return dict(load(__package__, "cache.sql"))


def sql(name: str) -> str:
    """A statement of cache.sql."""
    return _statements()[name]
