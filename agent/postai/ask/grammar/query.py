"""A small tree of a SELECT statement and its text. Every name and value is quoted here, nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from postai.database.identifiers import quote_ident, quote_literal
from postai.language import computed
from postai.language.epochs import epoch, real_name
from postai.language.epochs import sql as epoch_sql
from postai.language.json_keys import parts
from postai.language.word_set import word_set

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
# Words that PostgreSQL 14 to 18 reserve in some place where we write names: quoted always.
_RESERVED = word_set("""
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
    interval into is isnull join lateral leading least left like limit localtime localtimestamp national natural
    nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim
    true union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable json json_array
    json_object json_query json_value json_exists json_scalar json_serialize json_table merge_action day hour
    minute month second year
    """)


def name(identifier: str) -> str:
    """An identifier, quoted only where it has to be."""
    if _PLAIN.match(identifier) and identifier not in _RESERVED:
        return identifier
    return quote_ident(identifier)


@dataclass(frozen=True, slots=True)
class Col:
    """A column of the source with that alias; without an alias the name of an output column."""

    alias: str
    column: str


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal value."""

    value: str | bool | int | Decimal | None


@dataclass(frozen=True, slots=True)
class Fixed:
    """SQL text that this package wrote itself (`current_date - ...`): never text of a question or a catalog."""

    sql: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function or aggregate call; no arguments and `star` = count(*)."""

    function: str
    args: tuple[Expr, ...] = ()
    star: bool = False
    distinct: bool = False
    where: Expr | None = None
    over: Over | None = None
    within: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Over:
    """A window; `rows` = only so many rows up to the current one."""

    partition: tuple[Expr, ...]
    order: tuple[Order, ...]
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Op:
    """A binary operator."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Bool:
    """AND or OR of several conditions."""

    operator: str
    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Expr


@dataclass(frozen=True, slots=True)
class IsNull:
    """IS NULL, IS NOT NULL, IS TRUE, IS NOT TRUE."""

    part: Expr
    negated: bool = False
    what: str = "NULL"


