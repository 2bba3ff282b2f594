"""Asks every server of the cluster how it is, several times a second, and tells what follows from the answers.

One task and one connection for each server. The end of that connection is news, too, so that a server that dies is
known at once; one that answers nothing is known after a second. Where Patroni is configured, its word is needed before
a server takes writes (or, in recovery, reads).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from postai.database import dsn as connection_string
from postai.database import libpq_files, named_sql
from postai.edge import wire
from postai.edge.server import upstream
from postai.edge.server.link import Link, Lost, reason
from postai.edge.server.upstream import Address, Login, Secret
from postai.edge.topology import Node, Report, Topology, View, settled
from postai.edge.wire import Malformed, Violation
from postai.errors import UsageError

log = logging.getLogger(__name__)

INTERVAL = 0.25
"""Seconds between two questions to a server."""
LIMIT = 1.0
"""Seconds that an answer may take."""
CONNECTING = 3.0
"""Seconds that a new connection for the questions may take."""
_LONGEST = 65_536
_PATRONI_ANSWER = 1 << 20


@dataclass(frozen=True)
class Watched:
    """A server that is asked.

    Attributes:
        node: the server.
        addresses: its hosts.
        patroni: address of its Patroni; None = there is none.
    """

    node: Node
    addresses: tuple[Address, ...]
    patroni: str | None = None


class Probe:
    """A connection for questions.

    Args:
        link: the connection.
        ended: called when it ends.
    """

    def __init__(self, link: Link, ended: Callable[[], None]) -> None:
        self._link = link
        link.on_end = ended

    @classmethod
    async def open(cls, addresses: tuple[Address, ...], health_dsn: str, ended: Callable[[], None]) -> Probe:
        """Connect and log in.

        Raises:
            Violation: no host answers, or the server refuses the role.
            Lost, Malformed: the server broke off.
        """
        given = connection_string.parse(health_dsn)
        link, address = await upstream.connect(addresses)
        probe = cls(link, ended)
        done = False
        try:
            full = libpq_files.resolve({**given, "host": address.host, "port": address.port})
            password = await asyncio.to_thread(libpq_files.password_for, full)
            await probe._log_in(full["user"], full["dbname"], Secret(password=password))
            done = True
        finally:
            if not done:
                probe.close()
        return probe

    def close(self) -> None:
        """End it."""
        self._link.on_end = None
        if not self._link.transport.is_closing():
            self._link.transport.abort()

    async def ask(self, query: str) -> tuple[str, ...]:
        """The only row of a query.

        Raises:
            Violation: the server said an error, or no row without NULL.
            Lost, Malformed: the connection broke off.
        """
        self._link.send(wire.message(b"Q", query.encode() + b"\0"))
        row: tuple[str, ...] | None = None
        error: Violation | None = None
        while True:
            kind, body = await self._link.message(_LONGEST)
            if kind == ord("D"):
                row = _row(body)
            elif kind == ord("E"):
                error = _refused(body)
            elif kind == ord("Z"):
                break
        if error is not None or row is None:
            raise error or Violation("02000", "the server did not say how it is")
        return row

    async def _log_in(self, user: str, dbname: str, secret: Secret) -> None:
        parameters = {"user": user, "database": dbname, "application_name": "postai edge", "client_encoding": "UTF8"}
        self._link.send(wire.startup_packet(wire.VERSION_3_0, parameters))
        login = Login(self._link, user, secret)
        while True:
            kind, body = await self._link.message(_LONGEST)
            if kind == ord("R") and body[:4] != b"\0\0\0\0":
                await login.answer(body)
            elif kind == ord("E"):
                raise _refused(body)
            elif kind == ord("Z"):
                return


class Health:
    """Watches servers.

    Args:
        watched: the servers.
        health_dsn: connection of the role that asks them, without a host.
        changed: called with the view before and the view now, after every answer.
    """

    def __init__(self, watched: Iterable[Watched], health_dsn: str, changed: Callable[[View, View], None]) -> None:
        self._watched = {one.node.name: one for one in watched}
        self._dsn = health_dsn
        self._changed = changed
        self._query = named_sql.load(__package__, "health.sql")["state"]
        self._topology = Topology(one.node for one in self._watched.values())
        self._probes: dict[str, Probe] = {}
        self._wake = {name: asyncio.Event() for name in self._watched}
        self._tasks: list[asyncio.Task[None]] = []
        self.segment = 1 << 24
        """Bytes of a segment of the log."""

    @property
    def view(self) -> View:
        """The servers as they are now."""
        return self._topology.view

    def start(self) -> None:
        """Begin to ask."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._watch(one)) for one in self._watched.values()]

    async def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for probe in self._probes.values():
            probe.close()
        self._probes.clear()

    def suspect(self, name: str, why: str) -> None:
        """A connection to a server was lost or refused: it is not used until it has answered again."""
        if name in self._probes:
            self._lose(name, why)
        self._wake[name].set()

    async def _watch(self, one: Watched) -> None:
        name, wake = one.node.name, self._wake[one.node.name]
        while True:
            wake.clear()
            try:
                self._tell(self._topology.report, name, await self._ask(one))
            except (OSError, Lost, Violation, Malformed, ValueError, UsageError) as error:  # TimeoutError is an OSError
                self._lose(name, _why(error))
            try:
                async with asyncio.timeout(INTERVAL):
                    await wake.wait()
            except TimeoutError:
                pass

    async def _ask(self, one: Watched) -> Report:
        name = one.node.name
        probe = self._probes.get(name)
        if probe is None:
            async with asyncio.timeout(CONNECTING):
                probe = await Probe.open(one.addresses, self._dsn, lambda: self.suspect(name, "it closed a connection"))
            self._probes[name] = probe
        asked = monotonic()
        async with asyncio.timeout(LIMIT):
            row = await probe.ask(self._query)
        answered = monotonic()
        system, recovery, timeline, position, segment = row
        in_recovery = recovery == "t"
        self.segment = int(segment)
        approved = None if one.patroni is None else await self._approval(one, in_recovery)
        at = int(position) if in_recovery else settled(int(position), self.segment)
        if self._probes.get(name) is not probe:  # it ended meanwhile
            raise Lost("it closed a connection")
        return Report(asked, answered, system, in_recovery, int(timeline), at, approved)

    def _lose(self, name: str, why: str) -> None:
        probe = self._probes.pop(name, None)
        if probe is not None:
            probe.close()
        self._tell(self._topology.lost, name, why)

    def _tell(self, step: Callable[[str, Any], View], name: str, what: Report | str) -> None:
        before = self._topology.view
        after = step(name, what)
        _note(before, after)
        self._changed(before, after)

    # Patroni.

    async def _approval(self, one: Watched, in_recovery: bool) -> bool | None:
        """Whether Patroni lets a server be what it says; None = no Patroni answers."""
        assert one.patroni is not None
        try:
            status, _ = await asyncio.to_thread(fetch, one.patroni, "/replica" if in_recovery else "/primary")
        except (OSError, http.client.HTTPException):
            return None if in_recovery else await self._leader(one)
        return status == http.client.OK

    async def _leader(self, one: Watched) -> bool | None:
        """Whether the other servers' Patroni calls this one the leader."""
        for other in self._watched.values():
            if other.patroni is None or other is one:
                continue
            try:
                status, body = await asyncio.to_thread(fetch, other.patroni, "/cluster")
                members = json.loads(body)["members"] if status == http.client.OK else []
                leaders = [str(member["api_url"]) for member in members if member["role"] == "leader"]
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
                continue
            if leaders:
                return any(_same_place(url, str(one.patroni)) for url in leaders)
        return None


