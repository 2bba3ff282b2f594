"""What is left: the subject of a list, further columns to show, tables that only have to be joined, harmless words."""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Unsure
from postai.ask.grammar.state import State

_HARMLESS_CUES = frozenset({"and", "exactly"})


def apply(state: State) -> None:
    draft = state.draft
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "table":
            _table(state, index)
    if draft.subject is None and not draft.measures and draft.ratio is None:
        _column_subject(state)
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "column":
            _column(state, index)
    for item in state.items:
        if not item.free:
            continue
        if item.kind in ("symbol", "filler", "generic") or item.cue in _HARMLESS_CUES:
            item.used = "harmless"
        elif item.cue == "distinct":
            draft.distinct = True
            item.used = "distinct"


def _table(state: State, index: int) -> None:
    """The first noun is the subject; others must have something to do with it."""
    draft = state.draft
    table = state.table(index)
    verb = state.items[index].verb
    state.use(index, why="table")
    if not draft.measures and draft.ratio is None and draft.subject is None and not verb:
        draft.subject = Key(table=table)
        return
    draft.mentioned.add(table)


def _column_subject(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and state.role(index) == "column":
            draft = state.draft
            draft.subject = Key(ref=state.column(index))
            state.use(index, why="subject")
            return


def _column(state: State, index: int) -> None:
    draft = state.draft
    ref = state.column(index, near=state.owner(index))
    if any(order.ref == ref for order in draft.orders) or any(p.ref == ref for p in draft.predicates):
        state.use(index, why="column")
        if ref not in draft.projections and not draft.groups and not draft.measures:
            draft.projections.append(ref)
        return
    if any(measure.ref == ref for measure in draft.measures):
        state.use(index, why="column")
        return
    if draft.measures or draft.ratio is not None:
        tables = {key.table for key in draft.groups if key.table is not None}
        if draft.groups and (ref.table in tables or any(key.ref == ref for key in draft.groups)):
            state.use(index, why="column")
            if Key(ref=ref) not in draft.groups:
                draft.projections.append(ref)
            return
        raise Unsure(f'what "{state.items[index].text}" has to do with it is not clear')
    state.use(index, why="column")
    draft.projections.append(ref)
