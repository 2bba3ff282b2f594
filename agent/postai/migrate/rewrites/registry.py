"""All rewrites, each with what people are told about it; the manual's table is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from postai.migrate.picture import Relation
from postai.migrate.rewrites import (
    columns,
    comments,
    constraints,
    drops,
    indexes,
    not_null,
    objects,
    options,
    partitions,
    policies,
    renames,
    retype,
    rows,
    upkeep,
)
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work

OfStatement = Callable[[Work, Any], list[PlannedStep]]
OfCommand = Callable[[Work, Relation, Any], list[PlannedStep]]


@dataclass(frozen=True)
class Rewrite:
    """One family of forms.

    Attributes:
        id: one word.
        statements: node types of libpg_query with what plans them.
        commands: subcommands of ALTER TABLE with what plans them, called with the relation.
        title: the forms, for people.
        steps: what becomes of them.
    """

    id: str
    title: str
    steps: str
    statements: Mapping[str, OfStatement] = field(default_factory=dict)
    commands: Mapping[str, OfCommand] = field(default_factory=dict)


REWRITES: tuple[Rewrite, ...] = (
    Rewrite(
        "index",
        "CREATE INDEX, REINDEX",
        "CONCURRENTLY; on a partitioned table ON ONLY the parents, CONCURRENTLY on each leaf, ATTACH from below",
        {"IndexStmt": indexes.create_index, "ReindexStmt": indexes.reindex},
    ),
    Rewrite(
        "constraint",
        "ADD CHECK, FOREIGN KEY, UNIQUE, PRIMARY KEY, EXCLUDE; DROP and VALIDATE CONSTRAINT",
        "NOT VALID, then VALIDATE; keys on a unique index built CONCURRENTLY; EXCLUDE has no online form",
        commands={
            "AT_AddConstraint": constraints.add_constraint,
            "AT_ValidateConstraint": constraints.validate,
            "AT_DropConstraint": constraints.drop_constraint,
        },
    ),
    Rewrite(
        "not_null",
        "SET NOT NULL, DROP NOT NULL",
        "18: NOT NULL NOT VALID, VALIDATE; before: CHECK NOT VALID, VALIDATE, SET NOT NULL, DROP the CHECK",
        commands={"AT_SetNotNull": not_null.set_not_null, "AT_DropNotNull": not_null.drop_not_null},
    ),
    Rewrite(
        "column",
        "ADD COLUMN, DROP COLUMN, SET DEFAULT",
        "constraints of the column apart from it; a default that differs from row to row as default + backfill;"
        " dropped by renaming it aside first",
        commands={
            "AT_AddColumn": columns.add_column,
            "AT_DropColumn": columns.drop_column,
            "AT_ColumnDefault": columns.column_default,
        },
    ),
    Rewrite(
        "type",
        "ALTER COLUMN TYPE",
        "at once where no row is written; else a second column, trigger, backfill, its indexes and constraints, swap",
        commands={"AT_AlterColumnType": retype.alter_type},
    ),
    Rewrite(
        "partition",
        "ATTACH PARTITION, DETACH PARTITION",
        "a validated CHECK, the indexes and foreign keys before ATTACH; DETACH CONCURRENTLY",
        commands={"AT_AttachPartition": partitions.attach, "AT_DetachPartition": partitions.detach},
    ),
    Rewrite(
        "rows",
        "UPDATE, DELETE; INSERT, MERGE",
        "in batches along the key where a row that was written can be told from one that was not",
        {"UpdateStmt": rows.update, "DeleteStmt": rows.delete, "InsertStmt": rows.insert, "MergeStmt": rows.insert},
    ),
    Rewrite(
        "object",
        "CREATE, RENAME, SET SCHEMA, DROP, TRUNCATE of tables, views, types",
        "as given; DROP TABLE by renaming it aside first; DROP INDEX CONCURRENTLY",
        {
            "CreateStmt": objects.create_table,
            "ViewStmt": objects.create_relation,
            "CreateTableAsStmt": objects.create_relation,
            "CreateSeqStmt": objects.create_relation,
            "CompositeTypeStmt": objects.create_relation,
            "CreateEnumStmt": objects.create_type,
            "CreateDomainStmt": objects.create_type,
            "CreateFunctionStmt": objects.create_function,
            "CreateSchemaStmt": objects.create_schema,
            "CreateTrigStmt": objects.create_trigger,
            "CommentStmt": comments.comment,
            "AlterEnumStmt": objects.alter_enum,
            "RenameStmt": renames.rename,
            "AlterObjectSchemaStmt": renames.move,
            "DropStmt": drops.drop,
            "TruncateStmt": drops.truncate,
        },
    ),
    Rewrite(
        "policy",
        "CREATE POLICY, ALTER POLICY; ENABLE, DISABLE, FORCE ROW LEVEL SECURITY",
        "as given, and said who will see which rows",
        {"CreatePolicyStmt": policies.create_policy, "AlterPolicyStmt": policies.alter_policy},
        {
            "AT_EnableRowSecurity": policies.row_security,
            "AT_DisableRowSecurity": policies.row_security,
            "AT_ForceRowSecurity": policies.row_security,
            "AT_NoForceRowSecurity": policies.row_security,
        },
    ),
    Rewrite(
        "setting",
        "SET and RESET of storage parameters, STATISTICS, STORAGE, COMPRESSION, REPLICA IDENTITY, CLUSTER ON,"
        " ENABLE and DISABLE TRIGGER, SET GENERATED",
        "as given; the undo sets what was set before",
        commands={
            "AT_SetRelOptions": options.of_table,
            "AT_ResetRelOptions": options.of_table,
            "AT_ReplicaIdentity": options.of_table,
            "AT_ClusterOn": options.of_table,
            "AT_DropCluster": options.of_table,
            "AT_SetStatistics": options.of_column,
            "AT_SetStorage": options.of_column,
            "AT_SetCompression": options.of_column,
            "AT_SetOptions": options.of_column,
            "AT_ResetOptions": options.of_column,
            "AT_SetIdentity": options.of_column,
            "AT_EnableTrig": options.of_triggers,
            "AT_EnableAlwaysTrig": options.of_triggers,
            "AT_EnableReplicaTrig": options.of_triggers,
            "AT_DisableTrig": options.of_triggers,
            "AT_EnableTrigUser": options.of_triggers,
            "AT_DisableTrigUser": options.of_triggers,
        },
    ),
    Rewrite(
        "upkeep",
        "VACUUM FULL, CLUSTER, REFRESH MATERIALIZED VIEW",
        "the first two are refused with what to do instead; REFRESH CONCURRENTLY where a unique index allows it",
        {"VacuumStmt": upkeep.vacuum, "ClusterStmt": upkeep.cluster, "RefreshMatViewStmt": upkeep.refresh},
    ),
)


def of_statements() -> Mapping[str, OfStatement]:
    """Node type -> what plans it."""
    return {kind: function for one in REWRITES for kind, function in one.statements.items()}


def of_commands() -> Mapping[str, OfCommand]:
    """Subcommand of ALTER TABLE -> what plans it."""
    return {kind: function for one in REWRITES for kind, function in one.commands.items()}
