"""How many rows a step touches, how long it takes, and how risky it is: one documented formula each (docs/migrate.md).

Times are sizes divided by speeds that hold for ordinary disks, multiplied by how wrong they were on this server before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from postai.database import Database
from postai.database.named_sql import load
from postai.migrate.picture import Relation
from postai.migrate.types import Blocks, PlannedStep, Risk

Effort = Literal["moment", "scan", "build", "rewrite", "backfill"]
"""What the time of a step goes to: the catalogs alone, reading a table, building an index, writing it anew, or
writing its rows in batches."""

_MOMENT_MS = 10
_SCAN_BYTES_PER_MS = 200_000
_REWRITE_BYTES_PER_MS = 50_000
_BUILD_BYTES_PER_MS = 60_000
_BUILD_ROWS_PER_MS = 500
_BACKFILL_ROWS_PER_MS = 40
_ROW_BYTES = 100

_BLOCKING: Mapping[Blocks, float] = {"reads+writes": 1.0, "writes": 0.6, "ddl": 0.15, "none": 0.05}
_LOCK_BLOCKS: Mapping[str, Blocks] = {
    "AccessExclusiveLock": "reads+writes", "ExclusiveLock": "writes", "ShareRowExclusiveLock": "writes",
    "ShareLock": "writes", "ShareUpdateExclusiveLock": "ddl",
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Rows and bytes of what a step reads or writes; None = unknown."""

    rows: int | None
    bytes: int | None

    @classmethod
    def of(cls, relation: Relation) -> Size:
        """By the statistics of a relation; tables that the text itself makes are empty."""
        return cls(0, 0) if relation.new else cls(relation.rows, relation.bytes)


def milliseconds(effort: Effort, size: Size, factor: float = 1.0) -> int | None:
    """Expected time of a step.

    Args:
        effort: what the time goes to.
        size: of the table.
        factor: from `calibration`.

    Returns:
        None = the size is not known.
    """
    if effort == "moment":
        return _MOMENT_MS
    rows = size.rows
    if rows is None and size.bytes is not None:
        rows = size.bytes // _ROW_BYTES
    bytes_ = size.bytes if size.bytes is not None else None if rows is None else rows * _ROW_BYTES
    if rows is None or bytes_ is None:
        return None
    spent = {
        "scan": bytes_ / _SCAN_BYTES_PER_MS,
        "rewrite": bytes_ / _REWRITE_BYTES_PER_MS,
        "build": bytes_ / _BUILD_BYTES_PER_MS + rows / _BUILD_ROWS_PER_MS,
        "backfill": rows / _BACKFILL_ROWS_PER_MS,
    }[effort]
    return round(_MOMENT_MS + spent * factor)


def calibration(db: Database) -> float:
    """Median of measured / estimated time over the last steps that took a second or more, kept within 1/8 and 8.

    1 where postai's records cannot be read or hold fewer than three such steps.
    """
    sql = load(__package__, "estimate.sql")
    if not db.query(sql["records_readable"])[0][0]:
        return 1.0
    count, median = db.query(sql["measured_over_estimated"])[0]
    return 1.0 if count < 3 else min(8.0, max(0.125, float(median)))


def blocked_by(locks: Mapping[str, str]) -> dict[str, Blocks]:
    """What others cannot do while such locks are held."""
    return {name: _LOCK_BLOCKS.get(mode, "none") for name, mode in locks.items()}


def score(step: PlannedStep, calls_per_second: float) -> int:
    """Risk of one step, 0..100.

    100 * (1 - (1 - lock * duration * activity) * (1 - irreversible)), where lock is 1 for what stops reads, 0.6 for
    writes, 0.15 for other changes, 0.05 for nothing; duration grows from 0.1 (10 ms) to 1 (10 s and more) with the
    logarithm, unknown = 0.7; activity from 0.3 (idle) to 1 (100 calls per second on the table); irreversible is 0.5
    where data is lost for good and 0.1 where only the statement cannot be taken back.
    """
    weight = max((_BLOCKING[one] for one in step.blocks.values()), default=_weight_of_class(step))
    if step.step_class in ("alone", "batched"):
        duration = 0.1  # what they hold for long blocks nobody's reads and writes
    elif step.estimated_ms is None:
        duration = 0.7
    else:
        duration = min(1.0, max(0.1, (math.log10(max(step.estimated_ms, 1)) - 1) / 3 * 0.9 + 0.1))
    activity = min(1.0, 0.3 + 0.35 * math.log10(1 + calls_per_second))
    lost = 0.5 if step.phase == "contract" and step.undo is None else 0.1 if step.undo is None else 0.0
    return round(100 * (1 - (1 - weight * duration * activity) * (1 - lost)))


def _weight_of_class(step: PlannedStep) -> float:
    return {"short_lock": 1.0, "weak_scan": 0.15, "alone": 0.15, "batched": 0.15}[step.step_class]


def risk_of(scores: list[int]) -> tuple[int, Risk]:
    """The score of a whole plan, its riskiest step's, and its class: below 30 low, below 60 medium."""
    worst = max(scores, default=0)
    return worst, "low" if worst < 30 else "medium" if worst < 60 else "high"
