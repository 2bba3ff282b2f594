"""Statements under examination: how each of them is planned now, and what it would cost with other indexes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from postai.database import ServerError
from postai.deadline import Deadline
from postai.optimize.accesses import Access
from postai.optimize.facts import Facts
from postai.optimize.model import ModelCosts
from postai.optimize.planner import Planner, Probe
from postai.optimize.statements import Prepared
from postai.optimize.types import IndexDefinition, by_text

NOTHING: frozenset[IndexDefinition] = frozenset()


@dataclass
class Variant:
    """One way in which a statement is called.

    Attributes:
        probe: the statement with these parameters.
        share: of the calls; all variants of a case together 1.
        cost: the planner's cost with the existing indexes.
        rows: the planner's estimate of the rows it returns.
    """

    probe: Probe
    share: float
    cost: float
    rows: float


@dataclass
class Case:
    """A statement with its variants.

    Attributes:
        ms_per_cost: milliseconds that one unit of the planner's cost takes.
        terms: (oid of the table, text) of everything an index on it could begin with.
        candidates: indexes that could serve it.
        simple: whether it reads one table once, without OR: its plan uses one index, the best.
        conditions: those of the terms that stand in conditions, not only in ORDER BY or GROUP BY.
    """

    prepared: Prepared
    variants: list[Variant]
    ms_per_cost: float
    terms: frozenset[tuple[int, str]]
    candidates: tuple[IndexDefinition, ...]
    simple: bool
    conditions: frozenset[tuple[int, str]] = frozenset()

    @property
    def id(self) -> str:
        return self.prepared.origin.id

    @property
    def calls(self) -> float:
        return self.prepared.origin.calls_per_day

    @property
    def cost(self) -> float:
        """Cost of a call with the existing indexes."""
        return sum(one.cost * one.share for one in self.variants)

    @property
    def ms_per_unit(self) -> float:
        """Milliseconds per day of one unit of the cost of a call."""
        return self.ms_per_cost * self.calls

    @property
    def ms_per_day(self) -> float:
        return self.cost * self.ms_per_unit

    def concerns(self, index: IndexDefinition) -> bool:
        """Whether the planner could use the index for this statement."""
        return (index.table_oid, index.keys[0].expression) in self.terms


def terms_of(accesses: Iterable[Access]) -> frozenset[tuple[int, str]]:
    """What an index on each table could begin with to be of use."""
    found: set[tuple[int, str]] = set()
    for access in accesses:
        terms = [key.term for order in (*access.orders, *access.groups) for key in order]
        found.update((access.table.oid, term.text) for term in (*terms, *access.extremes))
        found |= conditions_of([access])
    return frozenset(found)


def conditions_of(accesses: Iterable[Access]) -> frozenset[tuple[int, str]]:
    """Those of the terms that stand in conditions."""
    found: set[tuple[int, str]] = set()
    for access in accesses:
        clauses = [*access.clauses, *access.joins, *access.distances]
        arms = [clause for one in clauses if one.kind == "or" for arm in one.arms for clause in arm]
        found.update((access.table.oid, term.text) for one in (*clauses, *arms) for term in one.terms)
    return frozenset(found)


@dataclass
class _Known:
    """An answer of the planner: with `asked` present it used `used`."""

    asked: frozenset[IndexDefinition]
    used: frozenset[IndexDefinition]
    cost: float


@dataclass
class Costs:
    """Costs of cases under sets of indexes, each asked of the planner once.

    An answer holds for every set between the indexes that a plan used and those that were there to choose from.
    """

    planner: Planner
    facts: Facts
    model: ModelCosts
    deadline: Deadline
    explained: int = 0
    _known: dict[int, list[_Known]] = field(default_factory=dict)
    _least: dict[int, float] = field(default_factory=dict)
    _answers: dict[tuple[int, frozenset[IndexDefinition]], tuple[float, frozenset[IndexDefinition]]] = field(
        default_factory=dict
    )

    def cost(self, case: Case, indexes: frozenset[IndexDefinition]) -> float:
        """Cost of a call of the case."""
        answer = self._best_single if case.simple else self._variant
        return sum(answer(one, indexes)[0] * one.share for one in case.variants)

    def used(self, case: Case, indexes: frozenset[IndexDefinition]) -> frozenset[IndexDefinition]:
        """Those of the indexes that some variant uses."""
        answer = self._best_single if case.simple else self._variant
        return frozenset().union(*(answer(one, indexes)[1] for one in case.variants))

    def chosen_from(self, case: Case, indexes: frozenset[IndexDefinition]) -> frozenset[IndexDefinition]:
        """As `used`, where the planner is shown all of them at once."""
        return frozenset().union(*(self._variant(one, indexes)[1] for one in case.variants))

    def _best_single(
        self, variant: Variant, indexes: frozenset[IndexDefinition]
    ) -> tuple[float, frozenset[IndexDefinition]]:
        """What the best of the indexes alone brings: no question for each set of them."""
        answers = [self._variant(variant, frozenset((one,))) for one in sorted(indexes, key=by_text)]
        return min(((variant.cost, NOTHING), *answers), key=lambda answer: answer[0])

    def least(self, case: Case) -> float:
        """The lowest cost of a call that any answer so far has shown."""
        return sum(min(one.cost, self._least.get(id(one), one.cost)) * one.share for one in case.variants)

    def relevant(self, case: Case, indexes: Iterable[IndexDefinition]) -> frozenset[IndexDefinition]:
        """Those of the indexes that could matter to the case."""
        return frozenset(one for one in indexes if case.concerns(one))

    def _variant(
        self, variant: Variant, indexes: frozenset[IndexDefinition]
    ) -> tuple[float, frozenset[IndexDefinition]]:
        key = (id(variant), indexes)
        if key not in self._answers:
            self._answers[key] = self._answer(variant, indexes)
        return self._answers[key]

    def _answer(
        self, variant: Variant, indexes: frozenset[IndexDefinition]
    ) -> tuple[float, frozenset[IndexDefinition]]:
        if not indexes:
            return variant.cost, NOTHING
        known = self._known.setdefault(id(variant), [])
        for one in known:
            if one.used <= indexes <= one.asked:
                return one.cost, one.used
        planned = frozenset(one for one in indexes if self.planner.plans(variant.probe, one))
        modelled = indexes - planned
        self.explained += 1
        try:
            plan = self.planner.explain(variant.probe, planned, self.deadline, verbose=bool(modelled))
        except ServerError:  # PostgreSQL cannot plan, or print, this combination: it is no improvement
            known.append(_Known(indexes, indexes, variant.cost))
            return variant.cost, NOTHING
        cost, used = plan.cost, plan.used
        if modelled:
            cost, chosen = self.model.best(plan, modelled)
            used |= chosen
        known.append(_Known(indexes, used, cost))
        self._least[id(variant)] = min(cost, self._least.get(id(variant), cost))
        return cost, used
