"""cost more than their budget · went over budget · resale value less than half of the purchase price"""

from __future__ import annotations

from decimal import Decimal

from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.measures import countable
from postai.ask.grammar.state import State

_FACTORS = {"half": Decimal("0.5"), "twice": Decimal(2), "double": Decimal(2), "triple": Decimal(3)}
_STEPS = frozenset({"the", "their", "its", "his", "her", "of", "a", "own"})


def apply(state: State) -> None:
    for index in range(len(state.items)):
        cue = state.cue(index)
        if cue in ("over", "under", "at least", "at most", "exactly", "unequal"):
            _compared(state, index, COMPARISONS[cue])


def _compared(state: State, index: int, operator: str) -> None:
    """COLUMN more than [half of] its OTHER COLUMN"""
    at, factor, used = index + 1, None, [index]
    while at < len(state.items):
        item = state.items[at]
        if item.lower in _FACTORS and item.free:
            factor = _FACTORS[item.lower]
            used.append(at)
        elif item.kind == "number" and at + 1 < len(state.items) and state.word(at + 1) in ("times", "time"):
            factor = item.number
            used += [at, at + 1]
            at += 1
        elif item.lower not in _STEPS:
            break
        at += 1
    if at >= len(state.items) or state.role(at) != "column" or not state.items[at].free:
        return
    if state.cue(at) in ("avg", "count", "sum", "min", "max"):
        return
    left = _left(state, index, at)
    if left is None:
        return
    try:
        right = state.column(at, countable, near=left[0].table)
    except Unsure:
        return
    if right == left[0] or right.table != left[0].table:
        return
    state.use(*used, at, *left[1], why="columns")
    state.use_range(index, at, "columns")
    state.become_condition(index, Predicate(left[0], operator, other=right, factor=factor))


def _left(state: State, index: int, right: int) -> tuple[Ref, tuple[int, ...]] | None:
    """The column before the operator; "went over budget" compares what is spent."""
    before = index - 1
    while before >= 0 and (state.items[before].kind in ("filler", "generic")):
        before -= 1
    if before < 0:
        return None
    if state.role(before) == "column" and state.items[before].free:
        try:
            return state.column(before, countable), (before,)
        except Unsure:
            return None
    other = state.column(right, countable)
    spent = [
        column
        for column in state.info(other.table).columns
        if countable(column) and {"cost", "spent", "actual", "spend", "amount", "expense"} & set(column.words)
        and column.name != other.column
    ]  # fmt: skip
    if len(spent) == 1 and state.word(index) in (
        "over",
        "under",
        "above",
        "below",
        "exceeded",
        "exceed",
        "exceeds",
    ):
        return Ref(other.table, spent[0].name), ()
    return None
