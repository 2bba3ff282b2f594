"""Keeps the history small: after a while hours instead of intervals, after a year nothing, and never too much; and sums
up the hours and days of what is kept.

Everything happens in small steps with a commit after each, so that it can stop at any time and goes on later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from postai.database import Database, ServerError
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.history import store
from postai.history.types import PartState

PART = "pruning"
KEPT = timedelta(days=365)
"""How long hours are kept."""
RAW_AT_LEAST = timedelta(days=1)
"""How long intervals stay intervals even when there is too much."""
_HOUR = timedelta(hours=1)
_TABLES = tuple(
    f"sample_{kind}" for kind in ("statement", "table", "index", "database", "storage", "server", "wait", "block")
)
_AGING = (*_TABLES, "statement_sum")
"""What goes with the intervals."""
_SIZED = (*_AGING, "statement", "statement_plan", "logged_plan", "statement_values", "relation")
_BATCH = 5000
_FULL, _ROLLED = 0.9, 0.8
"""Share of the limit that is left when the oldest rows went, so that the files do not grow above it; share to which
intervals become hours before that."""
_SMALL = 64 << 20
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class Pruned:
    """What one run did.

    Attributes:
        hours: that became single rows.
        deleted: rows.
        summed: hours and days that were summed up.
        finished: whether it came to its end.
    """

    hours: int
    deleted: int
    summed: int
    finished: bool


def prune(db: Database, now: datetime, *, raw: timedelta, most_bytes: int, deadline: Deadline) -> Pruned:
    """Roll up, forget, cut to size, and sum up.

    Args:
        now: the server's time.
        raw: how long every interval is kept.
        most_bytes: of all tables of the history with their indexes; when it is more, first the oldest intervals become
            hours before their time, then the oldest rows go.
        deadline: nothing new is begun after that.
    """
    sql = load("postai.history", "prune.sql")
    hours = _roll_up(db, now - raw, deadline)
    deleted = _delete(db, now - max(KEPT, raw), deadline)
    if (cut := _cutoff(db, most_bytes * _ROLLED)) is not None:
        hours += _roll_up(db, min(cut, now - RAW_AT_LEAST), deadline)
        if deadline.remaining() and (cut := _cutoff(db, most_bytes * _FULL)) is not None:
            deleted += _delete(db, cut, deadline)
    summed = _sum_up(db, now, deadline)
    if deadline.remaining():
        deleted += int(db.query(sql["forgotten"], (now - timedelta(days=1),))[0][0])
    return Pruned(hours, deleted, summed, bool(deadline.remaining()))


def _roll_up(db: Database, before: datetime, deadline: Deadline) -> int:
    """Make one row of each full hour until then; gives how many hours."""
    sql = load("postai.history", "prune.sql")
    done = {state.part: state.until for state in store.read_states(db)}.get(PART)
    after = done or datetime.fromtimestamp(0, before.tzinfo)
    hours = 0
    while deadline.remaining():
        hour = db.query(sql["next_hour"], (after, after, after))[0][0]
        if hour is None or hour + _HOUR > before:
            break
        with db.transaction():
            db.execute("select pg_catalog.set_config('synchronous_commit', 'off', true)")
            for table in _TABLES:
                db.execute(sql[table.replace("sample_", "roll_")], (max(hour, after), hour + _HOUR))
            store.write_states(db, [PartState(PART, until=hour + _HOUR)])
        after = hour + _HOUR
        hours += 1
    return hours


def _sum_up(db: Database, until: datetime, deadline: Deadline) -> int:
    """Make the sums of the full hours and days until then that have none; gives how many."""
    sql = load("postai.history", "prune.sql")
    summed = 0
    for hours, end in db.query(sql["unsummed"], (until,)):
        if not deadline.remaining():
            break
        try:
            with db.transaction():
                db.execute(sql["lock_sums"])
                db.execute(sql["sum_up"], (end, hours, end, hours, end))
        except ServerError as error:
            if error.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            break  # somebody changes intervals and takes long: until the next time these are read themselves
        summed += 1
    return summed


def _delete(db: Database, before: datetime, deadline: Deadline) -> int:
    """Delete what ended before that; gives how many rows."""
    statement = load("postai.history", "prune.sql")["oldest"]
    deleted = 0
    for table in _TABLES:
        while deadline.remaining():
            gone = db.execute(statement.replace("/* table */", f"postai.{table}"), (before, _BATCH))
            deleted += gone
            if gone < _BATCH:
                break
    return deleted


def _cutoff(db: Database, wanted: float) -> datetime | None:
    """Until when rows must go for so many bytes to be left; None = there are no more.

    Deleted rows leave free space in the files, which later rows fill; so what counts are the living rows, estimated
    from a part of the pages.
    """
    sql = load("postai.history", "prune.sql")
    sizes = {name: (total, heap) for name, total, heap in db.query(sql["bytes"], (list(_SIZED),))}
    if sum(total for total, _ in sizes.values()) <= wanted:
        return None
    samples, heap = (sum(sizes[table][at] for table in _AGING) for at in (0, 1))
    percent = 100.0 if heap < _SMALL else 5.0
    by_hour: Counter[datetime] = Counter()
    for table in _AGING:
        by_hour.update(dict(db.query(sql["sampled"].replace("/* table */", f"postai.{table}"), (percent,))))
    living = samples * min(1.0, by_hour.total() * 100 / percent / max(heap, 1))
    others = sum(total for name, (total, _) in sizes.items() if name not in _AGING)
    excess = (living + others - wanted) / max(living, 1)
    if excess <= 0:
        return None
    to_go = excess * by_hour.total()
    for hour, size in sorted(by_hour.items()):
        to_go -= size
        if to_go <= 0:
            return hour + _HOUR
    return None
