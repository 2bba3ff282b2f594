"""Statements made to speak of copies: names are changed in PostgreSQL's parse tree, never in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from postai.sql.nodes import messages
from postai.sql.parse import parse_one, write

Copies = Mapping[tuple[str, str], str]
"""(schema, name) of a real relation -> schema of its copy, which bears the same name; all unquoted."""


def redirect(sql: str, copies: Copies) -> str:
    """A query in which qualified names of copied relations mean the copies.

    Unqualified names are left alone: `search_path` decides on them (see `path_of`).

    Raises:
        Refused: it is not one statement, or cannot be written back faithfully.
    """
    tree = parse_one(sql).tree
    changed = False
    for node in messages(tree):
        kind = node.DESCRIPTOR.name
        if kind == "RangeVar" and (node.schemaname, node.relname) in copies:
            node.schemaname = copies[node.schemaname, node.relname]
            changed = True
        elif kind == "ColumnRef" and len(node.fields) > 2:
            names = [one.string.sval for one in node.fields[:2]]
            if (names[0], names[1]) in copies:
                node.fields[0].string.sval = copies[names[0], names[1]]
                changed = True
    return write(tree) if changed else sql


def path_of(search_path: Sequence[str], copies: Copies) -> tuple[str, ...]:
    """The search_path along which unqualified names find the copies where they found the real relations."""
    places: dict[str, dict[str, None]] = {}
    for (schema, _), place in copies.items():
        places.setdefault(schema, {})[place] = None
    return tuple(dict.fromkeys(one for schema in search_path for one in (*places.get(schema, ()), schema)))


def redirect_index(tree: Message, name: str, place: str, table: str, *, whole: bool = False) -> str:
    """A CREATE INDEX statement for the copy of its table, not concurrently (that cannot run in a transaction).

    Args:
        tree: its IndexStmt, which stays as it is.
        name: of the index.
        place, table: schema and name of the copy.
        whole: whether it is made for the partitions too where it says ON ONLY.

    Raises:
        Refused: it cannot be written back faithfully.
    """
    changed: Any = type(tree)()
    changed.CopyFrom(tree)
    changed.concurrent = False
    changed.if_not_exists = False
    changed.idxname = name
    changed.relation.catalogname = ""
    changed.relation.schemaname = place
    changed.relation.relname = table
    changed.relation.inh = changed.relation.inh or whole
    return write(changed)
