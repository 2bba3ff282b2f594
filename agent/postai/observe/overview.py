"""What the overview of a database shows, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from postai.database import Database, named_sql
from postai.database.installed import reading
from postai.errors import FeatureMissing, NotPermitted, UsageError
from postai.observe.standbys import Standbys, read_standbys

Part = TypeVar("Part")
RANGES = {1: 60, 24: 300, 168: 1800, 720: 10800}
"""Hours that the load may be shown for, and seconds of one step then."""
TOP_SECONDS = 3600
TOP = 10


@dataclass(frozen=True, slots=True)
class AgentState:
    """The sidecar as `postai.agent()` tells it.

    Attributes:
        last_poll: when it last said that it is there.
        budget_left: US dollars, today; None without a model.
        collected: end of the last interval that it collected; None = none yet.
        troubles: what it cannot collect and why, a line for each part; None = nothing.
    """

    version: str | None
    transport: str
    reachable: bool
    leader: str | None
    last_poll: datetime | None
    model: str | None
    engine: str | None
    budget_left: float | None
    collected: datetime | None
    troubles: str | None


@dataclass(frozen=True, slots=True)
class ServerState:
    """The server, and this connection to it.

    Attributes:
        address: host and port as the server has them.
        tls: version of TLS of this connection; "" = none.
        standby: it replays another server's WAL.
        server_sessions: of all databases, of `max_connections`; `sessions`: of this one.
    """

    version: str
    started: datetime
    database: str
    role: str
    address: str
    tls: str
    standby: bool
    server_sessions: int
    sessions: int
    max_connections: int


@dataclass(frozen=True, slots=True)
class SessionCount:
    """Sessions of this database in one state, e.g. "active"."""

    state: str
    sessions: int


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check as view postai.health has it."""

    name: str
    title: str
    status: Literal["critical", "warning", "unknown", "ok"]
    value: str
    why: str
    fix: str
    docs: str
    since: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One step of the load; None = nothing was collected then.

    Attributes:
        at: beginning, seconds since the epoch.
        active: sessions at work, on average.
        transactions: a second.
        hit_rate: share of blocks that were in shared buffers, 0 to 1; `blocks` = of how many.
        temp_bytes: written to temporary files, a second.
        seconds: the longest interval that it is of.
    """

    at: float
    active: float | None = None
    transactions: float | None = None
    hit_rate: float | None = None
    blocks: float | None = None
    temp_bytes: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadNow:
    """The interval of so many `seconds` that was collected last, which ended at `at`: sessions at work, transactions a
    second."""

    at: datetime
    seconds: float
    active: float | None
    transactions: float


@dataclass(frozen=True, slots=True)
class TopStatement:
    """What a statement took of the last hour.

    Attributes:
        query: None = not known, or another person's.
        share: of the time of all statements, 0 to 1.
        inner_ms: how much of `total_ms` it ran inside other statements, whose time holds it, too.
    """

    queryid: int
    query: str | None
    calls: int
    total_ms: float
    mean_ms: float | None
    share: float | None
    inner_ms: float


@dataclass(frozen=True, slots=True)
class StatementCounts:
    """Statements of which there is history, those of the last day, and its beginning."""

    known: int
    last_day: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class OpenRegression:
    """A statement that became slower and still is."""

    queryid: int
    severity: str
    cause: str
    factor: float
    query: str | None
    why: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class ProposalKind:
    """Proposals of one kind that are open or approved, with what they would bring.

    Attributes:
        kind: None = all kinds together.
        saved_ms_per_day: time that open ones would save, by estimate; of several for one statement the best counts
            (where the role may see for which they are), and together no more than sessions worked in the last day.
        bytes: what they cost; less than 0 = what they free.
        urgent: how many are of severity HIGH.
    """

    kind: str | None
    open: int
    approved: int
    saved_ms_per_day: float | None
    bytes: int | None
    urgent: int


@dataclass(frozen=True, slots=True)
class RecentAction:
    """An action; `at` is when it ended, or else began, or was asked for."""

    id: int
    proposal: int
    title: str
    kind: str
    state: str
    requested_by: str
    at: datetime
    progress: float | None


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """A line of the audit log."""

    id: int
    at: datetime
    actor: str
    kind: str
    subject: str
    proposal: int | None


@dataclass(frozen=True, slots=True)
class CacheTier:
    """A place where answers or blocks are kept.

    Attributes:
        hit_rate: 0 to 1; None = nothing was asked of it, or it cannot be told.
        note: what the rate is of, in words.
    """

    name: str
    hit_rate: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Storage:
    """How big the database is, as the agent measured it last.

    Attributes:
        bytes: all of its files; `heap_bytes`, `toast_bytes`, `index_bytes` of these; None = could not be looked at.
        held: relations that somebody held exclusively then, whose sizes are in `bytes` alone.
        wal_bytes, temp_bytes: of the whole server, WAL and temporary files; None = the agent may not see them.
        week, month: growth since `week_since` and `month_since`, which are the first moments of the last 7 and 30 days
            of which it is known; None = it was measured once.
    """

    at: datetime
    bytes: int
    heap_bytes: int | None
    toast_bytes: int | None
    index_bytes: int | None
    held: int | None
    wal_bytes: int | None
    temp_bytes: int | None
    week: int | None
    week_since: datetime | None
    month: int | None
    month_since: datetime | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no more to see, and what to do about it."""

    sqlstate: str
    message: str
    detail: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at a database.

    Attributes:
        missing: why the role sees the server only; everything of postai is None or empty then.
        hours: of `load`.
        now: None = nothing was collected lately.
        proposals: by kind; `waiting`: of all kinds together, None = there are none.
        storage: None = it was not measured yet.
    """

    server: ServerState
    sessions: tuple[SessionCount, ...]
    missing: Missing | None
    hours: int
    agent: AgentState | None = None
    now: LoadNow | None = None
    health: tuple[HealthCheck, ...] = ()
    load: tuple[LoadPoint, ...] = ()
    statements: tuple[TopStatement, ...] = ()
    counts: StatementCounts | None = None
    regressions: tuple[OpenRegression, ...] = ()
    proposals: tuple[ProposalKind, ...] = ()
    waiting: ProposalKind | None = None
    actions: tuple[RecentAction, ...] = ()
    events: tuple[RecentEvent, ...] = ()
    caches: tuple[CacheTier, ...] = ()
    storage: Storage | None = None
    standbys: Standbys | None = None


def read_overview(database: Database, hours: int = 24) -> Overview:
    """Look, with the rights of the connection's role.

    Args:
        hours: how far back the load goes: 1, 24, 168 or 720.

    Raises:
        UsageError: other hours.
    """
    if hours not in RANGES:
        raise UsageError(f"the load cannot be shown for {hours} hours", hint="Take 1, 24, 168 or 720.")
    blocks = named_sql.load(__package__, "overview.sql")
    server = read_server(database)
    sessions = _rows(database, blocks, "sessions", SessionCount)
    try:
        with reading(database):
            return _known(database, blocks, server, sessions, hours)
    except (FeatureMissing, NotPermitted) as error:
        parts = error.as_parts()
        return Overview(server, sessions, Missing(parts.sqlstate, parts.message, parts.detail, parts.hint), hours)


def _known(
    database: Database,
    blocks: Mapping[str, str],
    server: ServerState,
    sessions: tuple[SessionCount, ...],
    hours: int,
) -> Overview:
    """All of it, for a role that may read postai's history."""
    load = read_load(database, hours)
    proposals = _rows(database, blocks, "proposals", ProposalKind)
    return Overview(
        server,
        sessions,
        None,
        hours,
        AgentState(*database.query(blocks["agent"])[0]),
        next(iter(_rows(database, blocks, "now", LoadNow)), None),
        _rows(database, blocks, "health", HealthCheck),
        load,
        _rows(database, blocks, "statements", TopStatement, (TOP_SECONDS, TOP)),
        StatementCounts(*database.query(blocks["counts"])[0]),
        _rows(database, blocks, "regressions", OpenRegression),
        tuple(one for one in proposals if one.kind is not None),
        next((one for one in proposals if one.kind is None), None),
        _rows(database, blocks, "actions", RecentAction),
        _rows(database, blocks, "events", RecentEvent),
        _caches(database, blocks, load, hours, server.standby),
        next(iter(_rows(database, blocks, "storage", Storage)), None),
        read_standbys(database),
    )


