"""cost more than average · an average rating above the overall average · more orders than the average customer"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.comparisons import property_of
from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Having, Key, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.measures import read_measure
from postai.ask.grammar.state import State

_FUNCTIONS = {"avg": "avg", "median": "median"}
_OVERALL = frozenset({"overall", "general", "total", "global", "company-wide", "the", "all", "typical"})
_OWN = frozenset({"their", "its", "his", "her", "the", "same", "own"})


def apply(state: State) -> None:
    for index in range(len(state.items)):
        if state.cue(index) in ("over", "under", "at least", "at most"):
            _compared(state, index)
        elif state.word(index) == "than" and state.items[index].free:
            _more_than(state, index)


def _average(state: State, at: int) -> int | None:
    """The index of "average" right behind an operator."""
    while at < len(state.items) and (state.items[at].kind == "filler" or state.word(at) in _OVERALL):
        at += 1
    nested = at in state.formulas and state.formulas[at][0].kind == "nested"
    return at if state.cue(at) in _FUNCTIONS or (nested and state.items[at].free) else None


def _compared(state: State, index: int) -> None:
    """L more than the average [R]"""
    at = _average(state, index + 1)
    if at is None:
        return
    right, end = _right(state, at)
    left, used = _left(state, index, right)
    if left is None:
        return
    operator = COMPARISONS[state.cue(index) or ""]
    _add(state, left, operator, right, _FUNCTIONS.get(state.cue(at) or "", "avg"), end)
    state.use(*used, index, *(i for i in range(index + 1, end) if state.items[i].free), why="average")


def _more_than(state: State, index: int) -> None:
    """more orders than the average [customer]"""
    at = _average(state, index + 1)
    if at is None and _more_rows(state, index):
        return
    start = next(
        (
            i
            for i in range(index - 1, -1, -1)
            if state.word(i) in ("more", "fewer", "less", "higher", "lower", "greater")
        ),
        None,
    )
    if at is None or start is None:
        return
    parsed = read_measure(state, start + 1, bare=True, superlative=True)
    if parsed is None or parsed.end != index:
        return
    right, end = _right(state, at)
    operator = ">" if state.word(start) in ("more", "higher", "greater") else "<"
    _add(state, parsed.measure, operator, right, _FUNCTIONS.get(state.cue(at) or "", "avg"), end)
    state.use(start, *parsed.used, *(i for i in range(index, end) if state.items[i].free), why="average")


def _more_rows(state: State, index: int) -> bool:
    """more drivers than vehicles: two numbers of rows that belong to each row of the subject"""
    if index < 2 or state.word(index - 2) not in ("more", "fewer", "less") or state.role(index - 1) != "table":
        return False
    noun = state.skip(index + 1)
    if state.role(noun) != "table" or not state.items[noun].plural or not state.items[noun].free:
        return False
    first, second = state.table(index - 1), state.table(noun)
    subject = next((state.table(i) for i in range(index - 2) if state.role(i) == "table"), None)
    up = state.lexicon.graph.up_paths
    if subject is None or first == second or not up(first, subject) or not up(second, subject):
        return False
    operator = ">" if state.word(index - 2) == "more" else "<"
    state.draft.havings.append(Having(Measure("count", first), operator, Measure("count", second)))
    state.use(index - 2, index - 1, index, noun, why="average")
    return True


def _left(state: State, index: int, right: Measure | None) -> tuple[Measure | None, tuple[int, ...]]:
    """What is compared, and the items that say so."""
    before = state.skip_back(index - 1)
    same = right is not None and right.kind == "aggregate" and right.ref is not None
    if right is not None and same and before >= 0 and _cost_verb(state, before):
        return Measure("plain", ref=right.ref), (before,)  # "cost more than the average price"
    passed = before
    while passed >= 0 and state.items[passed].kind in ("generic", "filler"):
        passed -= 1
    for low in range(max(0, passed - 5), passed + 1):
        if not state.items[low].free or state.items[low].kind == "filler":
            continue
        try:
            parsed = read_measure(state, low, bare=True)
        except Unsure:
            continue
        if parsed is not None and parsed.end == passed + 1 and parsed.measure.kind != "count":
            return parsed.measure, parsed.used
    ref = property_of(state, index)
    return (
        (Measure("plain", ref=ref), (before,) if before >= 0 and _cost_verb(state, before) else ())
        if ref
        else (None, ())
    )


def _cost_verb(state: State, at: int) -> bool:
    return state.word(at) in (
        "cost",
        "costs",
        "costing",
        "weigh",
        "weighs",
        "earn",
        "earns",
        "priced",
        "last",
        "lasted",
    )


def _right(state: State, at: int) -> tuple[Measure | None, int]:
    """The average named on the right; None = of what stands on the left."""
    parsed = read_measure(state, at)
    if parsed is not None and parsed.measure.kind in ("aggregate", "nested", "money"):
        return parsed.measure, parsed.end
    end = at + 1
    if end < len(state.items) and state.role(end) == "table" and state.items[end].free and not state.items[end].plural:
        end += 1
    return None, end


def _add(state: State, left: Measure, operator: str, right: Measure | None, function: str, end: int) -> None:
    if left.kind == "plain" and left.ref is not None:
        _row(state, left.ref, operator, right, function, end)
        return
    if right is None and left.kind == "aggregate" and left.function == "avg":
        right = left
    elif right is None:
        subject = state.draft.subject.table if state.draft.subject is not None else None
        subject = subject if subject is not None else (state.anchors[0] if state.anchors else None)
        if subject is None:
            raise Unsure("the average of what is not clear")
        right = Measure("nested", parts=(left,), per=Key(table=subject), function=function)
        name = state.info(subject).table.name
        state.draft.assumptions.append(f"the average is taken over the {name} that have any")
        state.draft.confidence = min(state.draft.confidence, 0.85)
    if left.kind == "aggregate" and left.function == "avg" and right.kind == "aggregate" and right.function != "avg":
        raise Unsure("what is compared is not clear")
    state.draft.havings.append(Having(left, operator, right))


def _row(state: State, ref: Ref, operator: str, right: Measure | None, function: str, end: int) -> None:
    """A column of each row against the average of all rows, or of those of its group."""
    if right is not None and (right.kind != "aggregate" or right.ref is None):
        raise Unsure("what is compared is not clear")
    against = right if right is not None else Measure("aggregate", ref=ref, function=function)
    if any(predicate.ref.table == ref.table for predicate in state.draft.predicates):
        raise Unsure("whether the average of all or of the chosen rows is meant is not clear")
    group = _group(state, end)
    if group is not None:
        against = replace(against, per=group)
    state.draft.predicates.append(Predicate(ref, operator, against=against))


def _group(state: State, end: int) -> Key | None:
    """ "... than the average price of its category": rows are compared with those of their own group."""
    if end + 2 >= len(state.items) or state.word(end) not in ("of", "in", "for", "within"):
        return None
    at = end + 1
    if state.word(at) not in _OWN or (state.word(at) == "the" and state.word(at + 1) != "same"):
        return None
    while state.word(at) in _OWN:
        at += 1
    if state.role(at) not in ("table", "column"):
        return None
    key = state.key_at(at)
    for position in range(end, at + 1):
        state.items[position].used = "average"
    return key
