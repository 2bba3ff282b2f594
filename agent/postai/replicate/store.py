"""The rows of a move in its home database: what the driver writes, and everybody reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from postai.database import named_sql
from postai.database.protocol import Database
from postai.errors import ErrorParts, LockNotObtained, Refused, UsageError
from postai.replicate.types import Lag, Method, MoveOptions, Progress, Report, Side, State

# First number of the advisory locks of moves ("move"), the second one is the id.
LOCK_CLASS = 0x6D6F7665
ENDED = frozenset({State.COMPLETED, State.ABORTED})


@dataclass(frozen=True)
class Ending:
    """How a move is to end.

    Attributes:
        gone: the source is gone for good: only the target is cleaned.
        reopen_source: whether a source that was left may be written to again; else it stays read-only, so that clients
            that were forgotten are told.
    """

    gone: bool = False
    reopen_source: bool = False


@dataclass(frozen=True)
class Row:
    """A move as its home knows it (docs/replicate.md has what the columns mean).

    Attributes:
        id, name: its number and its name.
        source, target: names of connections.
        method: how changes travel; None until it was analysed.
        state: where it is; `resume_state`: where a failed one goes on.
        serving: the side that the clients write to.
        options: what a person said about it.
        report, verified: as the check and the verification wrote them.
        error: why it stands still, or what is tried again.
    """

    id: int
    name: str
    source: str
    target: str
    method: Method | None
    state: State
    resume_state: State | None
    serving: Side
    options: MoveOptions
    report: Mapping[str, Any] | None
    verified_at: datetime | None
    verified: Mapping[str, Any] | None
    doing: str | None
    error: ErrorParts | None
    lag_bytes: int | None
    lag_seconds: float | None
    safe_wal_bytes: int | None
    restarts: int
    ending: Ending
    requested_by: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def way_back(self) -> bool:
        """Whether the source follows the target after the switch; a dump has nothing that could."""
        return self.options.way_back and self.method is not Method.DUMP


@dataclass(frozen=True)
class Copied:
    """How far one table is, and what the last verification said of it."""

    progress: Progress
    verified: str | None


@dataclass(frozen=True)
class Event:
    """One thing that happened to a move."""

    id: int
    at: datetime
    state: str
    step: str | None
    level: str
    what: str
    data: Mapping[str, Any] | None


def options_from(given: Mapping[str, Any]) -> MoveOptions:
    """The options of a move, as `postai.replication.options` holds them.

    Raises:
        UsageError: one is unknown or not of its type.
    """
    known = [field.name for field in fields(MoveOptions)]
    if unknown := sorted(set(given) - set(known)):
        raise UsageError(f"a move has no option {unknown[0]!r}", hint=f"Known are: {', '.join(known)}.")
    return MoveOptions(**{name: _typed(name, value) for name, value in given.items()})


def merged(options: MoveOptions, given: Mapping[str, Any]) -> MoveOptions:
    """These options with others in their place.

    Raises:
        UsageError: as `options_from`.
    """
    return options_from({**asdict(options), **given})


def _kept(options: MoveOptions) -> str:
    """Options as the home keeps them: those that have not their default."""
    return json.dumps({key: value for key, value in asdict(options).items() if value != getattr(MoveOptions(), key)})


def _typed(name: str, value: object) -> Any:
    default = getattr(MoveOptions(), name)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    if default is None and (value is None or isinstance(value, str)):
        return value
    if isinstance(default, tuple) and isinstance(value, (list, tuple)) and all(isinstance(x, str) for x in value):
        return tuple(value)
    if isinstance(default, bool) and isinstance(value, bool):
        return value
    if isinstance(default, float) and number:
        return float(value)  # type: ignore[arg-type]
    if type(default) is int and number and isinstance(value, int):
        return value
    raise UsageError(f"the option {name!r} of a move cannot be {value!r}")


def create(
    home: Database,
    name: str,
    source: str,
    target: str,
    options: MoveOptions,
    requested_by: str | None = None,
) -> Row:
    """A new move; the name of one that has ended is given free.

    Raises:
        Refused: there is one of that name.
    """
    with home.transaction():
        home.execute(_sql("rename"), (name,))
        if not home.query(_sql("create"), (name, source, target, _kept(options), requested_by)):
            raise Refused(f"there is a move {name!r} already", hint=f"Look at it: post-ai replicate status {name}")
    return find(home, name)


def moves(home: Database, name: str | None = None, *, ended: bool = True) -> tuple[Row, ...]:
    """All moves, or that of a name, the newest first; without `ended` those that have not ended."""
    return tuple(_row(one) for one in home.query(_sql("moves"), (name, name, ended)))


def find(home: Database, name: str) -> Row:
    """The move of that name.

    Raises:
        UsageError: there is none.
    """
    found = moves(home, name)
    if not found:
        known = ", ".join(sorted(one.name for one in moves(home)))
        raise UsageError(
            f"there is no move {name!r}",
            hint=f"Known are: {known}." if known else "Begin one: post-ai replicate start NAME SOURCE TARGET",
        )
    return found[0]


def next_of(home: Database, move: int) -> str:
    """What holds a move up and what to do next, in a few lines; "" = nothing."""
    ((said,),) = home.query(_sql("next_of"), (move,))
    return str(said)


def _row(values: Sequence[Any]) -> Row:
    (move, name, source, target, method, state, resume, serving, options, report, verified_at, verified, doing, error,
     lag_bytes, lag_seconds, safe, restarts, ending, *rest) = values  # fmt: skip
    given, why = options_from(_json(options) or {}), _json(error)
    return Row(
        move, name, source, target, Method(method) if method else None, State(state), State(resume) if resume else None,
        Side(serving), given, _json(report), verified_at, _json(verified), doing,
        ErrorParts(**why) if why else None, lag_bytes, lag_seconds, safe, restarts,
        Ending(**(_json(ending) or {})), *rest,
    )  # fmt: skip


def _json(value: Any) -> Any:
    """A json value, whether the driver gives it as text or read."""
    return json.loads(value) if isinstance(value, str) else value


def avoid_ids(home: Database, source: Database) -> None:
    """See that the next move's objects have names that nothing on the source's server has.

    Slots are the server's: a home that is no more, or another one, may have left or have some of a low number.
    """
    ((taken,),) = source.query(_sql("id_taken"))
    if taken:
        home.query(_sql("skip_id"), (taken,))


def set_state(
    home: Database,
    move: int,
    state: State,
    *,
    resume: State | None = None,
    serving: Side | None = None,
    error: ErrorParts | None = None,
) -> None:
    """The move has reached a state."""
    why = json.dumps(asdict(error)) if error else None
    home.execute(_sql("set_state"), (state.value, resume and resume.value, serving and serving.value, why,
                                     state in ENDED, move))  # fmt: skip


def set_options(home: Database, move: int, options: MoveOptions) -> None:
    """What is said about the move has changed."""
    home.execute(_sql("set_options"), (_kept(options), move))


def set_ending(home: Database, move: int, ending: Ending) -> None:
    """How the move is to end, for whoever goes on with it."""
    home.execute(_sql("set_ending"), (json.dumps(asdict(ending)), move))


def set_doing(home: Database, move: int, doing: str | None) -> None:
    """What is done at this moment, in a few words."""
    home.execute(_sql("set_doing"), (doing, move))


def set_error(home: Database, move: int, error: ErrorParts | None) -> None:
    """What is tried again; None = it went well."""
    home.execute(_sql("set_error"), (json.dumps(asdict(error)) if error else None, move))


def set_report(home: Database, move: int, report: Report) -> None:
    """What the check found, and the method."""
    home.execute(_sql("set_report"), (report.method.value, json.dumps(asdict(report)), move))


def set_lag(home: Database, move: int, lag: Lag) -> None:
    """How far the stream that runs is behind."""
    home.execute(_sql("set_lag"), (lag.bytes, lag.silent, lag.safe_bytes, move))


def set_verified(home: Database, move: int, verified: Mapping[str, Any] | None) -> None:
    """What a verification found, now; None = nothing is known any more."""
    text = json.dumps(verified, default=str) if verified is not None else None
    with home.transaction():
        home.execute(_sql("set_verified"), (text, text, move))
        if verified is None:
            home.execute(_sql("forget_verified_tables"), (move,))


def set_verified_tables(home: Database, move: int, said: Mapping[str, str | None]) -> None:
    """What a verification found of each table."""
    with home.transaction():
        for table, verdict in said.items():
            home.execute(_sql("set_verified_table"), (verdict, move, table))


def count_restart(home: Database, move: int) -> None:
    """The copy begins again from nothing."""
    with home.transaction():
        home.execute(_sql("count_restart"), (move,))
        home.execute(_sql("forget_verified_tables"), (move,))


def set_tables(home: Database, move: int, progress: Sequence[Progress]) -> None:
    """How far each table is."""
    home.execute(_sql("set_tables"), (json.dumps([asdict(one) for one in progress]), move, move))


def tables(home: Database, move: int) -> tuple[Copied, ...]:
    """How far each table is, the largest first."""
    rows = home.query(_sql("tables"), (move,))
    return tuple(Copied(Progress(*rest), verified) for *rest, verified in rows)


def add_event(
    home: Database,
    move: int,
    what: str,
    *,
    step: str | None = None,
    level: str = "note",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Something happened to a move.

    Args:
        level: note, warning or error.
        data: more of it; no secret, no row's value.
    """
    text = json.dumps(data, default=str) if data is not None else None
    home.execute(_sql("add_event"), (step, level, what, text, move))


