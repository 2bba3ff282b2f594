"""The edge as a command: its processes, how they are replaced while clients come and go, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from edge_support import Raw, query_line, server_line

from conftest import TestDatabase, new_server, server_user
from postai.cli.main import run
from postai.edge import wire
from postai.edge.server import bouncer
from postai.edge.server.control import Channel
from postai.edge.server.workers import Supervisor
from postai.settings import EdgeSettings
from postai.setup.server import LocalServer, debian_binaries, free_port

PATIENCE = 30.0
AS_USER = """#!/bin/sh
[ "$1" = -q ] && chown {user} "$2" "$(dirname "$2")"
exec setpriv --reuid={user} --regid={user} --clear-groups {program} "$@"
"""


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until a function gives something true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Command:
    """`post-ai edge` that runs."""

    def __init__(self, place: Path, server: LocalServer, lines: tuple[str, ...], more: dict[str, str] | None) -> None:
        self.port = free_port()
        self.place = place
        self.server = server
        self.file = place / "postai.toml"
        self.write(*lines)
        self.log = (place / "log").open("w+")
        self._more = more or {}
        self.start()

    def start(self) -> None:
        """Start it, also after it was killed."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "postai.cli.main", "edge", "--config", self.file, "--json"],
            stdout=self.log, stderr=self.log, cwd="/", env=os.environ | self._more,
        )  # fmt: skip

    def write(self, *lines: str) -> None:
        """Change the settings."""
        most = ("[edge]", f"port = {self.port}", f'server = "{server_line(self.server)}"', "max_connections = 500",
                f'runtime_directory = "{self.place}"')  # fmt: skip
        self.file.write_text("\n".join([*most, *lines]))

    def said(self, text: str) -> int:
        """How often its log holds a text."""
        return Path(self.log.name).read_text().count(text)

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in path.read_text().split()]

    def connect(self, database: TestDatabase, **more: object) -> psycopg.Connection:
        dsn = database.dsn().replace(f"port={database.server.port}", f"port={self.port}")
        return psycopg.connect(dsn, autocommit=True, **more)

    def ask(self, *arguments: str) -> tuple[int, str]:
        """The exit code of a subcommand, and what it says."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = run(["edge", *arguments, "--config", str(self.file)])
        return code, said.getvalue()

    def reload(self) -> None:
        """Replace the processes, and wait until those that are new listen alone."""
        before = self.said('"the edge listens"')
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.said('"the edge listens"') > before)


@contextlib.contextmanager
def command(place: Path, server: LocalServer, *lines: str, more: dict[str, str] | None = None) -> Iterator[Command]:
    one = Command(place, server, lines, more)
    try:
        wait_for(lambda: one.said('"the edge listens"') or one.process.poll() is not None)
        yield one
    finally:
        one.process.send_signal(signal.SIGINT)
        try:
            one.process.wait(PATIENCE)
        finally:
            one.process.kill()
            one.log.close()


def test_processes_are_replaced_and_nobody_is_lost(database15: TestDatabase, tmp_path: Path) -> None:
    with command(tmp_path, database15.server, "processes = 2") as edge:
        first = edge.workers()
        assert len(first) == 2
        lost: list[Exception] = []
        over = threading.Event()

        def come_and_go() -> None:
            while not over.is_set():
                try:
                    edge.connect(database15).close()
                except psycopg.Error as error:
                    lost.append(error)

        comers = [threading.Thread(target=come_and_go) for _ in range(4)]
        for one in comers:
            one.start()
        with edge.connect(database15) as stays:
            edge.write("processes = 1")
            edge.reload()
            assert stays.execute("select 1").fetchone() == (1,)
        over.set()
        for one in comers:
            one.join()
        assert lost == []
        wait_for(lambda: len(edge.workers()) == 1)
        assert not set(edge.workers()) & set(first)


def test_a_signal_at_the_moment_when_a_process_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that fails then is never told again: a second signal only hands itself on."""

    async def play() -> None:
        settings = EdgeSettings(port=free_port(), server="host=127.0.0.1", runtime_directory=tmp_path)
        supervisor = Supervisor(lambda: settings, ("sleep", "60"))  # and as many seconds as its file's number

        def close(channel: Channel) -> None:
            supervisor.stop(signal.SIGTERM)
            done(channel)

        done = Channel.close
        monkeypatch.setattr(Channel, "close", close)
        start = asyncio.create_task(supervisor.start())
        while not supervisor._alive:
            await asyncio.sleep(0.01)
        (worker,) = supervisor._alive
        os.kill(worker.process.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            await supervisor.wait()
        await start
        assert not supervisor._alive

    asyncio.run(play())


def test_a_cancel_request_finds_its_session_in_whatever_process(database15: TestDatabase, tmp_path: Path) -> None:
    with command(tmp_path, database15.server, "processes = 2") as edge, contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(edge.connect(database15)) for _ in range(4)]
        edge.reload()
        sessions += [stack.enter_context(edge.connect(database15)) for _ in range(4)]
        ends: list[str | None] = []

        def sleep(session: psycopg.Connection) -> None:
            try:
                session.execute("select pg_sleep(60)")
            except psycopg.errors.QueryCanceled as error:
                ends.append(error.sqlstate)

        sleepers = [threading.Thread(target=sleep, args=(one,)) for one in sessions]
        for one in sleepers:
            one.start()
        count = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
        with psycopg.connect(database15.dsn(), autocommit=True) as watch:
            wait_for(lambda: watch.execute(count).fetchone() == (8,))
        for session in sessions:
            session.cancel_safe(timeout=PATIENCE)
        for one in sleepers:
            one.join(PATIENCE)
        assert ends == ["57014"] * 8
        with Raw(edge.port, wire.cancel_packet(b"\0\0\0\7" + b"none")) as nobody:
            assert nobody.rest() == b""


