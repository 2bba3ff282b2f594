"""The driver of a move: each call of `drive` brings it as far as it can go now.

Every step looks first and does what is missing, so a driver that dies at any place is followed by one that calls
`drive` again. What a person asks for (verify, cutover, rollback, complete, abort) is in `asked.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from postai.database.errors import (
    ConnectionFailed,
    ConnectionLost,
    NoConnectRight,
    NoHbaEntry,
    TlsFailed,
    TlsRequired,
    UnknownDatabase,
    UnknownRole,
    WrongPassword,
)
from postai.database.protocol import Database
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import ErrorParts, LockNotObtained, PostaiError, Refused
from postai.replicate import asked, probe, store, trouble, turns
from postai.replicate.journal import Journal
from postai.replicate.move import Move, Redirects, say_where
from postai.replicate.now import Now
from postai.replicate.sessions import open_session
from postai.replicate.types import OnStep, Side, State

# Seconds until the next look, by state; None = nothing more happens by itself.
_REST: Mapping[State, float | None] = MappingProxyType(
    {State.COPYING: 1.0, State.CATCHING_UP: 0.5, State.READY: 2.0, State.SERVING_TARGET: 2.0, State.ROLLED_BACK: 2.0,
     State.FAILED: 10.0, State.COMPLETED: None, State.ABORTED: None}
)  # fmt: skip
_UNCOPIED = frozenset({State.CREATED, State.ANALYSED, State.PREFLIGHT_OK, None})
# A side that refuses to let the move in: told at once while nothing is copied, tried again later.
_WRONG = (WrongPassword, UnknownRole, UnknownDatabase, NoConnectRight, NoHbaEntry, TlsRequired, TlsFailed)
RETRY_SECONDS = 2.0
# Errors of a server that may be gone the next time: locks, time limits, resources, shutdown, starting up.
_PASSING = frozenset(
    {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53100", "53200", "53300", "55006"}
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """What came of one call of `drive`.

    Attributes:
        move: with its row as it is now.
        rest: seconds until the next call has something to do; None = nothing happens until somebody asks for it.
    """

    move: Move
    rest: float | None


def start(
    home: Database,
    name: str,
    source: str,
    target: str,
    dsns: Mapping[Side, str],
    *,
    options: Mapping[str, object] = MappingProxyType({}),
    redirects: Redirects | None = None,
    requested_by: str | None = None,
) -> Move:
    """A new move, not begun yet; a failed one of that name, source and target is resumed.

    Args:
        home: session of the home database, which must be the target.
        source, target: names of connections; `dsns` their connection strings.
        options: fields of MoveOptions that are not to have their defaults.
        redirects: as `Move` has them.

    Raises:
        Refused: the target is not the home, or there is a move of that name.
        ConnectionFailed: a side cannot be reached.
    """
    found = store.moves(home, name, ended=False)
    if found and found[0].state is State.FAILED and (found[0].source, found[0].target) == (source, target):
        return resume(home, Move(found[0], dsns, redirects or {}), options)
    with open_session(dsns[Side.SOURCE]) as there, open_session(dsns[Side.TARGET]) as here:
        deadline = Deadline.after(30)
        if probe.facts(here, deadline).identity != probe.facts(home, deadline).identity:
            raise Refused(
                f"{target} is not this database", hint="A move is driven from its target: connect there, and start it."
            )
        store.avoid_ids(home, there)
    row = store.create(home, name, source, target, store.options_from(options), requested_by)
    store.add_event(home, row.id, f"from {source} to {target}", step="created")
    return Move(row, dsns, redirects or {})


def resume(home: Database, move: Move, options: Mapping[str, object] = MappingProxyType({})) -> Move:
    """Let a failed move go on where it stood.

    Args:
        options: fields of MoveOptions that change; which tables move cannot change once they are copied.
    """
    row = move.row
    at = row.resume_state if row.state is State.FAILED else row.state
    if options:
        changed = store.merged(row.options, options)
        if at not in _UNCOPIED and (changed.schemas, changed.full_identity) != (
            row.options.schemas, row.options.full_identity
        ):  # fmt: skip
            raise Refused(
                "schemas and full_identity cannot change after the schema was copied",
                hint=f"Abort the move and start another one: post-ai replicate abort {row.name}",
            )
        if changed.way_back != row.options.way_back and (row.serving is Side.TARGET or at is State.SWITCHING):
            raise Refused(
                "way_back cannot change after the switch",
                hint=f"Look at the move: post-ai replicate status {row.name}",
            )
        store.set_options(home, move.id, changed)
    if row.state is State.FAILED and at not in store.ENDED:  # what is to end goes on ending
        store.set_state(home, move.id, at or State.CREATED)
        store.add_event(home, move.id, "goes on", step="resumed")
    return move.read(home)


def drive(home: Database, move: Move, on_step: OnStep, journal: Journal | None = None) -> Turn:
    """Bring a move as far as it can go now.

    Args:
        home: session of the home database, outside a transaction.
        on_step: told at each boundary: the name of what was done, or of what is begun.
        journal: told of the end of a switch that was broken off.

    Returns:
        the move as it is now; a failure that may pass stands in its row as `error`, others have made it `failed`.

    Raises:
        LockNotObtained: another process drives it.
        ConnectionLost: the session of the home is gone.
        Cancelled: `on_step` raised it.
    """
    with store.one_driver(home, move.id):
        move = move.read(home)
        try:
            return _turn(home, move, on_step, journal)
        except Cancelled:
            raise  # whoever drives it gives way
        except PostaiError as error:
            now = move.read(home)
            say_where(move, error, now.row.doing or f"is in state {now.row.state}")
            return _not_done(home, move, error)


def _turn(home: Database, move: Move, on_step: OnStep, journal: Journal | None) -> Turn:
    state, resume_at = move.row.state, move.row.resume_state
    if journal is not None and state is not State.SWITCHING:
        journal.end(move.row)  # of a switch that another driver brought to its end
    if state is State.SWITCHING:
        return Turn(_settle(home, move, on_step, journal), 0.0)
    if state is State.FAILED and resume_at in store.ENDED:
        return Turn(asked.finish(home, move, resume_at, on_step), None)
    work = turns.WORK.get(state)
    if work is None:
        return Turn(move, None)
    with move.sides() as (source, target):
        now = Now(home, source, target, move, on_step)
        became = work(now)
    if became is not None:
        _reach(home, move, became, on_step)
        return Turn(move.read(home), 0.0)
    if move.read(home).row.state is state and state is not State.FAILED:
        _note(home, move, now.found[0] if now.found else None)
    after = move.read(home)
    return Turn(after, _REST.get(after.row.state, 0.0))


def _settle(home: Database, move: Move, on_step: OnStep, journal: Journal | None) -> Move:
    """Bring a switch that was broken off to its end; whoever interrupts that waits for it, unless once more."""
    try:
        return asked.settle(home, move, on_step, journal)
    except KeyboardInterrupt:
        move = move.read(home)
        if move.row.state is State.SWITCHING:
            asked.settle(home, move, on_step, journal)
        raise


def _note(home: Database, move: Move, wrong: ErrorParts | None) -> None:
    """Have in the row what is wrong now; an event where it is new."""
    if move.row.error == wrong:
        return
    store.set_error(home, move.id, wrong)
    if wrong is not None and (move.row.error is None or move.row.error.message != wrong.message):
        store.add_event(home, move.id, wrong.message, step="trouble", level="warning", data={"detail": wrong.detail})


def _reach(home: Database, move: Move, state: State, on_step: OnStep) -> None:
    store.set_state(home, move.id, state)
    store.add_event(home, move.id, f"{move.row.state} is done", step=state.value)
    on_step(state.value)


def _not_done(home: Database, move: Move, error: PostaiError) -> Turn:
    """Note a failure: one that may pass is tried again, another one stops the move until it is resumed."""
    parts = error.as_parts()
    ending = move.row.resume_state in store.ENDED or move.row.state is State.FAILED
    hard = isinstance(error, _WRONG) and move.row.state in _UNCOPIED
    if (passing(error) and not hard) or move.row.state is State.SWITCHING or ending:
        _note(home, move, parts)
        return Turn(move.read(home), RETRY_SECONDS)
    trouble.fail(home, move, parts)
    return Turn(move.read(home), None)


def passing(error: PostaiError) -> bool:
    """Whether an error may be gone when the same is tried again."""
    kinds = (ConnectionFailed, ConnectionLost, LockNotObtained, DeadlineExceeded)
    return isinstance(error, kinds) or error.sqlstate in _PASSING
