"""What the conditions and sort keys of a plan say about each table, read with PostgreSQL's own parser.

EXPLAIN (VERBOSE) writes expressions with every column qualified by its alias, views and CTEs already expanded. What it
writes of subplans is no SQL; those words are replaced, token by token, before the text is parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.database.catalog_types import Table
from postai.database.identifiers import quote_ident
from postai.errors import Refused
from postai.sql.parse import parse, statement_node

ClauseKind = Literal["equal", "in", "range", "row", "null", "not_null", "true", "false", "unequal", "pattern", "other",
                     "or"]  # fmt: skip
"""equal, in: one value, a list of values. range: a bound. row: a row of terms against a row. unequal: <>.
pattern: LIKE and regular expressions. other: any other operator. or: arms, each a conjunction."""

SUBPLAN = "postai_subplan"
_FLIPPED = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<=", "<>": "<>", "&&": "&&", "@>": "<@", "<@": "@>",
            "<->": "<->"}  # fmt: skip
_RANGE = frozenset({"<", "<=", ">", ">="})
_AGGREGATES = frozenset(
    {"sum", "count", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "bool_and", "bool_or",
     "every", "stddev", "variance", "percentile_cont", "percentile_disc", "mode"}
)  # fmt: skip
PATTERNS = frozenset({"~~", "~~*", "~", "~*", "^@"})


@dataclass(frozen=True)
class Term:
    """Something computed from one row of one table: a column, or an expression.

    Attributes:
        alias: name of the table in the plan.
        text: SQL without the alias: a quoted column name, or an expression.
        column: the column, unquoted; None for an expression.
        columns: every column in it.
    """

    alias: str
    text: str
    column: str | None
    columns: frozenset[str]


@dataclass(frozen=True)
class Value:
    """What a term is compared with.

    Attributes:
        kind: a constant of the statement, a parameter, columns of other tables, or something computed at run time.
        literal: text of a constant; None = not a plain literal.
        parameter: number of a parameter.
        terms: of a join: what the other side is made of.
    """

    kind: Literal["constant", "parameter", "join", "computed"]
    literal: str | None = None
    parameter: int | None = None
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Clause:
    """One condition on one table.

    Attributes:
        terms: what is compared; several for a row comparison, none for "or".
        operator: as printed, turned round when the term stood on the right.
        text: the condition without aliases, when it says something of this table and of constants alone; else "".
        arms: of "or": the conditions of each side.
    """

    kind: ClauseKind
    terms: tuple[Term, ...]
    operator: str = ""
    value: Value | None = None
    text: str = ""
    arms: tuple[tuple[Clause, ...], ...] = ()

    @property
    def term(self) -> Term:
        return self.terms[0]


@dataclass(frozen=True)
class SortTerm:
    """One key of an order."""

    term: Term
    descending: bool
    nulls_first: bool


class Reader:
    """Reads the texts of one plan.

    Args:
        tables: alias -> table; aliases of subqueries, CTEs and functions are not in it.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._only = next(iter(tables)) if len(tables) == 1 else None

    def conditions(self, text: str) -> list[Clause]:
        """The conditions that are joined with AND; a join condition is given once for each side."""
        node = _expression(text)
        return [] if node is None else list(self._conjunction(node))

    def order(self, keys: Sequence[str]) -> tuple[SortTerm, ...]:
        """The leading sort keys that are terms of one table."""
        found = _select(f"SELECT 1 ORDER BY {', '.join(map(_without_subplans, keys))}") if keys else None
        terms: list[SortTerm] = []
        for one in found.sort_clause if found is not None else ():
            by = one.sort_by
            term = self.term(statement_node(by.node))
            if term is None or by.sortby_dir == pb.SORTBY_USING or (terms and term.alias != terms[0].term.alias):
                break
            descending = by.sortby_dir == pb.SORTBY_DESC
            first = by.sortby_nulls == pb.SORTBY_NULLS_FIRST
            default = by.sortby_nulls in (pb.SORTBY_NULLS_DEFAULT, pb.SORT_BY_NULLS_UNDEFINED)
            terms.append(SortTerm(term, descending, descending if default else first))
        return tuple(terms)

    def distances(self, keys: Sequence[str]) -> tuple[Clause, ...]:
        """Sort keys of the form `column <-> value`, ascending: what a GiST index can give in order."""
        found = _select(f"SELECT 1 ORDER BY {', '.join(map(_without_subplans, keys[:1]))}") if keys else None
        if found is None or not found.sort_clause or found.sort_clause[0].sort_by.sortby_dir == pb.SORTBY_DESC:
            return ()
        node = statement_node(found.sort_clause[0].sort_by.node)
        if node.DESCRIPTOR.name != "A_Expr" or not _operator(node).endswith("->"):
            return ()
        return tuple(one for one in self._comparison(node) if one.kind == "other" and one.value is not None)

    def extremes(self, outputs: Iterable[str]) -> Iterator[Term]:
        """Terms of min() and max() in the output of an aggregate."""
        for text in outputs:
            node = _expression(text)
            if node is not None:
                for call in _below(node):
                    if call.DESCRIPTOR.name == "FuncCall" and len(call.args) == 1:
                        term = self.term(statement_node(call.args[0]))
                        if term is not None and call.funcname[-1].string.sval in ("min", "max"):
                            yield term

    def columns(self, text: str) -> Iterator[tuple[str, str]]:
        """Alias and column of every column that an expression or a sort key names."""
        found = _select(f"SELECT 1 ORDER BY {_without_subplans(text)}")
        if found is not None and found.sort_clause:
            for one in _below(statement_node(found.sort_clause[0].sort_by.node)):
                if one.DESCRIPTOR.name == "ColumnRef" and (name := self._name(one)) and name[0] in self._tables:
                    yield name

    def term(self, node: Message) -> Term | None:
        """The term that a node is; None when it is none, or names several tables, a parameter or a subplan."""
        node = self._unlabelled(node)
        aliases: set[str] = set()
        columns: set[str] = set()
        for one in _below(node):
            kind = one.DESCRIPTOR.name
            if kind == "ParamRef" or (kind == "FuncCall" and _is_no_term(one)):
                return None
            if kind == "ColumnRef":
                name = self._name(one)
                if name is None or name[0] not in self._tables or self._tables[name[0]].column(name[1]) is None:
                    return None
                aliases.add(name[0])
                columns.add(name[1])
        if len(aliases) != 1:
            return None
        column = next(iter(columns)) if node.DESCRIPTOR.name == "ColumnRef" else None
        text = quote_ident(column) if column is not None else self._text(node)
        return Term(aliases.pop(), text, column, frozenset(columns)) if text else None

    def _conjunction(self, node: Message) -> Iterator[Clause]:
        if node.DESCRIPTOR.name == "BoolExpr" and node.boolop == pb.AND_EXPR:
            for one in node.args:
                yield from self._conjunction(statement_node(one))
        else:
            yield from self._condition(node)

    def _condition(self, node: Message) -> Iterator[Clause]:
        kind = node.DESCRIPTOR.name
        if kind == "NullTest":
            term = self.term(statement_node(node.arg))
            if term is not None:
                word: ClauseKind = "null" if node.nulltesttype == pb.IS_NULL else "not_null"
                yield Clause(word, (term,), text=self._text(node))
        elif kind == "BooleanTest":
            term = self.term(statement_node(node.arg))
            truth: dict[int, ClauseKind] = {pb.IS_TRUE: "true", pb.IS_FALSE: "false"}
            if term is not None and node.booltesttype in truth:
                yield Clause(truth[node.booltesttype], (term,), text=self._text(node))
        elif kind == "BoolExpr" and node.boolop == pb.OR_EXPR:
            yield from self._disjunction(node)
        elif kind == "BoolExpr":
            term = self.term(statement_node(node.args[0]))
            if term is not None and self._is_boolean(term):
                yield Clause("false", (term,), text=self._text(node))
        elif kind == "A_Expr":
            yield from self._comparison(node)
        else:
            term = self.term(node)
            if term is not None and self._is_boolean(term):
                yield Clause("true", (term,), text=self._text(node))

    def _disjunction(self, node: Message) -> Iterator[Clause]:
        arms = tuple(tuple(self._conjunction(statement_node(one))) for one in node.args)
        aliases = {clause.term.alias for arm in arms for clause in arm if clause.terms}
        for alias in sorted(aliases):
            own = tuple(tuple(one for one in arm if one.terms and one.term.alias == alias) for arm in arms)
            if all(own):
                yield Clause("or", (own[0][0].term,), arms=own)

    def _comparison(self, node: Message) -> Iterator[Clause]:
        operator, left, right = _operator(node), statement_node(node.lexpr), statement_node(node.rexpr)
        if left.DESCRIPTOR.name == "RowExpr" and right.DESCRIPTOR.name == "RowExpr":
            terms = [self.term(statement_node(one)) for one in left.args]
            known = tuple(one for one in terms if one is not None)
            if len(known) == len(terms) and len({one.alias for one in known}) == 1 and operator in _RANGE:
                yield Clause("row", known, operator, Value("computed"))
            return
        if node.kind == pb.AEXPR_OP_ALL:
            return
        listed = node.kind in (pb.AEXPR_OP_ANY, pb.AEXPR_IN)
        sides = [(left, operator, right)]
        if not listed and operator in _FLIPPED:
            sides.append((right, _FLIPPED[operator], left))
        for own, word, other in sides:
            term = self.term(own)
            value = None if term is None else self._value(other, term.alias)
            if term is not None and value is not None:
                text = self._text(node) if value.kind == "constant" else ""
                yield Clause(_kind(word, listed), (term,), word, value, text)

    def _value(self, node: Message, alias: str) -> Value | None:
        """What the other side is; None when it depends on the same table or on a subplan."""
        parameters: list[int] = []
        named = 0
        for one in _below(node):
            kind = one.DESCRIPTOR.name
            if kind == "ParamRef":
                parameters.append(one.number)
            elif kind == "ColumnRef":
                name = self._name(one)
                if name is not None and name[0] == alias:
                    return None
                named += 1
            elif kind == "FuncCall" and one.funcname[-1].string.sval == SUBPLAN:
                return None
        if named:
            term = self.term(node)
            return Value("join", terms=() if term is None else (term,))
        bare = _bare(node)
        if bare.DESCRIPTOR.name == "ParamRef":
            return Value("parameter", parameter=bare.number)
        if parameters:
            return Value("computed", parameter=parameters[0] if len(parameters) == 1 else None)
        return Value("constant", literal=_literal(bare))

    def _unlabelled(self, node: Message) -> Message:
        """Without casts that change nothing in the stored value (varchar to text, a domain to its base type)."""
        while node.DESCRIPTOR.name == "TypeCast" and not node.type_name.array_bounds:
            inner = statement_node(node.arg)
            name = self._name(inner) if inner.DESCRIPTOR.name == "ColumnRef" else None
            column = self._tables[name[0]].column(name[1]) if name and name[0] in self._tables else None
            target = node.type_name.names[-1].string.sval
            same = {"varchar": "text", "cidr": "inet"}
            if column is None or target not in (column.base_type, same.get(column.base_type)):
                break
            node = inner
        return node

    def _name(self, node: Message) -> tuple[str, str] | None:
        """Alias and column of a column reference; EXPLAIN leaves out the alias where there is only one."""
        parts = [statement_node(one) for one in node.fields]
        if not parts or any(one.DESCRIPTOR.name != "String" for one in parts):
            return None
        if len(parts) == 1:
            return None if self._only is None else (self._only, parts[0].sval)
        return parts[-2].sval, parts[-1].sval

    def _is_boolean(self, term: Term) -> bool:
        column = self._tables[term.alias].column(term.column) if term.column else None
        return column is None or column.base_type == "bool"

    def _text(self, node: Message) -> str:
        """SQL of a node without aliases; "" when it cannot be written."""
        result = pb.ParseResult()
        target = result.stmts.add().stmt.select_stmt
        target.limit_option, target.op = pb.LIMIT_OPTION_DEFAULT, pb.SETOP_NONE
        value = target.target_list.add().res_target.val
        getattr(value, _FIELD_OF[node.DESCRIPTOR.name]).CopyFrom(node)
        for one in _below(value):
            if one.DESCRIPTOR.name == "ColumnRef" and len(one.fields) > 1:
                del one.fields[:-1]
        try:
            return str(postgast.deparse(result)).removeprefix("SELECT ")
        except postgast.PgQueryError:
            return ""


