"""How `post-ai replicate` shows a move: a page of 80 columns, live on a terminal and in lines elsewhere."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from postai.cli import output
from postai.database.amounts import bytes_text, seconds_text

if TYPE_CHECKING:
    from postai.replicate.store import Copied, Event, Row

WIDTH = 80
MOST_TABLES = 12
"""Tables that are shown; those that are not done come first."""
LINE_SECONDS = 10.0
"""Between two lines where there is no terminal, unless the state changes."""


def document(row: Row, tables: Sequence[Copied], events: Sequence[Event] = ()) -> dict[str, Any]:
    """A move as JSON has it."""
    shown = output.plain(row)
    shown["tables"] = [{**output.plain(one.progress), "verified": one.verified} for one in tables]
    shown["events"] = [output.plain(one) for one in events]
    return dict(shown)


def page(row: Row, tables: Sequence[Copied]) -> list[str]:
    """A move in lines of 80 columns: where it is, what is done or stands in the way, how far the tables are."""
    lines = [f"{row.name}: {row.state.replace('_', ' ')}; {row.source} -> {row.target} by {row.method or '?'}; "
             f"the {row.serving} serves"]  # fmt: skip
    if row.doing and not row.ended:
        lines.append(f"now: {row.doing}")
    if row.lag_bytes is not None and not row.ended:
        silent = f", heard from {seconds_text(row.lag_seconds)} ago" if row.lag_seconds else ""
        lines.append(f"behind: {bytes_text(row.lag_bytes)}{silent}{_safe(row)}")
    if row.verified is not None:
        lines.append(f"verified: {_verified(row)}")
    if row.restarts:
        lines.append(f"the copy began anew {row.restarts} time{'s' if row.restarts > 1 else ''}")
    if row.error is not None:
        lines.append(f"error ({row.error.sqlstate}): {row.error.message}")
        lines += [
            f"  {label}: {text}".replace("\n", "\n    ")
            for label, text in (("detail", row.error.detail), ("hint", row.error.hint))
            if text
        ]
    if tables and not row.ended:
        lines.append(summary(tables))
        lines.append(f"  {'table':<28} {'state':<14} done     size        rows    left")
        lines += [line(one) for one in _chosen(tables)]
        if len(tables) > MOST_TABLES:
            lines.append(f"  and {len(tables) - MOST_TABLES} more")
    return [part for one in lines for line in output.visible(one).split("\n") for part in _folded(line)]


def in_shell(said: str) -> str:
    """What the home says is to be done next, in the commands of the shell."""
    said = re.sub(r"postai\.replicate_start\('([^']*)', '[^']*', '[^']*'\)", r"post-ai replicate start \1", said)
    said = re.sub(r"(?:CALL |SELECT )?postai\.(?:replicate_)?([a-z]+)\('([^']*)'\);?", r"post-ai replicate \1 \2", said)
    return said.replace("see verified in\npostai.replication_progress", "they are above")


def _safe(row: Row) -> str:
    return "" if row.safe_wal_bytes is None else f"; {bytes_text(row.safe_wal_bytes)} of log until the slot is lost"


def _verified(row: Row) -> str:
    found = row.verified or {}
    when = f" at {row.verified_at:%Y-%m-%d %H:%M:%S %Z}" if row.verified_at else ""
    return f"{'equal' if found.get('equal') else 'DIFFERENT'}{when}"


def summary(tables: Sequence[Copied]) -> str:
    """All tables in a line: how many are ready, bytes and rows, how long the rest takes."""
    progress = [one.progress for one in tables]
    ready = sum(one.state == "ready" for one in progress)
    done, total = sum(one.bytes for one in progress), sum(one.total_bytes for one in progress)
    rest = [one.seconds for one in progress if one.seconds]
    eta = f", about {seconds_text(max(rest))} left" if rest else ""
    return f"{ready} of {len(tables)} tables ready, {bytes_text(done)} of {bytes_text(total)}{eta}"


def line(one: Copied) -> str:
    """One table in a line of 80 columns."""
    at = one.progress
    share = "100%" if at.state == "ready" else f"{min(99, 100 * at.bytes // at.total_bytes) if at.total_bytes else 0}%"
    eta = seconds_text(at.seconds) if at.seconds else ""
    state = one.verified or at.state.replace("_", " ")
    rows = at.rows if at.rows or not at.bytes else "?"  # the source's planner knows no number of them yet
    name = at.table if len(at.table) <= 28 else f"{at.table[:27]}…"
    return f"  {name:<28} {state[:14]:<14} {share:>4} {bytes_text(at.total_bytes):>8} {rows:>11} {eta:>7}".rstrip()


def _chosen(tables: Sequence[Copied]) -> Sequence[Copied]:
    rank = {"copying": 0, "catching_up": 1, "waiting": 2, "ready": 3}
    differ = [one for one in tables if one.verified not in (None, "equal")]
    rest = sorted((one for one in tables if one not in differ), key=lambda one: rank.get(one.progress.state, 2))
    return [*differ, *rest][:MOST_TABLES]


def _folded(text: str) -> Iterator[str]:
    import textwrap

    if len(text) <= WIDTH:
        yield text
        return
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    yield from textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class Shown:
    """Shows a move while it is driven: redraws a terminal, writes a line now and then elsewhere."""

    def __init__(self, draw: Any = None) -> None:
        self._draw = draw
        self._last: tuple[str, str | None] = ("", None)
        self._at = 0.0

    def show(self, row: Row, tables: Sequence[Copied]) -> None:
        """The move as it is now."""
        if self._draw is not None:
            from rich.text import Text

            self._draw.update(Text("\n".join(page(row, tables))), refresh=True)
            return
        seen = (row.state.value, row.error.message if row.error else row.doing)
        if seen != self._last or (time.monotonic() - self._at > LINE_SECONDS and row.state == "copying"):
            # Why it failed is the error that the command ends with.
            what = (
                ""
                if row.state == "failed"
                else f"; {row.error.message}"
                if row.error
                else f"; {row.doing}"
                if row.doing
                else ""
            )
            some = f"; {summary(tables)}" if tables and row.state == "copying" else ""
            output.note(f"{row.name}: {row.state.replace('_', ' ')}{what}{some}")
            self._last, self._at = seen, time.monotonic()


@contextmanager
def shown(*, quiet: bool) -> Iterator[Shown | None]:
    """Something to show a move on; None where nothing but the end is to be printed."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield Shown()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(width=min(shutil.get_terminal_size().columns, 120), highlight=False, stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Shown(live)
