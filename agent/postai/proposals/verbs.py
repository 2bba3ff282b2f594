"""The verbs of the lifecycle for people's faces: the SQL functions, called as whoever is connected.

The SQL side decides who may do what; an error comes back as the class of its SQLSTATE.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postai.database import Database, ServerError
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline
from postai.errors import ERRORS, ErrorParts, NotPermitted, PostaiError, UsageError, from_parts
from postai.proposals.types import Risk

log = logging.getLogger(__name__)
PART = 20_000
_REFUSED = frozenset({NotPermitted.sqlstate, "42501"})


@dataclass(frozen=True)
class Proposal:
    """A row of view postai.proposals; `undo` is in the order in which it would run."""

    id: int
    kind: str
    title: str
    why: str
    risk: Risk
    state: str
    outcome: str | None
    statements: list[str]
    undo: list[str | None]
    objects: list[str]
    estimated_ms: int | None
    action: int | None
    proposed_by: str
    proposed_at: datetime


@dataclass(frozen=True)
class ActionStatus:
    """A row of view postai.actions; `progress` is 0 to 1, `blockers` are shown to operators only."""

    id: int
    proposal: int
    kind: str
    state: str
    phase: str | None
    progress: float | None
    blockers: list[dict[str, Any]]
    error: dict[str, Any] | None
    measured_ms: int | None
    estimated_ms: int | None


@dataclass(frozen=True)
class Event:
    """A row of view postai.events; `detail` of other people's events is shown to operators only."""

    id: int
    at: datetime
    actor: str
    kind: str
    subject: str
    proposal: int | None
    action: int | None
    detail: dict[str, Any] | None


@dataclass(frozen=True)
class ChainProblem:
    """A place where the chain of events is broken."""

    position: int | None
    event: int | None
    problem: str


def approve(db: Database, proposal: int, *, accept_triggers: bool = False, unsafe: bool = False) -> None:
    """Approve a proposal.

    Args:
        accept_triggers: lets triggers of users fire where steps write rows.
        unsafe: says yes to a schema change that cannot be undone.
    """
    _call(db, "approve", proposal, accept_triggers, unsafe)


def apply(db: Database, proposal: int, *, accept_triggers: bool = False, unsafe: bool = False) -> int:
    """Approve a proposal if need be (arguments as of `approve`) and queue it; gives the action."""
    return int(_call(db, "apply", proposal, accept_triggers, unsafe))


def schedule(db: Database, proposal: int, *, run_window: str | None = None, recurring: str | None = None) -> int:
    """Approve a proposal if need be and queue it for later; gives the action.

    Args:
        run_window: a tstzrange in which it may run.
        recurring: a cron expression of five fields, in the session's time zone.
    """
    return int(_call(db, "schedule", proposal, run_window, recurring))


def schedule_at(
    db: Database,
    proposal: int,
    *,
    begins: datetime | None,
    ends: datetime | None,
    recurring: str | None,
    time_zone: str,
    unsafe: bool = False,
    scans_only: bool = False,
    accept_triggers: bool = False,
) -> int:
    """As `schedule`, with local times.

    Args:
        begins, ends: of the window, without an offset; both None = no window.
        time_zone: of these times and of `recurring`, as PostgreSQL names it.
        unsafe, accept_triggers: as of `approve`.
        scans_only: only what reads whole tables, and what follows it, waits for the window.
    """
    before = (accept_triggers, proposal, unsafe, time_zone, begins, ends)
    return int(_call(db, "schedule_at", proposal, recurring, unsafe, scans_only, before=before))


def dismiss(db: Database, proposal: int, reason: str) -> None:
    """Close a proposal that is not wanted."""
    _call(db, "dismiss", proposal, reason)


def done_by_hand(db: Database, proposal: int, note: str) -> None:
    """Close a proposal that a person carried out."""
    _call(db, "done_by_hand", proposal, note)


def undo(db: Database, proposal: int) -> int:
    """Queue the undo statements of what was carried out; gives the action."""
    return int(_call(db, "undo", proposal))


def cancel(db: Database, action: int) -> None:
    """Cancel an action."""
    _call(db, "cancel", action)


def proposals(db: Database, *, state: str | None = None, limit: int = 100) -> list[Proposal]:
    """Proposals, the newest first; `state` is open, approved or closed."""
    with _errors():
        return [Proposal(*row) for row in db.query(_sql("proposals"), [state, state, limit])]


