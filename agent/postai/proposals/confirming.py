"""Whether the planner uses an index that is there now, for the statements for whose sake a model advised it.

HypoPG cannot show the planner a GIN or GiST index that does not exist; so what the model promised is a guess until the
index is built. Then EXPLAIN tells, before anybody has run anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postai.database import Database, ServerError
from postai.errors import Refused
from postai.proposals.verdict import State, Verdict
from postai.sql.definitions import DefinitionsChanged
from postai.sql.generic_plan import generic_plan
from postai.sql.safety import load_safety

MOST = 20
"""Statements that are looked at."""


@dataclass(frozen=True)
class Known:
    """A statement of the history: its text with $n, and its columns by table (None = not parsed)."""

    queryid: int
    query: str
    usage: Mapping[str, Any] | None


def confirm(db: Database, indexes: Sequence[tuple[str, str]], statements: Sequence[Known]) -> Verdict | None:
    """Ask the planner about statements, with unknown parameters.

    Args:
        db: a session outside a transaction.
        indexes: schema and name of the new ones.

    Returns:
        "confirmed" where it uses one of them for a statement, "no effect" where it uses none for any; None = it could
        not be asked about any.
    """
    schemas = tuple(dict.fromkeys([*(schema for schema, _ in indexes), "public"]))
    names = {name for _, name in indexes}
    safety = load_safety(db)
    told = []
    for one in statements[:MOST]:
        try:
            plan = generic_plan(db, one.query, schemas, safety)[0]["Plan"]
        except DefinitionsChanged:
            return None  # asked again at the next look
        except (Refused, ServerError):
            continue
        used = sorted(names & set(_indexes(plan)))
        told.append({"id": one.queryid, "cost": plan["Total Cost"], "indexes": used})
    if not told:
        return None
    helped = [one for one in told if one["indexes"]]
    costs = ", ".join(f"{one['id']} (cost {one['cost']:,.0f})" for one in (helped or told)[:3])
    if helped:
        reason = f"the planner uses it for {len(helped)} of {len(told)} statements: {costs}"
    else:
        reason = f"it is there and the planner uses it for none of {len(told)} statements: {costs}"
    state: State = "confirmed" if helped else "no effect"
    return Verdict(state, reason, 0.0, 0.0, 0.0, (), None, True, extra={"planner": told})


def _indexes(node: Mapping[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", ()):
        yield from _indexes(child)
