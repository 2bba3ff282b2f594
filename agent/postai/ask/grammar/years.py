"""What happened in a year that is kept as a number: "released in 2020" of release_year, "founded before 1950"."""

from __future__ import annotations

from collections.abc import Iterable

from postai.ask.grammar.draft import Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.dates import Bound, Period
from postai.language.derived import months
from postai.language.lexicon import Sense
from postai.language.schema import TableInfo
from postai.language.vocabulary import CREATION_VERBS
from postai.language.word_set import word_set
from postai.language.words import stem

# Columns of numbers that are years without being called so: founded, built.
_BEGAN = word_set("founded established built constructed incorporated inaugurated")


def said_then(state: State, index: int) -> tuple[Ref, int] | None:
    """The year, or month of a year, of what the nearest word before a period says, and where the word stands.

    None = the word says nothing that a year is kept for.
    """
    for at in range(index - 1, -1, -1):
        if state.is_end(at):
            break
        item = state.items[at]
        if item.kind not in ("unknown", "generic") and not item.verb and not _kept_as_number(state, at):
            if state.role(at) == "table":
                return None
            continue
        if any(_dated(state, sense) for sense in item.senses):
            return None
        for table in state.anchors or sorted({sense.table for sense in item.of_kind("column")}):
            fitting = [ref for lead, ref in _years(state.info(table)) if _same(item.lower.split()[-1], lead)]
            if len(fitting) == 1:
                return fitting[0], at
        if item.verb or item.lower in CREATION_VERBS:
            return None
    return None


def _years(info: TableInfo) -> Iterable[tuple[tuple[str, ...], Ref]]:
    """What happened, and the column of its year (the made-up one of its month, where that is kept too)."""
    kept = dict((one.left, one) for one, _ in months(info))
    for column in info.columns:
        if column.kind != "number":
            continue
        if column.name in kept:
            yield column.words[:-1], Ref(info.index, kept[column.name].name)
        elif column.words[-1] == "year":
            yield column.words[:-1], Ref(info.index, column.name)
        elif len(column.own) == 1 and column.own[0] in _BEGAN:
            yield column.own, Ref(info.index, column.name)


def _kept_as_number(state: State, at: int) -> bool:
    return any(
        state.lexicon.column(sense.table, sense.column or "").kind == "number"
        for sense in state.items[at].of_kind("column")
    )


def _dated(state: State, sense: Sense) -> bool:
    """Whether a word names a date of a table that the question names."""
    return bool(
        sense.column and sense.table in state.anchors and state.lexicon.column(sense.table, sense.column).is_date
    )


def _same(word: str, lead: tuple[str, ...]) -> bool:
    return bool(lead) and stem(lead[0]) in (stem(word), stem(word.removesuffix("d")))


def within_years(ref: Ref, period: Period) -> list[Predicate]:
    """The conditions that a year kept as a number lies in a period of whole years.

    Raises:
        Unsure: the period begins or ends within a year, or goes by today's date.
    """
    found: list[Predicate] = []
    for operator, bound in ((">=", period.start), ("<", period.end)):
        if bound is not None:
            found.append(Predicate(ref, operator, (_year(bound),)))
    if period.year is not None and len(found) == 2 and found[1].values[0] == period.year + 1:
        return [Predicate(ref, "=", (period.year,))]
    return found


def _year(bound: Bound) -> int:
    if bound.day is None or (bound.day.month, bound.day.day) != (1, 1):
        raise Unsure("the table keeps years, not dates")
    return bound.day.year
