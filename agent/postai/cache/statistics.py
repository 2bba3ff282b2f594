"""Cache tables with their figures, and which statements another one would pay for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postai.database import Database
from postai.database.installed import reading
from postai.database.named_sql import load


@dataclass(frozen=True, slots=True)
class CacheTable:
    """A cache table; sizes in bytes, times in seconds, `refresh_ms` of the last refresh."""

    name: str
    rows: int | None
    bytes: int | None
    reads: int | None
    refreshes: int
    refresh_ms: float | None
    invalidations: int | None
    ttl: float
    as_of: datetime | None
    fresh: bool
    stale_reason: str | None
    refreshed_on: str
    not_followed: str | None
    error: dict[str, Any] | None
    created_by: str
    query: str


@dataclass(frozen=True, slots=True)
class CacheAdvice:
    """A statement that a cache table would pay for."""

    query: str
    user_name: str
    calls_per_day: float
    mean_ms: float
    rows_per_call: float
    rows_written_per_day: int
    saved_ms_per_day: int
    advice: str


@dataclass(frozen=True, slots=True)
class CacheTables:
    """Cache tables of the caller, or all of them for operators, and advice."""

    tables: list[CacheTable]
    advice: list[CacheAdvice]


def read_cache_tables(db: Database) -> CacheTables:
    """Look, with the rights of the connection's role."""
    blocks = load(__package__, "statistics.sql")
    with reading(db):
        tables = [CacheTable(*row) for row in db.query(blocks["tables"])]
        advice = [CacheAdvice(*row) for row in db.query(blocks["advice"])]
    return CacheTables(tables, advice)
