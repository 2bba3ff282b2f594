"""What the command line prints: tables and sentences for people, JSON for programs, one form for errors.

Whatever comes from a database or a model is hostile text: control characters are shown as escapes, so that no value
can steer the terminal. rich is imported only where a table is drawn; it costs a tenth of a second.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, TextIO

import typer

from postai.errors import ErrorParts, PostaiError, UsageError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

WIDTH = 80
"""Columns of errors and notes where there is no terminal."""
PIPE_WIDTH = 4096
"""Columns of a table that goes into a pipe or a file: nothing is folded there."""


def plain(value: object) -> Any:
    """The JSON form of a value: dataclasses as objects, times as ISO 8601, decimals and intervals as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta | PurePath):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def visible(value: object) -> str:
    """A value as text that cannot steer a terminal: control and direction characters become escapes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict | list) else str(plain(value))
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """Print one piece of text."""
    sys.stdout.write(_prose(text) + "\n")


def require_command(context: typer.Context) -> None:
    """Show the help and end with the code of wrong usage when a command with subcommands stands alone."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


def note(text: str) -> None:
    """Tell on standard error what the server said besides its result."""
    sys.stderr.write(_folded(_prose(text), sys.stderr) + "\n")
    sys.stderr.flush()


def show_json(value: object) -> None:
    """Print one JSON document; what is no ASCII is escaped, so that the terminal sees no control character."""
    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False, default=str) + "\n")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their column names, numbers to the right; folded at the terminal's width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        right = any(_is_number(cell) for cell in cells) and all(cell is None or _is_number(cell) for cell in cells)
        table.add_column(Text(visible(column)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else PIPE_WIDTH
    console = Console(width=width, highlight=False, force_terminal=terminal)
    with console.capture() as drawn:
        console.print(table)
    # Written by us: rich would end the program by itself when the reader of a pipe is gone.
    sys.stdout.write("".join(line.rstrip() + "\n" for line in drawn.get().splitlines()))


def _prose(text: str) -> str:
    return visible(text.replace("\t", "    "))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def show_error(error: PostaiError, *, as_json: bool) -> None:
    """Print the four parts of an error: as JSON on standard output, else as text on standard error."""
    parts = error.as_parts()
    if as_json:
        show_json({"error": parts})
    else:
        _write_error(parts, sys.stderr)


def _write_error(parts: ErrorParts, stream: TextIO) -> None:
    detail = parts.detail if parts.detail and parts.detail not in parts.message else None
    for label, name, text in (("error", f"error ({parts.sqlstate}):", parts.message), ("detail", "detail:", detail),
                              ("hint", "hint:", parts.hint)):  # fmt: skip
        if text:
            shown = _folded(f"{name:<7} {_prose(text)}", stream, " " * 8)
            stream.write(shown.replace(label, _bold(label, stream), 1) + "\n")


def _folded(text: str, stream: TextIO, later: str = "") -> str:
    """A text broken at spaces where the terminal ends, or at 80 columns; a word that is longer stays whole.

    Args:
        later: what all lines but the first begin with; a line that is folded goes on as far to the right as it began.
    """
    width = shutil.get_terminal_size().columns if stream.isatty() else WIDTH
    lines = [line if number == 0 else later + line for number, line in enumerate(text.split("\n"))]
    return "\n".join(
        "\n".join(textwrap.wrap(
            line, width, subsequent_indent=later or " " * (len(line) - len(line.lstrip())), break_long_words=False,
            break_on_hyphens=False, replace_whitespace=False, drop_whitespace=True,
        )) if len(line) > width else line
        for line in lines
    )  # fmt: skip


def _bold(text: str, stream: TextIO) -> str:
    return f"\033[1m{text}\033[0m" if stream.isatty() else text
