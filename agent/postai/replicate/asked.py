"""What people ask of a move: verify, repair, cutover, rollback, complete, abort; and a switch that was broken off.

Each is a function on the home's session and the move, may be called again after a crash, and is done by one driver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import ErrorParts, LockNotObtained, Refused, UsageError
from postai.replicate import (
    cleanup,
    comparing,
    cutover,
    dump,
    dump_plan,
    fence,
    gates,
    large_objects,
    repair,
    schema,
    store,
    verify,
    writers,
)
from postai.replicate.cutover import Limits, NotReady, Outcome, Switch, SwitchUndone
from postai.replicate.journal import Journal
from postai.replicate.move import Move, driving
from postai.replicate.now import LONGEST_SECONDS, Now
from postai.replicate.redirect import Driver
from postai.replicate.repair import Repaired
from postai.replicate.store import Ending
from postai.replicate.types import Finding, Method, OnStep, Side, State, Step
from postai.replicate.verified import Mode, Sides, Verified, VerifyOptions

# Seconds that clients may be held back, where nothing is copied meanwhile.
LONGEST_PAUSE = 60.0
_SWITCHED = {Side.TARGET: State.SERVING_TARGET, Side.SOURCE: State.ROLLED_BACK}
# States in which both sides should hold the same.
_COMPARED = frozenset({State.VERIFYING, State.READY, State.ROLLED_BACK, State.SERVING_TARGET})
# States from which the clients can be sent to the target.
_READY = frozenset({State.READY, State.ROLLED_BACK})


def switch(
    home: Database,
    move: Move,
    to: Side,
    on_step: OnStep,
    *,
    journal: Journal | None = None,
    max_pause: float | None = None,
    rehearse: bool = False,
    stopped: bool = False,
    cancel: Deadline | None = None,
) -> Outcome:
    """Let the clients write to a side: the target's cutover, the source's rollback.

    Args:
        on_step: told at the end of each step; the clients wait for it between `pausing` and `opened`.
        journal: says that the switch was begun while the home cannot be asked.
        max_pause: seconds that clients may be held back, undo included; None = as Limits has it.
        rehearse: do everything but hold the clients back and send them.
        stopped: a person says that nobody writes to the source, nor will: what a dump needs where nothing keeps them.
        cancel: its flag or end stops the switch as long as it can be undone.

    Raises:
        NotReady: something stands against it; nothing was changed.
        SwitchUndone: it failed or took too long; the old side serves as before.
        SwitchUnfinished: it is neither done nor undone; `drive` goes on with it.
    """
    with driving(home, move, f"is switched to the {to}"):
        move = move.read(home)
        _require(move, to)
        if move.row.method is not Method.DUMP and (max_pause or 0.0) > LONGEST_PAUSE:
            raise UsageError(f"max_pause is {max_pause:g}: clients can be held back for {LONGEST_PAUSE:g} s at most")
        driver = move.driver()
        try:
            plan: Switch
            if move.row.method is Method.DUMP:
                plan = dump_plan.plan(home, move, driver, max_pause, rehearse=rehearse, stopped=stopped)
            else:
                plan = _plan(move, to, driver, max_pause)
            steps = _Steps(home, move, on_step, None if rehearse else _begin(home, move, journal))
            try:
                cutover.require_open(cutover.gates(plan))  # before what takes long
                plan = _prepared(home, move, plan, on_step, cancel or Deadline.after(LONGEST_SECONDS))
                outcome = cutover.switch(plan, steps, rehearse=rehearse, cancel=cancel)
            except (NotReady, SwitchUndone) as error:
                _undone(home, move, steps, journal, error.as_parts())
                raise
            except KeyboardInterrupt:
                _interrupted(home, move, steps, journal)
                raise
            if rehearse:
                _rehearsed(home, move, outcome, steps)
            else:
                _settled(home, move, outcome, steps, journal)
            return outcome
        finally:
            driver.close()


def _prepared(home: Database, move: Move, plan: Switch, on_step: OnStep, until: Deadline) -> Switch:
    """What no stream brings is brought over before the clients wait, and what changes from then on while they do."""
    if isinstance(plan, dump.DumpSwitch):
        return plan
    _refresh_views(home, move, plan.to, on_step, until)
    return replace(plan, at_rest=_bring_large_objects(move, plan.to, until))


def _refresh_views(home: Database, move: Move, to: Side, on_step: OnStep, until: Deadline) -> None:
    """Materialized views are in no stream: those that the old side has filled are filled anew on the new one."""
    with move.open(to.other) as old, move.open(to) as new:
        found = schema.refresh_views(old, new, move.row.options, until, on_step)
    for one in found:
        what = f"{one.what} ({', '.join(one.objects)})"
        store.add_event(home, move.id, what, step="refresh", level="warning", data={"fix": one.fix})


def _bring_large_objects(move: Move, to: Side, deadline: Deadline) -> Callable[[Database, Database, Deadline], str]:
    """Large objects are in no stream: bring them over now.

    Returns:
        what brings over, within the pause, those that change from now on; and says how many there were.
    """

    def at_rest(old: Database, new: Database, window: Deadline) -> str:
        if move.row.options.schemas:
            return ""
        count = large_objects.catch_up(old, new, move.id, to, before, window)
        return f"{count} large objects" if count else ""

    with move.open(to.other) as old, move.open(to) as new:
        before = large_objects.stamp(old) if not move.row.options.schemas else large_objects.Stamp(None)
        comparing.bring_large_objects(*((old, new) if to is Side.TARGET else (new, old)), move, deadline)
    return at_rest


def _require(move: Move, to: Side) -> None:
    row = move.row
    if row.serving is Side.TARGET and to is Side.SOURCE:
        _require_way_back(move, "rolled back")
    wanted = _READY if to is Side.TARGET else {State.SERVING_TARGET}
    if row.state in wanted and row.serving is to.other:
        return
    if row.state is State.SWITCHING:
        then = f"The agent then brings it to its end; where none runs: post-ai replicate start {row.name}"
        raise NotReady(
            f"a switch to the {row.serving.other} was begun and is not at its end",
            detail=row.error.message if row.error else row.doing,
            hint=f"{row.error.hint} {then}" if row.error and row.error.hint else then.replace("then brings", "brings"),
        )
    if row.ended:
        raise Refused(
            f"the move has ended: it is {row.state}, and the {row.serving} serves",
            detail="The move removed what it had made on both sides: neither follows the other.",
            hint=f"Begin another one: post-ai replicate start {row.name} SOURCE TARGET",
        )
    if row.serving is to:
        raise Refused(f"the {to} serves already", hint=f"Look at it: post-ai replicate status {row.name}")
    why = row.error.hint if row.error else None
    raise NotReady(
        f"the move cannot be switched: it is {row.state.replace('_', ' ')}",
        detail=row.error.message if row.error else row.doing,
        hint=why or f"Wait until it is ready: post-ai replicate status {row.name}",
    )


def _require_way_back(move: Move, asked: str) -> None:
    if not move.row.way_back:
        raise Refused(
            f"the move cannot be {asked}: the source does not follow the target",
            detail="Its method follows nothing: what is written now is on the target alone."
            if move.row.method is Method.DUMP
            else "It was switched without a way back.",
            hint=f"Complete it: post-ai replicate complete {move.row.name}",
        )


def _plan(move: Move, to: Side, driver: Driver, max_pause: float | None) -> Switch:
    forward, reverse = move.stream(to.other), move.stream(to) if move.row.way_back else None
    limits = Limits() if max_pause is None else Limits(max_pause)

    def more() -> tuple[Finding, ...]:
        return gates.known(move, to)

    return Switch(move.id, to, move.open, forward, reverse, driver, move.row.options.schemas, limits, more)


class _Steps:
    """Steps of a switch on their way to the home: none is written while the clients wait."""

    def __init__(self, home: Database, move: Move, on_step: OnStep, begin: Callable[[], None] | None) -> None:
        self._home, self._move, self.on_step, self._begin = home, move, on_step, begin
        self._kept: list[tuple[str, str, datetime]] = []
        self._held = True
        self.begun = self.undone = False

    def __call__(self, name: str, detail: str = "") -> None:
        self._kept.append((name, detail, datetime.now(UTC)))
        if name == Step.GATES and self._begin is not None:
            self.begun = True
            self._begin()
        self.undone = self.undone or name == Step.UNDONE
        self._held = self._held and name not in (Step.OPENED, Step.UNDONE)
        if not self._held:
            self.write()
        self.on_step(name, detail)

    def write(self) -> None:
        """Write what was kept."""
        kept, self._kept = self._kept, []
        with self._home.transaction():
            for name, detail, at in kept:
                store.add_event(self._home, self._move.id, detail or name, step=name, data={"at": at.isoformat()})


def _begin(home: Database, move: Move, journal: Journal | None) -> Callable[[], None]:
    """From here on a driver that comes after this one must look where the clients are."""

    def begin() -> None:
        if journal is not None:
            journal.begin(move.row)
        store.set_state(home, move.id, State.SWITCHING, resume=move.row.state)

    return begin


def _undone(home: Database, move: Move, steps: _Steps, journal: Journal | None, why: ErrorParts) -> None:
    """The old side serves as before, and the move is what it was."""
    steps.write()
    store.set_state(home, move.id, move.row.state, error=why)
    step = Step.UNDONE if why.sqlstate == SwitchUndone.sqlstate else Step.GATES
    store.add_event(home, move.id, why.message, step=step, level="warning", data={"detail": why.detail})
    if journal is not None:
        journal.end(move.row)


def _interrupted(home: Database, move: Move, steps: _Steps, journal: Journal | None) -> None:
    """Nobody may be there for the next turn: the switch comes to its end now, unless it is interrupted once more."""
    if steps.undone:
        _undone(home, move, steps, journal, SwitchUndone("the switch was interrupted, and undone").as_parts())
    elif steps.begun:
        settle(home, move.read(home), steps.on_step, journal)


def _rehearsed(home: Database, move: Move, outcome: Outcome, steps: _Steps) -> None:
    steps.write()
    what = f"rehearsed: the steps would take {outcome.steps[-1][1] * 1000:.0f} ms"
    store.add_event(home, move.id, what, step="rehearsed", data={"steps": dict(outcome.steps)})


def _settled(home: Database, move: Move, outcome: Outcome, steps: _Steps | None, journal: Journal | None) -> None:
    """A side serves, and all is said."""
    if steps is not None:
        steps.write()
    back = outcome.serving is move.row.serving
    state = (move.row.resume_state or State.READY) if back else _SWITCHED[outcome.serving]
    store.set_state(home, move.id, state, serving=outcome.serving)
    store.add_event(home, move.id, sentence(outcome), step=state.value,
                    data={"pause": outcome.pause, "steps": dict(outcome.steps), "ended": outcome.ended})  # fmt: skip
    if journal is not None:
        journal.end(move.row)


def sentence(outcome: Outcome) -> str:
    """How a switch ended, in a sentence."""
    if not outcome.steps:
        return f"the {outcome.serving} serves"
    held = f"; the clients were held back for {outcome.pause * 1000:.0f} ms" if outcome.pause else ""
    ended = f"; {outcome.ended} sessions were ended" if outcome.ended else ""
    return f"the {outcome.serving} serves{held}{ended}"


def verified(
    home: Database, move: Move, on_step: OnStep, *, mode: Mode = Mode.EXACT, share: float = 1.0, busy: int = 0,
    cancel: Deadline | None = None,
) -> Verified:  # fmt: skip
    """Compare both sides row for row, whichever serves; a move that failed over differences goes on when they are gone.

    Args:
        mode: exact holds writers back for a moment; settling does not.
        share, busy: how it is slowed down, as VerifyOptions has them.
        cancel: whose flag or end stops it.

    Raises:
        Refused: there is nothing to compare yet.
        VerificationFailed: both sides differ; what was found is kept.
    """
    with driving(home, move, "compares both sides"):
        move = move.read(home)
        _require_comparable(move)
        until = cancel or Deadline.after(LONGEST_SECONDS)
        with move.sides() as (source, target):
            found = comparing.compare(Now(home, source, target, move, on_step), mode, until, share=share, busy=busy)
        _compared(home, move, found)
        return found


def _require_comparable(move: Move) -> None:
    row = move.row
    if row.method is Method.DUMP and row.serving is Side.SOURCE:
        raise Refused(
            "there is nothing to compare yet: rows are copied and compared in the pause of the cutover",
            hint=f"Try it with nobody held back: post-ai replicate cutover {row.name} --rehearse",
        )
    if row.serving is Side.TARGET:
        _require_way_back(move, "compared")
    if row.state not in _COMPARED and not (row.state is State.FAILED and row.resume_state in _COMPARED):
        raise Refused(
            f"there is nothing to compare yet: the move is {row.state.replace('_', ' ')}",
            hint=f"Wait until it is ready: post-ai replicate status {row.name}",
        )


def _compared(home: Database, move: Move, found: Verified) -> None:
    """The comparison found both sides equal, or raises what differs; a move that failed over that goes on."""
    row = move.row
    comparing.require_equal(found, row.name)
    if row.state is State.FAILED:
        store.set_state(home, row.id, State.READY if row.serving is Side.SOURCE else State.SERVING_TARGET)
    else:
        store.set_doing(home, row.id, None)


def repaired(home: Database, move: Move, on_step: OnStep, *, cancel: Deadline | None = None) -> str:
    """Make the rows equal that the last comparison found different, on the side that does not serve; compare again.

    Args:
        cancel: whose flag or end stops it.

    Returns:
        what was done, and what the comparison found, in a sentence.

    Raises:
        Refused: no rows are known to differ, or a table is too busy; those before it are repaired.
        VerificationFailed: both sides differ still.
    """
    with driving(home, move, "repairs rows"):
        move = move.read(home)
        _require_comparable(move)
        row = move.row
        known = tuple(one["table"] for one in (row.verified or {}).get("tables", ()) if one["equal"] is False)
        if not known:
            raise Refused(
                "no rows are known to differ", hint=f"Compare both sides first: post-ai replicate verify {row.name}"
            )
        until = cancel or Deadline.after(LONGEST_SECONDS)
        with move.sides() as (source, target):
            now = Now(home, source, target, move, on_step)
            now.doing("repairs rows")
            done = _repair(move, known, until)
            what = f"{done.rows} rows were made on the {row.serving.other} as they are on the {row.serving}"
            store.add_event(home, row.id, what, step="repaired", data={"tables": known, "notes": done.notes})
            found = comparing.compare(now, Mode.EXACT, until)
        _compared(home, move, found)
        return f"{what}; {comparing.verdict(found)}"


def _repair(move: Move, tables: tuple[str, ...], until: Deadline) -> Repaired:
    """What differs in these tables by now: they may have changed since, and the other side may serve."""
    row = move.row
    sides = Sides(row.id, move.open, move.stream(row.serving), row.serving)
    options = VerifyOptions(schemas=row.options.schemas, tables=tables, listed=repair.AT_A_TIME, large_objects=False)
    try:
        return repair.repair(sides, verify.verify(sides, Mode.SETTLING, options, until), options, until)
    except LockNotObtained as error:
        failure = Refused(error.message, detail=error.detail, hint=error.hint)
    raise failure


def settle(home: Database, move: Move, on_step: OnStep, journal: Journal | None = None) -> Move:
    """Bring a switch that was broken off to an end: undone before the redirect, finished after it.

    The caller is the move's driver already.

    Raises:
        SwitchUnfinished: it is not known where the clients go, or the side that is to serve cannot be reached.
    """
    driver = move.driver()
    try:
        steps = _Steps(home, move, on_step, None)
        if move.row.method is Method.DUMP:
            outcome = dump.resume(dump_plan.plan(home, move, driver, None), steps)
        else:
            outcome = cutover.resume_switch(_plan(move, move.row.serving.other, driver, None), steps)
        _settled(home, move, outcome, steps, journal)
    finally:
        driver.close()
    return move.read(home)


def rescue(move: Move, on_step: OnStep, journal: Journal) -> Outcome:
    """The same for a home that cannot be reached: by the journal alone, so that the source serves again.

    When the home is back, `drive` finds the move switching, and comes to the same end by looking again.

    Raises:
        SwitchUnfinished: the clients are sent to the home, or it is not known where.
    """
    driver = move.driver()
    try:
        to = move.row.serving.other
        reverse = move.stream(to) if move.row.way_back else None
        plan = Switch(move.id, to, move.open, move.stream(to.other), reverse, driver,
                      move.row.options.schemas)  # fmt: skip
        outcome = cutover.resume_switch(plan, on_step)
    finally:
        driver.close()
    journal.note(move.row, f"while the home could not be reached: the {outcome.serving} serves")
    return outcome


def end(home: Database, move: Move, state: State, on_step: OnStep, how: Ending | None = None) -> Move:
    """Complete or abort a move: nothing that it made is left on either side; what was copied stays.

    Args:
        state: COMPLETED (the target serves) or ABORTED (the source does).

    Raises:
        Refused: the other side serves.
    """
    with driving(home, move, f"is {state}"):
        move = move.read(home)
        if move.row.state is State.SWITCHING:
            move = settle(home, move, on_step)
        if move.row.ended:
            return move
        row = move.row
        if row.serving is not (Side.TARGET if state is State.COMPLETED else Side.SOURCE):
            raise Refused(
                f"the move cannot be {state}: the {row.serving} serves",
                hint=f"Switch first: post-ai replicate cutover {row.name}"
                if state is State.COMPLETED
                else f"Roll back first, or complete it: post-ai replicate rollback {row.name}",
            )
        store.set_ending(home, row.id, how or Ending())
        why = ErrorParts(
            "PA010", f"the move is being {state}, which is not done yet", None, "The agent goes on with it."
        )
        store.set_state(home, row.id, State.FAILED, resume=state, error=why)
        on_step("ending")
        return finish(home, move.read(home), state, on_step)


def finish(home: Database, move: Move, state: State, on_step: OnStep) -> Move:
    """Clean both sides, as `end` has noted it; the caller is the move's driver already."""
    how, serves = move.row.ending, state is State.COMPLETED
    if how.gone:
        with move.open(Side.TARGET) as target:
            writers.reopen(target, move.id, writable=serves)
            left = cleanup.leftovers(target, move.id)
            cleanup.unfollow(target, move.id)
            cleanup.remove(target, move.id)
        store.add_event(home, move.id, "the source was not cleaned", step="left", level="warning", data={"fix": left})
    else:
        with move.sides() as (source, target):
            if state is State.ABORTED or how.reopen_source:
                if not fence.foreign(source, target, move.id):
                    writers.reopen(source, move.id)
            elif (before := writers.before(source, move.id)) is not None:
                what = f"the source stays read-only; before the move its default_transaction_read_only was {before}"
                store.add_event(home, move.id, what, step="left")
            writers.reopen(target, move.id, writable=serves)
            on_step("reopened")
            cleanup.both(source, target, move.id)
    on_step("cleaned")
    store.set_state(home, move.id, state)
    store.add_event(home, move.id, f"the move is {state}", step=state.value)
    on_step(state.value)
    return move.read(home)
