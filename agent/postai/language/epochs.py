"""Moments kept as whole numbers: seconds or milliseconds since 1970 (the Unix epoch).

Such a column is known by a made-up name that holds its unit, so that every rule about moments works on it too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from postai.database.catalog import Column

Unit = Literal["second", "millisecond"]

_MARK = "\x1d"
_SAID = re.compile(r"(?i)\b(?:unix|epoch|posix)\b|\bseconds since 1970\b")
_THOUSANDTHS = re.compile(r"(?i)\bmilli-?seconds?\b|\bms\b|\bmillis\b")
_OTHER_PARTS = re.compile(r"(?i)\bmicro-?seconds?\b|\bnano-?seconds?\b|\bdays since\b|_[un]s$")
_NAMED = re.compile(
    r"(?i)(?:_at|_ts|_epoch|_unix|_timestamp|_time|_date|_ms|[a-z](?:At|Ts|Epoch|Time|Date)|^epoch|^ts)$"
)
_SURELY = re.compile(r"(?i:_at|_epoch|_unix|^epoch|_unix_ts)$|[a-z](?:At|Epoch)$")
# From 1979 to 2128: numbers that count something else are hardly ever all in here.
_SECONDS = (300_000_000, 5_000_000_000)


def epoch_unit(column: Column) -> Unit | None:
    """The unit of a whole number that is a moment; None = it is none.

    The comment says so, or the name is that of a moment and no known value contradicts.
    """
    if column.base_type not in ("int4", "int8", "numeric") or column.generated is not None:
        return None
    comment = column.comment or ""
    if _OTHER_PARTS.search(comment) or _OTHER_PARTS.search(column.name):
        return None
    said = bool(_SAID.search(comment))
    if not said and (column.base_type != "int8" or not _NAMED.search(column.name)):
        return None
    known = _range(column)
    if known is not None:
        return known if said or _NAMED.search(column.name) else None
    if column.statistics is not None and column.statistics.most_common:
        return None
    if not said and not _SURELY.search(column.name):
        return None
    return "millisecond" if _THOUSANDTHS.search(comment) or column.name.lower().endswith("_ms") else "second"


def _range(column: Column) -> Unit | None:
    """The unit in which all known values are moments of our time."""
    values = [value for value in column.statistics.most_common if value.isdigit()] if column.statistics else []
    units: tuple[tuple[Unit, int], ...] = (("second", 1), ("millisecond", 1000))
    for unit, factor in units:
        if values and all(_SECONDS[0] * factor <= int(value) <= _SECONDS[1] * factor for value in values):
            return unit
    return None


def as_moment(column: Column, unit: Unit) -> Column:
    """The column as the moment it stands for, under its made-up name."""
    return replace(
        column, name=f"{_MARK}{unit}{_MARK}{column.name}{_MARK}", base_type="timestamptz", type_category="D",
        statistics=None, default=None,
    )  # fmt: skip


def epoch(name: str) -> tuple[str, str] | None:
    """Unit and real column of a made-up name; None for any other column."""
    if not name.startswith(_MARK) or name.count(_MARK) != 3:
        return None
    _, unit, column, _ = name.split(_MARK)
    return unit, column


def real_name(name: str) -> str:
    """The column's name in the database."""
    found = epoch(name)
    return found[1] if found else name


def real_names(text: str) -> str:
    """A text for people in which made-up names are written as the database has them."""
    return re.sub(rf"{_MARK}\w+{_MARK}([^{_MARK}]*){_MARK}", r"\1", text)


def sql(unit: str, column: str) -> str:
    """The moment as an expression over the quoted column."""
    return f"to_timestamp({column})" if unit == "second" else f"to_timestamp({column} / 1000.0)"
