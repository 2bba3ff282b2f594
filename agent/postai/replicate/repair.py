"""Rows that differ are made equal on the side that does not serve, while both are in use.

The stream must not fight with it: a change on its way could find its row gone, or there already, and stand still. So
the table is locked against writers on the serving side for a moment, a fence shows that nothing of it is on its way,
it is locked on the other side, too, and the serving side is frozen; then its writers go on. What they change arrives
after the repair, because the stream waits for the other lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from postai.database.errors import ConnectionLost, ServerError
from postai.database.protocol import Database, Row
from postai.deadline import Deadline
from postai.errors import LockNotObtained
from postai.replicate import fence
from postai.replicate.types import Side
from postai.replicate.verified import Mode, Sides, Verdict, Verified, VerifyOptions
from postai.replicate.verify import Both, verify
from postai.replicate.verify_chunks import NONE, Sum, keyed, unequal_keys
from postai.replicate.verify_exact import BUSY, Control, crosses_quickly, locker
from postai.replicate.verify_tables import Compared, Key, filled, images, lookup, matching, of_hashes, sql

# Differences that are repaired at once, and how often a table is compared and repaired again.
AT_A_TIME, ROUNDS = 1000, 20
# Seconds that a statement on the other side may wait for its lock there.
LOCK_SECONDS = 0.5


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes:
        rows: that were deleted, changed or inserted.
        stall: seconds that writers of a table were held back at the longest.
        after: the comparison of those tables afterwards.
        notes: what was done in another way than for applied changes.
    """

    rows: int
    stall: float
    after: Verified
    notes: tuple[str, ...]


def repair(sides: Sides, verified: Verified, options: VerifyOptions, deadline: Deadline) -> Repaired:
    """Make the tables equal that a comparison found different; nothing else is touched.

    Args:
        verified: what it found; its side that serves must serve still.
        options: as for the comparison; `max_stall` holds for every table and batch.

    Raises:
        LockNotObtained: a table could not be locked; those before it are repaired.
        Cancelled, DeadlineExceeded: the same.
        ServerError: the other side refuses a row.
    """
    wrong = tuple(one for one in verified.tables if one.equal is False)
    options = replace(options, tables=tuple(one.table for one in wrong), listed=AT_A_TIME, large_objects=False)
    rows, stall = 0, 0.0
    notes: list[str] = []
    for _ in range(ROUNDS):
        with_control = Control(sides)
        try:
            work = _Repair(sides, with_control, options, deadline)
            try:
                for table, keys in work.tables(wrong):
                    rows += work.repair(table, keys)
                stall, notes = max(stall, work.stall), work.notes
            finally:
                work.close()
        finally:
            with_control.close()
        after = verify(sides, Mode.SETTLING, options, deadline)
        more = tuple(one for one in after.tables if one.equal is False)
        if not more or not any(one.more for one in wrong):
            break
        wrong = more
    return Repaired(rows, stall, after, tuple(notes))


