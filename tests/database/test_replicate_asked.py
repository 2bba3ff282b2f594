"""What is asked of a small move: repaired, switched by a driver that dies, changed where it serves, and back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from replicate_faults import killed_at
from replicate_support import MovedDatabase, Stand
from test_replicate_machine import at_home, begun, quiet, until

from conftest import make_database
from postai.database import Database
from postai.database.connections import from_dsn, save_connection
from postai.errors import Refused, VerificationFailed
from postai.migrate import drift_store
from postai.replicate import asked, gates, machine, store
from postai.replicate.cutover import NotReady
from postai.replicate.journal import Journal
from postai.replicate.move import Move
from postai.replicate.sessions import open_session
from postai.replicate.types import Level, Method, Side, State
from postai.service.replicating import keep_schema

SHOP = """
create schema shop;
create table shop.customer (id int primary key, name text not null);
create table shop.orders (id bigserial primary key, customer int not null references shop.customer, total numeric);
insert into shop.customer select i, 'customer ' || i from generate_series(1, 50) as i;
insert into shop.orders (customer, total) select 1 + i % 50, i from generate_series(1, 500) as i;
create materialized view shop.counted as select count(*) from shop.orders;
"""
COMMAND = "import sys; from postai.cli.main import run; sys.exit(run(sys.argv[1:]))"
# What the first version of the journal made.
OLDER = """
create table intent (id integer, name text, source text, target text, method text, state text, serving text,
                     options text, objects text, begun_at text, outside text, primary key (target, id));
insert into intent values (7, 'other', 'a', 'b', 'native', 'ready', 'source', '{"workers": 3, "gone": 1}',
                           '["postai_7"]', '2026-01-01T00:00:00+00:00', '[]');
