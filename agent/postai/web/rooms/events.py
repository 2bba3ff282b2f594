"""Events: who did what, when; and whether the log is as it was written."""

from __future__ import annotations

from postai.proposals.audit import Chain, EventFilter, EventLog, read_chain, read_events
from postai.web.fields import Moment
from postai.web.room import Room
from postai.web.visit import InDatabase

room = Room("Events", "events", "/events")


@room.see("/events", "events.html")
def events(
    database: InDatabase,
    actor: str = "",
    kind: str = "",
    since: Moment = None,
    until: Moment = None,
    before: int | None = None,
    after: int | None = None,
) -> EventLog:
    """Events by actor, kind and range, the newest first; `before` and `after` an event go to the next pages."""
    return read_events(database, EventFilter(actor, kind, since, until, before, after))


@room.see("/events/chain", "chain.html")
def chain(database: InDatabase) -> Chain:
    """Compute every hash of the log anew; for operators."""
    return read_chain(database)
