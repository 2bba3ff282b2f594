"""What the benchmarks of the agent share: a private server, a database with postai, an agent beside it, CPU of both."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from postai.setup.server import LocalServer, debian_binaries, embedded_binaries, free_port
from postai.setup.transport import Transport

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from agent_support import AGENT, AgentProcess, agent_dsn, install_postai, running  # noqa: E402

from conftest import TestDatabase, make_database, server_user  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Stand:
    """A running server and where the agent's files lie."""

    server: LocalServer
    place: Path

    def database(self, transport: Transport) -> TestDatabase:
        """A new database with postai."""
        one = make_database(self.server)
        install_postai(one, transport, self.place / "run" / "agent.sock")
        return one

    def agent(self, *databases: TestDatabase) -> AgentProcess:
        named = [(one.name, agent_dsn(self.server, one.name, self.place)) for one in databases]
        return AgentProcess(self.place, named)

    def server_pids(self) -> list[int]:
        """The postmaster and its children."""
        postmaster = int((self.server.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def server_cpu(self) -> float:
        """CPU seconds of the server so far: its processes', and (through the postmaster) those of ended ones."""
        return sum(cpu(pid) for pid in self.server_pids()) + ended_children_cpu(self.server_pids()[0])


def cpu(pid: int) -> float:
    """CPU seconds of a process, user and system; 0 when it has ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def children(pid: int) -> list[int]:
    """Processes that a process has started: of `post-ai edge` those that serve clients."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended_children_cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) / TICK if fields else 0.0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return []


def resident_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


@contextlib.contextmanager
def stand(major: int) -> Iterator[Stand]:
    """A private server of that major version, removed at the end."""
    binaries = debian_binaries() if major == 15 else embedded_binaries()
    if binaries is None:
        raise SystemExit(f"no PostgreSQL {major} here")
    base = Path(tempfile.mkdtemp(prefix="postai-bench-"))
    base.chmod(0o755)
    server = LocalServer(binaries, base / "server", free_port(), server_user())
    server.create(fsync=False)
    server.start()
    try:
        yield Stand(server, base)
    finally:
        server.stop("immediate")
        shutil.rmtree(base)


def timed(connection: psycopg.Connection, statement: str) -> float:
    """Milliseconds of one statement as the client sees it."""
    begin = time.perf_counter()
    connection.execute(statement.encode()).fetchall()
    return (time.perf_counter() - begin) * 1000


def percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered):8.2f}   p99 {high:8.2f}   min {ordered[0]:8.2f}"


__all__ = [
    "AGENT", "AgentProcess", "Stand", "TestDatabase", "cpu", "percentiles", "resident_mb", "running", "stand", "timed",
]  # fmt: skip
