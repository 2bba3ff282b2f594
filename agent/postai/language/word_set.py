"""Word lists as text: one string is easier to read and to extend than a column of literals."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text, parted by white space."""
    return frozenset(text.split())
