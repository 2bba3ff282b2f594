"""What is known to make statements slower or wrong by how they are written: rules over the text alone.

They read a statement as pg_stat_statements shows it, with $n in the place of constants; so nothing is said of what only
a constant would tell. What indexes there are is all that they know of the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one, statement_node

Shape = tuple[object, ...]
"""An expression without names of tables, places in the text, and casts of the columns inside."""


@dataclass(frozen=True, slots=True)
class Note:
    """A rule that a statement breaks: why that matters, and what to write instead."""

    id: str
    title: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A note, and whether it is about a statement's tree, where these expressions are indexed."""

    note: Note
    applies: Callable[[Message, frozenset[Shape]], bool]


def notes_of(sql: str, indexed: Iterable[str] = ()) -> tuple[Note, ...]:
    """What to say about one statement; nothing where its text cannot be parsed.

    Args:
        indexed: expressions of indexes of its tables, as pg_get_indexdef tells them.
    """
    try:
        tree = parse_one(sql).tree
    except Refused:
        return ()
    shapes = frozenset(found for one in indexed if (found := _indexed_shape(one)))
    return tuple(rule.note for rule in RULES if rule.applies(tree, shapes))


def _indexed_shape(expression: str) -> Shape | None:
    try:
        (target,) = parse_one(f"select {expression}").tree.target_list
    except Refused:
        return None
    return _shape(statement_node(target).val)


def _kinds(tree: Message, *names: str) -> Iterator[Any]:
    return (one for one in messages(tree) if one.DESCRIPTOR.name in names)


def _is(node: Any, name: str) -> bool:
    return node is not None and node.WhichOneof("node") is not None and statement_node(node).DESCRIPTOR.name == name


def _all_columns(tree: Message, _: frozenset[Shape]) -> bool:
    targets = (one for select in _kinds(tree, "SelectStmt") for one in select.target_list)
    return any(
        _is(target, "ResTarget")
        and _is(statement_node(target).val, "ColumnRef")
        and any(_is(field, "A_Star") for field in statement_node(statement_node(target).val).fields)
        for target in targets
    )


def _not_in_query(tree: Message, _: frozenset[Shape]) -> bool:
    return any(
        one.boolop == pb.NOT_EXPR
        and any(_is(arg, "SubLink") and statement_node(arg).sub_link_type == pb.ANY_SUBLINK for arg in one.args)
        for one in _kinds(tree, "BoolExpr")
    )


def _random_order(tree: Message, _: frozenset[Shape]) -> bool:
    return any(
        _is(one.node, "FuncCall")
        and [statement_node(name).sval for name in statement_node(one.node).funcname][-1:] == ["random"]
        for one in _kinds(tree, "SortBy")
    )


def _offset(tree: Message, _: frozenset[Shape]) -> bool:
    return any(one.HasField("limit_offset") for one in _kinds(tree, "SelectStmt"))


def _every_row(tree: Message, _: frozenset[Shape]) -> bool:
    return any(not one.HasField("where_clause") for one in _kinds(tree, "UpdateStmt", "DeleteStmt"))


def _union(tree: Message, _: frozenset[Shape]) -> bool:
    recursive = [
        statement_node(one.ctequery)
        for clause in _kinds(tree, "WithClause")
        if clause.recursive
        for one in _kinds(clause, "CommonTableExpr")
        if any(table.relname == one.ctename for table in _kinds(one, "RangeVar"))
    ]
    # What calls itself ends by it when nothing new comes.
    return any(one.op == pb.SETOP_UNION and not one.all and one not in recursive for one in _kinds(tree, "SelectStmt"))


def _wrapped_column(tree: Message, indexed: frozenset[Shape]) -> bool:
    """A column inside a function or a cast is compared with a constant, or joined with another column."""
    clauses = [
        (one.where_clause, False)
        for one in _kinds(tree, "SelectStmt", "UpdateStmt", "DeleteStmt")
        if one.HasField("where_clause")
    ]
    clauses += [(one.quals, True) for one in _kinds(tree, "JoinExpr") if one.HasField("quals")]
    for clause, joins in clauses:
        for one in _kinds(clause, "A_Expr"):
            for side, other in ((one.lexpr, one.rexpr), (one.rexpr, one.lexpr)):
                compared = _given(other) or (joins and (_is(other, "ColumnRef") or _wraps(other)))
                if compared and _wraps(side) and _shape(side) not in indexed:
                    return True
    return False


def _given(side: Any) -> bool:
    """Whether it is a constant or a parameter, cast or not."""
    if _is(side, "TypeCast"):
        return _given(statement_node(side).arg)
    return _is(side, "ParamRef") or _is(side, "A_Const")


def _wraps(side: Any) -> bool:
    if _is(side, "FuncCall"):
        return any(_is(arg, "ColumnRef") for arg in statement_node(side).args)
    return _is(side, "TypeCast") and _is(statement_node(side).arg, "ColumnRef")


def _shape(side: Any) -> Shape | None:
    """The shape of a wrapped column; None where it has parts that are not compared."""
    if not _is_any(side, "FuncCall", "TypeCast"):
        return None
    node = statement_node(side)
    if _is(side, "TypeCast"):
        column = _plain_column(node.arg)
        return None if column is None else ("cast", statement_node(node.type_name.names[-1]).sval, column)
    parts = [_plain_column(arg) or _constant(arg) for arg in node.args]
    return None if None in parts else ("call", statement_node(node.funcname[-1]).sval, *parts)


def _plain_column(side: Any) -> Shape | None:
    """The column, without the casts that PostgreSQL writes around it."""
    if _is(side, "TypeCast"):
        return _plain_column(statement_node(side).arg)
    if not _is(side, "ColumnRef"):
        return None
    last = statement_node(side).fields[-1]
    return ("column", statement_node(last).sval) if _is(last, "String") else None


def _constant(side: Any) -> Shape | None:
    if _is(side, "TypeCast"):
        return _constant(statement_node(side).arg)
    if not _is(side, "A_Const"):
        return None
    node = statement_node(side)
    which = node.WhichOneof("val")
    return None if which is None else ("constant", str(getattr(node, which)))


def _is_any(node: Any, *names: str) -> bool:
    return any(_is(node, name) for name in names)


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
