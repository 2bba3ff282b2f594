"""What is computed from columns of one row as if it were a column: an age, a duration, a difference, a quotient.

Its name holds the operator and the columns it is made of, so that every rule about columns works on it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from postai.database.catalog import Column
from postai.language.epochs import real_name, real_names

if TYPE_CHECKING:
    from postai.language.schema import ColumnInfo

MARK = "\x1e"
Operator = Literal["minus", "over", "times", "margin", "age", "span", "month", "arithmetic"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
STEP = "\x1f"
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_LONG = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Formula:
    """An operator and the columns of one row that it takes.

    Attributes:
        operator: minus, over (quotient), times, margin (left - right, as a part of left), age (years since left),
            span (time from right to left), month (the first day of the month that a year and a month name),
            arithmetic (several steps; left is one of the columns).
        unit: for a span "" (an interval; days when both are dates), or second to year; for a month "name" when it is
            written out; for arithmetic its steps in postfix order: columns ("c:" and the name, "z:" where a missing
            value counts as 0), numbers ("n:") and operators.
        dates: both columns of a span are of type date, so that their difference is a number of days.
    """

    operator: Operator
    left: str
    right: str = ""
    unit: str = ""
    dates: bool = False

    @property
    def name(self) -> str:
        """The made-up column name."""
        return MARK + MARK.join((self.operator, self.left, self.right, self.unit, "d" if self.dates else "")) + MARK


def formula(name: str) -> Formula | None:
    """What a made-up name stands for; None for any other column."""
    if not name.startswith(MARK) or name.count(MARK) != 6:
        return None
    said, left, right, unit, dates = name[1:-1].split(MARK)
    operator = next((one for one in OPERATORS if one == said), None)
    return Formula(operator, left, right, unit, dates == "d") if operator is not None else None


def made_of(name: str) -> tuple[str, ...]:
    """The real columns behind a made-up name; () for any other column."""
    found = formula(name)
    if found is not None and found.operator == "arithmetic":
        return tuple(dict.fromkeys(real_name(step[2:]) for step in found.unit.split(STEP) if step[:2] in ("c:", "z:")))
    return tuple(real_name(column) for column in (found.left, found.right) if column) if found else ()


def output_name(found: Formula) -> str:
    """What it is called in the output."""
    match found.operator:
        case "age":
            return "age"
        case "span":
            ends = f"{real_name(found.right)}_to_{real_name(found.left)}"
            return f"{found.unit}s_from_{ends}" if found.unit else "duration"
        case "minus":
            return "difference"
        case "over":
            return f"{found.left}_per_{found.right}"
        case "times":
            return "product"
        case "month":
            return "month"
        case "arithmetic":
            return found.left if STEP not in found.unit else "result"
    return "margin"


def in_words(text: str) -> str:
    """A text for people in which made-up names are written in words."""

    def written(match: re.Match[str]) -> str:
        found = formula(match.group(0))
        if found is None:
            return match.group(0)
        words = {"minus": "minus", "over": "divided by", "times": "times", "margin": "less, as a part of it,"}
        if found.operator == "age":
            return f"age (full years since {found.left})"
        if found.operator == "month":
            return f"month of {found.left} and {found.right}"
        if found.operator == "arithmetic":
            return f"({arithmetic_sql(found, str)[0]})" if STEP in found.unit else f"{found.left} (0 where missing)"
        if found.operator == "span":
            return f"time from {found.right} to {found.left}" + (f" in {found.unit}s" if found.unit else "")
        return f"({found.left} {words[found.operator]} {found.right})"

    return real_names(re.sub(rf"{MARK}(?:[^{MARK}]*{MARK}){{5}}", written, text))


def column(found: Formula, left: ColumnInfo, right: ColumnInfo | None) -> Column:
    """A made-up column of the catalog for it."""
    if found.operator == "month":
        return replace(
            left.column, name=found.name, base_type="date", type_category="D", comment=None, statistics=None,
            not_null=left.column.not_null and right is not None and right.column.not_null,
        )  # fmt: skip
    number = found.operator != "span" or found.unit or found.dates
    present = left.column.not_null and (right is None or right.column.not_null) and found.operator in (
        "minus", "times", "age", "span",
    )  # fmt: skip
    if found.operator == "arithmetic" and STEP not in found.unit:
        return replace(left.column, name=found.name, not_null=True)
    return replace(
        left.column, name=found.name, base_type="numeric" if number else "interval",
        type_category="N" if number else "T", not_null=present, comment=None, statistics=None, enum_labels=(),
        default=None, generated=None,
    )  # fmt: skip


def sql(found: Formula, left: str, right: str) -> tuple[str, int]:
    """The expression and how tightly it binds (9 = an atom).

    Args:
        left: the quoted left column, `right` the other.
    """
    match found.operator:
        case "minus":
            return f"{left} - {right}", 5
        case "times":
            return f"{left} * {right}", 6
        case "over":
            return f"{left}::numeric / NULLIF({right}, 0)", 6
        case "margin":
            return f"({left} - {right})::numeric / NULLIF({left}, 0)", 6
        case "age":
            return f"date_part('year', age({left}))", 9
        case "month":
            if found.unit == "name":
                return f"to_date({left} || ' ' || left({right}, 3), 'YYYY Mon')", 9
            return f"make_date({left}::int, {right}::int, 1)", 9
        case "span":
            return _span(found, left, right)
    raise AssertionError(found)


def arithmetic_sql(found: Formula, written: Callable[[str], str]) -> tuple[str, int]:
    """The expression of several steps and how tightly it binds; a quotient keeps fractions and is null for x / 0.

    Args:
        written: how a column's name is written.
    """
    stack: list[tuple[str, int]] = []
    for step in found.unit.split(STEP):
        kind, text = step[:2], step[2:]
        if kind == "c:":
            stack.append((written(text), 9))
        elif kind == "z:":
            stack.append((f"coalesce({written(text)}, 0)", 9))
        elif kind == "n:":
            stack.append((text, 9))
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(_joined(step, left, right))
    return stack[0]


def _joined(operator: str, left: tuple[str, int], right: tuple[str, int]) -> tuple[str, int]:
    tight = 5 if operator in "+-" else 6
    first = left[0] if left[1] >= tight else f"({left[0]})"
    second = right[0] if right[1] > tight else f"({right[0]})"
    if operator != "/":
        return f"{first} {operator} {second}", tight
    if re.fullmatch(r"[0-9.]+", second) and float(second):
        return f"{first} / {second if '.' in second else second + '.0'}", tight
    first = left[0] if left[1] == 9 else f"({left[0]})"
    return f"{first}::numeric / NULLIF({right[0]}, 0)", tight


def _span(found: Formula, left: str, right: str) -> tuple[str, int]:
    if found.unit in _LONG:
        years, months = (f"date_part('{part}', age({left}, {right}))" for part in ("year", "month"))
        return (years, 9) if found.unit == "year" else (f"{years} * 12 + {months}", 5)
    if not found.unit or (found.dates and found.unit == "day"):
        return f"{left} - {right}", 5
    if found.dates:
        seconds = SECONDS[found.unit]
        if seconds > SECONDS["day"]:
            return f"({left} - {right}) / {seconds // SECONDS['day']}.0", 6
        return f"({left} - {right}) * {SECONDS['day'] // seconds}", 6
    if found.unit == "second":
        return f"extract(epoch FROM {left} - {right})", 9
    return f"extract(epoch FROM {left} - {right}) / {SECONDS[found.unit]}", 6
