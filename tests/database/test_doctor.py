"""What `post-ai doctor` finds on real servers with and without PL/Python, contrib, rights, a sidecar, a pooler."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_support import AGENT, install_postai

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.settings import Settings
from postai.setup import doctor
from postai.setup.doctor import Check, examine
from postai.setup.server import LocalServer


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PG", "POSTAI_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSTAI_CONFIG_DIR", str(tmp_path))


@pytest.fixture
def database16(pg16: LocalServer) -> Iterator[TestDatabase]:
    one = make_database(pg16)
    yield one
    drop_database(one)


def settings(tmp_path: Path, text: str = "") -> Settings:
    config = tmp_path / "postai.toml"
    config.write_text(f"[agent]\nsocket_directory = '{tmp_path}/run'\n{text}")
    return Settings.load(config)


def look(dsn: str, tmp_path: Path, text: str = "", **options: Any) -> dict[str, Check]:
    checks = examine(dsn, settings(tmp_path, text), **options)
    assert len({check.id for check in checks}) == len(checks)
    for check in checks:
        assert check.found
        assert check.status == "ok" or check.fix, f"{check.id} says no way to mend it"
    return {check.id: check for check in checks}


def test_debian_has_everything_but_postai(database15: TestDatabase, tmp_path: Path) -> None:
    found = look(database15.dsn(), tmp_path)
    for name in ("version", "plpython3u", "dblink", "hypopg", "pg_stat_statements", "pooler", "connection"):
        assert found[name].status == "ok", found[name]
    assert (found["postai"].status, found["postai"].fix) == ("fail", "post-ai install")


def test_the_wheel_has_no_plpython(database18: TestDatabase, tmp_path: Path) -> None:
    found = look(database18.dsn(), tmp_path)
    assert found["plpython3u"].status == "warn"
    assert "postgresql-plpython3" in (found["plpython3u"].fix or "")
    assert found["dblink"].status == "ok"


def test_a_server_without_contrib(database16: TestDatabase, tmp_path: Path) -> None:
    found = look(database16.dsn(), tmp_path)
    for name in ("plpython3u", "dblink", "hypopg", "pg_stat_statements"):
        assert found[name].status == "warn", found[name]
    assert "contrib" in (found["dblink"].fix or "")


def test_python_of_the_server(database15: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database15.execute("create extension plpython3u")
    assert look(database15.dsn(), tmp_path)["plpython_version"].found.startswith("3.")
    monkeypatch.setattr(doctor, "PYTHON", "2.7")
    version = look(database15.dsn(), tmp_path)["plpython_version"]
    assert version.status == "warn"
    assert "the sidecar 2.7" in version.found
    with database15.connect() as connection:
        leftovers = connection.execute("select count(*) from pg_proc where proname = 'postai_python'")
        assert leftovers.fetchone() == (0,)


def test_a_plain_user(database15: TestDatabase, tmp_path: Path) -> None:
    install_postai(database15, "call")
    database15.execute(
        "do $$ begin create role doc_plain login password 'doc_plain'; exception when others then end $$"
    )
    found = look(database15.dsn("doc_plain"), tmp_path)
    assert found["postai"].status == "fail"
    assert "GRANT postai_user TO doc_plain" in (found["postai"].fix or "")


def test_no_sidecar(database: TestDatabase, tmp_path: Path) -> None:
    install_postai(database, "call")
    postai = look(database.dsn(), tmp_path)["postai"]
    assert (postai.status, postai.fix) == ("fail", "Start it: post-ai agent")


def test_the_login_of_the_sidecar(database: TestDatabase, tmp_path: Path) -> None:
    passfile = tmp_path / "passfile"
    passfile.write_text(f"*:*:*:{AGENT}:{AGENT}\n*:*:*:doc_other:doc_other\n")
    passfile.chmod(0o600)
    database.execute("do $$ begin create role doc_other login password 'doc_other'; exception when others then end $$")

    def login(user: str) -> Check:
        dsn = f"host=127.0.0.1 port={database.server.port} dbname={database.name} user={user} passfile={passfile}"
        text = f"[[database]]\nname = 'here'\ndsn = '{dsn}'\n"
        return look(database.dsn(), tmp_path, text)["sidecar_login:here"]

    assert login("doc_other").fix == "post-ai install --agent-login doc_other"
    install_postai(database, "call")
    assert login(AGENT).status == "ok"
    assert login("doc_other").fix == "As a superuser: GRANT postai_agent, pg_monitor, pg_signal_backend TO doc_other;"
    assert login("doc_nobody").status == "fail"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong"}, "password"),
        ({"port": "1"}, "listen_addresses"),
        ({"host": "no-such-host.invalid"}, "host"),
        ({"dbname": "no_such_database"}, "dbname"),
    ],
)
def test_no_connection(change: dict[str, str], words: str, pg15: LocalServer, tmp_path: Path) -> None:
    parts = dict(part.split("=", 1) for part in pg15.dsn().split())
    found = look(" ".join(f"{key}={value}" for key, value in {**parts, **change}.items()), tmp_path)
    assert found["connection"].status == "fail"
    assert words in (found["connection"].fix or "")
    assert "wrong" not in found["connection"].found
    assert "version" not in found


class OldServer:
    """A real session that claims to be PostgreSQL 13, which cannot be installed next to the others."""

    server_version = 130014

    def __init__(self, session: Database) -> None:
        self._session = session

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


def test_an_old_server(database15: TestDatabase) -> None:
    with connect(database15.dsn()) as session:
        found = {check.id: check for check in doctor.examine_database(OldServer(session))}  # type: ignore[arg-type]
    assert found["version"].status == "fail"
    assert "14" in (found["version"].fix or "")


def test_a_pooler(pg15: LocalServer, tmp_path: Path) -> None:
    from test_connection import Middleman

    pooler = Middleman(pg15.port, refuse_options=False)
    try:
        found = look(pg15.dsn().replace(f"port={pg15.port}", f"port={pooler.port}"), tmp_path)
    finally:
        pooler.listener.shutdown(socket.SHUT_RDWR)
        pooler.listener.close()
    assert found["pooler"].status == "warn"
    assert "direct_dsn" in (found["pooler"].fix or "")


def test_a_passfile_that_others_can_read(pg15: LocalServer, tmp_path: Path) -> None:
    passfile = tmp_path / "passfile"
    assert look(f"{pg15.dsn()} passfile={passfile}", tmp_path)["passfile"].status == "fail"
    passfile.write_text("")
    passfile.chmod(0o644)
    check = look(f"{pg15.dsn()} passfile={passfile}", tmp_path)["passfile"]
    assert (check.status, check.fix) == ("fail", f"chmod 600 {passfile}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look through another OS user's eyes")
def test_what_the_os_user_of_the_server_can_read(pg15: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    found = look(pg15.dsn(), tmp_path, os_user="postgres")
    assert found["socket"].status == "fail"
    assert "socket_group" in (found["socket"].fix or "")
    packages = Path(doctor.__file__).resolve().parents[2]
    readable = subprocess.run(["runuser", "-u", "postgres", "--", "test", "-r", packages], check=False).returncode == 0
    assert found["environment"].status == ("ok" if readable else "warn")
    assert "not checked" in look(pg15.dsn(), tmp_path, os_user="nobody_of_that_name")["environment"].found


def test_a_socket_path_that_is_too_long(pg15: LocalServer, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    config = tmp_path / "long.toml"
    config.write_text(f"[agent]\nsocket_directory = '{long}'\n")
    found = {check.id: check for check in examine(pg15.dsn(), Settings.load(config))}
    assert found["socket"].status == "fail"
