"""The overview: within two seconds, whether the database is well."""

from __future__ import annotations

from postai.observe.overview import Overview, read_overview
from postai.web.room import Room
from postai.web.visit import InDatabase

room = Room("Overview", "overview", "/")


@room.see("/", "overview.html")
def overview(database: InDatabase) -> Overview:
    """State of the agent, health, load, statements, proposals, events, storage."""
    return read_overview(database)
