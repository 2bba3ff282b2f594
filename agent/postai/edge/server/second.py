"""The second tier of a database's cache: told what the stream tells, asked before a server, filled by its answers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote

from postai.edge.caching import Plan
from postai.edge.chunks import Chunk
from postai.edge.memory import Key
from postai.edge.server import events
from postai.edge.server.disk import Disk
from postai.edge.server.scopes import Scope
from postai.edge.server.valkey import Valkey
from postai.edge.server.watch import Watch
from postai.edge.tiers import Figures, Kept, Second
from postai.edge.warming import Wish, pack, unpack
from postai.settings import EdgeSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postai.edge.server.pooled import PooledSession

LONG_AGO = float("-inf")
"""When an answer was made that comes from here: before any write of a session."""


class SecondTier:
    """Beside the memory of one database's cache.

    Args:
        tier: keeps the answers.
        database: whose they are.
        watch: what tells of changes; None = there is no stream.
        server: which server that is, where no stream says it.
        rules: which rules hold, by `ruled`: None = that is told later, and nothing is asked or kept before.
    """

    def __init__(self, tier: Second, database: str, watch: Watch | None, server: str, rules: str | None) -> None:
        self._tier, self._database, self._watch, self._rules = tier, database, watch, rules
        self._server: str | None = f"no stream {server}" if watch is None else None
        self._source: bytes | None = None
        self._flushed = 0
        self._begin(None)

    @property
    def figures(self) -> Figures:
        """What it did, and what it holds."""
        return self._tier.figures

    def row(self) -> dict[str, str | int | None]:
        """The same, as SHOW postai.tiers shows it."""
        numbers = asdict(self.figures)
        return {"database": self._database, "state": numbers.pop("off") or "on", **numbers}

    @property
    def _position(self) -> int:
        return 0 if self._watch is None else self._watch.freshness.position

    def told(self, event: events.Event) -> None:
        """Take what the stream tells."""
        tier = self._tier
        match event:
            case events.Invalidations():
                for oid, rows in event.rows.items():
                    tier.invalidate(oid, rows, event.end_lsn)
                tier.advance(event.end_lsn)
            case events.Position():
                tier.advance(event.lsn)
            case events.Started():
                self._server, self._flushed = f"{event.identity.system_id} {event.identity.timeline}", 0
                self._begin(event.position)
            case events.Flush():
                # Other edges may be behind: what they keep of before is found under the new epoch, too.
                self._flushed = max(self._position, event.end_lsn)
                tier.flush(self._flushed)
                if self._named() != self._source:
                    self._begin(self._flushed)
            case events.Lost():
                tier.end()

    def ruled(self, rules: str) -> None:
        """Rules have changed, or are known for the first time.

        Args:
            rules: says which they are, also after a restart.
        """
        self._rules = rules
        streams = self._watch is not None and self._watch.identity is not None
        self._begin(max(self._position, self._flushed) if streams else None)

    def _begin(self, start: int | None) -> None:
        source = self._named()
        if source is not None:
            self._source = source
            self._tier.begin(source, start)

    def _named(self) -> bytes | None:
        """Whose content this is: answers that were made with other rights, or kept by other rules, are not found.

        None = that is not known yet.
        """
        if self._server is None or self._rules is None:
            return None
        rights = "" if self._watch is None else self._watch.rights
        return f"{self._server} {self._database} {rights} {self._rules}".encode()

    def purge(self, oids: list[int] | None) -> None:
        """Forget all answers, or those that read these tables."""
        if oids is None:
            self._tier.flush(self._position)
        for oid in oids or ():
            self._tier.invalidate(oid, None, self._position + 1)

    def ask(
        self,
        scope: Scope,
        key: Key,
        session: PooledSession,
        data: bytes,
        take: Callable[[Kept], bytes | None],
        fill: Callable[[], None],
    ) -> bytes | None:
        """Look for an answer before a server is asked.

        Args:
            scope: whose answer.
            key: what was asked.
            session: whose client asks, with these bytes.
            data: the bytes.
            take: gives what the client is sent of an answer, or None.
            fill: told before a server is asked.

        Returns:
            as an `Answerer` does: empty when the tier answers later.
        """
        lookup = _Lookup(session, data, take, fill)
        self._tier.get(scope_name(scope), pack(key), lookup.receive)
        if lookup.over:
            return lookup.reply
        lookup.waits = True
        return b""

    def keep(self, scope: Scope, chunk: Chunk, plan: Plan, reply: bytes, cost: float) -> None:
        """Keep what was just kept in memory.

        Args:
            scope: whose answer it is.
            chunk: what was asked.
            plan: what it was made from, and how long it may be kept.
            reply: the answer.
            cost: seconds that it took.
        """
        position = self._position if plan.streamed else None
        kept = Kept(reply, plan.tags, monotonic() + plan.ttl, cost, position)
        self._tier.put(scope_name(scope), pack(chunk.key), kept)

    def find(self, scope: Scope, key: Key) -> asyncio.Future[Kept | None]:
        """The answer that the tier has, for nobody's client; None = it has none."""
        found: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._tier.get(scope_name(scope), pack(key), lambda kept: None if found.done() else found.set_result(kept))
        return found

    def saved(self, take: Callable[[list[Wish]], object]) -> None:
        """Give what was saved before this process began, once it is known; only files have it."""
        if isinstance(self._tier, Disk):
            tier = self._tier
            tier.on_saved = lambda: take([Wish(scope, unpack(asked), score) for scope, asked, score in tier.saved])
            if tier.saved:
                tier.on_saved()

    def save(self, wishes: Iterable[Wish]) -> None:
        """Keep these for the next process, where the tier is a file."""
        if isinstance(self._tier, Disk):
            self._tier.save((wish.scope, pack(wish.key), wish.score) for wish in wishes)

    async def close(self) -> None:
        """Write what waits, and let go of everything."""
        await self._tier.close()


class _Lookup:
    """A client for which the tier is asked."""

    __slots__ = ("_data", "_fill", "_session", "_take", "over", "reply", "waits")

    def __init__(
        self, session: PooledSession, data: bytes, take: Callable[[Kept], bytes | None], fill: Callable[[], None]
    ) -> None:
        self._session, self._data, self._take, self._fill = session, data, take, fill
        self.reply: bytes | None = None
        self.over = self.waits = False

    def receive(self, kept: Kept | None) -> None:
        """The tier has answered."""
        if self.waits and self._session.held is not self._data:
            return
        self.over, self.reply = True, None if kept is None else self._take(kept)
        if self.reply is None:
            self._fill()
        if self.waits:
            self._session.proceed(self.reply)


def open_second(settings: EdgeSettings, database: str, number: int) -> Second | None:
    """The tier that the settings ask for.

    Args:
        settings: of the edge.
        database: its name on the server.
        number: of this process: each has files of its own.

    Raises:
        FeatureMissing: its library is not installed.
        UsageError: cache_url is no URL.
    """
    if settings.cache_directory is not None:
        file = settings.cache_directory / f"{quote(database, safe='')}-{number}.db"
        return Disk(file, settings.cache_directory_mb << 20)
    if settings.cache_url is not None:
        return Valkey(settings.cache_url.get_secret_value())
    return None


def scope_name(scope: Scope) -> bytes:
    """Names an identity, whatever process meets it."""
    parts = (scope.database, scope.user, *(part for pair in sorted(scope.parameters) for part in pair))
    return "\0".join(parts).encode("utf-8", "surrogateescape")
