"""How many have a final exam and how many do not? · number of sales with and without a voucher: both are counted"""

from __future__ import annotations

from postai.ask.grammar.draft import Key, Predicate, Ref
from postai.ask.grammar.state import State

_WITH = frozenset({"with", "having", "that have", "who have"})


def apply(state: State) -> None:
    for index in range(2, len(state.items)):
        if not state.items[index].free or state.cue(index) != "not":
            continue
        before = state.skip_back(index - 1)
        if state.items[before].lower == "how many" and _ends(state, index + 1):
            joint = before - 1
            while joint > 0 and (state.items[joint].kind == "filler" or state.items[joint].text == ","):
                joint -= 1
            if state.cue(joint) == "and":
                state.use(*range(joint, index + 1), why="halves")
                state.draft.halves = True
        elif (
            state.items[before].cue in ("and", "or")
            and state.items[max(0, before - 1)].lower in _WITH
            and any(state.cue(i) == "count" for i in range(before))
        ):
            _thing(state, index, before)


def _thing(state: State, index: int, joint: int) -> None:
    """with and without a theme: the column, or the key to what need not be there"""
    at = state.skip(index + 1)
    subject = state.subject_table()
    if at >= len(state.items) or not state.items[at].free:
        return
    flags = {(s.table, s.column or "") for s in state.items[at].of_kind("value") if isinstance(s.value, bool)}
    flags = {flag for flag in flags if flag[0] == subject} or flags
    if state.role(at) == "value" and len(flags) == 1:
        state.use(joint, index, at, why="halves")
        state.draft.groups.append(Key(ref=Ref(*flags.pop())))  # a row for either
        return
    if subject is None:
        return
    ref: Ref | None = None
    if state.role(at) == "column":
        ref = state.column(at, near=subject)
    elif state.role(at) == "table":
        paths = state.lexicon.graph.up_paths(subject, state.table(at))
        if len(paths) == 1 and len(paths[0]) == 1:
            ref = Ref(subject, paths[0][0].edge.pairs[0][0])
    if ref is None or ref.table != subject or state.column_info(ref).column.not_null:
        return
    state.use(joint, index, at, why="halves")
    state.draft.predicates.append(Predicate(ref, "null", negated=True))
    state.draft.halves = True


def _ends(state: State, at: int) -> bool:
    """Nothing more is said behind "how many do not"."""
    return all(state.items[i].kind in ("filler", "symbol") or state.items[i].lower == "have"
               for i in range(at, state.sentence_end(at)))  # fmt: skip
