"""Locks of statements that refuse a transaction block: they take them in transactions of their own, one by one, where
nobody can look at them afterwards. Measured with other sessions in their way; see docs/migrate.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.migrate.trace_picture import STORED, Picture, Relation
from postai.sql.parse import statement_node

ACCESS_EXCLUSIVE = "AccessExclusiveLock"
SHARE = "ShareLock"
SHARE_UPDATE = "ShareUpdateExclusiveLock"
ACCESS_SHARE = "AccessShareLock"


def known_locks(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    """Relation -> strongest lock that the statement takes on it.

    Args:
        tree: of a statement that refused to run in a transaction block.
        picture: the relations before it.
        path: schemas of the search_path.
    """
    return {
        "IndexStmt": _index,
        "DropStmt": _drop,
        "ReindexStmt": _reindex,
        "VacuumStmt": _vacuum,
        "ClusterStmt": _cluster,
        "AlterTableStmt": _detach,
    }.get(tree.DESCRIPTOR.name, _nothing)(tree, picture, path)


def rewritten_by(tree: Any) -> bool:
    """Whether the statement reads every row of the tables whose files it replaces, without saying so."""
    kind: str = tree.DESCRIPTOR.name
    return kind == "ClusterStmt" or (kind == "VacuumStmt" and options(tree).get("full", False))


def options(node: Any) -> dict[str, bool]:
    """Options of VACUUM, ANALYZE and REINDEX: name -> whether it is on."""
    found = {}
    for one in node.options if node.DESCRIPTOR.name == "VacuumStmt" else node.params:
        value = statement_node(one.def_elem.arg) if one.def_elem.HasField("arg") else None
        text = str(getattr(value, "sval", getattr(value, "ival", getattr(value, "boolval", "true")))).lower()
        found[one.def_elem.defname.lower()] = text not in ("false", "off", "0")
    return found


def _nothing(_tree: Any, _picture: Picture, _path: tuple[str, ...]) -> dict[int, str]:
    return {}


def _find(picture: Picture, node: Any, path: tuple[str, ...]) -> Iterator[Relation]:
    found = picture.find(node.schemaname or None, node.relname, path)
    if found is not None:
        yield found


def _index(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    return {one.oid: SHARE_UPDATE for one in _find(picture, tree.relation, path)}


def _drop(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    found = {}
    for one in tree.objects:
        parts = [item.string.sval for item in one.list.items]
        index = picture.find(parts[-2] if len(parts) > 1 else None, parts[-1], path)
        if index is not None and index.table is not None:
            found[index.table] = SHARE_UPDATE
    return found


def _reindex(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    mode = SHARE_UPDATE if options(tree).get("concurrently", False) else SHARE
    if tree.kind in (pb.REINDEX_OBJECT_SCHEMA, pb.REINDEX_OBJECT_DATABASE):
        tables = [
            one
            for one in picture.by_oid.values()
            if one.kind in STORED and (tree.kind == pb.REINDEX_OBJECT_DATABASE or one.schema == tree.name)
        ]
        return _having_indexes(tables, picture, mode)
    found: dict[int, str] = {}
    for one in _find(picture, tree.relation, path):
        target = picture.by_oid[one.table] if one.table is not None else one
        found |= {leaf.oid: mode for leaf in picture.tree(target)}
    return found


def _having_indexes(tables: Iterable[Relation], picture: Picture, mode: str) -> dict[int, str]:
    return {one.oid: mode for one in tables if picture.indexes(one) or mode == SHARE}


def _vacuum(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    mode = ACCESS_EXCLUSIVE if options(tree).get("full", False) else SHARE_UPDATE
    roots = (
        [found for one in tree.rels for found in _find(picture, one.vacuum_relation.relation, path)]
        if tree.rels
        else [one for one in picture.by_oid.values() if one.kind in "rmp"]
    )
    found = {}
    for root in roots:
        for one in picture.tree(root) if root.kind == "p" else [root]:
            found[one.oid] = mode
    return found


def _cluster(_tree: Any, _picture: Picture, _path: tuple[str, ...]) -> dict[int, str]:
    return {}


def _detach(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    found = {one.oid: SHARE_UPDATE for one in _find(picture, tree.relation, path)}
    for one in tree.cmds:
        partition = getattr(one.alter_table_cmd, "def").partition_cmd.name
        found |= {leaf.oid: ACCESS_EXCLUSIVE for leaf in _find(picture, partition, path)}
    return found
