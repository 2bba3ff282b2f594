"""What can be computed from the columns of a table without being asked how: ages and durations."""

from __future__ import annotations

from collections.abc import Iterable

from postai.language.computed import Formula
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.word_set import word_set

_BIRTH = frozenset({"birth", "born", "birthday", "birthdate", "dob"})
# What opens and what closes a stretch of time, likelier pairs first.
_ENDS: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (word_set(first), word_set(last))
    for first, last in (
        ("start started begin began", "end ended finish finished stop stopped complete completed"),
        ("departure departed depart", "arrival arrived arrive"),
        ("pickup picked", "dropoff dropped"),
        ("checkin check_in", "checkout check_out"),
        ("admission admitted admit", "discharge discharged"),
        ("borrowed borrow loaned loan rented rental", "returned return"),
        ("opened open", "closed close resolved solved"),
        ("hired hire", "left terminated"),
        ("from", "to until"),
    )
)
_LENGTHS = frozenset({"duration", "length"})


def span(end: ColumnInfo, start: ColumnInfo, unit: str = "") -> Formula:
    """The time from one date of a row to another, as an interval or in a unit."""
    return Formula("span", end.name, start.name, unit, end.kind == start.kind == "date")


def birth(info: TableInfo) -> ColumnInfo | None:
    """The date on which what a row stands for was born."""
    found = [column for column in info.columns if column.is_date and _BIRTH & set(column.words)]
    return found[0] if len(found) == 1 else None


def start_and_end(info: TableInfo) -> tuple[ColumnInfo, ColumnInfo] | None:
    """The two dates between which a row lasted; None = there are none, or more than one of a kind."""
    dates = [column for column in info.columns if column.is_date]
    for opening, closing in _ENDS:
        first = [column for column in dates if opening & set(column.own)]
        last = [column for column in dates if closing & set(column.own)]
        if len(first) == len(last) == 1 and first != last:
            return first[0], last[0]
    return None


def months(info: TableInfo) -> Iterable[tuple[Formula, tuple[str, ...]]]:
    """Months that are kept as a year and a month in two columns, and the words both columns begin with."""
    for year in info.columns:
        if year.kind != "number" or year.words[-1] != "year":
            continue
        for month in info.columns:
            if month.words == (*year.words[:-1], "month") and month.kind in ("number", "text", "enum"):
                unit = "" if month.kind == "number" else "name"
                yield Formula("month", year.name, month.name, unit), year.words[:-1]


def derived(info: TableInfo) -> Iterable[tuple[Formula, tuple[str, ...]]]:
    """Computed columns and the words they are called by, where no column of the table is called so."""
    words = {word for column in info.columns for word in column.words}
    born = birth(info)
    if born is not None and "age" not in words:
        yield Formula("age", born.name), ("age",)
    ends = start_and_end(info)
    if ends is not None and not _LENGTHS & words:
        yield span(ends[1], ends[0]), ("duration",)
