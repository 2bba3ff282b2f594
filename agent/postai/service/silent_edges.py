"""Tells people when an edge that reports to this database has fallen silent, and when it is heard of again."""

from __future__ import annotations

from math import inf

from postai.database import Database
from postai.observe.alerts import Alert, Alerts

LOOK_SECONDS = 30.0
"""Between two looks."""
_EDGES = """select e.name, e.state = 'silent', e.region, e.reported_at::pg_catalog.timestamptz(0)::pg_catalog.text
  from postai.edges as e order by e.name"""


class SilentEdges:
    """Looks at the edges of one database.

    An edge is told of when two looks running find it silent: after a time in which the database could not be reached,
    no edge could report either.

    Args:
        alerts: where it is laid down.
    """

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._silent: frozenset[str] = frozenset()
        self._looked = -inf

    def look(self, db: Database, now: float) -> bool:
        """Look, when it is time.

        Args:
            db: a session of the agent.
            now: seconds of a clock that only goes forward.

        Returns:
            whether something was found that is told.
        """
        since = now - self._looked
        if since < LOOK_SECONDS:
            return False
        edges = db.query(_EDGES)
        before = self._silent if since <= 3 * LOOK_SECONDS else frozenset()
        self._silent, self._looked = frozenset(row[0] for row in edges if row[1]), now
        told = False
        for name, silent, region, at in edges:
            if silent and name in before:
                told |= self._alerts.raise_(db, _alert(name, region, at))
        open_keys = self._alerts.open_keys(db, "edge")
        for key in open_keys & {_key(row[0]) for row in edges if not row[1]}:
            told |= self._alerts.end(db, key)
        for key in open_keys - {_key(row[0]) for row in edges}:  # it was forgotten
            self._alerts.close(db, key)
        return told


def _key(name: str) -> str:
    return f"edge:{name}"


def _alert(name: str, region: str | None, at: str) -> Alert:
    where = f" in region {region}" if region else ""
    body = (
        f"It reported last at {at}. It has ended, its machine is gone, or it does not reach this database: look there"
        f" at the log of post-ai edge. Where it will not come back: SELECT postai.forget_edge('{name}')."
    )
    return Alert(_key(name), "edge", "HIGH", f"Edge {name}{where} has fallen silent", body)