_FIELD_OF: Mapping[str, str] = {
    field.message_type.name: field.name for field in pb.Node.DESCRIPTOR.fields if field.message_type is not None
}


def pattern_beginning(pattern: str, operator: str) -> str:
    """The fixed beginning of a LIKE pattern or an anchored regular expression; "" when there is none."""
    if operator == "^@":
        return pattern
    if operator == "~~":
        found = ""
        escaped = False
        for letter in pattern:
            if escaped:
                found, escaped = found + letter, False
            elif letter == "\\":
                escaped = True
            elif letter in "%_":
                break
            else:
                found += letter
        return found
    if operator == "~" and pattern.startswith("^"):
        end = next((n for n, letter in enumerate(pattern[1:]) if not (letter.isalnum() or letter in " -_@/")), None)
        found = pattern[1:] if end is None else pattern[1 : 1 + end]
        follows = "" if end is None else pattern[1 + end]
        return found[:-1] if follows in ("*", "?", "{") and found else "" if "|" in pattern else found
    return ""


def _is_no_term(call: Message) -> bool:
    """Whether a call is a subplan, an aggregate or a window function."""
    name = call.funcname[-1].string.sval
    return name == SUBPLAN or name in _AGGREGATES or call.agg_star or call.agg_distinct or call.HasField("over")


