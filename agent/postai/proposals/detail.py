"""One proposal with everything that is known of it, and what a verb would do before it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from postai.database import Database, ServerError
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.errors import ErrorParts, NotPermitted, Refused, UsageError
from postai.proposals.evidence import Fact, PlannedEffect, facts_of, planned_effects
from postai.proposals.known_locks import known_lock
from postai.proposals.verbs import Event

Verb = Literal["approve", "apply", "schedule", "undo"]
MOST_EVENTS = 200
_LIVE = frozenset({"queued", "running", "verifying"})


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step as people read it before it runs.

    Attributes:
        locks: table -> lock mode, where known.
        blocks: what others cannot do meanwhile: reads+writes, writes, ddl, none; None = not known.
        holds: the same in words; momentary: it gives up after a moment of waiting, and holds its lock as briefly.
        rewrites, scans: whether tables are written anew or read completely; None = not known.
        undo: what leads back; None = nothing.
        state: done, running, queued for a window; None = it waits for a decision.
    """

    step: int
    statement: str
    locks: dict[str, str]
    blocks: str | None
    holds: str
    momentary: bool
    rewrites: bool | None
    scans: bool | None
    in_transaction: bool
    estimated_ms: int | None
    estimated_rows: int | None
    hazard: str | None
    undo: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class ActionShown:
    """What was, is or will be carried out of a proposal; `progress` is 0 to 1."""

    id: int
    kind: str
    state: str
    requested_by: str
    requested_at: datetime
    not_before: datetime | None
    window_ends: datetime | None
    recurring: str | None
    by_policy: bool
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    step: int | None
    phase: str | None
    progress: float | None
    blockers: list[dict[str, Any]]
    cancel_requested: bool
    estimated_ms: int | None
    measured_ms: int | None
    error: dict[str, Any] | None

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state in _LIVE


@dataclass(frozen=True, slots=True)
class Compared:
    """An estimate beside what was measured; both None = neither is known. `unit`: ms/day, ms or bytes."""

    name: str
    unit: str
    estimated: float | None
    measured: float | None


