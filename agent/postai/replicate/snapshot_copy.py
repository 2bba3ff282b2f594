"""Large tables, copied in parts by several sessions, each table with a slot, publication and subscription of its own.

Where one begins and another ends is a commit of the publisher that changes publications while nobody can write to the
table: what is published is decided by the catalog as it was at each change, so every change of the table is before it
or after it, and never both. docs/replicate-copy.md has the steps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Cancelled, Deadline
from postai.errors import PostaiError
from postai.replicate import late_keys, native
from postai.replicate.types import Open, Side, Table, own_schema

PART_BYTES = 256 * 2**20
# What is written to the target at a time.
BLOCK_BYTES = 256 * 1024
PAGE = 8192
# A lock on the table is asked for so long at a time, and so long in all.
LOCK_MS, LOCK_SECONDS = 200, 20.0
DROP_SECONDS, ARRIVE_SECONDS = 15.0, 60.0
_ENDLESS = "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0"


@dataclass(frozen=True)
class Split:
    """A table that is copied in parts.

    Attributes:
        table: its qualified name; number: its oid on the publisher.
        state: copying, copied, following (its own subscription), joining, joined.
        rows, bytes: copied until now.
    """

    table: str
    number: int
    state: str
    rows: int
    bytes: int

    def name(self, stream: str) -> str:
        """Of its slot, publication and subscription."""
        return f"{stream}_{self.number}"


def splits(subscriber: Database, move: int) -> dict[str, Split]:
    """Tables that are or were copied in parts, by their names."""
    if subscriber.query(_sql("there"), (f"{own_schema(move)}.split",)) != [(True,)]:
        return {}
    return {row[0]: Split(*row) for row in subscriber.query(_of("splits", move))}


def remove(publisher: Database | None, subscriber: Database | None, stream: str) -> None:
    """Drop what the parts of a stream have on these sides."""
    if subscriber is not None:
        for (name,) in subscriber.query(_sql("subscriptions"), (stream,)):
            native.unsubscribe(subscriber, name)
    if publisher is not None:
        for (name,) in publisher.query(_sql("published"), (stream, stream)):
            native.drop_slot(publisher, name, None, Deadline.after(DROP_SECONDS))
            native.unpublish(publisher, name)


def forget_all(publisher: Database, subscriber: Database, move: int, stream: str) -> None:
    """Drop what the parts of a stream have on both sides, and what is known of them."""
    remove(None, subscriber, stream)
    remove(publisher, None, stream)
    subscriber.execute(f"drop table if exists {own_schema(move)}.split")


def copy(
    open_side: Open, move: int, stream: str, table: Table, conninfo: str, workers: int, look: Callable[[str], bool]
) -> None:
    """Copy one table, and let a subscription of its own follow it; one that was broken off within begins anew.

    Args:
        open_side: opens sessions of both sides.
        stream: name of the stream that it joins later.
        conninfo: connection string of its subscription.
        look: called twice a second with what is done; true = no further part is begun now. What it raises ends it.

    Raises:
        LockNotObtained: writers did not let go of the table for `LOCK_SECONDS`.
    """
    with open_side(Side.SOURCE) as source, open_side(Side.TARGET) as target:
        target.execute(_of("install", move))
        known = splits(target, move).get(table.qualified)
        if known is None or known.state == "copying":
            ((number, pages, columns),) = source.query(_sql("shape"), (table.qualified,))
            known = Split(table.qualified, number, "copying", 0, 0)
            name = known.name(stream)
            _forget(source, target, name)
            target.execute(_of("note", move), (table.qualified, number, "copying"))
            target.execute(f"truncate only {table.qualified}")
            source.execute(f"create publication {quote_ident(name)}")
            native.create_slot(source, name)
            binary = not (native.text_only(source) or native.text_only(target))
            with _beginning(open_side, source, table.qualified, name) as snapshot:
                work = Parts(open_side, snapshot, binary=binary)
                pieces = parts(table.qualified, columns, pages, workers, source.server_version)
                for _ in work.run(pieces, workers, look):
                    target.execute(_of("count", move), (work.rows, work.bytes, table.qualified))
            target.execute(_of("count", move), (work.rows, work.bytes, table.qualified))
            target.execute(_of("note", move), (table.qualified, number, "copied"))
        late_keys.build_one(lambda: open_side(Side.TARGET), target, move, table.qualified, workers, look)
        name = known.name(stream)
        native.subscribe(target, name, conninfo, source.server_version, copy_data=False)
        target.execute(_of("note", move), (table.qualified, known.number, "following"))


@dataclass(frozen=True)
class Part:
    """Rows that one session copies at a time.

    Attributes:
        table: its qualified name.
        columns: those that are copied, quoted.
        condition: which of its rows.
    """

    table: str
    columns: str
    condition: str


def parts(table: str, columns: Sequence[str], pages: int, workers: int, version: int) -> list[Part]:
    """The parts of a table; before 14 each would read all of it, so it is one part there."""
    size = max(1, min(PART_BYTES // PAGE, pages // max(workers, 1) + 1))
    if version < 140_000 or pages <= size:
        return [Part(table, ", ".join(columns), "true")]
    starts = list(range(0, pages, size))
    ends = [f" and ctid < '({at},0)'::tid" for at in starts[1:]]
    conditions = [f"ctid >= '({at},0)'::tid{end}" for at, end in zip(starts, [*ends, ""], strict=True)]
    return [Part(table, ", ".join(columns), one) for one in conditions]


def whole(source: Database, table: Table, workers: int) -> list[Part]:
    """All of a table, as it is on the source."""
    ((_, pages, columns),) = source.query(_sql("shape"), (table.qualified,))
    return parts(table.qualified, columns, pages, workers, source.server_version)


@contextmanager
def _beginning(open_side: Open, source: Database, table: str, name: str) -> Iterator[str]:
    """A snapshot that has all of a table that its publication has not, and nothing else; kept while it is used."""
    with open_side(Side.SOURCE) as keeper:
        with _locked(source, table):
            source.execute(f"alter publication {quote_ident(name)} add table only {table}")
            keeper.query(f"begin isolation level repeatable read read only; {_ENDLESS}")
            ((snapshot,),) = keeper.query("select pg_catalog.pg_export_snapshot()")
        yield str(snapshot)


@contextmanager
def _locked(source: Database, table: str) -> Iterator[None]:
    """A transaction in which nobody else writes to the table; writers wait a moment for it."""
    end, longest = time.monotonic() + LOCK_SECONDS, LOCK_MS
    while True:
        try:
            with source.transaction():
                source.query(_sql("cancels_soon"), (f"{LOCK_MS // 4}ms",))
                source.query(f"set local lock_timeout = {longest}; "
                             f"lock table only {table} in share row exclusive mode")  # fmt: skip
                yield
                return
        except PostaiError as error:
            if error.sqlstate != "55P03" or time.monotonic() > end:
                raise
        time.sleep(0.3)
        ((longest,),) = source.query(_sql("vacuumed"), (LOCK_MS, LOCK_MS, table))


class Parts:
    """The parts of tables on their way, all as one snapshot has them."""

    def __init__(self, open_side: Open, snapshot: str, *, binary: bool) -> None:
        self._open, self._snapshot = open_side, snapshot
        self._form = " (format binary)" if binary else ""
        self._table = ""
        self._stop, self._hold, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self.rows = self.bytes = 0

    def run(self, parts: Sequence[Part], workers: int, look: Callable[[str], bool]) -> Iterator[None]:
        """Copy all of them; gives way to the caller twice a second."""
        left = iter(parts)
        with ThreadPoolExecutor(workers, "postai-copy") as pool:
            running = {pool.submit(self._work, left) for _ in range(min(workers, len(parts)))}
            try:
                while running:
                    done, running = wait(running, 0.5)
                    for one in done:
                        one.result()
                    yield
                    held = look(f"{self._table}: {self.bytes >> 20} MB")
                    (self._hold.set if held else self._hold.clear)()
            finally:
                self._stop.set()

    def _work(self, left: Iterator[Part]) -> None:
        with self._open(Side.SOURCE) as source, self._open(Side.TARGET) as target:
            source.query(f"begin isolation level repeatable read read only; {_ENDLESS}; "
                         f"set transaction snapshot '{self._snapshot}'")  # fmt: skip
            source.query(_sql("tables_only"))
            while True:
                while self._hold.is_set() and not self._stop.wait(0.1):
                    pass
                with self._lock:
                    part = next(left, None)
                if part is None:
                    return
                self._table = part.table
                rows_of = f"select {part.columns} from only {part.table} where {part.condition}"  # noqa: S608 (quoted)
                named = f" ({part.columns})" if part.columns else ""
                with target.transaction():
                    target.query(_ENDLESS)
                    into = f"copy {part.table}{named} from stdin{self._form}"
                    rows = target.copy_in(
                        into, self._counted(source.copy_out(f"copy ({rows_of}) to stdout{self._form}"))
                    )
                with self._lock:
                    self.rows += rows

    def _counted(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks, which may be single rows, in larger ones: each passes through both drivers by itself."""
        some: list[bytes] = []
        size = 0
        for block in blocks:
            some.append(block)
            size += len(block)
            if size >= BLOCK_BYTES:
                yield self._joined(some, size)
                some, size = [], 0
        yield self._joined(some, size)

    def _joined(self, some: list[bytes], size: int) -> bytes:
        if self._stop.is_set():
            raise Cancelled("the copy was broken off")
        with self._lock:
            self.bytes += size
        return b"".join(some)


