"""One run of the index advisor, step by step: plans, candidates, costs, search."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Protocol

from postai.database import Database, ServerError
from postai.database.catalog import Catalog
from postai.database.identifiers import qualified
from postai.deadline import Deadline, DeadlineExceeded
from postai.optimize.accesses import Access, read_accesses
from postai.optimize.candidates import btree_candidates, too_small
from postai.optimize.candidates_other import other_candidates
from postai.optimize.cases import NOTHING, Case, Costs, Variant, terms_of
from postai.optimize.facts import Facts, read_facts, read_values
from postai.optimize.model import ModelCosts
from postai.optimize.planner import Planner, Probe
from postai.optimize.report import recommendations
from postai.optimize.sampling import Slot, sample, slots
from postai.optimize.search import Indexes, Objective, Search
from postai.optimize.sizes import Sizes
from postai.optimize.statements import Prepared, Preparer
from postai.optimize.types import Advice, AdvisorOptions, IndexDefinition, Skipped, Workload, by_text
from postai.optimize.writes import TableWrites, Update, WriteCosts
from postai.sql.safety import Safety

MS_PER_COST = 0.004
"""Milliseconds of one unit of the planner's cost, where no statement was measured: 42 statements of a cached database
on two cores took 0.002 to 0.006 each, the middle one 0.003."""

BEST_OF_CASE = 8
"""Candidates of one statement that take part in the search."""


class ParameterTypes(Protocol):
    """Who knows the types of parameters."""

    def types(self, probe: Probe) -> tuple[str, ...]:
        """Types of the parameters as PostgreSQL resolves them."""
        ...


class Run:
    """Everything that the steps of one run share; see `advise_indexes`."""

    def __init__(
        self,
        db: Database,
        catalog: Catalog,
        safety: Safety,
        statements: ParameterTypes,
        planner: Planner,
        options: AdvisorOptions,
        deadline: Deadline,
        extensions: dict[str, str],
        search_path: tuple[str, ...],
    ) -> None:
        self._db = db
        self._catalog = catalog
        self._statements = statements
        self._planner = planner
        self._options = options
        self._deadline = deadline
        self._extensions = extensions
        self._path = search_path
        self._preparer = Preparer(catalog, safety, search_path)
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []

    def advise(self, workload: Workload) -> Advice:
        """All steps."""
        prepared, drafts = self._plans(workload)
        self._planner.close()  # what follows is read with the session's own settings
        oids = {access.table.oid for _, _, accesses, _ in drafts for access in accesses}
        oids |= {write.table_oid for one in prepared for write in one.writes}
        facts = read_facts(self._db, self._catalog, self._extensions, oids)
        cases, facts = self._cases(drafts, facts)
        sizes = Sizes(facts, self._matching)
        writes = WriteCosts(facts, sizes, self._writes(prepared, cases), summarizing=self._db.server_version >= 160000)
        costs = Costs(self._planner, facts, ModelCosts(facts, sizes), self._deadline)
        pool, groups = self._candidates(cases, facts, costs, sizes)
        total = sum(one.ms_per_day for one in cases)
        heap = sum(facts.of(one).pages * facts.settings.block_size for one in self._catalog.tables)
        budget = self._options.budget_bytes if self._options.budget_bytes is not None else int(heap / 2)
        objective = Objective(
            costs, sizes, writes, self._options.byte_price, self._options.minimum_saving * total, budget
        )
        search = Search(cases, pool, groups, objective)
        chosen = search.run()
        if search.timed_out:
            self._notes.append("the time was over before every combination was tried")
        self._deadline = Deadline.after(5.0)
        costs.deadline = self._deadline
        found = recommendations(chosen, cases, objective, facts)
        return Advice(found, (*workload.skipped, *self._skipped), tuple(self._notes))

    def _plans(
        self, workload: Workload
    ) -> tuple[list[Prepared], list[tuple[Prepared, Probe, list[Access], tuple[float, float]]]]:
        """Statements made ready, and the first plan of each: generic where there are parameters."""
        prepared: list[Prepared] = []
        drafts = []
        for statement in workload.statements:
            one = self._preparer.prepare(statement)
            if isinstance(one, Skipped):
                self._skipped.append(one)
                continue
            prepared.append(one)
            if one.sql is None:
                continue
            probe = Probe(one.sql, None if one.parameters else (), one.search_path)
            try:
                plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
            except ServerError as error:
                self._skipped.append(Skipped(statement.id, f"PostgreSQL cannot plan it: {error.message}"))
                continue
            accesses = read_accesses(plan.root, self._catalog)
            if accesses:
                drafts.append((one, probe, accesses, (plan.cost, float(plan.root["Plan Rows"]))))
        return prepared, drafts

    def _cases(
        self, drafts: list[tuple[Prepared, Probe, list[Access], tuple[float, float]]], facts: Facts
    ) -> tuple[list[Case], Facts]:
        """Cases with their custom plans."""
        places = {id(one): slots(accesses) for one, _, accesses, _ in drafts}
        wanted = {(slot.table_oid, slot.column) for some in places.values() for slot in some.values()}
        wanted |= {
            (access.table.oid, clause.term.column)
            for _, _, accesses, _ in drafts
            for access in accesses
            for clause in access.clauses
            if clause.kind in ("equal", "in") and clause.term.column is not None
        }
        facts = replace(facts, values=read_values(self._db, wanted))
        cases = []
        for one, probe, accesses, (cost, rows) in drafts:
            generic = Variant(probe, 1.0, cost, rows, accesses)
            variants = self._variants(one, generic, places[id(one)], facts)
            fixed = frozenset(clause.text for access in accesses for clause in access.clauses if clause.text)
            everything = [access for variant in [generic, *variants] for access in variant.accesses]
            case = Case(one, variants or [generic], MS_PER_COST, terms_of(everything), fixed)
            if one.origin.mean_ms is not None and case.cost > 0:
                case.ms_per_cost = one.origin.mean_ms / case.cost
            cases.append(case)
        return cases, facts

    def _variants(self, prepared: Prepared, generic: Variant, places: dict[int, Slot], facts: Facts) -> list[Variant]:
        if not prepared.parameters:
            return [generic]
        sets, given = prepared.literals, bool(prepared.literals)
        if not given:
            sets = sample(prepared, self._statements.types(generic.probe), places, facts.values)
        variants = []
        for literals in sets:
            probe = replace(generic.probe, literals=literals)
            try:
                plan = self._planner.explain(probe, NOTHING, self._deadline, verbose=True)
            except ServerError as error:
                if given:
                    self._notes.append(f"{prepared.origin.id}: parameters left out: {error.message}")
                continue
            accesses = read_accesses(plan.root, self._catalog)
            variants.append(Variant(probe, 1.0, plan.cost, float(plan.root["Plan Rows"]), accesses))
        if not given:
            variants.append(generic)
        return [replace(one, share=1.0 / len(variants)) for one in variants]

    def _writes(self, prepared: list[Prepared], cases: list[Case]) -> dict[int, TableWrites]:
        planned = {id(one.prepared): one.variants[0].rows for one in cases}
        inserted: dict[int, float] = defaultdict(float)
        deleted: dict[int, float] = defaultdict(float)
        updates: dict[int, list[Update]] = defaultdict(list)
        for one in prepared:
            rows = one.origin.rows_per_call
            rows = planned.get(id(one), 1.0) if rows is None else rows
            for write in one.writes:
                number = rows * one.origin.calls_per_day
                if write.kind == "insert":
                    inserted[write.table_oid] += number
                elif write.kind == "delete":
                    deleted[write.table_oid] += number
                else:
                    updates[write.table_oid].append(Update(write.columns, number))
        oids = {*inserted, *deleted, *updates}
        return {oid: TableWrites(inserted[oid], tuple(updates[oid]), deleted[oid]) for oid in oids}

    def _matching(self, oid: int, condition: str) -> float:
        """Rows of a table that satisfy a condition, by the planner's estimate."""
        table = self._catalog.by_oid(oid)
        assert table is not None
        sql = f"select from {qualified(table.schema, table.name)} where {condition}"
        return float(self._planner.explain(Probe(sql, (), self._path), NOTHING, self._deadline).root["Plan Rows"])

    def _candidates(
        self, cases: list[Case], facts: Facts, costs: Costs, sizes: Sizes
    ) -> tuple[list[IndexDefinition], list[Indexes]]:
        """The best candidates of every case, the most expensive case first."""
        pool: dict[IndexDefinition, float] = defaultdict(float)
        groups: dict[Indexes, None] = {}
        for case in sorted(cases, key=lambda one: -one.ms_per_day):
            try:
                self._candidates_of(case, facts, costs, sizes, pool, groups)
            except DeadlineExceeded:
                break
        return sorted(pool, key=lambda one: -pool[one]), list(groups)

    def _candidates_of(
        self,
        case: Case,
        facts: Facts,
        costs: Costs,
        sizes: Sizes,
        pool: dict[IndexDefinition, float],
        groups: dict[Indexes, None],
    ) -> None:
        made: dict[IndexDefinition, None] = {}
        for variant in case.variants:
            for access in variant.accesses:
                if not too_small(facts, access.table):
                    for one in (
                        *btree_candidates(access, facts, case.fixed),
                        *other_candidates(access, facts, case.fixed),
                    ):
                        made.setdefault(one)
        valid = self._buildable(list(made))
        if not valid:
            return
        looked, together = self._promising(case, valid, costs)
        gains: dict[IndexDefinition, float] = {}
        for one in looked:
            gain = (case.cost - costs.cost(case, costs.relevant(case, (one,)))) / max(case.cost, 1e-9)
            if gain > 0.02:
                gains[one] = gain
        best = sorted(gains, key=lambda one: -gains[one] / (sizes.bytes(one) + (1 << 20)))[: BEST_OF_CASE // 2]
        best += sorted(gains, key=lambda one: (-round(gains[one], 3), sizes.bytes(one)))[: BEST_OF_CASE // 2]
        for one in dict.fromkeys((*best, *sorted(together, key=by_text))):
            pool[one] += gains.get(one, 0.0) * case.ms_per_day
        if len(together) > 1:
            groups.setdefault(together)

    def _promising(
        self, case: Case, indexes: list[IndexDefinition], costs: Costs
    ) -> tuple[list[IndexDefinition], Indexes]:
        """Those that a plan chooses when it may choose from all of them, or from the simpler ones; and the first."""
        together = costs.used(case, frozenset(indexes))
        lead = {one.keys[0].expression for one in together}
        offers = [
            [one for one in indexes if not one.include],
            [one for one in indexes if not one.include and one.where is None],
            [one for one in indexes if not one.include and len(one.keys) == 1],
            [one for one in indexes if one.keys[0].expression not in lead],
            [one for one in indexes if one.method != "btree"],
        ]
        found = set(together).union(*(costs.used(case, frozenset(offer)) for offer in offers))
        found |= {replace(one, include=()) for one in found if one.include} & set(indexes)
        return sorted(found, key=by_text), together

    def _buildable(self, indexes: list[IndexDefinition]) -> list[IndexDefinition]:
        """Those that PostgreSQL would build; of other methods expressions are tried as keys of a B-tree."""
        stand_ins = {one: self._stand_in(one) for one in indexes}
        refused = self._planner.refusals([one for one in stand_ins.values() if one is not None])
        return [one for one, stand_in in stand_ins.items() if stand_in not in refused]

    def _stand_in(self, index: IndexDefinition) -> IndexDefinition | None:
        if index.method in self._planner.methods:
            return index
        if all(key.column is not None for key in index.keys):
            return None
        return replace(index, keys=tuple(replace(key, opclass=None) for key in index.keys), method="btree")
