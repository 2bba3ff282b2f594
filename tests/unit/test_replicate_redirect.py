"""Redirect drivers without a database: files, programs and web services are asked where clients go, then told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from postai.database import dsn as connection_string
from postai.deadline import Deadline
from postai.errors import UsageError
from postai.replicate.hooks import CommandDriver, HttpDriver
from postai.replicate.pgbouncer import _with_hosts
from postai.replicate.redirect import Address, FileDriver, RedirectFailed, make_driver
from postai.replicate.types import Side

OLD, NEW = Address("db1", 5432, "shop"), Address("2001:db8::7", 6000, "new shop")
BOTH = {Side.SOURCE: OLD, Side.TARGET: NEW}


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.mark.parametrize(
    "text",
    [
        "host=db1 dbname=shop user=ada password='it''s' application_name=x\n",
        "postgresql://ada:p%40ss@db1:5432/shop?sslmode=require&application_name=x\n",
        "postgres://db1/shop",
    ],
)
def test_a_connection_string_keeps_everything_but_the_address(tmp_path: Path, text: str) -> None:
    text = text.replace("it''s", r"it\'s")
    path = tmp_path / "dsn"
    path.write_text(text)
    path.chmod(0o640)
    driver = FileDriver(path, BOTH)
    assert driver.where() is Side.SOURCE
    driver.redirect(Side.TARGET, soon())
    assert driver.where() is Side.TARGET and path.stat().st_mode & 0o777 == 0o640
    given = connection_string.parse(path.read_text().strip())
    assert (given["host"], given["port"], given["dbname"]) == ("2001:db8::7", "6000", "new shop")
    before = connection_string.parse(text.strip())
    assert {**given, **before} == {**before, "port": before.get("port", "6000")}
    assert path.read_text().endswith("\n") == text.endswith("\n") and list(tmp_path.iterdir()) == [path]
    driver.redirect(Side.SOURCE, soon())
    assert driver.where() is Side.SOURCE


def test_only_one_section_of_a_service_file_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "pg_service.conf"
    path.write_text(
        "[other]\nhost=db1\ndbname=shop\n\n[shop]\n# host=x\nhost=db1\nuser=ada\ndbname=shop\n[last]\nhost=db1\n"
    )
    driver = make_driver("file", {"path": str(path), "service": "shop"}, BOTH)
    assert driver.where() is Side.SOURCE
    driver.redirect(Side.TARGET, soon())
    assert path.read_text() == (
        "[other]\nhost=db1\ndbname=shop\n\n"
        "[shop]\nport=6000\n# host=x\nhost=2001:db8::7\nuser=ada\ndbname=new shop\n[last]\nhost=db1\n"
    )
    assert driver.where() is Side.TARGET


def test_a_file_that_says_neither_or_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "dsn"
    driver = FileDriver(path, BOTH)
    with pytest.raises(RedirectFailed) as caught:
        driver.where()
    assert caught.value.sqlstate == "PA010"
    path.write_text("host=elsewhere dbname=shop")
    assert driver.where() is None
    path.write_text("[x]\n")
    with pytest.raises(RedirectFailed, match=r"no section \[shop\]"):
        FileDriver(path, BOTH, "shop").where()


def test_a_file_is_staged_beside_before_anybody_waits(tmp_path: Path) -> None:
    path, link = tmp_path / "dsn", tmp_path / "link"
    path.write_text("host=db1 dbname=shop password=secret\n")
    path.chmod(0o640)
    link.symlink_to(path)
    (tmp_path / ".dsn.postai").write_text("of a driver that died")
    driver = FileDriver(link, BOTH)
    driver.stage(Side.TARGET)
    (beside,) = set(tmp_path.iterdir()) - {path, link}
    assert driver.where() is Side.SOURCE and beside.stat().st_mode & 0o777 == 0o640
    number = beside.stat().st_ino
    driver.redirect(Side.TARGET, soon())
    assert driver.where() is Side.TARGET and path.stat().st_ino == number and link.is_symlink()
    driver.stage(Side.SOURCE)
    path.write_text(path.read_text().replace("secret", "another"))  # meanwhile somebody changed it
    driver.redirect(Side.SOURCE, soon())
    assert connection_string.parse(path.read_text()).items() >= {"host": "db1", "password": "another"}.items()
    for give_up in (driver.resume, driver.close):
        driver.stage(Side.TARGET)
        give_up()
        assert set(tmp_path.iterdir()) == {path, link} and driver.where() is Side.SOURCE
    with pytest.raises(RedirectFailed, match="cannot be replaced") as caught:
        (tmp_path / ".dsn.postai").mkdir()
        driver.stage(Side.TARGET)
    assert caught.value.sqlstate == "PA010"


def test_lines_of_pgbouncer_keep_everything_but_the_address() -> None:
    text = (
        ";shop = host=x\n[databases]\nshop = host=db1 port=5432 dbname=shop pool_size=5 connect_query='select ''=''' \n"
        "archive=host=db1 dbname=shop\n* = host=db1\n[pgbouncer]\nshop = 1\n"
    )
    changed = _with_hosts(text, ("shop", "archive"), NEW)
    assert changed == (
        ";shop = host=x\n[databases]\nshop = host=2001:db8::7 port=6000 dbname='new shop' pool_size=5 "
        "connect_query='select ''='''\narchive = host=2001:db8::7 dbname='new shop' port=6000\n* = host=db1\n"
        "[pgbouncer]\nshop = 1\n"
    )
    assert _with_hosts(text, ("shop", "archive"), OLD) == text and _with_hosts(changed, ("shop",), NEW) == changed
    with pytest.raises(RedirectFailed, match="no line of other"):
        _with_hosts(text, ("other",), NEW)


PROGRAM = """
import os, sys, time
place, action = sys.argv[1], sys.argv[2]
if action == "where":
    print(open(place).read())
