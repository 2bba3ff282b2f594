"""Plain values of the history: what one interval brought, in the words of PostgreSQL's statistics views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class StatementKey:
    """What pg_stat_statements counts by.

    Attributes:
        queryid: hash of the statement; it means the same on one server, version and schema only.
        userid, dbid: oids of who ran it and where.
        toplevel: whether it was sent by a client (False: run inside a function).
    """

    queryid: int
    userid: int
    dbid: int
    toplevel: bool


@dataclass(frozen=True, slots=True)
class StatementWindow:
    """What one statement did between two moments: differences of pg_stat_statements' counters.

    Attributes:
        query: its text with $n in the place of constants; None = not known (evicted, or not permitted to see).
        start, end: the interval.
        calls: executions that ended in it.
        total_ms: execution time of all of them; `mean_ms` and `stddev_ms` of one of them.
        rows: returned or touched.
        blks_hit, blks_read, blks_dirtied, blks_written: shared buffers of 8 kB (blocks of this server's size).
        temp_blks_read, temp_blks_written: blocks of temporary files.
        blk_read_ms, blk_write_ms: time spent on reading and writing blocks; 0 without track_io_timing.
        wal_bytes: WAL it generated.
        plans, plan_ms: how often it was planned and the time of that; 0 without pg_stat_statements.track_planning.
        jit_ms: time of JIT compilation, all parts; 0 before PostgreSQL 15.
        plan_hash: shape of the plan the planner chooses for it now (see `postai.history`); None = not looked at.
    """

    key: StatementKey
    query: str | None
    start: datetime
    end: datetime
    calls: int
    total_ms: float
    stddev_ms: float = 0.0
    rows: int = 0
    blks_hit: int = 0
    blks_read: int = 0
    blks_dirtied: int = 0
    blks_written: int = 0
    temp_blks_read: int = 0
    temp_blks_written: int = 0
    blk_read_ms: float = 0.0
    blk_write_ms: float = 0.0
    wal_bytes: int = 0
    plans: int = 0
    plan_ms: float = 0.0
    jit_ms: float = 0.0
    plan_hash: str | None = None

    @property
    def seconds(self) -> float:
        """Length of the interval."""
        return (self.end - self.start).total_seconds()

    @property
    def mean_ms(self) -> float:
        """Execution time of one call."""
        return self.total_ms / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class TableWindow:
    """What happened to one table between two moments (pg_stat_all_tables, pg_statio_all_tables), and its size then.

    Attributes:
        oid: of the table.
        live_rows, dead_rows: estimates at the end of the interval.
        bytes: heap and TOAST, at the end; None = locked exclusively then.
    """

    oid: int
    schema: str
    table: str
    start: datetime
    end: datetime
    seq_scan: int = 0
    seq_tup_read: int = 0
    idx_scan: int = 0
    idx_tup_fetch: int = 0
    n_tup_ins: int = 0
    n_tup_upd: int = 0
    n_tup_del: int = 0
    n_tup_hot_upd: int = 0
    blks_read: int = 0
    blks_hit: int = 0
    live_rows: int = 0
    dead_rows: int = 0
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class IndexWindow:
    """What happened to one index between two moments (pg_stat_all_indexes), and its size at the end."""

    oid: int
    table_oid: int
    schema: str
    index: str
    start: datetime
    end: datetime
    idx_scan: int = 0
    idx_tup_read: int = 0
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WaitWindow:
    """How often sampled backends were seen in a state between two moments (pg_stat_activity).

    Attributes:
        queryid: what they ran; None = unknown.
        event_type, event: wait_event_type and wait_event; "CPU" and "" when they waited for nothing.
        samples: backends seen; `looks` = how many looks were taken in the interval, so samples / looks is the average
            number of backends in that state.
    """

    queryid: int | None
    event_type: str
    event: str
    start: datetime
    end: datetime
    samples: int
    looks: int
