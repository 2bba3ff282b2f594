"""`post-ai migrate run`: a script of any size, statement by statement; a run that was cut off goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import UsageError

if TYPE_CHECKING:
    from postai.migrate.script import ScriptState

RUN_SECONDS = 7 * 24 * 3600.0
STATEMENT_SECONDS = 24 * 3600
TOLD_SECONDS = 5.0
"""Between two lines of progress."""


def run(
    file: Annotated[Path, typer.Argument(help="Script of SQL statements, also the output of pg_dump.")],
    state: Annotated[
        Path | None, typer.Option("--state", help="File that says how far the script is; removed when it is done.")
    ] = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Run a script statement by statement, as whoever is connected; the same script goes on where it stopped."""
    from postai.deadline import Deadline
    from postai.migrate.script import run_script

    if not file.is_file():
        raise UsageError(f"{file} is not a file", hint="A run that goes on reads it again; save the script first.")
    with open_database(dsn, connection, statement_timeout_ms=STATEMENT_SECONDS * 1000) as database:
        done = run_script(
            database,
            file,
            Deadline.after(RUN_SECONDS),
            state_file=state,
            report=_progress(file.stat().st_size, quiet=json),
        )
    if json:
        output.show_json({"statements": done.statements, "bytes": done.byte_offset, "lines": done.line})
    else:
        output.say(f"done: {done.statements} statements")


def _progress(size: int, *, quiet: bool) -> Callable[[ScriptState], None]:
    """Tells how far a script of that many bytes is, from time to time."""
    told = time.monotonic()

    def tell(now: ScriptState) -> None:
        nonlocal told
        if not quiet and time.monotonic() - told >= TOLD_SECONDS:
            told = time.monotonic()
            output.note(f"{now.statements} statements, line {now.line}, {now.byte_offset / max(size, 1):.0%}")

    return tell
