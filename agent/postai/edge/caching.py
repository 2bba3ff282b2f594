"""What may be kept in memory, for how long, and who may be given it: the rules of the cache, without input or output.

One `Caching` belongs to one database. Two kinds of entries exist. Where a stream tells of every change (`freshness`),
an answer is kept until a change touches it. Where nobody tells, it is kept only if a rule names a time for it, and may
be that old. Both are forgotten after a time of their own.

A session that has written is given nothing from before its write: either the stream has passed the write, or the
answer was asked for after it (`Gate`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from postai.edge.chunks import Chunk
from postai.edge.freshness import Freshness, Lsn, Snapshot
from postai.edge.memory import Entry, Fading, Key, News, Shelf, Space, Tag, Values
from postai.sql.reads import Literal, Verdict, normalise, special_input

KNOWN = 2000
"""Statements of a scope of which it is known whether their answers may be kept."""
FAILURES = 3
"""Answers in a row that could not be kept, after which a statement is left alone."""
PAUSE = 60.0
"""Seconds for which it is."""
MOMENT = 0.04
"""Seconds for which an answer that a change has overtaken is given on while a new one is fetched, at most. Who asks for
a row that many ask for would else wait a way to the server and back after each of its changes."""

HARMLESS = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SHOW"})
"""Statements by their tags (also the reasons that verdicts name for them) that change nothing themselves."""
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large.

    Attributes:
        ttl: seconds for which an answer is kept, where no rule says otherwise.
        reply: bytes of the largest that is kept.
    """

    ttl: float
    reply: int


class Gate:
    """What a session waits for after a write.

    Attributes:
        at: when the write was answered.
        position: where in the log it had ended by then; None = not known.
    """

    __slots__ = ("at", "position")

    def __init__(self, at: float, position: Lsn | None) -> None:
        self.at, self.position = at, position


class Statement:
    """What is known of a statement in a scope.

    Attributes:
        verdict: what it reads; None = it is being found out.
        ttl: seconds that a rule names for it; None = none does.
    """

    __slots__ = ("_failures", "_left_alone", "fixed", "ttl", "verdict")

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.ttl: float | None = None
        self.fixed: tuple[Tag, ...] | None = None
        self._failures = 0
        self._left_alone = 0.0

    def judged(self, verdict: Verdict, ttl: float | None) -> None:
        """It is known what the statement reads."""
        self.verdict, self.ttl = verdict, ttl
        if verdict.tables is not None and not verdict.pins:
            self.fixed = tuple(sorted(verdict.tables))

    @property
    def reads(self) -> bool:
        """Whether it is known to change nothing."""
        return self.verdict is not None and (self.verdict.only_reads or self.verdict.reason in HARMLESS)

    @property
    def writes_at_once(self) -> bool:
        """Whether it is one that writes, and whose transaction, where there is none, ends with it."""
        return self.verdict is not None and self.verdict.reason in WRITES

    def fit(self, now: float) -> bool:
        """Whether its answers are worth collecting."""
        return self.verdict is not None and self.verdict.cacheable and self.ttl != 0 and now >= self._left_alone

    def collected(self, kept: bool, now: float) -> None:
        """An answer was kept, or could not be."""
        self._failures = 0 if kept else self._failures + 1
        if self._failures >= FAILURES:
            self._failures, self._left_alone = 0, now + PAUSE

    def tags(self, chunk: Chunk) -> tuple[Tag, ...] | None:
        """What an execution reads; None = its parameters may mean the present moment."""
        if any(value is not None and special_input(value) for value in chunk.values):
            return None
        if self.fixed is not None:
            return self.fixed
        verdict = self.verdict
        assert verdict is not None and verdict.tables is not None
        tags: dict[int, Tag] = {oid: oid for oid in verdict.tables}
        for oid, columns in verdict.pins:
            values = []
            for _, source, type_oid in columns:
                value = source.value if isinstance(source, Literal) else _parameter(chunk, source.number, type_oid)
                if value is None:
                    break
                values.append(value)
            else:
                tags[oid] = (oid, tuple(values))
        return tuple(tags.values())


