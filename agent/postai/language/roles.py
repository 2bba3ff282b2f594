"""Roles of rows: the manager of an employee, the department of a section, the head of a department.

Such a role becomes a table of its own for the engine: the same rows under another name, reached by the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from postai.language.known_joins import DirectedJoin
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.words import singular

_ID_WORDS = frozenset({"id", "uuid", "key", "code"})


def with_roles(tables: tuple[TableInfo, ...], joins: tuple[DirectedJoin, ...] = ()) -> tuple[TableInfo, ...]:
    """The tables, and behind them one more for each key (or known join) of a table to itself.

    Of two tables that refer to each other, the key with a word of its own makes a role too: the head of a department
    is an employee, but the employees of a department are those that refer to it.
    """
    taken = {info.words[-1] for info in tables}
    found = list(tables)
    for info in tables:
        for column in _self_keys(info, joins):
            role = _role(info, column, len(found))
            if role is not None and role.words[-1] not in taken:
                found.append(role)
                taken.add(role.words[-1])
    for info, column, other in _mutual_keys(tables):
        words = tuple(word for word in column.words if word not in _ID_WORDS and word not in other.words)
        if words and words[-1] not in taken:
            found.append(_play(other, info, column, words, len(found)))
            taken.add(words[-1])
    return tuple(found)


def _mutual_keys(tables: tuple[TableInfo, ...]) -> Iterable[tuple[TableInfo, ColumnInfo, TableInfo]]:
    """Keys of a table to one that refers back to it."""
    by_name = {(info.table.schema, info.table.name): info for info in tables}
    for info in tables:
        for key in info.table.foreign_keys:
            other = by_name.get((key.schema, key.table))
            if other is None or other is info or len(key.columns) != 1:
                continue
            if any((k.schema, k.table) == (info.table.schema, info.table.name) for k in other.table.foreign_keys):
                yield info, info.column(key.columns[0]), other


def _play(real: TableInfo, holder: TableInfo, column: ColumnInfo, words: tuple[str, ...], index: int) -> TableInfo:
    return replace(
        real,
        index=index,
        words=words,
        columns=tuple(replace(one, table=index) for one in real.columns),
        is_event=False,
        real=real.index,
        holder=holder.index,
        by=column.name,
    )


def _self_keys(info: TableInfo, joins: tuple[DirectedJoin, ...]) -> Iterable[ColumnInfo]:
    here = (info.table.schema, info.table.name)
    for join in joins:
        if (join.child.schema, join.child.table) == (join.parent.schema, join.parent.table) == here and not join.many:
            yield info.column(join.child.column)
    for key in info.table.foreign_keys:
        if (key.schema, key.table) == (info.table.schema, info.table.name) and len(key.columns) == 1:
            yield info.column(key.columns[0])


def _role(info: TableInfo, column: ColumnInfo, index: int) -> TableInfo | None:
    words = tuple(word for word in column.words if word not in _ID_WORDS and word not in info.words)
    child, root = "", False
    said = re.match(r"(?i)\s*(\w+) of (?:a|an|the|this) (\w+)(.*)", column.column.comment or "")
    if said and singular(said.group(1).lower()) not in info.words:
        words = (singular(said.group(1).lower()),)
        child = singular(said.group(2).lower())
        root = bool(re.search(rf"(?i)\bnull for (?:a|an|the) {re.escape(said.group(1))}\b", said.group(3)))
    if not words:
        return None
    return replace(
        info,
        index=index,
        words=words,
        columns=tuple(replace(one, table=index) for one in info.columns),
        is_event=False,
        real=info.index,
        holder=info.index,
        by=column.name,
        part=child if child not in info.words else "",
        root=root,
    )
