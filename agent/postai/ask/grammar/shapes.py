"""Statements of a special shape: averages of counts, measures of different tables, the first rows of each group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from postai.ask.grammar.draft import Measure, Unsure
from postai.ask.grammar.expressions import aggregate
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.query import (
    Call,
    Col,
    Expr,
    IsNull,
    Item,
    Lit,
    Op,
    Order,
    Over,
    Select,
    Source,
    output_name,
)
from postai.ask.grammar.state import State

if TYPE_CHECKING:
    from postai.ask.grammar.assemble import Assembler


def nested(assembler: Assembler, measure: Measure) -> Select:
    """An aggregate over the values that a measure has for each of something: the average number of X per Y.

    Raises:
        Unsure: it stands beside something else that it would have to be joined with.
    """
    draft = assembler.draft
    if len(draft.measures) > 1 or draft.havings or draft.partition:
        raise Unsure("an average of counts together with something else is not clear")
    keys, inner = counted(assembler, measure)
    name = nested_name(assembler.state, measure)
    shown = [Item(Col("counted", item.name or output_name(item.expr))) for item in keys]
    order = [Order(item.expr) for item in shown]
    for wish in draft.orders[:1]:
        order.insert(0, Order(Col("", name), wish.descending, nulls_last=wish.descending))
    return Select(
        (*shown, Item(aggregate(measure.function, Col("counted", "n")), name)),
        Source("counted", select=inner),
        group=tuple(item.expr for item in shown),
        order=tuple(order),
        limit=draft.limit,
    )


def counted(assembler: Assembler, measure: Measure) -> tuple[list[Item], Select]:
    """The keys of the statement, and the values "n" of a nested measure's part for each of them and each `per`."""
    part = measure.parts[0]
    table = assembler._measure_table(part)
    if table is None or measure.per is None:
        raise Unsure("what is counted is not clear")
    assembler.base, assembler.joiner = table, Joiner(assembler.state, table)
    keys, group = assembler.keys()
    names = [item.name or output_name(item.expr) for item in keys]
    if len(set(names)) < len(names):
        raise Unsure("the columns to show share a name")
    if measure.per.table is not None:
        by = assembler.joiner.key_of(measure.per.table)
    else:
        by = assembler.key_items(measure.per)[0].expr
    value = assembler.measure_expr(part, assembler.joiner, table)
    where = assembler.where()
    if _may_be_missing(assembler, by, measure):
        where.append(IsNull(by, negated=True))  # what belongs to nothing is no group
    source, joins = assembler.joiner.sources()
    items = (*(Item(item.expr, name) for item, name in zip(keys, names, strict=True)), Item(value, "n"))
    return keys, Select(items, source, joins, tuple(where), (*group, by))


def _may_be_missing(assembler: Assembler, by: Expr, measure: Measure) -> bool:
    """Whether the key that a nested measure is computed for is null in some rows."""
    if measure.per is not None and measure.per.bucket is not None:
        return not assembler.state.column_info(assembler._bucket_column()).column.not_null
    if not isinstance(by, Col):
        return False
    table = assembler.joiner.table_of(by.alias)
    return not assembler.lexicon.column(table, by.column).column.not_null


def nested_name(state: State, measure: Measure) -> str:
    """A name for the output: average_trips_per_driver."""
    word = {"avg": "average", "min": "lowest", "max": "highest"}.get(measure.function, measure.function)
    leaf, per = measure.parts[0].leaves()[0], measure.per
    what = leaf.concept or "value"
    if leaf.kind == "count" and leaf.table is not None:
        what = state.info(leaf.table).table.name
    elif leaf.ref is not None:
        what = "_".join(state.column_info(leaf.ref).own)
    each = "row"
    if per is not None and per.bucket is not None:
        each = per.bucket
    elif per is not None and per.table is not None:
        each = "_".join(state.info(per.table).words)
    elif per is not None and per.ref is not None:
        each = per.ref.column
    return f"{word}_{what}_per_{each}".replace(" ", "_")


def side_by_side(assembler: Assembler) -> Select:
    """Measures over rows of different tables: each in a subquery of its own, for each key of the answer.

    Raises:
        Unsure: the keys belong to no one table, or something else would have to be joined.
    """
    draft = assembler.draft
    assembler.apart = True
    if draft.partition or draft.absences:
        raise Unsure("the things asked for have no row in common")
    if any(key.bucket for key in draft.groups):
        raise Unsure("the things asked for happen on dates of their own", "Ask for one of them at a time.")
    if not draft.groups:
        if draft.havings or draft.orders or draft.limit is not None:
            raise Unsure("the things asked for have no row in common")
        assembler.joiner = Joiner(assembler.state, assembler._measure_table(draft.measures[0].leaves()[0]) or 0)
        values = [(m, assembler.measure_expr(m, assembler.joiner, -1)) for m in draft.measures]
        return Select(tuple(assembler._items([], values)), None)
    tables = [table for table in (assembler._key_table(key) for key in draft.groups) if table is not None]
    base = assembler.finest(tables)
    if base is None:
        raise Unsure("the things asked for have no row in common")
    assembler.base, assembler.joiner = base, Joiner(assembler.state, base)
    keys, group = assembler.keys()
    far = [p for p in draft.predicates if not assembler.joiner.reachable(p.ref.table)]
    if far:
        raise Unsure(f"whether {far[0].ref.column} is about all that is counted is not clear")
    leaves = {assembler._measure_table(leaf) for measure in draft.measures for leaf in measure.leaves()}
    draft.mentioned -= {table for table in leaves if table is not None}
    measures = [(m, assembler.measure_expr(m, assembler.joiner, base)) for m in draft.measures]
    where = assembler.where()
    items = assembler._items(keys, measures)
    order = assembler._orders(items, measures, keys)
    source, joins = assembler.joiner.sources()
    listed = all(key.table == base for key in draft.groups)
    return Select(
        tuple(items), source, joins, tuple(where), () if listed else tuple(group), order=tuple(order), limit=draft.limit
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
