"""The shape of a plan: which nodes read which tables by which indexes; and the shapes that the planner chooses now.

Two plans of one statement have the same shape when they do the same things in the same order. Constants, costs, row
estimates and the number of workers or partitions make no difference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postai.database import Database, ServerError
from postai.database.catalog import fingerprint
from postai.deadline import Deadline
from postai.errors import Refused
from postai.sql.definitions import DefinitionsChanged
from postai.sql.generic_plan import generic_plan
from postai.sql.safety import Safety, load_safety

_KEYS = ("Relation Name", "Index Name", "Function Name", "CTE Name", "Join Type", "Strategy", "Command", "Operation")
_MANY = frozenset({"Append", "Merge Append"})
_INSIDE_MANY = frozenset({"Relation Name", "Index Name"})


def plan_shape(plan: object) -> dict[str, Any] | None:
    """The shape of a plan.

    Below an Append the names of tables and indexes are left out and equal branches count once, because partitions
    come and go.

    Args:
        plan: the parsed result of EXPLAIN (FORMAT JSON).

    Returns:
        {"Node Type": ..., "Relation Name": ..., "Plans": [...]}, None for what is no plan.
    """
    top = plan[0] if isinstance(plan, list) and plan else plan
    node = top.get("Plan") if isinstance(top, dict) else None
    return _shape(node, names=True) if isinstance(node, dict) else None


def _shape(node: Mapping[str, Any], *, names: bool) -> dict[str, Any]:
    kind = str(node.get("Node Type", ""))
    shape: dict[str, Any] = {"Node Type": kind}
    for key in _KEYS:
        if isinstance(node.get(key), str) and (names or key not in _INSIDE_MANY):
            shape[key] = node[key]
    plans_below = node.get("Plans")
    below = [one for one in plans_below if isinstance(one, dict)] if isinstance(plans_below, list) else []
    plans = [_shape(one, names=names and kind not in _MANY) for one in below]
    if kind in _MANY:
        plans = list({json.dumps(one, sort_keys=True): one for one in plans}.values())
    if plans:
        shape["Plans"] = plans
    return shape


def plan_hash(shape: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are equal for equal shapes."""
    return hashlib.blake2b(json.dumps(shape, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Planned:
    """What the planner chooses for a statement whose parameters it does not know.

    Attributes:
        plan_hash: of the shape.
        cost: total cost.
    """

    plan_hash: str
    shape: Mapping[str, Any]
    cost: float | None


class Planner:
    """Asks the server for the plans of other people's statements, after the guard let them pass.

    Only EXPLAIN is sent, in a transaction that can only read, with a time limit. The picture of what is safe is read
    again when the catalog changed.
    """

    def __init__(self) -> None:
        self._safety: Safety | None = None
        self._fingerprint = ""

    def plans(
        self, db: Database, statements: Sequence[tuple[str, Sequence[str]]], deadline: Deadline
    ) -> list[Planned | None]:
        """Plans of statements, as many as there is time for.

        Args:
            statements: texts with $n, each with the schemas in which its names are looked up.
            deadline: no statement is begun after that.

        Returns:
            one for each statement that was looked at, in order; None = refused by the guard, or the server cannot
            plan it (dropped table, no right).
        """
        now = fingerprint(db)
        if self._safety is None or now != self._fingerprint:
            self._safety, self._fingerprint = load_safety(db), now
        found: list[Planned | None] = []
        for statement, schemas in statements:
            if deadline.remaining() == 0.0 or deadline.cancel.is_set():
                break
            try:
                found.append(_planned(db, statement, schemas, self._safety))
            except DefinitionsChanged:
                break  # the next round reads the new picture
        return found


def _planned(db: Database, statement: str, schemas: Sequence[str], safety: Safety) -> Planned | None:
    try:
        plan = generic_plan(db, statement, schemas, safety)
    except (Refused, ServerError):
        return None
    shape = plan_shape(plan)
    if shape is None:
        return None
    cost = plan[0]["Plan"].get("Total Cost")
    return Planned(plan_hash(shape), shape, float(cost) if isinstance(cost, int | float) else None)