"""


@pytest.fixture
def shop(stand: Stand, tmp_path: Path) -> Stand:
    """A small source, an empty target, the file that sends the clients, and a journal that an older version wrote."""
    source, target = (make_database(server, "template0") for server in (stand.source_server, stand.target_server))
    source.execute(SHOP)
    stand.__dict__["source"] = MovedDatabase(source.server, source.name)
    stand.__dict__["target"] = MovedDatabase(target.server, target.name)
    (tmp_path / "address").write_text(stand.source_dsn() + "\n")
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.executescript(OLDER)
    db.close()
    return stand


def driven(home: Database, move: Move, done: Callable[[Move], bool]) -> Move:
    """Drive it until that is so."""
    end = time.monotonic() + 60
    while not done(move):
        assert time.monotonic() < end, (move.row.state, move.row.error)
        move = machine.drive(home, move, quiet).move
        time.sleep(0.05)
    return move


def there(stand: Stand, query: str) -> Callable[[Move], bool]:
    """Whether that is true on the source."""
    return lambda _: stand.source.execute(f"select {query}") == [(True,)]


def test_repaired_switched_by_a_driver_that_dies_changed_and_back(shop: Stand, tmp_path: Path) -> None:
    address, journal = tmp_path / "address", Journal(tmp_path / "journal.db")
    with at_home(shop) as home:
        drift_store.take(home, "a trial")
        move = until(home, begun(home, shop, address), State.VERIFYING)
        keep_schema(home, move.row)
        assert drift_store.drift(home).differences == ()
        move = until(home, move, State.READY)
        with pytest.raises(Refused, match="no rows are known to differ"):
            asked.repaired(home, move, quiet)
        _only_what_was_verified_lately_is_switched(move)
        move = _changed_on_both_sides_it_is_compared_again(shop, home, move)
        shop.target.execute("delete from shop.orders where id = 5; update shop.customer set name = 'x' where id = 1")
        with pytest.raises(VerificationFailed) as differ:
            asked.verified(home, move, quiet)
        assert "post-ai replicate repair shop" in (differ.value.hint or "")
        assert asked.repaired(home, move, quiet).startswith("2 rows were made on the target as they are on the source")
        shop.source.execute("insert into shop.orders (customer, total) values (1, 1)")
        shop.target.execute("update shop.customer set name = name where id = 1")
        with pytest.raises(NotReady, match="others wrote to the target's tables"):
            asked.switch(home, move, Side.TARGET, quiet)
        asked.verified(home, move, quiet)
        where = {"source": shop.source_dsn(), "target": shop.target_dsn()}
        assert killed_at("redirected", "test_replicate_machine:life", **where, address=str(address),
                         journal=str(tmp_path / "journal.db")).killed  # fmt: skip
        assert {one.row.name for one in journal.unfinished()} == {"shop", "other"}
        with pytest.raises(NotReady, match="a switch to the target was begun and is not at its end") as stuck:
            asked.switch(home, move, Side.SOURCE, quiet)
        assert "post-ai replicate start shop" in (stuck.value.hint or "")
        move = until(home, move, State.SERVING_TARGET, journal=journal)
        assert [one.row.name for one in journal.unfinished()] == ["other"]
        assert shop.target.execute("select * from shop.counted") == [(501,)]
        there_now, astray = address.read_text(), shop.source_dsn("odd_app")
        address.write_text(astray)
        move = driven(home, move, lambda at: at.row.error is not None)
        assert move.row.error and move.row.error.message == "the clients are sent to the source, but the target serves"
        address.write_text(there_now)
        move = driven(home, move, lambda at: at.row.error is None)
        _definitions_follow_back(shop, home, move)
        _equal_though_the_home_has_more(shop, home, move)
        asked.switch(home, move, Side.SOURCE, quiet, max_pause=10.0)
        assert shop.source.execute("select count(*) from shop.orders where note = 'new'") == [(1,)]
        assert shop.source.execute("select * from shop.counted") == [(502,)]
        assert asked.end(home, move, State.ABORTED, quiet).row.ended
    assert shop.leftovers() == []


def _only_what_was_verified_lately_is_switched(move: Move) -> None:
    assert gates.known(move, Side.TARGET) == ()
    yesterday = datetime.now(UTC) - timedelta(hours=gates.VERIFIED_HOURS, minutes=1)
    for row, what in (
        (replace(move.row, verified_at=None), "it was not verified"),
        (replace(move.row, verified_at=yesterday), "the last verification is older than 24 hours"),
        (replace(move.row, verified={"equal": False}), "the last verification found differences"),
    ):
        (found,) = gates.known(replace(move, row=row), Side.TARGET)
        assert (found.check, found.level) == ("verified", Level.BLOCKER) and found.what.startswith(what)
        assert "post-ai replicate" in found.fix[0]


def _changed_on_both_sides_it_is_compared_again(shop: Stand, home: Database, move: Move) -> Move:
    """By their definitions both sides are alike then, whatever became of the values."""
    for side, more in ((shop.source, 1), (shop.target, 2)):
        side.execute(f"alter table shop.orders alter total type numeric using total + {more} - 1")
    (found,) = gates.known(move, Side.TARGET)
    assert found.check == "schema" and "post-ai replicate verify shop" in found.fix[0]
    assert found.what == "definitions changed since the comparison: column shop.orders total"
    move = driven(home, move, lambda at: at.row.verified is None)
    assert {one.verified for one in store.tables(home, move.id)} == {None}
    shop.target.execute("update shop.orders set total = total - 1")
    asked.verified(home, move, quiet)
    move = move.read(home)
    assert gates.known(move, Side.TARGET) == ()
    return move


def _definitions_follow_back(shop: Stand, home: Database, move: Move) -> None:
    """What is added on the target is made on the source; what only a person can bring over is named."""
    shop.target.execute(
        "alter table shop.orders add column note text; insert into shop.orders (customer, note) values (1, 'new');"
        "create table shop.returned (id int primary key); insert into shop.returned values (1)"
    )
    driven(home, move, there(shop, "to_regclass('shop.returned') is not null"))
    driven(home, move, there(shop, "exists (select from shop.returned)"))
    shop.target.execute("alter table shop.customer alter column name type varchar(90)")
    move = driven(home, move, lambda at: at.row.error is not None)
    assert move.row.state is State.SERVING_TARGET and move.row.error
    assert move.row.error.message.startswith("the way back may stop: column shop.customer name")
    with open_session(shop.source_dsn()) as source:
        source.execute("alter table shop.customer alter column name type varchar(90)")
    driven(home, move, lambda at: at.row.error is None)


def _equal_though_the_home_has_more(shop: Stand, home: Database, move: Move) -> None:
    """What the home itself needs is on the target only, whichever serves."""
    shop.target.execute("create extension dblink")
    try:
        assert asked.verified(home, move, quiet).equal
    finally:
        shop.target.execute("drop extension dblink")


def test_where_the_source_cannot_take_changes_the_cutover_says_so_first(shop: Stand) -> None:
    shop.source.execute("create role shop_mover login password 'shop_mover'")
    try:
        with at_home(shop) as home, open_session(shop.source_dsn("shop_mover")) as old:
            move = begun(home, shop)
            move = replace(move, row=replace(move.row, method=Method.TRIGGER))
            (found,) = gates.applies(old, move)
            assert (found.check, found.level, found.side) == ("way_back", Level.BLOCKER, Side.SOURCE)
            assert found.what.startswith("there would be no way back, since on the source shop_mover may not keep")
            assert "GRANT SET ON PARAMETER" in found.fix[0] and "--no-way-back" in found.fix[1]
            without = replace(move.row, options=replace(move.row.options, way_back=False))
            assert gates.applies(old, replace(move, row=without)) == ()
        with open_session(shop.source_dsn()) as old:
            assert gates.applies(old, move) == ()
    finally:
        shop.source.execute("drop role shop_mover")


@pytest.mark.soak
def test_without_a_way_back(shop: Stand, tmp_path: Path) -> None:
    with at_home(shop) as home:
        move = until(home, begun(home, shop, tmp_path / "address"), State.READY)
        move = machine.resume(home, move, {"way_back": False})
        machine.drive(home, move, quiet)
        assert shop.target.execute("select from pg_replication_slots where slot_name = 'postai_1_rev'") == []
        asked.switch(home, move, Side.TARGET, quiet, max_pause=10.0)
        move = machine.drive(home, move, quiet).move
        assert (move.row.state, move.row.error) == (State.SERVING_TARGET, None)
        for refused in (lambda: asked.switch(home, move, Side.SOURCE, quiet),
                        lambda: asked.verified(home, move, quiet)):  # fmt: skip
            with pytest.raises(Refused, match="the source does not follow the target"):
                refused()
        with pytest.raises(Refused, match="way_back cannot change"):
            machine.resume(home, move, {"way_back": True})
        asked.end(home, move, State.COMPLETED, quiet, store.Ending(reopen_source=True))
    assert shop.leftovers() == []


@pytest.mark.soak
def test_a_command_that_is_told_to_end_leaves_no_switch_half_done(shop: Stand, tmp_path: Path) -> None:
    """SIGTERM, or a terminal that is closed, which is told more than once, and takes nothing more."""
    address = tmp_path / "address"
    for name, dsn in (("legacy", shop.source_dsn()), ("new", shop.target_dsn())):
        save_connection(tmp_path, *from_dsn(name, dsn))
    settings = tmp_path / "postai.toml"
    settings.write_text(f'[[redirect]]\nname = "shop"\ndriver = "file"\npath = "{address}"\n')
    settings.chmod(0o600)
    with at_home(shop) as home:
        move = until(home, begun(home, shop, address), State.READY)
        for kind, step in ((signal.SIGTERM, "fenced"), (signal.SIGHUP, "fenced"), (signal.SIGTERM, "opened")):
            command = subprocess.Popen(
                (sys.executable, "-c", COMMAND, "replicate", "cutover", "shop", "--target", "new",
                 "--max-pause", "10"),
                env={**os.environ, "POSTAI_CONFIG_DIR": str(tmp_path)}, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert command.stderr is not None
            said = [next(command.stderr)]
            while not said[-1].startswith(step):
                said.append(next(command.stderr, "it has ended"))
                assert said[-1] != "it has ended", said
            command.send_signal(kind)
            if kind == signal.SIGHUP:
                command.stderr.close()
                command.send_signal(kind)
            assert command.wait(60) == 130
            command.stderr.close()
            move = move.read(home)
            assert move.row.state is (State.SERVING_TARGET if step == "opened" else State.READY)
        assert asked.end(home, move, State.COMPLETED, quiet, store.Ending(reopen_source=True)).row.ended
    assert shop.leftovers() == []
