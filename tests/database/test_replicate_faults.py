"""Moves whose servers die, whose network is cut or swallows, in every state: they go on, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from replicate_faults import killed_at, small_disk
from replicate_scene import Fault, Scene, quiet, scene
from replicate_support import PgBouncer, Stand

from conftest import drop_database, make_database
from postai.database import ConnectionLost, connect
from postai.database import dsn as dsn_parts
from postai.errors import LockNotObtained, Refused
from postai.replicate import asked, cleanup, fence, machine, store
from postai.replicate.cutover import NotReady, SwitchUndone
from postai.replicate.journal import Journal
from postai.replicate.move import Move
from postai.replicate.redirect import RedirectFailed
from postai.replicate.sessions import open_session
from postai.replicate.types import OnStep, Side, State, Step
from postai.replicate.undo import SwitchUnfinished
from postai.setup.install import InstallOptions, install

FAULTS = [
    f"{side} {what}" for what in ("kill", "immediate", "cut 4", "hole 4", "cut 9", "hole 9") for side in Side
]  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("by", ["file", "pgbouncer"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_every_state(
    stand: Stand, tmp_path: Path, kind: str, by: str, request: pytest.FixtureRequest
) -> None:
    bouncer = request.getfixturevalue("bouncer") if by == "pgbouncer" else None
    with scene(stand, tmp_path, bouncer) as at:
        at.begin()
        at.until(State.SCHEMA_COPIED)
        for wire in at.wires.values():
            wire.bandwidth(800_000)
        at.until(State.COPYING)
        at.drive(lambda _: copied(stand) > 0)
        happens(at, kind, "copying", State.COPYING, State.CATCHING_UP, State.VERIFYING, State.READY)
        at.until(State.CATCHING_UP, State.VERIFYING, State.READY)
        happens(at, kind, "catching_up", State.CATCHING_UP, State.VERIFYING, State.READY)
        at.until(State.READY)
        happens(at, kind, "ready", State.READY)
        for step in (Step.FENCED, Step.REVERSE_SLOT):
            label = f"{by} {kind} in the pause at {step}"
            fault = Fault(kind, at)
            began = time.monotonic()
            error = at.switch(Side.TARGET, stepped(step, fault))
            print(f"{label}: {type(error).__name__} after {time.monotonic() - began:.1f} s", flush=True)
            at.well(label, fault.wait(), State.READY, State.ROLLED_BACK, State.SERVING_TARGET)
            at.client.wait_for(10)
            if at.move.row.serving is Side.TARGET:
                assert at.switch(Side.SOURCE) is None
                at.until(State.ROLLED_BACK)
        fault = Fault(kind, at)
        error = at.switch(Side.TARGET, stepped(Step.REDIRECTED, fault))
        assert error is None or not isinstance(error, SwitchUndone)
        at.well(f"{by} {kind} after the redirect", fault.wait(), State.SERVING_TARGET)
        at.client.wait_for(10)
        happens(at, kind, "serving_target", State.SERVING_TARGET)
        assert at.switch(Side.SOURCE, max_pause=10.0) is None
        at.until(State.ROLLED_BACK)
        at.client.wait_for(10)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.until(State.SERVING_TARGET)
        at.client.wait_for(10)
        at.end()


def copied(stand: Stand) -> int:
    """How much of the large table is under way to the target."""
    ((found,),) = stand.target.execute("select coalesce(sum(tuples_processed), 0)::int from pg_stat_progress_copy")
    assert isinstance(found, int)
    return found


def happens(at: Scene, kind: str, label: str, *states: State) -> None:
    """A fault now; the move is well afterwards."""
    fault, serving = Fault(kind, at), at.move.row.serving
    with at.client.window() as seen:
        fault()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            at.turn()
            time.sleep(0.1)
        at.well(f"{kind} while {label}", fault.wait(), *states)
    if kind not in (f"{serving} kill", f"{serving} immediate"):  # the clients' own server stays, and so do they
        assert seen().errors == {}, seen()
    at.client.wait_for(10)


def stepped(step: Step, fault: Fault) -> Callable[..., None]:
    """Reports of steps among which the fault happens, once."""
    left = [fault]

    def on_step(name: str, detail: str = "") -> None:
        if name == step and left:
            left.pop()()

    return on_step


@pytest.mark.soak
def test_a_password_that_changes_midway(stand: Stand, tmp_path: Path) -> None:
    """Both the driver's own sessions and the subscription take the new one as soon as the connection has it."""
    stand.source.execute("create role postai_faults superuser login password 'first'")
    try:
        with scene(stand, tmp_path) as at:
            at.begin()
            wire = at.wires[Side.SOURCE].port
            known, at.move = (
                at.move.dsns,
                replace(at.move, dsns={**at.move.dsns, Side.SOURCE: as_faults(stand, "first", wire)}),
            )
            at.until(State.READY)
            stand.source.execute("alter role postai_faults password 'second'")
            at.wires[Side.SOURCE].cut()
            at.wires[Side.SOURCE].restore()
            row = at.drive(lambda row: row.error is not None)
            assert row.error and row.error.sqlstate == "28P01" and row.state is State.READY
            at.move = replace(at.move, dsns={**known, Side.SOURCE: as_faults(stand, "second", wire)})
            at.well("password changed", time.monotonic(), State.READY)
            at.end(State.ABORTED)
    finally:
        stand.source.execute("drop role postai_faults")


