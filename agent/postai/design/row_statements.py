"""Statements about rows: what moves values from column to column, and what counts rows that are in the way.

All names are given as they are to be written, quoted by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence


def update(place: str, settings: str, *, source: str = "", where: str = "") -> str:
    """UPDATE of a table, with the rows of another one where `source` names it."""
    parts = ["UPDATE", place, "SET", settings]
    if source:
        parts += ["FROM", source]
    if where:
        parts += ["WHERE", where]
    return " ".join(parts)


def insert(place: str, columns: Sequence[str], query: str) -> str:
    """INSERT of what a query finds."""
    return " ".join(("INSERT INTO", place, f"({', '.join(columns)})", query))


def select(what: str, place: str, *, where: str = "", rest: str = "") -> str:
    """SELECT from one table; `rest` follows the condition."""
    parts = ["SELECT", what, "FROM", place]
    if where:
        parts += ["WHERE", where]
    if rest:
        parts.append(rest)
    return " ".join(parts)
