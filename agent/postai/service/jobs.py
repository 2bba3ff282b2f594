"""The job front: the same conversation as over the socket, through rows of postai.job, and background work.

Every database has one queue. A pool of threads claims jobs; a lease that is renewed while a job runs lets another
agent take it over when this one dies, and the attempt number keeps a worker that lost its job from writing anything.
Only while jobs run does a watcher look at the queue: it renews the leases, notices callers that are gone, and cancels
statements that run longer than ask_timeout. An idle queue is looked at when the keeper says so, and costs nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from postai.database import ConnectionFailed, ConnectionLost, Pool, Row
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import PostaiError
from postai.service.conversation import Asked, There
from postai.service.frames import (
    AskFrame,
    FrameError,
    ask_frame,
    check_message,
    encode,
    error_message,
)

log = logging.getLogger(__name__)

LEASE_SECONDS = 5
WATCH_SECONDS = 0.5
LONGEST_NUMBER = 20
TAKE_OVER_SECONDS = LEASE_SECONDS + 2.0
"""After leadership began: how long the jobs and the running statements of an agent that died are waited for."""
FIRST_LOOK, LONGEST_LOOK = 0.005, 0.25
"""Pauses in seconds between looks for the caller's reply; a notification cuts them short."""

Work = Callable[[Deadline], None]


@dataclass(eq=False)
class _Running:
    """A claimed job."""

    id: int
    attempt: int
    deadline: Deadline
    frame: AskFrame | None = None
    waiting: bool = False
    replied: threading.Event = field(default_factory=threading.Event)


