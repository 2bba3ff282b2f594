"""A move from beginning to end: every state, what people ask, a driver that dies anywhere, nothing left behind."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from replicate_faults import crash, killed_at
from replicate_support import ODD_SKIP, SMALL, Stand

from loss import LossClient, check, compare
from postai.cli.main import run
from postai.database import Database, connect
from postai.database.connections import from_dsn, save_connection
from postai.database.psycopg_adapter import PsycopgDatabase
from postai.deadline import Deadline
from postai.errors import ErrorParts, Refused
from postai.replicate import asked, machine, native, store, trouble
from postai.replicate.journal import Journal
from postai.replicate.move import Move
from postai.replicate.store import Ending
from postai.replicate.types import OnStep, Side, State
from postai.service.move_rescue import MoveRescue
from postai.service.replicating import Places
from postai.settings import RedirectSettings
from postai.setup.install import InstallOptions, install

IDENTITIES = """
select c.oid::regclass::text, c.relreplident from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'r' and n.nspname in ('odd', 'loss') order by 1
"""

OBJECTS = """
select m.oid, m.lomowner::regrole::text, m.lomacl::text, md5(lo_get(m.oid)) from pg_largeobject_metadata as m order by 1
"""


def quiet(name: str, detail: str = "") -> None:
    """Nobody wants to know."""


def dsns(stand: Stand) -> Mapping[Side, str]:
    return {Side.SOURCE: stand.source_dsn(), Side.TARGET: stand.target_dsn()}


def at_home(stand: Stand) -> Database:
    """A session of the target, with postai in it."""
    home = connect(stand.target_dsn(), application_name="postai")
    install(home, InstallOptions(transport="call"))
    return home


def begun(home: Database, stand: Stand, address: Path | None = None, **options: object) -> Move:
    redirects = {"shop": {"driver": "file", "path": str(address)}} if address else {}
    given = {"full_identity": True, **options}
    return machine.start(home, "shop", "legacy", "new", dsns(stand), options=given, redirects=redirects)


def until(home: Database, move: Move, *states: State, on_step: OnStep = quiet, journal: Journal | None = None) -> Move:
    """Drive it until it is in one of these states."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        turn = machine.drive(home, move, on_step, journal)
        move = turn.move
        if move.row.state in states:
            return move
        assert move.row.state is not State.FAILED or move.row.resume_state in store.ENDED, move.row.error
        time.sleep(min(turn.rest or 0, 0.1))
    raise AssertionError(f"it is {move.row.state}: {move.row.doing} {move.row.error}")


def address_of(stand: Stand, tmp_path: Path) -> Path:
    """The file that says to the loss check's clients where they connect."""
    path = tmp_path / "address"
    path.write_text(stand.source_dsn("odd_app") + "\n")
    return path


@pytest.mark.soak
def test_there_back_there_and_away(stand: Stand, tmp_path: Path) -> None:
    address = address_of(stand, tmp_path)
    journal = Journal(tmp_path / "journal" / "replicate.db")
    with at_home(stand) as home, LossClient(address, SMALL) as client:
        move = until(home, begun(home, stand, address), State.READY)
        stand.let_app_in()
        for to, state in ((Side.TARGET, State.SERVING_TARGET), (Side.SOURCE, State.ROLLED_BACK)) * 2:
            client.wait_for(20)
            serving, other = (stand.source, stand.target) if to is Side.TARGET else (stand.target, stand.source)
            serving.execute("select lo_from_bytea(0, decode(repeat('ab', 3000000), 'hex')), lo_unlink(min(oid)) "
                            "from pg_largeobject_metadata")  # fmt: skip
            rehearsed = asked.switch(home, move, to, quiet, journal=journal, rehearse=True)
            assert rehearsed.serving is to.other and journal.unfinished() == ()
            assert asked.switch(home, move, to, quiet, journal=journal).serving is to
            move = until(home, move, state)
            assert move.row.serving is to and journal.unfinished() == ()
            assert other.execute(OBJECTS) == serving.execute(OBJECTS)
        client.wait_for(20)
        asked.switch(home, move, Side.TARGET, quiet)
        move = asked.end(home, move, State.COMPLETED, quiet, Ending(reopen_source=True))
        client.wait_for(20)
        steps = [one.step for one in store.events(home, move.id)]
        assert steps[:3] == ["created", "analysed", "preflight_ok"] and steps[-1] == "completed"
    assert check(client.record, stand.target_dsn()) == ()
    assert stand.leftovers() == []


