"""Answers clients of a pool from memory, and fills that with what servers answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from postai.edge.caching import Caching, Gate, Limits, Plan, Statement
from postai.edge.chunks import Chunk, is_result, named_key, read
from postai.edge.freshness import Snapshot
from postai.edge.memory import Entry, Key, Memory
from postai.edge.server import events
from postai.edge.server.backend import exchange, question
from postai.edge.server.link import Lost
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import Answerer, Scope
from postai.edge.server.second import LONG_AGO, SecondTier, open_second
from postai.edge.server.warm import Warmer
from postai.edge.server.watch import Watch
from postai.edge.shapes import general, general_meaning
from postai.edge.tiers import Kept, Second
from postai.edge.warming import Request
from postai.edge.wire import Malformed, Violation
from postai.settings import EdgeSettings
from postai.sql.reads import CatalogAnswers, Reads, Verdict, candidate
from postai.stream.server import Table

if TYPE_CHECKING:
    from postai.edge.server.pooled import PooledSession

log = logging.getLogger(__name__)

WAIT = 5.0
"""Seconds that a client waits at most for the same answer that a server makes for another one."""
WARMED_WITHIN = 60.0
"""Seconds that a server may take for an answer which no client waits for."""
JUDGED = 0.02
"""Seconds between two looks whether a statement is judged."""
ASKS = 2
"""Statements about which the catalog is asked at a time, in each database."""
SNAPSHOT = b"select pg_catalog.pg_current_snapshot()::pg_catalog.text"
POSITION = b"select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"

SEEN = 10_000
"""Texts with constants of which it is remembered that they came once."""

_BIND = 0x42
_CONSTANT = re.compile(rb"[0-9']")


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
        waited: clients that were given an answer made for another one.
        warmed: answers that nobody had to wait for, as they were asked for again after all was forgotten.
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
    stored: int
    invalidated: int
    spoiled: int
    expired: int
    evicted: int
    flushed: int
    waited: int
    warmed: int


Ttl = Callable[[Scope, Verdict, bytes], Awaitable[float | None]]
Writer = Callable[[], Collection[tuple[str, str]]]


class Caches:
    """The caches of all databases that have one.

    Args:
        settings: of the edge.
        pools: where the server is asked.
        otherwise: answers what is not in a cache.
        rule: gives the seconds that people's rules name for a statement (0 = its answers are not kept here).
        writer: as `Watch` has it.
    """

    def __init__(
        self, settings: EdgeSettings, pools: Pools, otherwise: Answerer, rule: Ttl | None = None, writer: Writer = tuple
    ) -> None:
        self._rule, self._writer = rule, writer
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
                cache = Cache(name, self._settings, self._pools, self._memory, self._reads, self._rule, self._writer)
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

    def purge(self, database: str | None, table: str | None) -> list[str]:
        """Forget answers; the databases of which they were.

        Args:
            database: its name on the server; None = all.
            table: schema and name, as SQL writes them; None = all.
        """
        found = [name for name in self.databases if database in (None, name)]
        for name in found:
            self.databases[name].purge(table)
        return found

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
        rule, writer: as `Caches` has them.
    """

    def __init__(
        self, database: str, settings: EdgeSettings, pools: Pools, memory: Memory, reads: Reads, rule: Ttl | None,
        writer: Writer,
    ) -> None:  # fmt: skip
        self.database = database
        self.rule = rule
        self.pools = pools
        self.reads = reads
        self.watch: Watch | None = None
        self.second: SecondTier | None = None
        self.waited = 0
        self.asking = asyncio.Semaphore(ASKS)
        self.tasks: set[asyncio.Task[None]] = set()
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
            done.hits, done.stored, done.invalidated, done.spoiled, done.expired, done.evicted, done.flushed,
            self.waited, self.warmer.warmed,
        )  # fmt: skip

    def purge(self, table: str | None) -> None:
        """Forget all answers, or those that read one table; all, too, when nobody knows which table that is."""
        oids: list[int] | None = [
            oid for oid, one in self.watched.items() if table in (one.qualified, f"{one.schema}.{one.name}")
        ]
        if table is None or not oids:
            oids = None
            self.warmer.note()
            self.caching.purged()
        else:
            self.caching.changed(dict.fromkeys(oids))
        if self.second is not None:
            self.second.purge(oids)

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
                caching.changed(event.rows)
            case events.Flush() if not event.definitions:
                self.warmer.note()
                caching.purged()
            case events.Flush() | events.Lost() | events.Started():
                self.redefined()
                self.pools.retire(database=self.database)
            case events.Tables():
                caching.reconsider()  # what was judged since the flush was judged without them
        caching.freshened()


