"""Answers the clients of one identity from memory, and fills that with what servers answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Collection
from time import monotonic
from typing import TYPE_CHECKING

from postai.edge.caching import Gate, Plan, Statement
from postai.edge.chunks import Chunk, named_key, read
from postai.edge.memory import Entry, Key
from postai.edge.server.backend import exchange
from postai.edge.server.fills import Fill, Waiter
from postai.edge.server.link import Lost
from postai.edge.server.scopes import Answerer, Scope
from postai.edge.server.second import LONG_AGO
from postai.edge.shapes import general, general_meaning
from postai.edge.texts import legible
from postai.edge.tiers import Kept
from postai.edge.warming import Request
from postai.edge.wire import Malformed, Violation
from postai.sql.reads import CatalogAnswers, Query, Rows, Verdict, candidate, drive_async
from postai.stream.replication import lsn

if TYPE_CHECKING:
    from postai.edge.server.cached import Cache
    from postai.edge.server.pooled import PooledSession

log = logging.getLogger(__name__)

WAIT = 5.0
"""Seconds that a client waits at most for the same answer that a server makes for another one."""
WARMED_WITHIN = 60.0
"""Seconds that a server may take for an answer which no client waits for."""
JUDGED = 0.02
"""Seconds between two looks whether a statement is judged."""
SNAPSHOT = b"select pg_catalog.pg_current_snapshot()::pg_catalog.text"
POSITION = b"select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"

SEEN = 10_000
"""Texts with constants of which it is remembered that they came once."""

_BIND = 0x42
_CONSTANT = re.compile(rb"[0-9']")


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
        self._space.overtaken = lambda entry: cache.renewer.overtaken(self, entry)
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
        session.client.era = lambda: self._caching.generation
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
            if row is not None and row[0] is not None:
                gate.position = lsn(row[0].decode())
                watch.reach(gate.position)

        session.ask_behind(POSITION, receive, pipelined=pipelined)

    def _look(self, session: PooledSession, data: bytes) -> bytes | None:
        now = monotonic()
        if now >= self._shelf.until:
            return None
        if session.gate is not None and self._caching.opened(session.gate):
            session.written_to = self._caching.told(session.gate)
            session.gate = None
        meaning_of = session.client.meaning_as_told
        key = named_key(data, meaning_of) if data[0] == _BIND else data
        if key is None:
            return None
        entry = self._find(session, key, now)
        if entry is not None:
            return entry.reply
        if session.gate is None:
            fading = self._caching.fading(self._space, key, session.written_to, session.answered, now)
            if fading is not None:
                if isinstance(key, bytes):
                    session.client.unnamed = fading.unnamed
                return self._shelf.lent(fading)
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
            Waiter(self, session, data, chunk, now + WAIT).wait(filling)
            return b""
        self._cache.misses += 1
        fading = self._space.fading.get(chunk.key)
        if fading is not None:
            fading.awaited = True
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

    def _begin(self, chunk: Chunk, statement: Statement, plan: Plan, now: float) -> Fill:
        entry = self._caching.begin(self._space, chunk, plan, now)
        return Fill(self._cache, self.scope, statement, entry, chunk, plan)

    # Without a client.

    @property
    def kept(self) -> Collection[Entry]:
        """The answers that are kept."""
        return self._entries.values()

    @property
    def may_ask(self) -> bool:
        """Whether an answer would be kept now, and no client needs the server."""
        cache, scope = self._cache, self.scope
        if monotonic() >= self._shelf.until or not self._caching.settled or not scope.greeting:
            return False
        if cache.watch is not None and not cache.watched:
            return False
        return cache.leads(scope.home) and cache.pools.pool(scope, scope.home).spare

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
            if self._elsewhere(wanted.chunk):  # a rule may have come meanwhile
                return False
            if not self._cache.leads(self.scope.home):  # from here on, losing that role spoils the answer
                return False
            fill, reply = self._begin(chunk, statement, plan, now), None
            try:
                async with asyncio.timeout(WARMED_WITHIN):
                    row, reply = await exchange(
                        backend, wanted.data, wanted.meaning, self._caching.limits.reply,
                        first=SNAPSHOT.decode() if plan.unseen else None,
                    )  # fmt: skip
                if row is not None:
                    fill.see(tuple(None if text is None else text.encode() for text in row))
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
                    Waiter(self, session, data, chunk, until).wait(filling)
                    return
                self.fill(session, chunk, statement, plan, now)
            self._cache.misses += 1
        session.proceed(None)

    # What statements read.

    def _ask(self, meaning: bytes) -> None:
        """Find out what a statement reads: at once if it is likely to come again, else when it does."""
        cache = self._cache
        if not self._caching.settled:
            return
        text, end, _ = meaning.partition(b"\0")
        if not legible(text):
            return
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
                if generation != self._caching.generation:
                    return  # whoever asks for it next has it judged by what holds now
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

        async def ask(query: Query) -> Rows:
            rows = self._catalog.find(query, generation)
            if rows is None:
                rows = await self._cache.pools.ask(self.scope, self.scope.home, query.sql, query.params)
                self._catalog.keep(query, rows, generation)
            return rows

        return await drive_async(self._cache.reads.judge(candidate(chunk.text.decode(), chunk.types), keys), ask)
