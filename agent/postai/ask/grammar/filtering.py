"""WHERE and HAVING: conditions on rows, on what belongs to them, and on what must or must not be there."""

from __future__ import annotations

from dataclasses import replace

from postai.ask.grammar.draft import Absence, Having, Key, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.expressions import aggregate, condition
from postai.ask.grammar.joining import Joiner
from postai.ask.grammar.parts import Parts
from postai.ask.grammar.query import (
    Bool,
    Col,
    Expr,
    In,
    IsNull,
    Item,
    Lit,
    Op,
    Scalar,
    Select,
    Source,
)


class Filters(Parts):
    """The conditions of one draft."""

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
            elif self._never(predicate):
                positive = replace(predicate, negated=False)
                plain.append(self.joiner.absent(Absence(predicate.ref.table, (positive,))))
            else:
                inner.append(predicate)
        for parts in grouped.values():
            plain.append(Bool("OR", tuple(parts)) if len(parts) > 1 else parts[0])
        havings = [having for having in draft.havings if not self.of_groups(having)]
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
        plain += self._roles()
        return plain

    def _never(self, predicate: Predicate) -> bool:
        """ "agents who have not sold": none of their rows is so, when the question does not name those rows."""
        named = {table for table in self.state.anchors if table != self.base} | self.draft.mentioned
        return predicate.negated and predicate.operator in ("=", "in") and predicate.ref.table not in named

    def _roles(self) -> list[Expr]:
        """Rows that are listed as a role ("managers"), or said to play one, are referred to by others."""
        wanted = list(self.draft.plays)
        info = self.state.info(self.base)
        if info.real is not None and not info.root and (self.base, True) not in wanted:
            wanted.append((self.base, True))
        found: list[Expr] = []
        for role, plays in wanted:
            one = self.state.info(role)
            if one.holder is None or len(one.key) != 1:
                raise Unsure(f"who is a {one.noun} is not clear")
            found.append(self.joiner.referred(one.holder, one.by, one.key[0], negated=not plays))
        return found

    def _two_counts(self, having: Having, anchor: int) -> Expr:
        """More rows of one table than of another belong to a row."""
        assert isinstance(having.value, Measure)
        info = self.state.info(anchor)
        sides: list[Expr] = []
        for measure in (having.measure, having.value):
            table = measure.table
            if table is None or len(info.key) != 1:
                raise Unsure("what is compared is not clear")
            sub = Joiner(self.state, table, taken=self.joiner.aliases())
            on = Op("=", sub.key_of(anchor), Col(self.joiner.alias(anchor), info.key[0]))
            sides.append(Scalar(Select((Item(self.measure_expr(measure, sub, table)),), *sub.sources(), where=(on,))))
        return Op(having.operator, *sides)

    def of_groups(self, having: Having) -> bool:
        """Whether a comparison is about the groups of the statement itself."""
        draft = self.draft
        if having.measure in draft.measures:
            return True
        theirs = any(key.table is not None for key in draft.groups) and draft.subject in (None, *draft.groups)
        return theirs and bool(draft.measures) and self._measure_table(having.measure) == self.base

    def _present(self) -> list[Expr]:
        """ "orders with a coupon": what need not be there is there."""
        found: list[Expr] = []
        shown = {entry.table for entry in self.draft.projections if isinstance(entry, Ref | Key)}
        shown |= {self._key_table(key) for key in self.draft.groups} | {p.ref.table for p in self.draft.predicates}
        for table in sorted(self.draft.mentioned - {self.base}):
            paths = self.lexicon.graph.up_paths(self.base, table)
            if table in shown or not any(self.joiner.optional(step) for path in paths for step in path):
                continue
            if len(paths) > 1 or len(paths[0]) > 1:
                self.joiner.alias(table)
                continue
            column = paths[0][0].edge.pairs[0][0]
            found.append(IsNull(Col(self.joiner.alias(self.base), column), negated=True))
            self.draft.assumptions.append(f"{column} of {self.state.info(self.base).table.name} is set")
        return found

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
        if isinstance(having.value, Measure) and having.measure.kind == having.value.kind == "count":
            return self._two_counts(having, anchor)
        if table is None or len(info.key) != 1 or (table == anchor and having.measure.kind == "count"):
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

    def _compare(self, expr: Expr, having: Having) -> Expr:
        if isinstance(having.value, Measure):
            return Op(having.operator, expr, self._scalar(having.value))
        if isinstance(having.value, Ref):
            return Op(having.operator, expr, Col(self.joiner.alias_for_group(having.value.table), having.value.column))
        if having.operator == "between":
            return Bool("AND", (Op(">=", expr, Lit(having.value)), Op("<=", expr, Lit(having.high or having.value))))
        return Op(having.operator, expr, Lit(having.value))

    def _scalar(self, measure: Measure) -> Expr:
        """An aggregate over all rows, or over the values of all groups, as one value."""
        if any(predicate.period is not None for predicate in self.draft.predicates):
            raise Unsure("whether the average of the same time or of all times is meant is not clear")
        part = measure.parts[0] if measure.kind == "nested" else measure
        table = self._measure_table(part)
        if table is None:
            raise Unsure("what is compared is not clear")
        sub = Joiner(self.state, table, taken=self.joiner.aliases())
        value = self.measure_expr(part, sub, table)
        if measure.kind != "nested":
            return Scalar(Select((Item(value),), *sub.sources()))
        if measure.per is None or measure.per.table is None:
            raise Unsure("the average of what is not clear")
        key = sub.key_of(measure.per.table)
        inner = Select((Item(value, "n"),), *sub.sources(), group=(key,))
        average = aggregate(measure.function, Col("counted", "n"))
        return Scalar(Select((Item(average),), Source("counted", select=inner)))
