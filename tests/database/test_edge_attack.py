"""What clients of a pool with a cache could do to each other, and what they would do to themselves."""

from __future__ import annotations

from edge_support import Raw, pooling

from conftest import TestDatabase
from postai.edge import wire
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
