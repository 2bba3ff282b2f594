"""Scripts run statement by statement, stop with their place, and go on where they stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lifecycle_support import Shop, open_shop

from conftest import TestDatabase
from postai import database as db
from postai.cli.main import run
from postai.database import ConnectionLost, dsn
from postai.deadline import Deadline
from postai.errors import UsageError
from postai.migrate.script import ScriptFailed, ScriptState, run_script

SCRIPT = """
SET search_path = shop;
SELECT pg_catalog.set_config('DateStyle', 'ISO', false);
CREATE TABLE line (id int PRIMARY KEY, note text);
COPY line (id, note) FROM stdin;
1\tone;two
2\t\\N
\\.
CREATE INDEX CONCURRENTLY line_note ON line (note);
BEGIN;
INSERT INTO line VALUES (3, 'three');
UPDATE line SET note = 'x;''y' WHERE id = 2;
COMMIT;
VACUUM line;
INSERT INTO line VALUES (4, $$four$$);
DO $body$ begin insert into shop.line values (5, 'five'); end $body$;
"""
ROWS = [(1, "one;two"), (2, "x;'y"), (3, "three"), (4, "four"), (5, "five")]


@pytest.fixture
def shop(database: TestDatabase) -> Iterator[Shop]:
    yield from _shop(database)


@pytest.fixture
def shop18(database18: TestDatabase) -> Iterator[Shop]:
    yield from _shop(database18)


def _shop(database: TestDatabase) -> Iterator[Shop]:
    """Roles are the whole server's: who is a member for these tests alone is none afterwards."""
    one = open_shop(database)
    one.sql("grant postai_user to lc_owner; grant lc_owner to lc_user; grant create, usage on schema shop to lc_user")
    yield one
    one.sql("revoke lc_owner from lc_user, lc_nobody; revoke postai_user from lc_owner")


def rows(shop: Shop) -> list[tuple[int, str]]:
    return shop.sql("select id, note from shop.line order by id")


def go(shop: Shop, path: Path, state_file: Path | None = None, user: str = "lc_user") -> ScriptState:
    with db.connect(shop.database.dsn(user)) as session:
        return run_script(session, path, Deadline.after(60), state_file=state_file)


