"""What clients of a pool with a cache could do to each other, and what they would do to themselves."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple
from edge_support import Raw, RunningEdge, pooling, query_line, server_line

from conftest import TestDatabase, superuser
from postai.edge import wire
from postai.edge.server.scopes import NEVER
from postai.setup.server import LocalServer

SYNC, FLUSH = wire.message(b"S"), wire.message(b"H")


def execution(text: str) -> bytes:
    """Parse, Bind and Execute of a statement without parameters."""
    return (
        wire.message(b"P", b"\0" + text.encode() + b"\0\0\0")
        + wire.message(b"B", b"\0\0\0\0\0\0\0\0")
        + wire.message(b"E", b"\0\0\0\0\0")
    )


def log_in(port: int, database: TestDatabase) -> Raw:
    client = Raw(port)
    client.log_in(wire.VERSION_3_0, "postgres", database.server.password(), database.name)
    return client


def test_a_batch_without_its_sync_is_nobody_elses(server: LocalServer, database: TestDatabase) -> None:
    database.execute("create table t (a int primary key)")
    with (
        pooling(server, pool_size=1, pool_wait_timeout=0.5) as edge,
        log_in(edge.port, database) as one,
        edge.connect(database) as watch,
    ):
        one.socket.sendall(execution("insert into t values (1)") + FLUSH)
        assert [kind for kind, _ in one.until(b"C")] == [b"1", b"2", b"C"]
        with log_in(edge.port, database) as other:
            other.socket.sendall(wire.message(b"Q", b"select count(*) from t\0"))
            assert b"C57014\0" in other.until(b"E")[-1][1]
        one.socket.sendall(execution("insert into t values (1)") + SYNC)
        assert [kind for kind, _ in one.until(b"Z")] == [b"1", b"2", b"E", b"Z"]
        assert watch.execute("select count(*) from t").fetchone() == (0,)


@pytest.fixture
def role(server: LocalServer) -> Iterator[str]:
    name = f"attack_{uuid4().hex[:8]}"
    with superuser(server) as connection:
        connection.execute(f"create role {name} login password '{name}'")
        yield name
        connection.execute(f"drop role {name}")


def distrust(edge: RunningEdge) -> None:
    """As if every identity had been judged by a server long ago."""

    def forget() -> None:
        assert edge.edge.pools is not None
        for scope in edge.edge.pools.scopes.values():
            scope.judged = NEVER

    edge.inside(forget)


def test_who_may_not_log_in_any_more_does_not_get_in_by_a_pool(
    server: LocalServer, database: TestDatabase, role: str
) -> None:
    with pooling(server) as edge, edge.connect(database, role) as kept, superuser(server) as admin:
        kept.execute("select 1")
        admin.execute(f"alter role {role} valid until '2020-01-01'")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            edge.connect(database, role)
        admin.execute(f"alter role {role} valid until 'infinity'")
        edge.connect(database, role).close()
        admin.execute(f'revoke connect on database "{database.name}" from public')
        distrust(edge)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            edge.connect(database, role)


def test_clients_are_told_the_settings_of_now(server: LocalServer, database: TestDatabase, role: str) -> None:
    with pooling(server) as edge, edge.connect(database, role) as kept, superuser(server) as admin:
        kept.execute("select 1")
        admin.execute(f"alter role {role} set timezone = 'Asia/Tokyo'")
        distrust(edge)
        with edge.connect(database, role) as client:
            assert client.info.parameter_status("TimeZone") == "Asia/Tokyo"
            for one in (client, kept):
                assert one.execute("show timezone").fetchone() == ("Asia/Tokyo",)


ITEM = "create table item (id int primary key, name text); insert into item values (7, 'near')"
NAME = "select name from item where id = 7"


def test_a_database_of_the_same_name_on_another_server_is_not_cached(
    pg15: LocalServer, pg18: LocalServer, database15: TestDatabase, tmp_path: Path
) -> None:
    far, user = TestDatabase(pg18, database15.name), f"attack_{uuid4().hex[:8]}"
    users = tmp_path / "users"
    users.write_text(f'"{user}" "{user}"\n')
    users.chmod(0o600)
    databases = [
        {"name": "near", "dbname": far.name, "cache": True},
        {"name": "far", "dbname": far.name, "server": server_line(pg18)},
    ]
    with superuser(pg15) as here, superuser(pg18) as there:
        for one in (here, there):
            one.execute(f"create role {user} superuser login password '{user}'")
        there.execute(f'create database "{far.name}"')
        for database in (database15, far):
            database.execute(ITEM)
        try:
            database15.execute("create publication postai_edge for all tables")
            more = {"auth_dsn": None, "auth_file": users, "database": databases, "cache_dsn": query_line(pg15)}
            with pooling(pg15, **more) as running:
                edge = CachingEdge(running, database15)
                edge.until(lambda figures: figures.state == "on")
                line = f"host=127.0.0.1 port={edge.edge.port} user={user} password={user} dbname="
                with (
                    psycopg.connect(f"{line}near", autocommit=True) as near,
                    psycopg.connect(f"{line}far", autocommit=True) as other,
                ):
                    edge.hit(lambda: simple(near, NAME))
                    edge.never_hits(lambda: simple(other, NAME))
        finally:
            there.execute(f'drop database "{far.name}" with (force)')
            for one in (here, there):
                one.execute(f"drop role {user}")


PARTITIONS = """
create table half (id int primary key) partition by list (id);
create table half_1 partition of half for values in (1);
create table half_2 partition of half for values in (2);
insert into half values (1), (2);
create publication postai_edge for all tables;
"""


def test_a_partition_that_waits_to_be_detached_is_out_of_sight(database: TestDatabase) -> None:
    text = "select count(*) from half"
    with (
        caching(database, PARTITIONS) as edge,
        edge.connect() as client,
        database.connect() as old,
        database.connect() as owner,
        database.connect() as fresh,
    ):
        edge.hit(lambda: simple(client, text))
        with old.transaction():
            old.execute("select * from half").fetchall()
            thread = threading.Thread(target=_detach, args=(owner,))
            thread.start()
            try:
                edge.becomes(lambda: fresh.execute(text).fetchall(), [(1,)])
                edge.becomes(lambda: simple(client, text), [(1,)], 5)
            finally:
                owner.cancel_safe()
                thread.join()


def _detach(owner: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.errors.QueryCanceled):
        owner.execute("alter table half detach partition half_2 concurrently")


def test_event_triggers_that_are_switched_off_are_missed_soon(database: TestDatabase) -> None:
    setup = f"{ITEM}; create view shown as select name from item; create publication postai_edge for all tables"
    with caching(database, setup) as edge, edge.connect() as client:
        edge.hit(lambda: simple(client, "select * from shown"))
        database.execute("alter event trigger postai_edge_ddl disable")
        edge.until(lambda figures: figures.entries == 0)
        edge.hit(lambda: simple(client, "select * from shown"))
        database.execute("create or replace view shown as select 'other' || name as name from item")
        edge.becomes(lambda: simple(client, "select * from shown"), [("othernear",)], 10)


def test_a_setting_that_came_and_went_at_once_leaves_no_connection_behind(database: TestDatabase, role: str) -> None:
    setup = f"{ITEM}; grant select on item to public; create publication postai_edge for all tables"
    with caching(database, setup) as edge, edge.connect(role) as client, superuser(database.server) as admin:
        edge.hit(lambda: simple(client, NAME))
        flushed = edge.figures.flushed
        with admin.transaction():
            admin.execute(f"alter role {role} set search_path = elsewhere")
            admin.execute(f"alter role {role} reset search_path")
            admin.execute("select pg_stat_force_next_flush()")  # a session that goes on idling counts after 10 s
        edge.until(lambda figures: figures.flushed > flushed)


def test_tables_that_a_search_path_makes_temporary_are_nobody_elses(
    server: LocalServer, database: TestDatabase, role: str
) -> None:
    with pooling(server, pool_size=2) as edge, superuser(server) as admin:
        for options in ("'-c search_path=pg_temp,public'", r"'-c search_path=nowhere,PG\\_te\\mp'", "''"):
            if options == "''":
                admin.execute(f"alter role {role} set search_path = pg_temp")
            with edge.connect(database, role, options=options) as one:
                one.execute("create table item (a int)")
                assert one.execute("select count(*) from item").fetchone() == (0,)
                one.execute("discard all")
                one.execute("create table item (a int)")
                with (
                    edge.connect(database, role, options=options) as other,
                    pytest.raises(psycopg.errors.UndefinedTable),
                ):
                    other.execute("select * from item")
            with edge.connect(database, role, options=options) as after, pytest.raises(psycopg.errors.UndefinedTable):
                after.execute("select * from item")
