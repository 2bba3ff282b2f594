"""What the text of a statement says about what it reads: every name in it, and what already speaks against keeping
its answer. Nothing is looked up here; `reads.py` asks the catalog what the names mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.sql.nodes import OPERATORS_OF_KEYWORDS, PLAIN_NODES
from postai.sql.parse import parse, statement_node

Name = tuple[str | None, str]
"""Schema (None where it is not written) and name."""

_WORD = re.compile(rb"(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])", re.IGNORECASE)
_LETTERS = re.compile(rb"now|today|tomorrow|yesterday", re.IGNORECASE)
_QUOTING = re.compile(rb'["\\]')

_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
_PLAIN = frozenset(
    name
    for name in PLAIN_NODES
    if not name.startswith(("Json", "Xml", "RangeTableFunc")) and name != "SQLValueFunction"
)
_DATE_FUNCTIONS = frozenset(
    {"date_trunc", "date_bin", "make_date", "make_timestamp", "make_timestamptz", "to_date", "to_timestamp", "timezone"}
)
"""Functions whose result is of a type of dates, times or lengths of time, whatever they are given."""
_CAST_FUNCTIONS = frozenset(
    {"date", "time", "timetz", "timestamp", "timestamptz", "daterange", "tsrange", "tstzrange", "datemultirange",
     "tsmultirange", "tstzmultirange"}
)  # fmt: skip
"""Types whose name, written as a function of one argument, can mean the cast."""
_TABLE_FUNCTIONS = frozenset({"generate_series", "unnest", "generate_subscripts"})
"""Functions in FROM whose columns are named by the function or its alias."""


def special_input(value: bytes) -> bool:
    """Whether a value, as text or in binary, could be read as the present moment by a type of dates and times.

    These types read the words now, today, tomorrow and yesterday in any case, between whatever is no letter; arrays,
    rows and ranges take quotes and backslashes out before.
    """
    if _WORD.search(value):
        return True
    return bool(_QUOTING.search(value)) and bool(_LETTERS.search(_QUOTING.sub(b"", value)))


@dataclass(frozen=True, slots=True)
class RelationName:
    """A relation in FROM; `only` says that its children are not read."""

    schema: str | None
    name: str
    only: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator: which arguments are bare literals or parameters (None: not known, any number)."""

    schema: str | None
    name: str
    literals: tuple[bool, ...] | None


@dataclass(frozen=True, slots=True)
class Cast:
    """A type that something is made into. `columns`: what is cast are literals, parameters, values of types of dates
    and times, and columns of these names; None = anything else."""

    schema: str | None
    name: str
    columns: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Equal:
    """`column = value` among the ANDed conditions of the topmost WHERE.

    Attributes:
        place: number of that relation in `Candidate.relations`.
        value: the text of a literal, or the number of a parameter.
        column: name of its column.
        number: the literal was written as a number.
    """

    place: int
    column: str
    value: str | int
    number: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """All that the text says.

    Attributes:
        reason: why the answer may not be kept, whatever the catalog says; None = nothing speaks against it.
        selects: it is one SELECT, VALUES or TABLE of which every part is understood, and its relations are all listed.
        writes: it locks rows, changes data, or may.
        relations: named relations, in the order of the text; a name may occur twice.
        calls: functions, operators: each name with what is known of its arguments.
        casts: types that the text names.
        fields: names after a dot, which may call functions.
        columns: names of the columns that it mentions; None = it may read all columns of its relations.
        parameters: oids of the types of parameters as declared; 0 = not declared.
        equals: conditions that pin rows.
        single: numbers of the parameters that occur once.
        ascii: every name in it is of ASCII letters.
        backslash: it holds a backslash.
    """

    reason: str | None
    selects: bool
    writes: bool
    relations: tuple[RelationName, ...]
    functions: tuple[Call, ...]
    operators: tuple[Call, ...]
    casts: tuple[Cast, ...]
    fields: tuple[str, ...]
    columns: frozenset[str] | None
    parameters: tuple[int, ...]
    equals: tuple[Equal, ...]
    single: frozenset[int]
    ascii: bool
    backslash: bool


def candidate(text: str, parameters: Sequence[int] = ()) -> Candidate:
    """What the text of a statement says.

    Args:
        text: the statement, as the client sent it.
        parameters: type oids of its parameters as declared in Parse; 0, or left out, where not declared.
    """
    reader = _Reader()
    try:
        statements = parse(text)
        if len(statements) != 1:
            return _nothing(f"{len(statements)} statements")
        tree = statements[0].tree
        if tree.DESCRIPTOR.name != "SelectStmt":
            return _nothing(statements[0].statement_class)
        reader.read(tree)
    except Refused as refused:
        return _nothing(refused.message)
    return reader.result(tree, tuple(parameters), text)


