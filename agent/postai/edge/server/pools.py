"""Pools of server connections: one for each node and identity, logged in without a client."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from postai.edge import wire
from postai.edge.pinning import is_temporary_path
from postai.edge.sent import Server
from postai.edge.server import upstream
from postai.edge.server.link import Link, Lost
from postai.edge.server.pool import Limits, Pool
from postai.edge.server.upstream import Address, Login, Secret
from postai.edge.wire import Framer, Violation

if TYPE_CHECKING:
    from postai.edge.server.pooled import PooledSession

log = logging.getLogger(__name__)

LONGEST = 65_536
"""Bytes of a server's message that is read during the login."""
TRUSTED = 60.0
"""Seconds for which an identity that a server has let in needs no second judgement."""
TICK = 1.0
"""Seconds between two looks for what has been idle for too long."""
ASKED = 1 << 20
"""Bytes of an answer to a question of the edge's own."""

NEVER = float("-inf")
_ABOUT_THE_USER = frozenset({"28", "3D", "42"})
"""Classes of SQLSTATEs: no login, no such database, no right to connect."""
_CODE = struct.Struct("!i")
_COUNT = struct.Struct("!h")
_SERVERS_OWN = b"in_hot_standby\0"
_IDLE = frozenset(b"SE")
_ANSWER = frozenset(b"DEZS")
_STATE = frozenset(b"SZ")

Row = tuple[str | None, ...]

_HAS_SLOT = "select exists (select from pg_catalog.pg_replication_slots as s where s.slot_name = $1)"


@dataclass(eq=False)
class Node:
    """A server that sessions may go to.

    Attributes:
        name: as people call it.
        addresses: its hosts, in the order in which they are tried; the primary's are others after a failover.
    """

    name: str
    addresses: tuple[Address, ...]


class Answerer(Protocol):
    """Answers a client that rests, before a server is borrowed for it."""

    def __call__(self, session: PooledSession, data: bytes) -> bytes | None:
        """What is sent to the client; None = a server shall answer; empty = `session.proceed` will be called."""
        ...


class Instead(Protocol):
    """Says in which statements' place another one is sent to the primary."""

    def __call__(self, text: bytes, /) -> bytes | None:
        """What is sent; None = the statement itself."""
        ...

    def claims(self, text: bytes, /) -> bool:
        """Whether something is sent, or that is still to be found out."""
        ...

    def explain(self, sent: bytes, /) -> str:
        """Why something was sent in a statement's place."""
        ...

    def close(self) -> None:
        """The identity is gone."""
        ...


class Scope:
    """An identity, shared by its sessions: who is who to the server, with the same settings.

    Attributes:
        home: where the database is.
        database, user, parameters: as the server is told.
        answer: who may answer in the servers' place; None = nobody.
        instead: gives what is sent in a statement's place; None = nothing ever is.
        pools: its connections by node.
        sessions: how many clients have it.
        greeting: the ParameterStatus messages of a login; empty before the first one.
    """

    __slots__ = ("answer", "database", "door", "greeting", "home", "instead", "judged", "parameters", "pools", "secret",
                 "sessions", "user")  # fmt: skip

    def __init__(self, home: Node, database: str, user: str, parameters: tuple[tuple[str, str], ...]) -> None:
        self.home = home
        self.database, self.user, self.parameters = database, user, parameters
        self.answer: Answerer | None = None
        self.instead: Instead | None = None
        self.pools: dict[Node, Pool[Backend]] = {}
        self.sessions = 0
        self.secret: Secret | None = None
        self.judged = NEVER
        self.greeting = b""
        self.door = asyncio.Lock()


