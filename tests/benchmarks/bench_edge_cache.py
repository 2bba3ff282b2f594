"""What a hit of the edge's cache costs: CPU per query beside pgpool-II's memqcache, and beside the server itself.

    python tests/benchmarks/bench_edge_cache.py [--clients 1,16,200] [--seconds 4] [--rounds 3] [--keys 2000]

pgbench reads rows by primary key over 127.0.0.1, all of which are in the caches, alternately through pgpool-II (simple
protocol only, where it caches; package pgpool2) and through the edge; then by the extended protocol through the edge
and direct, where the server's own CPU counts. CPU is that of the whole process tree. Times of a query are pgbench's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from bench_edge_session import USER, _edge, _prepare, _running

from postai.setup.server import LocalServer, as_os_user, debian_binaries, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from stand import children, cpu, ended_children_cpu  # noqa: E402

from conftest import new_server, server_user  # noqa: E402

HBA = f"local all postgres trust\nlocal replication postgres trust\nhost all {USER} 127.0.0.1/32 trust\n"
CONF = "max_connections = 500\nshared_buffers = 256MB\nsynchronous_commit = on\n"
PGPOOL = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{place}'
pcp_port = {pcp}
pcp_socket_dir = '{place}'
backend_hostname0 = '127.0.0.1'
backend_port0 = {server}
backend_weight0 = 1
backend_flag0 = 'ALLOW_TO_FAILOVER'
backend_clustering_mode = 'raw'
enable_pool_hba = off
num_init_children = 220
max_pool = 1
load_balance_mode = off
memory_cache_enabled = on
memqcache_method = 'shmem'
memqcache_total_size = 128MB
memqcache_oiddir = '{place}/oid'
pid_file_name = '{place}/pgpool.pid'
logdir = '{place}'
work_dir = '{place}'
health_check_period = 0
"""

Used = Callable[[], float]


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clients", default="1,16,200")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=2000)
    options = parser.parse_args()
    binaries = debian_binaries(15)
    assert binaries is not None, "no server binaries"
    place = Path(tempfile.mkdtemp(prefix="postai-edge-"))
    place.chmod(0o777)
    script = place / "script"
    script.write_text(f"\\set aid random(1, {options.keys})\nselect abalance from pgbench_accounts where aid = :aid;\n")
    try:
        with new_server(binaries, "bench", CONF, HBA) as server:
            _prepare(server)
            with psycopg.connect(server.dsn(USER), autocommit=True) as one:
                one.execute("create publication postai_edge for all tables")
            with _peers(server, place) as peers:
                for clients in map(int, options.clients.split(",")):
                    _compare(
                        {name: peers[name] for name in peers if name != "direct"}, clients, "simple", options, script
                    )
                    for mode in ("extended", "prepared"):
                        _compare({name: peers[name] for name in ("direct", "edge")}, clients, mode, options, script)
    finally:
        shutil.rmtree(place)


def tree(pid: int) -> float:
    """Seconds of CPU of a process and its children, the ended ones counted in."""
    return ended_children_cpu(pid) + cpu(pid) + sum(cpu(child) for child in children(pid))


@contextlib.contextmanager
def _peers(server: LocalServer, place: Path) -> Iterator[dict[str, tuple[int, Used]]]:
    """Ports, and what tells how much CPU each has used."""
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    lines = (
        f'server = "host=127.0.0.1 port={server.port} sslmode=disable"',
        f'auth_dsn = "host={server.socket_directory} port={server.port} dbname=postgres user=postgres"',
        f'cache_dsn = "host={server.socket_directory} port={server.port} user=postgres"',
        'auth = "scram"', 'pool_mode = "transaction"', "[[edge.database]]", f'name = "{USER}"', "cache = true",
    )  # fmt: skip
    found: dict[str, tuple[int, Used]] = {"direct": (server.port, lambda: tree(postmaster))}
    with contextlib.ExitStack() as stack:
        program = shutil.which("pgpool", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is not None:
            port, pool = stack.enter_context(_pgpool(program, server, place))
            found["pgpool"] = (port, lambda: tree(pool))
        port, pid = stack.enter_context(_edge(place, *lines))
        found["edge"] = (port, lambda: cpu(pid))
        yield found


@contextlib.contextmanager
def _pgpool(program: str, server: LocalServer, place: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    home = place / "pgpool"
    (home / "oid").mkdir(parents=True)
    home.chmod(0o777)
    (home / "oid").chmod(0o777)
    config = home / "pgpool.conf"
    config.write_text(PGPOOL.format(port=port, pcp=free_port(), place=home, server=server.port))
    (home / "pcp.conf").write_text("")
    command = [program, "-n", "-f", str(config), "-F", str(home / "pcp.conf")]
    with _running(command, port, as_os_user(server_user())) as pid:
        yield port, pid


def _compare(
    peers: dict[str, tuple[int, Used]], clients: int, mode: str, options: argparse.Namespace, script: Path
) -> None:
    runs: dict[str, list[tuple[float, float, str]]] = {name: [] for name in peers}
    for name, (port, used) in peers.items():
        if name != "direct":  # fill the cache: every key twice, and then some
            _load(port, used, 16, mode, max(4, options.keys // 500), script)
    for _ in range(options.rounds):
        for name, (port, used) in peers.items():
            runs[name].append(_load(port, used, clients, mode, options.seconds, script))
    for name, found in runs.items():
        costs = ", ".join(f"{cost:.1f}" for _, cost, _ in found)
        rate = statistics.median(rate for rate, _, _ in found)
        print(f"{mode:9} {clients:4} clients {name:7} {rate:8.0f} tps  µs/query {costs}   p50/p99 ms {found[-1][2]}")
    names = list(runs)
    if len(names) == 2:
        peer, edge = (statistics.median(cost for _, cost, _ in runs[name]) for name in names)
        print(f"{mode:9} {clients:4} clients ratio   {edge / peer:.2f} × CPU of {names[0]}", flush=True)


def _load(port: int, used: Used, clients: int, mode: str, seconds: int, script: Path) -> tuple[float, float, str]:
    before = used()
    with tempfile.TemporaryDirectory() as logs:
        done = subprocess.run(
            ["pgbench", "-n", "-M", mode, "-c", str(clients), "-T", str(seconds), "-f", str(script), "-h", "127.0.0.1",
             "-p", str(port), "-U", USER, "-l", "--sampling-rate=0.1", "--log-prefix", f"{logs}/log", USER],
            check=True, capture_output=True, text=True, env={**os.environ, "PGPASSWORD": USER},
        )  # fmt: skip
        spent = used() - before
        times = sorted(int(line.split()[2]) for path in Path(logs).iterdir() for line in path.read_text().splitlines())
    count = int(re.findall(r"actually processed: (\d+)", done.stdout)[0])
    shown = " / ".join(f"{times[int(len(times) * part)] / 1000:.3f}" for part in (0.5, 0.99) if times)
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[0]), spent / count * 1e6, shown


if __name__ == "__main__":
    main()
