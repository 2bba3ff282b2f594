"""the longest running time per genre · which road is the longest, and how long is it: superlatives of measures"""

from __future__ import annotations

from postai.ask.grammar.cues import PROPERTY_SUPERLATIVES
from postai.ask.grammar.draft import Key, Unsure
from postai.ask.grammar.measures import countable
from postai.ask.grammar.state import State

_BE = frozenset({"is", "was", "are", "were"})
_IT = frozenset({"it", "that", "they", "he", "she", "this"})
# "how strong" beside "strongest": the forms that are no mere "-est".
_BASES = {"big": "biggest", "heavy": "heaviest", "hot": "hottest", "deep": "deepest", "wide": "widest"}


def apply(state: State) -> None:
    """Before rankings: a superlative right before a number that is kept is its highest or lowest value."""
    for index, item in enumerate(state.items):
        if not item.free or item.superlative is None or item.cue is not None or item.senses:
            continue
        direction, what = item.superlative
        if what.startswith("@") or index + 1 >= len(state.items) or state.role(index + 1) != "column":
            continue
        try:
            ref = state.column(index + 1, countable)
        except Unsure:
            continue
        if state.column_info(ref).kind != "text":
            item.superlative = None
            item.cue = "highest" if direction == "desc" else "lowest"


def shown(state: State) -> None:
    """After rankings: "and how long is it" shows what ranked the rows."""
    orders = [order for order in state.draft.orders if order.ref is not None]
    if len(orders) != 1 or state.draft.groups:
        return
    for index, item in enumerate(state.items):
        if item.lower != "how" or index + 3 >= len(state.items) or index < 2:
            continue
        adjective, be, it = state.items[index + 1 : index + 4]
        ends = index + 4 >= len(state.items) or state.is_end(index + 4)
        if not ends or be.lower not in _BE or it.lower not in _IT or not _said(state, adjective.lower):
            continue
        ref = orders[0].ref
        assert ref is not None
        if ref not in state.draft.projections:
            state.draft.projections.append(ref)
            state.draft.with_subject = True
        if state.draft.subject is None:
            state.draft.subject = Key(table=ref.table)
        for position in range(index - 1 if state.cue(index - 1) == "and" else index, index + 4):
            state.items[position].used = "shown"
        return


def _said(state: State, adjective: str) -> bool:
    """Whether the question ranks by the superlative of the adjective."""
    form = _BASES.get(adjective, adjective.removesuffix("e") + "est")
    return form in PROPERTY_SUPERLATIVES and any(item.lower == form for item in state.items)
