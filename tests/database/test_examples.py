"""The examples run as they stand, started as examples/README.md says, through an edge of examples/postai.toml.

Before them stands a sidecar with the sample store, prepared by examples/setup.sql. An example whose framework is not on
this machine is skipped, and says what is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from agent_support import AGENT, PATIENCE, AgentProcess, agent_dsn, install_postai, running, wait_for
from psycopg.rows import dict_row

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import free_port

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PINNED = "the function postai.answer"


@dataclass(frozen=True)
class Example:
    """One application.

    Attributes:
        name: of its directory.
        command: starts it in a directory, on a port.
        lacks: what is missing to run it in that directory, None where nothing is.
        pins: why sessions of it keep a server connection, before it has asked and afterwards.
        prepare: makes, from the example's directory and in an empty one, the directory that it runs in.
    """

    name: str
    command: Callable[[Path, int], list[str]]
    lacks: Callable[[Path], str | None]
    pins: tuple[set[str | None], set[str | None]] = ({None}, {None, PINNED})
    prepare: Callable[[Path, Path], Path] = lambda place, _: place


def _modules(*names: str) -> Callable[[Path], str | None]:
    def lacks(_: Path) -> str | None:
        missing = [name for name in names if find_spec(name) is None]
        return f"these packages: pip install {' '.join(missing)}" if missing else None

    return lacks


def _packages(*names: str) -> Callable[[Path], str | None]:
    def lacks(place: Path) -> str | None:
        if shutil.which("node") is None:
            return "Node.js"
        missing = [name for name in names if not (place / "node_modules" / name).exists()]
        return f"{', '.join(missing)}: npm --prefix examples/{place.name} ci" if missing else None

    return lacks


def _go(place: Path) -> str | None:
    if shutil.which("go") is None:
        return "Go"
    offline = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    done = subprocess.run(["go", "list", "-deps", "."], cwd=place, env=offline, capture_output=True, check=False)
    return None if done.returncode == 0 else "its modules: go mod tidy in examples/go"


def _spring(place: Path) -> str | None:
    if shutil.which("mvn") is None:
        return "Maven"
    fetched = Path.home() / ".m2" / "repository" / "org" / "springframework" / "boot" / "spring-boot"
    return None if fetched.is_dir() else f"its packages: mvn package in examples/{place.name}"


def _rails(_: Path) -> str | None:
    if shutil.which("rails") is None:
        return "Rails"
    done = subprocess.run(["ruby", "-e", "require 'pg'; require 'puma'"], capture_output=True, check=False)
    return None if done.returncode == 0 else "the gems pg and puma"


def _new_rails(place: Path, into: Path) -> Path:
    """A new application with the files of the example, and with the gems that are on the machine."""
    command = ["rails", "new", "ask", "--api", "--minimal", "--skip-bundle", "--skip-git", "-d", "postgresql"]
    subprocess.run(command, cwd=into, check=True, capture_output=True, timeout=PATIENCE)
    app = into / "ask"
    shutil.copytree(place, app, dirs_exist_ok=True)
    (app / "Gemfile").write_text("".join(f"gem {name!r}\n" for name in ("railties", "activerecord", "pg", "puma")))
    return app


KNOWN = (
    Example(
        "django",
        lambda _, port: [sys.executable, "app.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
        _modules("django"),
    ),
    Example(
        "fastapi",
        lambda _, port: [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)],
        _modules("fastapi", "uvicorn", "psycopg_pool"),
    ),
    Example("express", lambda _place, _port: ["node", "app.mjs"], _packages("express", "pg")),
    Example("prisma", lambda _place, _port: ["node", "app.mjs"], _packages("express", ".prisma/client/index.js")),
    Example("go", lambda _place, _port: ["go", "run", "."], _go),
    Example(
        "spring", lambda _place, _port: ["mvn", "--offline", "-q", "spring-boot:run"], _spring, pins=({None}, {PINNED})
    ),
    Example(
        "rails",
        lambda _, port: ["bin/rails", "server", "-e", "production", "-b", "127.0.0.1", "-p", str(port)],
        _rails,
        pins=({"SET client_encoding"}, {"SET client_encoding"}),
        prepare=_new_rails,
    ),
)


@dataclass(frozen=True)
class Scene:
    """Where the examples run.

    Attributes:
        database: with the sample store, postai and what setup.sql made.
        port: the edge's.
    """

    database: TestDatabase
    port: int

    def address(self) -> str:
        return f"postgres://app@127.0.0.1:{self.port}/{self.database.name}"

    def clients(self) -> list[dict[str, str | None]]:
        """What `SHOW postai.clients` tells the role of the applications, but for this session."""
        with psycopg.connect(self.address(), password="app", autocommit=True) as one:
            shown = psycopg.Cursor(one, row_factory=dict_row).execute("SHOW postai.clients").fetchall()
            return [row for row in shown if row["pid"] != str(one.info.backend_pid)]


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """The text with each first part, which must be in it, replaced by its second."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def psql(database: TestDatabase, *arguments: str) -> None:
    command = [database.server.binaries.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database.dsn(), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


@contextlib.contextmanager
def edge(database: TestDatabase, place: Path) -> Iterator[int]:
    """The edge of examples/postai.toml before that database; its port."""
    port = free_port()
    file, passfile = place / "postai.toml", place / "passfile"
    file.write_text(
        changed(
            (EXAMPLES / "postai.toml").read_text(),
            ("port = 6432", f"port = {port}"),
            ("port=5432", f"port={database.server.port}"),
            ("dbname=store", f"dbname={database.name}"),
        )
    )
    passfile.write_text("*:*:*:edge_auth:edge_auth\n")
    passfile.chmod(0o600)
    own = {"PGPASSFILE": str(passfile), "POSTAI_EDGE__RUNTIME_DIRECTORY": str(place)}
    command = [sys.executable, "-m", "postai.cli.main", "edge"]
    options = {"cwd": "/", "env": os.environ | own, "stderr": subprocess.STDOUT, "text": True}
    checked = subprocess.run([*command, "check", "--config", file], stdout=subprocess.PIPE, timeout=PATIENCE, **options)
    assert checked.returncode == 0, checked.stdout
    log = place / "edge.log"
    with log.open("w") as written:
        process = subprocess.Popen([*command, "--config", file, "--json"], stdout=written, **options)
    try:
        wait_for(lambda: '"the edge listens"' in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def scene(store15: TestDatabase) -> Iterator[Scene]:
    database = make_database(store15.server, store15.name)
    place = Path(tempfile.mkdtemp(prefix="postai-examples-"))
    place.chmod(0o755)
    agent = AgentProcess(place, [("store", agent_dsn(store15.server, database.name, place))])
    try:
        install_postai(database, "socket", agent.socket)
        database.execute(f"grant shop to {AGENT}")
        with running(agent):
            agent.until("the socket is open")
            psql(database, "-f", str(EXAMPLES / "setup.sql"))
            for login in ("app", "edge_auth"):
                database.execute(f"alter role {login} password '{login}'")  # \\password asks at the terminal
            with edge(database, place) as port:
                yield Scene(database, port)
    finally:
        database.execute("drop owned by app, edge_auth; drop role if exists app, edge_auth")
        store15.execute(f"set transaction_read_only = off; revoke shop from {AGENT}")
        drop_database(database)
        shutil.rmtree(place)


class App:
    """A running example."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, **fields: str) -> tuple[int, object]:
        """Status and JSON of an answer."""
        address = f"http://127.0.0.1:{self._port}{path}?{urllib.parse.urlencode(fields)}"
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextlib.contextmanager
def started(example: Example, scene: Scene, empty: Path) -> Iterator[App]:
    port, place, log = free_port(), example.prepare(EXAMPLES / example.name, empty), empty / "log"
    own = {
        "DATABASE_URL": scene.address(),
        "PGPASSWORD": "app",
        "PORT": str(port),
        "SERVER_PORT": str(port),
        "SPRING_DATASOURCE_URL": scene.address().replace("postgres://app@", "jdbc:postgresql://"),
        "SPRING_DATASOURCE_USERNAME": "app",
        "SPRING_DATASOURCE_PASSWORD": "app",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SECRET_KEY_BASE": "of an example",
    }
    with log.open("w") as written:
        process = subprocess.Popen(
            example.command(place, port), cwd=place, env=os.environ | own, stdout=written, stderr=written,
            start_new_session=True,
        )  # fmt: skip
    app = App(port)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError):
            return app.get("/orders")[0] == 200
        return False

    try:
        wait_for(answers)
        yield app
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.mark.parametrize("example", KNOWN, ids=lambda one: one.name)
def test_an_example_asks_and_reads_through_the_edge(example: Example, scene: Scene, tmp_path: Path) -> None:
    lacking = example.lacks(EXAMPLES / example.name)
    if lacking:
        pytest.skip(f"examples/{example.name} needs {lacking}")
    with started(example, scene, tmp_path) as app:
        wanted = scene.database.execute("select status::text, count(*) from orders group by 1 order by 2 desc")
        assert app.get("/orders") == (200, [{"status": name, "orders": count} for name, count in wanted])
        assert {one["pinned"] for one in scene.clients()} == example.pins[0]

        status, found = app.get("/ask", q="how many customers are there?")
        ((customers,),) = scene.database.execute("select count(*)::text from customers")
        assert (status, found["status"], found["rows"]) == (200, "answered", [[int(customers)]]), found
        assert "FROM customers" in found["sql"]
        status, found = app.get("/ask", q="how many unicorns are there?")
        assert (status, found["status"], found["rows"]) == (200, "abstained", None), found
        assert "unicorns" in found["reason"]
        assert {one["pinned"] for one in scene.clients()} == example.pins[1]

        scene.database.execute("revoke postai_user from app")
        try:
            status, found = app.get("/ask", q="how many customers are there?")
        finally:
            scene.database.execute("grant postai_user to app")
        assert status == 503
        assert "permission denied" in found["detail"]


def test_every_example_is_told_of() -> None:
    names = {place.name for place in EXAMPLES.iterdir() if place.is_dir()}
    page = (EXAMPLES / "README.md").read_text()
    for name in names:
        assert f"| `{name}` |" in page
    assert {one.name for one in KNOWN} <= names
