"""A source that can only be read: its rows are copied in the pause, and nothing is lost whatever goes wrong there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replicate_faults import HERE, killed_at
from replicate_support import SMALL, MovedDatabase, PgBouncer, Servers, Stand
from test_replicate_machine import at_home, quiet, until

from conftest import make_database
from loss import LossClient, check, compare, prepare
from postai.database import ConnectionLost, Database, connect
from postai.errors import LockNotObtained, PostaiError, Refused
from postai.replicate import asked, dump, machine, store
from postai.replicate.cutover import NotReady, SwitchUndone
from postai.replicate.move import Move
from postai.replicate.types import Level, Method, OnStep, Side, State
from postai.setup.server import LocalServer, as_os_user, free_port

READER = "postai_dump_reader"
SHOP = """
create schema shop;
create type shop.state as enum ('new', 'paid');
create table shop.customer (id int primary key, name text not null unique);
create table shop.orders (
    id bigserial primary key, customer int not null references shop.customer, state shop.state not null default 'new',
    total numeric, twice numeric generated always as (total * 2) stored);
create index on shop.orders (customer, state);
create table shop.log (at timestamptz, what text) partition by range (at);
create table shop.log_old partition of shop.log for values from ('2020-01-01') to ('2025-01-01');
create table shop.log_new partition of shop.log for values from ('2025-01-01') to ('2030-01-01');
create index on shop.log (at);
create table shop.empty ();
create function shop.stamped() returns trigger language plpgsql as 'begin new.name := upper(new.name); return new; end';
create trigger stamped before insert on shop.customer for each row execute function shop.stamped();
create view shop.totals as select c.id, c.name, sum(o.total) from shop.customer as c
  join shop.orders as o on o.customer = c.id group by c.id;
create materialized view shop.counted as select count(*) from shop.orders;
create unique index on shop.counted (count);
alter table shop.log enable row level security;
insert into shop.customer select i, 'customer ' || i from generate_series(1, 50) as i;
insert into shop.orders (customer, total) select 1 + i % 50, i from generate_series(1, 500) as i;
insert into shop.log select '2024-06-01'::timestamptz + i * interval '1 day', 'x' from generate_series(1, 400) as i;
refresh materialized view shop.counted;
grant usage on schema shop to postai_dump_reader;
grant select on all tables in schema shop to postai_dump_reader;
grant select on all sequences in schema shop to postai_dump_reader;
"""
COUNTED = """
select (select count(*) from shop.customer) + (select count(*) from shop.orders) + (select count(*) from shop.log),
       (select array_agg(indexname::text) from pg_indexes where schemaname = 'shop')
