"""Recommendations from the chosen indexes: statements, what they save and cost, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from postai.database import Database
from postai.database.amounts import bytes_text, seconds_text
from postai.database.catalog_types import Index, Table
from postai.database.identifiers import qualified, quote_literal
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import FeatureMissing, NotPermitted
from postai.optimize.advising import Found
from postai.optimize.cases import Case
from postai.optimize.existing import superfluous, written_again
from postai.optimize.naming import Taken, index_name, partition_steps, taken_names
from postai.optimize.types import Effect, IndexDefinition, Recommendation, Severity, by_text
from postai.optimize.words import span
from postai.scratch.validate import validate

MOST_INDEXES = 100
"""New indexes that are recommended at once, those that save most."""

MOST_COMPARED = 30
"""Indexes that are compared with other access methods, those that save most."""

MOST_EFFECTS = 50
MOST_NAMED = 5
"""Statements that are named in texts."""

BUILD_MS_PER_PAGE, BUILD_MS_PER_ROW = 0.02, 0.0015
"""Time to build an index: reading the table, and sorting and writing its rows."""


class Reporter:
    """Writes recommendations.

    Args:
        found: what the run came to.
        effects: of each chosen index, from `effects_of`.
        alternatives: texts about other access methods, from `alternatives_of`.
    """

    def __init__(
        self,
        found: Found,
        effects: dict[IndexDefinition, list[Effect]],
        alternatives: dict[IndexDefinition, list[dict[str, Any]]],
    ) -> None:
        self._found = found
        self._catalog = found.facts.catalog
        self._effects = effects
        self._alternatives = alternatives
        self._total = sum(one.ms_per_day for one in found.cases)
        self._taken: Taken = taken_names(self._catalog)

    def recommendations(self, db: Database, deadline: Deadline) -> tuple[Recommendation, ...]:
        """One recommendation for each index that PostgreSQL takes, and for each that becomes superfluous."""
        chosen = sorted(self._found.chosen, key=lambda one: (-_saved(self._effects.get(one, ())), by_text(one)))
        if len(chosen) > MOST_INDEXES:
            self._found.notes.append(f"{len(chosen) - MOST_INDEXES} indexes that would save less are left out")
            chosen = chosen[:MOST_INDEXES]
        names = {one: index_name(one, self._taken) for one in chosen}
        valid = self._validated(db, names, deadline)
        replaced = superfluous(db, self._catalog, valid)
        made = []
        for one in valid:
            old = replaced.get(one, [])
            made.append(self._create(one, names[one], old))
            made += [self._drop(table, index, one, names[one]) for table, index in old]
        return tuple(sorted(made, key=lambda one: -one.net_ms_per_day))

    def _validated(self, db: Database, names: dict[IndexDefinition, str], deadline: Deadline) -> list[IndexDefinition]:
        """Those that PostgreSQL takes on an empty copy of their table."""
        indexes = list(names)
        statements = [one.statement(names[one], concurrently=False) for one in indexes]
        try:
            rejected = validate(db, statements, deadline)
        except (FeatureMissing, NotPermitted, DeadlineExceeded) as error:
            self._found.notes.append(f"the indexes could not be tried on empty copies: {error.message}")
            return indexes
        kept = []
        for index, why in zip(indexes, rejected, strict=True):
            if why is None or not why.tried:
                kept.append(index)
            else:
                self._found.notes.append(f"left out, since PostgreSQL refuses it: {names[index]}: {why.message}")
        return kept

    def _create(self, index: IndexDefinition, name: str, old: list[tuple[Table, Index]]) -> Recommendation:
        effects = self._effects.get(index, [])
        saved = _saved(effects)
        objective, chosen = self._found.objective, self._found.chosen
        size = objective.sizes.bytes(index)
        writes = objective.writes.ms_per_day(chosen) - objective.writes.ms_per_day(chosen - {index})
        place = qualified(index.schema, name)
        steps = partition_steps(index, name, self._catalog, self._taken)
        purpose = f"Made for {_named(effects)}; saves {span(saved)} a day by estimate."
        evidence = self._evidence(index, saved, writes, size)
        if steps is not None:
            evidence["steps"] = steps
        return Recommendation(
            kind="create_index",
            object=qualified(index.schema, index.table),
            title=self._title(index, effects, saved)[:200],
            why=self._why(index, effects, evidence, old, partitioned=steps is not None),
            statement=index.statement(name, concurrently=steps is None),
            undo=f"DROP INDEX {'' if steps else 'CONCURRENTLY '}{place}",
            comment=f"COMMENT ON INDEX {place} IS {quote_literal(purpose[:1000]).strip()}",
            saved_ms_per_day=saved,
            write_ms_per_day=writes,
            bytes=size,
            severity=self._severity(saved),
            estimated_by="planner" if index.method in objective.costs.planner.methods else "model",
            effects=tuple(effects[:MOST_EFFECTS]),
            replaces=tuple(qualified(table.schema, one.name) for table, one in old),
            evidence=evidence,
        )

    def _title(self, index: IndexDefinition, effects: list[Effect], saved: float) -> str:
        keys = ", ".join(key.expression for key in index.keys)
        many = "a statement" if len(effects) == 1 else f"{len(effects)} statements"
        return f"Index {index.table} ({keys}): {many}, {span(saved)} a day less"

    def _evidence(self, index: IndexDefinition, saved: float, writes: float, size: int) -> dict[str, Any]:
        objective = self._found.objective
        statistics = objective.sizes.shape(index).statistics
        upkeep = max(0.0, writes) + objective.byte_price * size / (1 << 20)
        build = statistics.pages * BUILD_MS_PER_PAGE + objective.sizes.shape(index).rows * BUILD_MS_PER_ROW
        net = saved - upkeep
        return {
            "table_rows": round(statistics.rows),
            "write_ms_per_day": round(writes, 3),
            "upkeep_ms_per_day": round(upkeep, 3),
            "roi": round(saved / upkeep, 1) if upkeep > 0 else None,
            "build_ms": round(build),
            "break_even_days": round(build / net, 2) if net > 0 else None,
            "hot_updates_lost_per_day": round(objective.writes.loses_hot(index)),
            "rows_written_per_day": round(objective.writes.written(index.table_oid)),
            "alternatives": self._alternatives.get(index, []),
        }

    def _why(
        self,
        index: IndexDefinition,
        effects: list[Effect],
        evidence: dict[str, Any],
        old: list[tuple[Table, Index]],
        *,
        partitioned: bool,
    ) -> str:
        said = []
        if effects:
            best = effects[0]
            first = "" if len(effects) == 1 else f" ({best.id})"
            said.append(f"Helps {_named(effects)}: from {_ms(best.before_ms)} to {_ms(best.after_ms)} a call{first}.")
        writes = evidence["write_ms_per_day"]
        cost = f"It takes {bytes_text(self._found.objective.sizes.bytes(index))}"
        if writes >= 1000:
            cost += f" and makes writing {span(writes)} a day slower"
        said.append(f"{cost}; {_earned(evidence['break_even_days'])}.")
        if evidence["hot_updates_lost_per_day"]:
            said.append(f"{evidence['hot_updates_lost_per_day']:,} updates a day can no longer be heap-only.")
        if index.method in ("gin", "gist"):
            said.append("Its effect is estimated by a model, since the planner cannot be asked before it is built.")
        said += [
            f"As {one['method']} it would take {bytes_text(one['bytes'])} and cost {one['cost']:,.0f} instead of"
            f" {one['cost_of_this']:,.0f} for {one['statement']} (in the planner's units)."
            for one in evidence["alternatives"]
        ]
        if old:
            said.append(f"It makes {', '.join(one.name for _, one in old)} superfluous.")
        if partitioned:
            said.append("The table is partitioned: it is built partition by partition and attached.")
        return " ".join(said)

    def _drop(self, table: Table, index: Index, new: IndexDefinition, name: str) -> Recommendation:
        place = qualified(table.schema, index.name)
        return Recommendation(
            kind="drop_index",
            object=place,
            title=f"Drop {place} once {name} is there"[:200],
            why=f"The new index {name} begins with the same keys and serves every query that {index.name} serves."
            " Drop it after the new one is valid.",
            statement=f"DROP INDEX {'' if table.kind == 'partitioned' else 'CONCURRENTLY '}{place}",
            undo=written_again(index.definition, concurrently=table.kind != "partitioned"),
            bytes=-(index.bytes or 0),
            severity="LOW",
            evidence={"table": qualified(table.schema, table.name), "definition": index.definition,
                      "replaced_by": qualified(new.schema, name)},
        )  # fmt: skip

    def _severity(self, saved: float) -> Severity:
        """By its share of the time of the whole workload: HIGH from 5 %, MEDIUM from 0.5 %."""
        share = saved / self._total if self._total else 0.0
        return "HIGH" if share >= 0.05 else "MEDIUM" if share >= 0.005 else "LOW"


def effects_of(found: Found) -> dict[IndexDefinition, list[Effect]]:
    """What each index does for each statement; what several do together is shared out by what each adds."""
    effects: dict[IndexDefinition, list[Effect]] = {}
    costs = found.objective.costs
    for case in found.cases:
        relevant = costs.relevant(case, found.chosen)
        after = costs.cost(case, relevant) if relevant else case.cost
        if after >= case.cost:
            continue
        used = costs.used(case, relevant)
        adds = {one: max(0.0, costs.cost(case, relevant - {one}) - after) + 1e-9 for one in sorted(used, key=by_text)}
        whole = sum(adds.values())
        for one, add in adds.items():
            cost = case.cost - (case.cost - after) * add / whole
            ms = case.ms_per_cost
            effects.setdefault(one, []).append(Effect(case.id, case.calls, case.cost * ms, cost * ms, case.cost, cost))
    return {one: sorted(some, key=lambda effect: -effect.saved_ms_per_day) for one, some in effects.items()}


def alternatives_of(
    found: Found, effects: dict[IndexDefinition, list[Effect]]
) -> dict[IndexDefinition, list[dict[str, Any]]]:
    """The same first key with other access methods, and what they cost the statement that gains most."""
    cases: dict[str, Case] = {one.id: one for one in found.cases}
    costs = found.objective.costs
    result: dict[IndexDefinition, list[dict[str, Any]]] = {}
    for index, some in sorted(effects.items(), key=lambda item: -_saved(item[1]))[:MOST_COMPARED]:
        case = cases[some[0].id]
        own = costs.cost(case, frozenset((index,)))
        others = _other_methods(index, case.candidates)
        result[index] = [
            {
                "method": one.method,
                "bytes": found.objective.sizes.bytes(one),
                "cost": round(costs.cost(case, frozenset((one,))), 2),
                "cost_of_this": round(own, 2),
                "statement": case.id,
            }
            for one in others
        ]
    return result


def _other_methods(index: IndexDefinition, candidates: Sequence[IndexDefinition]) -> list[IndexDefinition]:
    first = index.keys[0].expression
    found: dict[str, IndexDefinition] = {}
    for one in candidates:
        same = one.keys[0].expression == first and one.table_oid == index.table_oid
        if same and one.method != index.method and one.where in (None, index.where) and not one.include:
            found.setdefault(one.method, one)
    return list(found.values())


def _saved(effects: Sequence[Effect]) -> float:
    return sum(one.saved_ms_per_day for one in effects)


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def _earned(days: float | None) -> str:
    if days is None or days > 365:
        return "what it saves hardly earns its building"
    return (
        "it earns its building within minutes"
        if days < 0.01
        else f"it earns its building in {seconds_text(days * 86400)}"
    )


def _named(effects: Sequence[Effect]) -> str:
    names = [one.id for one in effects[:MOST_NAMED]]
    more = f" and {len(effects) - len(names)} more" if len(effects) > len(names) else ""
    return ("statement " if len(effects) == 1 else "statements ") + ", ".join(names) + more
