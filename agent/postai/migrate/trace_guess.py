"""What is known of a statement's locks from its form alone, where it cannot be tried; see the tables of PostgreSQL's
manual, chapter "Explicit Locking" (https://www.postgresql.org/docs/current/explicit-locking.html), and docs/migrate.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.migrate.trace_forms import allowed_in_transaction
from postai.migrate.trace_known import ACCESS_EXCLUSIVE, SHARE, SHARE_ROW, SHARE_UPDATE, known_locks, options
from postai.migrate.trace_picture import Picture, Relation
from postai.sql.nodes import messages
from postai.sql.parse import Statement, statement_node

_OF_KIND = {
    "IndexStmt": SHARE,
    "ReindexStmt": SHARE,
    "CreateTrigStmt": SHARE_ROW,
    "CreateStatsStmt": SHARE_UPDATE,
    "CommentStmt": SHARE_UPDATE,
    "VacuumStmt": SHARE_UPDATE,
    "InsertStmt": "RowExclusiveLock",
    "UpdateStmt": "RowExclusiveLock",
    "DeleteStmt": "RowExclusiveLock",
    "MergeStmt": "RowExclusiveLock",
    "SelectStmt": "AccessShareLock",
    "ViewStmt": "AccessShareLock",
    "CreateTableAsStmt": "AccessShareLock",
}
_STRONG = frozenset(
    {"AlterTableStmt", "DropStmt", "RenameStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt", "TruncateStmt",
     "ClusterStmt", "RefreshMatViewStmt", "CreatePolicyStmt", "AlterPolicyStmt", "RuleStmt", "LockStmt"}
)  # fmt: skip
_WEAKER = {
    pb.AT_SetStatistics: SHARE_UPDATE, pb.AT_ValidateConstraint: SHARE_UPDATE, pb.AT_SetRelOptions: SHARE_UPDATE,
    pb.AT_ResetRelOptions: SHARE_UPDATE, pb.AT_ClusterOn: SHARE_UPDATE, pb.AT_DropCluster: SHARE_UPDATE,
    pb.AT_SetOptions: SHARE_UPDATE, pb.AT_ResetOptions: SHARE_UPDATE, pb.AT_AttachPartition: SHARE_UPDATE,
    pb.AT_EnableTrig: SHARE_ROW, pb.AT_DisableTrig: SHARE_ROW, pb.AT_EnableTrigAll: SHARE_ROW,
    pb.AT_DisableTrigAll: SHARE_ROW, pb.AT_EnableTrigUser: SHARE_ROW, pb.AT_DisableTrigUser: SHARE_ROW,
}  # fmt: skip
_ORDER = ("AccessShareLock", "RowExclusiveLock", SHARE_UPDATE, SHARE, SHARE_ROW, ACCESS_EXCLUSIVE)


def guessed_locks(
    statement: Statement, picture: Picture, path: tuple[str, ...], version: int
) -> tuple[dict[int, str], bool]:
    """Locks on the relations that the statement names, and whether it refuses a transaction block.

    What it names, what follows from a foreign key and partitions are seen; rewrites and scans are not known.

    Args:
        statement: the statement.
        picture: the relations that there are.
        path: schemas of the search_path.
        version: the server's version number.
    """
    tree: Any = statement.tree
    if _refuses_transaction(statement):
        return known_locks(tree, picture, path, version), True
    mode = _mode(tree)
    found: dict[int, str] = {}
    if mode is None:
        return found, False
    for one in _named(tree, picture, path):
        target = picture.by_oid.get(one.table, one) if one.table is not None else one
        for relation in picture.tree(target):
            found[relation.oid] = mode
    for node in messages(tree):
        if node.DESCRIPTOR.name == "Constraint" and node.HasField("pktable"):
            other = picture.find(node.pktable.schemaname or None, node.pktable.relname, path)
            if other is not None:
                found[other.oid] = SHARE_ROW
    return found, False


def _refuses_transaction(statement: Statement) -> bool:
    tree: Any = statement.tree
    kind: str = tree.DESCRIPTOR.name
    if kind in ("IndexStmt", "DropStmt"):
        return bool(tree.concurrent)
    if kind == "ReindexStmt":
        whole = tree.kind not in (pb.REINDEX_OBJECT_INDEX, pb.REINDEX_OBJECT_TABLE)
        return whole or options(tree).get("concurrently", False)
    if kind == "VacuumStmt":
        return bool(tree.is_vacuumcmd)
    if kind == "AlterTableStmt":
        commands = [getattr(one.alter_table_cmd, "def") for one in tree.cmds]
        return any(one.WhichOneof("node") == "partition_cmd" and one.partition_cmd.concurrent for one in commands)
    return not allowed_in_transaction(statement)


def _mode(tree: Any) -> str | None:
    kind: str = tree.DESCRIPTOR.name
    if kind == "CopyStmt":
        return "RowExclusiveLock" if tree.is_from else "AccessShareLock"
    if kind != "AlterTableStmt":
        return ACCESS_EXCLUSIVE if kind in _STRONG else _OF_KIND.get(kind)
    modes = [_of_command(one.alter_table_cmd) for one in tree.cmds]
    return max(modes, key=_ORDER.index)


def _of_command(command: Any) -> str:
    definition = getattr(command, "def")
    if command.subtype == pb.AT_AddConstraint and definition.constraint.contype == pb.CONSTR_FOREIGN:
        return SHARE_ROW
    return _WEAKER.get(command.subtype, ACCESS_EXCLUSIVE)


def _named(tree: Any, picture: Picture, path: tuple[str, ...]) -> Iterator[Relation]:
    """The relations that the statement names."""
    names: list[tuple[str | None, str]] = []
    for node in messages(tree):
        if node.DESCRIPTOR.name == "RangeVar":
            names.append((node.schemaname or None, node.relname))
    if tree.DESCRIPTOR.name in ("DropStmt", "CommentStmt"):
        objects = tree.objects if tree.DESCRIPTOR.name == "DropStmt" else [tree.object]
        for one in objects:
            inner = statement_node(one)
            parts = [item.string.sval for item in inner.items] if inner.DESCRIPTOR.name == "List" else []
            names += [(None, part) for part in parts[:1]] + list(pairwise(parts))
    for schema, name in names:
        found = picture.find(schema, name, path)
        if found is not None:
            yield found
