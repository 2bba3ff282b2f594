"""Checks of what happens now: transactions, load, time, space."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postai.database.amounts import bytes_text, seconds_text
from postai.database.identifiers import quote_literal
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate.checks.check import STREAMS, Check, Ground, Load, block, blocker, counted, note, set_to, warning
from postai.replicate.probe import Facts
from postai.replicate.types import Finding, Level, Side

FILE = "traffic"
# One session copies so much in a second, its indexes included: 822 MB by two in 8.6 s, 15 to 18 on one 2-core machine.
BYTES_PER_WORKER = 45e6
# Bytes of rows that are read and compared in a second: docs/verify-a-move.md.
COMPARED_BYTES = 180e6
# Of a pause in which all is copied, however little: reading and comparing definitions.
FIXED_SECONDS = 3.0
# The target's files to the source's: what is copied, indexes built row by row, room to work in.
TARGET_ROOM = 1.3
SAMPLES = (64 << 10, 4 << 20)
SLOW_SAMPLE = 0.1


@dataclass(frozen=True)
class Estimate:
    """What the copy would take.

    Attributes:
        bytes: of all tables that move; seconds: for copying them and building their indexes.
        wal_bytes: log that the source writes, and keeps, in that time.
    """

    bytes: int
    seconds: float
    wal_bytes: int


def measure(source: Database, seconds: float, deadline: Deadline) -> Load:
    """Watch the source's log for so many seconds, and see how fast its bytes come; not on a standby."""
    ((place,),) = source.query(block(FILE, "wal"))
    began = time.monotonic()
    link = _link_rate(source)
    deadline.cancel.wait(max(0.0, min(seconds - (time.monotonic() - began), deadline.remaining())))
    ((written,),) = source.query(block(FILE, "written"), (place,))
    return Load(written / max(time.monotonic() - began, 1e-3), link)


def _link_rate(source: Database) -> float:
    """A small piece first: a big one is asked for only where that came quickly."""
    rate = 0.0
    for size in SAMPLES:
        began = time.monotonic()
        source.query(block(FILE, "sample"), (size,))
        took = max(time.monotonic() - began, 1e-6)
        rate = size / took
        if took > SLOW_SAMPLE:
            break
    return rate


def estimate(ground: Ground) -> Estimate:
    """What the copy would take; where nothing was measured the network counts as fast and the source as idle."""
    size = sum(table.bytes for table in ground.tables)
    rate, wal_rate = BYTES_PER_WORKER * max(ground.options.workers, 1), 0.0
    if ground.load is not None:
        rate, wal_rate = min(rate, ground.load.link_rate), ground.load.wal_rate
    seconds = size / rate
    return Estimate(size, seconds, int(seconds * wal_rate))


def pause_seconds(size: int, seconds: float) -> float:
    """How long a pause is in which all is copied and compared.

    Args:
        size: bytes of all tables; seconds: for copying them and building their indexes.
    """
    return FIXED_SECONDS + seconds + size / COMPARED_BYTES


def free_bytes(facts: Facts) -> int | None:
    """Free room where a server on this machine keeps its data; None where that cannot be seen."""
    directory = facts.settings.get("data_directory")
    if not directory or facts.managed:
        return None
    here = facts.server.label.startswith(("127.", "::1", "local socket"))
    try:
        return shutil.disk_usage(Path(directory)).free if here else None
    except OSError:
        return None


def room(side: Side, need: int, free: int | None) -> Iterator[Finding]:
    """What is to be said about the room of a side."""
    wanted = f"about {bytes_text(need)}"
    what = "for the database" if side is Side.TARGET else "for the log that the move keeps"
    if free is None:
        yield note(side, f"free space cannot be seen by SQL: {wanted} are needed {what}", (),
                   ("look at the server's disk, or at the provider's console",))  # fmt: skip
    elif free < need:
        yield blocker(side, f"{bytes_text(free)} are free, {wanted} are needed {what}", (),
                      (f"enlarge the disk of the {side} by {bytes_text(need - free)}",))  # fmt: skip