def status(db: Database, action: int) -> ActionStatus:
    """An action as it is now.

    Raises:
        UsageError: there is no such action.
    """
    with _errors():
        rows = db.query(_sql("action"), [action])
    if not rows:
        raise UsageError(
            f"there is no action {action}", hint="SELECT id, proposal, state FROM postai.actions lists them."
        )
    return ActionStatus(*rows[0])


def wait(
    db: Database,
    action: int,
    deadline: Deadline,
    progress: Callable[[ActionStatus], None] = lambda _: None,
) -> ActionStatus:
    """Wait until an action has ended, like CALL postai.wait.

    Args:
        progress: is told each change.

    Raises:
        PostaiError: the action's own error when it failed; `Cancelled` when it was cancelled; `DeadlineExceeded`.
    """
    pause, shown = 0.02, None
    while True:
        now = status(db, action)
        if now != shown:
            progress(now)
            shown = now
        if now.state == "failed" and now.error is not None:
            raise _as_raised(now.error)
        if now.state == "cancelled":
            raise Cancelled(f"action {action} was cancelled")
        if now.state in ("done", "regressed"):
            return now
        deadline.check()
        time.sleep(min(pause, deadline.remaining()))
        pause = min(0.5, pause * 1.5)


def events(db: Database, *, proposal: int | None = None, limit: int = 100) -> list[Event]:
    """Events, the newest first, of one proposal or of all."""
    with _errors():
        return [Event(*row) for row in db.query(_sql("events"), [proposal, proposal, limit])]


def verify_events(db: Database, part: int = PART) -> list[ChainProblem]:
    """What is wrong with the chain of events; nothing when it is whole. For operators.

    It is looked at in parts: a long one takes longer than a statement may. Each part begins with the link that the one
    before ended with, and the last one looks for the end of the chain, so that what is added meanwhile is no problem.

    Args:
        db: the caller's session.
        part: positions that one statement looks at.
    """
    found: list[ChainProblem] = []
    with _errors():
        ((last,),) = db.query(_sql("last_event"))  # no position is higher: they have no gaps
        for after in range(0, last + 1, part):
            most = part if after + part <= last else None
            found += [ChainProblem(*row) for row in db.query(_sql("verify_events"), [after, most])]
    return found


def _call(db: Database, verb: str, thing: int, *after: object, before: Sequence[object] = ()) -> Any:
    what = "action" if verb == "cancel" else "proposal"
    with (
        noting_refusals(db, verb.removesuffix("_at"), f"{what} {thing}", thing if what == "proposal" else None),
        _errors(),
        reading(db, "postai_operator"),
    ):
        return db.query(_sql(verb), [*before, thing, *after])[0][0]


@contextmanager
def noting_refusals(db: Database, verb: str, subject: str, proposal: int | None = None) -> Iterator[None]:
    """A block whose refusal for lack of rights becomes an event; it raises what the block raised.

    Args:
        db: the caller's session, outside of a transaction.
        verb: what was tried; subject: on what.
        proposal: the number of that proposal, if it is one.
    """
    try:
        yield
    except PostaiError as error:
        if error.sqlstate in _REFUSED:
            try:
                with db.transaction():
                    db.execute(_sql("read_write"))
                    db.query(_sql("note_refusal"), [verb, subject, proposal])
            except ServerError as failure:  # whoever may not even read postai may not write its log either
                log.warning("a refusal is not in the log of events", extra={"verb": verb, "reason": failure.message})
        raise


def _sql(name: str) -> str:
    return load(__package__, "verbs.sql")[name]


@contextmanager
def _errors() -> Iterator[None]:
    """Errors that the SQL functions raised on purpose, as the classes they have in Python."""
    try:
        yield
    except ServerError as error:
        if _is_ours(error.sqlstate):
            raise from_parts(error.as_parts()) from error
        raise


def _as_raised(error: dict[str, Any]) -> PostaiError:
    """The error with which an action failed: ours, or the server's own."""
    parts = ErrorParts(error["sqlstate"], error["message"], error.get("detail"), error.get("hint"))
    if _is_ours(parts.sqlstate):
        return from_parts(parts)
    return ServerError(parts.sqlstate, parts.message, detail=parts.detail, hint=parts.hint)


def _is_ours(sqlstate: str) -> bool:
    return any(kind.sqlstate == sqlstate for kind in ERRORS)
