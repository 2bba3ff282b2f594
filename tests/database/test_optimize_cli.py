"""`post-ai optimize`, `top`, `health` and `watch` on real databases in which postai is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.cli.main import run
from postai.setup.server import LocalServer

SCHEMA = """
    create table parcel (id int primary key, depot_id int not null, city text, weight int);
    insert into parcel select g, g % 5000, 'city' || g % 300, g % 77 from generate_series(1, 60000) g;
    create index parcel_city on parcel (city);
    create index parcel_city_again on parcel (city);
"""
WORKLOAD = """
-- @id by_depot calls=50000
-- @params 42
-- @params 43
select id, weight from parcel where depot_id = $1;

-- @id write calls=10 kind=write
update parcel set weight = weight + 1 where id = 7;

-- @id odd calls=10
select no_such_function(1);
"""


@pytest.fixture(scope="module", params=["pg15"])
def neglected(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database without postai; PostgreSQL 15 has HypoPG."""
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    database.execute(SCHEMA)
    if request.param == "pg15":
        database.execute("create extension hypopg")
    database.execute("vacuum analyze parcel")
    yield database
    drop_database(database)


@pytest.fixture
def there(neglected: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    monkeypatch.setenv("POSTAI_DSN", neglected.dsn())
    return neglected


@pytest.fixture
def workload(tmp_path: Path) -> str:
    path = tmp_path / "workload.sql"
    path.write_text(WORKLOAD)
    return str(path)


def document(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_workload_from_a_file(there: TestDatabase, workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "optimize", "--workload", workload)
    index = next(one for one in found["proposals"] if one["kind"] == "create_index")
    assert "(depot_id" in index["statement"] and index["saved_ms_per_day"] > 0 and index["bytes"] > 0
    assert index["effects"][0]["id"] == "by_depot"
    assert {"DROP INDEX CONCURRENTLY"} <= {one["statement"][:23] for one in found["proposals"]}
    assert [one["id"] for one in found["skipped"]] == ["odd"]
    with there.connect() as connection:
        for one in found["proposals"]:
            connection.execute(one["statement"])
        if index["comment"]:
            connection.execute(index["comment"])
        for one in reversed(found["proposals"]):
            connection.execute(one["undo"])


def test_one_query(there: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "optimize", "--query", "select * from parcel where depot_id = 4")
    assert len(found["proposals"]) == 1 and "depot_id" in found["proposals"][0]["statement"]
    error = document(capsys, "optimize", "--query", "select * from parcl", code=1)["error"]
    assert "parcl" in error["detail"] and error["hint"]
    error = document(capsys, "optimize", "--query", "drop table parcel", code=1)["error"]
    assert error["hint"] and there.execute("select count(*) from parcel") == [(60000,)]


@pytest.mark.parametrize("form", ["--sql", "--markdown", None])
def test_every_form_says_the_same(
    there: TestDatabase, workload: str, form: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["optimize", "--workload", workload, *([form] if form else [])]) == 0
    text = capsys.readouterr().out
    assert "CREATE INDEX CONCURRENTLY" in text and "DROP INDEX CONCURRENTLY public.parcel_city" in text
    if form == "--sql":
        with there.connect() as connection:
            for statement in [line for line in text.splitlines() if line and not line.startswith("--")]:
                connection.execute(statement)  # type: ignore[call-overload]
            for line in reversed([line for line in text.splitlines() if line.startswith("-- undo: ")]):
                connection.execute(line.removeprefix("-- undo: "))  # type: ignore[call-overload]


def test_a_budget_is_kept(there: TestDatabase, workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "optimize", "--workload", workload, "--budget-mb", "1")
    assert sum(one["bytes"] for one in found["proposals"] if one["kind"] == "create_index") <= 1 << 20


def test_without_statistics_of_statements_the_rest_is_told(
    there: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "optimize")
    assert "drop_index" in {one["kind"] for one in found["proposals"]}
    assert "pg_stat_statements" in found["notes"][0] and "CREATE EXTENSION" in found["notes"][0]
    error = document(capsys, "top", code=9)["error"]
    assert error["sqlstate"] == "PA007" and "pg_stat_statements" in error["hint"]


def test_top_counts_between_looks(server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    database = make_database(server)
    database.execute("create extension pg_stat_statements; create table t (a int)")
    for _ in range(3):
        database.execute("select count(*) from t")
    found = document(capsys, "top", "--dsn", passwordless(database), "--limit", "500")
    (mine,) = [one for one in found if one["query"] == "select count(*) from t"]
    assert mine["calls"] == 3 and 0 < mine["share"] <= 1 and mine["mean_ms"] > 0
    found = document(capsys, "top", "--dsn", passwordless(database), "--refresh", "0.2", "--count", "1")
    assert "select count(*) from t" not in {one["query"] for one in found}
    drop_database(database)


def passwordless(database: TestDatabase) -> str:
    """A connection string for the command line, with the password in a file."""
    path = database.server.root / "superuser.pass"
    path.write_text(f"*:*:*:*:{database.server.password()}\n")
    path.chmod(0o600)
    return f"host=127.0.0.1 port={database.server.port} dbname={database.name} user=postgres passfile={path}"


def test_health_says_by_its_exit_code(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["health", "--json", "--dsn", passwordless(database)]) in (20, 21)  # fsync is off in tests
    found = json.loads(capsys.readouterr().out)
    assert {one["status"] for one in found} <= {"ok", "unknown", "warning", "critical"} and len(found) > 10
    assert run(["health", "--all", "--dsn", passwordless(database)]) in (20, 21)
    assert "checks are well" in capsys.readouterr().out


def test_watch_shows_who_blocks_whom(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    database.execute("create table t (a int)")
    with database.connect(autocommit=False) as holder:
        holder.execute("lock table t")
        waiter = subprocess.Popen(
            [sys.executable, "-c", f"import psycopg; psycopg.connect({database.dsn()!r}).execute('select * from t')"]
        )
        until = time.monotonic() + 20
        blocked = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        while database.execute(blocked) != [(1,)]:
            assert time.monotonic() < until
            time.sleep(0.05)
        view = document(capsys, "watch", "--once", "--dsn", passwordless(database))
        assert view["waiting"] == 1 and view["blocking"][0][3] == str(holder.info.backend_pid)
        assert run(["watch", "--once", "--dsn", passwordless(database)]) == 0
        text = capsys.readouterr().out
        assert "1 waiting for a lock" in text and "blocked" in text and "select * from t" in text
    waiter.wait(20)


def test_watch_shows_what_postai_does(database15: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    from agent_support import install_postai

    install_postai(database15, "call")
    with psycopg.connect(database15.dsn(), autocommit=True) as connection:
        connection.execute(
            "insert into postai.proposal (kind, title, why, fingerprint) values ('vacuum', 'Tidy', '', '')"
        )
        connection.execute("insert into postai.action (proposal, kind) select id, 'apply' from postai.proposal")
    view = document(capsys, "watch", "--once", "--dsn", passwordless(database15))
    assert view["actions"][0][2:4] == ["Tidy", "queued"]
