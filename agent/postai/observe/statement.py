"""One statement: what it took, where that tends to, what its plans were, and what was proposed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from postai.database import Database, Row, named_sql
from postai.database.installed import reading
from postai.errors import UsageError
from postai.observe.antipatterns import Note, notes_of
from postai.observe.busy import leaving_out_busy
from postai.observe.overview import with_gaps
from postai.observe.ranges import Range, range_of

SKEWED = 10.0
"""How many times more rows the most common value has than the others on average, for a column to be told of."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the statement took in a stretch of time.

    Attributes:
        hourly: whether the intervals are hours, as others are not kept of all of the range, or of one compared with it.
        intervals: in which it ran.
        mean_ms, stddev_ms: of one call.
        fastest_ms, slowest_ms: mean of a call in the interval where it was least, and most.
        rows ... wal_bytes: of all calls; blocks are of 8 kB (this server's block size).
        blk_read_ms ... jit_ms: time of all calls; None or 0 where the server does not measure it.
        cpu_ms: None without pg_stat_kcache.
    """

    range: Range
    hourly: bool
    intervals: int
    calls: int | None
    total_ms: float | None
    mean_ms: float | None
    stddev_ms: float | None
    fastest_ms: float | None
    slowest_ms: float | None
    rows: int | None
    blks_hit: int | None
    blks_read: int | None
    blks_dirtied: int | None
    blks_written: int | None
    temp_blks_read: int | None
    temp_blks_written: int | None
    wal_bytes: int | None
    blk_read_ms: float | None
    blk_write_ms: float | None
    plan_ms: float | None
    jit_ms: float | None
    cpu_ms: float | None

    def of_a_call(self, name: str) -> float | None:
        """A figure for one call; None where it is not known."""
        value: float | None = getattr(self, name)
        return value / self.calls if value is not None and self.calls else None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One step: beginning (seconds since the epoch), mean of a call, calls, their time, blocks of a call, longest
    interval that it is of."""

    at: float
    mean_ms: float | None = None
    calls: float | None = None
    total_ms: float | None = None
    blocks: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table and what the statement does with its columns: {"filters": ["placed_at"]}."""

    name: str
    uses: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class PlanSeen:
    """A plan: a shape that the planner "chose" for unknown parameters, or one that runs "ran" with.

    Attributes:
        lines: node types, relations and indexes, indented.
        problems: what is wrong with it, a line for each.
    """

    plan_hash: str
    how: Literal["chosen", "ran"]
    lines: tuple[str, ...]
    cost: float | None
    runs: int | None
    slowest_ms: float | None
    problems: str | None
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Replanned:
    """A plan that followed another one; `node` is its top node, None = not known, or not to be seen by the role."""

    at: datetime
    plan_hash: str
    node: str | None


@dataclass(frozen=True, slots=True)
class StatementProposal:
    """A proposal for the statement (`for_it`), or one that changed a table of it; `applied_at` when it did.

    Attributes:
        saved_ms_per_day, measured_saved_ms_per_day: of all statements that it is for, as estimated and as measured.
        effect: whether it helped, once that was measured.
    """

    id: int
    kind: str
    title: str
    state: str
    outcome: str | None
    saved_ms_per_day: float | None
    measured_saved_ms_per_day: float | None
    proposed_at: datetime
    effect: str | None
    applied_at: datetime | None
    for_it: bool


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A regression of the statement."""

    severity: str
    cause: str
    factor: float
    why: str
    mitigation: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    before_ms: float | None
    after_ms: float | None


@dataclass(frozen=True, slots=True)
class Skew:
    """A column whose values are of very different frequency, so that time may depend on the parameter.

    Attributes:
        common_rows: rows with the most common value; `other_rows`: with one of the others, on average.
        null_rows: rows without a value.
    """

    table: str
    column: str
    common_rows: float
    other_rows: float
    null_rows: float


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Everything that is known of a statement.

    Attributes:
        query: None = not known, or other people's.
        shortest_ms, longest_ms: single calls since pg_stat_statements counts it; None = not visible to the role.
        before, after: two stretches that are compared; None = none.
        busy_ms: time that sessions of this database worked in the range; None = not known.
    """

    queryid: int
    query: str | None
    truncated: bool
    utility: bool
    users: list[str]
    first_seen: datetime
    last_seen: datetime
    tables: tuple[TableUse, ...]
    figures: Figures
    busy_ms: float | None
    shortest_ms: float | None
    longest_ms: float | None
    trend: tuple[TrendPoint, ...]
    before: Figures | None
    after: Figures | None
    plans: tuple[PlanSeen, ...]
    replanned: tuple[Replanned, ...]
    proposals: tuple[StatementProposal, ...]
    slowdowns: tuple[Slowdown, ...]
    skews: tuple[Skew, ...]
    notes: tuple[Note, ...]
    hours: float

    @property
    def marks(self) -> list[tuple[float, str, str]]:
        """Moments for the charts: what was applied, when its plan changed, and when it became slower."""
        applied = [
            (one.applied_at.timestamp(), "applied", f"applied: {one.title}") for one in self.proposals if one.applied_at
        ]
        plans = [(one.at.timestamp(), "plan", f"another plan: {one.node or one.plan_hash}") for one in self.replanned]
        return (
            applied + plans + [(one.started_at.timestamp(), "slower", f"slower: {one.cause}") for one in self.slowdowns]
        )


@dataclass(frozen=True, slots=True)
class Stretches:
    """Two stretches to compare; texts as people type them, "" = not given."""

    before_since: str = ""
    before_until: str = ""
    after_since: str = ""
    after_until: str = ""


def read_statement(
    database: Database,
    queryid: int,
    *,
    hours: float = 24,
    since: str = "",
    until: str = "",
    compared: Stretches | None = None,
) -> StatementPage:
    """Read with the rights of the connection's role.

    Args:
        hours, since, until: see `range_of`.

    Raises:
        FeatureMissing, NotPermitted: see `reading`.
        UsageError: no such statement is known, or see `range_of`.
    """
    with reading(database):
        return _statement(database, queryid, (hours, since, until), compared or Stretches())


def _statement(database: Database, queryid: int, asked: tuple[float, str, str], compared: Stretches) -> StatementPage:
    sql = named_sql.load(__package__, "statement.sql")
    found = database.query(sql["who"], (queryid,))
    if not found:
        raise UsageError(
            f"no statement {queryid} is known here",
            detail="The history forgets what did not run for long; another version of the server has other query ids.",
            hint="The ranking lists those that are known.",
        )
    query, truncated, utility, users, first_seen, last_seen, usage, now = found[0]
    span = range_of(now, *asked)
    hours_until = database.query(sql["hours_until"])[0][0]
    before, after = _compared(database, sql, queryid, now, hours_until, compared)
    plans = tuple(_plan(row) for row in database.query(sql["plans"], (queryid, queryid)))
    tables = tuple(
        TableUse(name, {use: list(columns) for use, columns in uses.items()}) for name, uses in (usage or {}).items()
    )
    names = [one.name for one in tables]
    points = [TrendPoint(*row) for row in database.query(sql["trend"], (span.step, queryid, span.since, span.until))]
    shortest, longest = _extremes(database, sql, queryid)
    return StatementPage(
        queryid, query, truncated, utility, users, first_seen, last_seen, tables,
        _figures(database, sql, queryid, span, _hourly(hours_until, span)),
        database.query(sql["share"], (span.since, span.until))[0][0],
        shortest, longest,
        with_gaps(points, span.step, TrendPoint) if span.step <= 900 else tuple(points),
        before, after,
        plans,
        _replanned(database.query(sql["replanned"], (queryid, span.until, span.since, span.since)), plans),
        tuple(StatementProposal(*row) for row in database.query(sql["proposals"], (str(queryid), names, names))),
        tuple(Slowdown(*row) for row in database.query(sql["regressions"], (queryid,))),
        _skews(database, sql, tables),
        _notes(database, sql, query, names) if query and not truncated and not utility else (),
        asked[0],
    )  # fmt: skip


def _figures(database: Database, sql: Mapping[str, str], queryid: int, span: Range, hourly: bool) -> Figures:
    return Figures(span, hourly, *database.query(sql["figures"], (hourly, queryid, span.since, span.until))[0])


def _hourly(hours_until: datetime | None, *spans: Range) -> bool:
    """Whether of some of the time only hours are kept."""
    return hours_until is not None and any(one.since < hours_until for one in spans)


def _compared(
    database: Database,
    sql: Mapping[str, str],
    queryid: int,
    now: datetime,
    hours_until: datetime | None,
    wanted: Stretches,
) -> tuple[Figures | None, Figures | None]:
    if not (wanted.before_since and wanted.after_since):
        return None, None
    before = range_of(now, 1, wanted.before_since, wanted.before_until)
    after = range_of(now, 1, wanted.after_since, wanted.after_until)
    hourly = _hourly(hours_until, before, after)
    return _figures(database, sql, queryid, before, hourly), _figures(database, sql, queryid, after, hourly)


def _replanned(rows: Sequence[Row], plans: Sequence[PlanSeen]) -> tuple[Replanned, ...]:
    nodes = {one.plan_hash: one.lines[0] for one in plans if one.lines}
    return tuple(Replanned(at, plan_hash, nodes.get(plan_hash)) for at, plan_hash in rows)


def _extremes(database: Database, sql: Mapping[str, str], queryid: int) -> tuple[float | None, float | None]:
    where = database.query(sql["statistics"])
    if not where:
        return None, None
    ((shortest, longest),) = database.query(sql["extremes"].replace("/* schema */", where[0][0]), (queryid,))
    return shortest, longest


def _plan(row: tuple[Any, ...]) -> PlanSeen:
    return PlanSeen(row[0], row[1], tuple(_lines(row[2], 0)), *row[3:])


def _lines(node: Mapping[str, Any], depth: int) -> list[str]:
    if depth > 60 or "Node Type" not in node:
        return []
    words = [str(node["Node Type"])]
    if "Join Type" in node and node["Join Type"] != "Inner":
        words.append(f"({node['Join Type']})")
    if "Strategy" in node and node["Strategy"] != "Plain":
        words.append(f"({node['Strategy']})")
    words += [f"using {node['Index Name']}"] if "Index Name" in node else []
    words += [f"on {node['Relation Name']}"] if "Relation Name" in node else []
    lines = ["  " * depth + " ".join(words)]
    for below in node.get("Plans", ()):
        lines += _lines(below, depth + 1)
    return lines


def _notes(database: Database, sql: Mapping[str, str], query: str, tables: list[str]) -> tuple[Note, ...]:
    indexed = database.query(leaving_out_busy(sql["indexed"]), (tables,)) if tables else []
    return notes_of(query, [one for (one,) in indexed])


def _skews(database: Database, sql: Mapping[str, str], tables: tuple[TableUse, ...]) -> tuple[Skew, ...]:
    columns = [(one.name, column) for one in tables for column in one.uses.get("filters", ())]
    if not columns:
        return ()
    found = []
    for table, column, rows, null_part, _, common, distinct in database.query(
        sql["skew"], ([one[0] for one in columns], [one[1] for one in columns])
    ):
        others = max(1.0, distinct - 1)
        other_rows = max(0.0, rows * (1 - null_part - common)) / others
        if rows * common > SKEWED * max(1.0, other_rows):
            found.append(Skew(table, column, rows * common, other_rows, rows * null_part))
    return tuple(found)
