"""What happened to tables and indexes since the last reading, and how big they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from postai.database import Database, ServerError
from postai.history.types import IndexWindow, TableWindow
from postai.observe.collect_counters import Ground, Numbers, Readings, difference

_COUNTED = (
    "seq_scan",
    "seq_tup_read",
    "fetched",
    "n_tup_ins",
    "n_tup_upd",
    "n_tup_del",
    "n_tup_hot_upd",
    "blks_fetched",
    "blks_hit",
)
_SIZES_AGAIN = timedelta(hours=1)
_LOCKED = frozenset({"55P03", "57014"})
"""SQLSTATEs of a lock or a statement that took too long."""


class Relations:
    """Reads the counters of this database's tables and indexes and tells what was added.

    Args:
        sql: blocks of collect.sql.
        most: most tables, and most indexes, with a window in one interval; what is over that is told later.
        sized: most tables and indexes whose size is read in one interval.
    """

    def __init__(self, sql: Mapping[str, str], most: int, sized: int) -> None:
        self._sql = sql
        self._most = most
        self._sized = sized
        self._tables: Readings[int] = Readings()
        self._indexes: Readings[int] = Readings()
        self._sizes: dict[int, int] = {}
        self._sized_at = datetime.min.replace(tzinfo=UTC)
        self._at: datetime | None = None

    def read(self, db: Database, ground: Ground) -> tuple[tuple[TableWindow, ...], tuple[IndexWindow, ...]]:
        """What was added since the last reading; nothing at the first one."""
        rows = db.query(self._sql["indexes"])
        tables_of = {oid: table for oid, table, _ in rows}
        indexes = {
            oid: difference(before, now)
            for oid, before, now in self._bounded(self._indexes, ((oid, row) for oid, _, row in rows))
        }
        changed = self._bounded(self._tables, ((oid, row) for oid, row in db.query(self._sql["tables"])))
        since, self._at = self._at, ground.at
        if since is None:
            return (), ()
        tables = {oid: _table_change(before, now) for oid, before, now in changed}
        for oid, added in indexes.items():
            its = tables.setdefault(tables_of[oid], self._unchanged(tables_of[oid]))
            its["idx_scan"] = its.get("idx_scan", 0) + int(added[0])
            its["idx_tup_fetch"] += int(added[2])
        names = {oid: (schema, name) for oid, schema, name in db.query(self._sql["names"], ([*tables, *indexes],))}
        written = {oid for oid, its in tables.items() if its["n_tup_ins"] or its["n_tup_upd"] or its["n_tup_del"]}
        self._measure(db, ground.at, written | {oid for oid in indexes if tables_of[oid] in written}, names)
        return (
            tuple(
                _table_window(oid, names[oid], since, ground.at, its, self._sizes.get(oid))
                for oid, its in tables.items()
                if oid in names
            ),
            tuple(
                IndexWindow(
                    oid, tables_of[oid], *names[oid], since, ground.at,
                    idx_scan=int(added[0]), idx_tup_read=int(added[1]), bytes=self._sizes.get(oid),
                )
                for oid, added in indexes.items()
                if oid in names
            ),
        )  # fmt: skip

    def _unchanged(self, oid: int) -> dict[str, int]:
        now = self._tables.last(oid) or (0,) * (len(_COUNTED) + 2)
        return _table_change(now, now)

    def _bounded(
        self, readings: Readings[int], rows: Iterable[tuple[int, str]]
    ) -> list[tuple[int, Numbers | None, Numbers]]:
        """The rows that changed most; the others are taken as not read, so that nothing is lost."""
        changed = readings.changed((row[0], row[1]) for row in rows)
        changed.sort(key=lambda one: -sum(difference(one[1], one[2])))
        for oid, before, _ in changed[self._most :]:
            readings.keep(oid, before)
        return changed[: self._most]

    def _measure(self, db: Database, at: datetime, written: Iterable[int], wanted: Iterable[int]) -> None:
        """Read the sizes of what was written to, of what has none yet, and once an hour of all.

        What is locked exclusively has none.
        """
        if at > self._sized_at + _SIZES_AGAIN:
            self._sizes, self._sized_at = {}, at
        for oid in written:
            self._sizes.pop(oid, None)
        unknown = [oid for oid in wanted if oid not in self._sizes][: self._sized]
        if not unknown:
            return
        try:
            with db.transaction():
                db.execute("select pg_catalog.set_config('lock_timeout', '100ms', true)")
                self._sizes.update(db.query(self._sql["sizes"], (unknown,)))
        except ServerError as error:
            if error.sqlstate not in _LOCKED:
                raise


def _table_change(before: Numbers | None, now: Numbers) -> dict[str, int]:
    """What was added to a table's counters, and its rows as they are now."""
    added = difference(before, now, len(_COUNTED))
    its = {name: int(value) for name, value in zip(_COUNTED, added, strict=False)}
    its["blks_read"] = max(0, its.pop("blks_fetched") - its["blks_hit"])
    its["idx_tup_fetch"] = its.pop("fetched")
    its["live_rows"], its["dead_rows"] = int(added[-2]), int(added[-1])
    return its


def _table_window(
    oid: int, name: tuple[str, str], since: datetime, until: datetime, its: Mapping[str, Any], size: int | None
) -> TableWindow:
    return replace(TableWindow(oid, *name, since, until, bytes=size), **its)
