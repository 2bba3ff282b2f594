"""Real servers for the tests: PostgreSQL 15 (Debian, with plpython3u), 18 and 16 (from wheels), one each per run.

Set POSTAI_TEST_PG15 / _PG18 / _PG16 to "off" to leave a server out, or to the directory of other server programs
(".../14/bin") to have those instead. Every test gets its own database.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

from postai.cli import main as cli
from postai.database import connect
from postai.setup import store as store_data
from postai.setup.install import InstallOptions, install
from postai.setup.server import (
    Binaries,
    LocalServer,
    bare_binaries,
    debian_binaries,
    embedded_binaries,
    free_port,
)

if TYPE_CHECKING:
    from replicate_support import PgBouncer, Servers, Stand
    from web_support import Dashboard, Shop

# What somebody's shell says about their own servers must not reach the tests' servers, sidecars and commands.
for _name in [name for name in os.environ if name.startswith("PG") and name != "PG_CONFIG"]:
    del os.environ[_name]
# Hundreds of processes are started, and each would compile postai anew: a second of CPU.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A machine that is busy is no mistake.
_ANY_SPEED: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples in every run of the suite; `make fuzz` looks for new ones.
settings.register_profile("tests", derandomize=True, database=None, **_ANY_SPEED)
settings.register_profile("fuzz", derandomize=False, **_ANY_SPEED)
settings.load_profile("tests")

GOLDEN = Path(__file__).resolve().parent / "golden"
SHARED = Path(__file__).resolve().parents[2] / "shared"

MEMORY = Path("/dev/shm")
PLENTY = 6 << 30
"""Bytes of memory that must be free before servers keep their files in it."""
# Those that take longest first; a file that is missing here goes with the others, after these.
LONG = (
    "web_api", "replicate_cutover", "agent", "cache_refresh", "edge_workers", "edge_failover", "reads_property",
    "migrate_sql",
    "cli_live", "local", "hostile_agent", "cli", "lifecycle_crash",
    "grammar_golden", "migrate_faults", "eval_sets", "store", "collect_plans", "dump", "ask_model",
    "lifecycle_batches", "collect", "replicate_asked", "values_duty", "lifecycle_online", "migrate_plan",
    "ask_finder", "ask_storm", "install", "optimize_sql", "ask_engine", "trace", "docs", "ask_lessons",
    "transport_sql", "eval_nl2sql", "ask_context", "loss_checker", "teach", "catalog", "guard_hidden",
    "design_trying", "migrate_property", "security_sql", "index_advisor", "guard_rules", "model_client", "values",
    "attack", "design_wishes", "connection", "wheel", "database_questions_psql", "plan", "plan_runs",
    "lifecycle_faults", "teach_injection", "judge", "lifecycle_server_crash", "replicate_check", "design_cases",
    "attack_ask", "database_questions_run", "grammar_runs", "optimize_cli", "lifecycle_outcomes",
    "lifecycle_rights", "lifecycle", "drift_own", "lifecycle_policy", "grammar_render", "scratch_lent", "design",
    "lifecycle_verify", "lifecycle_schedule", "replicate_sql", "catalog_fingerprint", "script", "migrate_files",
    "install_extension", "grammar_rules", "index_models_live", "queue", "scratch_validate", "migrate_retype",
    "service_frames", "model_parts", "lint", "history",
)  # fmt: skip
WITH_STORE = ("store", "ask_store", "database_questions_run", "tutorial", "examples")
PAGES = ("pages", "more_pages", "browser", "landing", "people")
"""Files that look at pages; the others of the site act, and have one and a browser of their own on another worker."""
# What postai.install gives the agent's login; a file of tests that grants it more takes that back at its end.
EXTRA_ROLES = """
select coalesce(string_agg(format('revoke %I from postai_test_agent cascade', r.rolname), '; '), '')
  from pg_auth_members as m
  join pg_roles as r on r.oid = m.roleid join pg_roles as a on a.oid = m.member and a.rolname = 'postai_test_agent'
 where r.rolname not in ('postai_agent', 'pg_monitor', 'pg_signal_backend')
