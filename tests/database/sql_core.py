"""Databases with the SQL core and a peer, one for each transport, for the tests of the SQL functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sql_peer import JobPeer, SocketPeer

from conftest import TestDatabase, put_postai
from postai.database.connection import connect
from postai.setup.install import InstallOptions, InstallReport, install
from postai.setup.transport import Transport


@dataclass(frozen=True)
class Core:
    """A database with postai in it, a running peer, and two logins: `reader` may ask, `stranger` may nothing."""

    database: TestDatabase
    transport: Transport
    peer: SocketPeer | JobPeer

    def connect(self, user: str | None = None) -> psycopg.Connection:
        return self.database.connect(user)


def put_in(
    database: TestDatabase, transport: Transport, socket: Path | None = None, user: str | None = None
) -> InstallReport:
    with connect(database.dsn(user), statement_timeout_ms=120_000) as session:
        return install(session, InstallOptions(transport=transport, socket_path=socket))


def make_login(database: TestDatabase, name: str, *roles: str) -> None:
    """A login with that password; it may outlive the test, as the server does not."""
    with database.connect() as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
            connection.execute(f"create role {name} login password '{name}'")
        for role in roles:
            connection.execute(f"grant {role} to {name}")


@contextmanager
def core(database: TestDatabase, transport: Transport) -> Iterator[Core]:
    put_postai(database)
    socket = database.server.root / f"{database.name}.sock"
    put_in(database, transport, socket)
    make_login(database, "asker", "postai_user")
    make_login(database, "stranger")
    database.execute(
        "create table public.fruit (id int primary key, name text, price numeric);"
        "insert into public.fruit values (1, 'apple', 1.50), (2, 'pear', null), (3, 'plum', 0.25);"
        "create table public.secret (word text); insert into public.secret values ('xyzzy');"
        "grant select on public.fruit to asker, stranger"
    )
    with SocketPeer(socket) if transport == "socket" else JobPeer(database.dsn()) as peer:
        yield Core(database, transport, peer)
