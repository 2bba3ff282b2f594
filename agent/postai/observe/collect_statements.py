"""What statements did since the last reading, from pg_stat_statements.

The function of the extension is read without the texts, which would have it read its file; the texts of statements
that are new come in a second look. Columns are taken as the installed version has them (PostgreSQL 14 to 18).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postai.database import Database
from postai.database.identifiers import quote_ident
from postai.errors import FeatureMissing
from postai.history.types import REST_QUERYID, StatementKey, StatementWindow
from postai.observe.collect_counters import (
    Ground,
    Numbers,
    Readings,
    Source,
    difference,
    interval_stddev,
    summed_stddev,
)

_Key = tuple[int, int, bool]
"""queryid, userid, toplevel."""

_COUNTERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "calls": (("calls",),),
    "total_ms": (("total_exec_time",),),
    "rows": (("rows",),),
    "blks_hit": (("shared_blks_hit",),),
    "blks_read": (("shared_blks_read",),),
    "blks_dirtied": (("shared_blks_dirtied",),),
    "blks_written": (("shared_blks_written",),),
    "temp_blks_read": (("temp_blks_read",),),
    "temp_blks_written": (("temp_blks_written",),),
    "blk_read_ms": (("shared_blk_read_time", "local_blk_read_time"), ("blk_read_time",)),
    "blk_write_ms": (("shared_blk_write_time", "local_blk_write_time"), ("blk_write_time",)),
    "wal_bytes": (("wal_bytes",),),
    "plans": (("plans",),),
    "plan_ms": (("total_plan_time",),),
    "jit_ms": (("jit_generation_time", "jit_inlining_time", "jit_optimization_time", "jit_emission_time"),),
}
"""What we call them: the columns whose sum each is, as newer and as older versions name them. The time that JIT spends
on deforming is part of its generation."""
_NAMES = tuple(_COUNTERS)
_CALLS, _TOTAL = _NAMES.index("calls"), _NAMES.index("total_ms")
_STDDEV, _SINCE, _EXTRA = range(len(_NAMES), len(_NAMES) + 3)
_DECIMAL = frozenset({"total_ms", "blk_read_ms", "blk_write_ms", "plan_ms", "jit_ms"})


@dataclass(frozen=True)
class StatementReading:
    """One interval.

    Attributes:
        windows: the statements that ran, the longest total time first, at most as many as were asked for.
        rest: the sum of all others that clients sent; `inner`: of those that ran inside others, whose time these hold
            already; None = none did.
        own: the sum of the agent's, where it has a role of its own (they are in no other part).
        queryids: of all statements of this database that are counted.
    """

    windows: tuple[StatementWindow, ...]
    rest: StatementWindow
    inner: StatementWindow | None
    own: StatementWindow | None
    queryids: frozenset[int]

    @property
    def sums(self) -> list[StatementWindow]:
        """The windows that are sums of many statements."""
        return [one for one in (self.rest, self.inner, self.own) if one is not None]


class Statements:
    """Reads the counters of this database's statements and tells what was added.

    Args:
        sql: blocks of collect.sql.
        top: most statements with a window of their own.
    """

    def __init__(self, sql: Mapping[str, str], top: int) -> None:
        self._sql = sql
        self._top = top
        self._readings: Readings[_Key] = Readings()
        self._reset: str | None = None
        self._at: datetime | None = None

    def read(self, db: Database, ground: Ground) -> StatementReading | None:
        """What was added since the last reading; None at the first one.

        Raises:
            FeatureMissing: pg_stat_statements cannot be read; says how to get it.
        """
        source = ground.sources.get("pg_stat_statements")
        if source is None or not ground.loaded or "toplevel" not in source.columns:
            raise self._missing(db, ground)
        schema = quote_ident(source.schema)
        reset = db.query(self._sql["statements_reset"].replace("/* schema */", schema))[0][0]
        rows = db.query(self._statement(ground), (ground.dbid,))
        changed = self._readings.changed(((queryid, userid, toplevel), row) for queryid, userid, toplevel, row in rows)
        anew = self._reset != reset
        since, self._at, self._reset = self._at, ground.at, reset
        if since is None:
            return None
        added = [_added(key, None if anew else before, now) for key, before, now in changed]
        ran = sorted((one for one in added if one is not None), key=lambda one: -one.values[_TOTAL])
        ours = [one for one in ran if ground.dedicated and one.key[1] == ground.userid]
        theirs = [one for one in ran if not ground.dedicated or one.key[1] != ground.userid]
        small = theirs[self._top :]
        inner = [one for one in small if not one.key[2]]
        return StatementReading(
            tuple(_window(one, ground, since) for one in theirs[: self._top]),
            _window(_summed([one for one in small if one.key[2]], (REST_QUERYID, 0, True)), ground, since),
            _window(_summed(inner, (REST_QUERYID, 0, False)), ground, since) if inner else None,
            _window(_summed(ours, (REST_QUERYID, ground.userid, True)), ground, since) if ours else None,
            frozenset(row[0] for row in rows),
        )

    def texts(self, db: Database, ground: Ground, keys: Sequence[StatementKey], most: int) -> dict[StatementKey, str]:
        """Texts of statements, up to so many characters each; those that the server has no longer are left out."""
        source = ground.sources["pg_stat_statements"]
        statement = self._sql["texts"].replace("/* schema */", quote_ident(source.schema))
        rows = db.query(statement, (most, ground.dbid, [key.queryid for key in keys]))
        found = {StatementKey(row[0], row[1], ground.dbid, row[2]): row[3] for row in rows}
        return {key: found[key] for key in keys if key in found}

    def _statement(self, ground: Ground) -> str:
        source, kcache = ground.sources["pg_stat_statements"], ground.sources.get("pg_stat_kcache")
        counters = [_sum("s", source, alternatives) for alternatives in _COUNTERS.values()]
        counters.append(_sum("s", source, (("stddev_exec_time",),)))
        counters.append("extract(epoch from s.stats_since)" if "stats_since" in source.columns else "0")
        join = ""
        if kcache is not None and "exec_reads" in kcache.columns:
            counters += ["(k.exec_user_time + k.exec_system_time) * 1000", "k.exec_reads"]
            join = "\n" + self._sql["statements_kcache"].replace("/* schema */", quote_ident(kcache.schema))
        statement = self._sql["statements"].replace("/* kcache */", join)
        return statement.replace("/* counters */", ", ".join(counters)).replace(
            "/* schema */", quote_ident(source.schema)
        )

    def _missing(self, db: Database, ground: Ground) -> FeatureMissing:
        available, schema, loaded, role = db.query(self._sql["statements_missing"])[0]
        if not available:
            return FeatureMissing(
                "the server has no extension pg_stat_statements",
                hint="Install PostgreSQL's additional modules (contrib) on the server's host.",
            )
        if not ground.loaded:
            libraries = ", ".join(filter(None, [loaded, "pg_stat_statements"]))
            return FeatureMissing(
                "pg_stat_statements is not loaded when the server starts",
                hint=f"ALTER SYSTEM SET shared_preload_libraries = {libraries}; restart the server; then "
                "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;",
            )
        if schema is None:
            return FeatureMissing(
                "the extension pg_stat_statements is not installed in this database",
                hint="CREATE EXTENSION pg_stat_statements;",
            )
        if "pg_stat_statements" in ground.sources:
            return FeatureMissing(
                "the extension pg_stat_statements is of an old version",
                hint="ALTER EXTENSION pg_stat_statements UPDATE;",
            )
        return FeatureMissing(
            "the agent may not read pg_stat_statements", hint=f"GRANT USAGE ON SCHEMA {schema} TO {role};"
        )


def _sum(alias: str, source: Source, alternatives: Sequence[Sequence[str]]) -> str:
    """SQL for the first alternative whose columns there are; 0 where there is none."""
    for columns in alternatives:
        if source.columns.issuperset(columns):
            return " + ".join(f"{alias}.{column}" for column in columns)
    return "0"


@dataclass(frozen=True, slots=True)
class _Added:
    """What was added to the counters of a statement; `extra` is what pg_stat_kcache counts, () without it."""

    key: _Key
    values: Sequence[float]
    stddev_ms: float
    extra: Sequence[float]


def _added(key: _Key, before: Numbers | None, now: Numbers) -> _Added | None:
    """What was added; None when no call ended."""
    if before is not None and (now[_SINCE] != before[_SINCE] or now[_CALLS] < before[_CALLS]):
        before = None  # evicted, or reset by itself, and counted anew
    values = difference(before, now[:_STDDEV])
    if values[_CALLS] <= 0:
        return None
    earlier = None if before is None else (before[_CALLS], before[_TOTAL], before[_STDDEV])
    # What pg_stat_kcache counts may begin anew apart.
    extra = difference(None if before is None else before[_EXTRA:], now[_EXTRA:])
    return _Added(key, values, interval_stddev(earlier, (now[_CALLS], now[_TOTAL], now[_STDDEV])), extra)


def _summed(parts: Sequence[_Added], key: _Key) -> _Added:
    stddev = summed_stddev((one.values[_CALLS], one.values[_TOTAL], one.stddev_ms) for one in parts)
    sums = [sum(column) for column in zip(*(one.values for one in parts), strict=True)] or [0] * len(_NAMES)
    return _Added(key, sums, stddev, [sum(column) for column in zip(*(one.extra for one in parts), strict=True)])


def _window(added: _Added, ground: Ground, since: datetime) -> StatementWindow:
    queryid, userid, toplevel = added.key
    values: dict[str, Any] = {
        name: float(value) if name in _DECIMAL else int(value) for name, value in zip(_NAMES, added.values, strict=True)
    }
    cpu, disk = added.extra or (None, None)
    return StatementWindow(
        StatementKey(queryid, userid, ground.dbid, toplevel),
        None,
        since,
        ground.at,
        stddev_ms=added.stddev_ms,
        cpu_ms=cpu,
        disk_bytes_read=None if disk is None else int(disk),
        **values,
    )
