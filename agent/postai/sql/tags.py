"""The command tag of a statement, in PostgreSQL's own words (as its server reports them)."""

from __future__ import annotations

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

OBJECT_WORDS = {
    "OBJECT_ACCESS_METHOD": "ACCESS METHOD", "OBJECT_AGGREGATE": "AGGREGATE", "OBJECT_ATTRIBUTE": "TYPE",
    "OBJECT_CAST": "CAST", "OBJECT_COLUMN": "TABLE", "OBJECT_COLLATION": "COLLATION",
    "OBJECT_CONVERSION": "CONVERSION", "OBJECT_DATABASE": "DATABASE", "OBJECT_DOMAIN": "DOMAIN",
    "OBJECT_DOMCONSTRAINT": "DOMAIN", "OBJECT_EVENT_TRIGGER": "EVENT TRIGGER", "OBJECT_EXTENSION": "EXTENSION",
    "OBJECT_FDW": "FOREIGN DATA WRAPPER", "OBJECT_FOREIGN_SERVER": "SERVER", "OBJECT_FOREIGN_TABLE": "FOREIGN TABLE",
    "OBJECT_FUNCTION": "FUNCTION", "OBJECT_INDEX": "INDEX", "OBJECT_LANGUAGE": "LANGUAGE",
    "OBJECT_LARGEOBJECT": "LARGE OBJECT", "OBJECT_MATVIEW": "MATERIALIZED VIEW", "OBJECT_OPCLASS": "OPERATOR CLASS",
    "OBJECT_OPERATOR": "OPERATOR", "OBJECT_OPFAMILY": "OPERATOR FAMILY", "OBJECT_POLICY": "POLICY",
    "OBJECT_PROCEDURE": "PROCEDURE", "OBJECT_PUBLICATION": "PUBLICATION", "OBJECT_ROLE": "ROLE",
    "OBJECT_ROUTINE": "ROUTINE", "OBJECT_RULE": "RULE", "OBJECT_SCHEMA": "SCHEMA", "OBJECT_SEQUENCE": "SEQUENCE",
    "OBJECT_SUBSCRIPTION": "SUBSCRIPTION", "OBJECT_STATISTIC_EXT": "STATISTICS", "OBJECT_TABCONSTRAINT": "TABLE",
    "OBJECT_TABLE": "TABLE", "OBJECT_TABLESPACE": "TABLESPACE", "OBJECT_TRANSFORM": "TRANSFORM",
    "OBJECT_TRIGGER": "TRIGGER", "OBJECT_TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "OBJECT_TSDICTIONARY": "TEXT SEARCH DICTIONARY", "OBJECT_TSPARSER": "TEXT SEARCH PARSER",
    "OBJECT_TSTEMPLATE": "TEXT SEARCH TEMPLATE", "OBJECT_TYPE": "TYPE", "OBJECT_USER_MAPPING": "USER MAPPING",
    "OBJECT_VIEW": "VIEW",
}  # fmt: skip
"""PostgreSQL's word for each kind of object a statement can name."""

_FIXED = {
    "InsertStmt": "INSERT", "DeleteStmt": "DELETE", "UpdateStmt": "UPDATE", "MergeStmt": "MERGE",
    "CreateSchemaStmt": "CREATE SCHEMA", "AlterCollationStmt": "ALTER COLLATION", "AlterDomainStmt": "ALTER DOMAIN",
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES", "CopyStmt": "COPY", "VariableShowStmt": "SHOW",
    "CreateStmt": "CREATE TABLE", "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE", "AlterTableSpaceOptionsStmt": "ALTER TABLESPACE",
    "CreateExtensionStmt": "CREATE EXTENSION", "AlterExtensionStmt": "ALTER EXTENSION",
    "AlterExtensionContentsStmt": "ALTER EXTENSION", "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "AlterFdwStmt": "ALTER FOREIGN DATA WRAPPER", "CreateForeignServerStmt": "CREATE SERVER",
    "AlterForeignServerStmt": "ALTER SERVER", "CreateForeignTableStmt": "CREATE FOREIGN TABLE",
    "CreateUserMappingStmt": "CREATE USER MAPPING", "AlterUserMappingStmt": "ALTER USER MAPPING",
    "DropUserMappingStmt": "DROP USER MAPPING", "ImportForeignSchemaStmt": "IMPORT FOREIGN SCHEMA",
    "CreatePolicyStmt": "CREATE POLICY", "AlterPolicyStmt": "ALTER POLICY", "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateTrigStmt": "CREATE TRIGGER", "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "AlterEventTrigStmt": "ALTER EVENT TRIGGER", "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateRoleStmt": "CREATE ROLE", "AlterRoleStmt": "ALTER ROLE", "AlterRoleSetStmt": "ALTER ROLE",
    "DropRoleStmt": "DROP ROLE", "CreateSeqStmt": "CREATE SEQUENCE", "AlterSeqStmt": "ALTER SEQUENCE",
    "CreateDomainStmt": "CREATE DOMAIN", "CreateOpClassStmt": "CREATE OPERATOR CLASS",
    "CreateOpFamilyStmt": "CREATE OPERATOR FAMILY", "AlterOpFamilyStmt": "ALTER OPERATOR FAMILY",
    "TruncateStmt": "TRUNCATE TABLE", "CommentStmt": "COMMENT", "SecLabelStmt": "SECURITY LABEL",
    "DeclareCursorStmt": "DECLARE CURSOR", "ClosePortalStmt": "CLOSE CURSOR", "IndexStmt": "CREATE INDEX",
    "CreateStatsStmt": "CREATE STATISTICS", "AlterStatsStmt": "ALTER STATISTICS", "DoStmt": "DO",
    "CallStmt": "CALL", "AlterOperatorStmt": "ALTER OPERATOR", "AlterTypeStmt": "ALTER TYPE",
    "RuleStmt": "CREATE RULE", "NotifyStmt": "NOTIFY", "ListenStmt": "LISTEN", "UnlistenStmt": "UNLISTEN",
    "CompositeTypeStmt": "CREATE TYPE", "CreateEnumStmt": "CREATE TYPE", "CreateRangeStmt": "CREATE TYPE",
    "AlterEnumStmt": "ALTER TYPE", "ViewStmt": "CREATE VIEW", "LoadStmt": "LOAD", "CreatedbStmt": "CREATE DATABASE",
    "AlterDatabaseStmt": "ALTER DATABASE", "AlterDatabaseRefreshCollStmt": "ALTER DATABASE",
    "AlterDatabaseSetStmt": "ALTER DATABASE", "DropdbStmt": "DROP DATABASE", "AlterSystemStmt": "ALTER SYSTEM",
    "ClusterStmt": "CLUSTER", "ExplainStmt": "EXPLAIN", "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "CheckPointStmt": "CHECKPOINT", "LockStmt": "LOCK TABLE", "ConstraintsSetStmt": "SET CONSTRAINTS",
    "ReindexStmt": "REINDEX", "CreateConversionStmt": "CREATE CONVERSION", "CreateCastStmt": "CREATE CAST",
    "CreateTransformStmt": "CREATE TRANSFORM", "PrepareStmt": "PREPARE", "ExecuteStmt": "EXECUTE",
    "DropOwnedStmt": "DROP OWNED", "ReassignOwnedStmt": "REASSIGN OWNED",
    "AlterTSDictionaryStmt": "ALTER TEXT SEARCH DICTIONARY",
    "AlterTSConfigurationStmt": "ALTER TEXT SEARCH CONFIGURATION", "CreatePublicationStmt": "CREATE PUBLICATION",
    "AlterPublicationStmt": "ALTER PUBLICATION", "CreateSubscriptionStmt": "CREATE SUBSCRIPTION",
    "AlterSubscriptionStmt": "ALTER SUBSCRIPTION", "DropSubscriptionStmt": "DROP SUBSCRIPTION",
}  # fmt: skip

