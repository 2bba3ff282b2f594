"""Reading both sides at once, in parts of short statements, from snapshots that all their sessions share.

A sum of the rows' hashes does not depend on the order of the rows, so each side is read as it lies on its disk, in
ranges of pages, and no part has to begin at the same key on both: no collation and no index matters. Rows that differ
are then found by sets of keys, told apart by bits of their hash, narrower each time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from postai.database.errors import ServerError
from postai.database.protocol import Database, Row
from postai.deadline import Cancelled, Deadline
from postai.replicate.verified import VerifyOptions
from postai.replicate.verify_tables import Compared, Key, filled, sql

T = TypeVar("T")
Sum = tuple[int, int]
NONE: Sum = (0, 0)
TIMED_OUT = "57014"

# Pages that a statement reads at first, and seconds that it should take: many where it need not rest, since a whole
# table is read quicker than a range of pages and does not drive others' pages out of the server's memory.
MANY_PAGES, FEW_PAGES, LONG_SECONDS, SHORT_SECONDS = 2**19, 4096, 20.0, 0.5
# How long a busy server is waited for at most, after each part.
BUSY_SECONDS = 5.0
# Bits of the hash that tell sets of keys apart, more each time: every part of a table returns all its sets.
MORE_BITS, MOST_BITS = 10, 40
# Rows that are listed by key at a time, and sets that are told apart further.
LISTED_ROWS, FURTHER = 100_000, 128


@dataclass(frozen=True)
class Frozen:
    """When a side was frozen, by its own clock, and its place in the log (of the side that serves)."""

    at: datetime
    lsn: str


class Reader:
    """One side: a session that keeps a snapshot, and those that read by it; it closes them.

    Args:
        place: 0 for the side that serves, 1 for the other one.
    """

    def __init__(self, place: int, lead: Database, workers: Sequence[Database], options: VerifyOptions) -> None:
        self.place, self.lead, self.workers = place, lead, workers
        self.pages_done = 0
        self._share, self._busy = options.share, options.busy
        self._snapshot = ""
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        rests = options.share < 1 or options.busy > 0
        self._goal = SHORT_SECONDS if rests else min(LONG_SECONDS, options.statement_seconds / 3)
        self._pages = FEW_PAGES if rests else MANY_PAGES // len(workers)
        for db in (lead, *workers):
            db.query(sql("pin"))

    def begin(self) -> None:
        """A transaction that has no snapshot yet."""
        self.lead.query("begin isolation level repeatable read, read only")

    def freeze(self, snapshot: str | None = None) -> Frozen:
        """From now on everything is read as it is at this moment, or as that snapshot has it."""
        if snapshot is not None:
            self.lead.query(f"set transaction snapshot '{snapshot}'")
        lsn = "''" if self.place or snapshot is not None else "pg_catalog.pg_current_wal_lsn()"
        ((self._snapshot, lsn, at),) = self.lead.query(sql("freeze").replace("{lsn}", lsn))
        return Frozen(at, lsn)

    def follow(self) -> None:
        """The reading sessions see what the lead sees."""
        for db in self.workers:
            self._see(db)

    def thaw(self) -> None:
        """Forget the snapshot: everything is read as it is."""
        for db in (self.lead, *self.workers):
            db.query("rollback")

    def stop(self) -> None:
        """End what runs, from another thread."""
        self._stopped.set()
        for db in self.workers:
            db.cancel()

    def recover(self) -> None:
        """After an error or `stop`, when nothing runs any more: read on in the same snapshot."""
        self._stopped.clear()
        for db in self.workers:
            db.query("rollback")
        self.follow()

    def close(self) -> None:
        for db in (self.lead, *self.workers):
            db.close()

    def scan(self, table: Compared, statement: Callable[[str], str], take: Callable[[list[Row]], None]) -> None:
        """Run a statement for every part of a table.

        Args:
            statement: makes it from the condition of a part.
            take: gets its rows; called by one thread at a time.
        """

        def read(db: Database, first: int, end: int | None) -> None:
            rows = self._read(db, statement, first, end, pages)
            with self._lock:
                take(rows)

        def work(db: Database) -> None:
            while (part := parts.take(min(self._pages, largest))) is not None:
                read(db, *part)

        if not table.heap:
            take(self._whole(self.workers[0], statement("true")))
            return
        ((pages,),) = self.workers[0].query(sql("pages"), (table.oids[self.place],))
        parts, largest = _Parts(pages), max(FEW_PAGES, pages // len(self.workers) + 1)
        if len(self.workers) == 1 or pages <= FEW_PAGES:
            work(self.workers[0])
            return
        with ThreadPoolExecutor(len(self.workers), "postai-verify-part") as pool:
            for done in [pool.submit(work, db) for db in self.workers]:
                done.result()

    def _read(
        self, db: Database, statement: Callable[[str], str], first: int, end: int | None, pages: int
    ) -> list[Row]:
        """The rows of a part; one that takes too long is read in smaller ones."""
        condition = f"t.ctid >= '({first},0)'::tid" if first else "true"
        condition += f" and t.ctid < '({end},0)'::tid" if end is not None else ""
        began = time.monotonic()
        try:
            rows = db.query(statement(condition))
        except ServerError as error:
            size = (pages if end is None else end) - first
            if error.sqlstate != TIMED_OUT or self._stopped.is_set() or size <= 1:
                raise
        else:
            self._rest(db, time.monotonic() - began, (pages if end is None else end) - first)
            return rows
        db.query("rollback")
        self._see(db)
        middle = first + size // 2
        self._pages = max(1, min(self._pages, size // 2))
        return self._read(db, statement, first, middle, pages) + self._read(db, statement, middle, end, pages)

    def _whole(self, db: Database, statement: str) -> list[Row]:
        """Without a limit of its own where a table cannot be read in parts: the deadline ends it."""
        ((limit,),) = db.query("select pg_catalog.current_setting('statement_timeout')")
        db.query("set local statement_timeout = 0")
        rows = db.query(statement)
        db.query(f"set local statement_timeout = '{limit}'")
        return rows

    def now(self, statement: str, *, limited: bool = True) -> list[Row]:
        """Rows as they are, outside a snapshot; not limited: until the deadline."""
        db = self.workers[0]
        if limited:
            return db.query(statement)
        with db.transaction():
            return self._whole(db, statement)

    def _rest(self, db: Database, seconds: float, pages: int) -> None:
        """Take no more than the share that is allowed, and none while the server is busy."""
        with self._lock:
            self.pages_done += pages
            factor = min(2.0, max(0.25, self._goal / max(seconds, 0.001)))
            if pages >= self._pages or factor < 1:
                self._pages = max(1, int(self._pages * factor))
        if self._share < 1:
            self._stopped.wait(seconds * (1 / self._share - 1))
        end = time.monotonic() + BUSY_SECONDS
        while self._busy and time.monotonic() < end and db.query(sql("busy"))[0][0] > self._busy:
            self._stopped.wait(0.1)
        if self._stopped.is_set():
            raise Cancelled("the comparison was ended")

    def _see(self, db: Database) -> None:
        db.query("begin isolation level repeatable read, read only")
        db.query(f"set transaction snapshot '{self._snapshot}'")


class _Parts:
    """The ranges of pages of a table, handed out one by one; the last one has no end."""

    def __init__(self, pages: int) -> None:
        self._next, self._pages, self._done = 0, pages, False
        self._lock = threading.Lock()

    def take(self, count: int) -> tuple[int, int | None] | None:
        with self._lock:
            if self._done:
                return None
            first, self._next = self._next, self._next + count
            self._done = self._next >= self._pages
            return first, None if self._done else self._next


class Pair:
    """Both sides, read at the same time in two threads.

    Args:
        turn: called again and again meanwhile: moves changes, tells of progress.
    """

    def __init__(self, serving: Reader, other: Reader, deadline: Deadline, turn: Callable[[], None]) -> None:
        self.readers = (serving, other)
        self.deadline, self._turn = deadline, turn
        self._pool = ThreadPoolExecutor(2, "postai-verify")

    def both(self, work: Callable[[Reader], T]) -> tuple[T, T]:
        """Do the same on both sides; an error of one ends the other's work.

        Raises:
            Cancelled, DeadlineExceeded: nothing runs on the servers any more.
        """
        here, there = self._run(work, self.readers)
        return here, there

    def one(self, place: int, work: Callable[[Reader], T]) -> T:
        """The same on one side only."""
        (found,) = self._run(work, (self.readers[place],))
        return found

    def _run(self, work: Callable[[Reader], T], readers: Sequence[Reader]) -> list[T]:
        self.deadline.check()
        running = [self._pool.submit(work, reader) for reader in readers]
        try:
            while wait(running, timeout=0.05, return_when=FIRST_EXCEPTION).not_done:
                if any(one.done() and one.exception() for one in running):
                    break
                self.deadline.check()
                self._turn()
        finally:
            failed = [error for one in running if one.done() and (error := one.exception())]
            for reader, one in zip(readers, running, strict=True):
                if not one.done():
                    reader.stop()
            wait(running)
        if failed:
            raise failed[0]
        return [one.result() for one in running]

    def close(self) -> None:
        self._pool.shutdown()
        for reader in self.readers:
            reader.close()


@dataclass(frozen=True)
class Found:
    """What the snapshots of a table have.

    Attributes:
        rows: on the serving side and on the other one.
        suspects: keys whose rows are not the same, with what each side has; `more`: there are others.
    """

    rows: tuple[int, int]
    suspects: Mapping[Key, tuple[Sum, Sum]]
    more: bool = False


Sets = dict[int, Sum]


def compare(pair: Pair, table: Compared, *, sets_first: bool) -> Found:
    """Compare a table in the snapshots of both sides.

    Args:
        sets_first: sets of keys are told apart at once, which takes longer but is needed where rows are expected to
            differ.
    """
    if not sets_first:
        here, there = pair.both(lambda reader: _whole(reader, table))
        if here == there:
            return Found((here[0], there[0]), {})
    bits = MORE_BITS
    sets = pair.both(lambda reader: _sets(reader, table, "true", bits))
    rows = (_count(sets[0]), _count(sets[1]))
    wrong, more = _unequal(*sets), False
    while wrong and _largest(wrong, *sets) > LISTED_ROWS:
        if bits >= MOST_BITS or len(wrong) > FURTHER:
            wrong, more = _fitting(wrong, *sets), True
            if len(wrong) > 1 or bits >= MOST_BITS:
                break
        within, bits = _within(table, wrong, bits), bits + MORE_BITS
        sets = pair.both(lambda reader, within=within, bits=bits: _sets(reader, table, within, bits))  # type: ignore[misc]
        wrong = _unequal(*sets)
    if not wrong:
        return Found(rows, {})
    keys = pair.both(lambda reader: _keys(reader, table, _within(table, wrong, bits)))
    return Found(rows, unequal_keys(*keys), more)


def unequal_keys(here: Mapping[Key, Sum], there: Mapping[Key, Sum]) -> dict[Key, tuple[Sum, Sum]]:
    """The keys whose rows are not the same, with what each side has."""
    every = sorted(here.keys() | there.keys())
    pairs = ((key, (here.get(key, NONE), there.get(key, NONE))) for key in every)
    return {key: both for key, both in pairs if both[0] != both[1]}


def keyed(rows: Sequence[Row], table: Compared, into: dict[Key, Sum] | None = None) -> dict[Key, Sum]:
    """What `keys` or `some` gave, added to what is there: a key may have rows in several parts."""
    found: dict[Key, Sum] = {} if into is None else into
    for row in rows:
        key = tuple(str(one) for one in row[: table.key_count])
        count, total = found.get(key, NONE)
        found[key] = (count + int(row[-2]), total + int(row[-1]))
    return found


def _whole(reader: Reader, table: Compared) -> Sum:
    total = [0, 0]

    def take(rows: list[Row]) -> None:
        for count, hashes in rows:
            total[0] += int(count)
            total[1] += int(hashes)

    reader.scan(table, lambda part: filled("whole", table, part=part), take)
    return total[0], total[1]


def _sets(reader: Reader, table: Compared, within: str, bits: int) -> Sets:
    found: Sets = {}

    def take(rows: list[Row]) -> None:
        for number, count, hashes in rows:
            before = found.get(number, NONE)
            found[number] = (before[0] + int(count), before[1] + int(hashes))

    mask = str((1 << bits) - 1)
    reader.scan(table, lambda part: filled("buckets", table, part=part, within=within, mask=mask), take)
    return found


def _keys(reader: Reader, table: Compared, within: str) -> dict[Key, Sum]:
    found: dict[Key, Sum] = {}

    def take(rows: list[Row]) -> None:
        keyed(rows, table, found)

    reader.scan(table, lambda part: filled("keys", table, part=part, within=within), take)
    return found


def _within(table: Compared, sets: Sequence[int], bits: int) -> str:
    numbers = ",".join(map(str, sets))
    return f"({table.key_hash} & {(1 << bits) - 1}) = any ('{{{numbers}}}'::int8[])"


def _count(sets: Sets) -> int:
    return sum(count for count, _ in sets.values())


def _unequal(here: Sets, there: Sets) -> list[int]:
    return sorted(one for one in here.keys() | there.keys() if here.get(one, NONE) != there.get(one, NONE))


def _largest(some: Sequence[int], *sides: Sets) -> int:
    return max(sum(sets.get(one, NONE)[0] for one in some) for sets in sides)


def _fitting(some: Sequence[int], *sides: Sets) -> list[int]:
    """As many of them as can be listed, one at least."""
    rows = 0
    for at, one in enumerate(some):
        rows += _largest((one,), *sides)
        if at and rows > LISTED_ROWS:
            return list(some[:at])
    return list(some)
