"""How long an answer takes from each tier of the edge's cache, and how soon memory is warm again after a flush.

    python tests/benchmarks/bench_edge_tiers.py [--reads 3000] [--rows 200000] [--keys 1000]

One client over 127.0.0.1: rows by primary key from memory; the same from files, through an edge whose memory is too
small for them; the sums of a table from the server, and from the cache table that a rule has the edge read instead,
while another session writes to what it is made of. Then a definition changes, and memory is filled again unasked.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from bench_edge_session import USER, _edge, bench_server

from postai.database import connect
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from stand import percentiles  # noqa: E402

from postai.stream.missing import event_triggers  # noqa: E402

SUMS = "select region, count(*) as n, sum(amount) as total from sale group by region order by region"
ROW = "select body from item where id = %s"
TABLES = """
create table item (id int primary key, body text);
create table sale (id int primary key, region int, amount numeric);
insert into item select n, left(repeat(md5(n::text), 63), 2000) from generate_series(1, {keys}) as n;
insert into sale select n, n % 50, n from generate_series(1, {rows}) as n;
grant select on item, sale to public; grant usage on schema postai_cache to public;
create publication postai_edge for table item, sale;
"""


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--reads", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--keys", type=int, default=1000)
    options = parser.parse_args()
    with bench_server("shared_buffers = 256MB\n") as (server, place):
        _prepare(server, options)
        with _client(server, place, "cache_size = 64") as client:
            _rows(client, "tier 1 (memory)", options)
            _table(server, client, options)
            _warm(server, client, options)
        with _client(server, place, "cache_size = 1", f'cache_directory = "{place}"') as client:
            _rows(client, "tier 2 (file)", options)


def _prepare(server: LocalServer, options: argparse.Namespace) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as one:
        one.execute(f"create role {USER} login password '{USER}'")
        one.execute(f"create database {USER} owner {USER}")
    with connect(server.dsn(USER), statement_timeout_ms=120_000) as db:
        install(db, InstallOptions(transport="call"))
    with _super(server) as one:
        for statement in TABLES.format(keys=options.keys, rows=options.rows).split(";"):
            one.execute(statement.encode())
        one.execute(event_triggers().encode())
        one.execute("vacuum analyze")
        one.execute("select postai.cache('sums', %s, ttl => '1 hour', invalidate_on_write => false)", (SUMS,))
        one.execute("grant select on postai_cache.sums to public")


def _super(server: LocalServer) -> psycopg.Connection:
    return psycopg.connect(server.dsn(USER), autocommit=True)


@contextlib.contextmanager
def _client(server: LocalServer, place: Path, *lines: str) -> Iterator[psycopg.Connection]:
    target = f"host={server.socket_directory} port={server.port} user=postgres"
    with _edge(
        place, f'server = "host=127.0.0.1 port={server.port} sslmode=disable"',
        f'auth_dsn = "{target} dbname=postgres"', f'cache_dsn = "{target}"', f'home = "{target} dbname={USER}"',
        f'runtime_directory = "{place}"', 'auth = "scram"', 'pool_mode = "transaction"', *lines,
        "[[edge.database]]", f'name = "{USER}"', "cache = true",
    ) as (port, _):  # fmt: skip
        dsn = f"host=127.0.0.1 port={port} dbname={USER} user={USER} password={USER}"
        with psycopg.connect(dsn, autocommit=True) as client:
            while _figures(client)["state"] != "on":
                time.sleep(0.1)
            yield client


def _figures(client: psycopg.Connection, table: str = "cache") -> dict[str, Any]:
    cursor = client.execute(f"show postai.{table}".encode(), prepare=False)
    names = [one.name for one in cursor.description or ()]
    return dict(zip(names, cursor.fetchone() or (), strict=True))


def _time(name: str, reads: int, ask: Callable[[int], object]) -> None:
    taken = []
    for number in range(reads):
        begun = time.perf_counter()
        ask(number)
        taken.append((time.perf_counter() - begun) * 1000)
    print(f"{name:34} ms {percentiles(taken)}", flush=True)


def _rows(client: psycopg.Connection, name: str, options: argparse.Namespace) -> None:
    def ask(number: int) -> None:
        client.execute(ROW, (number % options.keys + 1,), prepare=True).fetchall()

    for _ in range(3):
        for number in range(options.keys):
            ask(number)
        time.sleep(0.5)  # what is written in the background
    table = "tiers" if "2" in name else "cache"
    before = int(_figures(client, table)["hits"])
    _time(name, options.reads, ask)
    print(f"{'':34} {int(_figures(client, table)['hits']) - before} of {options.reads} came from it")


def _table(server: LocalServer, client: psycopg.Connection, options: argparse.Namespace) -> None:
    over = threading.Event()

    def write() -> None:
        with _super(server) as one:
            while not over.wait(0.01):
                one.execute("update sale set amount = amount + 1 where id = 1")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        _time("without the rule, while it changes", min(options.reads, 100), lambda _: client.execute(SUMS).fetchall())
        with _super(server) as one:
            one.execute("select postai.edge_rule('sums', query => %s, cache_table => 'sums')", (SUMS,))
        end = time.monotonic() + 30
        while "in its place" not in str(client.execute("show postai.route", prepare=False).fetchall()):
            assert time.monotonic() < end, "the cache table is not read"
            client.execute(SUMS)
            time.sleep(0.2)
        _time("tier 3 (cache table), likewise", options.reads, lambda _: client.execute(SUMS).fetchall())
    finally:
        over.set()
        thread.join()


def _warm(server: LocalServer, client: psycopg.Connection, options: argparse.Namespace) -> None:
    before, kept = int(_figures(client)["warmed"]), int(_figures(client)["entries"])
    with _super(server) as one:
        one.execute("alter table item add note text")
    begun = time.perf_counter()
    warmed = last = 0
    while time.perf_counter() - begun < 60:
        warmed = int(_figures(client)["warmed"]) - before
        if warmed and warmed == last:
            break
        last = warmed
        time.sleep(0.5)
    print(f"after a flush of {kept} answers {warmed} were asked for again in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
