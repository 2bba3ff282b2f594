"""The log that a move makes a server keep: when that is too much, and when the server is about to take it back."""

from __future__ import annotations

from postai.errors import ErrorParts
from postai.replicate.types import Lag

# What may still be written before a slot is lost, below which people are told.
LOW_BYTES = 1 * 2**30


def danger(lag: Lag, keep_bytes: int) -> str | None:
    """Why the slot must go, or is gone already; None = it may stay.

    Args:
        keep_bytes: what the server may keep for the move; 0 = no limit of the move's own.
    """
    if lag.wal_status == "lost":
        return "the server removed the log that the slot needed (max_slot_wal_keep_size)"
    if keep_bytes and lag.kept_bytes is not None and lag.kept_bytes > keep_bytes:
        return f"the server keeps {lag.kept_bytes / 2**30:.1f} GiB of log for the move (keep_wal_bytes)"
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
