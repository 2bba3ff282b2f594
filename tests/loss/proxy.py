"""A wire between a client and a server that can be cut, swallow, slow down and forget, for tests of network faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Coroutine
from typing import Any, Literal, Self

Direction = Literal["to_server", "to_client"]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends RST
BLOCK = 65536
WAITING_BLOCKS = 64


class Proxy:
    """A TCP proxy in a thread of its own.

    A swallowed direction holds its bytes back, as a network does that loses packets: `restore` lets them through,
    unless one end has given up by then. New connections are accepted and wait while any direction is swallowed.

    Args:
        host, port: the server. `retarget` changes it for new connections.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._swallowed: set[Direction] = set()
        self._refusing = False
        self._latency = 0.0
        self._bandwidth = 0.0
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.port = 0
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listener = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0, limit=BLOCK))
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection on both ends, and every new one, until `restore`."""
        self._refusing = True
        self._call(self._reset("both"))

    def black_hole(self, direction: Direction | None = None) -> None:
        """Let nothing through any more (in that direction), without telling anybody."""
        self._swallow({direction} if direction else {"to_server", "to_client"})

    def half_open(self, gone: Literal["client", "server"] = "client") -> None:
        """Take one end of every connection away; the other end hears nothing of it, and nothing any more.

        New connections work.
        """
        self._call(self._reset(gone))

    def latency(self, seconds: float) -> None:
        """Delay everything by that long, in each direction; 0 ends it."""
        self._latency = seconds

    def bandwidth(self, bytes_per_second: float) -> None:
        """Let no connection be faster than this, in each direction; 0 ends it."""
        self._bandwidth = bytes_per_second

    def restore(self) -> None:
        """A good wire again."""
        self._refusing = False
        self._latency = self._bandwidth = 0.0
        self._swallow(set())

    def retarget(self, host: str, port: int) -> None:
        """Connect new connections to another server."""
        self._server = (host, port)

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _swallow(self, directions: set[Direction]) -> None:
        async def change() -> None:
            self._swallowed = directions
            self._flowing.set()  # whoever waits looks again
            if directions:
                self._flowing.clear()

        self._call(change())

    async def _end(self) -> None:
        self._listener.close()
        await self._reset("both")
        await asyncio.gather(*(link.ended.wait() for link in self._links))

    async def _reset(self, end: Literal["both", "client", "server"]) -> None:
        for link in list(self._links):
            link.reset(end)

    async def flows(self, direction: Direction) -> None:
        """Wait until that direction is not swallowed."""
        while direction in self._swallowed:
            await self._flowing.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(self, reader, writer)
        if self._refusing:
            link.reset("both")
            return
        self._links.add(link)
        try:
            await link.live(self._server)
        finally:
            self._links.discard(link)
            link.ended.set()

    def delay(self, size: int) -> tuple[float, float]:
        """Seconds that a block of this size is late, and seconds that it keeps the line busy."""
        return self._latency, size / self._bandwidth if self._bandwidth else 0.0


class _Link:
    """One connection and its two ends."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.client = (reader, writer)
        self.server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.ended = asyncio.Event()
        self._over = asyncio.Event()
        self._silent = False

    async def live(self, address: tuple[str, int]) -> None:
        """Connect to the server and carry both directions until one end closes or `reset` ends it."""
        opening = asyncio.create_task(self._open(address))
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait({opening, over}, return_when=asyncio.FIRST_COMPLETED)
        work = {opening}
        if opening.done() and not opening.cancelled() and opening.exception() is None and self.server is not None:
            (from_client, to_client), (from_server, to_server) = self.client, self.server
            work = {
                asyncio.create_task(self._carry("to_server", from_client, to_server)),
                asyncio.create_task(self._carry("to_client", from_server, to_client)),
            }
            await asyncio.wait({*work, over}, return_when=asyncio.FIRST_COMPLETED)
            while self._silent and not self._over.is_set():
                await self._over.wait()
        for task in (*work, over):
            task.cancel()
        await asyncio.gather(*work, over, return_exceptions=True)
        for _, writer in filter(None, (self.client, self.server)):
            writer.close()

    async def _open(self, address: tuple[str, int]) -> None:
        await self.proxy.flows("to_server")
        await self.proxy.flows("to_client")
        self.server = await asyncio.open_connection(*address, limit=BLOCK)

    async def _carry(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction to its end: the reading goes on while earlier blocks are late."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_BLOCKS)
        delivery = asyncio.create_task(self._deliver(direction, waiting, writer))
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(BLOCK):
                    late, busy = self.proxy.delay(len(data))
                    await waiting.put((time.monotonic() + late, data))
                    await asyncio.sleep(busy)
            await waiting.put((0.0, b""))
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(
        self, direction: Direction, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await waiting.get()
                if (late := due - time.monotonic()) > 0:
                    await asyncio.sleep(late)
                await self.proxy.flows(direction)
                if self._silent:
                    continue
                if not data:
                    return
                writer.write(data)
                await writer.drain()

    def reset(self, end: Literal["both", "client", "server"]) -> None:
        """Reset that end; what is left of the other one hears nothing."""
        self._silent = end != "both"
        if end in ("both", "client"):
            _reset(self.client[1])
        if end in ("both", "server") and self.server is not None:
            _reset(self.server[1])
        if end == "both":
            self._over.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
