"""Quoting of names as PostgreSQL reads them back, without a driver: used where SQL text is shown or generated.

Quoting is always done (never only "when needed"): which words are reserved differs between server versions.
"""

from __future__ import annotations

from postai.errors import UsageError


def quote_ident(name: str) -> str:
    """A name as a quoted identifier, e.g. `my"table` gives `"my""table"`.

    Raises:
        UsageError: an empty name or one with a NUL character, which PostgreSQL cannot have.
    """
    if not name:
        raise UsageError("an identifier cannot be empty")
    if "\0" in name:
        raise UsageError("an identifier cannot hold a NUL character")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """A schema-qualified name, both parts quoted."""
    return f"{quote_ident(schema)}.{quote_ident(name)}"


def quote_literal(text: str) -> str:
    """A text as a string literal that reads the same whatever `standard_conforming_strings` is.

    Raises:
        UsageError: a NUL character, which PostgreSQL cannot store in text.
    """
    if "\0" in text:
        raise UsageError("a text cannot hold a NUL character")
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted
