"""post-ai migrate without an agent: files, checksums, baselines, other tools' histories, drift, differences."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.cli.main import run
from postai.database.dsn import build, parse
from postai.migrate.files import read_directory

TABLES = "create table parcel (id int primary key, city text); create index parcel_city on parcel (city)"
ALEMBIC = (
    "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('c3')"
)
FLYWAY = """
    create table flyway_schema_history (installed_rank integer primary key, version varchar(50),
      description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum integer,
      installed_by varchar(100) not null, installed_on timestamp not null default now(),
      execution_time integer not null,
      success boolean not null);
    insert into flyway_schema_history values
      (1, '1', 'first one', 'SQL', 'V1__first_one.sql', {one}, 'a', now(), 3, true),
      (2, '2', 'second', 'SQL', 'V2__second.sql', 17, 'a', now(), 3, true),
      (3, '3', 'broken', 'SQL', 'V3__broken.sql', 18, 'a', now(), 3, false),
      (4, null, 'views', 'SQL', 'R__views.sql', 19, 'a', now(), 3, true)
"""
SQITCH = """
    create schema sqitch;
    create table sqitch.changes (change_id text primary key, script_hash text unique, change text not null,
      project text not null, note text not null default '', committed_at timestamptz not null default clock_timestamp(),
      committer_name text not null, committer_email text not null, planned_at timestamptz not null,
      planner_name text not null, planner_email text not null);
    insert into sqitch.changes (change_id, script_hash, change, project, committer_name, committer_email, planned_at,
                                planner_name, planner_email)
      values ('a1', '{one}', 'users', 'shop', 'a', 'b', now(), 'a', 'b'),
             ('a2', '{two}', 'orders', 'shop', 'a', 'b', now(), 'a', 'b')