else:
    if os.environ["POSTAI_PORT"] != "6000": sys.exit("a wrong port")
    if os.environ["POSTAI_DBNAME"] != "new shop": sys.exit("a wrong database")
    open(place, "w").write(sys.argv[3])
"""


def test_a_command_is_asked_and_told_without_a_shell(tmp_path: Path) -> None:
    program, place = tmp_path / "program.py", tmp_path / "a place; $(touch x)"
    program.write_text(PROGRAM)
    place.write_text("source")
    driver = make_driver("command", {"command": [sys.executable, "-S", str(program), str(place)]}, BOTH)
    assert driver.where() is Side.SOURCE
    driver.redirect(Side.TARGET, soon())
    assert driver.where() is Side.TARGET
    with pytest.raises(RedirectFailed, match="exit code 1") as caught:
        driver.redirect(Side.SOURCE, soon())
    assert caught.value.detail == "a wrong port"
    place.write_text("who knows")
    assert driver.where() is None


def test_a_command_that_hangs_is_killed_with_its_children() -> None:
    driver = CommandDriver(("sh", "-c", "sleep 60 & sleep 60"), BOTH, 0.2)
    with pytest.raises(RedirectFailed, match="did not end within"):
        driver.where()
    with pytest.raises(RedirectFailed, match="cannot be run"):
        CommandDriver(("/nowhere/program",), BOTH, 1).where()


def test_a_command_ends_with_the_process_that_called_it(tmp_path: Path) -> None:
    """Else it would send the clients on after the next driver has looked where they go."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = f"exec 5>{pipe}; echo runs >&5; sleep 30; echo goes on >&5"
    calling = (
        "from postai.replicate.hooks import CommandDriver\n"
        f"CommandDriver(('sh', '-c', {program!r}), {{}}, 60).where()\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", calling])
    with pipe.open() as said:
        assert said.readline() == "runs\n"
        caller.kill()
        caller.wait()
        assert said.read() == ""  # the end: nobody holds it open


def test_what_a_command_leaves_running_goes_on(tmp_path: Path) -> None:
    program = f"(sleep 0.3; touch {tmp_path / 'done'}) >/dev/null 2>&1 & echo source"
    assert CommandDriver(("sh", "-c", program), BOTH, 5).where() is Side.SOURCE
    end = time.monotonic() + 10
    while not (tmp_path / "done").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


class _Hook(BaseHTTPRequestHandler):
    """A web service that remembers where clients go."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        at = self.server.__dict__
        if asked["action"] == "redirect" and not at.get("stuck"):
            at.update(at=asked["to"], got=asked)
        self.send_response(at.get("status", 200))
        self.end_headers()
        self.wfile.write(json.dumps({"at": at["at"]}).encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def hook() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Hook) as server:
        server.__dict__["at"] = "source"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_web_service_is_asked_and_told() -> None:
    with hook() as server:
        driver = HttpDriver(f"http://127.0.0.1:{server.server_port}/a?token=secret", BOTH, 2.0)
        assert driver.where() is Side.SOURCE
        driver.redirect(Side.TARGET, soon())
        assert driver.where() is Side.TARGET
        assert server.__dict__["got"] == {
            "action": "redirect", "to": "target", "host": "2001:db8::7", "port": 6000, "dbname": "new shop"
        }  # fmt: skip
        server.__dict__["stuck"] = True
        with pytest.raises(RedirectFailed, match="do not go to the source"):
            driver.redirect(Side.SOURCE, soon())
        server.__dict__["status"] = 500
        with pytest.raises(RedirectFailed, match="answered 500") as caught:
            driver.where()
        assert "secret" not in str(caught.value)
    with pytest.raises(RedirectFailed, match="failed"):
        driver.where()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("http", {"url": "http://example.com/"}),
        ("http", {"url": "ftp://localhost/"}),
        ("http", {"url": "https://ada:pw@example.com/"}),
        ("http", {"url": "https://example.com/", "seconds": 0}),
        ("file", {}),
        ("file", {"path": "x", "mode": "y"}),
        ("command", {"command": "rm -rf x"}),
        ("pgbouncer", {"admin": "host=x dbname=pgbouncer", "file": "x", "databases": ["a;b"]}),
        ("carrier pigeon", {}),
    ],
)
def test_options_that_are_wrong(kind: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        make_driver(kind, options, BOTH)
    assert "pw" not in str(caught.value)


def test_an_address_of_a_connection_string() -> None:
    assert Address.of("postgresql://ada@[2001:db8::7]:6000/new%20shop") == NEW
    with pytest.raises(UsageError, match="needs a host"):
        Address.of("dbname=x")
