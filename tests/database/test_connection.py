"""Sessions on real servers: the same tests for both drivers, and every way in which a connection can fail."""

from __future__ import annotations

import datetime
import decimal
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postai.database import (
    ConnectionFailed,
    ConnectionLost,
    Database,
    Pool,
    ServerError,
    connect,
    require_version,
)
from postai.database.connection import OWN_PATH, Driver
from postai.database.errors import (
    HostUnreachable,
    NoHbaEntry,
    TlsFailed,
    TlsRequired,
    TooManyConnections,
    UnknownDatabase,
    UnknownRole,
    WrongPassword,
)
from postai.database.roles import detect_pooler
from postai.errors import FeatureMissing, PostaiError, UsageError
from postai.setup.server import LocalServer

Connect = Callable[..., Database]


@pytest.fixture(params=["psycopg", "pg8000"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return request.param


@pytest.fixture
def db(database, driver: Driver) -> Iterator[Database]:
    with connect(database.dsn(), driver=driver) as session:
        yield session


def shown(error: PostaiError) -> str:
    return f"{error!r} {error} {error.message} {error.detail} {error.hint} {error.__context__!r} {error.__cause__!r}"


class TestSession:
    """What holds for every session, whatever the driver."""

    def test_identity(self, db: Database, database) -> None:
        assert db.name == database.name
        assert db.server_version // 10000 == database.server.binaries.major
        assert db.backend_pid == db.query("select pg_backend_pid()")[0][0]
        assert detect_pooler(db) is None
        require_version(db)
        with pytest.raises(FeatureMissing):
            require_version(db, 99)

    def test_session_settings(self, database, driver: Driver) -> None:
        with connect(
            database.dsn(), driver=driver, application_name="it's me", statement_timeout_ms=1500, lock_timeout_ms=250
        ) as db:
            sql = "select current_setting(n) from unnest('{application_name,statement_timeout,lock_timeout}'::text[]) n"
            assert db.query(sql) == [("it's me",), ("1500ms",), ("250ms",)]
            db.execute("reset all")
            assert db.query(sql)[1:] == [("1500ms",), ("250ms",)]

    def test_own_options_are_kept(self, database, driver: Driver) -> None:
        dsn = database.dsn() + " options='-c work_mem=5MB -c statement_timeout=0'"
        with connect(dsn, driver=driver) as db:
            found = db.query("select current_setting('work_mem'), current_setting('statement_timeout')")
        assert found == [("5MB", "30s")]

    def test_parameters_and_types(self, db: Database) -> None:
        sql = """select %s::int, %s::text, %s::numeric, %s::bool, %s::date, %s::text[], %s::int[], %s::text, '%%',
                        %s::jsonb, %s::float8, %s::bytea"""
        at = datetime.date(2026, 2, 28)
        values = (
            1,
            "o'n\\eil ü",
            decimal.Decimal("1.50"),
            True,
            at,
            ["a", 'b"c', "d,e"],
            [1, 2],
            None,
            '{"a": 1}',
            1.5,
            b"\0\xff",
        )
        expected = (*values[:8], "%", {"a": 1}, 1.5, b"\0\xff")
        assert db.query(sql, values) == [expected]

    def test_no_parameters_no_placeholders(self, db: Database) -> None:
        assert db.query("select 'a%s' like 'a%', 10 % 3") == [(True, 1)]

    def test_overloads_are_found_alike(self, db: Database) -> None:
        assert db.query("select pg_typeof(%s), pg_typeof(abs(%s)), 5 / %s", (1, 70000, 2)) == [
            ("smallint", "integer", 2)
        ]
        assert db.query("select 1 = any(%s), 'a' = any(%s)", ([1, 2], ["a"])) == [(True, True)]

    def test_column_names(self, db: Database) -> None:
        assert db.query_columns('select 1 as "A b", %s::text as c', ("x",)) == (("A b", "c"), [(1, "x")])
        assert db.query_columns("select 1 as a where false") == (("a",), [])
        assert db.query_columns("create table t ()") == ((), [])

    def test_row_counts(self, db: Database) -> None:
        assert db.execute("create table t (a int primary key)") == 0
        assert db.execute("insert into t select generate_series(1, %s)", (5,)) == 5
        assert db.execute("delete from t where a > 3") == 2
        assert db.query("create table u ()") == []
        assert db.query("select a from t order by a") == [(1,), (2,), (3,)]
        assert db.query("delete from t where a = 1 returning a") == [(1,)]

    def test_rows_are_copied_in(self, db: Database) -> None:
        db.execute("create temp table copied (id int, note text)")
        chunks = [b"1\ta\n2", b"\tb", b"\n", b"3\t\\N\n"]
        assert db.copy_in("copy copied from stdin", iter(chunks)) == 3
        with pytest.raises(ServerError) as caught, db.transaction():
            db.copy_in("copy copied from stdin", iter([b"x\tb\n"]))
        assert caught.value.sqlstate == "22P02"
        assert db.query("select id, note from copied order by id") == [(1, "a"), (2, "b"), (3, None)]

    def test_rows_are_copied_out(self, db: Database) -> None:
        text = b"".join(db.copy_out("copy (select 1, E'a\\tb' union all select 2, null order by 1) to stdout"))
        assert text == b"1\ta\\tb\n2\t\\N\n"
        assert b"".join(db.copy_out("copy (select 7) to stdout (format binary)")).startswith(b"PGCOPY\n")
        with pytest.raises(ServerError) as caught:
            list(db.copy_out("copy missing to stdout"))
        assert caught.value.sqlstate == "42P01"
        assert db.query("select 1") == [(1,)]

    def test_transactions(self, db: Database) -> None:
        db.execute("create table t (a int)")
        with pytest.raises(ZeroDivisionError), db.transaction():
            db.execute("insert into t values (1)")
            raise ZeroDivisionError
        with db.transaction():
            db.execute("insert into t values (2)")
            with pytest.raises(ServerError), db.transaction():
                db.execute("insert into t values (3)")
                db.query("select 1/0")
            with db.transaction():
                db.execute("insert into t values (4)")
        assert db.query("select a from t order by a") == [(2,), (4,)]

    def test_a_commit_that_fails_says_so(self, db: Database) -> None:
        db.execute("create table t (a int primary key, b int references t deferrable initially deferred)")
        with pytest.raises(ServerError) as caught, db.transaction():
            db.execute("insert into t values (1, 2)")
        assert caught.value.sqlstate == "23503"
        assert db.query("select count(*) from t") == [(0,)]

    def test_errors_carry_the_servers_parts(self, db: Database) -> None:
        with pytest.raises(ServerError) as caught:
            db.query("select nam from pg_class limit %s", (1,))
        assert caught.value.sqlstate == caught.value.as_parts().sqlstate == "42703"
        assert caught.value.position == 8
        with pytest.raises(ServerError) as caught:
            db.execute(
                "do $$ begin raise exception 'what' using detail = 'where', hint = 'next', errcode = 'PA001'; end $$"
            )
        error = caught.value
        assert (error.sqlstate, error.message, error.detail, error.hint) == ("PA001", "what", "where", "next")
        assert db.query("select 1") == [(1,)]

    def test_a_text_that_no_server_takes(self, db: Database) -> None:
        """One driver refuses it, the other one lets the server do so: it is the caller's mistake either way."""
        for value in ("a\0b", ["a", "\0"]):
            with pytest.raises(PostaiError) as caught:
                db.query("select %s::text[]" if isinstance(value, list) else "select %s::text", (value,))
            assert caught.value.sqlstate in {"PA000", "22021"}
        assert db.query("select 1") == [(1,)]

    def test_limits_end_statements_and_waits(self, database, driver: Driver) -> None:
        with connect(database.dsn(), driver=driver, statement_timeout_ms=200, lock_timeout_ms=100) as db:
            with pytest.raises(ServerError) as caught:
                db.query("select pg_sleep(20)")
            assert caught.value.sqlstate == "57014"
            db.execute("create table t ()")
            with connect(database.dsn()) as other, other.transaction():
                other.execute("lock table t")
                with pytest.raises(ServerError) as caught:
                    db.query("select * from t")
            assert caught.value.sqlstate == "55P03"

    def test_cancel_from_another_thread(self, db: Database) -> None:
        timer = threading.Timer(0.3, db.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(ServerError) as caught:
            db.query("select pg_sleep(20)")
        timer.join()
        assert caught.value.sqlstate == "57014"
        assert time.monotonic() - started < 10
        assert db.query("select 1") == [(1,)]

    def test_a_terminated_session_is_a_lost_connection(self, db: Database, database) -> None:
        database.execute(f"select pg_terminate_backend({db.backend_pid})")
        with pytest.raises(ConnectionLost) as caught:
            for _ in range(50):
                db.query("select pg_sleep(0.01)")
        assert caught.value.hint
        with pytest.raises(ConnectionLost):
            db.query("select 1")
        db.close()

    def test_loss_inside_a_transaction(self, db: Database, database) -> None:
        with pytest.raises(ConnectionLost), db.transaction():
            database.execute(f"select pg_terminate_backend({db.backend_pid})")
            for _ in range(50):
                db.query("select pg_sleep(0.01)")

    def test_closed(self, database, driver: Driver) -> None:
        db = connect(database.dsn(), driver=driver)
        db.close()
        db.close()
        with pytest.raises(ConnectionLost):
            db.query("select 1")

    def test_nul_is_refused(self, db: Database) -> None:
        with pytest.raises((UsageError, ServerError)):
            db.query("select 'a\0b'")
        with pytest.raises((UsageError, ServerError)):
            db.query("select %s::text", ("a\0b",))
        assert db.query("select 1") == [(1,)]

    def test_unix_socket(self, database, driver: Driver) -> None:
        dsn = database.dsn().replace("host=127.0.0.1", f"host={database.server.socket_directory}")
        with connect(dsn, driver=driver) as db:
            assert db.query("select inet_server_addr() is null") == [(True,)]

    def test_uri_and_second_host(self, database, driver: Driver) -> None:
        server = database.server
        uri = f"postgresql://postgres:{server.password()}@127.0.0.1:1,127.0.0.1:{server.port}/{database.name}"
        with connect(uri, driver=driver) as db:
            assert db.name == database.name

    def test_passfile_and_service(
        self, database, driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = database.server
        passfile = tmp_path / "passfile"
        passfile.write_text(f"127.0.0.1:*:*:postgres:{server.password()}\n")
        passfile.chmod(0o600)
        services = tmp_path / "services"
        services.write_text(f"[shop]\nhost=127.0.0.1\nport={server.port}\nuser=postgres\npassfile={passfile}\n")
        monkeypatch.setenv("PGSERVICEFILE", str(services))
        with connect(f"service=shop dbname={database.name}", driver=driver) as db:
            assert db.name == database.name
            assert server.password() not in repr(db)


class TestFailures:
    """Each way in which no session can be opened has its class, its hint, and tells no password."""

    PASSWORD = "hunter2-geheim"

    def fails(self, dsn: str, driver: Driver, kind: type[ConnectionFailed]) -> ConnectionFailed:
        with pytest.raises(ConnectionFailed) as caught:
            connect(dsn, driver=driver, connect_timeout=2).close()
        assert type(caught.value) is kind, shown(caught.value)
        assert caught.value.hint
        assert self.PASSWORD not in shown(caught.value)
        return caught.value

    def test_wrong_password(self, database, driver: Driver) -> None:
        self.fails(database.server.dsn(database.name, None, self.PASSWORD), driver, WrongPassword)

    def test_no_password(self, database, driver: Driver, tmp_path: Path) -> None:
        dsn = (
            f"host=127.0.0.1 port={database.server.port} dbname={database.name} user=postgres passfile={tmp_path}/none"
        )
        self.fails(dsn, driver, WrongPassword)

    def test_unknown_database(self, server: LocalServer, driver: Driver) -> None:
        error = self.fails(
            server.dsn("no such database").replace("no such database", "nosuch"), driver, UnknownDatabase
        )
        assert error.sqlstate == "3D000"

    def test_unreachable(self, driver: Driver) -> None:
        self.fails(f"host=127.0.0.1 port=1 user=ada password={self.PASSWORD}", driver, HostUnreachable)
        self.fails(f"host=nosuch.invalid user=ada password={self.PASSWORD}", driver, HostUnreachable)
        self.fails("host=/nowhere user=ada dbname=x", driver, HostUnreachable)

    def test_a_host_that_does_not_answer(self, driver: Driver) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} user=ada password={self.PASSWORD}"
            self.fails(dsn, driver, HostUnreachable)

    def test_something_else_answers(self, driver: Driver) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:

            def answer() -> None:
                while True:
                    try:
                        link, _ = other.accept()
                    except OSError:
                        return
                    with link:
                        link.recv(100)

            threading.Thread(target=answer, daemon=True).start()
            dsn = f"host=127.0.0.1 port={other.getsockname()[1]} user=ada dbname=x password={self.PASSWORD}"
            self.fails(dsn, driver, HostUnreachable)
            other.shutdown(socket.SHUT_RDWR)

    def test_role_may_not_log_in(self, database, driver: Driver) -> None:
        role = f"r_{database.name}"
        database.execute(f"create role {role} nologin password '{self.PASSWORD}'")
        try:
            self.fails(database.server.dsn(database.name, role, self.PASSWORD), driver, UnknownRole)
        finally:
            database.execute(f"drop role {role}")

    def test_role_without_a_free_slot(self, database, driver: Driver) -> None:
        role = f"r_{database.name}"
        database.execute(f"create role {role} login password '{self.PASSWORD}' connection limit 0")
        try:
            dsn = database.server.dsn(database.name, role, self.PASSWORD)
            assert self.fails(dsn, driver, TooManyConnections).sqlstate == "53300"
        finally:
            database.execute(f"drop role {role}")

    def test_malformed(self, driver: Driver) -> None:
        with pytest.raises(UsageError) as caught:
            connect(f"host=x {self.PASSWORD}", driver=driver)
        assert self.PASSWORD not in shown(caught.value)

    def test_a_secret_in_a_statement_is_not_repeated(self, database, driver: Driver) -> None:
        role = f"r_{database.name}"
        database.execute(f"create role {role} login password '{self.PASSWORD}'")
        try:
            with connect(database.server.dsn(database.name, role, self.PASSWORD), driver=driver) as db:
                for sql in (
                    f'select "{self.PASSWORD}"',
                    f"select 'a' '{self.PASSWORD}'::int",
                    f"select '{self.PASSWORD}'::int",
                ):
                    with pytest.raises(ServerError) as caught:
                        db.query(sql)
                    assert self.PASSWORD not in shown(caught.value)
        finally:
            database.execute(f"drop role {role}")


@pytest.fixture(scope="module")
def tls15(pg15: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """PostgreSQL 15 with TLS, a certificate for "localhost", and pg_hba entries for three roles."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "server.key", folder / "server.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key),
         "-out", str(certificate), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    hba = pg15.data / "pg_hba.conf"
    before = hba.read_text()
    for source in (key, certificate):
        target = pg15.data / source.name
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
        owner = pg15.data.stat()
        os.chown(target, owner.st_uid, owner.st_gid)
    hba.write_text(
        "hostssl all only_tls 127.0.0.1/32 scram-sha-256\nhostnossl all never_tls 127.0.0.1/32 scram-sha-256\n"
        "host all nobody 127.0.0.1/32 reject\nhostnossl all only_tls 127.0.0.1/32 reject\n"
        "hostssl all never_tls 127.0.0.1/32 reject\n" + before
    )
    admin = connect(pg15.dsn())
    for role in ("only_tls", "never_tls", "nobody"):
        admin.execute(f"create role {role} login password 'geheim'")
    admin.execute("alter system set ssl = on")
    admin.query("select pg_reload_conf()")
    deadline = time.monotonic() + 20
    while True:
        with connect(pg15.dsn()) as fresh:
            if fresh.query("show ssl") == [("on",)]:
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield {"port": str(pg15.port), "root": str(certificate)}
    hba.write_text(before)
    admin.execute("alter system reset ssl")
    admin.query("select pg_reload_conf()")
    for role in ("only_tls", "never_tls", "nobody"):
        admin.execute(f"drop role {role}")
    admin.close()


class TestTls:
    """TLS modes mean for pg8000 what they mean for libpq."""

    def dsn(self, tls15: dict[str, str], user: str, mode: str, host: str = "localhost", root: bool = True) -> str:
        text = f"host={host} port={tls15['port']} dbname=postgres user={user} password=geheim sslmode={mode}"
        return f"{text} sslrootcert={tls15['root']}" if root else text

    def encrypted(self, dsn: str, driver: Driver) -> bool:
        with connect(dsn, driver=driver) as db:
            return bool(db.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()")[0][0])

    @pytest.mark.parametrize(
        ("user", "mode", "expected"),
        [
            ("only_tls", "allow", True),
            ("only_tls", "prefer", True),
            ("only_tls", "require", True),
            ("only_tls", "verify-ca", True),
            ("only_tls", "verify-full", True),
            ("never_tls", "disable", False),
            ("never_tls", "allow", False),
            ("never_tls", "prefer", False),
        ],
    )
    def test_modes(self, tls15, driver: Driver, user: str, mode: str, expected: bool) -> None:
        assert self.encrypted(self.dsn(tls15, user, mode), driver) is expected

    @pytest.mark.parametrize(
        ("user", "mode", "host", "root", "kind"),
        [
            ("only_tls", "disable", "localhost", False, TlsRequired),
            ("never_tls", "require", "localhost", False, NoHbaEntry),
            ("nobody", "disable", "localhost", False, (NoHbaEntry, TlsRequired)),
            ("only_tls", "verify-full", "127.0.0.1", True, TlsFailed),
            ("only_tls", "verify-full", "localhost", False, TlsFailed),
        ],
    )
    def test_refusals(self, tls15, driver, user, mode, host, root, kind, monkeypatch, tmp_path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(ConnectionFailed) as caught:
            connect(self.dsn(tls15, user, mode, host, root), driver=driver).close()
        assert isinstance(caught.value, kind), shown(caught.value)
        assert caught.value.hint
        assert "geheim" not in shown(caught.value)

    def test_a_server_without_tls(self, pg18: LocalServer, driver: Driver) -> None:
        with pytest.raises(TlsFailed):
            connect(pg18.dsn() + " sslmode=require", driver=driver)
        with connect(pg18.dsn() + " sslmode=prefer", driver=driver) as db:
            assert db.query("select 1") == [(1,)]

    def test_cancel_over_tls(self, tls15, driver: Driver) -> None:
        with connect(self.dsn(tls15, "only_tls", "require"), driver=driver) as db:
            timer = threading.Timer(0.2, db.cancel)
            timer.start()
            with pytest.raises(ServerError) as caught:
                db.query("select pg_sleep(20)")
            timer.join()
        assert caught.value.sqlstate == "57014"


class Middleman:
    """A stand-in for a pooler: passes bytes on, refuses or drops `options`, and tells a backend key of its own."""

    def __init__(self, port: int, *, refuse_options: bool) -> None:
        self.target, self.refuse = port, refuse_options
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with client:
            startup = self.message(client)
            while startup[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # TLS or GSS asked for
                client.sendall(b"N")
                startup = self.message(client)
            fields = startup[8:].split(b"\0")
            pairs = dict(zip(fields[0:-2:2], fields[1:-2:2], strict=False))
            if b"options" in pairs and self.refuse:
                text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                client.sendall(b"E" + (len(text) + 4).to_bytes(4, "big") + text)
                return
            pairs.pop(b"options", None)
            body = startup[4:8] + b"".join(k + b"\0" + v + b"\0" for k, v in pairs.items()) + b"\0"
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall((len(body) + 4).to_bytes(4, "big") + body)
                back = threading.Thread(target=self.answers, args=(server, client), daemon=True)
                back.start()
                while data := client.recv(65536):
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
                back.join(5)

    def answers(self, server: socket.socket, client: socket.socket) -> None:
        stream = server.makefile("rb")
        while head := stream.read(5):
            body = stream.read(int.from_bytes(head[1:], "big") - 4)
            if head[:1] == b"K":
                body = (4711).to_bytes(4, "big") + body[4:]
            client.sendall(head + body)

    @staticmethod
    def message(link: socket.socket) -> bytes:
        head = link.recv(4, socket.MSG_WAITALL)
        return head + link.recv(int.from_bytes(head, "big") - 4, socket.MSG_WAITALL)


@pytest.mark.parametrize("refuse", [True, False])
def test_through_a_pooler_that_wants_no_options(pg15: LocalServer, driver: Driver, refuse: bool) -> None:
    pooler = Middleman(pg15.port, refuse_options=refuse)
    dsn = pg15.dsn().replace(f"port={pg15.port}", f"port={pooler.port}")
    with connect(dsn, driver=driver, statement_timeout_ms=1234, search_path=OWN_PATH) as db:
        assert db.query("show statement_timeout") == [("1234ms",)]
        assert db.query("show lock_timeout") == [("2s",)]
        assert db.query("show search_path") == [(OWN_PATH,)]
        assert detect_pooler(db)
    with Pool(dsn, statement_timeout_ms=1234) as pool:
        with pool.database() as db:
            assert db.query("show statement_timeout") == [("1234ms",)]
        with pool.database() as db:
            assert db.query("show statement_timeout") == [("1234ms",)]
    pooler.listener.shutdown(socket.SHUT_RDWR)
    pooler.listener.close()


def test_a_path_of_ones_own_is_not_the_databases_to_say(database, driver: Driver) -> None:
    database.execute(f'alter database "{database.name}" set search_path = public, pg_catalog')
    with connect(database.dsn(), driver=driver, search_path=OWN_PATH) as db:
        db.execute("set search_path = public")
        db.execute("reset all")
        assert db.query("show search_path") == [(OWN_PATH,)]
    with Pool(database.dsn(), max_size=1, search_path=OWN_PATH) as pool:
        with pool.database() as db:
            db.execute("set search_path = public")
        with pool.database() as db:
            assert db.query("show search_path") == [(OWN_PATH,)]


class TestPool:
    def test_sessions_are_given_back_clean(self, database) -> None:
        with Pool(database.dsn(), max_size=1, application_name="pooled") as pool:
            with pool.database() as db:
                first = db.backend_pid
                db.execute("set statement_timeout = 0")
                db.execute("set role pg_monitor")
                db.query("select pg_advisory_lock(7)")
                db.execute("create temporary table x ()")
            with pool.database() as db:
                assert db.backend_pid == first
                assert db.name == database.name
                assert db.query("select current_user::text, current_setting('statement_timeout')") == [
                    ("postgres", "30s")
                ]
                # Of this session alone: other tests hold locks of their own on the same server.
                held = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
                assert db.query(held) == [(0,)]
                assert db.query("select to_regclass('x') is null, current_setting('application_name')") == [
                    (True, "pooled")
                ]

    def test_bounded(self, database) -> None:
        with Pool(database.dsn(), max_size=1, timeout_seconds=0.2) as pool, pool.database():
            with pytest.raises(TooManyConnections) as caught, pool.database():
                pass
            assert "0.2 s" in caught.value.message

    def test_says_why_it_cannot_connect(self, database) -> None:
        dsn = database.server.dsn(database.name, None, "hunter2-geheim")
        with Pool(dsn, timeout_seconds=0.5) as pool:
            with pytest.raises(WrongPassword) as caught, pool.database():
                pass
            assert "hunter2" not in shown(caught.value) + repr(pool)

    def test_survives_lost_sessions(self, database) -> None:
        with Pool(database.dsn(), max_size=2) as pool:
            with pool.database() as db:
                pid = db.backend_pid
            database.execute(f"select pg_terminate_backend({pid}, 5000)")
            with pool.database() as db:
                assert db.query("select 1") == [(1,)]
            with pytest.raises(ConnectionLost), pool.database() as db:
                database.execute(f"select pg_terminate_backend({db.backend_pid}, 5000)")
                db.query("select 1")
            with pool.database() as db:
                assert db.query("select 1") == [(1,)]

    def test_an_unfinished_transaction_is_rolled_back(self, database) -> None:
        database.execute("create table t (a int)")
        with Pool(database.dsn(), max_size=1) as pool:
            with pool.database() as db:
                db.execute("begin")
                db.execute("insert into t values (1)")
            with pool.database() as db:
                assert db.query("select count(*) from t") == [(0,)]
