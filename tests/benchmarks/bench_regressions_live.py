"""Regressions on a real PostgreSQL 15: some 240 statements replayed, 20 troubles injected, all through the history.

    python tests/benchmarks/bench_regressions_live.py [--seed 1] [--interval 4] [--history 25] [--agent] [--show]

A private server with pg_stat_statements; postai installed; the collector reads every few seconds, the judge judges, and
what `postai.regressions` shows is compared with what was injected: dropped indexes, stale statistics (bulk loads with
autovacuum off), growing tables, and a second session that keeps rows locked. A trouble counts as found when a statement
on its table is reported within 3 intervals; a report on any other table, or before, is a false alarm.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg

from postai.database import connect
from postai.deadline import Deadline
from postai.observe.alerts import Alerts
from postai.observe.alerts_channels import channels
from postai.observe.collect import CollectLimits, Collector
from postai.service.judging import Judge
from postai.settings import AlertSettings
from postai.setup.server import LocalServer, debian_binaries, free_port

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from agent_support import AgentProcess, agent_dsn, install_postai  # noqa: E402

from conftest import TestDatabase, make_database, server_user  # noqa: E402

TABLES = 48
TROUBLES = ("dropped index", "stale statistics", "row growth", "lock storm")
RIGHT = {
    "dropped index": ("plan_changed",),
    "stale statistics": ("statistics_stale", "plan_changed"),
    "row growth": ("rows_changed",),
    "lock storm": ("lock_wait",),
}


WINDOWS = """
select s.query,
       array_agg(format('%%s %%s %%s %%s', x.calls, round((x.total_ms / x.calls)::numeric, 2),
                        (coalesce(x.blks_hit, 0) + coalesce(x.blks_read, 0)) / x.calls,
                        round(x.rows::numeric / x.calls, 1)) order by x.at)
  from postai.sample_statement as x join postai.statement as s on s.id = x.statement_id
 where s.query like %s group by 1
