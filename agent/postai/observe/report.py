"""A report about a database: chosen sections, each a table, some with a line over time; formats are made elsewhere.

A section is one entry of `SECTIONS` with a SQL block of report.sql or a small function; to add one, add an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from postai.database import Database, named_sql
from postai.database.installed import reading
from postai.errors import UsageError
from postai.observe.busy import leaving_out_busy
from postai.observe.overview import RANGES, read_load
from postai.observe.ranking import rank

Unit = Literal["text", "id", "number", "ms", "bytes", "share", "time", "sql"]
Value = str | int | float | datetime | None
TOP = 30
"""Statements and other ranked things in a report."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in files, its title for people, what its values are (ms, bytes, share: 0 to 1)."""

    name: str
    title: str
    unit: Unit = "text"


@dataclass(frozen=True, slots=True)
class Line:
    """A line over time: (seconds since the epoch, value) in order; None = nothing was collected."""

    title: str
    unit: Unit
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report.

    Attributes:
        name: as it is chosen.
        title, note: for people; the note says what the rows are and what they leave out.
    """

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        made_at, since: on the server's clock; it is about the time between.
        made_by: the role with whose rights everything was read.
        script: statements of the open proposals, with comments, for psql.
    """

    database: str
    server_version: str
    made_at: datetime
    made_by: str
    since: datetime
    sections: tuple[Section, ...]
    script: str


@dataclass(frozen=True, slots=True)
class SectionKind:
    """An entry of `SECTIONS`: what a section is called, and what fills it from a database, its blocks and hours."""

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: Callable[[Database, dict[str, str], int], Sequence[tuple[Any, ...]]]


def _block(name: str) -> Callable[[Database, dict[str, str], int], Sequence[tuple[Any, ...]]]:
    """Rows of a block of report.sql, whose parameter is the beginning of the time in question."""
    return lambda database, blocks, hours: database.query(blocks[name], [timedelta(hours=hours)])


def _present(name: str) -> Callable[[Database, dict[str, str], int], Sequence[tuple[Any, ...]]]:
    """Rows of a block of report.sql that is about now."""
    return lambda database, blocks, _hours: database.query(leaving_out_busy(blocks[name]))


def _statements(database: Database, _blocks: dict[str, str], hours: int) -> Sequence[tuple[Any, ...]]:
    return [
        (one.share, one.total_ms, one.calls, one.mean_ms, one.stddev_ms, one.rows, one.query, str(one.queryid))
        for one in rank(database, hours=hours, limit=TOP, trends=False).statements
    ]


def _load(database: Database, _blocks: dict[str, str], hours: int) -> Sequence[tuple[Any, ...]]:
    return [
        (datetime.fromtimestamp(one.at, UTC), one.active, one.transactions, one.hit_rate)
        for one in read_load(database, hours)
    ]


SECTIONS: dict[str, SectionKind] = {
    "health": SectionKind(
        "Health",
        "Checks that are not well, the worst first, and those that could not be made.",
        (Column("status", "Status"), Column("check", "Check"), Column("value", "Found"), Column("fix", "What to do")),
        _present("health"),
    ),
    "load": SectionKind(
        "Load",
        "Sessions at work, transactions a second and blocks found in shared buffers, as they were collected.",
        (
            Column("at", "At", "time"),
            Column("active", "Sessions at work", "number"),
            Column("transactions", "Transactions a second", "number"),
            Column("hit_rate", "Found in shared buffers", "share"),
        ),
        _load,
    ),
    "statements": SectionKind(
        "Statements",
        f"The {TOP} that took most time. Texts of other people's statements are shown to operators only.",
        (
            Column("share", "Share", "share"),
            Column("total_ms", "Total", "ms"),
            Column("calls", "Calls", "number"),
            Column("mean_ms", "Mean", "ms"),
            Column("stddev_ms", "±", "ms"),
            Column("rows", "Rows", "number"),
            Column("query", "Statement", "sql"),
            Column("queryid", "Id", "id"),
        ),
        _statements,
    ),
    "proposals": SectionKind(
        "Proposals",
        "What is open, and what was closed in this time with what it was to save a day and what was measured.",
        (
            Column("id", "Id", "number"),
            Column("kind", "Kind"),
            Column("title", "Title"),
            Column("state", "State"),
            Column("saved_ms_per_day", "Saves a day", "ms"),
            Column("measured_saved_ms_per_day", "Measured", "ms"),
            Column("bytes", "Space", "bytes"),
            Column("effect", "Effect"),
        ),
        _block("proposals"),
    ),
    "storage": SectionKind(
        "Storage",
        f"The {TOP} largest tables; what somebody holds exclusively has no size, what was never analysed no rows.",
        (
            Column("table", "Table"),
            Column("total_bytes", "Total", "bytes"),
            Column("table_bytes", "Table", "bytes"),
            Column("index_bytes", "Indexes", "bytes"),
            Column("rows", "Rows, estimated", "number"),
        ),
        _present("storage"),
    ),
    "unused": SectionKind(
        "Unused indexes",
        "Indexes that no statement used while postai looked on.",
        (Column("index", "Index"), Column("table", "Table"), Column("bytes", "Space", "bytes")),
        _present("unused"),
    ),
    "events": SectionKind(
        "Events",
        "Who did what; the last 200 of this time.",
        (Column("at", "At", "time"), Column("actor", "Who"), Column("kind", "What"), Column("subject", "Of what")),
        _block("events"),
    ),
}