def events(home: Database, move: int, after: int = 0) -> tuple[Event, ...]:
    """What happened to a move after that event."""
    rows = home.query(_sql("events"), (move, after))
    return tuple(
        Event(one, at, state, step, level, what, _json(data)) for one, at, state, step, level, what, data in rows
    )


def take_request(home: Database, request: int, move: int | None = None) -> bool:
    """Begin with a request; `move`: the one that a start has made. False when it was answered already."""
    return home.execute(_sql("take_request"), (move, request)) > 0


def end_request(
    home: Database, request: int, outcome: Mapping[str, Any] | None = None, error: ErrorParts | None = None
) -> None:
    """Answer a request: with what came of it, or why nothing did."""
    text = json.dumps(outcome, default=str) if outcome is not None else None
    home.execute(_sql("end_request"), (text, json.dumps(asdict(error)) if error else None, request))


@contextmanager
def one_driver(home: Database, move: int) -> Iterator[None]:
    """Be the one driver of a move; the lock ends with the session of `home`, too.

    Raises:
        LockNotObtained: another session is.
    """
    if home.query(_sql("lock"), (LOCK_CLASS, move)) != [(True,)]:
        raise LockNotObtained(
            "another process drives this move",
            hint="The agent does: ask it by SQL, or look with post-ai replicate status.",
        )
    try:
        yield
    finally:
        home.query(_sql("unlock"), (LOCK_CLASS, move))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "store.sql")[name]
