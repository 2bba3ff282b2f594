"""Made-up histories of statements for the benchmark of regressions: noise of many kinds, and troubles put into some.

Nothing here knows how regressions are found. Every statement draws its own kind of noise, so that no single model of
noise is right for all of them:

- single calls: log-normal with narrow or wide spread, or with heavy (Pareto) tails; two kinds of parameters, cheap and
  dear ones; means rounded as the server's counters give them;
- calls: daily cycles, bursts, sparse statements, statements that pause;
- cost: cold caches at first, slow drift, cycles with the load, single slow windows (a checkpoint, a neighbour), plans
  whose shape changes without harm, row counts that wander;
- the machine: slow phases of several windows in which everything takes longer; a restart with cold caches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from postai.history.types import IndexWindow, StatementKey, StatementWindow, TableWindow, WaitWindow
from postai.observe.regressions_types import Facts, Interval, LostIndex, TableFacts

Trouble = Literal["dropped index", "stale statistics", "row growth", "lock storm"]
TROUBLES: tuple[Trouble, ...] = ("dropped index", "stale statistics", "row growth", "lock storm")
RIGHT: Mapping[Trouble, tuple[str, ...]] = {
    "dropped index": ("plan_changed",),
    "stale statistics": ("statistics_stale", "plan_changed"),
    "row growth": ("rows_changed",),
    "lock storm": ("lock_wait",),
}
"""What a person would call the cause of each trouble."""

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class Table:
    oid: int
    name: str
    rows: float
    growth: float
    changed: float = 0.0
    kept: bool = True
    seen: float = 0.0


@dataclass
class Statement:
    """One statement and its kind of noise; see `_statement` for what the numbers mean."""

    key: StatementKey
    text: str
    table: Table
    index: int
    rate: float
    mean_ms: float
    blocks: float
    rows: float
    spread: float
    tail: float | None
    dear_share: float
    dear_factor: float
    cycle: float
    phase: float
    time_cycle: float
    drift: float
    warm_up: float
    spikes: float
    bursts: float
    pause: tuple[int, int]
    rows_wander: float
    locks: float
    plan_flip: int | None
    scans_table: bool
    table_rows: float
    hash: str | None


@dataclass(frozen=True)
class Injected:
    statement: Statement
    trouble: Trouble
    at: int
    factor: float
    share: float
    cpu_only: bool
    least_wait: float


@dataclass
class History:
    """A world of 200 statements; `interval(i)` must be called in order."""

    seed: int
    length: int
    statements: list[Statement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    injected: dict[int, Injected] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        r = self.random
        self.seconds = r.choice((5, 10, 60, 60, 300))
        self.day = r.choice((60, 150, 1440, 288))
        self.hashes = r.random() < 0.4  # the shape of plans is known
        self.sampled = r.random() < 0.9  # waits are sampled
        self.looks = r.choice((3, 5, 12))
        self.restart = r.randrange(10, self.length) if r.random() < 0.2 else None
        self.machine = 0.0
        self.slow_until, self.slow = 0, 0.0
        for n in range(40):
            grows = r.choice((0.0, 0.0, 0.0, 0.0005, 0.003, 0.01))
            self.tables.append(Table(16384 + n, f"t{n}", 10 ** r.uniform(2, 6.5), grows))
        for n in range(200):
            self.statements.append(_statement(r, n, self.tables[r.randrange(40)], self))
        # Trouble goes into statements of which something can be seen: three calls an interval, 4 s of load a day.
        lively = [
            one
            for one in self.statements
            if one.rate >= 3.0 and one.pause[0] > self.length and one.rate * one.mean_ms / self.seconds >= 0.05
        ]
        for n, one in enumerate(r.sample(lively, 20)):
            trouble = TROUBLES[n % 4]
            one.table = Table(17000 + n, f"u{n}", one.table.rows, one.table.growth)  # trouble for this one alone
            self.tables.append(one.table)
            one.text = f"SELECT a FROM public.u{n} WHERE a = $1"
            at = r.randrange(20, self.length - 12)
            self.injected[one.key.queryid] = Injected(
                one,
                trouble,
                at,
                factor=math.exp(r.uniform(math.log(2.5), math.log(60))),
                share=r.uniform(0.3, 1.0),
                cpu_only=r.random() < 0.3,
                least_wait=10 ** r.uniform(1, 2.7),
            )
            if trouble == "lock storm" and r.random() < 0.7:
                one.text = f"UPDATE public.{one.table.name} SET b = $1 WHERE a = $2"

    def interval(self, i: int) -> Interval:
        r = self.random
        start = EPOCH + timedelta(seconds=i * self.seconds)
        end = start + timedelta(seconds=self.seconds)
        self.machine = 0.7 * self.machine + r.gauss(0, 0.08)
        if i >= self.slow_until and r.random() < 0.03:
            self.slow_until, self.slow = i + r.randrange(1, 6), r.uniform(0.3, 1.3)
        machine = self.machine + (self.slow if i < self.slow_until else 0.0)
        for table in self.tables:
            added = table.rows * table.growth * r.uniform(0.5, 1.5)
            table.rows += added
            table.changed = 0.0 if table.kept and r.random() < 0.1 else table.changed + added
        waits: list[WaitWindow] = []
        windows: list[StatementWindow] = []
        scans: dict[int, list[float]] = {}
        for one in self.statements:
            injected = self.injected.get(one.key.queryid)
            hit = injected if injected is not None and i >= injected.at else None
            if hit is not None and i == hit.at:
                self._begin(hit, start)
            window = self._window(one, hit, i, start, end, machine, waits)
            if window is not None:
                windows.append(window)
                dropped = hit is not None and hit.trouble == "dropped index"
                usage = scans.setdefault(one.table.oid if one.scans_table or dropped else -one.index, [0.0, 0.0])
                usage[0] += window.calls
                usage[1] += window.rows
        return Interval(start, end, tuple(windows), self._tables(scans, start, end), self._indexes(scans, start, end),
                        tuple(waits))  # fmt: skip

    def _begin(self, hit: Injected, start: datetime) -> None:
        table = hit.statement.table
        lost, stale = list(self.facts.lost_indexes), dict(self.facts.tables)
        if hit.trouble == "dropped index":
            lost.append(
                LostIndex(table.oid, f"public.i{hit.statement.index}",
                          f"CREATE INDEX i{hit.statement.index} ON public.{table.name} USING btree (a)", start)
            )  # fmt: skip
        elif hit.trouble == "stale statistics":
            table.kept = False
            growth = self.random.uniform(1.15, 1.8)
            added = table.rows * (growth - 1)
            table.changed += added
            table.rows += added
        elif hit.trouble == "row growth" and hit.share > 0.5:
            table.changed += table.rows * (hit.factor - 1)  # the whole table grew, not only what this one looks at
            table.rows *= hit.factor
        elif hit.trouble == "row growth":
            table.changed += table.rows * 0.05
            table.rows *= 1.05
        self.facts = Facts(lost_indexes=tuple(lost), tables=stale)

    def facts_now(self, i: int) -> Facts:
        """What the catalog says after interval i."""
        now = EPOCH + timedelta(seconds=(i + 1) * self.seconds)
        tables = {
            t.oid: TableFacts(
                t.oid, "public", t.name, int(t.changed), int(t.rows), now - timedelta(hours=1), i % 2 == 0
            )
            for t in self.tables
        }
        return Facts(lost_indexes=self.facts.lost_indexes, tables=tables)

    def _window(
        self, one: Statement, hit: Injected | None, i: int, start: datetime, end: datetime, machine: float,
        waits: list[WaitWindow],
    ) -> StatementWindow | None:  # fmt: skip
        r = self.random
        if one.pause[0] <= i < one.pause[1]:
            return None
        rate = one.rate * (1 + one.cycle * math.sin(2 * math.pi * (i / self.day + one.phase)))
        if r.random() < one.bursts:
            rate *= r.uniform(3, 15)
        calls = _poisson(r, rate)
        if calls == 0:
            return None
        warm = one.warm_up * math.exp(-i / 4)
        if self.restart is not None and i >= self.restart:
            warm += one.warm_up * math.exp(-(i - self.restart) / 2)
        level = machine + math.log1p(warm) + one.drift * i / self.length
        level += one.time_cycle * math.sin(2 * math.pi * (i / self.day + one.phase))
        if r.random() < one.spikes:
            level += r.uniform(0.3, 1.5)
        costs, dear = _calls(r, one, calls)
        blocks = one.blocks * (calls + dear * (one.dear_factor - 1))
        wander = math.exp(r.gauss(0, one.rows_wander))
        rows = one.rows * calls * wander
        base = [one.mean_ms * cost for cost in costs]
        if one.scans_table and hit is None:
            blocks *= one.table.rows / one.table_rows
        lock_ms = 0.0
        times = [cost * math.exp(level) for cost in base]
        if hit is not None and hit.trouble == "dropped index":
            blocks = blocks * hit.factor * 2 + calls * 5
            times = [t * hit.factor for t in times]
        elif hit is not None and hit.trouble == "stale statistics":
            blocks *= 1.2 if hit.cpu_only else hit.factor * 1.5
            times = [t * hit.factor for t in times]
        elif hit is not None and hit.trouble == "row growth":
            if hit.share <= 0.5:
                rows *= hit.factor
            blocks *= hit.factor ** r.uniform(0.8, 1.1)
            times = [t * hit.factor ** r.uniform(0.8, 1.1) for t in times]
        elif hit is not None:
            for n in range(calls):
                if r.random() < hit.share:
                    wait = max(one.mean_ms * hit.factor / hit.share, hit.least_wait) * r.uniform(0.5, 2.0)
                    times[n] += wait
                    lock_ms += wait
        elif r.random() < one.locks:
            lock_ms = one.mean_ms * r.uniform(0.5, 3.0)
            times[0] += lock_ms
        self._wait(one, lock_ms, waits, start, end, "Lock")
        self._wait(one, sum(times) - lock_ms, waits, start, end, "CPU")
        read_share = min(0.9, 0.02 + 0.4 * warm)
        total = sum(times)
        mean = total / calls
        variance = sum((t - mean) ** 2 for t in times) / calls
        shape = one.hash if self.hashes else None
        if shape is not None and one.plan_flip is not None and i >= one.plan_flip:
            shape += "'"
        if shape is not None and hit is not None and hit.trouble in ("dropped index", "stale statistics"):
            shape += "!"
        touched = round(blocks)
        reads = round(blocks * read_share * r.uniform(0.7, 1.3))
        return StatementWindow(
            one.key, one.text, start, end, calls, round(total, 4), math.sqrt(variance), round(rows),
            max(0, touched - reads), min(touched, reads), plan_hash=shape,
        )  # fmt: skip

    def _wait(
        self, one: Statement, ms: float, waits: list[WaitWindow], start: datetime, end: datetime, kind: str
    ) -> None:
        """What sampling sees of so many milliseconds."""
        if not self.sampled or ms <= 0:
            return
        seen = _poisson(self.random, ms / 1000 / self.seconds * self.looks)
        if seen:
            event = "transactionid" if kind == "Lock" else ""
            waits.append(WaitWindow(one.key.queryid, kind, event, start, end, seen, self.looks))

    def _tables(self, scans: Mapping[int, list[float]], start: datetime, end: datetime) -> tuple[TableWindow, ...]:
        found = []
        for table in self.tables:
            before, table.seen = table.seen or table.rows, table.rows
            seq, read = scans.get(table.oid, (0.0, 0.0))
            found.append(
                TableWindow(table.oid, "public", table.name, start, end, int(seq), int(read),
                            n_tup_ins=round(table.rows - before),
                            live_rows=int(table.rows), bytes=int(table.rows * 100))
            )  # fmt: skip
        return tuple(found)

    def _indexes(self, scans: Mapping[int, list[float]], start: datetime, end: datetime) -> tuple[IndexWindow, ...]:
        found = []
        for one in self.statements:
            used = scans.get(-one.index)
            if used:
                found.append(
                    IndexWindow(
                        one.index, one.table.oid, "public", f"i{one.index}", start, end, int(used[0]), int(used[1])
                    )
                )
        return tuple(found)


def _statement(r: Random, n: int, table: Table, world: History) -> Statement:
    rate = 10 ** r.uniform(-0.5, 3.0)  # calls a window: from one in three windows to a thousand
    mean = 10 ** r.uniform(-1.7, 2.5)
    dear = r.random() < 0.25
    pause = r.randrange(5, world.length) if r.random() < 0.1 else world.length + 1
    return Statement(
        key=StatementKey(1000 + n, 10, 5, True),
        text=f"SELECT a FROM public.{table.name} WHERE a = $1 AND {n} = $2",
        table=table,
        index=50000 + n,
        rate=rate,
        mean_ms=mean,
        blocks=10 ** r.uniform(0.3, 4),
        rows=r.choice((1.0, 1.0, 0.3, 10 ** r.uniform(0, 3))),
        spread=r.choice((0.1, 0.3, 0.6, 1.0, 1.5)),
        tail=r.choice((None, None, None, None, 1.6, 2.2, 3.0)),
        dear_share=r.uniform(0.01, 0.3) if dear else 0.0,
        dear_factor=r.uniform(5, 40) if dear else 1.0,
        cycle=r.uniform(0.0, 0.9),
        phase=r.choice((0.0, 0.0, r.random())),
        time_cycle=r.choice((0.0, 0.0, 0.1, 0.35)),
        drift=r.choice((0.0, 0.0, 0.0, -0.5, 0.3, 0.6)),
        warm_up=r.choice((0.0, 0.0, 0.5, 3.0)),
        spikes=r.choice((0.0, 0.0, 0.01, 0.05)),
        bursts=r.choice((0.0, 0.0, 0.02, 0.08)),
        pause=(pause, pause + r.randrange(3, 15)),
        rows_wander=r.choice((0.0, 0.05, 0.3, 0.6)),
        locks=r.choice((0.0, 0.0, 0.0, 0.05)),
        plan_flip=r.randrange(10, world.length) if r.random() < 0.03 else None,
        scans_table=r.random() < 0.2,
        table_rows=table.rows,
        hash=f"p{n}",
    )


def _calls(r: Random, one: Statement, calls: int) -> tuple[list[float], int]:
    """Relative cost of each call (1 = usual), and how many of them had dear parameters."""
    many = min(calls, 300)  # more of them change nothing in the distribution of a mean that matters here
    costs = []
    dear = 0
    for _ in range(many):
        cost = r.lognormvariate(-(one.spread**2) / 2, one.spread)
        if one.tail is not None:
            cost *= r.paretovariate(one.tail) * (one.tail - 1) / one.tail
        if r.random() < one.dear_share:
            cost *= one.dear_factor
            dear += 1
        costs.append(cost)
    if calls > many:
        times = -(-calls // many)
        costs = (costs * times)[:calls]
        dear = dear * calls // many
    return costs, dear


def _poisson(r: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(r.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), r.random(), 0
    while product > limit:
        product *= r.random()
        count += 1
    return count
