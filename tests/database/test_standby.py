"""Questions on a hot standby: refused with the way out where jobs are written, answered over the socket."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sql_core import make_login, put_in
from sql_peer import SocketPeer
from standby_support import replica_of

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer


@pytest.fixture
def standby(pg15: LocalServer) -> Iterator[LocalServer]:
    """A replica of the server as it is now."""
    with replica_of(pg15) as replica:
        yield replica


def test_questions_on_a_standby(pg15: LocalServer, request: pytest.FixtureRequest) -> None:
    socket = pg15.root / "standby.sock"
    ways = {way: make_database(pg15) for way in ("socket", "dblink", "call")}
    for way, database in ways.items():
        put_in(database, way, socket)  # type: ignore[arg-type]
        make_login(database, "asker", "postai_user")
    replica: LocalServer = request.getfixturevalue("standby")
    for way, database in ways.items():
        there = TestDatabase(replica, database.name)
        with there.connect("asker") as connection:
            assert connection.execute("select reachable from postai.agent()").fetchone() == (False,)
            for statement in ("select postai.ask('sql: select 1 as a')", "call postai.run('sql: select 1')"):
                with pytest.raises(psycopg.Error) as caught:
                    connection.execute(statement)  # type: ignore[arg-type]
                assert caught.value.sqlstate == ("PA002" if way == "socket" else "PA007"), statement
                assert caught.value.diag.message_hint
            if way == "socket":
                with SocketPeer(socket):
                    row = connection.execute("select postai.ask('explain: select 1 as a')").fetchone()
                    assert row == ({"a": 1},)
            else:
                assert "Ask on the primary" in (caught.value.diag.message_hint or "")
    replica.stop("immediate")
    for database in ways.values():
        drop_database(database)
