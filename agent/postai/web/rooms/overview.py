"""The overview: within two seconds, whether the database is well."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from postai.database import dsn as connection_string
from postai.database.errors import NoConnectRight
from postai.errors import PostaiError
from postai.observe.overview import Missing, Overview, ServerState, read_overview, read_server
from postai.settings import DatabaseSettings
from postai.web.live import add_live
from postai.web.logins import Level, level_of
from postai.web.room import Room
from postai.web.visit import InDatabase, Visit, Visiting

room = Room("Overview", "overview", "/")
SECONDS = 5.0
PARTS = {
    name: f"overview/{name}.html"
    for name in ("state", "load", "health", "statements", "proposals", "happened", "caches", "storage", "standbys")
}


@room.see("/", "overview.html")
def overview(database: InDatabase, by: Visiting, hours: int = 24) -> Overview:
    """State of the agent, health, load, statements, proposals, events, storage; at most two seconds old."""
    return by.site.kept.get(_key(by, hours), 2.0, lambda: read_overview(database, hours))


@dataclass(frozen=True, slots=True)
class Tested:
    """A configured database, tested with the login of whoever looks.

    Attributes:
        target: host, port and database as they are configured.
        level: what the login may do in postai there.
        may_connect: False = the server says that the login has no right to connect to it.
        took_ms: connecting and one question; None = it did not work, see `error`.
    """

    name: str
    target: str
    server: ServerState | None
    level: Level
    may_connect: bool
    took_ms: float | None
    error: Missing | None


@room.see("/connections", "connections.html")
def connections(by: Visiting) -> list[Tested]:
    """Every database of this dashboard, tested with your own login; what only reads, as a token, tests its own."""
    here = by.site.database(by.database)
    databases = [here] if by.session.reads_only else list(by.site.databases.values())
    with ThreadPoolExecutor(max_workers=8) as threads:
        return list(threads.map(lambda one: _tested(by, one), databases))


def _tested(visit: Visit, database: DatabaseSettings) -> Tested:
    target = connection_string.label(database.dsn)
    begun = time.perf_counter()
    try:
        with visit.session.open(database) as connection:
            server, level = read_server(connection), level_of(connection)
    except PostaiError as error:
        parts = error.as_parts()
        missing = Missing(parts.sqlstate, parts.message, parts.detail, parts.hint)
        return Tested(database.name, target, None, "none", not isinstance(error, NoConnectRight), None, missing)
    return Tested(database.name, target, server, level, True, (time.perf_counter() - begun) * 1000, None)


def _again(visit: Visit, numbers: Mapping[str, int]) -> Overview:
    hours = numbers["hours"]
    # The connection proves that the login is good for this database, even where nothing is read anew.
    with visit.session.open(visit.site.database(visit.database)) as database:
        return visit.site.kept.get(_key(visit, hours), SECONDS - 1, lambda: read_overview(database, hours))


def _key(visit: Visit, hours: int) -> tuple[object, ...]:
    return ("overview", visit.database, visit.session.role, hours)


add_live(room, "overview", _again, PARTS, seconds=SECONDS, hours=24)
