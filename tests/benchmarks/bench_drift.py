"""How long looking for drift takes, with 100 and with 1,000 tables.

    python tests/benchmarks/bench_drift.py                # private servers, removed afterwards
    python tests/benchmarks/bench_drift.py --rounds 9

A table has ten columns, defaults, an identity, a CHECK, a unique constraint, a foreign key, and three indexes. First
looks are in sessions of their own, whose caches are empty; the others follow in one session. Limits: 100 ms for 100
tables, 300 ms for 1,000. "changed" is a look that finds a difference, so that parts are compared too. CPU is that of
the session's backend and of this process: on a busy machine the wall time says more about the machine.
"""

from __future__ import annotations

import argparse
import statistics
import time

from migrate_plan import TABLES
from stand import cpu, stand

from postai.database import Database, connect
from postai.migrate.drift_store import drift, take
from postai.setup.server import LocalServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for major in (15, 18):
        with stand(major) as place:
            for tables in (100, 1000):
                measure(place.server, tables, rounds)


def measure(server: LocalServer, tables: int, rounds: int) -> None:
    name = f"drift_{tables}"
    with connect(server.dsn()) as db:
        db.execute(f"create database {name}")
    with connect(server.dsn(name)) as db:
        db.execute(TABLES.replace("1..1000", f"1..{tables}"))
        db.execute("vacuum analyze")
        take(db, "the benchmark")
    firsts = []
    for _ in range(rounds):
        with connect(server.dsn(name)) as db:
            firsts += timed(db, 1)
    with connect(server.dsn(name)) as db:
        drift(db)
        later = timed(db, rounds)
        db.execute("alter table t7 alter note set not null")
        changed = timed(db, rounds)
    for words, looks in (("first look", firsts), ("later looks", later), ("changed", changed)):
        walls = [wall for wall, _ in looks]
        print(
            f"PostgreSQL {server.binaries.major}, {tables} tables, {words}: median {statistics.median(walls):.0f} ms,"
            f" slowest {max(walls):.0f} ms, CPU {statistics.median(used for _, used in looks):.0f} ms",
            flush=True,
        )


def timed(db: Database, rounds: int) -> list[tuple[float, float]]:
    """Milliseconds of each look, and CPU of the backend and of this process."""
    backend = int(db.query("select pg_backend_pid()")[0][0])
    found = []
    for _ in range(rounds):
        began, before = time.perf_counter(), cpu(backend) + time.process_time()
        drift(db)
        wall = time.perf_counter() - began
        found.append((wall * 1000, (cpu(backend) + time.process_time() - before) * 1000))
    return found


if __name__ == "__main__":
    main()
