"""Claims actions of the queue one after the other and carries them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from postai.database import ConnectionFailed, ConnectionLost, Database, ServerError
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline
from postai.errors import ErrorParts, LockNotObtained, NotPermitted, PostaiError, StaleProposal
from postai.proposals.engine import Approval, StepEngine
from postai.proposals.monitor import Calm, LeaseLost, Monitor, Stopping, WindowClosed
from postai.proposals.objects import UnknownObject
from postai.proposals.own_triggers import made_triggers
from postai.proposals.pictures import tables_again, tables_of
from postai.proposals.step_locks import strong
from postai.proposals.types import Action, Backfill, Decision, Measured, RunnerOptions, RunResult, Step, Witness
from postai.proposals.undo_parts import undo_steps

Verifier = Callable[[Database, int], Measured]
"""Looks at a proposal (its id) that was just applied; one per kind of proposal."""

EndState = Literal["done", "regressed", "failed", "cancelled"]

_EXPIRED = MappingProxyType(
    {
        "sqlstate": WindowClosed.sqlstate,
        "message": "the window closed before the action began",
        "detail": "No agent was there in that time, or it was busy.",
        "hint": "Schedule it again: SELECT postai.schedule(...).",
    }
)


class Runner:
    """Carries out actions of one database, one at a time; a thread that works has a runner of its own.

    Args:
        connect: opens a session of the home database as the agent's role, directly (not through a pooler).
        agent_id: name of this agent in the action's row.
        options: time limits.
        verifiers: kind of proposal -> what measures its effect.
        report: is told each decision, for the log.
        witness: is told when an action begins and ends.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        agent_id: str,
        *,
        options: RunnerOptions | None = None,
        verifiers: Mapping[str, Verifier] = MappingProxyType({}),
        report: Callable[[Decision], None] = lambda _: None,
        witness: Witness | None = None,
    ) -> None:
        self._connect = connect
        self._agent_id = agent_id.replace("/", "-")
        self._options = options or RunnerOptions()
        self._verifiers = verifiers
        self._report = report
        self._witness = witness
        self._sql = load(__package__, "runner.sql")

    def recover(self) -> int:
        """Free the actions of workers whose session is gone, without waiting for their leases.

        Returns:
            how many; the next calls of `run_next` take them.
        """
        with self._connect() as db:
            return db.execute(self._sql["expire_dead"])

    def tend(self) -> None:
        """Tell what is about to run, end what missed its window, and remove broken indexes that were left behind.

        Raises:
            ConnectionFailed, ConnectionLost: the database is not reachable.
        """
        with self._connect() as control:
            self._refuse_superuser(control)
            control.query(self._sql["tell_soon"])
            control.query(self._sql["expire"], [json.dumps(dict(_EXPIRED))])
            for row in control.query(self._sql["left_broken"]):
                self._sweep(control, Action(*row))

    def _sweep(self, control: Database, action: Action) -> None:
        """Remove what an ended action left; whoever is in the way of that is waited for another time."""
        try:
            self._tidy(
                control, action, self._steps(control, action), replace(self._options, concurrent_lock_timeout=2.0)
            )
        except LeaseLost:
            pass  # it was brought about after all; the next action of the proposal finds it
        except (ServerError, LockNotObtained, NotPermitted, StaleProposal, UnknownObject) as error:
            self._say(action, "action.left_broken", f"a broken index is still there: {error.message}")
            return
        control.execute(self._sql["mark_cleaned"], [action.id])
        self._say(action, "action.cleaned", "nothing is left of what it began")

    def run_next(self, deadline: Deadline) -> RunResult | None:
        """Claim one action and run it to its end.

        Args:
            deadline: when this worker must stop; an unfinished action is then given back. Setting its `cancel` stops
                sooner.

        Returns:
            what came of it; None = nothing waits.

        Raises:
            NotPermitted: the agent is a superuser.
            ConnectionFailed, ConnectionLost: the database was not reachable before an action was claimed.
        """
        with self._connect() as control:
            self._refuse_superuser(control)
            # An operator's open transaction may hold the action's row for a while; nobody queues behind us there.
            control.execute("set lock_timeout = '60s'")
            watch = self._connect()
            action = self._claim(control, watch)
            if action is None:
                watch.close()
                return None
            self._say(
                action, "action.claimed", f"attempt {action.attempt} of {action.kind} of proposal {action.proposal}"
            )
            with Monitor(self._connect, watch, action, deadline, self._options) as monitor:
                try:
                    return self._run(control, action, monitor)
                except LeaseLost as error:
                    return self._result(action, "lost", error)
                except (Stopping, ConnectionLost, ConnectionFailed) as error:
                    return self._give_back(control, action, error)

    def _refuse_superuser(self, db: Database) -> None:
        superuser, name = db.query(self._sql["agent_is_superuser"])[0]
        if superuser:
            raise NotPermitted(
                f"the agent logged in as superuser {name}, and no superuser carries out changes",
                hint="Create a login role for the agent: CREATE ROLE postai_login LOGIN IN ROLE postai_agent;",
            )

    def _claim(self, control: Database, watch: Database) -> Action | None:
        pid, start = watch.query(self._sql["session"])[0]
        rows = control.query(self._sql["claim"], [f"{self._agent_id}/{pid}/{start}", self._options.lease])
        return Action(*rows[0]) if rows else None

    def _run(self, control: Database, action: Action, monitor: Monitor) -> RunResult:
        steps: tuple[Step, ...] = ()
        try:
            if action.attempt > self._options.max_attempts:
                raise PostaiError(
                    f"gave up: {action.attempt - 1} workers died over this action",
                    hint="Read the log of the agent; apply the proposal again when the cause is found.",
                )
            approval = self._approval(control, action)
            steps = self._steps(control, action)
            self._picture(control, action)
            if self._witness is not None:
                self._tell(self._witness.begins, control, action)
            with self._connect() as work:
                engine = StepEngine(
                    work, control, action, replace(approval, own_triggers=made_triggers(steps)), monitor,
                    self._options, self._report,
                )  # fmt: skip
                try:
                    if any(step.step_class for step in steps):
                        engine.become_migrator()
                    now = self._before_scans(control, action, steps)
                    for step in now:
                        engine.run(step)
                    measured = self._verify(control, action, engine, now, whole=len(now) == len(steps))
                finally:
                    monitor.detach()
        except Cancelled as error:
            self._tidy(control, action, steps)
            return self._finish(control, action, "cancelled", None, error)
        except (LeaseLost, Stopping, ConnectionLost, ConnectionFailed):
            raise
        except PostaiError as error:
            return self._failed(control, action, monitor, steps, error)
        return self._finish(control, action, "regressed" if measured.regression else "done", measured, None)

    def _failed(
        self, control: Database, action: Action, monitor: Monitor, steps: tuple[Step, ...], error: PostaiError
    ) -> RunResult:
        """End in an error, or as cancelled when that was what cut the statement off."""
        try:
            monitor.check()
        except Cancelled as cancelled:
            self._tidy(control, action, steps)
            return self._finish(control, action, "cancelled", None, cancelled)
        if isinstance(error, WindowClosed):
            self._tidy(control, action, steps)
        return self._finish(control, action, "failed", None, error)

    def _approval(self, control: Database, action: Action) -> Approval:
        """What was approved, if it still is what the steps say."""
        same, accepted, _ = control.query(self._sql["proposal"], [action.proposal])[0]
        if not same:
            raise StaleProposal(
                f"the steps of proposal {action.proposal} are not those that were approved",
                hint="Dismiss it and ask for a new one.",
            )
        try:
            control.query(self._sql["require_current"], [action.proposal])
        except ServerError as error:
            if error.sqlstate == StaleProposal.sqlstate:
                raise StaleProposal(error.message, detail=error.detail, hint=error.hint) from error
            raise
        return Approval(action.requested_by, accepted)

    def _steps(self, control: Database, action: Action) -> tuple[Step, ...]:
        rows = control.query(self._sql["steps"], [action.proposal])
        if action.kind == "apply":
            return tuple(
                Step(
                    number, text, before, after, done, step_class, tuple(together), _backfill(parts), strong(locks)
                )
                for number, text, before, after, _, done, _, step_class, together, parts, locks in rows
            )  # fmt: skip
        return tuple(
            one
            for number, _, _, _, undo, done, before, step_class, _, _, locks in reversed(rows)
            if done and undo
            for one in undo_steps(number, undo, before, step_class, strong(locks, "AccessExclusiveLock"))
        )

    def _picture(self, control: Database, action: Action) -> None:
        """Keep what the tables are like, for the comparison afterwards."""
        if action.kind == "apply" and (tables := tables_of(control, action.proposal)) is not None:
            control.execute(self._sql["before"], [json.dumps(tables), action.id, action.attempt])

    def _tell(self, what: Callable[[Database, Action], None], control: Database, action: Action) -> None:
        """Tell the witness; what it cannot look at is no reason to stop."""
        try:
            what(control, action)
        except (ServerError, LockNotObtained) as error:
            self._say(action, "action.unseen", f"what it changes is not known as its own: {error.message}")

    def _before_scans(self, control: Database, action: Action, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps of this action: where scans wait for a window, those before the first one that is not done."""
        if not control.query(self._sql["scans_wait"], [action.id])[0][0]:
            return steps
        first = next((at for at, one in enumerate(steps) if one.step_class == "weak_scan" and not one.done), len(steps))
        return steps[:first]

    def _verify(
        self, control: Database, action: Action, engine: StepEngine, steps: tuple[Step, ...], *, whole: bool
    ) -> Measured:
        """Each step was checked when it ran; later steps may have used up earlier ones, so the last one counts now.

        Args:
            whole: whether these are all steps; else an action that is queued next goes on behind them.
        """
        if not control.query(self._sql["verifying"], [action.id, action.attempt]):
            raise LeaseLost(f"action {action.id} was taken by another worker")
        self._say(action, "action.verifying", "all steps are done")
        if steps:
            engine.verify(steps[-1])
        values: dict[str, Any] = {}
        rows = control.query(self._sql["measured_steps"], [action.proposal])
        if action.kind == "apply":
            values["elapsed_ms"] = sum(taken for _, taken, _ in rows)
            values["steps"] = [{"step": s, "elapsed_ms": t, "estimated_ms": e} for s, t, e in rows]
            values["after"] = tables_again(control, action.proposal)
        verifier = self._verifiers.get(action.proposal_kind)
        if verifier is None or action.kind == "undo" or not whole:
            return Measured(values)
        found = verifier(control, action.proposal)
        return Measured({**values, **found.values}, found.regression)

    def _tidy(
        self, control: Database, action: Action, steps: tuple[Step, ...], options: RunnerOptions | None = None
    ) -> None:
        """Clean up after a cancel, in a new session: a late cancel may still hit the old one."""
        row = control.query("select checkpoint, state from postai.action where id = %s", [action.id])[0]
        now = Action(
            action.id, action.proposal, action.proposal_kind, action.kind, row[1], action.requested_by,
            action.attempt, row[0],
        )  # fmt: skip
        with self._connect() as work:
            approval = Approval(action.requested_by, [])
            StepEngine(work, control, now, approval, Calm(), options or self._options, self._report).tidy(steps)

    def _finish(
        self, control: Database, action: Action, state: EndState, measured: Measured | None, error: PostaiError | None
    ) -> RunResult:
        if self._witness is not None:
            self._tell(self._witness.ends, control, action)
        values = None if measured is None else {**measured.values, "regression": measured.regression}
        parts = None
        if error is not None and state == "failed":
            told = error.as_parts()
            parts = {"sqlstate": told.sqlstate, "message": told.message, "detail": told.detail, "hint": told.hint}
        with control.transaction():
            finished = control.query(
                self._sql["finish_action"],
                [
                    None if parts is None else json.dumps(parts), None if values is None else json.dumps(values), state,
                    action.id, action.attempt,
                ],
            )  # fmt: skip
            if not finished:
                raise LeaseLost(f"action {action.id} was taken by another worker")
            if state in ("done", "regressed"):
                outcome = "applied" if action.kind == "apply" else "undone"
                reason = measured.regression if measured else None
                control.query(self._sql["close_proposal"], [outcome, reason, action.proposal])
                if outcome == "applied":
                    control.execute(self._sql["close_undone"], [action.proposal, action.proposal])
            self._say(action, "action.finishing", state)
        self._say(action, "action.finished", state)
        return self._result(action, state, error)

    def _give_back(self, control: Database, action: Action, error: PostaiError) -> RunResult:
        """Leave the action to the next worker, at once if the database can still be told."""
        try:
            control.execute(self._sql["release"], [action.id, action.attempt])
        except (ConnectionLost, ServerError):
            self._say(action, "action.released", "its lease will run out")
        else:
            self._say(action, "action.released", "given back")
        return self._result(action, "released", error)

    def _result(
        self,
        action: Action,
        state: Literal["done", "regressed", "failed", "cancelled", "released", "lost"],
        error: PostaiError | None,
    ) -> RunResult:
        parts: ErrorParts | None = error.as_parts() if error else None
        return RunResult(action.id, action.proposal, action.kind, state, parts)

    def _say(self, action: Action, point: str, sentence: str) -> None:
        self._report(Decision(action.id, action.attempt, None, point, sentence))


def _backfill(parts: dict[str, Any] | None) -> Backfill | None:
    if parts is None:
        return None
    return Backfill(parts["table"], tuple(parts["key"]), parts["assignments"], parts["condition"])
