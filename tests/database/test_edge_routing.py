"""Where transactions go: reads to replicas that have what the session wrote, all else to the primary; rules."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from edge_cluster import HEALTH, PATIENCE, Cluster, cluster, until
from edge_support import Raw, RunningEdge, query

from postai.database import connect
from postai.edge import wire
from postai.edge.rules import Rule, Rules
from postai.setup.install import InstallOptions, install
from postai.setup.server import debian_binaries, embedded_binaries

SETUP = """
create schema shop; create schema crm;
create table shop.item (id int primary key, v int not null);
insert into shop.item select n, 0 from generate_series(1, 100) as n;
create table crm.person (id int primary key, name text);
insert into crm.person values (1, 'ada');
create view shop.who as select name from crm.person;
create table crm.visit (id int, at int) partition by range (id);
create table shop.visit_1 partition of crm.visit for values from (0) to (100);
create materialized view shop.copy as select * from crm.person;
create function shop.name_of(int) returns text language sql stable as 'select name from crm.person where id = $1';
"""


@pytest.fixture(scope="module", params=["15", "18"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    binaries = debian_binaries(15) if request.param == "15" else embedded_binaries()
    if binaries is None:
        pytest.skip("no server binaries")
    with cluster(binaries, tmp_path_factory.mktemp("cluster"), "b") as one:
        one.database.execute(SETUP, one.user)
        one.caught_up()
        yield one


def went(edge: RunningEdge) -> list[str]:
    """Where the last transaction of each session went."""

    def ask() -> list[str]:
        sessions: Any = edge.edge._sessions.values()
        return [session.route.node.name for session in sessions if session.route is not None]

    found: list[str] = edge.inside(ask)
    return found


def goes(edge: RunningEdge, connection: psycopg.Connection, sql: str, **more: Any) -> str:
    """Where a statement goes, once everything about it is known, and the replica has what the session wrote."""
    nodes: Any = edge.edge.nodes
    connection.execute(sql, **more)
    until(lambda: edge.inside(lambda: not nodes._judge._asking))
    (session,) = edge.inside(lambda: list(edge.edge._sessions.values()))
    until(lambda: all(seen.fresh > session.last_write for seen in edge.inside(lambda: nodes._health.view.readers)))
    connection.execute(sql, **more)
    (name,) = went(edge)
    return name


def test_reads_go_to_the_replica_and_all_else_to_the_primary(servers: Cluster) -> None:
    with servers.edge() as edge, servers.connect(edge) as connection:
        assert goes(edge, connection, "select v from shop.item where id = 1") == "b"
        assert goes(edge, connection, "select v from shop.item where id = %s", params=(1,), prepare=True) == "b"
        assert goes(edge, connection, "values (1)") == "b"
        for sql in (
            "select v from shop.item where id = 1 for update",
            "select shop.name_of(1)",
            "select nextval('pg_catalog.pg_class'::regclass) where false",
            "show transaction_read_only",
            "select pg_is_in_recovery()",
            "begin; select 1; commit",
            "select count(*) from pg_stat_activity",
        ):
            try:
                assert goes(edge, connection, sql) == "a", sql
            except psycopg.Error:
                assert went(edge) == ["a"], sql
        with connection.transaction():
            assert connection.execute("select v from shop.item where id = 1").fetchone() == (0,)
            assert went(edge) == ["a"]
        connection.execute("begin read only")
        assert connection.execute("select v from shop.item where id = 1").fetchone() == (0,)
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("update shop.item set v = 1")
        connection.execute("rollback")


def test_a_session_reads_what_it_wrote(servers: Cluster) -> None:
    with servers.edge() as edge, servers.connect(edge) as writer, servers.connect(edge) as other:
        goes_to = {"a": 0, "b": 0}
        read = "select v from shop.item where id = 7"
        for _ in range(3):
            writer.execute(read)
        servers.on("b", "select pg_wal_replay_pause()")
        try:
            writer.execute("update shop.item set v = 5 where id = 7")
            for _ in range(30):
                assert writer.execute(read).fetchone() == (5,)
            # Another session may see the past, but not for longer than the bound.
            until(lambda: other.execute(read).fetchone() == (5,), 3.0)
            for name in went(edge):
                goes_to[name] += 1
            assert goes_to["b"] == 0
        finally:
            servers.on("b", "select pg_wal_replay_resume()")
        until(lambda: writer.execute(read) and went(edge)[0] == "b")
        assert writer.execute(read).fetchone() == (5,)
        writer.execute("update shop.item set v = 0 where id = 7")


def test_pipelined_writes_are_not_sent_to_a_replica(servers: Cluster) -> None:
    with servers.edge() as edge, servers.connect(edge) as connection:
        read = "select v from shop.item where id = 8"
        assert goes(edge, connection, read) == "b"
        for number in range(20):
            with connection.pipeline() as pipeline:
                first = connection.execute(read)
                pipeline.sync()
                connection.execute("update shop.item set v = %s where id = 8", (number,))
                pipeline.sync()
                last = connection.execute(read)
            assert first.fetchone() is not None
            assert last.fetchone() == (number,)


def test_a_comment_asks_where_a_statement_goes(servers: Cluster) -> None:
    with servers.edge() as edge, servers.connect(edge) as connection:
        told: list[str] = []
        connection.add_notice_handler(lambda diagnostic: told.append(str(diagnostic.message_primary)))
        connection.execute("/* postai.route */ insert into shop.item values (1, 0) on conflict do nothing")
        assert told[0] == "it may write\nno rule keeps the data in a region"
        assert goes(edge, connection, "/* postai.route */ select v from shop.item where id = 1") == "b"
        assert told[-1].splitlines()[0] == "a read: the nearest replica"
        connection.execute("select v from shop.item where id = 1")
        assert len(told) == 3
        shown = [row[0] for row in connection.execute("show postai.route").fetchall()]
        assert shown[0] == "b: a read: the nearest replica"
        assert any(line.startswith("b (replica, eu, ") for line in shown)
        names = [row[0] for row in connection.execute("show postai.routes").fetchall()]
        assert names == ["a", "b"]


def test_who_may_not_see_what_others_do_is_told_of_no_server(servers: Cluster) -> None:
    """A server that cannot be reached, and the ways to ask where a statement goes."""
    servers.on("a", f"revoke pg_monitor from {servers.user}")
    servers.caught_up()
    try:
        with servers.edge() as edge, servers.connect(edge) as connection:
            assert goes(edge, connection, "select v from shop.item where id = 1") == "b"
            rows = connection.execute("show postai.route").fetchall()
            assert rows == [("a read: the nearest replica",), ("no rule keeps the data in a region",)]
            assert connection.execute("show postai.routes").fetchall() == []
    finally:
        servers.on("a", f"grant pg_monitor to {servers.user}")
        servers.caught_up()


@pytest.fixture
def locked(servers: Cluster) -> Iterator[psycopg.Connection]:
    """shop.item cannot be read on any server until this transaction is over."""
    primary = servers.servers["a"]
    with psycopg.connect(primary.dsn("shop")) as holder:
        holder.execute("lock table shop.item in access exclusive mode")
        servers.on("a", "select pg_logical_emit_message(true, 'lock', '')")  # takes the lock's record to the disk, too
        seen = "select count(*) from pg_locks where relation = 'shop.item'::regclass and mode = 'AccessExclusiveLock'"
        until(lambda: servers.on("b", seen) == [(1,)])
        yield holder


@pytest.mark.parametrize("behind", [wire.message(b"H"), wire.message(b"H") + wire.message(b"X")])
def test_what_needs_no_server_gets_none(servers: Cluster, request: pytest.FixtureRequest, behind: bytes) -> None:
    """A Flush, as drivers send it when they fetch in a pipeline, behind a read of a replica that runs still."""
    read = wire.message(b"Q", b"select v from shop.item where id = 9\0")
    with servers.edge() as edge, Raw(edge.port) as raw:
        pools: Any = edge.edge.pools
        raw.log_in(wire.VERSION_3_0, servers.user, servers.user, "shop")

        def goes_to_replica() -> bool:
            raw.socket.sendall(read)
            raw.until(b"Z")
            return went(edge) == ["b"]

        until(goes_to_replica)
        holder = request.getfixturevalue("locked")
        raw.socket.sendall(read)
        until(lambda: edge.inside(lambda: len(pools.borrowed)) == 1)
        raw.socket.sendall(behind)
        (session,) = edge.inside(lambda: list(edge.edge._sessions.values()))
        until(lambda: session._stuck)
        holder.commit()
        assert raw.until(b"Z")[-1] == (b"Z", b"I")
        until(lambda: not edge.inside(lambda: pools.borrowed))
        if behind.endswith(b"X\0\0\0\4"):
            assert raw.rest() == b""
        else:
            assert goes_to_replica()


def held_by_replica(edge: RunningEdge, raw: Raw, servers: Cluster, request: pytest.FixtureRequest) -> Any:
    """A read of shop.item that a replica is busy with until what is returned commits; the session's next is stuck."""
    raw.log_in(wire.VERSION_3_0, servers.user, servers.user, "shop")

    def goes_to_replica() -> bool:
        raw.socket.sendall(query("select v from shop.item where id = 9"))
        raw.until(b"Z")
        return went(edge) == ["b"]

    until(goes_to_replica)
    holder = request.getfixturevalue("locked")
    raw.socket.sendall(query("select v from shop.item where id = 9"))
    until(lambda: edge.inside(lambda: len(edge.edge.pools.borrowed)) == 1)  # type: ignore[union-attr]
    return holder