def join(publisher: Database, subscriber: Database, move: int, stream: str, split: Split) -> None:
    """Let the stream follow a table from where its own subscription ends; each step looks first.

    The stream waits meanwhile: its subscription names a slot that is not there, so that no change of the table can
    pass before the table is known to it. All tables of the stream must be ready.
    """
    name = split.name(stream)
    deadline = Deadline.after(ARRIVE_SECONDS)
    subscriber.execute(_of("note", move), (split.table, split.number, "joining"))
    if split.table not in native.states(subscriber, stream):
        subscriber.execute(f"alter subscription {quote_ident(stream)} set (slot_name = '{stream}_waits')")
        _until(deadline, lambda: _slot(publisher, stream, "0/0") in (None, (True, False)))
        if publisher.query(_sql("in_publication"), (stream, split.table)) != [(True,)]:
            with _locked(publisher, split.table):
                publisher.execute(f"alter publication {quote_ident(stream)} add table only {split.table}")
                publisher.execute(f"alter publication {quote_ident(name)} drop table only {split.table}")
        ((place,),) = publisher.query("select pg_catalog.pg_current_wal_lsn()::text")
        if native.subscribed(subscriber, name):
            _until(deadline, lambda: (_slot(publisher, name, place) or (False, False))[0])
            _forget(publisher, subscriber, name)
        subscriber.execute(f"alter subscription {quote_ident(stream)} refresh publication with (copy_data = false)")
    subscriber.execute(f"alter subscription {quote_ident(stream)} set (slot_name = '{stream}')")
    _forget(publisher, subscriber, name)
    subscriber.execute(_of("note", move), (split.table, split.number, "joined"))


def _slot(publisher: Database, name: str, place: str) -> tuple[bool, bool] | None:
    rows = publisher.query(_sql("slot_place"), (place, name))
    return (bool(rows[0][0]), bool(rows[0][1])) if rows else None


def _until(deadline: Deadline, reached: Callable[[], bool]) -> None:
    while not reached():
        deadline.check()
        deadline.cancel.wait(0.1)


def _forget(publisher: Database, subscriber: Database, name: str) -> None:
    copying = native.unsubscribe(subscriber, name)
    native.drop_slot(publisher, name, copying, Deadline.after(DROP_SECONDS))
    native.unpublish(publisher, name)


def _of(name: str, move: int) -> str:
    return _sql(name).replace("{schema}", own_schema(move))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "snapshot_copy.sql")[name]
