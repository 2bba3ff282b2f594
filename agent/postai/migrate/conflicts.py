"""What would be in the way of a change now, how busy its tables are, and when they are least busy."""

from __future__ import annotations

from collections.abc import Sequence

from postai.database import Database
from postai.database.named_sql import load

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def conflicts(db: Database, tables: Sequence[int]) -> tuple[str, ...]:
    """Sessions and prepared transactions that a step would wait for, oldest first.

    Args:
        tables: oids of the tables that the change touches.
    """
    sql = load(__package__, "conflicts.sql")
    found = [str(row[0]) for row in db.query(sql["holders"], [list(tables), list(tables)])]
    found += [str(row[0]) for row in db.query(sql["snapshots"])]
    found += [str(row[0]) for row in db.query(sql["prepared"])]
    return tuple(found)


def activity(db: Database) -> dict[int, float]:
    """Scans and row changes per second of each table since its statistics began."""
    return {oid: float(rate) for oid, rate in db.query(load(__package__, "conflicts.sql")["activity"])}


def quiet_hour(db: Database) -> str | None:
    """The hour of the week with the fewest transactions; None = there is no readable history of three days or more."""
    sql = load(__package__, "conflicts.sql")
    if not db.query(sql["history_readable"])[0][0]:
        return None
    rows = db.query(sql["quiet_hours"])
    if not rows or rows[0][4] < 3:
        return None
    day, hour, rate, average, _ = rows[0]
    share = f", {rate / average:.0%} of the average" if average else ""
    return f"{_DAYS[day]} {hour:02d}:00 to {(hour + 1) % 24:02d}:00 UTC is the quietest hour{share}"
