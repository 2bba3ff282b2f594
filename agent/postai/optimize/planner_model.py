"""PostgreSQL's planner as it is, where it can be shown no index: what one would do to a plan is left to our model."""

from __future__ import annotations

from collections.abc import Sequence

from postai.database import Database
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted
from postai.optimize.planner import Plan, Probe
from postai.optimize.planner_hypopg import Statements
from postai.optimize.types import EstimatedBy, IndexDefinition
from postai.scratch.validate import validate

NAME = "postai_modelled"

MOST_PLANS = 1000
"""Plans that are kept: whatever indexes are asked for, the plan of a statement is the same."""


class ModelPlanner:
    """Plans of the real tables, and no other index than the real ones (see `ModelCosts`).

    Args:
        db: a session, inside `read_only_session`.
        definitions: as for `Statements`.
        deadline: of the whole run.
    """

    notes: tuple[str, ...] = ()
    whole = True
    estimated_by: EstimatedBy = "model"
    methods: frozenset[str] = frozenset()

    def __init__(self, db: Database, definitions: str, deadline: Deadline) -> None:
        self._db = db
        self._deadline = deadline
        self._statements = Statements(db, definitions)
        self._plans: dict[tuple[Probe, bool], Plan] = {}
        self._refused: dict[IndexDefinition, str | None] = {}
        db.execute("set max_parallel_workers_per_gather = 0")  # rows of a plan are then those of the whole

    def plans(self, probe: Probe, index: IndexDefinition) -> bool:  # noqa: ARG002 - it plans with none
        return False

    def refusals(self, indexes: Sequence[IndexDefinition]) -> dict[IndexDefinition, str]:
        unknown = [one for one in dict.fromkeys(indexes) if one not in self._refused]
        if unknown:
            self._db.execute("set default_transaction_read_only = off")  # for empty copies, which are rolled back
            try:
                statements = [one.statement(NAME, concurrently=False) for one in unknown]
                found = validate(self._db, statements, self._deadline)
                self._refused.update(
                    {one: why.message if why and why.tried else None for one, why in zip(unknown, found, strict=True)}
                )
            except (FeatureMissing, NotPermitted):  # only what cannot fail is proposed untried
                self._refused.update(dict.fromkeys(unknown, "it cannot be tried here whether PostgreSQL takes one"))
            finally:
                self._db.execute("set default_transaction_read_only = on")
        return {one: why for one in indexes if (why := self._refused[one]) is not None}

    def explain(
        self, probe: Probe, indexes: frozenset[IndexDefinition], deadline: Deadline, *, verbose: bool = False
    ) -> Plan:
        assert not indexes
        deadline.check()
        key = (probe, verbose)
        plan = self._plans.pop(key, None)
        if plan is None:
            plan = Plan(self._statements.explain(probe, verbose=verbose), frozenset())
            if len(self._plans) >= MOST_PLANS:
                del self._plans[next(iter(self._plans))]
        self._plans[key] = plan
        return plan

    def types(self, probe: Probe) -> tuple[str, ...]:
        return self._statements.types(probe)

    def close(self) -> None:
        """Forget every prepared statement."""
        self._statements.close()
