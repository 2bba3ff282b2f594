"""The driver of a move: each call of `drive` brings it as far as it can go now.

Every step looks first and does what is missing, so a driver that dies at any place is followed by one that calls
`drive` again. What a person asks for (verify, cutover, rollback, complete, abort) is in `asked.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from postai.database.errors import ConnectionFailed, ConnectionLost
from postai.database.protocol import Database
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import ErrorParts, LockNotObtained, PostaiError, Refused
from postai.replicate import asked, cleanup, fence, native, preflight, probe, slots, standin, store
from postai.replicate.journal import Journal
from postai.replicate.move import Move, Redirects
from postai.replicate.sessions import open_session
from postai.replicate.types import Carrier, Method, MoveOptions, OnStep, Side, State

# Seconds until the next look, by state; None = nothing more happens by itself.
_REST: Mapping[State, float | None] = MappingProxyType(
    {State.COPYING: 1.0, State.CATCHING_UP: 0.5, State.READY: 2.0, State.SERVING_TARGET: 2.0, State.ROLLED_BACK: 2.0,
     State.FAILED: None, State.COMPLETED: None, State.ABORTED: None}
)  # fmt: skip
RETRY_SECONDS = 2.0
# Errors of a server that may be gone the next time: locks, time limits, resources, shutdown, starting up.
_PASSING = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "53200", "55006"})
# How long a row may take to the target before the move counts as caught up.
CAUGHT_UP_SECONDS = 1.0
# Log that a stream which waits may keep before it is brought up to now.
FRESH_BYTES = 64 * 2**20
# How often the copy begins anew by itself.
RESTARTS = 3


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
    options: MoveOptions | None = None,
    redirects: Redirects | None = None,
    requested_by: str | None = None,
) -> Move:
    """A new move, not begun yet; a failed one of that name, source and target is resumed.

    Args:
        home: session of the home database, which must be the target.
        source, target: names of connections; `dsns` their connection strings.
        redirects: as `Move` has them.

    Raises:
        Refused: the target is not the home, or there is a move of that name.
        ConnectionFailed: a side cannot be reached.
    """
    found = store.moves(home, name, ended=False)
    if found and found[0].state is State.FAILED and (found[0].source, found[0].target) == (source, target):
        return resume(home, Move(found[0], dsns, redirects or {}))
    with open_session(dsns[Side.SOURCE]) as there, open_session(dsns[Side.TARGET]) as here:
        deadline = Deadline.after(30)
        if probe.facts(here, deadline).identity != probe.facts(home, deadline).identity:
            raise Refused(
                f"{target} is not this database", hint="A move is driven from its target: connect there, and start it."
            )
        store.avoid_ids(home, there)
    row = store.create(home, name, source, target, options or MoveOptions(), requested_by)
    store.add_event(home, row.id, f"from {source} to {target}", step="created")
    return Move(row, dsns, redirects or {})


def resume(home: Database, move: Move) -> Move:
    """Let a failed move go on where it stood."""
    if move.row.state is State.FAILED:
        store.set_state(home, move.id, move.row.resume_state or State.CREATED)
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
    """
    with store.one_driver(home, move.id):
        move = move.read(home)
        try:
            return _turn(home, move, on_step, journal)
        except PostaiError as error:
            return _not_done(home, move, error)


def _turn(home: Database, move: Move, on_step: OnStep, journal: Journal | None) -> Turn:
    state, resume_at = move.row.state, move.row.resume_state
    if journal is not None and state is not State.SWITCHING:
        journal.end(move.row)  # of a switch that another driver brought to its end
    if state is State.SWITCHING:
        return Turn(asked.settle(home, move, on_step, journal), 0.0)
    if state is State.FAILED and resume_at in store.ENDED:
        return Turn(asked.finish(home, move, resume_at, on_step), None)
    work = _WORK.get(state)
    if work is None:
        return Turn(move, None)
    with move.sides() as (source, target):
        became = work(_Now(home, source, target, move, on_step))
    if became is not None:
        _reach(home, move, became, on_step)
        return Turn(move.read(home), 0.0)
    if move.row.error is not None and move.row.state is not State.FAILED:
        store.set_error(home, move.id, None)
    return Turn(move.read(home), _REST[state])


