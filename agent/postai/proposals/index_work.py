"""Work on indexes: what statements should leave behind, and what they leave when they are interrupted.

An interrupted CREATE INDEX CONCURRENTLY leaves an INVALID index that costs every write and that IF NOT EXISTS takes for
the index asked for; an interrupted DROP leaves one that is invalid too, and an interrupted REINDEX CONCURRENTLY a copy
whose name ends in _ccnew or _ccold. So the state of the index is looked at, never remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database import Database, Row, ServerError
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.errors import Refused
from postai.sql.parse import parse_one

IndexCondition = Literal["absent", "valid", "building", "invalid"]

_WITH_OPERANDS = frozenset({"A_Expr", "FuncCall", "CoalesceExpr", "MinMaxExpr", "CaseExpr", "CaseWhen", "A_ArrayExpr"})
_WIDER = frozenset({"text", "int8", "bigint", "numeric", "float8", "timestamp", "timestamptz"})
"""Types that operands of a narrower one are cast to without being told (manual, 10.2 and 10.3)."""


@dataclass(frozen=True)
class IndexWork:
    """A statement that makes, drops or rebuilds indexes.

    Attributes:
        kind: "create", "drop", or "reindex" (CONCURRENTLY, of an index or of all indexes of a table).
        schema, name: of the index; of what is rebuilt.
        statement: its text.
        table: schema and name of the table of a new index; None for the other kinds.
    """

    kind: Literal["create", "drop", "reindex"]
    schema: str
    name: str
    statement: str
    table: tuple[str, str] | None = None

    @property
    def drop_statement(self) -> str:
        """The statement that removes the index without blocking anybody."""
        return f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(self.schema, self.name)}"


def recognise(statement: str) -> IndexWork | None:
    """The work on indexes that a statement does; None for any other statement.

    Raises:
        Refused: a form whose result could not be told from an interrupted one.
    """
    # The message classes are generated: their fields are not known to the type checker.
    tree = cast("Any", parse_one(statement).tree)
    kind = type(tree).__name__
    if kind == "IndexStmt":
        return _creation(tree, statement)
    if kind == "DropStmt" and tree.remove_type == pb.OBJECT_INDEX:
        names = [part.string.sval for part in tree.objects[0].list.items]
        if len(names) == 2 and len(tree.objects) == 1:
            return IndexWork("drop", names[0], names[1], statement)
        if tree.concurrent:
            raise Refused("the index is named without its schema", hint="Write schema.index.")
    if (
        kind == "ReindexStmt"
        and any(one.def_elem.defname == "concurrently" for one in tree.params)
        and tree.kind in (pb.REINDEX_OBJECT_INDEX, pb.REINDEX_OBJECT_TABLE)
        and tree.relation.schemaname
    ):
        return IndexWork("reindex", tree.relation.schemaname, tree.relation.relname, statement)
    return None


def _creation(tree: Any, statement: str) -> IndexWork | None:
    if tree.concurrent:
        if not tree.idxname:
            raise Refused(
                "the index has no name", hint="Name it: CREATE INDEX CONCURRENTLY name ON schema.table (...)."
            )
        if tree.if_not_exists:
            raise Refused(
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS takes a broken index for a good one",
                hint="Leave IF NOT EXISTS out; an index that is already there is found.",
            )
    elif not tree.idxname or tree.if_not_exists or not tree.relation.schemaname:
        return None
    schema, table = tree.relation.schemaname, tree.relation.relname
    return IndexWork("create", schema, tree.idxname, statement, (schema, table))


def look(db: Database, work: IndexWork) -> IndexCondition:
    """What is there under the index's name; "building" = somebody's CREATE INDEX works on it at this moment."""
    rows = db.query(load(__package__, "objects.sql")["index_state"], [work.schema, work.name])
    if not rows:
        return "absent"
    valid, building = rows[0]
    return "valid" if valid else "building" if building else "invalid"


def definition(db: Database, work: IndexWork) -> str | None:
    """The index as the server writes it; None = it is not there, or its table is locked."""
    rows = _without_waiting(db, load(__package__, "objects.sql")["index_definition"], (work.schema, work.name))
    return str(rows[0][0]) if rows else None


def find_same(db: Database, work: IndexWork) -> str | None:
    """The name of a valid index that is what a CREATE INDEX would make, whatever it is called.

    Returns:
        None = there is none, or the table is locked so that nobody can tell.
    """
    if work.table is None:
        return None
    rows = _without_waiting(db, load(__package__, "objects.sql")["indexes_of"], work.table)
    return next((name for name, text in rows if same_index(work.statement, text)), None)


def _without_waiting(db: Database, query: str, names: tuple[str, str]) -> list[Row]:
    """The rows of a query about a table's indexes; none while somebody has locked the table."""
    try:
        with db.transaction():
            before = db.query("select pg_catalog.current_setting('lock_timeout')")[0][0]
            db.execute("set local lock_timeout = '200ms'")
            rows = list(db.query(query, names))
            db.query("select pg_catalog.set_config('lock_timeout', %s, true)", [before])
    except ServerError as error:
        if error.sqlstate != "55P03":
            raise
        return []
    return rows


