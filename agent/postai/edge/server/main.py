"""`post-ai edge`: listens like a PostgreSQL server, and ends in order."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from postai import __version__
from postai.edge import tls
from postai.edge.server.admin import Admin
from postai.edge.server.bouncer import Bouncer, before
from postai.edge.server.control import Channel, Unanswered
from postai.edge.server.edge import Edge, Place
from postai.edge.server.figures import Row
from postai.edge.server.report import Reporter
from postai.edge.server.upstream import addresses
from postai.edge.server.users import FileUsers, QueryUsers, Users
from postai.edge.server.workers import Supervisor, notify
from postai.errors import UsageError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)


def run(load: Callable[[], EdgeSettings], command: Sequence[str]) -> int:
    """Run the edge's processes until SIGTERM (sessions may end first) or SIGINT (they are ended).

    SIGHUP replaces the processes by some with the settings as they are then.

    Args:
        load: reads the settings.
        command: what runs `work`, but for the number of the file.

    Returns:
        the exit code.

    Raises:
        UsageError: the settings do not go together, a file is missing, or the port cannot be opened.
    """

    def checked() -> EdgeSettings:
        settings = load()
        prepare(settings)
        return settings

    async def supervise() -> int:
        supervisor = Supervisor(checked, command)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, supervisor.stop, signal.SIGTERM)
        loop.add_signal_handler(signal.SIGINT, supervisor.stop, signal.SIGINT)
        loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
        admin = Admin(supervisor, {"version": __version__, "region": supervisor.settings.region})
        bouncer = Bouncer(supervisor.settings) if supervisor.settings.pgbouncer is not None else None
        try:
            await admin.listen(supervisor.settings)
            if bouncer is not None:
                await bouncer.start()
            await supervisor.start()
            notify("READY=1")
            home = supervisor.settings.home
            reporter = Reporter(home, supervisor) if home is not None else None
            report = loop.create_task(reporter.run()) if reporter is not None else None
            await supervisor.wait()
            if reporter is not None and report is not None:
                reporter.stop()
                await report
        finally:
            admin.close()
            if bouncer is not None:
                await bouncer.stop()
        return 0

    return asyncio.run(supervise())


def work(settings: EdgeSettings, channel: int) -> int:
    """Serve clients, as a worker of `run`.

    Args:
        settings: as they are now.
        channel: number of the file that leads to the parent.

    Returns:
        the exit code.

    Raises:
        UsageError: as `run`.
    """
    edge = make(settings)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(edge, settings, socket.socket(fileno=channel)))


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
    found, certificate, users = prepare(settings)
    return Edge(settings, before(settings, found), certificate, users)


def prepare(settings: EdgeSettings) -> tuple[dict[str, Place], ssl.SSLContext | None, Users | None]:
    """What the settings name, looked up.

    Raises:
        UsageError: the settings do not go together, or a file is missing.
    """
    return places(settings), _certificate(settings), _users(settings)


def places(settings: EdgeSettings) -> dict[str, Place]:
    """Where each database is; "*" stands for all others."""
    servers = [one.server for one in settings.node]
    if settings.server is not None:
        servers.append(settings.server)
    if not servers:
        raise UsageError(
            "the edge has no server",
            hint='Add [edge] with server = "host=... sslmode=verify-full" to postai.toml (docs/edge.md).',
        )
    default = tuple(address for server in servers for address in addresses(server))
    clustered = bool(settings.node)
    found = {
        one.name: Place(addresses(one.server), one.dbname) if one.server else Place(default, one.dbname, clustered)
        for one in settings.database
    }
    return found or {"*": Place(default, None, clustered)}


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


async def _serve(edge: Edge, settings: EdgeSettings, end: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    channel = Channel()
    stop: asyncio.Future[float] = loop.create_future()
    retired = asyncio.Event()

    def ask(seconds: float) -> None:
        if not stop.done():
            stop.set_result(seconds)
        elif not seconds:
            edge.hurry()

    async def answer(name: str, about: Any) -> Any:
        if name == "cancel":
            return await edge.cancel(bytes.fromhex(about))
        if name == "retire":
            return retired.set()
        if name == "rows":
            table, user = about
            return edge.clients(user) if table == "clients" else edge.figures.rows(table)
        if name == "purge":
            return edge.purge(*about)
        if name == "tables":
            return {"edge": [{"clients": edge.sessions}], **edge.figures.tables()}
        raise Unanswered(f"nobody answers {name}")

    async def elsewhere(key: bytes) -> bool:
        try:
            return bool(await channel.ask("cancel", key.hex()))
        except Unanswered:
            return False

    async def everywhere(table: str, user: str | None) -> list[Row]:
        try:
            return list(await channel.ask("rows", [table, user]))
        except Unanswered as error:
            log.info("the figures of other processes are missing", extra={"error": str(error)})
            return edge.clients(user) if table == "clients" else edge.figures.rows(table)

    loop.add_signal_handler(signal.SIGTERM, ask, settings.stop_timeout)
    loop.add_signal_handler(signal.SIGINT, ask, 0.0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent's
    await channel.open(end, answer)
    edge.elsewhere, edge.everywhere = elsewhere, everywhere
    try:
        told = await channel.ask("hello")
        edge.number = told["number"]
        await edge.listen([socket.socket(fileno=number) for number in told["sockets"]])
        await channel.ask("ready")
    except Unanswered as error:
        log.info("a process of the edge is not wanted any more", extra={"error": str(error)})
        return 1
    await _first(stop, retired.wait(), channel.ended.wait())
    if not stop.done():
        log.info("a process of the edge retires", extra={"sessions": edge.sessions, "generation": told["generation"]})
        await _first(stop, edge.retire(settings.stop_timeout))
    seconds = stop.result() if stop.done() else 0.0
    log.info("a process of the edge stops", extra={"sessions": edge.sessions, "seconds": seconds})
    await edge.stop(seconds)
    channel.close()
    return 0


async def _first(*awaited: Awaitable[Any]) -> None:
    """Wait until one of them is done; the others are given up, but not a future that others hold."""
    tasks = [one if isinstance(one, asyncio.Future) else asyncio.ensure_future(one) for one in awaited]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, one in zip(tasks, awaited, strict=True):
        if task is not one:
            task.cancel()
