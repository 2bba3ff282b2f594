"""Answers `SHOW postai.pools`, `clients` and the edge's other tables, in the servers' place, to clients of a pool.

Only a statement that stands alone is looked at, as one Query or as Parse, Bind, Describe, Execute and Sync in one
piece, while the client rests. Everything else goes to the server, which does not know these settings.
"""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from postai.edge import chunks, wire
from postai.edge.server.figures import Row
from postai.edge.server.link import Lost
from postai.edge.server.pooled import PooledSession
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import Node
from postai.edge.wire import Malformed, Violation

log = logging.getLogger(__name__)

LONGEST = 500
"""Bytes of a chunk that may be such a statement."""
_SHOW = re.compile(rb"\s*show\s+postai\s*\.\s*([a-z]\w*)\s*;?\s*", re.IGNORECASE)
_MONITOR = "select pg_catalog.pg_has_role('pg_monitor', 'usage')"
_TEXT = struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)
"""What a RowDescription says of a column of type text."""


class Explain(Protocol):
    """Says where a session's last statement went, and why, in lines; names servers only where that is wanted."""

    def __call__(self, session: PooledSession, /, *, servers: bool) -> list[str]: ...


Find = Callable[[str, str | None], Awaitable[list[Row] | None]]
"""Gives the rows of a table, those of one user only where clients are asked for; None = there is no such table."""


class Shows:
    """Answers clients.

    Args:
        pools: ask servers whether a user may see what others do.
        find: gives rows, of all processes of the edge.
        explain: says where a session's last statement went, and why.
    """

    def __init__(self, pools: Pools, find: Find, explain: Explain) -> None:
        self._pools = pools
        self._find = find
        self._explain = explain
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, session: PooledSession, data: bytes) -> bytes | None:
        """What is sent to a client; None = a server shall answer; empty = the answer comes later."""
        if len(data) > LONGEST or b"postai" not in data.lower():
            return None
        chunk = chunks.read(data, lambda _: None)
        match = _SHOW.fullmatch(chunk.text) if chunk is not None and not chunk.values else None
        if chunk is None or match is None:
            return None
        task = asyncio.get_running_loop().create_task(self._answer(session, data, match[1].decode().lower()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return b""

    async def _answer(self, session: PooledSession, data: bytes, table: str) -> None:
        only: str | None = session.scope.user
        try:
            only = await self._only(session)
        except (Violation, Malformed, Lost, TimeoutError) as error:
            log.info("what a user may see cannot be found out", extra={"error": str(error)})
        rows: list[Row] | None
        if table == "route":
            rows = [{"route": line} for line in self._explain(session, servers=only is None)]
        else:
            rows = await self._find(table, only)
        if rows and only is not None:
            rows = _own(table, rows, session)
        if session.held is data:
            session.proceed(None if rows is None else reply(data, rows))

    async def _only(self, session: PooledSession) -> str | None:
        """The user whose clients may be seen; None = all, as in pg_stat_activity for members of pg_monitor."""
        node: Node = session.scope.home
        found = await self._pools.ask(session.scope, node, _MONITOR)
        return None if found == [("t",)] else session.scope.user


def _own(table: str, rows: list[Row], session: PooledSession) -> list[Row]:
    """What a user may see who may not see what others do: neither other users' pools nor servers' names."""
    if table == "pools":
        mine = [row for row in rows if row["user"] == session.scope.user]
        return [{**row, "node": None} for row in mine]
    if table in ("cache", "tiers"):
        mine = [row for row in rows if row["database"] == session.scope.database]
        return [{**row, "state": row["state"] if row["state"] == "on" else "off"} for row in mine]
    return rows if table in ("clients", "route") else []


def reply(asked: bytes, rows: Sequence[Row]) -> bytes:
    """The messages that answer a client's bytes with rows, all of whose columns are texts.

    Args:
        asked: a Query, or Parse, Bind, perhaps Describe, Execute and Sync.
        rows: mappings with the same keys; without rows there are no columns.
    """
    columns = list(rows[0]) if rows else []
    described = b"".join(name.encode() + b"\0" + _TEXT for name in columns)
    out = b"" if asked[:1] == b"Q" else wire.message(b"1") + wire.message(b"2")
    if asked[:1] == b"Q" or b"D\0\0\0\6P\0" in asked:
        out += wire.message(b"T", struct.pack("!H", len(columns)) + described)
    for row in rows:
        cells = b"".join(_cell(row.get(name)) for name in columns)
        out += wire.message(b"D", struct.pack("!H", len(columns)) + cells)
    return out + wire.message(b"C", b"SHOW\0") + wire.message(b"Z", b"I")


def _cell(value: object) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    if isinstance(value, bool):
        text = b"t" if value else b"f"
    elif isinstance(value, float):
        text = f"{value:.6g}".encode()
    else:
        text = str(value).encode("utf-8", "replace")
    return struct.pack("!i", len(text)) + text
