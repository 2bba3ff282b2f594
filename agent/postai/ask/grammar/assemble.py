"""From a draft to a statement: which table is the base, how others join it, what is shown, grouped and ordered."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.dating import date_column, property_column
from postai.ask.grammar.draft import Having, Key, Measure, OrderBy, Predicate, Ref, Unsure
from postai.ask.grammar.expressions import aggregate, bucket_expression, condition
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.money import MoneySource, is_sale, money_sources, unit_sources
from postai.ask.grammar.query import (
    Bool,
    Call,
    Col,
    Expr,
    Fixed,
    In,
    IsNull,
    Item,
    Lit,
    Op,
    Order,
    Select,
    output_name,
)
from postai.ask.grammar.shapes import nested_average, partitioned, ratio
from postai.ask.grammar.state import State
from postai.language.graph import Step

_LISTED_COLUMNS = 14


def assemble(state: State) -> Select:
    """The statement for a complete draft.

    Raises:
        Unsure: the parts do not fit together, or fit in more than one way.
    """
    return Assembler(state).build()


class Assembler:
    """Builds the statement of one draft; shapes.py uses its parts."""

    def __init__(self, state: State) -> None:
        self.state, self.draft, self.lexicon = state, state.draft, state.lexicon
        self.sources: dict[Measure, MoneySource] = {}
        self.met: set[int] = set()

    # -- the whole ----------------------------------------------------------------------------------------------

    def build(self) -> Select:
        draft = self.draft
        refuse_contradiction(draft.predicates)
        nested = [measure for measure in draft.measures if measure.kind == "nested"]
        if nested:
            return nested_average(self, nested)
        self._projected_measures()
        self._havings_to_groups()
        self._plain_measures()
        self.base = self._base()
        self.joiner = Joiner(self.state, self.base)
        if draft.ratio is not None:
            return ratio(self)
        if draft.groups and not draft.measures:
            raise Unsure("what to show for each group is not clear")
        if draft.partition:
            return partitioned(self, self._grouped if draft.measures else self._list)
        if draft.measures:
            return self._grouped()
        return self._list()

    def _projected_measures(self) -> None:
        draft = self.draft
        asked = [entry for entry in draft.projections if isinstance(entry, Measure)]
        for entry in draft.projections:
            if isinstance(entry, Key) and entry.bucket and entry not in draft.groups:
                if not draft.measures and not asked:
                    raise Unsure("what to show per time bucket is not clear")
                draft.groups.append(entry)
        if (
            asked
            and not draft.measures
            and draft.subject is not None
            and draft.subject not in draft.groups
            and not draft.groups
        ):
            draft.groups.append(draft.subject)
        for measure in asked:
            if measure not in draft.measures and measure.kind != "plain":
                draft.measures.append(measure)

    def _havings_to_groups(self) -> None:
        """ "customers with more than 3 orders": a list by a measure is a grouped query over the measure's rows."""
        draft = self.draft
        if not draft.havings or draft.measures or draft.ratio or draft.subject is None or draft.absences:
            return
        sure = [having for having in draft.havings if not _may_have_none(having)]
        tables = {self._measure_table(having.measure) for having in draft.havings}
        if not sure or len(tables) > 1:
            return
        having, subject = sure[0], draft.subject
        if any(order.ref is not None for order in draft.orders):
            return
        measure_table = self._measure_table(having.measure)
        anchor = self._key_table(subject)
        if measure_table is None or anchor is None:
            return
        if measure_table != anchor and not self.lexicon.graph.up_paths(measure_table, anchor):
            return
        if measure_table == anchor and subject.table is not None:
            return
        if any(
            table not in (measure_table, anchor) and not self.lexicon.graph.up_paths(measure_table, table)
            for table in draft.mentioned
        ):
            return
        draft.groups.append(subject)
        draft.measures += [one.measure for one in draft.havings]

    def _plain_measures(self) -> None:
        """A number of one row asked for without an aggregate is shown as it is, or added up when grouped."""
        draft = self.draft
        for position, measure in enumerate(list(draft.measures)):
            if measure.kind != "plain" or measure.ref is None:
                continue
            draft.measures[position] = replace(measure, kind="aggregate", function="sum")
        draft.orders = [
            replace(order, measure=replace(order.measure, kind="aggregate", function="sum"))
            if order.measure is not None and order.measure.kind == "plain" and draft.measures
            else (
                OrderBy(ref=order.measure.ref, descending=order.descending)
                if order.measure is not None and order.measure.kind == "plain"
                else order
            )
            for order in draft.orders
        ]

    # -- base ---------------------------------------------------------------------------------------------------

    def _key_table(self, key: Key) -> int | None:
        return key.table if key.table is not None else (key.ref.table if key.ref else None)

    def _measure_table(self, measure: Measure) -> int | None:
        if measure.kind in ("money", "units"):
            return self._source(measure).table
        return measure.ref.table if measure.ref is not None and measure.kind != "count" else measure.table

    def _source(self, measure: Measure) -> MoneySource:
        """The first way to compute it whose rows meet every group and condition at most once."""
        if measure in self.sources:
            return self.sources[measure]
        candidates = money_sources(self.state) if measure.kind == "money" else unit_sources(self.state)
        if measure.concept == "order value":
            totals = [source for source in candidates if source.level == "order"]
            candidates = totals or ([c for c in candidates if c.level == "line"] if measure.function == "avg" else [])
        needed = (
            {self._key_table(key) for key in self.draft.groups}
            | {p.ref.table for p in self.draft.predicates}
            | set(self.draft.mentioned)
        )
        if self.draft.subject is not None:
            needed.add(self._key_table(self.draft.subject))
        wanted = {table for table in needed if table is not None}
        for source in candidates:
            if all(self.lexicon.graph.up_paths(source.table, table) for table in wanted):
                rivals = [c for c in candidates if c.level == source.level and c.table != source.table
                          and all(self.lexicon.graph.up_paths(c.table, table) for table in wanted)]  # fmt: skip
                if rivals and source.table not in self.state.anchors:
                    names = " or ".join(self.state.info(s.table).table.name for s in (source, rivals[0]))
                    raise Unsure(f"the amount could be taken from {names}", "Name the table that holds the amount.")
                self.sources[measure] = source
                info = self.state.info(source.table).table.name
                what = " times ".join(source.factors)
                word = "revenue" if measure.kind == "money" else "quantity"
                less = f" less {source.discount[0]}" if source.discount else ""
                self.draft.assumptions.append(f"{word} is {what}{less} of {info}")
                self._say_states(source.table)
                return source
        raise Unsure("no column holds that amount for what is asked", "Name the column that holds the amount.")

    def _say_states(self, table: int) -> None:
        """Say that cancelled rows count, when the question does not speak of states."""
        lost = {"cancelled", "canceled", "returned", "refunded", "void", "failed", "rejected"}
        for other in self.lexicon.tables:
            if other.index != table and not self.lexicon.graph.up_paths(table, other.index):
                continue
            for column in other.columns:
                spoken = any(p.ref.column == column.name and p.ref.table == other.index for p in self.draft.predicates)
                found = [label for label in column.column.enum_labels if label.lower() in lost]
                statistics = column.column.statistics
                if column.kind == "text" and statistics is not None:
                    found = [value for value in statistics.most_common if value.lower() in lost]
                if found and not spoken:
                    self.draft.assumptions.append(
                        f"{other.table.name} of every {column.name} count, also {', '.join(found)}"
                    )

    def _base(self) -> int:
        draft = self.draft
        tables: list[int] = []
        for measure in draft.measures:
            table = self._measure_table(measure)
            if table is not None:
                tables.append(table)
        if draft.ratio is not None and draft.ratio.numerator.table is not None:
            tables.append(draft.ratio.numerator.table)
        if not tables:
            subject = self._key_table(draft.subject) if draft.subject is not None else None
            if subject is None:
                columns = [entry.table for entry in draft.projections if isinstance(entry, Ref)]
                if not columns:
                    raise Unsure("what the question is about is not clear")
                subject = columns[0]
            tables.append(subject)
            tables += [entry.table for entry in draft.projections if isinstance(entry, Ref)]
        finest = [
            table for table in tables
            if all(table == other or self.lexicon.graph.up_paths(table, other) for other in tables)
        ]  # fmt: skip
        if not finest:
            raise Unsure("the things asked for have no row in common")
        return finest[0]

    # -- filters ------------------------------------------------------------------------------------------------

    def where(self) -> list[Expr]:
        draft = self.draft
        plain: list[Expr] = []
        grouped: dict[int, list[Expr]] = {}
        inner: list[Predicate] = []
        for predicate in draft.predicates:
            if predicate.joint and not self.joiner.reachable(predicate.ref.table):
                plain += self._each_value(predicate)
            elif self.joiner.reachable(predicate.ref.table):
                expr = self._condition(predicate)
                if predicate.group is not None:
                    grouped.setdefault(predicate.group, []).append(expr)
                else:
                    plain.append(expr)
            else:
                inner.append(predicate)
        for parts in grouped.values():
            plain.append(Bool("OR", tuple(parts)) if len(parts) > 1 else parts[0])
        havings = [having for having in draft.havings if having.measure not in draft.measures]
        for having in havings:
            taken = [
                p for p in inner if self.lexicon.graph.up_paths(self._measure_table(having.measure) or 0, p.ref.table)
            ]
            inner = [p for p in inner if p not in taken]
            plain.append(self._having_subselect(having, taken))
        if any(predicate.group is not None for predicate in inner):
            raise Unsure('what "or" joins is not clear')
        mentioned = {table for table in draft.mentioned if not self.joiner.reachable(table)}
        mentioned -= self.met
        plain += self._present()
        mentioned -= {self._measure_table(having.measure) for having in havings}
        plain += self.joiner.exists(inner, mentioned)
        for absence in draft.absences:
            plain.append(self.joiner.absent(absence))
        return plain

    def _present(self) -> list[Expr]:
        """ "orders with a coupon": what need not be there is there."""
        found: list[Expr] = []
        shown = {entry.table for entry in self.draft.projections if isinstance(entry, Ref | Key)}
        shown |= {self._key_table(key) for key in self.draft.groups} | {p.ref.table for p in self.draft.predicates}
        for table in sorted(self.draft.mentioned - {self.base}):
            paths = self.lexicon.graph.up_paths(self.base, table)
            if table in shown or not any(self._optional(step) for path in paths for step in path):
                continue
            if len(paths) > 1 or len(paths[0]) > 1:
                self.joiner.alias(table)
                continue
            column = paths[0][0].edge.pairs[0][0]
            found.append(IsNull(Col(self.joiner.alias(self.base), column), negated=True))
            self.draft.assumptions.append(f"{column} of {self.state.info(self.base).table.name} is set")
        return found

    def _optional(self, step: Step) -> bool:
        child = self.state.info(step.edge.child)
        return any(not child.column(column).column.not_null for column, _ in step.edge.pairs)

    def _each_value(self, predicate: Predicate) -> list[Expr]:
        """ "customers who bought both toys and books": rows that meet a row of each value."""
        also = {item.lower for item in self.state.items} & {"both", "also", "and also"}
        rest = [p for p in self.draft.predicates if p is not predicate and not self.joiner.reachable(p.ref.table)]
        if not also or rest or predicate.negated or self.draft.havings:
            raise Unsure("whether any or all of them are meant is not clear", 'Say "either ... or" or "both ... and".')
        mentioned = {table for table in self.draft.mentioned if not self.joiner.reachable(table)}
        self.met |= mentioned
        self.draft.assumptions.append(f"each of the values of {predicate.ref.column} has to be met")
        parts: list[Expr] = []
        for value in predicate.values:
            one = replace(predicate, operator="=", values=(value,), joint=False)
            parts += self.joiner.exists([one], mentioned)
        return parts

    def _condition(self, predicate: Predicate) -> Expr:
        return self.joiner.condition(predicate, self.joiner.alias(predicate.ref.table))

    def _having_subselect(self, having: Having, inner: list[Predicate]) -> Expr:
        """key IN (rows grouped by that key HAVING ...); "fewer than" keeps those that have none."""
        subject = self.draft.subject.table if self.draft.subject is not None else None
        anchor = subject if subject is not None else self.base
        table = self._measure_table(having.measure)
        info = self.state.info(anchor)
        if table is None or len(info.key) != 1:
            raise Unsure("what is compared is not clear")
        few = having.operator in ("<", "<=") or (having.operator == "=" and having.value == 0)
        if few and having.measure.kind != "count":
            raise Unsure("whether those without any count too is not clear")
        compared = replace(having, operator={"<": ">=", "<=": ">", "=": ">"}[having.operator]) if few else having
        sub = Joiner(self.state, table, taken=self.joiner.aliases())
        key = sub.key_of(anchor)
        where = [condition(p, self.state.column_info(p.ref), sub.alias(p.ref.table)) for p in inner]
        expr = self.measure_expr(compared.measure, sub, table)
        if few:
            where.append(IsNull(key, negated=True))
        select = Select(
            (Item(key),), *sub.sources(), where=tuple(where), group=(key,), having=(self._compare(expr, compared),)
        )
        outer = Col(self.joiner.alias(anchor), info.key[0])
        return In(outer, select=select, negated=few)

    @staticmethod
    def _compare(expr: Expr, having: Having) -> Expr:
        if having.operator == "between":
            return Bool("AND", (Op(">=", expr, Lit(having.value)), Op("<=", expr, Lit(having.high or having.value))))
        return Op(having.operator, expr, Lit(having.value))

    # -- grouped and plain aggregates ---------------------------------------------------------------------------

    def _grouped(self) -> Select:
        draft = self.draft
        keys, group = self.keys()
        where = self.where()
        measures = [(measure, self.measure_expr(measure, self.joiner, self.base)) for measure in draft.measures]
        items = self._items(keys, measures)
        having = tuple(
            self._compare(self.measure_expr(h.measure, self.joiner, self.base), h)
            for h in draft.havings
            if h.measure in draft.measures
        )  # fmt: skip
        order = self._orders(items, measures, keys)
        source, joins = self.joiner.sources()
        return Select(tuple(items), source, joins, tuple(where), tuple(group), having, tuple(order), draft.limit)

    def keys(self) -> tuple[list[Item], list[Expr]]:
        keys: list[Item] = []
        group: list[Expr] = []
        for key in self.draft.groups:
            for item in self.key_items(key):
                keys.append(item)
                group.append(item.expr)
        return keys, group

    def key_items(self, key: Key) -> list[Item]:
        if key.bucket is not None:
            ref = self._bucket_column()
            column = self.state.column_info(ref)
            if key.bucket in ("month", "year") and column.kind == "number":
                raise Unsure("the table keeps no dates")
            expr = bucket_expression(key.bucket, column, self.joiner.alias_for_group(ref.table))
            return [Item(expr, key.bucket.replace(" ", "_"))]
        if key.ref is not None:
            alias = self.joiner.alias_for_group(key.ref.table)
            return [Item(Col(alias, key.ref.column), None)]
        assert key.table is not None
        info = self.state.info(key.table)
        alias = self.joiner.alias_for_group(key.table)
        asked = [e.column for e in self.draft.projections if isinstance(e, Ref) and e.table == key.table]
        names = [*info.key, *(name for name in (*info.labels, *asked) if name not in info.key)]
        if not names:
            raise Unsure(f"rows of {info.table.name} have no name to show")
        return [Item(Col(alias, name), None) for name in dict.fromkeys(names)]

    def _bucket_column(self) -> Ref:
        """The date that a bucket is made of: the one the periods use, else that of the rows counted."""
        if self.draft.bucket_ref is not None:
            return self.draft.bucket_ref
        periods = {p.ref for p in self.draft.predicates if p.operator == "period"}
        usable = {ref for ref in periods if self.joiner.reachable(ref.table)}
        if len(usable) == 1:
            return next(iter(usable))
        info = self.state.info(self.base)
        if not info.is_event and info.event_date and info.creation_date == info.event_date:
            self.draft.assumptions.append(f"dated by {info.table.name}.{info.event_date}")
            return Ref(self.base, info.event_date)
        return date_column(self.state, self.base)

    def measure_expr(self, measure: Measure, joiner: Joiner, base: int) -> Expr:
        where = None
        if measure.only:
            parts = tuple(condition(p, self.state.column_info(p.ref), joiner.alias(p.ref.table)) for p in measure.only)
            where = parts[0] if len(parts) == 1 else Bool("AND", parts)
        if measure.kind == "count":
            return self._count_expr(measure, joiner, base, where)
        if measure.kind in ("money", "units"):
            source = self._source(measure)
            if source.table != base or joiner.multiplied:
                raise Unsure("the amount would be counted several times")
            alias = joiner.alias(source.table)
            expr: Expr = Col(alias, source.factors[0])
            for factor in source.factors[1:]:
                expr = Op("*", expr, Col(alias, factor))
            if source.discount is not None:
                expr = _discounted(expr, Col(alias, source.discount[0]), source.discount[1])
            if measure.concept == "order value" and source.level == "line":
                return self._per_sale(source.table, aggregate("sum", expr, where), joiner)
            return aggregate("sum" if measure.function == "plain" else measure.function, expr, where)
        assert measure.ref is not None
        if (measure.ref.table != base or joiner.multiplied) and measure.function not in ("min", "max"):
            raise Unsure("the amount would be counted several times")
        alias = joiner.alias(measure.ref.table)
        argument: Expr = Col(alias, measure.ref.column)
        if measure.since:
            argument = Op("-", argument, Col(alias, measure.since))
        return aggregate(measure.function, argument, where)

    def _per_sale(self, table: int, total: Expr, joiner: Joiner) -> Expr:
        """Total of the lines over the number of sales they belong to."""
        steps = [
            step
            for step in self.lexicon.graph.steps.get(table, ())
            if step.up and is_sale(self.state.info(step.target))
        ]
        if len(steps) != 1:
            raise Unsure("which rows belong to one order is not clear")
        sales = Call("count", (joiner.key_of(steps[0].target),), distinct=True)
        return Op("/", total, Call("NULLIF", (sales, Lit(0))))

    def _count_expr(self, measure: Measure, joiner: Joiner, base: int, where: Expr | None) -> Expr:
        if measure.ref is not None:
            return Call(
                "count", (Col(joiner.alias(measure.ref.table), measure.ref.column),), distinct=True, where=where
            )
        assert measure.table is not None
        if measure.table == base and not joiner.multiplied:
            return Call("count", star=True, where=where)
        return Call("count", (joiner.key_of(measure.table),), distinct=True, where=where)

    # -- lists --------------------------------------------------------------------------------------------------

    def _list(self) -> Select:
        draft = self.draft
        subject = draft.subject
        items = self._list_items(subject)
        where = self.where()
        shown = {item.expr for item in items}
        order: list[Order] = []
        for wish in draft.orders:
            found = self._list_order(self._meant(wish), items)
            if all(key.expr != found.expr for key in order):
                order.append(found)
        distinct = draft.distinct or (subject is not None and subject.ref is not None and not self._has_key(items))
        for key in order:
            if key.expr not in shown and isinstance(key.expr, Col) and (distinct or draft.limit is not None):
                items.append(Item(key.expr))
                shown.add(key.expr)
        keyed = [Col(self.joiner.alias(self.base), name) for name in self.state.info(self.base).key]
        if draft.limit is not None or order:
            order += [
                Order(col) for col in keyed if (not distinct or col in shown) and all(col != key.expr for key in order)
            ]
        elif keyed and all(col in shown for col in keyed):
            order = [Order(col) for col in keyed]
        elif distinct or not keyed:
            order = [Order(items[0].expr)]
        else:
            order = [Order(col) for col in keyed]
        source, joins = self.joiner.sources()
        return Select(
            tuple(items), source, joins, tuple(where), order=tuple(order), limit=draft.limit, distinct=distinct
        )

    def _has_key(self, items: list[Item]) -> bool:
        info = self.state.info(self.base)
        alias = self.joiner.alias(self.base)
        return bool(info.key) and all(any(item.expr == Col(alias, name) for item in items) for name in info.key)

    def _list_items(self, subject: Key | None) -> list[Item]:
        draft = self.draft
        items: list[Item] = []

        def add(table: int, column: str) -> None:
            item = Item(Col(self.joiner.alias(table, optional=True), column))
            if item not in items:
                items.append(item)

        asked = [entry for entry in draft.projections if not isinstance(entry, Measure)]
        if subject is not None and subject.table is not None and draft.with_subject and draft.projections:
            info = self.state.info(subject.table)
            for name in (*info.key, *info.labels):
                add(subject.table, name)
        if subject is not None and subject.ref is not None:
            add(subject.ref.table, subject.ref.column)
        for entry in asked:
            if isinstance(entry, Ref):
                add(entry.table, entry.column)
            elif entry.table is not None:
                info = self.state.info(entry.table)
                for name in (*info.key, *info.labels):
                    add(entry.table, name)
        if items:
            return items
        assert subject is not None and subject.table is not None
        info = self.state.info(subject.table)
        if info.labels:
            names = [
                *info.key,
                *info.labels,
                *(
                    p.ref.column
                    for p in draft.predicates
                    if p.ref.table == subject.table and p.operator not in ("=", "in", "null")
                ),
            ]
        else:
            names = [column.name for column in info.columns if column.kind != "json"][:_LISTED_COLUMNS]
        for name in dict.fromkeys(names):
            add(subject.table, name)
        return items

    def _meant(self, wish: OrderBy) -> OrderBy:
        """ "newest first", "cheapest category first": the column of the rows that holds the property."""
        if not wish.what:
            return wish
        found = property_column(self.state, self.base, wish.what)
        if not isinstance(found, Ref):
            raise Unsure("what to order by is not clear")
        return OrderBy(ref=found, descending=wish.descending)

    def _list_order(self, wish: OrderBy, items: list[Item]) -> Order:
        if wish.ref is not None:
            nullable = not self.state.column_info(wish.ref).column.not_null
            return Order(
                Col(self.joiner.alias(wish.ref.table, optional=True), wish.ref.column),
                wish.descending,
                nullable and wish.descending,
            )
        if wish.measure is not None:
            raise Unsure("what to order by is not clear")
        info = self.state.info(self.base)
        if (
            wish.key
            and info.labels
            and Col(self.joiner.alias(self.base), info.labels[0]) in [item.expr for item in items]
        ):
            return Order(Col(self.joiner.alias(self.base), info.labels[0]), wish.descending)
        if not wish.key:
            numbers = [item.expr for item in items if isinstance(item.expr, Col) and self._is_number(item.expr)]
            if len(numbers) == 1:
                return Order(numbers[0], wish.descending, nulls_last=wish.descending)
            raise Unsure("what to order by is not clear")
        return Order(items[0].expr, wish.descending)

    def _is_number(self, column: Col) -> bool:
        table = self.joiner.table_of(column.alias)
        info = self.lexicon.column(table, column.column)
        return info.kind == "number" and not info.is_id

    # -- output columns and order -------------------------------------------------------------------------------

    def _items(self, keys: list[Item], measures: list[tuple[Measure, Expr]]) -> list[Item]:
        named: list[Item] = []
        used: set[str] = {item.name or output_name(item.expr) for item in keys}
        for measure, expr in measures:
            name = self._output_name(measure)
            while name in used:
                name += "_2"
            used.add(name)
            named.append(Item(expr, name))
        clean: list[Item] = []
        seen: set[str] = set()
        for item in keys:
            column = item.name or output_name(item.expr)
            if column in seen and isinstance(item.expr, Col):
                item = Item(item.expr, f"{self.state.info(self.joiner.table_of(item.expr.alias)).words[-1]}_{column}")
            seen.add(column)
            clean.append(item)
        return [*clean, *named]

    def _output_name(self, measure: Measure) -> str:
        if measure.kind == "count":
            if measure.ref is not None:
                return f"number_of_{output_name(Col('', measure.ref.column))}"
            assert measure.table is not None
            return "number_of_" + self.state.info(measure.table).table.name
        if measure.kind == "money":
            return {"sum": "", "plain": ""}.get(measure.function, measure.function + "_") + measure.concept.replace(
                " ", "_"
            )
        if measure.kind == "units":
            return {"sum": "units", "plain": "units"}.get(measure.function, measure.function + "_units")
        assert measure.ref is not None
        prefix = {"sum": "total", "avg": "average", "min": "lowest", "max": "highest"}.get(
            measure.function, measure.function
        )
        words = self.lexicon.column(measure.ref.table, measure.ref.column).own
        if measure.since:
            return f"{prefix}_time_until_{words[0]}"
        return prefix + "_" + "_".join(word for word in words if word != prefix)

    def _orders(self, items: list[Item], measures: list[tuple[Measure, Expr]], keys: list[Item]) -> list[Order]:
        draft = self.draft
        order: list[Order] = []
        for wish in draft.orders:
            if wish.measure is not None:
                name = next(
                    (i.name for i, (m, _) in zip(items[len(keys) :], measures, strict=True) if m == wish.measure), None
                )
                expr = Col("", name) if name else self.measure_expr(wish.measure, self.joiner, self.base)
            elif wish.ref is not None:
                expr = Col(self.joiner.alias_for_group(wish.ref.table), wish.ref.column)
                if all(item.expr != expr for item in keys):
                    raise Unsure("what to order by is not clear")
            elif wish.what == "@event" and not any(key.bucket for key in draft.groups):
                raise Unsure("what to order by is not clear")
            elif (wish.key or wish.what == "@event") and keys:
                label = [k for k in keys if isinstance(k.expr, Col) and not self._is_id(k.expr)]
                chosen = (label or keys)[0]
                expr = Col("", chosen.name) if chosen.name else chosen.expr
            else:
                expr = Col("", items[len(keys)].name or "")
            order.append(Order(expr, wish.descending, nulls_last=wish.descending and not wish.key))
        if not keys:
            return order if draft.limit else []
        if not order and not any(key.bucket for key in draft.groups):
            order.append(Order(Col("", items[len(keys)].name or ""), True, nulls_last=True))
        for item in keys:
            expr = Col("", item.name) if item.name else item.expr
            if all(existing.expr != expr for existing in order):
                order.append(Order(expr))
        return order

    def _is_id(self, column: Col) -> bool:
        return self.lexicon.column(self.joiner.table_of(column.alias), column.column).is_id


