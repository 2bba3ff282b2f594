"""Indexes that cost more than they are worth: redundant, unused, invalid and bloated ones.

What is found rests on the catalogs and on counters, never on a workload. Indexes that enforce something (constraints,
uniqueness, replica identity) or that a foreign key needs are never proposed for dropping, unless another index does all
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from postai.database import Database
from postai.database.amounts import bytes_text, seconds_text
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.database.upkeep import IndexSpace, counted_since, index_space, leaving_out_held, looking
from postai.deadline import Deadline
from postai.errors import Refused
from postai.optimize import write_cost
from postai.optimize.column_uses import ColumnUses
from postai.optimize.existing import written_again
from postai.optimize.types import Recommendation, Severity
from postai.proposals import index_work

FindingKind = Literal["duplicate", "prefix", "unused", "invalid", "bloated"]
DAY = 86400.0
_ROW_US = {
    "btree": write_cost.BTREE_US + write_cost.BTREE_RANDOM_US,
    "hash": write_cost.HASH_US,
    "brin": write_cost.BRIN_US,
    "gin": write_cost.GIN_ROW_US + 10 * write_cost.GIN_KEY_US,
    "gist": write_cost.GIST_US,
    "spgist": write_cost.GIST_US,
}
"""Microseconds that an index adds to a written row, by access method; a GIN row is taken to have ten elements."""


@dataclass(frozen=True)
class HygieneOptions:
    """From where on an index is worth a word.

    Attributes:
        least_bytes: smaller unused indexes are told of, but not proposed for dropping.
        least_bloat: bytes of bloat, and `bloat_percent` its share, from which rebuilding is proposed.
        unused_days: for how long the counters must have counted before dropping an unused index is proposed.
        month_days: counters younger than this may have missed what runs once a month.
        rare_scans: scans a day below which an index counts as rarely used, once the counters are older than a month.
        most: findings of each kind.
    """

    least_bytes: int = 1 << 20
    least_bloat: int = 4 << 20
    bloat_percent: float = 40.0
    unused_days: float = 7.0
    month_days: float = 35.0
    rare_scans: float = 0.1
    most: int = 200


@dataclass(frozen=True)
class IndexFinding:
    """One index that costs more than it is worth.

    Attributes:
        index, table: qualified and quoted.
        other: the index that does all that this one does; "" = none.
        bytes: its size; `freed` = what is gained.
        scans: since the counters began, which was at `counted_since`.
        warning: what to think of before it is dropped; "" = nothing.
        recommendation: None = not (yet) worth a proposal, `warning` says why.
    """

    kind: FindingKind
    index: str
    table: str
    other: str
    bytes: int
    freed: int
    scans: int
    counted_since: datetime
    warning: str
    recommendation: Recommendation | None


@dataclass(frozen=True)
class _Server:
    """How far the counters can be trusted: `seconds` of counting since `since`; standbys count their own scans."""

    since: datetime
    seconds: float
    standby: bool
    standbys: int
    standby_slots: int

    @property
    def days(self) -> float:
        return max(self.seconds, 60.0) / DAY


@dataclass(frozen=True)
class _Index:
    """One index as the catalogs tell of it; `last_scan` in seconds before now, `written` rows since `_Server.since`,
    `column` the first one, None for an expression."""

    oid: int
    schema: str
    relname: str
    table: str
    table_oid: int
    partitioned: bool
    method: str
    unique: bool
    definition: str
    bytes: int
    scans: int
    last_scan: float | None
    written: int
    comment: str | None
    column: str | None = None

    @property
    def name(self) -> str:
        return qualified(self.schema, self.relname)

    def drop(self) -> str:
        """An index of a partitioned table cannot be dropped CONCURRENTLY."""
        return f"DROP INDEX {'' if self.partitioned else 'CONCURRENTLY '}{self.name}"

    def create(self) -> str | None:
        """The statement that makes it again; None = its definition cannot be written back faithfully."""
        return written_again(self.definition, concurrently=not self.partitioned)

    def write_ms_per_day(self, server: _Server) -> float:
        """What keeping it costs the table's writes; counters of less than a day are not blown up to one."""
        return self.written / max(server.days, 1.0) * _ROW_US.get(self.method, write_cost.GIST_US) / 1000


