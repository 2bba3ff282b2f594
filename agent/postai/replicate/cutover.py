"""The switch: clients write to one side, and a moment later to the other; the same function for both directions.

Until the clients are sent to the new side, every failure and the end of `max_pause` undo what was done, and the old
side serves as before. After it there is only forward: what is left can be repeated until it is done. A process that
dies within is followed by `resume_switch`, which looks where the clients are sent and undoes or finishes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import PostaiError, Refused
from postai.replicate import fence, hold, large_objects, native, sequences, slots, undo, writers
from postai.replicate.redirect import Driver
from postai.replicate.sessions import Watch
from postai.replicate.types import Finding, Level, OnStep, Open, Side, Step, Stream, placed
from postai.replicate.undo import SwitchUnfinished

# Of max_pause for undoing what was done; at least so many seconds, at most half of it.
UNDO_SHARE, UNDO_SECONDS = 0.2, 0.3
# Seconds for the clients to connect to the new side, before the streams are changed and take processor time.
SETTLE_SECONDS = 0.25


class NotReady(Refused):
    """Something stands against the switch; nothing was changed."""


class SwitchUndone(PostaiError):
    """The switch did not come about in time or failed; the old side serves as before."""

    sqlstate = "PA009"
    exit_code = 11
    title = "switch undone"


@dataclass(frozen=True)
class Limits:
    """When a switch may begin, and how long it may hold the clients back.

    Attributes:
        max_pause: seconds from the moment when clients are held back until they go on, undo included.
        lag_seconds: how long a row may take to the other side before it begins.
        transaction_seconds: age of the oldest transaction before it begins.
    """

    max_pause: float = 3.0
    lag_seconds: float = 1.0
    transaction_seconds: float = 2.0

    @property
    def window(self) -> float:
        """Seconds until the point where it is undone."""
        return self.max_pause - min(max(self.max_pause * UNDO_SHARE, UNDO_SECONDS), self.max_pause / 2)


def _nothing() -> tuple[Finding, ...]:
    return ()


@dataclass(frozen=True)
class Switch:
    """What a switch needs to know.

    Attributes:
        move: id of the move.
        to: the side that is to serve.
        open: opens sessions; the switch uses its own and closes them.
        forward: the stream to that side, running.
        reverse: the stream back; None = there is no way back.
        driver: sends the clients.
        schemas: only these move; () = all of the user's.
        limits: of time and lag.
        more_gates: what else stands against it (verified lately, space on the disks, the same schema on both sides).
        at_rest: brings over what is in no stream, called with both sides when nobody writes any more; says what it
            did. None = nothing.
    """

    move: int
    to: Side
    open: Open
    forward: Stream
    reverse: Stream | None
    driver: Driver
    schemas: tuple[str, ...] = ()
    limits: Limits = Limits()
    more_gates: Callable[[], tuple[Finding, ...]] = _nothing
    at_rest: Callable[[Database, Database, Deadline], str] | None = None

    def writer_gates(self, old: Database) -> tuple[Finding, ...]:
        """What stands against keeping writers from the old side."""
        return writers.gates(old, self.to.other, transaction_seconds=self.limits.transaction_seconds)

    def run(self, on_step: OnStep, old: Database, new: Database, cancel: Deadline | None) -> Run:
        """One switch by this plan, to be begun or brought to its end."""
        return Run(self, on_step, old, new, cancel)


@dataclass(frozen=True)
class Outcome:
    """How a switch ended.

    Attributes:
        serving: the side that serves.
        pause: seconds that clients were held back; 0 where nobody was.
        steps: seconds from the beginning of the pause to the end of each step (`gates`: how long they took).
        ended: how many sessions were ended on the old side.
    """

    serving: Side
    pause: float = 0.0
    steps: tuple[tuple[Step, float], ...] = ()
    ended: int = 0


def gates(plan: Switch) -> tuple[Finding, ...]:
    """What stands against the switch now; nothing is changed."""
    with plan.open(plan.to.other) as old, plan.open(plan.to) as new:
        return _gates(plan, old, new)


def switch(plan: Switch, on_step: OnStep, *, rehearse: bool = False, cancel: Deadline | None = None) -> Outcome:
    """Let the clients write to the other side.

    Args:
        on_step: told at the end of each step. Between `pausing` and `opened` the clients wait for it, too.
        rehearse: do everything but hold the clients back and send them: it shows what would stand against it, and how
            long each step takes. Nothing of it has to be undone.
        cancel: whose flag or end stops the switch as long as it can be undone.

    Raises:
        NotReady: a gate is shut; nothing was changed.
        SwitchUndone: it failed or took too long, and was undone; the old side serves.
        SwitchUnfinished: call `resume_switch`.
    """
    with plan.open(plan.to.other) as old, plan.open(plan.to) as new, Watch(old, new) as watch:
        one = plan.run(on_step, old, new, cancel)
        try:
            return one.run(watch, rehearse=rehearse)
        finally:
            one.let_go()


def resume_switch(plan: Switch, on_step: OnStep) -> Outcome:
    """Bring a switch to an end that was broken off somewhere: undone before the redirect, finished after it.

    It may be called at any time, also when there was nothing to do, and again when it failed.

    Raises:
        SwitchUnfinished: it is not known where the clients go, or a side cannot be reached; the hint says what to do.
    """
    if undo.where(plan) is plan.to:
        with undo.reach(plan, plan.to) as new:
            if fence.kept(new, plan.move, undo.ARRIVED):
                undo.serve(plan, new)
                undo.let_go(plan)  # before the old side is asked: it may be gone
            with undo.reach(plan, plan.to.other) as old:
                return plan.run(on_step, old, new, None).finish(resumed=True)
    with undo.reach(plan, plan.to.other) as old:
        undo.undo(plan, {plan.to.other: old}, 0.0, lambda: None, told=True)
    on_step(Step.UNDONE)
    return Outcome(plan.to.other)


def _gates(plan: Switch, old: Database, new: Database) -> tuple[Finding, ...]:
    found = list(plan.more_gates())
    old_side = plan.to.other
    at = plan.driver.where()
    if at is not old_side:
        what = f"the clients are sent to {at or 'neither side'}, not to the {old_side}"
        found.append(Finding("redirect", Level.BLOCKER, old_side, what, (), (f"send them to the {old_side}",)))
    if (why := plan.driver.unfit()) is not None:
        found.append(
            Finding("pool_mode", Level.BLOCKER, old_side, why, (), ("set pool_mode = transaction, and RELOAD",))
        )
    found += plan.forward.gates(old, new)
    found += plan.writer_gates(old)
    if plan.reverse is not None:  # a switch back needs it there
        found += writers.owner_gates(new, plan.to)
    if plan.reverse is not None and not plan.reverse.ready(new):
        what, fix = f"the stream back, {plan.reverse.name}, is not prepared", "wait until the agent has prepared it"
        found.append(Finding("reverse", Level.BLOCKER, plan.to, what, (), (fix,)))
    return tuple(found)


def require_open(found: tuple[Finding, ...]) -> None:
    """Raises:
    NotReady: one of them is a blocker.
    """
    if blockers := tuple(one for one in found if one.level is Level.BLOCKER):
        raise shut(blockers)


def shut(blockers: tuple[Finding, ...]) -> NotReady:
    """What is said of gates that are shut."""
    return NotReady(
        f"the switch is not ready: {blockers[0].what}",
        detail="; ".join(_told(one, one is blockers[0]) for one in blockers),
        hint="\n".join(dict.fromkeys(placed(fix, one.side) for one in blockers for fix in one.fix)) or None,
    )


def _told(one: Finding, first: bool) -> str:
    """A finding in a detail; what the first one says is the message already."""
    what = "" if first else f": {one.what}"
    objects = f" ({', '.join(one.objects[:5])})" if one.objects else ""
    return f"{one.check}: on the {one.side}{what}{objects}"


class Run:
    """One switch on its way."""

    def __init__(self, plan: Switch, on_step: OnStep, old: Database, new: Database, cancel: Deadline | None) -> None:
        self.plan, self.on_step, self.old, self.new, self.cancel = plan, on_step, old, new, cancel
        self.began = time.monotonic()
        self.steps: list[tuple[Step, float]] = []
        self.ended = 0
        self.held_until = 0.0
        self.shut_at: datetime | None = None
        self.may_hold = True
        self.tables: tuple[str, ...] = ()
        self.made = native.made(old, plan.schemas)
        self.hold: hold.Hold | None = None
        self.holder: Database | None = None

    def let_go(self) -> None:
        """Close the session that holds, or was to; a report of a step that failed may have left it."""
        if self.hold is not None:
            self.hold.release()
        if self.holder is not None:
            self.holder.close()

    def run(self, watch: Watch, *, rehearse: bool) -> Outcome:
        names, known = self._gates(rehearse=rehearse)
        self.began = time.monotonic()
        window = Deadline.after(self.plan.limits.window)
        if self.cancel is not None:
            window = Deadline(min(window.at, self.cancel.at), self.cancel.cancel)
        if rehearse:
            self._drain(window)
            self._settle(window, names, known)
            undo.release(self.plan, self.new)
            return self._outcome(self.plan.to.other)
        try:
            watch.arm(window.remaining() + UNDO_SECONDS / 3)
            self._step(Step.PAUSING)
            self._shut(window, names)
            self._drain(window)
            undo.serve(self.plan, self.new, at_once=True)
            self._step(Step.UNFENCED)
            self._settle(window, names, known)
            self._step(Step.REDIRECTING)
            watch.disarm()
            if self.hold is not None and self.shut_at is not None:
                self.hold.end_sessions(self.shut_at)
            self._nothing_made(window)
            self.plan.driver.redirect(self.plan.to, window)
        except BaseException as error:
            watch.disarm()
            if not self._undone(error, watch):
                raise
        return self.finish(resumed=False)

    def _gates(self, *, rehearse: bool) -> tuple[tuple[str, ...], sequences.Values]:
        """Everything that can be done before the pause; the limits of time of both sessions are the pause's then."""
        plan = self.plan
        require_open(_gates(plan, self.old, self.new))
        undo.release(plan, self.new)
        if plan.reverse is not None:
            plan.reverse.prepare(self.new, self.old)
        if not plan.driver.holds:
            self.tables = tuple(one.qualified for one in native.tables(self.old, plan.schemas))
            if not plan.schemas:
                if large_objects.may_see(self.old):
                    self.tables += large_objects.TABLES
                else:  # their writers must be ended, since no lock holds them
                    self.may_hold = not large_objects.any_there(self.old)
        names = sequences.require_equal(self.old, self.new, plan.schemas)
        sequences.copy(self.old, self.new, names)
        crossed = self._crossed(Deadline.after(plan.limits.lag_seconds))
        known = sequences.read(self.new, names)
        limit = max(1, int(plan.limits.window * 1000))
        for db in (self.old, self.new):
            db.query(f"set statement_timeout = {limit}; set lock_timeout = {limit}")
        plan.driver.stage(plan.to)
        if self.may_hold and not plan.driver.holds and not rehearse:
            self.holder = plan.open(plan.to.other)
        self._step(Step.GATES, crossed)
        return names, known

    def _crossed(self, deadline: Deadline) -> str:
        """That changes arrive now, and how soon."""
        plan = self.plan
        try:
            seconds = fence.cross(self.old, self.new, plan.move, deadline, self._pump)
        except PostaiError as error:
            if error.sqlstate != "57014":
                raise
        else:
            return f"a row takes {seconds * 1000:.0f} ms"
        what, fix = f"a row takes more than {plan.limits.lag_seconds:g} s", "wait until the stream has caught up"
        lag = plan.forward.lag(self.old, self.new)
        if why := slots.trouble(self.new, plan.forward.name, plan.to, lag, copying=False):
            what, fix = why.message, why.hint or fix
        raise shut((Finding("lag", Level.BLOCKER, plan.to, what, (), (fix,)),))

    def _pump(self) -> None:
        self.plan.forward.pump(self.old, self.new)

    def _shut(self, window: Deadline, names: tuple[str, ...]) -> None:
        """Nobody can write on the old side: held by the proxy, else by locks, else ended."""
        plan = self.plan
        plan.driver.pause(window)
        self._step(Step.PAUSED)
        if self.holder is not None:
            self.hold = hold.take(self.holder, self.old, self.tables, names, window)
        self.shut_at = writers.close(self.old, plan.move)
        if self.hold is None:
            self.ended = writers.end_sessions(self.old, self.shut_at, window)
            self._step(Step.FENCED, f"{self.ended} sessions ended")
        else:
            self._step(Step.FENCED, "who writes waits for locks")

    def _drain(self, window: Deadline) -> None:
        """All that was committed on the old side is on the new one."""
        fence.cross(self.old, self.new, self.plan.move, window, self._pump)
        if self.shut_at is not None:
            self._nobody_since(self.shut_at, window)
        at_rest = self.plan.at_rest
        self._step(Step.DRAINED, at_rest(self.old, self.new, window) if at_rest else "")

    def _settle(self, window: Deadline, names: tuple[str, ...], known: sequences.Values) -> None:
        """The new side's sequences go on where the old one's stand, all of it is on its disk, the way back begins."""
        plan = self.plan
        changed = sequences.copy(self.old, self.new, names, known)
        self._step(Step.SEQUENCES, f"{changed} of {len(names)} moved on")
        window.check()
        fence.keep(self.new, plan.move, undo.ARRIVED, *([plan.reverse.name] if plan.reverse else []))
        self._step(Step.SYNCED)
        if plan.reverse is not None:
            plan.reverse.mark(self.new)
            self._step(Step.REVERSE_SLOT)
        window.check()

    def _nobody_since(self, moment: datetime, window: Deadline) -> None:
        """A session that was being made when the fence rose may have written before it was seen; then once more."""
        while self.hold is None and writers.end_sessions(self.old, moment, window):
            fence.cross(self.old, self.new, self.plan.move, window, self._pump)
        if gids := writers.prepared(self.old):
            raise Refused("a prepared transaction came up during the switch", detail=", ".join(gids[:5]))

    def _nothing_made(self, window: Deadline) -> None:
        """No lock holds who makes a table, or a partition, and writes to that: it is not followed.

        Raises:
            Refused: the old side has other tables or sequences than before the gates.
        """
        writers.await_writers(self.old, window)  # who was told to end may be in the midst of COMMIT
        if native.made(self.old, self.plan.schemas) != self.made:
            raise Refused(
                "tables or sequences were made, dropped or renamed during the switch", hint="Switch again in a minute."
            )

    def _undone(self, error: BaseException, watch: Watch) -> bool:
        """Undo after an error; False: the clients are on the new side all the same, and the switch goes on.

        Raises:
            SwitchUndone: it was undone; or the error itself, where it is not one of postai's.
        """
        plan = self.plan
        if self._reached(Step.REDIRECTING) and self._sent() is plan.to:
            return True
        both = {plan.to: self.new, plan.to.other: self.old}
        undo.undo(plan, both, self.began + plan.limits.max_pause, watch.cut, self.hold,
              told=self._reached(Step.REDIRECTING))  # fmt: skip
        self._step(Step.UNDONE)
        if not isinstance(error, PostaiError):
            raise error
        raise SwitchUndone(
            f"the switch was undone after {time.monotonic() - self.began:.2f} s: {error.message}",
            detail=error.detail,
            hint=error.hint or "Look at what held it up, and switch again.",
        ) from error

    def _sent(self) -> Side:
        """Where the clients are sent after a redirect that failed; back to the old side where that is not known."""
        try:
            return undo.where(self.plan)
        except SwitchUnfinished:
            undo.send_back(self.plan, told=True)
        return undo.where(self.plan)

    def finish(self, *, resumed: bool) -> Outcome:
        """What follows the redirect; each part looks first, so that all of it may be repeated.

        Raises:
            SwitchUnfinished: the clients are on the new side, but something behind them is not done.
        """
        plan = self.plan
        if not self._reached(Step.REDIRECTED):
            self._step(Step.REDIRECTED)
        try:
            if resumed:
                self._shut_again()
                self._arrive()
                undo.serve(plan, self.new)
            undo.let_go(plan)
            self.held_until = time.monotonic()
            self._step(Step.OPENED)
            self._let_writers_end()
            time.sleep(SETTLE_SECONDS)
            for db in (self.old, self.new):
                db.query("reset statement_timeout; reset lock_timeout")
            plan.forward.stop(self.old, self.new)
            self._step(Step.FORWARD_STOPPED)
            if plan.reverse is not None:
                plan.reverse.start(self.new, self.old)
                self._step(Step.REVERSE_SUBSCRIBED)
                plan.forward.prepare(self.old, self.new)
                self._step(Step.WAY_BACK)
        except PostaiError as error:
            if isinstance(error, SwitchUnfinished):
                raise
            failure = SwitchUnfinished(
                f"the {plan.to} serves, but the switch is not at its end: {error.message}",
                detail=error.detail,
                hint=error.hint or "Resume the switch.",
            )
        else:
            return self._outcome(plan.to)
        raise failure

    def _let_writers_end(self) -> None:
        """Those that waited for locks were told to end; the locks stay until they did."""
        if self.hold is not None and self.shut_at is not None:
            try:
                writers.end_sessions(self.old, self.shut_at, Deadline.after(undo.AGAIN_SECONDS))
            finally:
                self.hold.release()
            self.ended = self.hold.ended

    def _shut_again(self) -> None:
        """After a crash: nobody writes on the old side, as before it."""
        moment = writers.close(self.old, self.plan.move)
        self.ended = writers.end_sessions(self.old, moment, Deadline.after(undo.AGAIN_SECONDS))

    def _arrive(self) -> None:
        """Where the old side was written to after a driver died, or before all had arrived: it arrives now.

        Somebody else may have sent the clients; and what a dead driver's locks held goes on, until it is ended here.
        """
        plan = self.plan
        if plan.forward.flows(self.new) or not fence.kept(self.new, plan.move, undo.ARRIVED):
            fence.cross(self.old, self.new, plan.move, Deadline.after(undo.AGAIN_SECONDS), self._pump)
            names = sequences.require_equal(self.old, self.new, plan.schemas)
            sequences.catch_up(self.old, self.new, names)
            fence.keep(self.new, plan.move, undo.ARRIVED)
            fence.clear(self.old, plan.move)

    def _reached(self, step: Step) -> bool:
        return any(one is step for one, _ in self.steps)

    def _step(self, step: Step, detail: str = "") -> None:
        self.steps.append((step, time.monotonic() - self.began))
        self.on_step(step, detail)

    def _outcome(self, serving: Side) -> Outcome:
        pause = self.held_until - self.began if self.held_until else 0.0
        return Outcome(serving, pause, tuple(self.steps), self.ended)