def test_a_script_runs_and_leaves_no_state(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(SCRIPT)
    done = go(shop, path, tmp_path / "state.json")
    assert rows(shop) == ROWS and done.statements == 12 and done.byte_offset == len(SCRIPT) - 1
    assert shop.indexes("shop.line") == [("line_note", True)]
    assert shop.sql("select * from postai.script") == [] and not (tmp_path / "state.json").exists()


def test_the_command(
    shop18: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = dsn.parse(shop18.database.dsn())
    monkeypatch.setenv("PGPASSWORD", parameters.pop("password", ""))
    path, state = tmp_path / "s.sql", tmp_path / "state"
    path.write_text(
        "create table shop.line (id int);\ninsert into shop.line values (1);\n"
        "select 1 / (select count(*) from shop.gate);\n"
    )
    shop18.sql("create table shop.gate (a int); grant all on shop.gate to public")
    command = ["migrate", "run", str(path), "--state", str(state), "--dsn", dsn.build(parameters)]
    assert run([*command, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["sqlstate"] == "22012" and "Line 3" in error["detail"] and "2 statements are done" in error["detail"]
    assert json.loads(state.read_text())["statements"] == 2
    shop18.sql("insert into shop.gate values (1)")
    assert run([*command, "--json"]) == 0 and json.loads(capsys.readouterr().out)["statements"] == 3
    assert not state.exists() and shop18.value("select count(*) from shop.line") == 1
    assert run(["migrate", "run", str(tmp_path), "--dsn", dsn.build(parameters)]) == 2


@pytest.mark.parametrize("keeps", ["the database", "a file"])
def test_a_script_stops_and_goes_on_there(shop18: Shop, tmp_path: Path, keeps: str) -> None:
    user, path, state = "lc_user", tmp_path / "a.sql", tmp_path / "state.json"
    if keeps == "a file":
        user = "lc_nobody"
        shop18.sql("grant lc_owner to lc_nobody; grant create, usage on schema shop to lc_nobody")
        shop18.sql("drop schema postai cascade")
    path.write_text(SCRIPT)
    shop18.sql("create table shop.line ()")
    with pytest.raises(ScriptFailed) as caught:
        go(shop18, path, state, user)
    told = caught.value
    assert told.sqlstate == "42P07" and told.state.statements == 2 and told.hint
    assert "Line 4; 2 statements are done, the next begins at byte" in (told.detail or "")
    assert SCRIPT[told.state.byte_offset :].lstrip().startswith("CREATE TABLE")
    kept = json.loads(state.read_text())
    assert (kept["format"], kept["statements"]) == ("postai script state", 2)
    assert kept["settings"][0] == "SET search_path = shop"
    shop18.sql("drop table shop.line")
    assert go(shop18, path, state, user).statements == 12
    assert rows(shop18) == ROWS and not state.exists()


def test_the_state_of_another_script_is_refused(shop18: Shop, tmp_path: Path) -> None:
    path, state = tmp_path / "a.sql", tmp_path / "state.json"
    path.write_text("select 1;")
    for text in ('{"format": "postai script state", "key": "x", "script": "b.sql"}', "[]", "{"):
        state.write_text(text)
        with pytest.raises(UsageError) as caught:
            go(shop18, path, state)
        assert caught.value.hint and state.read_text() == text


def test_a_transaction_of_the_script_is_done_whole_or_not_at_all(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(
        "create table shop.line (id int, note text);\nbegin;\ninsert into shop.line values (1, 'a');\n"
        "insert into shop.line\n  select 1, missing_name;\ncommit;\ninsert into shop.line values (2, 'b');\n"
    )
    with pytest.raises(ScriptFailed) as caught:
        go(shop, path)
    assert caught.value.sqlstate == "42703" and "Line 5, column 13" in (caught.value.detail or "")
    assert caught.value.state.statements == 1 and rows(shop) == []
    assert shop.sql("select statements, line from postai.script") == [(1, 1)]
    path.write_text("select 1;\nselect;;\nselekt 1;\n")
    with pytest.raises(ScriptFailed) as caught:
        go(shop, path)
    assert (caught.value.sqlstate, caught.value.state.statements) == ("42601", 2)
    assert "Line 3, column 1" in (caught.value.detail or "")


WORKER = """
import os, signal, sys
from collections.abc import Iterator
from pathlib import Path
from postai import database as db
from postai.cli.main import run
from postai.deadline import Deadline
from postai.migrate.script import run_script
left = int(sys.argv[3])
def report(state):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
with db.connect(sys.argv[1]) as session:
    run_script(session, Path(sys.argv[2]), Deadline.after(60), report=report)
"""


def test_a_killed_run_goes_on_without_doing_anything_twice(shop18: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(
        "create table shop.line (id int, note text);\n"
        + "".join(f"insert into shop.line values ({i}, 'x');\n" for i in range(1, 200))
    )
    for _ in range(3):
        command = [sys.executable, "-c", WORKER, shop18.database.dsn("lc_user"), str(path), "40"]
        assert (
            subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).returncode
            == -signal.SIGKILL
        )
    assert go(shop18, path).statements == 200
    assert shop18.sql("select count(*), count(distinct id) from shop.line") == [(199, 199)]


def test_a_terminated_session_is_continued(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(
        "create table shop.line (id int, note text);\ninsert into shop.line values (1, 'a');\n"
        "select pg_terminate_backend(pg_backend_pid()) where not exists (select from shop.item where id = -1);\n"
        "insert into shop.line values (2, 'b');\n"
    )
    with pytest.raises(ConnectionLost):
        go(shop, path, tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text())["statements"] == 2
    shop.sql("insert into shop.item (id) values (-1)")
    assert go(shop, path, tmp_path / "state.json").statements == 4
    assert rows(shop) == [(1, "a"), (2, "b")]


def test_a_big_script_needs_little_memory(shop18: Shop, tmp_path: Path) -> None:
    path = tmp_path / "big.sql"
    with path.open("w") as out:
        out.write("create table shop.line (id int, note text);\ncopy shop.line from stdin;\n")
        for number in range(300_000):
            out.write(f"{number}\t{'x' * 100}\n")
        out.write("\\.\n")
        for number in range(20):
            out.write(f"insert into shop.line select {number}, '{'y' * 1_000_000}' where false;\n")
    highest = [0]
    first = _resident_mb()

    def report(_: ScriptState) -> None:
        highest[0] = max(highest[0], _resident_mb())

    with db.connect(shop18.database.dsn("lc_user")) as session:
        assert run_script(session, path, Deadline.after(60), report=report).statements == 22
    assert highest[0] - first <= 50
    assert shop18.value("select count(*) from shop.line") == 300_000


def _resident_mb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmRSS")
