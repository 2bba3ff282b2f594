"""What the index advisor asks of a planner: the plan of a statement if certain indexes existed.

Two can answer: HypoPG in the database itself (`HypopgPlanner`), and PostgreSQL on an empty copy of the tables that
carries their statistics (`CopiesPlanner`, where HypoPG is not installed). Neither runs a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from postai.deadline import Deadline
from postai.optimize.types import EstimatedBy, IndexDefinition

UNLUCKY = 0.3
"""Share of the rest of a scan that is added to the cost of one that a LIMIT is hoped to end early."""

SAFE_PART = 0.01
"""Share of the matching rows below which a LIMIT ends a scan early even where they lie unevenly."""

_BLOCKING = frozenset({"Sort", "Aggregate", "Hash", "Hash Join", "Merge Join", "Group", "Unique"})


@dataclass(frozen=True)
class Probe:
    """A statement as a planner is asked about it.

    Attributes:
        sql: one SELECT that the guard let pass, with $n in the place of parameters.
        literals: SQL literals for $1, $2, ... that the guard let pass too; None = the plan for any value (generic);
            () for a statement without parameters.
        search_path: schemas in which its names are looked up, resolved.
    """

    sql: str
    literals: tuple[str, ...] | None
    search_path: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A plan of EXPLAIN (FORMAT JSON).

    Attributes:
        root: the object under "Plan".
        used: those of the asked indexes that it reads.
    """

    root: Mapping[str, Any]
    used: frozenset[IndexDefinition]

    @property
    def cost(self) -> float:
        """The planner's cost of the whole statement, and a share of what it hopes not to have to do."""
        return float(self.root["Total Cost"]) + UNLUCKY * _hoped(self.root)


def _hoped(root: Mapping[str, Any]) -> float:
    """Cost that a LIMIT leaves out because enough rows are expected to pass a filter early.

    The planner takes matching rows to be spread evenly; where they are not, the scan goes on much longer.
    """
    hoped = 0.0
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.get("Plans", ()))
        if node["Node Type"] != "Limit":
            continue
        below = node["Plans"][0]
        rest = float(below["Total Cost"]) - float(node["Total Cost"])
        part = float(node["Plan Rows"]) / max(1.0, float(below["Plan Rows"]))
        while below["Node Type"] not in _BLOCKING and below.get("Plans") and "Relation Name" not in below:
            below = below["Plans"][0]
        if "Filter" in below and "Relation Name" in below:
            hoped += max(0.0, rest) * min(1.0, part / SAFE_PART)
    return hoped


class Planner(Protocol):
    """Who answers. One session, one thread; `Deadline` is checked before each EXPLAIN."""

    estimated_by: EstimatedBy
    methods: frozenset[str]
    """Access methods that it can plan with."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not planned as it would be with the indexes that are asked for, for people."""
        ...

    @property
    def whole(self) -> bool:
        """Whether it looks at all that it ever could; then what it does not show is not worth it."""
        ...

    def plans(self, probe: Probe, index: IndexDefinition) -> bool:
        """Whether its plans of this statement can show what the index does."""
        ...

    def refusals(self, indexes: Sequence[IndexDefinition]) -> dict[IndexDefinition, str]:
        """Those that PostgreSQL would not build, and why."""
        ...

    def explain(
        self, probe: Probe, indexes: frozenset[IndexDefinition], deadline: Deadline, *, verbose: bool = False
    ) -> Plan:
        """The plan if these indexes existed beside the real ones.

        Args:
            probe: the statement.
            indexes: all of methods that it can plan with, and not refused.
            deadline: of the whole run.
            verbose: with schemas, outputs and qualified columns, which costs more.

        Raises:
            ServerError: PostgreSQL cannot plan the statement (a parameter of unknown type, a missing right, ...).
            DeadlineExceeded, Cancelled: from the deadline.
        """
        ...

    def types(self, probe: Probe) -> tuple[str, ...]:
        """Types of the parameters of a statement, as PostgreSQL resolves them; raises as `explain`."""
        ...
