"""The advisor's planner where HypoPG is not installed: real indexes on empty copies of the tables (`scratch/`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from postai.database import ServerError
from postai.database.catalog import Catalog
from postai.deadline import Deadline
from postai.errors import Refused
from postai.optimize.planner import Plan, Probe
from postai.optimize.types import EstimatedBy, IndexDefinition, Workload, WorkloadStatement
from postai.scratch.copy_planner import CopyPlanner
from postai.sql.nodes import messages
from postai.sql.parse import parse_one


class CopiedPlanner:
    """`Planner` on copies.

    Args:
        copies: made by `copy_planner`, within its block.
    """

    estimated_by: EstimatedBy = "planner"
    methods = CopyPlanner.methods

    def __init__(self, copies: CopyPlanner) -> None:
        self._copies = copies
        self._statements: dict[IndexDefinition, str] = {}

    def plans(self, probe: Probe, index: IndexDefinition) -> bool:  # noqa: ARG002 the same for every statement
        return index.method in self.methods

    def refusals(self, indexes: Sequence[IndexDefinition]) -> dict[IndexDefinition, str]:
        statements = {self._statement(one): one for one in indexes}
        return {statements[one]: why for one, why in self._copies.refusals(statements).items()}

    def explain(
        self, probe: Probe, indexes: frozenset[IndexDefinition], deadline: Deadline, *, verbose: bool = False
    ) -> Plan:
        asked = {self._statement(one): one for one in indexes}
        try:
            plan = self._copies.explain(
                probe.sql, probe.literals, probe.search_path, asked.keys(), deadline, verbose=verbose
            )
        except Refused as error:  # it cannot be made to speak of the copies
            raise ServerError("0A000", error.message, detail=error.detail, hint=error.hint) from error
        return Plan(plan.root, frozenset(asked[one] for one in plan.used))

    def types(self, probe: Probe) -> tuple[str, ...]:
        """Types of the parameters as PostgreSQL resolved them."""
        return self._copies.types(probe.sql, probe.search_path)

    def close(self) -> None:
        """Give the session its own settings; the copies end with their block."""
        self._copies.rest()

    def _statement(self, index: IndexDefinition) -> str:
        if index not in self._statements:
            self._statements[index] = f"CREATE INDEX {index.body()}"
        return self._statements[index]


def tables_of(workload: Workload, catalog: Catalog, search_path: tuple[str, ...]) -> list[int]:
    """Oids of the relations that a workload names, those on which it spends most first.

    A name is taken for every relation of the search_path that bears it; what cannot be parsed names nothing.
    """
    by_weight = sorted(workload.statements, key=lambda one: -one.calls_per_day * (one.mean_ms or 1.0))
    return list(dict.fromkeys(chain.from_iterable(_named(one, catalog, search_path) for one in by_weight)))


def _named(statement: WorkloadStatement, catalog: Catalog, search_path: tuple[str, ...]) -> Iterable[int]:
    try:
        tree = parse_one(statement.sql).tree
    except Refused:
        return
    path = tuple(one for one in statement.search_path if one != "$user") or search_path
    for node in messages(tree):
        if node.DESCRIPTOR.name == "RangeVar":
            for schema in (node.schemaname,) if node.schemaname else path:
                if table := catalog.table(schema, node.relname):
                    yield table.oid
