"""Which columns a printed expression of a plan (Filter, Sort Key) compares, read with PostgreSQL's own parser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.errors import Refused
from postai.sql.parse import parse, statement_node

EQUALITY = frozenset({"="})
RANGE = frozenset({"<", "<=", ">", ">=", "~>=~", "~<~", "^@"})
PREFIX = frozenset({"~~"})
PATTERN = frozenset({"~~", "~~*", "~", "~*"})
TEXT_TYPES = frozenset({"text", "bpchar"})
"""Casts to these are what EXPLAIN prints for varchar and name columns; an index on the plain column serves them."""


@dataclass(frozen=True)
class IndexKeys:
    """What an index would have to hold to serve an expression.

    Attributes:
        equal: columns that are compared with one value, or a list of values.
        ordered: columns that are compared with bounds, or with the beginning of a text.
        others: columns that are used in a way which no ordinary index serves, as a function's argument for example.
        beginnings: those of `ordered` that are compared with the beginning of a text: where texts are not sorted by
            their bytes, only an index with text_pattern_ops serves that.
        searched: those of `others` in which a pattern is looked for anywhere.
        computed: those of `others` that are part of a larger expression, of which there are no statistics.
    """

    equal: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    beginnings: frozenset[str] = frozenset()
    searched: tuple[str, ...] = ()
    computed: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a B-tree index: equal ones first, and one with bounds."""
        return (*self.equal, *self.ordered[:1])

    @property
    def indexed(self) -> tuple[str, ...]:
        """The same as they stand in CREATE INDEX."""
        return tuple(
            quote_ident(one) + (" text_pattern_ops" if one in self.beginnings and one not in self.equal else "")
            for one in self.columns
        )

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.equal, *self.ordered, *self.others)


def index_keys(expression: str, alias: str, subplans: Iterable[str] = ()) -> IndexKeys:
    """What the conditions that are joined with AND compare.

    Args:
        expression: a "Filter" as EXPLAIN prints it.
        alias: name under which the scanned table is known; columns with another qualifier count as values.
        subplans: names of the plan's subplans, which stand in the text as `(InitPlan 1)` or `(hashed SubPlan 1)`.

    Returns:
        no columns when the text cannot be parsed: EXPLAIN prints some things that are no SQL.
    """
    root = condition_of(expression, subplans)
    if root is None:
        return IndexKeys()
    equal: list[str] = []
    ordered: list[str] = []
    others: list[str] = []
    beginnings: set[str] = set()
    searched: list[str] = []
    computed: set[str] = set()
    waiting: list[Message] = [root]
    while waiting:
        node = waiting.pop(0)
        if node.DESCRIPTOR.name == "BoolExpr" and node.boolop == pb.AND_EXPR:
            waiting[:0] = [statement_node(one) for one in node.args]
            continue
        column, kind = _comparison(node, alias)
        if column is not None:
            (equal if kind == "equal" else ordered).append(column)
            if kind == "beginning":
                beginnings.add(column)
            continue
        used, plain = columns_below(node, alias), _compared(node, alias)
        others += used
        if node.DESCRIPTOR.name in ("A_Expr", "FuncCall"):
            computed.update(set(used) - {plain})
        if plain is not None and _operator(node) in PATTERN:
            searched.append(plain)
    equal = list(dict.fromkeys(equal))
    ordered = [one for one in dict.fromkeys(ordered) if one not in equal]
    return IndexKeys(
        tuple(equal),
        tuple(ordered),
        tuple(dict.fromkeys(x for x in others if x not in (*equal, *ordered))),
        frozenset(beginnings),
        tuple(dict.fromkeys(searched)),
        frozenset(computed),
    )


def condition_of(expression: str, subplans: Iterable[str] = ()) -> Message | None:
    """The parse tree of a condition as EXPLAIN prints it; None where that is no SQL.

    Args:
        subplans: names of the plan's subplans, which stand in the text.
    """
    found = _parsed(f"SELECT WHERE {_without_subplans(expression, subplans)}")
    return None if found is None else statement_node(found.where_clause)