class JobQueue:
    """The queue of one database: a duty of its leader.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        workers: threads, shared by all databases.
        most: most jobs of this database at a time.
        asked: answers questions.
        worker: this agent's name in the rows it claims.
    """

    channel = "postai_job"
    through_pooler = True

    def __init__(
        self,
        name: str,
        pool: Pool,
        workers: ThreadPoolExecutor,
        *,
        most: int,
        asked: Asked,
        worker: str,
    ) -> None:
        self._name = name
        self._pool = pool
        self._workers = workers
        self._most = most
        self._asked = asked
        self._worker = worker
        self._background: dict[str, Work] = {"prune": self._prune}
        self._kinds = ["ask", *self._background]
        self._sql = load("postai.service", "jobs.sql")
        self._lock = threading.Condition()
        self._drains = 0
        self._again = False
        self._open = False
        self._stopped = False
        self._watching = False
        self._look_now = threading.Event()
        self._running: dict[int, _Running] = {}
        self._overdue_until = 0.0
        self._taking_over_until = 0.0
        self._check_overdue = False

    # The keeper calls these.

    def begin(self) -> None:
        self._open = True
        self._taking_over_until = time.monotonic() + TAKE_OVER_SECONDS
        self._check_overdue = True
        self._look_for_overdue(TAKE_OVER_SECONDS)
        self._pump()

    def wake(self, payload: str) -> None:
        # Anybody may notify with anything: "²" is a digit too, and no job has a number of 5,000 digits.
        if payload.isascii() and payload.isdigit() and len(payload) < LONGEST_NUMBER:
            with self._lock:
                running = self._running.get(int(payload))
            if running is not None:
                # Either the caller's reply, or the caller has cancelled.
                running.replied.set()
                if not running.waiting:
                    self._look_now.set()
                return
        if not payload:
            self._check_overdue = True  # somebody else's, too: its agent may have died
        self._pump()

    def end(self) -> None:
        self._open = False

    def stop(self, deadline: Deadline) -> None:
        """Take no more; give running jobs time, then cancel them (their callers are told), then wait for the rest."""
        with self._lock:
            self._open = False
            self._stopped = True
            self._lock.wait_for(lambda: not self._running, max(0.0, deadline.remaining() - 3.0))
            for running in self._running.values():
                running.deadline.cancel.set()
                running.replied.set()
            self._look_now.set()
            # The watcher too: it may be at the queue, and the pool is closed next.
            self._lock.wait_for(
                lambda: not self._running and self._drains == 0 and not self._watching, deadline.remaining()
            )

    def enqueue(self, kind: str) -> None:
        """Put background work on the queue, once (called by the clock)."""
        if not self._open:
            return
        try:
            with self._pool.database() as db:
                db.query(self._sql["enqueue"], (kind, kind))
        except PostaiError as error:
            log.warning("cannot enqueue", extra={"database": self._name, "kind": kind, "error": error.message})

    def _prune(self, deadline: Deadline) -> None:
        deadline.check()
        with self._pool.database() as db:
            db.query(self._sql["prune"])

    # Claiming.

    def _pump(self) -> None:
        """See to it that some thread looks for work after this moment."""
        with self._lock:
            self._again = True
            if not self._open or self._drains >= self._most:
                return
            self._drains += 1
        self._workers.submit(self._drain)

    def _drain(self) -> None:
        while True:
            with self._lock:
                self._again = False
            try:
                worked = self._open and self._work_one()
            except PostaiError as error:
                # The queue cannot be reached; the keeper lets us look again when it is there.
                log.warning(
                    "the job queue cannot be read",
                    extra={"database": self._name, "sqlstate": error.sqlstate, "error": error.message},
                )
                worked = False
            with self._lock:
                if not worked and not (self._again and self._open):
                    self._drains -= 1
                    self._lock.notify_all()
                    return

    def _work_one(self) -> bool:
        with self._pool.database() as db:
            overdue, self._check_overdue = self._check_overdue, False
            late = db.query(self._sql["overdue"]) if overdue else []
            rows = db.query(self._sql["claim"], (self._worker, LEASE_SECONDS, self._kinds))
        self._cancel_late(late)
        if not rows:
            return False
        identity, attempt, kind, request = rows[0]
        running = _Running(identity, attempt, Deadline.after(3600.0))
        with self._lock:
            self._running[identity] = running
        self._watch()
        self._pump()  # there may be more
        try:
            self._work(running, kind, request)
        finally:
            with self._lock:
                del self._running[identity]
                self._lock.notify_all()
            if self._stopped:
                self._look_now.set()
        return True

    def _work(self, running: _Running, kind: str, request: Mapping[str, Any]) -> None:
        message = self._ask(running, request) if kind == "ask" else self._do(running, kind)
        if not self._finish(running, message):
            log.info("the job was cancelled or taken over", extra={"database": self._name, "job": running.id})

    def _do(self, running: _Running, kind: str) -> Mapping[str, Any]:
        try:
            self._background[kind](running.deadline)
        except PostaiError as error:
            log.warning("a job failed", extra={"database": self._name, "kind": kind, "error": error.message})
            return error_message(str(running.id), error.as_parts())
        return {"v": 1, "id": str(running.id), "type": "done"}

    def _finish(self, running: _Running, message: Mapping[str, Any]) -> bool:
        try:
            text = encode(message)[4:].decode()
        except FrameError as error:
            text = encode(error_message(str(message.get("id")), error.as_parts()))[4:].decode()
        # Once more after a broken session: the caller waits for this one row. A server that restarts needs longer,
        # then the lease runs out and the job is done again.
        for last in (False, True):
            try:
                with self._pool.database() as db:
                    return bool(db.query(self._sql["finish"], (running.id, running.attempt, text))[0][0])
            except (ConnectionLost, ConnectionFailed):
                if last:
                    raise
        raise AssertionError("unreachable")

    # Questions.

    def _ask(self, running: _Running, request: Mapping[str, Any]) -> Mapping[str, Any]:
        identity = request.get("id")
        try:
            frame = ask_frame(check_message(request))
        except FrameError as error:
            return error_message(identity if isinstance(identity, str) else "-", error.as_parts())
        running.frame = frame
        running.deadline = Deadline(min(running.deadline.at, time.monotonic() + frame.deadline_ms / 1000))
        there = There(
            frame.id,
            lambda message: self._exchange(running, message),
            lambda: self._asked.cancel_backend(frame),
        )
        outcome = self._asked.respond(frame, there, running.deadline)
        if outcome.ask_timeout is not None:
            self._look_for_overdue(outcome.ask_timeout + 5.0)
        return outcome.message

    def _exchange(self, running: _Running, message: Mapping[str, Any]) -> Mapping[str, Any]:
        running.deadline.check()
        running.replied.clear()
        text = encode(message)[4:].decode()
        with self._pool.database() as db:
            number = db.query(self._sql["exchange"], (running.id, running.attempt, text))[0][0]
        if number is None:
            raise self._gone(running)
        running.waiting = True
        try:
            return self._reply(running, number, str(message["type"]))
        finally:
            running.waiting = False

    def _reply(self, running: _Running, number: int, kind: str) -> Mapping[str, Any]:
        pause = FIRST_LOOK
        while True:
            running.replied.wait(min(pause, running.deadline.remaining()))
            running.replied.clear()
            if running.deadline.cancel.is_set():
                raise self._gone(running)
            if running.deadline.remaining() == 0.0:
                raise DeadlineExceeded(f"the backend did not answer {kind} in time")
            with self._pool.database() as db:
                rows = db.query(self._sql["look"], (running.id, running.attempt))
            if not rows:
                raise self._gone(running)
            _state, seen, reply = rows[0]
            if seen == number and reply is not None:
                return check_message(reply)
            pause = min(LONGEST_LOOK, pause * 1.5)

    def _gone(self, running: _Running) -> Cancelled:
        running.deadline.cancel.set()
        return Cancelled("the caller is gone")

    # Watching, in a thread of its own that lives while there is something to watch.

    def _watch(self) -> None:
        with self._lock:
            if self._watching or self._stopped:
                return
            self._watching = True
        threading.Thread(target=self._watch_loop, name=f"jobs-{self._name}", daemon=True).start()

    def _look_for_overdue(self, seconds: float) -> None:
        with self._lock:
            self._overdue_until = max(self._overdue_until, time.monotonic() + seconds)
        self._watch()

    def _watch_loop(self) -> None:
        trouble: str | None = None
        while True:
            self._look_now.wait(WATCH_SECONDS)
            self._look_now.clear()
            with self._lock:
                overdue = time.monotonic() < self._overdue_until
                if not self._running and (self._stopped or not overdue):
                    self._watching = False
                    self._lock.notify_all()
                    return
                running = list(self._running.values())
            if time.monotonic() < self._taking_over_until:
                self._pump()
            try:
                self._look(running, overdue)
                trouble = None
            except PostaiError as error:
                if error.message != trouble:
                    trouble = error.message
                    log.warning("the jobs cannot be watched", extra={"database": self._name, "error": error.message})

    def _look(self, running: list[_Running], overdue: bool) -> None:
        with self._pool.database() as db:
            lost: set[tuple[int, int]] = set()
            if running:
                rows = db.query(
                    self._sql["watch"],
                    (
                        LEASE_SECONDS,
                        [one.id for one in running],
                        [one.attempt for one in running],
                        [one.frame.pid if one.frame else None for one in running],
                        [one.frame.backend_start if one.frame else None for one in running],
                        [one.frame.query_start if one.frame else None for one in running],
                    ),
                )
                lost = {(identity, attempt) for identity, attempt, ours in rows if not ours}
            late = db.query(self._sql["overdue"]) if overdue else []
        for one in running:
            if (one.id, one.attempt) in lost:
                one.deadline.cancel.set()
                one.replied.set()
        self._cancel_late(late)

    def _cancel_late(self, late: list[Row]) -> None:
        for (request,) in late:
            try:
                frame = ask_frame(request)
            except FrameError as error:
                log.warning("a job's request cannot be read", extra={"database": self._name, "error": error.message})
                continue
            log.warning(
                "the statement ran longer than ask_timeout, cancelling it",
                extra={"request": frame.id, "database": self._name, "pid": frame.pid},
            )
            self._asked.cancel_backend(frame)
