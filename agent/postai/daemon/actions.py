"""The duty that carries out approved changes: one at a time in each database, by the runner of the lifecycle.

Between two changes it tends the queue: it tells what is about to run, ends what missed its window, removes broken
indexes that could not be removed at once, and applies what the operator's policy allows without being asked.
"""

from __future__ import annotations

import logging
import threading
import time

from postai.daemon.backoff import Backoff
from postai.database import Pool
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.proposals import Decision, PolicyReport, Runner, apply_by_policy

log = logging.getLogger(__name__)

LONGEST_ACTION = 24 * 3600.0
"""Seconds after which an unfinished action is given back and claimed anew, from its checkpoint."""
TEND_SECONDS = 15.0
"""Pause between two tries to remove what an action left behind; what is about to run is told within it."""
POLICY_SECONDS = 60.0
"""Pause between two looks at what the policy allows."""


class ActionQueue:
    """The action queue of one database.

    Args:
        name: the database's name in the configuration.
        pool: sessions for the cheap look; the runner has its own.
        runner: carries out one action at a time.
        backoff: pauses after a failure to run anything at all.
    """

    channel = "postai_action"
    through_pooler = False

    def __init__(self, name: str, pool: Pool, runner: Runner, backoff: Backoff) -> None:
        self._name = name
        self._pool = pool
        self._runner = runner
        self._backoff = backoff
        self._sql = load("postai.daemon", "actions.sql")
        self._look = threading.Event()
        self._open = False
        self._recover = False
        self._stopping = False
        self._not_before = 0.0
        self._told: str | None = None
        self._tend_at = 0.0
        self._policy_at = 0.0
        self._refused: dict[int, str] = {}
        self._deadline = Deadline.after(LONGEST_ACTION)
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self._open = True
        self._recover = True
        self._not_before = 0.0
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"actions-{self._name}", daemon=True)
            self._thread.start()
        self._look.set()

    def wake(self, payload: str) -> None:
        if payload:
            self._not_before = 0.0  # something new: the reason for waiting may be gone
        self._look.set()

    def end(self) -> None:
        self._open = False

    def stop(self, deadline: Deadline) -> None:
        """The runner gives an unfinished action back; the next agent goes on from its checkpoint."""
        self._stopping = True
        self._deadline.cancel.set()
        self._look.set()
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    def _loop(self) -> None:
        while not self._stopping:
            self._look.wait()
            self._look.clear()
            if time.monotonic() < self._not_before:
                continue
            try:
                self._work()
                self._backoff.reset()
                self._told = None
            except PostaiError as error:
                self._not_before = time.monotonic() + self._backoff.next()
                if error.message != self._told:
                    self._told = error.message
                    log.warning(
                        "actions cannot be carried out",
                        extra={"database": self._name, "error": error.message, "hint": error.hint},
                    )
            except Exception:
                # The outermost layer of this thread: it must not end, or actions would wait for ever.
                self._not_before = time.monotonic() + self._backoff.next()
                log.exception("carrying out actions failed unexpectedly", extra={"database": self._name})

    def _work(self) -> None:
        while self._open and not self._stopping:
            if self._recover:
                self._runner.recover()
                self._recover = False
            with self._pool.database() as db:
                due, untended, policy = db.query(self._sql["due"])[0]
                now = time.monotonic()
                if policy and now >= self._policy_at:
                    self._policy_at = now + POLICY_SECONDS
                    allowed = apply_by_policy(db)
                    self._tell_policy(allowed)
                    due = due or bool(allowed.applied)
            if untended and now >= self._tend_at:
                self._tend_at = now + TEND_SECONDS
                self._runner.tend()
            if not due:
                return
            self._deadline = Deadline(time.monotonic() + LONGEST_ACTION, self._deadline.cancel)
            result = self._runner.run_next(self._deadline)
            if result is None:
                return
            log.info(
                "an action ended",
                extra={
                    "database": self._name,
                    "action": result.action,
                    "proposal": result.proposal,
                    "state": result.state,
                    "error": result.error.message if result.error else None,
                },
            )

    def _tell_policy(self, report: PolicyReport) -> None:
        """Log what was applied, and each refusal once."""
        for proposal, action in report.applied:
            extra = {"database": self._name, "proposal": proposal, "action": action}
            log.info("applied by the operator's policy", extra=extra)
        for proposal, reason in report.refused:
            if self._refused.get(proposal) != reason:
                extra = {"database": self._name, "proposal": proposal, "reason": reason}
                log.info("the operator's policy does not allow a proposal", extra=extra)
        self._refused = dict(report.refused)


def report(database: str, decision: Decision) -> None:
    """Log a decision of the runner."""
    log.info(
        decision.sentence,
        extra={"database": database, "action": decision.action, "step": decision.step, "point": decision.point},
    )