def sort_columns(keys: Sequence[str], aliases: frozenset[str]) -> tuple[str, ...] | None:
    """The columns of a "Sort Key" when an index could give that order.

    Returns:
        each as it stands in CREATE INDEX, e.g. `created_at DESC`, unquoted names quoted where they must be; None when
        a key is no plain column of one of these aliases.
    """
    found = _parsed(f"SELECT ORDER BY {', '.join(keys)}") if keys else None
    if found is None:
        return None
    columns = []
    for one in found.sort_clause:
        by = one.sort_by
        column = _column(statement_node(by.node), aliases)
        if column is None:
            return None
        order = " DESC" if by.sortby_dir == pb.SORTBY_DESC else ""
        nulls = {pb.SORTBY_NULLS_FIRST: " NULLS FIRST", pb.SORTBY_NULLS_LAST: " NULLS LAST"}.get(by.sortby_nulls, "")
        columns.append((column, order + nulls))
    return tuple(f"{quote_ident(column)}{order}" for column, order in columns)


def _without_subplans(expression: str, subplans: Iterable[str]) -> str:
    for name in subplans:
        words = name.split(" (", 1)[0]
        for text in (f"(hashed {words})", f"({words})", f"ANY {words}"):
            expression = expression.replace(text, "($1)")
    return expression


def _parsed(text: str) -> Any | None:
    """The only SELECT of a text."""
    try:
        statements = parse(text)
    except Refused:
        return None
    if len(statements) != 1 or statements[0].tree.DESCRIPTOR.name != "SelectStmt":
        return None
    return statements[0].tree


def _comparison(node: Message, alias: str) -> tuple[str | None, str]:
    """The column of a comparison that a B-tree index can serve, and how: "equal", "ordered", or by a "beginning"."""
    kind = node.DESCRIPTOR.name
    aliases = frozenset({alias})
    if kind == "ColumnRef":  # a boolean column by itself
        return _column(node, aliases), "equal"
    if kind == "NullTest":
        return (_column(statement_node(node.arg), aliases) if node.nulltesttype == pb.IS_NULL else None), "equal"
    if kind == "BoolExpr" and node.boolop == pb.NOT_EXPR:
        return _column(statement_node(node.args[0]), aliases), "equal"
    if kind != "A_Expr" or len(node.name) == 0:
        return None, ""
    operator = node.name[-1].string.sval
    left, right = statement_node(node.lexpr), statement_node(node.rexpr)
    if node.kind in (pb.AEXPR_OP_ANY, pb.AEXPR_IN):
        sides = [(left, right)] if operator in EQUALITY else []
    elif node.kind in (pb.AEXPR_OP, pb.AEXPR_LIKE):
        sides = [(left, right), (right, left)]
    else:
        return None, ""
    for column_side, value_side in sides:
        column = _column(column_side, aliases)
        if column is None or columns_below(value_side, alias):
            continue
        if operator in EQUALITY:
            return column, "equal"
        if operator in RANGE:
            return column, "ordered"
        if operator in PREFIX and _has_beginning(value_side):
            return column, "beginning"
    return None, ""


def _operator(node: Message) -> str:
    return node.name[-1].string.sval if node.DESCRIPTOR.name == "A_Expr" and len(node.name) else ""


def _compared(node: Message, alias: str) -> str | None:
    """The plain column on the left of an operator."""
    return _column(statement_node(node.lexpr), frozenset({alias})) if _operator(node) else None


def _has_beginning(node: Message) -> bool:
    """Whether a LIKE pattern is a literal that begins with a letter or digit."""
    while node.DESCRIPTOR.name == "TypeCast":
        node = statement_node(node.arg)
    return bool(node.DESCRIPTOR.name == "A_Const" and node.HasField("sval") and node.sval.sval[:1].isalnum())


def _column(node: Message, aliases: frozenset[str]) -> str | None:
    """The name of a plain column."""
    while node.DESCRIPTOR.name == "TypeCast" and node.type_name.names[-1].string.sval in TEXT_TYPES:
        node = statement_node(node.arg)
    if node.DESCRIPTOR.name != "ColumnRef":
        return None
    parts = [statement_node(one) for one in node.fields]
    if not parts or any(one.DESCRIPTOR.name != "String" for one in parts):
        return None
    names = [one.sval for one in parts]
    return names[-1] if len(names) == 1 or names[-2] in aliases else None


def columns_below(tree: Message, alias: str) -> list[str]:
    """Every column of the scanned table below a node."""
    found = []
    queue: list[Message] = [tree]
    while queue:
        node = queue.pop(0)
        if node.DESCRIPTOR.name == "ColumnRef" and (name := _column(node, frozenset({alias}))):
            found.append(name)
        for field, value in node.ListFields():
            if field.message_type is not None:
                queue.extend(value if field.is_repeated else [value])
    return found
