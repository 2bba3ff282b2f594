"""The rooms of the dashboard, one module each; `ROOMS` is their order in the navigation."""

from __future__ import annotations

from postai.web.room import Room
from postai.web.rooms import (
    ask,
    edges,
    events,
    migrations,
    overview,
    people,
    proposals,
    queries,
    replications,
    reports,
    schema,
)

ROOMS: tuple[Room, ...] = (
    overview.room,
    queries.room,
    schema.room,
    ask.room,
    proposals.room,
    migrations.room,
    replications.room,
    edges.room,
    events.room,
    reports.room,
    people.room,
)
