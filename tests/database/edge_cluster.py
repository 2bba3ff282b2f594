"""A primary with streaming replicas, and an edge before them."""

from __future__ import annotations

import contextlib
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from edge_support import RunningEdge, running, server_line

from conftest import TestDatabase, new_server, superuser
from postai.setup.server import Binaries, LocalServer, as_os_user, free_port

PATIENCE = 20.0
HEALTH = "edge_health"


class Cluster:
    """Servers by name; "a" is the primary at first.

    Attributes:
        servers: all of them.
        database: the clients' database, in the primary.
        user: a login that owns it.
    """

    def __init__(self, primary: LocalServer, place: Path) -> None:
        self.servers = {"a": primary}
        self._place = place
        self.user = f"cluster_{uuid.uuid4().hex[:8]}"
        with superuser(primary) as connection:
            connection.execute(f"create role {HEALTH} login password '{HEALTH}' in role pg_monitor")
            connection.execute(f"create role {self.user} login password '{self.user}' in role pg_monitor")
            connection.execute(f"create database shop owner {self.user}")  # type: ignore[arg-type]
        self.database = TestDatabase(primary, "shop")

    def add(self, name: str) -> LocalServer:
        """One more replica, which follows the primary that there is at first."""
        source = self.servers["a"]
        replica = LocalServer(source.binaries, source.root.parent / name, free_port(), source.os_user)
        replica.root.mkdir()
        replica.root.chmod(0o777)
        copy = [source.binaries.bin / "pg_basebackup", "-R", "-c", "fast", "-D", replica.data, "-d", source.dsn()]
        subprocess.run(list(map(str, copy)), check=True, cwd="/", **as_os_user(source.os_user))
        with (replica.data / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{replica.root}'\nport = {replica.port}\n")
        (replica.root / "superuser").write_text(source.password())
        replica.start()
        self.servers[name] = replica
        return replica

    def on(self, name: str, sql: str, database: str = "shop") -> list[tuple[Any, ...]]:
        """Run a statement on a server itself, as superuser."""
        server = self.servers[name]
        dsn = server.dsn(database, server.superuser) + f" password={server.password()}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursor = connection.execute(sql)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def caught_up(self) -> None:
        """Wait until all replicas have replayed what the primary has written."""
        ((position,),) = self.on("a", "select pg_current_wal_flush_lsn()::text")
        for name in self.servers:
            if name != "a":
                until(lambda name=name: self.on(name, f"select pg_last_wal_replay_lsn() >= '{position}'") == [(True,)])  # type: ignore[misc]

    @contextlib.contextmanager
    def edge(self, **settings: Any) -> Iterator[RunningEdge]:
        """An edge in region eu, before all of them; settings may say where each node is ("regions") and so on."""
        regions = settings.pop("regions", {})
        patroni = settings.pop("patroni", {})
        passfile, users = self._place / "passfile", self._place / "users"
        passfile.write_text(f"*:*:*:{HEALTH}:{HEALTH}\n*:*:*:{self.user}:{self.user}\n")
        users.write_text(f'"{self.user}" "{self.user}"\n')
        for file in (passfile, users):
            file.chmod(0o600)
        nodes = tuple(
            {
                "name": name,
                "server": server_line(server),
                "region": regions.get(name, "eu"),
                "patroni": patroni.get(name),
            }
            for name, server in self.servers.items()
        )
        wanted = {
            "server": None, "node": nodes, "region": "eu", "auth": "scram", "auth_file": users,
            "pool_mode": "transaction", "health_dsn": f"user={HEALTH} dbname=postgres passfile={passfile}",
        }  # fmt: skip
        with running(self.servers["a"], **{**wanted, **settings}) as edge:
            until(lambda: settled(edge, set(self.servers)))
            yield edge

    def connect(self, edge: RunningEdge, **more: Any) -> psycopg.Connection:
        """A client of the edge."""
        dsn = f"host=127.0.0.1 port={edge.port} dbname=shop user={self.user} password={self.user}"
        return psycopg.connect(dsn, autocommit=True, **more)


def settled(edge: RunningEdge, names: set[str]) -> bool:
    """Whether the edge has heard of all of them."""
    rows = edge.inside(lambda: list(edge.edge.nodes.figures()))  # type: ignore[union-attr]
    return {row["name"] for row in rows if row["problem"] is None and row["behind_seconds"] is not None} == names


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.02)


@contextlib.contextmanager
def cluster(binaries: Binaries, place: Path, *replicas: str) -> Iterator[Cluster]:
    """A primary of these programs and its replicas; nothing is left of them."""
    with new_server(binaries, "edgecluster", "wal_keep_size = 64MB\nsynchronous_commit = on\n") as primary:
        one = Cluster(primary, place)
        try:
            for name in replicas:
                one.add(name)
            yield one
        finally:
            for server in list(one.servers.values())[1:]:
                server.stop("immediate")
