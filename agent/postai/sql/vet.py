"""What a proposed change touches, and the statements that no proposal may hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.allowlist import load_allowlist
from postai.sql.parse import Statement, parse_one, statement_node
from postai.sql.tags import object_word


@dataclass(frozen=True)
class ObjectRef:
    """An object that a statement names.

    Attributes:
        kind: PostgreSQL's word in lower case: "table", "view", "index", "sequence", "type", "function", "schema" ...
        schema: as written; None when the statement does not qualify the name.
        name: as written (folded as PostgreSQL folds it); for constraints, columns, triggers and policies the relation
            they belong to is what is touched.
    """

    kind: str
    schema: str | None
    name: str


@dataclass(frozen=True)
class ChangeFacts:
    """What is known about one statement of a proposal before it runs.

    Attributes:
        statement_class: PostgreSQL's command tag.
        touched: existing objects whose owner's role is needed.
        creates: objects that come into being (their schema's owner role is needed).
        in_transaction: False when PostgreSQL refuses the statement in a transaction block.
    """

    statement_class: str
    touched: tuple[ObjectRef, ...]
    creates: tuple[ObjectRef, ...]
    in_transaction: bool


NEVER: dict[str, str] = {
    "GRANT": "rights are given by people",
    "REVOKE": "rights are taken by people",
    "GRANT ROLE": "rights are given by people",
    "REVOKE ROLE": "rights are taken by people",
    "CREATE ROLE": "roles are made by people",
    "ALTER ROLE": "roles are changed by people",
    "DROP ROLE": "roles are dropped by people",
    "DROP OWNED": "it also takes rights away",
    "REASSIGN OWNED": "owners are changed by people",
    "ALTER DEFAULT PRIVILEGES": "rights are given by people",
    "SECURITY LABEL": "rights are given by people",
    "ALTER SYSTEM": "it changes the whole server",
    "COPY": "it reads and writes files and starts programs",
    "LOAD": "it loads code into the server",
    "DO": "its code cannot be checked before it runs",
    "CALL": "the code behind it cannot be checked before it runs",
    "EXECUTE": "what it runs is not in the statement",
    "PREPARE": "what it leaves behind outlives the step",
    "SET": "the step runner sets time-outs and roles itself",
    "RESET": "the step runner sets time-outs and roles itself",
    "CREATE EXTENSION": "extensions run code as superuser",
    "ALTER EXTENSION": "extensions run code as superuser",
    "DROP EXTENSION": "extensions belong to the server's administrator",
    "SELECT": "a step changes something; reading is what ask does",
}
"""Why some statements are never part of a proposal (all that is not handled below is refused as well)."""

OWN_SCHEMAS = frozenset({"postai", "postai_cache", "pg_catalog", "information_schema", "pg_toast"})
"""Schemas that no proposal touches: postai's records and PostgreSQL's own objects."""

SAFE_FUNCTION_SETTINGS = frozenset(
    {"search_path", "statement_timeout", "lock_timeout", "work_mem", "timezone", "datestyle", "intervalstyle"}
)
LANGUAGES = frozenset({"sql", "plpgsql"})
_SEQUENCE_FUNCTIONS = frozenset({"nextval", "currval", "lastval", "setval"})

_TABLE_CHANGES = frozenset(
    {
        "AT_AddColumn", "AT_ColumnDefault", "AT_DropNotNull", "AT_SetNotNull", "AT_SetExpression", "AT_DropExpression",
        "AT_SetStatistics", "AT_SetOptions", "AT_ResetOptions", "AT_SetStorage", "AT_SetCompression", "AT_DropColumn",
        "AT_AddConstraint", "AT_AlterConstraint", "AT_ValidateConstraint", "AT_AddIndexConstraint",
        "AT_DropConstraint", "AT_AlterColumnType", "AT_ClusterOn", "AT_DropCluster", "AT_SetLogged", "AT_SetUnLogged",
        "AT_SetRelOptions", "AT_ResetRelOptions", "AT_AddInherit", "AT_DropInherit", "AT_ReplicaIdentity",
        "AT_AttachPartition", "AT_DetachPartition", "AT_DetachPartitionFinalize", "AT_AddIdentity", "AT_SetIdentity",
        "AT_DropIdentity", "AT_EnableRowSecurity", "AT_DisableRowSecurity", "AT_ForceRowSecurity",
        "AT_NoForceRowSecurity", "AT_EnableTrig", "AT_DisableTrig", "AT_EnableTrigUser", "AT_DisableTrigUser",
        "AT_EnableAlwaysTrig",
    }
)  # fmt: skip
_OBJECTS = frozenset(
    {
        pb.OBJECT_TABLE, pb.OBJECT_INDEX, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE, pb.OBJECT_TYPE,
        pb.OBJECT_DOMAIN, pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_TRIGGER,
        pb.OBJECT_SCHEMA, pb.OBJECT_STATISTIC_EXT, pb.OBJECT_COLUMN, pb.OBJECT_TABCONSTRAINT, pb.OBJECT_DOMCONSTRAINT,
        pb.OBJECT_ATTRIBUTE, pb.OBJECT_POLICY,
    }
)  # fmt: skip
# Parts of a relation or domain: the last name of the list is the part itself.
_PARTS = {
    pb.OBJECT_COLUMN: "table", pb.OBJECT_TABCONSTRAINT: "table", pb.OBJECT_TRIGGER: "table",
    pb.OBJECT_POLICY: "table",
    pb.OBJECT_DOMCONSTRAINT: "domain",
}  # fmt: skip


def vet_change(statement: str) -> ChangeFacts:
    """Facts about one statement of a proposal.

    What the names mean is for the caller to look up (as the approver, at enqueue and again at run); user-made functions
    in expressions are the approver's to judge, PostgreSQL's own ones must be on the guard's list.

    Raises:
        Refused: the statement is not on the list of what a proposal may hold, or it cannot be parsed.
    """
    parsed = parse_one(statement)
    vetter = _Vetter(parsed)
    handler = getattr(vetter, f"_at_{parsed.tree.DESCRIPTOR.name}", None)
    if handler is None or parsed.statement_class == "SELECT INTO":
        raise Refused(
            f"{parsed.statement_class} cannot be proposed",
            detail=NEVER.get(parsed.statement_class, "It is not on the list of what postai applies") + ".",
            hint="Run it by hand, as the owner or administrator; postai.done_by_hand records that.",
        )
    handler(parsed.tree)
    vetter.check_expressions(parsed.tree)
    return vetter.facts()


class _Vetter:
    """Collects the facts about one statement; methods `_at_X` know statements of node type X."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._touched: list[ObjectRef] = []
        self._creates: list[ObjectRef] = []
        self._in_transaction = True

    def facts(self) -> ChangeFacts:
        for ref in (*self._touched, *self._creates):
            schema = ref.name if ref.kind == "schema" else ref.schema
            if schema is not None and (schema in OWN_SCHEMAS or schema.startswith("pg_")):
                raise self._refuse(f"{ref.kind} {_dotted(ref)} belongs to postai or to PostgreSQL")
        return ChangeFacts(
            self._statement.statement_class, tuple(dict.fromkeys(self._touched)), tuple(dict.fromkeys(self._creates)),
            self._in_transaction,
        )  # fmt: skip

    def check_expressions(self, tree: Message) -> None:
        """Look at every function call, changed table and nested clause in the whole statement."""
        listed = load_allowlist()
        queue: list[Message] = [tree]
        while queue:
            node = queue.pop()
            kind = node.DESCRIPTOR.name
            if kind == "FuncCall":
                name = node.funcname[-1].string.sval
                unlisted = name in listed.unlisted and name not in _SEQUENCE_FUNCTIONS
                if unlisted or name.startswith("dblink"):
                    raise self._refuse(f"the function {name} is not on the list of what statements may use")
            elif kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
                self._touch("table", node.relation)
            elif kind == "Constraint":
                self._constraint(node)
            elif kind == "VariableSetStmt" and not self._sets_harmlessly(node):
                raise self._refuse(f"the function would set {node.name or 'everything'}")
            for field, value in node.ListFields():
                if field.message_type is not None:
                    queue.extend(value if field.is_repeated else [value])

    def _refuse(self, detail: str) -> Refused:
        return Refused(
            f"this {self._statement.statement_class} cannot be proposed",
            detail=f"{detail[0].upper()}{detail[1:]}.",
            hint="Change the statement, or run it by hand; postai.done_by_hand records that.",
        )

    def _touch(self, kind: str, relation: Message) -> None:
        self._touched.append(self._relation(kind, relation))

    def _create(self, kind: str, relation: Message) -> None:
        self._creates.append(self._relation(kind, relation))

    def _relation(self, kind: str, relation: Message) -> ObjectRef:
        if relation.catalogname:
            raise self._refuse("a name with its database is not supported")
        if relation.relpersistence == "t" or relation.schemaname == "pg_temp":
            raise self._refuse("temporary objects would be gone when the step ends")
        return ObjectRef(kind, relation.schemaname or None, relation.relname)

    def _named(self, kind: str, names: Iterable[Message]) -> ObjectRef:
        parts = [one.string.sval for one in names]
        if not 1 <= len(parts) <= 2:
            raise self._refuse(f"the name {'.'.join(parts)} is not understood")
        return ObjectRef(kind, parts[0] if len(parts) == 2 else None, parts[-1])

    def _object(self, kind: int, node: Message) -> ObjectRef:
        """The object that a DROP, COMMENT or ALTER names; for a part, the relation or domain it belongs to."""
        if kind not in _OBJECTS:
            raise self._refuse(f"a {object_word(kind).lower()} is not on the list of what postai changes")
        word = _PARTS.get(kind, object_word(kind).lower())
        inner = statement_node(node)
        which = inner.DESCRIPTOR.name
        if which == "String":
            return ObjectRef(word, None, inner.sval)
        if which == "TypeName":
            return self._named(word, inner.names)
        if which == "ObjectWithArgs":
            return self._named(word, inner.objname)
        items: Sequence[Message] = inner.items
        if kind in _PARTS:
            first = statement_node(items[0])
            return self._named(word, first.names if first.DESCRIPTOR.name == "TypeName" else items[:-1])
        return self._named(word, items)

    def _no_cascade(self, behavior: int) -> None:
        if behavior == pb.DROP_CASCADE:
            raise self._refuse("CASCADE would drop objects that the statement does not name, whoever owns them")

    def _no_place(self, tablespace: str, access_method: str = "") -> None:
        if tablespace or access_method:
            raise self._refuse("tablespaces and access methods are chosen by the server's administrator")

    def _sets_harmlessly(self, node: Message) -> bool:
        return bool(node.kind == pb.VAR_SET_VALUE and node.name.lower() in SAFE_FUNCTION_SETTINGS)

    def _constraint(self, node: Message) -> None:
        self._no_place(node.indexspace)
        if node.HasField("pktable"):
            self._touch("table", node.pktable)

    # Data

    def _at_InsertStmt(self, node: Message) -> None:  # noqa: N802
        """Tables that data changes touch are collected with the expressions."""

    _at_UpdateStmt = _at_DeleteStmt = _at_MergeStmt = _at_InsertStmt  # noqa: N815

    # Tables and indexes

    def _at_CreateStmt(self, node: Message) -> None:  # noqa: N802
        self._no_place(node.tablespacename, node.access_method)
        self._create("table", node.relation)
        for parent in node.inh_relations:
            self._touch("table", parent.range_var)

    def _at_AlterTableStmt(self, node: Message) -> None:  # noqa: N802
        if node.objtype not in _OBJECTS:
            raise self._refuse(f"a {object_word(node.objtype).lower()} is not on the list of what postai changes")
        self._touch(object_word(node.objtype).lower(), node.relation)
        for one in node.cmds:
            change = one.alter_table_cmd
            name: str = pb.AlterTableType.Name(change.subtype)
            if name not in _TABLE_CHANGES:
                raise self._refuse(f"the change {name.removeprefix('AT_')} is not on the list of what postai does")
            self._no_cascade(change.behavior)
            definition = getattr(change, "def")
            which = definition.WhichOneof("node")
            if which == "partition_cmd":
                self._touch("table", definition.partition_cmd.name)
                if definition.partition_cmd.concurrent:
                    self._in_transaction = False
            elif which == "range_var":
                self._touch("table", definition.range_var)

    def _at_IndexStmt(self, node: Message) -> None:  # noqa: N802
        self._no_place(node.table_space)
        self._touch("table", node.relation)
        if node.idxname:
            self._creates.append(ObjectRef("index", node.relation.schemaname or None, node.idxname))
        self._in_transaction = not node.concurrent

    def _at_ReindexStmt(self, node: Message) -> None:  # noqa: N802
        options = {one.def_elem.defname for one in node.params}
        self._no_place("tablespace" if "tablespace" in options else "")
        if node.kind == pb.REINDEX_OBJECT_SCHEMA:
            self._touched.append(ObjectRef("schema", None, node.name))
            self._in_transaction = False
        elif node.kind in (pb.REINDEX_OBJECT_INDEX, pb.REINDEX_OBJECT_TABLE):
            self._touch("index" if node.kind == pb.REINDEX_OBJECT_INDEX else "table", node.relation)
            self._in_transaction = "concurrently" not in options
        else:
            raise self._refuse("only an index, a table or a schema can be reindexed")

    def _at_ClusterStmt(self, node: Message) -> None:  # noqa: N802
        if not node.HasField("relation"):
            raise self._refuse("name the table: without a name it takes every table of the database")
        self._touch("table", node.relation)

    def _at_TruncateStmt(self, node: Message) -> None:  # noqa: N802
        self._no_cascade(node.behavior)
        for one in node.relations:
            self._touch("table", one.range_var)

    def _at_VacuumStmt(self, node: Message) -> None:  # noqa: N802
        if not node.rels:
            raise self._refuse("name the tables: without names it takes every table of the database")
        for one in node.rels:
            self._touch("table", one.vacuum_relation.relation)
        self._in_transaction = not node.is_vacuumcmd

    def _at_CreateStatsStmt(self, node: Message) -> None:  # noqa: N802
        for one in node.relations:
            self._touch("table", one.range_var)
        if node.defnames:
            self._creates.append(self._named("statistics", node.defnames))

    def _at_AlterStatsStmt(self, node: Message) -> None:  # noqa: N802
        self._touched.append(self._named("statistics", node.defnames))

    # Views, sequences, types

    def _at_ViewStmt(self, node: Message) -> None:  # noqa: N802
        self._create("view", node.view)
        if node.replace:
            self._touch("view", node.view)

    def _at_CreateTableAsStmt(self, node: Message) -> None:  # noqa: N802
        if node.query.WhichOneof("node") != "select_stmt":
            raise self._refuse("its rows must come from a SELECT")
        self._no_place(node.into.table_space_name, node.into.access_method)
        self._create(object_word(node.objtype).lower(), node.into.rel)

    def _at_RefreshMatViewStmt(self, node: Message) -> None:  # noqa: N802
        self._touch("materialized view", node.relation)

    def _at_CreateSeqStmt(self, node: Message) -> None:  # noqa: N802
        self._create("sequence", node.sequence)
        self._owned_by(node.options)

    def _at_AlterSeqStmt(self, node: Message) -> None:  # noqa: N802
        self._touch("sequence", node.sequence)
        self._owned_by(node.options)

    def _owned_by(self, options: Iterable[Message]) -> None:
        for one in options:
            if one.def_elem.defname == "owned_by" and len(one.def_elem.arg.list.items) > 1:
                self._touched.append(self._named("table", one.def_elem.arg.list.items[:-1]))

    def _at_CompositeTypeStmt(self, node: Message) -> None:  # noqa: N802
        self._create("type", node.typevar)

    def _at_CreateEnumStmt(self, node: Message) -> None:  # noqa: N802
        self._creates.append(self._named("type", node.type_name))

    def _at_CreateDomainStmt(self, node: Message) -> None:  # noqa: N802
        self._creates.append(self._named("domain", node.domainname))

    def _at_AlterEnumStmt(self, node: Message) -> None:  # noqa: N802
        self._touched.append(self._named("type", node.type_name))

    def _at_AlterDomainStmt(self, node: Message) -> None:  # noqa: N802
        self._no_cascade(node.behavior)
        self._touched.append(self._named("domain", node.type_name))

    # Functions and triggers

    def _at_CreateFunctionStmt(self, node: Message) -> None:  # noqa: N802
        kind = "procedure" if node.is_procedure else "function"
        self._creates.append(self._named(kind, node.funcname))
        if node.replace:
            self._touched.append(self._named(kind, node.funcname))
        self._function_options(node.options)
        languages = {one.def_elem.arg.string.sval.lower() for one in node.options if one.def_elem.defname == "language"}
        if not languages and not node.HasField("sql_body"):
            raise self._refuse("its language is not named")
        if not languages <= LANGUAGES:
            raise self._refuse(f"the language {min(languages - LANGUAGES)} is not sql or plpgsql")

    def _at_AlterFunctionStmt(self, node: Message) -> None:  # noqa: N802
        self._touched.append(self._named(object_word(node.objtype).lower(), node.func.objname))
        self._function_options(node.actions)

    def _function_options(self, options: Iterable[Message]) -> None:
        for one in options:
            option = one.def_elem
            if option.defname == "security" and option.arg.boolean.boolval:
                raise self._refuse("SECURITY DEFINER gives its owner's rights away")
            if option.defname in ("leakproof", "support", "transform", "window"):
                raise self._refuse(f"the option {option.defname.upper()} is for the server's administrator")

    def _at_CreateTrigStmt(self, node: Message) -> None:  # noqa: N802
        self._touch("table", node.relation)
        self._touched.append(self._named("function", node.funcname))
        if node.HasField("constrrel"):
            self._touch("table", node.constrrel)

    # Policies: whoever owns the table decides which rows others see, as with its columns.

    def _at_CreatePolicyStmt(self, node: Message) -> None:  # noqa: N802
        self._touch("table", node.table)

    _at_AlterPolicyStmt = _at_CreatePolicyStmt  # noqa: N815

    # Any kind of object

    def _at_CreateSchemaStmt(self, node: Message) -> None:  # noqa: N802
        if node.HasField("authrole") or node.schema_elts:
            raise self._refuse("AUTHORIZATION and objects inside CREATE SCHEMA are statements of their own")
        self._creates.append(ObjectRef("schema", None, node.schemaname))

    def _at_DropStmt(self, node: Message) -> None:  # noqa: N802
        self._no_cascade(node.behavior)
        self._touched.extend(self._object(node.remove_type, one) for one in node.objects)
        self._in_transaction = not node.concurrent

    def _at_CommentStmt(self, node: Message) -> None:  # noqa: N802
        self._touched.append(self._object(node.objtype, node.object))

    def _at_RenameStmt(self, node: Message) -> None:  # noqa: N802
        self._no_cascade(node.behavior)
        if node.rename_type not in _OBJECTS:
            raise self._refuse(f"a {object_word(node.rename_type).lower()} is not on the list of what postai changes")
        if node.rename_type == pb.OBJECT_SCHEMA:
            self._touched.append(ObjectRef("schema", None, node.subname))
            self._creates.append(ObjectRef("schema", None, node.newname))
        elif node.HasField("relation"):
            parts = {pb.OBJECT_COLUMN: node.relation_type, pb.OBJECT_ATTRIBUTE: pb.OBJECT_TYPE}
            kind = object_word(parts.get(node.rename_type, node.rename_type)).lower()
            self._touch(
                "table" if node.rename_type in (pb.OBJECT_TABCONSTRAINT, pb.OBJECT_TRIGGER, pb.OBJECT_POLICY) else kind,
                node.relation,
            )
        elif node.rename_type == pb.OBJECT_DOMCONSTRAINT:
            self._touched.append(self._named("domain", statement_node(node.object).items))
        else:
            self._touched.append(self._object(node.rename_type, node.object))

    def _at_AlterObjectSchemaStmt(self, node: Message) -> None:  # noqa: N802
        if node.object_type not in _OBJECTS:
            raise self._refuse(f"a {object_word(node.object_type).lower()} is not on the list of what postai changes")
        if node.HasField("relation"):
            self._touch(object_word(node.object_type).lower(), node.relation)
        else:
            self._touched.append(self._object(node.object_type, node.object))
        moved = self._touched[-1]
        self._creates.append(ObjectRef(moved.kind, node.newschema, moved.name))


def _dotted(ref: ObjectRef) -> str:
    return ref.name if ref.schema is None else f"{ref.schema}.{ref.name}"
