"""founded in 1950 · born after 1900 · released between 1990 and 1999: tables that keep a year as a number"""

from __future__ import annotations

from datetime import date

from postai.ask.grammar.draft import Predicate, Ref
from postai.ask.grammar.state import State
from postai.language.dates import Bound, Period
from postai.language.schema import ColumnInfo
from postai.language.words import stem

_SAME = {"bear": "birth", "born": "birth", "die": "death", "died": "death", "dead": "death", "built": "build"}
_FIRST_YEAR, _LAST_YEAR = 1000, 2200


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if not item.free or not index:
            continue
        if item.period is not None:
            _period(state, index, item.period)
        elif item.cue == "range":
            _between(state, index)
        elif item.kind == "number" and state.items[index - 1].lower in ("in", "before", "after", "since", "until"):
            _bare(state, index)


def _period(state: State, index: int, period: Period) -> None:
    """A period that starts and ends with a year."""
    low, high = _year(period.start), _year(period.end)
    if (period.start is not None and low is None) or (period.end is not None and high is None):
        return
    found = _host(state, index)
    if found is None:
        return
    at, ref = found
    if low is not None and high == low + 1:
        predicates = [Predicate(ref, "=", (low,))]
    else:
        predicates = [Predicate(ref, ">=", (low,))] if low is not None else []
        predicates += [Predicate(ref, "<", (high,))] if high is not None else []
    _add(state, predicates, at, index, index + 1)


def _year(bound: Bound | None) -> int | None:
    """The year that starts at a fixed bound; None = it lies within a year, or moves with the day."""
    day: date | None = bound.day if bound is not None else None
    return day.year if day is not None and (day.month, day.day) == (1, 1) else None


def _between(state: State, index: int) -> None:
    numbers = [index + 1, index + 3]
    if numbers[-1] >= len(state.items) or state.items[index + 2].lower not in ("and", "to"):
        return
    years = [_number(state, at) for at in numbers]
    found = _host(state, index)
    if None in years or found is None:
        return
    at, ref = found
    low, high = (year for year in years if year is not None)
    _add(state, [Predicate(ref, "between", (low, high))], at, index, index + 4)


def _bare(state: State, index: int) -> None:
    """ "born in 1850": years that no calendar phrase takes."""
    year, word = _number(state, index), state.items[index - 1].lower
    found = _host(state, index - 1)
    if year is None or found is None:
        return
    operator = {"in": "=", "before": "<", "after": ">", "since": ">=", "until": "<="}[word]
    _add(state, [Predicate(found[1], operator, (year,))], found[0], index - 1, index + 1)


def _number(state: State, at: int) -> int | None:
    item = state.items[at]
    if item.kind != "number" or item.number is None or not item.free or item.unit:
        return None
    year = int(item.number)
    return year if item.number == year and _FIRST_YEAR <= year <= _LAST_YEAR else None


def _host(state: State, index: int) -> tuple[int, Ref] | None:
    """The word before that names the year: (item, column)."""
    at = state.skip_back(index - 1)
    if at < 0 or not (state.items[at].free or state.items[at].verb) or " " in state.items[at].lower:
        return None
    if state.role(at) == "table" and not state.items[at].verb:
        return None
    word = _SAME.get(state.items[at].lower, state.items[at].stem)
    tables = state.anchors[:]
    before = [i for i in range(at) if state.role(i) == "table" and not state.items[i].verb]
    if before:
        tables.insert(0, state.table(before[-1]))
    for table in tables:
        found = [column for column in state.info(table).columns if _named(column, word)]
        if len(found) == 1:
            return at, Ref(table, found[0].name)
        if found:
            return None
    return None


def _named(column: ColumnInfo, word: str) -> bool:
    """ "founded_year", "year_of_birth", "yr_built": the year of what the word says."""
    if column.kind != "number" or "year" not in column.words:
        return False
    return any(stem(other) == stem(word) for other in column.words if other != "year")


def _add(state: State, predicates: list[Predicate], host: int, low: int, high: int) -> None:
    state.use(host, *range(low, high), why="period")
    state.draft.predicates += predicates
    state.placed += [(predicate, low) for predicate in predicates if len(predicates) == 1]
