"""What a comparison of both sides takes and tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from postai.replicate.types import Open, Side, Stream


class Mode(StrEnum):
    """How rows that change meanwhile are dealt with.

    exact: writers wait for a moment, until both sides can be frozen in the same state; all of that state is compared.
    settling: nobody waits; rows that differ are read again until both sides agree or a fence proves that they do not.
    """

    EXACT = "exact"
    SETTLING = "settling"


class Kind(StrEnum):
    """How a row differs: only on the side that serves, only on the other one, or not the same on both."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Difference:
    """One row that is not the same on both sides, by its key; never with what else is in it.

    Attributes:
        key: the values of the table's key columns as text; in a table without a key the hash of the whole row.
        rows: how many there are on the side that serves and on the other one.
    """

    kind: Kind
    key: tuple[str, ...]
    rows: tuple[int, int]


@dataclass(frozen=True)
class Verdict:
    """One table.

    Attributes:
        rows: on the side that serves, when it was read.
        bytes: of its heap there.
        equal: whether it holds the same rows on both sides; None: it could not be compared, `error` says why.
        key: the columns that tell its rows apart; () = it has none, rows are compared as a multiset.
        differences: at most so many as the options allow; `more`: there are others.
        settled: rows that differed when they were first read and agreed afterwards.
        notes: what was not compared, or in another way.
    """

    table: str
    rows: int
    bytes: int
    equal: bool | None
    key: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    more: bool = False
    settled: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class LargeObjects:
    """Large objects: how many each side has, and the oids of those that differ (at most so many as allowed)."""

    serving: int
    other: int
    equal: bool | None
    differences: tuple[int, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Sequences:
    """Sequences are not followed: the switch sets them. `behind` stand elsewhere, `missing` are not there at all."""

    compared: int
    behind: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Verified:
    """What a comparison found.

    Attributes:
        equal: whether every table and the large objects hold the same on both sides.
        mode: the one that was used; `why`: why it is not the one that was asked for.
        serving: the side whose changes the other one follows.
        at: when, by the clock of the side that serves; lsn: its place in the log then; token: of the fence row.
        stall: seconds that writers were held back at the longest; 0 in settling mode.
        missing: tables that the other side lacks.
        schema: what differs in the definitions, as text.
    """

    equal: bool
    mode: Mode
    serving: Side
    at: datetime
    lsn: str
    token: str
    seconds: float
    stall: float
    attempts: int
    tables: tuple[Verdict, ...]
    missing: tuple[str, ...]
    sequences: Sequences
    large_objects: LargeObjects | None
    schema: tuple[str, ...] = ()
    why: str | None = None

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.tables)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.tables)

    @property
    def different(self) -> tuple[Verdict, ...]:
        """The tables that are not equal, or could not be compared."""
        return tuple(one for one in self.tables if one.equal is not True)


@dataclass(frozen=True)
class VerifyOptions:
    """What a person may say about a comparison.

    Attributes:
        schemas: only these; () = all that move. tables: only these (schema.name, quoted where needed); () = all.
        max_stall: seconds that writers may be held back (exact).
        lock_seconds: how long a moment is sought for it, before it is done in settling mode.
        workers: sessions that read on each side.
        share: of the time that each of them may read; 0.5 = it rests as long as it reads.
        busy: while more sessions of others than that are active on a side, reading waits there; 0 = never.
        listed: differences that are listed for each table.
        statement_seconds: limit of each statement.
        large_objects: whether they are compared.
    """

    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    max_stall: float = 0.05
    lock_seconds: float = 30.0
    workers: int = 1
    share: float = 1.0
    busy: int = 0
    listed: int = 100
    statement_seconds: float = 60.0
    large_objects: bool = True


@dataclass(frozen=True)
class Sides:
    """The two databases that are compared.

    Attributes:
        move: its id.
        open: opens sessions; the comparison uses its own and closes them.
        stream: the one that runs, from the side that serves to the other one.
        serving: the side whose rows are the right ones.
        snapshot: one that is exported there, where the other side should hold what that has, and nobody writes to it:
            both are compared as they are, without a fence.
    """

    move: int
    open: Open
    stream: Stream
    serving: Side
    snapshot: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a comparison is: tables done, heap bytes read on the side that serves."""

    table: str
    tables_done: int
    tables: int
    bytes_done: int
    bytes: int


OnProgress = Callable[[Progress], None]


def no_progress(_: Progress) -> None:
    """Tell nobody."""
