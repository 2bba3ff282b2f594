"""Watches one cached database: what changes there, and how fresh that knowledge is.

Two threads of their own: one reads the stream, the other asks a side connection (how far the log is, what is visible,
whether roles and definitions are as they were). What they find is handed to the event loop in the order in which it
must be taken; nothing here waits in the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b

from postai.database import connect
from postai.database import dsn as connection_string
from postai.database.connection import OWN_PATH
from postai.database.errors import ConnectionLost
from postai.database.protocol import Database
from postai.edge.freshness import Freshness, Lsn, Oid, Snapshot, Xid
from postai.edge.server.events import Event, Flush, Invalidations, Lost, Position, Sample, Started, Tables
from postai.errors import FeatureMissing, PostaiError
from postai.stream import pgoutput, server
from postai.stream.addresses import looked_up, writer_first
from postai.stream.replication import Data, Keepalive, Replication, ServerIdentity, Stopped, new_slot_name
from postai.stream.transactions import Assembly, Transaction

log = logging.getLogger(__name__)

PREFIX = b"postai.edge"
"""Of the messages that event triggers and postai.edge_purge() write; whoever may write to the log may write others."""
_OID = re.compile(r"[0-9]{1,10}")
BACKLOG = 64
"""Batches that wait for the loop; the stream is read on when it has taken some."""
SILENCE = 10.0
"""Seconds without a word of a server that was asked for one: the connection is dead."""
SIDE_TIMEOUT_MS = 5000
SHARE = 100
"""Looking for changed definitions again and again takes at most one part in this many of the time."""
ROLES_SHARE = 10
"""The same of roles, of which nothing else tells."""
SELDOM = 60.0
"""Seconds between looks at all definitions where the stream tells of them, and nobody writes to catalogs."""
ASK_AGAIN = 0.003
"""Seconds until a server that is not far enough yet is asked again."""
LOOK_AGAIN = 0.02
"""Seconds until a transaction that is not visible yet is looked for again."""
BACKOFF = (0.2, 10.0)
STOP_SECONDS = 0.5
"""Between two attempts to end what runs when the watch is stopped."""


class _Attempt:
    """Work of a thread, which goes on whatever comes of it.

    Attributes:
        error: why it failed; None = it did not.
    """

    error: Exception | None = None

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


class _Stream:
    """What the two threads share while a stream lives.

    Attributes:
        ended: set when it does.
        due: set when the side connection has something to do.
        position: how far the stream is.
        ask: the server is to say how far it is.
        failure: why the other thread gave up.
    """

    def __init__(self, side: Database, replication: Replication) -> None:
        self.side, self.replication = side, replication
        self.ended, self.due = threading.Event(), threading.Event()
        self.position: Lsn = 0
        self.ask = False
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._flushes = 0
        self._unseen: list[Xid] = []

    def flush(self, xid: Xid) -> int:
        """The number of one more flush, which that transaction made necessary (0 = none, or a visible one)."""
        with self._lock:
            self._flushes += 1
            if xid:
                self._unseen.append(xid)
            return self._flushes

    def flushes(self) -> tuple[int, tuple[Xid, ...]]:
        """How many there were, and the transactions that may not be visible yet."""
        with self._lock:
            return self._flushes, tuple(self._unseen)

    def visible(self, xids: tuple[Xid, ...]) -> None:
        with self._lock:
            self._unseen = [xid for xid in self._unseen if xid not in xids]


class Watch:
    """One database.

    Args:
        dsn: connection string of a role with REPLICATION.
        database: its name on that server.
        publication: whose tables are told of.
        loop: of the thread that everything is handed to.
        tell: called in that thread with every event, after `freshness` and `tables` have taken it.
        max_staleness: seconds; how often freshness is proved follows from it.
        writer: hosts and ports of the server that takes writes, as far as somebody knows them: of several hosts in the
            connection string they are tried first. Called in another thread.

    Attributes:
        freshness: what may be kept and given; belongs to the loop's thread, as does `tables`.
        tables: of which tables the stream tells everything; empty = none is known now.
        identity: which server the stream comes from; None = there is no stream.
        slot: the stream's, by which its server is known among others; None = there is no stream.
        definitions_bound: seconds after which a changed role, and where no event trigger tells of them a changed
            definition, is noticed.
        rights: says which roles and definitions were found last.
        beat, publication, wanted: for this module only.
    """

    def __init__(
        self,
        dsn: str,
        database: str,
        publication: str,
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[Event], None],
        *,
        max_staleness: float = 1.0,
        writer: Callable[[], Collection[tuple[str, str]]] = tuple,
    ) -> None:
        parameters = connection_string.parse(dsn)
        parameters["dbname"] = database
        parameters["options"] = f"{parameters.get('options', '')} -c synchronous_commit=local".strip()
        self._dsn, self._side, self._writer = connection_string.parse(dsn), parameters, writer
        self._database, self.publication = database, publication
        self._loop, self._tell, self.beat = loop, tell, max_staleness / 4
        self._room = threading.Semaphore(BACKLOG)
        self._stopping = threading.Event()
        self.wanted: Lsn = 0
        self._stream: _Stream | None = None
        self._started = math.inf
        self._thread = threading.Thread(target=self._run, name=f"watch {database}", daemon=True)
        self._flushes = 0
        self.freshness = Freshness(max_staleness)
        self.tables: Mapping[Oid, server.Table] = {}
        self.identity: ServerIdentity | None = None
        self.slot: str | None = None
        self.definitions_bound = math.inf
        self.rights = ""

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End both threads and wait for them, not in the loop; what the side connection does then is cancelled."""
        self._stopping.set()
        if (stream := self._stream) is not None:
            stream.replication.stop()
        self._thread.join(STOP_SECONDS)
        while self._thread.is_alive():
            if stream is not None:
                with contextlib.suppress(PostaiError):  # it is just over, or the server is gone: then it ends by itself
                    stream.side.cancel()
            self._thread.join(STOP_SECONDS)

    def reach(self, position: Lsn) -> None:
        """Somebody waits until the stream has passed a position: the server is asked at once, and again."""
        if position > self.wanted:
            self.wanted = position
            if (stream := self._stream) is not None:
                stream.replication.wake()

    def renew(self, reason: str) -> None:
        """End the stream, as its server is not the one to follow any more; another one is begun."""
        if (stream := self._stream) is not None:
            stream.failure = ConnectionLost(reason)
            stream.replication.wake()

    def _run(self) -> None:
        """The thread that reads the stream."""
        (pause, _), said = BACKOFF, ""
        while not self._stopping.is_set():
            self._started = math.inf
            with _Attempt() as attempt:
                self._follow()
            if self._stopping.is_set() or isinstance(attempt.error, Stopped):
                return
            if time.monotonic() - self._started > BACKOFF[1]:
                pause, said = BACKOFF[0], ""
            else:
                pause = min(pause * 2, BACKOFF[1])
            said = self._lose(attempt.error, said)
            self._stopping.wait(pause)

    def _lose(self, error: Exception | None, said: str) -> str:
        """There is no stream now; why, which the log is told once.

        Args:
            error: why it ended.
            said: what the log was told last.
        """
        hint, cause = "", None
        if isinstance(error, PostaiError):
            reason, hint = f"{error.message}{f' ({error.detail})' if error.detail else ''}", error.hint or ""
        else:
            reason, cause = f"an error of the edge itself: {type(error).__name__}", error
        self.hand((Lost(reason),))
        if reason != said:
            log.warning("the cache of %s is off: %s; %s", self._database, reason, hint, exc_info=cause)
        return reason

    def _follow(self) -> None:
        """One stream, from its beginning to its end."""
        writer = self._writer()
        dsn, side_dsn = (writer_first(parameters, writer) for parameters in (self._dsn, self._side))
        with Replication(
            connection_string.build(dsn), self._database, application_name="postai edge"
        ) as replication, connect(
            connection_string.build(looked_up(side_dsn)), application_name="postai edge watch", search_path=OWN_PATH,
            statement_timeout_ms=SIDE_TIMEOUT_MS,
        ) as side:  # fmt: skip
            stream = self._stream = _Stream(side, replication)
            heart: threading.Thread | None = None
            try:
                pulse = self._begin(stream)
                heart = threading.Thread(
                    target=self._pulse, args=(stream, pulse), name=f"pulse {self._database}", daemon=True
                )
                heart.start()
                self._read_all(stream)
            finally:
                self._stream = None
                stream.ended.set()
                stream.due.set()
                if heart is not None:
                    heart.join()

    def _begin(self, stream: _Stream) -> _Pulse:
        replication, side = stream.replication, stream.side
        if self._stopping.is_set():
            raise Stopped("stopped")
        self.wanted = 0
        identity, slot = replication.identify(), new_slot_name("postai_edge")
        position = stream.position = replication.create_slot(slot)
        replication.start(slot, self.publication)
        if not server.same_server(side, slot, replication):
            raise FeatureMissing(
                "the stream and the side connection are not on the same server, or it is in recovery",
                detail=f"{replication.target}: {self._database}",
                hint="Let cache_dsn name the primary, and no pooler.",
            )
        # What the side connection says is not older than the beginning of the stream, as it was asked later; and
        # nothing is kept before all of it was asked.
        pulse = _Pulse(self, stream)
        doubts, tables = server.doubts(side), told_tables(side, self.publication)
        self.hand((Started(identity, slot, position, doubts, tables),))
        self._started = time.monotonic()
        return pulse

    def _read_all(self, stream: _Stream) -> None:
        """Take what the stream brings, and hand it on, until it ends."""
        replication, assembly, pressed = stream.replication, Assembly(prefix=PREFIX), 0
        while True:
            if stream.failure is not None:
                raise stream.failure
            wanted = self.wanted
            waits = wanted > stream.position
            if waits or stream.ask:
                stream.ask = False
                replication.confirm(stream.position, ask=True)
            arrived = replication.receive(ASK_AGAIN if waits else SILENCE / 2)
            if time.monotonic() - replication.heard_at > SILENCE:
                raise ConnectionLost("the server has been silent for too long", detail=replication.target)
            self._read(stream, assembly, arrived)
            if waits and wanted > max(stream.position, pressed):
                # It may not be on disk yet, so that the stream does not come to it by itself.
                pressed = wanted
                stream.due.set()

    def _read(self, stream: _Stream, assembly: Assembly, arrived: list[Data | Keepalive]) -> None:
        events: list[Event] = []
        position, reply = stream.position, False
        for one in arrived:
            if isinstance(one, Data):
                transaction = assembly.feed(pgoutput.decode(one.payload))
                if transaction is not None:
                    events += _events(stream, transaction)
                    stream.position = max(stream.position, transaction.end_lsn if transaction.xid else 0)
            else:
                stream.position, reply = max(stream.position, one.position), reply or one.reply
        if stream.position > position:
            events.append(Position(stream.position))
        if events:
            self.hand(tuple(events), stream)
        if reply or stream.position > position:
            stream.replication.confirm(stream.position)

    def _pulse(self, stream: _Stream, pulse: _Pulse) -> None:
        """The thread that asks the side connection."""
        with _Attempt() as attempt:
            while not stream.ended.is_set():
                pulse.beat()
                stream.due.wait(max(0.0, pulse.next_at - time.monotonic()))
                stream.due.clear()
        stream.failure = attempt.error or ConnectionLost("nobody asks the side connection any more")
        stream.replication.wake()

    def hand(self, events: tuple[Event, ...], stream: _Stream | None = None) -> None:
        """Give events to the loop; waits while it has enough."""
        while not self._room.acquire(timeout=1.0):
            if self._stopping.is_set() or (stream is not None and stream.ended.is_set()):
                return
        if self._stopping.is_set() or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._take, events)

    def _take(self, events: tuple[Event, ...]) -> None:
        """In the loop."""
        self._room.release()
        for event in events:
            if isinstance(event, Tables) and event.number < self._flushes:
                continue
            self._know(event)
            self._tell(event)

    def _know(self, event: Event) -> None:
        match event:
            case Invalidations():
                self.freshness.changed(event.xid, event.rows)
                self.freshness.advanced(event.end_lsn)
            case Position():
                self.freshness.advanced(event.lsn)
            case Sample():
                self.freshness.sampled(event.at, event.lsn, event.snapshot)
            case Flush():
                self._flushes, self.tables = max(self._flushes, event.number), {}
                self.freshness.changed(event.xid, None)
            case Tables():
                self.tables = event.tables
            case Started():
                self._flushes, self.tables = 0, event.tables
                self.identity, self.slot = event.identity, event.slot
                self.freshness.started(event.position, event.doubts)
            case Lost():
                self.tables, self.identity, self.slot = {}, None, None
                self.freshness.lost(event.reason)


