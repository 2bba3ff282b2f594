"""The walk over a parse tree: lets known nodes pass and hands every name it meets to `Names`."""

from __future__ import annotations

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.names import Names
from postai.sql.nodes import OPERATORS_OF_KEYWORDS, PLAIN_NODES, VERSION_OF_NODE
from postai.sql.parse import statement_node


class Walker:
    """One walk over one statement. Methods `_at_X` look at nodes of type X; `Refused` ends the walk."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._ctes: dict[str, Message] = {}

    def visit(self, node: Message) -> None:
        """Look at one node and everything below it; a node type that is not known is refused."""
        kind: str = node.DESCRIPTOR.name
        if kind == "Node":
            inner = statement_node(node)
            if inner is not node:
                self.visit(inner)
            return
        needed = VERSION_OF_NODE.get(kind, 0)
        version = self._names.safety.server_version
        if version < needed:
            raise Refused(
                f"the SQL/JSON syntax in the statement needs PostgreSQL {needed // 10000}",
                detail=f"{kind}: this server ({version // 10000}) would read the text as something else.",
                hint="Use functions of this server's version, such as jsonb_build_object and jsonb_path_query.",
            )
        handler = getattr(self, f"_at_{kind}", None)
        if handler is not None:
            handler(node)
        elif kind in PLAIN_NODES:
            self._children(node)
        else:
            raise _node_refused(kind)

    def _children(self, node: Message, *but: str) -> None:
        for field, value in node.ListFields():
            if field.message_type is None or field.name in but:
                continue
            for one in value if field.is_repeated else (value,):
                self.visit(one)

    # Queries

    def _at_SelectStmt(self, node: Message) -> None:  # noqa: N802
        if node.HasField("into_clause"):
            raise Refused("SELECT INTO is not allowed", hint="Leave INTO out; postai.migrate creates tables.")
        if node.locking_clause:
            raise Refused("row locks (FOR UPDATE, FOR SHARE ...) are not allowed", hint="Leave the clause out.")
        outer = self._ctes
        if node.HasField("with_clause"):
            self._with(node.with_clause)
        self._children(node, "with_clause")
        self._ctes = outer

    def _with(self, clause: Message) -> None:
        """Bring the WITH queries into scope: all at once when RECURSIVE, else one after the other."""
        queries = [statement_node(one) for one in clause.ctes]
        if clause.recursive:
            self._ctes = {**self._ctes, **{one.ctename: one for one in queries}}
        for one in queries:
            if one.ctequery.WhichOneof("node") != "select_stmt":
                raise Refused("a WITH query that changes data is not allowed", hint="Write WITH queries that SELECT.")
            self._children(one, "ctecolnames", "ctecoltypes", "ctecoltypmods", "ctecolcollations")
            self._ctes = {**self._ctes, one.ctename: one}

    # FROM

    def _at_RangeVar(self, node: Message) -> None:  # noqa: N802
        cte = None if node.schemaname else self._ctes.get(node.relname)
        self._names.source(node, node.relname, cte)
        if node.catalogname:
            raise Refused(
                f"a relation named with its database is not allowed: {node.catalogname}",
                hint="Name schema and relation only.",
            )
        self._names.relation(node.schemaname or None, node.relname, from_with=cte is not None)

    def _at_RangeSubselect(self, node: Message) -> None:  # noqa: N802
        self._names.source(node)
        self._children(node)

    def _at_RangeFunction(self, node: Message) -> None:  # noqa: N802
        self._names.source(node)
        self._children(node)

    def _at_RangeTableFunc(self, node: Message) -> None:  # noqa: N802
        self._names.source(node)
        self._children(node)

    def _at_JsonTable(self, node: Message) -> None:  # noqa: N802
        self._names.source(node)
        self._children(node)

    def _at_JoinExpr(self, node: Message) -> None:  # noqa: N802
        self._names.source(node)
        if node.is_natural or node.using_clause:
            self._names.operator(None, "=", (False, False))
        self._children(node)

    def _at_RangeTableSample(self, node: Message) -> None:  # noqa: N802
        schema, name = self._names.qualified(node.method)
        if name not in ("bernoulli", "system") or schema not in (None, "pg_catalog"):
            raise Refused(f"the sampling method {name} is not allowed", hint="Use BERNOULLI or SYSTEM.")
        self._names.sampling(name)
        self._children(node, "method")

    # Expressions

    def _at_FuncCall(self, node: Message) -> None:  # noqa: N802
        schema, name = self._names.qualified(node.funcname)
        named = any(one.WhichOneof("node") == "named_arg_expr" for one in node.args)
        plain = not (named or node.func_variadic or node.agg_within_group)
        self._names.function(schema, name, tuple(_is_literal(one) for one in node.args) if plain else None)
        self._children(node, "funcname")

    def _at_A_Expr(self, node: Message) -> None:  # noqa: N802
        operands = _operands(node.lexpr, node.rexpr)
        if node.kind in OPERATORS_OF_KEYWORDS:
            for name in OPERATORS_OF_KEYWORDS[node.kind]:
                self._names.operator(None, name, operands)
        else:
            self._names.operator(*self._names.qualified(node.name), operands)
        self._children(node, "name")

    def _at_SubLink(self, node: Message) -> None:  # noqa: N802
        operands = _operands(node.testexpr, None)
        compared = None if operands is None else (*operands, False)  # a column of the subquery has a type of its own
        if node.oper_name:
            self._names.operator(*self._names.qualified(node.oper_name), compared)
        elif node.sub_link_type == pb.ANY_SUBLINK:
            self._names.operator(None, "=", compared)
        self._children(node, "oper_name")

    def _at_CaseExpr(self, node: Message) -> None:  # noqa: N802
        if node.HasField("arg"):
            self._names.operator(None, "=", (_is_literal(node.arg), True))
        self._children(node)

    def _at_SortBy(self, node: Message) -> None:  # noqa: N802
        if node.use_op:
            self._names.operator(*self._names.qualified(node.use_op), None)
        self._children(node, "use_op")

    def _at_TypeName(self, node: Message) -> None:  # noqa: N802
        if node.setof or node.pct_type:
            raise Refused("SETOF and %TYPE are not allowed in a query", hint="Name the type.")
        for one in node.typmods:
            which = one.WhichOneof("node")
            if which != "a_const" and not (which == "column_ref" and len(one.column_ref.fields) == 1):
                raise Refused("a type modifier must be a constant", hint="Write it as in numeric(10, 2).")
        self._names.type(*self._names.qualified(node.names))

    def _at_ColumnRef(self, node: Message) -> None:  # noqa: N802
        *qualifiers, last = (statement_node(one) for one in node.fields)
        if qualifiers and last.DESCRIPTOR.name == "String":
            qualifier = qualifiers[-1]
            self._names.field(qualifier.sval if qualifier.DESCRIPTOR.name == "String" else None, last.sval)

    def _at_A_Indirection(self, node: Message) -> None:  # noqa: N802
        for one in node.indirection:
            if one.WhichOneof("node") == "string":
                self._names.field(None, one.string.sval)
        self._children(node)


def _node_refused(kind: str) -> Refused:
    return Refused(
        f"a part of the statement is not allowed: {kind}",
        detail="Only what a reading query is made of passes.",
        hint="Write one plain SELECT.",
    )


def _is_literal(node: Message) -> bool:
    """Whether it is a bare string, NULL or parameter: its type is still open when overloads are chosen."""
    which = node.WhichOneof("node")
    if which == "a_const":
        return bool(node.a_const.isnull or node.a_const.HasField("sval"))
    return bool(which == "param_ref")


def _operands(left: Message | None, right: Message | None) -> tuple[bool, ...] | None:
    """Which operands of an operator are bare literals; None for rows, whose fields are compared one by one.

    Of a list only some members may be literals, which counts as one.
    """
    operands = [one for one in (left, right) if one is not None and one.WhichOneof("node")]
    if any(one.WhichOneof("node") == "row_expr" for one in operands):
        return None
    return tuple(_is_literal(one) or one.WhichOneof("node") == "list" for one in operands)
