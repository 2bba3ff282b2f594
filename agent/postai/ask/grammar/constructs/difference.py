"""difference between A and B · price minus cost · range of fees · margin of price over cost"""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Measure, Ref, Unsure
from postai.ask.grammar.listing_rows import list_rows
from postai.ask.grammar.measures import countable, read_measure
from postai.ask.grammar.operands import Operand, conditions, find_measure, read_operand, table_of
from postai.ask.grammar.state import State
from postai.language.computed import Formula

_RANGES = frozenset({"range", "spread"})
_AGGREGATES = {
    "avg": "avg",
    "median": "median",
    "min": "min",
    "max": "max",
    "sum": "sum",
    "highest": "max",
    "lowest": "min",
}


def apply(state: State) -> None:
    for index in range(len(state.items)):
        item = state.items[index]
        if not item.free:
            continue
        if item.lower in ("difference", "differences", "gap") and item.kind == "unknown":
            _difference(state, index)
        elif item.lower in ("minus", "less") and item.kind == "unknown":
            _minus(state, index)
        elif item.lower in _RANGES and item.kind == "unknown":
            _range(state, index)


def _end(state: State, start: int) -> int:
    end = state.sentence_end(start)
    return next((at for at in range(start, end) if state.cue(at) in ("each", "by", "order by")), end)


def _difference(state: State, index: int) -> None:
    """difference between A and B · difference in M between X and Y"""
    stop = _end(state, index + 1)
    opening = next((at for at in range(index + 1, stop) if state.word(at) in ("between", "of", "from")), None)
    if opening is None:
        return
    shared: Measure | None = None
    if opening > index + 1:
        found = find_measure(state, index + 1, opening)
        if found is None or found[1].measure.kind == "plain":
            return
        shared = found[1].measure
        state.use(*found[1].used, why="difference")
    for middle in range(opening + 1, stop):
        if state.word(middle) not in ("and", "versus", "vs") or not state.items[middle].free:
            continue
        if _columns(state, index, opening, middle, stop):
            return
        first, second = _two(state, opening, middle, stop, shared)
        if first is None or second is None or first == second:
            continue
        state.use(middle, why="difference")
        state.use_range(index, stop, "difference")
        state.become_measure(index, Measure("formula", parts=(first, second), operator="-"), stop)
        return


def _two(
    state: State, opening: int, middle: int, stop: int, shared: Measure | None
) -> tuple[Measure | None, Measure | None]:
    """Both sides; "the highest and the lowest wage" and "completed and cancelled trips" share what they are of."""
    if shared is not None:
        table = table_of(state, shared)
        left = Operand(shared, tuple(conditions(state, opening + 1, middle, table)), -1)
        right = Operand(None, tuple(conditions(state, middle + 1, stop, table)), -1)
        return (left.of(right), right.of(left)) if left.conditions and right.conditions else (None, None)
    functions = [
        _AGGREGATES.get(state.cue(state.skip(at + 1)) or "") for at in (opening, middle)
    ]  # fmt: skip
    inner = find_measure(state, opening + 1, middle)
    if inner is None and functions[0] and functions[1] and functions[0] != functions[1]:
        parsed = read_measure(state, state.skip(middle + 1), bare=True)
        if parsed is None or parsed.measure.kind != "aggregate":
            return None, None
        state.use(state.skip(opening + 1), *parsed.used, why="difference")
        table = table_of(state, parsed.measure)
        only = tuple(conditions(state, middle + 1, stop, table))
        second = replace(parsed.measure, only=only)
        return replace(second, function=functions[0]), second
    if inner is None:
        return _of_states(state, opening, middle, stop)
    left = read_operand(state, opening + 1, middle)
    table = table_of(state, left.measure) if left.measure is not None else None
    right = read_operand(state, middle + 1, stop, table)
    if right.measure is None and not right.conditions:
        return None, None
    return left.of(right), right.of(left)