_STATES = (State.CREATED, State.PREFLIGHT_OK, State.SCHEMA_COPIED, State.COPYING, State.READY, State.FAILED)


# The small twin is in test_replicate_asked.
@pytest.mark.soak
@pytest.mark.parametrize("state", _STATES)
def test_abort_leaves_nothing(stand: Stand, state: State) -> None:
    before, identities = stand.source.schema_text(), stand.source.execute(IDENTITIES)
    with at_home(stand) as home:
        move = begun(home, stand)
        if state is State.FAILED:
            move = until(home, move, State.READY)
            native.unsubscribe(home, "postai_1_fwd")
            trouble.fail(home, move, ErrorParts("PA010", "a trial"))
        elif state is not State.CREATED:
            move = until(home, move, state)
        move = asked.end(home, move, State.ABORTED, quiet)
        assert move.row.state is State.ABORTED and move.row.ended
        assert asked.end(home, move, State.ABORTED, quiet).row.state is State.ABORTED
    assert stand.leftovers() == []
    assert stand.source.schema_text() == before and stand.source.execute(IDENTITIES) == identities


def life(on_step: OnStep, source: str, target: str, address: str, journal: str) -> None:
    """A whole move, begun or gone on with: to the target, and completed."""
    notes = Journal(Path(journal))
    with connect(target, application_name="postai") as home:
        found = store.moves(home, "shop")
        places = {Side.SOURCE: source, Side.TARGET: target}
        redirects = {"shop": {"driver": "file", "path": address}}
        if found:
            move = Move(found[0], places, redirects)
        else:
            given = {"full_identity": True}
            move = machine.start(home, "shop", "legacy", "new", places, options=given, redirects=redirects)
        on_step("started")
        states = (State.READY, State.SERVING_TARGET, State.COMPLETED)
        move = until(home, move, *states, on_step=on_step, journal=notes)
        if move.row.state is State.READY:
            asked.switch(home, move, Side.TARGET, on_step, journal=notes, max_pause=10.0)
            move = until(home, move, State.SERVING_TARGET, on_step=on_step, journal=notes)
        if move.row.state is State.SERVING_TARGET:
            asked.end(home, move, State.COMPLETED, on_step, Ending(reopen_source=True))


def counted(on_step: OnStep, statements: int, **arguments: str) -> None:
    """`life` by a process that kills itself before so many statements, whatever session sends them."""
    sent = PsycopgDatabase._run
    left = itertools.count(statements, -1)

    def run(database: PsycopgDatabase, sql: str, params: Sequence[object]) -> Any:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return sent(database, sql, params)

    PsycopgDatabase._run = run  # type: ignore[method-assign]
    life(on_step, **arguments)


def survived(
    stand: Stand, address: Path, journal: Path, *boundaries: str | int, statements: Sequence[int] = ()
) -> set[str]:
    """Live a move with drivers that are killed at these boundaries, one after the other; where they died.

    Args:
        statements: drivers that are killed before so many statements come first.
    """
    arguments = {"source": stand.source_dsn(), "target": stand.target_dsn(), "address": str(address),
                 "journal": str(journal)}  # fmt: skip
    at_home(stand).close()
    stand.let_app_in()
    places: set[str] = set()
    with LossClient(address, SMALL) as client:
        client.wait_for(20)
        for number in statements:
            death = killed_at(0, "test_replicate_machine:counted", statements=number, **arguments)
            places |= set(death.steps[-1:])
            if not death.killed:
                break
        for boundary in boundaries:
            death = killed_at(boundary, "test_replicate_machine:life", **arguments)
            places |= set(death.steps[-1:]) if death.killed else set()
            if not death.killed:
                break
        client.wait_for(20)
        life(quiet, **arguments)
        client.wait_for(20)
    assert check(client.record, stand.target_dsn()) == ()
    assert stand.leftovers() == [] and Journal(journal).unfinished() == ()
    return places