@dataclass(frozen=True)
class _Cover:
    """The index `other` does all that `index` does; `same` = with the same columns, else with more."""

    index: int
    other: int
    same: bool
    enforces: bool
    unique: bool


def find_index_troubles(
    db: Database, deadline: Deadline, options: HygieneOptions | None = None, uses: ColumnUses | None = None
) -> tuple[IndexFinding, ...]:
    """Redundant, unused, invalid and bloated indexes of a database; each index once.

    Args:
        db: a session outside a transaction.
        deadline: when the looking must end.
        uses: what statements do with columns; None = nothing is known of that.

    Returns:
        by kind, and the biggest first.

    Raises:
        DeadlineExceeded, Cancelled: the time was over.
        ServerError: a table was locked at that moment, or a look took too long.
    """
    options, uses = options or HygieneOptions(), uses or ColumnUses()
    sql = load(__package__, "hygiene.sql")
    with looking(db, deadline):
        server = _Server(*counted_since(db), *db.query(sql["server"])[0])
        covers = [_Cover(*row) for row in db.query(sql["covered"])]
    with looking(db, deadline):
        few = options.rare_scans * server.days if server.days >= options.month_days else 0.0
        unused = [oid for (oid,) in db.query(leaving_out_held(sql["unused"]), [int(few), options.most])]
        invalid = [oid for (oid,) in db.query(sql["invalid"], [options.most])]
        spaces = [one for one in index_space(db) if _bloated(one, options)]
    oids = {*unused, *invalid, *(one.oid for one in spaces)}
    for cover in covers:
        oids |= {cover.index, cover.other}
    with looking(db, deadline):
        indexes = _read(db, sorted(oids))
        built = _built(db, server)
    found = [_invalid(indexes[oid], server) for oid in invalid if oid in indexes]
    found += _redundant(covers, indexes, server, uses)[: options.most]
    gone = {one.index for one in found}
    found += [
        _unused(indexes[oid], _since_built(server, built(indexes[oid])), options, uses)
        for oid in unused
        if oid in indexes and indexes[oid].name not in gone
    ]
    dropped = {one.index for one in found if one.recommendation is not None}
    found += [
        _rebuilt(one, indexes[one.oid], server) for one in spaces if one.oid in indexes and one.name not in dropped
    ]
    return tuple(found)


def _read(db: Database, oids: Sequence[int]) -> dict[int, _Index]:
    block = leaving_out_held(load(__package__, "hygiene.sql")["indexes"])
    if db.server_version >= 160000:
        block = block.replace("/* last_scan */ null::timestamptz", "pg_stat_get_lastscan(l.oid)")
    return {row[0]: _Index(*row) for row in db.query(block, [list(oids)])}


def _built(db: Database, server: _Server) -> Callable[[_Index], float | None]:
    """Says how many seconds ago an index was built, as far as that is known: by postai, or seen first by it."""
    sql = load(__package__, "hygiene.sql")
    ages: dict[str, float] = {}
    seen: dict[str, float | None] = {}
    if db.query(sql["knows_indexes"])[0][0]:
        seen = dict(db.query(sql["seen"]))
    if db.query(sql["knows_steps"])[0][0]:
        for statement, seconds in db.query(sql["built"], [server.since]):
            try:
                work = index_work.recognise(statement)
            except Refused:
                continue  # without a name of its own, so that nobody can tell which index it made
            if work is not None:
                ages[qualified(work.schema, work.name)] = seconds

    def age(index: _Index) -> float | None:
        if index.name in ages:
            return ages[index.name]
        if seen and index.name not in seen and not index.partitioned:
            return 0.0  # built since postai looked last
        return seen.get(index.name)

    return age


