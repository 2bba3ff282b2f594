"""Many at once: clients that come together, passwords that are wrong, logins that hardly go on. Others are served."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from edge_support import RunningEdge, certificate, pooling

from conftest import TestDatabase, superuser
from postai.edge import wire

USER = "edge_storm"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303")
"""How a ClientHello begins."""
FIRST = wire.startup_packet(wire.VERSION_3_0, {"user": USER, "database": "postgres"})
SSL_REQUEST = (8).to_bytes(4, "big") + wire.SSL_REQUEST.to_bytes(4, "big")


@pytest.fixture
def edge(request: pytest.FixtureRequest, database15: TestDatabase, tmp_path: Path) -> Iterator[RunningEdge]:
    """With TLS, and room for many; the parameter is the time for a login."""
    files = certificate(tmp_path)
    with superuser(database15.server) as one:
        one.execute(f"create role {USER} login password '{USER}'")
    try:
        with pooling(
            database15.server, ssl_cert_file=files[0], ssl_key_file=files[1], max_connections=3000,
            authentication_timeout=getattr(request, "param", 60), pool_size=5,
        ) as one:  # fmt: skip
            yield one
    finally:
        with superuser(database15.server) as one:
            one.execute(f"drop role {USER}")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


class Served(threading.Thread):
    """A client that works all the time, and others that come and go meanwhile; all are answered."""

    def __init__(self, edge: RunningEdge, database: TestDatabase) -> None:
        super().__init__()
        self._edge, self._database = edge, database
        self._over = threading.Event()
        self.served = 0
        self.well = False

    def run(self) -> None:
        with self._edge.connect(self._database, sslmode="require") as one:
            while not self._over.wait(0.01):
                assert one.execute("select 1").fetchone() == (1,)
                with self._edge.connect(self._database, sslmode="require") as other:
                    assert other.execute("select 2").fetchone() == (2,)
                self.served += 1
        self.well = True

    def __enter__(self) -> Served:
        self.start()
        until(lambda: self.served > 0)
        return self

    def __exit__(self, *_: object) -> None:
        before = self.served
        until(lambda: self.served > before or not self.is_alive())
        self._over.set()
        self.join()
        assert self.well


def nothing_left(edge: RunningEdge) -> None:
    until(lambda: edge.inside(lambda: edge.edge.sessions == 0 and not edge.edge._logins))


def storm(edge: RunningEdge, database: TestDatabase, clients: int, rounds: int) -> None:
    """All come at the same moment."""
    gate = threading.Barrier(clients)

    def come(number: int) -> int:
        gate.wait(60)
        with edge.connect(database, sslmode="require") as one:
            return int(one.execute("select %s::int", (number,)).fetchone()[0])

    with ThreadPoolExecutor(clients) as threads:
        for _ in range(rounds):
            assert list(threads.map(come, range(clients))) == list(range(clients))
    nothing_left(edge)


def flood(edge: RunningEdge, database: TestDatabase, threads: int, tries: int) -> None:
    """Wrong passwords, of a user that is there and of one that is not; who knows the right one is served."""

    def guess(number: int) -> str:
        user = USER if number % 2 else "edge_nobody"
        with pytest.raises(psycopg.OperationalError) as raised:
            psycopg.connect(
                host="127.0.0.1", port=edge.port, user=user, password=str(number), dbname=database.name,
                sslmode="require",
            )  # fmt: skip
        return str(raised.value).replace(user, "user")

    with Served(edge, database), ThreadPoolExecutor(threads) as pool:
        told = set(pool.map(guess, range(tries)))
    assert all('password authentication failed for user "user"' in one for one in told), told
    nothing_left(edge)


def crawl(edge: RunningEdge, database: TestDatabase, count: int, seconds: float) -> None:
    """Connections that send a byte now and then: each is ended when its time is over, and nobody waits for it."""
    begins = (FIRST, SSL_REQUEST, SSL_REQUEST + TLS_HELLO, TLS_HELLO, b"")
    with Served(edge, database):
        crawling: list[tuple[socket.socket, Iterator[int]]] = []
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", edge.port), 10)
            one.setblocking(False)
            crawling.append((one, iter(begins[number % len(begins)])))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for one, rest in crawling:
                with contextlib.suppress(OSError):
                    one.send(bytes([next(rest, 0)]))
            time.sleep(0.5)
        until(lambda: all(ended(one) for one, _ in crawling))
        for one, _ in crawling:
            one.close()
    nothing_left(edge)


def ended(one: socket.socket) -> bool:
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_all_who_come_together_are_served(edge: RunningEdge, database15: TestDatabase) -> None:
    storm(edge, database15, 30, 1)


def test_wrong_passwords_hold_nobody_up(edge: RunningEdge, database15: TestDatabase) -> None:
    flood(edge, database15, 4, 20)


@pytest.mark.soak
def test_storms(edge: RunningEdge, database15: TestDatabase) -> None:
    storm(edge, database15, 300, 5)
    flood(edge, database15, 20, 3000)


@pytest.mark.soak
@pytest.mark.parametrize("edge", [2], indirect=True)
def test_crawling_logins_hold_nobody_up(edge: RunningEdge, database15: TestDatabase) -> None:
    crawl(edge, database15, 2000, 10)


@pytest.mark.soak
def test_more_crawling_logins_than_there_is_room_for(database15: TestDatabase) -> None:
    """The one that is not done for the longest time has to go when another one comes."""
    with pooling(database15.server, max_connections=50, authentication_timeout=60) as edge:
        crawling = [socket.create_connection(("127.0.0.1", edge.port), 10) for _ in range(1500)]
        with edge.connect(database15) as one:
            assert one.execute("select 1").fetchone() == (1,)
            until(lambda: edge.inside(lambda: len(edge.edge._logins)) <= 1050)
        for sock in crawling:
            sock.close()
        nothing_left(edge)
