"""days between order and delivery · trips that lasted more than 2 hours · average duration in minutes"""

from __future__ import annotations

from decimal import Decimal

from postai.ask.grammar.cues import COMPARISONS
from postai.ask.grammar.draft import Measure, Predicate, Ref, Unsure
from postai.ask.grammar.listing_rows import list_rows
from postai.ask.grammar.moments import moment, near_tables
from postai.ask.grammar.state import State
from postai.language.computed import formula
from postai.language.derived import span, start_and_end
from postai.language.words import singular

UNITS = frozenset({"second", "minute", "hour", "day", "week", "month", "year"})
_LENGTHS = frozenset({"time", "duration", "gap", "interval", "delay", "lag", "period", "difference"})
_LASTED = frozenset({"lasted", "last", "lasting", "lasts", "took", "take", "takes", "taking", "ran"})
_PASS = frozenset({"pass", "passed", "passes", "elapse", "elapsed", "lie", "lies", "go", "went", "by", "there"})
_AGGREGATES = {"avg": "avg", "median": "median", "min": "min", "max": "max", "sum": "sum"}


def unit_of(state: State, index: int) -> str:
    """The unit of time an item names; "" = none."""
    if not 0 <= index < len(state.items):
        return ""
    word = singular(state.word(index))
    return word if word in UNITS else ""


def apply(state: State) -> None:
    for index in range(len(state.items)):
        if state.items[index].free and (state.word(index) in _LENGTHS or unit_of(state, index)):
            _between(state, index)
    for index, item in enumerate(state.items):
        if item.free and item.lower in _LASTED:
            _lasted(state, index)
    for index in range(len(state.items)):
        _in_unit(state, index)


def _between(state: State, index: int) -> None:
    """time between A and B · number of days from A to B · difference in days between A and B"""
    at, unit = index + 1, unit_of(state, index)
    if not unit and at + 1 < len(state.items) and state.word(at) == "in" and unit_of(state, at + 1):
        unit, at = unit_of(state, at + 1), at + 2
    average: int | None = None
    while at < len(state.items) and (state.word(at) in _PASS or state.cue(at) == "avg" or _aux(state, at)):
        average = at if state.cue(at) == "avg" else average
        at += 1
    if at >= len(state.items) or state.word(at) not in ("between", "from"):
        return
    joint = "and" if state.word(at) == "between" else "to"
    end = state.sentence_end(at)
    stop = next((i for i in range(at + 1, end) if _stops(state, i)), end)
    for middle in range(at + 2, stop):
        if state.word(middle) != joint and not (joint == "to" and state.word(middle) == "until"):
            continue
        tables = near_tables(state, len(state.items))
        choices = [tables] if tables else [[info.index] for info in state.lexicon.tables if info.real is None]
        ends = [
            (first, second)
            for near in choices
            if (first := moment(state, at + 1, middle, near)) is not None
            and (second := moment(state, middle + 1, stop, near)) is not None
            and first.table == second.table
            and first != second
        ]
        if len(ends) == 1:
            _become(state, index, ends[0], unit, stop, average)
            return


def _aux(state: State, at: int) -> bool:
    return state.word(at) in ("are", "is", "was", "were", "do", "does")


def _stops(state: State, at: int) -> bool:
    item = state.items[at]
    return (
        state.cue(at) in ("each", "by", "order by", "over", "under")
        or item.period is not None
        or item.text in (",", ";")
        or (item.lower in ("for", "of", "in") and state.word(at - 1) not in ("date", "time", "day"))
        or (item.lower == "in" and bool(unit_of(state, at + 1)))
    )


def _become(state: State, index: int, ends: tuple[Ref, Ref], unit: str, stop: int, average: int | None) -> None:
    first, second = ends
    after = stop
    if not unit and after + 1 < len(state.items) and state.word(after) == "in" and unit_of(state, after + 1):
        unit, after = unit_of(state, after + 1), after + 2
    ref = Ref(first.table, span(state.column_info(second), state.column_info(first), unit).name)
    for at in range(index + 1, after):
        state.items[at].used = "span"
    state.become_column(index, ref)
    before = state.skip_back(index - 1)
    lead = before if before >= 0 and state.cue(before) == "count" else None
    if lead is not None:
        state.use(lead, why="span")
        before = state.skip_back(lead - 1)
    if average is not None or (lead is not None and before >= 0 and state.cue(before) == "avg"):
        where = average if average is not None else before
        state.use(where, why="span")
        state.become_measure(index, Measure("aggregate", ref=ref, function="avg"), after)
    elif before < 0 or state.cue(before) not in _AGGREGATES:
        list_rows(state, index, ref)


def _lasted(state: State, index: int) -> None:
    """lasted more than 2 hours · took at least 3 days"""
    at = state.skip(index + 1)
    operator = COMPARISONS.get(state.cue(at) or "")
    number = state.skip(at + 1) if operator else at
    unit = unit_of(state, number + 1)
    if not unit or state.items[number].kind != "number" or not state.items[number].free:
        return
    behind = state.cue(number + 2)
    if behind in ("more suffix", "less suffix"):
        operator = ">=" if behind == "more suffix" else "<="
    tables = [table for table in near_tables(state, index) if start_and_end(state.info(table)) is not None]
    if not tables or operator is None:
        return
    ends = start_and_end(state.info(tables[0]))
    if ends is None:
        return
    value = state.items[number].number or Decimal(0)
    ref = Ref(tables[0], span(ends[1], ends[0], unit).name)
    state.use(index, at, number, number + 1, why="span")
    if behind in ("more suffix", "less suffix"):
        state.use(number + 2, why="span")
    state.become_condition(index, Predicate(ref, operator, (value,)))


def _in_unit(state: State, index: int) -> None:
    """ "average trip duration in minutes": the unit of a duration."""
    senses = state.items[index].of_kind("column")
    spans = [sense for sense in senses if (found := formula(sense.column or "")) and found.operator == "span"]
    if not spans or not state.items[index].free:
        return
    for at in range(index + 1, min(state.sentence_end(index), len(state.items) - 1)):
        unit = unit_of(state, at + 1)
        if state.word(at) in ("in", "(") and unit and state.items[at + 1].free:
            if len({sense.table for sense in spans}) > 1 and not state.anchors:
                raise Unsure(f'"{state.items[index].text}" of what is not clear')
            table = next((t for t in state.anchors if any(s.table == t for s in spans)), spans[0].table)
            meant = {(f.left, f.right) for s in spans if s.table == table and (f := formula(s.column or ""))}
            if len(meant) != 1:
                return
            end, start = (state.info(table).column(name) for name in meant.pop())
            state.use(at, at + 1, why="span")
            if at + 2 < len(state.items) and state.items[at + 2].text == ")":
                state.use(at + 2, why="span")
            state.become_column(index, Ref(table, span(end, start, unit).name))
            return
