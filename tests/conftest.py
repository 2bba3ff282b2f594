"""Real servers for the tests: PostgreSQL 15 (Debian, with plpython3u), 18 and 16 (from wheels), one each per run.

Set POSTAI_TEST_PG15 / _PG18 / _PG16 to "off" to leave a server out. Every test gets its own database.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from postai.database import connect
from postai.setup import store as store_data
from postai.setup.server import (
    Binaries,
    LocalServer,
    bare_binaries,
    debian_binaries,
    embedded_binaries,
    free_port,
)

# What somebody's shell says about their own servers must not reach the tests' servers, sidecars and commands.
for _name in [name for name in os.environ if name.startswith("PG") and name != "PG_CONFIG"]:
    del os.environ[_name]

# The same examples in every run of the suite; `make fuzz` looks for new ones.
settings.register_profile("tests", derandomize=True, database=None)
settings.register_profile("fuzz", derandomize=False)
settings.load_profile("tests")

GOLDEN = Path(__file__).resolve().parent / "golden"
SHARED = Path(__file__).resolve().parents[2] / "shared"


def server_user() -> str | None:
    """The OS user that runs test servers: another one when we are root, else ourselves."""
    return "postgres" if os.geteuid() == 0 and _user_exists("postgres") else None


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _start(binaries: Binaries | None, label: str) -> Iterator[LocalServer]:
    if os.environ.get(f"POSTAI_TEST_{label}") == "off":
        pytest.skip(f"{label} is switched off")
    if binaries is None:
        pytest.skip(f"{label}: no server binaries (see CONTRIBUTING.md)")
    base = Path(tempfile.mkdtemp(prefix=f"postai-{label.lower()}-"))
    base.chmod(0o755)
    server = LocalServer(binaries, base / "server", free_port(), server_user())
    server.create(fsync=False)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def pg15() -> Iterator[LocalServer]:
    yield from _start(debian_binaries(15), "PG15")


@pytest.fixture(scope="session")
def pg18() -> Iterator[LocalServer]:
    yield from _start(embedded_binaries(), "PG18")


@pytest.fixture(scope="session")
def pg16() -> Iterator[LocalServer]:
    """A server without contrib, to prove clear degradation."""
    yield from _start(bare_binaries(), "PG16")


@pytest.fixture(params=["pg15", "pg18"])
def server(request: pytest.FixtureRequest) -> LocalServer:
    """Both main servers, one after the other."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


class TestDatabase:
    """A database of one test. `dsn()` is a superuser's, `dsn(user)` another user's (whose password is the name)."""

    __test__ = False

    def __init__(self, server: LocalServer, name: str) -> None:
        self.server = server
        self.name = name

    def dsn(self, user: str | None = None) -> str:
        return self.server.dsn(self.name, user)

    def connect(self, user: str | None = None, **options: object) -> psycopg.Connection:
        return psycopg.connect(self.dsn(user), **{"autocommit": True, **options})  # type: ignore[arg-type]

    def execute(self, sql: str, user: str | None = None) -> list[tuple[object, ...]]:
        with self.connect(user) as connection:
            cursor = connection.execute(sql)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


def make_database(server: LocalServer, template: str = "template1") -> TestDatabase:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{template}"')  # type: ignore[arg-type]
    return TestDatabase(server, name)


def drop_database(database: TestDatabase) -> None:
    with psycopg.connect(database.server.dsn(), autocommit=True) as connection:
        connection.execute(f'drop database if exists "{database.name}" with (force)')  # type: ignore[arg-type]


@pytest.fixture
def database(server: LocalServer) -> Iterator[TestDatabase]:
    """An empty database, on each main server."""
    one = make_database(server)
    yield one
    drop_database(one)


@pytest.fixture
def database15(pg15: LocalServer) -> Iterator[TestDatabase]:
    one = make_database(pg15)
    yield one
    drop_database(one)


@pytest.fixture
def database18(pg18: LocalServer) -> Iterator[TestDatabase]:
    one = make_database(pg18)
    yield one
    drop_database(one)


def _load_store(server: LocalServer) -> Iterator[TestDatabase]:
    """The sample store, owned by the plain role `shop`; sessions are read-only unless they ask otherwise."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create role shop login password 'shop'")
    one = make_database(server)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f'alter database "{one.name}" owner to shop')  # type: ignore[arg-type]
        with connect(one.dsn("shop")) as db:
            store_data.load(db, lambda _: None)
        # Not copied by CREATE DATABASE ... TEMPLATE: a clone can be written to.
        connection.execute(f'alter database "{one.name}" set default_transaction_read_only = on')  # type: ignore[arg-type]
    yield one
    drop_database(one)


@pytest.fixture(scope="session")
def store15(pg15: LocalServer) -> Iterator[TestDatabase]:
    """The loaded sample store, one for the whole run; to change it, clone it: `make_database(server, store.name)`."""
    yield from _load_store(pg15)


@pytest.fixture(scope="session")
def store18(pg18: LocalServer) -> Iterator[TestDatabase]:
    yield from _load_store(pg18)


@pytest.fixture(params=["store15", "store18"])
def store(request: pytest.FixtureRequest) -> TestDatabase:
    """The loaded sample store on both main servers, one after the other; read-only."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Outside evaluation data that lies beside the checkout; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the checkout")
    return SHARED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` compares a text with tests/golden/<name>; --update-golden writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        wanted = path.read_text("utf-8") if path.exists() else ""
        assert text == wanted, f"{path} differs; when the change is meant, run pytest with --update-golden"

    return compare


def pytest_report_header() -> str:
    found = [f"{b.major} ({b.source})" for b in (debian_binaries(), embedded_binaries(), bare_binaries()) if b]
    return "PostgreSQL servers: " + (", ".join(found) or "none")
