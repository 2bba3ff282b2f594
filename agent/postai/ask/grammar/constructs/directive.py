"""... Return the customer id, name and number of orders. · a further sentence that says which columns to show"""

from __future__ import annotations

from postai.ask.grammar.draft import Measure
from postai.ask.grammar.lists import read_list
from postai.ask.grammar.state import State

_VERBS = frozenset(
    ["return", "give", "show", "list", "display", "include", "provide", "output", "report", "select", "get"]
)


def apply(state: State) -> None:
    start = state.sentence_end(0) + 1
    while start < len(state.items):
        end = state.sentence_end(start)
        first = start
        while first < end and state.items[first].lower in ("also", "please", ",", "and", "i", "want"):
            first += 1
        if first < end and state.items[first].lower in _VERBS:
            _projections(state, first, end)
        start = end + 1


def _projections(state: State, verb: int, end: int) -> None:
    """The list of things to show; what is not understood stays unexplained."""
    state.items[verb].used = "directive"
    wanted = read_list(state, verb + 1, end, again=True)
    draft = state.draft
    state.use(*wanted.used, why="directive")
    draft.distinct = draft.distinct or wanted.distinct
    for entry in wanted.entries:
        shown = entry.ref if isinstance(entry, Measure) and entry.kind == "plain" and entry.ref else entry
        if shown not in draft.projections:
            draft.projections.append(shown)
