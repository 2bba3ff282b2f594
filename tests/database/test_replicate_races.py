"""What others do while a switch runs: make tables, send the clients on too late or by hand, kill a server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from replicate_faults import crash
from replicate_move import MOVE, Moved, begin, sides
from replicate_support import Stand

from postai.database import Database
from postai.deadline import Deadline
from postai.replicate import cutover, fence, sequences, writers
from postai.replicate.cutover import SwitchUndone
from postai.replicate.hooks import HttpDriver
from postai.replicate.types import Side, Step
from postai.replicate.undo import SwitchUnfinished

ENTRIES = "insert into loss.entry (run, client, seq) select 1, 1, g from generate_series(1, 50) as g"


def quiet(name: str, detail: str = "") -> None:
    """Nobody wants to know."""


def value(db: Database, query: str) -> object:
    ((found,),) = db.query(query)
    return found


def test_what_is_made_in_the_pause_undoes_and_what_a_person_sends_arrives(stand: Stand, tmp_path: Path) -> None:
    stand.source.execute(
        "create table loss.part (id int, k int, primary key (id, k)) partition by list (k); "
        "create table loss.part1 partition of loss.part for values in (1); create sequence loss.down increment -1"
    )
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    plan = moved.switch(Side.TARGET, moved.by_file(address))

    def make(name: str, detail: str = "") -> None:
        if name == Step.DRAINED:
            with psycopg.connect(stand.source_dsn(), options="-cdefault_transaction_read_only=off") as other:
                other.execute("create table loss.part2 partition of loss.part for values in (2)")
                other.execute("insert into loss.part values (1, 2)")

    def rename(name: str, detail: str = "") -> None:
        if name == Step.GATES:
            stand.source.execute("alter table loss.part1 rename to part3")

    with pytest.raises(SwitchUndone, match="dropped or renamed"):
        cutover.switch(plan, rename)
    stand.source.execute("alter table loss.part3 rename to part1")

    with pytest.raises(SwitchUndone, match="tables or sequences were made") as caught:
        cutover.switch(plan, make)
    assert caught.value.sqlstate == "PA009" and caught.value.hint
    with sides(stand) as (source, target), psycopg.connect(stand.target_dsn()) as slow:
        assert value(source, "select count(*) from loss.part") == 1 and not writers.closed(source)
        source.execute("drop table loss.part2")
        # Of a driver that died early, the stream being late: against all advice a person sends the clients on.
        slow.execute("lock table loss.entry in share mode")
        source.query(ENTRIES)
        source.query("select nextval('loss.ticket'), nextval('loss.down') from generate_series(1, 500)")
        address.write_text(stand.target_dsn("odd_app"))
        timer = threading.Timer(1.0, slow.rollback)
        timer.start()
        assert cutover.resume_switch(plan, quiet).serving is Side.TARGET
        timer.join()
        for one in ("select count(*) from loss.entry", "select last_value from loss.ticket",
                    "select last_value from loss.down", "select last_value from loss.entry_id_seq"):  # fmt: skip
            assert value(source, one) == value(target, one), one
        assert writers.closed(source) and not writers.closed(target)
        target.query("select nextval('loss.down'), nextval('loss.ticket')")
        assert sequences.catch_up(source, target, ("loss.down", "loss.ticket")) == 0


@pytest.mark.soak
def test_what_a_dead_drivers_locks_held_arrives(stand: Stand, tmp_path: Path) -> None:
    """The driver dies when all is settled; who waited for its locks writes; the clients are sent on by hand."""
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    plan = moved.switch(Side.TARGET, moved.by_file(address))
    with sides(stand) as (source, target):
        fence.keep(target, MOVE, "arrived", moved.backward.name)
        moved.backward.mark(target)
        source.query(ENTRIES)
        writers.close(source, MOVE)
        address.write_text(stand.target_dsn("odd_app"))
        assert cutover.resume_switch(plan, quiet).serving is Side.TARGET
        assert value(target, "select count(*) from loss.entry") == 50


@pytest.mark.soak
def test_a_target_killed_before_the_way_back_begins(stand: Stand, tmp_path: Path) -> None:
    """A slot that was advanced stands where it was before after kill -9: what came from the source stays there once."""
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    plan = moved.switch(Side.TARGET, moved.by_file(address))

    def kill(name: str, detail: str = "") -> None:
        if name == Step.GATES:
            stand.source.execute(ENTRIES)
            stand.source.execute("insert into loss.history (run, delta) select 1, g from generate_series(1, 50) as g")
        if name == Step.REDIRECTED:
            crash(stand.target_server)
            stand.target_server.start()

    with pytest.raises(SwitchUnfinished):
        cutover.switch(plan, kill)
    assert cutover.resume_switch(plan, quiet).serving is Side.TARGET
    with sides(stand) as (source, target):
        target.execute("insert into loss.history (run, delta) values (2, 1)")
        fence.cross(target, source, MOVE, Deadline.after(30))
        for one in ("select count(*) from loss.history", "select count(*) from loss.entry"):
            assert value(source, one) == value(target, one), one


class _Late(BaseHTTPRequestHandler):
    """A hook that sends the clients on a while after it was asked, whether its caller waits or not."""

    def do_POST(self) -> None:
        asked, at = json.loads(self.rfile.read(int(self.headers["Content-Length"]))), self.server.__dict__
        if asked["action"] == "redirect":
            at["asked"] = [*at["asked"], asked["to"]]
            if len(at["asked"]) == 1:
                time.sleep(1.0)
            at["at"] = asked["to"]
        body = json.dumps({"at": at["at"]}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            at["hung_up"] = True

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def late_hook() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server:
        server.__dict__.update(at="source", asked=[])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.soak
def test_a_hook_that_sends_the_clients_on_too_late(stand: Stand) -> None:
    """It is told to send them back, and the target takes nothing from those that come all the same."""
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    with late_hook() as server, sides(stand) as (source, target):
        driver = HttpDriver(f"http://127.0.0.1:{server.server_port}/", moved.addresses, 0.3)
        plan = moved.switch(Side.TARGET, driver)
        with pytest.raises(SwitchUndone):
            cutover.switch(plan, quiet)
        assert server.__dict__["asked"] == ["target", "source"]
        time.sleep(1.2)
        assert driver.where() is Side.TARGET  # it came all the same
        assert writers.closed(target) and not writers.closed(source)
        with psycopg.connect(stand.target_dsn("odd_app")) as lost, pytest.raises(psycopg.Error) as caught:
            lost.execute("insert into loss.entry (run, client, seq) values (9, 9, 9)")
        assert caught.value.sqlstate == "25006"
        driver.redirect(Side.SOURCE, Deadline.after(5))
        source.query(ENTRIES)
        assert cutover.switch(plan, quiet).serving is Side.TARGET
        assert value(target, "select count(*) from loss.entry") == 50 and not writers.closed(target)
