"""The agent as a process of its own, on real servers: all transports, death, restart, cancel, time-out, leadership."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from agent_support import AGENT, PATIENCE, AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import TestDatabase, drop_database, make_database, new_server
from postai.database import connect
from postai.proposals import Draft, DraftStep, create
from postai.setup.server import LocalServer, debian_binaries, free_port
from postai.setup.transport import Transport

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model_server import KEY, ModelServer, Role, model_server

HEAVY = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b"


def script(question: str, turn: int) -> str:
    """A model that is told its SQL: "sql SELECT ..."; everything else counts the orders."""
    return question.removeprefix("sql ") if question.startswith("sql ") else "select count(*) as orders from orders"


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path that the server's OS user can reach (a unix socket's path has 107 bytes at most)."""
    path = Path(tempfile.mkdtemp(prefix="postai-a-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server(Role(script=script)) as server:
        yield server


def prepared(database: TestDatabase, transport: Transport, place: Path) -> None:
    install_postai(database, transport, place / "run" / "agent.sock")
    database.execute(
        "create table orders (id int primary key, total numeric not null); insert into orders select g, g from"
        " generate_series(1, 41) g; analyze orders; select postai.set('engine', 'model')"
    )


@pytest.fixture(params=["socket", "dblink"])
def home(request: pytest.FixtureRequest, place: Path) -> Iterator[TestDatabase]:
    """A database with postai and some orders: socket on 15, dblink on 18."""
    server: LocalServer = request.getfixturevalue("pg15" if request.param == "socket" else "pg18")
    database = make_database(server)
    prepared(database, request.param, place)
    yield database
    drop_database(database)


def make_agent(place: Path, model: ModelServer, *databases: TestDatabase, workers: int = 4) -> AgentProcess:
    return AgentProcess(
        place,
        [(one.name, agent_dsn(one.server, one.name, place)) for one in databases],
        model={"base_url": model.url, "api_key": KEY},
        workers=workers,
    )


@pytest.fixture
def agent(place: Path, model: ModelServer, home: TestDatabase) -> Iterator[AgentProcess]:
    with running(make_agent(place, model, home)) as one:
        one.until("leading this database")
        one.until("the socket is open")
        yield one


def ask(database: TestDatabase, question: str = "how many orders are there?") -> object:
    return database.execute(f"select postai.ask($q${question}$q$)")[0][0]


@dataclass(frozen=True)
class Standing:
    """An agent that several tests use one after the other, because none of them harms it."""

    home: TestDatabase
    agent: AgentProcess
    model: ModelServer


@pytest.fixture(scope="module", params=["socket", "dblink"])
def standing(request: pytest.FixtureRequest) -> Iterator[Standing]:
    place = Path(tempfile.mkdtemp(prefix="postai-a-"))
    place.chmod(0o755)
    database = make_database(request.getfixturevalue("pg15" if request.param == "socket" else "pg18"))
    prepared(database, request.param, place)
    with model_server(Role(script=script)) as model, running(make_agent(place, model, database)) as agent:
        agent.until("leading this database")
        agent.until("the socket is open")
        yield Standing(database, agent, model)
    drop_database(database)
    shutil.rmtree(place)


@pytest.fixture
def kept(standing: Standing) -> Standing:
    """The standing agent; nothing was asked before, and the model answers at once."""
    standing.model.role.delay = 0.0
    standing.model.seen.clear()
    standing.model.dropped.clear()
    standing.home.execute(
        "truncate postai.question, postai.model_call cascade; select postai.set('ask_timeout', null)"
        ", postai.set('ask_cost_ceiling', null)"
    )
    return standing


def test_ask_answers_and_is_recorded(kept: Standing) -> None:
    assert ask(kept.home) == {"orders": 41}
    assert kept.home.execute("select status, engine, asked_by, question from postai.question") == [
        ("answered", "model", "postgres", "how many orders are there?")
    ]
    purpose, status, question = kept.home.execute("select purpose, status, question_id from postai.model_call")[0]
    assert (purpose, status) == ("ask", "ok") and question is not None
    state = "select reachable, leader is not null, model is not null, engine, budget_left < 5 from postai.agent()"
    wait_for(lambda: kept.home.execute(state)[0] == (True, True, True, "model", True))


def test_the_sessions_own_ways_of_writing_do_not_matter(kept: Standing) -> None:
    with kept.home.connect() as connection:
        connection.execute(
            "set datestyle = 'SQL, DMY'; set timezone = 'Asia/Kolkata'; set intervalstyle = 'sql_standard'"
        )
        connection.execute("set standard_conforming_strings = off; set search_path = ''")
        row = connection.execute("select postai.ask(E'sql select ''a\\\\b'' as text')").fetchone()
        assert row == ({"text": "a\\b"},)


def test_call_transport(place: Path, model: ModelServer, pg18: LocalServer) -> None:
    database = make_database(pg18)
    prepared(database, "call", place)
    with running(make_agent(place, model, database)) as agent, database.connect() as connection:
        agent.until("leading this database")
        connection.execute("call postai.run('how many orders are there?')")
        assert connection.execute("fetch all from ask").fetchall() == [(41,)]
    drop_database(database)


def test_many_sessions_at_once_get_their_own_answers(kept: Standing) -> None:
    many = (
        50 if kept.home.execute("select postai._transport()") == [("socket",)] else 40
    )  # dblink takes two sessions each
    with ThreadPoolExecutor(many) as threads:
        answers = list(threads.map(lambda n: ask(kept.home, f"sql select {n} as number"), range(many)))
    assert answers == [{"number": n} for n in range(many)]
    assert kept.home.execute("select count(*) from postai.question") == [(many,)]


def test_a_stopped_agent_is_told_at_once(agent: AgentProcess, home: TestDatabase) -> None:
    assert agent.stop() == 0
    assert not agent.socket.exists()
    begin = time.monotonic()
    with pytest.raises(psycopg.Error) as caught:
        ask(home)
    assert time.monotonic() - begin < 5  # 1 s is promised; a busy machine gets more here
    assert caught.value.diag.sqlstate == "PA002"
    assert caught.value.diag.message_hint and "post-ai agent" in caught.value.diag.message_hint
    assert home.execute("select count(*) from postai.agent_status") == [(0,)]


def test_a_killed_agent_is_told_at_once(agent: AgentProcess, home: TestDatabase) -> None:
    agent.kill()
    with pytest.raises(psycopg.Error) as caught:
        wait_for(lambda: ask(home, "sql select 1 as x") and time.sleep(0.1))
    assert caught.value.diag.sqlstate == "PA002"


def test_cancelling_drops_the_model_call(kept: Standing) -> None:
    kept.model.role.delay = 60.0
    with kept.home.connect() as connection:
        outcome: list[BaseException] = []

        def run() -> None:
            try:
                connection.execute("select postai.ask('how many orders came by ship?')")
            except psycopg.Error as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        wait_for(lambda: kept.model.seen)
        connection.cancel_safe()
        thread.join(PATIENCE)
        assert isinstance(outcome[0], psycopg.errors.QueryCanceled)
        assert kept.model.dropped.wait(PATIENCE)


def test_a_client_that_dies_drops_the_model_call(kept: Standing) -> None:
    kept.model.role.delay = 60.0
    connection = kept.home.connect()

    def run() -> None:
        with pytest.raises(psycopg.Error):
            connection.execute("select postai.ask('how many orders came by train?')")

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: kept.model.seen)
    kept.home.execute(f"select pg_terminate_backend({connection.info.backend_pid})")
    assert kept.model.dropped.wait(PATIENCE)
    thread.join(PATIENCE)
    connection.close()


def test_a_statement_over_ask_timeout_is_cancelled(kept: Standing) -> None:
    kept.home.execute("select postai.set('ask_timeout', '2s'), postai.set('ask_cost_ceiling', '1e18')")
    with pytest.raises(psycopg.errors.QueryCanceled):
        ask(kept.home, f"sql {HEAVY}")
    assert ask(kept.home, "sql select 2 as x") == {"x": 2}


def test_a_locked_table_is_told_before_the_time_is_over(kept: Standing) -> None:
    kept.home.execute("select postai.set('ask_timeout', '12s')")
    with kept.home.connect(autocommit=False) as holder, kept.home.connect() as connection:
        holder.execute("lock table orders")
        for own, most in (("0", 10.0), ("200ms", 8.0)):
            connection.execute(f"set lock_timeout = '{own}'")  # type: ignore[call-overload]
            started = time.monotonic()
            with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
                connection.execute("select postai.sql('how many orders are in the book?')")
            assert time.monotonic() - started < most
            assert "who is blocking whom?" in (caught.value.diag.message_hint or "")
            assert connection.execute("show lock_timeout").fetchone() == (own,)
        holder.rollback()
        assert connection.execute("select postai.ask('how many orders are in the book?')").fetchone() == (
            {"orders": 41},
        )


def test_the_server_restarts(place: Path, model: ModelServer) -> None:
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no PostgreSQL 15")
    with new_server(binaries, "restart") as server:
        database = make_database(server)
        prepared(database, "dblink", place)
        with running(make_agent(place, model, database)) as agent:
            agent.until("leading this database")
            assert ask(database) == {"orders": 41}
            server.stop()
            agent.until("no longer leading this database")
            server.start()
            agent.until("leading this database", 2)
            assert ask(database) == {"orders": 41}


# A nextval is never null: the agent, where it is taken in, finds nothing equal, and is counted.
EVIL = """
create schema evil;
create sequence evil.calls;
grant usage on schema evil to public; grant usage on sequence evil.calls to public;
create function evil.same({type}, {type}) returns boolean language sql as $$
  select $1 operator(pg_catalog.=) $2
     and (session_user operator(pg_catalog.<>) '{agent}'::name or nextval('evil.calls') is null) $$;
create operator evil.= (leftarg = {type}, rightarg = {type}, function = evil.same);
"""


@pytest.mark.parametrize("home", ["dblink"], indirect=True)
def test_operators_that_an_owner_puts_before_the_servers_are_not_run_as_the_agent(
    place: Path, model: ModelServer, home: TestDatabase
) -> None:
    for number, kind in enumerate(('"char"', "text", "oid", "integer", "name")):
        evil = EVIL.format(type=kind, agent=AGENT)
        home.execute(evil if not number else evil[evil.index("create function") :])
    home.execute(f'alter database "{home.name}" set search_path = evil, pg_catalog, public')
    with running(make_agent(place, model, home)) as agent:
        agent.until("leading this database")
        with psycopg.connect(home.dsn(), options="-csearch_path=public") as person:
            assert person.execute("select postai.ask('how many orders are there?')").fetchone() == ({"orders": 41},)
            assert person.execute("select is_called from evil.calls").fetchone() == (False,)


def leaders(database: TestDatabase) -> int:
    held = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1886352244 and objid = 1"
    here = "database = (select oid from pg_database where datname = current_database())"
    counted = database.execute(f"{held} and {here}")
    assert isinstance(counted[0][0], int)
    return counted[0][0]


def test_a_job_whose_agent_dies_is_done_once_by_the_next(place: Path, model: ModelServer, pg18: LocalServer) -> None:
    database = make_database(pg18)
    prepared(database, "dblink", place)
    database.execute("select postai.set('ask_timeout', '5 min')")
    first, second = make_agent(place / "a", model, database), make_agent(place / "b", model, database)
    with ThreadPoolExecutor(1) as threads, running(first):
        first.until("leading this database")
        with running(second):
            second.until("another agent leads this database, standing by")
            assert leaders(database) == 1
            model.role.delay = 60.0
            answer = threads.submit(ask, database)
            wait_for(lambda: model.seen)
            model.role.delay = 0.0
            first.kill()
            second.until("leading this database")
            assert leaders(database) == 1
            assert answer.result(PATIENCE) == {"orders": 41}
            assert database.execute("select count(*) from postai.question") == [(1,)]
            assert len(model.seen) == 2
    drop_database(database)


def test_the_socket_passes_to_the_next_agent(place: Path, model: ModelServer, pg15: LocalServer) -> None:
    database = make_database(pg15)
    prepared(database, "socket", place)
    first, second = make_agent(place, model, database), make_agent(place, model, database)
    second.log_name = "second.log"
    with running(first):
        first.until("the socket is open")
        with running(second):
            second.until("the socket is not open")
            first.kill()
            second.until("the socket is open")
            second.until("leading this database")
            assert ask(database) == {"orders": 41}
    drop_database(database)


@pytest.mark.parametrize("home", ["socket"], indirect=True)  # databases are kept in one way, whatever their transport
def test_one_database_out_of_reach_does_not_stop_the_others(
    place: Path, model: ModelServer, home: TestDatabase
) -> None:
    one = make_agent(place, model, home)
    one.databases.insert(0, ("away", f"host=127.0.0.1 port={free_port()} dbname=away user={AGENT}"))
    with running(one):
        one.until("leading this database")
        one.until("the database cannot be served, trying again")
        one.until("the socket is open")
        assert ask(home) == {"orders": 41}


@pytest.mark.parametrize("home", ["dblink"], indirect=True)
def test_a_database_without_postai_is_served_once_it_has_it(
    place: Path, model: ModelServer, home: TestDatabase
) -> None:
    other = make_database(home.server)
    with running(make_agent(place, model, home, other)) as one:
        one.until("the database cannot be served, trying again")
        prepared(other, "dblink", place)
        one.until("leading this database", 2)
        assert ask(other) == {"orders": 41}
        assert ask(home) == {"orders": 41}
    drop_database(other)


def test_a_database_that_is_not_configured(kept: Standing) -> None:
    other = make_database(kept.home.server)
    transport: Transport = "socket" if kept.home.execute("select postai._transport()") == [("socket",)] else "dblink"
    prepared(other, transport, kept.agent.directory)
    with pytest.raises(psycopg.Error) as caught:
        ask(other)
    assert caught.value.diag.sqlstate == "PA002"
    drop_database(other)


def test_no_secret_and_no_question_stands_in_the_log(agent: AgentProcess, home: TestDatabase) -> None:
    ask(home, "sql select 'zebra' as animal")
    with pytest.raises(psycopg.Error):
        ask(home, "sql delete from orders where 'zebra' = 'zebra'")
    agent.stop()
    text = agent.log_file.read_text()
    assert KEY not in text and "zebra" not in text and f"password={AGENT}" not in text
    assert all("event" in line and "at" in line for line in agent.log())


def test_forged_notifications_do_no_harm(kept: Standing) -> None:
    home, told = kept.home, len(kept.agent.log())
    home.execute("create table junk (a int)")
    actions = home.execute("select count(*) from postai.action")
    with connect(home.dsn()) as db:
        proposal = create(db, Draft("change", "Junk", "not wanted", (DraftStep("drop table public.junk"),)))
    home.execute(f"drop role if exists {home.name}_forger; create role {home.name}_forger login password 'forger'")
    channels = (
        "action",
        "collect",
        "collected",
        "drift",
        "health",
        "job",
        "judge",
        "notice",
        "optimize",
        "values",
        "verify",
    )
    payloads = (
        "\u00b2",
        "9" * 5000,
        "-1",
        str(proposal),
        '{"kind": "action.done", "action": 1}',
        "'; drop table junk; --",
    )
    with psycopg.connect(home.dsn(), autocommit=True) as connection:
        connection.execute(f"set session authorization {home.name}_forger")
        for channel in channels:
            for payload in payloads:
                connection.execute("select pg_notify(%s, %s)", (f"postai_{channel}", payload))
    assert ask(home) == {"orders": 41}
    assert home.execute(f"select state from postai.proposal where id = {proposal}") == [("open",)]
    assert home.execute("select count(*) from postai.action") == actions
    events = [str(line["event"]) for line in kept.agent.log()[told:]]
    assert not [one for one in events if "unexpectedly" in one or "no longer leading" in one], events
    home.execute(f"drop role {home.name}_forger")


def test_an_applied_proposal_is_carried_out(kept: Standing) -> None:
    home, agent = kept.home, kept.agent
    home.execute(f"drop role if exists {home.name}_owner; create role {home.name}_owner")
    home.execute(f"grant {home.name}_owner to {AGENT}; grant create on schema public to {home.name}_owner")
    home.execute(f"alter table orders owner to {home.name}_owner")
    draft = Draft(
        "index", "An index on orders", "orders are searched by their total",
        (DraftStep("create index orders_total on public.orders (total)", "drop index public.orders_total"),),
    )  # fmt: skip
    with connect(home.dsn()) as db:
        proposal = create(db, draft)
    action = home.execute(f"select postai.apply({proposal})")[0][0]
    state = f"select state from postai.action where id = {action}"
    wait_for(lambda: home.execute(state)[0][0] not in ("queued", "running", "verifying"))
    assert home.execute(state) == [("done",)], agent.log()
    assert home.execute("select count(*) from pg_indexes where indexname = 'orders_total'") == [(1,)]
    agent.until("an action ended")


class Scrambler:
    """A relay that changes the process id in the server's greeting, as a pooler does that makes up its own."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [client, server]
            threading.Thread(target=self._relay, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._relay, args=(server, client, True), daemon=True).start()

    def _relay(self, source: socket.socket, to: socket.socket, greeting: bool) -> None:
        try:
            while data := source.recv(65536):
                at = data.find(b"K\x00\x00\x00") if greeting else -1  # BackendKeyData: type, length, process id
                if at >= 0:
                    data = data[: at + 5] + b"\x00\x00\x00\x01" + data[at + 9 :]
                    greeting = False
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def test_behind_a_pooler_the_agent_polls(place: Path, model: ModelServer, pg18: LocalServer) -> None:
    database = make_database(pg18)
    prepared(database, "call", place)
    relay = Scrambler(pg18.port)
    one = make_agent(place, model, database)
    one.databases = [(name, dsn.replace(f"port={pg18.port}", f"port={relay.port}")) for name, dsn in one.databases]
    with running(one):
        one.until("behind a pooler: no leadership and no notifications, polling instead")
        assert leaders(database) == 0
        row = database.execute("insert into postai.job (kind, request) values ('prune', '{}') returning id")[0][0]
        wait_for(lambda: database.execute(f"select state from postai.job where id = {row}") == [("done",)])
    relay.close()
    drop_database(database)
