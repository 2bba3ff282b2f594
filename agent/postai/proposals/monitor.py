"""Watches over a running action from a thread and a session of its own.

It renews the lease, writes progress and blockers, and ends the statement at work when the action was cancelled, when
another worker took it, or when this agent has to stop.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

from postai.database import ConnectionFailed, ConnectionLost, Database, ServerError
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline
from postai.errors import PostaiError
from postai.proposals.types import Action, RunnerOptions

StopReason = Literal["cancelled", "lost", "stopping"]


class LeaseLost(PostaiError):
    """Another worker has the action now; this one must write nothing more."""

    title = "lease lost"


class WindowClosed(PostaiError):
    """The time in which the action may run is over."""

    sqlstate = "57014"
    title = "window closed"


class Stopping(PostaiError):
    """The agent has to stop; the action is given back as it is."""

    title = "stopping"


class Watch(Protocol):
    """What a step engine needs of whoever watches over it."""

    @property
    def blockers(self) -> list[dict[str, Any]]: ...

    def attach(self, work: Database, pid: int) -> None: ...

    def check(self) -> None: ...

    def pause(self, seconds: float) -> None: ...

    def note(self, shown: dict[str, Any]) -> None: ...


class Calm:
    """A watch that lets everything go on: for cleaning up after the real one has ended the work."""

    @property
    def blockers(self) -> list[dict[str, Any]]:
        """None are looked for."""
        return []

    def attach(self, work: Database, pid: int) -> None:
        """Nothing is watched."""

    def check(self) -> None:
        """Cleaning up goes on."""

    def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def note(self, shown: dict[str, Any]) -> None:
        """Nobody looks."""


class Monitor:
    """The watch over one action; a context manager that runs its thread.

    Args:
        connect: opens a session of the home database.
        db: session of the monitor, opened by the caller (its backend is the sign that the worker lives).
        action: the claimed action.
        deadline: when this agent must stop; setting its `cancel` stops it sooner.
    """

    def __init__(
        self, connect: Callable[[], Database], db: Database, action: Action, deadline: Deadline, options: RunnerOptions
    ) -> None:
        self._connect = connect
        self._db = db
        self._action = action
        self._deadline = deadline
        self._options = options
        self._sql = load(__package__, "runner.sql")
        self._lock = threading.Lock()
        self._work: Database | None = None
        self._work_pid = 0
        self._reason: StopReason | None = None
        self._done = threading.Event()
        self._renewed = time.monotonic()
        self._shown: dict[str, Any] = {}
        self._noted: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._watch, name=f"postai-action-{action.id}", daemon=True)

    def __enter__(self) -> Monitor:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()
        self._db.close()

    @property
    def blockers(self) -> list[dict[str, Any]]:
        """Whom the statement at work waited for when it was last looked at."""
        return list(self._shown.get("blockers") or [])

    def attach(self, work: Database, pid: int) -> None:
        """Watch this session's statements; the caller runs them."""
        with self._lock:
            self._work, self._work_pid = work, pid

    def detach(self) -> None:
        """Touch that session no more: what runs there now must not be cancelled."""
        with self._lock:
            self._work = None

    def note(self, shown: dict[str, Any]) -> None:
        """What to show as progress (phase, done, rows) where the server itself knows none; {} = nothing more."""
        self._noted = shown

    def check(self) -> None:
        """Raise when the action must not go on.

        Raises:
            Cancelled: somebody cancelled it.
            LeaseLost: another worker has it.
            Stopping: the agent stops.
        """
        if self._reason is None and (self._deadline.cancel.is_set() or self._deadline.remaining() == 0.0):
            self._reason = "stopping"
        if self._reason == "cancelled":
            raise Cancelled(f"action {self._action.id} was cancelled")
        if self._reason == "lost":
            raise LeaseLost(f"action {self._action.id} was taken by another worker")
        if self._reason == "stopping":
            raise Stopping("the agent stops", hint="The action goes on with the next agent.")

    def pause(self, seconds: float) -> None:
        """Sleep, but not past the moment when the action must end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.1))
        self.check()

    def _watch(self) -> None:
        while not self._done.wait(self._options.poll):
            try:
                self._look()
            except (ConnectionLost, ConnectionFailed):
                self._reconnect()
            except ServerError as error:
                # A row lock held by somebody's open transaction: nobody else can claim the action meanwhile.
                if error.sqlstate not in ("55P03", "57014", "40P01"):
                    self._stop("lost")
            if self._reason is None and time.monotonic() - self._renewed > self._options.lease * 2:
                self._stop("lost")
            if self._reason is None and (self._deadline.cancel.is_set() or self._deadline.remaining() == 0.0):
                self._stop("stopping")
            if self._reason is not None:
                self._stop(self._reason)

    def _look(self) -> None:
        mine = [self._action.id, self._action.attempt]
        progress = self._progress()
        due = time.monotonic() - self._renewed > self._options.lease / 3
        if due or progress != self._shown:
            rows = self._db.query(self._sql["renew"], [self._options.lease, json.dumps(progress), *mine])
            self._renewed = time.monotonic()
            self._shown = progress
        else:
            rows = self._db.query(self._sql["watch"], mine)
        if not rows:
            self._stop("lost")
        elif rows[0][0]:
            self._stop("cancelled")

    def _progress(self) -> dict[str, Any]:
        with self._lock:
            if self._work is None:
                return {}
            pid = self._work_pid
        phase, done, blockers = self._db.query(self._sql["progress"], [pid])[0]
        # Rounded, so that a long build writes tens of row versions and not thousands.
        shown = {"phase": phase, "done": None if done is None else round(done, 1), "blockers": blockers}
        return {**self._noted, **{key: value for key, value in shown.items() if value is not None}}

    def _stop(self, reason: StopReason) -> None:
        self._reason = self._reason or reason
        with self._lock:
            if self._work is not None:
                self._work.cancel()

    def _reconnect(self) -> None:
        self._db.close()
        try:
            self._db = self._connect()
        except ConnectionFailed:
            return  # tried again at the next look; the session at work finds out by itself
