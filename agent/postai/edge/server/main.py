"""`post-ai edge`: listens like a PostgreSQL server, and ends in order."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import signal
import ssl
from pathlib import Path

from postai import __version__
from postai.edge import tls
from postai.edge.server.edge import Edge, Place
from postai.edge.server.upstream import addresses
from postai.edge.server.users import FileUsers, QueryUsers, Users
from postai.errors import UsageError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)


def run(settings: EdgeSettings) -> int:
    """Run the edge until SIGTERM (sessions may end first) or SIGINT (they are ended).

    Returns:
        the exit code.

    Raises:
        UsageError: the settings do not go together, or a file is missing.
    """
    edge = make(settings)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(edge, settings))


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's event loop where that is installed, else asyncio's own."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return loop


def make(settings: EdgeSettings) -> Edge:
    """The edge of these settings, not listening yet.

    Raises:
        UsageError: the settings do not go together, or a file is missing.
    """
    return Edge(settings, places(settings), _certificate(settings), _users(settings))


def places(settings: EdgeSettings) -> dict[str, Place]:
    """Where each database is; "*" stands for all others."""
    if settings.server is None:
        raise UsageError(
            "the edge has no server",
            hint='Add [edge] with server = "host=... sslmode=verify-full" to postai.toml (docs/edge.md).',
        )
    default = addresses(settings.server)
    found = {one.name: Place(addresses(one.server) if one.server else default, one.dbname) for one in settings.database}
    return found or {"*": Place(default, None)}


def _certificate(settings: EdgeSettings) -> ssl.SSLContext | None:
    if settings.ssl_cert_file is None or settings.ssl_key_file is None:
        return None
    try:
        return tls.server_context(str(settings.ssl_cert_file), str(settings.ssl_key_file))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            "the edge's certificate cannot be used",
            detail=f"{settings.ssl_cert_file}, {settings.ssl_key_file}: {error.strerror or error}",
            hint="edge.ssl_cert_file holds the certificate with its chain, ssl_key_file its key, both as PEM.",
        ) from None


def _users(settings: EdgeSettings) -> Users | None:
    if settings.auth_file is not None:
        return FileUsers(Path(settings.auth_file))
    if settings.auth_dsn is not None:
        return QueryUsers(settings.auth_dsn, settings.auth_query)
    return None


async def _serve(edge: Edge, settings: EdgeSettings) -> int:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[float] = loop.create_future()

    def ask(seconds: float) -> None:
        if stop.done():
            edge.hurry()
        else:
            stop.set_result(seconds)

    loop.add_signal_handler(signal.SIGTERM, ask, settings.stop_timeout)
    loop.add_signal_handler(signal.SIGINT, ask, 0.0)
    await edge.listen()
    log.info("the edge listens", extra={"version": __version__, "port": settings.port, "auth": settings.auth})
    seconds = await stop
    log.info("the edge stops", extra={"sessions": edge.sessions, "seconds": seconds})
    await edge.stop(seconds)
    return 0
