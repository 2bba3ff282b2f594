"""Conditions and measures of a draft as SQL expressions over one alias."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from postai.ask.grammar.draft import Predicate, Unsure
from postai.ask.grammar.query import Bool, Call, Cast, Col, Expr, Fixed, In, IsNull, Lit, Not, Op
from postai.language.dates import Bound, Period
from postai.language.schema import ColumnInfo

# Conditions on a part of a date: the operator and how the part is computed.
PARTS_OF_TIME = {"weekday": "isodow", "month of year": "month", "hour": "hour", "year": "year", "day of month": "day"}


def condition(predicate: Predicate, info: ColumnInfo, alias: str, other: tuple[Col, ColumnInfo] | None = None) -> Expr:
    """One condition; never true for rows that the words do not cover.

    Args:
        other: the column that it is compared with, of a predicate that compares two columns.
    """
    column = Col(alias, info.name)
    nullable = not info.column.not_null
    if predicate.other is not None:
        if other is None:
            raise Unsure(f"how {info.name} and {predicate.other.column} are compared is not clear")
        return _two_columns(predicate, column, info, *other)
    match predicate.operator:
        case "period":
            assert predicate.period is not None
            return period_condition(predicate.period, info, alias)
        case "null":
            return IsNull(column, negated=predicate.negated)
        case "starts" | "ends" | "contains":
            return _pattern(predicate, column)
        case "in":
            return _membership(predicate, info, column, nullable)
        case "between":
            low, high = (Lit(value) for value in predicate.values)
            return Bool("AND", (Op(">=", column, low), Op("<=", column, high)))
        case "within":
            low, high = (Lit(value) for value in predicate.values)
            return Bool("AND", (Op(">", column, low), Op("<", column, high)))
        case "weekday" | "month of year" | "hour" | "year" | "day of month":
            return In(
                Call("date_part", (Lit(PARTS_OF_TIME[predicate.operator]), column)),
                tuple(Lit(value) for value in predicate.values),
                negated=predicate.negated,
            )
        case "=":
            return _equality(predicate, info, column, nullable)
        case _:
            return Op(predicate.operator, column, Lit(predicate.values[0]))


def _two_columns(predicate: Predicate, column: Col, info: ColumnInfo, other: Col, second: ColumnInfo) -> Expr:
    """A comparison of two columns; a day and a moment are compared as days, and dates by their months or years."""
    if predicate.operator.startswith("same ") and predicate.operator != "same day":
        unit = Lit(predicate.operator.removeprefix("same "))
        return Op("=", Call("date_trunc", (unit, column)), Call("date_trunc", (unit, other)))
    operator = "=" if predicate.operator == "same day" else predicate.operator
    left: Expr
    right: Expr
    left, right = (
        Cast(one, "date") if what.kind != "date" and {info.kind, second.kind} != {info.kind} and what.is_date else one
        for one, what in ((column, info), (other, second))
    )
    same = operator in ("=", "<>")
    if same and info.is_date and info.kind != "date":
        left, right = Cast(column, "date"), Cast(other, "date")
    if predicate.factor is not None:
        right = Op("*", Lit(predicate.factor), right)
    if predicate.offset:
        right = Op("+", right, Fixed(f"interval '{predicate.offset}'"))
    compared = Op(operator, left, right)
    return Not(compared) if predicate.negated else compared


def _equality(predicate: Predicate, info: ColumnInfo, column: Col, nullable: bool) -> Expr:
    value = predicate.values[0]
    if isinstance(value, bool):
        truth = value != predicate.negated
        if truth:
            return column
        return IsNull(column, negated=True, what="TRUE") if nullable and predicate.negated else Not(column)
    if predicate.fold and info.kind == "text":
        same: Expr = Op("=", Call("lower", (column,)), Call("lower", (Lit(value),)))
        return Not(same) if predicate.negated else same
    if info.kind == "array":
        has: Expr = Op("=", Lit(value), Call("ANY", (column,)))
        return (Bool("OR", (Not(has), IsNull(column))) if nullable else Not(has)) if predicate.negated else has
    if predicate.negated:
        return Op("IS DISTINCT FROM" if nullable else "<>", column, Lit(value))
    return Op("=", column, Lit(value))


def _membership(predicate: Predicate, info: ColumnInfo, column: Col, nullable: bool) -> Expr:
    if info.kind == "array":
        values = tuple(
            _equality(replace(predicate, operator="=", values=(v,)), info, column, nullable) for v in predicate.values
        )
        return Bool("AND" if predicate.negated or predicate.joint else "OR", values)
    if predicate.fold:
        folded = tuple(Lit(str(value).lower()) for value in predicate.values)
        return In(Call("lower", (column,)), folded, negated=predicate.negated)
    member = In(column, tuple(Lit(value) for value in predicate.values), negated=predicate.negated)
    return Bool("OR", (member, IsNull(column))) if predicate.negated and nullable else member


def _pattern(predicate: Predicate, column: Col) -> Expr:
    """One text or several: any of them, or each of them where they are joined by "and"."""
    before = "%" if predicate.operator in ("ends", "contains") else ""
    after = "%" if predicate.operator in ("starts", "contains") else ""
    found: list[Expr] = []
    for value in predicate.values:
        text = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        like = Op("ILIKE", column, Lit(before + text + after))
        found.append(Not(like) if predicate.negated else like)
    if len(found) == 1:
        return found[0]
    return Bool("AND" if predicate.joint or predicate.negated else "OR", tuple(found))


def period_condition(period: Period, info: ColumnInfo, alias: str) -> Expr:
    """start <= column < end, with bounds of the column's own type."""
    column = Col(alias, info.name)
    parts: list[Expr] = []
    if period.start is not None:
        parts.append(Op(">=", column, moment(period.start, info)))
    if period.end is not None:
        parts.append(Op("<", column, moment(period.end, info)))
    return parts[0] if len(parts) == 1 else Bool("AND", tuple(parts))


def moment(bound: Bound, info: ColumnInfo) -> Expr:
    """A bound as an expression; relative ones are cast to the column's type, so that its index can be used."""
    if bound.day is not None:
        return Lit(bound.day.isoformat())
    fixed = Fixed(bound.relative)
    if info.kind == "timestamptz":
        return fixed
    return (
        Cast(Bool("AND", (fixed,)), info.kind)
        if " " in bound.relative
        else Cast(fixed, info.kind)
        if info.kind != "date"
        else fixed
    )


def bucket_expression(bucket: str, info: ColumnInfo, alias: str) -> Expr:
    """A time bucket of a date column."""
    column = Col(alias, info.name)
    if bucket == "day":
        return column if info.kind == "date" else Cast(column, "date")
    if bucket == "weekday":
        return Call("to_char", (column, Lit("FMDay")))
    if bucket in ("hour of day", "month of year"):
        part = bucket.split()[0]
        return Call("date_part", (Lit(part), column))
    truncated = Call("date_trunc", (Lit(bucket), column))
    return truncated if bucket == "hour" else Cast(truncated, "date")


def aggregate(function: str, argument: Expr, where: Expr | None = None) -> Expr:
    """An aggregate call; median is percentile_cont(0.5)."""
    if function in ("stddev", "variance"):
        return Call("stddev_samp" if function == "stddev" else "var_samp", (argument,), where=where)
    if function == "median":
        return Call("percentile_cont", (Lit(Decimal("0.5")),), within=(argument,), where=where)
    return Call(function, (argument,), where=where)
