"""What tables are like before and after a change: sizes, rows, vacuums, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from postai.database import Database, ServerError
from postai.database.named_sql import load
from postai.database.upkeep import looking
from postai.deadline import Deadline

Table = dict[str, Any]
"""oid, name, bytes, index_bytes, live_rows, dead_rows, vacuums, updates, hot_updates."""

LOOK_SECONDS = 5.0
_BUSY = ("55P03", "57014")


def tables_of(db: Database, proposal: int) -> list[Table] | None:
    """The tables that the steps of a proposal touch, as they are now; None = one is locked, so nobody can tell."""
    return _look(db, db.query(load(__package__, "pictures.sql")["touched"], [proposal])[0][0])


def tables_again(db: Database, proposal: int) -> list[Table] | None:
    """The tables that were looked at before a proposal was applied, as they are now; None = not known."""
    rows = db.query(load(__package__, "pictures.sql")["earlier"], [proposal])
    return _look(db, rows[0][1] or []) if rows else None


def tables_before(db: Database, proposal: int) -> list[Table] | None:
    """What the tables were like before a proposal was applied; None = nobody looked."""
    rows = db.query(load(__package__, "pictures.sql")["earlier"], [proposal])
    return list(rows[0][0]) if rows else None


def _look(db: Database, oids: Sequence[int]) -> list[Table] | None:
    try:
        with looking(db, Deadline.after(LOOK_SECONDS)):
            return [table for (table,) in db.query(load(__package__, "pictures.sql")["tables"], [list(oids)])]
    except ServerError as error:
        if error.sqlstate not in _BUSY:
            raise
        return None
