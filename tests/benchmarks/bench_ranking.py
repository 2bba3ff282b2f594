"""How long the ranking of statements takes over 2.4 million intervals, with the sums of full hours and without them.

    python tests/benchmarks/bench_ranking.py [--rounds 5]

The history: 1,000 statements; minutes of the last 14 days, 113 statements in each, and hours of the 16 days before.
Limit: a second for 30 days. What sums cost: making them, their size, and what their trigger adds to a turn of the
collection that writes 500 rows. CPU is that of the session's backend.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from stand import cpu, stand

from postai.database import Database, connect, named_sql
from postai.deadline import Deadline
from postai.history.prune import prune
from postai.observe.ranking import rank
from postai.setup.install import InstallOptions, install

HISTORY = Path(__file__).with_name("ranking.sql")
TURN = """
insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms)
select clock_timestamp(), s.id, 60, 1, 1 from postai.statement as s order by s.id limit 500
"""
SIZE = """
select pg_total_relation_size('postai.sample_statement') / 1e6, pg_total_relation_size('postai.statement_sum') / 1e6
"""


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for major in (15, 18):
        with stand(major) as own, connect(own.server.dsn(), statement_timeout_ms=600_000) as db:
            install(db, InstallOptions(transport="call"))
            for block in named_sql.parse(HISTORY.read_text(), where=HISTORY.name).values():
                db.execute(block)
            db.execute("set jit = off")  # as the dashboard's sessions have it
            ((intervals,),) = db.query("select count(*) from postai.sample_statement")
            print(f"PostgreSQL {major}, {intervals:,} intervals, load {os.getloadavg()[0]:.1f}", flush=True)
            _ranges(db, "from intervals", 1)
            _tell("summing up", *_timed(db, lambda: _sum_up(db)))
            db.execute("vacuum analyze postai.statement_sum")
            ((samples, sums),) = db.query(SIZE)
            print(f"  {samples:.0f} MB of intervals, {sums:.0f} MB of sums")
            _ranges(db, "from sums", rounds)
            _trigger(db, rounds)


def _sum_up(db: Database) -> None:
    ((now,),) = db.query("select now()")
    done = prune(db, now, raw=timedelta(days=365), most_bytes=1 << 50, deadline=Deadline.after(600))
    assert done.finished and done.summed > 300, done


def _ranges(db: Database, how: str, rounds: int) -> None:
    for name, hours in (("1 hour", 1), ("24 hours", 24), ("7 days", 168), ("30 days", 720)):
        found = [_timed(db, lambda hours=hours: rank(db, hours=hours)) for _ in range(rounds)]
        _tell(f"{name} {how}", *(statistics.median(values) for values in zip(*found, strict=True)))


def _trigger(db: Database, rounds: int) -> None:
    for name, statement in (("with", "enable"), ("without", "disable")):
        db.execute(f"alter table postai.sample_statement {statement} trigger forget_sums_of_new")
        found = [_timed(db, lambda: db.execute(TURN)) for _ in range(10 * rounds)]
        _tell(f"500 rows {name} the trigger", *(statistics.median(values) for values in zip(*found, strict=True)))


def _timed(db: Database, what: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU in milliseconds."""
    used, begun = cpu(db.backend_pid), time.perf_counter()
    what()
    return (time.perf_counter() - begun) * 1000, (cpu(db.backend_pid) - used) * 1000


def _tell(name: str, wall: float, used: float) -> None:
    print(f"  {name:32} {wall:8.1f} ms, CPU {used:6.0f} ms", flush=True)


if __name__ == "__main__":
    main()
