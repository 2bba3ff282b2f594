"""A primary dies, another one appears: reads go on, writes wait for it, nobody is told what is not true."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from edge_cluster import Cluster, cluster, until
from edge_support import RunningEdge

from postai.setup.server import Binaries, debian_binaries, embedded_binaries

SETUP = """
create table item (id int primary key, v int not null);
insert into item select n, 0 from generate_series(1, 9) as n
"""


@pytest.fixture(params=[pytest.param("15", marks=pytest.mark.soak), "18"])
def binaries(request: pytest.FixtureRequest) -> Binaries:
    found = debian_binaries(15) if request.param == "15" else embedded_binaries()
    if found is None:
        pytest.skip("no server binaries")
    return found


@pytest.fixture
def servers(binaries: Binaries, tmp_path: Path) -> Iterator[Cluster]:
    with cluster(binaries, tmp_path, "b") as one:
        one.database.execute(SETUP, one.user)
        one.caught_up()
        yield one


def primary(edge: RunningEdge) -> str | None:
    """The name of the primary, as the edge sees it."""
    view: Any = edge.inside(lambda: edge.edge.nodes._health.view)  # type: ignore[union-attr]
    return view.writer.node.name if view.writer else None


def test_reads_go_on_and_writes_go_to_the_new_primary(servers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end state; how long it takes is measured by the soak test."""
    read = "select v from item where id = 1"
    with servers.edge() as edge, contextlib.ExitStack() as stack:
        client, idle, busy = (stack.enter_context(closing(servers.connect(edge))) for _ in range(3))
        for _ in range(2):
            client.execute(read)
        client.execute("update item set v = 1 where id = 1")
        servers.caught_up()
        busy.execute("begin; update item set v = 100 where id = 2")
        servers.servers["a"].stop("immediate")
        with pytest.raises(psycopg.OperationalError):
            busy.execute(read)
        until(lambda: primary(edge) is None)
        # Reads go on, for sessions that are there and for new ones.
        assert idle.execute(read).fetchone() == (1,)
        with closing(servers.connect(edge)) as late:
            assert late.execute(read).fetchone() == (1,)
        # A write waits.
        done: list[Any] = []
        writer = threading.Thread(
            target=lambda: done.append(idle.execute("update item set v = 2 where id = 1").rowcount)
        )
        writer.start()
        time.sleep(0.3)
        assert not done
        servers.on("b", "select pg_promote()")
        writer.join(20)
        assert done == [1] and primary(edge) == "b"
        assert idle.execute(read).fetchone() == (2,) and client.execute(read).fetchone() == (2,)
        # The old one comes back as it was: nobody is sent there.
        servers.servers["a"].start()
        rows = lambda: {row["name"]: row for row in edge.inside(lambda: list(edge.edge.nodes.figures()))}  # type: ignore[union-attr]  # noqa: E731
        until(lambda: rows()["a"]["role"] == "refused")
        assert "takes writes on timeline 1" in str(rows()["a"]["problem"])
        for _ in range(20):
            assert client.execute(read).fetchone() == (2,)
        assert client.execute("update item set v = 3 where id = 1").rowcount == 1
        assert servers.on("b", read) == [(3,)] and servers.on("a", read) == [(1,)]
        # Not even when it is the only one.
        servers.servers["b"].stop("immediate")
        until(lambda: primary(edge) is None)
        monkeypatch.setattr("postai.edge.server.nodes.PATIENCE", 0.3)
        with pytest.raises(psycopg.errors.CannotConnectNow, match="no server takes writes now") as caught:
            client.execute("update item set v = 4 where id = 1")
        assert "timeline 2 was seen already" in str(caught.value.diag.message_detail)
        assert servers.on("a", read) == [(1,)]
        servers.servers["b"].start()
        until(lambda: primary(edge) == "b")


