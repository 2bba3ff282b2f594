"""What people should know about a statement although no rule has a name for it."""

from __future__ import annotations

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.reading import definition
from postai.migrate.lint.rule import Here


def worth_knowing(here: Here) -> list[str]:
    """Notes on a statement, or on one command of an ALTER TABLE."""
    return [*_leftover(here), *_default_forbids(here), *_too_new(here)]


def _leftover(here: Here) -> Iterator[str]:
    """IF NOT EXISTS over an index that an earlier build left invalid."""
    tree = here.tree
    if isinstance(tree, pb.IndexStmt) and tree.if_not_exists and tree.idxname:
        index = here.world.index(here.table.key[0], tree.idxname)
        if index is not None and not index.valid:
            name = quote_ident(tree.idxname)
            yield f"index {name} is there but invalid, and stays so: DROP INDEX CONCURRENTLY {name} first"


def _default_forbids(here: Here) -> Iterator[str]:
    if here.command is None or here.command.subtype != pb.AT_DetachPartition:
        return
    if definition(here.command).partition_cmd.concurrent and any(
        one.bound is not None and one.bound.is_default for one in here.world.partitions(here.table.key)
    ):
        yield f"PostgreSQL refuses it: {here.table.name} has a DEFAULT partition, which forbids CONCURRENTLY"


def _too_new(here: Here) -> Iterator[str]:
    """Syntax that the server does not know yet."""
    version = here.options.version
    if version < 18:
        if any(column.generated == "v" for column in here.columns):
            yield "virtual generated columns need PostgreSQL 18: before, write STORED"
        for constraint in here.constraints:
            if constraint.kind == "n":
                yield "NOT NULL as a constraint of its own needs PostgreSQL 18"
            elif constraint.node.skip_validation and not constraint.node.is_enforced:
                yield "NOT ENFORCED needs PostgreSQL 18"
    if version < 17 and here.command is not None and here.command.subtype == pb.AT_SetExpression:
        yield "SET EXPRESSION needs PostgreSQL 17"
    if version < 15:
        if isinstance(here.tree, pb.MergeStmt):
            yield "MERGE needs PostgreSQL 15"
        if any(constraint.node.nulls_not_distinct for constraint in here.constraints):
            yield "NULLS NOT DISTINCT needs PostgreSQL 15"
