"""..., case-insensitive · ignoring case · match names case insensitively: how texts are compared"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_HOW = word_set("insensitive insensitively ignoring ignore ignored regardless irrespective upper lower")
_BESIDE = word_set(
    "match matching matched matches use using search searching string strings text texts the of and or a with be in "
    "is are should comparison comparisons value values wildcard wildcards ( ) , any do either for letter letters"
)
_TEXT = frozenset({"starts", "ends", "contains"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in ("case", "cases", "letter case", "wildcards", "wildcard"):
            _case(state, index)


def _case(state: State, index: int) -> None:
    draft = state.draft
    texts = [p for p in draft.predicates if p.values and all(isinstance(value, str) for value in p.values)]
    patterns = [p for p in texts if p.operator in _TEXT]
    low, high = index, index + 1
    while low > 0 and _part(state, low - 1):
        low -= 1
    while high < len(state.items) and _part(state, high):
        high += 1
    words = {word for item in state.items[low:high] for word in item.lower.split()}
    if not texts or not (words & _HOW or (patterns and words & {"wildcard", "wildcards"})):
        return
    for position in range(low, high):
        if state.items[position].free:
            state.use(position, why="case")
    draft.predicates = [
        replace(p, fold=True) if p in texts and p.operator in ("=", "in") else p for p in draft.predicates
    ]


def _part(state: State, at: int) -> bool:
    """Whether an item belongs to the remark about letters."""
    item = state.items[at]
    if item.used not in (None, "case"):
        return False
    named = any(p.ref.column == sense.column for p in state.draft.predicates for sense in item.of_kind("column"))
    return item.lower in _HOW | _BESIDE or named
