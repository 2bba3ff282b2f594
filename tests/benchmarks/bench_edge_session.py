"""What a session through the edge costs: CPU per query beside PgBouncer in the same mode; memory per client.

    python tests/benchmarks/bench_edge_session.py [--mode session|transaction] [--clients 1,16] [--seconds 10]
        [--rounds 3] [--held 300]

pgbench reads rows by primary key over 127.0.0.1, by simple and by extended protocol, direct, through PgBouncer (if it
is installed) and through the edge; the logins of the run are counted in. Then clients with TLS and SCRAM are held, and
the edge's resident memory is divided.
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
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from postai.setup.server import LocalServer, as_os_user, debian_binaries, embedded_binaries, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from edge_support import certificate  # noqa: E402
from stand import children, cpu, resident_mb  # noqa: E402

from conftest import new_server, server_user  # noqa: E402

USER = "bench"
POOL = 20
SCRIPT = "\\set aid random(1, 100000)\nselect abalance from pgbench_accounts where aid = :aid;\n"
HBA = f"local all postgres trust\nhost all {USER} 127.0.0.1/32 trust\n"
CONF = "max_connections = 600\nshared_buffers = 256MB\n"


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mode", choices=("session", "transaction"), default="session")
    parser.add_argument("--clients", default="1,16")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--held", type=int, default=300)
    options = parser.parse_args()
    with bench_server(CONF) as (server, place):
        _prepare(server)
        with _proxies(server, place, options.mode) as proxies:
            for clients in map(int, options.clients.split(",")):
                for mode in ("simple", "extended"):
                    _compare(proxies, clients, mode, options, place / "script")
        _memory(server, place, options.held, options.mode)


@contextlib.contextmanager
def bench_server(conf: str) -> Iterator[tuple[LocalServer, Path]]:
    """A server with this configuration, which lets `USER` in, and a directory for files."""
    binaries = debian_binaries(15) or embedded_binaries()
    assert binaries is not None, "no server binaries"
    place = Path(tempfile.mkdtemp(prefix="postai-edge-"))
    place.chmod(0o755)
    try:
        with new_server(binaries, "bench", conf, HBA) as server:
            yield server, place
    finally:
        shutil.rmtree(place)


def _prepare(server: LocalServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as one:
        one.execute(f"create role {USER} login password '{USER}'")
        one.execute(f"create database {USER} owner {USER}")
    subprocess.run(
        ["pgbench", "-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", str(server.port), "-U", USER, USER],
        check=True, capture_output=True,
    )  # fmt: skip


@contextlib.contextmanager
def _proxies(server: LocalServer, place: Path, mode: str) -> Iterator[dict[str, tuple[int, int | None]]]:
    """Ports and process ids: the server itself (None), PgBouncer, the edge."""
    (place / "script").write_text(SCRIPT)
    found: dict[str, tuple[int, int | None]] = {"direct": (server.port, None)}
    with contextlib.ExitStack() as stack:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is not None:
            found["pgbouncer"] = stack.enter_context(_pgbouncer(program, server, place, mode))
        lines = [f'server = "host=127.0.0.1 port={server.port} sslmode=disable"']
        found["edge"] = stack.enter_context(_edge(place, *lines, *(_pool(server) if mode == "transaction" else ())))
        yield found


@contextlib.contextmanager
def _pgbouncer(program: str, server: LocalServer, place: Path, mode: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    ini = place / "pgbouncer.ini"
    ini.write_text(f"""[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {place / "users"}
pool_mode = {mode}
max_client_conn = 1000
default_pool_size = {500 if mode == "session" else POOL}
ignore_startup_parameters = extra_float_digits
""")
    (place / "users").write_text(f'"{USER}" ""\n')
    with _running([program, "-q", str(ini)], port, as_os_user(server_user())) as pid:
        yield port, pid


def _pool(server: LocalServer) -> tuple[str, ...]:
    return (
        f'auth_dsn = "host={server.socket_directory} port={server.port} dbname=postgres user=postgres"',
        'auth = "scram"', 'pool_mode = "transaction"', f"pool_size = {POOL}",
    )  # fmt: skip


@contextlib.contextmanager
def _edge(place: Path, *lines: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    config = place / f"edge-{port}.toml"
    config.write_text("\n".join(["[edge]", f"port = {port}", "max_connections = 2000", *lines]))
    with _running([sys.executable, "-m", "postai.cli.main", "edge", "--config", str(config)], port, {}) as pid:
        yield port, children(pid)[0]


@contextlib.contextmanager
def _running(command: list[str], port: int, more: dict[str, object]) -> Iterator[int]:
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
    try:
        end = time.monotonic() + 20
        while subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
            assert time.monotonic() < end, f"{command[0]} does not listen"
            time.sleep(0.1)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _compare(
    proxies: dict[str, tuple[int, int | None]], clients: int, mode: str, options: argparse.Namespace, script: Path
) -> None:
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in proxies}
    for _ in range(options.rounds):
        for name, (port, pid) in proxies.items():
            figures[name].append(_load(port, pid, clients, mode, options.seconds, script))
    for name, runs in figures.items():
        costs = ", ".join(f"{cost:.1f}" for _, cost in runs)
        rate = statistics.median(rate for rate, _ in runs)
        print(f"{mode:9} {clients:4} clients {name:10} {rate:8.0f} tps  µs/query {costs}")
    if "pgbouncer" in figures:
        edge, peer = (statistics.median(cost for _, cost in figures[name]) for name in ("edge", "pgbouncer"))
        print(f"{mode:9} {clients:4} clients ratio      {edge / peer:.2f} × PgBouncer's CPU")


def _load(port: int, pid: int | None, clients: int, mode: str, seconds: int, script: Path) -> tuple[float, float]:
    before = cpu(pid) if pid else 0.0
    done = subprocess.run(
        ["pgbench", "-n", "-M", mode, "-c", str(clients), "-T", str(seconds), "-f", str(script), "-h", "127.0.0.1",
         "-p", str(port), "-U", USER, USER],
        check=True, capture_output=True, text=True, env={**os.environ, "PGPASSWORD": USER},
    )  # fmt: skip
    used = (cpu(pid) if pid else 0.0) - before
    count = int(re.findall(r"actually processed: (\d+)", done.stdout)[0])
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[0]), used / count * 1e6


def _memory(server: LocalServer, place: Path, held: int, mode: str) -> None:
    """Hold clients with TLS and SCRAM and divide what the edge grew by."""
    certificate_file, key = certificate(place)
    lines = (
        f'server = "host=127.0.0.1 port={server.port} sslmode=disable"',
        *(_pool(server) if mode == "transaction" else _pool(server)[:2]),
        f'ssl_cert_file = "{certificate_file}"', f'ssl_key_file = "{key}"',
    )  # fmt: skip
    dsn = f"host=127.0.0.1 dbname={USER} user={USER} password={USER} sslmode=require"
    with _edge(place, *lines) as (port, pid), contextlib.ExitStack() as stack:
        sizes = []
        for more in (20, held):
            for _ in range(more):
                stack.enter_context(contextlib.closing(psycopg.connect(dsn, port=port)))
            sizes.append(resident_mb(pid))
    each = (sizes[1] - sizes[0]) * 1e6 / 1024 / held
    print(f"memory    {held} clients with TLS and SCRAM: {each:.1f} KiB each, their server connections included")


if __name__ == "__main__":
    main()