def _reach(home: Database, move: Move, state: State, on_step: OnStep) -> None:
    store.set_state(home, move.id, state)
    store.add_event(home, move.id, f"{move.row.state} is done", step=state.value)
    on_step(state.value)


def _not_done(home: Database, move: Move, error: PostaiError) -> Turn:
    """Note a failure: one that may pass is tried again, another one stops the move until it is resumed."""
    parts = error.as_parts()
    ending = move.row.resume_state in store.ENDED
    if passing(error) or move.row.state is State.SWITCHING or ending:
        if move.row.error != parts:
            store.set_error(home, move.id, parts)
            store.add_event(home, move.id, error.message, step="retry", level="warning")
        return Turn(move.read(home), RETRY_SECONDS)
    fail(home, move, parts)
    return Turn(move.read(home), None)


def passing(error: PostaiError) -> bool:
    """Whether an error may be gone when the same is tried again."""
    kinds = (ConnectionFailed, ConnectionLost, LockNotObtained, DeadlineExceeded)
    return isinstance(error, kinds) or error.sqlstate in _PASSING


def fail(home: Database, move: Move, why: ErrorParts, resume_at: State | None = None) -> None:
    """The move stands still until somebody resumes it."""
    at = resume_at or (State.CREATED if move.row.state is State.ANALYSED else move.row.state)
    store.set_state(home, move.id, State.FAILED, resume=at, error=why)
    store.add_event(home, move.id, why.message, step="failed", level="error", data={"sqlstate": why.sqlstate})


@dataclass(frozen=True)
class _Now:
    """What one turn works with."""

    home: Database
    source: Database
    target: Database
    move: Move
    on_step: OnStep

    def doing(self, what: str) -> None:
        store.set_doing(self.home, self.move.id, what)
        self.on_step(what)


def _analyse(now: _Now) -> State:
    row = now.move.row
    now.doing("checks both sides")
    name = f"postai_{row.id}_fwd"
    connection = native.conninfo(now.move.dsns[Side.SOURCE], name, row.options.passfile)
    found = probe.probe(now.source, now.target, connection)
    report = preflight.check(now.source, now.target, row.options, found)
    store.set_report(now.home, row.id, report)
    return State.ANALYSED


def _preflight(now: _Now) -> State:
    report = now.move.row.report or {}
    blockers = [one for one in report.get("findings", ()) if one["level"] == "blocker"]
    if blockers:
        raise Refused(
            f"the move cannot begin: {blockers[0]['what']}",
            detail="; ".join(one["what"] for one in blockers),
            hint="; ".join(fix for one in blockers for fix in one["fix"]) or None,
        )
    return State.PREFLIGHT_OK


def _copy_schema(now: _Now) -> State:
    row = now.move.row
    for db in (now.source, now.target):
        fence.install(db, row.id)
    now.doing("copies roles and schema")
    standin.copy_schema(now.source, now.move.dsns[Side.SOURCE], now.move.dsns[Side.TARGET])
    if row.options.full_identity and row.method is Method.NATIVE:
        tables = native.tables(now.source, row.options.schemas)
        theirs = {one.qualified for one in tables}
        # Each side remembers what its own tables had.
        native.give_identity(now.source, row.id, tables)
        ours = [one for one in native.tables(now.target, row.options.schemas) if one.qualified in theirs]
        native.give_identity(now.target, row.id, ours)
    return State.SCHEMA_COPIED


def _begin_copy(now: _Now) -> State:
    now.doing("begins to copy")
    stream = now.move.stream(Side.SOURCE)
    stream.copy(now.source, now.target)
    store.set_tables(now.home, now.move.id, stream.progress(now.source, now.target))
    return State.COPYING


def _copy(now: _Now) -> State | None:
    if (again := _protect(now)) is not None:
        return again
    stream = now.move.stream(Side.SOURCE)
    stream.copy(now.source, now.target)
    store.set_tables(now.home, now.move.id, stream.progress(now.source, now.target))
    return None if stream.unfinished(now.source, now.target) else State.CATCHING_UP