def test_who_goes_amid_a_batch_for_another_server_is_gone(servers: Cluster, request: pytest.FixtureRequest) -> None:
    with servers.edge() as edge, Raw(edge.port) as raw:
        holder = held_by_replica(edge, raw, servers, request)
        (session,) = edge.inside(lambda: list(edge.edge._sessions.values()))
        raw.socket.sendall(wire.message(b"P", b"\0update shop.item set v = 1 where id = 10\0\0\0"))
        until(lambda: session._stuck)
        raw.socket.shutdown(socket.SHUT_WR)
        until(lambda: session.link.ended)
        holder.commit()
        assert raw.until(b"Z")[-1] == (b"Z", b"I")
        assert raw.rest() == b""
        until(lambda: not edge.inside(lambda: list(edge.edge._sessions.values())))


def test_who_says_no_more_gets_the_answers_of_both_servers(servers: Cluster, request: pytest.FixtureRequest) -> None:
    """A server, too, answers what came before the end of the stream."""
    with servers.edge() as edge, Raw(edge.port) as raw:
        holder = held_by_replica(edge, raw, servers, request)
        (session,) = edge.inside(lambda: list(edge.edge._sessions.values()))
        raw.socket.sendall(query("update shop.item set v = 7 where id = 11 returning v"))
        until(lambda: session._stuck)
        raw.socket.shutdown(socket.SHUT_WR)
        until(lambda: session.link.ended)
        holder.commit()
        assert [kind for kind, _ in raw.until(b"Z")] == [b"T", b"D", b"C", b"Z"]
        assert [kind for kind, _ in raw.until(b"Z")] == [b"T", b"D", b"C", b"Z"]
        assert raw.rest() == b""
        assert servers.on("a", "select v from shop.item where id = 11") == [(7,)]
        until(lambda: not edge.inside(lambda: list(edge.edge._sessions.values())))
        pools: Any = edge.edge.pools
        still = edge.inside(lambda: [(one.node, one.open, one.used) for one in pools.figures()])
        assert ("b", 1, 0) in still, "the connection is another client's next"


