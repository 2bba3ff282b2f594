"""An edge that caches one test's database, and looks at what it does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from edge_support import PATIENCE, RunningEdge, pooling, query_line

from conftest import TestDatabase, superuser
from postai.edge.server import answers
from postai.edge.server.cached import CacheFigures
from postai.edge.server.watch import Event, Invalidations, Watch, _Stream
from postai.stream.missing import event_triggers

ITEMS = """
create table item (id int primary key, name text);
insert into item select n, 'item ' || n from generate_series(1, 100) as n;
create publication postai_edge for all tables;
"""

ASKING, LATE = 0.2, 0.3
"""Seconds that a slow edge waits for a position in the log, and that changes are told late."""


def make_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fast is slow from now on, so that what clients say next comes in between."""
    hand = Watch.hand
    slowly = b"select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text from pg_catalog.pg_sleep(%f)" % ASKING
    monkeypatch.setattr(answers, "POSITION", slowly)

    def late(self: Watch, events: tuple[Event, ...], stream: _Stream | None = None) -> None:
        if any(isinstance(one, Invalidations) for one in events):
            time.sleep(LATE)
        hand(self, events, stream)

    monkeypatch.setattr(Watch, "hand", late)


def simple(client: psycopg.Connection, text: str) -> list[tuple[object, ...]]:
    """What a statement gives by the simple protocol, which psycopg's client-side cursors use."""
    return psycopg.ClientCursor(client).execute(text).fetchall()


class CachingEdge:
    """An edge with its database.

    Attributes:
        edge: it.
        database: what it caches.
    """

    def __init__(self, edge: RunningEdge, database: TestDatabase) -> None:
        self.edge, self.database = edge, database

    def connect(self, user: str | None = None, **more: object) -> psycopg.Connection:
        return self.edge.connect(self.database, user, **more)

    def inside(self, ask: Callable[[], Any]) -> Any:
        return self.edge.inside(ask)

    @property
    def figures(self) -> CacheFigures:
        caches = self.edge.edge._caches
        assert caches is not None
        return self.inside(lambda: next(iter(caches.figures())))  # type: ignore[no-any-return]

    def hit(self, ask: Callable[[], object]) -> object:
        """Ask until the answer comes from memory; the answer."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            before = self.figures.hits
            found = ask()
            if self.figures.hits > before:
                return found
            time.sleep(0.02)
        raise AssertionError(f"no hit: {self.figures}")

    def never_hits(self, ask: Callable[[], object], times: int = 12) -> object:
        """Ask often; the last answer, none of which came from memory."""
        before, found = self.figures.hits, None
        for _ in range(times):
            found = ask()
            time.sleep(0.02)
        assert self.figures.hits == before, self.figures
        return found

    def becomes(self, ask: Callable[[], object], wanted: object, seconds: float = PATIENCE) -> None:
        """Ask until the answer is that one."""
        end = time.monotonic() + seconds
        while (found := ask()) != wanted:
            assert time.monotonic() < end, found
            time.sleep(0.005)

    def until(self, condition: Callable[[CacheFigures], bool]) -> None:
        """Wait for what figures show."""
        end = time.monotonic() + PATIENCE
        while not condition(self.figures):
            assert time.monotonic() < end, self.figures
            time.sleep(0.02)


@contextlib.contextmanager
def caching(
    database: TestDatabase, setup: str, *, triggers: bool = True, ready: bool = True, **settings: Any
) -> Iterator[CachingEdge]:
    """An edge that caches that database, in which this was run before.

    Args:
        database: it.
        setup: statements to run.
        triggers: whether the server tells of definitions.
        ready: wait until answers may be kept.
        settings: more of the edge's.
    """
    server = database.server
    database.execute(setup)
    if triggers:
        database.execute(event_triggers())
    wanted = {
        "database": [{"name": database.name, "cache": True}],
        "cache_dsn": query_line(server), **settings,
    }  # fmt: skip
    with pooling(server, **wanted) as edge:
        one = CachingEdge(edge, database)
        if ready:
            one.until(lambda figures: figures.state == "on")
        yield one
    with superuser(server) as connection:
        end = time.monotonic() + PATIENCE
        while connection.execute(
            "select from pg_replication_slots where database = %s", (database.name,)
        ).fetchone():  # a slot of the edge ends with its connection
            assert time.monotonic() < end
            time.sleep(0.01)
