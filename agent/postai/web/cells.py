"""Values in files that spreadsheets open."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def unarmed(value: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula and run."""
    return f"'{value}" if value.startswith(_FORMULA) else value
