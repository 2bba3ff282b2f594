"""Dates of a row as people name them: "the promised date", "being bought", "delivery", "they signed up"."""

from __future__ import annotations

from collections.abc import Iterable

from postai.ask.grammar.draft import Ref
from postai.ask.grammar.state import State
from postai.language.schema import ColumnInfo
from postai.language.vocabulary import CREATION_VERBS
from postai.language.words import singular, stem

_EMPTY = frozenset({"date", "day", "time", "moment", "timestamp", "actual", "on", "at", "dates", "of"})


def moment(state: State, low: int, high: int, tables: Iterable[int]) -> Ref | None:
    """The one date column that the words between two items name, of the first table that has one.

    Every word must be a word of the column (or made of the same verb) or of its table; None = no or several fit.
    """
    words = [
        word
        for item in state.items[low:high]
        if item.kind not in ("filler", "symbol") and item.lower not in _EMPTY and (item.kind != "generic" or item.stem)
        for word in item.lower.split()
        if word not in _EMPTY
    ]
    if not words:
        return None
    created = all(word in CREATION_VERBS or word == "up" for word in words)
    for table in tables:
        info = state.info(table)
        dates = [column for column in info.columns if column.is_date]
        ranked = sorted(((_fit(words, column, info.words), column.name) for column in dates), reverse=True)
        if ranked and ranked[0][0] > 0 and (len(ranked) == 1 or ranked[1][0] < ranked[0][0]):
            return Ref(table, ranked[0][1])
        if ranked and ranked[0][0] > 0:
            return None
        if created and info.creation_date is not None:
            return Ref(table, info.creation_date)
        named = all(singular(word) in info.words for word in words)
        if named and info.event_date is not None:
            return Ref(table, info.event_date)
    return None


def _fit(words: list[str], column: ColumnInfo, table_words: tuple[str, ...]) -> int:
    hits = 0
    for word in words:
        if any(same_verb(word, part) for part in column.words):
            hits += 1
        elif singular(word) not in table_words:
            return 0
    return hits


def same_verb(word: str, part: str) -> bool:
    """Whether two words are forms of one: delivery and delivered, start and started, purchased and purchase."""
    if word == part or stem(word) == stem(part):
        return True
    same = 0
    while same < min(len(word), len(part)) and word[same] == part[same]:
        same += 1
    return same >= 5 and same >= min(len(word), len(part)) - 3 and max(len(word), len(part)) - same <= 5


def near_tables(state: State, index: int) -> list[int]:
    """Tables whose dates are likely meant at an item: that of the noun before it, the subject, other nouns."""
    found: list[int] = []
    for at in range(index - 1, -1, -1):
        if state.role(at) == "table":
            found.append(state.table(at))
    subject = state.subject_table()
    order = [*([subject] if subject is not None else []), *found, *state.anchors]
    near = [step.target for table in order[:1] for step in state.lexicon.graph.steps.get(table, ()) if step.up]
    return list(dict.fromkeys([*order, *near]))


def moment_before(state: State, index: int) -> Ref | None:
    """The date that the nearest verb or date word before an item stands for: "delivered", "the start"."""
    for at in range(index - 1, -1, -1):
        item = state.items[at]
        if item.kind in ("filler", "symbol", "number") or state.is_end(at):
            continue
        found = moment(state, at, at + 1, near_tables(state, at))
        if found is not None and not (state.role(at) == "table" and not item.verb):
            return found
        if state.role(at) == "table" and not item.verb:
            info = state.info(state.table(at))
            return Ref(info.index, info.event_date) if info.event_date and info.is_event else None
    return None


def mark_moment(state: State, index: int) -> None:
    """Mark the verb before an item that `moment_before` read."""
    for at in range(index - 1, -1, -1):
        item = state.items[at]
        if item.kind in ("filler", "symbol", "number"):
            continue
        noun = state.role(at) == "table" and not item.verb
        if item.free and not noun and moment(state, at, at + 1, near_tables(state, at)) is not None:
            state.use(at, why="moment")
        return
