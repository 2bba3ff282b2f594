"""A server connection of a pool, and the questions that the edge itself asks on it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from postai.edge import wire
from postai.edge.sent import Server, values
from postai.edge.server.link import Link, Lost
from postai.edge.server.pool import Pool
from postai.edge.server.upstream import Address, Refused
from postai.edge.wire import Framer, Violation

if TYPE_CHECKING:
    from postai.edge.server.pooled import PooledSession

ASKED = 1 << 20
"""Bytes of an answer to a question of the edge's own."""

_SIZE = struct.Struct("!i")
_COUNT = struct.Struct("!h")
_SERVERS_OWN = b"in_hot_standby\0"
_IDLE = frozenset(b"SE")
_ANSWER = frozenset(b"DEZS")
_EVERY = frozenset(range(256))

Row = tuple[str | None, ...]


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


async def exchange(
    backend: Backend, data: bytes, unnamed: bytes | None, most: int, *, first: str | None = None
) -> tuple[Row | None, bytes]:
    """Send what a client would send, and take what it would be sent, up to ReadyForQuery.

    Args:
        backend: a connection of `Pools.own`.
        data: messages that end with a Query or a Sync, and name no statement.
        unnamed: what the unnamed statement stands for afterwards, if there is no error; None = there is none.
        most: bytes of the answer.
        first: a question that is asked right before, on the same way.

    Returns:
        The row that answers that question, and what the client would be sent.

    Raises:
        Violation: that question cannot be asked in this session.
        Lost: the connection ended, the answer is longer, or it leaves the session in another state.
    """
    if first is not None and not backend.server.readable:
        raise _unreadable()
    found: list[bytes] = []
    asked, row, failed = first is not None, None, False

    def hear(kind: int, message: bytes) -> None:
        nonlocal asked, row, failed
        if kind == ord("S") or (kind == ord("Z") and message[5:] != b"I") or (asked and kind == ord("E")):
            raise Lost("the session is not what it was")
        if asked:
            row = _texts(message) if kind == ord("D") else row
            asked = kind != ord("Z")
            return
        failed = failed or kind == ord("E")
        found.append(message)

    before = b"" if first is None else _question(first, ())
    await _hear(backend, before + data, _EVERY, hear, most if first is None else most + ASKED, ends=1 + asked)
    backend.server.names.confirm((b"", None if failed else unnamed), 0)
    return row, b"".join(found)


async def question(backend: Backend, sql: str, params: Sequence[str | None]) -> list[Row]:
    """Run one query on a connection of `Pools.own`.

    Raises:
        Violation: the server said an error.
        Lost: the connection ended, or the answer is too long.
    """
    if not backend.server.readable:
        raise _unreadable()
    rows: list[Row] = []
    error: list[Violation] = []

    def hear(kind: int, message: bytes) -> None:
        if kind == ord("D"):
            rows.append(_texts(message))
        elif kind == ord("E"):
            error.append(Refused(message[5:]))

    await _hear(backend, _question(sql, params), _ANSWER, hear, ASKED)
    backend.server.names.confirm((b"", None), 0)
    if error:
        raise error[0]
    return rows


async def _hear(
    backend: Backend,
    data: bytes,
    kinds: frozenset[int],
    hear: Callable[[int, bytes], None],
    most: int,
    ends: int = 1,
) -> None:
    """Send messages, and hear the answer up to the last ReadyForQuery.

    Args:
        backend: where.
        data: the messages.
        kinds: of the answer's messages that are heard; ReadyForQuery is one.
        hear: gets each of these; what it raises ends the hearing.
        most: bytes of the answer.
        ends: how often the server gets ready.

    Raises:
        Lost: the connection ended, or the answer is too long.
    """
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    framer = Framer(wire.BACKEND, kinds, max(most, ASKED))
    size = 0

    def receive(data: bytes) -> None:
        nonlocal ends, size
        size += len(data)
        if answer.done():
            return
        try:
            for kind, message in framer.feed(data):
                if kind:
                    hear(kind, message)
                ends -= kind == ord("Z")
                if not ends and not answer.done():
                    answer.set_result(None)
        except Lost as lost:
            answer.set_exception(lost)
        if (size > most or framer.broken) and not answer.done():
            answer.set_exception(Lost("the answer is too long"))

    def ended() -> None:
        if not answer.done():
            answer.set_exception(Lost("the server closed the connection"))

    backend.link.on_bytes, backend.link.on_end = receive, ended
    backend.link.send(data)
    await answer


def _texts(message: bytes) -> Row:
    return tuple(None if value is None else value.decode() for value in values(message))


def _unreadable() -> Violation:
    return Violation("0A000", "the session's texts are written differently")


def _question(sql: str, params: Sequence[str | None]) -> bytes:
    values = b""
    for value in params:
        raw = None if value is None else value.encode()
        values += _SIZE.pack(-1) if raw is None else _SIZE.pack(len(raw)) + raw
    return (
        wire.message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        + wire.message(b"B", b"\0\0\0\0" + _COUNT.pack(len(params)) + values + b"\0\0")
        + wire.message(b"E", b"\0\0\0\0\0")
        + wire.message(b"S")
    )