def _kind(operator: str, listed: bool) -> ClauseKind:
    if operator == "=":
        return "in" if listed else "equal"
    if listed:
        return "other"
    if operator in _RANGE:
        return "range"
    if operator == "<>":
        return "unequal"
    return "pattern" if operator in PATTERNS else "other"


def _operator(node: Message) -> str:
    return str(node.name[-1].string.sval) if len(node.name) else ""


def _expression(text: str) -> Message | None:
    found = _select(f"SELECT {_without_subplans(text)}")
    return None if found is None or len(found.target_list) != 1 else statement_node(found.target_list[0].res_target.val)


def _select(text: str) -> Message | None:
    try:
        statements = parse(text)
    except Refused:
        return None
    return statements[0].tree if len(statements) == 1 and statements[0].statement_class == "SELECT" else None


def _without_subplans(text: str) -> str:
    """The text with what EXPLAIN writes of subplans replaced: a value known beforehand by $0, others by a call."""
    if "SubPlan" not in text and "InitPlan" not in text and "CTE" not in text:
        return text
    data = text.encode()
    words = [data[token.start : token.end].decode() for token in postgast.scan(text).tokens]
    written: list[str] = []
    n = 0
    while n < len(words):
        plan = words[n + 1 : n + 4]
        skip = 4
        if words[n] == "(" and plan[:1] in (["hashed"], ["rescan"]):
            plan, skip = words[n + 2 : n + 5], 5
        if words[n] == "(" and len(plan) == 3 and plan[0] in ("SubPlan", "InitPlan") and plan[2] == ")":
            written.append("$0" if plan[0] == "InitPlan" else f"{SUBPLAN}()")
            n += skip
            if words[n : n + 1] == ["."]:
                n += 2
        elif words[n].upper() == "ANY" and written[-1:] == ["("]:
            written.append(f"{SUBPLAN}")
            n += 1
        else:
            written.append(words[n])
            n += 1
    return " ".join(written)


def _below(node: Message) -> Iterator[Message]:
    """The node and every concrete node under it."""
    waiting: list[Message] = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])


def _bare(node: Message) -> Message:
    while node.DESCRIPTOR.name == "TypeCast":
        node = statement_node(node.arg)
    return node


def _literal(node: Message) -> str | None:
    """Text of a constant."""
    if node.DESCRIPTOR.name != "A_Const" or node.isnull:
        return None
    match node.WhichOneof("val"):
        case "sval":
            return str(node.sval.sval)
        case "ival":
            return str(node.ival.ival)
        case "fval":
            return str(node.fval.fval)
        case "boolval":
            return "true" if node.boolval.boolval else "false"
    return None


def columns_in(text: str) -> frozenset[str]:
    """Names of the columns in an expression or predicate of an index."""
    node = _expression(text) if text else None
    if node is None:
        return frozenset()
    found = [one for one in _below(node) if one.DESCRIPTOR.name == "ColumnRef"]
    return frozenset(
        statement_node(one.fields[-1]).sval for one in found if one.fields[-1].WhichOneof("node") == "string"
    )
