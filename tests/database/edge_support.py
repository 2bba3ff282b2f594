"""A running edge before a test's server: in a thread of the test's process, so that its inside can be looked at."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from conftest import TestDatabase
from postai.edge import wire
from postai.edge.scram import ClientExchange
from postai.edge.server.edge import Edge
from postai.edge.server.main import make, new_loop
from postai.settings import EdgeSettings
from postai.setup.server import LocalServer, free_port

PATIENCE = 20.0
LENGTH = struct.Struct("!i")


class RunningEdge:
    """An edge that listens.

    Attributes:
        edge: itself; it belongs to the thread of its loop: see `inside`.
        port: where it listens.
    """

    def __init__(self, edge: Edge, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self.edge, self.port = edge, port
        self._loop = loop

    def inside(self, ask: Callable[[], Any]) -> Any:
        """What a function gives in the edge's own thread."""

        async def call() -> Any:
            return ask()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def stop(self, seconds: float) -> None:
        """Stop as SIGTERM does."""
        asyncio.run_coroutine_threadsafe(self.edge.stop(seconds), self._loop).result(PATIENCE + seconds)

    def dsn(self, database: TestDatabase, user: str | None = None, **more: object) -> str:
        """The database's connection string, through the edge."""
        text = database.dsn(user).replace(f"port={database.server.port}", f"port={self.port}")
        return " ".join([text, *(f"{name}={value}" for name, value in more.items())])

    def connect(self, database: TestDatabase, user: str | None = None, **more: object) -> psycopg.Connection:
        return psycopg.connect(self.dsn(database, user, **more), autocommit=True)


def server_line(server: LocalServer) -> str:
    return f"host=127.0.0.1 port={server.port} sslmode=disable"


@contextlib.contextmanager
def running(
    before: LocalServer, /, *, new_loop: Callable[[], asyncio.AbstractEventLoop] = new_loop, **settings: Any
) -> Iterator[RunningEdge]:
    """An edge before that server, with these settings."""
    port = free_port()
    wanted = EdgeSettings(**{"port": port, "server": server_line(before), "max_connections": 200, **settings})
    edge = make(wanted)
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    one = RunningEdge(edge, loop, port)
    try:
        asyncio.run_coroutine_threadsafe(edge.listen(), loop).result(PATIENCE)
        yield one
    finally:
        one.stop(0)
        # In the loop's own thread: one that went on in another was seen to wait for ever.
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def query_line(server: LocalServer) -> str:
    """Connection string of a superuser, for auth_dsn."""
    return f"host={server.socket_directory} port={server.port} dbname=postgres user=postgres"


def pooling(before: LocalServer, **settings: Any) -> contextlib.AbstractContextManager[RunningEdge]:
    """An edge before that server whose clients share connections."""
    return running(before, **{"pool_mode": "transaction", "auth": "scram", "auth_dsn": query_line(before), **settings})


def certificate(place: Path, name: str = "edge") -> tuple[Path, Path]:
    """A certificate for localhost with its key, which signs itself."""
    files = place / f"{name}.crt", place / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", files[0], "-keyout",
         files[1]], check=True, capture_output=True,
    )  # fmt: skip
    return files


def query(text: str) -> bytes:
    """The Query of a statement."""
    return wire.message(b"Q", text.encode() + b"\0")


class Raw:
    """A client that says what it is told to."""

    def __init__(self, port: int, *parts: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        for part in parts:
            self.socket.sendall(part)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            if not part:
                raise EOFError(found)
            found += part
        return found

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self.socket.recv(65536):
                found += part
        return found

    def message(self) -> tuple[bytes, bytes]:
        """Type and body of the next message."""
        kind = self.exactly(1)
        return kind, self.exactly(LENGTH.unpack(self.exactly(4))[0] - 4)

    def until(self, kind: bytes) -> list[tuple[bytes, bytes]]:
        """The messages up to one of that type."""
        found = [self.message()]
        while found[-1][0] != kind:
            found.append(self.message())
        return found

    def log_in(self, version: int, user: str, password: str, database: str, **more: str) -> list[tuple[bytes, bytes]]:
        """Begin a session with SCRAM; what came after AuthenticationSASL up to ReadyForQuery."""
        self.socket.sendall(wire.startup_packet(version, {"user": user, "database": database, **more}))
        found = self.until(b"R")
        assert found[-1][1] == b"\0\0\0\x0aSCRAM-SHA-256\0\0", found
        exchange = ClientExchange(password, "nonce")
        self.socket.sendall(wire.sasl_initial("SCRAM-SHA-256", exchange.first()))
        kind, challenge = self.message()
        assert (kind, challenge[:4]) == (b"R", b"\0\0\0\x0b"), challenge
        self.socket.sendall(wire.message(b"p", exchange.final(challenge[4:])))
        kind, proof = self.message()
        assert kind == b"R" and exchange.proves(proof[4:]), proof
        return found[:-1] + self.until(b"Z")
