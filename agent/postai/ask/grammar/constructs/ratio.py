"""percentage of orders that were cancelled · ratio of open to closed tickets · share of revenue by category"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from postai.ask.grammar.draft import Absence, Measure, Predicate, Unsure
from postai.ask.grammar.operands import (
    Operand,
    conditions,
    find_measure,
    kind_of_rows,
    parts_and_whole,
    read_operand,
    require,
    table_of,
)
from postai.ask.grammar.state import State
from postai.language.word_set import word_set

_SAID = frozenset({"moment", "span", "weekday", "hour", "age", "late", "remark"})
_VERBS = word_set("are is were was have has had been")
_FRACTIONS = frozenset({"proportion", "fraction"})
_MIDDLES = frozenset({"to", "out of", "vs", "versus", "and", "compared", "over", "against"})
_CONTRIBUTE = word_set("""
    account accounts accounted contribute contributes contributed represent represents represented attributed
    attributable constitute constitutes make makes up made
    """)


def apply(state: State) -> None:
    in_percent = _unit(state)
    for index in list(state.find_cues("percent of", "percent", "ratio")):
        if not state.items[index].free:
            continue
        cue = state.items[index].cue
        if _restated(state, index):
            continue
        if cue == "percent of":
            measure, end = _of_another(state, index)
        elif cue == "percent":
            measure, end = _percent(state, index)
        else:
            measure, end = _ratio(state, index)
        if in_percent and measure.operator in ("/", "share"):
            measure = replace(measure, operator="%" if measure.operator == "/" else "percent")
        if measure.operator in ("/", "share") and state.word(index).split()[0] in _FRACTIONS:
            state.draft.assumptions.append("the share is given as a number from 0 to 1")
        state.become_measure(index, measure, end)


def _restated(state: State, index: int) -> bool:
    """ "Return the region and the percentage": the one that was asked for before."""
    later = any(state.is_end(at) for at in range(index))
    behind = state.word(index + 1)
    alone = behind in ("", ",", ".", "?", "and", "value", "values", "for", ";")
    if not (later and alone and state.formulas) or state.items[index].lower.endswith(" of"):
        return False
    state.use(index, why="ratio")
    if behind in ("value", "values"):
        state.use(index + 1, why="ratio")
    return True


def _unit(state: State) -> bool:
    """ "..., in percent", "as a percentage": how the part is written, not a second part."""
    for index in list(state.find_cues("percent")):
        if index and state.items[index - 1].kind == "number" and state.items[index].lower in ("percent", "%"):
            state.use(index, why="ratio")  # "above 50 percent"
            continue
        before = state.word(index - 1) if index else ""
        if index > 1 and state.word(index) in ("percent", "percentage") and before in ("in", "as", "a"):
            state.use(index, why="ratio")
            return True
    return False


def _stop(state: State, start: int) -> int:
    """Where the grouping, the order or the sentence behind begins."""
    end = state.sentence_end(start)
    for at in range(start, end):
        used = state.items[at].used
        if state.cue(at) in ("each", "by", "order by") or (at > start and used is not None and used not in _SAID):
            return at
    return end


def _percent(state: State, index: int) -> tuple[Measure, int]:
    """percentage of TABLE (that are|with|from ...) CONDITION, or of a total, by something."""
    low = index + 1
    fraction = state.word(index).split()[0] in _FRACTIONS
    stop = _stop(state, low)
    kind = kind_of_rows(state, low, stop)
    if kind is not None and not any(state.role(at) == "table" for at in range(low, kind[0])):
        return _of_kind(state, low, stop, kind, fraction), stop
    found = find_measure(state, low, stop)
    if found is None:
        return _share_behind(state, stop, fraction)
    noun, parsed = found
    measure = parsed.measure
    rows = state.role(noun) == "table" and measure.kind == "money"
    if measure.kind == "plain":
        measure = replace(measure, kind="aggregate", function="sum")
    if measure.kind == "aggregate" and measure.function not in ("sum",):
        raise Unsure("a percentage of an average is not clear")
    state.use(*parsed.used, why="ratio")
    part, whole = parts_and_whole(state, low, stop, noun, table_of(state, measure))
    behind = _said_behind(state, stop, table_of(state, measure))
    if behind:
        part, whole = behind, [*whole, *part]
    for at in range(low, stop):
        if state.cue(at) == "out of" or state.word(at) == "all":
            state.use(at, why="ratio")
    _share_words(state, low)
    if rows and part:
        measure = Measure("count", state.table(noun))  # "sales with a voucher" are rows of sales
    if part and not behind and _of_these(state, low, noun) and state.cue(stop) in ("each", "by"):
        raise Unsure(
            "whether a part of each group or of all of them is meant is not clear",
            'Say "of all ..." or "of those of each ...".',
        )
    if part:
        for predicate in whole:
            if not isinstance(predicate, Predicate):
                raise Unsure("what the whole is that the part belongs to is not clear")
            state.draft.predicates.append(predicate)
        above = replace(measure, only=tuple(part))
        return Measure("formula", parts=(above, measure), operator="/" if fraction else "%"), stop
    if state.cue(stop) not in ("each", "by"):
        raise Unsure("the question does not say which part of them")
    return Measure("window", parts=(measure,), operator="share" if fraction else "percent"), stop


def _said_behind(state: State, stop: int, table: int | None) -> list[Predicate | Absence]:
    """percentage of copies in each branch ARE DAMAGED: behind the group stands which part is meant"""
    if state.cue(stop) not in ("each", "by"):
        return []
    end = state.sentence_end(stop)
    verb = next((at for at in range(stop + 2, end) if _begins_clause(state, at)), None)
    if verb is None or table is None or state.skip(verb + 1) >= end:
        return []  # "... does each branch have?"
    if any(item.free and item.period is not None for item in state.items[verb:end]):
        raise Unsure("whether the period is that of the part or of all is not clear")
    found = conditions(state, verb, end, table)
    if not found:
        raise Unsure("the question does not say which part of them")
    return found


def _of_these(state: State, low: int, noun: int) -> bool:
    """share of THE DAMAGED copies: these may be the whole, and not the part"""
    own = state.word(low) == "the"
    said = own or state.items[low - 1].lower.endswith(" the")
    return said and low + own < noun


def _begins_clause(state: State, at: int) -> bool:
    return state.items[at].free and state.word(at).split()[0] in _VERBS


def _of_kind(state: State, low: int, stop: int, kind: tuple[int, int], fraction: bool) -> Measure:
    """percentage of dogs that have a chip: rows that are so, out of the rows of that kind"""
    at, table = kind
    whole = conditions(state, low, at + 1, table)
    part = conditions(state, at + 1, stop, table)
    if not part or not whole:
        raise Unsure("the question does not say which part of them")
    for predicate in whole:
        if not isinstance(predicate, Predicate):
            raise Unsure("what the whole is that the part belongs to is not clear")
        state.draft.predicates.append(predicate)
    count = Measure("count", table)
    above = replace(count, only=tuple(part))
    return Measure("formula", parts=(above, count), operator="/" if fraction else "%")


def _share_behind(state: State, stop: int, fraction: bool) -> tuple[Measure, int]:
    """share of each country in the total revenue: the whole is said behind the group."""
    end = state.sentence_end(stop)
    if state.cue(stop) != "each" and state.cue(stop) != "by":
        raise Unsure("the question does not say what the parts are parts of")
    for at in range(stop + 2, end):
        if state.word(at) in ("in", "of", "to", "from") and (found := find_measure(state, at + 1, end)):
            measure = found[1].measure
            if measure.kind == "plain":
                measure = replace(measure, kind="aggregate", function="sum")
            state.use(*found[1].used, why="ratio")
            _share_words(state, stop)
            return Measure("window", parts=(measure,), operator="share" if fraction else "percent"), stop
    raise Unsure("the question does not say what the parts are parts of")


def _share_words(state: State, low: int) -> None:
    """ "... does each region account for", "comes from each": how a part belongs to its whole."""
    for at in range(low, state.sentence_end(low)):
        if state.items[at].free and state.word(at) in _CONTRIBUTE:
            state.use(at, why="ratio")


def _of_another(state: State, index: int) -> tuple[Measure, int]:
    """number of returns as a percentage of the number of orders"""
    start = index
    while start > 0 and not state.is_end(start - 1):
        start -= 1
    stop = _stop(state, index + 1)
    fraction = state.word(index).split()[2] in _FRACTIONS
    above = read_operand(state, start, index)
    below = read_operand(state, index + 1, stop)
    return Measure("formula", parts=_pair(above, below), operator="/" if fraction else "%"), stop


def _pair(above: Operand, below: Operand) -> tuple[Measure, Measure]:
    first, second = require(above.of(below)), require(below.of(above))
    if first == second:
        raise Unsure("the two parts of the ratio are the same")
    return first, second


def _middles(state: State, index: int, stop: int) -> Iterator[int]:
    """The words between the two sides."""
    between = "between" in state.word(index) or state.word(index + 1) == "between"
    for at in range(index + 1, stop):
        word = state.word(at)
        if word in _MIDDLES and (word != "and" or between) and not (between and word == "to"):
            yield at


def _ratio(state: State, index: int) -> tuple[Measure, int]:
    """ratio of MEASURE CONDITION to MEASURE CONDITION."""
    stop = _stop(state, index + 1)
    for middle in _middles(state, index, stop):
        if not _side(state, middle + 1, stop):
            continue
        above, below = _sides(state, index + 1, middle, stop)
        columns = {p.ref for p in above.conditions if isinstance(p, Predicate)}
        # A place after the second part, such as "in Berlin", holds for both parts when only it carries one.
        shared = [p for p in below.conditions if columns and isinstance(p, Predicate) and p.ref not in columns]
        state.draft.predicates.extend(shared)
        below = replace(below, conditions=tuple(p for p in below.conditions if p not in shared))
        state.use(middle, why="ratio")
        if state.word(middle) == "compared" and middle + 1 < stop:
            state.use(middle + 1, why="ratio")
        state.use_range(index + 1, stop, "ratio")
        return Measure("formula", parts=_pair(above, below), operator="/"), stop
    share = _of_all(state, index, stop)
    if share is not None:
        return share, stop
    raise Unsure("the question does not say which two things to divide")


def _of_all(state: State, index: int, stop: int) -> Measure | None:
    """ratio of the number of shops in each state to the total number of shops: the part of each group"""
    if state.cue(stop) != "each":
        return None
    first = find_measure(state, index + 1, stop)
    end = state.sentence_end(stop)
    middle = next(
        (at for at in range(stop + 1, end) if state.word(at) in ("to", "out of") and state.items[at].free), None
    )
    second = find_measure(state, middle + 1, end) if middle is not None else None
    if first is None or second is None or middle is None or first[1].measure != second[1].measure:
        return None
    state.use(middle, *first[1].used, *second[1].used, why="ratio")
    return Measure("window", parts=(first[1].measure,), operator="share")


def _side(state: State, low: int, high: int) -> bool:
    """Whether something that could be one side stands between two items."""
    return any(
        state.items[at].free and (state.role(at) in ("table", "column", "value") or state.items[at].concept)
        for at in range(low, high)
    )


def _sides(state: State, low: int, middle: int, stop: int) -> tuple[Operand, Operand]:
    """Both sides; the one without a noun of its own takes that of the other ("electric to other vehicles")."""
    if find_measure(state, low, middle) is not None:
        above = read_operand(state, low, middle)
        table = table_of(state, above.measure) if above.measure is not None else None
        return above, read_operand(state, middle + 1, stop, table)
    found = find_measure(state, middle + 1, stop)
    table = table_of(state, found[1].measure) if found is not None else None
    above = read_operand(state, low, middle, table)
    if not above.conditions:
        raise Unsure("the question does not say which two things to divide")
    return above, read_operand(state, middle + 1, stop)
