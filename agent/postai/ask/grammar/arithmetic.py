"""Measures made of other measures: quotients, differences, and what a window sees beside the other rows."""

from __future__ import annotations

from collections.abc import Sequence

from postai.ask.grammar.draft import Key, Measure, Unsure
from postai.ask.grammar.query import Call, Cast, Expr, Fixed, Lit, Op, Order, Over


def combined(operator: str, parts: Sequence[Expr]) -> Expr:
    """Parts joined by an operator: "/" and "%" (times 100) never divide by zero and keep fractions."""
    if operator == "100":
        return Op("*", parts[0], Lit(100))
    first, *rest = parts
    if operator in ("/", "%"):
        above: Expr = Op("*", Fixed("100.0"), first) if operator == "%" else Cast(first, "numeric")
        return Op("/", above, Call("NULLIF", (rest[0], Lit(0))))
    for part in rest:
        first = Op(operator, first, part)
    return first


def windowed(measure: Measure, inner: Expr, groups: Sequence[tuple[Key, Expr]], within: tuple[Expr, ...] = ()) -> Expr:
    """The window over the groups of the statement.

    Args:
        measure: the window.
        inner: the value of its part in one group.
        groups: keys of the groups and their expressions.
        within: for a rank, the group whose rows are ranked among each other.

    Raises:
        Unsure: the groups have no order in time.
    """
    if measure.operator == "rank":
        parted = within or tuple(expr for key, expr in groups if measure.per is not None and key != measure.per)
        return Call("rank", over=Over(parted, (Order(inner, True, nulls_last=True),)))
    if measure.operator in ("share", "percent"):
        whole = Call("sum", (inner,), over=Over((), ()))
        return combined("%" if measure.operator == "percent" else "/", (inner, whole))
    times = [expr for key, expr in groups if key.bucket]
    if len(times) != 1:
        raise Unsure("over which periods it runs is not clear", 'Say "per month", "per day", ...')
    parted = tuple(expr for key, expr in groups if not key.bucket)
    over = Over(parted, (Order(times[0]),))
    match measure.operator:
        case "running":
            return Call("sum", (inner,), over=over)
        case "moving":
            return Call("avg", (inner,), over=Over(parted, over.order, measure.rows))
        case "previous":
            return Call("lag", (inner,), over=over)
        case "change":
            return Op("-", inner, Call("lag", (inner,), over=over))
        case "growth":
            before = Call("lag", (inner,), over=over)
            return combined("%", (Op("-", inner, before), before))
    raise AssertionError(measure.operator)