class _Pulse:
    """What the side connection is asked, and when.

    Attributes:
        next_at: when the next beat is due.
    """

    def __init__(self, watch: Watch, stream: _Stream) -> None:
        self._watch, self._stream, self._side = watch, stream, stream.side
        self._roles, self._definitions = server.Roles("", "", 0), ""
        self._definitions_at = self._definitions_soon = 0.0
        self._look_at_roles()
        self._look_at_definitions()
        self._last: Lsn = 0
        self._tables_as_of = 0
        self.next_at = 0.0

    def beat(self) -> None:
        """Prove freshness, and look for what the stream does not tell of."""
        self._sample()
        if time.monotonic() >= self._roles_at and self._look_at_roles():
            self._flush()
            self._definitions_at = 0.0  # event triggers may have gone, too
        if time.monotonic() >= self._definitions_at and self._look_at_definitions():
            self._flush()
        self._tables()

    def _look_at_roles(self) -> bool:
        """Whether they have changed."""
        begun, before = time.monotonic(), self._roles
        found = self._roles = server.roles(self._side)
        self._roles_at = _next(begun, self._watch.beat, ROLES_SHARE)
        if found.written != before.written:
            # Perhaps by what no event trigger told of, as somebody has switched them off for a session.
            self._definitions_at = min(self._definitions_at, self._definitions_soon)
        self._note()
        return (before.text, before.loaded) != (found.text, found.loaded)

    def _look_at_definitions(self) -> bool:
        """Whether they have changed; often where the stream does not tell of it."""
        begun, before = time.monotonic(), self._definitions
        told = server.tells_definitions(self._side)
        self._definitions = server.definitions(self._side)
        self._definitions_soon = _next(begun, self._watch.beat, SHARE)
        self._definitions_at = max(self._definitions_soon, begun + SELDOM) if told else self._definitions_soon
        self._watch.definitions_bound = (self._roles_at if told else max(self._roles_at, self._definitions_at)) - begun
        self._note()
        return before != self._definitions

    def _note(self) -> None:
        self._watch.rights = blake2b((self._roles.text + self._definitions).encode(), digest_size=16).hexdigest()

    def _sample(self) -> None:
        at, wish = time.monotonic(), self._watch.wanted
        ends = server.sample(self._side)
        self._watch.hand((Sample(at, ends.written, Snapshot.parse(ends.snapshot)),), self._stream)
        self.next_at = at + self._watch.beat
        # A wish that the log has not come to is no place in this log.
        wish = wish if wish <= ends.written else 0
        if ends.flushed < max(self._last, wish) and self._stream.position < max(self._last, wish):
            server.write_out(self._side)
        self._last = ends.written
        self._stream.ask = True
        self._stream.replication.wake()

    def _flush(self) -> None:
        # The change was seen, so that no transaction has to be waited for.
        flush = Flush("roles, settings or definitions were changed", 0, True, self._stream.flush(0))
        self._watch.hand((flush,), self._stream)

    def _tables(self) -> None:
        """Read the tables anew, once what the stream told of is visible."""
        flushes, xids = self._stream.flushes()
        if flushes == self._tables_as_of:
            return
        snapshot = Snapshot.parse(server.seen(self._side))
        if not all(snapshot.completed(xid) for xid in xids):
            self.next_at = min(self.next_at, time.monotonic() + LOOK_AGAIN)
            return
        found = told_tables(self._side, self._watch.publication)
        self._stream.visible(xids)
        self._tables_as_of = flushes
        self._watch.hand((Tables(found, flushes),), self._stream)


