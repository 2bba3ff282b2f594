"""How full tables and indexes are and whether autovacuum keeps up: facts for health checks and for advice.

The space estimates follow from PostgreSQL's page layout (manual, "Database Page Layout" and "B-Tree Implementation")
and the average widths in pg_stats; that this is enough to estimate bloat was shown by Ioguix's
pgsql-bloat-estimation and check_postgres. They need the columns' statistics, which only who may read a table sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from postai.database.amounts import seconds_text
from postai.database.named_sql import load
from postai.database.protocol import Database, Row
from postai.deadline import Deadline

PAGE_HEADER = 24
ITEM_POINTER = 4
HEAP_TUPLE_HEADER = 23
INDEX_TUPLE_HEADER = 8
BTREE_SPECIAL = 16
TID = 6
MAXIMUM_ALIGNMENT = 8
LOCK_TIMEOUT_MS = 200

Method = Literal["estimate", "pgstattuple_approx"]
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}


@dataclass(frozen=True, slots=True)
class Width:
    """One column of a row.

    Attributes:
        length: of the type; -1 = of variable length.
        alignment: c, s, i or d, as pg_attribute.attalign.
        average: average width of a value in bytes; None = not known.
        null_fraction: share of NULLs; None = not known.
        distinct: pg_stats.n_distinct; None = not known.
    """

    length: int
    alignment: str
    average: float | None
    null_fraction: float | None = None
    distinct: float | None = None


@dataclass(frozen=True, slots=True)
class TableSpace:
    """How full a table is.

    Attributes:
        name: qualified and quoted.
        bytes: of its main fork.
        rows: live rows, estimated; `dead` = dead rows, as counted.
        bloat_bytes: what its rows would not need if it were written anew, without TOAST; None = the widths of its
            columns are not known to this session.
        method: who says so.
        readable: whether the session may read the table, and so its statistics.
    """

    oid: int
    name: str
    bytes: int
    rows: float
    dead: int
    bloat_bytes: int | None
    method: Method
    readable: bool

    @property
    def dead_percent(self) -> float:
        """Share of the rows that are dead."""
        everything = self.rows + self.dead
        return 100 * self.dead / everything if everything > 0 else 0.0

    @property
    def bloat_percent(self) -> float | None:
        """Share of the bytes that are bloat."""
        return None if self.bloat_bytes is None else 100 * self.bloat_bytes / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, slots=True)
class IndexSpace:
    """How full a B-tree is; the attributes are those of `TableSpace`, with the table it belongs to."""

    oid: int
    name: str
    table: str
    bytes: int
    rows: float
    bloat_bytes: int | None
    readable: bool

    @property
    def bloat_percent(self) -> float | None:
        """Share of the bytes that are bloat."""
        return None if self.bloat_bytes is None else 100 * self.bloat_bytes / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, slots=True)
class VacuumState:
    """A table with which autovacuum is late.

    Attributes:
        threshold: dead rows from which autovacuum should begin.
        scale: the scale factor that holds for it, its own or the server's.
        enabled: False = it is switched off for this table.
        seconds: since the last vacuum; where none is known, since the counters began.
        vacuumed: whether one is known.
        bytes: size at the last vacuum or analyze.
        options: its storage parameters that begin with autovacuum.
    """

    oid: int
    name: str
    live: int
    dead: int
    threshold: float
    scale: float
    enabled: bool
    seconds: float
    vacuumed: bool
    bytes: int
    options: Mapping[str, str]

    @property
    def last(self) -> str:
        """When it was vacuumed, in words."""
        if self.vacuumed:
            return f"the last vacuum was {seconds_text(self.seconds)} ago"
        return f"no vacuum is known of in {seconds_text(self.seconds)}"

    def late(self, seconds: float = 3600.0) -> bool:
        """Whether it has twice the dead rows that should start autovacuum, and has had no vacuum for so long."""
        return not self.enabled or (self.dead >= 2 * self.threshold and self.seconds > seconds)


@contextmanager
def looking(db: Database, deadline: Deadline, most_ms: int = 5000) -> Iterator[None]:
    """A READ ONLY transaction with search_path = pg_catalog in which no statement lasts long or waits for a lock.

    Raises:
        DeadlineExceeded, Cancelled: the time is over.
    """
    deadline.check()
    limit = max(1, min(most_ms, math.ceil(deadline.remaining() * 1000)))
    with db.transaction():
        db.query(load(__package__, "upkeep.sql")["setup"], [f"{limit}ms", f"{LOCK_TIMEOUT_MS}ms"])
        yield


def counted_since(db: Database) -> tuple[datetime, float]:
    """Since when the counters of this database count, and how many seconds that is."""
    ((since, seconds),) = db.query(load(__package__, "upkeep.sql")["counted_since"])
    return since, seconds


def leaving_out_held(block: str) -> str:
    """A statement whose `/* held */` are the relations that somebody holds exclusively."""
    return block.replace("/* held */", load(__package__, "upkeep.sql")["held"])


def table_space(db: Database, most: int = 300) -> tuple[TableSpace, ...]:
    """The biggest tables of the database (at most `most`), inside `looking`."""
    blocks = load(__package__, "upkeep.sql")
    return tuple(_table(row) for row in db.query(leaving_out_held(blocks["table_space"]), [most]))


def index_space(db: Database, most: int = 300) -> tuple[IndexSpace, ...]:
    """The biggest B-trees of the database (at most `most`), inside `looking`."""
    blocks = load(__package__, "upkeep.sql")
    return tuple(_index(row) for row in db.query(leaving_out_held(blocks["index_space"]), [most]))


def vacuum_state(db: Database, least_dead: int = 1000, most: int = 50) -> tuple[VacuumState, ...]:
    """Tables with which autovacuum is late or on which it is switched off, inside `looking`."""
    rows = db.query(load(__package__, "upkeep.sql")["vacuum_state"], [least_dead, counted_since(db)[0], most])
    return tuple(VacuumState(*row) for row in rows)


def tuned_autovacuum(rows: float) -> dict[str, str]:
    """Storage parameters with which autovacuum comes early enough to a table of so many rows.

    The scale factor shrinks with the number of rows, so that about 50,000 dead rows start it (1 % at least, 10 % at
    most); the cost limit lets it work ten times faster than the default of 200 that all workers share.
    """
    scale = min(0.1, max(0.01, 50_000 / max(rows, 1)))
    return {
        "autovacuum_vacuum_scale_factor": f"{scale:.2f}",
        "autovacuum_vacuum_threshold": "1000",
        "autovacuum_vacuum_cost_limit": "2000",
    }


def autovacuum_statements(state: VacuumState) -> tuple[str, str]:
    """The statement that makes autovacuum keep up with a table, and the one that leads back exactly.

    Where the scale factor is lower already, only the work is made faster: it would begin later with the tuned ones.
    """
    if not state.enabled:
        return (
            f"ALTER TABLE {state.name} RESET (autovacuum_enabled)",
            f"ALTER TABLE {state.name} SET (autovacuum_enabled = false)",
        )
    wanted = tuned_autovacuum(state.live + state.dead)
    if state.scale < float(wanted["autovacuum_vacuum_scale_factor"]):
        wanted = {"autovacuum_vacuum_cost_limit": wanted["autovacuum_vacuum_cost_limit"]}
    before = {name: state.options[name] for name in wanted if name in state.options}
    new = [name for name in wanted if name not in before]
    undo = [f"SET ({_options(before)})"] if before else []
    undo += [f"RESET ({', '.join(new)})"] if new else []
    return f"ALTER TABLE {state.name} SET ({_options(wanted)})", f"ALTER TABLE {state.name} {', '.join(undo)}"


def heap_pages(rows: float, columns: Sequence[Width], attributes: int, fillfactor: int, block: int) -> int | None:
    """Pages that rows of these columns need; None = a width is not known.

    Args:
        attributes: columns with the dropped ones, which the NULL bitmap has bits for too.
        fillfactor: in percent.
        block: page size in bytes.
    """
    width = _data_width(columns)
    if width is None:
        return None
    nulls = attributes > len(columns) or any(one.null_fraction for one in columns)
    header = _aligned(HEAP_TUPLE_HEADER + (math.ceil(attributes / 8) if nulls else 0))
    each = _aligned(header + width) + ITEM_POINTER
    fits = max(1, math.floor((block - PAGE_HEADER) * fillfactor / 100 / each))
    return math.ceil(max(rows, 0) / fits)


def btree_pages(rows: float, columns: Sequence[Width], deduplicates: bool, fillfactor: int, block: int) -> int | None:
    """Pages of a B-tree built anew over so many rows, with the upper levels; None = a width is not known.

    Args:
        deduplicates: whether equal keys are stored once with a list of row addresses (PostgreSQL 13 on).
    """
    width = _data_width(columns)
    if width is None:
        return None
    nulls = max((one.null_fraction or 0.0 for one in columns), default=0.0)
    entry = _aligned(INDEX_TUPLE_HEADER + width) + ITEM_POINTER + MAXIMUM_ALIGNMENT * nulls
    each = entry
    if deduplicates and (equal := rows / max(1.0, _distinct(columns, rows))) > 1:
        in_list = min(equal, 0.1 * block / TID)  # a build's lists end at a tenth of a page
        each = min(entry, (entry + TID * in_list) / in_list)
    room = (block - PAGE_HEADER - BTREE_SPECIAL) * fillfactor / 100
    leaves = math.ceil(max(rows, 0) * each / room)
    upper = leaves / max(2.0, (block - PAGE_HEADER - BTREE_SPECIAL) * 0.7 / entry)
    return 1 + max(1, leaves) + math.ceil(upper)


def _distinct(columns: Sequence[Width], rows: float) -> float:
    """Distinct keys, as if columns had nothing to do with each other: rather too many."""
    product = 1.0
    for one in columns:
        if one.distinct is None:
            return rows
        product *= -one.distinct * rows if one.distinct < 0 else max(1.0, one.distinct)
    return min(product, rows)


def _data_width(columns: Sequence[Width]) -> float | None:
    """Bytes of the average row's values, each where its type may begin."""
    place = 0.0
    for one in columns:
        if one.average is None:
            return None
        present = 1 - (one.null_fraction or 0.0)
        # A short value of variable length (its header has one byte) begins anywhere.
        step = 1 if one.length == -1 and one.average < 127 else _ALIGNMENTS[one.alignment]
        start = math.ceil(place / step) * step if present > 0.5 else place
        place = start + one.average * present
    return place


def _aligned(size: float) -> int:
    return math.ceil(size / MAXIMUM_ALIGNMENT) * MAXIMUM_ALIGNMENT


def _options(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items())


def _table(row: Row) -> TableSpace:
    oid, name, size, block, rows, dead, fillfactor, columns, attributes, readable = row
    widths = [Width(length, align, average, nulls) for length, align, average, nulls, _ in columns or []]
    needed = heap_pages(rows, widths, attributes, fillfactor, block)
    bloat = None if needed is None else max(0, size - needed * block)
    return TableSpace(oid, name, size, rows, dead, bloat, "estimate", readable)


def _index(row: Row) -> IndexSpace:
    oid, name, table, size, block, rows, fillfactor, deduplicates, columns, readable = row
    widths = [Width(*one) for one in columns or []]
    needed = btree_pages(rows, widths, deduplicates, fillfactor, block)
    return IndexSpace(oid, name, table, size, rows, None if needed is None else max(0, size - needed * block), readable)