"""
LOSS = """
grant usage on schema loss to odd_app, postai_dump_reader;
grant all on all tables in schema loss to odd_app;
grant all on all sequences in schema loss to odd_app;
grant select on all tables in schema loss to postai_dump_reader;
grant select on all sequences in schema loss to postai_dump_reader;
"""


@pytest.fixture
def reader(moving_servers: Servers) -> Iterator[None]:
    """A role of the source that may only read; asked for before the stand, so that it ends after it."""
    with connect(moving_servers.source.dsn()) as db:
        db.execute(f"create role {READER} login password '{READER}' bypassrls")
        yield
        db.execute(f"drop owned by {READER}")
        db.execute(f"drop role {READER}")


@pytest.fixture
def shop(reader: None, stand: Stand, tmp_path: Path) -> Stand:
    """A small source, an empty target, and the file that sends the clients."""
    source, target = (make_database(server, "template0") for server in (stand.source_server, stand.target_server))
    source.execute(SHOP)
    stand.__dict__["source"] = MovedDatabase(source.server, source.name)
    stand.__dict__["target"] = MovedDatabase(target.server, target.name)
    (tmp_path / "address").write_text(stand.source_dsn() + "\n")
    return stand


def begun(home: Database, stand: Stand, redirect: dict[str, object], **options: object) -> Move:
    """A move with nothing but the right to read on the source."""
    dsns = {Side.SOURCE: stand.source_dsn(READER), Side.TARGET: stand.target_dsn()}
    return machine.start(home, "shop", "legacy", "new", dsns, options=options, redirects={"shop": redirect})


def by_file(place: Path) -> dict[str, object]:
    return {"driver": "file", "path": str(place / "address")}


def doing(step: str, work: Callable[[], object]) -> OnStep:
    """Reports of steps that do something at that one, once."""
    left = [work]

    def on_step(name: str, detail: str = "") -> None:
        if name == step and left:
            left.pop()()

    return on_step


def fails() -> None:
    raise ArithmeticError("a trial")


def rows(stand: Stand) -> int:
    """How many rows there are on the target; without any there are no indexes but that which a view needs."""
    ((count, indexes),) = stand.target.execute(COUNTED)
    assert indexes == ["customer_pkey"] or indexes is None or count, indexes
    return int(count)


def test_copied_in_the_pause(shop: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "RESTED_SECONDS", 0.5)  # what is counted is told at once here: sessions end
    before, write = shop.source.schema_text(), "insert into shop.orders (customer, total) values (7, 7)"
    with at_home(shop) as home:
        move = begun(home, shop, by_file(tmp_path))
        own = f"postai_{move.id}"
        home.query(f"create role dump_squatter; create schema {own} authorization dump_squatter")
        while move.row.state is not State.FAILED:
            move = machine.drive(home, move, quiet).move
        assert "another role made the schema" in str(move.row.error) and "PA003" in str(move.row.error)
        home.query(f"drop schema {own}; drop role dump_squatter")
        move = until(home, machine.resume(home, move), State.READY)
        warned = {one["check"]: one["level"] for one in (move.row.report or {})["findings"]}
        assert move.row.method is Method.DUMP and warned["dump_window"] == Level.WARNING and rows(shop) == 0
        with pytest.raises(NotReady, match="nothing keeps writers") as shut:
            asked.switch(home, move, Side.TARGET, quiet)
        assert shut.value.sqlstate == "PA003" and "--writers-stopped --max-pause 10" in str(shut.value.hint)
        with pytest.raises(NotReady, match=r"the pause would be about .*, and max_pause is") as short:
            asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=0.0001)
        assert "--writers-stopped --max-pause 10" in str(short.value.hint)
        shop.source.execute("alter table shop.customer add column note text default 'none'")
        until(home, move, State.READY)
        # A rehearsal holds nobody back.
        asked.switch(home, move, Side.TARGET, doing("copied", lambda: shop.source.execute(write)), rehearse=True)
        assert rows(shop) == 0
        with pytest.raises(SwitchUndone, match="the source was written to") as undone:
            late = doing("drained", lambda: shop.source.execute(write))
            asked.switch(home, move, Side.TARGET, late, stopped=True, max_pause=30.0)
        assert undone.value.sqlstate == "PA009" and "Stop what writes" in str(undone.value.hint)
        move = machine.drive(home, move, quiet).move
        assert move.row.state is State.READY and move.row.serving is Side.SOURCE and rows(shop) == 0
        with shop.source.connect() as idle, pytest.raises(SwitchUndone, match="1 sessions of other people") as undone:
            late = doing("drained", lambda: (idle.execute("select txid_current()"), idle.execute("begin; select 1")))
            asked.switch(home, move, Side.TARGET, late, stopped=True, max_pause=30.0)
        assert undone.value.sqlstate == "PA009" and "End them" in str(undone.value.hint)
        move = machine.drive(home, move, quiet).move
        assert asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=30.0).serving is Side.TARGET
        move = machine.drive(home, move, quiet).move
        shop.source.execute("refresh materialized view shop.counted")
        faults = compare(shop.source_dsn(), shop.target_dsn())
        assert (move.row.verified or {})["equal"] and faults == (), faults
        with pytest.raises(Refused, match="cannot be rolled back") as back:
            asked.switch(home, move, Side.SOURCE, quiet)
        assert "complete" in str(back.value.hint) and "on the target alone" in str(back.value.detail)
        assert asked.end(home, move, State.COMPLETED, quiet).row.state is State.COMPLETED
    assert (
        shop.leftovers() == []
        and shop.source.schema_text().replace(",\n    note text DEFAULT 'none'::text", "") == before
    )


@pytest.mark.soak
def test_a_session_that_rests_is_seen_to_have_written(shop: Stand, tmp_path: Path) -> None:
    """It keeps what it wrote last to itself until it has rested for 10 s."""
    write = "insert into shop.orders (customer, total) values (7, 7)"
    with at_home(shop) as home, shop.source.connect() as rests:
        move = until(home, begun(home, shop, by_file(tmp_path)), State.READY)
        idle = doing("drained", lambda: rests.execute("select txid_current()"))
        with pytest.raises(SwitchUndone, match=r"written to in the pause: shop\.orders"):
            late = doing("drained", lambda: (rests.execute("table shop.log"), rests.execute(write)))
            asked.switch(home, move, Side.TARGET, late, stopped=True, max_pause=60.0)
        move = machine.drive(home, move, quiet).move
        assert asked.switch(home, move, Side.TARGET, idle, stopped=True, max_pause=60.0).serving is Side.TARGET


def driven(on_step: OnStep, source: str, target: str, redirect: str) -> None:
    """A cutover for `killed_at`; what was broken off is brought to its end first."""
    with connect(target, application_name="postai") as home:
        found = store.moves(home, "shop")[0]
        move = Move(found, {Side.SOURCE: source, Side.TARGET: target}, {"shop": json.loads(redirect)})
        asked.switch(home, move, Side.TARGET, on_step, stopped=True, max_pause=60.0)


def after_death(home: Database, move: Move, *states: State) -> Move:
    """Drive it on, once the server has noticed that the last driver is gone."""
    end = time.monotonic() + 30
    while True:
        try:
            return until(home, move, *states)
        except LockNotObtained:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.soak
def test_kill_9_of_the_driver_at_every_boundary(shop: Stand, tmp_path: Path) -> None:
    redirect = by_file(tmp_path)
    with at_home(shop) as home:
        move = until(home, begun(home, shop, redirect), State.READY)
        for boundary in range(1, 30):
            died = killed_at(boundary, "test_replicate_dump:driven", source=shop.source_dsn(READER),
                             target=shop.target_dsn(), redirect=json.dumps(redirect))  # fmt: skip
            move = after_death(home, move, State.READY, State.SERVING_TARGET)
            if move.row.serving is Side.TARGET:
                break
            assert died.killed and (rows(shop) == 0 or died.steps[-1] in ("synced", "redirecting")), died
        assert died.steps[-1] == "redirected", died
        assert compare(shop.source_dsn(), shop.target_dsn()) == ()
        asked.end(home, move, State.COMPLETED, quiet)
    assert shop.leftovers() == []


@pytest.mark.soak
def test_kill_9_in_the_midst_of_the_copy(shop: Stand, tmp_path: Path) -> None:
    shop.source.execute(
        "insert into shop.orders (customer, total) select 1 + i % 50, i from generate_series(1, 1500000) as i"
    )
    redirect = by_file(tmp_path)
    with at_home(shop) as home:
        move = until(home, begun(home, shop, redirect), State.READY)
        arguments = {"source": shop.source_dsn(READER), "target": shop.target_dsn(), "redirect": json.dumps(redirect)}
        code = "import sys, json, test_replicate_dump as t; t.driven(t.quiet, **json.loads(sys.stdin.read()))"
        path = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True,
                                 env={**os.environ, "PYTHONPATH": path})  # fmt: skip
        assert child.stdin is not None
        child.stdin.write(json.dumps(arguments))
        child.stdin.close()
        end = time.monotonic() + 60
        while not shop.target.execute("select 1 from pg_stat_progress_copy where tuples_processed > 10000"):
            assert time.monotonic() < end and child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert store.find(home, "shop").state is State.SWITCHING
        move = after_death(home, move, State.READY)
        assert rows(shop) == 0
        asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=120.0)
    shop.source.execute("refresh materialized view shop.counted")
    assert compare(shop.source_dsn(), shop.target_dsn()) == ()


def lossy(stand: Stand) -> None:
    """The tables of the loss check, too."""
    prepare(stand.source_dsn(), SMALL.branches, SMALL.accounts)
    for database in (stand.source, stand.target):
        if not database.execute("select 1 from pg_roles where rolname = 'odd_app'"):
            database.execute("create role odd_app")
        database.execute("alter role odd_app login password 'odd_app'")
    stand.source.execute(LOSS)


@pytest.mark.soak
def test_clients_behind_pgbouncer_wait_and_lose_nothing(shop: Stand, bouncer: PgBouncer) -> None:
    lossy(shop)
    bouncer.point_at(shop.source)
    redirect = {
        "driver": "pgbouncer",
        "admin": bouncer.admin_dsn(),
        "file": str(bouncer.databases),
        "databases": ["app"],
    }
    with at_home(shop) as home, LossClient(bouncer.dsn(), SMALL) as client:
        move = until(home, begun(home, shop, redirect), State.READY)
        client.wait_for(50)
        asked.switch(home, move, Side.TARGET, quiet, rehearse=True)
        with client.window() as seen:
            with pytest.raises(ArithmeticError):
                asked.switch(home, move, Side.TARGET, doing("copied", fails), max_pause=60.0)
            client.wait_for(50)
            move = machine.drive(home, move, quiet).move
            assert asked.switch(home, move, Side.TARGET, quiet, max_pause=60.0).serving is Side.TARGET
            client.wait_for(50)
        assert seen().errors == {}
    assert check(client.record, shop.target_dsn()) == ()


@pytest.mark.soak
def test_clients_that_are_not_stopped_undo_it_and_lose_nothing(shop: Stand, tmp_path: Path) -> None:
    lossy(shop)
    with at_home(shop) as home, LossClient(tmp_path / "address", SMALL) as client:
        move = until(home, begun(home, shop, by_file(tmp_path)), State.READY)
        for _ in range(5):
            client.wait_for(20)
            with pytest.raises(PostaiError) as caught:
                asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=60.0)
            assert isinstance(caught.value, (NotReady, SwitchUndone)), caught.value
            move = machine.drive(home, move, quiet).move
            assert move.row.state is State.READY
        client.stop()
        assert asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=60.0).serving is Side.TARGET
    assert check(client.record, shop.target_dsn()) == ()


@pytest.mark.soak
def test_servers_that_restart_in_the_pause_and_a_pause_that_is_over(shop: Stand, tmp_path: Path) -> None:
    def restarts(server: LocalServer) -> OnStep:
        return doing("copied", lambda: (server.stop("immediate"), server.start()))

    with at_home(shop) as home:
        move = until(home, begun(home, shop, by_file(tmp_path)), State.READY)
        with pytest.raises(SwitchUndone) as late:
            slow = doing("copied", lambda: time.sleep(5))
            asked.switch(home, move, Side.TARGET, slow, stopped=True, max_pause=5.0)
        assert "more than --max-pause 5" in str(late.value.hint)
        with pytest.raises(SwitchUndone, match="connection was lost"):
            asked.switch(home, move, Side.TARGET, restarts(shop.source_server), stopped=True, max_pause=60.0)
        move = machine.drive(home, move, quiet).move
        assert move.row.state is State.READY and rows(shop) == 0
        with pytest.raises(ConnectionLost):
            asked.switch(home, move, Side.TARGET, restarts(shop.target_server), stopped=True, max_pause=60.0)
    with connect(shop.target_dsn(), application_name="postai") as home:
        assert store.find(home, "shop").state is State.SWITCHING
        move = after_death(home, move, State.READY)
        assert rows(shop) == 0 and move.row.error is None
        assert asked.end(home, move, State.ABORTED, quiet).row.state is State.ABORTED
    assert shop.leftovers() == []


@pytest.mark.soak
def test_hot_standby(shop: Stand, tmp_path: Path) -> None:
    """What the primary wrote last is in the copy, though the standby got it late."""
    primary = shop.source_server
    standby = LocalServer(primary.binaries, primary.root.parent / "standby", free_port(), primary.os_user)
    standby.root.mkdir()
    (standby.root / "superuser").write_text(primary.password())
    if primary.os_user is not None:
        shutil.chown(standby.root, primary.os_user)
    command = [str(primary.binaries.bin / "pg_basebackup"), "-R", "-c", "fast", "-D", str(standby.data), "-d",
               primary.dsn()]  # fmt: skip
    subprocess.run(command, check=True, **as_os_user(primary.os_user))
    with (standby.data / "postgresql.conf").open("a") as file:
        file.write("recovery_min_apply_delay = '500ms'\nwal_receiver_timeout = '4s'\n")
    standby.start()
    address, dbname = tmp_path / "address", shop.source.name
    address.write_text(standby.dsn(dbname) + "\n")
    try:
        with at_home(shop) as home:
            dsns = {Side.SOURCE: standby.dsn(dbname, READER), Side.TARGET: shop.target_dsn()}
            move = machine.start(home, "shop", "legacy", "new", dsns, redirects={"shop": by_file(tmp_path)})
            blind = machine.drive(home, machine.drive(home, move, quiet).move, quiet).move
            assert blind.row.state is State.FAILED and "pg_read_all_stats" in str(blind.row.error)
            shop.source.execute(f"grant pg_read_all_stats to {READER}")
            time.sleep(1.0)
            move = until(home, machine.resume(home, blind), State.READY)
            asked.switch(home, move, Side.TARGET, quiet, rehearse=True)
            shop.source.execute("insert into shop.orders (customer) select 1 from generate_series(1, 1000)")
            assert asked.switch(home, move, Side.TARGET, quiet, stopped=True, max_pause=60.0).serving is Side.TARGET
            asked.end(home, move, State.COMPLETED, quiet)
        shop.source.execute("refresh materialized view shop.counted")
        faults = compare(shop.source_dsn(), shop.target_dsn(), sequences=False)
        assert faults == (), faults
    finally:
        standby.stop("immediate")
        shutil.rmtree(standby.root)