class Backend:
    """A connection to a server past its login.

    Attributes:
        link: the connection.
        server: what is known of its session.
        address: where it is.
        key: process id and secret.
        pool: where it belongs to.
        session: who has borrowed it.
        cancels: cancel requests on their way to it: until they are over it is nobody else's.
        retired: whether it is closed once it is given back.
        slot: of the stream that tells of its server's changes; None = none does, or that is another server's.
    """

    __slots__ = ("_framer", "address", "cancels", "key", "link", "pool", "retired", "server", "session", "slot")

    def __init__(self, link: Link, server: Server, address: Address, key: bytes, pool: Pool[Backend]) -> None:
        self.link, self.server, self.address, self.key, self.pool = link, server, address, key, pool
        self.session: PooledSession | None = None
        self.cancels = 0
        self.retired = False
        self.slot: str | None = None
        self._framer: Framer | None = None
        self.hear()

    def hear(self) -> None:
        """Take what the server says: it is for who has borrowed the connection, or about the connection itself."""
        self.link.relay(self._received)
        self.link.on_end, self.link.on_eof = self._ended, self.link.close

    def rest(self) -> None:
        """Nobody has it any more."""
        self.session = None
        if self.link.peer is not None:
            self.link.fed_by(None)

    def close(self) -> None:
        """End the session."""
        link = self.link
        link.on_end = None
        if not link.transport.is_closing():
            if not link.ended and not link.finished:
                link.send(wire.message(b"X"))
            link.close()

    def _received(self, data: bytes) -> None:
        if self.session is not None:
            self.session.from_server(data)
        else:
            self._overhear(data)

    def _ended(self) -> None:
        if self.session is not None:
            self.session.server_gone()
        else:
            self.pool.lost(self)

    def _overhear(self, data: bytes) -> None:
        """An idle server tells of its end, or of settings that were reloaded: it is not lent any more."""
        if self._framer is None:
            self._framer = Framer(wire.BACKEND, _IDLE)
        for kind, message in self._framer.feed(data):
            if kind and not message[5:].startswith(_SERVERS_OWN):
                self.retired = True
                self.pool.lost(self)


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
        if _trusted(scope, secret):
            pass
        elif not scope.greeting or _is_proved(secret):
            async with scope.door:
                if not _trusted(scope, secret):
                    await self._judge(scope, node, secret)
        else:
            await self._judge(scope, node, secret)
        scope.secret = secret
        return scope.greeting

    async def _judge(self, scope: Scope, node: Node, secret: Secret) -> None:
        try:
            backend = await self._open(scope, node, secret)
        except (Violation, Lost) as error:
            if not scope.greeting or not _is_proved(secret) or _is_about_the_user(error):
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
        pools = {scope.pools[node] for scope in self.scopes.values() if node in scope.pools}
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
        return await self._open(scope, node, scope.secret or Secret())

    async def _open(self, scope: Scope, node: Node, secret: Secret) -> Backend:
        generation = self._generation
        link, address = await upstream.connect(node.addresses)
        done = False
        try:
            async with asyncio.timeout(address.timeout):
                settings, key = await _log_in(link, scope, secret)
                backend = Backend(link, Server(settings, self.statements), address, key, self.pool(scope, node))
                backend.server.temporary = await _makes_temporary(backend)
                await self._prove(backend, scope.database)
            done = True
        except TimeoutError:
            raise upstream.Unreachable([f"{address.label}: timeout expired"]) from None
        finally:
            if not done:
                link.close()
        backend.retired = backend.retired or generation != self._generation
        return backend

    async def _prove(self, backend: Backend, database: str) -> None:
        """Find out whether a connection is to the server whose changes are told: not all hosts need be the same."""
        slot = None if self.slot is None else self.slot(database)
        if slot is None:
            return
        try:
            rows = await question(backend, _HAS_SLOT, (slot,))
        except Violation as refused:
            log.warning("answers of a connection are not kept", extra={"error": refused.message})
        else:
            backend.slot = slot if rows == [("t",)] else None
        backend.hear()

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


def _trusted(scope: Scope, secret: Secret) -> bool:
    """Whether a secret needs no judgement of a server: one has let the identity in lately, and it is the right one."""
    if not scope.greeting or asyncio.get_running_loop().time() - scope.judged >= TRUSTED:
        return False
    if _is_proved(secret) or secret.password is None:
        return True
    known = scope.secret.password if scope.secret else None
    if known is None:
        return False
    return hmac.compare_digest(
        known.encode("utf-8", "surrogateescape"), secret.password.encode("utf-8", "surrogateescape")
    )


def _is_proved(secret: Secret) -> bool:
    """Whether the edge has had it proved, so that only a server's mind may have changed."""
    return secret.password is None or secret.keys is not None


def _is_about_the_user(error: Violation | Lost) -> bool:
    """Whether a server refuses this user, with this password, in this database."""
    return isinstance(error, Refused) and error.sqlstate[:2] in _ABOUT_THE_USER


class Refused(Violation):
    """A server refuses a login; the client gets its own words.

    Args:
        body: of the server's ErrorResponse.
    """

    def __init__(self, body: bytes) -> None:
        fields = wire.parse_error(body)
        super().__init__(fields.get("C", "08001"), fields.get("M", ""), detail=fields.get("D"), hint=fields.get("H"))
        self._body = body

    def response(self) -> bytes:
        return wire.message(b"E", self._body)


async def _log_in(link: Link, scope: Scope, secret: Secret) -> tuple[dict[bytes, bytes], bytes]:
    """Begin a session; its settings, and the key that cancels it."""
    parameters = {"user": scope.user, "database": scope.database, **dict(scope.parameters)}
    link.send(wire.startup_packet(wire.VERSION_3_0, parameters))
    login = Login(link, scope.user, secret)
    settings: dict[bytes, bytes] = {}
    key = b""
    while True:
        kind, body = await link.message(LONGEST)
        if kind == ord("R"):
            if _CODE.unpack_from(body)[0]:
                await login.answer(body)
        elif kind == ord("S"):
            name, value, _ = body.split(b"\0")
            settings[name] = value
        elif kind == ord("K"):
            key = body
        elif kind == ord("E"):
            raise Refused(body)
        elif kind == ord("Z"):
            return settings, key


