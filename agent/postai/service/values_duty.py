"""The duty that keeps the value index and the joins found in the data: read soon after the start, again after writes.

Every few seconds one cheap look: the catalog's fingerprint and the servers' counters of written rows. A table is read
when it is new, changed its definition, or was written to since it was read, but not again before a pause that grows
with the time the reading took. So keeping the index costs at most a twentieth of one session's time, and much less on
a database at rest. What is read is never logged; what changed is told by counts.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postai.database import Database, Pool
from postai.database.catalog import (
    Catalog,
    Column,
    ColumnName,
    KnownJoin,
    KnownValues,
    Table,
    fingerprint_query,
    load_catalog,
)
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import PostaiError
from postai.language.containment import contained_joins
from postai.language.samples import Sampler
from postai.language.values import Limits, indexable, read_values, value_bytes
from postai.service.knowledge import Knowledge

log = logging.getLogger(__name__)

_State = tuple[tuple[int, int, int], ...]
"""Counters of a table and of what lies below it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the index is looked after, in seconds.

    Attributes:
        look: between two looks at what changed.
        notified: the same where a notification asks for it.
        table: before a table that is written to is read again, at least.
        joins: before joins are looked for again because of writes, at least.
        publish: between two versions while a pass goes on.
        longest: one pass over the tables; what is left comes with the next look.
        rest: so many times longer than the work is the pause after it, at least.
    """

    look: float = 10.0
    notified: float = 1.0
    table: float = 60.0
    joins: float = 600.0
    publish: float = 10.0
    longest: float = 60.0
    rest: float = 20.0


@dataclass
class _Known:
    """What was read of a table.

    Attributes:
        columns: number, name and type of the columns that were read.
        state: the counters before it was read.
        not_before: when it may be read again, in seconds of the monotonic clock.
        bytes: size of its values.
    """

    columns: tuple[tuple[int, str, int], ...]
    state: _State
    not_before: float
    bytes: int = 0


@dataclass
class _Memory:
    """What this agent knows of the index since it leads.

    Attributes:
        catalog, plan: the tables that may be indexed, by the catalog as it was read.
        tables: what was read, by oid.
        joined: fingerprint and counters for which joins were looked for.
        joined_until: when that was over; `joining` took so long.
        unpublished: something changed since the last version; at first, because another agent may have been stopped
            before it could tell.
        published_at: when that was; `publishing` took so long.
    """

    catalog: Catalog | None = None
    plan: tuple[tuple[Table, tuple[Column, ...]], ...] = ()
    tables: dict[int, _Known] = field(default_factory=dict)
    joined: tuple[str, int] | None = None
    joined_until: float = 0.0
    joining: float = 0.0
    unpublished: bool = True
    published_at: float = field(default_factory=time.monotonic)
    publishing: float = 0.0


class ValuesDuty:
    """Keeps the value index of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        knowledge: told when the index changed.
        pace: how often.
    """

    channel = "postai_values"
    through_pooler = True

    def __init__(self, name: str, pool: Pool, knowledge: Knowledge, pace: Pace | None = None) -> None:
        self._name = name
        self._pool = pool
        self._knowledge = knowledge
        self._pace = pace or Pace()
        self._limits = Limits()
        self._sql = load("postai.service", "values_duty.sql")
        self._wake = threading.Event()
        self._open = False
        self._fresh = False
        self._stopping = False
        self._look_at = 0.0
        self._deadline = Deadline.after(self._pace.longest)
        self._thread: threading.Thread | None = None
        self._told: str | None = None
        self._memory = _Memory()

    # The keeper calls these.

    def begin(self) -> None:
        self._fresh = True  # another agent may have led meanwhile
        self._open = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"values-{self._name}", daemon=True)
            self._thread.start()
        self._wake.set()

    def wake(self, payload: str) -> None:
        if payload:
            self._look_at = min(self._look_at, time.monotonic() + self._pace.notified)
        self._wake.set()

    def end(self) -> None:
        self._open = False
        self._deadline.cancel.set()

    def stop(self, deadline: Deadline) -> None:
        self._stopping = True
        self.end()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    # In its own thread.

    def _loop(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            if self._fresh:
                self._fresh, self._look_at, self._memory = False, 0.0, _Memory()
            # First the deadline, then the look whether we lead still: `end` does it the other way round.
            self._deadline = Deadline.after(self._pace.longest)
            if not self._open or time.monotonic() < self._look_at:
                continue
            started = time.monotonic()
            complete = False
            try:
                with self._pool.database() as db:
                    complete = self._pass(db)
                self._told = None
            except Cancelled:
                continue
            except PostaiError as error:
                self._tell(error)
            except Exception:
                # The outermost layer of this thread: it must not end, or the index would grow old.
                log.exception("keeping the value index failed unexpectedly", extra={"database": self._name})
            worked = time.monotonic() - started
            self._look_at = time.monotonic() + max(self._pace.look, worked * (self._pace.rest if complete else 1.0))

    def _pass(self, db: Database) -> bool:
        """Bring the index up to date; False = there was no time for all of it."""
        look = self._sql["look"].replace("/* fingerprint */", fingerprint_query())
        wanted, fingerprint = db.query(look)[0]
        if not wanted:
            self._empty(db)
            return True
        memory = self._memory
        if memory.catalog is None or memory.catalog.fingerprint != fingerprint:
            self._plan(db)
        writes = {oid: (oid, written, file) for oid, written, file in db.query(self._sql["writes"])}
        complete = True
        try:
            self._read(db, writes)
            self._join(db, hash(frozenset(writes.values())))
        except DeadlineExceeded:
            complete = False
        # Whoever answers questions makes grammars anew for a version, which is dear where there are many tables.
        if memory.unpublished and time.monotonic() > memory.published_at + self._pace.rest * memory.publishing:
            self._publish(db)
        return complete

    def _empty(self, db: Database) -> None:
        """It is switched off: nothing is kept."""
        self._memory.unpublished |= self._changed(db, "forget", ([],))
        self._memory.unpublished |= self._changed(db, "keep_joins", ("[]",))
        if self._memory.unpublished:
            self._publish(db)
        self._memory = _Memory(unpublished=False)

    def _plan(self, db: Database) -> None:
        memory = self._memory
        memory.catalog = load_catalog(db)
        memory.plan = indexable(db, memory.catalog)
        oids = {table.oid for table, _ in memory.plan}
        memory.tables = {oid: known for oid, known in memory.tables.items() if oid in oids}
        memory.unpublished |= self._changed(db, "forget", (sorted(oids),))

    def _read(self, db: Database, writes: Mapping[int, tuple[int, int, int]]) -> None:
        """Read the tables that are due, smallest first."""
        memory = self._memory
        assert memory.catalog is not None
        below: dict[int, list[int]] = defaultdict(list)
        for table in memory.catalog.tables:
            if table.parent_oid is not None:
                below[table.parent_oid].append(table.oid)
        sampler = Sampler(db, self._limits.bounds, self._deadline)
        for table, columns in memory.plan:
            found_columns = tuple((column.number, column.name, column.type_oid) for column in columns)
            state = _state(table.oid, below, writes)
            known = memory.tables.get(table.oid)
            if known is not None and known.columns == found_columns:
                if known.state == state or time.monotonic() < known.not_before:
                    continue
            elif known is not None:
                self._keep(db, table, {})  # what is no longer to be indexed goes, even if the rest cannot be read
            self._deadline.check()
            started = time.monotonic()
            values = read_values(sampler, table, columns, self._limits)
            pause = max(self._pace.table, self._pace.rest * (time.monotonic() - started))
            room = self._limits.bytes - sum(one.bytes for oid, one in memory.tables.items() if oid != table.oid)
            kept = _fitting(values, room) if values is not None else {}
            if values is not None:
                self._keep(db, table, kept)
            size = sum(map(value_bytes, kept.values()))
            # What could not be read at this moment is tried again after the pause, written to or not.
            seen = state if values is not None else ()
            memory.tables[table.oid] = _Known(found_columns, seen, time.monotonic() + pause, size)
            if memory.unpublished and time.monotonic() - memory.published_at > self._pace.publish:
                self._publish(db)

    def _keep(self, db: Database, table: Table, values: Mapping[ColumnName, KnownValues]) -> None:
        entries = []
        for name, known in values.items():
            column = table.column(name.column)
            assert column is not None
            entries.append(
                {
                    "number": column.number, "schema": name.schema, "name": name.table, "column": name.column,
                    "complete": known.complete, "bytes": value_bytes(known), "values": known.values,
                }
            )  # fmt: skip
        self._memory.unpublished |= self._changed(db, "keep", (json.dumps(entries), table.oid, table.oid))

    def _join(self, db: Database, writes: int) -> None:
        memory = self._memory
        assert memory.catalog is not None
        now = (memory.catalog.fingerprint, writes)
        # Definitions change what may be joined, rows hardly ever.
        redefined = memory.joined is not None and memory.joined[0] != now[0]
        pause = max(self._pace.table if redefined else self._pace.joins, self._pace.rest * memory.joining)
        if memory.joined == now or (memory.joined is not None and time.monotonic() < memory.joined_until + pause):
            return
        started = time.monotonic()
        deadline = Deadline(min(self._deadline.at, started + self._pace.longest / 3), self._deadline.cancel)
        joins = contained_joins(db, memory.catalog, deadline)
        memory.unpublished |= self._changed(db, "keep_joins", (json.dumps([_join_entry(join) for join in joins]),))
        memory.joined, memory.joined_until = now, time.monotonic()
        memory.joining = memory.joined_until - started

    def _changed(self, db: Database, block: str, params: Sequence[object]) -> bool:
        return bool(db.query(self._sql[block], params)[0][0])

    def _publish(self, db: Database) -> None:
        started = time.monotonic()
        db.execute(self._sql["publish"])
        self._memory.unpublished = False
        self._knowledge.renew(db)
        self._memory.published_at = time.monotonic()
        self._memory.publishing = self._memory.published_at - started
        log.info(
            "the value index is new",
            extra={"database": self._name, "tables": sum(bool(known.bytes) for known in self._memory.tables.values())},
        )

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every look; never its detail, which may hold values."""
        if error.message != self._told:
            self._told = error.message
            log.warning(
                "the value index cannot be kept",
                extra={"database": self._name, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint},
            )


def _state(oid: int, below: Mapping[int, Sequence[int]], writes: Mapping[int, tuple[int, int, int]]) -> _State:
    found = []
    waiting, seen = [oid], {oid}
    while waiting:
        one = waiting.pop()
        if one in writes:
            found.append(writes[one])
        fresh = [child for child in below.get(one, ()) if child not in seen]
        seen.update(fresh)
        waiting += fresh
    return tuple(sorted(found))


def _fitting(values: Mapping[ColumnName, KnownValues], room: int) -> dict[ColumnName, KnownValues]:
    """The columns in their order, as long as there is room."""
    kept = {}
    for name, known in values.items():
        room -= value_bytes(known)
        if room >= 0:
            kept[name] = known
        else:
            room += value_bytes(known)
    return kept


def _join_entry(join: KnownJoin) -> dict[str, object]:
    left, right = join.left, join.right
    return {
        "left_schema": left.schema, "left_table": left.table, "left_column": left.column,
        "right_schema": right.schema, "right_table": right.table, "right_column": right.column,
        "confidence": join.confidence,
    }  # fmt: skip