def as_faults(stand: Stand, password: str, port: int) -> str:
    """The source for a role whose password is changed."""
    given = dsn_parts.parse(stand.source_dsn(port=port))
    return dsn_parts.build({**given, "user": "postai_faults", "password": password})


@pytest.mark.soak
def test_two_moves_of_one_source_that_begin_at_once(stand: Stand, tmp_path: Path) -> None:
    """From two homes, both begun before either has made anything on the source: neither takes what is the other's."""
    second = make_database(stand.target_server, "template0")
    try:
        with scene(stand, tmp_path) as at:
            at.begin()
            other = {**at.move.dsns, Side.TARGET: second.dsn()}
            with connect(second.dsn()) as home:
                install(home, InstallOptions(transport="call"))
                move = machine.start(home, "shop", "legacy", "other", other, options={"full_identity": True})
                ended = time.monotonic() + 60
                states = {State.READY, State.FAILED}
                while {at.turn().state, move.row.state} - states:
                    move = machine.drive(home, move, quiet).move
                    assert time.monotonic() < ended, (at.move.row, move.row)
                print("two homes:", at.move.row.state, at.move.row.error, move.row.state, move.row.error, flush=True)
                assert (at.move.id, at.move.row.state) != (move.id, move.row.state)
                asked.end(home, move, State.ABORTED, quiet)
            at.until(State.READY)
            at.flows(10)
            at.end(State.ABORTED)
    finally:
        drop_database(second)


@pytest.mark.soak
@pytest.mark.parametrize("state", [State.COPYING, State.READY])
def test_a_full_disk_of_the_target(stand: Stand, tmp_path: Path, state: State) -> None:
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.SCHEMA_COPIED if state is State.COPYING else State.READY)
        with small_disk(stand.target, 3) as disk:
            if state is State.READY:
                disk.enlarge(20)
            stand.target.execute(f"alter table odd.big set tablespace {disk.tablespace}")
            stand.source.execute(
                "insert into odd.big select g, repeat(md5(g::text), 32) from generate_series(5000, 20000) g"
            )
            row = at.drive(lambda row: row.error is not None)
            assert row.error and "full disk" in (row.error.hint or "")
            disk.enlarge(200)
            at.well(f"disk full while {state}", time.monotonic(), State.READY)
        at.client.wait_for(10)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.soak
