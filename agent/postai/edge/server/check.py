"""`post-ai edge check`: whether an edge with these settings would work, before it is started."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postai.database import connect
from postai.database import dsn as connection_string
from postai.edge.server import upstream
from postai.edge.server.edge import Place
from postai.edge.server.health import Probe
from postai.edge.server.link import Lost
from postai.edge.server.room import files_needed
from postai.edge.server.users import QueryUsers
from postai.edge.wire import Malformed, Violation
from postai.errors import PostaiError
from postai.settings import EdgeNode, EdgeSettings
from postai.stream.missing import missing

NAME = "postai edge check"
LIMIT_MS = 5000
State = Literal["ok", "warning", "critical"]
_STATES: dict[str, State] = {"blocker": "critical", "warning": "warning", "note": "ok"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: how it is.
        detail: what was found.
        mend: what to do about it; SQL where SQL does it.
    """

    what: str
    state: State
    detail: str
    mend: str | None = None


def check(settings: EdgeSettings, places: dict[str, Place]) -> tuple[Finding, ...]:
    """Look at everything that the settings name.

    Args:
        settings: the settings, whose files were found already.
        places: where the databases are.
    """
    return (
        *_files(settings),
        *_open_files(settings),
        *asyncio.run(_servers({address: None for place in places.values() for address in place.addresses})),
        *_secrets(settings),
        *asyncio.run(_nodes(settings)),
        *_connection("home", settings.home),
        *_caches(settings),
    )


def _files(settings: EdgeSettings) -> Iterator[Finding]:
    for name, path in (("ssl_cert_file", settings.ssl_cert_file), ("auth_file", settings.auth_file)):
        if path is not None:
            yield Finding(name, "ok", str(Path(path)))
    listens = any(one not in ("127.0.0.1", "::1", "localhost") for one in settings.listen_addresses)
    if settings.ssl_cert_file is None and listens:
        yield Finding(
            "TLS",
            "warning",
            "clients elsewhere connect without TLS",
            "Set edge.ssl_cert_file and ssl_key_file.",
        )


def _open_files(settings: EdgeSettings) -> Iterator[Finding]:
    needed = files_needed(settings.max_connections)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield Finding(
            "open files", "warning", f"{hard} are fewer than {settings.max_connections} clients need",
            f"LimitNOFILE={needed} in the unit, or ulimit -Hn {needed}.",
        )  # fmt: skip
    else:
        yield Finding("open files", "ok", f"{needed} are needed in each process")


async def _servers(addresses: Iterable[upstream.Address]) -> list[Finding]:
    async def one(address: upstream.Address) -> Finding:
        try:
            link, _ = await upstream.connect((address,))
        except upstream.Unreachable as error:
            return Finding(f"server {address.label}", "critical", error.last)
        tls = "with TLS" if link.tls is not None else "without TLS"
        link.close()
        return Finding(f"server {address.label}", "ok", f"answers, {tls}")

    return list(await asyncio.gather(*map(one, addresses)))


async def _nodes(settings: EdgeSettings) -> list[Finding]:
    """Whether the nodes of a cluster can be asked how they are."""

    async def one(node: EdgeNode, health_dsn: str) -> Finding:
        what = f"node {node.name}"
        try:
            async with asyncio.timeout(LIMIT_MS / 1000):
                probe = await Probe.open(upstream.addresses(node.server), health_dsn, lambda: None)
        except (Violation, Malformed, Lost, TimeoutError) as error:
            told = error.detail or error.message if isinstance(error, Violation) else str(error) or "timeout expired"
            return Finding(what, "critical", f"health_dsn: {told}")
        probe.close()
        return Finding(what, "ok", "can be asked")

    dsn = settings.health_dsn
    return [] if dsn is None else list(await asyncio.gather(*(one(node, dsn) for node in settings.node)))


def _secrets(settings: EdgeSettings) -> Iterator[Finding]:
    """Whether stored passwords can be asked for, and whether that server takes as many sessions as the edge opens."""
    if settings.auth_dsn is None:
        return
    try:
        users = QueryUsers(settings.auth_dsn, settings.auth_query)
        try:
            users.stored("postgres")
        finally:
            users.close()
        with connect(settings.auth_dsn, application_name=NAME, statement_timeout_ms=LIMIT_MS) as db:
            ((most,),) = db.query("select current_setting('max_connections')::int")
    except PostaiError as error:
        yield _failed("auth_dsn", error)
        return
    yield Finding("auth_dsn", "ok", "can be asked")
    pooled = settings.pool_mode == "transaction"
    each = settings.pool_size if pooled else settings.max_connections
    what = "for each database and user" if pooled else "one for each client"
    state: State = "warning" if each * settings.processes > int(str(most)) else "ok"
    yield Finding(
        "max_connections", state,
        f"the server takes {most} sessions, the edge opens up to {each * settings.processes}, {what}",
        None if state == "ok" else f"Lower edge.{'pool_size' if pooled else 'max_connections'}, or raise the server's.",
    )  # fmt: skip


def _connection(name: str, dsn: str | None) -> Iterator[Finding]:
    """Whether a connection of the edge's own can be had."""
    if dsn is None:
        return
    try:
        connect(dsn, application_name=NAME, statement_timeout_ms=LIMIT_MS).close()
    except PostaiError as error:
        yield _failed(name, error)
    else:
        yield Finding(name, "ok", "can be asked")


def _failed(what: str, error: PostaiError) -> Finding:
    return Finding(what, "critical", f"{error.message}: {error.detail}" if error.detail else error.message, error.hint)


def _caches(settings: EdgeSettings) -> Iterator[Finding]:
    """Whether the changes of cached databases can be followed."""
    for one in settings.database:
        what = f"cache of {one.name}"
        if one.cache and settings.cache_dsn is None:
            detail = "nothing tells of its changes: only answers for which a rule gives a ttl are kept"
            yield Finding(what, "warning", detail, "Set edge.cache_dsn.")
        elif one.cache and settings.cache_dsn is not None:
            dsn = connection_string.build(
                {**connection_string.parse(settings.cache_dsn), "dbname": one.dbname or one.name}
            )
            try:
                with connect(dsn, application_name=NAME, statement_timeout_ms=LIMIT_MS) as db:
                    lacks = missing(db, settings.publication)
            except PostaiError as error:
                yield _failed(what, error)
                continue
            for lack in lacks:
                yield Finding(f"{what}: {lack.check}", _STATES[lack.level], lack.what, lack.script() or None)
            if not lacks:
                yield Finding(what, "ok", "all changes can be followed")
