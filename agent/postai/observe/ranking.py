"""Statements by what they took of a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from postai.database import Database, named_sql
from postai.database.installed import reading
from postai.observe.ranges import Range, range_of

Sort = Literal["total", "mean", "calls", "stddev", "rows", "blocks", "read", "temp", "wal"]
ORDERS: dict[Sort, str] = {
    "total": "p.total_ms desc",
    "mean": "p.mean_ms desc nulls last",
    "calls": "p.calls desc",
    "stddev": "stddev_ms desc nulls last",
    "rows": "p.rows desc nulls last",
    "blocks": "p.blocks desc nulls last",
    "read": "p.blks_read desc nulls last",
    "temp": "p.temp_blks desc nulls last",
    "wal": "p.wal_bytes desc nulls last",
}
PARTS = 24
"""Points of the small line of each statement."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which statements.

    Attributes:
        mean_ms, total_ms, calls: at least so much of one call, of all, so many.
        user: only of this role; "" = of all.
        table: qualified and quoted, that it reads or writes; only where its text may be seen.
        text: a part of its text, in any case; only where that may be seen.
    """

    mean_ms: float = 0.0
    total_ms: float = 0.0
    calls: int = 0
    user: str = ""
    table: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One statement, of all who ran it.

    Attributes:
        query: None = not known, or other people's.
        stddev_ms: spread of one call.
        share: of the time of all statements of all roles, 0 to 1.
        temp_blks: blocks of temporary files that were written.
        inner_ms: how much of `total_ms` it ran inside other statements, whose time holds it, too.
        severity: HIGH, MEDIUM or LOW as docs/judging.md has it; None = it does not matter.
        trend: its time in equal parts of the range, in milliseconds.
    """

    queryid: int
    query: str | None
    users: list[str]
    calls: int
    total_ms: float
    mean_ms: float | None
    stddev_ms: float | None
    share: float | None
    rows: int | None
    blks_hit: int | None
    blks_read: int | None
    temp_blks: int | None
    wal_bytes: int | None
    severity: str | None
    inner_ms: float
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """A page of the ranking.

    Attributes:
        range: what it is of.
        passed: statements that pass the filter; `first` of the page, from 0, `limit` at most.
        total_ms: time of all statements of all roles, the small ones included, what ran inside others once.
        users: who ran statements.
        history_since: None = nothing was collected yet.
    """

    range: Range
    filter: Filter
    sort: Sort
    statements: tuple[Ranked, ...]
    passed: int
    first: int
    limit: int
    total_ms: float
    users: tuple[str, ...]
    history_since: datetime | None
    hours: float = field(default=24)


def rank(
    database: Database,
    *,
    hours: float = 24,
    since: str = "",
    until: str = "",
    sort: Sort = "total",
    filter: Filter | None = None,
    first: int = 0,
    limit: int = 50,
    trends: bool = True,
) -> Ranking:
    """Rank with the rights of the connection's role.

    Args:
        hours, since, until: see `range_of`.
        first, limit: the page.
        trends: whether each statement gets its trend, which costs as much as the ranking.

    Raises:
        FeatureMissing, NotPermitted: see `reading`.
        UsageError: see `range_of`.
    """
    blocks = named_sql.load(__package__, "ranking.sql")
    wanted = filter or Filter()
    with reading(database):
        ((now, history_since, users),) = database.query(blocks["known"])
        span = range_of(now, hours, since, until)
        rows = database.query(
            blocks["pieces"] + blocks["ranking"].replace("/* order */", f"{ORDERS[sort]}, p.queryid"),
            (
                *_pieces(span, 1), wanted.user, wanted.user, wanted.text, wanted.table, wanted.mean_ms, wanted.total_ms,
                wanted.calls, wanted.text, wanted.table, span.seconds, limit, first,
            ),
        )  # fmt: skip
        passed, total_ms = rows[0][:2]
        shown = [row[2:] for row in rows if row[2] is not None]
        lines = _trends(database, span, [row[0] for row in shown] if trends else [], wanted.user)
    return Ranking(
        span,
        wanted,
        sort,
        tuple(Ranked(*(*row, lines.get(row[0], ()))) for row in shown),
        passed,
        first,
        limit,
        total_ms or 0.0,
        tuple(users),
        history_since,
        hours,
    )


def _trends(database: Database, span: Range, queryids: list[int], user: str) -> dict[int, tuple[float, ...]]:
    if not queryids:
        return {}
    found: dict[int, list[float]] = {one: [0.0] * PARTS for one in queryids}
    blocks = named_sql.load(__package__, "ranking.sql")
    pieces = blocks["pieces"]
    for mark in ("wanted", "each", "this"):
        pieces = pieces.replace(f"/* {mark} */", blocks[mark])
    given = (*_pieces(span, PARTS), queryids, queryids, queryids, user, user)
    for queryid, part, total_ms in database.query(pieces + blocks["trends"], given):
        found[queryid][min(max(part, 1), PARTS) - 1] += total_ms
    return {queryid: tuple(parts) for queryid, parts in found.items()}


def _pieces(span: Range, parts: int) -> tuple[object, ...]:
    """Parameters of block `pieces`."""
    return span.since, span.until, parts