def test_a_process_that_dies_is_replaced_and_wrong_settings_are_not_taken(
    database15: TestDatabase, tmp_path: Path
) -> None:
    with command(tmp_path, database15.server, f'unix_socket_directory = "{tmp_path}"') as edge:
        (only,) = edge.workers()
        os.kill(only, signal.SIGKILL)
        wait_for(lambda: edge.workers() not in ([], [only]))
        edge.connect(database15).close()  # waits until the new one takes it from the queue

        edge.file.write_text("[edge]\nprocesses = 0\n")
        edge.process.send_signal(signal.SIGHUP)
        wait_for(lambda: edge.said("the edge goes on with the settings that it has"))
        edge.connect(database15).close()

        local = database15.dsn().replace(f"port={database15.server.port}", f"port={edge.port}")
        local = local.replace("host=127.0.0.1", "").replace(f"host={database15.server.socket_directory}", "")
        with psycopg.connect(f"{local} host={tmp_path} sslmode=prefer") as through:
            assert through.execute("select 1").fetchone() == (1,)
        edge.write()
        edge.file.rename(edge.file.with_name("again.toml"))
        taken = subprocess.run(
            [sys.executable, "-m", "postai.cli.main", "edge", "--config", edge.file.with_name("again.toml")],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert (taken.returncode, "the edge cannot listen" in taken.stderr) == (2, True)
        edge.process.terminate()
        assert edge.process.wait(PATIENCE) == 0
        assert not list(tmp_path.glob(".s.PGSQL*"))


def test_the_operator_sees_all_processes_and_stops_them(database15: TestDatabase, tmp_path: Path) -> None:
    port = free_port()
    pooled = ('pool_mode = "transaction"', 'auth = "scram"', f'auth_dsn = "{query_line(database15.server)}"')
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.settimeout(PATIENCE)
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    lines = ("processes = 2", f"admin_port = {port}", *pooled)
    with systemd, command(tmp_path, database15.server, *lines, more=told) as edge:
        assert systemd.recv(100) == b"READY=1"
        with contextlib.ExitStack() as stack:
            sessions = [stack.enter_context(edge.connect(database15)) for _ in range(6)]
            seen = sessions[0].execute("show postai.clients").fetchall()
            assert {int(row[0]) for row in seen} == {one.info.backend_pid for one in sessions}
            processes = json.loads(edge.ask("stats", "--json")[1])["processes"]
            assert [one["number"] for one in processes] == [0, 1]
            assert sum(one["tables"]["edge"][0]["clients"] for one in processes) == 6
            os.kill(processes[0]["pid"], signal.SIGHUP)  # is the parent's alone
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
                text = answer.read().decode()
            counts = re.findall(r"^postai_edge_edge_clients\{.*\} (\d+)$", text, re.M)
            assert sum(map(int, counts)) == 6
        assert edge.ask("purge", "public.t", "--database", "shop") == (0, "nothing is cached there\n")
        code, text = edge.ask("check")
        assert code in (0, 20) and "without TLS" in text  # 20: where the limit of open files is low
        with edge.connect(database15) as stays:  # clients end by themselves after SIGTERM
            edge.process.terminate()
            wait_for(lambda: edge.said("a process of the edge stops") == 2)
            assert stays.execute("select 1").fetchone() == (1,)
            with pytest.raises(psycopg.OperationalError, match=r"shutting down|refused|closed"):
                edge.connect(database15)
        assert edge.process.wait(PATIENCE) == 0
    wrong = query_line(database15.server).replace("dbname=postgres", "dbname=none")
    edge.write('auth = "scram"', f'auth_dsn = "{wrong}"', 'listen_addresses = ["*"]')
    code, text = edge.ask("check", "--json")
    states = {one["what"]: one["state"] for one in json.loads(text)["findings"]}
    assert (code, states["auth_dsn"], states["TLS"]) == (21, "critical", "warning")
    edge.write(*pooled, "pool_size = 90", "processes = 2")
    code, text = edge.ask("check", "--json")
    assert {one["what"]: one["state"] for one in json.loads(text)["findings"]}["max_connections"] == "warning"


@pytest.mark.soak
@pytest.mark.skipif(not bouncer.installed(), reason="no PgBouncer (as root: make test installs it)")
def test_a_pgbouncer_shares_the_servers_sessions_among_clients(database15: TestDatabase) -> None:
    """Clients, the edge, PgBouncer and the server hold one SCRAM verifier; nobody knows the password but clients."""
    name = f"ops_{database15.name}"
    user = server_user()
    place = Path(tempfile.mkdtemp(prefix="postai-edge-"))
    database15.execute(f"create role {name} login password '{name}'")
    try:
        ((stored,),) = database15.execute(f"select rolpassword from pg_authid where rolname = '{name}'")
        users = place / "users"
        users.write_text(f'"{name}" "{stored}"\n')
        users.chmod(0o600)
        path = place / "bin"
        path.mkdir()
        place.chmod(0o755)
        if user is not None:  # PgBouncer does not run as root
            shutil.chown(users, user)
            (path / "pgbouncer").write_text(AS_USER.format(user=user, program=bouncer.installed()))
            (path / "pgbouncer").chmod(0o755)
        lines = ('auth = "scram"', f'auth_file = "{users}"', 'pgbouncer = "transaction"', "pool_size = 1")
        dsn = database15.dsn(name)
        search = {"PATH": f"{path}:{os.environ['PATH']}"}
        with command(place, database15.server, *lines, "processes = 2", more=search) as edge:
            dsn = dsn.replace(f"port={database15.server.port}", f"port={edge.port}")
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(psycopg.connect(dsn, autocommit=True)) for _ in range(4)]
                asked = [one.execute("select pg_backend_pid()", prepare=False).fetchone() for one in clients]
                assert len(set(asked)) == 1
                names = {one: Path(f"/proc/{one}/cmdline").read_bytes() for one in edge.workers()}
                (child,) = (one for one, line in names.items() if b"pgbouncer.ini" in line)
                os.kill(child, signal.SIGKILL)
                wait_for(lambda: edge.said("PgBouncer ended and is started again"))

            def served() -> bool:
                with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn) as one:
                    return one.execute("select 1").fetchone() == (1,)
                return False

            wait_for(served)
            names = {one: Path(f"/proc/{one}/cmdline").read_bytes() for one in edge.workers()}
            (orphan,) = (one for one, line in names.items() if b"pgbouncer.ini" in line)
            edge.process.kill()
            edge.process.wait()
            edge.start()
            wait_for(served)
            assert not Path(f"/proc/{orphan}/cmdline").exists() or not Path(f"/proc/{orphan}/cmdline").read_bytes()
            edge.process.terminate()
            assert edge.process.wait(PATIENCE) == 0
            assert not Path(f"/proc/{child}").exists()
    finally:
        database15.execute(f"drop role {name}")
        shutil.rmtree(place)


