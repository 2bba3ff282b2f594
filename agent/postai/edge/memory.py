"""Tier 1: replies kept in memory, found by the bytes that a client sent, forgotten by what a change touched.

One `Memory` bounds the bytes of all cached databases together. A `Shelf` is one database: it knows which replies were
made from which tables and rows. A `Space` holds the replies of one scope (all that decides what the same bytes mean:
user, settings of the session); hits are looked up in its plain dictionary.

What is thrown away first is told by GreedyDual-Size-Frequency (L. Cherkasova, "Improving WWW Proxies Performance with
Greedy-Dual-Size-Frequency Caching Policy", HP Laboratories report HPL-98-69R1, 1998): the entry with the lowest
`clock + uses * cost / size` goes, and the clock becomes its value, so that what was valuable long ago ages. Values are
brought up to date when an entry's turn comes, so that a hit costs one addition.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Key = bytes | tuple[bytes, bytes]
"""What a client sent; for a named statement: what the name stands for, and all the rest."""
Values = tuple[bytes | None, ...]
"""The values of a row's key, in one fixed form each."""
Tag = int | tuple[int, Values]
"""What a reply was made from: a whole relation by its oid, or one row of it."""

ENTRY_BYTES = 900
"""Bytes that an entry takes beside what the client sent and what it is answered."""
TAG_BYTES = 400
"""Bytes that a tag takes in the index."""
DEAD = 1000
"""Entries that are gone, and that the order of value may still hold beside as many as live."""
FADING = 1000
"""Replies that a change has overtaken and that may be given while new ones are on their way, of one database."""
FADING_BYTES = 16384
"""Larger ones are not."""


@dataclass(slots=True)
class Figures:
    """What happened to the entries of a database.

    Attributes:
        hits: replies that came from here.
        stored: replies that were kept.
        invalidated: entries that a change killed.
        spoiled: replies that a change made worthless on their way.
        expired, evicted, flushed: entries that were thrown away, and why.
    """

    hits: int = 0
    stored: int = 0
    invalidated: int = 0
    spoiled: int = 0
    expired: int = 0
    evicted: int = 0
    flushed: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """A transaction that changed rows, as the stream told of it.

    Attributes:
        position: where in the log it ends.
        at: when it was told.
        until: how long replies from before it may be given while new ones are on their way.
    """

    position: int
    at: float
    until: float


@dataclass(slots=True)
class Fading:
    """A reply that knows of everything before the `news`, and may be given for a moment while a new one is fetched.

    Attributes:
        awaited: whether a new one is on its way.
    """

    reply: bytes
    unnamed: bytes | None
    news: News
    until: float
    awaited: bool = False


class Entry:
    """A reply: on its way, kept, or dead.

    Attributes:
        reply: what the client is sent; None while it is on its way.
        made: time at which the server was asked.
        until: time at which it expires.
        streamed: whether it dies with the first change of what it was made from; else only with time.
        uses: hits, and one for its making.
        unnamed: what the unnamed statement stands for afterwards; None = there is none.
        alive: False once nothing may be answered from it.
        overtaken: by what, on its way; None = by nothing, or everything was forgotten since.
    """

    __slots__ = ("_wake", "alive", "cost", "key", "made", "overtaken", "reply", "seen", "size", "space", "streamed",
                 "tags", "unnamed", "until", "uses")  # fmt: skip

    def __init__(self, space: Space, key: Key, tags: tuple[Tag, ...], unnamed: bytes | None, made: float) -> None:
        self.space = space
        self.made = made
        self.streamed = True
        self.key = key
        self.tags = tags
        self.unnamed = unnamed
        self.reply: bytes | None = None
        self.until = 0.0
        self.uses = 1
        self.seen = 1
        self.cost = 0.0
        self.size = 0
        self.alive = True
        self.overtaken: tuple[News, int] | None = None
        self._wake: list[Callable[[], object]] | None = None

    def wait(self, wake: Callable[[], object]) -> None:
        """Call that once the reply is kept, or will not be."""
        if self._wake is None:
            self._wake = []
        self._wake.append(wake)

    def leave(self, wake: Callable[[], object]) -> None:
        """Wait no longer."""
        if self._wake is not None and wake in self._wake:
            self._wake.remove(wake)

    def decided(self) -> None:
        """Whoever waits goes on."""
        waiting, self._wake = self._wake, None
        for wake in waiting or ():
            wake()


class Space:
    """The replies of one scope.

    Attributes:
        entries: what is kept.
        filling: what is on its way.
        fading: what was kept a moment ago.
        overtaken: told of a kept reply that was used and that a change kills; whether a new one is on its way.
    """

    __slots__ = ("entries", "fading", "filling", "overtaken", "shelf")

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.entries: dict[Key, Entry] = {}
        self.filling: dict[Key, Entry] = {}
        self.fading: dict[Key, Fading] = {}
        self.overtaken: Callable[[Entry], bool] = lambda _: False


