"""What the text of a statement says about what it reads: every name in it, and what already speaks against keeping
its answer. Nothing is looked up here; `reads_catalog.py` knows what the names mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.nodes import OPERATORS_OF_KEYWORDS, PLAIN_NODES, UNQUALIFIED_BEFORE, VERSION_OF_NODE
from postai.sql.parse import parse, statement_node
from postai.sql.reads_candidate import Call, Candidate, Cast, Equal, Field, RelationName
from postai.sql.reads_values import (
    CAST_FUNCTIONS,
    conjuncts,
    dated,
    equations,
    is_literal,
    operands,
    outputs,
    renamings,
    special_input,
)

_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
_HIDDEN = ("Json", "Xml", "RangeTableFunc", "SQLValueFunction")
_PLAIN = frozenset(name for name in PLAIN_NODES if not name.startswith(_HIDDEN))
_TABLE_FUNCTIONS = frozenset({"generate_series", "unnest", "generate_subscripts"})
"""Functions in FROM whose columns are named by the function or its alias."""


def candidate(text: str, parameters: Sequence[int] = ()) -> Candidate:
    """What the text of a statement says.

    Args:
        text: the statement, as the client sent it.
        parameters: type oids of its parameters as declared in Parse; 0, or left out, where not declared.
    """
    try:
        statements = parse(text)
        if len(statements) != 1:
            return Candidate(f"{len(statements)} statements")
        kind = statements[0].statement_class
        if statements[0].tree.DESCRIPTOR.name != "SelectStmt":
            return Candidate(kind, shows=kind == "SHOW")
        reader = _Reader()
        reader.visit(statements[0].tree)
    except Refused as refused:
        return Candidate(refused.message)
    return reader.result(statements[0].tree, tuple(parameters), text)


@dataclass
class _Reader:
    """One walk over one SELECT. Methods `at_x` look at nodes of one type."""

    reason: str | None = None
    selects: bool = True
    writes: bool = False
    relations: list[RelationName] = field(default_factory=list)
    functions: dict[Call, None] = field(default_factory=dict)
    operators: dict[Call, None] = field(default_factory=dict)
    casts: dict[Cast, None] = field(default_factory=dict)
    dotted: dict[tuple[str | None, str], None] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    all_columns: bool = False
    parameters: Counter[int] = field(default_factory=Counter)
    # By which names things in FROM are known: the number of a relation, a query's columns, or nothing.
    sources: dict[str, list[int | frozenset[str] | None]] = field(default_factory=dict)
    renamed: set[str] = field(default_factory=set)
    odd_functions: bool = False
    names: set[str] = field(default_factory=set)
    places: dict[int, int] = field(default_factory=dict)
    ctes: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    depth: int = 0

    def result(self, tree: Message, parameters: tuple[int, ...], text: str) -> Candidate:
        """What was found."""
        casts = []
        for cast in self.casts:
            columns = cast.columns
            if columns and (self.odd_functions or not self.renamed.isdisjoint(columns)):
                columns = None
            casts.append(Cast(cast.schema, cast.name, columns))
        everything = self.all_columns or not self.columns.isdisjoint(self.sources)
        return Candidate(
            reason=self.reason,
            selects=self.selects,
            writes=self.writes,
            relations=tuple(self.relations),
            functions=tuple(self.functions),
            operators=tuple(self.operators),
            casts=tuple(dict.fromkeys(casts)),
            fields=tuple(self._field(qualifier, name) for qualifier, name in self.dotted),
            columns=None if everything else frozenset(self.columns),
            parameters=parameters,
            equals=tuple(self._equals(tree)),
            single=frozenset(number for number, count in self.parameters.items() if count == 1),
            ascii=all(name.isascii() for name in self.names),
            backslash="\\" in text,
        )

    def _field(self, qualifier: str | None, name: str) -> Field:
        places = []
        for source in self.sources.get(qualifier, [None]) if qualifier else [None]:
            if isinstance(source, int):
                places.append(source)
            elif source is None or name not in source:
                return Field(name, None)
        return Field(name, tuple(places))

    def _refuse(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason

    # The walk

    def visit(self, node: Message) -> None:
        """Look at one node and everything below it."""
        kind: str = node.DESCRIPTOR.name
        if kind == "Node":
            inner = statement_node(node)
            if inner is not node:
                self.visit(inner)
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node)
        elif kind in _PLAIN:
            self._children(node)
        else:
            self._refuse(_WORDS.get(kind, f"a part of the statement is not known: {kind}"))
            self.selects &= kind in PLAIN_NODES
            self.writes |= kind in VERSION_OF_NODE  # older servers read a call of anybody's function
            self._children(node)

    def _children(self, node: Message, *but: str) -> None:
        for described, value in node.ListFields():
            if described.message_type is None or described.name in but:
                continue
            if described.is_repeated:
                for one in value:
                    self.visit(one)
            else:
                self.visit(value)

    def _name(self, nodes: Sequence[Any]) -> tuple[str | None, str]:
        parts = [one.string.sval for one in nodes]
        if len(parts) > 2:
            raise Refused("a name with its database")
        self.names.update(parts)
        return (parts[0] if len(parts) == 2 else None), parts[-1]

    # Queries

    def at_select(self, node: Any) -> None:
        """SELECT, VALUES, TABLE, and both sides of UNION and its like."""
        if node.HasField("into_clause"):
            self._refuse("SELECT INTO")
            self.writes = True
        if node.locking_clause:
            self._refuse("row locks")
            self.writes = True
        outer = self.ctes
        if node.HasField("with_clause"):
            queries = [statement_node(one) for one in node.with_clause.ctes]
            if node.with_clause.recursive:
                self.ctes = {**self.ctes, **dict.fromkeys(one.ctename for one in queries)}
            for one in queries:
                self.ctes = {**self.ctes, one.ctename: self._cte(one)}
        if self.depth:
            self.renamed.update(renamings(node))
        self._children(node, "with_clause", "into_clause", "locking_clause")
        self.ctes = outer

    def _cte(self, query: Any) -> frozenset[str] | None:
        """Look into a WITH query; its columns."""
        self.names.add(query.ctename)
        self.renamed.update(one.string.sval for one in query.aliascolnames)
        for clause in ("search_clause", "cycle_clause"):
            if query.HasField(clause):
                self._refuse("SEARCH or CYCLE")
        inner = statement_node(query.ctequery)
        if inner.DESCRIPTOR.name != "SelectStmt":
            self._refuse("a WITH query that changes data")
            self.writes = True
            self.selects = False
            return None
        return self._inner(inner, query.aliascolnames)

    def _inner(self, query: Any, renamed: Sequence[Any] = ()) -> frozenset[str] | None:
        self.depth += 1
        self.visit(query)
        self.depth -= 1
        return frozenset(one.string.sval for one in renamed) if renamed else outputs(query)

    # FROM

    def _source(self, node: Any, name: str, meaning: int | frozenset[str] | None) -> None:
        """Something in FROM becomes known by its alias, or else by `name`."""
        known_as = node.alias.aliasname or name
        self.renamed.update(one.string.sval for one in node.alias.colnames)
        self.names.add(known_as)
        if known_as:
            self.sources.setdefault(known_as, []).append(None if node.alias.colnames else meaning)

    def at_relation(self, node: Any) -> None:
        """A name in FROM."""
        if node.catalogname:
            raise Refused("a name with its database")
        if not node.schemaname and node.relname in self.ctes:
            self._source(node, node.relname, self.ctes[node.relname])
            return
        self.names.update((node.schemaname, node.relname))
        self._source(node, node.relname, len(self.relations))
        self.places[node.location] = len(self.relations)
        self.relations.append(RelationName(node.schemaname or None, node.relname, not node.inh))

    def at_subselect(self, node: Any) -> None:
        """A query in FROM."""
        self._source(node, "", self._inner(statement_node(node.subquery)))

    def at_function_in_from(self, node: Any) -> None:
        """Functions in FROM."""
        self._source(node, "", None)
        self.renamed.update((node.alias.aliasname, "ordinality"))
        for one in node.functions:
            call = one.list.items[0]
            name = call.func_call.funcname[-1].string.sval if call.WhichOneof("node") == "func_call" else ""
            self.sources.setdefault(name, []).append(None)
            self.renamed.add(name)
            self.odd_functions |= name not in _TABLE_FUNCTIONS
        self._children(node, "alias")

    def at_join(self, node: Any) -> None:
        """A join."""
        self._source(node, "", None)
        self.all_columns |= node.is_natural
        if node.is_natural or node.using_clause:
            self.operators[Call(None, "=", (False, False))] = None
        self.columns.update(one.string.sval for one in node.using_clause)
        if node.HasField("join_using_alias"):
            self.sources.setdefault(node.join_using_alias.aliasname, []).append(None)
        self._children(node, "alias", "join_using_alias")

    def at_sample(self, node: Any) -> None:
        """TABLESAMPLE."""
        self._refuse("TABLESAMPLE")
        self._children(node, "method")

    # Expressions

    def at_function(self, node: Any) -> None:
        """A call."""
        schema, name = self._name(node.funcname)
        plain = not node.func_variadic and not node.agg_within_group
        plain = plain and not any(one.WhichOneof("node") == "named_arg_expr" for one in node.args)
        literals = tuple(map(is_literal, node.args)) if plain else None
        self.functions[Call(schema, name, literals)] = None
        if name in UNQUALIFIED_BEFORE:
            self.functions[Call(None, name, literals)] = None
        if len(node.args) == 1 and name in CAST_FUNCTIONS:
            self.casts[Cast("pg_catalog", name, dated(node.args[0]))] = None
        self._children(node, "funcname")

    def at_expression(self, node: Any) -> None:
        """An operator."""
        literals = operands(node.lexpr, node.rexpr)
        for name in OPERATORS_OF_KEYWORDS.get(node.kind, ()):
            self.operators[Call(None, name, literals)] = None
        if node.kind not in OPERATORS_OF_KEYWORDS:
            self.operators[Call(*self._name(node.name), literals)] = None
        self._children(node, "name")

    def at_sublink(self, node: Any) -> None:
        """A query in an expression."""
        tested = operands(node.testexpr, None)
        compared = None if tested is None else (*tested, False)  # a column of the query has a type of its own
        if node.oper_name:
            self.operators[Call(*self._name(node.oper_name), compared)] = None
        elif node.sub_link_type == pb.ANY_SUBLINK:
            self.operators[Call(None, "=", compared)] = None
        if node.HasField("testexpr"):
            self.visit(node.testexpr)
        self._inner(statement_node(node.subselect))

    def at_case(self, node: Any) -> None:
        """CASE."""
        if node.HasField("arg"):
            self.operators[Call(None, "=", (is_literal(node.arg), True))] = None
        self._children(node)

    def at_sort(self, node: Any) -> None:
        """A member of ORDER BY."""
        if node.use_op:
            self.operators[Call(*self._name(node.use_op), None)] = None
        self._children(node, "use_op")

    def at_cast(self, node: Any) -> None:
        """A cast."""
        self._type(node.type_name, dated(node.arg))
        self.visit(node.arg)

    def at_type(self, node: Any) -> None:
        """A type that stands elsewhere than in a cast: in a column definition list."""
        self._type(node, None)

    def _type(self, node: Any, columns: tuple[str, ...] | None) -> None:
        if node.setof or node.pct_type:
            self._refuse("SETOF or %TYPE")
        if any(one.WhichOneof("node") != "a_const" for one in node.typmods):
            self._refuse("a type modifier that is no constant")
        schema, name = self._name(node.names)
        self.casts[Cast(schema, name, columns)] = None
        if name == "json":  # no keyword before PostgreSQL 17: looked up along the path
            self.casts[Cast(None, name, columns)] = None

    def at_column_definition(self, node: Any) -> None:
        """A member of a column definition list."""
        self.renamed.add(node.colname)
        self.odd_functions = True
        self._children(node)

    def at_column(self, node: Any) -> None:
        """A column, or a whole row."""
        parts = [statement_node(one) for one in node.fields]
        names = [one.sval for one in parts if one.DESCRIPTOR.name == "String"]
        self.names.update(names)
        if len(names) < len(parts):
            self.all_columns = True
        elif len(names) > 1:
            self._dot(names[-2], names[-1])
        else:
            self._column(names[0])

    def at_indirection(self, node: Any) -> None:
        """`(expression).field` and subscripts."""
        for one in node.indirection:
            which = one.WhichOneof("node")
            if which == "string":
                self.names.add(one.string.sval)
                self._dot(None, one.string.sval)
            self.all_columns |= which == "a_star"
        self._children(node)

    def _dot(self, qualifier: str | None, name: str) -> None:
        self.dotted[qualifier, name] = None
        self._column(name)

    def _column(self, name: str) -> None:
        self.columns.add(name)
        if name in _SYSTEM_COLUMNS:
            self._refuse(f"the system column {name}")

    def at_constant(self, node: Any) -> None:
        """A literal."""
        if node.HasField("sval") and special_input(node.sval.sval.encode()):
            self._refuse("a literal that can mean the present moment")

    def at_parameter(self, node: Any) -> None:
        """$n."""
        self.parameters[node.number] += 1

    # Rows

    def _equals(self, tree: Any) -> list[Equal]:
        """The conditions of the topmost WHERE that give a column one value."""
        if tree.op != pb.SETOP_NONE or not tree.HasField("where_clause"):
            return []
        known: dict[str, int | None] = {}
        for one in tree.from_clause:
            self._ranges(statement_node(one), known)
        alone = len(tree.from_clause) == 1 and tree.from_clause[0].WhichOneof("node") == "range_var"
        found = []
        for condition in conjuncts(tree.where_clause):
            for parts, value, number in equations(condition):
                if len(parts) == 2:
                    place = known.get(parts[0])
                else:
                    place = next(iter(known.values())) if alone and len(parts) == 1 else None
                if place is not None:
                    found.append(Equal(place, parts[-1], value, number))
        return found

    def _ranges(self, node: Any, known: dict[str, int | None]) -> None:
        """By which name each relation of a FROM clause is known; None where a name is no plain relation."""
        kind = node.DESCRIPTOR.name
        if kind == "JoinExpr" and not node.HasField("alias"):
            self._ranges(statement_node(node.larg), known)
            self._ranges(statement_node(node.rarg), known)
            return
        alias = node.alias.aliasname or getattr(node, "relname", "")
        plain = kind == "RangeVar" and not node.alias.colnames and alias not in known
        known[alias] = self.places.get(node.location) if plain else None


_HANDLERS: Mapping[str, Callable[[_Reader, Any], None]] = {
    "SelectStmt": _Reader.at_select,
    "RangeVar": _Reader.at_relation,
    "RangeSubselect": _Reader.at_subselect,
    "RangeFunction": _Reader.at_function_in_from,
    "JoinExpr": _Reader.at_join,
    "RangeTableSample": _Reader.at_sample,
    "FuncCall": _Reader.at_function,
    "A_Expr": _Reader.at_expression,
    "SubLink": _Reader.at_sublink,
    "CaseExpr": _Reader.at_case,
    "SortBy": _Reader.at_sort,
    "TypeCast": _Reader.at_cast,
    "TypeName": _Reader.at_type,
    "ColumnDef": _Reader.at_column_definition,
    "ColumnRef": _Reader.at_column,
    "A_Indirection": _Reader.at_indirection,
    "A_Const": _Reader.at_constant,
    "ParamRef": _Reader.at_parameter,
}
_WORDS = {"SQLValueFunction": "CURRENT_DATE, CURRENT_USER or the like", "XmlExpr": "XML", "XmlSerialize": "XML"}
