"""Moves as people look at them and ask for something of them, through the SQL functions, as whoever is connected.

A switch is asked for and not waited for: CALL postai.cutover would hold a session for as long as preparations take.
What came of it stands in postai.replication_requests, and its steps in the events of the move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from postai.database import Database
from postai.database.installed import give_time, reading
from postai.database.named_sql import load
from postai.errors import UsageError
from postai.proposals.verbs import noting_refusals

Verb = Literal["cutover", "rollback", "complete", "abort"]
"""What ends or turns a move: asked for with the move's name typed."""
Errand = Literal["verify", "repair", "cancel"]
"""What changes nothing for the clients."""
MOST_TABLES = 500
MOST_EVENTS = 300
MOST_REQUESTS = 20
ROLE = "postai_user"


@dataclass(frozen=True, slots=True)
class MoveLine:
    """A move in the list; also one that was asked for and has not begun. `progress` in percent, `lag` as text."""

    name: str
    state: str
    serving: str
    progress: int | None
    lag: str | None
    next: str


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves to this database, ended ones last. `driven`: whether an agent is there to carry out what is asked."""

    moves: list[MoveLine]
    driven: bool


@dataclass(frozen=True, slots=True)
class MoveTable:
    """A table of a move; `progress` in percent, `verified` as the last verification said it."""

    table_name: str
    state: str
    progress: int
    rows: int | None
    size: str | None
    eta_seconds: float | None
    verified: str | None


@dataclass(frozen=True, slots=True)
class MoveEvent:
    """Something that happened to a move."""

    at: datetime
    state: str
    step: str | None
    level: str
    what: str


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """What somebody asked of a move, and what came of it; `max_pause` in seconds."""

    id: int
    verb: str
    requested_by: str
    requested_at: datetime
    not_before: datetime | None
    taken_at: datetime | None
    done_at: datetime | None
    rehearse: bool
    max_pause: float | None
    waits: str | None
    said: str | None
    sqlstate: str | None
    problem: str | None
    problem_detail: str | None
    problem_hint: str | None


@dataclass(frozen=True, slots=True)
class MoveDetail:
    """All that is known of a move.

    Attributes:
        way_back: whether the source follows the target after a cutover.
        lag_bytes, lag_seconds: how far the side that does not serve is behind.
        verified_equal: what the last verification came to; None = there was none.
        live: whether something is asked of it that has no answer yet.
    """

    name: str
    source: str
    target: str
    method: str | None
    state: str
    serving: str
    way_back: bool
    lag_bytes: int | None
    lag_seconds: float | None
    safe_wal_bytes: int | None
    verified_at: datetime | None
    verified_equal: bool | None
    verified_mode: str | None
    doing: str | None
    problem: str | None
    problem_hint: str | None
    next: str
    asked: str | None
    refused: str | None
    done: str | None
    driven: bool
    restarts: int
    requested_by: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    tables: list[MoveTable]
    events: list[MoveEvent]
    requests: list[MoveRequest]

    @property
    def live(self) -> bool:
        """Whether something will change by itself."""
        return self.ended_at is None and (
            any(one.done_at is None for one in self.requests)
            or self.state
            in {"created", "analysed", "preflight_ok", "schema_copied", "copying", "catching_up", "switching"}
        )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a verb will do to a move, before its name is typed.

    Attributes:
        does: what happens, one sentence each, in order.
        back: how to go back.
        warnings: what speaks against it now.
    """

    move: MoveDetail
    verb: str
    title: str
    does: list[str]
    back: str
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What the check of a move found: level blocker, warning or note."""

    level: str
    side: str | None
    what: str
    objects: list[str]
    fix: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of two connections; `found` None = nothing was asked."""

    source: str
    target: str
    found: list[Obstacle] | None


def read_moves(db: Database) -> Moves:
    """The moves to this database, with the rights of the connection's role."""
    blocks = load(__package__, "board.sql")
    with reading(db, ROLE):
        moves = [MoveLine(*row) for row in db.query(blocks["moves"])]
        ((driven,),) = db.query(blocks["driven"])
    return Moves(moves, driven)


def read_move(db: Database, name: str) -> MoveDetail:
    """One move.

    Raises:
        UsageError: there is none of that name.
    """
    blocks = load(__package__, "board.sql")
    with reading(db, ROLE):
        rows = db.query(blocks["move"], (name,))
        requests = [MoveRequest(*row) for row in db.query(blocks["requests"], (name, MOST_REQUESTS))]
        if not rows:
            raise UsageError(
                f"there is no move {name!r}", hint="A start that was asked for stands in the list of moves."
            )
        tables = [MoveTable(*row) for row in db.query(blocks["tables"], (name, MOST_TABLES))]
        events = [MoveEvent(*row) for row in db.query(blocks["events"], (name, MOST_EVENTS))]
    return MoveDetail(*(*rows[0], tables, events, requests))


def check(db: Database, source: str, target: str) -> Checked:
    """Whether one connection's database can move to the other's; nothing is changed."""
    if not source and not target:
        return Checked("", "", None)
    with noting_refusals(db, "replicate_check", f"{source} to {target}"), reading(db, "postai_operator"):
        give_time(db, "replicate_check")
        rows = db.query(load(__package__, "board.sql")["check"], (source, target))
    return Checked(source, target, [Obstacle(*row) for row in rows])


def start(db: Database, name: str, source: str, target: str) -> int:
    """Ask for a move, or for one that stands still to go on; gives the request."""
    return _asked(db, "start", name, (name, source, target))


