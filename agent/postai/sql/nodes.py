"""Parse tree nodes that a reading query may hold (names of libpg_query's messages), and what keywords stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

_PLAIN = """
A_ArrayExpr A_Const A_Indices A_Star Alias BitString BoolExpr Boolean BooleanTest CTECycleClause CTESearchClause
CaseWhen CoalesceExpr CollateClause ColumnDef Float GroupingFunc GroupingSet Integer JsonAggConstructor
JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat JsonFuncExpr
JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning
JsonScalarExpr JsonSerializeExpr JsonTableColumn JsonTablePathSpec JsonValueExpr List MinMaxExpr NamedArgExpr
NullTest ParamRef RangeTableFuncCol ResTarget RowExpr SQLValueFunction String TypeCast WindowDef XmlExpr
XmlSerialize
"""

PLAIN_NODES = frozenset(_PLAIN.split())
"""Nodes that are harmless when everything below them is. What needs a closer look has a method in the guard; all other
nodes are refused, also those that a later grammar may add."""

VERSION_OF_NODE: Mapping[str, int] = {
    **dict.fromkeys(
        ("JsonAggConstructor", "JsonArrayAgg", "JsonArrayConstructor", "JsonArrayQueryConstructor", "JsonIsPredicate",
         "JsonObjectAgg", "JsonObjectConstructor"),
        160000,
    ),
    **dict.fromkeys(
        ("JsonFuncExpr", "JsonParseExpr", "JsonScalarExpr", "JsonSerializeExpr", "JsonTable", "JsonTableColumn"), 170000
    ),
}  # fmt: skip
"""First server version whose grammar knows the syntax; an older server reads the same text as calls of functions with
these names, which could be anybody's."""

UNQUALIFIED_BEFORE: Mapping[str, int] = {"json_object": 160000, "system_user": 160000}
"""Functions that the grammar qualifies with pg_catalog since that version; older servers look along the search_path."""

JSON_TYPE_IS_KEYWORD_SINCE = 170000
"""Since then the type name json cannot be shadowed by the search_path."""

OPERATORS_OF_KEYWORDS: Mapping[int, tuple[str, ...]] = {
    pb.AEXPR_BETWEEN: (">=", "<="),
    pb.AEXPR_NOT_BETWEEN: ("<", ">"),
    pb.AEXPR_BETWEEN_SYM: (">=", "<="),
    pb.AEXPR_NOT_BETWEEN_SYM: ("<", ">"),
}
"""Operators that the keywords stand for where the tree does not name them."""


def messages(tree: Message) -> Iterator[Any]:
    """A parse tree's messages, the tree itself among them, in no particular order."""
    queue: list[Message] = [tree]
    while queue:
        node = queue.pop()
        yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                queue += list(value) if field.is_repeated else [value]


def highest_parameter(tree: Message) -> int:
    """The greatest n of $n in a tree; 0 = there is none."""
    return max((int(node.number) for node in messages(tree) if node.DESCRIPTOR.name == "ParamRef"), default=0)
