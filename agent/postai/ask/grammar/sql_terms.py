"""Terms whose meaning is SQL: a condition (`orders.total > 1000`) or an aggregate (`sum(total) / count(*)`).

The text is parsed, and only what can be said as conditions and measures of known columns is taken over: nothing of it
is ever copied into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from google.protobuf.json_format import MessageToDict

from postai.ask.grammar.draft import Measure, Predicate, Ref
from postai.ask.grammar.items import Item
from postai.errors import PostaiError
from postai.language.dates import Bound, Period
from postai.language.lexicon import Lexicon
from postai.sql.parse import parse_one

_AGGREGATES = frozenset({"sum", "avg", "min", "max"})
_COMPARED = {"=": "=", "<>": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_INTERVAL = re.compile(r"(\d{1,5}) (second|minute|hour|day|week|month|year)s?")
_LONGEST = 2_000
_JOINING = re.compile(r"\s(?:of|over|for|with|from|by|that|which|whose|are)\s", re.IGNORECASE)
_Tree = dict[str, Any]


class _Unread(Exception):
    """The SQL holds something that is not taken over."""


@dataclass(frozen=True, slots=True)
class SqlMeaning:
    """What a term stands for: conditions that hold together, or a measure."""

    predicates: tuple[Predicate, ...] = ()
    measure: Measure | None = None

    def tables(self) -> set[int]:
        return {one.ref.table for one in self.predicates}


def read_sql(text: str, lexicon: Lexicon, near: Iterable[int]) -> SqlMeaning | None:
    """The meaning of an SQL expression over columns of the catalog; None = it is none that is taken over.

    Args:
        near: tables in which a column without a table's name is looked for first.
    """
    if len(text) > _LONGEST:
        return None
    try:
        tree = MessageToDict(parse_one(f"SELECT ({text})").tree, preserving_proto_field_name=True)
    except PostaiError:
        return None
    if set(tree) - {"target_list", "limit_option", "op"} or len(tree["target_list"]) != 1:
        return None
    reader = _Reader(lexicon, tuple(near))
    value = tree["target_list"][0]["res_target"]["val"]
    try:
        return SqlMeaning(predicates=tuple(reader.conditions(value)))
    except _Unread:
        pass
    try:
        return SqlMeaning(measure=reader.measure(value))
    except _Unread:
        return None


def is_prose(text: str) -> bool:
    """Whether a text is words with some SQL among them: no expression by itself, and it holds words that join."""
    if ";" in text or not _JOINING.search(text):
        return False
    try:
        parse_one(f"SELECT ({text})")
    except PostaiError:
        return True
    return False


class _Reader:
    def __init__(self, lexicon: Lexicon, near: tuple[int, ...]) -> None:
        self._lexicon, self._near = lexicon, near

    # -- conditions ---------------------------------------------------------------------------------------------

    def conditions(self, node: _Tree) -> list[Predicate]:
        match node:
            case {"bool_expr": {"boolop": "AND_EXPR", "args": args}}:
                return [predicate for arg in args for predicate in self.conditions(arg)]
            case {"bool_expr": {"boolop": "NOT_EXPR", "args": [{"column_ref": column}]}}:
                return [Predicate(self._boolean(column), "=", (False,))]
            case {"column_ref": column}:
                return [Predicate(self._boolean(column), "=", (True,))]
            case {"null_test": {"arg": {"column_ref": column}, "nulltesttype": kind}}:
                return [Predicate(self._ref(column), "null", negated=kind == "IS_NOT_NULL")]
            case {"a_expr": comparison}:
                return [self._comparison(comparison)]
        raise _Unread

    def _comparison(self, node: _Tree) -> Predicate:
        operator = node["name"][0]["string"]["sval"]
        left, right = node["lexpr"], node["rexpr"]
        if node["kind"] == "AEXPR_OP" and "column_ref" not in left and "column_ref" in right:
            left, right, operator = right, left, _TURNED.get(operator, operator)
        if "column_ref" not in left:
            raise _Unread
        ref = self._ref(left["column_ref"])
        info = self._lexicon.column(ref.table, ref.column)
        match node["kind"]:
            case "AEXPR_OP" if operator in _COMPARED and info.is_date:
                return self._dated(ref, operator, right)
            case "AEXPR_OP" if operator in _COMPARED:
                return Predicate(ref, operator, (_constant(right),))
            case "AEXPR_IN":
                values = tuple(_constant(item) for item in right["list"]["items"])
                return Predicate(ref, "in", values, negated=operator == "<>")
            case "AEXPR_BETWEEN":
                low, high = (_constant(item) for item in right["list"]["items"])
                return Predicate(ref, "between", (low, high))
            case "AEXPR_LIKE" | "AEXPR_ILIKE":
                return _pattern(ref, _constant(right), negated=operator.startswith("!"))
        raise _Unread

    def _dated(self, ref: Ref, operator: str, right: _Tree) -> Predicate:
        bound = _bound(right)
        if operator == ">=":
            period = Period(bound, None, "a defined period")
        elif operator == "<":
            period = Period(None, bound, "a defined period")
        else:
            raise _Unread
        return Predicate(ref, "period", period=period)

    # -- measures -----------------------------------------------------------------------------------------------

    def measure(self, node: _Tree) -> Measure:
        match node:
            case {"func_call": call}:
                return self._aggregate(call)
            case {"type_cast": {"arg": arg}}:
                return self.measure(arg)
            case {"a_expr": {"kind": "AEXPR_NULLIF", "lexpr": part, "rexpr": {"a_const": {"ival": {}}}}}:
                return self.measure(part)
            case {"a_expr": {"kind": "AEXPR_OP", "name": [{"string": {"sval": operator}}], "lexpr": one, "rexpr": two}}:
                return self._formula(operator, one, two)
        raise _Unread

    def _formula(self, operator: str, one: _Tree, two: _Tree) -> Measure:
        for part, factor in ((one, two), (two, one)):
            if operator == "*" and "a_const" in factor and _constant(factor) == 100:
                return _percent(self.measure(part))
        if operator == "/" and (scaled := _scaled(one)) is not None:
            return Measure("formula", parts=(self.measure(scaled), self.measure(two)), operator="%")
        if operator in ("/", "+", "-"):
            return Measure("formula", parts=(self.measure(one), self.measure(two)), operator=operator)
        raise _Unread

    def _aggregate(self, call: _Tree) -> Measure:
        name, args = call["funcname"][-1]["string"]["sval"], call.get("args", [])
        if set(call) & {"over", "agg_order", "agg_within_group", "func_variadic"}:
            raise _Unread
        only = tuple(self.conditions(call["agg_filter"])) if "agg_filter" in call else ()
        if name == "count" and call.get("agg_star") and len(set(self._near)) == 1:
            return Measure("count", self._near[0], only=only)
        if len(args) != 1 or "column_ref" not in args[0]:
            raise _Unread
        ref = self._ref(args[0]["column_ref"])
        info = self._lexicon.column(ref.table, ref.column)
        if name == "count":
            if call.get("agg_distinct"):
                return Measure("count", ref.table, ref, distinct=True, only=only)
            if info.column.not_null or (ref.column,) == self._lexicon.tables[ref.table].key:
                return Measure("count", ref.table, only=only)
            raise _Unread
        if name in _AGGREGATES and info.kind == "number" and not call.get("agg_distinct"):
            return Measure("aggregate", ref=ref, function=name, only=only)
        raise _Unread

    # -- names --------------------------------------------------------------------------------------------------

    def _ref(self, column: _Tree) -> Ref:
        names = [field["string"]["sval"] for field in column["fields"] if "string" in field]
        if not 1 <= len(names) <= 3 or len(names) != len(column["fields"]):
            raise _Unread
        found = [
            Ref(info.index, one.name)
            for info in self._lexicon.tables
            if info.real is None and (len(names) < 2 or names[-2] == info.table.name)
            and (len(names) < 3 or names[0] == info.table.schema)
            for one in info.columns
            if one.name == names[-1]
        ]  # fmt: skip
        if len(found) > 1:
            found = [ref for ref in found if ref.table in self._near]
        if len(found) != 1:
            raise _Unread
        return found[0]

    def _boolean(self, column: _Tree) -> Ref:
        ref = self._ref(column)
        if self._lexicon.column(ref.table, ref.column).kind != "boolean":
            raise _Unread
        return ref


def _constant(node: _Tree) -> str | bool | int | Decimal:
    match node:
        case {"a_const": {"sval": {"sval": text}}}:
            return str(text)
        case {"a_const": {"sval": {}}}:
            return ""
        case {"a_const": {"ival": value}}:
            return int(value.get("ival", 0))
        case {"a_const": {"fval": {"fval": number}}}:
            return Decimal(number)
        case {"a_const": {"boolval": value}}:
            return bool(value.get("boolval", False))
    raise _Unread


def _pattern(ref: Ref, text: str | bool | int | Decimal, negated: bool) -> Predicate:
    """LIKE as starts, ends or contains; case is not regarded, as everywhere else in questions."""
    inner = str(text).strip("%")
    if not inner or "%" in inner or "_" in inner or "\\" in inner:
        raise _Unread
    begins, ends = str(text).startswith("%"), str(text).endswith("%")
    operator = {(True, True): "contains", (False, True): "starts", (True, False): "ends"}.get((begins, ends), "=")
    return Predicate(ref, operator, (inner,), negated, fold=operator == "=")


def _bound(node: _Tree) -> Bound:
    match node:
        case {"a_const": {"sval": {"sval": text}}} if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return Bound(relative=f"date '{text}'")
        case {"type_cast": {"arg": arg, "type_name": {"names": [*_, {"string": {"sval": "date"}}]}}}:
            return _bound(arg)
    return Bound(relative=_moment(node))


def _moment(node: _Tree) -> str:
    """Today or now, less an interval, written anew."""
    match node:
        case {"sqlvalue_function": {"op": "SVFOP_CURRENT_DATE"}}:
            return "current_date"
        case {"sqlvalue_function": {"op": "SVFOP_CURRENT_TIMESTAMP"}}:
            return "now()"
        case {"func_call": {"funcname": [*_, {"string": {"sval": "now"}}]}}:
            return "now()"
        case {"a_expr": {"kind": "AEXPR_OP", "name": [{"string": {"sval": "-"}}], "lexpr": base, "rexpr": less}}:
            span = less.get("type_cast", {}).get("arg", {})
            match = _INTERVAL.fullmatch(str(_constant(span))) if span else None
            start = _moment(base)
            if match is None or " " in start:
                raise _Unread
            return f"{start} - interval '{int(match[1])} {match[2]}s'"
    raise _Unread


def _percent(measure: Measure) -> Measure:
    if measure.kind == "formula" and measure.operator == "/":
        return Measure("formula", parts=measure.parts, operator="%")
    raise _Unread


def _scaled(node: _Tree) -> _Tree | None:
    """The part of "100.0 * part"."""
    match node:
        case {"a_expr": {"kind": "AEXPR_OP", "name": [{"string": {"sval": "*"}}], "lexpr": one, "rexpr": two}}:
            if "a_const" in two and _constant(two) == 100:
                return {**one}
            if "a_const" in one and _constant(one) == 100:
                return {**two}
    return None


def place(items: Sequence[Item], low: int, high: int, meaning: SqlMeaning) -> list[Item]:
    """The items with those between two places in the question (offsets) replaced by the term's meaning.

    The noun of the rows that a condition is about stays a noun: "big" of "big orders".
    """
    inside = [item for item in items if item.start < high and item.stop > low]
    if not inside:
        return list(items)
    first, last = items.index(inside[0]), items.index(inside[-1])
    noun = inside[-1] if len(inside) > 1 and meaning.predicates else None
    if noun is not None and not any(sense.table in meaning.tables() for sense in noun.of_kind("table")):
        noun = None
    if noun is not None:
        last -= 1
    ends = items[first : last + 1]
    text = " ".join(item.text for item in ends)
    term = Item(
        ends[0].low, ends[-1].high, text, "name", text.lower(), start=ends[0].start, stop=ends[-1].stop,
        concept="taught" if meaning.measure is not None else None, taught=meaning.predicates, measure=meaning.measure,
    )  # fmt: skip
    return [*items[:first], term, *items[last + 1 :]]
