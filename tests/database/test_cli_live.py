"""The command line against real servers and a real sidecar, over all transports.

The sidecar is a process of its own. Of commands only some are: to start one takes longer than what it does.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agent_support import AGENT, PATIENCE, agent_dsn, install_postai, wait_for

from conftest import TestDatabase, drop_database, make_database
from postai.cli.main import run
from postai.database import connect
from postai.proposals import Draft, DraftStep, create
from postai.setup.server import LocalServer

MAIN = [sys.executable, "-W", "error", "-m", "postai.cli.main"]
WITHOUT_LIBPQ = (
    "import sys\nfor name in ('psycopg', 'psycopg_pool', 'psycopg_binary'): sys.modules[name] = None\n"
    "from postai.cli.main import run\nsys.exit(run(sys.argv[1:]))"
)


@dataclass
class Shell:
    """Runs commands with a configuration directory of their own."""

    home: Path
    dsn: str = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "POSTAI_", "ANTHROPIC_"))}
        return {**kept, "POSTAI_CONFIG_DIR": str(self.home), "POSTAI_DSN": self.dsn, "COLUMNS": "80"}

    def __call__(
        self, *arguments: str, code: int = 0, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in this process."""
        out, told = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            wanted = {**self.environment, **environment}
            for name in os.environ.keys() - wanted.keys():
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            done = subprocess.CompletedProcess(arguments, run(arguments))
        done.stdout, done.stderr = out.getvalue(), told.getvalue()
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def process(self, *arguments: str, code: int = 0, program: list[str] = MAIN) -> subprocess.CompletedProcess[str]:
        """Run a command as people do."""
        done = subprocess.run(
            [*program, *arguments], capture_output=True, text=True, env=self.environment, timeout=PATIENCE * 2
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self(*arguments, "--json", code=code)
        assert done.stderr == ""
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "config")


@dataclass
class Served:
    """A database with postai, orders, and a sidecar that `post-ai agent` started."""

    database: TestDatabase
    transport: str
    shell: Shell
    process: subprocess.Popen[bytes]


