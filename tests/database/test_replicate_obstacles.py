"""Moves that meet obstacles: a full disk, a lost slot, a row in the way; named, gone on with, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from replicate_faults import small_log
from replicate_scene import Fault, Scene, quiet, scene
from replicate_support import MovedDatabase, Stand
from test_replicate_faults import copied, happens, stepped

from postai.errors import PostaiError
from postai.replicate import asked, machine
from postai.replicate.cutover import NotReady
from postai.replicate.types import Method, Side, State, Step
from postai.replicate.undo import SwitchUnfinished

pytestmark = pytest.mark.soak
MESSAGE = "select pg_logical_emit_message(false, 'test', repeat('x', 1000000))"


@pytest.mark.parametrize("side", list(Side))
def test_a_disk_that_is_full_of_log(stand: Stand, tmp_path: Path, side: Side) -> None:
    """The server itself gives up then, until there is room."""
    server = stand.source_server if side is Side.SOURCE else stand.target_server
    database = stand.source if side is Side.SOURCE else stand.target
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        with small_log(server, 40) as enlarge:
            at.well(f"{side} restarted", time.monotonic(), State.READY)
            with pytest.raises(psycopg.Error), database.connect() as connection:
                for _ in range(3000):
                    connection.execute(MESSAGE)
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                at.turn()
            enlarge()
            at.well(f"{side}: no room for the log", time.monotonic(), State.READY)
            at.client.wait_for(10)
        at.well(f"{side} restarted", time.monotonic(), State.READY)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


def test_a_copy_that_was_disturbed_at_its_end(stand: Stand, tmp_path: Path) -> None:
    """As the server leaves it that had dropped the slot and could not note it: it would look for the slot for ever."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        stand.target.execute("alter subscription postai_1_fwd disable")  # its process knows the tables as ready
        while stand.target.execute("select from pg_stat_subscription where pid is not null"):
            time.sleep(0.05)
        stand.target.execute(
            "update pg_subscription_rel set srsubstate = 'f', srsublsn = null where srrelid in "
            "('loss.history'::regclass, 'postai_1.fence'::regclass)"
        )
        stand.target.execute("alter subscription postai_1_fwd enable")
        at.unharmed()
        at.well("a copy disturbed at its end", time.monotonic(), State.READY)
        anew = "select count(*) from postai.replication_event where what ~ 'is copied anew'"
        assert stand.target.execute(anew) == [(2,)]
        stream = at.move.stream(Side.SOURCE)
        with at.move.sides() as (source, target):
            at.drive(lambda _: stream.unfinished(source, target) == ())
        verify(at)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@contextmanager
def little_kept(database: MovedDatabase) -> Iterator[None]:
    """A server that keeps little of its log for slots."""
    database.execute("alter system set max_slot_wal_keep_size = '16MB'")
    database.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        database.execute("alter system reset max_slot_wal_keep_size")
        database.execute("select pg_reload_conf()")


def written(database: MovedDatabase) -> None:
    """More log than it keeps for a slot."""
    for _ in range(60):
        database.execute(MESSAGE)
    database.execute("checkpoint")


def test_a_slot_that_is_lost_while_copying(stand: Stand, tmp_path: Path) -> None:
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.SCHEMA_COPIED)
        wire = at.wires[Side.SOURCE]
        wire.bandwidth(400_000)
        at.until(State.COPYING)
        at.drive(lambda _: copied(stand) > 0)
        with little_kept(stand.source):
            wire.cut()
            written(stand.source)
            wire.restore()
            began = time.monotonic()
            at.drive(lambda row: row.restarts == 1)
        at.unharmed()
        at.well("slot lost while copying", began, State.READY)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


