"""Plain values of the history: what one interval brought, in the words of PostgreSQL's statistics views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

REST_QUERYID = 0
"""Stands for all statements of an interval that have no row of their own (pg_stat_statements counts none under it)."""


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

    @property
    def rest(self) -> bool:
        """Whether this is the sum of many statements, and none by itself."""
        return self.queryid == REST_QUERYID


def rest_key(dbid: int, userid: int = 0, toplevel: bool = True) -> StatementKey:
    """The key of the sum of all small statements of a database; with `userid`, of the agent's own ones.

    Args:
        toplevel: False = of those that ran inside others, whose time these hold already.
    """
    return StatementKey(REST_QUERYID, userid, dbid, toplevel)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of a statement beside its counters.

    Attributes:
        query: its text with $n in the place of constants; None = not known.
        truncated: the text ends before the statement does.
        utility: no SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES.
        own: sent by the agent itself.
        usage: columns by what is done with them, by table, see `postai.observe.columns`; None = not parsed.
    """

    key: StatementKey
    query: str | None = None
    truncated: bool = False
    utility: bool = False
    own: bool = False
    usage: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None


@dataclass(frozen=True, slots=True)
class StatementPlan:
    """A plan that the planner chose for a statement whose parameters it did not know.

    Attributes:
        plan_hash: of the shape.
        shape: node types, relations and indexes as a tree, without constants.
        cost: total cost by the planner when it was seen last.
        first_seen, last_seen: when it was looked at.
    """

    key: StatementKey
    plan_hash: str
    shape: Mapping[str, Any]
    cost: float | None
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class LoggedPlan:
    """A plan that a statement ran with, as auto_explain logged it.

    Attributes:
        plan_hash: of the shape, as in `StatementPlan`; real plans and those for unknown parameters may differ.
        plan: {"Plan": ...} as EXPLAIN (FORMAT JSON) tells it, of the slowest run, without constants; None = too big.
        problems: what the analysis of plans finds wrong with it, a line for each; None = nothing.
        runs: that were logged.
        slowest_ms: the longest run.
        first_seen, last_seen: ends of the intervals in which such runs were logged.
    """

    key: StatementKey
    plan_hash: str
    plan: Mapping[str, Any] | None
    problems: str | None
    runs: int
    slowest_ms: float
    first_seen: datetime
    last_seen: datetime

    def again(self) -> LoggedPlan:
        """The same with one more run, not slower."""
        return replace(self, runs=self.runs + 1)


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """What statements do with a column.

    Attributes:
        table: qualified and quoted.
        use: "filters", "joins", "sorts", "groups", "writes" or "reads", see `postai.observe.columns`.
        statements: how many of them do; `calls` of them in that time, and when the first of them was seen first.
    """

    table: str
    column: str
    use: str
    statements: int
    calls: int
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Predicate:
    """Conditions on a column that pg_qualstats counted.

    Attributes:
        table: qualified and quoted.
        operator: "=", "<" ...
        conditions: how often such a condition was met.
        checked, kept: rows that filters looked at, and let pass; what an index finds is in neither.
    """

    table: str
    column: str
    operator: str
    conditions: int
    checked: int
    kept: int


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Up to where the server's log was read: name of the file without its directory, and bytes of it."""

    file: str
    bytes: int


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
        plan_hash: shape of the plan that the planner chose when it was looked at last (see `StatementPlan`); None =
            not looked at.
        cpu_ms: CPU time; disk_bytes_read: bytes that came from disk and not from a cache of the operating system;
            None without the extension pg_stat_kcache.
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
    cpu_ms: float | None = None
    disk_bytes_read: int | None = None

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


@dataclass(frozen=True, slots=True)
class BlockWindow:
    """Who waited for whose lock between two moments (pg_stat_activity, pg_blocking_pids, pg_locks).

    Attributes:
        root_pid: the backend at the root of the chain, which waits for no lock itself; 0 = a prepared transaction.
        root_queryid: what it runs, or ran last when it is idle in a transaction; None = unknown.
        root_userid: oid of its user; None = unknown.
        root_state: "active", "idle in transaction" ...
        queryid: statement that waited; None = unknown.
        lock_type: "relation", "transactionid", "tuple" ...; None = unknown.
        relid: table that the lock is on; None = unknown, or not a table's.
        backends: most that waited at the same time.
        depth: most backends between the root and one that waited, that one included.
        waited_ms: of the one that waited longest.
        looks: in how many looks it was seen.
    """

    start: datetime
    end: datetime
    root_pid: int
    root_queryid: int | None
    root_userid: int | None
    root_state: str | None
    queryid: int | None
    lock_type: str | None
    relid: int | None
    backends: int
    depth: int
    waited_ms: float
    looks: int


@dataclass(frozen=True, slots=True)
class DatabaseWindow:
    """What happened in a database between two moments (pg_stat_database).

    Attributes:
        dbid: its oid; 0 = all other databases of the server together.
        active_ms, idle_in_transaction_ms: time that sessions spent so.
    """

    dbid: int
    start: datetime
    end: datetime
    xact_commit: int = 0
    xact_rollback: int = 0
    blks_read: int = 0
    blks_hit: int = 0
    tup_returned: int = 0
    tup_fetched: int = 0
    tup_inserted: int = 0
    tup_updated: int = 0
    tup_deleted: int = 0
    conflicts: int = 0
    temp_files: int = 0
    temp_bytes: int = 0
    deadlocks: int = 0
    blk_read_ms: float = 0.0
    blk_write_ms: float = 0.0
    active_ms: float = 0.0
    idle_in_transaction_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class StorageSeen:
    """How big this database was at a moment.

    Attributes:
        bytes: all of its files.
        heap_bytes, toast_bytes, index_bytes: of these, tables (with their maps, and sequences), their TOAST (with its
            indexes) and other indexes, catalogs included; None = could not be looked at.
        held: relations that somebody held exclusively, whose sizes are in `bytes` alone.
        wal_bytes, temp_bytes: of the whole server, WAL and temporary files; None = not to be seen.
    """

    at: datetime
    bytes: int
    heap_bytes: int | None = None
    toast_bytes: int | None = None
    index_bytes: int | None = None
    held: int | None = None
    wal_bytes: int | None = None
    temp_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ServerWindow:
    """What the whole server did between two moments: {"wal": {"wal_bytes": 8192}, "io": {...}, ...}.

    Groups and counters are named as in the views pg_stat_wal, pg_stat_bgwriter, pg_stat_checkpointer and pg_stat_io
    (whose rows are "backend_type object context"), as far as this version of the server counts them.
    """

    start: datetime
    end: datetime
    counters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


ValuesSource = Literal["activity", "pg_qualstats", "auto_explain"]


@dataclass(frozen=True, slots=True)
class PartState:
    """How one part of the collection goes.

    Attributes:
        part: "statements", "tables", "activity" ...
        last_run: when it ran last; until: end of the last interval.
        cost_ms: how long the last run took, on the clock.
        rows: rows that it wrote.
        missing: what is missing on this server, in one sentence; None = nothing. hint: how to get it.
        error: why the last run failed; None = it did not.
    """

    part: str
    last_run: datetime | None = None
    until: datetime | None = None
    cost_ms: float | None = None
    rows: int | None = None
    missing: str | None = None
    hint: str | None = None
    error: str | None = None
