"""Plans whose steps ran on an empty copy, so that their locks, rewrites and scans are known."""

from __future__ import annotations

from postai.database import Database
from postai.deadline import Deadline
from postai.migrate.plan import script, with_traces
from postai.migrate.trace import trace
from postai.migrate.types import Plan, Traced
from postai.scratch.scratch_database import Opener


def tried(db: Database, made: Plan, deadline: Deadline, open_database: Opener) -> tuple[Plan, tuple[Traced, ...]]:
    """The plan with what its steps did on an empty copy, and the traces of all its statements.

    Args:
        db: a session of the real database, outside a transaction; every name in the steps has its schema.
        open_database: as for `trace`.

    Raises:
        As `trace`.
    """
    if not made.steps:
        return made, ()
    traces = trace(db, script(made), deadline, open_database)
    return with_traces(made, traces), traces