def read_server(database: Database) -> ServerState:
    """The server and this connection to it; needs no right in postai."""
    return ServerState(*database.query(named_sql.load(__package__, "overview.sql")["server"])[0])


def _rows(
    database: Database,
    blocks: Mapping[str, str],
    block: str,
    made: Callable[..., Part],
    parameters: tuple[object, ...] = (),
) -> tuple[Part, ...]:
    return tuple(made(*row) for row in database.query(blocks[block], parameters))


def read_load(database: Database, hours: int) -> tuple[LoadPoint, ...]:
    """The load of this database, with the rights of the connection's role; `hours` as for `read_overview`."""
    step = RANGES[hours]
    rows = database.query(named_sql.load(__package__, "overview.sql")["load"], (step, hours * 3600))
    return with_gaps([LoadPoint(*row) for row in rows], step, LoadPoint)


def with_gaps(points: list[Any], step: float, empty: Callable[[float], Any]) -> tuple[Any, ...]:
    """Points with an empty one wherever more than two steps were not collected, so that a line breaks there.

    Args:
        points: with `at` and `seconds`, the longest interval that each is of: the next one is not due before.
        step: seconds from one to the next where intervals are shorter.
    """
    found: list[Any] = []
    for one in points:
        if found and one.at - found[-1].at > 2.5 * max(step, found[-1].seconds, one.seconds):
            found.append(empty(found[-1].at + step))
        found.append(one)
    return tuple(found)


