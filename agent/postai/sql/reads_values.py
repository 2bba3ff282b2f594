"""Small questions about parts of a parse tree: what a value is, what a query's columns are called.

Nodes are libpg_query's messages, whose generated types cannot be checked: they are `Any` here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.sql.nodes import messages
from postai.sql.parse import statement_node

_MOMENTS = (b"now", b"today", b"tomorrow", b"yesterday")
_WORD = re.compile(rb"(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])")

CAST_FUNCTIONS = frozenset(
    {"date", "time", "timetz", "timestamp", "timestamptz", "daterange", "tsrange", "tstzrange", "datemultirange",
     "tsmultirange", "tstzmultirange"}
)  # fmt: skip
"""Types whose name, written as a function of one argument, can mean the cast."""
_DATE_FUNCTIONS = frozenset(
    {"date_trunc", "date_bin", "make_date", "make_timestamp", "make_timestamptz", "to_date", "to_timestamp", "timezone"}
)
"""Functions whose result is of a type of dates, times or lengths of time, whatever they are given."""


def special_input(value: bytes) -> bool:
    """Whether a value, as text or in binary, could be read as the present moment by a type of dates and times.

    These types read the words now, today, tomorrow and yesterday in any case, between whatever is no letter
    (ParseDateTime in PostgreSQL's datetime.c); arrays, rows and ranges take quotes and backslashes out before.
    """
    lowered = value.lower()
    if b'"' in lowered or b"\\" in lowered:
        taken_out = lowered.translate(None, b'"\\')
        if any(word in taken_out for word in _MOMENTS):
            return True
    return any(word in lowered for word in _MOMENTS) and bool(_WORD.search(lowered))


def is_literal(node: Any) -> bool:
    """Whether it is a bare string, NULL or parameter: its type is still open when overloads are chosen."""
    which = node.WhichOneof("node")
    if which == "a_const":
        return bool(node.a_const.isnull or node.a_const.HasField("sval"))
    return bool(which == "param_ref")


def operands(left: Any, right: Any | None) -> tuple[bool, ...] | None:
    """Which operands of an operator are bare literals; None for rows, whose fields are compared one by one.

    Of a list only some members may be literals, which counts as one.
    """
    found = [one for one in (left, right) if one is not None and one.WhichOneof("node")]
    if any(one.WhichOneof("node") == "row_expr" for one in found):
        return None
    return tuple(is_literal(one) or one.WhichOneof("node") == "list" for one in found)


def dated(node: Any) -> tuple[str, ...] | None:
    """Whether a value can be cast to a type of dates and times without reading text that the statement does not show.

    Returns:
        names of columns of which this holds if they are of such types themselves; None = it does not hold.
    """
    which = node.WhichOneof("node")
    if which in ("a_const", "param_ref"):
        return ()
    if which == "column_ref":
        last = node.column_ref.fields[-1]
        return (last.string.sval,) if last.WhichOneof("node") == "string" else None
    if which == "type_cast":
        name = node.type_cast.type_name.names[-1].string.sval
        return dated(node.type_cast.arg) if name in CAST_FUNCTIONS or name == "interval" else None
    if which == "func_call":
        name = node.func_call.funcname[-1].string.sval
        if name in _DATE_FUNCTIONS:
            return ()
        return dated(node.func_call.args[0]) if name in ("min", "max") and len(node.func_call.args) == 1 else None
    if which == "a_expr" and node.a_expr.kind == pb.AEXPR_OP and node.a_expr.name[-1].string.sval in ("+", "-"):
        return dated(node.a_expr.lexpr)
    if which in ("coalesce_expr", "min_max_expr"):
        return _all_dated(getattr(node, which).args)
    return _all_dated(node.a_array_expr.elements) if which == "a_array_expr" else None


def _all_dated(nodes: Any) -> tuple[str, ...] | None:
    names: dict[str, None] = {}
    for one in nodes:
        found = dated(one)
        if found is None:
            return None
        names.update(dict.fromkeys(found))
    return tuple(names)


def outputs(query: Any) -> frozenset[str] | None:
    """Names of a query's columns that are certain; None when it may have others (a star)."""
    while query.op != pb.SETOP_NONE:
        query = query.larg
    found = set()
    for one in query.target_list:
        target = one.res_target
        if target.name:
            found.add(target.name)
        elif target.val.WhichOneof("node") == "column_ref":
            last = target.val.column_ref.fields[-1]
            if last.WhichOneof("node") != "string":
                return None
            found.add(last.string.sval)
        elif target.val.WhichOneof("node") == "func_call":
            found.add(target.val.func_call.funcname[-1].string.sval)
    return frozenset(found)


def renamings(query: Any) -> Iterator[str]:
    """Names that a query may give to columns which are no columns of relations."""
    for one in query.target_list:
        target = one.res_target
        if target.name:
            yield target.name
        elif target.val.WhichOneof("node") != "column_ref":
            yield from (node.sval for node in messages(target.val) if node.DESCRIPTOR.name == "String")
    for row in query.values_lists[:1]:
        yield from (f"column{number + 1}" for number in range(len(row.list.items)))


def conjuncts(condition: Any) -> Iterator[Any]:
    """The conditions of which all must hold."""
    if condition.WhichOneof("node") == "bool_expr" and condition.bool_expr.boolop == pb.AND_EXPR:
        for one in condition.bool_expr.args:
            yield from conjuncts(one)
    else:
        yield condition


def equations(condition: Any) -> Iterator[tuple[tuple[str, ...], str | int, bool]]:
    """Of one condition `column = value`: the column's name in its parts, the value, whether a number was written."""
    if condition.WhichOneof("node") != "a_expr" or condition.a_expr.kind != pb.AEXPR_OP:
        return
    expression = condition.a_expr
    if [one.string.sval for one in expression.name] not in (["="], ["pg_catalog", "="]):
        return
    for left, right in ((expression.lexpr, expression.rexpr), (expression.rexpr, expression.lexpr)):
        value = _value(right)
        if value is not None and left.WhichOneof("node") == "column_ref":
            parts = [statement_node(one) for one in left.column_ref.fields]
            yield tuple(getattr(one, "sval", "*") for one in parts), *value


def _value(node: Any) -> tuple[str | int, bool] | None:
    """A literal or the number of a parameter, and whether it was written as a number."""
    which = node.WhichOneof("node")
    if which == "param_ref":
        return node.param_ref.number, False
    if which != "a_const" or node.a_const.isnull:
        return None
    constant = node.a_const
    if constant.HasField("sval"):
        return constant.sval.sval, False
    if constant.HasField("ival"):
        return str(constant.ival.ival), True
    if constant.HasField("fval") and constant.fval.fval.lstrip("-").isdigit():
        return constant.fval.fval, True
    return None
