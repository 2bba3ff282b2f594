"""`post-ai migrate`: what a file of statements would do to a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, resolve
from postai.errors import UsageError

if TYPE_CHECKING:
    from postai.migrate.types import Traced

SECONDS = 120.0
"""Longest run."""

app = typer.Typer(help="Change a schema safely.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Change a schema safely."""
    output.require_command(context)


@app.command("explain", short_help="Show the locks, rewrites and scans of a file of statements")
def explain(
    file: Annotated[Path, typer.Argument(help="File of SQL statements.")],
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Show what each statement of a file would lock, rewrite and scan: tried on an empty copy, nothing is changed."""
    found = _traced(_read(file), resolve(dsn, connection))
    if json:
        from postai.migrate.explained import explained

        output.show_json({"statements": [explained(one) for one in found]})
    else:
        for number, one in enumerate(found, start=1):
            _show(number, one)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the file is not UTF-8", detail=f"{path}, byte {error.start}") from None


def _traced(text: str, dsn: str) -> tuple[Traced, ...]:
    from postai.database import connect
    from postai.deadline import Deadline
    from postai.migrate.trace import trace
    from postai.scratch.scratch_database import opener
    from postai.sql.parse import split

    with connect(dsn, application_name="post-ai", statement_timeout_ms=60_000) as database:
        return trace(database, split(text), Deadline.after(SECONDS), opener(dsn))


def _show(number: int, one: Traced) -> None:
    from postai.migrate.explained import explained

    told: dict[str, Any] = explained(one)
    output.say(f"{number:>3}. {' '.join(one.statement.split())}")
    for table, mode in told["locks"].items():
        output.say(f"     {table}: {mode}, blocks {told['blocks'][table]}")
    for word in ("rewritten", "scanned", "rebuilt_indexes"):
        if told[word]:
            output.say(f"     {word.replace('_', ' ')}: {', '.join(told[word])}")
    if not one.in_transaction:
        output.say("     cannot run inside a transaction block")
    if one.error is not None:
        output.say(f"     refused ({one.sqlstate}): {one.error}")
    if one.note is not None:
        output.say(f"     {one.note}")