class _Table:
    """What was made from a relation: from all of it, or from one row each."""

    __slots__ = ("rows", "whole")

    def __init__(self) -> None:
        self.whole: set[Entry] = set()
        self.rows: dict[Values, Entry | set[Entry]] = {}

    def add(self, values: Values | None, entry: Entry) -> None:
        if values is None:
            self.whole.add(entry)
            return
        there = self.rows.get(values)
        if there is None:
            self.rows[values] = entry
        elif isinstance(there, set):
            there.add(entry)
        else:
            self.rows[values] = {there, entry}

    def remove(self, values: Values | None, entry: Entry) -> None:
        if values is None:
            self.whole.discard(entry)
            return
        there = self.rows.get(values)
        if isinstance(there, set):
            there.discard(entry)
            if there:
                return
        elif there is not entry:
            return
        del self.rows[values]

    def of_row(self, values: Values) -> tuple[Entry, ...]:
        there = self.rows.get(values)
        if there is None:
            return ()
        return tuple(there) if isinstance(there, set) else (there,)

    def everything(self) -> tuple[Entry, ...]:
        return (*self.whole, *(entry for values in self.rows for entry in self.of_row(values)))


class Memory:
    """Bytes for the replies of all databases.

    Args:
        limit: bytes that entries take at most, with what finds them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self.count = 0
        self._clock = 0.0
        self._order: list[tuple[float, int, Entry]] = []  # the one of the lowest value first
        self._serial = 0

    def shelf(self) -> Shelf:
        """Room for one more database."""
        return Shelf(self)

    def admit(self, entry: Entry) -> None:
        """Count an entry in, and throw out what is worth less than the room."""
        self.bytes += entry.size
        self.count += 1
        self._push(entry)
        while self.bytes > self.limit:
            self._evict()
        if len(self._order) > 2 * self.count + DEAD:
            self._order = [item for item in self._order if item[2].alive]
            heapq.heapify(self._order)

    def release(self, entry: Entry) -> None:
        """Count an entry out."""
        self.bytes -= entry.size
        self.count -= 1

    def _push(self, entry: Entry) -> None:
        entry.seen = entry.uses
        self._serial += 1
        value = self._clock + entry.uses * entry.cost / entry.size
        heapq.heappush(self._order, (value, self._serial, entry))

    def _evict(self) -> None:
        while True:
            value, _, entry = heapq.heappop(self._order)
            if not entry.alive:
                continue
            if entry.uses == entry.seen:
                break
            self._push(entry)
        self._clock = value
        entry.space.shelf.evict(entry)


class Shelf:
    """The entries of one database.

    Args:
        memory: what bounds them.

    Attributes:
        until: time up to which anything may be answered from here; 0 = nothing.
        figures: what happened.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._tables: dict[int, _Table] = {}
        self._spaces: list[Space] = []
        self._way: set[Entry] = set()
        self._fading: deque[tuple[Space, Key, Fading]] = deque()
        self._flushes = 0
        self._gone = Figures()
        self.until = 0.0
        self.count = 0
        self.bytes = 0

    def space(self) -> Space:
        """Room for one more scope."""
        space = Space(self)
        self._spaces.append(space)
        return space

    def close(self, space: Space) -> None:
        """Give up a scope that nobody uses any more."""
        self._spaces.remove(space)
        self._flush(space.entries.values())
        self._flush(entry for entry in self._way if entry.space is space)

    @property
    def spaces(self) -> int:
        """How many scopes there are."""
        return len(self._spaces)

    @property
    def figures(self) -> Figures:
        """What happened up to now."""
        gone = self._gone
        hits = sum(entry.uses - 1 for space in self._spaces for entry in space.entries.values())
        return Figures(
            gone.hits + hits, gone.stored, gone.invalidated, gone.spoiled, gone.expired, gone.evicted, gone.flushed
        )

    # The way of an entry.

    def begin(self, space: Space, key: Key, tags: Iterable[Tag], unnamed: bytes | None, now: float) -> Entry:
        """A statement is being sent whose reply may be kept; from now on changes of what it reads spoil it.

        One that is on its way for the same key stays alive, but the newest is the one to wait for.
        """
        entry = Entry(space, key, tuple(dict.fromkeys(tags)), unnamed, now)
        for tag in entry.tags:
            oid, values = (tag, None) if isinstance(tag, int) else tag
            table = self._tables.get(oid)
            if table is None:
                table = self._tables[oid] = _Table()
            table.add(values, entry)
        space.filling[key] = entry
        self._way.add(entry)
        return entry

    def keep(self, entry: Entry, reply: bytes, *, cost: float, until: float) -> bool:
        """The reply is complete; whether it is kept.

        Args:
            entry: what `begin` gave.
            reply: what the client got.
            cost: seconds that making it took.
            until: time at which it expires.
        """
        entry.size = ENTRY_BYTES + _length(entry.key) + len(reply) + TAG_BYTES * len(entry.tags)
        if not entry.alive or entry.size > self._memory.limit // 4:
            if entry.overtaken is not None:
                news, flushes = entry.overtaken
                if flushes == self._flushes:
                    self._fade(entry, reply, news, until)
            self.give_up(entry)
            return False
        old = entry.space.entries.get(entry.key)
        if old is not None and old.made > entry.made:
            self.give_up(entry)  # whoever was given the newer one shall not be given this
            return False
        if old is not None:
            self._gone.expired += self._die(old)
        self._filled(entry)
        entry.reply, entry.cost, entry.until = reply, cost, until
        entry.space.entries[entry.key] = entry
        entry.space.fading.pop(entry.key, None)
        self._gone.stored += 1
        self.count += 1
        self.bytes += entry.size
        self._memory.admit(entry)
        entry.decided()
        return entry.alive

    def give_up(self, entry: Entry) -> None:
        """The reply will not be kept."""
        self._die(entry)

    def expire(self, entry: Entry) -> None:
        """Its time is over."""
        self._gone.expired += self._die(entry)

    def evict(self, entry: Entry) -> None:
        """There is no room for it."""
        self._gone.evicted += self._die(entry)

    def lent(self, fading: Fading) -> bytes:
        """A reply is given while a new one is on its way."""
        self._gone.hits += 1
        return fading.reply

    # What changes do.

    def invalidate(self, oid: int, rows: Iterable[Values] | None, news: News | None) -> None:
        """Forget what was made from changed rows.

        Args:
            oid: the relation.
            rows: keys of the rows, the old and the new ones; None = any row.
            news: the transaction that changed them; None = what is forgotten may not be given for a moment longer.
        """
        table = self._tables.get(oid)
        if table is None:
            return
        if rows is None:
            self._kill(table.everything(), news)
            return
        self._kill(tuple(table.whole), news)
        for values in rows:
            self._kill(table.of_row(values), news)

    def flush(self) -> None:
        """Forget everything, also what is on its way."""
        self._flushes += 1
        for space in self._spaces:
            self._flush(space.entries.values())
        self._flush(self._way)
        self.tidy(float("inf"))

    def tidy(self, now: float) -> None:
        """Forget replies that may not be given any more, as their moment is over."""
        while self._fading and (self._fading[0][2].until <= now or len(self._fading) > FADING):
            space, key, fading = self._fading.popleft()
            if space.fading.get(key) is fading:
                del space.fading[key]

    def _flush(self, entries: Iterable[Entry]) -> None:
        for entry in tuple(entries):
            self._gone.flushed += self._die(entry)

    def _kill(self, entries: tuple[Entry, ...], news: News | None) -> None:
        for entry in sorted(entries, key=_kept):
            space, key = entry.space, entry.key
            if entry.reply is None:
                self._gone.spoiled += entry.alive
                # Where two are on their way, or one is here, nobody knows which of them is newer.
                if news is not None and space.filling.get(key) is entry and key not in space.entries:
                    entry.overtaken = news, self._flushes
            else:
                self._gone.invalidated += entry.alive
                if news is not None and entry.uses > 1 and entry.streamed:  # what nobody asked for again is not missed
                    self._fade(entry, entry.reply, news, entry.until)
                    if space.overtaken(entry) and (fading := space.fading.get(key)) is not None:
                        fading.awaited = True
            self._die(entry)

    def _fade(self, entry: Entry, reply: bytes, news: News, until: float) -> None:
        """Keep a reply for the moment that the next one takes, unless there is a newer one."""
        space, key = entry.space, entry.key
        there = space.fading.get(key)
        if (there is not None and there.news.position >= news.position) or (not entry.alive and key in space.entries):
            return
        if len(reply) > FADING_BYTES:
            return
        fading = Fading(reply, entry.unnamed, news, min(news.until, until), there is not None and there.awaited)
        space.fading[key] = fading
        self._fading.append((space, key, fading))
        self.tidy(news.at)

    def _die(self, entry: Entry) -> bool:
        """End an entry in whatever state; whether it was alive."""
        if not entry.alive:
            return False
        entry.alive = False
        for tag in entry.tags:
            oid, values = (tag, None) if isinstance(tag, int) else tag
            table = self._tables[oid]
            table.remove(values, entry)
            if not table.whole and not table.rows:
                del self._tables[oid]
        if entry.reply is None:
            self._filled(entry)
        else:
            del entry.space.entries[entry.key]
            self.count -= 1
            self.bytes -= entry.size
            self._gone.hits += entry.uses - 1
            self._memory.release(entry)
            entry.reply = b""
            entry.key = b""
            entry.tags = ()
        entry.decided()
        return True

    def _filled(self, entry: Entry) -> None:
        self._way.discard(entry)
        if entry.space.filling.get(entry.key) is entry:
            del entry.space.filling[entry.key]


def _kept(entry: Entry) -> bool:
    return entry.reply is not None


def _length(key: Key) -> int:
    return len(key) if isinstance(key, bytes) else len(key[1])
