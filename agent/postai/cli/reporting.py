"""`post-ai report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import UsageError


def report(
    format: Annotated[
        Literal["html", "pdf", "csv", "json", "sql"],
        typer.Option("--format", help="pdf needs the extra pdf; csv of several sections is a zip archive."),
    ] = "html",
    section: Annotated[
        list[str] | None,
        typer.Option("--section", help="health, load, statements, proposals, storage, unused or events. Default: all."),
    ] = None,
    hours: Annotated[int, typer.Option("--hours", help="How far back: 1, 24, 168 or 720.")] = 168,
    out: Annotated[Path | None, typer.Option("--out", help="File to write. Default: one named for the day.")] = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Write a report about a database: what postai knows, in a file to keep or send. `--out -` prints it."""
    from postai.database.connection import OWN_PATH
    from postai.observe.report import read_report
    from postai.web.reports import as_file

    with open_database(dsn, connection, search_path=OWN_PATH) as database:
        made = as_file(read_report(database, section or (), hours), format)
    if out == Path("-"):
        sys.stdout.buffer.write(made.content)
        return
    path = out or Path(made.name)
    try:
        path.write_bytes(made.content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written", detail=error.strerror, hint="Name another file by --out."
        ) from None
    if json:
        output.show_json({"file": str(path), "bytes": len(made.content)})
    else:
        output.say(f"{path}: {len(made.content):,} bytes")
