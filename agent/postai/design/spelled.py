"""Columns whose names are written otherwise than people say them: short forms, moments called by their verb."""

from __future__ import annotations

from postai.design.draft import Column, Table
from postai.design.nouns import singular
from postai.language.abbreviations import ABBREVIATIONS
from postai.language.word_set import word_set


def written_otherwise(table: Table, words: tuple[str, ...]) -> Column | None:
    """The only column whose name is short for the words, or tells the moment that they name."""
    said = _in_full(words)
    full = {one.name: _in_full(tuple(one.name.split("_"))) for one in table.columns.values()}
    bare = said[:-1] if said[-1] in ("number", "date", "time", "day", "moment", "value", "name", "code") else said
    found = [one for one in table.columns.values() if full[one.name] == said]
    found = found or [one for one in table.columns.values() if bare and full[one.name] == bare]
    counted = tuple(one for one in said if one not in ("number", "of"))
    found = found or [one for one in table.columns.values() if counted and full[one.name] == counted]
    if not found and (bare != said or said[0] in _MOMENTS or said[0] in _DONE):
        found = [
            one
            for one in table.columns.values()
            if one.type.startswith(("date", "timestamp")) and _same_stem(bare, full[one.name])
        ]
    return found[0] if len(found) == 1 else None


def _in_full(words: tuple[str, ...]) -> tuple[str, ...]:
    """Singular words, short forms written out."""
    return tuple(full for one in words for full in ABBREVIATIONS.get(one, (singular(one),)))


_DONE = {
    "birth": "born", "purchase": "bought", "sale": "sold", "payment": "paid", "death": "died", "loss": "lost",
    "meeting": "met", "departure": "left", "beginning": "began", "writing": "written", "building": "built",
    "gift": "given", "rental": "rented", "flight": "flown", "sending": "sent", "making": "made",
}  # fmt: skip
"""What something is called, and how the column of its moment says it."""
_MOMENTS = word_set("""
    start end arrival opening closing creation registration enrollment enrolment expiry expiration return shipment
    cancellation publication completion
    """)


def _same_stem(said: tuple[str, ...], column: tuple[str, ...]) -> bool:
    """Whether a column like departs_at tells the moment that "departure" names."""
    plain = [one for one in column if one not in ("at", "on", "date", "time", "timestamp")]
    if len(plain) != 1 or len(said) != 1:
        return False
    if _DONE.get(said[0]) == plain[0]:
        return True
    same = next((at for at, (one, two) in enumerate(zip(plain[0], said[0], strict=False)) if one != two), 99)
    same = min(same, len(plain[0]), len(said[0]))
    return same >= 4 and same >= min(len(plain[0]), len(said[0])) - 2
