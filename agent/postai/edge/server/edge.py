"""Accepts clients, finds their server, and knows every session by the key that its client got for cancelling."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from postai.edge import wire
from postai.edge.pinning import Pinning
from postai.edge.pooling import Client
from postai.edge.server import listeners, upstream
from postai.edge.server.cached import Caches
from postai.edge.server.figures import Figures, Row, clients
from postai.edge.server.front import Doors, Greeting, Introduction, agreed_version, first_request
from postai.edge.server.link import Link, Lost
from postai.edge.server.nodes import Nodes
from postai.edge.server.pool import Limits
from postai.edge.server.pooled import PooledSession
from postai.edge.server.pools import Pools
from postai.edge.server.room import SPARE, room
from postai.edge.server.scopes import AtHome, Choose, Node, Scope
from postai.edge.server.session import Session
from postai.edge.server.show import Explain, Shows
from postai.edge.server.upstream import Address, Login, Unreachable
from postai.edge.server.users import Users
from postai.edge.wire import Cancel, Malformed, Startup, Violation
from postai.errors import PostaiError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)

ACCEPTED = 0.2
"""Seconds after which whom the event loop has accepted is known as a client."""
_READY = wire.message(b"Z", b"I")
_NO = frozenset({"off", "no", "false", "0"})
"""Values of the startup parameter `replication` with which a session is an ordinary one."""
SECRET_BYTES = {wire.VERSION_3_0: 4, wire.VERSION_3_2: 32}


@dataclass(frozen=True)
class Place:
    """Where a database is.

    Attributes:
        addresses: hosts in the order in which they are tried.
        dbname: its name there; None = the same.
        clustered: whether the hosts are those of a cluster, of which one is the primary.
    """

    addresses: tuple[Address, ...]
    dbname: str | None
    clustered: bool = False

    @property
    def label(self) -> str:
        return ",".join(address.label for address in self.addresses)


class Edge:
    """The listening process.

    Args:
        settings: limits and ways to log in.
        places: databases; "*" stands for all others.
        certificate: for TLS with clients; None = without.
        users: what is stored of passwords, for auth = "scram".
    """

    def __init__(
        self,
        settings: EdgeSettings,
        places: dict[str, Place],
        certificate: ssl.SSLContext | None,
        users: Users | None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._cached = {(places[one.name].addresses, one.dbname or one.name) for one in settings.database if one.cache}
        self._certificate = certificate
        self._users = users
        self._caches: Caches | None = None
        self._doors = None if settings.auth == "relay" else Doors(users)
        self._sessions: dict[bytes, Session | PooledSession] = {}
        self.pools = _pools(settings) if settings.pool_mode == "transaction" else None
        self.nodes = Nodes(settings, self.pools, self._role_lost) if settings.node or settings.home else None
        self.choose: Choose = AtHome() if self.nodes is None else self.nodes
        """Which node a pooled client's next messages go to."""
        self._nodes: dict[tuple[Address, ...], Node] = {}
        self._pinning = Pinning()
        self._logins: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._admitted = 0
        self._most = room(settings.max_connections)
        self._listeners: list[asyncio.Server] = []
        self.figures = Figures()
        """What SHOW postai.<table>, the metrics and `post-ai edge stats` show."""
        self.shows: Shows | None = None
        if self.pools is not None:
            self.figures.add("pools", self.pools.figures)
        self.figures.add("routes", self.nodes.figures if self.nodes is not None and settings.node else self._routes)
        self.figures.add("cache", tuple)
        if self.pools is not None:
            explain: Explain = _only_home if self.nodes is None else self.nodes.explain
            self.shows = Shows(self.pools, self._find, explain)
            if any(one.cache for one in settings.database):
                known = () if self.nodes is None else (self.nodes.ttl, self.nodes.writer, self.nodes.leads)
                self._caches = Caches(settings, self.pools, self.shows, *known)
                if self.nodes is not None:
                    self.nodes.on_rules = self._caches.ruled
                self.figures.add("cache", self._caches.figures)
                if settings.cache_directory is not None or settings.cache_url is not None:
                    self.figures.add("tiers", self._caches.tiers)
        self.everywhere: Callable[[str, str | None], Awaitable[list[Row]]] | None = None
        """Gives the rows of a table of all processes of this edge."""
        self.elsewhere: Callable[[bytes], Awaitable[bool]] | None = None
        """Hands the key of a cancel request that has no session here to the other processes of this edge."""
        self.number = 0
        """Among the processes of this edge: what each keeps for itself on this machine has it in its name."""
        self._stopping = False
        self._over = asyncio.Event()

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def purge(self, database: str | None, table: str | None) -> dict[str, bool]:
        """Forget cached answers; the databases of which they are, and whether it is all of them.

        Args:
            database: its name; None = all.
            table: schema and name; None = all.
        """
        return {} if self._caches is None else self._caches.purge(database, table)

    def clients(self, user: str | None = None) -> list[Row]:
        """A row for each client; only for this user's where one is given."""
        return list(clients(self._sessions.items(), user))

    def _routes(self) -> Iterator[Row]:
        """A row for each server, where none of them is asked how it is."""
        for label in dict.fromkeys(place.label for place in self._places.values()):
            yield {"name": label, "region": None, "role": None, "latency_ms": None,
                   "behind_seconds": None, "problem": None}  # fmt: skip

    async def _find(self, table: str, user: str | None) -> list[Row] | None:
        if table != "clients" and table not in self.figures.names:
            return None
        if self.everywhere is not None:
            return await self.everywhere(table, user)
        return self.clients(user) if table == "clients" else self.figures.rows(table)

    async def listen(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Accept clients.

        Args:
            sockets: that listen already; none = they are opened as the settings say.

        Raises:
            UsageError: they cannot be opened.
        """
        loop = asyncio.get_running_loop()
        if self.nodes is not None:
            self.nodes.start()
        if self._caches is not None:
            self._caches.start(self.number)
        for one in sockets or listeners.open_all(self._settings):
            self._listeners.append(await listeners.serve(loop, lambda: Link(self._accept), one))

    async def retire(self, seconds: float) -> None:
        """Accept nobody any more, and let those who are here begin and end their sessions, for some seconds.

        Clients that wait at a socket which another process has, too, are that one's.
        """
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(ACCEPTED)
                while self._logins or self._admitted:
                    if self._logins:
                        await asyncio.wait(list(self._logins))
                    else:
                        await self._empty(seconds)

    async def stop(self, seconds: float) -> None:
        """Admit no more clients, let sessions end by themselves for some seconds, then end them.

        The port stays open until then, so that sessions can be cancelled, and others are told that they cannot begin.
        """
        self._stopping = True
        if not await self._empty(seconds):
            self.hurry()
        if not await self._empty(1.0):
            for session in list(self._sessions.values()):
                session.abort()
        for listener in self._listeners:
            listener.close()
        if self._logins:
            self.hurry()
            await asyncio.wait(list(self._logins), timeout=1.0)
        if self.nodes is not None:
            await self.nodes.stop()
        if self._caches is not None:
            await self._caches.stop()
        if self.pools is not None:
            self.pools.close()
        if self._users is not None:
            await asyncio.to_thread(self._users.close)

    def hurry(self) -> None:
        """End the sessions and logins that a stop still waits for."""
        for task in list(self._logins):
            task.cancel()
        for session in list(self._sessions.values()):
            session.terminate("57P01", "terminating connection due to administrator command")

    async def _empty(self, seconds: float) -> bool:
        """Whether the last client is gone within that time."""
        try:
            async with asyncio.timeout(seconds):
                while self._admitted:
                    self._over.clear()
                    await self._over.wait()
        except TimeoutError:
            return False
        return True

    # One client.

    def _accept(self, link: Link) -> None:
        if self._logins and len(self._logins) + len(self._sessions) >= self._most + SPARE:
            oldest = next(iter(self._logins))  # who is not done for the longest time
            del self._logins[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._serve(link))
        self._logins[task] = None
        task.add_done_callback(partial(self._over_with, link))
        link.on_end = task.cancel

    def _over_with(self, link: Link, login: asyncio.Task[None]) -> None:
        self._logins.pop(login, None)
        if login.cancelled():  # before it began
            link.close()

    async def _serve(self, link: Link) -> None:
        startup: Startup | None = None
        relayed = False
        try:
            async with asyncio.timeout(self._settings.authentication_timeout):
                first = await first_request(link, self._certificate, ssl_required=self._settings.ssl_required)
                if isinstance(first, Cancel):
                    link.on_end = None
                    if not await self.cancel(first.key) and self.elsewhere is not None:
                        await self.elsewhere(first.key)
                else:
                    startup = first
                    relayed = await self._log_in(link, startup)
        except Violation as violation:
            _note(violation, startup)
            link.send(violation.response())
        except PostaiError as error:
            log.error("a login failed", extra={"error": error.message, "detail": error.detail, "hint": error.hint})
            link.send(wire.error_response("58000", "the edge cannot find out who may log in"))
        except (Lost, Malformed) as error:
            log.debug("a connection ended before its login", extra={"error": str(error)})
        except TimeoutError:
            if startup is not None:
                link.send(wire.error_response("57014", "canceling authentication due to timeout"))
        except asyncio.CancelledError:
            if self._stopping and not link.transport.is_closing():
                link.send(_stopped().response())
        finally:
            if not relayed:
                link.on_end = None
                link.close()

    async def _log_in(self, client: Link, startup: Startup) -> bool:
        place = self._places.get(startup.database) or self._places.get("*")
        if place is None:
            raise Violation("3D000", f'database "{startup.database}" does not exist')
        if self._stopping:
            raise _stopped()
        if self._admitted >= self._most:
            raise Violation("53300", "sorry, too many clients already")
        self._admitted += 1
        session = None
        try:
            session = await self._admit(client, startup, place)
        finally:
            if session is None:
                self._left()
        if session is not None:
            session.begin()
        return session is not None

    async def _admit(self, client: Link, startup: Startup, place: Place) -> Session | PooledSession | None:
        if self.pools is None or startup.parameters.get("replication", "off") not in _NO:
            return await self._introduce(client, startup, place)
        return await self._introduce_pooled(self.pools, client, startup, place)

    async def _introduce_pooled(
        self, pools: Pools, client: Link, startup: Startup, place: Place
    ) -> PooledSession | None:
        assert self._doors is not None
        dbname = place.dbname or startup.database
        secret, first = await self._doors.prove(client, startup, place.addresses[0], dbname)
        own = {"user", "database", "replication", *startup.unknown_options}
        parameters = {name: value for name, value in startup.parameters.items() if name not in own}
        scope = pools.scope(self._node(place), dbname, startup.user, parameters)
        cached = (place.addresses, dbname) in self._cached  # another server's may have the same name
        answers = self._caches.of(scope) if self._caches is not None and cached else None
        scope.answer = answers or self.shows
        if scope.instead is None and self.nodes is not None:
            scope.instead = self.nodes.instead(scope, partial(self._definitions, dbname))
        session = None
        try:
            node = scope.home if self.nodes is None else await self.nodes.door(scope.home)
            settings = await pools.greet(scope, node, secret)
            if not client.transport.is_closing():
                key = self._new_key(_number(), agreed_version(startup))
                ended = partial(self._ended_pooled, key, scope)
                session = PooledSession(client, scope, pools, self.choose, Client(self._pinning), ended)
                if answers is not None:
                    answers.join(session)
                self._sessions[key] = session
                client.send(first + wire.authentication(0) + settings + wire.message(b"K", key) + _READY)
        finally:
            if session is None:
                pools.leave(scope)
        return session

    def _definitions(self, database: str) -> int:
        """Changes with the definitions of a cached database."""
        cache = None if self._caches is None else self._caches.databases.get(database)
        return 0 if cache is None else cache.caching.generation

    def _node(self, place: Place) -> Node:
        if place.clustered and self.nodes is not None:
            return self.nodes.primary
        if place.addresses not in self._nodes:
            self._nodes[place.addresses] = Node(place.label, place.addresses)
        return self._nodes[place.addresses]

    async def _introduce(self, client: Link, startup: Startup, place: Place) -> Session | None:
        secret, first = None, b""
        if self._doors is not None:
            dbname = place.dbname or startup.database
            secret, first = await self._doors.prove(client, startup, place.addresses[0], dbname)
        choices = place.addresses
        if self.nodes is not None:
            choices = await self.nodes.login(self._node(place), startup.user, place.dbname or startup.database)
        server, address = await upstream.connect(choices)
        session = None
        try:
            server.send(self._packet(startup, place))
            login = Login(server, startup.user, secret) if secret else None
            greeting = Greeting(agreed_version(startup))
            greeted = Introduction(client, server, startup.user, login, greeting, self._told_key)
            # A client that is gone by now tells nobody any more.
            if await greeted.run(first) and not client.transport.is_closing() and not server.transport.is_closing():
                key = greeting.own_key or secrets.token_bytes(40)
                who = startup.user, startup.database
                session = Session(client, server, address, greeting.key, who, partial(self._ended, key))
                self._sessions[key] = session
        finally:
            if session is None:
                server.close()
        return session

    def _packet(self, startup: Startup, place: Place) -> bytes:
        if self._doors is None and place.dbname is None:
            return startup.packet
        parameters = dict(startup.parameters)
        if place.dbname is not None:
            parameters["database"] = place.dbname
        if self._doors is None:
            return wire.startup_packet(startup.version, parameters)
        for name in startup.unknown_options:
            del parameters[name]
        return wire.startup_packet(agreed_version(startup), parameters)

    def _told_key(self, told: Greeting) -> bytes:
        """The server's process id, which NOTIFY and pg_backend_pid() tell too, with a secret of our own."""
        return self._new_key(told.key[:4], told.version)

    def _new_key(self, number: bytes, version: int) -> bytes:
        size = SECRET_BYTES[wire.VERSION_3_2 if version >= wire.VERSION_3_2 else wire.VERSION_3_0]
        while (key := number + secrets.token_bytes(size)) in self._sessions:
            pass
        return key

    def _role_lost(self, addresses: tuple[Address, ...]) -> None:
        """A server is the primary no more: sessions that have a connection of their own to it end."""
        if self._caches is not None:
            self._caches.role_lost()
        for session in list(self._sessions.values()):
            if isinstance(session, Session) and session.address in addresses:
                session.terminate("57P01", "terminating connection, as the server is not the primary any more")

    def _ended(self, key: bytes) -> None:
        del self._sessions[key]
        self._left()

    def _ended_pooled(self, key: bytes, scope: Scope) -> None:
        assert self.pools is not None
        self.pools.leave(scope)
        self._ended(key)

    def _left(self) -> None:
        self._admitted -= 1
        if not self._admitted:
            self._over.set()

    async def cancel(self, key: bytes) -> bool:
        """Cancel what the session with that key does; False when no session has it."""
        session = self._sessions.get(key)
        if session is None:
            return False
        await session.cancel()
        return True


def _pools(settings: EdgeSettings) -> Pools:
    limits = Limits(
        most=settings.pool_size,
        least=settings.pool_min_size,
        queue=settings.pool_queue,
        wait=settings.pool_wait_timeout,
        idle=settings.pool_idle_timeout,
    )
    return Pools(limits, settings.pool_statements, settings.idle_in_transaction_timeout)


def _only_home(session: PooledSession, /, *, servers: bool) -> list[str]:
    return [f"{session.scope.home.name}: the only server" if servers else "the only server"]


def _number() -> bytes:
    """A process id to tell a client that has no process of its own."""
    return (1 + secrets.randbelow(0x7FFFFFFF)).to_bytes(4, "big")


def _stopped() -> Violation:
    return Violation("57P03", "the database system is shutting down")


def _note(violation: Violation, startup: Startup | None) -> None:
    user = startup.user.encode("unicode_escape").decode() if startup else None
    extra = {"sqlstate": violation.sqlstate, "error": violation.message, "user": user}
    if isinstance(violation, Unreachable):
        log.error("no server can be reached", extra={**extra, "tried": "; ".join(violation.failures)})
    else:
        log.info("a client was refused", extra=extra)
