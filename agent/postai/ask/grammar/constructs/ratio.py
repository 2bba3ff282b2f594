"""percentage of orders that were cancelled · ratio of open to closed tickets · share of customers from Germany"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.conditions import conditions_in
from postai.ask.grammar.draft import Measure, Predicate, Ratio, Ref, Unsure
from postai.ask.grammar.state import State


def apply(state: State) -> None:
    in_percent = _unit(state)
    for index in list(state.find_cues("percent", "ratio")):
        if not state.items[index].free:
            continue
        if state.draft.ratio is not None:
            raise Unsure("the question asks for several ratios")
        if state.items[index].cue == "percent":
            _percent(state, index)
        else:
            _ratio(state, index)
    if state.draft.ratio is not None and in_percent:
        state.draft.ratio = replace(state.draft.ratio, percent=True)
        state.draft.assumptions = [note for note in state.draft.assumptions if "from 0 to 1" not in note]


def _unit(state: State) -> bool:
    """ "..., in percent", "as a percentage": how the part is written, not a second part."""
    for index in list(state.find_cues("percent")):
        before = state.items[index - 1].lower if index else ""
        if index > 1 and state.items[index].lower in ("percent", "percentage") and before in ("in", "as", "a"):
            state.use(index, why="ratio")
            return True
    return False


def _counted(state: State, start: int, end: int) -> tuple[int, int]:
    """The first table between two items: (index of the item, table)."""
    for index in range(start, end):
        if state.role(index) == "table" and state.items[index].free and not state.items[index].verb:
            return index, state.table(index)
    raise Unsure("the question does not say what the parts are parts of")


def _percent(state: State, index: int) -> None:
    """percentage of TABLE (that are|with|from ...) CONDITION."""
    end = state.sentence_end(index)
    stop = next((i for i in range(index + 1, end) if state.cue(i) in ("each", "by")), end)
    at, table = _counted(state, index + 1, stop)
    conditions = conditions_in(state, index + 1, stop, table)
    conditions = conditions or _with_parent(state, at, table, stop)
    if not conditions:
        raise Unsure("the question does not say which part of them")
    fraction = state.items[index].lower.split()[0] in ("share", "proportion", "fraction")
    for position in range(index, stop):
        if state.cue(position) in ("out of",) or state.items[position].lower == "all":
            state.use(position, why="ratio")
    state.use(index, at, why="ratio")
    state.use_range(index + 1, stop, "ratio")
    state.draft.ratio = Ratio(
        Measure("count", table, only=tuple(conditions)), Measure("count", table), percent=not fraction
    )
    if fraction:
        state.draft.assumptions.append("the share is given as a number from 0 to 1")


def _with_parent(state: State, at: int, table: int, stop: int) -> list[Predicate]:
    """percentage of orders that used a coupon: those whose key to it is set"""
    for index in range(at + 1, stop):
        if state.role(index) != "table" or not state.items[index].free or state.items[index].verb:
            continue
        paths = state.lexicon.graph.up_paths(table, state.table(index))
        if len(paths) != 1 or len(paths[0]) != 1:
            continue
        column = paths[0][0].edge.pairs[0][0]
        if not state.info(table).column(column).column.not_null:
            denied = any(state.cue(i) == "not" for i in range(at + 1, index))
            state.use(index, *(i for i in range(at + 1, index) if state.cue(i) == "not"), why="ratio")
            return [Predicate(Ref(table, column), "null", negated=not denied)]
    return []


def _ratio(state: State, index: int) -> None:
    """ratio of TABLE CONDITION to TABLE CONDITION."""
    end = state.sentence_end(index)
    middle = next(
        (
            i
            for i in range(index + 1, end)
            if state.items[i].lower in ("to", "out of") and _table_follows(state, i, end)
        ),
        None,
    )
    if middle is None:
        raise Unsure("the question does not say which two things to divide")
    stop = next((i for i in range(middle + 1, end) if state.cue(i) in ("each", "by")), end)
    first_at, first = _counted(state, index + 1, middle)
    second_at, second = _counted(state, middle + 1, stop)
    if first != second:
        raise Unsure("the question divides counts of different tables")
    above = conditions_in(state, index + 1, middle, first)
    below = conditions_in(state, middle + 1, stop, second)
    # A place after the second part, such as "in Berlin", holds for both parts when only it carries one.
    columns = {(p.ref.table, p.ref.column) for p in above}
    shared = [p for p in below if columns and (p.ref.table, p.ref.column) not in columns]
    state.draft.predicates.extend(shared)
    below = [p for p in below if p not in shared]
    if not above:
        raise Unsure("the two parts of the ratio are the same")
    state.use(index, first_at, second_at, middle, why="ratio")
    state.use_range(index + 1, stop, "ratio")
    state.draft.ratio = Ratio(
        Measure("count", first, only=tuple(above)), Measure("count", second, only=tuple(below)), percent=False
    )  # fmt: skip


def _table_follows(state: State, index: int, end: int) -> bool:
    return any(state.role(i) == "table" for i in range(index + 1, end))
