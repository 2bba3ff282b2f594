"""Whether both sides of a move hold the same, row for row, while both are in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from postai.database.errors import ServerError
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import sequences
from postai.replicate.verified import (
    Difference,
    Kind,
    LargeObjects,
    Mode,
    OnProgress,
    Progress,
    Sequences,
    Sides,
    Verdict,
    Verified,
    VerifyOptions,
    no_progress,
)
from postai.replicate.verify_chunks import Found, Pair, Reader, Sum, compare
from postai.replicate.verify_exact import Control, Moment, Unlockable, freeze_as, freeze_exactly, freeze_freely
from postai.replicate.verify_settle import settle
from postai.replicate.verify_tables import Compared, Key, compared, hashing, sql, tables

# Heap that is read by one snapshot in settling mode: vacuum cannot remove what a snapshot may still see.
BATCH_BYTES = 2 * 2**30
# How often a table is read once more when more rows differ than can be settled: the stream may be catching up.
AGAIN, AGAIN_SECONDS = 5, 1.0


def verify(
    sides: Sides,
    mode: Mode,
    options: VerifyOptions,
    deadline: Deadline,
    on_progress: OnProgress = no_progress,
    compare_schema: Callable[[Database, Database], Iterable[str]] = lambda _here, _there: (),
) -> Verified:
    """Compare both sides.

    Args:
        mode: exact falls back to settling where tables cannot be locked for a moment; `Verified.why` says so.
        deadline: also cancels: what runs on the servers is ended.
        on_progress: told about ten times a second, in this thread.
        compare_schema: tells what differs in the definitions, for sessions on the serving side and on the other one.

    Raises:
        Cancelled, DeadlineExceeded: nothing was decided.
        ConnectionLost, ServerError: a side failed; a table that alone cannot be read is told in its verdict instead.
    """
    with_control = Control(sides)
    try:
        run = _Run(with_control, sides, options, deadline, on_progress)
        try:
            return run.verify(mode, tuple(compare_schema(with_control.serving, with_control.other)))
        finally:
            run.pair.close()
    finally:
        with_control.close()


def open_reader(sides: Sides, place: int, options: VerifyOptions) -> Reader:
    """The sessions that read one side: place 0 is the serving one."""
    side = sides.serving if place == 0 else sides.serving.other
    opened: list[Database] = []
    try:
        for _ in range(1 + max(1, options.workers)):
            opened.append(sides.open(side))
            opened[-1].query(f"set statement_timeout = {int(options.statement_seconds * 1000)}")
        return Reader(place, opened[0], opened[1:], options)
    except BaseException:
        for db in opened:
            db.close()
        raise


def open_pair(sides: Sides, options: VerifyOptions, deadline: Deadline, turn: Callable[[], None]) -> Pair:
    """Both sides, to be read."""
    serving = open_reader(sides, 0, options)
    try:
        return Pair(serving, open_reader(sides, 1, options), deadline, turn)
    except BaseException:
        serving.close()
        raise


class Both:
    """The tables that both sides have."""

    def __init__(self, control: Control, options: VerifyOptions) -> None:
        here, there = control.serving, control.other
        oldest = min(here.server_version, there.server_version)
        ((block,),) = here.query("select pg_catalog.current_setting('block_size')::int4")
        how = hashing(here, there)
        ours, theirs = tables(here, options.schemas), tables(there)
        wanted = [one for name, one in ours.items() if not options.tables or name in options.tables]
        self.block = block
        self.missing = tuple(one.name for one in wanted if one.name not in theirs)
        self.tables = tuple(
            compared(one, theirs[one.name], how, oldest, block) for one in wanted if one.name in theirs
        )  # fmt: skip


class _Run:
    """One comparison on its way."""

    def __init__(
        self, control: Control, sides: Sides, options: VerifyOptions, deadline: Deadline, on_progress: OnProgress
    ) -> None:
        self.control, self.sides, self.options, self.deadline = control, sides, options, deadline
        self.began = time.monotonic()
        self.on_progress = on_progress
        self.both = Both(control, options)
        self.table, self.done, self.told = "", 0, 0.0
        self.pair = open_pair(sides, options, deadline, self._turn)

    def verify(self, mode: Mode, schema: tuple[str, ...]) -> Verified:
        why = None
        if mode is Mode.EXACT and (self.both.tables or self.sides.snapshot):
            try:
                moment, verdicts, objects = self._exact()
            except Unlockable as error:
                mode, why = Mode.SETTLING, error.message
        if mode is Mode.SETTLING or not (self.both.tables or self.sides.snapshot):
            moment, verdicts, objects = self._settling()
        here, there = self.control.serving, self.control.other
        equal = (
            not self.both.missing and all(one.equal for one in verdicts) and (objects is None or bool(objects.equal))
        )
        return Verified(
            equal=equal, mode=mode, serving=self.sides.serving, at=moment.at, lsn=moment.lsn, token=moment.token,
            seconds=time.monotonic() - self.began, stall=moment.stall, attempts=moment.attempts,
            tables=tuple(verdicts), missing=self.both.missing,
            sequences=compare_sequences(here, there, self.options.schemas), large_objects=objects,
            schema=schema, why=why,
        )  # fmt: skip

    def _exact(self) -> tuple[Moment, list[Verdict], LargeObjects | None]:
        if self.sides.snapshot is not None:
            moment = freeze_as(self.pair, self.sides.snapshot)
        else:
            moment = freeze_exactly(self.pair, self.control, self.both.tables, self.options)
        verdicts = []
        for table in self.both.tables:
            found, seconds = self._compare(table, sets_first=False)
            verdicts.append(self._verdict(table, found, seconds))
        objects = self._large_objects()
        self._thaw()
        return moment, verdicts, objects

    def _settling(self) -> tuple[Moment, list[Verdict], LargeObjects | None]:
        verdicts: list[Verdict] = []
        moment = freeze_freely(self.pair, self.control)
        objects = self._large_objects()
        for some in _batches(self.both.tables, BATCH_BYTES // self.both.block):
            if verdicts:
                moment = freeze_freely(self.pair, self.control)
            found = [self._compare(table, sets_first=True) for table in some]
            self._thaw()
            verdicts += [self._settled(table, *one) for table, one in zip(some, found, strict=True)]
        if not verdicts:
            self._thaw()
        return moment, verdicts, objects

    def _settled(self, table: Compared, found: Found | str, seconds: float) -> Verdict:
        began = time.monotonic()
        again = 0
        while isinstance(found, Found) and found.suspects:
            different, restless = settle(self.pair, self.control, table, list(found.suspects))
            settled = len(found.suspects) - len(different) - len(restless)
            seconds += time.monotonic() - began
            if different or not (found.more or restless):
                proven = Found(found.rows, different, found.more)
                return replace(self._verdict(table, proven, seconds), settled=settled)
            if again == AGAIN:
                error = "rows change faster than both sides agree: the stream is too far behind"
                return replace(self._verdict(table, error, seconds), rows=found.rows[0], settled=settled)
            again += 1
            self.deadline.cancel.wait(AGAIN_SECONDS)
            freeze_freely(self.pair, self.control)
            found, more = self._compare(table, sets_first=True)
            self._thaw()
            began, seconds = time.monotonic(), seconds + more
        return self._verdict(table, found, seconds)

    def _compare(self, table: Compared, *, sets_first: bool) -> tuple[Found | str, float]:
        """What the snapshots have, or why a table cannot be read."""
        began = time.monotonic()
        self.table = table.name
        try:
            found: Found | str = compare(self.pair, table, sets_first=sets_first)
        except ServerError as error:
            # A message of class 22 may repeat a value.
            found = error.sqlstate if error.sqlstate.startswith("22") else f"{error.sqlstate}: {error.message}"
            for reader in self.pair.readers:
                reader.recover()
        self.done += 1
        self._turn()
        return found, time.monotonic() - began

    def _verdict(self, table: Compared, found: Found | str, seconds: float) -> Verdict:
        size = table.pages * self.both.block
        notes = table.notes
        if isinstance(found, str):
            return Verdict(table.name, -1, size, None, table.key_names, seconds=seconds, notes=notes, error=found)
        differences = [difference(key, *both) for key, both in found.suspects.items()]
        listed = self.options.listed
        return Verdict(
            table.name, found.rows[0], size, not differences, table.key_names, tuple(differences[:listed]),
            found.more or len(differences) > listed, seconds=seconds, notes=notes,
        )  # fmt: skip

    def _large_objects(self) -> LargeObjects | None:
        if not self.options.large_objects:
            return None
        try:
            here, there = self.pair.both(_large_objects)
        except ServerError as error:
            for reader in self.pair.readers:
                reader.recover()
            return LargeObjects(0, 0, None, (), f"{error.sqlstate}: {error.message}")
        wrong = sorted(oid for oid in here.keys() | there.keys() if here.get(oid) != there.get(oid))
        return LargeObjects(len(here), len(there), not wrong, tuple(wrong[: self.options.listed]))

    def _thaw(self) -> None:
        for reader in self.pair.readers:
            reader.thaw()

    def _turn(self) -> None:
        self.control.pump()
        if time.monotonic() - self.told > 0.1:
            self.told = time.monotonic()
            whole = sum(table.pages for table in self.both.tables) * self.both.block
            read = min(self.pair.readers[0].pages_done * self.both.block, whole)
            self.on_progress(Progress(self.table, self.done, len(self.both.tables), read, whole))


def compare_sequences(serving: Database, other: Database, schemas: Sequence[str] = ()) -> Sequences:
    """Which sequences the other side lacks, and which stand elsewhere there."""
    names = sequences.names(serving, schemas)
    there = set(sequences.names(other))
    common = [name for name in names if name in there]
    missing = tuple(name for name in names if name not in there)
    try:
        ours, theirs = sequences.read(serving, common), sequences.read(other, common)
    except ServerError as error:
        return Sequences(len(names), (), missing, f"{error.sqlstate}: {error.message}")
    return Sequences(len(names), tuple(name for name in common if ours[name] != theirs[name]), missing)


def difference(key: Key, here: Sum, there: Sum) -> Difference:
    """A row that is not the same on both sides."""
    rows = (here[0], there[0])
    if not rows[1] or (rows[0] > rows[1] and here[1] * rows[1] == there[1] * rows[0]):
        kind = Kind.MISSING
    elif not rows[0] or (rows[0] < rows[1] and here[1] * rows[1] == there[1] * rows[0]):
        kind = Kind.EXTRA
    else:
        kind = Kind.DIFFERENT
    return Difference(kind, key, rows)


def _large_objects(reader: Reader) -> dict[int, str]:
    found: dict[int, str] = {}
    last = 0
    while rows := reader.workers[0].query(sql("large_objects"), (last,)):
        found.update(rows)
        last = max(oid for oid, _ in rows)
    return found


def _batches(tables: Sequence[Compared], pages: int) -> Iterable[list[Compared]]:
    some: list[Compared] = []
    size = 0
    for table in tables:
        if some and size + table.pages > pages:
            yield some
            some, size = [], 0
        some.append(table)
        size += table.pages
    if some:
        yield some
