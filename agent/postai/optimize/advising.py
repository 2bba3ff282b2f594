"""One run of the index advisor, step by step: cases, candidates, costs, search."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postai.database import Database
from postai.database.catalog_types import Catalog
from postai.database.identifiers import qualified
from postai.deadline import Deadline, DeadlineExceeded
from postai.optimize.cases import NOTHING, Case, Costs
from postai.optimize.facts import Facts
from postai.optimize.gathering import Gatherer
from postai.optimize.left_out import NOT_COPIED
from postai.optimize.model import ModelCosts
from postai.optimize.planner import Planner, Probe
from postai.optimize.search import Indexes, Objective, Search
from postai.optimize.sizes import Sizes
from postai.optimize.statements import Prepared
from postai.optimize.types import AdvisorOptions, IndexDefinition, Skipped, Source, by_text
from postai.optimize.writes import TableWrites, Update, WriteCosts
from postai.sql.definitions import DefinitionsChanged

BEST_OF_CASE = 8
"""Candidates of one statement that take part in the search."""

NEGLIGIBLE = 0.1
"""A statement that takes less than this share of what one index has to save is not looked at."""

LEAST_MS = 200.0
"""What an index has to bring per day, however little the whole workload takes."""

NEGLIGIBLE_MS = 1000.0
SAMPLED_MS = 10000.0
"""Most that a statement may take per day and not be looked at, or not be planned with sampled values."""

SHARE_OF_REST = 100.0
"""What an index has to save is a share of the whole time, but at most this many times that share of the time that is
left with the best indexes: one dreadful statement does not hide what others need."""

MOST_HINTS = 20

SHARES = {"prepare": 0.25, "gather": 0.5, "candidates": 0.8, "search": 0.95}
"""Of the time for everything, by when each step ends."""


@dataclass(frozen=True)
class Timetable:
    """When each step of a run ends."""

    started: float
    whole: Deadline

    def until(self, step: str) -> Deadline:
        """The deadline of a step."""
        length = max(0.0, self.whole.at - self.started)
        return replace(self.whole, at=self.started + SHARES[step] * length)


@dataclass
class Found:
    """What a run came to: the best set of indexes, and what it was judged by."""

    chosen: Indexes
    cases: list[Case]
    objective: Objective
    facts: Facts
    skipped: list[Skipped]
    notes: list[str]
    complete: bool


class Run:
    """The steps that ask a planner; see `advise_indexes`."""

    def __init__(
        self,
        db: Database,
        planner: Planner,
        facts: Facts,
        options: AdvisorOptions,
        timetable: Timetable,
        source: Source,
    ) -> None:
        self._source = source
        self._db = db
        self._planner = planner
        self._facts = facts
        self._options = options
        self._timetable = timetable
        self._deadline = timetable.until("gather")
        self._hints: dict[str, None] = {}
        self._stopped_by: DeadlineExceeded | None = None

    def find(self, prepared: Sequence[Prepared], search_path: tuple[str, ...]) -> Found:
        """The best indexes for the statements."""
        self._path = search_path
        measured = sum(_measured_ms(one) for one in prepared)
        share = self._options.minimum_saving * measured
        negligible = min(NEGLIGIBLE * share, NEGLIGIBLE_MS)
        wanted = [one for one in prepared if one.sql and (one.origin.mean_ms is None or _measured_ms(one) > negligible)]
        gatherer = Gatherer(self._db, self._planner, self._facts, self._deadline, min(share, SAMPLED_MS))
        cases = gatherer.cases(wanted)
        self._facts.learn(self._db, {write.table_oid for one in prepared for write in one.writes})
        objective = self._objective(prepared, cases)
        pool, groups, complete = self._candidates(cases, objective)
        search = Search(cases, pool, groups, objective)
        objective.costs.deadline = self._deadline = self._timetable.until("search")
        chosen = self._search(search)
        objective.costs.deadline = self._deadline = self._timetable.whole
        notes = []
        complete &= not search.timed_out and not gatherer.left_over
        stopped = (gatherer.stopped_by, self._stopped_by, search.stopped_by)
        changed = any(isinstance(one, DefinitionsChanged) for one in stopped)
        why = "definitions changed" if changed else "the time was over"
        if gatherer.left_over:
            notes.append(f"{why} before {gatherer.left_over} of the cheaper statements were looked at")
        elif not complete:
            notes.append(f"{why} before every combination was tried")
        notes += [f"{NOT_COPIED}: {one}" for one in self._planner.notes]
        complete &= self._planner.whole
        notes += [*gatherer.hints, *self._hints][:MOST_HINTS]
        return Found(chosen, cases, objective, self._facts, gatherer.skipped, notes, complete)

    def _objective(self, prepared: Sequence[Prepared], cases: list[Case]) -> Objective:
        sizes = Sizes(self._facts, self._matching)
        summarizing = self._db.server_version >= 160000  # BRIN leaves updates heap-only
        written = _writes(prepared, cases)
        if self._source != "file":  # a file is meant to be the whole workload
            written = _counted(written, self._facts)
        writes = WriteCosts(self._facts, sizes, written, summarizing=summarizing)
        costs = Costs(self._planner, self._facts, ModelCosts(self._facts, sizes), self._deadline)
        total = sum(one.ms_per_day for one in cases)
        budget = self._options.budget_bytes
        if budget is None:
            budget = _table_bytes(self._facts.catalog) // 2
        minimum = max(LEAST_MS, self._options.minimum_saving * total)
        return Objective(costs, sizes, writes, self._options.byte_price, minimum, budget)

    def _search(self, search: Search) -> Indexes:
        """The best indexes; looked for again when so much was saved that smaller gains count."""
        objective = search.objective
        chosen = search.run()
        if not search.timed_out:
            costs = objective.costs
            rest = sum(costs.cost(one, costs.relevant(one, chosen)) * one.ms_per_unit for one in search.cases)
            minimum = max(LEAST_MS, SHARE_OF_REST * self._options.minimum_saving * rest)
            if minimum < objective.minimum_ms:
                objective.minimum_ms = minimum
                search.run()
        return search.make_room()

    def _matching(self, oid: int, condition: str) -> float:
        """Rows of a table that satisfy a condition, by the planner's estimate."""
        table = self._facts.catalog.by_oid(oid)
        assert table is not None
        sql = f"select from {qualified(table.schema, table.name)} where {condition}"
        return float(self._planner.explain(Probe(sql, (), self._path), NOTHING, self._deadline).root["Plan Rows"])

    def _candidates(self, cases: list[Case], objective: Objective) -> tuple[list[IndexDefinition], list[Indexes], bool]:
        """The best candidates of every case, the most expensive case first, and whether there was time for all."""
        objective.costs.deadline = self._deadline = self._timetable.until("candidates")
        pool: dict[IndexDefinition, float] = defaultdict(float)
        groups: dict[Indexes, None] = {}
        complete = True
        for case in sorted(cases, key=lambda one: -one.ms_per_day):
            try:
                together = self._best_of(case, objective, pool)
            except DeadlineExceeded as error:
                complete, self._stopped_by = False, error
                break
            if len(together) > 1:
                groups.setdefault(together)
        return sorted(pool, key=lambda one: (-pool[one], by_text(one))), list(groups), complete

    def _best_of(self, case: Case, objective: Objective, pool: dict[IndexDefinition, float]) -> Indexes:
        """Put the best candidates of a case into the pool; gives those that the planner uses together."""
        costs, sizes = objective.costs, objective.sizes
        valid = self._buildable(case, objective.minimum_ms)
        if not valid:
            return NOTHING
        looked, together = _promising(case, valid, costs)
        gains: dict[IndexDefinition, float] = {}
        for one in looked:
            gain = (case.cost - costs.cost(case, costs.relevant(case, (one,)))) / max(case.cost, 1e-9)
            if gain > 0.02:
                gains[one] = gain
        best = sorted(gains, key=lambda one: -gains[one] / (sizes.bytes(one) + (1 << 20)))[: BEST_OF_CASE // 2]
        best += sorted(gains, key=lambda one: (-round(gains[one], 3), sizes.bytes(one)))[: BEST_OF_CASE // 2]
        for one in dict.fromkeys((*best, *sorted(together, key=by_text))):
            pool[one] += gains.get(one, 0.0) * case.ms_per_day
        return together

    def _buildable(self, case: Case, minimum_ms: float) -> list[IndexDefinition]:
        """Those that PostgreSQL would build; of other methods expressions are tried as keys of a B-tree."""
        stand_ins = {one: self._stand_in(one) for one in case.candidates}
        refused = self._planner.refusals([one for one in stand_ins.values() if one is not None])
        for one, why in refused.items():
            first = one.keys[0]
            asked = (one.table_oid, first.expression) in case.conditions
            if asked and first.column is None and case.ms_per_day >= minimum_ms:
                self._hints.setdefault(
                    f"{case.id}: no index can serve its condition on {first.expression} of {one.table} ({why});"
                    " compare the column itself, with a range of values where it was cut off"
                )
        return [one for one, stand_in in stand_ins.items() if stand_in not in refused]

    def _stand_in(self, index: IndexDefinition) -> IndexDefinition | None:
        if index.method in self._planner.methods:
            return index
        if all(key.column is not None for key in index.keys):
            return None
        return replace(index, keys=tuple(replace(key, opclass=None) for key in index.keys), method="btree")


def timetable(whole: Deadline) -> Timetable:
    """A timetable from now on."""
    return Timetable(time.monotonic(), whole)


def _promising(case: Case, indexes: list[IndexDefinition], costs: Costs) -> tuple[list[IndexDefinition], Indexes]:
    """Those that a plan chooses when it may choose from all of them, or from the simpler ones; and the first."""
    together = costs.chosen_from(case, frozenset(indexes))
    lead = {one.keys[0].expression for one in together}
    offers = [
        [one for one in indexes if not one.include],
        [one for one in indexes if not one.include and one.where is None],
        [one for one in indexes if not one.include and len(one.keys) == 1],
        [one for one in indexes if one.keys[0].expression not in lead],
        [one for one in indexes if one.method != "btree"],
    ]
    found = set(together).union(*(costs.chosen_from(case, frozenset(offer)) for offer in offers))
    found |= {replace(one, include=()) for one in found if one.include} & set(indexes)
    return sorted(found, key=by_text), together


def _table_bytes(catalog: Catalog) -> int:
    """Bytes of all tables without their indexes."""
    kept = [one for one in catalog.tables if one.kind in ("table", "partition", "matview")]
    return sum((one.total_bytes or 0) - sum(index.bytes or 0 for index in one.indexes) for one in kept)


def _measured_ms(prepared: Prepared) -> float:
    return (prepared.origin.mean_ms or 0.0) * prepared.origin.calls_per_day


def _writes(prepared: Sequence[Prepared], cases: list[Case]) -> dict[int, TableWrites]:
    """Rows that the statements write per day, by table."""
    planned = {id(one.prepared): one.variants[0].rows for one in cases}
    inserted: dict[int, float] = defaultdict(float)
    deleted: dict[int, float] = defaultdict(float)
    updates: dict[int, list[Update]] = defaultdict(list)
    for one in prepared:
        rows = one.origin.rows_per_call
        number = (planned.get(id(one), 1.0) if rows is None else rows) * one.origin.calls_per_day
        for write in one.writes:
            if write.kind == "insert":
                inserted[write.table_oid] += number
            elif write.kind == "delete":
                deleted[write.table_oid] += number
            else:
                updates[write.table_oid].append(Update(write.columns, number))
    oids = {*inserted, *deleted, *updates}
    return {oid: TableWrites(inserted[oid], tuple(updates[oid]), deleted[oid]) for oid in oids}


def _counted(writes: dict[int, TableWrites], facts: Facts) -> dict[int, TableWrites]:
    """The writes, at least as many as the tables' own counters say: functions, COPY and triggers write too."""
    found = dict(writes)
    for oid, counters in facts.counters.items():
        known = found.get(oid) or TableWrites()
        unknown = counters.updated - sum(one.rows for one in known.updates)
        updates = (*known.updates, Update(frozenset(), unknown)) if unknown > 0 else known.updates
        found[oid] = TableWrites(max(known.inserted, counters.inserted), updates, max(known.deleted, counters.deleted))
    return found