def serve(server: LocalServer, transport: Any) -> Iterator[Served]:
    place = Path(tempfile.mkdtemp(prefix="postai-c-"))
    place.chmod(0o755)
    database = make_database(server)
    install_postai(database, transport, place / "run" / "agent.sock")
    database.execute(
        "create table orders (id int primary key, status text not null, country text not null);"
        "insert into orders select g, (array['paid', 'cancelled'])[1 + g % 2], 'Peru' from generate_series(1, 41) g;"
        f"analyze orders; grant create on schema public to {AGENT}; alter table orders owner to {AGENT}"
    )
    dsn = agent_dsn(server, database.name, place)
    config = place / "postai.toml"
    config.write_text(
        f"[agent]\nsocket_directory = {json.dumps(str(place / 'run'))}\n"
        f"[[database]]\nname = 'here'\ndsn = {json.dumps(dsn)}\n"
    )
    shell = Shell(place, database.dsn())
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*MAIN, "agent", "--config", str(config), "--json"], stdout=log, stderr=log, env=shell.environment
        )
    try:
        try:
            wait_for(lambda: process.poll() is not None or shell.json("status")["leader"])
            assert process.poll() is None
        except AssertionError:
            raise AssertionError((place / "log").read_text()) from None
        yield Served(database, transport, shell, process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        drop_database(database)
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def served_socket(pg15: LocalServer) -> Iterator[Served]:
    yield from serve(pg15, "socket")


@pytest.fixture(scope="module")
def served_dblink(pg18: LocalServer) -> Iterator[Served]:
    yield from serve(pg18, "dblink")


@pytest.fixture(scope="module")
def served_call(pg18: LocalServer) -> Iterator[Served]:
    yield from serve(pg18, "call")


@pytest.fixture(params=["served_socket", "served_dblink", "served_call"])
def served(request: pytest.FixtureRequest) -> Served:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


QUESTION = "how many orders per status?"


def test_status(served: Served) -> None:
    status = served.shell.json("status")
    assert (status["transport"], status["reachable"]) == (served.transport, True)
    assert served.transport in served.shell.process("status").stdout


def test_ask_answers_with_rows_statement_and_explanation(served: Served) -> None:
    answer = served.shell.json("ask", QUESTION)
    assert answer["status"] == "answered"
    assert sorted(answer["rows"]) == [["cancelled", 21], ["paid", 20]]
    assert len(answer["columns"]) == 2
    assert answer["columns"][0] == "status"
    assert answer["engine"] == "grammar"
    assert answer["question_id"] > 0
    assert answer["sql"].upper().startswith("SELECT")
    text = served.shell("ask", QUESTION).stdout
    lines = text.splitlines()
    assert lines[0].split()[0] == "status"
    assert "cancelled" in text
    assert "21" in text
    assert "engine, confidence" in lines[-1]


def test_ask_without_libpq(served: Served) -> None:
    done = served.shell.process("ask", QUESTION, "--json", program=[sys.executable, "-c", WITHOUT_LIBPQ])
    assert sorted(json.loads(done.stdout)["rows"]) == [["cancelled", 21], ["paid", 20]]


@pytest.mark.parametrize("served", ["served_call"], indirect=True)  # the answer has come by then
def test_a_pipe_that_is_closed_early(served: Served) -> None:
    process = subprocess.Popen(
        [*MAIN, "ask", QUESTION], env=served.shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE) == 141


def test_what_cannot_be_answered_has_its_exit_code(served: Served) -> None:
    error = served.shell.json("ask", "how many unicorns are there?", code=3)["error"]
    assert error["sqlstate"] == "PA001"
    assert "unicorns" in error["message"]
    assert error["hint"]
    error = served.shell.json("ask", "how many orders per cuntry?", code=3)["error"]
    assert "Did you mean" not in error["message"]
    assert error["hint"] == "Did you mean: country?"
    error = served.shell.json("ask", "delete all orders", code=5)["error"]
    assert error["sqlstate"] == "PA003"
    done = served.shell.process("ask", "how many unicorns are there?", code=3)
    assert done.stdout == ""
    assert done.stderr.startswith("error (PA001): ")
    assert "\nhint:   " in done.stderr


def test_sql(served: Served) -> None:
    if served.transport == "call":
        error = served.shell.json("sql", QUESTION, code=9)["error"]
        assert error["sqlstate"] == "PA007"
        assert "CALL postai.run" in error["hint"]
        return
    statement = served.shell.json("sql", QUESTION)["sql"]
    assert served.shell("sql", QUESTION).stdout.strip() == statement.strip()
    assert sorted(served.database.execute(statement)) == [("cancelled", 21), ("paid", 20)]


@pytest.mark.parametrize("served", ["served_dblink"], indirect=True)  # the agent works off its queue in one way
def test_apply_and_undo(served: Served) -> None:
    with connect(served.database.dsn()) as db:
        proposal = create(
            db,
            Draft(
                kind="index",
                title="Index on orders.status",
                why="for the test",
                steps=(
                    DraftStep(
                        "CREATE INDEX CONCURRENTLY orders_status ON public.orders (status)",
                        undo="DROP INDEX CONCURRENTLY public.orders_status",
                    ),
                ),
            ),
        )
    here = "select to_regclass('public.orders_status') is not null"
    done = served.shell.json("apply", str(proposal))
    assert (done["proposal"], done["state"]) == (proposal, "done")
    assert served.database.execute(here) == [(True,)]
    undone = served.shell("undo", str(proposal))
    assert undone.stdout.endswith("done\n")
    assert undone.stderr == "" or undone.stderr.startswith("action ")  # notices of postai.wait; a quick one has none
    assert served.database.execute(here) == [(False,)]
    kinds = [event["kind"] for event in served.shell.json("events", "--limit", "100") if event["proposal"] == proposal]
    assert kinds[0] == "proposal.created"
    assert len(kinds) > 4
    assert kinds[-1] in served.shell("events").stdout
    assert len(served.shell.json("events", "--limit", "2")) == 2
    assert served.shell.json("apply", "999999", code=1)["error"]["hint"]


def test_doctor_is_content(served: Served) -> None:
    config = served.shell.home / "postai.toml"
    found = {check["id"]: check for check in served.shell.json("doctor", "--config", str(config))}
    assert {check["status"] for check in found.values()} <= {"ok", "warn"}
    assert found["postai"]["status"] == "ok"
    assert found["sidecar_login:here"]["found"] == AGENT


def test_without_a_sidecar(database: TestDatabase, shell: Shell) -> None:
    transport = "socket" if database.server.binaries.major == 15 else "dblink"
    install_postai(database, transport, Path("/nonexistent/agent.sock"))
    shell.dsn = database.dsn()
    assert shell.json("status")["reachable"] is False
    error = shell.json("ask", QUESTION, code=4)["error"]
    assert (error["sqlstate"], "post-ai agent" in error["hint"]) == ("PA002", True)
    found = {check["id"]: check for check in shell.json("doctor", code=1)}
    assert found["postai"]["status"] == "fail"
    assert "post-ai agent" in found["postai"]["fix"]


def test_install_and_uninstall(database: TestDatabase, shell: Shell, tmp_path: Path) -> None:
    shell.dsn = database.dsn()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "postai.toml").write_text(f"[agent]\nsocket_directory = {json.dumps(str(tmp_path))}\n")
    schema = "select to_regnamespace('postai') is not null"
    planned = shell.process("install", "--dry-run").stdout
    assert "create schema postai" in planned
    assert database.execute(schema) == [(False,)]

    report = shell.json("install", "--agent-login", AGENT)
    assert report["transport"] == ("socket" if database.server.binaries.major == 15 else "dblink")
    assert report["version_before"] is None
    assert "nothing changed" in shell("install").stdout
    assert shell("install", "--transport", "call").stdout.rstrip().endswith("transport call, rights: roles")
    assert shell.json("install", "--transport", "socket", code=9 if report["transport"] == "dblink" else 0)

    shell("uninstall", code=2)
    assert database.execute(schema) == [(True,)]
    assert shell.json("uninstall", "--yes") == {"uninstalled": database.name}
    assert database.execute(schema) == [(False,)]
    assert shell.json("uninstall", "--yes", code=2)["error"]["message"]