def test_a_slot_that_is_lost_while_the_target_serves(stand: Stand, tmp_path: Path) -> None:
    """The target goes on serving; there is no way back, which is said, and the move can be completed."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.client.wait_for(10)
        with little_kept(stand.target), at.client.window() as seen:
            at.wires[Side.TARGET].cut()
            written(stand.target)
            at.wires[Side.TARGET].restore()
            began = time.monotonic()
            while at.turn().state is not State.FAILED:
                assert time.monotonic() - began < 15, at.move.row
            print(f"slot lost while the target serves: failed after {time.monotonic() - began:.1f} s", flush=True)
            at.client.wait_for(10)
        row = at.move.row
        assert row.error and "the way back was given up" in row.error.message and row.serving is Side.TARGET
        assert f"replicate complete {row.name}" in (row.error.hint or "") and seen().errors == {}
        assert stand.target.execute("select from pg_replication_slots where slot_name = 'postai_1_rev'") == []
        assert isinstance(at.switch(Side.SOURCE), NotReady)
        with at.home() as home:
            at.move = machine.resume(home, at.move)
        for _ in range(3):
            row = at.turn()
        assert row.serving is Side.TARGET and row.error and row.error.message.startswith("there is no way back")
        assert stand.source.execute("select from pg_subscription where subname = 'postai_1_rev'") == []
        assert isinstance(error := at.switch(Side.SOURCE), PostaiError), error
        at.client.wait_for(10)
        at.end()


@pytest.mark.parametrize("state", [State.COPYING, State.READY, State.SERVING_TARGET])
def test_a_row_in_the_way(stand: Stand, tmp_path: Path, state: State) -> None:
    """A stranger wrote it where only the move should write; the clients notice nothing."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.SCHEMA_COPIED if state is State.COPYING else State.READY)
        if state is State.SERVING_TARGET:
            assert at.switch(Side.TARGET, max_pause=10.0) is None
            at.client.wait_for(10)
            at.well("switched", time.monotonic(), State.SERVING_TARGET)
        written_to, in_the_way = (
            (stand.target, stand.source) if state is State.SERVING_TARGET else (stand.source, stand.target)
        )
        row = "insert into loss.branch (id, balance) values (900001, 0)"
        with at.client.window() as seen:
            in_the_way.execute(row)
            written_to.execute(row)
            began = time.monotonic()
            said = at.drive(lambda row: row.error is not None).error
            print(f"a row in the way, {state}: said after {time.monotonic() - began:.1f} s: {said}", flush=True)
            assert said and "apply" in said.message and "a row that is there already" in (said.hint or "")
            end = time.monotonic() + 6
            while time.monotonic() < end:  # it is tried again, and stands in the row
                at.turn()
            in_the_way.execute("delete from loss.branch where id = 900001")
            at.well(f"a row in the way, {state}", time.monotonic(), *after(state))
        assert seen().errors == {}
        if state is not State.SERVING_TARGET:
            at.until(State.READY)
            verify(at)
            assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


def verify(at: Scene) -> None:
    """Compared again, as the gates demand after changes that met rows of strangers."""
    with at.home() as home:
        asked.verified(home, at.move, quiet)


def after(state: State) -> tuple[State, ...]:
    """Where a move may be once the row is gone."""
    return (State.COPYING, State.CATCHING_UP, State.VERIFYING, State.READY) if state is State.COPYING else (state,)


