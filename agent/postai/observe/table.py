"""One table or view: everything that its page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from postai.database import Database, Row, named_sql
from postai.database.installed import reading
from postai.database.upkeep import counted_since
from postai.errors import FeatureMissing, NotPermitted
from postai.observe.busy import leaving_out_busy
from postai.observe.schema import find_relation

Part = TypeVar("Part")
DAYS = 30
"""Of which the use of an index is told."""
UNUSED_SECONDS = 7 * 86400.0
"""For how long the counters must have counted before an index is said to be of no use."""


@dataclass(frozen=True, slots=True)
class Head:
    """The relation itself; sizes are None where it has no storage or is locked exclusively.

    Attributes:
        name: qualified and quoted.
        rows: by the last ANALYZE or VACUUM; like sizes, of a partitioned table those of its partitions together.
        forced_row_security: whether policies hold for the owner, too.
        maps_bytes: free space map and visibility map.
        parent: the table it is a partition of, or inherits from.
        definition: SELECT of a view.
        locked: somebody holds it exclusively; definitions are left out then.
        locked_parts: how many of it and its partitions are locked and not in the sizes.
    """

    oid: int
    schema: str
    relation: str
    name: str
    kind: str
    comment: str | None
    owner: str
    rows: float | None
    heap_bytes: int | None
    toast_bytes: int | None
    index_bytes: int | None
    maps_bytes: int | None
    persistence: str
    options: list[str]
    partition_key: str | None
    parent: str | None
    row_security: bool
    forced_row_security: bool
    definition: str | None
    locked: bool
    locked_parts: int


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column; statistics are None where there are none, or the role may not read it.

    Attributes:
        default: expression of the default, "identity", "generated, stored: ..." or "generated, virtual: ...".
        distinct: number of values; less than 0 = minus their share of the rows.
        common: how many values are listed as most common; `most_common` = share of the first, 0 to 1.
    """

    name: str
    type: str
    required: bool
    default: str | None
    comment: str | None
    null_part: float | None
    distinct: float | None
    width: int | None
    common: int | None
    most_common: float | None
    correlation: float | None


@dataclass(frozen=True, slots=True)
class TableConstraint:
    """A constraint; `target` is the table that a foreign key refers to."""

    name: str
    kind: str
    definition: str
    validated: bool
    target: str | None


@dataclass(frozen=True, slots=True)
class Referring:
    """A foreign key of another table that refers to this one."""

    name: str
    table: str
    definition: str


@dataclass(frozen=True, slots=True)
class TableIndex:
    """An index with its use since the counters began; of a partitioned one the sums of its parts.

    Attributes:
        trend: scans of each of the last 30 days, the oldest first; () = the role may not read the history.
    """

    name: str
    definition: str
    primary: bool
    unique: bool
    valid: bool
    bytes: int | None
    scans: int
    rows_read: int
    oid: int
    comment: str | None
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition (or heir) with its bound; rows and bytes (of the heap alone) by the last VACUUM or ANALYZE.

    Attributes:
        rows, bytes: None = never analysed, or partitioned itself.
        locked: somebody holds it exclusively; its bound is left out then.
    """

    name: str
    bound: str | None
    rows: float | None
    bytes: int | None
    locked: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """A view that reads it."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class TableTrigger:
    """A trigger."""

    name: str
    definition: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A row level security policy."""

    name: str
    command: str
    permissive: bool
    using: str | None
    check: str | None
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Privilege:
    """What a role may do with the table, or with one column; `grantable` of these it may grant on."""

    role: str
    privileges: list[str]
    grantable: list[str]
    column: str | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened since its counters began, to a partitioned table: to its partitions together.

    Attributes:
        last_vacuum, last_analyze: of the partition where it is longest ago; None = one never had any.
    """

    seq_scan: int | None
    seq_tup_read: int | None
    idx_scan: int | None
    inserted: int | None
    updated: int | None
    hot_updated: int | None
    deleted: int | None
    live_rows: int | None
    dead_rows: int | None
    last_vacuum: datetime | None
    last_analyze: datetime | None


