"""A backfill of a million rows while pgbench writes: its speed, what it costs the others, and how long anybody waits.

    python tests/benchmarks/bench_backfill.py [--rows 1000000] [--major 15] [--rounds 3] [--seconds 20]

A round: pgbench alone, then the backfill through the step runner under the same pgbench; at the end the plain UPDATE,
alone and under pgbench. pgbench updates rows of the table that is filled, with `--clients` sessions at `--rate`
transactions a second (0 = as many as it can). Then a strong lock is waited for behind an open transaction, and the
longest stall of a reader and a writer is compared with the lock time-out.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from stand import stand

from conftest import TestDatabase
from postai import database as db
from postai.deadline import Deadline
from postai.proposals import Draft, DraftStep, Runner, RunnerOptions, create
from postai.proposals.types import Backfill
from postai.setup.install import install

PGBENCH = """\\set id random(1, :rows)
begin;
update s.t set n = n + 1 where id = :id;
select n from s.t where id = :id;
end;
"""

ROLES = """
do $$ begin
  create role bench_owner nologin;
  create role bench_boss login password 'bench_boss' in role postai_operator, bench_owner;
  create role bench_agent login password 'bench_agent' in role postai_agent, bench_owner, pg_monitor;
end $$;
create schema s authorization bench_owner;
"""


def fill(database: TestDatabase, rows: int) -> None:
    """The table as it is before each backfill."""
    with database.connect() as session:
        session.execute("set role bench_owner")
        session.execute("drop table if exists s.t")
        session.execute("create table s.t (id bigint primary key, n int not null, note text, filled text)")
        session.execute(f"insert into s.t select i, 0, md5(i::text) from generate_series(1, {rows}) as i")
        session.execute("reset role")
        session.execute("vacuum analyze s.t")
        session.execute("checkpoint")


@contextlib.contextmanager
def pgbench(database: TestDatabase, place: Path, options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """The load, from here to the end of the block; tps and failed transactions of that time are in the dict then."""
    script = place / "load.sql"
    script.write_text(PGBENCH)
    command = [
        "pgbench", "-n", "-M", "prepared", "-f", str(script), "-c", str(options.clients), "-T", "3600", "-P", "1",
        "-D", f"rows={options.rows}", *(["-R", str(options.rate)] if options.rate else []), database.dsn(),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.extend(process.stdout or ()))
    reader.start()
    time.sleep(1.5)
    found: dict[str, float] = {}
    first = len(told)
    try:
        yield found
    finally:
        process.terminate()
        reader.join()
        process.wait()
        lines = [line for line in told[first:] if line.startswith("progress")]
        rates = [float(found_[1]) for line in lines if (found_ := re.search(r"([0-9.]+) tps", line))]
        found["tps"] = statistics.mean(rates) if rates else 0.0
        found["failed"] = sum(int(n[1]) for line in lines if (n := re.search(r"(\d+) failed", line)))
        found["errors"] = sum("ERROR" in line or "error" in line for line in told)


def backfill(database: TestDatabase, rows: int, limits: RunnerOptions) -> float:
    """Seconds that the step runner takes."""
    step = DraftStep(
        "UPDATE s.t SET filled = note || 'x' WHERE filled IS NULL",
        step_class="batched",
        backfill=Backfill("s.t", ("id",), {"filled": "note || 'x'"}, "filled IS NULL"),
    )
    with db.connect(database.dsn("bench_agent")) as agent:
        proposal = create(agent, Draft(kind="migrate", title="x", why="x", steps=(step,)))
    database.execute(f"select postai.apply({proposal}, unsafe => true)", "bench_boss")
    begin = time.monotonic()
    result = Runner(lambda: db.connect(database.dsn("bench_agent")), "bench", options=limits).run_next(
        Deadline.after(3600)
    )
    took = time.monotonic() - begin
    assert result is not None and result.state == "done", result
    assert database.execute("select count(*) from s.t where filled is null")[0][0] == 0
    assert database.execute("select count(*) from s.t")[0][0] == rows
    return took


def plain(database: TestDatabase) -> float:
    """Seconds that one UPDATE takes."""
    begin = time.monotonic()
    database.execute("update s.t set filled = note || 'x' where filled is null")
    return time.monotonic() - begin


def stalls(database: TestDatabase, lock_timeout: float) -> tuple[float, float]:
    """Longest wait of a reader and of a writer while a strong lock is waited for behind an open transaction."""
    longest = {"read": 0.0, "write": 0.0}
    stop = threading.Event()

    def work(kind: str, statement: str) -> None:
        with database.connect() as session:
            while not stop.is_set():
                begin = time.monotonic()
                session.execute(statement)  # type: ignore[arg-type]
                longest[kind] = max(longest[kind], time.monotonic() - begin)

    threads = [
        threading.Thread(target=work, args=("read", "select n from s.t where id = 5")),
        threading.Thread(target=work, args=("write", "update s.t set n = n + 1 where id = 6")),
    ]
    with db.connect(database.dsn("bench_agent")) as agent:
        step = DraftStep("ALTER TABLE s.t ADD COLUMN extra int", undo="ALTER TABLE s.t DROP COLUMN extra")
        proposal = create(agent, Draft(kind="migrate", title="x", why="x", steps=(step,)))
    database.execute(f"select postai.apply({proposal})", "bench_boss")
    options = RunnerOptions(lock_timeout=lock_timeout)
    holder = database.connect(autocommit=False)
    holder.execute("select n from s.t where id = 1")
    for one in threads:
        one.start()
    threading.Timer(15.0, holder.rollback).start()
    result = Runner(lambda: db.connect(database.dsn("bench_agent")), "bench", options=options).run_next(
        Deadline.after(120)
    )
    stop.set()
    for one in threads:
        one.join()
    holder.close()
    assert result is not None and result.state == "done", result
    return longest["read"], longest["write"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long pgbench runs alone in each round")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=int, default=1000, help="transactions a second that pgbench is to make; 0 = all")
    parser.add_argument("--batch-ms", type=float, help="what a batch should take (the runner's own figure)")
    parser.add_argument("--rest", type=float, help="pause after a batch, as a part of it (the runner's own figure)")
    options = parser.parse_args()
    own = RunnerOptions()
    limits = RunnerOptions(
        batch_ms=own.batch_ms if options.batch_ms is None else options.batch_ms,
        batch_rest=own.batch_rest if options.rest is None else options.rest,
    )
    with stand(options.major) as place:
        database = place.database("call")
        with db.connect(database.dsn()) as owner:
            install(owner)
        database.execute(ROLES)
        alone, under, times, plains, loaded, errors = [], [], [], [], [], 0.0
        for number in range(options.rounds):
            fill(database, options.rows)
            with pgbench(database, place.place, options) as quiet:
                time.sleep(options.seconds)
            with pgbench(database, place.place, options) as busy:
                times.append(backfill(database, options.rows, limits))
            alone.append(quiet["tps"])
            under.append(busy["tps"])
            errors += busy["errors"] + busy["failed"]
            fill(database, options.rows)
            plains.append(plain(database))
            fill(database, options.rows)
            with pgbench(database, place.place, options):
                loaded.append(plain(database))
            print(
                f"round {number + 1}: pgbench {alone[-1]:.0f} tps alone, {under[-1]:.0f} beside the backfill"
                f" ({under[-1] / alone[-1]:.0%}); backfill {times[-1]:.1f} s, plain UPDATE {plains[-1]:.1f} s alone"
                f" ({plains[-1] / times[-1]:.0%} of its speed), {loaded[-1]:.1f} s under pgbench"
                f" ({loaded[-1] / times[-1]:.0%})",
                flush=True,
            )
        ratio = statistics.median(b / a for a, b in zip(alone, under, strict=True))
        speed = statistics.median(p / t for p, t in zip(plains, times, strict=True))
        same = statistics.median(p / t for p, t in zip(loaded, times, strict=True))
        print(
            f"PostgreSQL {options.major}, {options.rows} rows: tps {ratio:.0%} of undisturbed, speed {speed:.0%} of the"
            f" plain UPDATE alone and {same:.0%} of it under the same load, errors {errors:.0f}"
        )
        read, write = stalls(database, 0.5)
        print(f"lock_timeout 500 ms: longest stall of a reader {read * 1000:.0f} ms, of a writer {write * 1000:.0f} ms")


if __name__ == "__main__":
    main()