_TRANSACTION = {
    "TRANS_STMT_BEGIN": "BEGIN", "TRANS_STMT_START": "START TRANSACTION", "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK", "TRANS_STMT_SAVEPOINT": "SAVEPOINT", "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK", "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED", "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}  # fmt: skip

# Statements whose tag is a verb and the word of the object kind in that field.
_BY_OBJECT = {
    "AlterTableStmt": ("ALTER", "objtype"), "DropStmt": ("DROP", "remove_type"), "RenameStmt": ("ALTER", "rename_type"),
    "AlterObjectDependsStmt": ("ALTER", "object_type"), "AlterObjectSchemaStmt": ("ALTER", "object_type"),
    "AlterOwnerStmt": ("ALTER", "object_type"), "DefineStmt": ("CREATE", "kind"),
    "AlterTableMoveAllStmt": ("ALTER", "objtype"), "AlterFunctionStmt": ("ALTER", "objtype"),
}  # fmt: skip


def object_word(kind: int) -> str:
    """PostgreSQL's word for a number of the enum `ObjectType`."""
    return OBJECT_WORDS.get(pb.ObjectType.Name(kind), "OBJECT")


def command_tag(tree: Message) -> str:
    """The command tag of a statement node, e.g. "SELECT", "ALTER TABLE", "DROP INDEX"."""
    name: str = tree.DESCRIPTOR.name
    if name in _FIXED:
        return _FIXED[name]
    if name in _BY_OBJECT:
        verb, field = _BY_OBJECT[name]
        if isinstance(tree, pb.RenameStmt) and tree.rename_type in (pb.OBJECT_COLUMN, pb.OBJECT_ATTRIBUTE):
            return f"{verb} {object_word(tree.relation_type)}"
        return f"{verb} {object_word(getattr(tree, field))}"
    return _by_field(tree)


def _by_field(tree: Message) -> str:
    """Tags that depend on a flag of the statement."""
    match tree:
        case pb.SelectStmt():
            return "SELECT INTO" if tree.HasField("into_clause") else "SELECT"
        case pb.TransactionStmt():
            return _TRANSACTION[pb.TransactionStmtKind.Name(tree.kind)]
        case pb.CreateTableAsStmt():
            return f"CREATE {object_word(tree.objtype)}" + (" AS" if tree.objtype == pb.OBJECT_TABLE else "")
        case pb.CreateFunctionStmt():
            return "CREATE PROCEDURE" if tree.is_procedure else "CREATE FUNCTION"
        case pb.VacuumStmt():
            return "VACUUM" if tree.is_vacuumcmd else "ANALYZE"
        case pb.GrantStmt():
            return "GRANT" if tree.is_grant else "REVOKE"
        case pb.GrantRoleStmt():
            return "GRANT ROLE" if tree.is_grant else "REVOKE ROLE"
        case pb.VariableSetStmt():
            return "RESET" if tree.kind in (pb.VAR_RESET, pb.VAR_RESET_ALL) else "SET"
        case pb.FetchStmt():
            return "MOVE" if tree.ismove else "FETCH"
        case pb.DiscardStmt():
            word: str = pb.DiscardMode.Name(tree.target)
            return "DISCARD " + word.removeprefix("DISCARD_")
        case pb.DeallocateStmt():
            return "DEALLOCATE ALL" if tree.isall else "DEALLOCATE"
    name: str = tree.DESCRIPTOR.name
    return name.removesuffix("Stmt").upper()
