"""Plain values of finding regressions: what is looked at, what was noticed, and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from postai.history.types import IndexWindow, StatementKey, StatementWindow, TableWindow, WaitWindow
from postai.observe.judge import Severity


@dataclass(frozen=True, slots=True)
class Interval:
    """Everything that was collected between two moments."""

    start: datetime
    end: datetime
    statements: tuple[StatementWindow, ...]
    tables: tuple[TableWindow, ...] = ()
    indexes: tuple[IndexWindow, ...] = ()
    waits: tuple[WaitWindow, ...] = ()

    @property
    def seconds(self) -> float:
        return max(0.001, (self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one call of a statement takes, on average over some intervals.

    Attributes:
        calls: how many calls this is the average of; `calls_per_second` how often they came.
        mean_ms: execution time.
        rows, blocks, reads, temp_blocks: rows; blocks of shared buffers, of these read from outside; temporary blocks.
        read_ms, jit_ms, lock_ms: time of reading blocks, of JIT compilation, and of waiting for locks (the last one
            estimated from samples of pg_stat_activity).
    """

    calls: int
    calls_per_second: float
    mean_ms: float
    rows: float
    blocks: float
    reads: float
    temp_blocks: float
    read_ms: float
    jit_ms: float
    lock_ms: float


@dataclass(frozen=True, slots=True)
class TableChange:
    """What happened to a table that a statement uses, since before it became slower.

    Attributes:
        growth: its size now / then, by rows and bytes, whichever grew less; bytes_then the size then, None = not known.
        seq_scans_began: it is now read by sequential scans at every call, and was not.
        lookups: index scans on it, now / then.
        rows_per_lookup: index entries that one scan of an index returns, now / then (the index where it grew most).
        written: rows inserted, deleted, or updated with their index entries since shortly before, as a share of all.
        dead_share: dead row versions, as a share of all.
        index_abandoned: an index that was used at the pace of the statement no longer is; its qualified name.
    """

    oid: int
    schema: str
    table: str
    growth: float
    bytes_then: int | None
    seq_scans_began: bool
    lookups: float
    rows_per_lookup: float
    index_abandoned: str | None
    dead_share: float
    written: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A statement that takes longer, or runs more often, than it used to; not explained yet.

    Attributes:
        started_at: begin of the first interval in which that is so; found_at: end of the last one that was looked at.
        before, after: numbers of one call.
        factor: how many times longer a call takes (for `more_calls`: how many times more calls come).
        slowdown: how many times longer everything took in that time, the same for all statements.
        sure: it is more than chance by the time alone, even if nothing explains it.
        stuck: calls wait for locks and have not ended yet.
        more_calls: the calls became more, not longer.
        io_elsewhere: many other statements read more at the same time.
        plan_before, plan_after: shapes of its plan; None = not known.
        tables: what happened to the tables that it uses.
        spread: standard deviation of the time of a call / its mean.
    """

    key: StatementKey
    query: str | None
    started_at: datetime
    found_at: datetime
    before: Numbers
    after: Numbers
    factor: float
    slowdown: float = 1.0
    sure: bool = False
    stuck: bool = False
    more_calls: bool = False
    io_elsewhere: bool = False
    plan_before: str | None = None
    plan_after: str | None = None
    tables: tuple[TableChange, ...] = ()
    spread: float = 0.0

    @property
    def extra_ms_per_day(self) -> float:
        """Time per day that it costs more than before, at the present number of calls."""
        now, then = self.after, self.before
        if self.more_calls:
            return (now.calls_per_second - then.calls_per_second) * now.mean_ms * 86400
        return (now.mean_ms - then.mean_ms) * now.calls_per_second * 86400


@dataclass(frozen=True, slots=True)
class Options:
    """When something is a regression.

    Attributes:
        least_intervals, least_calls: what a baseline must consist of.
        factor: how many times longer a call must take when something explains it (`factor_corrected`: longer than all
            other statements take at that time); `factor_unexplained` when nothing does.
        cause_factor, cause_distance: how many times, and how many spreads, what explains it must have risen;
            `cause_distance_beyond_doubt` for blocks, from which on the times need not be told from chance.
        time_distance, time_distance_unexplained: spreads by which the time must have risen (half as many where it is
            six times as long).
        calls_factor, calls_load: how many times more calls, and how much load that must be (ms per second).
        least_extra: load that it must add, in ms per second; `least_extra_unexplained` when nothing explains it.
        few_calls: calls below which an average is believed only where one call never differed from another.
        enough_calls, enough_intervals: calls, and intervals before them, for a judgement by the time alone.
        global_share: share of statements that must read more at the same time for a cold cache, nobody's fault.
        recovered: a call may take so many times the usual time for a regression to be over, in three intervals.
        accepted_days: after so many days what was a regression is the usual.
    """

    least_intervals: int = 6
    least_calls: int = 20
    factor: float = 1.5
    factor_corrected: float = 1.35
    factor_unexplained: float = 2.5
    cause_factor: float = 1.5
    cause_distance: float = 5.0
    cause_distance_beyond_doubt: float = 12.0
    time_distance: float = 2.5
    time_distance_unexplained: float = 6.0
    calls_factor: float = 4.0
    calls_load: float = 100.0
    least_extra: float = 0.02
    least_extra_unexplained: float = 0.5
    few_calls: int = 5
    enough_calls: int = 12
    enough_intervals: int = 12
    global_share: float = 0.12
    recovered: float = 1.4
    accepted_days: float = 7.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What an interval brought.

    Attributes:
        found: statements that became slower; revised: found an interval or two ago, with what is known by now.
        recovered: what is over.
    """

    found: tuple[Suspect, ...] = ()
    revised: tuple[Suspect, ...] = ()
    recovered: tuple[Recovered, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """A regression that is over.

    Attributes:
        outcome: "recovered", "accepted" (it lasted so long that it is the usual now) or "gone" (no calls for a day).
    """

    key: StatementKey
    at: datetime
    outcome: str
    after: Numbers | None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the system catalogs and counters say of a table at this moment.

    Attributes:
        changed: rows that were written since it was analyzed last.
        rows: estimate of how many it has.
        analyzed_at: when that was, by hand or by autovacuum; None = never, or not known.
        autovacuum: whether autovacuum looks after it.
        bytes: heap and TOAST at this moment; what a session has just written shows here first, its counters may lag
            by seconds. None = not known.
    """

    oid: int
    schema: str
    table: str
    changed: int
    rows: int
    analyzed_at: datetime | None
    autovacuum: bool
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LostIndex:
    """An index that was there and is no longer.

    Attributes:
        index: its qualified, quoted name; definition: the CREATE INDEX statement that made it.
        gone_at: when it was missed first.
    """

    table_oid: int
    index: str
    definition: str
    gone_at: datetime


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session at the root of a chain of waiting ones, without a wait of its own for a lock.

    Attributes:
        user: its role, quoted; None = not known.
        query: normalized, shortened text of what it runs or ran last; None = not known, or not to be shown.
        blocked: how many sessions wait for it, directly or behind others; `blocked_queryids` what they run.
        since: when the first of them began to wait.
    """

    pid: int
    user: str | None
    state: str
    query: str | None
    blocked: int
    blocked_queryids: tuple[int, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Plans that a statement ran with, before it became slower and since: hashes of their shapes.

    Attributes:
        gone, new: nodes, in words, that only the plan before has, and only the one since; a few of each.
    """

    before: str
    after: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What can be looked up at the moment of judging, beside the history; `roles` are names, quoted, by oid.

    `plans` are changes of the plans that statements ran with, where the server logs them.
    """

    tables: Mapping[int, TableFacts] = field(default_factory=dict)
    lost_indexes: tuple[LostIndex, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    roles: Mapping[int, str] = field(default_factory=dict)
    plans: Mapping[StatementKey, PlanChange] = field(default_factory=dict)


@dataclass(frozen=True)
class Regression:
    """A statement that became slower, why, and what helps at once.

    Attributes:
        cause: id of the cause, see `postai.observe.regressions_causes.CAUSES`.
        why: one or two sentences for people; query text and values are not in it.
        mitigation: what to do now; concrete statements where there are any.
        severity: by the time that it costs in a day.
        evidence: the numbers, as JSON.
    """

    key: StatementKey
    query: str | None
    cause: str
    why: str
    mitigation: str
    severity: Severity
    factor: float
    started_at: datetime
    found_at: datetime
    before: Numbers
    after: Numbers
    extra_ms_per_day: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