def test_a_slot_that_the_server_gave_up(stand: Stand, tmp_path: Path) -> None:
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        stand.target.execute("alter subscription postai_1_fwd disable")
        stand.source.execute("alter system set max_slot_wal_keep_size = '16MB'")
        stand.source.execute("select pg_reload_conf()")
        try:
            for _ in range(60):
                stand.source.execute("select pg_logical_emit_message(false, 'test', repeat('x', 1000000))")
            stand.source.execute("checkpoint")
            began = time.monotonic()
            at.drive(lambda row: row.restarts == 1)
        finally:
            stand.source.execute("alter system reset max_slot_wal_keep_size")
            stand.source.execute("select pg_reload_conf()")
        at.well("slot lost", began, State.READY)
        at.client.wait_for(10)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.soak
def test_a_conflict_that_is_skipped(stand: Stand, tmp_path: Path) -> None:
    """Skipping leaves out a whole transaction: what was verified before does not let the clients over."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        stand.target.execute("insert into loss.branch (id, balance) values (900001, 0)")
        stand.source.execute(
            "begin; insert into loss.branch (id, balance) values (900001, 0); "
            "insert into loss.branch (id, balance) values (900002, 0); commit"
        )
        row = at.drive(lambda row: row.error is not None)
        assert row.state is State.READY and row.error and "insert_exists" in (row.error.detail or "")
        log = stand.target_server.log.read_text(errors="replace")
        lsn = re.findall(r"finished at ([0-9A-F]+/[0-9A-F]+)", log)[-1]
        stand.target.execute(f"alter subscription postai_1_fwd skip (lsn = '{lsn}')")
        at.well("conflict skipped", time.monotonic(), State.READY)
        error = at.switch(Side.TARGET)
        assert isinstance(error, NotReady), error
        stand.target.execute("insert into loss.branch (id, balance) values (900002, 0)")
        with at.home() as home:
            asked.verified(home, at.move, quiet)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.soak
def test_a_schema_that_changes_under_load(stand: Stand, tmp_path: Path) -> None:
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.COPYING)
        app = stand.source
        app.execute("alter table loss.history add column later int default 3")
        app.execute("create table loss.made (id int primary key, what text); insert into loss.made values (1, 'x')")
        app.execute("create table loss.loose (what text); insert into loss.loose values ('a')")
        app.execute("update loss.loose set what = 'b'")
        app.execute("truncate odd.big")
        began = time.monotonic()
        at.until(State.READY)
        at.well("added column, tables; truncated", began, State.READY)
        app.execute(
            "create table loss.late (what text); insert into loss.late values ('a'); update loss.late set what = 'b'"
        )
        app.execute("alter table loss.history add column latest text default 'y'")
        app.execute("truncate loss.made; insert into loss.made values (2, 'y')")
        at.well("the same when ready", time.monotonic(), State.READY)
        app.execute("update loss.late set what = 'c'; delete from loss.loose")
        assert stand.target.execute("select count(*) from odd.big") == [(0,)]
        app.execute("alter table loss.history drop column latest")
        end = time.monotonic() + 30
        while at.move.row.state is not State.FAILED:
            at.turn()
            assert time.monotonic() < end
        assert at.move.row.error and "latest" in f"{at.move.row.error.message} {at.move.row.error.detail}"
        assert "drop column" in (at.move.row.error.hint or "").lower(), at.move.row.error
        stand.target.execute("alter table loss.history drop column latest")
        with at.home() as home:
            at.move = machine.resume(home, at.move)
        at.well("dropped column", time.monotonic(), State.READY)
        with at.home() as home:
            asked.verified(home, at.move, quiet)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


def stops(on_step: OnStep, source: str, target: str, redirect: str, journal: str, pid: str, step: str) -> None:
    """A switch whose process stops itself at a step, as when its machine sleeps."""

    def stop(name: str, detail: str = "") -> None:
        on_step(name, detail)
        if name == step:
            Path(pid).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)

    with open_session(target) as home:
        places = {Side.SOURCE: source, Side.TARGET: target}
        move = Move(store.find(home, "shop"), places, {"shop": json.loads(redirect)})
        try:
            asked.switch(home, move, Side.TARGET, stop, journal=Journal(Path(journal)))
        except (SwitchUndone, ConnectionLost) as error:
            on_step(type(error).__name__)


@pytest.mark.soak
@pytest.mark.parametrize("by", ["file", "pgbouncer"])
@pytest.mark.parametrize("step", [Step.FENCED, Step.REVERSE_SLOT, Step.REDIRECTING])
def test_a_driver_that_sleeps_in_the_pause(
    stand: Stand, tmp_path: Path, step: Step, by: str, request: pytest.FixtureRequest
) -> None:
    """Longer than max_pause: locks are given back by the server, and what was written then is not left behind."""
    bouncer = request.getfixturevalue("bouncer") if by == "pgbouncer" else None
    pid = tmp_path / "pid"
    with scene(stand, tmp_path, bouncer) as at:
        at.begin()
        at.until(State.READY)
        given = {**at.redirect, "source": stand.source_dsn(), "target": stand.target_dsn()}
        with ThreadPoolExecutor(1) as pool, at.client.window() as seen:
            running = pool.submit(
                killed_at, 0, "test_replicate_faults:stops", source=stand.source_dsn(), target=stand.target_dsn(),
                redirect=json.dumps(given), journal=str(tmp_path / "journal" / "replicate.db"), pid=str(pid), step=step,
            )  # fmt: skip
            while not pid.exists():
                assert not running.done(), running.result()
                time.sleep(0.01)
            time.sleep(7)
            os.kill(int(pid.read_text()), signal.SIGCONT)
            steps = running.result(60).steps
        print(f"{by} asleep at {step}: {steps[-1]}, gap {seen().gap:.1f} s, {seen().errors}", flush=True)
        at.well(f"{by} asleep at {step}", time.monotonic(), State.READY, State.SERVING_TARGET)
        at.client.wait_for(20)
        if at.move.row.serving is Side.SOURCE:
            assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.soak
def test_pgbouncer_that_is_gone_in_the_pause(stand: Stand, tmp_path: Path, bouncer: PgBouncer) -> None:
    with scene(stand, tmp_path, bouncer) as at:
        at.begin()
        at.until(State.READY)
        for step in (Step.FENCED, Step.REDIRECTING):

            def die(name: str, detail: str = "", step: Step = step) -> None:
                if name == step:
                    bouncer.stop()

            error = at.switch(Side.TARGET, die)
            print(f"PgBouncer gone at {step}: {type(error).__name__}: {error}", flush=True)
            assert isinstance(error, SwitchUnfinished) and error.hint
            row = at.turn()
            assert row.state is State.SWITCHING and row.error and row.error.hint
            bouncer.start()
            at.well(f"PgBouncer gone at {step}", time.monotonic(), State.READY)
            at.client.wait_for(10)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.soak
def test_abort_within_a_switch(stand: Stand, tmp_path: Path) -> None:
    """Undone and given up before the redirect; refused after it, since the target serves."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        arguments = {"source": stand.source_dsn(), "target": stand.target_dsn(), "journal": str(tmp_path / "j.db"),
                     "address": str(at.redirect["path"])}  # fmt: skip
        assert killed_at("redirected", "test_replicate_machine:life", **arguments).killed
        with pytest.raises(Refused, match="the target serves"):
            at.end(State.ABORTED)
        at.until(State.SERVING_TARGET)
        with pytest.raises(Refused, match="the target serves"):
            at.end(State.ABORTED)
        assert at.switch(Side.SOURCE, max_pause=10.0) is None
        at.until(State.ROLLED_BACK)
        assert killed_at("fenced", "test_replicate_faults:switches", **arguments).killed
        at.end(State.ABORTED)
        assert at.move.row.state is State.ABORTED


