"""Roles that rows play: "whose manager lives in Oslo" is said of the manager, "employees who are managers" of them."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Predicate, Ref
from postai.ask.grammar.state import State

_BE = frozenset({"is", "are", "was", "were"})
_CLAUSES = frozenset({"who", "that", "which"})


def of_role(state: State, predicate: Predicate, index: int) -> Predicate:
    """The condition, of the role that the noun before it names: rows of the role are rows of a real table."""
    at = index - 1
    while at >= 0 and not state.is_end(at):
        item = state.items[at]
        if item.lower in _CLAUSES and at and (state.items[at - 1].cue == "and" or state.items[at - 1].text == ","):
            return predicate
        if state.role(at) == "table" and not item.verb and item.used != "role":
            role = state.info(state.table(at))
            if role.real is not None and role.real == predicate.ref.table and not role.part and not role.root:
                return replace(predicate, ref=Ref(role.index, predicate.ref.column))
            return predicate
        at -= 1
    return predicate


def said_to_play(state: State) -> None:
    """ "employees who are managers", "employees who are not managers": rows that others refer to."""
    for index in range(2, len(state.items)):
        item = state.items[index]
        if state.role(index) != "table" or item.verb or not item.free:
            continue
        role = state.info(state.table(index))
        if role.real is None or role.root or role.part:
            continue
        before = state.skip_back(index - 1)
        denied = before >= 0 and state.cue(before) in ("not", "except")
        left_out = denied and state.cue(before) == "except"
        be = before if denied else index - 1
        words = set(state.items[be].lower.split()) | {state.items[i].lower for i in range(max(0, be - 1), index)}
        if not words & _BE and not left_out:
            continue
        at = be - 1 if denied else index - 2
        while at >= 0 and (state.items[at].kind == "filler" or state.items[at].lower in _CLAUSES | _BE):
            at -= 1
        if at < 0 or state.role(at) != "table" or state.table(at) != role.real:
            continue
        state.use(*range(at + 1, index + 1), why="role")
        state.draft.plays.append((role.index, not denied))