def run_errand(db: Database, name: str, errand: Errand) -> int:
    """Ask for what changes nothing for the clients; gives the request (of cancel: how many were taken back)."""
    return _asked(db, errand, name, (name,))


def turn(
    db: Database,
    name: str,
    verb: Verb,
    *,
    typed: str,
    max_pause: float = 3.0,
    rehearse: bool = False,
    writers_stopped: bool = False,
) -> int:
    """Ask for a cutover, a rollback, or the end of a move; gives the request.

    Args:
        typed: the move's name as the person typed it.
        max_pause: seconds that clients may be held back, undo included.
        rehearse: do all but hold the clients back and send them; needs no name.
        writers_stopped: nobody writes to a source that can only be read.

    Raises:
        UsageError: what was typed is not the name.
    """
    if typed != name and not (rehearse and verb in {"cutover", "rollback"}):
        raise UsageError(
            f"the {verb} was not asked for: what was typed is not the name of the move", hint=f"Type {name}."
        )
    if verb in {"cutover", "rollback"}:
        return _asked(db, "switch", name, (verb, name, max_pause, rehearse, writers_stopped), verb)
    return _asked(db, verb, name, (name,))


def confirmation(db: Database, name: str, verb: Verb) -> Confirmation:
    """What a verb would do to a move now."""
    move = read_move(db, name)
    title, does, back = _WORDS[verb](move)
    return Confirmation(move, verb, title, does, back, _warnings(move, verb))


def _asked(db: Database, block: str, name: str, arguments: tuple[object, ...], verb: str = "") -> int:
    blocks = load(__package__, "board.sql")
    with noting_refusals(db, f"replicate_{verb or block}", name), reading(db, "postai_operator"), db.transaction():
        # After a rollback this database is read-only by its own setting; requests are still written.
        db.execute(blocks["read_write"])
        ((request,),) = db.query(blocks[block], arguments)
    return int(request)


def _cutover(move: MoveDetail) -> tuple[str, list[str], str]:
    does = [
        f"What is not brought by the stream is brought over first: large objects, filled materialized views. "
        f"{move.source} goes on serving meanwhile.",
        f"Clients of {move.source} are held back, no longer than you say below, undo included. What they send waits.",
        f"The last changes of {move.source} are applied to {move.target}, sequences are set.",
        f"Clients are sent to {move.target}, which they write to from then on.",
    ]
    if move.method == "dump":
        does[2] = f"All rows of {move.source} are copied to {move.target} in the pause."
    if move.way_back:
        return (
            "Cut over",
            [*does, f"{move.source} follows {move.target}, so that there is a way back."],
            (
                "Until the move is completed, a rollback sends the clients back with all that was written since. "
                "If a step fails or the pause gets too long, the cutover undoes itself and the source serves as before."
            ),
        )
    return (
        "Cut over",
        does,
        (
            "There is no way back once clients write to the target: this move was made without one. If a step fails "
            "before that, or the pause gets too long, the cutover undoes itself and the source serves as before."
        ),
    )


def _rollback(move: MoveDetail) -> tuple[str, list[str], str]:
    return (
        "Roll back",
        [
            f"Clients of {move.target} are held back, no longer than you say below, undo included.",
            f"The last changes of {move.target} are applied to {move.source}: nothing that was written is lost.",
            f"Clients are sent to {move.source}, which they write to from then on; {move.target} is read-only.",
        ],
        f"{move.target} goes on following {move.source}: the cutover can be repeated.",
    )


def _complete(move: MoveDetail) -> tuple[str, list[str], str]:
    return (
        "Complete",
        [
            f"{move.target} keeps serving. {move.source} no longer follows it, and stays read-only.",
            "Slots, publications, subscriptions and triggers that the move made are removed on both sides.",
        ],
        "There is no way back after this: what is written from now on is on the target alone.",
    )


def _abort(move: MoveDetail) -> tuple[str, list[str], str]:
    return (
        "Abort",
        [
            f"{move.source} goes on serving as before. {move.target} no longer follows it.",
            f"What the move made on {move.source} is removed: slot, publication, triggers.",
            f"What was copied stays in {move.target}; drop it there when you do not need it.",
        ],
        "The copy cannot be continued. A new move begins from the start.",
    )


_WORDS = {"cutover": _cutover, "rollback": _rollback, "complete": _complete, "abort": _abort}


def _warnings(move: MoveDetail, verb: Verb) -> list[str]:
    found = []
    if not move.driven:
        found.append("No agent drives this move: what is asked for now is not begun, and is given up after a minute.")
    if move.problem is not None:
        found.append(f"It has a problem now: {move.problem}.")
    if move.ended_at is not None:
        found.append(f"The move has ended: it is {move.state.replace('_', ' ')}.")
    if verb in {"cutover", "rollback"} and move.method != "dump":
        if move.verified_at is None:
            found.append("Both sides were never compared. Verify first.")
        elif move.verified_equal is False:
            found.append("The last verification found differences. Repair them, or look at them table by table.")
        if move.lag_bytes is None:
            found.append("How far the other side is behind is not known.")
    if verb == "cutover" and not move.way_back:
        found.append("There is no way back after this cutover.")
    if (verb == "cutover" and move.serving == "target") or (verb == "rollback" and move.serving == "source"):
        found.append(f"The {move.serving} serves already.")
    if verb == "complete" and move.serving == "source":
        found.append("The source still serves: completing is refused before a cutover.")
    if verb == "abort" and move.serving == "target":
        found.append("The target serves: aborting is refused after a cutover.")
    return found
