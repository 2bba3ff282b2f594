"""Readers of a database's changes, for tests: the stream alone, and a Watch with the loop that it reports to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from conftest import TestDatabase
from postai.edge.server.events import Event, Started
from postai.edge.server.watch import Watch
from postai.stream.pgoutput import decode
from postai.stream.replication import Data, Keepalive, Replication, lsn, new_slot_name
from postai.stream.transactions import Assembly, Transaction

PATIENCE = 20.0
PUBLICATION = "told"
One = TypeVar("One")


class Reader:
    """Reads what a database tells from here on.

    Attributes:
        position: how far it is.
    """

    def __init__(self, database: TestDatabase, publication: str = PUBLICATION) -> None:
        self.database = database
        self.replication = Replication(database.dsn())
        self.slot = new_slot_name()
        self.position = self.replication.create_slot(self.slot, seconds=PATIENCE)
        self.replication.start(self.slot, publication)
        self.assembly = Assembly()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.replication.close()

    def told(self) -> list[Transaction]:
        """Everything that is committed by now and was not told before."""
        end, found, deadline = end_of_log(self.database), list[Transaction](), time.monotonic() + PATIENCE
        while self.position < end:
            assert time.monotonic() < deadline
            self.replication.confirm(self.position, ask=True)
            for one in self.replication.receive(0.05):
                if isinstance(one, Keepalive):
                    self.position = max(self.position, one.position)
                    continue
                assert isinstance(one, Data)
                if (transaction := self.assembly.feed(decode(one.payload))) is not None:
                    found.append(transaction)
                    self.position = max(self.position, transaction.end_lsn)
        return [one for one in found if one.rows or any(message.prefix != b"end" for message in one.messages)]


def end_of_log(database: TestDatabase) -> int:
    """Where the log ends, brought to disk up to there."""
    with database.connect() as connection:
        connection.execute("set synchronous_commit = local")
        end = connection.execute("select pg_current_wal_insert_lsn()::text").fetchone()[0]
        connection.execute("select pg_logical_emit_message(true, 'end', '')")
    return lsn(end)


class Watching:
    """A Watch, and all that it told.

    Attributes:
        events: what it told, in that order.
    """

    def __init__(self, database: TestDatabase, **options: Any) -> None:
        self.events: list[Event] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.watch = Watch(
            database.dsn(),
            database.name,
            PUBLICATION,
            self._loop,
            self.events.append,
            **{"max_staleness": 0.2, **options},
        )

    def __enter__(self) -> Watching:
        self.watch.start()
        try:
            self.next(Started)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def inside(self, ask: Callable[[], One]) -> One:
        """What a function gives in the loop's thread."""

        async def call() -> One:
            return ask()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def next(self, kind: type[One], after: int = 0, where: Callable[[One], bool] = lambda _: True) -> One:
        """The first event of a kind, from some place in `events` on."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for event in self.events[after:]:
                if isinstance(event, kind) and where(event):
                    return event
            assert time.monotonic() < deadline, self.events[after:]
            time.sleep(0.005)

    def until(self, holds: Callable[[Watch], object]) -> None:
        """Wait until something holds, as seen from the loop."""
        deadline = time.monotonic() + PATIENCE
        while not self.inside(lambda: holds(self.watch)):
            assert time.monotonic() < deadline, self.events
            time.sleep(0.005)


def oid(connection: psycopg.Connection, table: str) -> int:
    found = connection.execute("select %s::regclass::oid::int8", (table,)).fetchone()
    assert found is not None
    return int(found[0])