"""


@dataclass(frozen=True)
class Query:
    """One statement of the workload: `rate` calls a second, parameters from 1 to `most`."""

    table: int
    text: str
    rate: float
    most: tuple[int, ...]
    writes: bool = False


def create(database: psycopg.Connection, r: Random) -> list[int]:
    """The tables; gives how many rows each has."""
    sizes = []
    for n in range(TABLES):
        rows = r.choice((2000, 4000, 8000, 20000))
        sizes.append(rows)
        database.execute(f"""
            create table d{n} (k int, name text);
            insert into d{n} select i, md5(i::text) from generate_series(1, 2000) as i;
            create table t{n} (id int primary key, grp int, ref int, val numeric, status text, at timestamptz, pad text)
              with (autovacuum_enabled = off);
            insert into t{n}
            select i, i % ({rows} / 20), i % 2000, i, 'done', now() - i * interval '1 minute', repeat('x', 40)
              from generate_series(1, {rows}) as i;
            create index t{n}_grp on t{n} (grp);
            create index t{n}_at on t{n} (at);
            analyze t{n}, d{n}""")  # type: ignore[arg-type]
    return sizes


def workload(r: Random, sizes: list[int]) -> list[Query]:
    found = []
    for n, rows in enumerate(sizes):
        for text, most, writes in (
            (f"select id, val from t{n} where id = %s", (rows,), False),
            (f"select count(*), sum(val) from t{n} where grp = %s", (rows // 20,), False),
            (
                f"select t.id, d.name from t{n} t join d{n} d on d.k = t.ref where t.status = 'new' and t.val > %s",
                (9,),
                False,
            ),
            (
                f"select count(*) from t{n} where at > now() - %s * interval '1 minute' and grp = %s",
                (30, rows // 20),
                False,
            ),
            (f"update t{n} set val = val + 1 where id = %s", (8,), True),
        ):
            found.append(Query(n, text, r.uniform(0.7, 8.0), most, writes))
    return found


class Replay:
    """Threads that keep the workload running; calls that come late are not made up for."""

    def __init__(self, dsn: str, queries: list[Query], seed: int) -> None:
        self._stop = threading.Event()
        writers = [one for one in queries if one.writes]
        readers = [one for one in queries if not one.writes]
        parts = [readers[n::3] for n in range(3)] + [writers[n::12] for n in range(12)]
        self._threads = [
            threading.Thread(target=self._run, args=(dsn, part, seed + n), daemon=True) for n, part in enumerate(parts)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, dsn: str, queries: list[Query], seed: int) -> None:
        r = Random(seed)
        due = [(time.monotonic() + r.random() / one.rate, one) for one in queries]
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=3) as connection:
            while not self._stop.is_set():
                due.sort(key=lambda one: one[0])
                at, query = due[0]
                pause = at - time.monotonic()
                if pause > 0:
                    self._stop.wait(pause)
                connection.execute(query.text, [r.randint(1, most) for most in query.most])  # type: ignore[arg-type]
                due[0] = (max(at, time.monotonic() - 1) + r.expovariate(query.rate), query)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


class Storm:
    """A session that keeps the rows of a table locked most of the time."""

    def __init__(self, dsn: str, table: int, r: Random) -> None:
        self._dsn, self._table = dsn, table
        self._hold = r.uniform(0.2, 1.5)
        self._stop = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            while not self._stop.is_set():
                connection.execute(f"select from t{self._table} where id <= 8 for update")  # type: ignore[arg-type]
                self._stop.wait(self._hold)
                connection.commit()
                self._stop.wait(0.1)

    def stop(self) -> None:
        self._stop.set()


def inject(database: psycopg.Connection, dsn: str, trouble: str, table: int, rows: int, r: Random) -> Storm | None:
    if trouble == "dropped index":
        database.execute(f"drop index t{table}_grp")  # type: ignore[arg-type]
    elif trouble == "stale statistics":
        database.execute(f"""
            insert into t{table}
            select {rows} + i, i % ({rows} / 20), i, i, 'done', now() + i * interval '1 second', 'x'
              from generate_series(1, {rows} * {r.choice((0.3, 0.6, 1.0))}) as i""")  # type: ignore[arg-type]
    elif trouble == "row growth":
        database.execute(f"""
            insert into t{table}
            select {rows} + i, i % ({rows} / 20), i % 2000, i, 'done', now() - i * interval '1 minute', 'x'
              from generate_series(1, {rows} * {r.randint(3, 10)}) as i""")  # type: ignore[arg-type]
        if r.random() < 0.5:
            database.execute(f"analyze t{table}")  # type: ignore[arg-type]
    else:
        return Storm(dsn, table, r)
    return None


@contextmanager
def server() -> Iterator[LocalServer]:
    binaries = debian_binaries(15)
    assert binaries is not None, "PostgreSQL 15 is not installed"
    place = Path(tempfile.mkdtemp(prefix="postai-bench-"))
    place.chmod(0o755)
    one = LocalServer(binaries, place / "server", free_port(), server_user())
    one.create(fsync=False)
    one.start()
    try:
        yield one
    finally:
        one.stop("immediate")
        shutil.rmtree(place)


class Alone:
    """Collector and judge in this process, an interval at a time."""

    def __init__(self, dsn: str) -> None:
        self._db, self._looking = connect(dsn), connect(dsn)
        alerts = Alerts("bench", channels(AlertSettings(minimum_severity="LOW")), "LOW", Random(1))
        self._judge = Judge("bench", alerts)
        self._collector = Collector(CollectLimits(rest=0.0))  # every interval, however short
        self.spent: list[float] = []

    def interval(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._collector.look(self._looking, values=False)
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
        self._collector.collect(self._db, values=False)
        began = time.monotonic()
        self._judge.judge(self._db, Deadline.after(60))
        self._judge.look(self._db)
        self.spent.append(time.monotonic() - began)

    def close(self) -> None:
        self._db.close()
        self._looking.close()
        print(f"judging took {sum(self.spent) / len(self.spent) * 1000:.0f} ms an interval")


class WithAgent:
    """The sidecar as people run it; an interval is one that it collected and judged."""

    def __init__(self, database: TestDatabase, place: Path, seconds: float) -> None:
        self._database = database
        database.execute(f"select postai.set('collect_interval', '{seconds} s')")
        self._agent = AgentProcess(place, [("bench", agent_dsn(database.server, database.name, place))]).start()
        self._until: object = None

    def interval(self, seconds: float) -> None:
        end = time.monotonic() + 20 * seconds + 60
        while time.monotonic() < end:
            now = self._database.execute("select judged_until from postai.judge_state")[0][0]
            if now is not None and now != self._until:
                self._until = now
                return
            time.sleep(0.2)
        raise AssertionError(self._agent.log_file.read_text()[-4000:])

    def close(self) -> None:
        self._agent.stop()
        lines = [one for one in self._agent.log() if one.get("level") not in ("info", "INFO")]
        print(f"the agent said {len(lines)} things that were no information", *lines[:5], sep="\n  ")


@dataclass
class Score:
    """What was found of what was injected."""

    show: bool
    injected: dict[int, tuple[str, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    reported: set[int] = field(default_factory=set)

    def look(self, database: psycopg.Connection, n: int) -> None:
        """Count what is new in postai.regressions after interval n."""
        for number, cause, factor, query, why, mitigation, severity in database.execute(
            "select id, cause, factor, query, why, mitigation, severity from postai.regressions order by id"
        ):
            if number in self.reported:
                continue
            self.reported.add(number)
            table = _table(query)
            trouble, at = self.injected.get(table, ("nothing", n))
            if self.show:
                print(f"  {n}: {trouble} {n - at + 1} {cause} {factor} {severity} {query}")
                print(f"      {why}\n      {mitigation}")
            if trouble == "nothing":
                self.counts["false"] += 1
            elif table not in self.seen:
                self.seen.add(table)
                in_time = n - at < 3
                right = in_time and cause in RIGHT[trouble]
                self.counts["found" if in_time else "late"] += 1
                self.counts["right"] += right
                self.counts[f"found {trouble}"] += in_time
                self.counts[f"right {trouble}"] += right

    def missed(self, database: psycopg.Connection) -> None:
        for table, (trouble, at) in self.injected.items():
            if table not in self.seen:
                print(f"  missed: {trouble} on t{table} at {at}; calls, ms, blocks, rows of a call:")
                for row in database.execute(WINDOWS, (f"%t{table} %",)):
                    print(f"    {row}")


def run(options: argparse.Namespace) -> Counter[str]:
    r = Random(options.seed)
    with server() as one:
        database = make_database(one)
        install_postai(database, "dblink" if options.agent else "call")
        dsn = database.dsn()
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("create extension if not exists pg_stat_statements")
            sizes = create(admin, r)
            replay = Replay(dsn, workload(r, sizes), options.seed)
            way = WithAgent(database, one.root.parent / "agent", options.interval) if options.agent else Alone(dsn)
            victims = r.sample(range(TABLES), 20)
            plan = [(options.history + 2 + n + n // 3, TROUBLES[n % 4], table) for n, table in enumerate(victims)]
            score = Score(options.show)
            storms: list[Storm] = []
            try:
                for n in range(plan[-1][0] + 6):
                    for at, trouble, table in plan:
                        if at == n:
                            score.injected[table] = (trouble, n)
                            storm = inject(admin, dsn, trouble, table, sizes[table], r)
                            storms += [storm] if storm else []
                    way.interval(options.interval)
                    score.look(admin, n)
            finally:
                replay.stop()
                for storm in storms:
                    storm.stop()
                way.close()
            if options.show:
                score.missed(admin)
            for part, ms in admin.execute("select part, cost_ms from postai.collect_state"):
                print(f"collecting {part}: {ms or 0:.0f} ms")
    return score.counts


def _table(query: str | None) -> int:
    words = [word for word in (query or "").replace("(", " ").split() if word[:1] == "t" and word[1:].isdigit()]
    return int(words[0][1:]) if words else -1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interval", type=float, default=4.0, help="seconds")
    parser.add_argument("--history", type=int, default=25, help="intervals before the first trouble")
    parser.add_argument("--agent", action="store_true", help="run the sidecar instead of its parts in this process")
    parser.add_argument("--show", action="store_true", help="print every report")
    options = parser.parse_args()
    counts = run(options)
    print(f"found {counts['found']} of 20 within 3 intervals (late {counts['late']}), cause right {counts['right']}, "
          f"false alarms {counts['false']}")  # fmt: skip
    for trouble in TROUBLES:
        print(f"  {trouble}: found {counts[f'found {trouble}']}, cause right {counts[f'right {trouble}']} of 5")
    return 0 if counts["found"] >= 18 and counts["right"] >= 15 and counts["false"] <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
