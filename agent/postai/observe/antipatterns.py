"""What is known to make statements slower or wrong by how they are written: rules over the text alone.

They read a statement as pg_stat_statements shows it, with $n in the place of constants; so nothing is said of what only
a constant would tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one, statement_node


@dataclass(frozen=True, slots=True)
class Note:
    """A rule that a statement breaks: why that matters, and what to write instead."""

    id: str
    title: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A note, and whether it is about a statement's tree."""

    note: Note
    applies: Callable[[Message], bool]


def notes_of(sql: str) -> tuple[Note, ...]:
    """What to say about one statement; nothing where its text cannot be parsed."""
    try:
        tree = parse_one(sql).tree
    except Refused:
        return ()
    return tuple(rule.note for rule in RULES if rule.applies(tree))


def _kinds(tree: Message, *names: str) -> Iterator[Any]:
    return (one for one in messages(tree) if one.DESCRIPTOR.name in names)


def _is(node: Any, name: str) -> bool:
    return node is not None and node.WhichOneof("node") is not None and statement_node(node).DESCRIPTOR.name == name


def _all_columns(tree: Message) -> bool:
    targets = (one for select in _kinds(tree, "SelectStmt") for one in select.target_list)
    return any(
        _is(target, "ResTarget")
        and _is(statement_node(target).val, "ColumnRef")
        and any(_is(field, "A_Star") for field in statement_node(statement_node(target).val).fields)
        for target in targets
    )


def _not_in_query(tree: Message) -> bool:
    return any(
        one.boolop == pb.NOT_EXPR
        and any(_is(arg, "SubLink") and statement_node(arg).sub_link_type == pb.ANY_SUBLINK for arg in one.args)
        for one in _kinds(tree, "BoolExpr")
    )


def _random_order(tree: Message) -> bool:
    return any(
        _is(one.node, "FuncCall")
        and [statement_node(name).sval for name in statement_node(one.node).funcname][-1:] == ["random"]
        for one in _kinds(tree, "SortBy")
    )


def _offset(tree: Message) -> bool:
    return any(one.HasField("limit_offset") for one in _kinds(tree, "SelectStmt"))


def _every_row(tree: Message) -> bool:
    return any(not one.HasField("where_clause") for one in _kinds(tree, "UpdateStmt", "DeleteStmt"))


def _union(tree: Message) -> bool:
    return any(one.op == pb.SETOP_UNION and not one.all for one in _kinds(tree, "SelectStmt"))


def _wrapped_column(tree: Message) -> bool:
    """A column inside a function or a cast is compared with a constant."""
    clauses = [
        one.where_clause
        for one in _kinds(tree, "SelectStmt", "UpdateStmt", "DeleteStmt")
        if one.HasField("where_clause")
    ]
    for clause in clauses:
        for one in _kinds(clause, "A_Expr"):
            sides = (one.lexpr, one.rexpr)
            if any(_wraps(side) for side in sides) and any(
                _is(side, "ParamRef") or _is(side, "A_Const") for side in sides
            ):
                return True
    return False


def _wraps(side: Any) -> bool:
    if _is(side, "FuncCall"):
        return any(_is(arg, "ColumnRef") for arg in statement_node(side).args)
    return _is(side, "TypeCast") and _is(statement_node(side).arg, "ColumnRef")


RULES: tuple[Rule, ...] = (
    Rule(
        Note(
            "wrapped_column",
            "A column is compared inside a function or a cast",
            "An index on the column itself cannot be used for it.",
            "Compare the bare column (placed_at >= $1 and placed_at < $2 instead of date(placed_at) = $1),"
            " or index the expression.",
        ),
        _wrapped_column,
    ),
    Rule(
        Note(
            "not_in_query",
            "NOT IN with a subquery",
            "It gives no row at all as soon as the subquery gives a NULL, and it cannot be planned as an anti join.",
            "Write NOT EXISTS (SELECT ... WHERE inner.id = outer.id).",
        ),
        _not_in_query,
    ),
    Rule(
        Note(
            "offset",
            "OFFSET",
            "All rows before the page are read and thrown away, more of them with each page.",
            "Remember the last key of the page before: WHERE (placed_at, id) < ($1, $2)"
            " ORDER BY placed_at DESC, id DESC LIMIT 50.",
        ),
        _offset,
    ),
    Rule(
        Note(
            "random_order",
            "ORDER BY random()",
            "Every row is read and sorted for the few that are wanted.",
            "TABLESAMPLE, or rows at random keys.",
        ),
        _random_order,
    ),
    Rule(
        Note(
            "every_row",
            "UPDATE or DELETE without WHERE",
            "Every row is written and locked until the transaction ends.",
            "TRUNCATE for all rows of a table; batches along the key for a change of all of them.",
        ),
        _every_row,
    ),
    Rule(
        Note(
            "union",
            "UNION without ALL",
            "All rows are sorted or hashed to find equal ones.",
            "UNION ALL, where there cannot be equal rows or they do no harm.",
        ),
        _union,
    ),
    Rule(
        Note(
            "all_columns",
            "SELECT *",
            "Columns that nobody needs are read, sent and kept from index-only scans; it changes when the table does.",
            "Name the columns.",
        ),
        _all_columns,
    ),
)
"""In the order in which they are told."""