"""
UNTOUCHED = """
select not exists (select from pg_class where oid >= 16384 and relkind <> 't') and d.datacl is null and d.datdba = 10
  and not exists (select from pg_proc where oid >= 16384) and not exists (select from pg_extension where oid >= 16384)
  and not exists (select from pg_namespace where oid >= 16384) and not exists (select from pg_type where oid >= 16384)
  and not exists (select from pg_db_role_setting where setdatabase = d.oid)
  and not exists (select from pg_stat_activity where datid = d.oid and pid <> pg_backend_pid()
                    and backend_type <> 'autovacuum worker')
from pg_database as d where datname = current_database()
"""


_running: list[LocalServer] = []


@pytest.fixture(scope="module", autouse=True)
def _same_agent() -> Iterator[None]:
    """Roles outlive the databases of tests: no file of tests leaves the agent's login more rights for the next one."""
    yield
    for server in _running:
        with superuser(server) as connection:
            ((extra,),) = connection.execute(EXTRA_ROLES).fetchall()
            connection.execute(extra)


@pytest.fixture(scope="session", autouse=True)
def _one_tree_of_commands() -> Iterator[None]:
    """`run` makes the commands of post-ai, as a process does once; tests call it a thousand times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "get_command", functools.cache(cli.get_command))
        yield


def server_user() -> str | None:
    """The OS user that runs test servers: another one when we are root, else ourselves."""
    return "postgres" if os.geteuid() == 0 and _user_exists("postgres") else None


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def quick_directory() -> str | None:
    """Where the tests' servers keep their files: in memory when there is plenty, as databases come and go all the time.

    To make one takes a twentieth of the time there that it takes on some disks.
    """
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists() or not os.access(MEMORY, os.W_OK):
        return None
    available = next(
        int(line.split()[1]) << 10 for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")
    )
    return str(MEMORY) if min(available, shutil.disk_usage(MEMORY).free) > PLENTY else None


def _free_memory() -> None:
    """End the servers of runs that were killed, and give back the memory that they lie in."""
    for base in MEMORY.glob("postai-*-*-*"):
        if (run := base.name.split("-")[2]).isdigit() and not Path("/proc", run).exists():
            for lock_file in base.glob("*/data/postmaster.pid"):
                server = Path("/proc", lock_file.read_text().split()[0])
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if str(base).encode() in (server / "cmdline").read_bytes():
                        os.kill(int(server.name), signal.SIGQUIT)
            shutil.rmtree(base, ignore_errors=True)


@contextlib.contextmanager
def new_server(binaries: Binaries, label: str, conf: str = "", hba: str = "") -> Iterator[LocalServer]:
    """A cluster of its own, started; nothing of it is left afterwards.

    Args:
        binaries: its programs.
        label: part of its directory's name.
        conf: lines for postgresql.conf.
        hba: lines that go before the others of pg_hba.conf.
    """
    base = Path(tempfile.mkdtemp(prefix=f"postai-{label.lower()}-{os.getpid()}-", dir=quick_directory()))
    base.chmod(0o755)
    server = LocalServer(binaries, base / "server", free_port(), server_user())
    try:
        server.create(fsync=False)
        with (server.data / "postgresql.conf").open("a") as file:
            file.write(conf)
        access = server.data / "pg_hba.conf"
        access.write_text(hba + access.read_text())
        server.start()
        yield server
    finally:
        if (making := _makers.pop(server, None)) is not None:
            making.close()
        server.stop("immediate")
        shutil.rmtree(base)


def start_server(binaries: Binaries | None, label: str) -> Generator[LocalServer, None, None]:
    """A server of these programs until the generator is closed; what POSTAI_TEST_<label> says goes before."""
    wanted = os.environ.get(f"POSTAI_TEST_{label}")
    if wanted == "off":
        pytest.skip(f"{label} is switched off")
    if wanted:
        told = subprocess.run([f"{wanted}/postgres", "--version"], capture_output=True, text=True, check=True).stdout
        binaries = Binaries(int(re.findall(r"\d+", told)[0]), Path(wanted), "given")
    if binaries is None:
        pytest.skip(f"{label}: no server binaries (see CONTRIBUTING.md)")
    # Databases come and go all the time: copying files costs a third of writing them to the log, block by block.
    conf = "wal_init_zero = off\nmax_wal_size = 256MB\n"
    if binaries.major >= 18:
        conf += "file_copy_method = clone\n"
    # To prove a password takes 3 ms of CPU: `superuser` below need not, thousands of times.
    with new_server(binaries, label, conf, "local all postgres trust\n") as server:
        _running.append(server)
        try:
            yield server
        finally:
            _running.remove(server)


@pytest.fixture(scope="session")
def pg15() -> Iterator[LocalServer]:
    yield from start_server(debian_binaries(15), "PG15")


@pytest.fixture(scope="session")
def pg18() -> Iterator[LocalServer]:
    yield from start_server(embedded_binaries(), "PG18")


@pytest.fixture(scope="session")
def pg16() -> Iterator[LocalServer]:
    """A server without contrib, to prove clear degradation."""
    yield from start_server(bare_binaries(), "PG16")


@pytest.fixture(params=["pg15", "pg18"])
def server(request: pytest.FixtureRequest) -> LocalServer:
    """Both main servers, one after the other."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