"""


def _run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    found = run(["migrate", *arguments, "--json"])
    told = capsys.readouterr()
    assert found == code, told
    return json.loads(told.out)


@pytest.fixture
def home(database18: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    monkeypatch.setenv("POSTAI_DSN", database18.dsn())
    database18.execute(TABLES)
    return database18


def test_explain_gives_locks_and_steps(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.sql"
    file.write_text("alter table parcel alter city set not null; create index i on parcel (id, city);")
    told = _run(capsys, "explain", str(file))
    first, second = told["statements"]
    assert first["locks"] == {"parcel": "AccessExclusiveLock"} and first["scans"] and not first["rewrites"]
    assert second["locks"] == {"parcel": "ShareLock"} and second["in_transaction_allowed"]
    assert "CONCURRENTLY" in second["steps"][0]["statement"] and not second["steps"][0]["in_transaction"]
    assert all(one["locks"] for one in first["steps"]) and len(first["steps"]) > 1
    assert [one["step"] for one in told["steps"]] == list(range(1, len(told["steps"]) + 1))
    assert run(["migrate", "explain", str(file)]) == 0
    assert "online steps" in capsys.readouterr().out


def test_files_are_written_and_checked(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "migrations"
    made = _run(
        capsys,
        "generate",
        "alter table parcel add column weight int not null default 1",
        "-d",
        str(place),
        "--title",
        "Add weight!",
    )
    assert [Path(one).name for one in made["files"]] == ["0001_add_weight.up.sql", "0001_add_weight.down.sql"]
    assert not made["destructive"] and any("DROP COLUMN" in one for one in made["down"])
    wish = _run(capsys, "generate", "Add an optional phone number to parcels", "--dry-run")
    assert "parcel" in wish["up"][0] and "phone" in wish["up"][0] and wish["down"]
    _run(capsys, "generate", "alter table parcel drop column city", "-d", str(place))
    one, two = read_directory(place)
    assert (one.id, one.up.title, one.up.destructive, two.up.destructive) == ("0001", "Add weight!", False, True)
    assert [row["state"] for row in _run(capsys, "status", str(place))["migrations"]] == ["pending", "pending"]
    assert [row["result"] for row in _run(capsys, "execute", str(place), "--dry-run")["migrations"]] == [
        "would run"
    ] * 2
    told = _run(capsys, "execute", str(place), "--explain", "--to", "1")["migrations"]
    assert len(told) == 1 and told[0]["steps"][0]["locks"]
    needs = _run(capsys, "execute", str(place), code=9)
    assert needs["error"]["sqlstate"] == "PA007" and "post-ai install" in needs["error"]["hint"]
    one.up.path.write_text(one.up.path.read_text() + "drop table parcel;\n")
    changed = _run(capsys, "execute", str(place), "--dry-run", code=12)
    assert changed["error"]["sqlstate"] == "PA010" and "Undo the edit" in changed["error"]["hint"]


def test_what_is_there_already_is_noted(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "migrations"
    assert _run(capsys, "drift", code=2)["error"]["hint"].startswith("post-ai migrate baseline")
    _run(capsys, "generate", "create table note (id int)", "-d", str(place))
    assert _run(capsys, "baseline", str(place))["noted"] == ["0001"]
    assert [row["state"] for row in _run(capsys, "status", str(place))["migrations"]] == ["applied"]
    assert _run(capsys, "drift")["differences"] == []
    home.execute("drop index parcel_city")
    told = _run(capsys, "drift", code=22)
    assert [(one["object"], one["change"]) for one in told["differences"]] == [("index public.parcel_city", "missing")]
    assert told["differences"][0]["fix"] == "CREATE INDEX parcel_city ON public.parcel USING btree (city)"
    assert run(["migrate", "drift", "--markdown"]) == 22 and "| index public.parcel_city |" in capsys.readouterr().out


def test_a_difference_becomes_a_migration(
    home: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_database(home.server)
    parameters = parse(other.dsn())
    monkeypatch.setenv("PGPASSWORD", parameters.pop("password", ""))
    like = build(parameters)
    other.execute("create table parcel (id bigint primary key, city text not null); create table fresh (a int)")
    made = _run(capsys, "generate", "--like", like, "-d", str(tmp_path / "m"))
    for statement in made["up"]:
        home.execute(statement)
    assert (
        _run(capsys, "generate", "--like", like, "-d", str(tmp_path / "m"), code=2)["error"]["message"]
        == "there is nothing to do"
    )
    for statement in made["down"]:
        home.execute(statement)
    drop_database(other)
    assert "parcel_city" in " ".join(made["down"])


def test_alembic(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.execute(ALEMBIC)
    for name, down in (("a1", "None"), ("b2", "'a1'"), ("c3", "'b2'"), ("d4", "'c3'")):
        (tmp_path / f"{name}_x.py").write_text(
            f'"""Title of {name}\n\nRevises."""\nrevision: str = "{name}"\ndown_revision = {down}\nboom()\n'
        )
    told = _run(capsys, "baseline", str(tmp_path), "--from", "alembic")
    assert told["noted"] == ["alembic:a1", "alembic:b2", "alembic:c3"] and told["problems"] == []
    rows = _run(capsys, "status", str(tmp_path))["migrations"]
    assert (rows[0]["title"], rows[0]["state"], rows[0]["source"]) == ("Title of a1", "applied", "alembic")
    (tmp_path / "b2_x.py").unlink()
    assert "b2" in _run(capsys, "baseline", str(tmp_path), "--from", "alembic", code=2)["error"]["message"]


def test_flyway(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crc = zlib.crc32(b"create table a (i int);")
    home.execute(FLYWAY.format(one=crc - 2**32 if crc >= 2**31 else crc))
    (tmp_path / "V1__first_one.sql").write_text("create table a\r\n (i int);\n".replace("\r\n", ""))
    (tmp_path / "V2__second.sql").write_text("select 2;")
    told = _run(capsys, "baseline", str(tmp_path), "--from", "flyway")
    assert told["noted"] == ["flyway:1", "flyway:2"]
    assert told["problems"] == ["V2__second.sql was changed after Flyway ran it"]


def test_sqitch(home: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "users.sql").write_text("select 1;")
    (tmp_path / "deploy" / "orders.sql").write_text("select 2;")
    digest = hashlib.sha1(b"select 1;", usedforsecurity=False).hexdigest()
    home.execute(SQITCH.format(one=digest, two="ff"))
    told = _run(capsys, "baseline", str(tmp_path), "--from", "sqitch")
    assert told["noted"] == ["sqitch:shop:users", "sqitch:shop:orders"]
    assert told["problems"] == ["deploy/orders.sql was changed after sqitch ran it"]
    assert "flyway" in _run(capsys, "baseline", "--from", "flyway", code=2)["error"]["message"]