# The small twin is in test_replicate_asked.
@pytest.mark.soak
def test_a_driver_that_is_killed_is_followed_by_another(stand: Stand, tmp_path: Path) -> None:
    names = ("fenced", "redirected", "cleaned")
    survived(stand, address_of(stand, tmp_path), tmp_path / "journal.db", *names)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_a_driver_that_is_killed_anywhere(stand: Stand, tmp_path: Path, part: int) -> None:
    """Each driver dies a report of a step later after it began than the one before, which goes on where that died."""
    address, journal = address_of(stand, tmp_path), tmp_path / "journal.db"
    assert len(survived(stand, address, journal, *range(2 + part, 60))) > 5


@pytest.mark.soak
@pytest.mark.parametrize("first", [17, 31, 43])
def test_a_driver_that_is_killed_between_any_statements(stand: Stand, tmp_path: Path, first: int) -> None:
    """Each driver is killed some statements later after it began than the one before, and the next one goes on."""
    address, journal = address_of(stand, tmp_path), tmp_path / "journal.db"
    numbers = range(first, 1500, first)
    assert len(survived(stand, address, journal, statements=numbers)) > 5


def fill(stand: Stand, megabytes: int) -> None:
    """Write log on the source that no slot may skip."""
    for _ in range(megabytes):
        stand.source.execute("select pg_logical_emit_message(false, 'test', repeat('x', 1000000))")


@pytest.mark.soak
def test_the_source_is_protected_first(stand: Stand) -> None:
    """A slot that keeps too much log is dropped, and the copy begins anew by itself; at last a person is asked."""
    with at_home(stand) as home:
        move = until(home, begun(home, stand, keep_wal_bytes=12 * 2**20), State.READY)
        home.execute("alter subscription postai_1_fwd disable")
        fill(stand, 14)
        stand.source.execute("insert into odd.child (id) select max(id) + 1 from odd.child")
        move = until(home, move, State.SCHEMA_COPIED)
        assert move.row.restarts == 1
        move = until(home, move, State.READY)
        assert compare(stand.source_dsn(), stand.target_dsn(), ODD_SKIP, sequences=False) == ()
        for _ in range(trouble.RESTARTS - 1):
            store.count_restart(home, move.id)
        home.execute("alter subscription postai_1_fwd disable")
        fill(stand, 14)
        move = machine.drive(home, move, quiet).move
        assert move.row.state is State.FAILED and move.row.resume_state is State.SCHEMA_COPIED
        assert move.row.error and "--keep-wal" in (move.row.error.hint or "")
        assert stand.source.execute("select from pg_replication_slots where slot_name = 'postai_1_fwd'") == []
        move = until(home, machine.resume(home, move, {"keep_wal_bytes": 2**30}), State.READY)
        assert asked.end(home, move, State.ABORTED, quiet).row.ended
    assert stand.leftovers() == []


@pytest.mark.soak
def test_a_home_that_is_gone_within_a_switch(stand: Stand, tmp_path: Path) -> None:
    """The journal alone brings the source back to serve; the home comes to the same end when it is back."""
    address, journal = address_of(stand, tmp_path), Journal(tmp_path / "journal.db")
    with at_home(stand) as home:
        move = until(home, begun(home, stand, address), State.READY)
    arguments = {"source": stand.source_dsn(), "target": stand.target_dsn(), "address": str(address),
                 "journal": str(tmp_path / "journal.db")}  # fmt: skip
    assert killed_at("fenced", "test_replicate_machine:life", **arguments).killed
    crash(stand.target_server)
    (intent,) = journal.unfinished()
    assert intent.row.name == "shop" and "postai_1_fwd" in intent.objects
    places = Places.of(tmp_path, [RedirectSettings(name="shop", driver="file", path=str(address))])
    for name, dsn in (("legacy", stand.source_dsn()), ("new", stand.target_dsn())):
        connection, password = from_dsn(name, dsn)
        save_connection(tmp_path, connection, password)
    rescue = MoveRescue(places, journal)
    rescue.start()
    end = time.monotonic() + 15
    while journal.unfinished()[0].outside == ():
        assert time.monotonic() < end
        time.sleep(0.1)
    rescue.stop(Deadline.after(5))
    with connect(stand.source_dsn("odd_app")) as client:
        client.execute("update loss.branch set balance = balance")
    stand.target_server.start()
    with at_home(stand) as home:
        move = until(home, places.move(intent.row), State.READY, journal=journal)
        assert journal.unfinished() == ()
        asked.end(home, move, State.ABORTED, quiet)
    assert stand.leftovers() == []


