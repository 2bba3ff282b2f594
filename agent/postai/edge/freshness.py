"""How fresh the cache of one database is, as far as it can be proved. No input or output; times are given.

What is kept is right as of a moment t when every transaction that was visible at t has been told by the stream. A side
connection samples (t, where the log ended, a snapshot); once the stream has passed that place in the log, the cache is
fresh as of t. No clock but the one of this machine is compared, and only with itself.

The server tells of a commit before others can see it: ProcArrayEndTransaction comes after the log was flushed, and with
synchronous standbys after they have answered. A query that begins after the news may still read the old row. So the
number of a transaction stays unconfirmed until a snapshot shows it as completed; what is asked of its tables till then
may be kept only if a snapshot that was taken before on that very connection shows it as completed. The numbers of the
stream have 32 bits, those of snapshots 64: they are compared as PostgreSQL compares them, by distance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from postai.stream.snapshots import Snapshot as Snapshot
from postai.stream.snapshots import Xid as Xid

Oid = int
Lsn = int
Key = tuple[bytes | None, ...]
Tag = Oid | tuple[Oid, Key]
"""What an entry depends on: a table, or one row of it by the values of its key."""
Rows = Mapping[Oid, frozenset[Key] | None]
"""What changed: for each table the keys of rows, or None = any of its rows."""

SAMPLES = 64
"""Samples that wait for the stream; when it is further behind, nothing is served anyway."""
_Where = TypeVar("_Where")


class Unconfirmed:
    """Transactions that the stream has told of and that no snapshot has shown as completed yet."""

    def __init__(self) -> None:
        self._changed: dict[Xid, list[Rows]] = {}
        self._all: set[Xid] = set()
        self._tables: dict[Oid, set[Xid]] = {}
        self._whole: dict[Oid, set[Xid]] = {}
        self._keys: dict[tuple[Oid, Key], set[Xid]] = {}

    def __len__(self) -> int:
        return len(self._changed)

    def add(self, xid: Xid, rows: Rows | None) -> None:
        """A transaction and what it changed; None = anything. One that was added before has changed this, too."""
        self._changed.setdefault(xid, []).append(rows or {})
        if rows is None:
            self._all.add(xid)
            return
        for oid, keys in rows.items():
            self._tables.setdefault(oid, set()).add(xid)
            if keys is None:
                self._whole.setdefault(oid, set()).add(xid)
            for key in keys or ():
                self._keys.setdefault((oid, key), set()).add(xid)

    def confirm(self, snapshot: Snapshot) -> None:
        """Forget those that a snapshot shows as completed."""
        for xid in [one for one in self._changed if snapshot.completed(one)]:
            self._all.discard(xid)
            for rows in self._changed.pop(xid):
                for oid, keys in rows.items():
                    _take(self._tables, oid, xid)
                    _take(self._whole, oid, xid)
                    for key in keys or ():
                        _take(self._keys, (oid, key), xid)

    def of(self, tags: Iterable[Tag]) -> Iterator[Xid]:
        """Those that a reader of these tags may not have seen."""
        yield from self._all
        for tag in tags:
            if isinstance(tag, int):
                yield from self._tables.get(tag, ())
            else:
                yield from self._keys.get(tag, ())
                yield from self._whole.get(tag[0], ())


class Freshness:
    """What the cache of a database may do now. Belongs to one thread.

    Args:
        max_staleness: seconds; an answer is given only when everything older than that is known.

    Attributes:
        position: everything that was committed up to here has been told.
        fresh_as_of: the newest moment for which it is proved; None = none is.
        reason: why nothing is kept; None = the stream is alive.
    """

    def __init__(self, max_staleness: float) -> None:
        self._max_staleness = max_staleness
        self._samples: deque[tuple[float, Lsn]] = deque(maxlen=SAMPLES)
        self._unconfirmed = Unconfirmed()
        self.position: Lsn = 0
        self.fresh_as_of: float | None = None
        self.reason: str | None = "the stream has not begun"

    @property
    def unconfirmed(self) -> int:
        """How many transactions no snapshot has shown as completed yet."""
        return len(self._unconfirmed)

    def started(self, position: Lsn, doubts: Mapping[Xid, Rows | None]) -> None:
        """A stream has begun, and the cache is empty.

        Args:
            position: from where on it tells of commits.
            doubts: transactions that ran in a snapshot taken after it began, each with the tables it had locked for
                writing (None = any): their commits may lie before the beginning, and never be told.
        """
        self.lost("")
        self.position, self.reason = position, None
        for xid, rows in doubts.items():
            self._unconfirmed.add(xid, rows)

    def lost(self, reason: str) -> None:
        """The stream has ended: whatever is kept is worth nothing."""
        self._samples.clear()
        self._unconfirmed = Unconfirmed()
        self.fresh_as_of, self.reason = None, reason

    def changed(self, xid: Xid, rows: Rows | None) -> None:
        """A transaction was told of; None = it changed definitions or rights, so that anything may be different.

        A number of 0 belongs to no transaction, and leaves nothing to confirm.
        """
        if xid:
            self._unconfirmed.add(xid, rows)

    def advanced(self, position: Lsn) -> None:
        """Everything that was committed up to a position has been told, and applied here."""
        self.position = max(self.position, position)
        while self._samples and self._samples[0][1] <= self.position:
            self.fresh_as_of = self._samples.popleft()[0]

    def sampled(self, at: float, end: Lsn, snapshot: Snapshot) -> None:
        """The log ended at `end` some time after the moment `at` (time.monotonic), and the snapshot is not older."""
        if self.reason is not None:
            return
        self._unconfirmed.confirm(snapshot)
        if len(self._samples) == SAMPLES:
            return  # the oldest stay: one of them is passed first
        self._samples.append((at, end))
        self.advanced(self.position)

    def age(self, now: float) -> float | None:
        """Seconds for which nothing is proved; None = nothing is at all."""
        return None if self.fresh_as_of is None else now - self.fresh_as_of

    def serving(self, now: float) -> bool:
        """Whether an answer may be given."""
        return self.fresh_as_of is not None and now - self.fresh_as_of <= self._max_staleness

    def why_not(self, now: float) -> str | None:
        """Why no answer may be given; None = it may."""
        if self.serving(now):
            return None
        if self.reason is not None:
            return self.reason
        age = self.age(now)
        return "the stream has not been proved to be up to date" if age is None else f"the stream is {age:.1f} s behind"

    def passed(self, position: Lsn) -> bool:
        """Whether a session whose last write ended at a position may be given answers."""
        return self.reason is None and self.position >= position

    def unseen(self, tags: Iterable[Tag]) -> frozenset[Xid]:
        """Transactions that were told of, but that a query of these tags sent now may not see: asked when it is sent.

        With any, a snapshot must be taken before it on the same connection, and the answer may be kept only if that
        shows all of them (`Snapshot.shows`). What is told of while the query is under way spoils the answer anyway.
        """
        return frozenset(self._unconfirmed.of(tags))


def _take(index: dict[_Where, set[Xid]], where: _Where, xid: Xid) -> None:
    xids = index.get(where)
    if xids is not None:
        xids.discard(xid)
        if not xids:
            del index[where]
