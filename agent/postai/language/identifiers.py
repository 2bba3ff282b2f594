"""Words inside identifiers: `order_items`, `OrderItems`, `unitprice`, `dob` → the words people say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from postai.language.vocabulary import ABBREVIATIONS, IDENTIFIER_WORDS
from postai.language.words import singular

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+|\W+|(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")


def pieces(name: str) -> tuple[str, ...]:
    """The parts of a name as its author separated them, lower case: "OrderItems" and "order_items" → order, items."""
    return tuple(part.lower() for part in _CAMEL.split(name) if part)


class Segmenter:
    """Splits folded names ("unitprice") into words.

    Args:
        names: names of the catalog: their separated parts count as words too.
    """

    def __init__(self, names: Iterable[str]) -> None:
        known = set(IDENTIFIER_WORDS) | set(ABBREVIATIONS)
        for name in names:
            parts = pieces(name)
            if len(parts) > 1:
                known.update(part for part in parts if len(part) > 2 and part.isalpha())
        self._known = frozenset(known | {word + "s" for word in known if len(word) > 3})
        self._split = lru_cache(maxsize=20000)(self._segment)

    def words(self, name: str, prefix: str = "") -> tuple[str, ...]:
        """Singular words of a name, abbreviations written out; `prefix` is left out when the name starts with it."""
        lower = name
        if prefix and name.lower().startswith(prefix) and len(name) > len(prefix):
            lower = name[len(prefix) :]
        found: list[str] = []
        for part in pieces(lower):
            for word in self._split(part):
                found.extend(ABBREVIATIONS.get(word, (word,)))
        return tuple(singular(word) for word in found)

    def _segment(self, part: str) -> tuple[str, ...]:
        if len(part) < 5 or part in self._known or not part.isalpha():
            return (part,)
        best: list[tuple[float, tuple[str, ...]] | None] = [None] * (len(part) + 1)
        best[0] = (0.0, ())
        for end in range(1, len(part) + 1):
            for begin in range(max(0, end - 16), end):
                before = best[begin]
                word = part[begin:end]
                if before is None or word not in self._known or len(word) < 2:
                    continue
                cost = before[0] + 1 + (1.5 if len(word) == 2 else 0)
                current = best[end]
                if current is None or cost < current[0]:
                    best[end] = (cost, (*before[1], word))
        whole = best[len(part)]
        return whole[1] if whole is not None and whole[0] <= 1.5 + len(part) / 2.5 else (part,)


def shared_prefix(names: Iterable[str]) -> str:
    """The prefix that all names share, e.g. "tbl_" or the "xy" of xyname, xycity, xyid; "" when there is none.

    A prefix ends at an underscore where the names have underscores. It is never a whole name.
    """
    lowered = [name.lower() for name in names]
    if len(lowered) < 3:
        return ""
    first, last = min(lowered), max(lowered)
    size = 0
    while size < min(len(first), len(last)) and first[size] == last[size]:
        size += 1
    prefix = first[:size]
    if any("_" in name for name in lowered):
        prefix = prefix[: prefix.rfind("_") + 1]
    if len(prefix) < 2 or any(len(name) <= len(prefix) for name in lowered):
        return ""
    return prefix
