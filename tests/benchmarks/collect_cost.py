"""What the collection costs a busy server with 5,000 statements in pg_stat_statements.

    python tests/benchmarks/collect_cost.py [--rounds 5] [--seconds 60] [--statements 5000] [--major 15]

pgbench (-S, so that the cores are the limit) runs alternately without and with a process that collects once in
`seconds` and looks once a second; before each run all statements run once, so that the collection finds every one
changed. The limit is 0.5 % of the transactions. As the ratio of two runs is noisier than that, the CPU of the
collecting process and of its backend is measured too: it is what the transactions lose on a server whose cores are all
busy.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time

import psycopg
from stand import AGENT, Stand, cpu, stand

from conftest import TestDatabase
from postai.database import Pool, connect
from postai.deadline import Deadline
from postai.observe.collect import CollectLimits, Collector
from postai.service.collect_duty import CollectDuty
from postai.setup.server import debian_binaries

COLUMNS = 80


def main() -> None:
    if sys.argv[1:2] == ["--collect"]:
        collect(sys.argv[2])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60, help="interval of the collection, and length of a run")
    parser.add_argument("--statements", type=int, default=5000)
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    options = parser.parse_args()
    with stand(options.major) as place:
        database = prepare(place, options.statements, options.seconds)
        alone(database, options.statements)
        rounds(place, database, options)


def prepare(place: Stand, statements: int, seconds: int) -> TestDatabase:
    with (place.server.data / "postgresql.conf").open("a") as file:
        file.write(f"pg_stat_statements.max = {statements + 1000}\n")
    place.server.stop()
    place.server.start()
    database = place.database("call")
    columns = ", ".join(f"c{at} int" for at in range(COLUMNS))
    database.execute(
        f"create extension pg_stat_statements; create table wide (id int primary key, {columns});"
        "insert into wide (id, c0) select i, i from generate_series(1, 100) as i; analyze wide;"
        f"grant select on wide to postai_agent; select postai.set('collect_interval', '{seconds}s')"
    )
    subprocess.run(pgbench(place, "-i", "-s", "10", "-q"), check=True, env=environment(database), capture_output=True)
    run_all(database, statements)
    return database


def run_all(database: TestDatabase, statements: int) -> None:
    """Run so many different statements once."""
    with database.connect() as session:
        for at in range(statements):
            session.execute(f"select c{at % COLUMNS} from wide where id = 5 and c{at // COLUMNS} = 3")


def alone(database: TestDatabase, statements: int) -> None:
    """One collection with every statement changed, on an idle server."""
    collector = Collector(CollectLimits(rest=0.0))
    with connect(database.dsn(AGENT)) as db:
        took: list[tuple[float, float, float]] = []
        for turn in range(8):
            run_all(database, statements)
            began, own, server = time.perf_counter(), time.process_time(), cpu(db.backend_pid)
            collector.collect(db, values=False)
            ended = (time.perf_counter() - began, time.process_time() - own, cpu(db.backend_pid) - server)
            if turn > 1:  # the first tells nothing, the second meets the texts
                took.append(ended)
        states = db.query("select part, cost_ms, rows from postai.collect_state order by cost_ms desc")
    clock, agent, backend = (statistics.median(one[at] for one in took) * 1000 for at in range(3))
    print(f"one collection, {statements} statements changed: {clock:.0f} ms, of which {agent:.0f} ms CPU of the agent")
    print(f"and {backend:.0f} ms CPU of the server; parts: {', '.join(f'{p} {c:.0f} ms' for p, c, _ in states)}")


def rounds(place: Stand, database: TestDatabase, options: argparse.Namespace) -> None:
    ratios, shares = [], []
    for number in range(options.rounds):
        tps = {}
        for collecting in (False, True) if number % 2 else (True, False):
            run_all(database, options.statements)
            process = start(database) if collecting else None
            pid = backend(database) if collecting else 0
            if collecting:
                time.sleep(3)  # its first turn only reads
                run_all(database, options.statements)
            before = (cpu(process.pid), cpu(pid)) if process else (0.0, 0.0)
            tps[collecting] = bench(place, database, options.seconds)
            if process:
                agent, server = cpu(process.pid) - before[0], cpu(pid) - before[1]
                shares.append((agent, server))
                process.terminate()
                process.wait()
        ratios.append(tps[True] / tps[False])
        agent, server = shares[-1]
        print(f"round {number + 1}: {tps[False]:.0f} tps without, {tps[True]:.0f} with: {ratios[-1]:.4f};"
              f" CPU: agent {agent:.2f} s, its backend {server:.2f} s", flush=True)  # fmt: skip
    agent, server = (statistics.median(one[at] for one in shares) for at in range(2))
    whole = options.seconds * (os.cpu_count() or 1)
    share = (agent + server) / whole
    print(f"median ratio {statistics.median(ratios):.4f} (limit 0.995)")
    print(f"CPU in {options.seconds} s: agent {agent:.2f} s, server {server:.2f} s: {share:.2%} of the cores")


def start(database: TestDatabase) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "--collect", database.dsn(AGENT)], stdin=subprocess.PIPE)


def backend(database: TestDatabase) -> int:
    """Process id of the collector's backend, once it is there."""
    while True:
        found = database.execute(f"select pid from pg_stat_activity where usename = '{AGENT}'")
        if found:
            return int(str(found[0][0]))
        time.sleep(0.05)


def collect(dsn: str) -> None:
    """Collect until the process is ended."""
    with Pool(dsn, max_size=2) as pool:
        duty = CollectDuty("bench", pool)
        duty.begin()
        try:
            sys.stdin.read()
        finally:
            duty.stop(Deadline.after(5))


def bench(place: Stand, database: TestDatabase, seconds: int) -> float:
    command = pgbench(place, "-S", "-n", "-c", "4", "-j", "2", "-T", str(seconds))
    done = subprocess.run(command, check=True, env=environment(database), capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def pgbench(place: Stand, *arguments: str) -> list[str]:
    binaries = debian_binaries(15) or place.server.binaries
    return [str(binaries.bin / "pgbench"), *arguments]


def environment(database: TestDatabase) -> dict[str, str]:
    info = psycopg.conninfo.conninfo_to_dict(database.dsn())
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    return {**os.environ, **{names[key]: str(value) for key, value in info.items() if key in names}}


if __name__ == "__main__":
    main()