class TestDatabase:
    """A database of one test. `dsn()` is a superuser's, `dsn(user)` another user's (whose password is the name).

    One that `waits` is made, empty, when somebody first wants to know its name: most are to be copies of another one.
    """

    __test__ = False

    def __init__(self, server: LocalServer, name: str, waits: bool = False) -> None:
        self.server = server
        self.waits = waits
        self._name = name
        self._making = threading.Lock()

    @property
    def name(self) -> str:
        with self._making:
            if self.waits:
                self.copy("template1")
        return self._name

    def copy(self, template: str) -> None:
        """Make it, as a copy."""
        strategy = "strategy file_copy" if self.server.binaries.major >= 15 else ""
        with maker(self.server) as connection:
            connection.execute(f'create database "{self._name}" template "{template}" {strategy}')  # type: ignore[arg-type]
        self.waits = False

    def dsn(self, user: str | None = None) -> str:
        return self.server.dsn(self.name, user)

    def connect(self, user: str | None = None, **options: object) -> psycopg.Connection:
        if user is None:
            return superuser(self.server, self.name, **options)
        return psycopg.connect(self.dsn(user), **{"autocommit": True, **options})  # type: ignore[arg-type]

    def execute(self, sql: str, user: str | None = None) -> list[tuple[object, ...]]:
        with self.connect(user) as connection:
            cursor = connection.execute(sql)  # type: ignore[arg-type]
            return [] if cursor.description is None else cursor.fetchall()


def superuser(server: LocalServer, database: str = "postgres", **options: object) -> psycopg.Connection:
    """A session of the superuser over the server's own socket."""
    target = f"host={server.socket_directory} port={server.port} dbname={database} user={server.superuser}"
    return psycopg.connect(
        f"{target} password={server.password()}",
        **{"autocommit": True, **options},  # type: ignore[arg-type]
    )


_makers: dict[LocalServer, psycopg.Connection] = {}
_making = threading.RLock()


@contextlib.contextmanager
def maker(server: LocalServer) -> Iterator[psycopg.Connection]:
    """A session of the superuser that stays, in which databases are made and dropped: thousands come and go."""
    with _making:
        one = _makers.get(server)
        if one is not None:
            try:
                one.execute("")
            except psycopg.OperationalError:  # a test may have ended all sessions, or the server
                one.close()
        if one is None or one.closed:
            one = _makers[server] = superuser(server)
        yield one


def make_database(server: LocalServer, template: str = "") -> TestDatabase:
    """A new database, empty or a copy."""
    one = TestDatabase(server, f"t_{uuid.uuid4().hex[:12]}", waits=True)
    if template:
        one.copy(template)
    return one


@functools.cache
def _with_postai(server: LocalServer) -> TestDatabase:
    """A database with postai, transport call, to copy from; it ends with its server."""
    one = make_database(server)
    with connect(one.dsn(), statement_timeout_ms=120_000) as db:
        install(db, InstallOptions(transport="call"))
    return one


def put_postai(database: TestDatabase) -> None:
    """Have postai in the database, transport call: an empty one is replaced by a copy, which is ten times as quick.

    Transport and agent login are the caller's: the same version installed again changes nothing else.
    """
    become(database, _with_postai)


def become(database: TestDatabase, made: Callable[[LocalServer], TestDatabase]) -> bool:
    """Replace a database by a copy of what `made` gives; False and nothing when somebody has touched it."""
    if not database.waits:
        if not database.execute(UNTOUCHED)[0][0]:
            return False
        drop_database(database)
    database.copy(made(database.server).name)
    return True