def space(ground: Ground) -> Iterator[Finding]:
    expected = estimate(ground)
    whole = ground.probe.source.server.bytes
    yield from room(Side.TARGET, int(whole * TARGET_ROOM), free_bytes(ground.probe.target))
    if not ground.native:
        return
    yield from room(Side.SOURCE, expected.wal_bytes + (64 << 20), free_bytes(ground.probe.source))
    limit = ground.probe.source.number("max_slot_wal_keep_size")
    if limit is not None and 0 <= limit << 20 < 2 * expected.wal_bytes + (64 << 20):
        megabytes = (2 * expected.wal_bytes >> 20) + 1024
        yield warning(Side.SOURCE, f"max_slot_wal_keep_size is {bytes_text(limit << 20)}, the move may keep "
                      f"{bytes_text(expected.wal_bytes)} of log: beyond it the slot is lost and the move begins anew",
                      ("max_slot_wal_keep_size",),
                      set_to(ground.probe.source, "max_slot_wal_keep_size", f"{megabytes}MB",
                             restart=False))  # fmt: skip
    if expected.wal_bytes > ground.options.keep_wal_bytes:
        yield warning(Side.SOURCE, f"the copy would take {seconds_text(expected.seconds)}, and the source writes "
                      f"{bytes_text(expected.wal_bytes)} of log in it: more than --keep-wal, at which the slot is "
                      "given up", ("keep_wal_bytes",), ("raise --keep-wal", "move at a quieter "
                          "time"))  # fmt: skip


def long_transactions(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "long_transactions")
    if rows:
        yield warning(Side.SOURCE, f"{counted(len(rows), 'transaction')} older than a minute: the stream begins, "
                                   "and the switch is made, only when they have ended",
                      [f"process {pid} of {user}: {seconds} s" for pid, user, seconds in rows],
                      [f"SELECT pg_terminate_backend({pid})" for pid, *_ in rows])  # fmt: skip
    elif ground.probe.slot_waits:
        yield warning(Side.SOURCE, "a slot was not made within 3 s: it waits for transactions that run", (),
                      ("wait until they have ended, and check again",))  # fmt: skip


def wraparound(ground: Ground) -> Iterator[Finding]:
    if rows := ground.query(Side.SOURCE, FILE, "wraparound"):
        yield warning(Side.SOURCE, f"{counted(len(rows), 'vacuum')} to prevent wraparound: a publication or a "
                                   "trigger of its table waits for it, and the application's statements behind that",
                      [text.removeprefix("autovacuum: ") for _, text in rows],
                      ("wait until it has ended, and check again",))  # fmt: skip


def prepared(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "prepared")
    if rows:
        yield blocker(Side.SOURCE, f"{counted(len(rows), 'prepared transaction')}: a slot waits for them for ever, "
                                   "and no fence stops them", [f"{gid} in {database}" for gid, database, _ in rows],
                      [f"{'' if here else f'in database {database}: '}ROLLBACK PREPARED {quote_literal(gid).strip()}"
                       for gid, database, here in rows] + ["or COMMIT PREPARED, as their manager says"])  # fmt: skip


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE


TRAFFIC: tuple[Check, ...] = (
    Check("space", "Space, time and log", "The copy takes time, in which the source keeps its log; the target needs "
                                          "room for all of it. Time: bytes / (45 MB/s for each of the workers, as "
                                          "measured from 15 to 18 on one 2-core machine, "
    "indexes included, or what the way from the source to the agent brings, if that is less). Log: what the source "
    "wrote in a second of the check, times that.", "Enlarge the disk; move at a quieter time.", (_B, _W, _N), space),
    Check("long_transactions", "Long transactions", "A slot's making waits for every transaction that writes; the "
                                                    "switch for those of the application.", "Let them "
                                                        "end.", (_W,), long_transactions, STREAMS),
    Check("wraparound", "Vacuums to prevent wraparound", "They do not give way to somebody who wants a lock of their "
          "table.", "Wait for their end.", (_W,), wraparound, STREAMS),
    Check("prepared_transactions", "Prepared transactions", "They can be committed in spite of every fence, and a slot "
          "waits for them.", "COMMIT PREPARED or ROLLBACK PREPARED.", (_B,), prepared, STREAMS),
)  # fmt: skip
