"""Logical replication as a `Stream`: what the switch needs of it, in either direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline, DeadlineExceeded
from postai.replicate import fence, native, snapshot_copy
from postai.replicate.snapshot_copy import Split
from postai.replicate.types import Finding, Lag, Level, Open, Progress, Side, Table, object_name, own_schema

STOP_SECONDS = 10.0
# Tables up to this size are copied in a second or so: all of them at once are left to the servers.
SMALL_BYTES = 64 * 2**20


@dataclass(frozen=True)
class NativeStream:
    """Changes of one side, published and subscribed to by the servers themselves.

    Attributes:
        move: id of the move.
        publisher_side: the side whose changes these are.
        conninfo: connection string of the subscription (native.conninfo).
        schemas: only these; () = all of the user's.
        split_bytes: tables above this size are left to `copy_large`; 0 = none.
        max_lag_bytes: WAL that the subscriber may be behind for a switch to begin.
    """

    move: int
    publisher_side: Side
    conninfo: str = field(repr=False)
    schemas: tuple[str, ...] = ()
    split_bytes: int = 0
    max_lag_bytes: int = 16 * 2**20

    @property
    def name(self) -> str:
        return object_name(self.move, "fwd" if self.publisher_side is Side.SOURCE else "rev")

    def prepare(self, publisher: Database, subscriber: Database) -> None:
        """Publication and slot; a slot that waits is brought up to now, unless its beginning is kept.

        Called every minute or so while the stream waits: what the slot has not passed stays on the publisher's disk,
        and the switch would have to read it.
        """
        fence.install(subscriber, self.move)
        native.publish(publisher, self.move, self.name, native.tables(publisher, self.schemas))
        begun = native.subscribed(subscriber, self.name) or fence.kept(publisher, self.move, self.name)
        if not begun and native.lost(publisher, self.name):
            native.drop_slot(publisher, self.name, None, Deadline.after(STOP_SECONDS))
        made = native.create_slot(publisher, self.name)
        if not made and not begun:
            native.advance(publisher, self.name)

    def copy(self, publisher: Database, subscriber: Database, *, hold: bool = False) -> None:
        """Begin from nothing: the rows that are there are copied, then changes follow; new tables are taken up.

        The servers copy by themselves what they know of and cannot pause, so that of large tables they learn one by
        one: no more of them at a time than they have processes that copy, and none while copying is to wait.
        """
        fence.install(subscriber, self.move)
        every = native.tables(publisher, self.schemas)
        native.require_identity(every)
        apart = snapshot_copy.splits(subscriber, self.move)
        self._join(publisher, subscriber, apart)
        tables = self._next(every, native.states(subscriber, self.name), native.copiers(subscriber), apart, hold=hold)
        native.publish(publisher, self.move, self.name, tables)
        native.create_slot(publisher, self.name)
        made = native.subscribe(subscriber, self.name, self.conninfo, publisher.server_version, copy_data=True)
        wanted = {f"{own_schema(self.move)}.fence", *(table.qualified for table in tables)}
        if not made and wanted - native.taken_up(subscriber, self.name):
            native.refresh(subscriber, self.name)

    def _next(
        self,
        tables: tuple[Table, ...],
        states: Mapping[str, str],
        copiers: int,
        apart: Mapping[str, Split],
        *,
        hold: bool,
    ) -> tuple[Table, ...]:
        """Tables that are known, and those that are to be."""
        known = [one for one in tables if one.qualified in states]
        if hold:
            return tuple(known)
        free = 1 + copiers - sum(one.bytes > SMALL_BYTES and states[one.qualified] != "r" for one in known)
        fresh = [one for one in tables if one.qualified not in states and not self._large(one, apart)]
        large = sorted((one for one in fresh if one.bytes > SMALL_BYTES), key=lambda one: -one.bytes)
        return (*known, *(one for one in fresh if one.bytes <= SMALL_BYTES), *large[: max(free, 0)])

    def _large(self, table: Table, apart: Mapping[str, Split]) -> bool:
        return table.qualified in apart or 0 < self.split_bytes < table.bytes

    def _join(self, publisher: Database, subscriber: Database, apart: Mapping[str, Split]) -> None:
        """Follow the tables that were copied in parts: what was begun first, the others when nothing is copied."""
        for one in apart.values():
            if one.state == "joining":
                snapshot_copy.join(publisher, subscriber, self.move, self.name, one)
        for one in apart.values():
            if one.state == "following" and set(native.states(subscriber, self.name).values()) == {"r"}:
                snapshot_copy.join(publisher, subscriber, self.move, self.name, one)

    def copy_large(
        self, publisher: Database, subscriber: Database, open_side: Open, workers: int, look: Callable[[str], bool]
    ) -> None:
        """Copy the first of the tables that are left to it in parts; the next call of `copy` lets the stream follow it.

        Args:
            open_side, workers, look: as snapshot_copy.copy has them; the two sessions may be used by `look`.
        """
        apart, known = snapshot_copy.splits(subscriber, self.move), native.states(subscriber, self.name)
        for table in native.tables(publisher, self.schemas):
            if table.qualified in known or not self._large(table, apart):
                continue
            if table.qualified not in apart or apart[table.qualified].state in ("copying", "copied"):
                snapshot_copy.copy(open_side, self.move, self.name, table, self.conninfo, workers, look)
                return

    def progress(self, publisher: Database, subscriber: Database) -> tuple[Progress, ...]:
        apart = snapshot_copy.splits(subscriber, self.move)
        return tuple(
            replace(one, state="copying" if apart[one.table].state == "copying" else "catching_up",
                    rows=apart[one.table].rows, bytes=min(apart[one.table].bytes, one.total_bytes))
            if one.table in apart and apart[one.table].state != "joined" else one
            for one in native.progress(publisher, subscriber, self.name, self.schemas)
        )  # fmt: skip

    def unfinished(self, publisher: Database, subscriber: Database) -> tuple[str, ...]:
        return native.unfinished(publisher, subscriber, self.name, self.schemas)

    def lag(self, publisher: Database, subscriber: Database) -> Lag:
        """The stream's; what is kept, and whether it is lost, also for tables that are not part of it yet."""
        found = native.lag(publisher, subscriber, self.name)
        for one in snapshot_copy.splits(subscriber, self.move).values():
            if one.state != "joined":
                part = native.lag(publisher, subscriber, one.name(self.name))
                found = replace(found, kept_bytes=max(found.kept_bytes or 0, part.kept_bytes or 0),
                                wal_status="lost" if part.wal_status == "lost" else found.wal_status)  # fmt: skip
        return found

    def reconnect(self, subscriber: Database) -> None:
        native.reconnect(subscriber, self.name, self.conninfo)

    def end_dead(self, publisher: Database, subscriber: Database) -> None:
        """End what the other end of a connection left behind without a word; the servers then connect anew."""
        native.end_dead(publisher, subscriber, self.name)

    def rescue(self, publisher: Database, subscriber: Database) -> tuple[str, ...]:
        """Let the tables be copied anew, by the next call of `copy`, whose copy could never come to its end."""
        found = native.stranded(publisher, subscriber, self.name)
        for table in found:
            native.forget(publisher, subscriber, self.name, table)
        return found

    def mark(self, publisher: Database) -> None:
        native.advance(publisher, self.name)

    def start(self, publisher: Database, subscriber: Database) -> None:
        """Follow from the mark on, where a slot does not stand any more after a crash of the publisher.

        Once a row has come through, the subscriber itself keeps its place. Where none comes, the beginning stays kept;
        it is told as of any stream that stands still.
        """
        begins = fence.kept_at(publisher, self.move, self.name)
        if begins and native.behind(publisher, self.name, begins):
            native.rest(publisher, subscriber, self.name, Deadline.after(STOP_SECONDS))
            native.advance_to(publisher, self.name, begins)
        native.subscribe(subscriber, self.name, self.conninfo, publisher.server_version, copy_data=False)
        if begins:
            try:
                fence.cross(publisher, subscriber, self.move, Deadline.after(STOP_SECONDS))
            except DeadlineExceeded:
                return
        fence.release(publisher, self.move, self.name)

    def written(self, publisher: Database, subscriber: Database) -> bool:
        """Whether others wrote to the publisher while this stream waits, since it was brought up to now."""
        waits = self.ready(publisher) and not native.subscribed(subscriber, self.name)
        return waits and native.written(publisher, self.name)

    def pump(self, publisher: Database, subscriber: Database) -> None:
        """Nothing: the subscriber's own processes apply the changes."""

    def gates(self, publisher: Database, subscriber: Database) -> tuple[Finding, ...]:
        found: list[Finding] = []

        def blocker(check: str, what: str, objects: tuple[str, ...] = (), fix: tuple[str, ...] = ()) -> None:
            found.append(Finding(check, Level.BLOCKER, self.publisher_side.other, what, objects, fix))

        name = quote_ident(self.name)
        if not native.subscribed(subscriber, self.name):
            blocker("subscription", f"the subscription {self.name} is missing or disabled", (self.name,),
                    (f"ALTER SUBSCRIPTION {name} ENABLE",))  # fmt: skip
            return tuple(found)
        if unfinished := native.unfinished(publisher, subscriber, self.name, self.schemas):
            blocker("unfinished_tables", f"{len(unfinished)} tables are not followed yet", unfinished,
                    ("wait until post-ai replicate status shows each of them ready",))  # fmt: skip
        lag = native.lag(publisher, subscriber, self.name)
        if lag.bytes is None or lag.wal_status == "lost":
            blocker("slot", "the slot is lost, and changes with it", (self.name,), ("abort the move and start again",))
        elif lag.bytes > self.max_lag_bytes:
            blocker("lag", f"the stream is {lag.bytes / 2**20:.0f} MiB behind", (), ("wait until it has caught up",))
        if not _may_subscribe(publisher):
            what = "this role may not subscribe: the switch ends with a subscription to the new side"
            fix = "GRANT pg_create_subscription (from 16 on), or let it be a superuser"
            found.append(Finding("way_back", Level.BLOCKER, self.publisher_side, what, (), (fix,)))
        return tuple(found)

    def flows(self, subscriber: Database) -> bool:
        return native.subscribed(subscriber, self.name)

    def ready(self, publisher: Database) -> bool:
        return native.has_slot(publisher, self.name) and not native.lost(publisher, self.name)

    def stop(self, publisher: Database, subscriber: Database) -> None:
        snapshot_copy.forget_all(publisher, subscriber, self.move, self.name)
        copying = native.unsubscribe(subscriber, self.name)
        native.drop_slot(publisher, self.name, copying, Deadline.after(STOP_SECONDS))
        fence.release(publisher, self.move, self.name)


def _may_subscribe(db: Database) -> bool:
    name = "may_subscribe" if db.server_version >= 160_000 else "may_subscribe_before_16"
    return db.query(named_sql.load(__package__, "native.sql")[name]) == [(True,)]
