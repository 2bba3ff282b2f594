"""Replications: moves of databases to this one, and switching the clients over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, Field

from postai.replicate import board
from postai.replicate.board import Checked, Confirmation, Errand, MoveDetail, Moves, Verb
from postai.web.room import Room
from postai.web.visit import InDatabase, Visit

room = Room("Replications", "replications", "/replications")


@dataclass(frozen=True, slots=True)
class Requested:
    """What was asked of which move; `request` of a cancel: how many were taken back."""

    name: str
    verb: str
    request: int


class Move(BaseModel):
    """A move that is to begin; both sides name connections of the agent's configuration."""

    name: str
    source: str
    target: str


class Turn(BaseModel):
    """A switch, or the end of a move: the name typed once more, and seconds that clients may be held back."""

    typed: str = ""
    max_pause: float = Field(default=3.0, ge=0.1, le=86400)
    rehearse: bool = False
    writers_stopped: bool = False


def _to(message: str) -> Callable[[Visit, Requested], tuple[str, str | None]]:
    def then(_: Visit, done: Requested) -> tuple[str, str | None]:
        return f"/replications/{done.name}", message.format(verb=done.verb.capitalize())

    return then


@room.see("/replications", "replications.html")
def replications(database: InDatabase) -> Moves:
    """Moves to this database: lag, phase, what is to be done next."""
    return board.read_moves(database)


@room.see("/replications/check", "replication_check.html")
def check_replication(database: InDatabase, source: str = "", target: str = "") -> Checked:
    """Whether one connection's database can move to another's; changes nothing."""
    return board.check(database, source, target)


@room.do("/replications/start", lambda _, done: ("/replications", f"A start of {done.name} was asked for."))
def start_replication(database: InDatabase, body: Move) -> Requested:
    """Ask for a move, or for one that stands still to go on."""
    return Requested(body.name, "start", board.start(database, body.name, body.source, body.target))


@room.see("/replications/{name}", "replication.html")
def replication(database: InDatabase, name: str) -> MoveDetail:
    """One move: phase, lag, verification, tables, what was asked of it, events."""
    return board.read_move(database, name)


@room.see("/replications/{name}/confirm/{verb}", "replication_confirm.html")
def confirm_replication(database: InDatabase, name: str, verb: Verb) -> Confirmation:
    """What a verb would do to a move now."""
    return board.confirmation(database, name, verb)


@room.do("/replications/{name}/turn/{verb}", _to("{verb} was asked for. Its steps appear below."))
def turn_replication(database: InDatabase, name: str, verb: Verb, body: Turn) -> Requested:
    """Ask for a cutover, a rollback, or the end of a move; the name has to be typed, except for a rehearsal."""
    request = board.turn(
        database,
        name,
        verb,
        typed=body.typed,
        max_pause=body.max_pause,
        rehearse=body.rehearse,
        writers_stopped=body.writers_stopped,
    )
    return Requested(name, verb, request)


@room.do("/replications/{name}/ask/{errand}", _to("{verb} was asked for."))
def ask_replication(database: InDatabase, name: str, errand: Errand) -> Requested:
    """Have both sides compared, differences mended, or take back what was asked for."""
    return Requested(name, errand, board.run_errand(database, name, errand))
