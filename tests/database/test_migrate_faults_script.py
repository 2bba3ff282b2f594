"""Scripts of any length: ten gigabytes in little memory, told places, and no reading ahead of a slow server."""

from __future__ import annotations

import io
import json
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from lifecycle_support import Shop, open_shop
from planned_support import wait_for

from conftest import TestDatabase
from postai import database as db
from postai.cli.main import run as cli
from postai.database import dsn
from postai.deadline import Deadline
from postai.migrate.script import ScriptFailed, ScriptState, run_script

MEGABYTE = 1024 * 1024
ROWS = b"".join(b"%07d\t%s\n" % (number, b"x" * 1015) for number in range(1024))  # one megabyte
STATEMENT = b"INSERT INTO line SELECT 1, '" + b"y;" * (MEGABYTE // 2 - 24) + b"' WHERE false;\n"
TABLES = b"""SET search_path = shop;
CREATE TABLE line (id int, note text);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end';
CREATE TRIGGER z BEFORE INSERT ON line FOR EACH ROW EXECUTE FUNCTION nothing();
"""
Parts = list[tuple[bytes, int]]


class Made(io.RawIOBase):
    """A file that lies nowhere: parts, each of them some times over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(len(text) * count for text, count in parts)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._starts[-1]:
            return 0
        part = bisect_right(self._starts, self._at) - 1
        text = self._parts[part][0]
        inside = (self._at - self._starts[part]) % len(text)
        piece = text[inside : inside + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class MadePath(type(Path())):  # type: ignore[misc]
    """Where such a file seems to lie."""

    made_of: Parts
    made: Made

    def open(self, *args: Any, **options: Any) -> Any:
        self.made = Made(self.made_of)
        return io.BufferedReader(self.made, 64 * 1024)


def script(parts: Parts) -> MadePath:
    path = MadePath("made.sql")
    path.made_of = parts
    return path


@pytest.fixture
def shop(database18: TestDatabase) -> Iterator[Shop]:
    one = open_shop(database18)
    one.sql("grant lc_owner to lc_user; grant create, usage on schema shop to lc_user")
    yield one
    one.sql("revoke lc_owner from lc_user")


def go(shop: Shop, path: Path, seconds: float = 60.0, **options: Any) -> ScriptState:
    with db.connect(shop.database.dsn("lc_user")) as session:
        return run_script(session, path, Deadline.after(seconds), **options)


def half(rows: int, statements: int) -> Parts:
    return [(b"COPY line FROM stdin;\n", 1), (ROWS, rows), (b"\\.\n", 1), (STATEMENT, statements)]


@pytest.mark.parametrize("megabytes", [32, pytest.param(10 * 1024, marks=pytest.mark.soak)])
def test_a_script_of_any_length_stops_and_goes_on_in_little_memory(shop: Shop, megabytes: int) -> None:
    """Half of it is rows, half statements; the one in the middle fails first. Ten gigabytes take minutes."""
    quarter = megabytes // 4
    gate = b"SELECT 1 / (SELECT count(*) FROM gate);\n"
    parts = [(TABLES + b"CREATE TABLE gate AS SELECT 1 WHERE false;\n", 1), *half(quarter, quarter), (gate, 1)]
    before = sum(len(text) * count for text, count in parts[:-1])
    parts += half(quarter, quarter)
    first, highest, read = resident(), [0], [0]

    def report(state: ScriptState) -> None:
        highest[0] = max(highest[0], resident())
        read[0] = state.byte_offset

    path = script(parts)
    with pytest.raises(ScriptFailed) as failed:
        go(shop, path, 3600, report=report)
    state = failed.value.state
    assert (failed.value.sqlstate, state.statements, state.byte_offset) == ("22012", 6 + quarter, before - 1)
    assert f"{6 + quarter} statements are done, the next begins at byte {before - 1}" in (failed.value.detail or "")
    shop.sql("insert into shop.gate values (1)")
    began: list[ScriptState] = []
    done = go(shop, path, 3600, report=lambda one: (began.append(one) if not began else None, report(one))[1])
    assert began[0].statements == 7 + quarter
    assert done.statements == 8 + 2 * quarter and read[0] >= 0.99 * megabytes * MEGABYTE
    print(f"{read[0] / MEGABYTE:,.0f} MB read, {(highest[0] - first) / 1024:.1f} MB of growth")
    assert highest[0] - first <= 50 * 1024


def test_a_server_that_is_slow_is_not_read_ahead_of(shop: Shop) -> None:
    slowly = b"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'begin perform pg_sleep(2); return null; end'"
    slowly += b"; CREATE TRIGGER a BEFORE INSERT ON line FOR EACH ROW WHEN (new.id < 0) EXECUTE FUNCTION slow();"
    begin, *rest = half(60, 1)
    path = script([(TABLES + slowly, 1), begin, (b"-1\tslow\n", 1), *rest])
    thread = threading.Thread(target=lambda: go(shop, path))
    thread.start()
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    wait_for(lambda: shop.value(sleeping))
    time.sleep(0.7)
    at = path.made.tell()
    time.sleep(0.7)
    assert shop.value(sleeping) == 1
    assert path.made.tell() == at < 20 * MEGABYTE, "what the sockets and libpq take is all that was read"
    thread.join(60)
    assert path.made.tell() > 60 * MEGABYTE


WRONG = "create table shop.a (id int);\n\n-- ä\nalter tabel shop.a add x int;\n"


@pytest.mark.parametrize("command", ["explain", "run", "execute"])
def test_a_statement_that_does_not_parse_is_told_with_line_and_column(
    shop: Shop, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = dsn.parse(shop.database.dsn("lc_user"))
    monkeypatch.setenv("PGPASSWORD", parameters.pop("password", ""))
    monkeypatch.setenv("POSTAI_DSN", dsn.build(parameters))
    file = tmp_path / "0001_wrong.up.sql"
    file.write_text(WRONG)
    if command == "execute":
        file.write_text("-- id: 0001\n-- title: wrong\n" + WRONG.split("\n", 2)[2])
    place = [str(tmp_path), "--dry-run"] if command == "execute" else [str(file)]
    assert cli(["migrate", command, *place, "--json"]) != 0
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["sqlstate"] in ("PA003", "42601") and error["hint"]
    assert "line 4, column 7" in error["detail"].lower(), error
    assert command in ("explain", "run") or file.name in error["message"] + error["detail"]
    assert command == "run" or shop.value("select to_regclass('shop.a')") is None


def resident() -> int:
    """Kilobytes of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
