"""The duty that looks at the health of a database every few minutes, and at its space every hour.

It writes what postai.health, bloat, unused_indexes and redundant_indexes show, and raises an alert for every check that
is critical. One look takes a handful of bounded
statements; after it comes a rest of at least twenty times its length.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from postai.daemon.loop import Loop, Pause
from postai.database import Database, Pool
from postai.database.named_sql import load
from postai.database.upkeep import TableSpace, looking, table_space
from postai.deadline import Deadline
from postai.observe.alerts import Alert, Alerts
from postai.observe.health import CHECKS, HealthResult, check_health
from postai.optimize.hygiene import IndexFinding, find_index_troubles


@dataclass(frozen=True, slots=True)
class HealthPace:
    """How often, in seconds.

    Attributes:
        checks: between two looks at the health.
        space: between two looks at bloat and indexes.
        longest: one look.
        rest: so many times longer than a look is the rest after it, at least.
    """

    checks: float = 180.0
    space: float = 3600.0
    longest: float = 60.0
    rest: float = 20.0


class HealthDuty(Loop):
    """Looks at the health of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        alerts: where a check that is critical, or no longer, is laid down.
        pace: how often.
    """

    channel = "postai_health"

    def __init__(self, name: str, pool: Pool, alerts: Alerts, pace: HealthPace | None = None) -> None:
        self._pool = pool
        self._alerts = alerts
        self._pace = pace or HealthPace()
        self._sql = load(__package__, "health_duty.sql")
        self._space_at = 0.0
        super().__init__(
            f"health-{name}",
            self._look_and_rest,
            trouble="the health cannot be looked at",
            database=name,
            anew=self._begin_anew,
            longest=self._pace.longest,
            again=self._pace.checks,
        )

    def _begin_anew(self) -> None:
        self._space_at = 0.0

    def _look_and_rest(self, deadline: Deadline) -> Pause:
        began = time.monotonic()
        with self._pool.database() as db:
            self.look(db, deadline)
        rest = max(self._pace.checks, self._pace.rest * (time.monotonic() - began))
        return Pause(rest, rest)

    def look(self, db: Database, deadline: Deadline) -> None:
        """Look at the health, at space when it is time, and write down what was found."""
        self._checks(db, deadline)
        now = time.monotonic()
        if now >= self._space_at:
            self._space(db, deadline)
            self._space_at = now + self._pace.space

    def _checks(self, db: Database, deadline: Deadline) -> None:
        results = {one.check: one for one in check_health(db, deadline)}
        rows = [_health_row(results[check.id], place) for place, check in enumerate(CHECKS)]
        db.execute(self._sql["write_health"], [json.dumps(rows)])
        told = self._alerts.open_keys(db, "health")
        for one in results.values():
            key = f"health {one.check}"
            if one.status == "critical":
                self._alerts.raise_(db, _alert(key, one))
            elif one.status != "unknown" and key in told:
                self._alerts.end(db, key)

    def _space(self, db: Database, deadline: Deadline) -> None:
        with looking(db, deadline):
            tables = [one for one in table_space(db) if _notable(one)]
        rows = [_table_row(one) for one in tables] + [_index_row(one) for one in find_index_troubles(db, deadline)]
        db.execute(self._sql["write_findings"], [json.dumps(rows)])


def _alert(key: str, one: HealthResult) -> Alert:
    body = f"{one.why}\n{one.fix}".strip()
    return Alert(key, "health", "HIGH", f"{one.title}: {one.value}", body, {"check": one.check, "docs": one.docs})


def _health_row(one: HealthResult, place: int) -> dict[str, Any]:
    return {
        "name": one.check, "place": place, "title": one.title, "status": one.status, "value": one.value,
        "threshold": one.threshold, "why": one.why, "fix": one.fix, "docs": one.docs,
    }  # fmt: skip


def _notable(table: TableSpace) -> bool:
    return table.bytes >= 1 << 20 and (table.dead_percent >= 5 or (table.bloat_percent or 0.0) >= 15)


def _table_row(one: TableSpace) -> dict[str, Any]:
    dead = round(one.bytes * one.dead_percent / 100)
    freed = dead if one.bloat_bytes is None else one.bloat_bytes
    return {
        "kind": "table", "object": one.name, "table_name": one.name, "other": "", "bytes": one.bytes, "freed": freed,
        "percent": 100 * freed / one.bytes, "dead_rows": one.dead,
        "method": "dead rows" if one.bloat_bytes is None else one.method, "warning": "",
        "statement": f"VACUUM (ANALYZE) {one.name}" if one.dead_percent >= 5 else "",
    }  # fmt: skip


def _index_row(one: IndexFinding) -> dict[str, Any]:
    advice = one.recommendation
    return {
        "kind": one.kind, "object": one.index, "table_name": one.table, "other": one.other, "bytes": one.bytes,
        "freed": one.freed, "percent": 100 * one.freed / max(one.bytes, 1), "method": "estimate", "scans": one.scans,
        "counted_since": one.counted_since.isoformat(), "warning": one.warning,
        "statement": advice.statement if advice else "", "undo": advice.undo if advice else None,
    }  # fmt: skip