async def _makes_temporary(backend: Backend) -> bool:
    """Whether tables that are made without a schema's name are temporary; what cannot be told is believed to be so.

    Servers report their search_path since version 18. Roles and databases may have one, so older ones are asked.

    Raises:
        Lost: the connection ended.
    """
    told = backend.server.settings.get(b"search_path")
    if told is not None:
        return is_temporary_path(told.decode("utf-8", "replace"))
    if not backend.server.readable:
        return True
    try:
        rows = await question(backend, "show search_path", ())
    except Violation as refused:
        log.warning("clients keep a connection, as its search_path is not known", extra={"error": refused.message})
        return True
    finally:
        backend.hear()
    return any(is_temporary_path(path or "") for (path,) in rows)


def _ignore(_data: bytes) -> None:
    """Nobody wants these bytes."""


async def exchange(backend: Backend, data: bytes, unnamed: bytes | None, most: int) -> bytes:
    """Send what a client would send, and take what it would be sent, up to ReadyForQuery.

    Args:
        backend: a connection of `Pools.own`.
        data: messages that end with a Query or a Sync, and name no statement.
        unnamed: what the unnamed statement stands for afterwards; None = there is none.
        most: bytes of the answer.

    Raises:
        Lost: the connection ended, the answer is longer, or it leaves the session in another state.
    """
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    framer = Framer(wire.BACKEND, _STATE, ASKED)
    found: list[bytes] = []
    size = 0

    def receive(data: bytes) -> None:
        nonlocal size
        size += len(data)
        found.append(data)
        if answer.done():
            return
        for kind, message in framer.feed(data):
            if kind == ord("Z") and message[5:] == b"I":
                answer.set_result(None)
            elif kind:
                answer.set_exception(Lost("the session is not what it was"))
        if (size > most or framer.broken) and not answer.done():
            answer.set_exception(Lost("the answer is too long"))

    def ended() -> None:
        if not answer.done():
            answer.set_exception(Lost("the server closed the connection"))

    backend.link.on_bytes, backend.link.on_end = receive, ended
    backend.link.send(data)
    await answer
    backend.server.names.confirm((b"", unnamed), 0)
    return b"".join(found)


async def question(backend: Backend, sql: str, params: Sequence[str | None]) -> list[Row]:
    """Run one query on a connection of `Pools.own`.

    Raises:
        Violation: the server said an error.
        Lost: the connection ended, or the answer is too long.
    """
    if not backend.server.readable:
        raise Violation("0A000", "the session's texts are written differently")
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    framer = Framer(wire.BACKEND, _ANSWER, ASKED)
    rows: list[Row] = []
    error: list[Violation] = []
    size = 0

    def receive(data: bytes) -> None:
        nonlocal size
        size += len(data)
        for kind, message in framer.feed(data):
            if kind == ord("D"):
                rows.append(_row(message))
            elif kind == ord("E"):
                error.append(Refused(message[5:]))
            elif kind == ord("Z") and not answer.done():
                answer.set_result(None)
        if (size > ASKED or framer.broken) and not answer.done():
            answer.set_exception(Lost("the answer is too long"))

    def ended() -> None:
        if not answer.done():
            answer.set_exception(Lost("the server closed the connection"))

    backend.link.on_bytes, backend.link.on_end = receive, ended
    backend.link.send(_question(sql, params))
    backend.server.names.confirm((b"", None), 0)
    await answer
    if error:
        raise error[0]
    return rows


def _question(sql: str, params: Sequence[str | None]) -> bytes:
    values = b""
    for value in params:
        raw = None if value is None else value.encode()
        values += _CODE.pack(-1) if raw is None else _CODE.pack(len(raw)) + raw
    return (
        wire.message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        + wire.message(b"B", b"\0\0\0\0" + _COUNT.pack(len(params)) + values + b"\0\0")
        + wire.message(b"E", b"\0\0\0\0\0")
        + wire.message(b"S")
    )


def _row(message: bytes) -> Row:
    """The texts of a DataRow."""
    (count,) = _COUNT.unpack_from(message, 5)
    at = 7
    found: list[str | None] = []
    for _ in range(count):
        (length,) = _CODE.unpack_from(message, at)
        at += 4
        found.append(None if length < 0 else message[at : at + length].decode())
        at += max(length, 0)
    return tuple(found)


class Choose(Protocol):
    """Says where clients go."""

    def __call__(self, session: PooledSession, /) -> Node | Awaitable[Node]:
        """Where a client's next messages go.

        Raises:
            Violation: nowhere; the client is told, and may go on.
        """
        ...

    def follows(self, session: PooledSession, /) -> bool:
        """Whether a client's next messages may go where those went that are not answered yet."""
        ...

    def failed(self, node: Node, why: str, /) -> bool:
        """No connection to a node was to be had; whether it helps to choose again."""
        ...


class AtHome:
    """Everybody goes where their database is."""

    def __call__(self, session: PooledSession, /) -> Node:
        return session.scope.home

    def follows(self, _session: PooledSession, /) -> bool:
        return True

    def failed(self, _node: Node, _why: str) -> bool:
        return False
