"""The check of input and output, by what postai collected of pg_stat_io in the last hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from postai.database import Database
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.history import store
from postai.history.types import ServerWindow
from postai.observe.health.check import MANUAL, Check, Facts, Seen

HOUR = timedelta(hours=1)
FEWEST_WRITES = 10_000
FEWEST_READS = 1_000
FEWEST_SYNCS = 10
SLOW_READ_MS = 10.0
SLOW_SYNC_MS = 200.0
CLIENT = "io client backend relation normal"


def input_output(db: Database, facts: Facts, _: Deadline) -> Sequence[Seen]:
    """Who writes and syncs, and how long reads and syncs take."""
    if facts.version < 160000:
        return [Seen("", 0.0, "PostgreSQL counts it from version 16 on", "", "unknown")]
    ((readable, now),) = db.query(load(__package__, "server.sql")["has_history"])
    windows = store.read_server(db, now - HOUR, now) if readable else ()
    if not windows:
        return [Seen("", 0.0, "the agent has collected nothing in the last hour that this role may see", "", "unknown")]
    return judge_io(windows)


def judge_io(windows: Iterable[ServerWindow]) -> list[Seen]:
    """What some intervals come to."""
    groups: dict[str, Counter[str]] = {}
    for window in windows:
        for group, counters in window.counters.items():
            # From 18 on WAL is counted too, whose times are 0 unless track_wal_io_timing is on.
            if group.startswith("io ") and " relation " in group:
                groups.setdefault(group, Counter()).update(counters)
    client = groups.get(CLIENT, Counter())
    written = sum(one["writes"] for group, one in groups.items() if group.endswith(" relation normal"))
    seen = []
    if written >= FEWEST_WRITES:
        text = f"client backends wrote {client['writes']:,.0f} of {written:,.0f} times in an hour"
        if client["evictions"]:
            text += f", and threw {client['evictions']:,.0f} blocks out of shared buffers"
        seen.append(Seen("writes", 100.0 * client["writes"] / written, text))
    if client["fsyncs"]:
        text = f"client backends synced {client['fsyncs']:,.0f} times in an hour, which is the checkpointer's work"
        seen.append(Seen("client backends", 0.0, text, "", "warning"))
    slow = (("read", FEWEST_READS, SLOW_READ_MS), ("fsync", FEWEST_SYNCS, SLOW_SYNC_MS))
    for work, fewest, limit in slow:
        count = sum(one[f"{work}s"] for one in groups.values())
        took = sum(one[f"{work}_time"] for one in groups.values())
        if count >= fewest and took / count >= limit:
            text = f"one takes {took / count:,.1f} ms, of {count:,.0f} in an hour"
            seen.append(Seen(f"{work}s", 0.0, text, "", "warning"))
    return seen


INPUT_OUTPUT = Check(
    id="input_output",
    title="Input and output",
    why="Sessions that write blocks of shared buffers themselves, or wait for a slow disk, answer later.",
    fix="Let the background writer do more (bgwriter_lru_maxpages, bgwriter_delay), or give more shared_buffers; where "
    "reads or syncs are slow, look at the disk and at what else uses it.",
    docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-IO-VIEW",
    unit="percent",
    warning=50,
    rule="share of writes to tables and indexes that client backends do, of 10,000 in the last hour at least; also a "
    "warning when they sync, when a read takes 10 ms or a sync 200 ms (with track_io_timing); PostgreSQL 16 and later",
    look=input_output,
)
