"""DETACH PARTITION CONCURRENTLY that was cut off: the partition stays "pending", and only FINALIZE takes it further."""

from __future__ import annotations

from typing import Any, cast

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.sql.parse import parse_one


def unfinished(db: Database, statement: str) -> str | None:
    """The statement that ends a detachment which was begun; None = the given one is none, or was not begun."""
    tree = cast("Any", parse_one(statement).tree)
    if tree.DESCRIPTOR.name != "AlterTableStmt" or len(tree.cmds) != 1:
        return None
    change = tree.cmds[0].alter_table_cmd
    if change.subtype != pb.AT_DetachPartition:
        return None
    child = getattr(change, "def").partition_cmd.name
    names = (
        qualified(tree.relation.schemaname, tree.relation.relname),
        qualified(child.schemaname, child.relname),
    )
    if not db.query(load(__package__, "runner.sql")["detach_pending"], names)[0][0]:
        return None
    return f"ALTER TABLE {names[0]} DETACH PARTITION {names[1]} FINALIZE"
