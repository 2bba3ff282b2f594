"""What a session has written it reads, whatever the edge was asking about an earlier transaction meanwhile."""

from __future__ import annotations

import threading
import time
from typing import cast

import psycopg
import pytest
from edge_caches import ASKING, LATE, CachingEdge, caching, make_slow, simple
from edge_support import Raw, query
from psycopg.conninfo import conninfo_to_dict

from conftest import TestDatabase
from postai.edge import wire
from postai.edge.server.answers import Answers
from postai.edge.server.pooled import PooledSession

SETUP = """
create table own (id int primary key, v int not null);
insert into own select n, 0 from generate_series(1, 30) as n;
create publication postai_edge for all tables;
"""
READ = "select v from own where id = 1"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    make_slow(monkeypatch)


def _kept(edge: CachingEdge, reader: psycopg.Connection) -> int:
    """The version that is answered from memory."""
    return cast(list[tuple[int]], edge.hit(lambda: simple(reader, READ)))[0][0]


def test_a_write_right_behind_something_unknown(database: TestDatabase, slow: None) -> None:
    with caching(database, SETUP, max_staleness=5) as edge, edge.connect() as writer, edge.connect() as reader:
        for number in range(3):
            version = _kept(edge, reader)
            simple(writer, f"select {number}, 'nothing is known of this'")
            # Its answer is here, while the edge asks up to where this session's writes may lie.
            writer.execute(f"update own set v = {version + 1} from pg_sleep({3 * LATE}) where id = 1")
            assert simple(writer, READ) == [(version + 1,)]
            edge.becomes(lambda: simple(reader, READ), [(version + 1,)])


def test_a_position_is_asked_for_once_a_write(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = list[bool](), Answers._ask_position

    def counted(self: Answers, session: PooledSession, *, pipelined: bool) -> None:
        asked.append(pipelined)
        ask(self, session, pipelined=pipelined)

    with caching(database, SETUP) as edge, edge.connect() as writer:
        write = "update own set v = %s where id = 3"
        for prepare in (False, True):
            for number in range(6):  # it is looked into meanwhile, and psycopg has prepared it
                writer.execute(write, (number,), prepare=prepare)
                time.sleep(0.05)
            with monkeypatch.context() as patched:
                patched.setattr(Answers, "_ask_position", counted)
                for number in range(5):
                    writer.execute(write, (number,), prepare=prepare)
        assert len(asked) == 10


def test_a_transaction_right_behind_a_write_that_waits_for_a_server(database: TestDatabase, slow: None) -> None:
    """The position is asked for right behind a write that is known as one, but not amid what the client said since."""
    touch = query("update own set v = v + 1 where id = 2")
    with (
        caching(database, SETUP, max_staleness=5, pool_size=1) as edge,
        edge.connect() as reader,
        edge.connect() as other,
        Raw(edge.edge.port) as raw,
    ):
        login = conninfo_to_dict(edge.edge.dsn(database))
        raw.log_in(wire.VERSION_3_0, str(login["user"]), str(login["password"]), database.name)
        for text in (touch, query("begin"), query("commit")) * 4:  # they are likely to come again, and looked at
            raw.socket.sendall(text)
            raw.until(b"Z")
        version = _kept(edge, reader)
        busy = threading.Thread(target=other.execute, args=("select pg_sleep(0.5)",))
        busy.start()
        time.sleep(0.2)
        raw.socket.sendall(touch)
        time.sleep(0.1)
        raw.socket.sendall(query("begin") + query("update own set v = v + 1 where id = 1"))
        for _ in range(3):
            raw.until(b"Z")
        busy.join()
        time.sleep(ASKING + 3 * LATE)  # the stream has passed whatever was asked meanwhile
        raw.socket.sendall(query("commit"))
        raw.until(b"Z")
        raw.socket.sendall(query(READ))
        (row,) = (body for kind, body in raw.until(b"Z") if kind == b"D")
        assert row.endswith(str(version + 1).encode())
