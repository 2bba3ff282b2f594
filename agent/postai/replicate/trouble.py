"""What goes wrong while a move goes on, and what comes of it: a note, a copy that begins anew, or a move that fails."""

from __future__ import annotations

from dataclasses import replace

from postai.database.protocol import Database
from postai.errors import ErrorParts, Refused
from postai.replicate import slots, store
from postai.replicate.move import Move
from postai.replicate.now import Now
from postai.replicate.stream import NativeStream
from postai.replicate.types import Carrier, Lag, Side, State

# How often the copy begins anew by itself.
RESTARTS = 3
_FOLLOWED = frozenset({State.COPYING, State.CATCHING_UP, State.VERIFYING, State.READY, State.ROLLED_BACK})


def protect(now: Now) -> State | None:
    """The source comes first: where its disk is in danger, or the slot is lost already, the copy begins anew."""
    row, stream = now.move.row, now.forward
    lag = stream.lag(now.source, now.target)
    store.set_lag(now.home, row.id, lag)
    danger = slots.danger(lag, row.options.keep_wal_bytes)
    if danger is None:
        look_for_trouble(now, stream, lag, Side.TARGET)
        return None
    _note_restart(now, danger)
    if (row.restarts + 1) % (RESTARTS + 1):
        return State.SCHEMA_COPIED
    why = Refused(
        f"the copy was given up after {row.restarts} restarts: {danger}",
        hint="Give the source more disk and raise max_slot_wal_keep_size or --keep-wal, or copy at a quiet hour; "
        f"then: post-ai replicate start {row.name} {row.source} {row.target}",
    )
    fail(now.home, now.move, why.as_parts(), State.SCHEMA_COPIED)
    stream.stop(now.source, now.target)
    return None


def look_for_trouble(now: Now, stream: Carrier, lag: Lag, subscriber: Side) -> None:
    """What is wrong though it goes on: a slot that is about to be lost, a subscriber that fails or hears nothing."""
    db = now.source if subscriber is Side.SOURCE else now.target
    copying = now.move.row.state in (State.COPYING, State.CATCHING_UP)
    heard = replace(lag, silent=None) if slots.asleep(db, lag) else lag
    wrong = (slots.warning(lag), slots.trouble(db, stream.name, subscriber, heard, copying=copying))
    now.found.extend(one for one in wrong if one is not None)
    if lag.errors != 0 and not lag.active:
        stream.reconnect(db)
    if isinstance(stream, NativeStream):
        stream.end_dead(*((now.source, now.target) if subscriber is Side.TARGET else (now.target, now.source)))


def stand_still(now: Now) -> None:
    """A failed move: nothing goes on, but the log of the source is not kept without end."""
    row = now.move.row
    if row.resume_state in _FOLLOWED:
        lag = now.forward.lag(now.source, now.target)
        store.set_lag(now.home, row.id, lag)
        if danger := slots.danger(lag, row.options.keep_wal_bytes):
            _note_restart(now, danger)
            store.set_state(now.home, row.id, State.FAILED, resume=State.SCHEMA_COPIED, error=row.error)
            now.forward.stop(now.source, now.target)
    elif row.resume_state is State.SCHEMA_COPIED and row.restarts:
        now.forward.stop(now.source, now.target)


def _note_restart(now: Now, danger: str) -> None:
    store.count_restart(now.home, now.move.id)
    store.add_event(now.home, now.move.id, f"the copy begins anew: {danger}", step="restarted", level="warning")


def fail(home: Database, move: Move, why: ErrorParts, resume_at: State | None = None) -> None:
    """The move stands still until somebody resumes it.

    Args:
        resume_at: where it goes on then; None = where it was.
    """
    row = move.row
    if not why.hint:
        why = replace(why, hint=f"See what stands against it: post-ai replicate check {row.source} {row.target}")
    at = resume_at or row.resume_state if row.state is State.FAILED else resume_at or row.state
    store.set_state(home, move.id, State.FAILED, resume=State.CREATED if at is State.ANALYSED else at, error=why)
    store.add_event(home, move.id, why.message, step="failed", level="error", data={"sqlstate": why.sqlstate})
