"""The edge's pool before real servers: clients share server connections, and notice nothing of it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from edge_support import PATIENCE, Raw, RunningEdge, certificate, pooling
from psycopg import errors

from conftest import TestDatabase, superuser
from postai.edge import wire
from postai.edge.server.backend import Row, exchange
from postai.edge.server.pooled import PooledSession
from postai.edge.server.scopes import Scope
from postai.edge.wire import Violation
from postai.settings import EdgeSettings
from postai.setup.server import LocalServer

INT_TYPE, TEXT_TYPE = (b"\0\1" + oid.to_bytes(4, "big") for oid in (23, 25))
PINS = [
    ("set work_mem = '77kB'", "show work_mem", "77kB"),
    ("create temp table kept (a) as select 7", "select to_regclass('kept')::text", "kept"),
    ("declare c cursor with hold for select 7", "select name from pg_cursors where name = 'c'", "c"),
    ("prepare p as select 7", "select name from pg_prepared_statements where name = 'p'", "p"),
    ("listen news", "select pg_listening_channels()", "news"),
    ("select pg_advisory_lock(7)", "select 'held' from pg_locks where objid = 7 and pid = pg_backend_pid()", "held"),
]


@pytest.fixture
def edge(server: LocalServer) -> Iterator[RunningEdge]:
    with pooling(server, pool_size=1) as one:
        yield one


@pytest.fixture
def wide(pg15: LocalServer) -> Iterator[RunningEdge]:
    with pooling(pg15, pool_size=3, pool_wait_timeout=0.3, pool_queue=1) as one:
        yield one


def wait_for(condition: Any, seconds: float = PATIENCE) -> None:
    """Wait until a function gives something true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def within(edge: RunningEdge, work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives in the edge's own loop."""
    return asyncio.run_coroutine_threadsafe(work, edge._loop).result(PATIENCE)


def pinned(edge: RunningEdge) -> list[str]:
    """Why clients keep their servers."""
    sessions = edge.inside(lambda: list(edge.edge._sessions.values()))
    return [one.client.pinned for one in sessions if isinstance(one, PooledSession) and one.client.pinned]


def scope_of(edge: RunningEdge) -> Scope:
    pools = edge.edge.pools
    assert pools is not None
    return next(iter(pools.scopes.values()))


def open_connections(edge: RunningEdge) -> int:
    return int(edge.inside(lambda: sum(pool.count for pool in scope_of(edge).pools.values())))


def pid_of(client: psycopg.Connection) -> int:
    return int(client.execute("select pg_backend_pid()").fetchone()[0])


def test_two_clients_share_one_server(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one, edge.connect(database) as other:
        assert len({pid_of(client) for client in (one, other, one)}) == 1
        assert one.info.backend_pid != other.info.backend_pid
        one.execute("create table t (a int primary key)")
        for number in range(5):
            for client in (one, other):
                row = client.execute("select %s::int + 1", (number,), prepare=True).fetchone()
                assert row == (number + 1,)
        with one.transaction():
            one.execute("insert into t values (1)")
        with pytest.raises(errors.UniqueViolation):
            other.execute("insert into t values (1)")
        with one.cursor().copy("copy t from stdin") as copy:
            for number in range(2, 2000):
                copy.write_row((number,))
        with other.pipeline():
            counts = [other.execute("select count(*) from t where a < %s", (number,)) for number in range(50)]
        assert [count.fetchone()[0] for count in counts[1:]] == list(range(49))
        assert pinned(edge) == []


def test_statements_are_there_on_every_server(wide: RunningEdge, database15: TestDatabase) -> None:
    with wide.connect(database15) as one, wide.connect(database15) as other:
        asked = "select %s::text || pg_backend_pid()"
        first = one.execute(asked, ("x",), prepare=True).fetchone()
        with other.transaction():
            other.execute("select 1")  # it has the server of before
            second = one.execute(asked, ("x",), prepare=True).fetchone()
        assert first != second
        one.execute("deallocate all")
        assert one.execute(asked, ("x",), prepare=True).fetchone() in (first, second)
        assert pinned(wide) == []


def test_statements_are_prepared_anew_when_what_they_name_has_changed(
    edge: RunningEdge, database: TestDatabase
) -> None:
    with edge.connect(database) as one, edge.connect(database) as other:
        one.execute("create table t (a int)")
        for client in (one, other):
            assert client.execute("select * from t", prepare=True).fetchall() == []
        database.execute("alter table t add b int")
        with pytest.raises(errors.FeatureNotSupported, match="cached plan must not change result type"):
            one.execute("select * from t", prepare=True)
        assert len(other.execute("select * from t", prepare=True).description or ()) == 2
        one.execute("alter table t drop b")  # psycopg says DEALLOCATE ALL behind it
        assert len(one.execute("select * from t", prepare=True).description or ()) == 1
        assert pinned(edge) == []


@pytest.mark.parametrize("name", [b"s", b""])
def test_what_is_prepared_now_is_read_now(pg15: LocalServer, database15: TestDatabase, name: bytes) -> None:
    parse = wire.message(b"P", name + b"\0insert into t values ($1)\0\0\0")
    describe, sync = wire.message(b"D", b"S" + name + b"\0"), wire.message(b"S")

    def types(client: Raw, *messages: bytes) -> bytes:
        """What a ParameterDescription says after these messages."""
        client.socket.sendall(b"".join(messages) + sync)
        found = dict(client.until(b"Z"))
        assert b"E" not in found, found
        return found[b"t"]

    with pooling(pg15, pool_size=2) as edge, contextlib.ExitStack() as stack:
        holder = stack.enter_context(edge.connect(database15))
        old, new, newer = (stack.enter_context(Raw(edge.port)) for _ in range(3))
        for client in (old, new, newer):
            client.log_in(wire.VERSION_3_0, "postgres", database15.server.password(), database15.name)
        holder.execute("create table t (a int)")
        holder.execute("begin")
        assert types(old, parse, describe) == INT_TYPE
        holder.execute("commit")
        database15.execute("drop table t; create table t (a text)")
        assert types(new, parse, describe) == TEXT_TYPE
        holder.execute("begin")  # on the connection that was used last: now others get the one of the old client
        assert types(new, describe) == TEXT_TYPE
        assert types(newer, parse, describe) == TEXT_TYPE
        holder.execute("commit")
        assert types(new, describe) == TEXT_TYPE
        assert pinned(edge) == []


def test_a_server_keeps_so_many_statements(pg15: LocalServer, database15: TestDatabase) -> None:
    with pooling(pg15, pool_size=1, pool_statements=5) as edge, edge.connect(database15) as one:
        for number in range(30):
            assert one.execute(f"select {number} + %s", (1,), prepare=True).fetchone() == (number + 1,)
        assert one.execute("select count(*) from pg_prepared_statements").fetchone()[0] <= 7
        assert one.execute("select 0 + %s", (1,), prepare=True).fetchone() == (1,)


def test_what_a_session_leaves_behind_stays_with_it(
    edge: RunningEdge, pg15: LocalServer, database: TestDatabase
) -> None:
    with pooling(database.server, pool_size=2) as two, two.connect(database) as other:
        for statement, asked, answer in PINS:
            with two.connect(database) as one:
                one.execute(statement)
                assert one.execute(asked).fetchone() == (answer,)
                assert len(pinned(two)) == 1
                assert other.execute(asked).fetchone() != (answer,)
                one.execute("discard all")
                assert pinned(two) == []
                assert one.execute(asked).fetchone() != (answer,)
        with two.connect(database) as one:
            one.execute("do $$begin perform set_config('work_mem', '79kB', false); end$$")
            one.execute("discard all")
            assert pinned(two) == ["DO"]


def test_a_cursor_with_hold_keeps_its_server_until_it_is_closed(wide: RunningEdge, database15: TestDatabase) -> None:
    with wide.connect(database15) as client, wide.connect(database15) as other:
        cursors = [psycopg.ServerCursor(client, f"c{number}", withhold=True) for number in (1, 2)]
        for cursor in cursors:
            cursor.execute("select n from generate_series(%s, 1000) as n", (1,))
            assert cursor.fetchmany(2) == [(1,), (2,)] and pinned(wide) == ["a cursor WITH HOLD"]
        cursors[0].close()
        with other.transaction():
            assert pinned(wide) == ["a cursor WITH HOLD"]
            assert cursors[1].fetchone() == (3,)
        with pytest.raises(errors.InvalidCursorName):
            client.execute("close nothing")
        assert pinned(wide) == ["a cursor WITH HOLD"]
        with client.transaction():
            cursors[1].close()
            assert pinned(wide) == ["a cursor WITH HOLD"]
        assert pinned(wide) == []
        # Something else keeps it, before or after.
        with psycopg.ServerCursor(client, "c", withhold=True) as cursor:
            cursor.execute("select 1")
            client.execute("set work_mem = '77kB'")
        assert pinned(wide) != [] and client.execute("show work_mem").fetchone() == ("77kB",)


def test_who_waits_too_long_is_told(wide: RunningEdge, database15: TestDatabase) -> None:
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(wide.connect(database15)) for _ in range(3)]
        for holder in holders:
            holder.execute("begin")
        assert len({pid_of(holder) for holder in holders}) == open_connections(wide) == 3
        waiting, late = wide.connect(database15), wide.connect(database15)
        told: list[str | None] = []

        def wait() -> None:
            with pytest.raises(errors.QueryCanceled) as caught:
                waiting.execute("select 1")
            told.append(caught.value.diag.message_hint)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(lambda: wide.inside(lambda: any(one.waiting for one in wide.edge.pools.figures())))
        with pytest.raises(errors.TooManyConnections, match="too many clients wait"):
            late.execute("select 1")
        thread.join(PATIENCE)
        assert told and "pool_wait_timeout" in str(told[0])
        assert [one.refused for one in wide.inside(lambda: list(wide.edge.pools.figures()))] == [2]


def test_a_cancel_is_for_what_its_client_does(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as idle, edge.connect(database) as one, superuser(database.server) as watch:
        idle.execute("select 1")

        def run(text: str) -> None:
            with contextlib.suppress(errors.QueryCanceled):
                one.execute(text)
                done.append(text)

        done: list[str] = []
        for text, canceller in (("select pg_sleep(0.7)", idle), ("select pg_sleep(70)", one)):
            thread = threading.Thread(target=run, args=(text,))
            thread.start()
            wait_for(lambda text=text: watch.execute(
                "select from pg_stat_activity where query = %s and state = 'active'", (text,)).rowcount)  # fmt: skip
            canceller.cancel_safe(timeout=10)
            thread.join(PATIENCE)
        assert done == ["select pg_sleep(0.7)"]
        assert idle.execute("select 1").fetchone() == (1,)


def test_clients_and_servers_that_die(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one, superuser(database.server) as watch:
        one.execute("create table t (a int)")
        for texts in (("begin", "insert into t values (1)"), ("copy t from stdin",)):
            with Raw(edge.port) as raw:
                raw.log_in(wire.VERSION_3_2, "postgres", database.server.password(), database.name)
                for text in texts:
                    raw.socket.sendall(wire.message(b"Q", text.encode() + b"\0"))
                    raw.until(b"G" if text.startswith("copy") else b"Z")
            assert one.execute("select count(*) from t").fetchone() == (0,)
        watch.execute("select pg_terminate_backend(%s)", (pid_of(one),))
        wait_for(lambda: open_connections(edge) == 0)
        one.execute("begin")
        watch.execute("select pg_terminate_backend(%s)", (pid_of(one),))
        with pytest.raises(errors.AdminShutdown):
            one.execute("select 1")
    wait_for(lambda: not edge.edge.sessions)
    with edge.connect(database) as one:
        assert one.execute("select 1").fetchone() == (1,)
        edge.stop(0.01)
        with pytest.raises(errors.AdminShutdown):
            one.execute("select 1")


def test_a_query_goes_on_when_its_client_is_gone(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one:
        one.execute("create table t (a int)")
        with Raw(edge.port) as raw:
            raw.log_in(wire.VERSION_3_0, "postgres", database.server.password(), database.name)
            raw.socket.sendall(wire.message(b"Q", b"insert into t select 1 from pg_sleep(0.3)\0"))
            wait_for(lambda: open_connections(edge) == 1)
        assert one.execute("select count(*) from t").fetchone() == (1,)
        wait_for(lambda: open_connections(edge) == 1)


def test_a_transaction_that_is_left_alone_ends(pg15: LocalServer, database15: TestDatabase) -> None:
    with (
        pooling(pg15, pool_size=2, idle_in_transaction_timeout=0.1, pool_idle_timeout=0) as edge,
        edge.connect(database15) as one,
        edge.connect(database15) as kept,
    ):
        one.execute("begin")
        kept.execute("set work_mem = '77kB'")
        with pytest.raises(errors.IdleInTransactionSessionTimeout):
            wait_for(lambda: one.execute("select pg_sleep(1.5)") and time.sleep(1.5))
        assert kept.execute("show work_mem").fetchone() == ("77kB",)
        wait_for(lambda: open_connections(edge) == 1)


def test_a_client_that_reads_nothing_gives_its_server_back(pg15: LocalServer, database15: TestDatabase) -> None:
    login = "postgres", pg15.password(), database15.name
    with pooling(pg15, pool_size=1, idle_in_transaction_timeout=0.1) as edge, Raw(edge.port) as deaf:
        deaf.log_in(wire.VERSION_3_0, *login)
        deaf.socket.sendall(wire.message(b"Q", b"select repeat('x', 1000) from generate_series(1, 100000)\0"))
        wait_for(lambda: len(edge.inside(lambda: list(edge.edge.pools.borrowed))) == 1)
        with edge.connect(database15) as other:
            assert other.execute("select 1").fetchone() == (1,)
        with pytest.raises((EOFError, ConnectionResetError)):
            deaf.until(b"Z")


def test_logins_with_tls_and_passwords(pg15: LocalServer, database15: TestDatabase, tmp_path: Path) -> None:
    file, key = certificate(tmp_path)
    tls = {"ssl_cert_file": file, "ssl_key_file": key, "ssl_required": True}
    for auth in ({}, {"auth": "password", "auth_dsn": None}):
        with pooling(pg15, pool_size=1, **tls, **auth) as edge:
            with edge.connect(database15, sslmode="require") as one, edge.connect(database15) as other:
                assert pid_of(one) == pid_of(other)
                assert one.pgconn.ssl_in_use
                assert one.info.parameter_status("server_version") == str(
                    other.execute("show server_version").fetchone()[0]
                )
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(edge.dsn(database15, password="wrong"))
            with edge.connect(database15, application_name="own") as one:
                assert one.execute("show application_name").fetchone() == ("own",)
            with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
                psycopg.connect(edge.dsn(database15, dbname="nowhere"))


def test_the_edge_asks_for_itself(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one:
        scope, pools = scope_of(edge), edge.edge.pools
        assert pools is not None
        one.execute("select %s::int", (1,), prepare=True)

        def ask(sql: str, *params: str | None) -> list[Row]:
            found: list[Row] = within(edge, pools.ask(scope, scope.home, sql, params, seconds=1))
            return found

        assert ask("select $1::int + 1, $2::text, session_user", "1", None) == [("2", None, "postgres")]
        with pytest.raises(Violation, match="division by zero"):
            ask("select 1/0")
        before = pid_of(one)
        with pytest.raises(TimeoutError):
            ask("select pg_sleep(30)")
        assert pid_of(one) != before
        one.execute("begin")
        edge.inside(pools.retire)
        inside = pid_of(one)
        one.execute("commit")
        assert pid_of(one) != inside


def test_a_statement_of_the_edges_own_that_fails_is_not_taken_for_prepared(
    edge: RunningEdge, database: TestDatabase
) -> None:
    with edge.connect(database) as one:
        one.execute("select 1")
        scope, pools = scope_of(edge), edge.edge.pools
        assert pools is not None

        async def unnamed_after(text: bytes) -> bytes | None:
            async with pools.own(scope, scope.home) as backend:
                meaning = text + b"\0\0\0"
                await exchange(backend, wire.message(b"P", b"\0" + meaning) + wire.message(b"S"), meaning, 10_000)
                return backend.server.names.get(b"")

        assert within(edge, unnamed_after(b"select 2")) == b"select 2\0\0\0"
        assert within(edge, unnamed_after(b"select nothing")) is None


def test_queries_of_the_edges_own_are_not_seen(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one:
        heard: list[object] = []

        def answer(session: PooledSession, data: bytes) -> bytes | None:
            if b"select 'mine'" in data:
                return wire.message(b"C", b"SELECT 0\0") + wire.message(b"Z", b"I")
            if b"select 'later'" in data:
                asyncio.get_running_loop().call_soon(session.proceed, None)
                return b""
            session.ask_before(b"select 'before'", heard.append)
            session.ask_behind(b"select 'behind'", heard.append, pipelined=b"pipelined" in data)
            session.ask_behind(b"select 1/0", heard.append)
            session.collect(10000, heard.append)
            return None

        scope_of(edge).answer = answer
        for text in ("select 'x'", "select 'pipelined'"):
            assert one.execute(text).fetchone() == (text.split("'")[1],)
            wait_for(lambda: len(heard) == 4)
            assert heard[:3] == [(b"before",), (b"behind",), None]
            assert text.split("'")[1].encode() in bytes(heard[3])  # type: ignore[call-overload]
            heard.clear()
        assert one.execute("select 'mine'").rowcount == 0
        assert one.execute("select 'later'").fetchone() == ("later",)
        with pytest.raises(errors.DivisionByZero):
            one.execute("select 1/%s", (0,))
        assert pinned(edge) == []


def test_slow_readers_hold_nobody_up(pg15: LocalServer, database15: TestDatabase) -> None:
    with pooling(pg15, pool_size=2) as edge, edge.connect(database15) as one, Raw(edge.port) as raw:
        raw.log_in(wire.VERSION_3_0, "postgres", pg15.password(), database15.name)
        raw.socket.sendall(wire.message(b"Q", b"select repeat('x', 1000) from generate_series(1, 30000)\0"))
        assert one.execute("select count(*) from generate_series(1, 1000)").fetchone() == (1000,)
        assert sum(kind == b"D" for kind, _ in raw.until(b"Z")) == 30000


def test_a_pool_needs_an_edge_that_logs_in() -> None:
    with pytest.raises(ValueError, match='needs auth = "scram"'):
        EdgeSettings(server="host=x", pool_mode="transaction")
    with pytest.raises(ValueError, match="more than pool_size"):
        EdgeSettings(server="host=x", pool_size=1, pool_min_size=2)
