"""average delivery time · how long does it take on average to close a ticket: from the date of a row to another date"""

from __future__ import annotations

from postai.ask.grammar.constructs.span import unit_of
from postai.ask.grammar.draft import Measure, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.derived import span
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.words import stem

_FUNCTIONS = {"avg": "avg", "median": "median", "min": "min", "max": "max"}
_TIMES = frozenset({"time", "times", "duration"})


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if item.free and item.lower in _TIMES and index:
            _noun_time(state, index)
        elif item.free and item.lower == "long" and index and state.items[index - 1].lower == "how":
            _how_long(state, index)


def _noun_time(state: State, index: int) -> None:
    """average delivery time"""
    function_at = index - 2
    while function_at >= 0 and state.items[function_at].kind == "filler":
        function_at -= 1
    if function_at < 0 or state.cue(function_at) not in _FUNCTIONS:
        return
    measure = _measure(state, index - 1, _FUNCTIONS[state.cue(function_at) or ""])
    if measure is not None:
        state.use(function_at, index - 1, index, why="duration")
        state.draft.measures.append(measure)


def _how_long(state: State, index: int) -> None:
    """how long does it take on average to close a ticket"""
    end = state.sentence_end(index)
    if any(item.lower == "longest" for item in state.items[:index]):
        return  # "the longest road, and how long is it": what ranked it
    averages = [at for at in range(index, end) if state.cue(at) in _FUNCTIONS]
    verbs = [at for at in range(index + 1, end) if state.items[at - 1].lower == "to" and state.items[at].free]
    if len(averages) != 1 or len(verbs) != 1:
        raise Unsure("whether the average or each time is meant is not clear", 'Say "on average".')
    unit_at = next((at for at in range(verbs[0], end) if unit_of(state, at) and state.word(at - 1) == "in"), None)
    unit = unit_of(state, unit_at) if unit_at is not None else ""
    measure = _measure(state, verbs[0], _FUNCTIONS[state.cue(averages[0]) or ""], unit)
    if measure is not None:
        state.use(index, verbs[0], averages[0], *((unit_at,) if unit_at is not None else ()), why="duration")
        state.draft.measures.append(measure)


def _measure(state: State, at: int, function: str, unit: str = "") -> Measure | None:
    """The time from the moment a row is about, or its only other date, to the date that the word names."""
    word = stem(state.items[at].lower)
    every = [info.index for info in state.lexicon.tables if info.real is None]
    found = _ends(state, state.anchors, word) or _ends(state, every, word)
    if len(found) != 1:
        return None
    table, column, begin = found[0]
    if begin.kind != column.kind:
        return None
    if column.kind == "date":
        unit = unit or "day"
    if begin.name != state.info(table).event_date:
        state.draft.confidence = min(state.draft.confidence, 0.85)
        state.draft.assumptions.append(f"the time begins at {begin.name}")
    return Measure("aggregate", ref=Ref(table, span(column, begin, unit).name), function=function)


def _ends(state: State, tables: list[int], word: str) -> list[tuple[int, ColumnInfo, ColumnInfo]]:
    """Dates of tables that are called after a verb, each with the date at which that began."""
    return [
        (table, column, begin)
        for table in tables
        for column in state.info(table).columns
        if column.is_date and stem(column.words[0]) == word and (begin := _begin(state.info(table), column)) is not None
    ]


def _begin(info: TableInfo, end: ColumnInfo) -> ColumnInfo | None:
    """Where the time begins that ends with a date of the row."""
    if info.event_date not in (None, end.name):
        return info.column(info.event_date or "")
    others = [column for column in info.columns if column.is_date and column.name != end.name]
    return others[0] if len(others) == 1 else None
