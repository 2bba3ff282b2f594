"""The names that PostgreSQL gives to indexes, constraints and sequences when a statement leaves them out.

The rules are those of the server (makeObjectName, ChooseRelationName, ChooseConstraintName and the callers in
indexcmds.c, heap.c and tablecmds.c), since steps that are split must leave behind the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from postai.sql.nodes import messages
from postai.sql.parse import statement_node

_LIMIT = 63

Taken = Callable[[str], bool]

_KEYWORD_VALUES = {
    "SVFOP_CURRENT_DATE": "current_date", "SVFOP_CURRENT_TIME": "current_time",
    "SVFOP_CURRENT_TIMESTAMP": "current_timestamp", "SVFOP_LOCALTIME": "localtime",
    "SVFOP_LOCALTIMESTAMP": "localtimestamp",
}  # fmt: skip


def clipped(text: str, limit: int = _LIMIT) -> str:
    """As much of a name as fits into so many bytes, whole characters only."""
    return text.encode()[: max(0, limit)].decode("utf-8", "ignore")


def object_name(first: str, second: str | None, label: str | None) -> str:
    """`first_second_label`, the two names shortened evenly until all fits."""
    overhead = (len(label.encode()) + 1 if label else 0) + (1 if second is not None else 0)
    room = _LIMIT - overhead
    one, two = len(first.encode()), len(second.encode()) if second is not None else 0
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    parts = [clipped(first, one)]
    if second is not None:
        parts.append(clipped(second, two))
    if label:
        parts.append(label)
    return "_".join(parts)


def free_name(first: str, second: str | None, label: str, taken: Taken) -> str:
    """The first of label, label1, label2 ... whose name is not taken."""
    number = 0
    while taken(name := object_name(first, second, f"{label}{number}" if number else label)):
        number += 1
    return name


def joined(columns: Sequence[str]) -> str:
    """Column names joined by "_" as far as a name can be long."""
    text = b""
    for column in columns:
        if text:
            text += b"_"
        text += column.encode()[: _LIMIT - 1 + 1]
        if len(text) >= _LIMIT + 1:
            break
    return text.decode("utf-8", "ignore")


def index_columns(tree: Any) -> list[str]:
    """Names of the columns that an index will have, expressions under the names they would have in a SELECT."""
    names: list[str] = []
    for one in (*tree.index_params, *tree.index_including_params):
        element = one.index_elem
        original = element.indexcolname or element.name or _figured(element.expr)[0] or "expr"
        name, number = original, 0
        while name in names:
            number += 1
            name = clipped(original, _LIMIT - len(str(number))) + str(number)
        names.append(name)
    return names


def _figured(node: Any) -> tuple[str | None, int]:
    """The name of an expression and how sure it is (2 = a real name), as FigureColname finds it."""
    inner = statement_node(node)
    kind = inner.DESCRIPTOR.name
    plain = {
        "CoalesceExpr": "coalesce", "A_ArrayExpr": "array", "RowExpr": "row", "GroupingFunc": "grouping",
        "XmlSerialize": "xmlserialize",
    }  # fmt: skip
    if kind == "ColumnRef":
        last = inner.fields[-1]
        return (last.string.sval, 2) if last.WhichOneof("node") == "string" else (None, 0)
    if kind == "FuncCall":
        return inner.funcname[-1].string.sval, 2
    if kind == "CollateClause":
        return _figured(inner.arg)
    if kind == "TypeCast":
        name, sure = _figured(inner.arg)
        return (name, sure) if sure > 1 else (inner.type_name.names[-1].string.sval, 1)
    if kind == "A_Expr":
        return ("nullif", 2) if _enum(inner, "kind") == "AEXPR_NULLIF" else (None, 0)
    if kind == "A_Indirection":
        named = [one.string.sval for one in inner.indirection if one.WhichOneof("node") == "string"]
        return (named[-1], 2) if named else _figured(inner.arg)
    if kind == "CaseExpr":
        name, sure = _figured(inner.defresult)
        return (name, sure) if sure > 1 else ("case", 1)
    if kind == "MinMaxExpr":
        return ("greatest" if _enum(inner, "op") == "IS_GREATEST" else "least"), 2
    if kind == "SQLValueFunction":
        return _KEYWORD_VALUES.get(_enum(inner, "op")), 2
    return plain.get(kind), 2 if kind in plain else 0


def _enum(message: Any, field: str) -> str:
    number = getattr(message, field)
    return str(message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name)


def columns_of(expression: Any, known: Sequence[str]) -> list[str]:
    """Columns (of those known) that an expression reads, each once."""
    found: dict[str, None] = {}
    for node in messages(expression):
        if node.DESCRIPTOR.name == "ColumnRef" and node.fields:
            last = node.fields[-1]
            if last.WhichOneof("node") == "string" and last.string.sval in known:
                found[last.string.sval] = None
    return list(found)
