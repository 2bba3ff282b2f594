"""All advisors together: indexes that are missing, indexes that are of no use, and space."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from postai.database import Database, ServerError
from postai.database.catalog import Catalog
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import FeatureMissing
from postai.history import store
from postai.optimize.advise import advise_indexes
from postai.optimize.column_uses import ColumnUses, read_column_uses
from postai.optimize.foreign_keys import with_foreign_keys
from postai.optimize.hygiene import find_index_troubles
from postai.optimize.storage import StorageOptions, advise_storage
from postai.optimize.types import Advice, AdvisorOptions, Recommendation, Workload, WorkloadStatement
from postai.optimize.workload import SHORTEST_SPAN, from_windows, read_pg_stat_statements
from postai.sql.safety import Safety

LEAST_MS_PER_DAY = 1000.0
"""What an index must save a live database in a day to be worth a person's look."""
RECENT_DAYS = 1.0
"""How far back calls tell how long a statement takes now."""
SETTLING_SECONDS = 120.0
"""After a change the intervals that began before it are over."""
MOST_WITH_VALUES = 200
"""Statements whose collected values are looked at."""
HISTORY_DAYS = 7.0
"""How far back the history counts: long enough for a week's rhythm, short enough to follow changes."""
DAY = 86400.0
INDEX_KINDS = frozenset({"create_index"})
HYGIENE_KINDS = frozenset({"drop_index", "reindex"})
STORAGE_KINDS = frozenset({"vacuum", "autovacuum", "repack", "fillfactor", "compression", "unlogged", "archive"})


@dataclass(frozen=True)
class Together:
    """What all advisors came to.

    Attributes:
        advice: of all of them, the most valuable first.
        complete: kinds of which these are all recommendations there are; others may have been missed.
    """

    advice: Advice
    complete: frozenset[str]


def known_workload(db: Database) -> tuple[Workload, bool]:
    """What the database is asked, from postai's history once it is a day long, before from pg_stat_statements.

    Args:
        db: session of the agent.

    Returns:
        the workload, and whether it is the whole of a week, so that what it does not hold is not needed.

    Raises:
        FeatureMissing: hardly anything was collected, and pg_stat_statements is not there.
    """
    until = datetime.now(UTC)
    since = until - timedelta(days=HISTORY_DAYS)
    days = sum((end - begin).total_seconds() for begin, end in store.read_intervals(db, since, until)) / DAY
    if days < 1.0:
        try:
            return _as_now(db, read_pg_stat_statements(db), until), False
        except FeatureMissing:
            if days < SHORTEST_SPAN:
                raise
    dbid = db.query("select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()")
    windows = store.sum_statements(db, since, until)
    workload = from_windows(windows, dbid=dbid[0][0], days=days)
    return _as_now(db, workload, until), days > 0.9 * HISTORY_DAYS


def _as_now(db: Database, workload: Workload, until: datetime) -> Workload:
    """The workload with the times that its statements take since postai's last change, a day at most.

    What a statement took before it got its index would make every further index look as if it saved that again.
    """
    since = until - timedelta(days=RECENT_DAYS)
    ((changed,),) = db.query("select max(finished_at) from postai.action where state in ('done', 'regressed')")
    if changed is not None:
        since = max(since, changed + timedelta(seconds=SETTLING_SECONDS))
    recent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in store.sum_statements(db, since, until):
        recent[str(one.key.queryid)][0] += one.calls
        recent[str(one.key.queryid)][1] += one.total_ms
    means = {name: total_ms / calls for name, (calls, total_ms) in recent.items() if calls}
    statements = tuple(replace(one, mean_ms=means.get(one.id, one.mean_ms)) for one in workload.statements)
    return replace(workload, statements=_with_values(db, statements))


def _with_values(db: Database, statements: tuple[WorkloadStatement, ...]) -> tuple[WorkloadStatement, ...]:
    """Those that take most time, with values that were collected (setting collect_values), for plans as they are."""
    if not db.query("select exists (select from postai.statement_values)")[0][0]:
        return statements
    return tuple(
        replace(one, parameters=store.read_parameters(db, int(one.id))) if place < MOST_WITH_VALUES else one
        for place, one in enumerate(statements)
    )


def advise_everything(
    db: Database,
    catalog: Catalog,
    safety: Safety,
    workload: Workload | None,
    options: AdvisorOptions,
    deadline: Deadline,
    *,
    price_per_gb_month: float,
    whole: bool = False,
    foreign_keys: bool = False,
) -> Together:
    """Run every advisor; one that cannot finish leaves a note and does not keep the others from theirs.

    Args:
        db: a session outside a transaction.
        workload: None = it is not known: nothing is said about missing indexes.
        whole: whether it is all that the database is asked.
        foreign_keys: also indexes for those of big tables that have none, whatever the workload says.

    Raises:
        ConnectionLost, Cancelled: as the advisors.
    """
    began = time.monotonic()
    found: list[Recommendation] = []
    notes: list[str] = []
    complete: frozenset[str] = frozenset()
    skipped = workload.skipped if workload is not None else ()
    uses = read_column_uses(db)
    if workload is not None:
        indexes = advise_indexes(db, catalog, safety, workload, options, deadline)
        found += [_with_uses(one, uses) for one in _worthwhile(indexes.recommendations, workload)]
        notes += indexes.notes
        skipped = indexes.skipped
        # What was not looked at, for lack of time, may still be of use.
        if whole and indexes.complete:
            complete |= INDEX_KINDS
    try:
        known = {one.statement for one in found}
        troubles = [one.recommendation for one in find_index_troubles(db, deadline, uses=uses)]
        found += [one for one in troubles if one is not None and one.statement not in known]
        if foreign_keys:
            found = with_foreign_keys(db, catalog, found, deadline)
        complete |= HYGIENE_KINDS
    except (ServerError, DeadlineExceeded) as error:
        notes.append(f"indexes of no use were not looked for: {error.message}")
        complete -= INDEX_KINDS  # neither were foreign keys without one
    try:
        found += advise_storage(db, deadline, StorageOptions(price_per_gb_month=price_per_gb_month))
        complete |= STORAGE_KINDS
    except (ServerError, DeadlineExceeded) as error:
        notes.append(f"space was not looked at: {error.message}")
    advice = Advice(ranked(found), skipped, tuple(notes), time.monotonic() - began)
    return Together(advice, complete)


def _with_uses(one: Recommendation, uses: ColumnUses) -> Recommendation:
    """A new index with what statements do with the columns of its table."""
    return replace(one, evidence={**one.evidence, **uses.evidence(one.object)}) if one.kind == "create_index" else one


def _worthwhile(recommendations: tuple[Recommendation, ...], workload: Workload) -> list[Recommendation]:
    """Without what a live database would hardly notice; a file or a single query is judged as it is."""
    if workload.source in ("file", "query"):
        return list(recommendations)
    kept = [one for one in recommendations if one.kind == "drop_index" or one.net_ms_per_day >= LEAST_MS_PER_DAY]
    replaced = {name for one in kept for name in one.replaces}
    return [one for one in kept if one.kind != "drop_index" or one.object in replaced]


def ranked(recommendations: list[Recommendation]) -> tuple[Recommendation, ...]:
    """The most valuable first: by time, then by severity, then by space."""
    severities = ("HIGH", "MEDIUM", "LOW")
    return tuple(
        sorted(recommendations, key=lambda one: (-one.net_ms_per_day, severities.index(one.severity), one.bytes))
    )
