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
SHARE_ROW = "ShareRowExclusiveLock"
SHARE_UPDATE = "ShareUpdateExclusiveLock"


def known_locks(tree: Any, picture: Picture, path: tuple[str, ...], version: int) -> dict[int, str]:
    """Relation -> strongest lock that the statement takes on it.

    Args:
        tree: of a statement that refused to run in a transaction block.
        picture: the relations before it.
        path: schemas of the search_path.
        version: the server's version number.
    """
    if tree.DESCRIPTOR.name == "VacuumStmt":
        return _vacuum(tree, picture, path, version)
    return {
        "IndexStmt": _index,
        "DropStmt": _drop,
        "ReindexStmt": _reindex,
        "ClusterStmt": _cluster,
        "AlterTableStmt": _detach,
    }.get(tree.DESCRIPTOR.name, _nothing)(tree, picture, path)


def concurrent_error(tree: Any, picture: Picture, path: tuple[str, ...]) -> tuple[str, str] | None:
    """SQLSTATE and message with which PostgreSQL refuses a CONCURRENTLY form whose plain form it takes."""
    kind: str = tree.DESCRIPTOR.name
    if kind == "IndexStmt" and any(one.kind == "p" for one in _find(picture, tree.relation, path)):
        return "0A000", f'cannot create index on partitioned table "{tree.relation.relname}" concurrently'
    if kind == "DropStmt" and any(one.kind == "I" for one in _dropped(tree, picture, path)):
        return "0A000", "cannot drop a partitioned index concurrently"
    if kind == "AlterTableStmt" and any(picture.default_of(one) for one in _find(picture, tree.relation, path)):
        return "55000", "cannot detach partitions concurrently when a default partition exists"
    return None


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
    return {one.table: SHARE_UPDATE for one in _dropped(tree, picture, path) if one.table is not None}


def _dropped(tree: Any, picture: Picture, path: tuple[str, ...]) -> Iterator[Relation]:
    """The indexes that a DROP INDEX names."""
    for one in tree.objects:
        parts = [item.string.sval for item in one.list.items]
        found = picture.find(parts[-2] if len(parts) > 1 else None, parts[-1], path)
        if found is not None:
            yield found


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
        # To list the partitions of a table, the server locks them as for a plain REINDEX.
        below = SHARE if one.kind == "p" else mode
        whole = picture.tree(target) if target.kind == "p" else [target]
        found |= {leaf.oid: mode if leaf is target else below for leaf in whole}
    return found


def _having_indexes(tables: Iterable[Relation], picture: Picture, mode: str) -> dict[int, str]:
    return {one.oid: mode for one in tables if picture.indexes(one) or mode == SHARE}


def _vacuum(tree: Any, picture: Picture, path: tuple[str, ...], version: int) -> dict[int, str]:
    mode = ACCESS_EXCLUSIVE if options(tree).get("full", False) else SHARE_UPDATE
    if not tree.rels:
        return {one.oid: mode for one in picture.by_oid.values() if one.kind in "rmp"}
    found: dict[int, str] = {}
    for item in tree.rels:
        relation = item.vacuum_relation.relation
        for root in _find(picture, relation, path):
            whole = root.kind == "p" or (version >= 180000 and relation.inh)  # since 18 with inheriting tables
            found |= {one.oid: mode for one in (picture.tree(root) if whole else [root])}
    return found


def _cluster(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    roots = list(_find(picture, tree.relation, path)) if tree.HasField("relation") else []
    if not roots:  # every table that has been clustered before
        roots = [
            picture.by_oid[one.table] for one in picture.by_oid.values() if one.clustered and one.table is not None
        ]
    return {one.oid: ACCESS_EXCLUSIVE for root in roots for one in picture.tree(root)}


def _detach(tree: Any, picture: Picture, path: tuple[str, ...]) -> dict[int, str]:
    found = {one.oid: SHARE_UPDATE for one in _find(picture, tree.relation, path)}
    for one in tree.cmds:
        name = getattr(one.alter_table_cmd, "def").partition_cmd.name
        for partition in _find(picture, name, path):
            found |= {leaf.oid: ACCESS_EXCLUSIVE for leaf in picture.tree(partition)}
            for key in picture.keys.values():
                if key.referencing == partition.oid:  # becomes its own, with triggers on the table it refers to
                    found.setdefault(key.referenced, SHARE_ROW)
                elif key.referenced == partition.oid:
                    found[key.referencing] = ACCESS_EXCLUSIVE
    return {oid: mode for oid, mode in found.items() if oid in picture.by_oid}
