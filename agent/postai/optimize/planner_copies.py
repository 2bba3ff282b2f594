"""PostgreSQL's planner with real indexes on empty copies of the tables, where there is no HypoPG."""

from __future__ import annotations

from collections.abc import Sequence

from postai.database import ServerError
from postai.deadline import Deadline
from postai.errors import Refused
from postai.optimize.planner import Plan, Probe
from postai.optimize.types import EstimatedBy, IndexDefinition
from postai.scratch.copy_planner import CopyPlanner

NAME = "postai_copied"


class CopiesPlanner:
    """A `CopyPlanner` in the words of the index advisor."""

    estimated_by: EstimatedBy = "planner"

    def __init__(self, copies: CopyPlanner) -> None:
        self._copies = copies
        self.methods = copies.methods

    @property
    def notes(self) -> tuple[str, ...]:
        return self._copies.notes

    @property
    def whole(self) -> bool:
        return self._copies.whole

    def plans(self, probe: Probe, index: IndexDefinition) -> bool:  # noqa: ARG002 - it is the same for all statements
        return index.method in self.methods

    def refusals(self, indexes: Sequence[IndexDefinition]) -> dict[IndexDefinition, str]:
        statements = {one: _statement(one) for one in indexes}
        refused = self._copies.refusals(list(statements.values()))
        return {one: refused[text] for one, text in statements.items() if text in refused}

    def types(self, probe: Probe) -> tuple[str, ...]:
        return self._copies.types(probe.sql, probe.search_path)

    def explain(
        self, probe: Probe, indexes: frozenset[IndexDefinition], deadline: Deadline, *, verbose: bool = False
    ) -> Plan:
        statements = {_statement(one): one for one in indexes}
        try:
            plan = self._copies.explain(
                probe.sql, probe.literals, probe.search_path, list(statements), deadline, verbose=verbose
            )
        except Refused as error:
            raise ServerError("0A000", error.message, detail=error.detail) from None
        return Plan(plan.root, frozenset(statements[one] for one in plan.used))


def _statement(index: IndexDefinition) -> str:
    return index.statement(NAME, concurrently=False)