def _catch_up(now: _Now) -> State | None:
    if (again := _protect(now)) is not None:
        return again
    stream = now.move.stream(Side.SOURCE)
    if stream.unfinished(now.source, now.target):
        return State.COPYING
    try:
        fence.cross(now.source, now.target, now.move.id, Deadline.after(CAUGHT_UP_SECONDS),
                    lambda: stream.pump(now.source, now.target))  # fmt: skip
    except DeadlineExceeded:
        return None
    now.doing("prepares the way back")
    now.move.stream(Side.TARGET).prepare(now.target, now.source)
    return State.VERIFYING


def _verify(now: _Now) -> State | None:
    if (again := _protect(now)) is not None:
        return again
    store.set_verified(now.home, now.move.id, {"equal": True})
    return State.READY


def _follow(now: _Now) -> State | None:
    """The source serves, the target follows: take up new tables, keep the way back at hand, watch the source's disk."""
    if (again := _protect(now)) is not None:
        return again
    stream = now.move.stream(Side.SOURCE)
    stream.copy(now.source, now.target)
    store.set_tables(now.home, now.move.id, stream.progress(now.source, now.target))
    _keep_fresh(now.move.stream(Side.TARGET), now.target, now.source)
    return None


def _serve(now: _Now) -> State | None:
    """The target serves, the source follows: watch the target's disk, keep the stream of a switch back and forth."""
    stream = now.move.stream(Side.TARGET)
    lag = stream.lag(now.target, now.source)
    store.set_lag(now.home, now.move.id, lag)
    if danger := slots.danger(lag, now.move.row.options.keep_wal_bytes):
        stream.stop(now.target, now.source)
        raise Refused(
            f"the way back was given up: {danger}",
            detail="What is written from now on stays on the target alone.",
            hint=f"Complete the move: post-ai replicate complete {now.move.row.name}",
        )
    if warning := slots.warning(lag):
        store.set_error(now.home, now.move.id, warning)
    _keep_fresh(now.move.stream(Side.SOURCE), now.source, now.target)
    return None


def _keep_fresh(waiting: Carrier, publisher: Database, subscriber: Database) -> None:
    """A prepared stream is brought up to now before it keeps much of the publisher's log."""
    kept = waiting.lag(publisher, subscriber).kept_bytes
    if not waiting.ready(publisher) or (kept or 0) > FRESH_BYTES:
        waiting.prepare(publisher, subscriber)


def _protect(now: _Now) -> State | None:
    """The source comes first: where its disk is in danger, or the slot is lost already, the copy begins anew."""
    row, stream = now.move.row, now.move.stream(Side.SOURCE)
    lag = stream.lag(now.source, now.target)
    store.set_lag(now.home, row.id, lag)
    danger = slots.danger(lag, row.options.keep_wal_bytes)
    if danger is None:
        return None
    stream.stop(now.source, now.target)
    now.on_step("slot_dropped")
    if row.restarts >= RESTARTS:
        raise Refused(
            f"the copy was given up after {row.restarts} restarts: {danger}",
            hint="Give the source more disk and raise max_slot_wal_keep_size or keep_wal_bytes, or copy at a quiet "
            f"hour; then: post-ai replicate start {row.name} {row.source} {row.target}",
        )
    now.doing("empties the target to copy anew")
    cleanup.empty(now.source, now.target, row.options.schemas)
    store.count_restart(now.home, row.id)
    store.add_event(now.home, row.id, f"the copy begins anew: {danger}", step="restarted", level="warning")
    return State.SCHEMA_COPIED


_WORK: Mapping[State, Callable[[_Now], State | None]] = MappingProxyType(
    {
        State.CREATED: _analyse,
        State.ANALYSED: _preflight,
        State.PREFLIGHT_OK: _copy_schema,
        State.SCHEMA_COPIED: _begin_copy,
        State.COPYING: _copy,
        State.CATCHING_UP: _catch_up,
        State.VERIFYING: _verify,
        State.READY: _follow,
        State.ROLLED_BACK: _follow,
        State.SERVING_TARGET: _serve,
    }
)
