"""The log of events as people search it, and whether its chain is whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postai.database import Database
from postai.database.installed import reading
from postai.database.named_sql import load
from postai.proposals.verbs import ChainProblem, Event, verify_events

PAGE = 100


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events.

    Attributes:
        actor: exactly that role; "" = any.
        kind: that kind, or the kinds below it (`action` has `action.queued`); "" = any.
        since, until: moments; without an offset they are UTC. None = open.
        before, after: only events older, or newer, than that one: one page follows the other.
    """

    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class EventLog:
    """One page of events, the newest first.

    Attributes:
        older, newer: the event from which on the next page goes either way; None = there are no more.
        actors, kinds: of the newest few thousand events.
    """

    filter: EventFilter
    events: list[Event]
    older: int | None
    newer: int | None
    actors: list[str]
    kinds: list[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether the log is as it was written. `events` counts those of the chain, `last_at` is the newest one's time."""

    events: int
    last_at: datetime | None
    problems: list[ChainProblem]


def read_events(db: Database, chosen: EventFilter) -> EventLog:
    """Events that fit, with the rights of the connection's role."""
    blocks = load(__package__, "audit.sql")
    given = (
        chosen.actor, chosen.kind, chosen.since, chosen.until,
        *((chosen.before, None) if chosen.after is None else (None, chosen.after)),
    )  # fmt: skip
    forward = chosen.after is not None
    with reading(db):
        rows = db.query(blocks["newer" if forward else "older"], (*given, PAGE + 1))
        actors = [one for (one,) in db.query(blocks["actors"])]
        kinds = [one for (one,) in db.query(blocks["kinds"])]
    more = len(rows) > PAGE
    found = [Event(*row) for row in rows[:PAGE]]
    if forward:
        found.reverse()
    has_older = bool(found) and (more or forward)
    has_newer = bool(found) and (more if forward else chosen.before is not None)
    return EventLog(
        chosen, found, found[-1].id if has_older else None, found[0].id if has_newer else None, actors, kinds
    )


def read_chain(db: Database) -> Chain:
    """Compute every hash of the log anew; for operators.

    Raises:
        NotPermitted: the role is no operator.
    """
    with reading(db, "postai_operator"):
        problems = verify_events(db)
        ((events, last_at),) = db.query(load(__package__, "audit.sql")["extent"])
    return Chain(events, last_at, problems)
