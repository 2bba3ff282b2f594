"""How each kind of statement can be tried on a copy, and what it names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.trace_picture import Picture
from postai.scratch.affected import Names
from postai.sql.nodes import messages
from postai.sql.parse import Statement, statement_node, write
from postai.sql.safety import KNOWN_EXTENSIONS

Way = Literal["run", "plan", "session", "never"]
"""`run` it on the copy; let the server only `plan` it (statements that read or write rows); it belongs to the
`session` and locks nothing; it must `never` run, not even on a copy."""

_RUN = frozenset(
    {
        "AlterCollationStmt", "AlterDefaultPrivilegesStmt", "AlterDomainStmt", "AlterEnumStmt", "AlterFunctionStmt",
        "AlterObjectDependsStmt", "AlterObjectSchemaStmt", "AlterOpFamilyStmt", "AlterOperatorStmt", "AlterOwnerStmt",
        "AlterPolicyStmt", "AlterPublicationStmt", "AlterSeqStmt", "AlterStatsStmt", "AlterTSConfigurationStmt",
        "AlterTSDictionaryStmt", "AlterTableStmt", "AlterTypeStmt", "ClusterStmt", "CommentStmt", "CompositeTypeStmt",
        "CreateCastStmt", "CreateDomainStmt", "CreateEnumStmt", "CreateExtensionStmt", "CreateFunctionStmt",
        "CreateOpClassStmt",
        "CreateOpFamilyStmt", "CreatePolicyStmt", "CreatePublicationStmt", "CreateRangeStmt", "CreateSchemaStmt",
        "CreateSeqStmt", "CreateStatsStmt", "CreateStmt", "CreateTableAsStmt", "CreateTrigStmt", "DefineStmt",
        "DropStmt", "GrantStmt", "IndexStmt", "LockStmt", "RefreshMatViewStmt", "ReindexStmt", "RenameStmt",
        "RuleStmt", "TruncateStmt", "VacuumStmt", "ViewStmt",
    }
)  # fmt: skip
_WORKING = frozenset(
    {"AlterTableStmt", "ClusterStmt", "CreateStatsStmt", "CreateTrigStmt", "GrantStmt", "IndexStmt", "LockStmt",
     "ReindexStmt", "RenameStmt", "RuleStmt", "TruncateStmt", "VacuumStmt"}
)  # fmt: skip
"""Statements that could be given a system catalog to work on."""
_PLAN = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_SESSION = frozenset(
    {"VariableSetStmt", "VariableShowStmt", "TransactionStmt", "ListenStmt", "UnlistenStmt", "NotifyStmt",
     "ConstraintsSetStmt", "DeallocateStmt", "DiscardStmt", "CheckPointStmt"}
)  # fmt: skip
_CLUSTER_WIDE = frozenset(
    {pb.OBJECT_DATABASE, pb.OBJECT_ROLE, pb.OBJECT_TABLESPACE, pb.OBJECT_SUBSCRIPTION, pb.OBJECT_EVENT_TRIGGER,
     pb.OBJECT_FDW, pb.OBJECT_FOREIGN_SERVER, pb.OBJECT_LANGUAGE, pb.OBJECT_EXTENSION, pb.OBJECT_LARGEOBJECT}
)  # fmt: skip
_OBJECT_FIELDS = ("objtype", "rename_type", "object_type", "remove_type", "kind")
_OUTSIDE_TRANSACTIONS = frozenset(
    {"CreatedbStmt", "DropdbStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt", "AlterSystemStmt",
     "CreateSubscriptionStmt", "DropSubscriptionStmt"}
)  # fmt: skip

ONLY_STORED = frozenset(
    {"ViewStmt", "CreatePolicyStmt", "AlterPolicyStmt", "RuleStmt", "CreateTrigStmt", "CommentStmt", "GrantStmt",
     "CreateFunctionStmt"}
)  # fmt: skip
"""Statements whose expressions are stored, not evaluated."""

SETTINGS = frozenset({"search_path", "timezone", "datestyle", "intervalstyle", "default_toast_compression"})
"""Settings of a script that change what its later statements mean or do."""


def way_of(statement: Statement) -> Way:
    """How the statement is tried."""
    tree: Any = statement.tree
    kind: str = tree.DESCRIPTOR.name
    if kind == "SelectStmt" and tree.HasField("into_clause"):
        return "run"
    if kind in _PLAN:
        return "plan"
    if kind in _SESSION:
        return "session"
    if kind == "CreateExtensionStmt" and tree.extname not in KNOWN_EXTENSIONS:
        return "never"
    if kind not in _RUN or _cluster_wide(tree) or _runs_a_prepared(tree):
        return "never"
    return "run"


def allowed_in_transaction(statement: Statement) -> bool:
    """Whether a statement that is never run may stand in a transaction block."""
    tree: Any = statement.tree
    kind: str = tree.DESCRIPTOR.name
    if kind == "DiscardStmt":
        return bool(tree.target != pb.DISCARD_ALL)
    if kind == "AlterDatabaseStmt":
        return all(one.def_elem.defname != "tablespace" for one in tree.options)
    return kind not in _OUTSIDE_TRANSACTIONS


def _cluster_wide(tree: Any) -> bool:
    """Whether it changes what all databases share, or what reaches out of the database."""
    kind: str = tree.DESCRIPTOR.name
    if kind == "GrantStmt":
        return tree.objtype not in (
            pb.OBJECT_TABLE, pb.OBJECT_SEQUENCE, pb.OBJECT_SCHEMA, pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE,
            pb.OBJECT_ROUTINE, pb.OBJECT_TYPE, pb.OBJECT_DOMAIN, pb.OBJECT_COLUMN,
        )  # fmt: skip
    if kind == "ReindexStmt":
        return bool(tree.kind == pb.REINDEX_OBJECT_SYSTEM)
    return any(
        getattr(tree, name, None) in _CLUSTER_WIDE
        for name in _OBJECT_FIELDS
        if kind not in ("RuleStmt", "IndexStmt", "VacuumStmt")
    )


def _runs_a_prepared(tree: Any) -> bool:
    return bool(tree.DESCRIPTOR.name == "CreateTableAsStmt" and tree.query.WhichOneof("node") != "select_stmt")


def evaluates(tree: Any) -> bool:
    """Whether the server runs the statement's query, or the one of the materialized view that it names."""
    kind: str = tree.DESCRIPTOR.name
    if kind == "CreateTableAsStmt":
        return not tree.into.skip_data
    if kind == "RefreshMatViewStmt":
        return not tree.skip_data
    return kind == "SelectStmt" and tree.HasField("into_clause")