def switches(on_step: OnStep, source: str, target: str, address: str, journal: str) -> None:
    """A switch to the target for `killed_at`."""
    with open_session(target) as home:
        places = {Side.SOURCE: source, Side.TARGET: target}
        move = Move(store.find(home, "shop"), places, {"shop": {"driver": "file", "path": address}})
        asked.switch(home, move, Side.TARGET, on_step, journal=Journal(Path(journal)))


@pytest.mark.soak
def test_two_drivers_at_once(stand: Stand, tmp_path: Path) -> None:
    """Agent and command: one of them drives and switches, the other is told so."""
    with scene(stand, tmp_path) as at:
        at.begin()
        stop, refused = threading.Event(), []

        def other() -> None:
            with open_session(stand.target_dsn()) as home:
                while not stop.is_set():
                    try:
                        machine.drive(home, at.move, quiet)
                    except LockNotObtained as error:
                        refused.append(error)
                    stop.wait(0.2)  # else the other one never has its turn

        with ThreadPoolExecutor(2) as pool:
            running = pool.submit(other)
            try:
                at.until(State.READY)
            finally:
                stop.set()
            running.result(60)
            both = list(pool.map(lambda _: at.switch(Side.TARGET, max_pause=10.0), range(2)))
        assert refused and refused[0].hint
        assert [one for one in both if one is None] == [None]
        assert isinstance(next(one for one in both if one is not None), (LockNotObtained, Refused))
        at.until(State.SERVING_TARGET)
        at.client.wait_for(10)
        at.end()