def told_tables(db: Database, publication: str) -> Mapping[Oid, server.Table]:
    """The tables of which a stream tells everything."""
    return {table.oid: table for table in server.tables(db, publication) if table.lacks is None}


def _events(stream: _Stream, transaction: Transaction) -> list[Event]:
    """What one transaction means."""
    found: list[Event] = []
    rows = dict(transaction.rows)
    reasons: dict[str, None] = {}
    for message in transaction.messages:
        if message.prefix == PREFIX:
            verb, _, rest = message.content.decode(errors="replace").partition(" ")
            if verb == "table" and _OID.fullmatch(rest):
                rows[int(rest)] = None
            else:
                reasons["purged" if verb == "purge" else "definitions or rights were changed"] = None
    if transaction.redefined:
        reasons["definitions or rights were changed"] = None
    for reason in reasons:
        number = stream.flush(transaction.xid)
        found.append(Flush(reason, transaction.xid, reason != "purged", number, transaction.end_lsn))
        stream.due.set()
    if rows:
        found.append(Invalidations(transaction.xid, transaction.end_lsn, rows))
    return found


def _next(begun: float, interval: float, share: int) -> float:
    """When something that is asked again and again, and has just been, is due again."""
    return begun + max(interval, share * (time.monotonic() - begun))
