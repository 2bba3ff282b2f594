"""Drivers of moves that are killed or interrupted at every step: the next one goes on, and nothing is lost."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from agent_support import running, wait_for
from replicate_faults import killed_at
from replicate_scene import Scene, quiet, scene
from replicate_support import Stand
from test_replicate_sql import Place, held_up, place

from postai.replicate import asked, machine, store
from postai.replicate.journal import Journal
from postai.replicate.move import Move
from postai.replicate.sessions import open_session
from postai.replicate.store import Ending
from postai.replicate.types import OnStep, Side, State, Step

__all__ = ["place"]
pytestmark = pytest.mark.soak
STEPS = tuple(one for one in Step if one is not Step.UNDONE)
SETTLED = (State.READY, State.ROLLED_BACK, State.SERVING_TARGET)
# What the driver says on the way to `ready`, in its order.
WORK = (
    "checks both sides", State.ANALYSED, State.PREFLIGHT_OK, "copies roles", "copies the schema: pre-data",
    "copies the schema: keys", State.SCHEMA_COPIED, "begins to copy", State.COPYING, "builds indexes and keys",
    "carries statistics over", "fills materialized views", State.CATCHING_UP, "prepares the way back", State.VERIFYING,
    "compares both sides", State.READY,
)  # fmt: skip


def moved(source: str, target: str, redirect: str) -> Move:
    """The scene's move, for a driver in a process of its own."""
    with open_session(target) as home:
        places = {Side.SOURCE: source, Side.TARGET: target}
        return Move(store.find(home, "shop"), places, {"shop": json.loads(redirect)})


def drives(on_step: OnStep, to: str, journal: str, **given: str) -> None:
    """Bring the move to a state; `completed` and `aborted` end it."""
    move, state = moved(**given), State(to)
    with open_session(given["target"]) as home:
        if state in store.ENDED:
            asked.end(home, move, state, on_step, Ending(reopen_source=True))
            return
        while (move := machine.drive(home, move, on_step, Journal(Path(journal))).move).row.state is not state:
            time.sleep(0.1)


def switches(on_step: OnStep, to: str, journal: str, **given: str) -> None:
    """Switch to a side."""
    with open_session(given["target"]) as home:
        asked.switch(home, moved(**given), Side(to), on_step, journal=Journal(Path(journal)), max_pause=10.0)


def given(at: Scene, to: str) -> dict[str, str]:
    """What a driver in a process of its own is told."""
    source, target = at.stand.source_dsn(), at.stand.target_dsn()
    return {"source": source, "target": target, "to": to, "journal": str(at.journal._path),
            "redirect": json.dumps({**at.redirect, "source": source, "target": target})}  # fmt: skip


def test_a_driver_that_is_killed_in_every_state(stand: Stand, tmp_path: Path) -> None:
    """Each one goes on where the one before died, and comes to its own death within seconds."""
    with scene(stand, tmp_path) as at:
        at.begin()
        for name in WORK:
            began = time.monotonic()
            died = killed_at(name, "test_replicate_deaths:drives", **given(at, State.READY))
            took = time.monotonic() - began
            print(f"killed at {name} after {took:.1f} s: {died.steps}", flush=True)
            assert died.killed and took < 15, name
        at.unharmed()
        at.well("killed in every state", time.monotonic(), State.READY)
        for name in ("ending", "cleaned", "reopened", State.ABORTED):
            died = killed_at(name, "test_replicate_deaths:drives", **given(at, State.ABORTED))
            print(f"killed at {name}: {died.steps}", flush=True)
        at.until(State.ABORTED)
        at.unharmed()


