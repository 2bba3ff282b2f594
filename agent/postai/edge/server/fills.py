"""Answers that servers are about to give: who keeps them, and who waits for them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from postai.edge.caching import Plan, Statement
from postai.edge.chunks import Chunk, is_result
from postai.edge.freshness import Snapshot
from postai.edge.memory import Entry
from postai.edge.server.scopes import Scope

if TYPE_CHECKING:
    from postai.edge.server.answers import Answers
    from postai.edge.server.cached import Cache
    from postai.edge.server.pooled import PooledSession


class Fill:
    """An answer that is to be kept.

    Args:
        cache: of its database.
        scope: whose answer it is.
        statement: what is known of its statement.
        entry: where it is kept.
        chunk: what is asked.
        plan: how it is kept.
    """

    __slots__ = ("_cache", "_chunk", "_entry", "_plan", "_scope", "_snapshot", "_statement")

    def __init__(
        self, cache: Cache, scope: Scope, statement: Statement, entry: Entry, chunk: Chunk, plan: Plan
    ) -> None:
        self._cache, self._scope, self._statement = cache, scope, statement
        self._entry, self._chunk, self._plan = entry, chunk, plan
        self._snapshot: Snapshot | None = None

    def see(self, row: tuple[bytes | None, ...] | None) -> None:
        """What is visible before the query."""
        if row is not None and row[0] is not None:
            self._snapshot = Snapshot.parse(row[0].decode())

    def done(self, reply: bytes | None) -> None:
        """What the client was sent."""
        now = monotonic()
        fit = reply is not None and is_result(reply, self._chunk)
        if reply is not None or self._cache.leads(self._scope.home):  # else it is nobody's fault but the servers'
            self._statement.collected(fit, now)
        caching, second = self._cache.caching, self._cache.second
        if reply is None or not fit:
            caching.shelf.give_up(self._entry)
        elif caching.keep(self._entry, self._plan, reply, self._snapshot, now) and second is not None:
            second.keep(self._scope, self._chunk, self._plan, reply, now - self._entry.made)


class Waiter:
    """A client that waits for the answer that another one is about to get.

    Args:
        answers: of its identity.
        session: its session.
        data: what it said.
        chunk: what that asks for.
        until: when it waits no more, in seconds of time.monotonic.
    """

    __slots__ = ("_alarm", "_answers", "_chunk", "_data", "_entry", "_session", "_until")

    def __init__(self, answers: Answers, session: PooledSession, data: bytes, chunk: Chunk, until: float) -> None:
        self._answers, self._session, self._data, self._chunk, self._until = answers, session, data, chunk, until

    def wait(self, entry: Entry) -> None:
        """Wait for this one."""
        self._entry = entry
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(max(0.0, self._until - monotonic()), self._go)
        entry.wait(self._decided)

    def _decided(self) -> None:
        self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(0, self._go)

    def _go(self) -> None:
        self._entry.leave(self._decided)
        if self._session.held is self._data:
            self._answers.again(self._session, self._data, self._chunk, self._until)