class Answers:
    """Answers the clients of one identity.

    Args:
        cache: of its database.
        scope: the identity.
        otherwise: answers what is not in a cache.

    Attributes:
        scope: the identity.
    """

    __slots__ = (
        "_cache", "_caching", "_catalog", "_entries", "_otherwise", "_seen", "_shelf", "_space", "_statements", "scope",
    )  # fmt: skip

    def __init__(self, cache: Cache, scope: Scope, otherwise: Answerer) -> None:
        self._cache, self._caching, self.scope, self._otherwise = cache, cache.caching, scope, otherwise
        self._shelf = cache.caching.shelf
        self._space = self._shelf.space()
        self._entries = self._space.entries
        self._statements = cache.caching.statements()
        self._catalog = CatalogAnswers()
        self._seen: OrderedDict[int, None] = OrderedDict()

    def __call__(self, session: PooledSession, data: bytes) -> bytes | None:
        """What a client is sent; None = a server shall answer; empty = it is told later."""
        entry = self._entries.get(data)
        if entry is not None and session.gate is None:
            now = monotonic()
            if now < entry.until and now < self._shelf.until:
                entry.uses += 1
                session.client.unnamed = entry.unnamed
                return entry.reply
        reply = self._look(session, data)
        return self._otherwise(session, data) if reply is None else reply

    def join(self, session: PooledSession) -> None:
        """A client begins."""
        session.client.reads = self._reads
        session.written = self._wrote

    def close(self) -> None:
        """No client has the identity any more."""
        self._cache.warmer.leave(self)
        self._shelf.close(self._space)
        self._caching.forget(self._statements)

    def _reads(self, meaning: bytes) -> bool:
        """Whether a statement is known to change nothing."""
        meaning = general_meaning(meaning)
        statement = self._statements.get(meaning)
        if statement is None:
            self._ask(meaning)
            return False
        return statement.reads

    def _wrote(self, session: PooledSession) -> None:
        """A session has ended a transaction that may have written: it is given nothing from before."""
        self._ask_position(session, pipelined=False)

    def _ask_position(self, session: PooledSession, *, pipelined: bool) -> None:
        """Find out where the log ends after what a session has written, or is about to write."""
        gate = session.gate = Gate(monotonic(), None)
        watch = self._cache.watch
        if watch is None:
            return

        def receive(row: tuple[bytes | None, ...] | None) -> None:
            gate.at = monotonic()
            session.client.wrote = False
            if row is not None and row[0] is not None:
                gate.position = _position(row[0])
                watch.reach(gate.position)

        session.ask_behind(POSITION, receive, pipelined=pipelined)

    def _look(self, session: PooledSession, data: bytes) -> bytes | None:
        now = monotonic()
        if now >= self._shelf.until:
            return None
        if session.gate is not None and self._caching.opened(session.gate):
            session.gate = None
        meaning_of = session.client.meaning
        key = named_key(data, meaning_of) if data[0] == _BIND else data
        if key is None:
            return None
        entry = self._find(session, key, now)
        if entry is not None:
            return entry.reply
        chunk = read(data, meaning_of)
        if chunk is None or not chunk.meaning or self._elsewhere(chunk):
            return None
        return self._miss(session, data, general(chunk), now)

    def _elsewhere(self, chunk: Chunk) -> bool:
        """Whether a cache table answers, or may: no stream tells of its rows, and nobody shall see time go back."""
        instead = self.scope.instead
        return instead is not None and not chunk.values and instead.claims(chunk.text)

    def _find(self, session: PooledSession, key: Key, now: float) -> Entry | None:
        """The entry to answer with; it counts as used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.until:
            self._shelf.expire(entry)
            return None
        if not self._caching.right(entry, session.gate):
            return None
        entry.uses += 1
        if isinstance(key, bytes):
            session.client.unnamed = entry.unnamed
        return entry

    def _miss(self, session: PooledSession, data: bytes, chunk: Chunk, now: float) -> bytes | None:
        statement = self._statements.get(chunk.meaning)
        if statement is None:
            self._ask(chunk.meaning)
            return None
        plan = self._caching.plan(statement, chunk, self._cache.watched, now)
        if plan is None:
            if statement.writes_at_once:
                self._ask_position(session, pipelined=True)
            return None
        filling = self._space.filling.get(chunk.key)
        if filling is not None and self._caching.right(filling, session.gate):
            _Waiter(self, session, data, chunk, now + WAIT).wait(filling)
            return b""
        second = self._cache.second
        if second is None or not self._caching.remembers(session.gate, streamed=plan.streamed):
            self.fill(session, chunk, statement, plan, now)
            return None
        return second.ask(
            self.scope, chunk.key, session, data,
            lambda kept: self._take(session, chunk, statement, kept),
            lambda: self._fill_anew(session, chunk, statement),
        )  # fmt: skip

    def _take(self, session: PooledSession, chunk: Chunk, statement: Statement, kept: Kept) -> bytes | None:
        """What a client is sent of an answer in the second tier, which comes back to memory; None = it is no good."""
        if not self._bring(chunk, statement, kept, session.gate):
            return None
        if isinstance(chunk.key, bytes):
            session.client.unnamed = chunk.unnamed
        return kept.reply

    def _bring(self, chunk: Chunk, statement: Statement, kept: Kept, gate: Gate | None) -> bool:
        """Take an answer of the second tier to memory; whether it is any good."""
        now = monotonic()
        plan = self._plan(statement, chunk, now)
        if plan is None or kept.until <= now or not self._caching.remembers(gate, streamed=plan.streamed):
            return False
        if plan.streamed and kept.position is None:
            return False
        entry = self._caching.begin(self._space, chunk, plan, LONG_AGO)
        self._shelf.keep(entry, kept.reply, cost=kept.cost, until=min(kept.until, now + plan.ttl))
        return True

    def _plan(self, statement: Statement, chunk: Chunk, now: float) -> Plan | None:
        return self._caching.plan(statement, chunk, self._cache.watched, now) if now < self._shelf.until else None

    def _fill_anew(self, session: PooledSession, chunk: Chunk, statement: Statement) -> None:
        """The second tier has no answer."""
        now = monotonic()
        plan = self._plan(statement, chunk, now)
        if plan is not None:
            self.fill(session, chunk, statement, plan, now)

    def fill(self, session: PooledSession, chunk: Chunk, statement: Statement, plan: Plan, now: float) -> None:
        """Keep what a server is about to answer."""
        fill = self._begin(chunk, statement, plan, now)
        if plan.unseen:
            session.ask_before(SNAPSHOT, fill.see)
        session.collect(self._caching.limits.reply, fill.done, self._slot(plan))

    def _begin(self, chunk: Chunk, statement: Statement, plan: Plan, now: float) -> _Fill:
        entry = self._caching.begin(self._space, chunk, plan, now)
        return _Fill(self._cache, self.scope, statement, entry, chunk, plan)

    # Without a client.

    @property
    def kept(self) -> Collection[Entry]:
        """The answers that are kept."""
        return self._entries.values()

    async def warm(self, wanted: Request) -> bool:
        """Have an answer before a client asks; whether a server was asked for it, and it is kept now.

        Raises:
            Violation, Malformed, Lost, TimeoutError: the server cannot be asked.
        """
        if self._elsewhere(wanted.chunk):
            return False
        chunk = general(wanted.chunk)
        statement = await self._known(chunk.meaning)
        if statement is None or self._answered(chunk):
            return False
        second = self._cache.second
        if second is not None:
            kept = await second.find(self.scope, chunk.key)
            if kept is not None and self._bring(chunk, statement, kept, None):
                return False
        pools = self._cache.pools
        async with pools.own(self.scope, self.scope.home) as backend:
            now = monotonic()
            plan = self._plan(statement, chunk, now)
            if plan is None or self._answered(chunk) or self._slot(plan) not in (None, backend.slot):
                return False
            fill, reply = self._begin(chunk, statement, plan, now), None
            try:
                if plan.unseen:
                    ((snapshot,),) = await question(backend, SNAPSHOT.decode(), ())
                    fill.see((None if snapshot is None else snapshot.encode(),))
                async with asyncio.timeout(WARMED_WITHIN):
                    reply = await exchange(backend, wanted.data, wanted.meaning, self._caching.limits.reply)
            except TimeoutError:
                await pools.cancel(backend)
                raise
            finally:
                fill.done(None if reply is None else reply.removeprefix(wanted.hidden))
        return chunk.key in self._entries

    def _slot(self, plan: Plan) -> str | None:
        """What a connection must have whose answer is to be kept; None = any one will do."""
        watch = self._cache.watch
        return watch.slot if watch is not None and plan.streamed else None

    def _answered(self, chunk: Chunk) -> bool:
        """Whether a client was faster."""
        return chunk.key in self._entries or chunk.key in self._space.filling

    async def _known(self, meaning: bytes) -> Statement | None:
        """What is known of a statement, if need be asked now; None = it cannot be judged."""
        statement = self._statements.get(meaning)
        if statement is None:
            statement = self._statements.add(meaning)
            await self._judge(statement, meaning)
        while statement.verdict is None and self._statements.get(meaning) is statement:
            await asyncio.sleep(JUDGED)  # somebody else asks, which takes a few milliseconds
        return statement if statement.verdict is not None else None

    def again(self, session: PooledSession, data: bytes, chunk: Chunk, until: float) -> None:
        """What a client waited for is decided."""
        now = monotonic()
        entry = self._find(session, chunk.key, now) if now < self._shelf.until else None
        if entry is not None:
            self._cache.waited += 1
            session.proceed(entry.reply)
            return
        if now < min(until, self._shelf.until):
            statement = self._statements.get(chunk.meaning)
            plan = statement and self._caching.plan(statement, chunk, self._cache.watched, now)
            if statement and plan:
                filling = self._space.filling.get(chunk.key)
                if filling is not None and self._caching.right(filling, session.gate):
                    _Waiter(self, session, data, chunk, until).wait(filling)
                    return
                self.fill(session, chunk, statement, plan, now)
        session.proceed(None)

    # What statements read.

    def _ask(self, meaning: bytes) -> None:
        """Find out what a statement reads: at once if it is likely to come again, else when it does."""
        cache = self._cache
        if not self._caching.settled:
            return
        text, end, _ = meaning.partition(b"\0")
        if not end and _CONSTANT.search(text) and not self._seen_before(hash(meaning)):
            return
        statement = self._statements.add(meaning)
        task = asyncio.get_running_loop().create_task(self._judge(statement, meaning))
        cache.tasks.add(task)
        task.add_done_callback(cache.tasks.discard)

    def _seen_before(self, mark: int) -> bool:
        if mark in self._seen:
            return True
        self._seen[mark] = None
        if len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return False

    async def _judge(self, statement: Statement, meaning: bytes) -> None:
        generation = self._caching.generation
        rule = self._cache.rule
        try:
            async with self._cache.asking:
                verdict = await self._verdict(meaning, generation)
                ttl = None if rule is None else await rule(self.scope, verdict, meaning)
        except (Violation, Malformed, Lost, TimeoutError, UnicodeDecodeError) as error:
            log.info("a statement cannot be judged", extra={"error": str(error)})
            self._statements.forget(meaning)
            return
        if generation == self._caching.generation:
            statement.judged(verdict, ttl)

    async def _verdict(self, meaning: bytes, generation: int) -> Verdict:
        chunk = Chunk(b"", meaning)
        keys = {oid: table.key for oid, table in self._cache.watched.items()}
        judging = self._cache.reads.judge(candidate(chunk.text.decode(), chunk.types), keys)
        try:
            query = next(judging)
            while True:
                rows = self._catalog.find(query, generation)
                if rows is None:
                    rows = await self._cache.pools.ask(self.scope, self.scope.home, query.sql, query.params)
                    self._catalog.keep(query, rows, generation)
                query = judging.send(rows)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict


class _Fill:
    """An answer that is to be kept."""

    __slots__ = ("_cache", "_chunk", "_entry", "_plan", "_scope", "_snapshot", "_statement")

    def __init__(
        self, cache: Cache, scope: Scope, statement: Statement, entry: Entry, chunk: Chunk, plan: Plan
    ) -> None:
        self._cache, self._scope, self._statement = cache, scope, statement
        self._entry, self._chunk, self._plan = entry, chunk, plan
        self._snapshot: Snapshot | None = None

    def see(self, row: tuple[bytes | None, ...] | None) -> None:
        """What is visible before the query."""
        if row is not None and row[0] is not None:
            self._snapshot = Snapshot.parse(row[0].decode())

    def done(self, reply: bytes | None) -> None:
        """What the client was sent."""
        now = monotonic()
        fit = reply is not None and is_result(reply, self._chunk)
        self._statement.collected(fit, now)
        caching, second = self._cache.caching, self._cache.second
        if reply is None or not fit:
            caching.shelf.give_up(self._entry)
        elif caching.keep(self._entry, self._plan, reply, self._snapshot, now) and second is not None:
            second.keep(self._scope, self._chunk, self._plan, reply, now - self._entry.made)


class _Waiter:
    """A client that waits for the answer that another one is about to get."""

    __slots__ = ("_alarm", "_answers", "_chunk", "_data", "_entry", "_session", "_until")

    def __init__(self, answers: Answers, session: PooledSession, data: bytes, chunk: Chunk, until: float) -> None:
        self._answers, self._session, self._data, self._chunk, self._until = answers, session, data, chunk, until

    def wait(self, entry: Entry) -> None:
        self._entry = entry
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(max(0.0, self._until - monotonic()), self._go)
        entry.wait(self._decided)

    def _decided(self) -> None:
        self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(0, self._go)

    def _go(self) -> None:
        self._entry.leave(self._decided)
        if self._session.held is self._data:
            self._answers.again(self._session, self._data, self._chunk, self._until)


def _position(text: bytes) -> int:
    high, _, low = text.partition(b"/")
    return int(high, 16) << 32 | int(low, 16)
