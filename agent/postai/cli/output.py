"""What the command line prints: tables and sentences for people, JSON for programs, one form for errors."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from postai.errors import PostaiError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def plain(value: object) -> Any:
    """The JSON form of a value: dataclasses as objects, times as ISO 8601, decimals as numbers in text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta | Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def console(*, stderr: bool = False) -> Console:
    """A terminal writer; plain text where the output is no terminal."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print text as it is."""
    console().print(escape(text))


def show_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their column names; control characters from the database are made visible."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    numeric = [
        bool(rows) and all(isinstance(r[i], int | float | Decimal | None) for r in rows) for i in range(len(columns))
    ]
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(escape(visible(column)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(visible(cell)) for cell in row))
    Console(highlight=False).print(table)


def visible(value: object) -> str:
    """A cell's text. Control characters are shown as escapes: a value must not steer the terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict | list) else str(plain(value))
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def show_error(error: PostaiError, *, as_json: bool) -> None:
    """Print the four parts of an error: as JSON on standard output, else as text on standard error."""
    parts = error.as_parts()
    if as_json:
        show_json({"error": parts})
        return
    writer = console(stderr=True)
    writer.print(f"[bold red]error[/] ({parts.sqlstate}): {escape(visible(parts.message))}")
    if parts.detail:
        writer.print(f"[bold]detail[/]: {escape(visible(parts.detail))}")
    if parts.hint:
        writer.print(f"[bold]hint[/]:   {escape(visible(parts.hint))}")
