"""The caches of databases: what each keeps, what it is told, and who answers from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from postai.edge.caching import Caching, Limits
from postai.edge.memory import Memory
from postai.edge.server import events
from postai.edge.server.answers import Answers
from postai.edge.server.pools import Pools
from postai.edge.server.renew import Renewer
from postai.edge.server.scopes import Answerer, Node, Scope
from postai.edge.server.second import SecondTier, open_second
from postai.edge.server.warm import Warmer
from postai.edge.server.watch import Watch
from postai.edge.tiers import Second
from postai.settings import EdgeSettings
from postai.sql.reads import Reads, Verdict
from postai.stream.server import Table

ASKS = 2
"""Statements about which the catalog is asked at a time, in each database."""


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """The cache of one database at this moment, and what happened since it began.

    Attributes:
        database: its name on the server.
        state: "on", or why nothing is answered.
        fresh: seconds for which it is not proved what changed; None = nothing is proved, or there is no stream.
        scopes: identities whose answers are kept apart.
        entries, bytes: what is kept.
        statements: how many are known; of these, cacheable.
        hits, stored, invalidated, spoiled, expired, evicted, flushed: see `postai.edge.memory.Figures`.
        misses: reads known as ones that may be kept, which memory could not answer while the cache was on.
        waited: clients that were given an answer made for another one.
        warmed: answers that nobody had to wait for, as they were asked for again after all was forgotten.
        renewed: answers that were asked for again at once, when a change had overtaken them.
    """

    database: str
    state: str
    fresh: float | None
    scopes: int
    entries: int
    bytes: int
    statements: int
    cacheable: int
    hits: int
    misses: int
    stored: int
    invalidated: int
    spoiled: int
    expired: int
    evicted: int
    flushed: int
    waited: int
    warmed: int
    renewed: int


Ttl = Callable[[Scope, Verdict, bytes], Awaitable[float | None]]
Writer = Callable[[], Collection[tuple[str, str]]]
Leads = Callable[[Node], bool]


def alone(_home: Node) -> bool:
    """A server that is no cluster's is the one that takes writes."""
    return True


