"""Statements inside a DO block, as far as they can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.phrasing import written
from postai.sql.parse import Statement, Unparsable, check_size, parse

_OPENS = re.compile(r"\b(?:begin|if|loop|case)\b", re.IGNORECASE)
_MOST_BLOCKS = 400
"""A body that could nest deeper than half of this is not read: each BEGIN, IF, LOOP and CASE has its END."""
_WHOLE, _VALUE = 0, 2
"""Modes in which PL/pgSQL parses an expression's text: a statement; what may stand after SELECT; else an assignment."""
_ASSIGNED = re.compile(r"^[\w.\"\[\]\s]*:?=")


_STRAIGHT = frozenset({"block", "execsql", "dynexecute", "assign", "raise", "perform", "return", "assert"})
_FOLLOWED = _STRAIGHT | {"if", "case"}


@dataclass(frozen=True)
class Block:
    """What a PL/pgSQL block holds.

    Attributes:
        statements: in the order of the text; the text of EXECUTE where it is constant.
        expressions: everything else that it evaluates: conditions, assignments, PERFORM, queries of loops; None where
            one of them cannot be read.
        complete: whether every statement could be read.
        straight: whether each of its statements runs, once, whatever the expressions give.
        followed: whether the expressions alone decide which of them run, each at most once.
    """

    statements: tuple[Statement, ...]
    expressions: tuple[Message, ...] | None
    complete: bool
    straight: bool
    followed: bool


def inner_statements(tree: pb.DoStmt) -> Iterator[Message]:
    """Every statement that a PL/pgSQL block holds, in the order of the text; EXECUTE of a constant text too."""
    block = read_block(tree)
    return iter(()) if block is None else (one.tree for one in block.statements)


def read_block(tree: pb.DoStmt) -> Block | None:
    """What a DO statement holds; None = another language, or the server will not take it."""
    language = [item.def_elem.arg.string.sval for item in tree.args if item.def_elem.defname == "language"]
    if language and language[0] != "plpgsql":
        return None
    bodies = [item.def_elem.arg.string.sval for item in tree.args if item.def_elem.defname == "as"]
    if not bodies or len(_OPENS.findall(bodies[0])) > _MOST_BLOCKS:
        return None
    try:
        check_size(bodies[0])
        functions = postgast.parse_plpgsql(written(tree))
    except (Unparsable, postgast.PgQueryError, json.JSONDecodeError, RecursionError):
        return None  # the server will say what is wrong with it; the statement itself parses
    reader = _Reader()
    reader.read(functions)
    kinds = reader.kinds
    return Block(
        tuple(reader.statements),
        None if reader.unread else tuple(reader.expressions),
        reader.complete,
        kinds <= _STRAIGHT,
        kinds <= _FOLLOWED,
    )


class _Reader:
    """Goes through the tree of a block."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.expressions: list[Message] = []
        self.kinds: set[str] = set()
        self.complete = True
        self.unread = False

    def read(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self.read(item)
        elif isinstance(node, dict):
            for kind, value in node.items():
                self._part(kind, value)

    def _part(self, kind: str, value: Any) -> None:
        if kind.startswith("PLpgSQL_stmt_"):
            self.kinds.add(kind.removeprefix("PLpgSQL_stmt_"))
        if kind == "PLpgSQL_stmt_execsql":
            self._statement(value["sqlstmt"]["PLpgSQL_expr"]["query"])
        elif kind == "PLpgSQL_stmt_dynexecute":
            text = _constant(value["query"]["PLpgSQL_expr"]["query"])
            if text is None:
                self.complete = False
            else:
                self._statement(text)
            self.read(value.get("params"))
        elif kind in ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"):
            self._statement(kind.removeprefix("PLpgSQL_stmt_").upper())
        elif kind == "PLpgSQL_expr":
            self._expression(value["query"], value.get("parseMode", 0))
        else:
            if kind == "exceptions":
                self.kinds.add("if")  # what a handler does runs or does not
            self.read(value)

    def _statement(self, text: str) -> None:
        try:
            self.statements += parse(text)
        except Unparsable:
            self.complete = False  # PL/pgSQL's own forms: INTO in odd places

    def _expression(self, text: str, mode: int) -> None:
        whole = text if mode == _WHOLE else f"SELECT {text if mode == _VALUE else _ASSIGNED.sub('', text, count=1)}"
        try:
            self.expressions += [one.tree for one in parse(whole)]
        except Unparsable:
            self.unread = True


def _constant(expression: str) -> str | None:
    """The text of EXECUTE 'text'."""
    try:
        statements = parse(f"SELECT {expression}")
    except Unparsable:
        return None
    tree: Any = statements[0].tree
    if len(tree.target_list) == 1:
        node = tree.target_list[0].res_target.val
        if node.WhichOneof("node") == "a_const" and node.a_const.WhichOneof("val") == "sval":
            return str(node.a_const.sval.sval)
    return None
