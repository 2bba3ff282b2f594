"""Triggers as a `Stream`: for a source without logical decoding, and for the way back to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from postai.database.identifiers import qualified
from postai.database.protocol import Database
from postai.replicate import capture_install as install
from postai.replicate import fence, native
from postai.replicate.capture_apply import Followed, WrittenAnew, anything, followed, position, step, to_disk
from postai.replicate.capture_copy import copy_table
from postai.replicate.capture_install import Names
from postai.replicate.types import Finding, Lag, Level, Progress, Side

# Seconds that one call copies tables and applies changes, before the caller gets a look.
COPY_SECONDS, APPLY_SECONDS = 30.0, 5.0
# So few changes are left for the next call.
FEW = 1_000
# Changes that are counted to tell how far the subscriber is behind.
COUNTED = 100_000
# How often a table is tried that is written anew while it is copied.
TRIES = 3


@dataclass(frozen=True)
class TriggerStream:
    """Changes of one side, written down by triggers there and applied by `pump` and `copy`.

    Attributes:
        move: id of the move.
        publisher_side: the side whose changes these are.
        schemas: only these; () = all of the user's.
    """

    move: int
    publisher_side: Side
    schemas: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self._names.trigger

    @property
    def _names(self) -> Names:
        return Names(self.move, "fwd" if self.publisher_side is Side.SOURCE else "rev")

    def prepare(self, publisher: Database, subscriber: Database) -> None:
        """The triggers; a stream that waits begins now, unless its beginning is kept."""
        names = self._names
        fence.install(publisher, self.move)
        fence.install(subscriber, self.move)
        install.install_log(publisher, names)
        for shape in install.lacking(publisher, names, self._tables(publisher)):
            install.install(publisher, names, shape)
        if position(subscriber, names) is None and not fence.kept(publisher, self.move, self.name):
            self.mark(publisher)
            install.turn(publisher, names, self._marked(publisher))

    def mark(self, publisher: Database) -> None:
        publisher.execute(self._names.sql("set_mark"))

    def start(self, publisher: Database, subscriber: Database) -> None:
        names = self._names
        if position(subscriber, names) is None:
            snapshot = self._marked(publisher)
            with subscriber.transaction():
                subscriber.query(names.sql("progress"))
                for table in (*self._tables(publisher), names.fence):
                    number = install.relation(publisher, table)
                    subscriber.execute(names.sql("begin_table"), (number, table, snapshot))
                subscriber.execute(names.sql("begin"), (snapshot,))
        fence.release(publisher, self.move, self.name)

    def copy(self, publisher: Database, subscriber: Database, *, hold: bool = False) -> None:
        """Begin from nothing or go on: tables that are new are copied, unless copying is to wait; then changes are
        applied, and what has arrived leaves the log.
        """
        names = self._names
        fence.install(publisher, self.move)
        fence.install(subscriber, self.move)
        install.install_log(publisher, names)
        if position(subscriber, names) is None:
            with subscriber.transaction():
                subscriber.query(names.sql("progress"))
                ((snapshot,),) = publisher.query(names.sql("snapshot"))
                to_disk(publisher, names)
                subscriber.execute(names.sql("begin"), (snapshot,))
        tables = self._tables(publisher)
        for shape in install.lacking(publisher, names, tables):
            subscriber.execute(names.sql("again"), (shape.relation,))
            install.install(publisher, names, shape, applied=False)
        self._copy_tables(publisher, subscriber, (*tables, names.fence), hold=hold)
        self._apply(publisher, subscriber)
        if (at := position(subscriber, names)) is not None:
            install.turn(publisher, names, at)

    def _copy_tables(self, publisher: Database, subscriber: Database, tables: tuple[str, ...], *, hold: bool) -> None:
        names, end = self._names, time.monotonic() + COPY_SECONDS
        numbers = {number: table for table in tables if (number := install.relation(publisher, table)) is not None}
        subscriber.execute(names.sql("forget"), (list(numbers),))
        known = followed(subscriber, names)
        waiting = [
            known.get(number) or Followed(number, table, "waiting", "", 0, 0)
            for number, table in numbers.items()
            if (number not in known or known[number].state == "again") and (not hold or table == names.fence)
        ]
        if not waiting:
            return
        binary = not (native.text_only(publisher) or native.text_only(subscriber))
        for table in waiting:
            for _ in range(TRIES):
                try:
                    copy_table(publisher, subscriber, names, table, self.schemas, binary=binary)
                except WrittenAnew:
                    continue
                break
            if time.monotonic() > end:
                return

    def _apply(self, publisher: Database, subscriber: Database) -> None:
        """Until there is little more, or it has taken its time."""
        names, end = self._names, time.monotonic() + APPLY_SECONDS
        copied = any(one.state == "copied" for one in followed(subscriber, names).values())
        while True:
            again = step(publisher, subscriber, names, self.schemas, always=copied)
            at, copied = position(subscriber, names), copied and again
            if at is None or time.monotonic() > end or (not again and self._pending(publisher, at)[0] < FEW):
                return

    def progress(self, publisher: Database, subscriber: Database) -> tuple[Progress, ...]:
        known = {one.name: one for one in followed(subscriber, self._names).values()}
        found = []
        for table in native.tables(publisher, self.schemas):
            one, total = known.get(table.qualified), max(table.rows, 0)
            if one is None or one.state == "again":
                found.append(Progress(table.qualified, "waiting", 0, 0, total, table.bytes, None))
            else:
                state = "ready" if one.state == "ready" else "catching_up"
                found.append(Progress(table.qualified, state, one.rows, one.bytes, total, table.bytes, 0.0))
        return tuple(found)

    def unfinished(self, publisher: Database, subscriber: Database) -> tuple[str, ...]:
        names, tables = self._names, self._tables(publisher)
        if install.relation(publisher, names.mark) is None:
            return tables
        ready = {one.name for one in followed(subscriber, names).values() if one.state == "ready"}
        uncaught = {one.qualified for one in install.lacking(publisher, names, tables)}
        return tuple(table for table in tables if table not in ready or table in uncaught)

    def lag(self, publisher: Database, subscriber: Database) -> Lag:
        """How far it is behind; `kept_bytes` is the size of the log."""
        names = self._names
        if install.relation(publisher, names.mark) is None:
            return Lag(None, None, None, False, None, None, None)
        kept = sum(install.logs(publisher, names).bytes)
        at = position(subscriber, names)
        if at is None:
            return Lag(None, kept, None, False, None, None, None)
        count, size = self._pending(publisher, at)
        ((silent,),) = subscriber.query(names.sql("silent"))
        return Lag(kept if count == COUNTED else size, kept, silent if count else 0.0, True, None, None, None)

    def reconnect(self, subscriber: Database) -> None:
        """Nothing: each turn has sessions of its own."""

    def pump(self, publisher: Database, subscriber: Database) -> None:
        """Apply what there is."""
        names = self._names
        step(publisher, subscriber, names, self.schemas)
        if (at := position(subscriber, names)) is not None:
            install.turn(publisher, names, at)

    def gates(self, publisher: Database, subscriber: Database) -> tuple[Finding, ...]:
        found: list[Finding] = []

        def blocker(check: str, what: str, objects: tuple[str, ...] = (), fix: tuple[str, ...] = ()) -> None:
            found.append(Finding(check, Level.BLOCKER, self.publisher_side.other, what, objects, fix))

        at = position(subscriber, self._names)
        if at is None:
            blocker("stream", f"the stream {self.name} has not begun", (self.name,), ("resume the move",))
            return tuple(found)
        if unfinished := self.unfinished(publisher, subscriber):
            blocker("unfinished_tables", f"{len(unfinished)} tables are not followed yet", unfinished,
                    ("wait until post-ai replicate status shows each of them ready",))  # fmt: skip
        if self._pending(publisher, at)[0] == COUNTED:
            blocker("lag", f"more than {COUNTED} changes are to be applied", (), ("wait until it has caught up",))
        return tuple(found)

    def flows(self, subscriber: Database) -> bool:
        return position(subscriber, self._names) is not None

    def ready(self, publisher: Database) -> bool:
        names = self._names
        if install.relation(publisher, names.mark) is None or not publisher.query(names.sql("mark")):
            return False
        return not install.lacking(publisher, names, self._tables(publisher))

    def written(self, publisher: Database, subscriber: Database) -> bool:
        """Whether others wrote to the publisher while this stream waits, since it was brought up to now."""
        names = self._names
        if install.relation(publisher, names.mark) is None or self.flows(subscriber):
            return False
        if not publisher.query(names.sql("mark")):
            return False
        return anything(publisher, names, self._marked(publisher), install.relation(publisher, names.fence) or 0)

    def stop(self, publisher: Database, subscriber: Database) -> None:
        names = self._names
        subscriber.execute(f"drop table if exists {names.progress}, {names.tables}")
        install.uninstall(publisher, names)
        fence.release(publisher, self.move, self.name)

    def _tables(self, publisher: Database) -> tuple[str, ...]:
        return tuple(qualified(one.schema, one.name) for one in native.tables(publisher, self.schemas))

    def _marked(self, publisher: Database) -> str:
        ((snapshot,),) = publisher.query(self._names.sql("mark"))
        return str(snapshot)

    def _pending(self, publisher: Database, snapshot: str) -> tuple[int, int]:
        ((count, size),) = publisher.query(self._names.after("pending", snapshot), (COUNTED,))
        return int(count), int(size)