def drop_database(database: TestDatabase) -> None:
    if database.waits:
        return
    with maker(database.server) as connection:
        # A walsender that has lost its client still has its slot for a moment, and FORCE does not end it.
        busy = "select pg_terminate_backend(active_pid) from pg_replication_slots where database = %s and active"
        end = time.monotonic() + 20
        while connection.execute(busy, [database.name]).fetchall() and time.monotonic() < end:
            time.sleep(0.05)
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
    with superuser(server) as connection:
        connection.execute("create role shop login password 'shop'")
    one = make_database(server)
    with superuser(server) as connection:
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
def moving_servers() -> Iterator[Servers]:
    """Servers of their own for tests of moves, started when one is wanted (see replicate_support.py)."""
    from replicate_support import servers  # in the folder of the tests that use it

    yield from servers()


@pytest.fixture
def stand(moving_servers: Servers) -> Iterator[Stand]:
    """The odd database on PostgreSQL 15, to be moved to 18."""
    yield from moving_servers.stand(moving_servers.source, moving_servers.target)


@pytest.fixture
def reverse_stand(moving_servers: Servers) -> Iterator[Stand]:
    """The odd database on PostgreSQL 18, to be moved to 15."""
    yield from moving_servers.stand(moving_servers.target, moving_servers.source)


@pytest.fixture
def secure_stand(moving_servers: Servers) -> Iterator[Stand]:
    """The odd database on a PostgreSQL 15 that takes only TLS, to be moved to 15."""
    yield from moving_servers.stand(moving_servers.secure, moving_servers.source, moving_servers.authority)


@pytest.fixture
def bouncer() -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode; `bouncer.point_at(database)` starts it."""
    from replicate_support import bouncers

    yield from bouncers()


@pytest.fixture(scope="session")
def shop(pg15: LocalServer) -> Iterator[Shop]:
    """A small store with postai, agent and people, for the tests of pages (see web_support.py)."""
    from web_support import make_shop

    yield from make_shop(pg15)


@pytest.fixture(scope="session")
def dashboard(shop: Shop) -> Iterator[Dashboard]:
    """`post-ai web` for that shop, as a process."""
    from web_support import Dashboard, reader_of

    with Dashboard(shop.place / "web", {"store": shop.dsn}, reader_of(shop.place)) as one:
        yield one


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser (see tests/web/browser.py). It ends with the file: Playwright's loop lets no other one run."""
    from browser import chromium as started

    yield from started()


@pytest.fixture
def window(chromium: Any, dashboard: Dashboard) -> Iterator[Callable[..., Any]]:
    """`window(role="olga", scripts=True)`: a window of somebody who is logged in; its faults fail the test."""
    from browser import Watched
    from browser import window as opened

    with contextlib.ExitStack() as stack:

        def new(role: str | None = "olga", **options: Any) -> Watched:
            one = stack.enter_context(opened(chromium, dashboard.address, **options))
            if role:
                one.log_in(role)
            return one

        yield new


@pytest.fixture(scope="session")
def shared() -> Path:
    """Outside evaluation data that lies beside the checkout; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the checkout")
    return SHARED


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _free_memory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `timeout pytest ...` stops servers too
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist would begin with the files of many small tests
        config.option.loadscopereorder = False


def _uses_the_site(path: Path) -> bool:
    """Whether a file's tests use `shop` and `dashboard` of this module; journeys have some of their own."""
    name = path.stem.removeprefix("test_")
    return name == "web_read" or (path.parent.name == "web" and name != "journeys")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With --dist loadfile: what takes ten seconds to make is shared: the loaded store, two sites and browsers."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            path = Path(file)
            name = path.stem.removeprefix("test_")
            if _uses_the_site(path):
                return "pages" if name in PAGES else "web"
            return "store" if name in WITH_STORE else file

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take long go first, so that no worker is left with one of them at the end; pages before all."""
    places = {name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> int:
        if item.path.parent.name == "web" or _uses_the_site(item.path):
            return -1
        return places.get(item.path.stem.removeprefix("test_"), len(LONG))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """No coverage of tests marked `uncovered`, nor of their fixtures: they take three times as long with it.

    What runs on both main servers is measured on the newer one.
    """
    uncovered = item.get_closest_marker("uncovered") or "[pg15" in item.name or "[database15" in item.name
    measured = Coverage.current() if uncovered else None
    if measured is not None:
        measured.stop()
    try:
        return (yield)
    finally:
        if measured is not None:
            measured.start()


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
