"""Two servers take writes, and answers are cached: none is kept, or given, of the one that is not the primary.

What is written to the one has a minus sign, what is written to the other one has none, so that every answer tells where
it comes from.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from edge_caches import simple
from edge_cluster import Cluster, cluster, until
from edge_support import RunningEdge

from postai.edge.server.cached import CacheFigures
from postai.setup.server import debian_binaries
from postai.stream.missing import event_triggers

ROWS = 20
SETUP = f"""
create table item (id int primary key, v int not null);
insert into item select n, 0 from generate_series(1, {ROWS}) as n;
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Cluster]:
    """A primary and a replica, each of which could be followed."""
    found = debian_binaries(15)
    if found is None:
        pytest.skip("no server binaries")
    with cluster(found, tmp_path, "b") as one:
        for name, server in one.servers.items():
            one.on(name, "alter system set wal_level = logical")
            server.stop("fast")
            server.start()
        one.database.execute(SETUP, one.user)
        one.database.execute("create publication postai_edge for all tables")
        one.database.execute(event_triggers())
        one.caught_up()
        yield one


@contextmanager
def caching(servers: Cluster) -> Iterator[RunningEdge]:
    """An edge whose stream may come from either, and that has answers of "a" in memory."""
    a, b = servers.servers["a"], servers.servers["b"]
    passfile = a.root / "passfile"
    passfile.write_text(f"*:*:*:*:{a.password()}\n")
    passfile.chmod(0o600)
    hosts = f"host=127.0.0.1,127.0.0.1 port={a.port},{b.port} sslmode=disable"
    dsn = f"{hosts} dbname=postgres user={a.superuser} passfile={passfile}"
    wanted = {"database": [{"name": "shop", "cache": True}], "cache_dsn": dsn, "max_staleness": 1.0}
    with servers.edge(**wanted) as edge, closing(servers.connect(edge)) as client:
        until(lambda: read_all(client) and figures(edge).entries == ROWS)
        yield edge


def read(client: psycopg.Connection, id: int) -> int:
    ((value,),) = simple(client, f"select v from item where id = {id}")
    assert isinstance(value, int)
    return value


def read_all(client: psycopg.Connection) -> list[int]:
    return [read(client, id) for id in range(1, ROWS + 1)]


def figures(edge: RunningEdge) -> CacheFigures:
    caches = edge.edge._caches
    assert caches is not None
    found: CacheFigures = edge.inside(lambda: next(iter(caches.figures())))
    return found


def kept(edge: RunningEdge) -> list[bytes]:
    """The answers in memory, as clients would be sent them."""
    caches: Any = edge.edge._caches
    return edge.inside(  # type: ignore[no-any-return]
        lambda: [entry.reply for answers in caches._answers.values() for entry in answers.kept]
    )


def primary(edge: RunningEdge) -> str | None:
    view: Any = edge.inside(lambda: edge.edge.nodes._health.view)  # type: ignore[union-attr]
    return view.writer.node.name if view.writer else None


class Writer(threading.Thread):
    """Writes to a server itself, all the time."""

    def __init__(self, servers: Cluster, name: str, sign: str) -> None:
        super().__init__()
        server = servers.servers[name]
        self._dsn, self._sign = f"{server.dsn('shop', server.superuser)} password={server.password()}", sign
        self.stop = threading.Event()
        self.rounds = 0

    def run(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self.stop.wait(0.01):
                self.rounds += 1
                id, value = self.rounds % ROWS + 1, f"{self._sign}{self.rounds + 1}"
                connection.execute(f"update item set v = {value} where id = {id}")  # type: ignore[arg-type]

    def __enter__(self) -> Writer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.join()


def test_the_old_primary_lives_and_is_written_to(servers: Cluster) -> None:
    with caching(servers) as edge, ExitStack() as stack:
        clients = [stack.enter_context(closing(servers.connect(edge))) for _ in range(4)]
        for client in clients:
            read_all(client)
        servers.on("b", "select pg_promote()")
        until(lambda: primary(edge) == "b")
        servers.on("a", "update item set v = -1")
        servers.on("b", "update item set v = 1")
        stack.enter_context(Writer(servers, "a", "-"))
        there = stack.enter_context(Writer(servers, "b", ""))
        hits, rounds = figures(edge).hits, there.rounds
        # It goes on until answers of the new one were kept, given, and made old again many times.
        while figures(edge).hits < hits + 2000 or there.rounds < rounds + 200:
            for client in clients:
                found = read_all(client)
                assert min(found) >= 0, found
            assert not [reply for reply in kept(edge) if b"-" in reply]
        assert figures(edge).invalidated > 0


def test_nobody_knows_which_one_is_right(servers: Cluster) -> None:
    """Both are on one timeline: no answer is given, from memory neither, and none is kept."""
    b = servers.servers["b"]
    with caching(servers) as edge, closing(servers.connect(edge)) as client:
        read_all(client)
        b.stop("immediate")
        (b.data / "standby.signal").unlink()
        b.start()
        until(lambda: primary(edge) is None)
        stored = figures(edge).stored
        with Writer(servers, "a", "-") as writer, Writer(servers, "b", ""):
            # Longer than anything that is tried again takes: the stream, and what warms the memory.
            while writer.rounds < 300:
                with pytest.raises(psycopg.errors.CannotConnectNow):
                    read_all(client)
                assert kept(edge) == [] and figures(edge).stored == stored
        b.stop("immediate")
        until(lambda: primary(edge) == "a")
        hits = figures(edge).hits
        until(lambda: max(read_all(client)) < 0 and figures(edge).hits > hits)
