"""Questions on a hot standby: refused with the way out where jobs are written, answered over the socket."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from sql_core import make_login, put_in
from sql_peer import SocketPeer

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer, as_os_user, free_port


@pytest.fixture
def standby(pg15: LocalServer) -> Iterator[LocalServer]:
    """A replica of the server as it is now; it is not kept up."""
    replica = LocalServer(pg15.binaries, pg15.root.parent / "standby", free_port(), pg15.os_user)
    own = as_os_user(pg15.os_user)
    command = [str(pg15.binaries.bin / "pg_basebackup"), "-R", "-c", "fast", "-D", str(replica.data), "-d", pg15.dsn()]
    subprocess.run(["mkdir", "-p", str(replica.root)], check=True)
    replica.root.chmod(0o777)
    subprocess.run(command, check=True, cwd="/", **own)
    settings = f"unix_socket_directories = '{replica.root}'\nport = {replica.port}\n"
    with (replica.data / "postgresql.conf").open("a") as file:
        file.write(settings)
    (replica.root / "superuser").write_text(pg15.password())
    replica.start()
    yield replica
    replica.stop("immediate")


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
