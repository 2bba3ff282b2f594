"""The duty of moves: takes what people ask in SQL, and carries every move on in a thread of its own.

What was begun is found again by looking: an agent that dies within leaves a request that was taken and not answered,
and the next one asks the move what became of it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from postai.daemon.loop import Loop, Pause
from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.database.errors import ConnectionLost
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline
from postai.errors import ErrorParts, LockNotObtained, PostaiError
from postai.replicate import asked, comparing, machine, store
from postai.replicate.cutover import NotReady, Outcome, SwitchUndone
from postai.replicate.journal import Journal
from postai.replicate.sessions import own_dsn
from postai.replicate.store import Ending, Row
from postai.replicate.types import OnStep, Side, State
from postai.replicate.undo import SwitchUnfinished
from postai.replicate.verified import Mode
from postai.service.replicating import Places, keep_schema, no_redirect

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
LOOK_SECONDS = 1.0
# Seconds until a switch is tried again in its window.
WINDOW_SECONDS = 30.0
# Of a request, in all: a verification reads every row.
LONGEST_SECONDS = 7 * 86_400.0
_SIDES = MappingProxyType({"cutover": Side.TARGET, "rollback": Side.SOURCE})


@dataclass(frozen=True)
class Asked:
    """A request that is not answered.

    Attributes:
        taken: whether it was begun, by this agent or by one that ended within.
        stopped: whether it is to stop as long as it can be undone.
        due: whether its time has come; `late`: whether it is too old to begin.
        waits: why it was not done yet, though its window has begun.
    """

    id: int
    move: int | None
    verb: str
    options: Mapping[str, Any]
    requested_by: str
    taken: bool
    stopped: bool
    due: bool
    late: bool
    waits: str | None


def waiting(db: Database, sql: Mapping[str, str]) -> tuple[Asked, ...]:
    """All requests that are not answered; what gives a move up comes first."""
    return tuple(
        Asked(one, move, verb, json.loads(options) if isinstance(options, str) else options, *rest)
        for one, move, verb, options, *rest in db.query(sql["waiting"])
    )


class ReplicateDuty(Loop):
    """Begins moves, and has one `MoveLoop` for each that has not ended.

    Args:
        name: the database's name in the configuration.
        dsn: straight to it, past a pooler.
        places: connections and redirect drivers.
        journal: for what must be known while the home cannot be asked.
    """

    channel = "postai_replicate"
    through_pooler = False

    def __init__(self, name: str, dsn: str, places: Places, journal: Journal) -> None:
        super().__init__(
            f"replicate-{name}", self._look, trouble="moves cannot be carried on", database=name, again=LOOK_SECONDS
        )
        self._label, self._dsn, self._places, self._journal = name, own_dsn(dsn), places, journal
        self._sql = load("postai.service", "replicate_duty.sql")
        self._moves: dict[int, MoveLoop] = {}
        self._guard = threading.Lock()
        self._leading = False

    def begin(self) -> None:
        with self._guard:
            self._leading = True
        super().begin()

    def wake(self, payload: str) -> None:
        super().wake(payload)
        for one in self._loops():
            one.wake(payload)

    def end(self) -> None:
        with self._guard:
            self._leading = False
        super().end()
        for one in self._loops():
            one.end()

    def stop(self, deadline: Deadline) -> None:
        self.end()
        for one in self._loops():
            one.end()
        super().stop(deadline)
        for one in self._loops():
            one.stop(deadline)

    def _loops(self) -> tuple[MoveLoop, ...]:
        with self._guard:
            return tuple(self._moves.values())

    def _look(self, deadline: Deadline) -> Pause:
        with _session(self._dsn) as db:
            requests = waiting(db, self._sql)
            for one in requests:
                deadline.check()
                if one.verb == "start" and one.move is None:
                    self._start(db, one)
            moves = store.moves(db, ended=False)
        self._tend(moves, requests, deadline)
        return Pause(LOOK_SECONDS if moves or requests else IDLE_SECONDS)

    def _start(self, db: Database, one: Asked) -> None:
        """Make the move that was asked for; what stands against it is the answer."""
        name, source, target = (str(one.options.get(key, "")) for key in ("name", "source", "target"))
        try:
            move = machine.start(
                db, name, source, target, self._places.dsns(source, target),
                options=one.options.get("options", {}), requested_by=one.requested_by,
            )  # fmt: skip
        except ConnectionLost:
            raise  # a server restarts: once more
        except PostaiError as error:
            store.end_request(db, one.id, error=error.as_parts())
            log.warning("a move cannot begin", extra=self._extra(name, error))
        else:
            store.take_request(db, one.id, move.id)
            unsent = no_redirect(name, self._places.redirects)
            note = {} if unsent is None else {"note": f"{unsent}, and start the agent anew"}
            store.end_request(db, one.id, {"said": f"the move {name} has begun", **note})
            log.info("a move begins", extra={"database": self._label, "move": name})

    def _extra(self, name: str, error: PostaiError) -> dict[str, Any]:
        return {
            "database": self._label,
            "move": name,
            "sqlstate": error.sqlstate,
            "error": error.message,
            "hint": error.hint,
        }

    def _tend(self, moves: tuple[Row, ...], requests: tuple[Asked, ...], deadline: Deadline) -> None:
        """A loop for each move that has not ended, none for others; those that should stop are told."""
        live = {one.id: one for one in moves}
        with self._guard:
            gone = [self._moves.pop(move) for move in list(self._moves) if move not in live]
            for move, row in live.items():
                if move not in self._moves and self._leading:
                    self._moves[move] = MoveLoop(self._label, row, self._dsn, self._places, self._journal, self._sql)
            for one in self._moves.values():
                if self._leading and not one.begun:
                    one.begin()
            for request in requests:
                if request.move in self._moves:
                    self._moves[request.move].hear(request)
        for one in gone:
            one.stop(deadline)


class MoveLoop(Loop):
    """Carries one move on, and does what is asked of it; a turn has a session of its own, which holds the lock.

    Args:
        label: the home's name in the configuration.
        row: the move when it was found.
    """

    def __init__(
        self, label: str, row: Row, dsn: str, places: Places, journal: Journal, sql: Mapping[str, str]
    ) -> None:
        super().__init__(
            f"move-{label}-{row.id}", self._take_turn, trouble=f"the move {row.name} cannot be carried on",
            database=label, longest=LONGEST_SECONDS, again=LOOK_SECONDS,
        )  # fmt: skip
        self._label, self._row, self._dsn = label, row, dsn
        self._places, self._journal, self._sql = places, journal, sql
        self._window_at = 0.0
        self.begun = False
        self._running: tuple[int, str, threading.Event] | None = None
        self._gives_way = threading.Event()

    def begin(self) -> None:
        self.begun = True
        super().begin()

    def end(self) -> None:
        self.begun = False
        super().end()
        if (running := self._running) is not None:
            running[2].set()

    def hear(self, request: Asked) -> None:
        """Stop what runs when it is to stop, or when the move is given up; other requests wait for their turn."""
        running = self._running
        if running is None and request.verb == "abort":
            self._gives_way.set()
        elif running is not None:
            number, verb, cancel = running
            if (request.id == number and request.stopped) or (request.verb == "abort" and verb != "abort"):
                cancel.set()
        if request.due and not request.taken:
            self.hurry()

    def _take_turn(self, deadline: Deadline) -> Pause:
        try:
            with _session(self._dsn) as home:
                return self._carry_on(home, deadline)
        except LockNotObtained:
            return Pause(LOOK_SECONDS)  # somebody drives it in a terminal

    def _carry_on(self, home: Database, deadline: Deadline) -> Pause:
        """Answer what was asked, then one turn."""
        row = self._read(home)
        for request in waiting(home, self._sql):
            if request.move == row.id and request.due and not row.ended:
                deadline.check()
                self._answer(home, row, request, deadline)
                row = self._read(home)
        if row.ended:
            for request in waiting(home, self._sql):
                if request.move == row.id:
                    store.end_request(home, request.id, error=_ended(row))
            return Pause(IDLE_SECONDS)
        self._gives_way.clear()
        try:
            move = self._places.move(row)
        except PostaiError as error:
            store.set_error(home, row.id, error.as_parts())
            raise
        try:
            keep_schema(home, row)
            turn = machine.drive(home, move, self._unless(deadline), self._journal)
        except Cancelled:
            deadline.check()
            return Pause(0.0)
        return Pause(IDLE_SECONDS if turn.rest is None else turn.rest)

    def _read(self, home: Database) -> Row:
        return next(one for one in store.moves(home) if one.id == self._row.id)

    def _answer(self, home: Database, row: Row, request: Asked, deadline: Deadline) -> None:
        """Do what is asked, and say what came of it."""
        if request.late:
            why = "its window is over" if "not_after" in request.options else "nobody was there to begin it in time"
            late = ErrorParts("57014", f"the {request.verb} was not begun: {why}", request.waits, "Ask again.")
            store.end_request(home, request.id, error=late)
            return
        in_window = "not_after" in request.options
        if in_window and time.monotonic() < self._window_at:
            return
        cancel = threading.Event()
        self._running = (request.id, request.verb, cancel)
        try:
            if deadline.cancel.is_set():
                raise Cancelled("the agent ends")
            said = self._do(home, row, request, Deadline(deadline.at, cancel))
        except NotReady as error:
            if in_window:
                self._window_at = time.monotonic() + WINDOW_SECONDS
                waits = json.dumps({"waits": f"{error.message} ({error.hint})" if error.hint else error.message})
                home.execute(self._sql["put_back"], (waits, request.id))
            else:
                self._refuse(home, row, request, error)
        except LockNotObtained:
            home.execute(self._sql["put_back"], (None, request.id))
            raise
        except (ConnectionLost, SwitchUnfinished):
            raise  # it stays taken: the next turn finds out what became of it
        except PostaiError as error:
            if isinstance(error, Cancelled) and deadline.cancel.is_set():
                raise
            self._refuse(home, row, request, error)
        else:
            store.end_request(home, request.id, {"said": said})
            log.info("what was asked of a move is done", extra=self._extra(row, request) | {"outcome": said})
        finally:
            self._running = None

    def _refuse(self, home: Database, row: Row, request: Asked, error: PostaiError) -> None:
        store.end_request(home, request.id, error=error.as_parts())
        extra = {"sqlstate": error.sqlstate, "error": error.message, "hint": error.hint}
        log.warning("what was asked of a move was not done", extra=self._extra(row, request) | extra)

    def _extra(self, row: Row, request: Asked) -> dict[str, object]:
        return {"database": self._label, "move": row.name, "verb": request.verb, "request": request.id}

    def _do(self, home: Database, row: Row, request: Asked, until: Deadline) -> str:
        """What a request comes to, in a sentence.

        Raises:
            PostaiError: it was not done.
        """
        move, step = self._places.move(row), self._on_step()
        store.take_request(home, request.id)
        if request.verb in _SIDES:
            to = _SIDES[request.verb]
            if request.taken:
                return self._become_of(home, row, to)
            pause = request.options.get("max_pause")
            rehearse = bool(request.options.get("rehearse"))
            outcome = asked.switch(
                home, move, to, step, journal=self._journal, max_pause=pause,
                rehearse=rehearse, stopped=bool(request.options.get("writers_stopped")), cancel=until,
            )  # fmt: skip
            return _rehearsed(outcome) if rehearse else asked.sentence(outcome)
        if request.verb == "verify":
            mode = Mode.SETTLING if request.options.get("settling") else Mode.EXACT
            rest = {key: request.options[key] for key in ("share", "busy") if key in request.options}
            return comparing.verdict(asked.verified(home, move, step, mode=mode, cancel=until, **rest))
        if request.verb == "repair":
            return asked.repaired(home, move, step, cancel=until)
        if request.verb == "resume":
            machine.resume(home, move, request.options)
            return f"the move {row.name} goes on"
        state = State.COMPLETED if request.verb == "complete" else State.ABORTED
        how = Ending(bool(request.options.get("gone")), bool(request.options.get("reopen_source")))
        asked.end(home, move, state, step, how)
        return f"the move {row.name} is {state}"

    def _become_of(self, home: Database, row: Row, to: Side) -> str:
        """What became of a switch during which the agent ended: undone or finished by looking where the clients go."""
        machine.drive(home, self._places.move(row), self._on_step(), self._journal)
        row = self._read(home)
        if row.state is State.SWITCHING:
            raise SwitchUnfinished("the switch is neither done nor undone", hint=row.error.hint if row.error else None)
        if row.serving is not to:
            raise SwitchUndone(f"the switch was undone, as the agent ended within it: the {row.serving} serves",
                               hint="Switch again.")  # fmt: skip
        return f"the {row.serving} serves, though the agent ended within the switch"

    def _unless(self, deadline: Deadline) -> OnStep:
        """Tell each step, and break a long one off when the agent ends or the move is given up."""
        step = self._on_step()

        def until(name: str, detail: str = "") -> None:
            step(name, detail)
            if self._gives_way.is_set():
                raise Cancelled("the move is given up")
            deadline.check()

        return until

    def _on_step(self) -> OnStep:
        def step(name: str, detail: str = "") -> None:
            log.debug("a step of a move", extra={"move": self._row.name, "step": name, "detail": detail})

        return step


def _session(dsn: str) -> Database:
    """A session of the home that may write while the source serves, and that no fence ends."""
    return connect(dsn, application_name="postai", statement_timeout_ms=30_000, lock_timeout_ms=5_000,
                   search_path=OWN_PATH)  # fmt: skip


def _ended(row: Row) -> ErrorParts:
    return ErrorParts("55000", f"the move {row.name} has ended: it is {row.state.replace('_', ' ')}")


def _rehearsed(outcome: Outcome) -> str:
    """What a rehearsal showed."""
    return f"rehearsed, nothing stands against it: the steps took {outcome.steps[-1][1] * 1000:.0f} ms"