@pytest.mark.soak
def test_200_clients_come_and_go_through_ten_changes(tmp_path: Path) -> None:
    binaries = debian_binaries(15)
    assert binaries is not None
    with (
        new_server(binaries, "workers", "max_connections = 600", "host all all 127.0.0.1/32 trust\n") as server,
        command(tmp_path, server, "processes = 2") as edge,
    ):
        done, lost = asyncio.run(_storm(edge))
    print(f"\n{done} sessions through ten changes of generation, {len(lost)} lost")
    assert lost == []


async def _storm(edge: Command) -> tuple[int, list[str]]:
    """Sessions of 200 clients while the edge's processes are replaced again and again."""
    done = 0
    lost: list[str] = []
    over = asyncio.Event()
    startup = wire.startup_packet(wire.VERSION_3_0, {"user": "postgres", "database": "postgres"})

    async def come_and_go() -> None:
        nonlocal done
        while not over.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
                for said in (startup, wire.message(b"Q", b"select 1\0")):
                    writer.write(said)
                    await reader.readuntil(b"Z\0\0\0\5I")
                writer.write(wire.message(b"X"))
                assert await reader.read() == b""
                writer.close()
                done += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                lost.append(repr(error))

    clients = [asyncio.create_task(come_and_go()) for _ in range(200)]
    for _ in range(10):
        await asyncio.to_thread(edge.reload)
        await asyncio.sleep(1)
    over.set()
    await asyncio.gather(*clients)
    return done, lost