def leftovers(db: Database, work: IndexWork) -> list[str]:
    """Qualified names of the broken copies that a cut-off REINDEX CONCURRENTLY left, if nobody is at that table now."""
    rows = db.query(load(__package__, "objects.sql")["reindex_leftovers"], [work.schema, work.name])
    return [qualified(schema, name) for schema, name in rows]


def is_comment(statement: str) -> tuple[str, str] | None:
    """Schema and name of the index that a COMMENT ON INDEX speaks of; None for any other statement."""
    tree = cast("Any", parse_one(statement).tree)
    if type(tree).__name__ != "CommentStmt" or tree.objtype != pb.OBJECT_INDEX:
        return None
    names = [part.string.sval for part in tree.object.list.items]
    return (names[0], names[1]) if len(names) == 2 else None


def is_attachment(statement: str) -> bool:
    """Whether a statement makes an index a part of its partitioned table's index."""
    tree = cast("Any", parse_one(statement).tree)
    if type(tree).__name__ != "AlterTableStmt" or tree.objtype != pb.OBJECT_INDEX:
        return False
    return all(one.alter_table_cmd.subtype == pb.AT_AttachPartition for one in tree.cmds)


def undo_of(statement: str) -> str | None:
    """What leads back from making an index or attaching it to its partitioned table's; None for other statements.

    An index cannot be detached: the whole index of the partitioned table goes, and what is attached with it.
    """
    tree = cast("Any", parse_one(statement).tree)
    if is_attachment(statement):
        return f"DROP INDEX {qualified(tree.relation.schemaname, tree.relation.relname)}"
    work = recognise(statement)
    if work is None or work.kind != "create":
        return None
    return f"DROP INDEX {'CONCURRENTLY ' if tree.concurrent else ''}{qualified(work.schema, work.name)}"


def same_index(statement: str, definition: str) -> bool:
    """Whether a CREATE INDEX statement and the server's definition of an index say the same, whatever their names.

    Both are compared as parsed, without the casts that the server adds to constants.
    """
    return normal_form(statement) == normal_form(definition)


def normal_form(statement: str) -> str:
    """A statement as text that does not depend on layout; for CREATE INDEX also not on name and CONCURRENTLY."""
    result = postgast.parse(statement)
    node = result.stmts[0].stmt
    if node.WhichOneof("node") == "index_stmt":
        _make_plain(node.index_stmt)
        as_server_writes(node)
    return str(postgast.deparse(result))


def leading_key(statement: str) -> str | None:
    """Access method and first key of a CREATE INDEX, `btree (customer_id)`; None for any other statement."""
    result = postgast.parse(statement)
    node = result.stmts[0].stmt
    if node.WhichOneof("node") != "index_stmt":
        return None
    tree = node.index_stmt
    _make_plain(tree)
    tree.unique = False
    tree.relation.schemaname, tree.relation.relname, tree.relation.inh = "", "t", True
    del tree.index_params[1:]
    del tree.index_including_params[:]
    tree.ClearField("where_clause")
    first = tree.index_params[0].index_elem
    first.ordering, first.nulls_ordering = pb.SORTBY_DEFAULT, pb.SORTBY_NULLS_DEFAULT
    return str(postgast.deparse(result)).removeprefix("CREATE INDEX ON t USING ")


def _make_plain(tree: Any) -> None:
    tree.concurrent = False
    tree.if_not_exists = False
    tree.idxname = ""
    tree.access_method = tree.access_method or "btree"


