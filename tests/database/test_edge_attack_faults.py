"""What was found when the edge was attacked: messages without a bound, servers without room, untold changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from edge_caches import caching, simple
from edge_support import Raw, pooling

from conftest import TestDatabase, superuser
from postai.edge import wire
from postai.setup.server import LocalServer

SYNC = wire.message(b"S")
ITEM = "create table item (id int primary key, name text); insert into item values (7, 'near')"
NAME = "select name from item where id = 7"
EVERYTHING = "create publication postai_edge for all tables"


@pytest.fixture
def role(server: LocalServer) -> Iterator[str]:
    name = f"fault_{uuid4().hex[:8]}"
    with superuser(server) as connection:
        connection.execute(f"create role {name} login password '{name}'")
        yield name
        connection.execute(f"drop role {name}")


def answer(client: psycopg.Connection, text: str) -> object:
    """What a client gets, or the SQLSTATE of its error."""
    try:
        return simple(client, text)
    except psycopg.Error as error:
        return error.sqlstate


def parse(name: bytes, text: bytes) -> bytes:
    return wire.message(b"P", name + b"\0" + text + b"\0\0\0")


def execute(name: bytes = b"") -> bytes:
    """Bind and Execute of a statement without parameters."""
    return wire.message(b"B", b"\0" + name + b"\0\0\0\0\0\0\0") + wire.message(b"E", b"\0\0\0\0\0")


def log_in(port: int, database: TestDatabase) -> Raw:
    client = Raw(port)
    client.log_in(wire.VERSION_3_0, "postgres", database.server.password(), database.name)
    return client


# Changes that nobody tells.


def test_a_change_of_owners_that_no_event_trigger_sees_is_noticed(database: TestDatabase, role: str) -> None:
    setup = f"{ITEM}; alter table item owner to {role}; {EVERYTHING}"
    with caching(database, setup) as edge, edge.connect(role) as client:
        edge.hit(lambda: simple(client, NAME))
        database.execute(f"reassign owned by {role} to postgres")
        edge.becomes(lambda: answer(client, NAME), "42501", 3)


def test_definitions_that_are_changed_while_event_triggers_are_off_are_noticed(
    database18: TestDatabase, pg18: LocalServer
) -> None:
    setup = f"{ITEM}; create view shown as select name from item; {EVERYTHING}"
    with caching(database18, setup) as edge, edge.connect() as client:
        edge.hit(lambda: simple(client, "select * from shown"))
        database18.execute(
            "set event_triggers = off; create or replace view shown as select 'other' || name as name from item"
        )
        edge.becomes(lambda: simple(client, "select * from shown"), [("othernear",)], 15)


def test_edges_go_on_to_share_answers_after_the_servers_configuration_was_reloaded(database: TestDatabase) -> None:
    with caching(database, f"{ITEM}; {EVERYTHING}") as one, caching(database, "", triggers=False) as other:
        watches = [next(iter(edge.edge.edge._caches.databases.values())).watch for edge in (one, other)]
        flushed = [edge.figures.flushed for edge in (one, other)]
        for edge in (one, other):
            with edge.connect() as client:
                edge.hit(lambda edge=edge, client=client: simple(client, NAME))
        database.execute("select pg_reload_conf()")
        for edge, before in zip((one, other), flushed, strict=True):
            edge.until(lambda figures, before=before: figures.flushed > before)
        one.becomes(lambda: len({watch.rights for watch in watches}), 1)


# Messages without a bound.


def test_an_error_of_any_length_is_an_error(server: LocalServer, database: TestDatabase) -> None:
    with pooling(server, pool_size=1) as edge:
        with log_in(edge.port, database) as one:
            long = parse(b"", b"select repeat('x', n)::int from generate_series(100000, 100000) as n") + execute()
            one.socket.sendall(long + parse(b"skipped", b"select 1") + execute(b"skipped") + SYNC)
            assert [kind for kind, _ in one.until(b"Z")] == [b"1", b"2", b"E", b"Z"]
            one.socket.sendall(execute(b"skipped") + SYNC)
            assert b"C26000\0" in one.until(b"E")[-1][1]
            one.until(b"Z")
        with log_in(edge.port, database) as other:
            other.socket.sendall(parse(b"own", b"select 1") + execute(b"own") + SYNC)
            assert [kind for kind, _ in other.until(b"Z")] == [b"1", b"2", b"D", b"C", b"Z"]


@pytest.mark.parametrize("prepare", [False, True])
def test_a_statement_of_any_length_is_prepared(server: LocalServer, database: TestDatabase, prepare: bool) -> None:
    long = f"select %s::int /* {'x' * 3_000_000} */"
    with pooling(server, pool_size=2) as edge, edge.connect(database) as client:
        for number in range(3):
            assert client.execute(long, (number,), prepare=prepare).fetchone() == (number,)
        assert client.execute("select 1").fetchone() == (1,)
        with client.pipeline():
            answers = [client.execute(long, (number,), prepare=prepare) for number in range(3)]
            answers += [client.execute("select %s::int", (4,))]
        assert [one.fetchone() for one in answers] == [(0,), (1,), (2,), (4,)]
        with pytest.raises(psycopg.errors.SyntaxError):
            client.execute(f"nonsense {long}", (1,), prepare=prepare)
        client.execute("deallocate all")
        assert client.execute(long, (5,), prepare=prepare).fetchone() == (5,)
        with edge.connect(database) as other:
            assert other.execute("select 2").fetchone() == (2,)


def test_a_long_statement_with_a_name_may_be_closed_and_named_again(
    server: LocalServer, database: TestDatabase
) -> None:
    with pooling(server, pool_size=1) as edge, log_in(edge.port, database) as one:
        for text in (b"select 1", b"select 2"):
            long = text + b" /*" + b"x" * 2_000_000 + b"*/"
            one.socket.sendall(parse(b"own", long) + SYNC + execute(b"own") + SYNC)
            found = one.until(b"Z") + one.until(b"Z")
            assert [kind for kind, _ in found] == [b"1", b"Z", b"2", b"D", b"C", b"Z"]
            assert found[3][1][-1:] == text[-1:]
            one.socket.sendall(parse(b"own", long) + SYNC)
            assert b"C42P05\0" in one.until(b"E")[-1][1]
            one.until(b"Z")
            one.socket.sendall(wire.message(b"C", b"Sown\0") + SYNC + execute(b"own") + SYNC)
            assert [kind for kind, _ in one.until(b"Z") + one.until(b"Z")] == [b"3", b"Z", b"E", b"Z"]


def test_as_many_parameters_as_there_may_be(server: LocalServer, database: TestDatabase) -> None:
    places = ", ".join(["(%s::int)"] * 65535)
    with caching(database, f"{ITEM}; {EVERYTHING}") as edge, edge.connect() as client:
        for _ in range(3):
            found = client.execute(f"select count(*) from (values {places}) as v", range(65535)).fetchone()
            assert found == (65535,)


# Servers without room.


def test_a_limit_of_a_role_is_no_end_of_its_clients(server: LocalServer, database: TestDatabase, role: str) -> None:
    with pooling(server, pool_size=5) as edge, superuser(server) as admin, contextlib.ExitStack() as stack:
        admin.execute(f"alter role {role} connection limit 2")
        clients = [stack.enter_context(edge.connect(database, role)) for _ in range(4)]
        for one in clients[:2]:
            one.execute("begin; select 1")
        got: list[object] = []
        waiting = threading.Thread(target=lambda: got.append(clients[2].execute("select 3").fetchone()))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        clients[0].execute("commit")
        waiting.join(20)
        assert got == [(3,)]
        assert clients[3].execute("select 4").fetchone() == (4,)
        clients[1].execute("commit")


def test_connections_that_nobody_uses_make_room_for_others(
    server: LocalServer, database: TestDatabase, role: str
) -> None:
    with pooling(server) as edge, superuser(server) as admin:
        admin.execute(f"alter role {role} connection limit 3")
        for number in range(8):
            with edge.connect(database, role, application_name=f"n{number}") as client:
                assert client.execute("select 1").fetchone() == (1,)