@dataclass(frozen=True, slots=True)
class SizePoint:
    """Three hours from `at` (seconds since the epoch) on, of a partitioned table: of its partitions together.

    Attributes:
        bytes, rows: at their end, with TOAST and without indexes.
        written: rows inserted, updated and deleted.
        seq_scan, idx_scan: scans of the whole table, and of its indexes.
    """

    at: float
    bytes: float | None = None
    rows: float | None = None
    written: float | None = None
    seq_scan: float | None = None
    idx_scan: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Space of the table or an index that could be freed."""

    kind: str
    object: str
    bytes: int
    freed: int
    note: str


@dataclass(frozen=True, slots=True)
class TableProposal:
    """A proposal about it that waits for a decision."""

    id: int
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class TablePage:
    """Everything about a relation.

    Attributes:
        counted_since: when the counters of tables and indexes began.
        standby: this server replays another one's WAL: what is used there is counted there.
        history: whether the role may read postai's history; without, what comes from it is empty.
        snapshot: when the schema was looked at last for drift; None = never.
    """

    table: Head
    columns: tuple[TableColumn, ...]
    constraints: tuple[TableConstraint, ...]
    referring: tuple[Referring, ...]
    indexes: tuple[TableIndex, ...]
    partitions: tuple[Partition, ...]
    views: tuple[Reader, ...]
    triggers: tuple[TableTrigger, ...]
    policies: tuple[Policy, ...]
    privileges: tuple[Privilege, ...]
    activity: Activity | None
    counted_since: datetime
    counted_seconds: float
    standby: bool
    history: bool
    trend: tuple[SizePoint, ...] = ()
    findings: tuple[Finding, ...] = ()
    proposals: tuple[TableProposal, ...] = ()
    snapshot: datetime | None = None

    def never_used(self, index: TableIndex) -> bool:
        """Whether no query used an index for long enough to say so; what enforces something is of use by that."""
        return (
            index.scans == 0
            and not index.unique
            and not self.standby
            and self.counted_seconds >= UNUSED_SECONDS
            and not self.table.locked
        )


def read_table(database: Database, name: str) -> TablePage:
    """Read with the rights of the connection's role; nothing of postai is needed.

    Args:
        name: qualified and quoted.

    Raises:
        UsageError: there is no such relation.
    """
    sql = named_sql.load(__package__, "table.sql")
    oid = find_relation(database, name)
    head = Head(*database.query(leaving_out_busy(sql["table"]), (oid, oid))[0])
    activity = database.query(sql["activity"], (oid,))
    parts = (
        _all(database, sql, "columns", TableColumn, head.locked, oid),
        _all(database, sql, "constraints", TableConstraint, head.locked, oid),
        _all(database, sql, "referring", Referring, oid),
        _all(database, sql, "indexes", TableIndex, oid, head.locked, oid),
        _all(database, sql, "partitions", Partition, oid),
        _all(database, sql, "views", Reader, oid),
        _all(database, sql, "triggers", TableTrigger, head.locked, oid),
        _all(database, sql, "policies", Policy, head.locked, head.locked, oid),
        _all(database, sql, "privileges", Privilege, oid, oid),
    )
    known = Activity(*activity[0]) if activity else None
    counted = (*counted_since(database), database.query(sql["standby"])[0][0])
    page = TablePage(head, *parts, known, *counted, False)
    names = (head.name, head.name, head.name)
    try:
        with reading(database):
            return replace(
                page,
                history=True,
                indexes=_with_trends(page.indexes, database.query(sql["index_trend"], (oid,))),
                trend=_all(database, sql, "trend", SizePoint, oid),
                findings=_all(database, sql, "findings", Finding, oid),
                proposals=_all(database, sql, "proposals", TableProposal, *names),
                snapshot=database.query(sql["snapshot"])[0][0],
            )
    except (FeatureMissing, NotPermitted):
        return page


def _with_trends(indexes: tuple[TableIndex, ...], rows: Sequence[Row]) -> tuple[TableIndex, ...]:
    scans = {one.oid: [0.0] * DAYS for one in indexes}
    for oid, day, count in rows:
        scans[oid][day] += count
    return tuple(replace(one, trend=tuple(scans[one.oid])) for one in indexes)


def _all(
    database: Database, sql: Mapping[str, str], block: str, made: Callable[..., Part], *parameters: object
) -> tuple[Part, ...]:
    return tuple(made(*row) for row in database.query(leaving_out_busy(sql[block]), parameters))
