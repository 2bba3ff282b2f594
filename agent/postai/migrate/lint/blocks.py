"""Statements inside a DO block, as far as they can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.phrasing import written
from postai.sql.parse import Unparsable, check_size, parse

_BRANCHES = (
    "body", "then_body", "else_body", "stmts", "elsif_list", "case_when_list", "exc_list", "action", "exceptions",
)  # fmt: skip


_OPENS = re.compile(r"\b(?:begin|if|loop|case)\b", re.IGNORECASE)
_MOST_BLOCKS = 400
"""A body that could nest deeper than half of this is not read: each BEGIN, IF, LOOP and CASE has its END."""


def inner_statements(tree: pb.DoStmt) -> Iterator[Message]:
    """Every statement that a PL/pgSQL block holds, in the order of the text; EXECUTE of a constant text too."""
    language = [item.def_elem.arg.string.sval for item in tree.args if item.def_elem.defname == "language"]
    if language and language[0] != "plpgsql":
        return
    bodies = [item.def_elem.arg.string.sval for item in tree.args if item.def_elem.defname == "as"]
    if not bodies or len(_OPENS.findall(bodies[0])) > _MOST_BLOCKS:
        return
    try:
        check_size(bodies[0])
        functions = postgast.parse_plpgsql(written(tree))
    except (Unparsable, postgast.PgQueryError, json.JSONDecodeError, RecursionError):
        return  # the server will say what is wrong with it; the statement itself parses
    for text in _texts(functions):
        try:
            yield from (statement.tree for statement in parse(text))
        except Unparsable:
            continue  # PL/pgSQL's own forms: INTO in odd places


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for kind, value in node.items():
            if kind == "PLpgSQL_stmt_execsql":
                yield value["sqlstmt"]["PLpgSQL_expr"]["query"]
            elif kind == "PLpgSQL_stmt_dynexecute":
                yield from _constant(value["query"]["PLpgSQL_expr"]["query"])
            elif kind == "PLpgSQL_stmt_commit":
                yield "COMMIT"
            elif kind == "PLpgSQL_stmt_rollback":
                yield "ROLLBACK"
            elif kind.startswith("PLpgSQL_") or kind in _BRANCHES:
                yield from _texts(value)


def _constant(expression: str) -> Iterator[str]:
    """The text of EXECUTE 'text'."""
    try:
        statements = parse(f"SELECT {expression}")
    except Unparsable:
        return
    tree: Any = statements[0].tree
    if len(tree.target_list) == 1:
        node = tree.target_list[0].res_target.val
        if node.WhichOneof("node") == "a_const" and node.a_const.WhichOneof("val") == "sval":
            yield node.a_const.sval.sval