@pytest.mark.soak
def test_a_redirect_file_that_cannot_be_replaced(stand: Stand, tmp_path: Path) -> None:
    """A symlink is followed, the file behind it replaced; one on a disk that is read-only leaves the source serving."""
    with scene(stand, tmp_path) as at:
        path = Path(str(at.redirect["path"]))
        real = tmp_path / "elsewhere" / "address"
        real.parent.mkdir()
        path.rename(real)
        path.symlink_to(real)
        at.begin()
        at.until(State.READY)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        print("symlink:", path.is_symlink(), real.read_text() == path.read_text(), flush=True)
        assert path.is_symlink() and at.switch(Side.SOURCE, max_pause=10.0) is None
        at.until(State.ROLLED_BACK)
        subprocess.run(["mount", "--bind", "-o", "ro", real.parent, real.parent], check=True)
        try:
            error = at.switch(Side.TARGET)
        finally:
            subprocess.run(["umount", real.parent], check=True)
        assert isinstance(error, RedirectFailed) and "cannot be replaced" in error.message, error
        at.well("redirect file read-only", time.monotonic(), State.ROLLED_BACK)
        at.end(State.ABORTED)


def test_what_another_home_has_on_the_source_stays(stand: Stand) -> None:
    with open_session(stand.source_dsn()) as source, open_session(stand.target_dsn()) as target:
        fence.claim(source, target, 7)
        fence.claim(source, target, 7)
        assert not fence.foreign(source, target, 7)
        target.execute("drop schema postai_7 cascade")  # as another home that counts up to 7
        with pytest.raises(Refused, match="another target's move") as caught:
            fence.claim(source, target, 7)
        assert caught.value.sqlstate == "PA003" and "another number" in (caught.value.hint or "")
        cleanup.both(source, target, 7)
        assert stand.leftovers() == ["source: schema postai_7"]
        source.execute(
            "drop schema postai_7 cascade; create schema postai_7; create role odd_squatter; "
            "alter schema postai_7 owner to odd_squatter"
        )  # whose triggers would run as postai
        with pytest.raises(Refused, match="another role made the schema postai_7") as caught:
            fence.claim(source, target, 7)
        assert caught.value.sqlstate == "PA003" and "another number" in (caught.value.hint or "")
        cleanup.both(source, target, 7)
        assert stand.leftovers() == ["source: schema postai_7"]
        source.execute("drop schema postai_7; drop role odd_squatter")
