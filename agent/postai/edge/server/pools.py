"""Pools of server connections: one for each node and identity, logged in without a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from postai.edge import wire
from postai.edge.sent import Server
from postai.edge.server import upstream
from postai.edge.server.backend import Backend, Row, question
from postai.edge.server.link import Lost
from postai.edge.server.login import has_slot, is_about_the_user, is_proved, is_trusted, log_in, makes_temporary
from postai.edge.server.pool import FULL, Limits, Pool
from postai.edge.server.scopes import NEVER, Node, Scope
from postai.edge.server.upstream import Secret
from postai.edge.wire import Violation

if TYPE_CHECKING:
    from postai.edge.server.pooled import PooledSession

ROOM = (0.02, 0.05, 0.1, 0.2)
"""Seconds that a server has to end a connection which makes room for another one, before the next one is closed."""
TICK = 1.0
"""Seconds between two looks for what has been idle for too long."""


@dataclass(frozen=True)
class PoolFigures:
    """One pool at this moment, and since it began.

    Attributes:
        node, database, user: which.
        open: connections, those that are being opened counted in.
        used: of these, lent.
        waiting: clients in the queue.
        borrowed, waited, seconds, longest, refused: see `Waits`.
    """

    node: str
    database: str
    user: str
    open: int
    used: int
    waiting: int
    borrowed: int
    waited: int
    seconds: float
    longest: float
    refused: int


@dataclass
class Pools:
    """All pools of the edge.

    Args:
        limits: of each.
        statements: prepared statements that a server connection keeps.
        in_transaction: seconds that a client may leave its transaction alone; 0 = for ever.
    """

    limits: Limits
    statements: int
    in_transaction: float
    scopes: dict[tuple[Node, str, str, tuple[tuple[str, str], ...]], Scope] = field(default_factory=dict)
    borrowed: dict[Backend, None] = field(default_factory=dict)
    forget: Callable[[Scope], None] | None = None
    """Called when an identity has no client and no connection any more."""
    slot: Callable[[str], str | None] | None = None
    """Gives the slot of the stream that tells of a database's changes now; None = there is no stream."""
    _generation: int = 0
    _timer: asyncio.TimerHandle | None = None

    # Identities.

    def scope(self, home: Node, database: str, user: str, parameters: Mapping[str, str]) -> Scope:
        """The identity of a client; `leave` gives it back."""
        key = (home, database, user, tuple(sorted(parameters.items())))
        found = self.scopes.get(key)
        if found is None:
            found = self.scopes[key] = Scope(*key)
        found.sessions += 1
        return found

    def leave(self, scope: Scope) -> None:
        """A client of an identity is gone."""
        scope.sessions -= 1

    async def greet(self, scope: Scope, node: Node, secret: Secret) -> bytes:
        """What a client is told of settings, once it is sure that servers let its identity in.

        Args:
            scope: the identity.
            node: whose opinion counts.
            secret: what the client proved, or, as a password, claims.

        Raises:
            Violation: the server refuses it, or cannot be reached.
            Lost, Malformed: the server broke off.
        """
        if is_trusted(scope, secret):
            pass
        elif not scope.greeting or is_proved(secret):
            async with scope.door:
                if not is_trusted(scope, secret):
                    await self._judge(scope, node, secret)
        else:
            await self._judge(scope, node, secret)
        scope.secret = secret
        return scope.greeting

    async def _judge(self, scope: Scope, node: Node, secret: Secret) -> None:
        try:
            backend = await self._enter(scope, node, secret)
        except (Violation, Lost) as error:
            if not scope.greeting or not is_proved(secret) or is_about_the_user(error):
                raise
            scope.judged = asyncio.get_running_loop().time()  # a server that is busy or away has no opinion
            return
        settings = backend.server.settings.items()
        greeting = b"".join(wire.message(b"S", name + b"\0" + value + b"\0") for name, value in settings)
        if scope.greeting and greeting != scope.greeting:
            self._retire({backend.pool})  # these have the settings of before
        scope.greeting = greeting
        scope.judged = asyncio.get_running_loop().time()
        scope.secret = secret
        backend.pool.admit(backend)

    # Connections.

    def pool(self, scope: Scope, node: Node) -> Pool[Backend]:
        """The connections of an identity to a node."""
        pool = scope.pools.get(node)
        if pool is None:
            pool = scope.pools[node] = Pool(self.limits, partial(self._connect, scope, node), Backend.close)
            self._watch_out()
        return pool

    def lend(self, backend: Backend, session: PooledSession | None) -> None:
        """Note who has a connection that was just borrowed."""
        backend.session = session
        self.borrowed[backend] = None

    def give_back(self, backend: Backend) -> None:
        """A borrowed connection can be lent to somebody else."""
        backend.rest()
        if backend.cancels:
            return  # `cancel` gives it back
        del self.borrowed[backend]
        if backend.retired or backend.link.ended or backend.link.finished:
            backend.pool.drop(backend)
        else:
            backend.pool.give_back(backend)

    def drop(self, backend: Backend) -> None:
        """A borrowed connection is closed."""
        if backend in self.borrowed:
            del self.borrowed[backend]
            backend.session = None
            backend.pool.drop(backend)

    def abandon(self, backend: Backend) -> None:
        """Nobody awaits a borrowed connection's answers any more: it ends when it has done what it was told.

        That is what the server does when a client goes away: it ends the transaction that the client has left.
        """
        link = backend.link
        backend.rest()
        backend.retired = True
        link.on_end = partial(self.drop, backend)
        if link.ended or link.transport.is_closing():
            self.drop(backend)
            return
        link.on_bytes = _ignore
        link.transport.resume_reading()
        link.end_of_stream()

    async def cancel(self, backend: Backend) -> None:
        """Send a cancel request; the connection stays with its client until that has arrived."""
        backend.cancels += 1
        arrived = False
        try:
            arrived = await upstream.cancel(backend.link, backend.address, backend.key)
        finally:
            backend.cancels -= 1
            backend.retired = backend.retired or not arrived
            if not backend.cancels and backend.session is None and backend in self.borrowed:
                self.give_back(backend)

    def retire(self, *, database: str | None = None, node: Node | None = None) -> None:
        """Close connections, those that are borrowed once they are given back.

        Args:
            database: only those to this database; None = to all.
            node: only those to this node; None = to all.
        """
        self._generation += 1
        retired: set[Pool[Backend]] = set()
        for scope in self.scopes.values():
            if database in (None, scope.database):
                scope.judged = NEVER
                retired.update(pool for one, pool in scope.pools.items() if node is None or node is one)
        self._retire(retired)

    def _retire(self, pools: set[Pool[Backend]]) -> None:
        for pool in pools:
            pool.clear()
        for backend in self.borrowed:
            backend.retired = backend.retired or backend.pool in pools

    def abort(self, node: Node) -> None:
        """Break off the connections to a node that are borrowed: their clients are told that they were lost."""
        pools = set(self._of(node))
        for backend in list(self.borrowed):
            if backend.pool in pools:
                backend.link.transport.abort()

    async def ask(
        self, scope: Scope, node: Node, sql: str, params: Sequence[str | None] = (), *, seconds: float = 5.0
    ) -> list[Row]:
        """Run one query of the edge's own as an identity.

        Args:
            scope: the identity.
            node: where.
            sql: one statement, which leaves nothing behind.
            params: its parameters as texts.
            seconds: limit, the wait for a connection counted in.

        Raises:
            Violation: no connection was to be had, or the server said an error.
            Lost: the connection ended.
            TimeoutError: it took too long.
        """
        async with asyncio.timeout(seconds), self.own(scope, node) as backend:
            return await question(backend, sql, params)

    @contextlib.asynccontextmanager
    async def own(self, scope: Scope, node: Node) -> AsyncIterator[Backend]:
        """A connection for `question` and `exchange`: it is closed where these end with anything but a Violation.

        Args:
            scope: the identity.
            node: where.

        Raises:
            Violation, Lost: no connection was to be had.
        """
        backend = await self.pool(scope, node).borrow()
        self.lend(backend, None)
        done = False
        try:
            yield backend
            done = True
        except Violation:
            done = True
            raise
        finally:
            if done:
                backend.hear()
                self.give_back(backend)
            else:
                self.drop(backend)

    def figures(self) -> Iterator[PoolFigures]:
        """Every pool's figures; the longest waits begin anew."""
        for scope in self.scopes.values():
            for node, pool in scope.pools.items():
                waits = pool.waits
                yield PoolFigures(
                    node.name, scope.database, scope.user, pool.count, pool.count - pool.unused, pool.waiting,
                    waits.borrowed, waits.waited, waits.seconds, waits.longest, waits.refused,
                )  # fmt: skip
                waits.longest = 0.0

    def close(self) -> None:
        """Close everything."""
        if self._timer is not None:
            self._timer.cancel()
        for scope in self.scopes.values():
            if scope.instead is not None:
                scope.instead.close()
            for pool in scope.pools.values():
                pool.clear()
        for backend in list(self.borrowed):
            backend.link.transport.abort()

    async def _connect(self, scope: Scope, node: Node) -> Backend:
        return await self._enter(scope, node, scope.secret or Secret())

    async def _enter(self, scope: Scope, node: Node, secret: Secret) -> Backend:
        """A connection, for which others that nobody uses are closed where the server has no room."""
        for pause in ROOM:
            try:
                return await self._open(scope, node, secret)
            except Violation as refused:
                if refused.sqlstate != FULL:
                    raise
                unused = [(since, pool) for pool in self._of(node) if (since := pool.idle_since) is not None]
                if not unused:
                    raise
                min(unused, key=lambda one: one[0])[1].give_up()
            await asyncio.sleep(pause)
        return await self._open(scope, node, secret)

    def _of(self, node: Node) -> Iterator[Pool[Backend]]:
        return (scope.pools[node] for scope in self.scopes.values() if node in scope.pools)

    async def _open(self, scope: Scope, node: Node, secret: Secret) -> Backend:
        generation = self._generation
        link, address = await upstream.connect(node.addresses)
        done = False
        try:
            async with asyncio.timeout(address.timeout):
                settings, key = await log_in(link, scope, secret)
                backend = Backend(link, Server(settings, self.statements), address, key, self.pool(scope, node))
                backend.server.temporary = await makes_temporary(backend)
                await self._prove(backend, scope.database)
            done = True
        except TimeoutError:
            raise upstream.Unreachable([f"{address.label}: timeout expired"], "timeout expired") from None
        finally:
            if not done:
                link.close()
        backend.retired = backend.retired or generation != self._generation
        return backend

    async def _prove(self, backend: Backend, database: str) -> None:
        """Find out whether a connection is to the server whose changes are told."""
        slot = None if self.slot is None else self.slot(database)
        if slot is not None and await has_slot(backend, slot):
            backend.slot = slot

    # What is idle for too long.

    def _watch_out(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for key, scope in list(self.scopes.items()):
            for pool in scope.pools.values():
                pool.shrink()
            if not scope.sessions and not any(pool.count or pool.waiting for pool in scope.pools.values()):
                del self.scopes[key]
                if scope.instead is not None:
                    scope.instead.close()
                if self.forget is not None:
                    self.forget(scope)
        if self.in_transaction:
            for backend in list(self.borrowed):
                if backend.session is not None:
                    backend.session.tick(TICK, self.in_transaction)
        if self.scopes:
            self._watch_out()


def _ignore(_data: bytes) -> None:
    """Nobody wants these bytes."""
