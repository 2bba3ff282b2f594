"""Ten thousand clients of an edge over TLS with SCRAM, of which some are busy: what each costs, and who waits.

    ulimit -n 33000    # files: the edge needs 2 x (clients + 1000) + 100, this program clients + 100
    python tests/benchmarks/bench_edge_clients.py [--clients 10000] [--busy 200] [--rate 2000] [--seconds 20]
        [--processes 1] [--pool 20]

The clients log in one after another on a few threads, and stay. Then pgbench opens the busy ones, with TLS too, which
read rows by primary key at the given rate in all; SHOW postai.pools tells how long transactions waited for a server
connection. At last every client that was held asks something.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from postai.setup.server import LocalServer, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from bench_edge_session import CONF, SCRIPT, USER, _prepare, _running, bench_server  # noqa: E402
from edge_support import certificate  # noqa: E402
from stand import children, percentiles, resident_mb  # noqa: E402

THREADS = 4
WARM = 4
"""Seconds in which the pool grows to what it needs."""
FIRST = 200
"""Clients that are there before memory is counted."""


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--busy", type=int, default=200)
    parser.add_argument("--rate", type=int, default=2000, help="transactions per second of all busy clients")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--pool", type=int, default=20)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with bench_server(CONF) as (server, place):
        _prepare(server)
        _measure(server, place, options)


def _measure(server: LocalServer, place: Path, options: argparse.Namespace) -> None:
    certificate_file, key = certificate(place)
    port, config = free_port(), place / "edge.toml"
    # Chance decides which process a client comes to.
    most = (options.clients + options.busy) // options.processes + (700 if options.processes > 1 else 100)
    config.write_text(f"""[edge]
port = {port}
server = "host=127.0.0.1 port={server.port} sslmode=disable"
auth = "scram"
auth_dsn = "host={server.socket_directory} port={server.port} dbname=postgres user=postgres"
ssl_cert_file = "{certificate_file}"
ssl_key_file = "{key}"
pool_mode = "transaction"
pool_size = {options.pool}
max_connections = {most}
processes = {options.processes}
runtime_directory = "{place}"
""")
    with _running([sys.executable, "-m", "postai.cli.main", "edge", "--config", str(config)], port, {}) as pid:
        dsn = f"host=127.0.0.1 port={port} dbname={USER} user={USER} password={USER} sslmode=require"
        begun = time.monotonic()
        held = _held(dsn, FIRST)
        before = _resident(pid)
        held += _held(dsn, options.clients - FIRST)
        each = (_resident(pid) - before) * 1e6 / 1024 / (options.clients - FIRST)
        seconds = time.monotonic() - begun
        print(
            f"held      {len(held)} clients over TLS with SCRAM, logged in within {seconds:.0f} s: {each:.1f} KiB each"
        )
        _busy(dsn, place, options, held[0])
        lost = _lost(held)
        print(f"lost      {lost} of {len(held)} clients; {_resident(pid):.0f} MB resident at the end")
        for one in held:
            one.close()


def _held(dsn: str, count: int) -> list[psycopg.Connection]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda _: psycopg.connect(dsn, autocommit=True), range(count)))


def _resident(pid: int) -> float:
    return sum(map(resident_mb, [pid, *children(pid)]))


def _busy(dsn: str, place: Path, options: argparse.Namespace, watcher: psycopg.Connection) -> None:
    (place / "script").write_text(SCRIPT)
    over = threading.Event()
    longest: list[float] = []
    counts: list[tuple[int, int]] = []

    def watch() -> None:
        while not over.wait(1):
            rows = _pools(watcher)
            longest.append(max(float(row["longest"]) * 1000 for row in rows))
            counts.append((sum(int(row["borrowed"]) for row in rows), sum(int(row["waited"]) for row in rows)))

    watching = threading.Thread(target=watch)
    _pools(watcher)  # the longest waits begin anew
    watching.start()
    command = [
        "pgbench", "-n", "-M", "prepared", "-c", str(options.busy), "-j", "2", "-T", str(options.seconds), "-R",
        str(options.rate), "-f", str(place / "script"), "-l", "--log-prefix", str(place / "latencies"), dsn,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        over.set()
        watching.join()
    rate = float(re.findall(r"tps = ([\d.]+)", done.stdout)[0])
    # Client, transaction, latency, script, when it ended, and how late it began.
    rows = [line.split() for log in place.glob("latencies*") for line in log.read_text().splitlines()]
    taken = [(int(row[2]) - int(row[6])) / 1000 for row in rows]
    print(f"busy      {options.busy} clients, {rate:.0f} tps: ms of a transaction {percentiles(taken)}")
    for row in _pools(watcher):
        print(f"pool      {row}")
    (borrowed, waited), (all_borrowed, all_waited) = counts[WARM], counts[-1]
    share = (all_waited - waited) / max(1, all_borrowed - borrowed)
    print(f"waited    {all_waited} of {all_borrowed}; after {WARM} s {share:.2%} (up to 1 %: p99 is 0)")
    print(f"waited    longest of each second, ms: {' '.join(f'{one:.1f}' for one in longest)}")


def _pools(watcher: psycopg.Connection) -> list[dict[str, str]]:
    cursor = watcher.cursor()
    cursor.execute("show postai.pools", prepare=False)
    assert cursor.description is not None
    names = [one.name for one in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _lost(held: list[psycopg.Connection]) -> int:
    lost = 0
    for number, one in enumerate(held):
        try:
            assert one.execute("select %s::int", (number,)).fetchone() == (number,)
        except psycopg.Error:
            lost += 1
    return lost


if __name__ == "__main__":
    main()