@pytest.mark.parametrize("gone", ["client", "server"])
def test_a_connection_whose_other_end_is_gone(stand: Stand, tmp_path: Path, gone: Literal["client", "server"]) -> None:
    """A machine, or what a firewall knew, is away without a word: the servers would wait a minute for each other."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.SCHEMA_COPIED)
        wire = at.wires[Side.SOURCE]
        wire.bandwidth(800_000)
        at.until(State.COPYING)
        at.drive(lambda _: copied(stand) > 0)
        if gone == "client":  # what a server copies from cannot vanish behind a wire that answers for it
            wire.half_open(gone)
            wire.restore()
            at.well("the subscriber is gone while copying", time.monotonic(), *after(State.COPYING))
        at.until(State.READY)
        wire.half_open(gone)
        at.well(f"the {gone} of the stream is gone", time.monotonic(), State.READY)
        at.unharmed()
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.client.wait_for(10)
        at.well("switched", time.monotonic(), State.SERVING_TARGET)
        with at.client.window() as seen:
            at.wires[Side.TARGET].half_open(gone)
            at.well(f"the {gone} of the way back is gone", time.monotonic(), State.SERVING_TARGET)
        assert seen().errors == {}
        at.end()


@pytest.mark.parametrize("side", list(Side))
def test_a_side_that_stays_away_in_the_pause(stand: Stand, tmp_path: Path, side: Side) -> None:
    """It is said soon; without the target the source serves at once, without the source as soon as it is there."""
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.READY)
        fault = Fault(f"{side} cut 25", at)
        began = time.monotonic()
        error = at.switch(Side.TARGET, stepped(Step.FENCED, fault))
        took = time.monotonic() - began
        print(f"{side} away at fenced: {type(error).__name__} after {took:.1f} s: {error}", flush=True)
        assert took < 15
        if side is Side.TARGET:
            at.client.wait_for(10, 5)
        else:
            assert isinstance(error, SwitchUnfinished) and error.hint
            row = at.turn()
            assert row.state is State.SWITCHING and row.error and row.error.hint, row
        assert fault.over == 0.0
        at.well(f"{side} away in the pause", fault.wait(), State.READY)
        at.client.wait_for(10)
        assert at.switch(Side.TARGET, max_pause=10.0) is None
        at.end()


@pytest.mark.parametrize("kind", ["source kill", "target kill", "source cut 4", "target cut 4", "source hole 4"])
def test_a_fault_where_triggers_carry_the_changes(stand: Stand, tmp_path: Path, kind: str) -> None:
    with scene(stand, tmp_path) as at:
        at.begin()
        at.until(State.ANALYSED, State.PREFLIGHT_OK)
        stand.target.execute("update postai.replication set method = 'trigger'")
        at.until(State.COPYING)
        happens(at, kind, "copying", State.COPYING, State.CATCHING_UP, State.VERIFYING, State.READY)
        at.until(State.READY)
        assert at.move.row.method is Method.TRIGGER
        happens(at, kind, "ready", State.READY)
        for step in (Step.FENCED, Step.REDIRECTED):
            fault = Fault(kind, at)
            error = at.switch(Side.TARGET, stepped(step, fault))
            print(f"{kind} at {step}: {type(error).__name__}", flush=True)
            at.well(f"triggers: {kind} at {step}", fault.wait(), State.READY, State.ROLLED_BACK, State.SERVING_TARGET)
            at.client.wait_for(10)
            if step is Step.FENCED and at.move.row.serving is Side.TARGET:
                assert at.switch(Side.SOURCE, max_pause=10.0) is None
        at.until(State.SERVING_TARGET)
        happens(at, kind, "serving_target", State.SERVING_TARGET)
        at.end()


def test_a_right_that_is_missing(stand: Stand, tmp_path: Path) -> None:
    """The error says which side refused, as the move did what, with the server's SQLSTATE; mended, it goes on."""
    stand.source.execute("create role postai_mover login replication password 'postai_mover'")
    try:
        with scene(stand, tmp_path) as at:
            at.begin()
            refused(at, stand)
            at.until(State.READY)
            at.end(State.ABORTED)
    finally:
        stand.source.execute("drop owned by postai_mover; drop role postai_mover")


def refused(at: Scene, stand: Stand) -> None:
    """A right that is taken away after the check."""
    at.until(State.PREFLIGHT_OK)
    known = at.move.dsns
    at.move = replace(at.move, dsns={**known, Side.SOURCE: stand.source_dsn("postai_mover")})
    while at.turn().state is not State.FAILED:
        pass
    error = at.move.row.error
    print("a right is missing:", error, flush=True)
    assert error and error.sqlstate == "42501" and error.message.startswith("the source refused as the move ")
    assert "replicate check legacy new" in (error.hint or "")
    with at.home() as home:
        at.move = machine.resume(home, replace(at.move, dsns=known))
