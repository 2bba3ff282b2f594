"""What each condition of a plan does with a column before it compares it, read with PostgreSQL's own parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database.catalog import Table
from postai.sql.parse import statement_node
from postai.sql.plan_expressions import TEXT_TYPES, columns_below, condition_of

Wrapping = Literal["", "cast", "function", "expression", "collation"]
PATTERN_OPERATORS = frozenset({"~~", "~~*", "~", "~*"})


@dataclass(frozen=True)
class Use:
    """One condition on one column.

    Attributes:
        column: its name.
        operator: what compares it: "=", "~~" (LIKE), ...
        wrapping: what is done with the column before; "" = nothing.
        by: the type of a cast, the name of a function, of an operator, of a collation; "" = nothing is done.
        pattern: the text constant that it is compared with; None = none, or not known.
        compared_with_column: whether the other side is a column of another table.
    """

    column: str
    operator: str
    wrapping: Wrapping = ""
    by: str = ""
    pattern: str | None = None
    compared_with_column: bool = False

    @property
    def beginning(self) -> bool:
        """Whether the pattern says how the text begins."""
        text = self.pattern or ""
        if self.operator.startswith("~~"):
            return text[:1] not in ("", "%", "_")
        return text[:1] == "^" and text[1:2].isalnum()


def uses(expression: str, alias: str, table: Table, subplans: Iterable[str] = ()) -> Iterator[Use]:
    """The conditions, joined with AND, that compare one column of a table with something else.

    Args:
        expression: as EXPLAIN prints it.
        alias: name under which the table is scanned.
        subplans: names of the plan's subplans, which stand in the text.
    """
    root = condition_of(expression, subplans)
    waiting: list[Message] = [root] if root is not None else []
    while waiting:
        node = waiting.pop(0)
        kind = node.DESCRIPTOR.name
        if kind == "BoolExpr" and node.boolop == pb.AND_EXPR:
            waiting[:0] = [statement_node(one) for one in node.args]
        elif kind == "A_Expr" and len(node.name):
            use = _comparison(node, alias, table)
            if use is not None:
                yield use


def _comparison(node: Message, alias: str, table: Table) -> Use | None:
    operator = node.name[-1].string.sval
    left, right = statement_node(node.lexpr), statement_node(node.rexpr)
    for side, other in ((left, right), (right, left)):
        if not columns_below(side, alias) or columns_below(other, alias):
            continue
        found = _unwrapped(side, alias, table)
        if found is None:
            return None
        column, wrapping, by = found
        if other.DESCRIPTOR.name == "CollateClause" and not wrapping:
            wrapping, by = "collation", other.collname[-1].string.sval
        return Use(column, operator, wrapping, by, _text(other), _is_column(other))
    return None


def _unwrapped(node: Message, alias: str, table: Table) -> tuple[str, Wrapping, str] | None:
    """The only column of a side, and the outermost thing that is done with it."""
    wrapping: Wrapping = ""
    by = ""
    while True:
        kind = node.DESCRIPTOR.name
        inner: list[Message]
        if kind == "ColumnRef":
            names = columns_below(node, alias)
            return (names[0], wrapping, by) if names else None
        step: Wrapping = ""
        word = ""
        if kind == "TypeCast":
            inner, step, word = [statement_node(node.arg)], "cast", node.type_name.names[-1].string.sval
        elif kind == "CollateClause":
            inner, step, word = [statement_node(node.arg)], "collation", node.collname[-1].string.sval
        elif kind == "FuncCall":
            inner, step, word = [statement_node(one) for one in node.args], "function", node.funcname[-1].string.sval
        elif kind == "CoalesceExpr":
            inner, step, word = [statement_node(one) for one in node.args], "function", "coalesce"
        elif kind == "A_Expr" and len(node.name):
            sides = [one for one in (node.lexpr, node.rexpr) if one.WhichOneof("node")]
            inner, step, word = [statement_node(one) for one in sides], "expression", node.name[-1].string.sval
        else:
            return None
        inner = [one for one in inner if columns_below(one, alias)]
        if len(inner) != 1:
            return None
        node = inner[0]
        if not wrapping and not (step == "cast" and word in TEXT_TYPES and _is_text(node, alias, table)):
            wrapping, by = step, word


def _is_text(node: Message, alias: str, table: Table) -> bool:
    """Whether a cast to text changes nothing: the column is a varchar or a name, which indexes serve as text."""
    names = columns_below(node, alias) if node.DESCRIPTOR.name == "ColumnRef" else []
    column = table.column(names[0]) if names else None
    return column is None or column.type_category == "S"


def _is_column(node: Message) -> bool:
    while node.DESCRIPTOR.name in ("TypeCast", "CollateClause"):
        node = statement_node(node.arg)
    return bool(node.DESCRIPTOR.name == "ColumnRef")


def _text(node: Message) -> str | None:
    while node.DESCRIPTOR.name in ("TypeCast", "CollateClause"):
        node = statement_node(node.arg)
    return node.sval.sval if node.DESCRIPTOR.name == "A_Const" and node.HasField("sval") else None
