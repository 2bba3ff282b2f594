"""Which tables a statement locks ACCESS EXCLUSIVE, and which statements take long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.migrate.lint.reading import definition, object_names, relations
from postai.migrate.lint.rule import Here
from postai.migrate.lint.world import Key, Table, World
from postai.sql.nodes import messages

_ACCESS_EXCLUSIVE = 8
_WEAKER = frozenset(
    {pb.AT_SetStatistics, pb.AT_ClusterOn, pb.AT_DropCluster, pb.AT_SetOptions, pb.AT_ResetOptions,
     pb.AT_ValidateConstraint, pb.AT_SetRelOptions, pb.AT_ResetRelOptions, pb.AT_DetachPartitionFinalize,
     pb.AT_EnableTrig, pb.AT_EnableAlwaysTrig, pb.AT_EnableReplicaTrig, pb.AT_EnableTrigAll, pb.AT_EnableTrigUser,
     pb.AT_DisableTrig, pb.AT_DisableTrigAll, pb.AT_DisableTrigUser}
)  # fmt: skip
_TABLES = (pb.OBJECT_TABLE, pb.OBJECT_MATVIEW, pb.OBJECT_VIEW)
_SLOW = frozenset(
    {"index_build_blocks_writes", "reindex_blocks", "table_rewrite", "set_not_null_scan", "check_scan", "fk_scan",
     "unique_build", "primary_key_build", "pk_using_nullable_index", "exclusion_build", "attach_partition_scan",
     "domain_constraint_scan", "matview_refresh_blocks_reads", "unbatched_backfill"}
)  # fmt: skip


def strong_locks(here: Here) -> set[Key]:
    """Tables of before that the statement locks against reads and writes until the transaction ends."""
    return {table.key for table in _locked(here) if not table.new and not table.temporary}


def _locked(here: Here) -> Iterator[Table]:
    tree, world = here.tree, here.world
    match tree:
        case pb.AlterTableStmt() if tree.objtype in _TABLES:
            yield from _by_command(here)
        case pb.DropStmt():
            yield from _dropped(world, tree)
        case pb.TruncateStmt():
            yield from (world.table_of(item.range_var) for item in tree.relations)
        case pb.LockStmt() if tree.mode == _ACCESS_EXCLUSIVE:
            yield from (world.table_of(item.range_var) for item in tree.relations)
        case pb.RenameStmt() if tree.HasField("relation") and tree.rename_type != pb.OBJECT_INDEX:
            yield world.table_of(tree.relation)
        case pb.AlterObjectSchemaStmt() if tree.object_type in _TABLES:
            yield world.table_of(tree.relation)
        case pb.CreatePolicyStmt() | pb.AlterPolicyStmt():
            yield world.table_of(tree.table)
        case pb.RuleStmt() | pb.ClusterStmt():
            yield world.table_of(tree.relation)
        case pb.RefreshMatViewStmt() if not tree.concurrent:
            yield world.table_of(tree.relation)
        case pb.CreateStmt() if tree.HasField("partbound"):
            yield world.table_of(tree.inh_relations[0].range_var)


def _by_command(here: Here) -> Iterator[Table]:
    command: Any = here.command
    if command.subtype in _WEAKER or here.missing:
        return
    if command.subtype == pb.AT_AddConstraint and definition(command).constraint.contype == pb.CONSTR_FOREIGN:
        return
    if command.subtype == pb.AT_AttachPartition:
        yield here.world.table_of(definition(command).partition_cmd.name)
        return
    if command.subtype == pb.AT_DetachPartition and definition(command).partition_cmd.concurrent:
        return
    yield here.table


def _dropped(world: World, tree: Any) -> Iterator[Table]:
    kind = tree.remove_type
    for schema, name in object_names(tree):
        if kind in _TABLES:
            yield world.table(schema, name)
        elif kind == pb.OBJECT_INDEX and not tree.concurrent:
            index = world.index(schema, name)
            yield world.table(*index.table) if index is not None else Table((schema, name))
    if kind in (pb.OBJECT_TRIGGER, pb.OBJECT_POLICY, pb.OBJECT_RULE):
        for item in tree.objects:
            parts = [one.string.sval for one in item.list.items]
            yield world.table(parts[-3] if len(parts) > 2 else "", parts[-2])


def takes_long(here: Here) -> bool:
    """Whether a statement takes time that grows with the rows of a table."""
    tree = here.tree
    if _SLOW & set(here.hits):
        return True
    match tree:
        case pb.AlterTableStmt():
            return here.command is not None and here.command.subtype == pb.AT_ValidateConstraint and here.old
        case pb.IndexStmt() | pb.ReindexStmt():
            return False
        case pb.RefreshMatViewStmt():
            return bool(tree.concurrent)
        case pb.CopyStmt():
            return bool(tree.is_from)
        case pb.InsertStmt() | pb.CreateTableAsStmt() | pb.MergeStmt():
            return _reads_much(here, tree)
        case pb.SelectStmt():
            return _sleeps(tree) or (_reads_much(here, tree) and not _is_narrow(tree))
    return False


def _reads_much(here: Here, tree: Any) -> bool:
    """Whether a query reads a table of before without a condition that could be served by an index."""
    target = getattr(tree, "relation", None)
    selects = [one for one in messages(tree) if isinstance(one, pb.SelectStmt) and one.from_clause]
    if not selects or (isinstance(tree, pb.CreateTableAsStmt) and tree.into.skip_data):
        return False
    for relation in relations(tree):
        if relation is target or (isinstance(tree, pb.CreateTableAsStmt) and relation is tree.into.rel):
            continue
        table = here.world.table_of(relation)
        if not table.new and not table.temporary and table.key[0] not in ("pg_catalog", "information_schema"):
            return not str(relation.relname).startswith("pg_")
    return False


def _is_narrow(tree: Any) -> bool:
    return bool(tree.HasField("where_clause") or tree.HasField("limit_count"))


def _sleeps(tree: Any) -> bool:
    return any(
        isinstance(one, pb.FuncCall) and one.funcname[-1].string.sval.startswith("pg_sleep") for one in messages(tree)
    )
