"""What happened in the databases and in the server as a whole since the last reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from postai.database import Database
from postai.history.types import DatabaseWindow, ServerWindow
from postai.observe.collect_counters import Ground, Readings, difference

_COUNTED = (
    "xact_commit", "xact_rollback", "blks_read", "blks_hit", "tup_returned", "tup_fetched", "tup_inserted",
    "tup_updated", "tup_deleted", "conflicts", "temp_files", "temp_bytes", "deadlocks", "blk_read_ms", "blk_write_ms",
    "active_ms", "idle_in_transaction_ms",
)  # fmt: skip
_GROUPS = frozenset({"wal", "bgwriter", "checkpointer"})
_IO = "io "


class Databases:
    """Reads the counters of all databases; others than this one are summed up.

    Args:
        sql: blocks of collect.sql.
    """

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._sql = sql
        self._readings: Readings[int] = Readings()
        self._at: datetime | None = None

    def read(self, db: Database, ground: Ground) -> tuple[DatabaseWindow, ...]:
        """What was added since the last reading: this database's first, then the others'; nothing at the first one."""
        changed = self._readings.changed((oid, row) for oid, row in db.query(self._sql["databases"]))
        since, self._at = self._at, ground.at
        if since is None:
            return ()
        sums = {ground.dbid: [0.0] * len(_COUNTED), 0: [0.0] * len(_COUNTED)}
        for oid, before, now in changed:
            sums_of = sums[oid if oid == ground.dbid else 0]
            for at, added in enumerate(difference(before, now)):
                sums_of[at] += added
        return tuple(
            DatabaseWindow(
                oid,
                since,
                ground.at,
                **_by_name(values),
            )
            for oid, values in sums.items()
        )


def _by_name(values: Sequence[float]) -> dict[str, Any]:
    """Counters as the fields of a window: times are fractions, all else is counted in whole numbers."""
    return {name: value if name.endswith("_ms") else int(value) for name, value in zip(_COUNTED, values, strict=True)}


class Server:
    """Reads the counters of the whole server: WAL, background writer, checkpoints, input and output.

    Args:
        sql: blocks of collect.sql.
    """

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._sql = sql
        self._before: dict[str, Mapping[str, Any]] = {}
        self._at: datetime | None = None

    def read(self, db: Database, ground: Ground) -> tuple[ServerWindow, ...]:
        """What was added since the last reading; nothing at the first one."""
        blocks = [self._sql["server"]]
        if db.server_version >= 160000:
            blocks.append(self._sql["server_16"])
        if db.server_version >= 170000:
            blocks.append(self._sql["server_17"])
        now = {group if group in _GROUPS else _IO + group: values for group, values in db.query("\n".join(blocks))}
        before, self._before = self._before, now
        since, self._at = self._at, ground.at
        if since is None:
            return ()
        added = {group: _added(before.get(group), values) for group, values in now.items()}
        return (ServerWindow(since, ground.at, {group: values for group, values in added.items() if values}),)


def _added(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, float]:
    """What was added to the counters of one group; those to which nothing was are left out."""
    names = [name for name, value in now.items() if isinstance(value, int | float)]
    if before is not None and before.get("stats_reset") != now.get("stats_reset"):
        before = None
    earlier = None if before is None else tuple(before.get(name) or 0 for name in names)
    added = difference(earlier, tuple(now[name] for name in names))
    return {name: value for name, value in zip(names, added, strict=True) if value}
