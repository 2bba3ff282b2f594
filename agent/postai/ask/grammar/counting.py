"""Several things that one "number of" counts: "number of orders and reviews", "yellow and red cards per player"."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Measure, Unsure
from postai.ask.grammar.measures import Parsed
from postai.ask.grammar.state import State

_AUXILIARY = frozenset({"does", "do", "did", "has", "have", "had", "are", "were", "is", "was", "there"})


def also_counted(state: State, parsed: Parsed) -> list[Measure]:
    """The further nouns behind the first one that is counted; their items are marked."""
    found: list[Measure] = []
    first, end = parsed.measure, parsed.end
    if first.kind != "count" or first.ref is not None or state.role(end - 1) != "table":
        return found
    while state.cue(end) == "and" or (end < len(state.items) and state.items[end].text == ","):
        at = state.skip(end + 1)
        if state.cue(at) == "and":
            at = state.skip(at + 1)
        if state.role(at) != "table" or state.items[at].verb or not (state.items[at].plural and state.items[at].free):
            break
        if not _ends(state, at + 1):
            break
        table = state.table(at)
        if table == first.table or any(one.table == table for one in found):
            break
        found.append(Measure("count", table))
        state.use(*range(end, at + 1), why="measure")
        end = at + 1
    return found


def _ends(state: State, at: int) -> bool:
    """Nothing behind the noun says more about it alone."""
    if at >= len(state.items) or state.is_end(at):
        return True
    item = state.items[at]
    return item.text == "," or item.cue in ("each", "by", "and", "order by") or item.lower in _AUXILIARY | {"of", "for"}


def count_halves(state: State) -> None:
    """ "how many have an exam and how many do not": the one condition and its opposite, counted beside each other.

    Raises:
        Unsure: there is not exactly one number and one condition.
    """
    draft = state.draft
    if not draft.halves:
        return
    if len(draft.measures) != 1 or draft.measures[0].kind != "count" or len(draft.predicates) != 1 or draft.absences:
        raise Unsure("which two numbers are wanted is not clear", "Ask for the one and for the other.")
    predicate = draft.predicates.pop()
    if predicate.operator not in ("=", "in", "null", "starts", "ends", "contains"):
        raise Unsure("which two numbers are wanted is not clear", "Ask for the one and for the other.")
    yes = replace(predicate, negated=predicate.operator == "null")
    measure = draft.measures[0]
    draft.measures = [
        replace(measure, only=(yes,), text="with"),
        replace(measure, only=(replace(yes, negated=not yes.negated),), text="without"),
    ]


def count_each_value(state: State) -> None:
    """ "yellow and red cards per player": one number for each value that stands before the noun."""
    draft = state.draft
    if len(draft.measures) != 1 or not draft.groups or draft.havings or draft.orders or draft.limit is not None:
        return
    measure = draft.measures[0]
    joint = [p for p in draft.predicates if p.joint and p.operator == "in" and not p.negated and p.group is None]
    if measure.kind != "count" or measure.ref is not None or measure.only or len(joint) != 1:
        return
    predicate = joint[0]
    places = [at for one, at in state.placed if one.ref == predicate.ref and one.values[0] == predicate.values[-1]]
    if predicate.ref.table != measure.table or not places or state.role(places[-1] + 1) != "table":
        return
    if state.table(places[-1] + 1) != measure.table:
        return
    draft.predicates.remove(predicate)
    draft.measures = [
        replace(measure, only=(replace(predicate, operator="=", values=(value,), joint=False),))
        for value in predicate.values
    ]
