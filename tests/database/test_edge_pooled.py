"""The edge's pool before real servers: clients share server connections, and notice nothing of it."""

from collections.abc import Iterator

import psycopg
import pytest
from edge_support import RunningEdge, pooling

from conftest import TestDatabase
from postai.setup.server import LocalServer


@pytest.fixture
def edge(server: LocalServer) -> Iterator[RunningEdge]:
    with pooling(server, pool_size=1) as one:
        yield one


def test_two_clients_share_one_server(edge: RunningEdge, database: TestDatabase) -> None:
    with edge.connect(database) as one, edge.connect(database) as other:
        pids = [client.execute("select pg_backend_pid()").fetchone() for client in (one, other, one)]
        assert len(set(pids)) == 1
        assert one.info.backend_pid != other.info.backend_pid
        one.execute("create table t (a int primary key)")
        for number in range(5):
            for client in (one, other):
                row = client.execute("select %s::int + 1", (number,), prepare=True).fetchone()
                assert row == (number + 1,)
        with one.transaction():
            one.execute("insert into t values (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute("insert into t values (1)")
        assert other.execute("select a from t").fetchall() == [(1,)]
