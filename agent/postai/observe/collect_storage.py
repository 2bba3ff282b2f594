"""How big the database is, and what of it tables, TOAST and indexes take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from postai.database import Database, ServerError
from postai.history.types import StorageSeen
from postai.observe.collect_counters import Ground

AGAIN = timedelta(minutes=10)
"""How often it is measured: each file of the database is looked at."""
_LOCKED = frozenset({"55P03", "57014"})
"""SQLSTATEs of a lock or a statement that took too long."""


class Storage:
    """Measures this database now and then.

    Args:
        sql: blocks of collect.sql.
    """

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._sql = sql
        self._at = datetime.min.replace(tzinfo=UTC)

    def due(self, ground: Ground) -> bool:
        """Whether it is time to measure again."""
        return ground.at >= self._at + AGAIN

    def read(self, db: Database, ground: Ground) -> StorageSeen:
        """Measure; waits for no lock."""
        self._at = ground.at
        size, wal, temp = db.query(self._sql["storage"])[0]
        return StorageSeen(
            ground.at,
            size,
            *self._parts(db),
            wal_bytes=db.query(self._sql["storage_wal"])[0][0] if wal else None,
            temp_bytes=db.query(self._sql["storage_temp"])[0][0] if temp else None,
        )

    def _parts(self, db: Database) -> tuple[int | None, int | None, int | None, int | None]:
        """Heap, TOAST, indexes, and how many relations are left out; None each where one was locked meanwhile."""
        try:
            with db.transaction():
                db.execute("select pg_catalog.set_config('lock_timeout', '100ms', true)")
                heap, toast, index, held = db.query(self._sql["storage_parts"])[0]
        except ServerError as error:
            if error.sqlstate not in _LOCKED:
                raise
            return None, None, None, None
        return heap, toast, index, held
