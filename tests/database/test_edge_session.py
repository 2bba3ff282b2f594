"""The edge before real servers: what passes through it, and what it answers, is what the server itself would give."""

import asyncio
import contextlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from edge_support import Raw, RunningEdge, running, server_line

from conftest import TestDatabase, superuser
from postai.edge import wire
from postai.setup.server import LocalServer, debian_binaries

PIECES = 3000
VALUE = "x" * 500


@pytest.fixture(params=["uvloop or asyncio", "asyncio"])
def edge(request: pytest.FixtureRequest, server: LocalServer) -> Iterator[RunningEdge]:
    with running(server, **({"new_loop": asyncio.new_event_loop} if request.param == "asyncio" else {})) as one:
        yield one


@pytest.fixture
def edge15(pg15: LocalServer) -> Iterator[RunningEdge]:
    with running(pg15) as one:
        yield one


@pytest.fixture
def edge18(pg18: LocalServer) -> Iterator[RunningEdge]:
    with running(pg18) as one:
        yield one


def wait_for(condition: object, seconds: float = 20.0) -> None:
    """Wait until a function gives something true."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_session_is_as_without_the_edge(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database, application_name="through") as one, edge.connect(database) as other:
        assert one.info.backend_pid == one.execute("select pg_backend_pid()").fetchone()[0]
        assert one.info.parameter_status("application_name") == "through"
        one.execute("set time zone 'Asia/Tokyo'")
        assert one.info.parameter_status("TimeZone") == "Asia/Tokyo"
        one.execute("create table t (a int, b text)")
        with one.pipeline():
            rows = [one.execute("select %s::int, %s", (n, VALUE), prepare=True) for n in range(200)]
        assert [row.fetchone() for row in rows] == [(n, VALUE) for n in range(200)]
        with one.cursor().copy("copy t from stdin") as copy:
            for n in range(PIECES):
                copy.write_row((n, VALUE))
        with one.cursor().copy("copy t to stdout") as copy:
            assert sum(len(part) for part in copy) == sum(len(f"{n}\t{VALUE}\n") for n in range(PIECES))
        with pytest.raises(psycopg.errors.DivisionByZero):
            one.execute("select 1/0")
        other.execute("listen news")
        one.execute("notify news, 'hello'")
        (told,) = other.notifies(timeout=10, stop_after=1)
        assert (told.channel, told.payload, told.pid) == ("news", "hello", one.info.backend_pid)
        notices: list[str] = []
        one.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        one.execute("do $$begin raise notice 'look'; end$$")
        assert notices == ["look"]


@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_a_cancel_reaches_the_session_that_it_is_for(
    version: str, edge18: RunningEdge, database18: TestDatabase
) -> None:
    with (
        edge18.connect(database18, min_protocol_version=version, max_protocol_version=version) as one,
        edge18.connect(database18) as other,
    ):
        answers = []

        def sleep() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                one.execute("select pg_sleep(60)")
            answers.append(1)

        thread = threading.Thread(target=sleep)
        thread.start()
        wait_for(lambda: other.execute("select from pg_stat_activity where query ~ 'sleep.60'").rowcount > 1)
        one.cancel_safe(timeout=10)
        thread.join(20)
        assert answers == [1]
        assert one.execute("select 1").fetchone() == other.execute("select 1").fetchone() == (1,)


def test_keys_are_as_long_as_the_version_says_and_are_not_the_servers(
    edge18: RunningEdge, database18: TestDatabase
) -> None:
    password = database18.server.password()
    for version, size, told in ((wire.VERSION_3_0, 8, []), (wire.VERSION_3_2, 36, []), (0x30009, 36, [b"v"])):
        with Raw(edge18.port) as raw:
            found = raw.log_in(version, "postgres", password, database18.name)
            assert [kind for kind, _ in found if kind == b"v"] == told
            (key,) = (body for kind, body in found if kind == b"K")
            assert len(key) == size
            session = edge18.inside(lambda: next(iter(edge18.edge._sessions.values())))
            assert session.server_key[:4] == key[:4] and session.server_key != key
        wait_for(lambda: not edge18.edge.sessions)


def test_an_older_server_says_which_version_it_speaks(edge15: RunningEdge, database15: TestDatabase) -> None:
    with Raw(edge15.port) as raw:
        found = raw.log_in(wire.VERSION_3_2, "postgres", database15.server.password(), database15.name)
    assert found[0] == (b"v", wire.negotiate_version(wire.VERSION_3_0, ())[5:])
    assert [len(body) for kind, body in found if kind == b"K"] == [8]


SSL = wire.encryption_packet()
GSS = wire.encryption_packet(wire.GSSENC_REQUEST)
START = wire.startup_packet(wire.VERSION_3_0, {"user": "nobody_there", "database": "postgres"})
BAD_INPUT = {
    "nothing": (),
    "http": (b"GET / HTTP/1.1\r\n\r\n",),
    "short": (b"\0\0\0",),
    "a gigabyte": (b"\x40\0\0\0\0\3\0\0",),
    "too long": (b"\0\0\x27\x15" + bytes(20),),
    "no length": (b"\0\0\0\4",),
    "version 2": (b"\0\0\0\x09\0\2\0\0\0",),
    "version 4": (b"\0\0\0\x09\0\4\0\0\0",),
    "no terminator": (b"\0\0\0\x0d\0\3\0\0user\0",),
    "no user": (b"\0\0\0\x09\0\3\0\0\0",),
    "ssl, gss, start": (SSL, GSS, b"\0\0\0\x09\0\3\0\0\0"),
    "gss, ssl, start": (GSS, SSL, b"\0\0\0\x09\0\3\0\0\0"),
    "ssl twice": (SSL, SSL),
    "gss twice": (GSS, GSS),
    "ssl and start at once": (SSL + b"\0\0\0\x09\0\3\0\0\0",),
    "gss and start at once": (GSS + b"\0\0\0\x09\0\3\0\0\0",),
    "a cancel for nobody": (wire.cancel_packet(b"\0\0\0\1abcd"),),
    "a cancel without a key": (wire.cancel_packet(b""),),
    "a query instead of a password": (START, wire.message(b"Q", b"select 1\0")),
    "a password that is too long": (START, b"p\x7f\xff\xff\xff"),
    "an unknown mechanism": (START, wire.sasl_initial("X", b"")),
    "malformed SCRAM": (START, wire.sasl_initial("SCRAM-SHA-256", b"hello")),
    "a length too short": (START, wire.message(b"p", b"SCRAM-SHA-256\0\0\0\0\x08n,,n=,r=x")),
    "a length too long": (START, wire.message(b"p", b"SCRAM-SHA-256\0\0\0\0\x0an,,n=,r=x")),
    "no length at all": (START, wire.message(b"p", b"SCRAM-SHA-256\0")),
    "SCRAM without a first message": (START, wire.message(b"p", b"SCRAM-SHA-256\0\xff\xff\xff\xff")),
    "a wrong proof": (
        START,
        wire.sasl_initial("SCRAM-SHA-256", b"n,,n=,r=x"),
        wire.message(b"p", b"c=biws,r=xy,p=AAAA"),
    ),
}


def shown(data: bytes) -> bytes:
    """An answer without what differs from one server to the next: source lines, nonces, the newest version."""
    data = re.sub(rb"F[a-z_-]+\.c\0L\d+\0R\w+\0", b"", data)
    data = re.sub(rb"r=[^,]*,s=[^,]*,i=\d+", b"", data)
    data = re.sub(rb"server supports 3.0 to 3.\d", b"", data)
    return re.sub(rb"E\0\0..", b"E", data, flags=re.DOTALL)


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_answered_as_the_server_answers_it(case: str, own18: "Own") -> None:
    answers = []  # of 18 from a wheel: Debian's server speaks GSSAPI
    for port in (own18.server.port, own18.relay.port, own18.scram.port):
        with Raw(port) as raw:
            told = b""
            for part in BAD_INPUT[case]:
                raw.socket.sendall(part)
                told += raw.exactly(1) if part in (SSL, GSS) else b""
            raw.socket.shutdown(socket.SHUT_WR)
            answers.append(shown(told + raw.rest()))
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


class Own:
    """Edges that last for the file: one that relays logins, one that asks for SCRAM itself."""

    def __init__(self, server: LocalServer, relay: RunningEdge, scram: RunningEdge) -> None:
        self.server, self.relay, self.scram = server, relay, scram


@pytest.fixture(scope="module")
def own15(pg15: LocalServer) -> Iterator[Own]:
    yield from _own(pg15)


@pytest.fixture(scope="module")
def own18(pg18: LocalServer) -> Iterator[Own]:
    yield from _own(pg18)


def _own(server: LocalServer) -> Iterator[Own]:
    dsn = f"host={server.socket_directory} port={server.port} dbname=postgres user=postgres"
    with running(server) as relay, running(server, auth="scram", auth_dsn=dsn) as scram:
        yield Own(server, relay, scram)


def test_a_login_that_never_ends_is_ended(pg15: LocalServer) -> None:
    with running(pg15, authentication_timeout=0.3) as edge:
        with Raw(edge.port, b"\0\0") as raw:
            assert raw.rest() == b""
        with Raw(edge.port, START) as raw:
            assert [kind for kind, _ in (raw.message(), raw.message())] == [b"R", b"E"]
        with Raw(edge.port, START) as raw:
            raw.message()
            assert wire.parse_error(raw.message()[1])["C"] == "57014"


def test_who_reads_slowly_slows_the_server(edge15: RunningEdge, database15: TestDatabase) -> None:
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        raw.socket.sendall(wire.message(b"Q", b"select repeat('x', 10000) from generate_series(1, 4000)\0"))
        session = edge15.inside(lambda: next(iter(edge15.edge._sessions.values())))
        waits = "select 1 from pg_stat_activity where wait_event = 'ClientWrite' and datname = current_database()"
        wait_for(lambda: database15.execute(waits))
        assert edge15.inside(session.client.transport.get_write_buffer_size) < 1 << 20
        assert sum(len(body) for kind, body in raw.until(b"Z") if kind == b"D") > 40_000_000


def test_a_server_that_reads_slowly_slows_the_client(edge15: RunningEdge, database15: TestDatabase) -> None:
    database15.execute("create table t (a text)")
    with database15.connect() as locker, Raw(edge15.port) as raw:
        locker.execute("begin; lock table t")
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        raw.socket.sendall(wire.message(b"Q", b"insert into t values (1)\0"))
        session = edge15.inside(lambda: next(iter(edge15.edge._sessions.values())))
        raw.socket.setblocking(False)
        sent, part = 0, wire.message(b"Q", b"select 1 /*" + bytes(100_000).replace(b"\0", b"x") + b"*/\0")
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += raw.socket.send(part)  # what fits into the buffers of sockets, and no more
        assert sent < 64 << 20
        assert edge15.inside(session.server.transport.get_write_buffer_size) < 1 << 20


def test_a_client_that_dies_within_a_copy_leaves_nothing(edge15: RunningEdge, database15: TestDatabase) -> None:
    database15.execute("create table t (a text)")
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        raw.socket.sendall(wire.message(b"Q", b"copy t from stdin\0"))
        raw.until(b"G")
        raw.socket.sendall(wire.message(b"d", b"one\n") + b"d\0\0\1\0tw")
    sessions = "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    wait_for(lambda: database15.execute(sessions) == [])
    wait_for(lambda: not edge15.edge.sessions)
    assert database15.execute("select * from t") == []


def test_who_says_no_more_still_gets_the_answer(edge15: RunningEdge, database15: TestDatabase) -> None:
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        raw.socket.sendall(wire.message(b"Q", b"select 42\0"))
        raw.socket.shutdown(socket.SHUT_WR)
        assert b"42" in raw.rest()


def test_a_session_that_the_server_ends(edge15: RunningEdge, database15: TestDatabase) -> None:
    with edge15.connect(database15) as one:
        database15.execute(f"select pg_terminate_backend({one.info.backend_pid})")
        with pytest.raises(psycopg.errors.AdminShutdown):
            one.execute("select 1")


def test_a_server_that_is_lost(edge15: RunningEdge, database15: TestDatabase) -> None:
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        session = edge15.inside(lambda: next(iter(edge15.edge._sessions.values())))
        edge15.inside(session.server.transport.abort)
        fields = wire.parse_error(raw.message()[1])
        assert (fields["S"], fields["C"], raw.rest()) == ("FATAL", "08006", b"")
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        raw.socket.sendall(wire.message(b"X"))
        assert raw.rest() == b""


def test_a_server_that_is_not_there(pg15: LocalServer, database15: TestDatabase) -> None:
    with running(pg15, server="host=127.0.0.1 port=1 sslmode=disable") as edge, Raw(edge.port, START) as raw:
        fields = wire.parse_error(raw.message()[1])
        assert (fields["S"], fields["C"]) == ("FATAL", "08001")
    line = f"host=127.0.0.1,{pg15.socket_directory},127.0.0.1 port=1,{pg15.port},1 sslmode=disable"
    with running(pg15, server=line) as edge, edge.connect(database15) as one:
        assert one.execute("select inet_server_addr()").fetchone() == (None,)


def test_databases_have_names_and_clients_a_limit(pg15: LocalServer, database15: TestDatabase) -> None:
    named = [{"name": "shop", "dbname": database15.name}, {"name": database15.name, "server": server_line(pg15)}]
    with running(pg15, database=named, max_connections=1) as edge:
        shop = re.sub(r"dbname=\w+", "dbname=shop", edge.dsn(database15))
        with psycopg.connect(shop) as one:
            assert one.execute("select current_database()").fetchone() == (database15.name,)
            with Raw(edge.port, START) as raw:
                assert wire.parse_error(raw.message()[1])["C"] == "3D000"
            with pytest.raises(psycopg.OperationalError, match="sorry, too many clients already"):
                edge.connect(database15)
        wait_for(lambda: not edge.edge.sessions)
        edge.connect(database15).close()


def test_a_stop_lets_sessions_end_and_then_ends_them(pg15: LocalServer, database15: TestDatabase) -> None:
    with running(pg15) as edge, contextlib.ExitStack() as stack:
        one, other = stack.enter_context(edge.connect(database15)), stack.enter_context(edge.connect(database15))
        stopping = threading.Thread(target=edge.stop, args=(2.0,))
        stopping.start()
        wait_for(lambda: edge.edge._stopping)
        with pytest.raises(psycopg.OperationalError, match="the database system is shutting down"):
            edge.connect(database15)
        assert one.execute("select 1").fetchone() == (1,)
        threading.Timer(0.2, lambda: one.cancel_safe(timeout=10)).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            one.execute("select pg_sleep(20)")
        one.close()
        stopping.join(20)
        with pytest.raises(psycopg.errors.AdminShutdown):
            other.execute("select 1")
        with pytest.raises(psycopg.OperationalError, match="refused"):
            edge.connect(database15)


def test_the_changes_of_a_replication_slot_pass(edge15: RunningEdge, database15: TestDatabase) -> None:
    database15.execute("create table t (a int)")
    with Raw(edge15.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name, replication="database")
        raw.socket.sendall(wire.message(b"Q", b"CREATE_REPLICATION_SLOT edge_s TEMPORARY LOGICAL test_decoding\0"))
        assert raw.until(b"Z")[-1] == (b"Z", b"I")
        database15.execute("insert into t values (4711)")
        raw.socket.sendall(wire.message(b"Q", b"START_REPLICATION SLOT edge_s LOGICAL 0/0\0"))
        raw.until(b"W")
        while b"4711" not in raw.message()[1]:
            pass
        raw.socket.sendall(wire.message(b"c"))
        raw.until(b"Z")


def test_psql_and_pg_dump(own15: Own, database15: TestDatabase, tmp_path: Path) -> None:
    binaries = debian_binaries(15)
    assert binaries is not None
    database15.execute(
        "create table t (a int primary key, b text); insert into t select n, n from generate_series(1, 9) n"
    )
    answers = []
    for port in (own15.server.port, own15.scram.port):
        dsn = database15.dsn().replace(f"port={own15.server.port}", f"port={port}")
        commands = ("-c", "\\d t", "-c", "table t", "-c", "\\copy t to stdout", "-c", "select 1/0")
        psql = subprocess.run(["psql", "-X", dsn, *commands], capture_output=True, text=True, check=False)
        dump = subprocess.run([binaries.bin / "pg_dump", dsn], capture_output=True, text=True, check=True)
        answers.append((psql.stdout, psql.stderr, re.sub(r"\\(un)?restrict.*", "", dump.stdout)))
    assert "9" in answers[0][0] and "division by zero" in answers[0][1] and "COPY public.t" in answers[0][2]
    assert answers[0] == answers[1]


def test_many_clients_get_their_own_answers(own15: Own, database15: TestDatabase) -> None:
    wrong: list[object] = []

    def ask(edge: RunningEdge, name: int) -> None:
        with edge.connect(database15) as one:
            for n in range(30):
                row = one.execute("select %s::text || repeat('.', %s)", (f"{name}-{n}", n * 500)).fetchone()
                if row != (f"{name}-{n}" + "." * n * 500,):
                    wrong.append((name, n))

    threads = [threading.Thread(target=ask, args=((own15.relay, own15.scram)[n % 2], n)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_flood_of_clients_that_break_off(own15: Own, database15: TestDatabase) -> None:
    with superuser(own15.server) as connection:
        before = connection.execute("select count(*) from pg_stat_activity").fetchone()
        for edge in (own15.relay, own15.scram):
            for part in (b"", b"\0", SSL, START, START[:9], START + b"p\0\0"):
                for _ in range(10):
                    Raw(edge.port, part).socket.close()
            wait_for(lambda edge=edge: not edge.inside(lambda: edge.edge._logins))
            edge.connect(database15).close()
        wait_for(lambda: connection.execute("select count(*) from pg_stat_activity").fetchone() == before)