def fetch(base: str, path: str) -> tuple[int, bytes]:
    """Status and body of a GET.

    Args:
        base: http or https address.
        path: what is asked there.

    Raises:
        OSError, http.client.HTTPException: there is no answer.
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=LIMIT, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=LIMIT)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        response = connection.getresponse()
        return response.status, response.read(_PATRONI_ANSWER)
    finally:
        connection.close()


def _same_place(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.hostname, first.port) == (second.hostname, second.port)


def _row(body: bytes) -> tuple[str, ...]:
    """The values of a DataRow without NULL."""
    at, found = 2, []
    for _ in range(int.from_bytes(body[:2])):
        length = int.from_bytes(body[at : at + 4], signed=True)
        if length < 0:
            raise Malformed("a value that is missing")
        found.append(body[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return tuple(found)


def _refused(body: bytes) -> Violation:
    fields = wire.parse_error(body)
    return Violation(fields.get("C", "08006"), fields.get("M", "the server refused"))


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, upstream.Unreachable):
        return error.last
    if isinstance(error, (Violation, UsageError)):
        return error.message
    return reason(error)


def _note(before: View, after: View) -> None:
    old = None if before.writer is None else before.writer.node.name
    new = None if after.writer is None else after.writer.node.name
    if old != new or before.problem != after.problem:
        level = logging.INFO if new is not None else logging.ERROR
        log.log(level, "the primary", extra={"before": old, "now": new, "problem": after.problem})
    for was, now in zip(before.servers, after.servers, strict=True):
        if was.problem != now.problem:
            log.info("a server", extra={"node": now.node.name, "problem": now.problem, "up": now.up})