def _nothing(reason: str) -> Candidate:
    return Candidate(
        reason=reason, selects=False, writes=True, relations=(), functions=(), operators=(), casts=(), fields=(),
        columns=None, parameters=(), equals=(), single=frozenset(), ascii=True, backslash=False,
    )  # fmt: skip


@dataclass
class _Reader:
    """One walk over one SELECT. Methods `_at_X` look at nodes of type X."""

    reason: str | None = None
    selects: bool = True
    writes: bool = False
    relations: list[RelationName] = field(default_factory=list)
    functions: dict[Call, None] = field(default_factory=dict)
    operators: dict[Call, None] = field(default_factory=dict)
    casts: dict[Cast, None] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    all_columns: bool = False
    parameters: Counter[int] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)
    odd_functions: bool = False
    names: set[str] = field(default_factory=set)
    places: dict[int, int] = field(default_factory=dict)
    ctes: frozenset[str] = frozenset()
    depth: int = 0

    def read(self, tree: Message) -> None:
        """Walk over the whole statement."""
        self._visit(tree)

    def result(self, tree: Any, parameters: tuple[int, ...], text: str) -> Candidate:
        """What was found."""
        casts = []
        for cast in self.casts:
            columns = cast.columns
            if columns and (self.odd_functions or not self.renamed.isdisjoint(columns)):
                columns = None
            casts.append(Cast(cast.schema, cast.name, columns))
        everything = self.all_columns or not self.sources.isdisjoint(self.columns)
        return Candidate(
            reason=self.reason,
            selects=self.selects,
            writes=self.writes,
            relations=tuple(self.relations),
            functions=tuple(self.functions),
            operators=tuple(self.operators),
            casts=tuple(dict.fromkeys(casts)),
            fields=tuple(self.fields),
            columns=None if everything else frozenset(self.columns),
            parameters=parameters,
            equals=tuple(self._equals(tree)),
            single=frozenset(number for number, count in self.parameters.items() if count == 1),
            ascii=all(name.isascii() for name in self.names),
            backslash="\\" in text,
        )

    def _refuse(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason

    # The walk

    def _visit(self, node: Message) -> None:
        kind: str = node.DESCRIPTOR.name
        if kind == "Node":
            inner = statement_node(node)
            if inner is not node:
                self._visit(inner)
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node)
        else:
            if kind not in _PLAIN:
                self._refuse(_WORDS.get(kind, kind))
                self.selects &= kind in _READING
            self._children(node)

    def _children(self, node: Message, *but: str) -> None:
        for described, value in node.ListFields():
            if described.message_type is None or described.name in but:
                continue
            if described.is_repeated:
                for one in value:
                    self._visit(one)
            else:
                self._visit(value)

    def _name(self, nodes: Sequence[Any]) -> Name:
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
                self.ctes |= {one.ctename for one in queries}
            for one in queries:
                self._cte(one)
                self.ctes |= {one.ctename}
        if self.depth:
            self._outputs(node)
        self._children(node, "with_clause", "into_clause", "locking_clause")
        self.ctes = outer

    def _cte(self, query: Any) -> None:
        self.names.add(query.ctename)
        self.sources.add(query.ctename)
        self.renamed.update(one.string.sval for one in query.aliascolnames)
        inner = statement_node(query.ctequery)
        if inner.DESCRIPTOR.name != "SelectStmt":
            self._refuse("a WITH query that changes data")
            self.writes = True
            self.selects = False
            return
        self._inner(inner)
        for clause in ("search_clause", "cycle_clause"):
            if query.HasField(clause):
                self._refuse("SEARCH or CYCLE")

    def _inner(self, query: Any) -> None:
        self.depth += 1
        self._visit(query)
        self.depth -= 1

    def _outputs(self, node: Any) -> None:
        """Names that an inner query gives to what are no columns of relations."""
        for one in node.target_list:
            target = one.res_target
            if target.name:
                self.renamed.add(target.name)
            elif target.val.WhichOneof("node") != "column_ref":
                self.renamed.update(_written_names(target.val))
        if node.values_lists:
            self.renamed.update(f"column{number + 1}" for number in range(len(node.values_lists[0].list.items)))

    # FROM

    def at_relation(self, node: Any) -> None:
        """A name in FROM."""
        self.sources.update((node.relname, node.alias.aliasname))
        self.renamed.update(one.string.sval for one in node.alias.colnames)
        if node.catalogname:
            raise Refused("a name with its database")
        if not node.schemaname and node.relname in self.ctes:
            return
        self.names.update((node.schemaname, node.relname))
        self.places[node.location] = len(self.relations)
        self.relations.append(RelationName(node.schemaname or None, node.relname, not node.inh))

    def at_subselect(self, node: Any) -> None:
        """A query in FROM."""
        self._alias(node)
        self._inner(statement_node(node.subquery))

    def at_function_in_from(self, node: Any) -> None:
        """Functions in FROM."""
        self._alias(node)
        self.renamed.add(node.alias.aliasname)
        self.renamed.add("ordinality")
        for one in node.functions:
            call = one.list.items[0]
            name = call.func_call.funcname[-1].string.sval if call.WhichOneof("node") == "func_call" else ""
            self.renamed.add(name)
            self.odd_functions |= name not in _TABLE_FUNCTIONS
        self._children(node)

    def _alias(self, node: Any) -> None:
        self.sources.add(node.alias.aliasname)
        self.renamed.update(one.string.sval for one in node.alias.colnames)

    def at_join(self, node: Any) -> None:
        """A join."""
        self._alias(node)
        if node.is_natural:
            self.all_columns = True
        if node.is_natural or node.using_clause:
            self.operators[Call(None, "=", (False, False))] = None
        self.columns.update(one.string.sval for one in node.using_clause)
        self._children(node)

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
        self.functions[Call(schema, name, tuple(map(is_literal, node.args)) if plain else None)] = None
        if len(node.args) == 1 and name in _CAST_FUNCTIONS:
            self.casts[Cast("pg_catalog", name, dated(node.args[0]))] = None
        self._children(node, "funcname")

    def at_expression(self, node: Any) -> None:
        """An operator."""
        literals = _operands(node.lexpr, node.rexpr)
        if node.kind in OPERATORS_OF_KEYWORDS:
            for name in OPERATORS_OF_KEYWORDS[node.kind]:
                self.operators[Call(None, name, literals)] = None
        else:
            self.operators[Call(*self._name(node.name), literals)] = None
        self._children(node, "name")

    def at_sublink(self, node: Any) -> None:
        """A query in an expression."""
        operands = _operands(node.testexpr, None)
        compared = None if operands is None else (*operands, False)
        if node.oper_name:
            self.operators[Call(*self._name(node.oper_name), compared)] = None
        elif node.sub_link_type == pb.ANY_SUBLINK:
            self.operators[Call(None, "=", compared)] = None
        if node.HasField("testexpr"):
            self._visit(node.testexpr)
        self._inner(statement_node(node.subselect))

    def at_case(self, node: Any) -> None:
        """CASE."""
        if node.HasField("arg"):
            self.operators[Call(None, "=", None)] = None
        self._children(node)

    def at_sort(self, node: Any) -> None:
        """A member of ORDER BY."""
        if node.use_op:
            self.operators[Call(*self._name(node.use_op), None)] = None
        self._children(node, "use_op")

    def at_cast(self, node: Any) -> None:
        """A cast."""
        self._type(node.type_name, dated(node.arg))
        self._visit(node.arg)

    def at_type(self, node: Any) -> None:
        """A type that stands elsewhere than in a cast: a column definition list."""
        self._type(node, None)

    def _type(self, node: Any, columns: tuple[str, ...] | None) -> None:
        if node.setof or node.pct_type:
            self._refuse("SETOF or %TYPE")
        for one in node.typmods:
            if one.WhichOneof("node") != "a_const":
                self._refuse("a type modifier that is no constant")
        self.casts[Cast(*self._name(node.names), columns)] = None

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
            return
        self.columns.add(names[-1])
        if len(names) > 1:
            self.fields[names[-1]] = None
        if names[-1] in _SYSTEM_COLUMNS:
            self._refuse(f"the system column {names[-1]}")

    def at_indirection(self, node: Any) -> None:
        """`(expression).field` and subscripts."""
        for one in node.indirection:
            which = one.WhichOneof("node")
            if which == "a_star":
                self.all_columns = True
            elif which == "string":
                name = one.string.sval
                self.names.add(name)
                self.fields[name] = None
                self.columns.add(name)
                if name in _SYSTEM_COLUMNS:
                    self._refuse(f"the system column {name}")
        self._children(node)

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
        alone = len(tree.from_clause) == 1 and tree.from_clause[0].WhichOneof("node") == "range_var"
        for one in tree.from_clause:
            self._ranges(statement_node(one), known)
        found = []
        for condition in _conjuncts(tree.where_clause):
            if condition.WhichOneof("node") != "a_expr":
                continue
            expression = condition.a_expr
            names = [one.string.sval for one in expression.name]
            if expression.kind != pb.AEXPR_OP or names not in (["="], ["pg_catalog", "="]):
                continue
            for left, right in ((expression.lexpr, expression.rexpr), (expression.rexpr, expression.lexpr)):
                value = _value(right)
                if value is None or left.WhichOneof("node") != "column_ref":
                    continue
                parts = [one.string.sval for one in left.column_ref.fields]
                place = known.get(parts[0]) if len(parts) == 2 else None
                if alone and len(parts) == 1 and len(known) == 1:
                    place = next(iter(known.values()))
                if place is not None:
                    found.append(Equal(place, parts[-1], *value))
        return found

    def _ranges(self, node: Any, known: dict[str, int | None]) -> None:
        """By which name each relation of a FROM clause is known; None where a name is no plain relation."""
        kind = node.DESCRIPTOR.name
        if kind == "JoinExpr":
            if node.HasField("alias"):
                known[node.alias.aliasname] = None
                return
            self._ranges(statement_node(node.larg), known)
            self._ranges(statement_node(node.rarg), known)
            return
        alias = node.alias.aliasname if node.HasField("alias") else getattr(node, "relname", "")
        plain = kind == "RangeVar" and not node.alias.colnames and alias not in known
        known[alias] = self.places.get(node.location) if plain else None


