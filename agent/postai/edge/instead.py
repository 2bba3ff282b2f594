"""Statements in whose place an edge reads a cache table, because a rule says so.

A statement is meant only if its text is the rule's, but for what stands around it: spaces, a semicolon at the end, and
the comment with which a client asks for the route.
"""

from __future__ import annotations

import re
import struct

from postgast import pg_query_pb2 as pb

from postai.edge import wire
from postai.edge.wire import Columns, Framer, columns_of
from postai.errors import Refused
from postai.sql.parse import parse_one, statement_node

ASKED = b"/* postai.route */"
"""With this a statement begins whose client wants to be told where it goes, and why."""

_AROUND = b" \t\n\r\f"
_COUNT = struct.Struct("!H")
_WAYS = {pb.SORTBY_DEFAULT: "", pb.SORTBY_ASC: "", pb.SORTBY_DESC: " desc"}
_NULLS = {
    pb.SORTBY_NULLS_DEFAULT: "", pb.SORTBY_NULLS_FIRST: " nulls first", pb.SORTBY_NULLS_LAST: " nulls last",
}  # fmt: skip
_WANTED = frozenset(b"tTnE")


def plain(text: bytes) -> bytes:
    """The text of a statement without what stands around it."""
    return text.removeprefix(ASKED).strip(_AROUND).rstrip(b";" + _AROUND)


def statement(table: str) -> bytes:
    """The text that reads a cache table."""
    return b"select * from " + qualified(table).encode()


def qualified(table: str) -> str:
    """The name of a cache table, as SQL writes it."""
    return "postai_cache." + '"' + re.sub('"', '""', table) + '"'


def order(text: bytes, found: Columns) -> bytes | None:
    """The ORDER BY that gives the columns of a statement its order; empty = it has none, None = they cannot.

    Args:
        text: the statement.
        found: its columns.
    """
    try:
        tree = parse_one(text.decode()).tree
    except (Refused, UnicodeDecodeError):
        return None
    if not isinstance(tree, pb.SelectStmt):
        return None
    terms = []
    names = [name for name, _, _ in found]
    for one in tree.sort_clause:
        by, number = one.sort_by, 0
        node = statement_node(by.node)
        if isinstance(node, pb.A_Const) and node.WhichOneof("val") == "ival":
            number = node.ival.ival
        elif isinstance(node, pb.ColumnRef) and len(node.fields) == 1:
            name = node.fields[0].string.sval.encode()
            number = names.index(name) + 1 if names.count(name) == 1 else 0
        if not 1 <= number <= len(names) or by.sortby_dir not in _WAYS:
            return None
        terms.append(f"{number}{_WAYS[by.sortby_dir]}{_NULLS[by.sortby_nulls]}")
    return f" order by {', '.join(terms)}".encode() if terms else b""


def describe(text: bytes) -> bytes:
    """The messages that ask a server what a statement without parameters gives; they leave it unnamed."""
    parse = wire.message(b"P", b"\0" + text + b"\0\0\0")
    return parse + wire.message(b"D", b"S\0") + wire.message(b"S")


def columns(reply: bytes) -> Columns | str:
    """What a server said to `describe`: columns, or why there are none."""
    for kind, message in Framer(wire.BACKEND, _WANTED).feed(reply):
        if kind == ord("E"):
            return wire.parse_error(message[5:]).get("M", "it failed")
        if kind == ord("t") and _COUNT.unpack_from(message, 5)[0]:
            return "it has parameters"
        if kind == ord("T"):
            return columns_of(message)
    return "it gives no rows"
