"""A store's workload through the edge's cache: how many reads come from memory, and how long they take, also from afar.

    python tests/benchmarks/bench_edge_store.py [--seconds 600] [--warm 120] [--clients 64] [--rate 4000] [--wan 30]

pgbench reads and writes single rows of 100,000 by primary key (extended protocol), chosen by Zipf's law (its exponent
is 1.001, the least that pgbench has); 5 of 100 transactions write, each of which invalidates what is kept of its row.
Settings of the cache are the defaults. With --wan the server is that many milliseconds away (round trip), for queries
and for the change stream: a relay hands on bytes later. The hit rate is that of reads; times are pgbench's own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
from bench_edge_session import USER, _edge, _prepare

from postai.setup.server import debian_binaries, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from conftest import new_server  # noqa: E402

HBA = f"""local all postgres trust
host all {USER} 127.0.0.1/32 trust
host all postgres 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
"""
CONF = "max_connections = 500\nshared_buffers = 256MB\nsynchronous_commit = on\n"
KEY = "\\set aid random_zipfian(1, 100000, 1.001)\n"
READ = f"{KEY}select abalance from pgbench_accounts where aid = :aid;\n"
WRITE = f"{KEY}update pgbench_accounts set abalance = abalance + 1 where aid = :aid;\n"


def main() -> None:
    """Run the workload and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--warm", type=int, default=120)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rate", type=int, default=4000)
    parser.add_argument("--wan", type=float, default=0.0)
    options = parser.parse_args()
    binaries = debian_binaries(15)
    assert binaries is not None, "no server binaries"
    place = Path(tempfile.mkdtemp(prefix="postai-edge-"))
    place.chmod(0o755)
    (place / "read").write_text(READ)
    (place / "write").write_text(WRITE)
    try:
        with new_server(binaries, "bench", CONF, HBA) as server, _afar(server.port, options.wan / 2000) as near:
            _prepare(server)
            with psycopg.connect(server.dsn(USER), autocommit=True) as one:
                one.execute("create publication postai_edge for all tables")
            lines = (
                f'server = "host=127.0.0.1 port={near} sslmode=disable"',
                f'auth_dsn = "host=127.0.0.1 port={server.port} dbname=postgres user=postgres"',
                f'cache_dsn = "host=127.0.0.1 port={near} user=postgres"', 'auth = "scram"', "pool_size = 40",
                'pool_mode = "transaction"', "[[edge.database]]", f'name = "{USER}"', "cache = true",
            )  # fmt: skip
            with _edge(place, *lines) as (port, _):
                _run(port, place, options, options.warm)
                before = _figures(port)
                times = _run(port, place, options, options.seconds)
                _report(before, _figures(port), times)
    finally:
        shutil.rmtree(place)


def _run(port: int, place: Path, options: argparse.Namespace, seconds: int) -> tuple[list[int], list[int]]:
    """Microseconds of reads and of writes."""
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run(
            ["pgbench", "-n", "-M", "extended", "-c", str(options.clients), "-T", str(seconds), "-R", str(options.rate),
             "-f", f"{place}/read@95", "-f", f"{place}/write@5", "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-l",
             "--log-prefix", f"{logs}/log", USER],
            check=True, capture_output=True, env={**os.environ, "PGPASSWORD": USER},
        )  # fmt: skip
        found: tuple[list[int], list[int]] = ([], [])
        for path in Path(logs).iterdir():
            for line in path.read_text().splitlines():
                # time since the transaction was due, which its lag behind that is taken off of
                _, _, took, script, _, _, lag = map(int, line.split())
                found[script].append(took - lag)
    return sorted(found[0]), sorted(found[1])


def _figures(port: int) -> dict[str, str]:
    dsn = f"host=127.0.0.1 port={port} user={USER} password={USER} dbname={USER}"
    with psycopg.connect(dsn, autocommit=True) as one:
        cursor = one.execute("show postai.cache")
        assert cursor.description is not None
        return dict(zip([column.name for column in cursor.description], cursor.fetchall()[0], strict=True))


def _report(before: dict[str, str], after: dict[str, str], times: tuple[list[int], list[int]]) -> None:
    reads, writes = times
    hits, waited = (int(after[name]) - int(before[name]) for name in ("hits", "waited"))
    print(f"{len(reads)} reads, {len(writes)} writes, {after['entries']} entries of {after['bytes']} bytes")
    print(f"hit rate {100 * hits / len(reads):.2f} % of reads; {100 * waited / len(reads):.2f} % waited for another's")
    for name, found in (("reads", reads), ("writes", writes)):
        shown = ", ".join(f"p{part} {found[len(found) * part // 100] / 1000:.2f}" for part in (50, 90, 95, 99))
        print(f"{name:6} {shown} ms")


@contextlib.contextmanager
def _afar(port: int, seconds: float) -> Iterator[int]:
    """A port that stands for that one, whose bytes come that much later, in each direction."""
    if not seconds:
        yield port
        return
    loop = asyncio.new_event_loop()
    near = free_port()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            loop.call_later(seconds, writer.write, data)
        loop.call_later(seconds, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(hand_on(reader, there[1]), hand_on(there[0], writer))

    loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", near))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield near
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):  # clients that went without a word
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)


if __name__ == "__main__":
    main()