def _parameter(chunk: Chunk, number: int, type_oid: int) -> bytes | None:
    """A parameter as the value of a column of a key; None where that is not known."""
    raw = chunk.values[number - 1] if number <= len(chunk.values) else None
    return None if raw is None else normalise(type_oid, raw, chunk.formats[number - 1] == 1)


class Statements:
    """The statements of one scope; those that were used last stay."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Statement] = OrderedDict()

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._known.values())

    def get(self, meaning: bytes) -> Statement | None:
        found = self._known.get(meaning)
        if found is not None:
            self._known.move_to_end(meaning)
        return found

    def add(self, meaning: bytes) -> Statement:
        """A statement of which nothing is known yet."""
        made = self._known[meaning] = Statement()
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return made

    def forget(self, meaning: bytes) -> None:
        """Nothing is known of it any more."""
        self._known.pop(meaning, None)

    def clear(self) -> None:
        """Definitions or rights have changed."""
        self._known.clear()


@dataclass(frozen=True, slots=True)
class Plan:
    """How an answer is to be kept.

    Attributes:
        tags: what it is made from.
        ttl: seconds.
        streamed: whether the stream tells of all its changes.
        unseen: transactions that a snapshot, taken before on the same connection, must show; none = no snapshot.
    """

    tags: tuple[Tag, ...]
    ttl: float
    streamed: bool
    unseen: frozenset[int]


class Caching:
    """The cache of one database. Belongs to one thread.

    Args:
        shelf: its entries.
        freshness: what the stream proves; None = there is no stream.
        max_staleness: seconds.
        limits: of what is kept.

    Attributes:
        generation: changes with every change of definitions or rights.
    """

    def __init__(self, shelf: Shelf, freshness: Freshness | None, max_staleness: float, limits: Limits) -> None:
        self.shelf = shelf
        self.limits = limits
        self.generation = 0
        self._freshness = freshness
        self._max_staleness = max_staleness
        self._moment = min(MOMENT, max_staleness / 4)
        self._scopes: list[Statements] = []
        self._loose = False
        shelf.until = float("inf") if freshness is None else 0.0

    def statements(self) -> Statements:
        """Room for the statements of one more scope."""
        made = Statements()
        self._scopes.append(made)
        return made

    def forget(self, statements: Statements) -> None:
        """A scope is given up."""
        self._scopes.remove(statements)

    def known(self) -> tuple[int, int]:
        """How many statements are known; of these, how many are cacheable."""
        every = [one for scope in self._scopes for one in scope]
        return len(every), sum(one.verdict is not None and one.verdict.cacheable for one in every)

    @property
    def settled(self) -> bool:
        """Whether every change of definitions that was told of is visible by now."""
        return self._freshness is None or not self._freshness.unseen(())

    # What the stream tells, after `freshness` has taken it.

    def freshened(self) -> None:
        """It is proved how far the stream is."""
        if self._freshness is not None:
            fresh = self._freshness.fresh_as_of
            self.shelf.until = 0.0 if fresh is None else fresh + self._max_staleness

    def tidy(self, now: float) -> None:
        """Let go of what may not be given any more."""
        self.shelf.tidy(now)

    def changed(self, rows: Mapping[int, Iterable[Values] | None], position: Lsn, now: float) -> None:
        """A transaction changed rows.

        Args:
            rows: their keys by table; None = any row of it.
            position: where in the log it ends.
            now: when it was told.
        """
        news = News(position, now, now + self._moment)
        for oid, keys in rows.items():
            self.shelf.invalidate(oid, keys, news)

    def forget_tables(self, oids: Iterable[int]) -> None:
        """What was made from these tables must go."""
        for oid in oids:
            self.shelf.invalidate(oid, None, None)

    def purged(self) -> None:
        """Whatever is kept must go."""
        self.shelf.flush()

    def redefined(self) -> None:
        """Definitions or rights have changed: whatever is kept or known must go."""
        self.reconsider()
        self.shelf.flush()

    def reconsider(self) -> None:
        """Statements are to be judged anew."""
        self.generation += 1
        for one in self._scopes:
            one.clear()

    # An answer.

    def passed(self, gate: Gate) -> bool:
        """Whether the stream has told everything up to a session's write."""
        freshness = self._freshness
        if freshness is None:
            return False
        if gate.position is not None:
            return freshness.passed(gate.position)
        return freshness.fresh_as_of is not None and freshness.fresh_as_of >= gate.at

    def opened(self, gate: Gate) -> bool:
        """Whether a session may be given everything, as if it had written nothing."""
        return not self._loose and self.passed(gate)

    def told(self, gate: Gate) -> Lsn:
        """A position in the log that a session's write, which the stream has passed, does not lie behind."""
        assert self._freshness is not None
        return self._freshness.position if gate.position is None else gate.position

    def fading(self, space: Space, key: Key, written: Lsn, answered: float, now: float) -> Fading | None:
        """An answer that a change has overtaken a moment ago, and that a session may still be given.

        It is if somebody fetches a new one, and if that session can know nothing of the change: it has not written
        that far in the log, and no server has answered it since.

        Args:
            space: of its scope.
            key: what it asks.
            written: position of its last write.
            answered: when a server answered it last.
            now: the time.
        """
        found = space.fading.get(key)
        if found is None or not found.awaited or now >= found.until:
            return None
        return found if written < found.news.position and answered < found.news.at else None

    def right(self, entry: Entry, gate: Gate | None) -> bool:
        """Whether an entry knows of a session's writes."""
        return self.remembers(gate, streamed=entry.streamed) or (gate is not None and entry.made >= gate.at)

    def remembers(self, gate: Gate | None, *, streamed: bool) -> bool:
        """Whether an entry that was made at any time, and is still there, knows of a session's writes."""
        return gate is None or (streamed and self.passed(gate))

    def plan(self, statement: Statement, chunk: Chunk, watched: Mapping[int, object], now: float) -> Plan | None:
        """How the answer to an execution is to be kept; None = not at all.

        Args:
            statement: what is known of it.
            chunk: the execution.
            watched: tables of which the stream tells everything.
            now: the time.
        """
        if not statement.fit(now):
            return None
        verdict = statement.verdict
        assert verdict is not None and verdict.tables is not None
        streamed = self._freshness is not None and watched.keys() >= verdict.tables
        if not streamed and statement.ttl is None:
            return None
        tags = statement.tags(chunk)
        if tags is None:
            return None
        ttl = self.limits.ttl if statement.ttl is None else statement.ttl
        unseen = frozenset() if self._freshness is None else self._freshness.unseen(tags)
        return Plan(tags, ttl, streamed, unseen)

    def begin(self, space: Space, chunk: Chunk, plan: Plan, now: float) -> Entry:
        """The execution is being sent to the server."""
        entry = self.shelf.begin(space, chunk.key, plan.tags, chunk.unnamed, now)
        entry.streamed = plan.streamed
        self._loose = self._loose or not plan.streamed
        return entry

    def keep(self, entry: Entry, plan: Plan, reply: bytes, snapshot: Snapshot | None, now: float) -> bool:
        """The answer is here and fit; whether it is kept.

        Args:
            entry: what `begin` gave.
            plan: how.
            reply: the answer.
            snapshot: what was visible before it was made.
            now: the time.
        """
        if plan.unseen and (snapshot is None or not snapshot.shows(plan.unseen)):
            self.shelf.give_up(entry)
            return False
        return self.shelf.keep(entry, reply, cost=now - entry.made, until=now + plan.ttl)
