"""Recommendations from the chosen indexes: names, statements, what they save and cost, and why."""

from __future__ import annotations

from collections.abc import Sequence

from postai.database.identifiers import qualified, quote_literal
from postai.optimize.advising import Found
from postai.optimize.cases import Case
from postai.optimize.search import Indexes, Objective
from postai.optimize.types import Effect, IndexDefinition, Recommendation, Severity

MOST_EFFECTS = 10


def recommendations(run: Found) -> tuple[Recommendation, ...]:
    """One recommendation for each index, the most valuable first."""
    chosen, cases, objective, facts = run.chosen, run.cases, run.objective, run.facts
    total = sum(one.ms_per_day for one in cases)
    effects = _effects(chosen, cases, objective)
    taken = {(table.schema, table.name) for table in facts.catalog.tables}
    taken |= {(table.schema, index.name) for table in facts.catalog.tables for index in table.indexes}
    found = []
    for one in sorted(chosen, key=lambda index: (index.schema, index.table, index.body())):
        name = index_name(one, taken)
        taken.add((one.schema, name))
        found.append(_recommendation(one, name, effects.get(one, []), chosen, objective, total))
    return tuple(sorted(found, key=lambda one: -one.net_ms_per_day))


def _effects(chosen: Indexes, cases: Sequence[Case], objective: Objective) -> dict[IndexDefinition, list[Effect]]:
    """What each index does for each statement; what several do together is shared out by what each adds."""
    found: dict[IndexDefinition, list[Effect]] = {}
    costs = objective.costs
    for case in cases:
        relevant = costs.relevant(case, chosen)
        if not relevant:
            continue
        after = costs.cost(case, relevant)
        if after >= case.cost:
            continue
        used = costs.used(case, relevant)
        adds = {one: max(0.0, costs.cost(case, relevant - {one}) - after) + 1e-9 for one in used}
        whole = sum(adds.values())
        for one, add in adds.items():
            saved = (case.cost - after) * add / whole
            ms = case.ms_per_cost
            effect = Effect(case.id, case.calls, case.cost * ms, (case.cost - saved) * ms, case.cost, case.cost - saved)
            found.setdefault(one, []).append(effect)
    return {one: sorted(some, key=lambda e: -e.saved_ms_per_day) for one, some in found.items()}


def _recommendation(
    index: IndexDefinition, name: str, effects: list[Effect], chosen: Indexes, objective: Objective, total: float
) -> Recommendation:
    saved = sum(one.saved_ms_per_day for one in effects)
    size = objective.sizes.bytes(index)
    writes = objective.writes.ms_per_day(chosen) - objective.writes.ms_per_day(chosen - {index})
    statements = ", ".join(one.id for one in effects[:MOST_EFFECTS])
    place = qualified(index.schema, name)
    share = saved / total if total else 0.0
    severity: Severity = "HIGH" if share >= 0.05 else "MEDIUM" if share >= 0.005 else "LOW"
    purpose = f"For {statements}"
    return Recommendation(
        kind="create_index",
        object=qualified(index.schema, index.table),
        title=f"Create index {name} on {index.table}"[:200],
        why=f"{purpose}.",
        statement=index.statement(name),
        undo=f"DROP INDEX CONCURRENTLY {place}",
        comment=f"COMMENT ON INDEX {place} IS {quote_literal(purpose[:500]).strip()}",
        saved_ms_per_day=saved,
        write_ms_per_day=writes,
        bytes=size,
        severity=severity,
        estimated_by="planner" if index.method in objective.costs.planner.methods else "model",
        effects=tuple(effects[:MOST_EFFECTS]),
    )


def index_name(index: IndexDefinition, taken: set[tuple[str, str]]) -> str:
    """A readable name of at most 63 bytes that nothing in the schema has."""
    parts = [key.column or "".join(x if x.isalnum() else "_" for x in key.expression.lower()) for key in index.keys]
    words = "_".join([index.table, *parts])
    words = "_".join(one for one in words.split("_") if one)
    suffix = {"btree": ""}.get(index.method, f"_{index.method}") + ("_part" if index.where else "")
    number = 0
    while True:
        end = f"{suffix}{number or ''}_idx"
        name = words.encode()[: 63 - len(end)].decode("utf-8", "ignore").rstrip("_") + end
        if (index.schema, name) not in taken:
            return name
        number += 1