def _may_have_none(having: Having) -> bool:
    """Whether "fewer than 3 orders" would leave out those that have none, were the rows only grouped."""
    if having.measure.kind == "aggregate" and having.measure.function in ("avg", "min", "max", "median"):
        return False
    return having.operator in ("<", "<=", "<>") or (having.operator == "=" and having.value == 0)


def refuse_contradiction(predicates: list[Predicate]) -> None:
    """Two conditions on one column that no row fulfils together were not meant so ("with and without ...").

    Raises:
        Unsure: there are such conditions.
    """
    seen: dict[Ref, Predicate] = {}
    for predicate in predicates:
        closed = predicate.period is not None and predicate.period.start and predicate.period.end
        if predicate.group is not None or not (predicate.operator in ("=", "null") or closed):
            continue
        other = seen.setdefault(predicate.ref, predicate)
        if other is not predicate and other != predicate:
            raise Unsure(
                f"two conditions on {predicate.ref.column} exclude each other", "Ask for the one and the other."
            )


def _discounted(expr: Expr, discount: Col, kind: str) -> Expr:
    if kind == "amount":
        return Op("-", expr, discount)
    part: Expr = discount if kind == "rate" else Op("/", discount, Fixed("100.0"))
    return Op("*", expr, Op("-", Lit(1), part))
