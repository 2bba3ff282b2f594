"""Which single rows of a table can matter to a statement: those whose key the topmost WHERE gives one value.

A table whose every column of the key is equated with a value by ANDed conditions of the topmost WHERE, and which
occurs nowhere else in the statement or in its views, gives to the answer nothing but the row with that key: joined
rows with another one, and rows that an outer join fills with NULL in its place, do not pass the WHERE.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postai.sql.reads_candidate import Candidate, Equal

INT2, INT4, INT8, TEXT, VARCHAR, UUID = 21, 23, 20, 25, 1043, 2950
_INTEGERS = frozenset({INT2, INT4, INT8})
_STRINGS = frozenset({TEXT, VARCHAR})
_INTEGER = re.compile(rb"[ \t\n\v\f\r]*([+-]?[0-9]{1,25})[ \t\n\v\f\r]*")
_UUID = re.compile(rb"(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}")

Key = tuple[tuple[str, int], ...]
"""Columns of a table's key and the oids of their types; strings only with a deterministic collation."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that the statement's text gives, normalised."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Param:
    """A value that the parameter of this number gives; to be normalised with the column's type."""

    number: int


Pins = tuple[tuple[int, tuple[tuple[str, Literal | Param, int], ...]], ...]
"""Table, and for each column of its key, in the key's order: name, value, oid of the column's type."""


def normalise(type_oid: int, value: bytes, binary: bool = False) -> bytes | None:
    """A value of a key as the change stream writes it.

    Args:
        type_oid: type of the key's column.
        value: as text (of a Bind, of a literal, of the stream) or in binary.
        binary: the format.

    Returns:
        None when it is not known which row the value means.
    """
    if type_oid in _INTEGERS:
        if binary:
            return b"%d" % int.from_bytes(value, "big", signed=True) if len(value) in (2, 4, 8) else None
        digits = _INTEGER.fullmatch(value)
        return b"%d" % int(digits[1]) if digits else None
    if type_oid == UUID:
        if binary:
            digits_only = value.hex().encode() if len(value) == 16 else b""
        else:
            inner = value[1:-1] if value[:1] == b"{" and value[-1:] == b"}" else value
            digits_only = inner.replace(b"-", b"").lower() if _UUID.fullmatch(inner) else b""
        ends = (0, 8, 12, 16, 20, 32)
        parts = [digits_only[start:end] for start, end in itertools.pairwise(ends)]
        return b"-".join(parts) if digits_only else None
    return value if type_oid in _STRINGS else None


def pins(
    one: Candidate,
    occurrences: Mapping[int, int],
    children: Mapping[int, Sequence[int]],
    relations: Sequence[int],
    watched: Mapping[int, Key],
) -> Pins:
    """The pinned tables of a statement.

    Args:
        occurrences: how often each relation is read, counting through views and from parents to children.
        children: partitions and inheriting tables of each table.
        relations: oids of `one.relations`.
        watched: keys of the tables whose changes are told row by row.
    """
    equated: dict[int, dict[str, Equal]] = {}
    for condition in one.equals:
        equated.setdefault(condition.place, {}).setdefault(condition.column, condition)
    found = []
    for place, columns in equated.items():
        queue = [relations[place]]
        while queue:
            table = queue.pop()
            queue += children.get(table, ())
            key = watched.get(table)
            if occurrences[table] != 1 or not key:
                continue
            values = [(name, _value(one, columns.get(name), kind), kind) for name, kind in key]
            if all(value is not None for _, value, _ in values):
                found.append((table, tuple((name, value, kind) for name, value, kind in values if value is not None)))
    return tuple(found)


def _value(one: Candidate, condition: Equal | None, kind: int) -> Literal | Param | None:
    """The value of a condition, when comparing with it means to be equal as the column's type is."""
    if condition is None:
        return None
    if isinstance(condition.value, str):
        if condition.number and kind not in _INTEGERS:
            return None
        value = normalise(kind, condition.value.encode())
        return None if value is None else Literal(value)
    number = condition.value
    declared = one.parameters[number - 1] if number <= len(one.parameters) else 0
    family = _INTEGERS if kind in _INTEGERS else _STRINGS if kind in _STRINGS else frozenset({kind})
    fits = declared in family if declared else number in one.single
    return Param(number) if fits and kind in _INTEGERS | _STRINGS | {UUID} else None
