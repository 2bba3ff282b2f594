"""UPDATE and DELETE that write a whole table at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.phrasing import BATCH, copied, expression_text, relation_name, script, written
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import Table, World
from postai.sql.nodes import messages
from postai.sql.parse import statement_node

_KEY_NAME = re.compile(
    r"(?:.*_)?(?:id|uuid|guid|key|pk|code|slug|ctid|oid|sku|token|username|login|email)|name|version|ctid",
    re.IGNORECASE,
)
_LOWER, _UPPER = frozenset({">", ">="}), frozenset({"<", "<="})


def _whole_table(here: Here) -> Iterable[Hit]:
    for tree in _writes(here.tree):
        table = here.world.table_of(tree.relation)
        if table.new or table.temporary or table.kind in "vf":
            continue
        if table.kind == "v" or is_bounded(tree, table, here.world):
            continue
        verb = "DELETE" if isinstance(tree, pb.DeleteStmt) else "UPDATE"
        yield Hit(
            f"one {verb} of {table.name} locks every row it writes until it is done, and bloats the table",
            _in_batches(here, tree, table),
        )


def _writes(tree: Any) -> Iterator[Any]:
    """The statement itself and those in its WITH clause."""
    if isinstance(tree, pb.UpdateStmt | pb.DeleteStmt):
        yield tree
    if isinstance(tree, pb.UpdateStmt | pb.DeleteStmt | pb.InsertStmt | pb.SelectStmt) and tree.HasField("with_clause"):
        for item in tree.with_clause.ctes:
            yield from _writes(statement_node(item.common_table_expr.ctequery))


def is_bounded(tree: Any, table: Table, world: World) -> bool:
    """Whether the condition keeps an UPDATE or DELETE to a batch of rows: by key, by a range, by LIMIT."""
    if not tree.HasField("where_clause"):
        return False
    sources = tree.from_clause if isinstance(tree, pb.UpdateStmt) else tree.using_clause
    limited = _limited_names(tree, sources)
    target = {tree.relation.relname, tree.relation.alias.aliasname} - {""}
    others = {name for item in sources if (name := _name(item)) is not None}
    return _Condition(table, world, target, others, limited).bounds(tree.where_clause)


def _name(item: Any) -> str | None:
    node: Any = statement_node(item)
    if isinstance(node, pb.RangeVar):
        return str(node.alias.aliasname or node.relname)
    return str(getattr(node, "alias", pb.Alias()).aliasname) or None


def _limited_names(tree: Any, sources: Any) -> set[str]:
    """Names of sources with few rows: subqueries with LIMIT, VALUES, unnest(), and WITH queries like them."""
    with_limit = {
        item.common_table_expr.ctename
        for item in tree.with_clause.ctes
        if _is_limited(statement_node(item.common_table_expr.ctequery))
    }
    found = set()
    for item in sources:
        node = statement_node(item)
        name = _name(item)
        if name is None:
            continue
        if (
            (isinstance(node, pb.RangeVar) and node.relname in with_limit)
            or (isinstance(node, pb.RangeSubselect) and _is_limited(statement_node(node.subquery)))
            or isinstance(node, pb.RangeFunction)
        ):
            found.add(name)
    return found | with_limit


def _is_limited(query: Any) -> bool:
    return isinstance(query, pb.SelectStmt) and (query.HasField("limit_count") or bool(query.values_lists))


class _Condition:
    """Reads one WHERE clause."""

    def __init__(self, table: Table, world: World, target: set[str], others: set[str], limited: set[str]) -> None:
        self._table, self._world = table, world
        self._target, self._others, self._limited = target, others, limited
        self._unique = [
            {one for one in index.columns if one}
            for index in world.indexes_of(table.key)
            if index.unique and index.valid and not index.partial and None not in index.columns
        ]

    def bounds(self, expression: Any) -> bool:
        """Whether it keeps the statement to few rows."""
        node = statement_node(expression)
        if isinstance(node, pb.BoolExpr) and node.boolop == pb.OR_EXPR:
            return all(self.bounds(item) for item in node.args)
        parts = [statement_node(item) for item in node.args] if _is_and(node) else [node]
        equal: set[str] = set()
        lower: set[str] = set()
        upper: set[str] = set()
        for part in parts:
            if isinstance(part, pb.CurrentOfExpr) or self._joins_few(part):
                return True
            if isinstance(part, pb.BoolExpr) and part.boolop != pb.NOT_EXPR and self.bounds(_wrapped(part)):
                return True
            self._compare(part, equal, lower, upper)
        if lower & upper:
            return True
        return self._is_key(equal) or any(self._is_key({one}) and not self._is_reference(one) for one in upper)

    def _is_reference(self, name: str) -> bool:
        return name.endswith("_id")

    def _is_key(self, columns: set[str]) -> bool:
        if any(unique <= columns for unique in self._unique):
            return True
        if self._table.known and self._unique:
            return any(name == "ctid" or name.endswith("_id") for name in columns)
        return any(_KEY_NAME.fullmatch(name) for name in columns)

    def _compare(self, node: Any, equal: set[str], lower: set[str], upper: set[str]) -> None:
        if isinstance(node, pb.SubLink):
            if node.sub_link_type == pb.ANY_SUBLINK and self._few(node.subselect):
                equal |= self._own(node.testexpr)
            return
        if not isinstance(node, pb.A_Expr) or not node.name:
            return
        operator = node.name[-1].string.sval
        own, other = self._own(node.lexpr), node.rexpr
        if not own:
            own, other = self._own(node.rexpr), node.lexpr
            operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
        if not own or self._depends_on_rows(other):
            return
        if node.kind == pb.AEXPR_BETWEEN:
            lower |= own
            upper |= own
        elif node.kind == pb.AEXPR_IN or operator == "=":
            equal |= own
        elif operator in _LOWER:
            lower |= own
        elif operator in _UPPER:
            upper |= own

    def _own(self, expression: Any) -> set[str]:
        """The columns of the target that an expression is, if it is nothing else."""
        node = statement_node(expression)
        while isinstance(node, pb.TypeCast):
            node = statement_node(node.arg)
        if isinstance(node, pb.RowExpr):
            return set().union(*(self._own(item) for item in node.args))
        if not isinstance(node, pb.ColumnRef) or node.fields[-1].WhichOneof("node") != "string":
            return set()
        if len(node.fields) > 1 and node.fields[-2].string.sval not in self._target:
            return set()
        name = node.fields[-1].string.sval
        return set() if self._table.known and name not in self._table.columns and name != "ctid" else {name}

    def _depends_on_rows(self, expression: Any) -> bool:
        """Whether a value differs from row to row: other columns, joined tables, a subquery that is not limited."""
        for node in messages(expression):
            if isinstance(node, pb.SubLink):
                return node.sub_link_type == pb.ANY_SUBLINK and not self._few(node.subselect)
            if isinstance(node, pb.ColumnRef):
                names = [item.string.sval for item in node.fields]
                if len(names) > 1 and names[-2] in self._target | self._others:
                    return True
                if len(names) == 1 and names[0] in self._table.columns:
                    return True
        return False

    def _few(self, subselect: Any) -> bool:
        query = statement_node(subselect)
        if _is_limited(query):
            return True
        return isinstance(query, pb.SelectStmt) and any(
            statement_node(item).relname in self._limited
            for item in query.from_clause
            if isinstance(statement_node(item), pb.RangeVar)
        )

    def _joins_few(self, node: Any) -> bool:
        """Whether it joins the target with a source of few rows."""
        if not isinstance(node, pb.A_Expr) or not node.name or node.name[-1].string.sval != "=":
            return False
        for one, other in ((node.lexpr, node.rexpr), (node.rexpr, node.lexpr)):
            if self._own(one):
                far = statement_node(other)
                if isinstance(far, pb.ColumnRef) and len(far.fields) > 1:
                    return far.fields[-2].string.sval in self._limited
        return False


def _is_and(node: Any) -> bool:
    return isinstance(node, pb.BoolExpr) and node.boolop == pb.AND_EXPR


def _wrapped(node: Any) -> pb.Node:
    wrapper = pb.Node()
    wrapper.bool_expr.CopyFrom(node)
    return wrapper


def _in_batches(here: Here, tree: Any, table: Table) -> str | None:
    """The same in batches by key, where the key is known or has the usual name."""
    sources = tree.from_clause if isinstance(tree, pb.UpdateStmt) else tree.using_clause
    if sources or tree.HasField("returning_clause") or tree.HasField("with_clause") or tree is not here.tree:
        return None
    keys = [one.columns for one in table.constraints if one.kind == "p"]
    key = quote_ident(keys[0][0]) if keys and len(keys[0]) == 1 else None if keys else "id"
    if key is None:
        return None
    bare = copied(tree)
    bare.ClearField("where_clause")
    if not tree.HasField("where_clause"):
        return script(
            f"{written(bare)} WHERE {key} BETWEEN 1 AND {BATCH}",
            f"-- then {BATCH + 1} to {2 * BATCH}, and so on, each in its own transaction",
        )
    condition = expression_text(tree.where_clause)
    place = relation_name(tree.relation)
    return script(
        f"{written(bare)} WHERE ({condition}) AND {key} IN (SELECT {key} FROM {place} WHERE {condition}"  # noqa: S608
        f" ORDER BY {key} LIMIT {BATCH})",
        "-- again, each in its own transaction, until no row is written",
    )


RULES = (
    Rule(
        "unbatched_backfill", "blocking", "error", "A whole table written at once",
        "One UPDATE or DELETE of many rows holds all their locks until it is done, cannot be continued when it fails,"
        " and leaves as many dead rows behind.",
        "Write in batches by key, each in its own transaction.",
        frozenset({"UpdateStmt", "DeleteStmt", "InsertStmt", "SelectStmt"}), _whole_table,
    ),
)  # fmt: skip