def test_named_connections(database18: TestDatabase, shell: Shell) -> None:
    database = database18
    database.execute("do $$ begin create role cli_ada login password 'geheim 1'; exception when others then end $$")
    place = ["--host", "127.0.0.1", "--port", str(database.server.port), "--dbname", database.name]
    error = shell.json("connection", "add", "shop", *place, "--user", "cli_ada", code=1)["error"]
    assert error["sqlstate"] == "28P01"
    assert not shell.home.exists()
    done = shell("connection", "add", "shop", *place, "--user", "cli_ada", "--password", stdin="wrong one\n", code=1)
    assert "wrong one" not in done.stderr
    assert not shell.home.exists()

    done = shell("connection", "add", "shop", *place, "--user", "cli_ada", "--password", stdin="geheim 1\n")
    assert done.stdout.startswith(f"saved shop: {database.name} as cli_ada, PostgreSQL ")
    for file in shell.home.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert "geheim" not in (shell.home / "connections.toml").read_text()

    dsn = f"dbname={database.name}"
    for arguments in (["connect", "shop"], ["connection", "list"], ["connection", "test", "shop"]):
        text = shell(*arguments).stdout
        assert database.name in text
        assert "geheim" not in text
    assert dsn in shell("connect", "shop").stdout
    assert shell.json("connect", "shop", "--test")["user"] == "cli_ada"
    assert shell.json("connection", "test", "shop")["database"] == database.name
    tested = shell.process("connection", "test", "shop", program=[sys.executable, "-c", WITHOUT_LIBPQ])
    assert tested.stdout.startswith("ok: ")
    assert [one["name"] for one in shell.json("connection", "list")] == ["shop"]

    shell("connection", "add", "default", *place, "--user", "cli_ada", "--passfile", str(shell.home / "passfile"))
    assert dsn in shell("connect").stdout
    (shell.home / "passfile").chmod(0o644)
    assert (
        "chmod 600"
        in shell("connection", "add", "x", *place, "--passfile", str(shell.home / "passfile"), code=2).stderr
    )
    (shell.home / "connections.toml").chmod(0o644)
    assert "chmod 600" in shell("connect", code=2).stderr


