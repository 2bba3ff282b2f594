"""Following the writes to the tables of cache tables by the change stream.

A thread of its own receives what the server streams, marks what is stale at once and lets it be refreshed. While
nothing is written, it says of what moment the rows are: everything that was visible then was told. When the stream is
lost, only the time to live counts until it is back and a cache table was filled anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from postai.cache.board import Board, Followed
from postai.cache.groups import Grouping, grouping
from postai.cache.refresh import mark_stale, sql
from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.deadline import Deadline
from postai.errors import FeatureMissing, PostaiError, Refused
from postai.stream import server
from postai.stream.pgoutput import decode
from postai.stream.replication import Data, Keepalive, Replication, new_slot_name
from postai.stream.transactions import Assembly

PUBLICATION = "postai_edge"
"""The publication that an edge follows too."""
LOOK_SECONDS = 5.0
"""Between two looks at which cache tables there are, and whether the publication still has what they read."""
SAMPLE_SECONDS = 0.02
BEAT_SECONDS = 0.5
"""Between two samples where nobody waits for one."""
EXTEND_SECONDS = 0.4
"""Between two notes that nothing was written; the shortest time to live is a second."""
SAMPLES = 64


class Follower:
    """One stream and a session beside it.

    Args:
        dsn: of the agent's login, past any pooler; it needs REPLICATION.
        board: what is heard is written to it.
        hurry: called when something is to be refreshed.
    """

    def __init__(self, dsn: str, board: Board, hurry: Callable[[], None]) -> None:
        self._dsn = dsn
        self._board = board
        self._hurry = hurry
        self._assembly = Assembly()
        self._wanted: Mapping[int, tuple[str, ...]] = {}
        self._tables: Mapping[int, server.Table] = {}
        self._samples: deque[tuple[float, int]] = deque()
        self._position = self._written = 0
        self._proved = 0.0

    def run(self, deadline: Deadline) -> bool:
        """Follow until the deadline, or until something else is to be followed.

        Returns:
            whether there is something to follow: begin again.

        Raises:
            PostaiError: the stream was lost or cannot be had; why stands in postai.cache_entry.
        """
        try:
            with self._session() as db:
                try:
                    return self._follow(db, deadline)
                except PostaiError as error:
                    self._note(db, None, error.message)
                    raise
        finally:
            self._board.lose()

    def _session(self) -> Database:
        return connect(self._dsn, application_name="postai cache stream", search_path=OWN_PATH, driver="psycopg")

    def _follow(self, db: Database, deadline: Deadline) -> bool:
        db.execute("set synchronous_commit = local")
        followed = self._look(db)
        self._assembly = Assembly(self._wanted, prefix=b"")
        if not followed:
            return False
        with Replication(self._dsn, application_name="postai cache stream") as stream:
            slot = new_slot_name("postai_cache")
            stream.create_slot(slot, seconds=60.0)
            stream.start(slot, PUBLICATION)
            if not server.same_server(db, slot, stream):
                raise FeatureMissing("the stream and the session reach different servers")
            self._samples.clear()
            self._position, self._written, self._proved = 0, 0, 0.0
            # Asked for first: a filling that begins once it is followed sees what had ended by then.
            doubts = server.doubts(db)
            self._board.follow(followed)
            self._board.doubt(doubts)
            self._note(db, [one.id for one in followed], None)
            self._hurry()
            look = beat = time.monotonic()
            while deadline.remaining() and not deadline.cancel.is_set():
                self._hear(db, stream, stream.receive(SAMPLE_SECONDS))
                now = time.monotonic()
                if now - beat >= (SAMPLE_SECONDS if self._board.awaited() else BEAT_SECONDS):
                    beat = now
                    self._sample(db, stream)
                if now - look >= LOOK_SECONDS:
                    look = now
                    again = self._look(db)
                    if again != followed:
                        # Other tables, or their groups: the values that tell them apart are others from here on.
                        return True
        return True

    def _look(self, db: Database) -> tuple[Followed, ...]:
        """Which cache tables can be followed; why the others cannot is noted."""
        self._tables = {one.oid: one for one in server.tables(db, PUBLICATION)}
        found = []
        wanted: dict[int, set[str]] = {}
        for id, timed, reads, query in db.query(sql("to_follow")):
            lacking = self._lacking(db, reads)
            if lacking is not None:
                self._note(db, [id], lacking)
                continue
            by = self._grouping(reads, query)
            if by is not None:
                wanted.setdefault(reads[0], set()).update(by.of_table)
            found.append(Followed(id, frozenset(reads), by, timed))
        self._wanted = {oid: tuple(sorted(names)) for oid, names in wanted.items()}
        return tuple(found)

    def _lacking(self, db: Database, reads: Sequence[int]) -> str | None:
        """Why the stream does not tell of all writes to these."""
        for oid, name, kind in db.query(sql("names"), (list(reads),)):
            table = self._tables.get(oid)
            if kind in ("r", "p") and (table is None or table.lacks is not None):
                return f"{name}: {'not known' if table is None else table.lacks} (publication {PUBLICATION})"
        return None

    def _grouping(self, reads: Sequence[int], query: str) -> Grouping | None:
        # Without the old row nobody knows which group a changed or deleted row was in.
        if len(reads) != 1 or reads[0] not in self._tables or self._tables[reads[0]].identity != "f":
            return None
        try:
            return grouping(query)
        except Refused:
            return None  # it is newer than the grammar that we read it with: computed as a whole

    def _hear(self, db: Database, stream: Replication, messages: Sequence[Data | Keepalive]) -> None:
        ask = False
        for one in messages:
            if isinstance(one, Data):
                transaction = self._assembly.feed(decode(one.payload))
                if transaction is None:
                    continue
                self._position = max(self._position, transaction.end_lsn)
                stale = self._board.change(transaction.xid, transaction.rows, self._names())
                if stale:
                    mark_stale(db, sorted(stale), "its tables were written to")
                    self._hurry()
            else:
                self._position = max(self._position, one.position)
                ask = ask or one.reply
        if messages:
            stream.confirm(self._position)
        self._pass(db)

    def _names(self) -> Mapping[int, tuple[str, ...]]:
        """What the values are by which rows of a table are told apart: its grouping columns, in the table's order."""
        return {
            oid: tuple(
                name for one in relation.columns if (name := one.name.decode("utf-8", "replace")) in self._wanted[oid]
            )
            for oid, relation in self._assembly.relations.items()
            if oid in self._wanted
        }

    def _sample(self, db: Database, stream: Replication) -> None:
        at = time.monotonic()
        ends = server.sample(db)
        # The log of an idle server rests; where it stays in memory, a stream does not come to it by itself.
        if ends.flushed < self._written:
            server.write_out(db)
        self._written = ends.written
        # `at` was before: what was visible then was written before this place.
        if len(self._samples) < SAMPLES:
            self._samples.append((at, ends.written))
        stream.confirm(self._position, ask=True)

    def _pass(self, db: Database) -> None:
        """Samples that the stream has passed prove that everything up to then was told."""
        passed = None
        while self._samples and self._samples[0][1] <= self._position:
            passed = self._samples.popleft()[0]
        if passed is None:
            return
        self._board.prove(passed)
        if passed - self._proved >= EXTEND_SECONDS:
            self._proved = passed
            statement = sql("extend").replace("{definition}", sql("definition"))
            for id, definition in self._board.silent().items():
                db.execute(statement, (time.monotonic() - passed, id, PUBLICATION, definition))

    def _note(self, db: Database, ids: Sequence[int] | None, reason: str | None) -> None:
        which = None if ids is None else list(ids)
        db.execute(sql("not_followed"), (reason, which, which, reason))