def as_server_writes(node: Message) -> None:
    """Take casts away that the server may add, and write IN, LIKE, BETWEEN and negative numbers as it shows them.

    Other casts stay: with them an expression means another thing.
    """
    waiting: list[tuple[Message, bool]] = [(node, False)]
    joined: list[Any] = []
    while waiting:
        message, is_operand = waiting.pop()
        one = cast("Any", message)
        kind = one.DESCRIPTOR.name
        if kind == "BoolExpr":
            joined.append(one)
        elif kind == "Node":
            while one.WhichOneof("node") == "type_cast" and _may_be_added(one.type_cast, is_operand):
                inner = type(one)()
                inner.CopyFrom(one.type_cast.arg)
                one.CopyFrom(inner)
            if one.WhichOneof("node") == "a_expr":
                _as_operator(one.a_expr)
                _as_bounds(one)
            elif one.WhichOneof("node") == "a_const":
                _as_text(one.a_const)
        operands = kind in _WITH_OPERANDS or (is_operand and kind in ("Node", "List"))
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting.extend((each, operands) for each in (value if field.is_repeated else [value]))
    for one in reversed(joined):
        _flatten(one)


def _may_be_added(given: Any, is_operand: bool) -> bool:
    """Whether the server writes such a cast itself: of constants, and of operands that are taken as a wider type."""
    if _is_constant(given.arg):
        return True
    names = [part.string.sval for part in given.type_name.names]
    bare = not given.type_name.typmods and not given.type_name.array_bounds
    return is_operand and bare and names[-1] in _WIDER and names[:-1] in ([], ["pg_catalog"])


def _is_constant(node: Any) -> bool:
    kind = node.WhichOneof("node")
    if kind == "type_cast":
        return _is_constant(node.type_cast.arg)
    if kind == "a_array_expr":
        return all(_is_constant(one) for one in node.a_array_expr.elements)
    return bool(kind == "a_const")


def _as_operator(expression: Any) -> None:
    if expression.kind in (pb.AEXPR_LIKE, pb.AEXPR_ILIKE) and not expression.rexpr.HasField("func_call"):
        expression.kind = pb.AEXPR_OP
    elif expression.kind == pb.AEXPR_IN and len(expression.rexpr.list.items) == 1:
        item = pb.Node()
        item.CopyFrom(expression.rexpr.list.items[0])
        expression.kind = pb.AEXPR_OP
        expression.rexpr.CopyFrom(item)
    elif expression.kind == pb.AEXPR_IN:
        negative = expression.name[0].string.sval == "<>"
        expression.kind = pb.AEXPR_OP_ALL if negative else pb.AEXPR_OP_ANY
        items = [pb.Node() for _ in expression.rexpr.list.items]
        for copy, item in zip(items, expression.rexpr.list.items, strict=True):
            copy.CopyFrom(item)
        expression.rexpr.a_array_expr.SetInParent()
        expression.rexpr.a_array_expr.elements.extend(items)


def _as_bounds(node: Any) -> None:
    """BETWEEN as two comparisons."""
    forms = {pb.AEXPR_BETWEEN: (pb.AND_EXPR, ">=", "<="), pb.AEXPR_NOT_BETWEEN: (pb.OR_EXPR, "<", ">")}
    if node.a_expr.kind not in forms:
        return
    joined, *operators = forms[node.a_expr.kind]
    both = pb.BoolExpr(boolop=joined)
    for operator, bound in zip(operators, node.a_expr.rexpr.list.items, strict=True):
        one = both.args.add().a_expr
        one.kind = pb.AEXPR_OP
        one.name.add().string.sval = operator
        one.lexpr.CopyFrom(node.a_expr.lexpr)
        one.rexpr.CopyFrom(bound)
    node.bool_expr.CopyFrom(both)


def _as_text(constant: Any) -> None:
    """A negative number as a string, which the server casts."""
    kind = constant.WhichOneof("val")
    if kind == "ival" and constant.ival.ival < 0:
        constant.sval.sval = str(constant.ival.ival)
    elif kind == "fval" and constant.fval.fval.startswith("-"):
        constant.sval.sval = constant.fval.fval


def _flatten(join: Any) -> None:
    """a AND (b AND c) as a AND b AND c; likewise OR."""
    arguments = []
    for one in join.args:
        inner = one.bool_expr if one.WhichOneof("node") == "bool_expr" else None
        same = inner is not None and inner.boolop == join.boolop != pb.NOT_EXPR
        for part in inner.args if inner is not None and same else [one]:
            copy = pb.Node()
            copy.CopyFrom(part)
            arguments.append(copy)
    del join.args[:]
    join.args.extend(arguments)
