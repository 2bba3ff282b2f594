"""What the edge says of itself to clients: SHOW postai.<table>."""

from collections.abc import Iterator

import psycopg
import pytest
from edge_support import RunningEdge, pooling
from psycopg.rows import dict_row

from conftest import TestDatabase
from postai.setup.server import LocalServer


@pytest.fixture
def edge(server: LocalServer) -> Iterator[RunningEdge]:
    with pooling(server) as one:
        yield one


def test_clients_and_pools_are_shown_to_who_may_see_them(edge: RunningEdge, database: TestDatabase) -> None:
    name = f"ops_{database.name}"
    database.execute(f"create role {name} login password '{name}'")
    try:
        with edge.connect(database, application_name="all") as one, edge.connect(database, name) as other:
            everybody = psycopg.Cursor(one, row_factory=dict_row).execute("SHOW postai.clients").fetchall()
            assert sorted((row["application"], row["tls"]) for row in everybody) == [("", "f"), ("all", "f")]
            assert {row["pid"] for row in everybody} == {str(c.info.backend_pid) for c in (one, other)}
            own = psycopg.ClientCursor(other, row_factory=dict_row).execute(" show PostAI.clients ;").fetchall()
            assert [row["user"] for row in own] == [name]
            with pytest.raises(psycopg.errors.UndefinedObject), one.transaction():
                one.execute("select 1")
                one.execute("show postai.clients")  # a client in a transaction has a server, which is asked
            one.execute("listen news")
            with pytest.raises(psycopg.errors.UndefinedObject):
                one.execute("show postai.clients")
            shown = psycopg.Cursor(other, row_factory=dict_row).execute("show postai.pools", binary=True).fetchall()
            assert [row["open"] for row in shown if row["user"] == name] == ["1"]
            route = other.execute("show postai.route").fetchall()
            assert route == [(f"127.0.0.1:{database.server.port}: the only server",)]
            for wrong in ("show postai.nothing", "show postai.clients x", "show all; show postai.clients"):
                with pytest.raises((psycopg.errors.UndefinedObject, psycopg.errors.SyntaxError)):
                    other.execute(psycopg.sql.SQL(wrong))  # type: ignore[arg-type]
            assert other.execute("select %s", ("show postai.clients",)).fetchone() == ("show postai.clients",)
    finally:
        database.execute(f"drop role {name}")
