"""From a draft to a statement: which table is the base, how others join it, what is shown, grouped and ordered."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.counting import count_each_value, count_halves
from postai.ask.grammar.dating import MONTH_NAMES
from postai.ask.grammar.denials import settle
from postai.ask.grammar.draft import Draft, Having, Key, Measure, OrderBy, Predicate, Ref, Unsure
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.links import count_over_links
from postai.ask.grammar.listing import Lists
from postai.ask.grammar.per_row import one_row_each, per_row
from postai.ask.grammar.persons import ask_for_person
from postai.ask.grammar.query import Call, Col, Expr, Item, Lit, Order, Select
from postai.ask.grammar.shapes import nested, partitioned, side_by_side
from postai.ask.grammar.state import State


def assemble(state: State) -> Select:
    """The statement for a complete draft.

    Raises:
        Unsure: the parts do not fit together, or fit in more than one way.
    """
    return Assembler(state).build()


class Assembler(Lists):
    """Builds the statement of one draft; shapes.py uses its parts."""

    # -- the whole ----------------------------------------------------------------------------------------------

    def build(self) -> Select:
        draft = self.draft
        settle(self.state)
        refuse_contradiction(draft.predicates)
        refuse_two_wholes(draft)
        self._projected_measures()
        self._order_by_keys()
        ask_for_person(self.state)
        count_halves(self.state)
        count_each_value(self.state)
        count_over_links(self.state)
        averaged = [measure for measure in draft.measures if measure.kind == "nested"]
        if averaged:
            return nested(self, averaged[0])
        self._havings_to_groups()
        self._plain_measures()
        self._beside_windows()
        if one_row_each(self):
            return per_row(self)
        base = self._base()
        if base is None or self._of_all_rows() or self._multiplied_amounts(base):
            return side_by_side(self)
        self.base = base
        self.joiner = Joiner(self.state, self.base)
        if draft.groups and not draft.measures and draft.rank is None:
            raise Unsure("what to show for each group is not clear")
        if any(key.bucket for key in draft.groups) and any(
            one.kind == "money" and one.function == "avg" and one.concept == "revenue" for one in draft.measures
        ):
            raise Unsure(
                "whether the revenue of one sale or of a whole period is averaged is not clear",
                'Ask for the "average order value", or for the revenue of each period.',
            )
        if draft.partition:
            return partitioned(self, self._grouped if draft.measures else self._list)
        if draft.measures:
            return self._grouped()
        return self._list()

    def _multiplied_amounts(self, base: int) -> bool:
        """ "total claimed / total premium": amounts of rows and of what they belong to are added up by themselves."""
        draft = self.draft
        if draft.predicates or draft.absences or draft.havings or draft.partition:
            return False
        leaves = [leaf for measure in draft.measures for leaf in measure.leaves()]
        return any(
            leaf.kind == "aggregate" and leaf.ref is not None and leaf.ref.table != base
            and leaf.function not in ("min", "max") and not leaf.only
            for leaf in leaves
        ) and len({self._measure_table(leaf) for leaf in leaves}) > 1  # fmt: skip

    def _projected_measures(self) -> None:
        draft = self.draft
        asked = [entry for entry in draft.projections if isinstance(entry, Measure)]
        for entry in draft.projections:
            if isinstance(entry, Key) and entry.bucket and entry not in draft.groups:
                if not draft.measures and not asked:
                    raise Unsure("what to show per time bucket is not clear")
                draft.groups.append(entry)
        if asked and not draft.measures and not draft.groups:
            columns = [entry for entry in draft.projections if isinstance(entry, Ref)]
            draft.groups += [draft.subject] if draft.subject is not None else self._keys_of(columns)
        for measure in asked:
            if measure not in draft.measures and measure.kind != "plain":
                draft.measures.append(measure)

    def _order_by_keys(self) -> None:
        """ "per department, ordered by name": the name of what the rows stand for."""
        draft = self.draft
        tables = [key.table for key in draft.groups if key.table is not None]
        if len(tables) != 1 or not (draft.measures or draft.havings):
            return
        info = self.state.info(tables[0])
        for position, order in enumerate(draft.orders):
            if order.ref is None or order.ref.table == tables[0] or len(info.labels) != 1:
                continue
            if self.state.column_info(order.ref).own == info.column(info.labels[0]).own:
                draft.orders[position] = replace(order, ref=Ref(tables[0], info.labels[0]))

    def _keys_of(self, columns: list[Ref]) -> list[Key]:
        """What the rows stand for when "the project name and the number of tasks" is shown: projects."""
        found: list[Key] = []
        for ref in columns:
            info = self.state.info(ref.table)
            names = ref.column in info.labels or ref.column in info.key or info.column(ref.column).is_key
            key = Key(table=ref.table) if names else Key(ref=ref)
            if key not in found:
                found.append(key)
        entities = {key.table for key in found}
        return [key for key in found if key.ref is None or key.ref.table not in entities]

    def _havings_to_groups(self) -> None:
        """ "customers with more than 3 orders": a list by a measure is a grouped query over the measure's rows."""
        draft = self.draft
        if not draft.havings or draft.measures or draft.subject is None or draft.absences:
            return
        if any(isinstance(having.value, Measure) and having.value.kind == "count" for having in draft.havings):
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
            shown = [entry for entry in draft.projections if isinstance(entry, Ref)]
            if len(shown) != 1 or len(draft.projections) != 1 or draft.with_subject:
                return
            # "kinds of repair with a total cost over 1000": the column is what is grouped
            subject = Key(ref=shown[0])
            draft.subject, draft.projections = subject, []
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

    def _of_all_rows(self) -> bool:
        """ "ratio of orders to customers": of all customers, not of those with orders, when nothing narrows them."""
        draft = self.draft
        if draft.groups or draft.predicates or draft.absences or draft.havings or draft.mentioned:
            return False
        counted = [
            {leaf.table for leaf in measure.leaves() if leaf.kind == "count" and leaf.ref is None and not leaf.distinct}
            for measure in draft.measures
            if measure.kind == "formula"
        ]
        return any(len(tables) > 1 for tables in counted)

    def _beside_windows(self) -> None:
        """A window is shown beside the measure that it is about; a percentage of all says enough by itself."""
        measures: list[Measure] = []
        for measure in self.draft.measures:
            inner = measure.parts[0] if measure.kind == "window" else None
            if inner is not None and measure.operator not in ("share", "percent") and inner not in measures:
                measures.append(inner)
            if measure not in measures:
                measures.append(measure)
        self.draft.measures = measures

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
            if self.of_groups(h)
        )  # fmt: skip
        group += [expr for expr in self.further if expr not in group]
        order = self._orders(items, measures, keys)
        source, joins = self.joiner.sources()
        return Select(
            tuple(items), source, joins, tuple(where), tuple(group), having, tuple(order), draft.limit, draft.offset
        )

    def _measured(self, ref: Ref, items: list[Item], measures: list[tuple[Measure, Expr]]) -> Expr:
        """ "the total value per type, ordered by value": the one number that is made of the column."""
        names = [item.name for item, (measure, _) in zip(items, measures, strict=True) if measure.ref == ref]
        if len(names) != 1 or names[0] is None or len(self.draft.orders) != 1:
            raise Unsure("what to order by is not clear")
        return Col("", names[0])

    def _in_calendar(self, expr: Expr) -> Expr:
        """Names of months in the order of the year, other things as they are."""
        refs = [key.ref for key in self.draft.groups if key.ref is not None]
        if not any(isinstance(expr, Col) and ref.column == expr.column and self._holds_months(ref) for ref in refs):
            return expr
        return Call("to_date", (Call("left", (expr, Lit(3))), Lit("Mon")))

    def _holds_months(self, ref: Ref) -> bool:
        held = self.lexicon.stored.get((ref.table, ref.column), {})
        return bool(held) and all(len(text) > 2 and any(m.startswith(text) for m in MONTH_NAMES) for text in held)

    def _orders(self, items: list[Item], measures: list[tuple[Measure, Expr]], keys: list[Item]) -> list[Order]:
        draft = self.draft
        order: list[Order] = []
        expr: Expr
        for wish in draft.orders:
            if wish.measure is not None:
                name = next(
                    (i.name for i, (m, _) in zip(items[len(keys) :], measures, strict=True) if m == wish.measure), None
                )
                expr = Col("", name) if name else self.measure_expr(wish.measure, self.joiner, self.base)
            elif wish.ref is not None:
                expr = Col(self.joiner.alias_for_group(wish.ref.table), wish.ref.column)
                if any(item.expr == expr for item in keys):
                    expr = self._in_calendar(expr)
                else:
                    expr = self._measured(wish.ref, items[len(keys) :], measures)
            elif wish.what == "@event" and not any(key.bucket for key in draft.groups):
                raise Unsure("what to order by is not clear")
            elif (wish.key or wish.what == "@event") and keys:
                label = [k for k in keys if isinstance(k.expr, Col) and not self._is_id(k.expr)]
                chosen = (label or keys)[0]
                expr = Col("", chosen.name) if chosen.name else self._in_calendar(chosen.expr)
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


def refuse_two_wholes(draft: Draft) -> None:
    """ "the share of rejected applications of each vacancy": of all that were rejected, or of those of that vacancy?

    Raises:
        Unsure: a part of all rows is asked for, of rows that are described by a state of their own.
    """
    for measure in draft.measures:
        if measure.kind != "window" or measure.operator not in ("percent", "share"):
            continue
        tables = {leaf.table if leaf.ref is None else leaf.ref.table for leaf in measure.leaves()}
        if any(p.ref.table in tables and p.operator in ("=", "<>", "in", "null") for p in draft.predicates):
            raise Unsure(
                "whether a part of each group or of all of them is meant is not clear",
                'Say "of all ..." or "of those of each ...".',
            )


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
