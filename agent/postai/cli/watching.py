"""`post-ai top`, `watch` and `health`: what goes on in a database, with or without postai in it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import FeatureMissing

if TYPE_CHECKING:
    from postai.database import Database

WARNINGS, CRITICAL = 20, 21
"""Exit codes of `post-ai health`, beside those that every command has."""
HEALTH_SECONDS = 60.0
STATEMENT_TIMEOUT_MS = 10_000
NOT_LOADED = "55000"
"""SQLSTATE of pg_stat_statements where it is not in shared_preload_libraries."""

Refresh = Annotated[float, typer.Option("--refresh", min=0.2, max=3600, help="Seconds between two looks.")]


@dataclass(frozen=True)
class Counted:
    """One statement between two looks, or since its counters were reset.

    Attributes:
        share: of the time of all statements, 0 to 1.
        cached: share of its blocks that were in shared buffers; None = it touched none.
    """

    queryid: str
    user: str | None
    calls: int
    total_ms: float
    mean_ms: float
    share: float
    rows: int
    cached: float | None
    query: str


def _sql() -> Mapping[str, str]:
    from postai.database.named_sql import load

    return load(__package__, "watching.sql")


Counters = Mapping[tuple[str, str | None], tuple[int, float, int, int, int, str]]


def _counters(database: Database) -> Counters:
    """Counters of pg_stat_statements by statement and role.

    Raises:
        FeatureMissing: it is not there.
    """
    from postai.database import ServerError

    sql = _sql()
    where = database.query(sql["statistics"])
    hint = "shared_preload_libraries = 'pg_stat_statements', restart, then CREATE EXTENSION pg_stat_statements"
    if not where:
        raise FeatureMissing("extension pg_stat_statements is not in this database", hint=hint)
    try:
        rows = database.query(sql["statements"].replace("/* where */", where[0][0]))
    except ServerError as error:
        if error.sqlstate != NOT_LOADED:
            raise
        raise FeatureMissing("pg_stat_statements counts nothing", detail=error.message, hint=hint) from None
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _since(now: Counters, before: Counters, most: int) -> tuple[Counted, ...]:
    """What was counted between two looks, the longest total time first; what began anew counts from zero."""
    found = []
    for key, (calls, total, rows, hit, read, query) in now.items():
        old = before.get(key)
        if old is not None and old[0] <= calls:
            calls, total, rows, hit, read = (
                calls - old[0], total - old[1], rows - old[2], hit - old[3], read - old[4],
            )  # fmt: skip
        if calls > 0:
            found.append((key, calls, float(total), rows, hit, read, query))
    from postai.observe.collect_texts import is_utility
    from postai.sql.parse import without_constants

    whole = sum(one[2] for one in found)
    found.sort(key=lambda one: (-one[2], one[0][0]))
    return tuple(
        Counted(
            key[0], key[1], calls, round(total, 3), round(total / calls, 3), total / whole if whole else 0.0, rows,
            hit / (hit + read) if hit + read else None, without_constants(query) if is_utility(query) else query,
        )
        for key, calls, total, rows, hit, read, query in found[:most]
    )  # fmt: skip


def _shortened(query: str) -> str:
    """A statement on one line."""
    line = " ".join(query.split())
    return line if len(line) <= 200 else line[:199] + "…"


def _statement_rows(statements: tuple[Counted, ...]) -> list[tuple[object, ...]]:
    return [
        (f"{one.share:.0%}", f"{one.total_ms:,.0f}", f"{one.calls:,}", f"{one.mean_ms:,.2f}",
         "" if one.cached is None else f"{one.cached:.0%}", _shortened(one.query))
        for one in statements
    ]  # fmt: skip


STATEMENT_COLUMNS = ("share", "total ms", "calls", "mean ms", "cached", "statement")


def top(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="So many statements.")] = 20,
    refresh: Annotated[
        float | None,
        typer.Option("--refresh", min=0.2, max=3600, help="Look again after so many seconds and show the difference."),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many refreshed views.")] = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Show the statements that take most time, since the counters were reset or every few seconds anew."""
    with open_database(dsn, connection, statement_timeout_ms=STATEMENT_TIMEOUT_MS) as database:
        before: Counters | None = None
        shown = 0
        while True:
            now = _counters(database)
            if refresh is None or before is not None:
                _show_statements(_since(now, before or {}, limit), json=json)
                shown += 1
            if refresh is None or shown == count:
                return
            before = now
            sys.stdout.flush()
            time.sleep(refresh)


def _show_statements(statements: tuple[Counted, ...], *, json: bool) -> None:
    if json:
        output.show_json(statements)
    elif statements:
        output.show_table(STATEMENT_COLUMNS, _statement_rows(statements))
    else:
        output.say("no statement ran")


@dataclass(frozen=True)
class View:
    """One look at a database; rates are None in the first one.

    Attributes:
        connections: sessions of this database besides this one.
        waiting: active sessions that wait for a lock.
        transactions_per_second: committed and rolled back.
        cached: share of the blocks read since the last look that were in shared buffers.
        top: statements since the last look; None = nothing counts them.
        waits: pairs of (wait event, sessions).
        blocking: (pid, user, seconds, pids in its way, statement).
        actions: (id, proposal, title, state, phase, progress) of changes under way; () also without postai.
    """

    connections: int
    max_connections: int
    active: int
    waiting: int
    idle_in_transaction: int
    transactions_per_second: float | None
    cached: float | None
    deadlocks: int
    top: tuple[Counted, ...] | None
    waits: tuple[tuple[str, int], ...]
    blocking: tuple[tuple[int, str, float, str, str], ...]
    actions: tuple[tuple[object, ...], ...]


