"""Runs one step of an action: look, check, lock, checkpoint, execute, verify, mark.

A step that was interrupted is continued by the same code that starts it: what happened is read from the database
(is it marked? does its postcondition hold? is the index valid, being built, broken?), never remembered. Statements
that PostgreSQL allows in a transaction are marked in that transaction, so they happen exactly once.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident
from postai.database.named_sql import load
from postai.errors import LockNotObtained, PostaiError, Refused, StaleProposal, VerificationFailed
from postai.proposals import detaching, found, index_work, offending
from postai.proposals.batches import Batches, BatchWriter, Bearable
from postai.proposals.conditions import Conditions
from postai.proposals.index_steps import IndexSteps, work_of
from postai.proposals.index_work import IndexWork
from postai.proposals.monitor import LeaseLost, Watch, WindowClosed
from postai.proposals.object_locks import ObjectLocks
from postai.proposals.objects import ROW_WRITERS, UnknownObject, require_rights, require_triggers, resolve
from postai.proposals.step_locks import LockBudget
from postai.proposals.store import facts_of
from postai.proposals.types import Action, Backfill, Decision, Object, RunnerOptions, Step
from postai.sql.parse import parse_one
from postai.sql.vet import ChangeFacts, vet_change

_LOCK_ERRORS = ("55P03", "40P01")
_FROZEN = 5
"""Seconds after which the server ends the transaction of a worker that does nothing: others wait for its locks."""


@dataclass(frozen=True)
class _Plan:
    """What is known about a step just before it runs."""

    facts: ChangeFacts
    objects: tuple[Object, ...]
    run_as: str


@dataclass(frozen=True)
class Approval:
    """What the operator said yes to."""

    approver: str
    accepted_triggers: list[dict[str, str]]
    own_triggers: frozenset[tuple[str, str, str]] = frozenset()


class StepEngine:
    """Runs the steps of one claimed action on one session.

    Args:
        work: the session that runs the statements; the locks of the objects are held by it, so that they last as long
            as its backend, also when this process dies.
        control: the session that writes checkpoints outside of the steps' transactions.
    """

    def __init__(
        self,
        work: Database,
        control: Database,
        action: Action,
        approval: Approval,
        monitor: Watch,
        options: RunnerOptions,
        report: Callable[[Decision], None],
    ) -> None:
        self._work = work
        self._control = control
        self._action = action
        self._approval = approval
        self._monitor = monitor
        self._options = options
        self._report = report
        self._sql = load(__package__, "runner.sql")
        self._conditions = Conditions(control)
        self._locks = ObjectLocks(work, monitor, action.id, options)
        self._started: int | None = (
            action.checkpoint.get("step") if action.checkpoint.get("phase") == "started" else None
        )
        self._elsewhere: set[tuple[str, str]] = set()
        seconds, rows, lag, active, self._deadlock_timeout = control.query(self._sql["limits"])[0]
        self._lock_timeout = options.lock_timeout or min(2.0, max(0.2, seconds))
        self._bearable = Bearable(rows, lag, active, options.max_waiting)
        self._closes = None if action.seconds_left is None else time.monotonic() + action.seconds_left
        self._pid, self._backend_start = work.query(self._sql["session"])[0]
        self._indexes = IndexSteps(control, monitor, options.concurrent_lock_timeout, self._as_owner, self._pid)
        monitor.attach(work, self._pid)

    def become_migrator(self) -> None:
        """Wait until no other worker changes this database's schema; the lock ends with the session.

        Raises:
            LockNotObtained: another one is still at it.
        """
        self._locks.become_migrator(partial(self._say, None))

    def run(self, step: Step) -> None:
        """Bring a step about, unless it is already.

        Raises:
            PostaiError: it could not be done; nothing of it is left.
        """
        self._monitor.check()
        work = work_of(step)
        if self._is_done(step, work):
            return
        self._require_window(step)
        if self._is_gone(step):
            return
        plan = self._inspect(step)
        self._say(step, "step.checked", f"runs as {plan.run_as}: {plan.facts.statement_class}")
        with self._locks.held(plan.objects, partial(self._say, step)):
            # Who held the lock may have been an earlier attempt's backend, which went on without its worker.
            if self._is_done(step, work):
                return
            begun = self._started == step.number or (work is not None and self._indexes.is_debris(work))
            if step.precondition and not begun and not self._precondition_holds(step.precondition):
                raise StaleProposal(
                    f"the precondition of step {step.number} does not hold any more",
                    detail=step.precondition,
                    hint="Dismiss the proposal and ask for a new one.",
                )
            try:
                if step.backfill is not None:
                    self._in_batches(step, plan, step.backfill)
                elif plan.facts.in_transaction:
                    self._in_transaction(step, plan)
                else:
                    self._alone(step, plan, work)
            except ServerError as error:
                offending.name_rows(self._work, step, plan.run_as, error)
                raise

    def verify(self, step: Step) -> None:
        """Check once more that what a step brought about is there.

        Raises:
            VerificationFailed: it is not.
        """
        work = work_of(step)
        if step.backfill is None and not self._postcondition_holds(step, work):
            raise VerificationFailed(
                f"step {step.number} ran, but what it should bring about is not there",
                detail=step.postcondition or (work.statement if work else None),
                hint=f"SELECT postai.undo({self._action.proposal}); leads back.",
            )

    def tidy(self, steps: Sequence[Step]) -> None:
        """After a statement was cut off: remove a broken index, or note that the step was done after all."""
        for step in steps:
            work = work_of(step)
            if step.number == self._started and work is not None and not self._is_done(step, work):
                plan = self._inspect(step)
                with self._locks.held(plan.objects, partial(self._say, step)):
                    if not self._is_done(step, work):
                        self._indexes.clean(plan.run_as, work, partial(self._say, step))

    # Looking

    def _is_done(self, step: Step, work: IndexWork | None) -> bool:
        """Whether the step needs nothing more; it is marked if an attempt of this action had begun it."""
        if step.done or step.part <= self._parts_done(step):
            self._say(step, "step.skipped", "was done before")
            return True
        if index_work.is_comment(step.statement) in self._elsewhere:
            self._say(step, "step.skipped", "the index that it speaks of has another name here")
            return True
        if not self._has_postcondition(step, work) or not self._postcondition_holds(step, work):
            return False
        if self._started == step.number:
            self._say(step, "step.accepted", "an earlier attempt had brought it about")
            with self._control.transaction():
                self._mark(self._control, step, None)
            self._say(step, "step.marked", "noted as done")
        else:
            found.require_same(self._control, step)
            self._say(step, "step.found", "somebody else has brought it about")
        return True

    def _parts_done(self, step: Step) -> int:
        """How many transactions of an undo an earlier attempt had carried out."""
        before = self._action.checkpoint
        return int(before.get("parts", 0)) if step.parts > 1 and before.get("step") == step.number else 0

    def _is_gone(self, step: Step) -> bool:
        """Whether a statement with IF EXISTS finds nothing: an undo step may repeat the one before it."""
        tree = parse_one(step.statement).tree
        if step.together or step.backfill or not getattr(tree, "missing_ok", False):
            return False
        try:
            resolve(self._control, vet_change(step.statement))
        except UnknownObject:
            with self._control.transaction():
                self._mark(self._control, step, None)
            self._say(step, "step.marked", "what it would take away is not there")
            return True
        return False

    def _has_postcondition(self, step: Step, work: IndexWork | None) -> bool:
        return step.postcondition is not None or (work is not None and work.kind != "reindex")

    def _precondition_holds(self, condition: str) -> bool:
        """It may read a whole table: in the session that is cancelled with the action, and as long as a step may."""
        return self._conditions.holds(condition, self._work, self._statement_ms())

    def _postcondition_holds(self, step: Step, work: IndexWork | None) -> bool:
        if work is not None and not self._index_is_there(step, work):
            return False
        if step.postcondition is not None and step.backfill is not None:
            return self._conditions.holds(step.postcondition, self._work, self._statement_ms())
        return step.postcondition is None or self._conditions.holds(step.postcondition)

    def _index_is_there(self, step: Step, work: IndexWork) -> bool:
        """Whether the work on an index has brought about what it should, here or under another name."""
        ours = self._started == step.number or step.done
        if self._indexes.is_there(work, ours=ours):
            return True
        if not ours and self._indexes.is_elsewhere(work):
            self._elsewhere.add((work.schema, work.name))
            return True
        return False

    def _inspect(self, step: Step) -> _Plan:
        """Everything that was checked when the proposal was made and queued, checked again on what is there now."""
        facts = facts_of(step)
        objects = resolve(self._control, facts)
        require_rights(self._control, objects, self._approval.approver)
        if facts.statement_class in ROW_WRITERS:
            approval = self._approval
            require_triggers(self._control, objects, approval.accepted_triggers, approval.own_triggers)
        if not objects:
            raise Refused(f"step {step.number} touches nothing that has an owner")
        return _Plan(facts, objects, objects[0].owner)

    # Running

    def _in_transaction(self, step: Step, plan: _Plan) -> None:
        def attempt() -> None:
            with self._work.transaction():
                self._limits(self._lock_timeout)
                self._work.execute(f"set local role {quote_ident(plan.run_as)}")
                began = time.monotonic()
                budget = LockBudget(self._work, self._longest_wait(step))
                budget.take(step.locks)
                for statement in (step.statement, *step.together):
                    budget.limit()
                    self._work.execute(statement)
                # Triggers that wait for the end of the transaction would otherwise run as the agent (before 18).
                self._work.execute("set constraints all immediate")
                elapsed = time.monotonic() - began
                self._work.execute("set local role none")
                # What the statement may have set does not hold for what follows.
                self._limits(self._lock_timeout)
                if step.postcondition and not self._conditions.holds(step.postcondition, self._work):
                    raise VerificationFailed(
                        f"the postcondition of step {step.number} does not hold after it; it was rolled back",
                        detail=step.postcondition,
                        hint="Dismiss the proposal and ask for a new one.",
                    )
                self._mark(self._work, step, elapsed)
                self._say(step, "step.executed", f"took {elapsed:.3f} s, not yet committed")

        self._with_patience(step, plan, attempt)
        self._say(step, "step.marked", "committed")

    def _longest_wait(self, step: Step) -> float:
        """Seconds that a try may wait for locks; where it holds some already, others and it may wait for each other."""
        several = len(step.locks) > 1 or bool(step.together)
        return min(self._lock_timeout, self._deadlock_timeout) if several else self._lock_timeout

    def _alone(self, step: Step, plan: _Plan, work: IndexWork | None) -> None:
        if work is not None and self._started != step.number:
            self._indexes.require_free_name(work)
        self._checkpoint(step, "started")
        self._say(step, "step.started", "noted that it begins")
        began = time.monotonic()

        def attempt() -> None:
            self._indexes.clean(plan.run_as, work, partial(self._say, step))
            self._indexes.wait_for_builds(plan.objects, partial(self._say, step))
            self._as_owner(plan.run_as, detaching.unfinished(self._control, step.statement) or step.statement)

        try:
            self._with_patience(step, plan, attempt)
            elapsed = time.monotonic() - began
            self._say(step, "step.executed", f"took {elapsed:.3f} s")
            if not self._postcondition_holds(step, work):
                raise VerificationFailed(
                    f"the postcondition of step {step.number} does not hold after it",
                    detail=step.postcondition or step.statement,
                    hint="Look at the log of the server; then apply the proposal again.",
                )
        except (ServerError, LockNotObtained, VerificationFailed, WindowClosed) as error:
            self._monitor.check()
            self._settle(step, plan, work, error)
            raise
        with self._control.transaction():
            self._mark(self._control, step, elapsed)
        self._say(step, "step.marked", "noted as done")

    def _in_batches(self, step: Step, plan: _Plan, backfill: Backfill) -> None:
        """Write the rows of a backfill; a batch that meets locks is tried again, as any short step is."""
        resumed = self._action.checkpoint if self._resumes(step) else {}
        batches = Batches(self._work, self._sql, backfill, self._options, self._bearable)
        writer = BatchWriter(
            limits=lambda longest: self._limit_texts(self._lock_timeout, longest),
            role=plan.run_as,
            save=lambda at, extra: self._save_batch(step, at, extra),
            mark=lambda elapsed: self._mark(self._work, step, elapsed),
            patiently=lambda attempt: self._with_patience(step, plan, attempt),
            require_window=lambda: self._require_window(step),
            monitor=self._monitor,
            say=lambda point, sentence: self._say(step, point, sentence),
        )
        batches.run(writer, resumed)

    def _resumes(self, step: Step) -> bool:
        before = self._action.checkpoint
        return before.get("phase") == "batch" and before.get("step") == step.number

    def _save_batch(self, step: Step, position: Mapping[str, Any], passed: Sequence[int]) -> None:
        """Note how far the rows are, as a part of the batch's transaction."""
        note = {"step": step.number, "phase": "batch", "pid": self._pid, "backend_start": self._backend_start}
        done = position["done"]
        shown = {"phase": "writing rows", "done": done, "rows": position["rows"]}
        mine = [self._action.id, self._action.attempt]
        if not self._work.query(self._sql["save_batch"], [json.dumps({**note, **position}), json.dumps(shown), *mine]):
            raise LeaseLost(f"action {self._action.id} was taken by another worker")
        for percent in passed:
            self._event(self._work, "step.progress", step, {"percent": percent, "rows": position["rows"]})
        self._monitor.note(shown)

    def _settle(self, step: Step, plan: _Plan, work: IndexWork | None, error: PostaiError) -> None:
        """After a failure: remove what it left, or say that it is still there."""
        if work is not None and error.sqlstate != "42P07":  # that name was taken under our hands: it is not ours
            try:
                self._indexes.clean(plan.run_as, work, partial(self._say, step))
            except ServerError as failure:
                left = "A broken index is left; the agent removes it as soon as it can, applying again does so too"
                left += f", or: {work.drop_statement};" if work.kind == "create" else "."
                error.hint = f"{error.hint} {left}" if error.hint else left
                self._say(step, "step.left_broken", failure.message)
                return
        self._checkpoint(step, "failed")

    def _with_patience(self, step: Step, plan: _Plan, attempt: Callable[[], None]) -> None:
        """Try until the locks are granted or the patience is over; others queue behind each try only shortly."""
        gives_up = time.monotonic() + self._options.lock_patience
        pause = 0.1
        while True:
            try:
                attempt()
                return
            except ServerError as error:
                self._monitor.check()
                if error.sqlstate == "57014" or error.sqlstate in _LOCK_ERRORS:
                    self._require_window(step)
                if error.sqlstate not in _LOCK_ERRORS:
                    raise
                if time.monotonic() + pause > gives_up:
                    raise self._no_lock(step, plan, error) from error
                self._say(step, "step.lock_missed", f"{error.message}; tries again in {pause:.1f} s")
            self._monitor.pause(pause * random.uniform(0.75, 1.25))  # noqa: S311 (spreads tries, guards nothing)
            pause = min(2.0, pause * 2)

    def _no_lock(self, step: Step, plan: _Plan, error: ServerError) -> LockNotObtained:
        oids = [one.lock_oid for one in plan.objects]
        holders = self._control.query(self._sql["blockers"], [oids])
        waited = [f"backend {one['pid']} of {one.get('user')}" for one in self._monitor.blockers]
        held = [
            f"{'a prepared transaction' if pid is None else f'backend {pid} of'} {user} holds {mode}"
            for pid, user, mode in holders
        ]
        return LockNotObtained(
            f"step {step.number} got no lock within {self._options.lock_patience:.0f} s",
            detail="; ".join(held or waited) or error.message,
            hint="Apply it again when those transactions have ended.",
        )

    def _limits(self, lock_timeout: float) -> None:
        self._work.execute(self._limit_texts(lock_timeout))

    def _limit_texts(self, lock_timeout: float, longest: float | None = None) -> str:
        """The statements that set the limits of the open transaction."""
        return (
            "set local search_path = pg_catalog, pg_temp;"
            f"set local lock_timeout = {int(lock_timeout * 1000)};"
            f"set local idle_in_transaction_session_timeout = '{_FROZEN}s';"
            f"set local statement_timeout = {self._statement_ms(longest)}"
        )

    def _statement_ms(self, longest: float | None = None) -> int:
        """How long a statement may run: not past the end of the window."""
        longest = self._options.statement_timeout if longest is None else longest
        if self._closes is not None:
            longest = min(longest, self._closes - time.monotonic())
        return max(1, int(longest * 1000))

    def _require_window(self, step: Step) -> None:
        if self._closes is not None and time.monotonic() >= self._closes:
            raise WindowClosed(
                f"the window closed before step {step.number} was done",
                detail="What was done before it stays; nothing is left of the step itself.",
                hint=f"SELECT postai.schedule({self._action.proposal}, ...) goes on in another window.",
            )

    def _as_owner(self, role: str, statement: str, *, whole: bool = False) -> None:
        """Run a statement that allows no transaction block, as a role; `whole` = also after the window has closed."""
        limit = int(self._options.statement_timeout * 1000) if whole else self._statement_ms()
        self._work.execute("set search_path = pg_catalog, pg_temp")
        self._work.execute(f"set lock_timeout = {int(self._options.concurrent_lock_timeout * 1000)}")
        self._work.execute(f"set statement_timeout = {limit}")
        self._work.execute(f"set role {quote_ident(role)}")
        try:
            self._work.execute(statement)
        finally:
            self._work.execute("reset role")

    # Writing down

    def _checkpoint(self, step: Step, phase: str) -> None:
        note = {"step": step.number, "phase": phase, "pid": self._pid, "backend_start": self._backend_start}
        if step.parts > 1:
            note["parts"] = step.part - 1
        with self._control.transaction():
            written = self._control.query(
                self._sql["checkpoint"], [json.dumps(note), self._action.id, self._action.attempt]
            )
            if not written:
                raise LeaseLost(f"action {self._action.id} was taken by another worker")
            self._event(self._control, f"step.{phase}", step, {})
        self._started = step.number if phase == "started" else None

    def _mark(self, db: Database, step: Step, elapsed: float | None) -> None:
        """Note that the step happened; part of its transaction where it has one."""
        if step.part < step.parts:
            part = json.dumps({"step": step.number, "phase": "part", "parts": step.part})
            if not db.query(self._sql["checkpoint"], [part, self._action.id, self._action.attempt]):
                raise LeaseLost(f"action {self._action.id} was taken by another worker")
            return
        applying = self._action.kind == "apply"
        note = json.dumps({"step": step.number, "phase": "done"})
        elapsed_ms = None if elapsed is None else round(elapsed * 1000)
        marked = db.query(
            self._sql["mark_step"],
            [note, self._action.id, self._action.attempt, applying, elapsed_ms if applying else None, step.number],
        )
        if not marked:
            raise LeaseLost(f"action {self._action.id} was taken by another worker")
        self._event(db, "step.done" if applying else "step.undone", step, {"elapsed_ms": elapsed_ms})

    def _event(self, db: Database, kind: str, step: Step, extra: dict[str, Any]) -> None:
        detail = {"step": step.number, "statement": step.statement, **extra}
        subject = f"proposal {self._action.proposal} step {step.number}"
        db.query(self._sql["record_event"], [kind, subject, self._action.proposal, self._action.id, json.dumps(detail)])

    def _say(self, step: Step | None, point: str, sentence: str) -> None:
        number = None if step is None else step.number
        self._report(Decision(self._action.id, self._action.attempt, number, point, sentence))