@dataclass(frozen=True, slots=True)
class ProposalDetail:
    """A proposal.

    Attributes:
        facts: the evidence, one by one; shown_evidence is False where the role may not see it.
        effects: what each statement gains, promised and measured.
        compared: estimates beside measurements.
        live: the action that has not ended.
    """

    id: int
    kind: str
    title: str
    why: str
    risk: str
    state: str
    outcome: str | None
    reason: str | None
    superseded_by: int | None
    undoes: int | None
    proposed_by: str
    proposed_at: datetime
    seen_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    object: str | None
    severity: str | None
    estimated_by: str | None
    effect: str | None
    measured_reason: str | None
    shown_evidence: bool
    facts: list[Fact]
    effects: list[PlannedEffect]
    compared: list[Compared]
    steps: list[StepShown]
    actions: list[ActionShown]
    live: ActionShown | None
    events: list[Event]

    @property
    def can_undo(self) -> bool:
        """Whether anything was carried out that may lead back."""
        return self.live is None and any(one.state == "done" and one.undo for one in self.steps)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a verb would do, looked at without doing it.

    Attributes:
        steps: those that would run, in their order; of an undo the statements that lead back.
        refused: why the caller could not do it now; None = nothing stands against it.
        asks: what the caller has to say yes to: "unsafe", "accept_triggers"; `warned`: why.
    """

    proposal: ProposalDetail
    verb: str
    steps: list[StepShown]
    refused: ErrorParts | None
    asks: list[str] = field(default_factory=list)
    warned: list[ErrorParts] = field(default_factory=list)


def read_proposal(db: Database, proposal: int) -> ProposalDetail:
    """One proposal, with the rights of the connection's role.

    Raises:
        UsageError: there is none of that number.
    """
    blocks = load(__package__, "detail.sql")
    with reading(db):
        rows = db.query(blocks["proposal"], (proposal,))
        if not rows:
            raise UsageError(f"there is no proposal {proposal}", hint="The list of proposals names them.")
        steps = [_step(row) for row in db.query(blocks["steps"], (proposal,))]
        actions = [ActionShown(*row) for row in db.query(blocks["actions"], (proposal,))]
        events = [Event(*row) for row in db.query(blocks["events"], (proposal, MOST_EVENTS))]
    *known, evidence, measured, estimates = rows[0]
    done = next((one.measured_ms for one in actions if one.kind == "apply" and one.measured_ms is not None), None)
    estimated = sum(one.estimated_ms or 0 for one in steps) or None
    rest = (
        evidence is not None,
        facts_of(evidence or {}),
        planned_effects(evidence or {}, measured or {}),
        [*_compared(estimates), Compared("Time to carry out", "ms", estimated, done)],
        steps,
        actions,
        next((one for one in actions if one.live), None),
        events,
    )
    return ProposalDetail(*(*known, *rest))


def preview(db: Database, proposal: int, verb: Verb) -> Preview:
    """What a verb would do: it is called, with all of its checks, in a transaction that is rolled back.

    Args:
        db: the caller's session, outside of a transaction.
        verb: approve, apply and schedule are judged alike.
    """
    shown = read_proposal(db, proposal)
    if verb == "undo":
        done = [one for one in reversed(shown.steps) if one.state == "done"]
        return Preview(shown, verb, [_undone(one) for one in done], _tried(db, "undo", proposal))
    steps = [one for one in shown.steps if one.state != "done"]
    yes: dict[str, bool] = {"accept_triggers": False, "unsafe": False}
    warned: list[ErrorParts] = []
    while True:
        refused = _tried(db, "approve", proposal, *yes.values())
        ask = None if refused is None else _asked(refused)
        if refused is None or ask is None or yes[ask]:
            return Preview(shown, verb, steps, refused, [name for name, given in yes.items() if given], warned)
        yes[ask] = True
        warned.append(refused)


def _asked(refused: ErrorParts) -> str | None:
    """What the refusal wants a yes to: postai._require_way_back and _require_triggers say so in their hints."""
    hints: Mapping[str, str] = {"unsafe => true": "unsafe", "accept_triggers => true": "accept_triggers"}
    if refused.sqlstate not in {Refused.sqlstate, NotPermitted.sqlstate}:
        return None
    return next((name for words, name in hints.items() if words in (refused.hint or "")), None)


class _TakenBack(Exception):
    """Rolls the transaction of a look back."""


def _tried(db: Database, verb: str, *arguments: object) -> ErrorParts | None:
    try:
        with db.transaction():
            db.query(load(__package__, "verbs.sql")[verb], arguments)
            raise _TakenBack
    except _TakenBack:
        return None
    except ServerError as error:
        return error.as_parts()


def _step(row: tuple[Any, ...]) -> StepShown:
    (number, statement, locks, blocks, rewrites, scans, in_transaction, ms, rows, hazard, undo, kind, state) = row
    known = None if kind is not None or locks else known_lock(statement)
    if known is not None:
        blocks = known.blocks
    momentary = kind == "short_lock" and blocks in _MOMENT
    words = _MOMENT if momentary else _WORDS
    holds = known.words if known else words.get(blocks, "what it blocks is not known")
    return StepShown(
        number, statement, locks or ({"": known.mode} if known else {}), blocks, holds, momentary, rewrites, scans,
        in_transaction, ms, rows, hazard, undo, state.replace('"', "") if state else None,
    )  # fmt: skip


_WORDS: Mapping[str | None, str] = {
    "reads+writes": "nobody reads or writes meanwhile",
    "writes": "nobody writes meanwhile",
    "ddl": "reads and writes go on; other schema changes wait",
    "none": "nobody waits",
}

_MOMENT: Mapping[str | None, str] = {
    "reads+writes": "nobody reads or writes for that moment; it gives up soon where it has to wait, and tries again",
    "writes": "nobody writes for that moment; it gives up soon where it has to wait, and tries again",
}


def _undone(step: StepShown) -> StepShown:
    """The step whose statement is the undo of this one."""
    known = known_lock(step.undo) if step.undo else None
    return StepShown(
        step.step, step.undo or "", {"": known.mode} if known else {}, known.blocks if known else None,
        known.words if known else "what it blocks is not known", False, None, None, step.in_transaction,
        None, None, None, step.statement, None,
    )  # fmt: skip


def _compared(estimates: dict[str, float | None]) -> list[Compared]:
    return [
        Compared(name, unit, estimates[key], estimates[f"measured_{key}"])
        for key, name, unit in (
            ("saved_ms_per_day", "Saves", "ms/day"),
            ("write_ms_per_day", "Writes take longer", "ms/day"),
            ("bytes", "Space", "bytes"),
        )
    ]
