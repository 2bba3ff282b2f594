"""Statements: the ranking, and one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from postai.observe.ranking import Filter, Ranking, Sort, rank
from postai.observe.statement import StatementPage, Stretches, read_statement
from postai.web.room import Room
from postai.web.visit import InDatabase, Visiting

room = Room("Queries", "queries", "/queries")

Hours = Annotated[float, Query(gt=0, le=8784, description="length of the range where `since` is not given")]
Moment = Annotated[str, Query(max_length=40, description="ISO 8601; without an offset UTC")]
AtLeast = Annotated[float, Query(ge=0, le=1e15)]
Text = Annotated[str, Query(max_length=200)]


@room.see("/queries", "queries.html")
def queries(
    database: InDatabase,
    by: Visiting,
    hours: Hours = 24,
    since: Moment = "",
    until: Moment = "",
    sort: Sort = "total",
    mean_ms: AtLeast = 0,
    total_ms: AtLeast = 0,
    calls: Annotated[int, Query(ge=0, le=1 << 62)] = 0,
    user: Text = "",
    table: Text = "",
    text: Text = "",
    first: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Ranking:
    """Statements by what they took of a range of time; a long range may be a minute old."""
    wanted = Filter(mean_ms, total_ms, calls, user, table, text)
    asked = (hours, since, until, sort, wanted, first)
    return by.site.kept.get(
        ("queries", by.database, by.session.role, by.level, *asked),
        min(60.0, 2 + hours),
        lambda: rank(database, hours=hours, since=since, until=until, sort=sort, filter=wanted, first=first),
    )


@room.see("/queries/{queryid}", "query.html")
def query(
    database: InDatabase,
    queryid: Annotated[int, Path(ge=-(1 << 63), lt=1 << 63)],
    hours: Hours = 24,
    since: Moment = "",
    until: Moment = "",
    before_since: Moment = "",
    before_until: Moment = "",
    after_since: Moment = "",
    after_until: Moment = "",
) -> StatementPage:
    """One statement; with beginnings of two ranges, these compared."""
    compared = Stretches(before_since, before_until, after_since, after_until)
    return read_statement(database, queryid, hours=hours, since=since, until=until, compared=compared)