def test_sessions_on_a_server_that_lost_its_role_end(servers: Cluster) -> None:
    """Somebody promotes the replica while the primary lives."""
    with servers.edge() as pooled, servers.edge(pool_mode="session") as own, contextlib.ExitStack() as stack:
        clients = [servers.connect(pooled), servers.connect(pooled), servers.connect(own)]
        busy, resting, session = (stack.enter_context(closing(one)) for one in clients)
        busy.execute("begin; update item set v = 1 where id = 1")
        resting.execute("update item set v = 1 where id = 2")
        assert session.execute("update item set v = 1 where id = 3").rowcount == 1
        servers.on("b", "select pg_promote()")
        until(lambda: primary(pooled) == primary(own) == "b")
        for connection in (busy, session):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("update item set v = 2 where id = 1")
        assert resting.execute("update item set v = 2 where id = 2").rowcount == 1
        with closing(servers.connect(own)) as again:
            assert again.execute("update item set v = 2 where id = 3").rowcount == 1
        assert servers.on("b", "select sum(v) from item") == [(4,)]
        assert servers.on("a", "select sum(v) from item") == [(2,)]


def test_two_primaries_on_one_timeline_get_no_writes(tmp_path: Path) -> None:
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no server binaries")
    with cluster(binaries, tmp_path, "b") as servers:
        servers.database.execute(SETUP, servers.user)
        servers.caught_up()
        with servers.edge() as edge, servers.connect(edge) as client:
            client.execute("update item set v = 1")
            servers.servers["b"].stop("immediate")
            (servers.servers["b"].data / "standby.signal").unlink()
            servers.servers["b"].start()
            until(lambda: primary(edge) is None)
            began = time.monotonic()
            with pytest.raises(psycopg.errors.CannotConnectNow) as caught:
                client.execute("update item set v = 2")
            assert time.monotonic() - began < 5  # nothing is waited for
            told = str(caught.value.diag.message_detail)
            assert told == "2 servers take writes on timeline 1: nothing is written until only one is left."
            rows = edge.inside(lambda: {row["name"]: str(row["problem"]) for row in edge.edge.nodes.figures()})  # type: ignore[union-attr]
            assert all("it takes writes on timeline 1" in rows[name] for name in "ab")
            servers.servers["b"].stop("immediate")
            until(lambda: primary(edge) == "a")
            assert client.execute("update item set v = 2").rowcount == 9


class Patroni(http.server.ThreadingHTTPServer):
    """What Patroni's REST interface says of one server; `leader` is the name of the one that may write."""

    state: dict[str, Any]

    def __init__(self, name: str, state: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.name, self.state = name, state


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Patroni

    def do_GET(self) -> None:
        state, name = self.server.state, self.server.name
        body: Any = {"state": "running"}
        good = {"/primary": state["leader"] == name, "/replica": name not in state["not read"]}.get(self.path, True)
        if self.path == "/cluster":
            roles = {one: "leader" if one == state["leader"] else "replica" for one in state["urls"]}
            body = {"members": [{"name": one, "role": roles[one], "api_url": f"{url}/patroni"}
                                for one, url in state["urls"].items()]}  # fmt: skip
        data = json.dumps(body).encode()
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def patroni(state: dict[str, Any], *names: str) -> Iterator[dict[str, Patroni]]:
    found = {name: Patroni(name, state) for name in names}
    state["urls"] = {name: f"http://127.0.0.1:{one.server_port}" for name, one in found.items()}
    threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in found.values()]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        for one in found.values():
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()