def named(tree: Any) -> Names:
    """Everything that a statement names, kinds of objects not told apart; rather too much than too little."""
    kind: str = tree.DESCRIPTOR.name
    objects: set[tuple[str | None, str]] = set()
    schemas: set[str] = set()
    for node in messages(tree):
        if node.DESCRIPTOR.name == "RangeVar":
            objects.add((node.schemaname or None, node.relname))
        elif node.DESCRIPTOR.name == "String":
            continue
        elif node.DESCRIPTOR.name == "A_Const" and node.WhichOneof("val") == "sval":
            objects |= _written(node.sval.sval)  # 'name'::regclass, nextval('name')
        if node.DESCRIPTOR.name != "ColumnRef":
            for names in _lists(node):
                objects |= _pairs(names)
    everything = kind in ("VacuumStmt", "ClusterStmt") and not _has_target(tree)
    if kind == "ReindexStmt" and tree.kind == pb.REINDEX_OBJECT_DATABASE:
        everything = True
    if kind == "ReindexStmt" and tree.kind == pb.REINDEX_OBJECT_SCHEMA:
        schemas.add(tree.name)
    if kind == "DropStmt" and tree.remove_type == pb.OBJECT_SCHEMA:
        schemas |= {one.string.sval for one in tree.objects}
    if kind == "RenameStmt" and tree.rename_type == pb.OBJECT_SCHEMA:
        schemas.add(tree.subname)
    if kind == "GrantStmt" and tree.targtype == pb.ACL_TARGET_ALL_IN_SCHEMA:
        schemas |= {one.string.sval for one in tree.objects}
    spreading = kind == "TruncateStmt" and tree.behavior == pb.DROP_CASCADE
    if getattr(tree, "indexname", ""):
        objects.add((tree.relation.schemaname or None, tree.indexname))
    return Names(frozenset(objects), frozenset(schemas), everything, spreading)


def schemas_of(tree: Any) -> frozenset[str]:
    """Schemas that a statement names as such, which have to be there even if nothing in them is copied."""
    found = set(named(tree).schemas)
    for name in ("schemaname", "newschema", "subname"):
        if isinstance(getattr(tree, name, None), str):
            found.add(getattr(tree, name))
    for schema, _ in named(tree).objects:
        if schema:
            found.add(schema)
    if tree.DESCRIPTOR.name == "VariableSetStmt":
        found |= set(path_of(tree, "") or ())
    return frozenset(found - {""})


def path_of(tree: Any, user: str) -> tuple[str, ...] | None:
    """The schemas of a SET search_path, with "$user" as that role's name; None = it sets something else."""
    if tree.name.lower() != "search_path" or tree.kind != pb.VAR_SET_VALUE:
        return None
    names = [one.a_const.sval.sval for one in tree.args]
    return tuple(user if name == "$user" else name for name in names if name)


