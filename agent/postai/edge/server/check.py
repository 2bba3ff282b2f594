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
from postai.edge.server.edge import Place, files_needed
from postai.edge.server.users import QueryUsers
from postai.errors import PostaiError
from postai.settings import EdgeSettings
from postai.stream.missing import missing

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
        *_dsn("auth_dsn", settings.auth_dsn, settings),
        *_dsn("home", settings.home, settings),
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
            return Finding(f"server {address.label}", "critical", error.detail or error.message)
        tls = "with TLS" if link.tls is not None else "without TLS"
        link.close()
        return Finding(f"server {address.label}", "ok", f"answers, {tls}")

    return list(await asyncio.gather(*map(one, addresses)))


def _dsn(name: str, dsn: str | None, settings: EdgeSettings) -> Iterator[Finding]:
    """Whether a connection of the edge's own can be had, and says what it is for."""
    if dsn is None:
        return
    try:
        if name == "auth_dsn":
            users = QueryUsers(dsn, settings.auth_query)
            try:
                users.stored("postgres")
            finally:
                users.close()
        else:
            connect(dsn, application_name="postai edge check", statement_timeout_ms=5000).close()
    except PostaiError as error:
        yield Finding(
            name, "critical", f"{error.message}: {error.detail}" if error.detail else error.message, error.hint
        )
    else:
        yield Finding(name, "ok", "can be asked")


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
                with connect(dsn, application_name="postai edge check", statement_timeout_ms=5000) as db:
                    lacks = missing(db, settings.publication)
            except PostaiError as error:
                yield Finding(what, "critical", error.message, error.hint)
                continue
            for lack in lacks:
                mend = ";\n".join(part.rstrip(";\n") for part in lack.fix)
                yield Finding(f"{what}: {lack.check}", _STATES[lack.level], lack.what, f"{mend};" if mend else None)
            if not lacks:
                yield Finding(what, "ok", "all changes can be followed")