class Caches:
    """The caches of all databases that have one.

    Args:
        settings: of the edge.
        pools: where the server is asked.
        otherwise: answers what is not in a cache.
        rule: gives the seconds that people's rules name for a statement (0 = its answers are not kept here).
        writer: as `Watch` has it.
        leads: says whether a server is known to be the one that takes writes.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        pools: Pools,
        otherwise: Answerer,
        rule: Ttl | None = None,
        writer: Writer = tuple,
        leads: Leads = alone,
    ) -> None:
        self._rule, self._writer, self._leads = rule, writer, leads
        self._settings = settings
        self._pools = pools
        self._otherwise = otherwise
        self._memory = Memory(settings.cache_size * 1024 * 1024)
        self._reads = Reads()
        self._answers: dict[Scope, Answers] = {}
        self.databases: dict[str, Cache] = {}
        pools.forget, pools.slot = self._forget, self._slot

    def start(self, number: int) -> None:
        """Begin to watch; in the loop's thread.

        Args:
            number: of this process among those of the edge.
        """
        for one in self._settings.database:
            if one.cache:
                name = one.dbname or one.name
                cache = Cache(
                    name, self._settings, self._pools, self._memory, self._reads, self._rule, self._writer, self._leads
                )
                self.databases[name] = cache
                servers = one.server or self._settings.server or ", ".join(node.server for node in self._settings.node)
                rules = "" if self._settings.home is None else None
                cache.start(open_second(self._settings, name, number), servers, rules)

    def of(self, scope: Scope) -> Answers | None:
        """Who answers the clients of an identity; None = its database has no cache."""
        cache = self.databases.get(scope.database)
        if cache is None:
            return None
        if scope not in self._answers:
            self._answers[scope] = Answers(cache, scope, self._otherwise)
            cache.warmer.join(self._answers[scope])
        return self._answers[scope]

    def figures(self) -> Iterator[CacheFigures]:
        """A row for each database."""
        return (cache.figures() for cache in self.databases.values())

    def tiers(self) -> Iterator[Mapping[str, str | int | None]]:
        """A row for each database that has a second tier."""
        return (cache.second.row() for cache in self.databases.values() if cache.second is not None)

    def purge(self, database: str | None, table: str | None) -> dict[str, bool]:
        """Forget answers; the databases of which they were, and whether it was all of them.

        Args:
            database: its name on the server; None = all.
            table: schema and name, as SQL writes them; None = all.
        """
        return {name: one.purge(table) for name, one in self.databases.items() if database in (None, name)}

    def ruled(self, rules: str) -> None:
        """Rules have changed, or are known for the first time: what is kept by others may not be kept any more.

        Args:
            rules: says which they are.
        """
        for cache in self.databases.values():
            cache.redefined()
            if cache.second is not None:
                cache.second.ruled(rules)

    def role_lost(self) -> None:
        """The primary is not what it was: its stream may go on, and prove what is not to be served any more."""
        for cache in self.databases.values():
            cache.redefined()
            if cache.second is not None:
                cache.second.purge(None)
            if cache.watch is not None:
                cache.watch.renew("the server is not the primary any more")

    async def stop(self) -> None:
        """Watch no longer."""
        await asyncio.gather(*(cache.stop() for cache in self.databases.values()))

    def _slot(self, database: str) -> str | None:
        cache = self.databases.get(database)
        return None if cache is None or cache.watch is None else cache.watch.slot

    def _forget(self, scope: Scope) -> None:
        answers = self._answers.pop(scope, None)
        if answers is not None:
            answers.close()


class Cache:
    """The cache of one database.

    Args:
        database: its name on the server.
        settings: of the edge.
        pools: where the server is asked.
        memory: for what is kept.
        reads: judges statements.
        rule, writer, leads: as `Caches` has them.
    """

    def __init__(
        self, database: str, settings: EdgeSettings, pools: Pools, memory: Memory, reads: Reads, rule: Ttl | None,
        writer: Writer, leads: Leads,
    ) -> None:  # fmt: skip
        self.database = database
        self.rule, self.leads = rule, leads
        self.pools = pools
        self.reads = reads
        self.watch: Watch | None = None
        self.second: SecondTier | None = None
        self.waited = self.misses = 0
        self.asking = asyncio.Semaphore(ASKS)
        self.tasks: set[asyncio.Task[None]] = set()
        self.renewer = Renewer(self.tasks)
        limits = Limits(settings.cache_ttl, settings.cache_max_reply * 1024)
        if settings.cache_dsn is not None:
            self.watch = Watch(
                settings.cache_dsn, database, settings.publication, asyncio.get_running_loop(), self._told,
                max_staleness=settings.max_staleness, writer=writer,
            )  # fmt: skip
        freshness = None if self.watch is None else self.watch.freshness
        self.caching = Caching(memory.shelf(), freshness, settings.max_staleness, limits)
        self.warmer = Warmer(self, settings.cache_warm)

    def start(self, second: Second | None, server: str, rules: str | None) -> None:
        """Begin to watch.

        Args:
            second: where answers are kept beside the memory.
            server: whose answers they are.
            rules: which rules hold; None = `Caches.ruled` tells it.
        """
        if second is not None:
            self.second = SecondTier(second, self.database, self.watch, server, rules)
        self.warmer.start()
        if self.watch is not None:
            self.watch.start()

    @property
    def watched(self) -> Mapping[int, Table]:
        """Tables of which the stream tells everything."""
        return {} if self.watch is None else self.watch.tables

    def figures(self) -> CacheFigures:
        """What is kept, and what happened."""
        freshness, now = None if self.watch is None else self.watch.freshness, monotonic()
        shelf, known = self.caching.shelf, self.caching.known()
        done = shelf.figures
        return CacheFigures(
            self.database,
            "on" if freshness is None else freshness.why_not(now) or "on",
            None if freshness is None else freshness.age(now),
            shelf.spaces, shelf.count, shelf.bytes, *known,
            done.hits, self.misses, done.stored, done.invalidated, done.spoiled, done.expired, done.evicted,
            done.flushed, self.waited, self.warmer.warmed, self.renewer.renewed,
        )  # fmt: skip

    def purge(self, table: str | None) -> bool:
        """Forget all answers, or those that read one table; all, too, when nobody knows which table that is.

        Returns:
            whether it was all of them.
        """
        oids: list[int] | None = [
            oid for oid, one in self.watched.items() if table in (one.qualified, f"{one.schema}.{one.name}")
        ]
        if table is None or not oids:
            oids = None
            self.warmer.note()
            self.caching.purged()
        else:
            self.caching.forget_tables(oids)
        if self.second is not None:
            self.second.purge(oids)
        return oids is None

    def redefined(self) -> None:
        """Definitions, rights or rules have changed."""
        self.warmer.note()
        self.caching.redefined()

    async def stop(self) -> None:
        """Watch no longer."""
        await self.warmer.stop()
        for task in self.tasks:
            task.cancel()
        if self.watch is not None:
            await asyncio.to_thread(self.watch.stop)
        if self.second is not None:
            await self.second.close()

    def _told(self, event: events.Event) -> None:
        caching = self.caching
        if self.second is not None:
            self.second.told(event)
        match event:
            case events.Invalidations():
                caching.changed(event.rows, event.end_lsn, monotonic())
            case events.Flush() if not event.definitions:
                self.warmer.note()
                caching.purged()
            case events.Flush() | events.Lost() | events.Started():
                self.redefined()
                self.pools.retire(database=self.database)
            case events.Tables():
                caching.reconsider()  # what was judged since the flush was judged without them
        caching.freshened()
        caching.tidy(monotonic())
