"""One row for every entity with numbers beside it, each computed by itself: none counted twice, zeros kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postai.ask.grammar.draft import Measure, Predicate, Unsure
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.query import Call, Col, Expr, Item, Lit, Op, Order, Scalar, Select

if TYPE_CHECKING:
    from postai.ask.grammar.assemble import Assembler


def one_row_each(assembler: Assembler) -> bool:
    """Whether the question wants it so: those without any kept, or numbers of tables that have no row in common."""
    draft = assembler.draft
    keys = [key for key in draft.groups if key.table is not None]
    if len(keys) != 1 or len(draft.groups) != 1 or not draft.measures or draft.partition:
        if draft.keep_all:
            raise Unsure("for what rows without any are kept is not clear")
        return False
    table = keys[0].table
    assert table is not None
    tables = {assembler._measure_table(measure) for measure in draft.measures}
    up = assembler.lexicon.graph.up_paths
    if None in tables or table in tables or not all(other is not None and up(other, table) for other in tables):
        if draft.keep_all:
            raise Unsure("for what rows without any are kept is not clear")
        return False
    apart = len(tables) > 1 and not any(
        all(one == other or (one is not None and other is not None and up(one, other)) for other in tables)
        for one in tables
    )
    return draft.keep_all or apart


def per_row(assembler: Assembler) -> Select:
    """The statement: the entity's table, and a subquery for each number."""
    draft = assembler.draft
    table = draft.groups[0].table
    assert table is not None
    if draft.havings or draft.absences:
        raise Unsure("a condition on the numbers together with those without any is not clear")
    assembler.base = table
    assembler.joiner = Joiner(assembler.state, table)
    keys, _ = assembler.keys()
    inner = [p for p in draft.predicates if not assembler.joiner.reachable(p.ref.table)]
    mine = {id(predicate) for predicate in inner}
    draft.mentioned -= {assembler._measure_table(measure) or -1 for measure in draft.measures}
    everything, draft.predicates = draft.predicates, [p for p in draft.predicates if id(p) not in mine]
    where = assembler.where()
    draft.predicates = everything
    measures: list[tuple[Measure, Expr]] = []
    for measure in draft.measures:
        measures.append((measure, _number(assembler, table, measure, inner)))
    items = assembler._items(keys, measures)
    order = _orders(assembler, items, keys, measures)
    source, joins = assembler.joiner.sources()
    return Select(tuple(items), source, joins, tuple(where), order=tuple(order), limit=draft.limit, offset=draft.offset)


def _number(assembler: Assembler, table: int, measure: Measure, inner: list[Predicate]) -> Expr:
    """One number of one row, as a subquery."""
    child = assembler._measure_table(measure)
    info = assembler.state.info(table)
    if child is None or len(info.key) != 1:
        raise Unsure(f"rows of {info.table.name} cannot be told apart by one column")
    sub = Joiner(assembler.state, child, taken=assembler.joiner.aliases())
    on = Op("=", sub.key_of(table), Col(assembler.joiner.alias(table), info.key[0]))
    conditions = [sub.condition(p, sub.alias(p.ref.table)) for p in inner if sub.reachable(p.ref.table)]
    if len(conditions) != len(inner) and len(assembler.draft.measures) == 1:
        raise Unsure("what the condition is about is not clear")
    value = assembler.measure_expr(measure, sub, child)
    source, joins = sub.sources()
    found = Scalar(Select((Item(value),), source, joins, (on, *conditions)))
    return Call("COALESCE", (found, Lit(0))) if measure.function == "sum" and measure.kind != "count" else found


def _orders(
    assembler: Assembler, items: list[Item], keys: list[Item], measures: list[tuple[Measure, Expr]]
) -> list[Order]:
    draft = assembler.draft
    found: list[Order] = []
    names = [item.name or "" for item in items[len(keys) :]]
    for wish in draft.orders:
        if wish.measure is not None:
            at = next((i for i, (measure, _) in enumerate(measures) if measure == wish.measure), None)
            if at is None:
                raise Unsure("what to order by is not clear")
            found.append(Order(Col("", names[at]), wish.descending, nulls_last=wish.descending))
        elif wish.ref is not None:
            found.append(Order(Col(assembler.joiner.alias(wish.ref.table), wish.ref.column), wish.descending))
        elif wish.key:
            label = [k for k in keys if isinstance(k.expr, Col) and not assembler._is_id(k.expr)]
            found.append(Order((label or keys)[0].expr, wish.descending))
        else:
            found.append(Order(Col("", names[0]), wish.descending, nulls_last=wish.descending))
    if not found:
        found.append(Order(Col("", names[0]), True, nulls_last=True))
    return [*found, *(Order(item.expr) for item in keys if all(item.expr != one.expr for one in found))]