_HANDLERS = {
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
_WORDS = {"SQLValueFunction": "CURRENT_DATE, CURRENT_USER or the like"}
_READING = frozenset({"SQLValueFunction"} | {name for name in PLAIN_NODES if name.startswith("Xml")})
"""Nodes that speak against keeping the answer, but hide no relation and change nothing."""


def is_literal(node: Any) -> bool:
    """Whether it is a bare string, NULL or parameter: its type is still open when overloads are chosen."""
    which = node.WhichOneof("node")
    if which == "a_const":
        return bool(node.a_const.isnull or node.a_const.HasField("sval"))
    return bool(which == "param_ref")


def dated(node: Any) -> tuple[str, ...] | None:
    """Whether a value can be cast to a type of dates and times without reading text that the statement does not show.

    Returns:
        names of columns of which this holds if they are of such types themselves; None = it does not hold.
    """
    which = node.WhichOneof("node")
    if which in ("a_const", "param_ref"):
        return ()
    if which == "column_ref":
        last = node.column_ref.fields[-1]
        return (last.string.sval,) if last.WhichOneof("node") == "string" else None
    if which == "type_cast":
        name = node.type_cast.type_name.names[-1].string.sval
        return dated(node.type_cast.arg) if name in _CAST_FUNCTIONS | {"interval"} else None
    if which == "func_call":
        name = node.func_call.funcname[-1].string.sval
        if name in _DATE_FUNCTIONS:
            return ()
        if name in ("min", "max") and len(node.func_call.args) == 1:
            return dated(node.func_call.args[0])
    if which == "a_expr" and node.a_expr.kind == pb.AEXPR_OP and node.a_expr.name[-1].string.sval in "+-":
        return dated(node.a_expr.lexpr)
    if which in ("coalesce_expr", "min_max_expr"):
        found = [dated(one) for one in getattr(node, which).args]
        return None if None in found else tuple(dict.fromkeys(name for names in found if names for name in names))
    return None


def _operands(left: Any, right: Any | None) -> tuple[bool, ...] | None:
    """Which operands of an operator are bare literals; None for rows, whose fields are compared one by one."""
    operands = [one for one in (left, right) if one is not None and one.WhichOneof("node")]
    if any(one.WhichOneof("node") == "row_expr" for one in operands):
        return None
    return tuple(is_literal(one) or one.WhichOneof("node") == "list" for one in operands)


def _written_names(node: Message) -> set[str]:
    """All names below a node."""
    found = set()
    queue: list[Any] = [node]
    while queue:
        one = queue.pop()
        if one.DESCRIPTOR.name == "String":
            found.add(one.sval)
        for described, value in one.ListFields():
            if described.message_type is not None:
                queue += list(value) if described.is_repeated else [value]
    return found


def _conjuncts(node: Any) -> list[Any]:
    if node.WhichOneof("node") == "bool_expr" and node.bool_expr.boolop == pb.AND_EXPR:
        return [part for one in node.bool_expr.args for part in _conjuncts(one)]
    return [node]


def _value(node: Any) -> tuple[str | int, bool] | None:
    """A literal or the number of a parameter, and whether it was written as a number."""
    which = node.WhichOneof("node")
    if which == "param_ref":
        return node.param_ref.number, False
    if which != "a_const" or node.a_const.isnull:
        return None
    constant = node.a_const
    if constant.HasField("sval"):
        return constant.sval.sval, False
    if constant.HasField("ival"):
        return str(constant.ival.ival), True
    if constant.HasField("fval") and constant.fval.fval.lstrip("-").isdigit():
        return constant.fval.fval, True
    return None