@pytest.mark.parametrize("by", ["file", "pgbouncer"])
@pytest.mark.parametrize("to", list(Side))
def test_a_driver_that_is_killed_at_every_step(
    stand: Stand, tmp_path: Path, to: Side, by: str, request: pytest.FixtureRequest
) -> None:
    bouncer = request.getfixturevalue("bouncer") if by == "pgbouncer" else None
    with scene(stand, tmp_path, bouncer) as at:
        at.begin()
        at.until(State.READY)
        for step in STEPS:
            leave(at, to)
            died = killed_at(step, "test_replicate_deaths:switches", **given(at, to))
            assert died.killed, (step, died.steps)
            label = f"{by}, to the {to}, killed at {step}"
            at.well(label, time.monotonic(), *SETTLED)
            at.client.wait_for(5)
            after = step in STEPS[STEPS.index(Step.REDIRECTED) :]
            assert (at.move.row.serving is to) is after, label
        leave(at, Side.SOURCE)
        at.end()


def leave(at: Scene, to: Side) -> None:
    """The other side serves."""
    if at.move.row.serving is to:
        error = at.switch(to.other, max_pause=10.0)
        assert error is None, (error, getattr(error, "detail", None), at.said())
    at.until(*SETTLED)


@pytest.mark.parametrize("by", ["file", "pgbouncer"])
def test_a_switch_that_is_interrupted_at_every_step(
    stand: Stand, tmp_path: Path, by: str, request: pytest.FixtureRequest
) -> None:
    """Ctrl-C in a terminal: undone or finished before the command ends."""
    bouncer = request.getfixturevalue("bouncer") if by == "pgbouncer" else None
    with scene(stand, tmp_path, bouncer) as at:
        at.begin()
        at.until(State.READY)
        for step in STEPS:
            leave(at, Side.TARGET)
            left = [step]

            def interrupt(name: str, detail: str = "", left: list[Step] = left) -> None:
                if name in left:
                    left.clear()
                    signal.raise_signal(signal.SIGINT)

            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                at.switch(Side.TARGET, interrupt, max_pause=10.0)
            with at.home() as home:
                at.move = at.move.read(home)
            row = at.move.row
            print(f"{by}, Ctrl-C at {step}: {row.state} after {time.monotonic() - began:.1f} s", flush=True)
            assert row.state in SETTLED and at.journal.unfinished() == ()
            after = step in STEPS[STEPS.index(Step.REDIRECTED) :]
            assert (row.serving is Side.TARGET) is after, step
            at.client.wait_for(5)
        leave(at, Side.SOURCE)
        with at.home() as home:
            machine.drive(home, at.move, quiet)
        at.end()


def test_an_agent_that_is_killed_again_and_again(place: Place) -> None:
    """A real one: the next one leads, and the move goes on, within seconds."""
    with running(place.agent):
        place.agent.until("leading this database")
        place.one("select postai.replicate_start('shop', 'legacy', 'new')")
        wait_for(lambda: place.state() != "requested")
        for wait in (0.0, 0.2, 0.4, 0.8, 1.6, 3.0):
            time.sleep(wait)
            state = place.state()
            assert killed(place, state) < 15
        place.until_ready()
        with ThreadPoolExecutor(1) as pool, held_up(place):
            asked = pool.submit(place.refused, "call postai.cutover('shop', '20 s')")
            wait_for(lambda: place.state() == "switching")
            place.agent.kill()
            began = time.monotonic()
            place.agent.start()
            wait_for(lambda: place.state() == "ready")
            took = time.monotonic() - began
            assert asked.result(60).sqlstate == "PA009"
        print(f"an agent killed within the switch: ready after {took:.1f} s", flush=True)
        assert took < 15
        assert place.call("call postai.cutover('shop')")[-1].startswith("the target serves")
        assert killed(place, "serving_target") < 15


def killed(place: Place, label: str) -> float:
    """Kill the agent and start another one; seconds until that carries the move on."""
    place.agent.kill()
    began, at = time.monotonic(), place.one("select now()")
    place.agent.start()
    wait_for(lambda: place.one(f"select updated_at > '{at}' from postai.replication"))
    took = time.monotonic() - began
    print(f"an agent killed, {label}: the next one drives after {took:.1f} s: {place.state()}", flush=True)
    return took
