"""What the edge says of itself: tables of flat rows, which SHOW, the metrics and `post-ai edge stats` all show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from postai.edge.server.pooled import PooledSession
from postai.edge.server.session import Session

Row = dict[str, str | int | float | bool | None]
"""Texts say which thing a row is about, numbers how it is."""
Tables = dict[str, list[Row]]

_STATES = {"I": "idle", "T": "idle in transaction", "E": "idle in transaction (aborted)"}


class Figures:
    """The tables of one process, each made when somebody asks."""

    def __init__(self) -> None:
        self._sources: dict[str, Callable[[], Iterable[Any]]] = {}

    def add(self, table: str, source: Callable[[], Iterable[Any]]) -> None:
        """Say where a table's rows come from.

        Args:
            table: its name, as in SHOW postai.<table>.
            source: gives frozen dataclasses of flat fields, or mappings.
        """
        self._sources[table] = source

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._sources)

    def rows(self, table: str) -> list[Row]:
        """The rows of a table; none for a table that is not known."""
        source = self._sources.get(table, tuple)
        return [
            dataclasses.asdict(one) if dataclasses.is_dataclass(one) and not isinstance(one, type) else dict(one)
            for one in source()
        ]

    def tables(self) -> Tables:
        """All tables."""
        return {name: self.rows(name) for name in self._sources}


def clients(sessions: Iterable[tuple[bytes, Session | PooledSession]], user: str | None) -> Iterator[Row]:
    """A row for each client.

    Args:
        sessions: with the keys that their clients have for cancelling, of which only the process id is shown.
        user: only this user's; None = all.
    """
    for key, session in sessions:
        if isinstance(session, PooledSession):
            link, name, database = session.link, session.scope.user, session.scope.database
        else:
            link, (name, database) = session.client, session.identity
        if user not in (None, name):
            continue
        peer = link.transport.get_extra_info("peername")
        row: Row = {
            "pid": int.from_bytes(key[:4], "big"),
            "database": database,
            "user": name,
            "address": f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "local",
            "tls": link.tls is not None,
        }
        if isinstance(session, PooledSession):
            backend = session.backend
            busy = session.waits or (backend is not None and not session.client.idle)
            row["application"] = dict(session.scope.parameters).get("application_name", "")
            row["state"] = "waiting" if session.waits else "active" if busy else _STATES[chr(session.client.status)]
            row["server_pid"] = int.from_bytes(backend.key[:4], "big") if backend is not None else None
            row["pinned"] = session.client.pinned
        else:
            row["application"] = None
            row["state"] = "idle" if session.idle else "active"
            row["server_pid"] = int.from_bytes(session.server_key[:4], "big") or None
            row["pinned"] = "a session of its own"
        yield row
