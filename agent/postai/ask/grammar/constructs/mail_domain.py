"""a Gmail or Yahoo email address · email addresses at example.com · with a .org email"""

from __future__ import annotations

import re

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z]+)*\Z")
_BEFORE = frozenset({"a", "an", "with", "have", "has", "use", "using", "the", "any", "of", "their"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and index and state.role(index) == "column" and "mail" in item.lower:
            _before(state, index)


def _before(state: State, index: int) -> None:
    """Words right before the column that say whose addresses they are."""
    ref = _column(state, index)
    if ref is None:
        return
    names: list[str] = []
    at = index - 1
    while at >= 0 and (state.items[at].kind == "unknown" or state.items[at].cue == "or" or state.items[at].text == ","):
        item = state.items[at]
        if item.kind == "unknown":
            if not item.free or not _WORD.match(item.text):
                return
            names.append(item.text.lower())
        at -= 1
    low = at + 1
    dotted = at >= 0 and state.items[at].text == "."
    start = at - 1 if dotted else at
    if not names or start < 0 or state.items[start].lower not in _BEFORE:
        return
    if dotted and len(names) > 1:
        return
    if not dotted and not all(
        state.items[i].text[:1].isupper() for i in range(low, index) if state.items[i].kind == "unknown"
    ):
        return
    state.use(*range(start + 1, index + 1), why="mail")
    if dotted:
        predicate = Predicate(ref, "ends", ("." + names[0],))
    else:
        predicate = Predicate(
            ref, "contains", tuple(f"@{name}" + ("" if "." in name else ".") for name in reversed(names))
        )
    state.draft.predicates.append(predicate)
    state.draft.assumptions.append(f"the domain of {ref.column} says whose address it is")


def _column(state: State, index: int) -> Ref | None:
    try:
        return state.column(index, lambda info: info.kind == "text")
    except Unsure:
        return None
