"""How long an answer of the cache's second tier takes, in a file and in a server that edges share.

    python tests/benchmarks/bench_edge_second.py [--keys 5000] [--size 2000]

One client reads every key over 127.0.0.1, several times, through an edge whose memory holds a fraction of the answers.
An answer counts as the tier's when SHOW postai.tiers says that all of its round came from there but for some.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from postai.setup.server import LocalServer, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from bench_edge_session import USER, _running, bench_server  # noqa: E402
from stand import percentiles  # noqa: E402

ROUNDS = 5


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--keys", type=int, default=5000)
    parser.add_argument("--size", type=int, default=2000, help="bytes of an answer")
    options = parser.parse_args()
    with bench_server("shared_buffers = 256MB\n") as (server, place):
        with psycopg.connect(server.dsn(), autocommit=True) as one:
            one.execute(f"create role {USER} login password '{USER}'")
            one.execute(f"create database {USER} owner {USER}")
        with psycopg.connect(server.dsn(USER), autocommit=True) as one:
            one.execute("create table item (id int primary key, body text)")
            one.execute("grant select on item to public")
            one.execute("create publication postai_edge for table item")
            body = f"left(repeat(md5(n::text), {options.size // 32 + 1}), {options.size})"
            one.execute(f"insert into item select n, {body} from generate_series(1, {options.keys}) as n".encode())
        _measure(server, place, "file", f'cache_directory = "{place}"', options)
        with _shared(place) as line:
            if line is not None:
                _measure(server, place, "shared", line, options)


@contextlib.contextmanager
def _shared(place: Path) -> Iterator[str | None]:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        print("neither valkey-server nor redis-server is installed")
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--save", "", "--dir", str(place)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield f'cache_url = "redis://127.0.0.1:{port}"'
        process.kill()


def _measure(server: LocalServer, place: Path, name: str, line: str, options: argparse.Namespace) -> None:
    port, config = free_port(), place / "edge.toml"
    target = f"host={server.socket_directory} port={server.port} user=postgres"
    config.write_text(f"""[edge]
port = {port}
server = "host=127.0.0.1 port={server.port} sslmode=disable"
auth = "scram"
auth_dsn = "{target} dbname=postgres"
pool_mode = "transaction"
runtime_directory = "{place}"
cache_dsn = "{target}"
cache_size = 1
{line}
[[edge.database]]
name = "{USER}"
cache = true
""")
    command = [sys.executable, "-m", "postai.cli.main", "edge", "--config", str(config)]
    dsn = f"host=127.0.0.1 port={port} dbname={USER} user={USER} password={USER}"
    with _running(command, port, {}), psycopg.connect(dsn, autocommit=True) as client:
        time.sleep(2)  # until the stream stands
        keys = list(range(1, options.keys + 1))
        for number in range(ROUNDS):
            random.Random(number).shuffle(keys)
            hits, taken = _hits(client), []
            for key in keys:
                begun = time.perf_counter()
                client.execute("select body from item where id = %s", (key,), prepare=True).fetchone()
                taken.append((time.perf_counter() - begun) * 1000)
            print(f"{name:7} round {number}: {_hits(client) - hits} of {len(keys)} from it; ms {percentiles(taken)}")


def _hits(client: psycopg.Connection) -> int:
    cursor = client.cursor()
    cursor.execute("show postai.tiers", prepare=False)
    assert cursor.description is not None
    at = [one.name for one in cursor.description].index("hits")
    return sum(int(row[at]) for row in cursor.fetchall())


if __name__ == "__main__":
    main()
