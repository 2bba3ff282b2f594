"""The report of `post-ai replicate check` as a page for people, or as one JSON document."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from postai.cli import output
from postai.database.amounts import bytes_text, seconds_text

if TYPE_CHECKING:
    from postai.replicate.types import Finding, Report, Server

BLOCKED = 1
"""Exit code when a blocker stands against the move."""
WIDTH = 80
MOST_OBJECTS = 6
MOST_STATEMENTS = 4
# Of log, below which a number only looks exact.
LITTLE_BYTES = 1 << 20
_WAYS = {
    "native": "logical replication (native)",
    "trigger": "triggers on the source (trigger)",
    "dump": "a copy while nobody writes (dump)",
}


def show(report: Report, source: str, target: str, *, json: bool) -> int:
    """Print the report of a move.

    Args:
        source, target: names of the connections.
        json: one document with everything instead of a page.

    Returns:
        the exit code: 0 = the move can begin, BLOCKED = it cannot.
    """
    if json:
        names = {"source": source, "target": target}
        output.show_json({"connections": names, "blocked": report.blocked, **output.plain(report)})
    else:
        output.say(page(report, source, target))
    return BLOCKED if report.blocked else 0


def page(report: Report, source: str, target: str) -> str:
    """The report on a page of 80 columns: what is to be done first, notes last and short."""
    lines = [f"{source}: {_server(report.source)}", f"{target}: {_server(report.target)}", "", *_verdict(report)]
    for one in report.findings:
        if one.level != "note":
            lines += ["", *_finding(one)]
    notes = [one for one in report.findings if one.level == "note"]
    if notes:
        lines += ["", "Notes"]
        for one in notes:
            lines += _wrapped(f"{one.what} [{one.check}, {one.side}]", "- ", "  ")
    return "\n".join(lines)


def _server(one: Server) -> str:
    # From 10 on: two digits of the major version, then the minor one.
    return f"PostgreSQL {one.major}.{one.version % 10000}, {one.label}, {bytes_text(one.bytes)}, as {one.user}"


def _verdict(report: Report) -> Iterator[str]:
    way = _WAYS[report.method.value]
    count = sum(one.level == "blocker" for one in report.findings)
    if count:
        blockers = f"{count} {'blocker' if count == 1 else 'blockers'}"
        yield from _wrapped(f"The move cannot begin: {blockers}. It would go by {way}.", "", "")
    else:
        yield f"The move can begin, by {way}."
    tables = f"{len(report.tables)} {'table' if len(report.tables) == 1 else 'tables'}, {bytes_text(report.bytes)}"
    text = f"{tables}; the copy takes about {seconds_text(max(report.seconds, 1.0))}"
    if report.method == "native":
        much = f"about {bytes_text(report.wal_bytes)} of" if report.wal_bytes >= LITTLE_BYTES else "little"
        text += f", in which the source keeps {much} log"
    yield from _wrapped(f"{text}.", "", "")


def _finding(one: Finding) -> Iterator[str]:
    yield f"{one.level.upper()} {one.check}, on the {one.side}"
    yield from _wrapped(one.what, "  ", "  ")
    if one.objects:
        yield from _wrapped(_some(one.objects, MOST_OBJECTS), "    ", "    ")
    if one.fix:
        yield "  fix:"
        for statement in one.fix[:MOST_STATEMENTS]:
            yield from _wrapped(statement, "    ", "      ")
        if len(one.fix) > MOST_STATEMENTS:
            yield f"    and {len(one.fix) - MOST_STATEMENTS} more (--json has all)"


def _some(names: Sequence[str], most: int) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _wrapped(text: str, first: str, later: str) -> list[str]:
    """A text on lines of the page's width; a word that is longer stays whole, so that a statement can be copied."""
    return textwrap.wrap(
        output.visible(text).replace("\n", " "), WIDTH, initial_indent=first, subsequent_indent=later,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
