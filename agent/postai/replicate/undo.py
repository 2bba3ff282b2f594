"""Bringing a switch back, or to its end: where the clients are sent, reaching a side again, letting the clients go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from postai.database.errors import ConnectionFailed, ConnectionLost
from postai.database.protocol import Database
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import PostaiError
from postai.replicate import fence, hold, writers
from postai.replicate.redirect import RedirectFailed
from postai.replicate.types import Side

if TYPE_CHECKING:
    from postai.replicate.cutover import Switch

# Kept on the new side as long as it serves: all that was committed on the old one had arrived when it began to.
ARRIVED = "arrived"
# Seconds that an undo or a finish tries to reach a side again, before it is said that it cannot be reached.
AGAIN_SECONDS = 10.0


class SwitchUnfinished(PostaiError):
    """The switch is neither undone nor at its end; `resume_switch` brings it there."""

    sqlstate = "PA010"
    exit_code = 12
    title = "switch not finished"


def where(plan: Switch) -> Side:
    try:
        at = plan.driver.where()
    except RedirectFailed as error:
        why: str | None = error.message
    else:
        if at is not None:
            return at
        why = "neither side, or some to the one and some to the other"
    raise SwitchUnfinished(
        "it is not known where the clients are sent",
        detail=why,
        hint=f"Send all of them to the {plan.to.other}, and resume the switch.",
    )


def reach(plan: Switch, side: Side, seconds: float = AGAIN_SECONDS) -> Database:
    end = time.monotonic() + seconds
    while True:
        try:
            return plan.open(side)
        except ConnectionFailed as error:
            if time.monotonic() > end:
                raise SwitchUnfinished(
                    f"the {side} cannot be reached", detail=error.message, hint="Start it, and resume the switch."
                ) from None
            time.sleep(0.1)


def undo(
    plan: Switch,
    sessions: Mapping[Side, Database],
    until: float,
    cut: Callable[[], None],
    held: hold.Hold | None = None,
    *,
    told: bool,
) -> None:
    """The old side serves as before; where it does not answer, the clients are let go all the same.

    Args:
        sessions: those that are open; others are opened.
        until: when the clients should be let go at the latest (`time.monotonic()`).
        cut: breaks the connections of those sessions, where no answer comes.
        held: the locks on the old side.
        told: whether the driver may have been told to send the clients.

    Raises:
        SwitchUnfinished: the old side cannot be reached, or the redirect driver fails.
    """
    with ThreadPoolExecutor(1, "postai-undo") as pool:
        reopened = pool.submit(_reopen, plan, sessions, held, told=told)
        try:
            wait([reopened], timeout=max(0.1, until - time.monotonic()))
            send_back(plan, told=told)
            let_go(plan)
        finally:
            if not reopened.done():
                cut()
        try:
            done, why = reopened.result(), None
        except PostaiError as error:
            done, why = False, error.message
    if not done:
        raise SwitchUnfinished(
            f"the {plan.to.other} may still be read-only", detail=why, hint="See that it runs, and resume the switch."
        )
    _again(plan, {}, plan.to, lambda db: release(plan, db), 0.5)


def _reopen(plan: Switch, sessions: Mapping[Side, Database], held: hold.Hold | None, *, told: bool) -> bool:
    """The source was fenced when the target began to serve; clients that come late to a side find it so, too."""
    if plan.to is Side.SOURCE or (told and plan.driver.late):
        _again(plan, sessions, plan.to, lambda db: _shut_new(plan, db), 0.5)
    if held is not None:
        held.release()
    old = plan.to.other
    return _again(
        plan, sessions, old, lambda db: writers.reopen(db, plan.move, writable=old is Side.TARGET), AGAIN_SECONDS
    )


def _again(
    plan: Switch, sessions: Mapping[Side, Database], side: Side, work: Callable[[Database], object], seconds: float
) -> bool:
    """Do something on a side, on a new session where there is none or it is lost; whether it could be reached."""
    if side in sessions:
        try:
            work(sessions[side])
        except ConnectionLost:
            pass
        else:
            return True
    try:
        with reach(plan, side, seconds) as db:
            work(db)
    except (SwitchUnfinished, ConnectionLost):
        return False
    return True


def _shut_new(plan: Switch, new: Database) -> None:
    release(plan, new)
    if writers.owned(new):
        writers.close(new, plan.move)


def serve(plan: Switch, new: Database, *, at_once: bool = False) -> None:
    """The new side may be written to; a target also where a setting of its own kept others out until now."""
    writers.reopen(new, plan.move, writable=plan.to is Side.TARGET, at_once=at_once)


def send_back(plan: Switch, *, told: bool) -> None:
    """The clients go to the old side; a driver that may have been told otherwise is told, wherever they are now."""
    if plan.driver.late and not told:
        return
    try:
        plan.driver.redirect(plan.to.other, Deadline.after(plan.limits.max_pause))
    except (RedirectFailed, DeadlineExceeded) as error:
        failure = SwitchUnfinished(
            f"the clients could not be sent back to the {plan.to.other}",
            detail=error.detail or error.message,
            hint="Send them there, and resume the switch.",
        )
    else:
        return
    raise failure


def let_go(plan: Switch) -> None:
    try:
        plan.driver.resume()
    except (RedirectFailed, DeadlineExceeded) as error:
        failure = SwitchUnfinished(
            "the clients are still held back",
            detail=error.detail or error.message,
            hint="Let them go (RESUME on PgBouncer's console), and resume the switch.",
        )
    else:
        return
    raise failure


def release(plan: Switch, new: Database) -> None:
    """The way back need not begin where it was marked, and what is on the old side has to arrive."""
    fence.release(new, plan.move, ARRIVED)
    if plan.reverse is not None:
        fence.release(new, plan.move, plan.reverse.name)