def test_a_password_in_the_environment_is_never_shown(database: TestDatabase, shell: Shell) -> None:
    shell.dsn = database.dsn()
    password = database.server.password()
    done = shell("connect", "--test")
    assert password not in done.stdout + done.stderr
    assert "ok: " in done.stdout


def test_a_service(database: TestDatabase, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "services"
    file.write_text(
        f"[shop]\nhost=127.0.0.1\nport={database.server.port}\ndbname={database.name}\n"
        f"user=postgres\npassword={database.server.password()}\n"
    )
    file.chmod(0o600)
    shell("connection", "add", "shop", "--service", "shop", PGSERVICEFILE=str(file))
    assert "service=shop" in shell("connect", "shop").stdout
    assert "ok: " in shell("connection", "test", "shop", PGSERVICEFILE=str(file)).stdout


@pytest.mark.parametrize("driver", ["psycopg", "pg8000"])
def test_rows_with_the_names_of_their_columns(database: TestDatabase, driver: Any) -> None:
    with connect(database.dsn(), driver=driver) as db:
        assert db.query_columns("select 1 as a, 2 as a, %s as b", ("x",)) == (("a", "a", "b"), [(1, 2, "x")])
        assert db.query_columns("select 1 as one where false") == (("one",), [])
        assert db.query_columns("set lock_timeout = 0") == ((), [])


@pytest.mark.parametrize("driver", ["psycopg", "pg8000"])
def test_notices_are_told_as_they_come(database: TestDatabase, driver: Any) -> None:
    told: list[str] = []
    with connect(database.dsn(), driver=driver) as db:
        db.on_notice(told.append)
        db.execute("do $$ begin raise notice 'one'; raise warning 'two'; end $$")
    assert told == ["one", "two"]


@pytest.mark.parametrize("served", ["served_socket"], indirect=True)  # test_teach.py has all of them
def test_teach_define_and_feedback(served: Served) -> None:
    question, sql = "how many went down the drain?", "select count(*) as n from orders where status = 'cancelled'"
    assert served.shell("teach", question, sql).stdout.startswith("example ")
    answer = served.shell.json("ask", question)
    assert (answer["rows"], answer["explanation"]) == ([[21]], "As taught by postgres.")
    number = str(answer["question_id"])
    assert served.shell("feedback", number, "--wrong").stdout.startswith("noted")
    served.shell.json("ask", question, code=3)
    assert served.shell.json("feedback", number, "--wrong", "--correction", sql)["correct"] is False
    assert served.shell.json("ask", question)["rows"] == [[21]]
    assert served.shell.json("feedback", number, "--correct")["correct"] is True
    assert served.shell.json("feedback", "999999", "--correct", code=1)["error"]["sqlstate"] == "42704"
    served.shell("feedback", number, "--correct", "--correction", sql, code=2)
    served.shell("feedback", number, code=2)
    assert served.shell.json("define", "drained", "orders.status = 'cancelled'", "--shared")["shared"] is True
    assert "for you" in served.shell("define", "drained", "cancelled").stdout
    code = 1 if served.transport == "call" else 5
    assert served.shell.json("teach", "a b", "delete from orders", code=code)["error"]["hint"]


def test_explain_prints_the_plan_in_words(served: Served) -> None:
    if served.transport == "call":
        error = served.shell.json("explain", "select 1", code=9)["error"]
        assert error["sqlstate"] == "PA007"
        return
    rows = served.shell.json("explain", "select * from orders")
    assert set(rows[0]) == {"step", "node", "problem", "advice", "severity"}
    assert "orders" in served.shell("explain", QUESTION).stdout
    assert served.shell.json("explain", "delete from orders", code=5)["error"]["sqlstate"] == "PA003"