class _Repair:
    """The sessions of a repair: one locks, one reads on the serving side, one writes on the other."""

    def __init__(self, sides: Sides, control: Control, options: VerifyOptions, deadline: Deadline) -> None:
        self.sides, self.control, self.options, self.deadline = sides, control, options, deadline
        self.both = Both(control, options)
        self.stall = 0.0
        self.notes: list[str] = []
        self.opened: list[Database] = []
        self.reading, self.writing = self._open(sides.serving), self._open(sides.serving.other)
        self.lock = self._locker()
        try:
            self.writing.query(sql("quiet"))
            self.quiet = True
        except ServerError as error:
            if error.sqlstate != "42501":
                raise
            self.quiet = False
            self.notes.append(
                "triggers, rules and foreign keys fired on the other side: its role may not set "
                "session_replication_role (GRANT SET ON PARAMETER session_replication_role TO it, from 15 on)"
            )
        self.writing.query(f"set lock_timeout = {int(LOCK_SECONDS * 1000)}")

    def _open(self, side: Side) -> Database:
        self.opened.append(self.sides.open(side))
        self.opened[-1].query(sql("pin"))
        return self.opened[-1]

    def _locker(self) -> Database:
        self.opened.append(locker(self.sides, self.options.max_stall))
        return self.opened[-1]

    def close(self) -> None:
        for db in self.opened:
            db.close()

    def tables(self, wrong: Sequence[Verdict]) -> list[tuple[Compared, list[Key]]]:
        """The tables to repair with the keys that were found."""
        keys = {one.table: [each.key for each in one.differences] for one in wrong}
        return [(table, keys[table.name]) for table in self.both.tables if keys.get(table.name)]

    def repair(self, table: Compared, keys: Sequence[Key]) -> int:
        """Make some rows of a table equal; returns how many were not."""
        end = time.monotonic() + self.options.lock_seconds
        while True:
            self.deadline.check()
            try:
                if self._catch(table):
                    return self._write(table, keys)
            finally:
                self._let_go()
            if time.monotonic() > end:
                raise LockNotObtained(
                    f"{table.name} could not be locked against writers for {self.options.max_stall * 1000:g} ms",
                    hint="Repair when fewer write to it, or allow a longer time.",
                )
            self.deadline.cancel.wait(random.uniform(0.05, 0.4))  # noqa: S311

    def _catch(self, table: Compared) -> bool:
        """Freeze a table on both sides: the serving one for this session only, the other one against the stream."""
        limit = self.options.max_stall
        if not crosses_quickly(self.control, self.deadline, limit):
            return False
        self.reading.query("begin isolation level repeatable read, read only")
        self.writing.query("begin")
        began = time.monotonic()
        caught = False
        try:
            self.lock.query("begin")
            began = time.monotonic()
            self.lock.query(f"lock table only {table.name} in share mode")
            token = self.control.put()
            while not (arrived := self.control.seen(token)) and time.monotonic() - began < limit:
                time.sleep(fence.POLL_SECONDS / 2)
            if arrived:
                self.writing.query(f"lock table only {table.name} in share row exclusive mode")
                ((caught,),) = self.reading.query(sql("held"), (self.lock.backend_pid, table.oids[0]))
            self.lock.query("rollback")
        except ConnectionLost:
            self.lock.close()
            self.lock = self._locker()
        except ServerError as error:
            self.lock.query("rollback")
            if error.sqlstate not in BUSY:
                raise
        self.stall = max(self.stall, time.monotonic() - began)
        return bool(caught)

    def _let_go(self) -> None:
        for db in (self.reading, self.writing):
            with suppress(ConnectionLost):
                db.query("rollback")

    def _write(self, table: Compared, keys: Sequence[Key]) -> int:
        """What differs still is made equal, in the transaction that holds the lock on the other side."""
        statement = lookup(table, keys)
        wanted = set(keys)
        here, there = keyed(self.reading.query(statement), table), keyed(self.writing.query(statement), table)
        wrong = {key: both for key, both in unequal_keys(here, there).items() if key in wanted}
        if wrong:
            rows = self.reading.query(images(table, list(wrong)))
            values: dict[Key, list[Row]] = {}
            for row in rows:
                key = tuple(str(one) for one in row[: table.key_count])
                if key in wrong:
                    values.setdefault(key, []).append(row[table.key_count :])
            if table.key:
                self._replace(table, wrong, values)
            else:
                self._even_out(table, wrong, values)
        self.writing.query("commit")
        return len(wrong)

    def _replace(self, table: Compared, wrong: dict[Key, tuple[Sum, Sum]], values: dict[Key, list[Row]]) -> None:
        """Rows with a key. Where foreign keys and triggers would fire, what is there is changed in its place."""
        kept = [] if self.quiet else [key for key, both in wrong.items() if both[0][0] == both[1][0] == 1]
        gone = [key for key, both in wrong.items() if both[1] != NONE and key not in set(kept)]
        if gone:
            source, on = matching(table, gone)
            self.writing.execute(filled("remove", table, source=source, on=on))
        for key in kept:
            self._update(table, key, values[key][0])
        for key in wrong.keys() - set(kept):
            for row in values.get(key, []):
                self._insert(table, row)

    def _update(self, table: Compared, key: Key, row: Row) -> None:
        names = set(table.key_names)
        changed = [
            (one.quoted, value)
            for one, value in zip(table.written, row, strict=True)
            if one.name not in names and one.identity != "a"
        ]
        if changed:
            source, on = matching(table, [key])
            assigned = ", ".join(f"{_percent(name)} = %s" for name, _ in changed)
            statement = filled(
                "update", self._marked(table), assigned=assigned, source=_percent(source), on=_percent(on)
            )
            self.writing.execute(statement, [value for _, value in changed])

    def _even_out(self, table: Compared, wrong: dict[Key, tuple[Sum, Sum]], values: dict[Key, list[Row]]) -> None:
        """Rows without a key: as many of each as there should be."""
        for key, (here, there) in wrong.items():
            if there[0] > here[0]:
                count = str(there[0] - here[0])
                self.writing.execute(filled("remove_some", table, same=of_hashes(table, [key]), count=count))
            for row in values.get(key, [])[: max(0, here[0] - there[0])]:
                self._insert(table, row)

    def _insert(self, table: Compared, row: Row) -> None:
        if not table.written:
            self.writing.execute(filled("insert_empty", table))
            return
        columns = _percent(", ".join(one.quoted for one in table.written))
        marks = ", ".join(["%s"] * len(table.written))
        self.writing.execute(filled("insert", self._marked(table), columns=columns, marks=marks), row)

    def _marked(self, table: Compared) -> Compared:
        return replace(table, name=_percent(table.name))


def _percent(text: str) -> str:
    """A text in a statement with parameters."""
    return text.replace("%", "%%")
