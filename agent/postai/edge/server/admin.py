"""The edge's door for its operator: figures and purges by HTTP on a unix socket, metrics on a local TCP port.

Who may write to the unix socket (its mode is 0600) may do everything. The TCP port is open to every user of the
machine, and to web pages that a browser there shows: it tells figures only, no clients, and only under its own name.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import stat
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from postai.edge.server import listeners, metrics
from postai.edge.server.workers import Supervisor
from postai.errors import PostaiError, UsageError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)

LOCAL_NAMES = ("127.0.0.1", "localhost")
LONGEST = 8192
"""Bytes of a request."""
WITHIN = 10.0
"""Seconds that a request, with its answer, may take."""

MOST = 32
"""Requests at a time; others are not answered."""

Answer = tuple[HTTPStatus, str, str]
"""Status, content type, text."""


def socket_path(settings: EdgeSettings) -> Path:
    """Where the edge of these settings has its unix socket for the operator."""
    return settings.runtime_directory / f"edge.{settings.port}.sock"


class Admin:
    """Serves the operator, in the parent process.

    Args:
        supervisor: knows the processes.
        about: what the figures say of the edge as a whole.
    """

    def __init__(self, supervisor: Supervisor, about: Mapping[str, str | None]) -> None:
        self._supervisor = supervisor
        self._about = about
        self._servers: list[asyncio.Server] = []
        self._path: Path | None = None
        self._open = 0

    async def listen(self, settings: EdgeSettings) -> None:
        """Open the unix socket, and the TCP port where one is wanted.

        Raises:
            UsageError: they cannot be opened.
        """
        path = socket_path(settings)
        _prepare(path.parent)
        ((own,),) = listeners.open_place(("unix", str(path)), 1, "0600")
        self._path = path
        self._servers.append(await asyncio.start_unix_server(self._unix, sock=own, limit=LONGEST))
        if settings.admin_port is not None:
            ((public,),) = listeners.open_place(("tcp", f"127.0.0.1:{settings.admin_port}"), 1, "")
            names = frozenset(f"{name}:{settings.admin_port}" for name in LOCAL_NAMES)

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._serve(reader, writer, names)

            self._servers.append(await asyncio.start_server(serve, sock=public, limit=LONGEST))

    def close(self) -> None:
        """Serve nobody any more."""
        for server in self._servers:
            server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    async def figures(self) -> dict[str, Any]:
        """What the edge says of itself."""
        return {**self._about, "processes": await self._supervisor.processes()}

    async def _unix(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, None)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, names: frozenset[str] | None
    ) -> None:
        self._open += 1
        try:
            if self._open > MOST:
                return
            async with asyncio.timeout(WITHIN):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(_response(*await self._answer(head, names)))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("a request was not answered", extra={"error": str(error)})  # TimeoutError is an OSError
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, head: str, names: frozenset[str] | None) -> Answer:
        """Answer a request.

        Args:
            head: its first line and header fields.
            names: what its Host may be; None = it came by the unix socket.
        """
        first, *fields = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        if names is not None:
            pairs = (one.partition(":") for one in fields)
            hosts = [value.strip() for name, _, value in pairs if name.lower() == "host"]
            if len(hosts) != 1 or hosts[0] not in names:
                return HTTPStatus.MISDIRECTED_REQUEST, "text/plain", "this is another host\n"
        elif (method, path) == ("GET", "/clients"):
            return _json(await self._supervisor.rows("clients"))
        elif (method, path) == ("POST", "/purge"):
            wanted = dict(parse_qsl(query))
            answers = await self._supervisor.ask_all("purge", [wanted.get("database"), wanted.get("table")])
            whole = {name for _, found in answers for name, everything in found.items() if everything}
            return _json({"databases": sorted({name for _, found in answers for name in found}), "all": sorted(whole)})
        if (method, path) == ("GET", "/metrics"):
            return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.exposition(await self._supervisor.processes())
        if (method, path) == ("GET", "/figures"):
            return _json(await self.figures())
        return HTTPStatus.NOT_FOUND, "text/plain", "there are /metrics and /figures\n"


def _response(status: HTTPStatus, kind: str, text: str) -> bytes:
    body = text.encode("utf-8", "replace")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _json(value: object) -> Answer:
    return HTTPStatus.OK, "application/json", json.dumps(value) + "\n"


def _prepare(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise UsageError(
            f"the directory {directory} cannot be made",
            detail=error.strerror,
            hint="edge.runtime_directory names it: one that belongs to the edge's user.",
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o002:
        raise UsageError(
            f"{directory} is no directory, or others may write to it",
            detail=f"mode {stat.S_IMODE(found.st_mode):04o}",
            hint="edge.runtime_directory names one that belongs to the edge's user.",
        )


def ask(settings: EdgeSettings, method: str, path: str, **parameters: str | None) -> Any:
    """Ask a running edge by its unix socket.

    Args:
        settings: its settings.
        method, path: of the request.
        parameters: of its query string.

    Raises:
        PostaiError: none runs there.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    connection = _Local(socket_path(settings))
    try:
        connection.request(method, f"{path}?{urlencode(given)}" if given else path)
        return json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        raise PostaiError(
            "the edge does not answer",
            detail=f"{socket_path(settings)}: {getattr(error, 'strerror', None) or error}",
            hint="Is it running, as this user, with these settings (--config)?",
        ) from None
    finally:
        connection.close()


class _Local(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=WITHIN)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