def test_a_flush_behind_a_read_breaks_no_rule(servers: Cluster, request: pytest.FixtureRequest) -> None:
    read = wire.message(b"Q", b"select v from shop.item where id = 9\0")
    with servers.edge() as edge, Raw(edge.port) as raw:
        nodes: Any = edge.edge.nodes
        raw.log_in(wire.VERSION_3_0, servers.user, servers.user, "shop")
        rules = Rules([Rule("american", schema="crm", regions=frozenset({"us"}))], "1")
        edge.inside(lambda: nodes._new_rules(rules))
        raw.socket.sendall(read)
        raw.until(b"Z")
        holder = request.getfixturevalue("locked")
        raw.socket.sendall(read)
        (session,) = edge.inside(lambda: list(edge.edge._sessions.values()))
        until(lambda: session.backend is not None)
        raw.socket.sendall(wire.message(b"H"))
        until(lambda: session._stuck)
        holder.commit()
        raw.until(b"Z")
        raw.socket.sendall(read)
        assert [kind for kind, _ in raw.until(b"Z")] == [b"T", b"D", b"C", b"Z"]


def test_what_only_the_primary_knows_waits_until_it_is_seen(servers: Cluster) -> None:
    """A statement right after DDL, where rules need to know what it reads, while the primary does not answer."""
    with servers.edge() as edge, servers.connect(edge) as connection, ThreadPoolExecutor(1) as threads:
        nodes: Any = edge.edge.nodes
        rules = Rules([Rule("american", schema="crm", regions=frozenset({"us"}))], "1")
        edge.inside(lambda: nodes._new_rules(rules))
        servers.caught_up()
        servers.on("b", "select pg_wal_replay_pause()")
        try:
            servers.on("a", "create or replace view shop.late as select 1 as a")
            servers.on("a", f"grant select on shop.late to {servers.user}")
            servers.on("a", f"alter role {HEALTH} nologin")
            servers.on("a", f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{HEALTH}'")
            until(lambda: edge.inside(lambda: nodes._health.view.writer is None))
            answer = threads.submit(connection.execute, "select * from shop.late")
            # The replica does not know the view, which proves nothing.
            until(lambda: edge.inside(lambda: [one for one in nodes._judge._known.values() if one.away]))
            servers.on("b", "select pg_wal_replay_resume()")
            servers.caught_up()
            servers.on("a", f"alter role {HEALTH} login")
            assert answer.result(PATIENCE).fetchone() == (1,)
        finally:
            servers.on("a", f"alter role {HEALTH} login")
            servers.on("b", "select pg_wal_replay_resume()")


def test_rules_are_followed_at_once(servers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.edge.server.home.INTERVAL", 0.05)
    servers.on("a", "create database home", "postgres")
    with connect(servers.servers["a"].dsn("home"), statement_timeout_ms=120_000) as db:
        install(db, InstallOptions(transport="call"))
    servers.on("a", f"grant postai_reader to {servers.user}", "home")
    passfile = servers._place / "passfile"
    home = f"host=127.0.0.1 port={servers.servers['a'].port} dbname=home user={servers.user} passfile={passfile}"
    with servers.edge(home=home, regions={"b": "us"}) as edge, servers.connect(edge) as connection:
        item, person = "select v from shop.item where id = 1", "select name from crm.person"

        def rule(text: str) -> None:
            servers.on("a", f"select postai.{text}", "home")
            generation = servers.on("a", "select generation from postai._read_edge_rules('')", "home")[0][0]
            until(lambda: edge.inside(lambda: edge.edge.nodes._rules.generation) == generation)  # type: ignore[union-attr]

        assert goes(edge, connection, item) == "a"  # the replica is elsewhere
        rule("edge_rule('far', relation => 'shop.item', route => 'replica')")
        assert goes(edge, connection, item) == "b"
        assert goes(edge, connection, person) == "a"
        assert goes(edge, connection, item) == "b"
        assert ("rule far: route replica",) in connection.execute("show postai.route").fetchall()
        rule("edge_rule('here', query => 'select v from shop.item where id = 2', route => 'primary')")
        assert goes(edge, connection, item) == "a"
        rule("forget_edge_rule('here')")
        # Data of schema crm may not be read in eu, by no way.
        rule("edge_rule('american', relation => 'crm.*', regions => '{us}')")
        assert goes(edge, connection, item) == "b"
        for sql in (person, "select * from shop.who", "select * from crm.visit", "select * from shop.visit_1",
                    "select * from shop.copy"):  # fmt: skip
            assert goes(edge, connection, sql) == "b", sql
        assert goes(edge, connection, "select name from crm.person where id = %s", params=(1,), prepare=True) == "b"
        for sql in (
            "select shop.name_of(1)", "insert into crm.person values (2, 'x')", "begin", "select 1 from nowhere",
            "select name from crm.person for share", "prepare p as select * from crm.person", "show server_version",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="leave its region"):
                connection.execute(sql)  # type: ignore[arg-type]
        # Nor behind a read of something else that is not answered yet, nor in another encoding.
        with connection.pipeline() as pipeline:
            connection.execute("select v from shop.item where id = 3")
            pipeline.sync()
            tagged = connection.execute(person)
            pipeline.sync()
            assert tagged.fetchone() == ("ada",)
        with (
            servers.connect(edge, client_encoding="LATIN1") as latin,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            latin.execute(item)
        # A view that reads other tables from now on.
        servers.on("a", "create or replace view shop.thing as select 1 as a")
        servers.on("a", f"grant select on shop.thing to {servers.user}")
        servers.caught_up()
        assert goes(edge, connection, "select * from shop.thing") in "ab"
        rule("edge_rule('american', relation => 'crm.*', regions => '{asia}')")
        for sql in (person, "select * from shop.who", "select * from crm.visit", "select * from shop.visit_1",
                    "select * from shop.copy"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="leave its region"):
                connection.execute(sql)  # type: ignore[arg-type]
        assert goes(edge, connection, item) == "b"
        rule("forget_edge_rule('american')")
        assert goes(edge, connection, "insert into crm.person values (2, 'x') on conflict do nothing") == "a"


def test_a_cache_table_is_read_on_the_primary(servers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.edge.server.home.INTERVAL", 0.05)
    servers.on("a", "create database tables", "postgres")
    with connect(servers.servers["a"].dsn("tables"), statement_timeout_ms=120_000) as db:
        install(db, InstallOptions(transport="call"))
    servers.on("a", f"grant postai_reader to {servers.user}", "tables")
    # As postai.cache makes it, as far as an edge can see: replicas have no rows of unlogged tables.
    servers.on("a", "create schema postai_cache; create unlogged table postai_cache.kept (n bigint)")
    servers.on("a", "insert into postai_cache.kept values (42)")
    servers.on("a", "create view postai_cache.items as select n from postai_cache.kept")
    servers.on("a", f"grant usage on schema postai_cache to {servers.user}")
    servers.on("a", f"grant select on postai_cache.items to {servers.user}")
    home = f"host=127.0.0.1 port={servers.servers['a'].port} dbname=tables user={servers.user}"
    count = "select count(*) as n from shop.item"
    with servers.edge(home=f"{home} passfile={servers._place / 'passfile'}") as edge, servers.connect(edge) as one:
        assert goes(edge, one, count) == "b"
        servers.on("a", f"select postai.edge_rule('items', query => '{count}', cache_table => 'items')", "tables")
        until(lambda: one.execute(count).fetchone() == (42,))
        assert went(edge) == ["a"]
        until(lambda: one.execute(count).fetchone() == (42,) and "in its place" in shown(one))
        assert one.execute("select count(*) from shop.item").fetchone() == (100,)
        servers.on("a", "select postai.forget_edge_rule('items')", "tables")
        until(lambda: one.execute(count).fetchone() == (100,) and went(edge) == ["b"])


def shown(connection: psycopg.Connection) -> str:
    try:
        return str(connection.execute("show postai.route", prepare=False).fetchall())
    except psycopg.errors.UndefinedObject:  # the session has its server for a moment longer
        return ""