def _since_built(server: _Server, seconds: float | None) -> _Server:
    """The scans of an index count from when it was built, which the catalogs do not tell."""
    if seconds is None or seconds >= server.seconds:
        return server
    return replace(server, since=server.since + timedelta(seconds=server.seconds - seconds), seconds=seconds)


def _redundant(
    covers: Iterable[_Cover], indexes: dict[int, _Index], server: _Server, uses: ColumnUses
) -> list[IndexFinding]:
    """Of indexes that do the same one stays: what enforces something, else the most used, else the oldest."""
    pairs = [one for one in covers if one.index in indexes and one.other in indexes]

    def worth(oid: int) -> tuple[bool, int, int]:
        index = indexes[oid]
        return (index.unique, index.scans, -oid)

    gone: set[int] = set()
    for oid in sorted({one.index for one in pairs}, key=worth):
        if any(one.index == oid and one.other not in gone for one in pairs):
            gone.add(oid)
    found = []
    for oid in gone:
        # What covers a cover covers it too, so one that stays is always among them.
        keepers = [one for one in pairs if one.index == oid and one.other not in gone]
        best = max(keepers, key=lambda one: (one.same, one.enforces, one.unique, -indexes[one.other].bytes))
        found.append(_superfluous(indexes[oid], indexes[best.other], best.same, server, uses))
    return sorted(found, key=lambda one: -one.bytes)


def _superfluous(index: _Index, other: _Index, same: bool, server: _Server, uses: ColumnUses) -> IndexFinding:
    warning = _locks(index)
    if same:
        what = f"has the same columns as {other.name}"
    else:
        what = f"has the first columns of {other.name}, which serves the same searches"
        if index.scans and other.bytes > 3 * max(index.bytes, 1):
            warning += (
                f" {other.name} is {other.bytes / max(index.bytes, 1):.0f} times as big, so scans that used the small "
                "one read more."
            )
    why = f"{index.name} ({bytes_text(index.bytes)}) {what}: it costs space and every write, and finds nothing faster."
    why += _sentence(index, uses)
    severity: Severity = "LOW" if warning else _severity(index.bytes)
    drop = _drop(index, f"Drop {index.name}: {other.name} does the same", why + warning, severity, server, uses, other)
    return IndexFinding(
        "duplicate" if same else "prefix", index.name, index.table, other.name, index.bytes, index.bytes, index.scans,
        server.since, warning.strip(), drop,
    )  # fmt: skip


def _unused(index: _Index, server: _Server, options: HygieneOptions, uses: ColumnUses) -> IndexFinding:
    counted = seconds_text(server.seconds)
    used = "no scan has used it" if index.scans == 0 else f"{index.scans} scans have used it"
    if index.last_scan is not None and index.scans:
        used += f", the last {seconds_text(index.last_scan)} ago"
    warnings = []
    if server.days < options.month_days:
        warnings.append(
            f"The counters count for {counted} only: what runs at the end of a month or a quarter may not be among it."
        )
    if server.standbys or server.standby_slots:
        count = max(server.standbys, server.standby_slots)
        what = "is a standby" if count == 1 else f"are {count} standbys"
        warnings.append(f"There {what}, whose scans are not counted here: look there before you drop it.")
    if server.standby:
        warnings.append("This is a standby: look at the primary too.")
    busy = index.column is not None and uses.busy(index.table, index.column, server.since)
    if busy:
        warnings.append(
            f"Statements that are older than the counters often search by {index.column}: they may have used it before."
        )
    recent = index.last_scan is not None and index.scans and index.last_scan < options.month_days * DAY
    warning = " ".join(warnings) + _locks(index)
    since = f"since {server.since:%Y-%m-%d %H:%M}, for {counted}"
    why = f"{index.name} ({bytes_text(index.bytes)}): {used} {since}; it enforces nothing. "
    why += "When it was built is not in the catalogs: one that is younger than the counters looks the same."
    why += _sentence(index, uses)
    advice = None
    old = server.days >= options.unused_days and index.bytes >= options.least_bytes
    if old and not server.standby and not recent and not busy:
        severity: Severity = "LOW" if warnings else _severity(index.bytes)
        title = f"Drop {index.name}: {'not' if index.scans == 0 else 'hardly'} used for {counted}"
        advice = _drop(index, title, f"{why} {warning}".strip(), severity, server, uses)
    return IndexFinding(
        "unused", index.name, index.table, "", index.bytes, index.bytes, index.scans, server.since, warning.strip(),
        advice,
    )  # fmt: skip