@dataclass(frozen=True, slots=True)
class In:
    """Membership of a list of literals or in a subquery."""

    part: Expr
    values: tuple[Lit, ...] = ()
    select: Select | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """EXISTS of a subquery."""

    select: Select
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """A cast to a built-in type."""

    part: Expr
    to: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A subquery used as one value."""

    select: Select


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    expr: Expr
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One output column; `name` None = no AS."""

    expr: Expr
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A table or a subquery in FROM."""

    alias: str
    schema: str | None = None
    table: str | None = None
    select: Select | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """One join."""

    source: Source
    on: Expr
    left: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT statement; `source` None = no FROM."""

    items: tuple[Item, ...]
    source: Source | None
    joins: tuple[Join, ...] = ()
    where: tuple[Expr, ...] = ()
    group: tuple[Expr, ...] = ()
    having: tuple[Expr, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    distinct: bool = False
    comment: str = field(default="", compare=False)


Expr: TypeAlias = Col | Lit | Fixed | Call | Op | Bool | Not | IsNull | In | Exists | Cast | Scalar

_LEVELS = {
    "IS DISTINCT FROM": 4,
    "OR": 1,
    "AND": 2,
    "=": 4,
    "<>": 4,
    "<": 4,
    ">": 4,
    "<=": 4,
    ">=": 4,
    "ILIKE": 4,
    "LIKE": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
}


def render(select: Select, indent: int = 0) -> str:
    """The statement as readable SQL, without a semicolon."""
    pad = "\n" + " " * indent
    head = "SELECT DISTINCT " if select.distinct else "SELECT "
    columns = ", ".join(_item(item) for item in select.items)
    if len(columns) + indent > 100:
        columns = f",{pad}       ".join(_item(item) for item in select.items)
    lines = [head + columns]
    if select.source is not None:
        lines.append("FROM " + _source(select.source, indent))
    for join in select.joins:
        lines.append(
            f"{'LEFT JOIN' if join.left else 'JOIN'} {_source(join.source, indent)} ON {_expr(join.on, indent)}"
        )
    if select.where:
        lines.append("WHERE " + f"{pad}  AND ".join(_expr(part, indent + 6, 3) for part in select.where))
    if select.group:
        lines.append("GROUP BY " + ", ".join(_expr(part, indent) for part in select.group))
    if select.having:
        lines.append("HAVING " + f"{pad}   AND ".join(_expr(part, indent + 7, 3) for part in select.having))
    if select.order:
        lines.append("ORDER BY " + ", ".join(_order(key, indent) for key in select.order))
    if select.limit is not None:
        lines.append(f"LIMIT {select.limit}" + (f" OFFSET {select.offset}" if select.offset else ""))
    return pad.join(lines)


def _item(item: Item) -> str:
    text = _expr(item.expr, 7)
    if item.name is None and isinstance(item.expr, Col) and output_name(item.expr) != item.expr.column:
        return f"{text} AS {name(output_name(item.expr))}"
    return text if item.name is None else f"{text} AS {name(item.name)}"


def _order(key: Order, indent: int) -> str:
    return _expr(key.expr, indent) + (" DESC" if key.descending else "") + (" NULLS LAST" if key.nulls_last else "")


def _source(source: Source, indent: int) -> str:
    if source.select is not None:
        inner = render(source.select, indent + 2)
        return f"(\n{' ' * (indent + 2)}{inner}\n{' ' * indent}) AS {name(source.alias)}"
    table = name(source.table or "")
    if source.schema is not None:
        table = f"{name(source.schema)}.{table}"
    return table if source.alias == source.table else f"{table} AS {name(source.alias)}"


def _nested(select: Select, indent: int) -> str:
    return f"(\n{' ' * (indent + 2)}{render(select, indent + 2)}\n{' ' * indent})"


def _expr(expr: Expr, indent: int = 0, level: int = 0) -> str:
    text, own = _text(expr, indent)
    return f"({text})" if own < level else text


def _text(expr: Expr, indent: int) -> tuple[str, int]:
    """The text and how tightly it binds (9 = an atom)."""
    match expr:
        case Col(alias, column):
            return _column(alias, column)
        case Lit(value):
            return _literal(value), 9
        case Fixed(sql):
            return sql, 5 if " - " in sql or " + " in sql else 9
        case Call():
            return _call(expr, indent), 9
        case Op(operator, left, right):
            own = _LEVELS[operator]
            bump = 1 if operator in ("-", "/") or own == 4 else 0
            return f"{_expr(left, indent, own + (own == 4))} {operator} {_expr(right, indent, own + bump)}", own
        case Bool(operator, parts):
            own = _LEVELS[operator]
            return f" {operator} ".join(_expr(part, indent, own + 1) for part in parts), own
        case Not(part):
            return f"NOT {_expr(part, indent, 9)}" if not isinstance(part, Bool) else f"NOT ({_expr(part, indent)})", 3
        case IsNull(part, negated, what):
            return f"{_expr(part, indent, 5)} IS {'NOT ' if negated else ''}{what}", 4
        case In(part, values, select, negated):
            word = "NOT IN" if negated else "IN"
            inner = (
                _nested(select, indent)
                if select is not None
                else "(" + ", ".join(_literal(v.value) for v in values) + ")"
            )
            return f"{_expr(part, indent, 5)} {word} {inner}", 4
        case Exists(select, negated):
            return f"{'NOT ' if negated else ''}EXISTS {_nested(select, indent)}", 3 if negated else 9
        case Cast(part, to):
            return f"{_expr(part, indent, 9)}::{to}", 9
        case Scalar(select):
            return _nested(select, indent), 9
    raise AssertionError(expr)


def _column(alias: str, column: str) -> tuple[str, int]:
    lead = f"{name(alias)}." if alias else ""
    if (formula := computed.formula(column)) is not None:
        if formula.operator == "arithmetic":
            return computed.arithmetic_sql(formula, lambda inner: _plain(lead, inner))
        right = _plain(lead, formula.right) if formula.right else ""
        return computed.sql(formula, _plain(lead, formula.left), right)
    key = parts(column)
    if key is None:
        return _plain(lead, column), 9
    value = f"{lead}{name(key[0])} ->> {_literal(key[1])}"
    return (value, 5) if key[2] == "text" else (f"({value})::{key[2]}", 9)


def _plain(lead: str, column: str) -> str:
    """A stored column; one that keeps moments as numbers, as a moment."""
    moment = epoch(column)
    return epoch_sql(moment[0], lead + name(moment[1])) if moment else lead + name(column)


def output_name(expr: Expr) -> str:
    """What a column is called in the output when nothing renames it; "" for an expression."""
    if not isinstance(expr, Col):
        return ""
    key, formula = parts(expr.column), computed.formula(expr.column)
    return key[1] if key else computed.output_name(formula) if formula else real_name(expr.column)


def _call(call: Call, indent: int) -> str:
    inner = "*" if call.star else ", ".join(_expr(arg, indent) for arg in call.args)
    text = f"{call.function}({'DISTINCT ' if call.distinct else ''}{inner})"
    if call.within:
        text += f" WITHIN GROUP (ORDER BY {', '.join(_expr(key, indent) for key in call.within)})"
    if call.where is not None:
        text += f" FILTER (WHERE {_expr(call.where, indent)})"
    if call.over is not None:
        parts = []
        if call.over.partition:
            parts.append("PARTITION BY " + ", ".join(_expr(part, indent) for part in call.over.partition))
        if call.over.order:
            parts.append("ORDER BY " + ", ".join(_order(key, indent) for key in call.over.order))
        if call.over.rows is not None:
            parts.append(f"ROWS BETWEEN {call.over.rows - 1} PRECEDING AND CURRENT ROW")
        text += f" OVER ({' '.join(parts)})"
    return text


def _literal(value: str | bool | int | Decimal | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote_literal(value).strip()
    return format(value, "f") if isinstance(value, Decimal) else str(value)