@pytest.mark.soak
def test_what_a_person_must_do_is_named(stand: Stand) -> None:
    """A definition that cannot be followed, a row in the way: the move says what to do, and goes on when it is done."""
    with at_home(stand) as home:
        move = until(home, begun(home, stand), State.READY)
        home.execute("insert into loss.branch (id, balance) values (900001, 0)")
        stand.source.execute("insert into loss.branch (id, balance) values (900001, 0)")
        end = time.monotonic() + 30
        while move.row.error is None:
            assert time.monotonic() < end
            move = machine.drive(home, move, quiet).move
        assert move.row.state is State.READY and "row that is there already" in (move.row.error.hint or "")
        home.execute("delete from loss.branch where id = 900001")
        while move.row.error is not None:
            assert time.monotonic() < end
            move = machine.drive(home, move, quiet).move
        stand.source.execute("alter table loss.branch alter column balance type numeric")
        while move.row.state is not State.FAILED:
            assert time.monotonic() < end
            move = machine.drive(home, move, quiet).move
        assert move.row.error and "branch" in f"{move.row.error.message} {move.row.error.detail}"
        home.execute("alter table loss.branch alter column balance type numeric")
        move = until(home, machine.resume(home, move), State.READY)
        machine.drive(home, move, quiet)
        asked.end(home, move, State.ABORTED, quiet)
    assert stand.leftovers() == []


def test_a_move_takes_no_name_that_another_home_has(stand: Stand) -> None:
    stand.source.execute("select pg_create_physical_replication_slot('postai_41_rev')")
    try:
        with at_home(stand) as home:
            assert begun(home, stand).id == 42
            with pytest.raises(Refused) as caught:
                begun(home, stand)
            assert caught.value.sqlstate == "PA003" and "status shop" in (caught.value.hint or "")
            with pytest.raises(Refused, match="not this database"):
                swapped = {Side.SOURCE: stand.target_dsn(), Side.TARGET: stand.source_dsn()}
                machine.start(home, "other", "new", "legacy", swapped)
    finally:
        stand.source.execute("select pg_drop_replication_slot('postai_41_rev')")


@pytest.mark.soak
def test_by_command(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_CONFIG_DIR", str(tmp_path))
    for name, dsn in (("legacy", stand.source_dsn()), ("new", stand.target_dsn())):
        connection, password = from_dsn(name, dsn)
        save_connection(tmp_path, connection, password)
    address = address_of(stand, tmp_path)
    (tmp_path / "postai.toml").write_text(f'[[redirect]]\nname = "shop"\ndriver = "file"\npath = "{address}"\n')
    (tmp_path / "postai.toml").chmod(0o600)

    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(("replicate", *arguments, "--json"))
        return code, json.loads(capsys.readouterr().out)

    code, answer = command("list", "new")
    assert code == 9 and "post-ai install" in answer["error"]["hint"]
    at_home(stand).close()
    assert command("check", "legacy", "new")[0] == 1
    code, answer = command("start", "shop", "legacy", "new")
    assert code == 5 and "REPLICA IDENTITY FULL" in answer["error"]["hint"]
    code, answer = command("start", "shop", "legacy", "new", "--full-identity")
    assert code == 0, answer
    assert (answer["state"], answer["verified"]["equal"]) == ("ready", True)
    assert all(one["verified"] == "equal" for one in answer["tables"])
    stand.let_app_in()
    assert command("cutover", "shop", "--rehearse")[1]["serving"] == "source"
    assert command("cutover", "shop")[1]["serving"] == "target"
    assert command("cutover", "shop")[0] == 5
    assert command("abort", "shop")[0] == 5
    assert command("verify", "shop", "--settling")[1]["verified"]["mode"] == "settling"
    assert command("rollback", "shop")[1]["state"] == "rolled_back"
    assert run(("replicate", "cutover", "shop")) == 0
    assert "the target serves" in capsys.readouterr().out
    assert run(("replicate", "status", "shop")) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert command("complete", "shop", "--open-source")[1]["state"] == "completed"
    assert [one["name"] for one in json.loads(_said(capsys, "list", "new", "--json"))] == ["shop"]
    assert stand.leftovers() == []


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(("replicate", *arguments)) == 0
    return capsys.readouterr().out
