"""... Return the customer id, name and number of orders. · a further sentence that says which columns to show"""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Measure, Ref, Unsure
from postai.ask.grammar.measures import read_measure
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
            _projections(state, first + 1, end)
        start = end + 1


def _projections(state: State, start: int, end: int) -> None:
    """The list of things to show; what is not understood stays unexplained."""
    at = start
    state.use_range(start - 1, start, "directive")
    state.items[start - 1].used = "directive"
    found: list[Ref | Key | Measure] = []
    while at < end:
        item = state.items[at]
        if (
            item.kind == "filler"
            or item.text in (",", ":")
            or item.cue in ("and", "distinct")
            or item.lower in ("both", "list")
        ):
            if item.cue == "distinct":
                state.draft.distinct = True
            state.use(at, why="directive")
            at += 1
            continue
        entry, at = _entry(state, at, end)
        if entry is None:
            continue
        found.append(entry)
    state.draft.projections.extend(found)


def _entry(state: State, at: int, end: int) -> tuple[Ref | Key | Measure | None, int]:
    if state.items[at].bucket and state.role(at) != "column":
        state.use(at, why="directive")
        return Key(bucket=state.items[at].bucket), at + 1
    if state.role(at) == "table" and at + 1 < end and state.role(at + 1) == "column":
        ref = state.column(at + 1)
        state.use(at, at + 1, why="directive")
        return ref, at + 2
    if state.role(at) == "column" and state.cue(at) not in ("sum", "avg", "count"):
        owner = state.owner(at)
        if owner is None and state.items[at].lower in ("id", "ids", "name", "names") and state.anchors:
            owner = state.anchors[0]
        ref = state.column(at, near=owner)
        state.use(at, why="directive")
        following = at + 1
        if owner is not None and following < end and state.items[following].lower == "of":
            table_at = state.skip(following)
            state.use(table_at, why="directive")
            return ref, table_at + 1
        return ref, at + 1
    parsed = read_measure(state, at)
    if parsed is not None and parsed.end <= end:
        state.use(*parsed.used, why="directive")
        return parsed.measure, parsed.end
    if state.role(at) == "table":
        table = state.table(at)
        state.use(at, why="directive")
        return Key(table=table), at + 1
    if not state.items[at].free:
        return None, at + 1
    if state.items[at].kind in ("generic", "symbol"):
        state.use(at, why="directive")
        return None, at + 1
    raise Unsure(f'"{state.items[at].text}" is nothing that could be shown')