def _invalid(index: _Index, server: _Server) -> IndexFinding:
    base = index.relname.rstrip("0123456789")
    if base.endswith(("_ccnew", "_ccold")):
        warning = ""
        why = (
            f"{index.name} is what an interrupted REINDEX CONCURRENTLY left. No query uses it, every write keeps it up."
        )
    else:
        warning = f"If it is wanted, build it again instead: REINDEX INDEX CONCURRENTLY {index.name}"
        why = (
            f"Building {index.name} failed or was interrupted, so no query uses it, but every write keeps it up. "
            f"{warning} (that fails again where rows break its uniqueness)."
        )
    drop = replace(
        _drop(index, f"Drop {index.name}, which is not valid", why, "MEDIUM", server, ColumnUses()), undo=None
    )
    return IndexFinding(
        "invalid", index.name, index.table, "", index.bytes, index.bytes, index.scans, server.since, warning, drop
    )


def _bloated(space: IndexSpace, options: HygieneOptions) -> bool:
    return (space.bloat_bytes or 0) >= options.least_bloat and (space.bloat_percent or 0.0) >= options.bloat_percent


def _rebuilt(space: IndexSpace, index: _Index, server: _Server) -> IndexFinding:
    bloat = space.bloat_bytes or 0
    why = (
        f"{space.name} takes {bytes_text(space.bytes)}, of which about {bytes_text(bloat)} hold nothing (estimated "
        "from the widths of its columns). Built anew while it is in use it takes less memory and fewer reads; that "
        "needs the space of a second one meanwhile."
    )
    advice = Recommendation(
        kind="reindex",
        object=space.name,
        title=f"Rebuild {space.name}, of which {space.bloat_percent:.0f} % hold nothing",
        why=why,
        statement=f"REINDEX INDEX CONCURRENTLY {space.name}",
        bytes=-bloat,
        severity=_severity(bloat),
        evidence={"table": index.table, "index_bytes": space.bytes, "bloat_bytes": bloat, "rows": space.rows},
    )
    return IndexFinding(
        "bloated", space.name, index.table, "", space.bytes, bloat, index.scans, server.since, "", advice
    )


def _drop(
    index: _Index, title: str, why: str, severity: Severity, server: _Server, uses: ColumnUses,
    other: _Index | None = None,
) -> Recommendation:  # fmt: skip
    undo = index.create()
    return Recommendation(
        kind="drop_index",
        object=index.name,
        title=title,
        why=why,
        statement=index.drop(),
        undo=undo,
        write_ms_per_day=-index.write_ms_per_day(server),
        bytes=-index.bytes,
        severity=severity,
        evidence={
            "table": index.table, "definition": index.definition, "comment": index.comment, "scans": index.scans,
            "counted_since": server.since.isoformat(), "counted_days": round(server.days, 2),
            "standbys": server.standbys, "covered_by": other.name if other else None,
            **uses.evidence(index.table),
        },
    )  # fmt: skip


def _sentence(index: _Index, uses: ColumnUses) -> str:
    return uses.sentence(index.table, index.column) if index.column is not None else ""


def _locks(index: _Index) -> str:
    if not index.partitioned:
        return ""
    return " An index of a partitioned table cannot be dropped CONCURRENTLY: the table is locked for a moment."


def _severity(size: int) -> Severity:
    return "HIGH" if size >= 1 << 30 else "MEDIUM" if size >= 100 << 20 else "LOW"
