"""Keys of jsonb columns as if they were columns: `attributes ->> 'color'`, found in the statistics of ANALYZE."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from postai.database.catalog import Column, ColumnStatistics

SEPARATOR = "\x1f"
_KINDS = frozenset({"text", "numeric", "boolean"})
_MAX_KEYS = 40
_TYPES = {"text": ("text", "S"), "numeric": ("numeric", "N"), "boolean": ("bool", "B")}


def json_keys(column: Column) -> Iterable[Column]:
    """One made-up column for each top-level key that the statistics of a jsonb column show.

    Its name is the column's, the key and the type it is cast to, joined by SEPARATOR; `parts` takes it apart.
    """
    statistics = column.statistics
    if column.base_type != "jsonb" or statistics is None:
        return
    samples = (*statistics.most_common, *statistics.histogram)
    values: dict[str, list[object]] = defaultdict(list)
    for sample in samples:
        try:
            document = json.loads(sample, parse_float=Decimal)
        except ValueError:
            continue
        if isinstance(document, dict):
            for key, value in document.items():
                values[key].append(value)
    whole = 0 < statistics.n_distinct <= len(samples)
    for key, found in list(values.items())[:_MAX_KEYS]:
        kind = _kind(found)
        if kind is None or not key.isprintable():
            continue
        texts = tuple(dict.fromkeys(str(value) for value in found if value is not None))
        base, category = _TYPES[kind]
        known = ColumnStatistics(float(len(texts)) if whole else 0.0, 0.0, texts if kind == "text" else ())
        yield replace(
            column, name=SEPARATOR.join((column.name, key, kind)), base_type=base, type_category=category,
            not_null=False, comment=None, statistics=known, default=None, generated=None,
        )  # fmt: skip


def _kind(values: list[object]) -> str | None:
    present = [value for value in values if value is not None]
    if not present or any(isinstance(value, dict | list) for value in present):
        return None
    if all(isinstance(value, bool) for value in present):
        return "boolean"
    if all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in present):
        return "numeric"
    return "text"


def parts(name: str) -> tuple[str, str, str] | None:
    """(column, key, type) of a made-up name; None for a real column."""
    if name.count(SEPARATOR) != 2:
        return None
    column, key, kind = name.split(SEPARATOR)
    if not column or kind not in _KINDS:
        return None  # a real column that somebody called so
    return column, key, kind


def shown(name: str) -> str:
    """A column's name for people; a key is written behind a dot."""
    found = parts(name)
    return f"{found[0]}.{found[1]}" if found else name


def readable(text: str) -> str:
    """A text for people in which made-up names are written as `shown` writes them."""
    return re.sub(rf"{SEPARATOR}([^{SEPARATOR}]*){SEPARATOR}(?:text|numeric|boolean)", r".\1", text)
