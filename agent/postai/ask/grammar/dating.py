"""Which column a period is about."""

from __future__ import annotations

from postai.ask.grammar.draft import Measure, Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.ask.grammar.years import within_years
from postai.language.computed import Formula, formula
from postai.language.dates import WEEKDAYS, Bound, Period
from postai.language.derived import months
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.vocabulary import CREATION_VERBS

_DAY = ("day", "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun")
MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip


def period_predicate(state: State, table: int, period: Period, creation: bool = False) -> Predicate:
    """The condition that rows of a table lie in a period.

    Raises:
        Unsure: the table, and the tables it refers to, have no column or several that could date it.
    """
    if not period.certain:
        state.draft.confidence = min(state.draft.confidence, 0.85)
    ref = date_column(state, table, creation=creation)
    if period.month is not None and period.start is None and period.end is None:
        return Predicate(ref, "month of year", (period.month,))
    return Predicate(ref, "period", period=period)


def date_column(state: State, table: int, *, creation: bool = False) -> Ref:
    """The column that dates a row: its own, else that of the nearest thing it belongs to."""
    info = state.info(table)
    if creation and info.creation_date:
        return Ref(table, info.creation_date)
    if info.event_date and (info.is_event or creation):
        return Ref(table, info.event_date)
    if any(column.is_date for column in info.columns):
        if info.event_date:
            return Ref(table, info.event_date)
        raise Unsure(f"which date of {info.table.name} is meant is not clear", "Name the date column.")
    kept = [formula for formula, words in months(info) if not words or (creation and set(words) & CREATION_VERBS)]
    if len(kept) == 1:
        return Ref(table, kept[0].name)
    near = [
        (len(paths[0]), other)
        for other in state.lexicon.tables
        if other.index != table
        and other.is_event
        and other.event_date
        and (paths := state.lexicon.graph.up_paths(table, other.index))
    ]
    if near:
        near.sort(key=lambda pair: pair[0])
        if len(near) == 1 or near[1][0] > near[0][0]:
            other = near[0][1]
            assert other.event_date is not None
            return Ref(other.index, other.event_date)
        raise Unsure(f"which date of {info.table.name} is meant is not clear")
    years = [c for c in info.columns if c.words == ("year",) and c.kind == "number"]
    if years:
        return Ref(table, years[0].name)
    raise Unsure(f"{info.table.name} has no date that fits", "Name the date column.")


def weekday_column(state: State, table: int) -> Ref | None:
    """The column of a table that holds names of weekdays, for rows that keep no date."""
    days = {day[:3] for day in WEEKDAYS}
    for column in state.info(table).columns:
        held = state.lexicon.stored.get((table, column.name), {})
        if column.kind in ("text", "enum") and held and all(text[:3] in days and text.endswith(_DAY) for text in held):
            return Ref(table, column.name)
    return None


def _of_months(bound: Bound) -> bool:
    """Whether an end of a period falls on a month's first day, or is open until now."""
    if bound.day is not None:
        return bound.day.day == 1
    inner = bound.relative.removeprefix("current_date")
    return (
        bound.relative.startswith("date_trunc") or "month" in inner or "year" in inner or inner == " + interval '1 day'"
    )


def refuse_days(ref: Ref, bucket: str) -> None:
    """Days and weeks cannot be told where only months are kept.

    Raises:
        Unsure: the column is a month in two columns, and the bucket is smaller.
    """
    kept = formula(ref.column)
    if kept is not None and kept.operator == "month" and bucket not in ("month", "quarter", "year", "month of year"):
        raise Unsure("the table keeps months, not days")


def _year_and_month(state: State, table: int, year: int, kept: Formula, month: int | None) -> list[Predicate]:
    """A calendar year or month of two columns that keep a year and a month."""
    found = [Predicate(Ref(table, kept.left), "=", (year,))]
    if month is not None and kept.unit == "name":
        name = MONTH_NAMES[month - 1]
        held = state.lexicon.stored.get((table, kept.right), {})
        short = bool(held) and all(len(text) <= 4 for text in held if text != "may")
        found.append(Predicate(Ref(table, kept.right), "=", ((name[:3] if short else name).capitalize(),), fold=True))
    elif month is not None:
        found.append(Predicate(Ref(table, kept.right), "=", (month,)))
    return found


def year_month_predicates(state: State, ref: Ref, period: Period) -> list[Predicate] | None:
    """Conditions on a year number and a month name or number, for tables that keep no date."""
    kept = formula(ref.column)
    if kept is not None and kept.operator == "month" and period.year is not None:
        return _year_and_month(state, ref.table, period.year, kept, period.month)
    if kept is not None and kept.operator == "month":
        for bound in (period.start, period.end):
            if bound is not None and not _of_months(bound):
                raise Unsure("the table keeps months, not days")
    if state.column_info(ref).is_date:
        return None
    return within_years(ref, period)


def property_column(state: State, table: int, what: str) -> Ref | Measure | None:
    """The column (or average of a rating) by which "newest", "cheapest", "best rated" rank rows of a table."""
    info = state.info(table)
    if what == "@event":
        date = info.event_date or info.creation_date or _year(info)
        return Ref(table, date) if date else None
    if what == "@age":
        for column in info.columns:
            dated = column.is_date or (column.kind == "number" and "year" in column.words)
            if dated and {"birth", "born"} & set(column.words):
                return Ref(table, column.name)
            if column.own == ("age",):
                return Ref(table, column.name)
        date = info.creation_date or info.event_date or _year(info)
        person = info.words[-1] in (
            "customer",
            "person",
            "patient",
            "member",
            "employee",
            "student",
            "user",
            "player",
            "doctor",
            "author",
        )
        return None if person or date is None else Ref(table, date)
    if what == "@rating":
        for column in info.columns:
            if column.kind == "number" and {"rating", "score", "star"} & set(column.words):
                return Ref(table, column.name)
        children = [step.target for step in state.lexicon.graph.steps.get(table, ()) if not step.up]
        for child in children:
            for column in state.info(child).columns:
                if column.kind == "number" and {"rating", "score", "star"} & set(column.words):
                    return Measure("aggregate", ref=Ref(child, column.name), function="avg")
        return None
    words = ["size", "area", "population", "total", "amount", "value"] if what == "@size" else what.split()
    numbers = [c for c in info.columns if c.kind == "number" and not c.is_id and not c.refers]
    for word in words:
        matching = [c for c in numbers if word in c.words]
        if len(matching) == 1:
            return Ref(table, matching[0].name)
        if len(matching) > 1:
            exact = _plainest(matching, word)
            if exact is None:
                names = " or ".join(c.name for c in matching[:3])
                raise Unsure(f"the {word} could mean {names}", "Name the column.")
            return Ref(table, exact.name)
    return None


def _year(info: TableInfo) -> str | None:
    """The one column that keeps a year as a number: when the thing was founded, built or released."""
    years = [
        column.name
        for column in info.columns
        if column.kind == "number"
        and "year" in column.words
        and not {"death", "end", "last", "count", "number", "per"} & set(column.words)
    ]
    return years[0] if len(years) == 1 else None


def _plainest(columns: list[ColumnInfo], word: str) -> ColumnInfo | None:
    exact = [
        c for c in columns if c.own in ((word,), ("list", word), ("unit", word), ("total", word), (word, "amount"))
    ]
    return exact[0] if len(exact) == 1 else None
