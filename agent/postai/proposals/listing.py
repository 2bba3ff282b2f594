"""The list of proposals as people filter and sort it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from postai.database import Database
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.errors import UsageError

PAGE = 50
LOOK_SECONDS = 120
"""Longest wait for the advisors; they go on in the agent, and the list shows later what they found."""
STATES = ("open", "approved", "closed", "all")
SORTS: Mapping[str, str] = {
    "newest": "id desc",
    "oldest": "id",
    "gain": "saved_ms_per_day desc nulls last, id desc",
    "bytes": "bytes nulls last, id desc",
    "severity": "pg_catalog.array_position(array['HIGH', 'MEDIUM', 'LOW'], severity) nulls last, id desc",
    "kind": "kind, id desc",
    "object": "object nulls last, id desc",
}
"""Orders by name; `bytes` has first what frees most."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is listed, and in which order.

    Attributes:
        state: one of STATES.
        kind, severity: exactly that; "" = any.
        words: part of the title or of the object's name; "" = any.
        sort: a key of SORTS.
        page: from 1, of PAGE proposals.
    """

    state: str = "open"
    kind: str = ""
    severity: str = ""
    words: str = ""
    sort: str = "newest"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A proposal in a list; times in milliseconds a day, bytes negative where they come free."""

    id: int
    kind: str
    title: str
    why: str
    risk: str
    state: str
    outcome: str | None
    object: str | None
    severity: str | None
    saved_ms_per_day: float | None
    write_ms_per_day: float | None
    bytes: int | None
    effect: str | None
    measured_saved_ms_per_day: float | None
    measured_bytes: int | None
    steps: int
    done: int
    statements: list[str]
    proposed_by: str
    proposed_at: datetime
    closed_at: datetime | None
    action: int | None
    action_state: str | None


@dataclass(frozen=True, slots=True)
class ProposalList:
    """One page of the list.

    Attributes:
        total: proposals that fit the filter.
        counts: proposals by state, whatever the filter.
        kinds: kinds that there are.
    """

    filter: Filter
    proposals: list[Listed]
    total: int
    counts: dict[str, int]
    kinds: list[str]


def read_proposals(db: Database, chosen: Filter) -> ProposalList:
    """The proposals that fit, with the rights of the connection's role.

    Raises:
        UsageError: a state or an order that there is not.
    """
    _check(chosen)
    blocks = load(__package__, "listing.sql")
    given = (chosen.state, chosen.kind, chosen.severity, chosen.words)
    with reading(db):
        counts = db.query(blocks["counts"])
        rows = db.query(
            f"{blocks['list']} order by {SORTS[chosen.sort]} limit {PAGE} offset %s",
            (*given, (chosen.page - 1) * PAGE),
        )
        ((total,),) = db.query(blocks["total"], given)
    by_state = {state: 0 for state in STATES}
    for state, _, number in counts:
        by_state[state] += number
        by_state["all"] += number
    return ProposalList(
        chosen, [Listed(*row) for row in rows], total, by_state, sorted({kind for _, kind, _ in counts})
    )


def look_now(db: Database) -> int:
    """Have the agent's advisors look at the database at once; how many proposals of theirs are open afterwards.

    Raises:
        ServerError: the agent does not answer, or not in time.
        NotPermitted: the connection's role is no postai_user.
    """
    with reading(db, "postai_user"):
        db.query("select pg_catalog.set_config('statement_timeout', %s, false)", (f"{LOOK_SECONDS}s",))
        ((found,),) = db.query("select pg_catalog.count(*) from postai.optimize()")
    return int(found)


def _check(chosen: Filter) -> None:
    for name, value, known in (("state", chosen.state, STATES), ("sort", chosen.sort, tuple(SORTS))):
        if value not in known:
            raise UsageError(f"there is no {name} {value!r} of proposals", hint=f"Known: {', '.join(known)}.")
    if not 1 <= chosen.page <= 1_000_000:
        raise UsageError(f"there is no page {chosen.page}", hint="Pages begin at 1.")
