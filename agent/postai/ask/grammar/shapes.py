"""Statements of a special shape: ratios, averages of counts, the first rows of each group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from postai.ask.grammar.draft import Measure, Unsure
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.query import (
    Call,
    Cast,
    Col,
    Expr,
    Fixed,
    Item,
    Lit,
    Op,
    Order,
    Over,
    Select,
    Source,
    output_name,
)

if TYPE_CHECKING:
    from postai.ask.grammar.assemble import Assembler


def ratio(assembler: Assembler) -> Select:
    """One part over another."""
    draft = assembler.draft
    assert draft.ratio is not None
    if draft.measures or draft.havings:
        raise Unsure("a ratio together with another number is not clear")
    keys, group = assembler.keys()
    for part in (draft.ratio.numerator, draft.ratio.denominator):
        for predicate in part.only:
            if not assembler.joiner.reachable(predicate.ref.table):
                raise Unsure("the parts of the ratio are counted in different tables")
            assembler.joiner.alias(predicate.ref.table, optional=True)
    above = assembler.measure_expr(draft.ratio.numerator, assembler.joiner, assembler.base)
    below = assembler.measure_expr(draft.ratio.denominator, assembler.joiner, assembler.base)
    where = assembler.where()
    scale: Expr = Op("*", Fixed("100.0"), above) if draft.ratio.percent else Cast(above, "numeric")
    value = Op("/", scale, Call("NULLIF", (below, Lit(0))))
    items = [*keys, Item(value, "percentage" if draft.ratio.percent else "ratio")]
    order = [Order(Col("", item.name) if item.name else item.expr) for item in keys]
    for wish in draft.orders[:1]:
        order.insert(0, Order(Col("", items[-1].name or ""), wish.descending, nulls_last=True))
    source, joins = assembler.joiner.sources()
    return Select(tuple(items), source, joins, tuple(where), tuple(group), order=tuple(order), limit=draft.limit)


def nested_average(assembler: Assembler, nested: list[Measure]) -> Select:
    """The average number of X per Y, where every Y surely has some X."""
    draft = assembler.draft
    measure = nested[0]
    if len(draft.measures) > 1 or draft.groups or draft.havings or draft.absences or draft.orders:
        raise Unsure("an average of counts together with something else is not clear")
    assert measure.table is not None and measure.per is not None
    child, parent = assembler.state.info(measure.table), assembler.state.info(measure.per)
    if not _is_part_of(child.words, parent.words):
        raise Unsure(
            f"whether {parent.table.name} without any {child.table.name} count too is not clear",
            f"Ask for the number of {child.table.name} per {parent.noun}.",
        )
    assembler.base = measure.table
    assembler.joiner = Joiner(assembler.state, assembler.base)
    key = assembler.joiner.key_of(measure.per)
    where = assembler.where()
    source, joins = assembler.joiner.sources()
    inner = Select((Item(Call("count", star=True), "n"),), source, joins, tuple(where), (key,))
    outer = Source("counted", select=inner)
    return Select(
        (Item(Call("avg", (Col("counted", "n"),)), f"average_{child.table.name}_per_{'_'.join(parent.words)}"),),
        outer,
    )


def partitioned(assembler: Assembler, build: Callable[[], Select]) -> Select:
    """The first rows of each partition: numbered within it, then cut off."""
    draft = assembler.draft
    limit = draft.limit
    if any(key.bucket for key in draft.partition) or limit is None or draft.offset:
        raise Unsure("the first of each time bucket is not clear")
    parts = [item for key in draft.partition for item in assembler.key_items(key)]
    draft.limit = None
    inner = build()
    draft.limit = limit
    names: list[str] = []
    items: list[Item] = []
    ordering = [Item(key.expr) for key in inner.order[:1] if isinstance(key.expr, Col) and key.expr.alias]
    for item in [*parts, *inner.items, *ordering]:
        name = item.name or output_name(item.expr) or "value"
        if any(item.expr == known.expr for known in items):
            continue
        if name in names and isinstance(item.expr, Col):
            name = f"{assembler.state.info(assembler.joiner.table_of(item.expr.alias)).words[-1]}_{name}"
        if name in names:
            raise Unsure("the columns to show share a name")
        names.append(name)
        items.append(Item(item.expr, name))
    by_name = {item.name or "": item.expr for item in inner.items}
    order = tuple(
        replace(key, expr=by_name[key.expr.column]) if isinstance(key.expr, Col) and not key.expr.alias else key
        for key in inner.order
    )  # fmt: skip
    position = Call("row_number", (), over=Over(tuple(item.expr for item in parts), order))
    source, joins = assembler.joiner.sources()
    group = (*(item.expr for item in parts if item.expr not in inner.group), *inner.group) if inner.group else ()
    numbered = replace(
        inner, items=(*items, Item(position, "position")), order=(), group=group, source=source, joins=joins
    )
    if numbered.distinct:
        raise Unsure("the first of each group is not clear")
    shown = tuple(Item(Col("ranked", name)) for name in names)
    outer_order = (*(Order(Col("ranked", name)) for name in names[: len(parts)]), Order(Col("ranked", "position")))
    return Select(
        shown,
        Source("ranked", select=numbered),
        where=(Op("<=", Col("ranked", "position"), Lit(limit)),),
        order=outer_order,
    )


def _is_part_of(child: tuple[str, ...], parent: tuple[str, ...]) -> bool:
    """ "order item" is a part of "order": there is none without."""
    return child[: len(parent)] == parent and child[-1] in ("item", "line", "detail", "position")
