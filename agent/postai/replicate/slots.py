"""The log that a move makes a server keep: when that is too much, and when the server is about to take it back."""

from __future__ import annotations

import shutil

from postai.database import named_sql
from postai.database.amounts import bytes_text
from postai.database.protocol import Database
from postai.errors import ErrorParts
from postai.replicate.types import Finding, Lag, Level, Side

# What may still be written before a slot is lost, below which people are told.
LOW_BYTES = 1 * 2**30
# Silence of the other side after which people are told: ten times what a living sender needs.
SILENT_SECONDS = 15.0
# Until a publisher that was asked has answered.
ANSWER_SECONDS = 5.0


def danger(lag: Lag, keep_bytes: int) -> str | None:
    """Why the slot must go, or is gone already; None = it may stay.

    Args:
        keep_bytes: what the server may keep for the move; 0 = no limit of the move's own.
    """
    if lag.wal_status == "lost":
        return "the server removed the log that the slot needed (max_slot_wal_keep_size)"
    if keep_bytes and lag.kept_bytes is not None and lag.kept_bytes > keep_bytes:
        return f"the server keeps {lag.kept_bytes / 2**30:.1f} GiB of log for the move (--keep-wal)"
    return None


def warning(lag: Lag) -> ErrorParts | None:
    """That the slot will be lost soon, unless the stream catches up."""
    if lag.wal_status != "unreserved" and (lag.safe_bytes is None or lag.safe_bytes > LOW_BYTES):
        return None
    left = "nothing" if not lag.safe_bytes else f"{lag.safe_bytes / 2**20:.0f} MiB"
    return ErrorParts(
        "PA010",
        "the slot of the move is about to be lost",
        f"{left} may still be written before the server removes the log that it needs.",
        "Raise max_slot_wal_keep_size and reload, or write less until the move has caught up.",
    )


def room(db: Database, side: Side, least: int = LOW_BYTES) -> tuple[Finding, ...]:
    """Whether the disk of a server on this machine is nearly full: what a switch writes, and keeps, must fit.

    Args:
        least: bytes that must be free; nothing is found where that cannot be seen.
    """
    rows = db.query(named_sql.load(__package__, "slots.sql")["data_directory"])
    try:
        free = shutil.disk_usage(rows[0][0]).free if rows else least
    except OSError:
        free = least  # another machine's, by an address of this one
    if free >= least:
        return ()
    what = f"{bytes_text(free)} are free on the disk of the {side}"
    return (Finding("disk", Level.BLOCKER, side, what, (), (f"free {bytes_text(least)} there",)),)


def asleep(subscriber: Database, lag: Lag) -> bool:
    """Whether the silence may only be that of a publisher with nothing to say: a subscriber asks one that is silent
    for half of wal_receiver_timeout (0 = never), and a living one answers at once.
    """
    if lag.silent is None or lag.silent <= SILENT_SECONDS:
        return True
    timeout = "select setting::float8 / 1000 from pg_catalog.pg_settings where name = 'wal_receiver_timeout'"
    ((seconds,),) = subscriber.query(timeout)
    return not seconds or lag.silent <= seconds / 2 + ANSWER_SECONDS


def trouble(subscriber: Database, name: str, side: Side, lag: Lag, *, copying: bool) -> ErrorParts | None:
    """That a stream stands still although its servers run, and what to do.

    Args:
        name: of the stream, which native replication makes a subscription of.
        side: the subscriber's.
        copying: whether tables are still copied, which fails while the stream itself is active.
    """
    if lag.errors and (not lag.active or (copying and _copy_stands_still(subscriber, name))):
        met = ", ".join(f"{kind}: {count}" for kind, count in conflicts(subscriber, name).items())
        return ErrorParts(
            "PA010",
            f"the {side} cannot {'copy or ' if copying else ''}apply what it gets",
            f"It failed {lag.errors} times and tries again{f' ({met})' if met else ''}.",
            f"The log of the {side}'s server says why at {name}: a row that is there already (remove it), a full disk "
            "(enlarge it), a missing right (grant it). It goes on by itself then.",
        )
    if lag.silent is not None and lag.silent > SILENT_SECONDS:
        return ErrorParts(
            "08006",
            f"the {side} has not heard from the {side.other} for {lag.silent:.0f} s",
            None,
            "Look at the network between both servers; it goes on by itself.",
        )
    return None


def _copy_stands_still(subscriber: Database, name: str) -> bool:
    """Whether nobody copies a table whose copy was begun: the server waits before it tries again."""
    return subscriber.query(named_sql.load(__package__, "slots.sql")["stands_still"], (name,)) == [(True,)]


def conflicts(subscriber: Database, name: str) -> dict[str, int]:
    """What the changes of a stream met on the subscriber until now; nothing is told before 18."""
    if subscriber.server_version < 180_000:
        return {}
    kinds = ("insert_exists", "update_exists", "update_missing", "delete_missing", "multiple_unique_conflicts")
    rows = subscriber.query(named_sql.load(__package__, "slots.sql")["conflicts"], (name,))
    return {kind: count for row in rows for kind, count in zip(kinds, row, strict=True) if count}