def _caches(
    database: Database, blocks: Mapping[str, str], load: tuple[LoadPoint, ...], hours: int, standby: bool
) -> tuple[CacheTier, ...]:
    blocks_read = sum(one.blocks or 0 for one in load)
    hits = sum((one.blocks or 0) * (one.hit_rate or 0) for one in load)
    # How fresh they are is in an unlogged table, which a standby has not got.
    tables, fresh, reads, refreshes = (0, 0, 0, 0) if standby else database.query(blocks["cache_tables"])[0]
    told = database.query(blocks["edge_caches"])[0]
    edges, alive, edge_hits, stored, counted_hits, misses, second_hits, second_misses = told
    lasted = {1: "hour", 24: "day", 168: "week", 720: "30 days"}[hours]
    rate = hits / blocks_read if blocks_read else None
    found = [CacheTier("Shared buffers", rate, f"of {blocks_read:,.0f} blocks in the last {lasted}")]
    if tables:
        note = (
            f"{fresh} of {tables} fresh; rows read {reads:,} times, to refresh them included; {refreshes:,} refreshes"
        )
        found.append(CacheTier("Cache tables", None, note))
    if edges:
        asked = counted_hits + misses
        counted = f"{counted_hits:,} of {asked:,} reads that may be kept; " if asked else ""
        kept = f"{edge_hits:,} answers from {stored:,} kept, since each edge began"
        note = f"{counted}{kept}; {alive} of {edges} edges alive"
        found.append(CacheTier("Edges, memory", counted_hits / asked if asked else None, note))
        if second := second_hits + second_misses:
            note = f"of {second:,} looks since each edge began"
            found.append(CacheTier("Edges, second tier", second_hits / second, note))
    return tuple(found)