def _of_states(state: State, opening: int, middle: int, stop: int) -> tuple[Measure | None, Measure | None]:
    """the number of completed and cancelled trips: the noun stands behind the second value"""
    counting = state.cue(state.skip(opening + 1)) == "count"
    right = read_operand(state, middle + 1, stop)
    if right.measure is None or right.measure.kind != "count" or not right.conditions:
        return None, None
    left = Operand(None, tuple(conditions(state, opening + 1, middle, right.measure.table)), -1)
    if counting:
        state.use(state.skip(opening + 1), why="difference")
    return (left.of(right), right.of(left)) if left.conditions else (None, None)


def _columns(state: State, index: int, opening: int, middle: int, stop: int) -> bool:
    """difference between PRICE and COST: two columns of one row."""
    left, right = state.skip(opening + 1), state.skip(middle + 1)
    if right >= stop or state.role(left) != "column" or state.role(right) != "column":
        return False
    if state.skip(left + 1) < middle:
        return False
    try:
        first = state.column(left, countable)
        second = state.column(right, countable, near=first.table)
    except Unsure:
        return False
    if first.table != second.table or first == second:
        return False
    _computed(
        state, index, range(index + 1, right + 1), Ref(first.table, Formula("minus", first.column, second.column).name)
    )
    return True


def _computed(state: State, index: int, covered: range, ref: Ref) -> None:
    """Let the words stand for a computed column; without an aggregate it is shown for each row, or added up."""
    for at in covered:
        state.items[at].used = "difference"
    state.become_column(index, ref)
    before = state.skip_back(index - 1)
    ranked = any(state.cue(i) in ("top", "highest", "lowest", "most", "least") for i in range(len(state.items)))
    if (before < 0 or state.cue(before) not in _AGGREGATES) and not ranked and not list_rows(state, index, ref):
        grouped = any(state.cue(i) in ("each", "by") for i in range(len(state.items)))
        if grouped:
            raise Unsure(
                "whether the total or the average difference is meant is not clear", 'Say "average" or "total".'
            )


def _minus(state: State, index: int) -> None:
    """total A minus total B · price minus cost"""
    stop = _end(state, index + 1)
    start = index
    while start > 0 and not state.is_end(start - 1):
        start -= 1
    left, right = state.skip_back(index - 1), state.skip(index + 1)
    if left < 0 or right >= stop:
        return
    aggregated = any(state.cue(at) in _AGGREGATES or state.cue(at) == "count" for at in range(start, index))
    if not aggregated and state.role(left) == "column" and state.role(right) == "column":
        try:
            first = state.column(left, countable)
            second = state.column(right, countable, near=first.table)
        except Unsure:
            return
        if first.table == second.table and first != second:
            ref = Ref(first.table, Formula("minus", first.column, second.column).name)
            _computed(state, left, range(left + 1, right + 1), ref)
        return
    above = read_operand(state, start, index)
    below = read_operand(state, index + 1, stop)
    if above.measure is not None and below.measure is not None and above.measure != below.measure:
        state.use(index, why="difference")
        parts = (above.of(below) or above.measure, below.of(above) or below.measure)
        place = above.noun if above.noun >= 0 else start
        state.become_measure(place, Measure("formula", parts=parts, operator="-"), stop)


def _range(state: State, index: int) -> None:
    """range of fees: from the lowest to the highest"""
    if index + 1 >= len(state.items) or state.word(index + 1) not in ("of", "in"):
        return
    at = state.skip(index + 2)
    while state.role(at) == "table" and state.role(at + 1) == "column":
        state.use(at, why="range")
        at += 1
    if state.role(at) != "column":
        return
    ref = state.column(at, countable)
    highest, lowest = (Measure("aggregate", ref=ref, function=function) for function in ("max", "min"))
    state.use(*range(index + 1, at + 1), why="range")
    state.become_measure(index, Measure("formula", parts=(highest, lowest), operator="-", text="range"), at + 1)
