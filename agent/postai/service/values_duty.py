"""The duty that keeps the value index and the joins found in the data: read soon after the start, again after writes.

Every few seconds one cheap look: the catalog's fingerprint and the servers' counters of written rows. A table is read
when it is new, changed its definition, or was written to since it was read, but not again before a pause that grows
with the time the reading took. After all work, finished or not, comes a rest of twenty times its length (`Rest`), which
a notification does not shorten. So keeping the index costs at most a twentieth of one session's time, and much less on
a database at rest.

A table that cannot be read (locked, slow, not permitted) keeps its values and joins and is tried again; how many those
are and why stands in `postai.value_index_state`. What is read is never logged; what changed is told by counts.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postai.daemon.loop import Loop, Pause
from postai.database import Database, Pool, Row
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
from postai.deadline import Deadline, DeadlineExceeded
from postai.language.containment import JoinKey, find_joins
from postai.language.samples import Sampler
from postai.language.values import Limits, indexable, read_values, value_bytes
from postai.service.knowledge import Knowledge
from postai.service.rest import Rest

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
        again: before joins are tested that could not be tested; twice as long each time nothing was, at most `joins`.
        publish: between two versions while a pass goes on.
        longest: one pass over the tables; what is left comes after the rest.
        rest: so many times longer than the work is the rest after it, at least.
    """

    look: float = 10.0
    notified: float = 1.0
    table: float = 60.0
    joins: float = 600.0
    again: float = 10.0
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
        unread: SQLSTATE with which it could not be read; None = it was.
    """

    columns: tuple[tuple[int, str, int], ...]
    state: _State
    not_before: float
    unread: str | None


@dataclass
class _Search:
    """Looking for joins, which may take several passes.

    Attributes:
        tested: what the passes of this search found out until now; empty when it is over.
        open: pairs are left that could not be tested.
        known: confidences of the joins that held when the last test was made.
        unread: SQLSTATEs of the tables that could not be read, by oid.
        tries: passes that brought nothing, one after the other.
        began_at: when its first pass began.
        over_at: when the last pass was over; it `took` so long.
    """

    tested: Mapping[JoinKey, float] = field(default_factory=dict)
    open: bool = False
    known: Mapping[JoinKey, float] | None = None
    unread: Mapping[int, str] = field(default_factory=dict)
    tries: int = 0
    began_at: float = 0.0
    over_at: float = 0.0
    took: float = 0.0


@dataclass
class _Memory:
    """What this agent knows of the index since it leads.

    Attributes:
        catalog, plan: the tables that may be indexed, by the catalog as it was read.
        tables: what was read, by oid.
        bytes: size of the values that are kept, by oid of the table, whoever read them.
        joined: fingerprint and counters for which joins were looked for, or are.
        search: how far that is.
        unread: tables that cannot be read, by SQLSTATE, as it was told last.
        unpublished: something changed since the last version; at first, because another agent may have been stopped
            before it could tell.
        published_at: when that was; `publishing` took so long.
    """

    catalog: Catalog | None = None
    plan: tuple[tuple[Table, tuple[Column, ...]], ...] = ()
    tables: dict[int, _Known] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)
    joined: tuple[str, int] | None = None
    search: _Search = field(default_factory=_Search)
    unread: Mapping[str, int] | None = None
    unpublished: bool = True
    published_at: float = field(default_factory=time.monotonic)
    publishing: float = 0.0


class ValuesDuty(Loop):
    """Keeps the value index of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        knowledge: told when the index changed.
        pace: how often.
        limits: how much it may hold and cost.
    """

    channel = "postai_values"

    def __init__(
        self,
        name: str,
        pool: Pool,
        knowledge: Knowledge,
        pace: Pace | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._name = name
        self._pool = pool
        self._knowledge = knowledge
        self._pace = pace or Pace()
        self._limits = limits or Limits()
        self._sql = load("postai.service", "values_duty.sql")
        self._rest = Rest(self._pace.rest)
        self._memory = _Memory()
        super().__init__(
            f"values-{name}",
            self._look_and_rest,
            trouble="the value index cannot be kept",
            database=name,
            anew=self._begin_anew,
            longest=self._pace.longest,
            again=self._pace.look,
        )

    def wake(self, payload: str) -> None:
        if payload:
            self.hurry(self._pace.notified)

    def _begin_anew(self) -> None:
        self._memory = _Memory()

    def _look_and_rest(self, deadline: Deadline) -> Pause:
        with self._pool.database() as db:
            not_before = self._look(db, deadline)
        return Pause(self._pace.look, not_before - time.monotonic())

    def _look(self, db: Database, deadline: Deadline) -> float:
        """Look what changed, and unless it is time to rest, bring the index up to date; when to look again at first."""
        began = time.monotonic()
        resting = began < self._rest.until
        try:
            look = self._sql["look"].replace("/* fingerprint */", fingerprint_query())
            wanted, fingerprint = db.query(look)[0]
            not_before = self._rest.look_again(began, time.monotonic())
            if not wanted:
                self._empty(db)
            elif not resting:
                self._pass(db, fingerprint, deadline)
            # Whoever answers questions makes grammars anew for a version, which is dear where there are many tables.
            memory = self._memory
            if memory.unpublished and time.monotonic() > memory.published_at + self._pace.rest * memory.publishing:
                self._publish(db)
            return not_before
        finally:
            self._rest.spent(began, time.monotonic())

    def _pass(self, db: Database, fingerprint: str, deadline: Deadline) -> None:
        """Bring the index up to date, as far as there is time."""
        memory = self._memory
        if memory.catalog is None or memory.catalog.fingerprint != fingerprint:
            self._plan(db)
        writes = {oid: (oid, written, file) for oid, written, file in db.query(self._sql["writes"])}
        try:
            self._read(db, writes, deadline)
            self._join(db, hash(frozenset(writes.values())), deadline)
        except DeadlineExceeded:
            pass  # what is left comes after the rest
        self._count_unread(db)

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
        memory.bytes = dict(db.query(self._sql["sizes"]))

    def _read(self, db: Database, writes: Mapping[int, tuple[int, int, int]], deadline: Deadline) -> None:
        """Read the tables that are due, smallest first."""
        memory = self._memory
        assert memory.catalog is not None
        below: dict[int, list[int]] = defaultdict(list)
        for table in memory.catalog.tables:
            if table.parent_oid is not None:
                below[table.parent_oid].append(table.oid)
        sampler = Sampler(db, self._limits.bounds, deadline)
        for table, columns in memory.plan:
            found_columns = tuple((column.number, column.name, column.type_oid) for column in columns)
            state = _state(table.oid, below, writes)
            known = memory.tables.get(table.oid)
            if known is not None and known.columns == found_columns:
                if known.state == state or time.monotonic() < known.not_before:
                    continue
            elif known is not None:
                self._keep(db, table, {})  # what is no longer to be indexed goes, even if the rest cannot be read
            deadline.check()
            started = time.monotonic()
            values = read_values(sampler, table, columns, self._limits)
            pause = max(self._pace.table, self._pace.rest * (time.monotonic() - started))
            if values is not None:
                room = self._limits.bytes - sum(size for oid, size in memory.bytes.items() if oid != table.oid)
                self._keep(db, table, _fitting(values, room))
            # What could not be read at this moment is tried again after the pause, written to or not.
            seen, unread = (state, None) if values is not None else ((), sampler.unread[table.oid])
            memory.tables[table.oid] = _Known(found_columns, seen, time.monotonic() + pause, unread)
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
        self._memory.bytes[table.oid] = sum(map(value_bytes, values.values()))

    def _join(self, db: Database, writes: int, deadline: Deadline) -> None:
        memory = self._memory
        assert memory.catalog is not None
        search = memory.search
        now = (memory.catalog.fingerprint, writes)
        # Definitions change what may be joined, rows hardly ever.
        redefined = memory.joined is not None and memory.joined[0] != now[0]
        if memory.joined is not None:
            pause = self._pace.table if redefined else self._pace.joins
            if search.open and not redefined:
                pause = min(pause, self._pace.again * 2.0 ** min(search.tries, 30))
            if not search.open and memory.joined == now:
                return
            if time.monotonic() < search.over_at + max(pause, self._pace.rest * search.took):
                return
        if search.known is None:
            search.known = {_join_key(row): round(row[6], 2) for row in db.query(self._sql["joins"])}
        old = memory.joined != now and time.monotonic() > search.began_at + self._pace.joins
        if not search.open or redefined or old:
            memory.joined, search.began_at, search.tested, search.tries = now, time.monotonic(), {}, 0
        self._test_joins(db, memory.catalog, search, deadline)

    def _test_joins(self, db: Database, catalog: Catalog, search: _Search, deadline: Deadline) -> None:
        started = time.monotonic()
        limit = Deadline(min(deadline.at, started + self._pace.longest / 3), deadline.cancel)
        known = search.known or {}
        found = find_joins(db, catalog, limit, tested=search.tested, known=known)
        entries = json.dumps([_join_entry(join) for join in found.joins])
        self._memory.unpublished |= self._changed(db, "keep_joins", (entries,))
        search.tries = search.tries + 1 if len(found.tested) <= len(search.tested) else 0
        search.open, search.unread = bool(found.untested), found.unread
        search.tested = found.tested if search.open else {}
        still = {key: known[key] for key in found.untested if key in known}
        search.known = still | {key: confidence for key, confidence in found.tested.items() if confidence}
        search.over_at = time.monotonic()
        search.took = search.over_at - started

    def _count_unread(self, db: Database) -> None:
        """Tell how many tables cannot be read and why, when that is not what was told last."""
        memory = self._memory
        states = {oid: known.unread for oid, known in memory.tables.items() if known.unread is not None}
        counts = dict(sorted(Counter((states | dict(memory.search.unread)).values()).items()))
        if counts != memory.unread:
            memory.unread = counts
            db.execute(self._sql["unread"], (sum(counts.values()), json.dumps(counts)))
            if counts:
                log.warning(
                    "some tables cannot be read for the value index; what was known of them is kept",
                    extra={"database": self._name, "tables": sum(counts.values()), "sqlstates": counts},
                )

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
            extra={"database": self._name, "tables": sum(map(bool, self._memory.bytes.values()))},
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


def _join_key(row: Row) -> JoinKey:
    return ColumnName(row[0], row[1], row[2]), ColumnName(row[3], row[4], row[5])


def _join_entry(join: KnownJoin) -> dict[str, object]:
    left, right = join.left, join.right
    return {
        "left_schema": left.schema, "left_table": left.table, "left_column": left.column,
        "right_schema": right.schema, "right_table": right.table, "right_column": right.column,
        "confidence": join.confidence,
    }  # fmt: skip
