"""One connection, to a client or to a server: its bytes, TLS inside them, flow control, its end.

It begins in a phase in which somebody awaits messages one by one (the login), with a bounded buffer. `relay` ends
that phase: from then on bytes go straight to a function, and a full socket stops the reading of its peer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import cast

from postai.edge.tls import Tls
from postai.edge.wire import HEADER, Malformed, startup_length

BUFFER = 131_072
"""Bytes that are kept for somebody who awaits messages before reading pauses; more than any of them has."""

_LENGTH = struct.Struct("!i")


class Lost(Exception):
    """The connection ended while something was awaited from it."""


class Link(asyncio.Protocol):
    """A connection as asyncio calls it.

    Args:
        opened: called with the link once it is connected.
    """

    __slots__ = (
        "_buffer", "_clogged", "_finished", "_opened", "_paused", "_waiter", "ended", "error", "on_bytes", "on_end",
        "on_eof", "peer", "tls", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, opened: Callable[[Link], None] | None = None) -> None:
        self._opened = opened
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._finished = False
        self._clogged = False
        self.tls: Tls | None = None
        self.ended = False
        self.error: str | None = None
        self.peer: Link | None = None
        self.on_bytes: Callable[[bytes], None] = self._keep
        self.on_eof: Callable[[], None] | None = None
        self.on_end: Callable[[], object] | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = cast("asyncio.Transport", transport)  # it is made by create_connection or -server
        if self._opened is not None:
            self._opened(self)
            self._opened = None

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.tls is not None:
            try:
                data = self.tls.decrypt(data)
            except ssl.SSLError as error:
                self.error = reason(error)
                self.transport.write(self.tls.outgoing())
                self.transport.close()
                return
            if answer := self.tls.outgoing():
                self.transport.write(answer)
            if not data:
                self._wake()
                return
        self.on_bytes(data)

    def eof_received(self) -> bool:
        """No more bytes will come; whether the connection stays open for those that go out."""
        self.ended = True
        self._wake()
        if self.on_eof is not None:
            self.on_eof()
            return True
        return self.peer is None

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed."""
        if error is not None and self.error is None:
            self.error = reason(error)
        self.ended = True
        self._wake()
        if self.on_end is not None:
            self.on_end()

    def pause_writing(self) -> None:
        """The socket takes no more: the other side is not read until it does."""
        self._clogged = True
        if self.peer is not None and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """The socket takes bytes again."""
        self._clogged = False
        if self.peer is not None and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    # What the rest calls.

    @property
    def local(self) -> bool:
        """Whether it is a unix socket, which has no TLS as nobody else can listen in."""
        taken = self.transport.get_extra_info("socket")
        return taken is not None and taken.family == socket.AF_UNIX

    @property
    def unsent(self) -> int:
        """Bytes that the socket does not take, where these are too many for more; else 0."""
        return self.transport.get_write_buffer_size() if self._clogged else 0

    def fed_by(self, peer: Link | None) -> None:
        """From now on that one is not read while this one's socket takes no more; the one before is read again."""
        before, self.peer = self.peer, peer
        if self._clogged and peer is not before:
            if before is not None and not before.transport.is_closing():
                before.transport.resume_reading()
            if peer is not None and not peer.transport.is_closing():
                peer.transport.pause_reading()

    def send(self, data: bytes) -> None:
        """Send bytes; what the socket does not take at once is kept."""
        if self.tls is not None:
            data = self.tls.encrypt(data)
        self.transport.write(data)

    @property
    def finished(self) -> bool:
        """Whether nothing more may be sent."""
        return self._finished

    def end_of_stream(self) -> None:
        """Say that nothing more is sent, and go on reading."""
        if not self._finished and not self.transport.is_closing():
            self._finish()
            self.transport.write_eof()

    def close(self) -> None:
        """Close once everything was sent."""
        if not self.transport.is_closing():
            self._finish()
            self.transport.close()

    def _finish(self) -> None:
        if self.tls is not None and not self._finished:
            self.transport.write(self.tls.close())
        self._finished = True

    def relay(self, receive: Callable[[bytes], None]) -> None:
        """End the phase of awaiting: bytes go to `receive`, which passes them on to `peer`."""
        self.on_bytes = receive
        rest, self._buffer = bytes(self._buffer), bytearray()
        if rest:
            receive(rest)
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    async def exactly(self, count: int) -> bytes:
        """The next bytes; at most as many as the buffer takes.

        Raises:
            Lost: the connection ended before.
        """
        while len(self._buffer) < count:
            await self._more()
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        if self._paused and len(self._buffer) < BUFFER:
            self._paused = False
            self.transport.resume_reading()
        return found

    async def message(self, most: int) -> tuple[int, bytes]:
        """Type and body of the next message.

        Raises:
            Lost: the connection ended before.
            Malformed: its length is not one that is read.
        """
        header = await self.exactly(HEADER)
        (length,) = _LENGTH.unpack_from(header, 1)
        if not 4 <= length <= most:
            raise Malformed("invalid message length")
        return header[0], await self.exactly(length - 4)

    async def startup(self) -> bytes:
        """The body of the next startup packet.

        Raises:
            Lost: the connection ended before.
            Malformed: its length is not one that is read.
        """
        return await self.exactly(startup_length(await self.exactly(4)))

    async def first_byte(self) -> int:
        """The next byte, which stays to be read."""
        while not self._buffer:
            await self._more()
        return self._buffer[0]

    @property
    def waiting(self) -> int:
        """Bytes that came and were not awaited yet."""
        return len(self._buffer)

    async def secure(self, context: ssl.SSLContext, hostname: str | None = None) -> None:
        """Begin TLS, with what is already there as its first bytes.

        Args:
            context: certificates and what is verified.
            hostname: name that the other side must prove; None = this is the server's side.

        Raises:
            Lost: the handshake failed.
        """
        self.tls = Tls(context, hostname)
        early, self._buffer = bytes(self._buffer), bytearray()
        if hostname is not None:
            self.tls.handshake()
            self.transport.write(self.tls.outgoing())
        if early:
            self.data_received(early)
        while not self.tls.established:
            await self._more()

    async def _more(self) -> None:
        if self.ended or self.transport.is_closing():
            raise Lost(self.error or "the connection was closed")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _keep(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BUFFER and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def reason(error: Exception) -> str:
    """Why a connection failed, in words for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, TimeoutError):
        return "timeout expired"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def public_reason(error: Exception) -> str:
    """The same for clients: without names and addresses of servers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate verify failed"
    if isinstance(error, (ssl.SSLError, TimeoutError, socket.gaierror)) or not isinstance(error, OSError):
        return reason(error)
    return os.strerror(error.errno) if error.errno else "no address of it answers"