def within(tree: Any, picture: Picture, database: str) -> list[Any]:
    """A statement on the whole database as statements on what the copy holds of it; others as they are.

    The system catalogs stay out: some of them are shared by all databases of the server.
    """
    kind: str = tree.DESCRIPTOR.name
    if kind == "VacuumStmt" and not tree.rels:
        other: Any = type(tree)()
        other.CopyFrom(tree)
        for one in picture.by_oid.values():
            if one.kind in "rmp":
                named = other.rels.add().vacuum_relation.relation
                named.schemaname, named.relname, named.inh, named.relpersistence = one.schema, one.name, True, "p"
        return [other] if other.rels else []
    if kind == "ReindexStmt" and tree.kind == pb.REINDEX_OBJECT_DATABASE and tree.name in ("", database):
        parts = []
        for schema in sorted({one.schema for one in picture.by_oid.values()}):
            part: Any = type(tree)()
            part.CopyFrom(tree)
            part.kind, part.name = pb.REINDEX_OBJECT_SCHEMA, schema
            parts.append(part)
        return parts
    return [tree]


def names_catalog(tree: Any, picture: Picture, path: tuple[str, ...]) -> bool:
    """Whether the statement would work on a system catalog, which may be shared by all databases of the server."""
    if tree.DESCRIPTOR.name not in _WORKING:
        return False
    for node in messages(tree):
        if node.DESCRIPTOR.name == "RangeVar":
            own = node.relname.startswith("pg_") and picture.find(None, node.relname, path) is None
            if node.schemaname in ("pg_catalog", "information_schema") or (own and not node.schemaname):
                return True
    return False


def without_concurrently(tree: Any) -> Any:
    """The plain form of a CONCURRENTLY statement, with the same result; other statements as they are."""
    other: Any = type(tree)()
    other.CopyFrom(tree)
    kind: str = tree.DESCRIPTOR.name
    if kind in ("IndexStmt", "DropStmt"):
        other.concurrent = False
    elif kind == "ReindexStmt":
        kept = [one for one in tree.params if one.def_elem.defname != "concurrently"]
        del other.params[:]
        other.params.extend(kept)
    elif kind == "AlterTableStmt":
        for one in other.cmds:
            definition = getattr(one.alter_table_cmd, "def")
            if definition.WhichOneof("node") == "partition_cmd":
                definition.partition_cmd.concurrent = False
    return other


def emptied(statement: Statement) -> str:
    """CREATE FUNCTION with a body that does nothing, so that nobody's code runs when a later statement calls it.

    Raises:
        Refused: it cannot be written back faithfully.
    """
    # The message classes are generated: their fields are not known to the type checker.
    tree: Any = type(statement.tree)()
    tree.CopyFrom(statement.tree)
    tree.ClearField("sql_body")
    out = {pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_INOUT, pb.FUNC_PARAM_TABLE}
    modes = {one.function_parameter.mode for one in tree.parameters}
    returned = tree.return_type.names[-1].string.sval if tree.return_type.names else ""
    plain = tree.return_type.setof or modes & out or returned in ("void", "")
    kept = [one for one in tree.options if one.def_elem.defname in ("volatility", "strict", "parallel", "window")]
    copies = [type(one).FromString(one.SerializeToString()) for one in kept]
    del tree.options[:]
    tree.options.extend(copies)
    language = tree.options.add().def_elem
    language.defname, language.defaction = "language", pb.DEFELEM_UNSPEC
    language.arg.string.sval = "plpgsql"
    body = tree.options.add().def_elem
    body.defname, body.defaction = "as", pb.DEFELEM_UNSPEC
    body.arg.list.items.add().string.sval = "begin return; end" if plain else "begin return null; end"
    return write(tree)


def _has_target(tree: Any) -> bool:
    return bool(tree.rels) if tree.DESCRIPTOR.name == "VacuumStmt" else tree.HasField("relation")


def _lists(node: Message) -> Iterator[list[str]]:
    """Names of several parts: lists of strings."""
    for field, value in node.ListFields():
        if field.message_type is not None and field.is_repeated and field.message_type.name == "Node":
            inner = [statement_node(one) for one in value]
            names = [one.sval for one in inner if one.DESCRIPTOR.name == "String"]
            if names:
                yield names


def _pairs(names: list[str]) -> set[tuple[str | None, str]]:
    """What a name of one, two or three parts can mean: its last part may be a column, a constraint, a trigger."""
    found: set[tuple[str | None, str]] = {(None, names[0])}
    found |= {(schema, name) for schema, name in pairwise(names)}
    return found


def _written(text: str) -> set[tuple[str | None, str]]:
    parts = [part.strip('"') for part in text.split(".")]
    return _pairs(parts) if len(parts) <= 2 and all(parts) and len(text) < 130 else set()