def _views(database: Database, refresh: float) -> Iterator[View]:
    """A view now, and one after every pause."""
    sql = _sql()
    allowed = database.query(sql["has_actions"])
    before: tuple[object, ...] | None = None
    counted: Counters | None = None
    while True:
        load = database.query(sql["load"])[0]
        try:
            now: Counters | None = _counters(database)
        except FeatureMissing:
            now = None
        waits = tuple((f"{kind}: {event}".rstrip(": "), int(n)) for kind, event, n in database.query(sql["waits"]))
        blocking = tuple(
            (pid, user, round(seconds or 0.0, 1), pids, _shortened(query or ""))
            for pid, user, seconds, pids, query in database.query(sql["blocking"])
        )
        actions = tuple(database.query(sql["actions"])) if allowed and allowed[0][0] else ()
        rate, cached = _rates(load, before)
        statements = None if now is None else _since(now, counted if counted is not None else {}, 8)
        yield View(
            load[0], load[4], load[1], load[2], load[3], rate, cached, load[8], statements, waits, blocking, actions
        )
        before, counted = load, now
        time.sleep(refresh)


def _rates(now: tuple[object, ...], before: tuple[object, ...] | None) -> tuple[float | None, float | None]:
    """Transactions per second and share of cached blocks since the last look."""
    if before is None:
        return None, None
    transactions, hit, read, seconds = (
        float(str(now[at])) - float(str(before[at])) for at in (5, 6, 7, 10)
    )  # fmt: skip
    rate = round(transactions / seconds, 1) if seconds > 0 and transactions >= 0 else None
    return rate, hit / (hit + read) if hit >= 0 and read >= 0 and hit + read > 0 else None


def _load_line(view: View) -> str:
    parts = [
        f"{view.connections} of {view.max_connections} connections",
        f"{view.active} active",
        f"{view.waiting} waiting for a lock",
        f"{view.idle_in_transaction} idle in a transaction",
    ]
    if view.transactions_per_second is not None:
        parts.append(f"{view.transactions_per_second:,.1f} transactions/s")
    if view.cached is not None:
        parts.append(f"{view.cached:.0%} of blocks cached")
    return ", ".join(parts)


def _sections(view: View) -> Iterator[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """Title, columns and rows of each table that has something to show."""
    if view.blocking:
        yield "blocked", ("pid", "user", "seconds", "waits for", "statement"), [tuple(one) for one in view.blocking]
    if view.actions:
        yield "postai at work", ("action", "proposal", "title", "state", "phase", "progress"), list(view.actions)
    if view.waits:
        yield "waits", ("wait event", "sessions"), [tuple(one) for one in view.waits]
    if view.top:
        yield "statements", STATEMENT_COLUMNS, _statement_rows(view.top)


def watch(
    refresh: Refresh = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show one view and end.")] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Watch load, blocked sessions, waits, statements and changes under way until Ctrl-C; plain text in a pipe."""
    with open_database(dsn, connection, statement_timeout_ms=STATEMENT_TIMEOUT_MS) as database:
        views = _views(database, refresh)
        if once or json or not sys.stdout.isatty():
            for view in views:
                _show_view(view, json=json)
                if once:
                    return
        else:
            _live(views)


def _show_view(view: View, *, json: bool) -> None:
    if json:
        output.show_json(view)
    else:
        output.say(f"{time.strftime('%H:%M:%S')}  {_load_line(view)}")
        for title, columns, rows in _sections(view):
            output.say(f"\n{title}")
            output.show_table(columns, rows)
        output.say("")
    sys.stdout.flush()


def _live(views: Iterator[View]) -> None:
    """Redraw the terminal with every view."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for view in views:
            parts: list[Text | Table] = [Text(f"{time.strftime('%H:%M:%S')}  {_load_line(view)}", overflow="fold")]
            for title, columns, rows in _sections(view):
                table = Table(title=title, title_justify="left", box=None, pad_edge=False, expand=True)
                for name in columns:
                    table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if name == columns[-1] else None)
                for row in rows:
                    table.add_row(*(Text(output.visible(cell)) for cell in row))
                parts += [Text(""), table]
            live.update(Group(*parts), refresh=True)


def health(
    every: Annotated[bool, typer.Option("--all", help="Show also what is well.")] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> int:
    """Check the health of a database; exit code 0 = well, 20 = warnings, 21 = something critical."""
    from postai.deadline import Deadline
    from postai.observe.health import check_health

    with open_database(dsn, connection) as database:
        results = check_health(database, Deadline.after(HEALTH_SECONDS))
    statuses = {one.status for one in results}
    if json:
        output.show_json(results)
    else:
        shown = [one for one in results if every or one.status != "ok"]
        if shown:
            output.show_table(("status", "check", "value"), [(one.status, one.title, one.value) for one in shown])
        for one in shown:
            if one.status != "ok":
                output.say(f"\n{one.title}: {one.why}" + (f"\n{one.fix}" if one.fix else ""))
        well = sum(one.status == "ok" for one in results)
        output.say(f"{well} of {len(results)} checks are well")
    return CRITICAL if "critical" in statuses else WARNINGS if "warning" in statuses else 0
