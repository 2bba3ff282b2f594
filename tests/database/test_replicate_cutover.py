"""The switch under load, there and back: nothing is lost, whatever fails or dies, and never do both sides serve."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from agent_support import wait_for
from replicate_faults import crash, killed_at
from replicate_move import MOVE, Moved, begin, sides
from replicate_support import SMALL, PgBouncer, Stand

from loss import Load, LossClient, Proxy, check, compare
from postai.deadline import Deadline
from postai.replicate import cutover, fence, slots, writers
from postai.replicate.cutover import Limits, NotReady, SwitchUndone
from postai.replicate.redirect import RedirectFailed
from postai.replicate.sessions import open_session
from postai.replicate.types import Level, Side, Step
from postai.replicate.undo import SwitchUnfinished

# The steps between holding the clients back and the point of no return.
BEFORE = tuple(Step)[tuple(Step).index(Step.PAUSING) : tuple(Step).index(Step.REDIRECTED)]


def quiet(name: str, detail: str = "") -> None:
    """Nobody wants to know."""


def settled(stand: Stand, client: LossClient, serving: Side) -> None:
    """Nothing is lost on the side that serves, the other one is equal once it has followed, and only one serves."""
    dsns = {Side.SOURCE: stand.source_dsn(), Side.TARGET: stand.target_dsn()}
    assert check(client.record, dsns[serving]) == ()
    with sides(stand) as (source, target):
        pair = {Side.SOURCE: source, Side.TARGET: target}
        assert not writers.closed(pair[serving]) and writers.closed(pair[serving.other])
        fence.cross(pair[serving], pair[serving.other], MOVE, Deadline.after(60))
    found = compare(dsns[serving], dsns[serving.other], sequences=False)
    assert [one for one in found if one.where.startswith("loss.")] == []


def test_there_and_back_through_pgbouncer(stand: Stand, bouncer: PgBouncer) -> None:
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(50)
        rehearsed = cutover.switch(moved.switch(Side.TARGET, driver), quiet, rehearse=True)
        assert rehearsed.serving is Side.SOURCE and rehearsed.pause == 0
        with client.window() as seen:
            there = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
            back = cutover.switch(moved.switch(Side.SOURCE, driver), quiet)
            client.wait_for(50)
            again = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
    assert (there.serving, back.serving, again.serving) == (Side.TARGET, Side.SOURCE, Side.TARGET)
    assert seen().errors == {}
    assert [step for step, _ in there.steps] == [step for step in Step if step is not Step.UNDONE]
    settled(stand, client, Side.TARGET)
    driver.close()


def test_there_and_back_without_a_proxy(stand: Stand, tmp_path: Path) -> None:
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app") + "\n")
    address.chmod(0o640)
    driver = moved.by_file(address)
    with LossClient(address, SMALL) as client:
        client.wait_for(50)
        with client.window() as seen:
            outcome = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
            cutover.switch(moved.switch(Side.SOURCE, driver), quiet)
            client.wait_for(50)
    assert outcome.ended >= SMALL.clients and seen().fatal == {}
    assert address.read_text() == stand.source_dsn("odd_app") + "\n" and address.stat().st_mode & 0o777 == 0o640
    settled(stand, client, Side.SOURCE)


def test_what_takes_too_long_is_undone(stand: Stand, bouncer: PgBouncer) -> None:
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    with psycopg.connect(bouncer.dsn(), prepare_threshold=None) as slow, LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(30)

        def begin_late(name: str, detail: str = "") -> None:
            if name == Step.PAUSING:  # a transaction that PAUSE has to wait for, after the gates
                slow.execute("update loss.branch set balance = balance where id = 1")

        with client.window() as seen, pytest.raises(SwitchUndone) as caught:
            cutover.switch(moved.switch(Side.TARGET, driver, max_pause=1.0), begin_late)
        assert caught.value.sqlstate == "PA009" and caught.value.hint
        plan = replace(moved.switch(Side.TARGET, driver), limits=Limits(transaction_seconds=0.2))
        with pytest.raises(NotReady, match=r"older than 0\.2 s") as shut:
            time.sleep(0.3)
            cutover.switch(plan, quiet)
        assert shut.value.sqlstate == "PA003" and shut.value.hint == "wait for them, or end them"
        slow.rollback()
        client.wait_for(30)
    assert seen().errors == {} and driver.where() is Side.SOURCE
    assert check(client.record, stand.source_dsn()) == ()
    driver.close()


def test_a_failure_before_the_redirect_is_undone(stand: Stand, tmp_path: Path) -> None:
    fails(stand, tmp_path, Step.REDIRECTING)


@pytest.mark.soak
def test_any_failure_before_the_redirect_is_undone(stand: Stand, tmp_path: Path) -> None:
    fails(stand, tmp_path, *BEFORE)


def fails(stand: Stand, tmp_path: Path, *steps: Step) -> None:
    """A switch that fails at each of these steps in turn, in both directions."""
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    driver = moved.by_file(address)
    with LossClient(address, SMALL) as client:
        for to in (Side.TARGET, Side.SOURCE):
            for step in steps:
                client.wait_for(5)
                with pytest.raises(ArithmeticError):
                    cutover.switch(moved.switch(to, driver), failing(step))
                assert driver.where() is to.other
                client.wait_for(5)
            cutover.switch(moved.switch(to, driver), quiet)
    settled(stand, client, Side.SOURCE)


def failing(step: str) -> Callable[..., None]:
    """Reports of steps that raise at that one."""

    def on_step(name: str, detail: str = "") -> None:
        if name == step:
            raise ArithmeticError(name)

    return on_step


def work(on_step: object, source: str, target: str, admin: str, file: str, to: str) -> None:
    """A switch for `killed_at`."""
    moved = Moved(source, target)
    cutover.switch(moved.switch(Side(to), moved.by_console(admin, Path(file))), on_step)  # type: ignore[arg-type]


def dies(stand: Stand, bouncer: PgBouncer, boundaries: list[int] | list[str] | itertools.count[int]) -> None:
    """kill -9 at these boundaries of a switch, each followed by a resume: nothing is lost, one side serves."""
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    serving = Side.SOURCE
    with LossClient(bouncer.dsn(), SMALL) as client:
        for boundary in boundaries:
            client.wait_for(10)
            to = serving.other
            died = killed_at(
                boundary, "test_replicate_cutover:work", source=moved.source, target=moved.target,
                admin=bouncer.admin_dsn(), file=str(bouncer.databases), to=to,
            )  # fmt: skip
            plan = moved.switch(to, driver)
            serving = cutover.resume_switch(plan, quiet).serving
            assert cutover.resume_switch(plan, quiet).serving is serving
            assert serving is (to if "redirected" in died.steps else to.other), died
            client.wait_for(10)
            with sides(stand) as (source, target):
                pair = {Side.SOURCE: source, Side.TARGET: target}
                assert not writers.closed(pair[serving])
                assert serving is Side.SOURCE or writers.closed(source)
            if not died.killed:
                break
        if serving is Side.SOURCE:
            serving = cutover.switch(moved.switch(Side.TARGET, driver), quiet).serving
            client.wait_for(10)
    assert client.record.window().errors == {}
    settled(stand, client, serving)
    driver.close()


def test_kill_9_of_the_driver_loses_nothing(stand: Stand, bouncer: PgBouncer) -> None:
    dies(stand, bouncer, ["redirecting", "redirected"])


@pytest.mark.soak
def test_kill_9_at_every_boundary_loses_nothing(stand: Stand, bouncer: PgBouncer) -> None:
    dies(stand, bouncer, itertools.count(1))


def test_pgbouncer_that_was_told_half_is_undone_by_what_is_in_force(stand: Stand, bouncer: PgBouncer) -> None:
    """The file says target, PgBouncer has not read it yet and holds the clients: they go to the source again."""
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    before = bouncer.databases.read_text()
    bouncer.admin("SET pool_mode = 'session'")
    assert "pool_mode = session for app" in str(driver.unfit())
    bouncer.admin("SET pool_mode = 'transaction'")
    assert driver.unfit() is None
    plan = moved.switch(Side.TARGET, driver)
    with moved.open(Side.SOURCE) as source:
        writers.close(source, MOVE)
        bouncer.admin("PAUSE app")
        bouncer.databases.write_text(before.replace(str(stand.source_server.port), str(stand.target_server.port)))
        assert driver.where() is Side.SOURCE
        assert cutover.resume_switch(plan, quiet).serving is Side.SOURCE
        assert not writers.closed(source)
    text = bouncer.databases.read_text()
    assert str(stand.source_server.port) in text and str(stand.target_server.port) not in text
    bouncer.admin("RELOAD")
    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(10)
    bouncer.stop()
    with pytest.raises(SwitchUnfinished, match="not known where") as caught:
        cutover.resume_switch(plan, quiet)
    assert caught.value.sqlstate == "PA010" and "resume" in str(caught.value.hint)
    driver.close()


def test_gates_that_are_shut(stand: Stand, tmp_path: Path) -> None:
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    plan = moved.switch(Side.TARGET, moved.by_file(address))
    assert cutover.gates(plan) == ()
    stand.source.execute("create table loss.later (id int primary key)")
    stand.source.execute("alter role odd_app set default_transaction_read_only = off")
    with psycopg.connect(stand.source_dsn()) as other:
        other.execute("create table public.two (id int); prepare transaction 'two phases'")
    stand.target.execute("select pg_drop_replication_slot('postai_7_rev')")
    address.write_text(stand.target_dsn("odd_app"))
    try:
        with pytest.raises(NotReady) as caught:
            cutover.switch(plan, quiet)
    finally:
        stand.source.execute("rollback prepared 'two phases'")
        stand.source.execute("alter role odd_app reset default_transaction_read_only")
    assert [one.check for one in cutover.gates(plan)] == ["redirect", "unfinished_tables", "reverse"]
    for what in ("redirect", "unfinished_tables", "prepared_transactions", "unfenced_roles", "reverse"):
        assert f"{what}: " in str(caught.value.detail)
    with moved.open(Side.SOURCE) as source, open_session(stand.source_dsn("odd_app")) as poor:
        assert not writers.closed(source)
        late_by_bytes = replace(plan, forward=replace(moved.forward, max_lag_bytes=-1))
        assert "lag" in {one.check for one in cutover.gates(late_by_bytes)}
        assert slots.room(source, Side.SOURCE) == () == slots.room(poor, Side.SOURCE, 2**62)  # which may not see it
        (full,) = slots.room(source, Side.SOURCE, 2**62)
        assert (full.check, full.level) == ("disk", Level.BLOCKER) and full.fix[0].startswith("free ")
        shut = writers.gates(poor, Side.SOURCE, transaction_seconds=60)
        assert "own_database" in {one.check for one in shut if one.level is Level.BLOCKER}


def test_a_row_that_takes_too_long_shuts_the_gates(stand: Stand, tmp_path: Path) -> None:
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    plan = replace(moved.switch(Side.TARGET, moved.by_file(address)), limits=Limits(lag_seconds=0.1))
    with psycopg.connect(stand.target_dsn()) as slow:
        slow.execute("lock table loss.branch in share mode")
        stand.source.execute("update loss.branch set balance = balance")
        with pytest.raises(NotReady, match=r"a row takes more than 0\.1 s") as caught:
            cutover.switch(plan, quiet)
    assert (caught.value.sqlstate, caught.value.hint) == ("PA003", "wait until the stream has caught up")
    with pytest.raises(RedirectFailed, match="cannot be replaced") as unwritable:
        (tmp_path / ".address.postai").mkdir()
        cutover.switch(replace(plan, limits=Limits(lag_seconds=10.0)), quiet, rehearse=True)
    assert unwritable.value.sqlstate == "PA010"
    (tmp_path / ".address.postai").rmdir()
    assert list(tmp_path.iterdir()) == [address] and stand.source.execute(
        "select from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase "
        "where datname = current_database() and setrole = 0") == []  # fmt: skip
    with sides(stand) as (source, target):
        target.execute("insert into loss.branch values (-7, 0)")
        source.execute("insert into loss.branch values (-7, 0)")
        wait_for(lambda: not moved.forward.lag(source, target).active and moved.forward.lag(source, target).errors)
        with pytest.raises(NotReady, match="the target cannot apply what it gets") as stuck:
            cutover.switch(plan, quiet)
        assert "a row that is there already" in (stuck.value.hint or "")


def test_the_source_that_dies_in_the_pause_serves_again(stand: Stand, bouncer: PgBouncer) -> None:
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)

    def die(name: str, detail: str = "") -> None:
        if name == Step.FENCED:
            crash(stand.source_server)
            stand.source_server.start()

    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(20)
        with pytest.raises(SwitchUndone):
            cutover.switch(moved.switch(Side.TARGET, driver), die)
        client.wait_for(20)
        assert cutover.switch(moved.switch(Side.TARGET, driver), quiet).serving is Side.TARGET
        client.wait_for(20)
    settled(stand, client, Side.TARGET)
    driver.close()


@pytest.mark.soak
def test_twenty_switches(stand: Stand, bouncer: PgBouncer) -> None:
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    to = Side.TARGET
    with LossClient(
        bouncer.dsn(), Load(clients=8, rate=300, branches=SMALL.branches, accounts=SMALL.accounts)
    ) as client:
        for _ in range(20):
            client.wait_for(50)
            cutover.switch(moved.switch(to, driver), quiet)
            to = to.other
        client.wait_for(50)
    assert client.record.window().errors == {}
    settled(stand, client, Side.SOURCE)
    driver.close()


@pytest.mark.soak
def test_a_source_out_of_reach_in_the_pause(stand: Stand, bouncer: PgBouncer) -> None:
    """The network between the driver and the source is gone, not that of the clients: they are let go all the same."""
    begin(stand)
    bouncer.point_at(stand.source)
    with Proxy("127.0.0.1", stand.source_server.port) as wire:
        moved = Moved(stand.source_dsn(), stand.target_dsn())
        driver = moved.by_bouncer(bouncer)
        plan = moved.switch(Side.TARGET, driver, max_pause=2.0)
        plan = replace(plan, open=Moved(stand.source_dsn(port=wire.port), stand.target_dsn()).open)

        def cut(name: str, detail: str = "") -> None:
            if name == Step.FENCED:
                wire.black_hole()
                threading.Timer(9, wire.restore).start()

        with LossClient(bouncer.dsn(), SMALL) as client:
            client.wait_for(20)
            with client.window() as seen, pytest.raises(SwitchUndone):
                cutover.switch(plan, cut)
            client.wait_for(20)
        assert set(seen().errors) == {"25006"}  # none waited for longer than its patience
        assert check(client.record, stand.source_dsn()) == ()
        driver.close()


@pytest.mark.soak
def test_a_source_that_is_gone_after_the_redirect(stand: Stand, bouncer: PgBouncer) -> None:
    """The driver dies before the clients are let go, the source with it: the target serves, the rest waits for it."""
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(20)
        killed_at(
            "redirected", "test_replicate_cutover:work", source=moved.source, target=moved.target,
            admin=bouncer.admin_dsn(), file=str(bouncer.databases), to="target",
        )  # fmt: skip
        crash(stand.source_server)
        with pytest.raises(SwitchUnfinished, match="source cannot be reached"):
            cutover.resume_switch(moved.switch(Side.TARGET, driver), quiet)
        client.wait_for(20)
        stand.source_server.start()
        assert cutover.resume_switch(moved.switch(Side.TARGET, driver), quiet).serving is Side.TARGET
        client.wait_for(20)
        assert cutover.switch(moved.switch(Side.SOURCE, driver), quiet).serving is Side.SOURCE
        client.wait_for(20)
    settled(stand, client, Side.SOURCE)
    driver.close()
