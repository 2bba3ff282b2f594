"""Parts of a statement: its base table, where money and quantities come from, keys, measures and their names."""

from __future__ import annotations

from postai.ask.grammar.arithmetic import combined, windowed
from postai.ask.grammar.dating import date_column, refuse_days, weekday_column
from postai.ask.grammar.draft import Absence, Key, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.expressions import aggregate, bucket_expression
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.money import MoneySource, is_sale, money_sources, unit_sources
from postai.ask.grammar.query import (
    Bool,
    Call,
    Col,
    Expr,
    Fixed,
    Item,
    Lit,
    Op,
    Scalar,
    Select,
    output_name,
)
from postai.ask.grammar.state import State
from postai.language.schema import TableInfo


def _is_tag(info: TableInfo) -> bool:
    """Whether a table holds nothing but a word for rows of another one: the genres, tags, categories of each."""
    if len(info.labels) != 1 or info.key_certain:
        return False
    label = info.column(info.labels[0])
    rest = [column for column in info.columns if column != label and column.name not in info.key]
    return len(rest) == 1 and rest[0].is_id


class Parts:
    """What every statement of one draft needs."""

    def __init__(self, state: State) -> None:
        self.state, self.draft, self.lexicon = state, state.draft, state.lexicon
        self.sources: dict[Measure, MoneySource] = {}
        self.met: set[int] = set()
        self.groups: list[tuple[Key, Expr]] = []
        self.further: list[Expr] = []
        self.apart = False
        self.base: int
        self.joiner: Joiner

    # -- base ---------------------------------------------------------------------------------------------------

    def _key_table(self, key: Key) -> int | None:
        return key.table if key.table is not None else (key.ref.table if key.ref else None)

    def _measure_table(self, measure: Measure) -> int | None:
        if measure.kind == "formula":
            tables = {self._measure_table(leaf) for leaf in measure.leaves()}
            return tables.pop() if len(tables) == 1 else None
        if measure.kind in ("money", "units"):
            return self._source(measure).table
        if measure.named is not None:
            return measure.table
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

    def _base(self) -> int | None:
        """The table whose rows the statement reads; None = the measures are about rows of different tables."""
        draft = self.draft
        tables: list[int] = []
        for measure in (leaf for one in draft.measures for leaf in one.leaves()):
            table = self._measure_table(measure)
            if table is not None and table not in tables:
                tables.append(table)
        if not tables:
            subject = self._key_table(draft.subject) if draft.subject is not None else None
            if subject is None:
                columns = [entry.table for entry in draft.projections if isinstance(entry, Ref)]
                if not columns:
                    raise Unsure("what the question is about is not clear")
                subject = columns[0]
            tables.append(subject)
            tables += [entry.table for entry in draft.projections if isinstance(entry, Ref)]
        base = self.finest(tables)
        if base is None and not draft.measures:
            base = self.finest([*tables, *dict.fromkeys(one.ref.table for one in draft.predicates)])
        if base is None and not draft.measures:
            raise Unsure("the things asked for have no row in common")
        return base

    def finest(self, tables: list[int]) -> int | None:
        """The table of these whose rows belong to one row of each of the others."""
        for table in tables:
            if all(table == other or self.lexicon.graph.up_paths(table, other) for other in tables):
                return table
        return None

    # -- keys and measures ---

    def keys(self) -> tuple[list[Item], list[Expr]]:
        keys: list[Item] = []
        group: list[Expr] = []
        for key in self.draft.groups:
            for item in self.key_items(key):
                if item in keys:
                    continue
                keys.append(item)
                group.append(item.expr)
                self.groups.append((key, item.expr))
        for ref in self._further_columns():
            item = Item(Col(self.joiner.alias_for_group(ref.table), ref.column), None)
            if item not in keys:
                keys.append(item)
                group.append(item.expr)
        return keys, group

    def _further_columns(self) -> list[Ref]:
        """Columns to show of what each key belongs to: "the order, its customer's name and the number of items"."""
        found: list[Ref] = []
        tables = [table for key in self.draft.groups if (table := key.table) is not None]
        shown = {measure.ref for measure in self.draft.measures} | {key.ref for key in self.draft.groups}
        for entry in self.draft.projections:
            if isinstance(entry, Ref) and entry.table not in tables and entry not in shown:
                if not any(self.lexicon.graph.up_paths(table, entry.table) for table in tables):
                    raise Unsure(f"how {entry.column} belongs to each row is not clear")
                found.append(entry)
        return found

    def key_items(self, key: Key) -> list[Item]:
        if key.bucket == "weekday" and (named := weekday_column(self.state, self.base)) is not None:
            return [Item(Col(self.joiner.alias_for_group(named.table), named.column), None)]
        if key.bucket is not None:
            ref = self._bucket_column()
            column = self.state.column_info(ref)
            refuse_days(ref, key.bucket)
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
        if _is_tag(info):
            names = [*info.labels]
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
        """The expression of a measure over rows of `base`."""
        if measure.kind == "formula":
            return combined(measure.operator, [self.measure_expr(part, joiner, base) for part in measure.parts])
        if measure.kind == "window":
            within = tuple(item.expr for item in self.key_items(measure.within)) if measure.within else ()
            self.further += [expr for expr in within if all(expr != known for _, known in self.groups)]
            return windowed(measure, self.measure_expr(measure.parts[0], joiner, base), self.groups, within)
        if self.apart and joiner is self.joiner:
            return self._alone(measure)
        where = self._only(measure, joiner) if measure.only else None
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
        return aggregate(measure.function, Col(alias, measure.ref.column), where)

    def _only(self, measure: Measure, joiner: Joiner) -> Expr:
        """The conditions of one measure alone; what a row meets many times is asked for with EXISTS."""
        parts: list[Expr] = []
        inner: list[Predicate] = []
        for one in measure.only:
            if isinstance(one, Absence):
                parts.append(joiner.absent(one))
            elif joiner.reachable(one.ref.table):
                parts.append(joiner.condition(one, joiner.alias(one.ref.table, optional=True)))
            else:
                inner.append(one)
        parts += joiner.exists(inner, set())
        return parts[0] if len(parts) == 1 else Bool("AND", tuple(parts))

    def _alone(self, measure: Measure) -> Expr:
        """A subquery of its own for a measure whose rows are not those of the other measures.

        Raises:
            Unsure: its rows do not belong to the keys of the answer, or a condition says nothing about them.
        """
        table = self._measure_table(measure)
        if table is None:
            raise Unsure("what is counted is not clear")
        sub = Joiner(self.state, table, taken=self.joiner.aliases())
        expr = self.measure_expr(measure, sub, table)
        where: list[Expr] = []
        for key in self.draft.groups:
            owner = self._key_table(key)
            if owner is None or not sub.reachable(owner):
                raise Unsure("the things asked for have no row in common")
            if key.table is not None:
                info = self.state.info(owner)
                if len(info.key) != 1:
                    raise Unsure(f"rows of {info.table.name} cannot be told apart by one column")
                where.append(Op("=", sub.key_of(owner), Col(self.joiner.alias(owner), info.key[0])))
            elif key.ref is not None:
                outer = Col(self.joiner.alias(owner), key.ref.column)
                where.append(Op("=", Col(sub.alias(owner), key.ref.column), outer))
        for predicate in self.draft.predicates if not self.draft.groups else []:
            if not sub.reachable(predicate.ref.table):
                raise Unsure(f"whether {predicate.ref.column} is about all that is counted is not clear")
            where.append(sub.condition(predicate, sub.alias(predicate.ref.table)))
        return Scalar(Select((Item(expr),), *sub.sources(), where=tuple(where)))

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
        if measure.table == base and not joiner.multiplied and not joiner.fanned:
            return Call("count", star=True, where=where)
        return Call("count", (joiner.key_of(measure.table),), distinct=True, where=where)

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
        only = measure.only[0] if measure.only else None
        if measure.kind == "count" and isinstance(only, Predicate) and only.values and isinstance(only.values[0], str):
            value = "_".join(only.values[0].lower().split())
            return f"number_of_{value}_" + self.state.info(measure.named or measure.table or 0).table.name
        if measure.named is not None:
            return "number_of_" + self.state.info(measure.named).table.name
        if measure.text:
            return measure.text
        if measure.kind == "formula":
            return {"/": "ratio", "%": "percentage", "-": "difference", "+": "total"}[measure.operator]
        if measure.kind == "window":
            word = {"running": "running_total", "percent": "percentage", "moving": "moving_average"}
            return word.get(measure.operator, measure.operator)
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
        return prefix + "_" + "_".join(word for word in words if word != prefix)


def _discounted(expr: Expr, discount: Col, kind: str) -> Expr:
    if kind == "amount":
        return Op("-", expr, discount)
    part: Expr = discount if kind == "rate" else Op("/", discount, Fixed("100.0"))
    return Op("*", expr, Op("-", Lit(1), part))
