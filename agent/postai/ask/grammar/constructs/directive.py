"""... Return the customer id, name and number of orders. · a further sentence that says which columns to show"""

from __future__ import annotations

from postai.ask.grammar.draft import Measure, Unsure
from postai.ask.grammar.lists import Wanted, read_list
from postai.ask.grammar.state import State

_BEFORE = frozenset(
    ["also", "please", ",", "and", "i", "want", "need", "just", "only", "to", "see", "know", "we", "us"]
)
_ASKING = frozenset({"want", "need", "just", "only", "know", "see"})
_TOO = frozenset({"too", "please", "only", "also", "there"})
_VERBS = frozenset(
    ["return", "give", "show", "list", "display", "include", "provide", "output", "report", "select", "get"]
)


def apply(state: State) -> None:
    start = state.sentence_end(0) + 1
    while start < len(state.items):
        end = state.sentence_end(start)
        first = start
        while first < end and state.items[first].lower in _BEFORE:
            first += 1
        if first < end and state.items[first].lower in _VERBS:
            _projections(state, first, end)
        elif first < end:
            _mere_list(state, start, first, end)
        start = end + 1


def _mere_list(state: State, start: int, first: int, end: int) -> None:
    """ "Just the names." · "I need names and dates." · "; title and number of updates": nothing but a list."""
    asked = any(state.items[at].lower in _ASKING for at in range(start, first))
    if state.role(state.skip(first)) not in ("column", "table") and state.cue(state.skip(first)) != "count":
        return
    try:
        wanted = read_list(state, first, end, again=True)
    except Unsure:
        return
    last = wanted.end
    while last < end and (state.items[last].lower in _TOO or state.items[last].text == ","):
        last += 1
    if last < end or not wanted.entries or not (asked or wanted.columns):
        return
    for at in (*range(start, first), *range(wanted.end, end)):
        state.items[at].used = state.items[at].used or "directive"
    _take(state, wanted)


def _projections(state: State, verb: int, end: int) -> None:
    """The list of things to show; what is not understood stays unexplained."""
    state.items[verb].used = "directive"
    wanted = read_list(state, verb + 1, end, again=True)
    _take(state, wanted)


def _take(state: State, wanted: Wanted) -> None:
    draft = state.draft
    state.use(*wanted.used, why="directive")
    draft.distinct = draft.distinct or wanted.distinct
    for entry in wanted.entries:
        shown = entry.ref if isinstance(entry, Measure) and entry.kind == "plain" and entry.ref else entry
        if shown not in draft.projections:
            draft.projections.append(shown)
