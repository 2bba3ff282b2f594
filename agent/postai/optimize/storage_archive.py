"""Old rows of a table moved to an archive table, step by step, and back.

Every step is one statement in a transaction of its own: a DELETE of one range of time that hands its rows to the INSERT
(a data-modifying WITH). So a crash leaves every row in exactly one of the two tables, and the steps that were done are
known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from postai.database.identifiers import qualified, quote_ident

MOST_BATCHES = 200


@dataclass(frozen=True)
class Cold:
    """A table whose rows lie in the order of a time.

    Attributes:
        bytes: with what is stored apart; `index_bytes` of its indexes.
        seq_scans: scans since the counters began.
        column: the time; `bounds` of its histogram, in seconds since 1970 (all ranges hold as many rows).
        columns: all columns in order, quoted, and whether each is generated.
    """

    schema: str
    table: str
    rows: float
    bytes: int
    index_bytes: int
    seq_scans: int
    column: str
    type_name: str
    bounds: Sequence[float]
    columns: Sequence[tuple[str, bool]]

    @property
    def name(self) -> str:
        return qualified(self.schema, self.table)

    @property
    def archive(self) -> str:
        return qualified(self.schema, f"{self.table}_archive")


@dataclass(frozen=True)
class ArchivePlan:
    """Rows to move: `percent` of all, those before `until` (a day)."""

    percent: float
    until: str
    steps: tuple[Mapping[str, str | None], ...]


def archive_steps(table: Cold, keep_days: float, batch_rows: int, now: datetime | None = None) -> ArchivePlan | None:
    """The statements that move rows older than so many days, each with the one that leads back.

    Args:
        batch_rows: rows of one statement, about; more where there would be over 200 statements.
        now: the time; None = now.

    Returns:
        None: no rows are that old.
    """
    now = now or datetime.now(UTC)
    month = (now - timedelta(days=keep_days)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    cut = month.timestamp()
    bounds = list(table.bounds or ())
    if len(bounds) < 3 or bounds[0] >= cut:
        return None
    place = bisect_left(bounds, cut)
    inside = (cut - bounds[place - 1]) / (bounds[place] - bounds[place - 1]) if place < len(bounds) else 0.0
    share = min(1.0, (place - 1 + inside) / (len(bounds) - 1))
    batches = min(MOST_BATCHES, max(1, round(share * table.rows / batch_rows)))
    edges = [_quantile(bounds, share * number / batches) for number in range(1, batches)]
    moments = sorted({_moment(one, table.type_name) for one in edges} - {_moment(cut, table.type_name)})
    moments.append(_moment(cut, table.type_name))
    steps = [_create(table)]
    steps += [_move(table, low, high) for low, high in zip([None, *moments], moments, strict=False)]
    steps.append({"statement": f"VACUUM (ANALYZE) {table.name}", "undo": None})
    return ArchivePlan(100 * share, month.date().isoformat(), tuple(steps))


def _quantile(bounds: Sequence[float], share: float) -> float:
    place = share * (len(bounds) - 1)
    low = min(int(place), len(bounds) - 2)
    return bounds[low] + (bounds[low + 1] - bounds[low]) * (place - low)


def _moment(seconds: float, type_name: str) -> str:
    """A literal of the column's type, to the second (a date: to the day), that reads the same in every session."""
    moment = datetime.fromtimestamp(int(seconds), UTC)
    if type_name == "date":
        return f"'{moment:%Y-%m-%d}'::date"
    zone = "+00" if type_name == "timestamp with time zone" else ""
    return f"'{moment:%Y-%m-%d %H:%M:%S}{zone}'::{'timestamptz' if zone else 'timestamp'}"


def _create(table: Cold) -> Mapping[str, str | None]:
    like = "INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"
    return {
        "statement": f"CREATE TABLE {table.archive} (LIKE {table.name} {like})",
        "undo": f"DROP TABLE {table.archive}",
        # Others may have put rows there meanwhile, which no step brings back.
        "undo_precondition": f"SELECT NOT EXISTS (SELECT FROM {table.archive})",  # noqa: S608 (a quoted name)
    }


# All names are quoted, and the bounds are numbers written as times.
def _move(table: Cold, low: str | None, high: str) -> Mapping[str, str | None]:
    column = quote_ident(table.column)
    where = f"{column} < {high}" if low is None else f"{column} >= {low} AND {column} < {high}"
    everything = ", ".join(name for name, _ in table.columns)
    stored = ", ".join(name for name, generated in table.columns if not generated)
    move = "WITH moved AS (DELETE FROM {} WHERE {} RETURNING {}) INSERT INTO {} ({}) {}SELECT {} FROM moved"
    return {
        "statement": move.format(table.name, where, everything, table.archive, everything, "", everything),
        "undo": move.format(table.archive, where, stored, table.name, stored, "OVERRIDING SYSTEM VALUE ", stored),
    }
