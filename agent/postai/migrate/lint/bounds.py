"""Whether CHECK constraints prove that rows lie in a partition's bounds, or outside of them, so that nothing is read.

A modest prover over comparisons of one column with constants; PostgreSQL's own (predicate_implied_by) proves these
cases too. What is not proved here counts as read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.effects import proves_not_null
from postai.migrate.lint.world import Table
from postai.sql.parse import statement_node

Value = Decimal | datetime | str

_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?)?)?")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@dataclass(frozen=True)
class Comparison:
    """`column operator value`; of "in" one of the values."""

    column: str
    operator: str
    values: tuple[Value, ...]


def inside(table: Table, keys: tuple[str | None, ...], bound: Any) -> bool:
    """Whether every row of a table is known to fit a partition's bounds.

    Args:
        keys: the columns that the parent is divided by; () = unknown.
        bound: its FOR VALUES clause.
    """
    if bound.is_default or bound.strategy == "h" or len(keys) > 1 or None in keys:
        return False
    facts = [one for one in _facts(table) if isinstance(one, Comparison)]
    columns = set(keys) or {one.column for one in facts}
    return any(_fits(table, str(column), [one for one in facts if one.column == column], bound) for column in columns)


def outside(table: Table, keys: tuple[str | None, ...], bound: Any) -> bool:
    """Whether no row of a DEFAULT partition can belong to another partition's bounds."""
    if len(keys) != 1 or keys[0] is None or bound.is_default or bound.strategy == "h":
        return False
    for constraint in table.constraints:
        if constraint.kind == "c" and constraint.valid and constraint.expression is not None:
            branches = list(_parts(constraint.expression, pb.OR_EXPR))
            if all(_misses(branch, keys[0], bound) for branch in branches):
                return True
    return False


def _facts(table: Table) -> Iterator[Comparison]:
    for constraint in table.constraints:
        if constraint.kind == "c" and constraint.valid and constraint.expression is not None:
            yield from comparisons(constraint.expression)


def comparisons(expression: Message) -> Iterator[Comparison]:
    """What a condition says about single columns, its parts joined by AND."""
    for part in _parts(expression, pb.AND_EXPR):
        node: Any = part
        if not isinstance(node, pb.A_Expr):
            continue
        column, other = _column(node.lexpr), node.rexpr
        operator = node.name[0].string.sval
        if node.kind == pb.AEXPR_OP and column is None:
            column, other, operator = _column(node.rexpr), node.lexpr, _FLIPPED.get(operator, "")
        if column is None:
            continue
        if node.kind == pb.AEXPR_BETWEEN:
            ends = [value_of(item) for item in other.list.items]
            yield from (
                Comparison(column, sign, (end,))
                for sign, end in zip((">=", "<="), ends, strict=True)
                if end is not None
            )
        elif node.kind in (pb.AEXPR_IN, pb.AEXPR_OP_ANY) and operator == "=":
            values = [value_of(item) for item in _items(other)]
            if values and None not in values:
                yield Comparison(column, "in", tuple(one for one in values if one is not None))
        elif node.kind == pb.AEXPR_OP and operator in _FLIPPED:
            value = value_of(other)
            if value is not None:
                yield Comparison(column, "in" if operator == "=" else operator, (value,))


def _items(node: Any) -> Iterable[Any]:
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") == "a_array_expr":
        return list(node.a_array_expr.elements)
    return list(node.list.items)


def _parts(expression: Any, operator: int) -> Iterator[Any]:
    node = statement_node(expression) if isinstance(expression, pb.Node) else expression
    if isinstance(node, pb.BoolExpr) and node.boolop == operator:
        for item in node.args:
            yield from _parts(item, operator)
    else:
        yield node


def _column(node: Any) -> str | None:
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") != "column_ref":
        return None
    return str(node.column_ref.fields[-1].string.sval)


def value_of(node: Any) -> Value | None:
    """A constant as a value that can be compared; None for anything else."""
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    if node.WhichOneof("node") == "a_expr" and node.a_expr.name[0].string.sval == "-":
        inner = value_of(node.a_expr.rexpr)
        return -inner if isinstance(inner, Decimal) else None
    if node.WhichOneof("node") != "a_const":
        return None
    constant = node.a_const
    match constant.WhichOneof("val"):
        case "ival":
            return Decimal(constant.ival.ival)
        case "fval":
            return Decimal(constant.fval.fval)
        case "sval":
            return _text_value(constant.sval.sval)
    return None


def _text_value(text: str) -> Value:
    if _DATE.fullmatch(text):
        try:
            # PostgreSQL writes moments with the session's offset: without it they are what the session's clock shows.
            return datetime.fromisoformat(text).replace(tzinfo=None)
        except ValueError:
            return text
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _fits(table: Table, column: str, facts: list[Comparison], bound: Any) -> bool:
    known = table.columns.get(column)
    if known is not None and known.not_null is False and not proves_not_null(table, column):
        return False
    if bound.strategy == "l":
        allowed = {value_of(item) for item in bound.listdatums}
        return any(one.operator == "in" and set(one.values) <= allowed for one in facts)
    lower, upper = _end(bound.lowerdatums), _end(bound.upperdatums)
    if lower is None or upper is None:
        return False
    return _above(facts, lower) and _below(facts, upper)


def _end(datums: Any) -> Value | str | None:
    """The end of a range; "" for MINVALUE and MAXVALUE, None for what is not understood."""
    if len(datums) != 1:
        return None
    node = datums[0]
    if node.WhichOneof("node") == "column_ref":
        return ""
    return value_of(node)


def _above(facts: list[Comparison], end: Value) -> bool:
    if end == "":
        return True
    return any(
        one.operator in (">=", ">", "in") and all(_less_or_equal(end, value) for value in one.values) for one in facts
    )


def _below(facts: list[Comparison], end: Value) -> bool:
    if end == "":
        return True
    return any(
        (one.operator == "<" and _less_or_equal(one.values[0], end))
        or (one.operator in ("<=", "in") and all(_less(value, end) for value in one.values))
        for one in facts
    )


def _less_or_equal(left: Value, right: Value) -> bool:
    return left == right or _less(left, right)


def _less(left: Value, right: Value) -> bool:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left < right
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left < right
    return False  # texts: the order is the collation's


def _misses(branch: Any, column: str, bound: Any) -> bool:
    """Whether a condition keeps a column out of a partition's bounds."""
    facts = [one for one in comparisons(branch) if one.column == column]
    if bound.strategy == "l":
        taken = {value_of(item) for item in bound.listdatums}
        return any(one.operator == "in" and not taken & set(one.values) for one in facts)
    lower, upper = _end(bound.lowerdatums), _end(bound.upperdatums)
    if lower is None or upper is None:
        return False
    below = lower != "" and _below(facts, lower)
    above = upper != "" and _above(facts, upper)
    return below or above