def test_patroni_has_the_last_word(tmp_path: Path) -> None:
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no server binaries")
    state: dict[str, Any] = {"leader": "a", "not read": set()}
    with cluster(binaries, tmp_path, "b") as servers, patroni(state, "a", "b") as agents:
        servers.database.execute(SETUP, servers.user)
        servers.caught_up()

        def problems(edge: RunningEdge) -> dict[str, Any]:
            return {row["name"]: row["problem"] for row in edge.inside(lambda: list(edge.edge.nodes.figures()))}  # type: ignore[union-attr]

        with servers.edge(patroni=state["urls"]) as edge, servers.connect(edge) as client:
            assert client.execute("update item set v = 1").rowcount == 9
            state["not read"].add("b")
            until(lambda: "Patroni" in str(problems(edge)["b"]))
            state["not read"].clear()
            state["leader"] = None  # it has lost its lock, and lives
            until(lambda: primary(edge) is None)
            state["leader"] = "a"
            until(lambda: primary(edge) == "a")
            # Its own agent is away: the other one's is asked.
            agents["a"].shutdown()
            agents["a"].server_close()
            time.sleep(0.6)
            assert primary(edge) == "a"
            state["leader"] = "b"
            until(lambda: primary(edge) is None)


class _Checker:
    """A session that writes a rising number of its own and reads it back, and what it saw."""

    def __init__(self, servers: Cluster, edge: RunningEdge, number: int) -> None:
        self._servers, self._edge, self._number = servers, edge, number
        self.reads: list[float] = []
        self.writes: list[float] = []
        self.wrong: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        connection = self._servers.connect(self._edge)
        done = tried = 0
        while not self.stop.is_set():
            try:
                if connection.closed:
                    connection = self._servers.connect(self._edge, connect_timeout=2)
                ((seen,),) = connection.execute("select v from item where id = %s", (self._number,)).fetchall()
                # What was tried and not answered may be there or not; what was answered is there.
                if not done <= seen <= tried:
                    self.wrong.append(f"{self._number}: read {seen} after {done}, {tried} tried")
                self.reads.append(time.monotonic())
                if self._number % 2:
                    tried += 1
                    connection.execute("update item set v = %s where id = %s", (tried, self._number))
                    done = tried
                    self.writes.append(time.monotonic())
            except psycopg.OperationalError:
                connection.close()
                time.sleep(0.01)
        connection.close()


def gap(times: list[float]) -> float:
    """The longest time in which nothing happened."""
    return max(after - before for before, after in pairwise(times))


@pytest.mark.soak
def test_how_long_a_failover_takes(binaries: Binaries, tmp_path: Path) -> None:
    """Sessions that read their own writes through a failover; synchronous, so that nothing acknowledged is lost."""
    with cluster(binaries, tmp_path, "b", "c") as servers:
        servers.database.execute(SETUP, servers.user)
        servers.on("a", "alter system set synchronous_standby_names = '*'")
        servers.on("a", "alter system set synchronous_commit = remote_write")
        servers.on("a", "select pg_reload_conf()")
        servers.caught_up()
        with servers.edge() as edge:
            checkers = [_Checker(servers, edge, number) for number in range(1, 9)]
            for one in checkers:
                one.thread.start()
            time.sleep(3)
            servers.servers["a"].stop("immediate")
            time.sleep(1.5)
            began = time.monotonic()
            newest = max("bc", key=lambda name: servers.on(name, "select pg_last_wal_receive_lsn() - '0/0'")[0])
            servers.on(newest, "alter system reset synchronous_standby_names")
            servers.on(newest, "select pg_promote()")
            until(lambda: primary(edge) == newest)
            known = time.monotonic() - began
            time.sleep(3)
            for one in checkers:
                one.stop.set()
            for one in checkers:
                one.thread.join()
        wrong = [line for one in checkers for line in one.wrong]
        readers = max(gap(one.reads) for one in checkers if not one.writes)
        writers = max(gap(one.writes) for one in checkers if one.writes)
        print(
            f"\nreads stood still for {readers:.2f} s, writes for {writers:.2f} s (the replica was promoted 1.5 s after"
            f" the death; it was the primary for the edge {known:.2f} s after that);"
            f" {sum(len(one.reads) for one in checkers)} reads, {sum(len(one.writes) for one in checkers)} writes"
        )
        assert not wrong, wrong[:5]
        assert readers <= 2.0
        assert writers <= 10.0
