"""Proposals: what postai would change and why; deciding on it, and watching it being done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, Field

from postai.proposals import verbs
from postai.proposals.detail import Preview, ProposalDetail, Verb, preview, read_proposal
from postai.proposals.listing import Filter, ProposalList, look_now, read_proposals
from postai.web.fields import LocalTime, Text
from postai.web.room import Room
from postai.web.visit import InDatabase, Visit, own_statement

room = Room("Proposals", "proposals", "/proposals")


@dataclass(frozen=True, slots=True)
class Decided:
    """What a verb was called on; `action` is what it queued."""

    proposal: int
    action: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """How many proposals of the advisors are open after they looked."""

    open: int


class Consent(BaseModel):
    """What an operator says yes to."""

    accept_triggers: bool = False
    unsafe: bool = False


class Reason(BaseModel):
    """A reason or a note; it goes into the log."""

    reason: str = Field(max_length=1000)


class Time(BaseModel):
    """When to carry a proposal out: a window, a cron expression of five fields, or both; in `time_zone`."""

    begins: LocalTime = None
    ends: LocalTime = None
    recurring: Text = None
    time_zone: str = "UTC"
    unsafe: bool = False
    accept_triggers: bool = False
    scans_only: bool = False


def _to(message: str) -> Callable[[Visit, Decided], tuple[str, str | None]]:
    def then(_: Visit, done: Decided) -> tuple[str, str | None]:
        return f"/proposals/{done.proposal}", message.format(action=done.action)

    return then


@room.see("/proposals", "proposals.html")
def proposals(
    database: InDatabase,
    state: str = "open",
    kind: str = "",
    severity: str = "",
    words: str = "",
    sort: str = "newest",
    page: int = 1,
) -> ProposalList:
    """Proposals by state, kind, severity and words, in an order, by pages."""
    return read_proposals(database, Filter(state, kind, severity, words, sort, page))


@room.do(
    "/proposals/look",
    lambda _, done: ("/proposals", f"The advisors looked just now: {done.open} of their proposals are open."),
    own_statement,
)
def look_for_proposals(database: InDatabase) -> Looked:
    """Have the advisors look at once instead of within the hour."""
    return Looked(look_now(database))


@room.see("/proposals/{proposal}", "proposal.html")
def proposal(database: InDatabase, proposal: int) -> ProposalDetail:
    """One proposal: evidence, statements, locks, estimate beside measurement, what is carried out, its history."""
    return read_proposal(database, proposal)


@room.see("/proposals/{proposal}/preview", "preview.html")
def preview_proposal(database: InDatabase, proposal: int, verb: Verb = "apply") -> Preview:
    """What a verb would do, and whether anything stands against it; nothing is changed."""
    return preview(database, proposal, verb)


@room.do("/proposals/{proposal}/approve", _to("Approved. Nothing is carried out until somebody applies it."))
def approve(database: InDatabase, proposal: int, body: Consent) -> Decided:
    """Approve without running."""
    verbs.approve(database, proposal, accept_triggers=body.accept_triggers, unsafe=body.unsafe)
    return Decided(proposal)


@room.do("/proposals/{proposal}/apply", _to("Queued as action {action}. The agent carries it out."))
def apply(database: InDatabase, proposal: int, body: Consent) -> Decided:
    """Approve if need be and queue."""
    return Decided(proposal, verbs.apply(database, proposal, accept_triggers=body.accept_triggers, unsafe=body.unsafe))


@room.do("/proposals/{proposal}/schedule", _to("Scheduled as action {action}."))
def schedule(database: InDatabase, proposal: int, body: Time) -> Decided:
    """Approve if need be and queue for a window, or again and again."""
    action = verbs.schedule_at(
        database,
        proposal,
        begins=body.begins,
        ends=body.ends,
        recurring=body.recurring,
        time_zone=body.time_zone,
        unsafe=body.unsafe,
        scans_only=body.scans_only,
        accept_triggers=body.accept_triggers,
    )
    return Decided(proposal, action)


@room.do("/proposals/{proposal}/dismiss", _to("Dismissed."))
def dismiss(database: InDatabase, proposal: int, body: Reason) -> Decided:
    """Close what is not wanted."""
    verbs.dismiss(database, proposal, body.reason)
    return Decided(proposal)


@room.do("/proposals/{proposal}/done_by_hand", _to("Closed as done by hand."))
def done_by_hand(database: InDatabase, proposal: int, body: Reason) -> Decided:
    """Close what a person carried out."""
    verbs.done_by_hand(database, proposal, body.reason)
    return Decided(proposal)


@room.do("/proposals/{proposal}/undo", _to("Queued as action {action}. The agent leads back what was carried out."))
def undo(database: InDatabase, proposal: int) -> Decided:
    """Queue the undo statements of what was carried out."""
    return Decided(proposal, verbs.undo(database, proposal))


@room.do("/proposals/{proposal}/actions/{action}/cancel", _to("Action {action} is cancelled, or will be in a moment."))
def cancel(database: InDatabase, proposal: int, action: int) -> Decided:
    """Cancel an action; a running one ends at its statement."""
    verbs.cancel(database, action)
    return Decided(proposal, action)
