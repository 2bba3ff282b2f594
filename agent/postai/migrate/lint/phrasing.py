"""SQL of safe alternatives, written from the parse tree of the statement at hand."""

from __future__ import annotations

from typing import Any

import postgast
from google.protobuf.message import Message
from postgast.pg_query_pb2 import ParseResult, SelectStmt

from postai.database.identifiers import quote_ident
from postai.sql.parse import statement_node

LATER = "-- in a later transaction:"
BATCH = 10_000
"""Rows of one batch in the examples."""


def relation_name(relation: Any) -> str:
    """A `RangeVar` as it was written, quoted where it must be."""
    name = quote_ident(relation.relname)
    return f"{quote_ident(relation.schemaname)}.{name}" if relation.schemaname else name


def written(tree: Message) -> str:
    """A statement's node as SQL text, without a semicolon."""
    result = ParseResult()
    wrapper = result.stmts.add().stmt
    field = next(one.name for one in wrapper.DESCRIPTOR.fields if one.message_type is tree.DESCRIPTOR)
    getattr(wrapper, field).CopyFrom(tree)
    return str(postgast.deparse(result))


def copied(tree: Any) -> Any:
    """A copy that may be changed."""
    copy = type(tree)()
    copy.CopyFrom(tree)
    return copy


def expression_text(node: Any) -> str:
    """An expression as SQL text."""
    select = SelectStmt()
    select.target_list.add().res_target.val.CopyFrom(node)
    select.limit_option = 1
    select.op = 1
    return written(select).removeprefix("SELECT ")


def alter_with(tree: Any, command: Any) -> str:
    """An ALTER TABLE that holds one command only."""
    copy = copied(tree)
    del copy.cmds[:]
    copy.cmds.add().alter_table_cmd.CopyFrom(command)
    return written(copy)


def alter(tree: Any, action: str) -> str:
    """ALTER of the same table with an action given as text."""
    return f"ALTER TABLE {relation_name(tree.relation)} {action}"


def script(*parts: str) -> str:
    """Statements and comment lines, one below the other."""
    return "\n".join(part if part.startswith("--") else f"{part};" for part in parts if part)


def type_text(node: Any) -> str:
    """A `TypeName` as SQL text."""
    select = SelectStmt()
    cast = select.target_list.add().res_target.val.type_cast
    cast.arg.a_const.isnull = True
    cast.type_name.CopyFrom(node)
    select.limit_option = 1
    select.op = 1
    return written(select).removeprefix("SELECT NULL::")


def inner(node: Any) -> Any:
    """The concrete node in a wrapper."""
    return statement_node(node)
