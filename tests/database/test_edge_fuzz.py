"""Clients that break off at any byte, or say garbage, beside one that works: nothing is left and nothing leaks."""

import contextlib
import random
import socket
import struct
import threading
import time

import psycopg
import pytest
from edge_support import Raw, RunningEdge, pooling, running

from conftest import TestDatabase, superuser
from postai.edge import wire

MARK = "what only the other client may see"
RESET = struct.pack("ii", 1, 0)
FIRST = wire.startup_packet(wire.VERSION_3_0, {"user": "postgres", "database": "postgres"}) + wire.sasl_initial(
    "SCRAM-SHA-256", b"n,,n=,r=abcdefghijkl"
)
LATER = b"".join(
    (
        wire.message(b"P", b"s\0select $1::int\0\0\0"), wire.message(b"B", b"\0s\0\0\0\0\1\0\0\0\0017\0\0"),
        wire.message(b"E", b"\0\0\0\0\0"), wire.message(b"S"), wire.message(b"Q", b"copy pg_temp.t from stdin\0"),
        wire.message(b"d", b"one\n"), wire.message(b"c"), wire.message(b"X"),
    )
)  # fmt: skip


class Victim(threading.Thread):
    """A client that asks all the time, and is always answered rightly."""

    def __init__(self, edge: RunningEdge, database: TestDatabase) -> None:
        super().__init__()
        self._edge, self._database = edge, database
        self._over = threading.Event()
        self.asked = 0
        self.well = False

    def run(self) -> None:
        with self._edge.connect(self._database) as one:
            while not self._over.wait(0.01):
                n = random.randrange(1000)
                assert one.execute("select %s::text, %s::int", (MARK, n)).fetchone() == (MARK, n)
                self.asked += 1
        self.well = True

    def close(self) -> None:
        self._over.set()
        self.join(20)


def broken_off(raw: Raw, chance: random.Random) -> None:
    """End a client in one of the ways in which clients end; it has seen nothing of another one's."""
    if chance.random() < 0.3:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif chance.random() < 0.5:
        with contextlib.suppress(OSError):  # the other side was quicker
            raw.socket.shutdown(socket.SHUT_WR)
        assert MARK.encode() not in raw.rest()
    raw.socket.close()


def attack(database: TestDatabase, step: int, rounds: int, *, pooled: bool = False) -> None:
    chance, server = random.Random(7), database.server
    # Of a pool nothing stays open but what the victim leaves, which ends with the edge.
    one = pooling(server, pool_size=3) if pooled else running(server)
    with one as edge, superuser(server) as watcher, contextlib.closing(Victim(edge, database)) as victim:
        victim.start()
        for cut in range(0, len(FIRST), step):
            broken_off(Raw(edge.port, FIRST[:cut]), chance)
        for cut in range(0, len(LATER), step):
            raw = logged_in(edge, database)
            raw.socket.sendall(LATER[:cut])
            broken_off(raw, chance)
        for _ in range(rounds):
            data = bytearray(FIRST if chance.random() < 0.5 else LATER)
            raw = Raw(edge.port) if data.startswith(FIRST) else logged_in(edge, database)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with contextlib.suppress(OSError):  # the server may have ended the session meanwhile
                raw.socket.sendall(bytes(data))
                raw.socket.shutdown(socket.SHUT_WR)
            broken_off(raw, chance)
        victim.close()
        assert victim.asked and victim.well
        gone(edge, watcher, database, pooled=pooled)


def gone(edge: RunningEdge, watcher: psycopg.Connection, database: TestDatabase, *, pooled: bool) -> None:
    """Wait until no client is left, in the edge and on the server, where a pool's connections may be idle."""
    mine = f"select pid, state, query from pg_stat_activity where datname = '{database.name}'"
    mine += " and backend_type = 'client backend'" + (" and state <> 'idle'" if pooled else "")
    end = time.monotonic() + 20
    while True:
        left = (
            edge.inside(lambda: list(map(str, edge.edge._sessions.values()))),
            edge.inside(lambda: list(map(str, edge.edge._logins))),
            edge.inside(lambda: list(map(str, edge.edge.pools.borrowed))) if edge.edge.pools else [],
            watcher.execute(mine).fetchall(),  # type: ignore[call-overload]
        )
        if not any(left):
            return
        assert time.monotonic() < end, left
        time.sleep(0.05)


def logged_in(edge: RunningEdge, database: TestDatabase) -> Raw:
    raw = Raw(edge.port)
    raw.log_in(wire.VERSION_3_0, "postgres", database.server.password(), database.name)
    return raw


def test_broken_clients_leave_nothing(database15: TestDatabase) -> None:
    attack(database15, step=17, rounds=20)


def test_broken_clients_of_a_pool_leave_nothing(database15: TestDatabase) -> None:
    attack(database15, step=17, rounds=20, pooled=True)


SLOW = "select pg_sleep(0.3)"
BY_NAME = wire.message(b"P", b"s\0" + SLOW.encode() + b"\0\0\0") + wire.message(b"B", b"\0s\0\0\0\0\0\0\0")
WHOLE = {
    "query": wire.message(b"Q", SLOW.encode() + b"\0"),
    "statement": BY_NAME + wire.message(b"E", b"\0\0\0\0\0") + wire.message(b"S"),
    "begin": wire.message(b"Q", b"begin; " + SLOW.encode() + b"\0"),
    "more": wire.message(b"Q", SLOW.encode() + b"\0") + b"Q\0\0",
}


@pytest.mark.parametrize("said", sorted(WHOLE))
@pytest.mark.parametrize("half", [True, False])
def test_a_client_that_goes_before_the_answer_leaves_nothing(database15: TestDatabase, said: str, half: bool) -> None:
    """It ends between messages, and all that it said is answered: nothing else tells that it is gone."""
    with pooling(database15.server, pool_size=2) as edge, superuser(database15.server) as watcher:
        with logged_in(edge, database15) as raw:
            raw.socket.sendall(WHOLE[said])
            if half:  # it says nothing more, and reads on
                raw.socket.shutdown(socket.SHUT_WR)
                assert b"SELECT 1" in raw.rest()
        gone(edge, watcher, database15, pooled=True)


@pytest.mark.soak
@pytest.mark.parametrize("pooled", [False, True])
def test_broken_clients_leave_nothing_at_any_byte(database: TestDatabase, pooled: bool) -> None:
    attack(database, step=1, rounds=20_000 if pooled else 3000, pooled=pooled)