def read_report(database: Database, sections: Sequence[str] = (), hours: int = 168) -> Report:
    """Read what a report shows, with the rights of the connection's role.

    Args:
        sections: names of `SECTIONS` in the order wanted; none = all.
        hours: how far back: 1, 24, 168 or 720.

    Raises:
        UsageError: an unknown section, or other hours.
        FeatureMissing, NotPermitted: postai is not there, or the role may not read it.
    """
    unknown = [one for one in sections if one not in SECTIONS]
    if unknown:
        raise UsageError(f"there is no section {unknown[0]!r}", hint=f"Known: {', '.join(SECTIONS)}.")
    if hours not in RANGES:
        raise UsageError(f"a report cannot be about {hours} hours", hint="Take 1, 24, 168 or 720.")
    blocks = dict(named_sql.load(__package__, "report.sql"))
    ((name, version, made_at, made_by),) = database.query(blocks["head"])
    with reading(database):
        found = tuple(_section(database, blocks, one, hours) for one in dict.fromkeys(sections or SECTIONS))
        script = script_of(database.query(blocks["script"]))
    return Report(name, version, made_at, made_by, made_at - timedelta(hours=hours), found, script)


def script_of(proposals: Sequence[tuple[Any, ...]]) -> str:
    """The statements of proposals as a script for psql; what undoes them stands in comments.

    Args:
        proposals: id, title, why, statements, undo.
    """
    parts = [
        "-- Statements of the open proposals. Nothing here was run; CREATE INDEX CONCURRENTLY and its like need",
        "-- autocommit. `SELECT postai.apply(id)` does the same with its checks, time limits and undo.",
    ]
    for number, title, why, statements, undo in proposals:
        parts += ["", *_comment(f"{number}: {title}"), *_comment(why or "")]
        parts += [_ended(one) for one in statements or () if one]
        parts += [line for one in undo or () if one for line in _comment(f"undo: {_ended(one)}")]
    return "\n".join(parts) + "\n"


def _ended(statement: str) -> str:
    """With its semicolon, where no comment of the last line swallows it."""
    text = statement.rstrip().rstrip(";")
    return f"{text}\n;" if "--" in text.rpartition("\n")[2] else f"{text};"


def _comment(text: str) -> list[str]:
    return [f"-- {line}" for line in text.splitlines()]


def _section(database: Database, blocks: dict[str, str], name: str, hours: int) -> Section:
    kind = SECTIONS[name]
    rows = tuple(tuple(row) for row in kind.rows(database, blocks, hours))
    lines: tuple[Line, ...] = ()
    if kind.columns[0].unit == "time" and kind.columns[1].unit != "text":  # figures over time
        lines = tuple(
            Line(column.title, column.unit, tuple((row[0].timestamp(), row[place]) for row in rows))
            for place, column in enumerate(kind.columns[1:], 1)
        )
    return Section(name, kind.title, kind.note, kind.columns, rows, lines)
