"""Answers are kept of that server only whose changes the stream tells of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from edge_caches import LATE, make_slow, simple
from edge_cluster import Cluster, cluster, until
from edge_support import Raw, RunningEdge, pooling, query, query_line

from postai.edge import wire
from postai.edge.rules import Rule, Rules
from postai.setup.server import debian_binaries
from postai.stream.missing import event_triggers

READ = "select v from item where id = 1"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = debian_binaries(15)
    if found is None:
        pytest.skip("no server binaries")
    with cluster(found, tmp_path_factory.mktemp("edge"), "b") as one:
        one.on("a", "alter system set wal_level = logical")
        one.servers["a"].stop("fast")
        one.servers["a"].start()
        one.database.execute(
            "create table item (id int primary key, v int not null); insert into item values (1, 0)", one.user
        )
        one.database.execute("create publication postai_edge for all tables")
        one.database.execute(event_triggers())
        one.caught_up()
        yield one


def line(server: Any) -> str:
    """Connection string of a superuser."""
    passfile = server.root / "passfile"
    passfile.write_text(f"*:*:*:*:{server.password()}\n")
    passfile.chmod(0o600)
    return f"{query_line(server)} passfile={passfile}"


def caching_state(edge: RunningEdge) -> Any:
    caches = edge.edge._caches
    assert caches is not None
    return edge.inside(lambda: next(iter(caches.figures())))


def read_often(client: psycopg.Connection, times: int = 30) -> list[Any]:
    return [simple(client, READ)[0][0] for _ in range(times)]


def test_a_host_that_is_another_server_fills_nothing(servers: Cluster) -> None:
    """Of the hosts of `server` a replica answers first."""
    a, b = servers.servers["a"], servers.servers["b"]
    hosts = f"host=127.0.0.1,127.0.0.1 port={b.port},{a.port} sslmode=disable"
    wanted = {"server": hosts, "database": [{"name": "shop", "cache": True}], "cache_dsn": line(a), "auth_dsn": line(a)}
    with pooling(a, **wanted) as edge, closing(servers.connect(edge)) as client:
        until(lambda: caching_state(edge).state == "on")
        until(lambda: read_often(client) and caching_state(edge).cacheable == 1)
        read_often(client)
        servers.on("b", "select pg_wal_replay_pause()")
        servers.on("a", "update item set v = 1")
        read_often(client)
        assert caching_state(edge).hits == 0, caching_state(edge)
        servers.on("b", "select pg_wal_replay_resume()")
        servers.caught_up()


def test_a_refused_write_leaves_no_question_for_the_next_transaction(
    servers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to where a session has written is asked when its transaction is over, not amid it."""
    make_slow(monkeypatch)
    a = servers.servers["a"]
    wanted = {"database": [{"name": "shop", "cache": True}], "cache_dsn": line(a), "max_staleness": 10.0}
    with (
        servers.edge(**wanted) as edge,
        closing(servers.connect(edge)) as reader,
        Raw(edge.port) as raw,
        Raw(edge.port) as other,
    ):
        for client in (raw, other):
            client.log_in(wire.VERSION_3_0, servers.user, servers.user, "shop")
        nodes: Any = edge.edge.nodes

        def say(text: str, client: Raw = raw) -> list[tuple[bytes, bytes]]:
            client.socket.sendall(query(text))
            return client.until(b"Z")

        touch = "update item set v = v + 1 where id = 2"
        until(lambda: caching_state(edge).state == "on")
        until(lambda: read_often(reader) and caching_state(edge).hits > 0)
        ((version,),) = simple(reader, READ)
        rule = Rule("asian", schema="public", relation="item", regions=frozenset({"asia"}))
        edge.inside(lambda: nodes._new_rules(Rules([rule], "1")))
        for _ in range(20):  # what statements are is looked into anew, as rules have changed
            refused = say(touch)
            assert [kind for kind, _ in refused] == [b"E", b"Z"] and b"leave its region" in refused[0][1]
            time.sleep(0.02)
        edge.inside(lambda: nodes._new_rules(Rules([], "2")))
        until(lambda: read_often(reader) and caching_state(edge).state == "on")
        for text in ("begin", "commit") * 4:
            say(text, other)
            time.sleep(0.02)
        say("begin; update item set v = v + 1 where id = 1")
        time.sleep(3 * LATE)  # the stream has passed whatever was asked meanwhile
        say("commit")
        (row,) = (body for kind, body in say(READ) if kind == b"D")
        assert row.endswith(str(version + 1).encode())


def test_a_primary_that_was_replaced_and_lives_on(servers: Cluster) -> None:
    """The stream comes from the old primary still, the answers of the new one."""
    a = servers.servers["a"]
    wanted = {"database": [{"name": "shop", "cache": True}], "cache_dsn": line(a), "max_staleness": 1.0}
    with servers.edge(**wanted) as edge, closing(servers.connect(edge)) as client:
        until(lambda: caching_state(edge).state == "on")
        until(lambda: read_often(client) and caching_state(edge).hits > 0)
        servers.on("b", "select pg_promote()")
        until(lambda: edge.inside(lambda: edge.edge.nodes._health.view.writer.node.name) == "b")  # type: ignore[union-attr]
        with closing(servers.connect(edge)) as other:
            servers.on("b", "update item set v = 1")
            until(lambda: simple(other, READ) == [(1,)])
            read_often(other)
            servers.on("b", "update item set v = 2")
            until(lambda: simple(other, READ) == [(2,)], 5)
