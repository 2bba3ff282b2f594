"""The index advisor: which indexes would save a workload most, and what they cost."""

from __future__ import annotations

import time
from dataclasses import replace

from postai.database import Database
from postai.database.catalog import Catalog
from postai.deadline import Deadline
from postai.optimize.advising import Run
from postai.optimize.facts import read_extensions
from postai.optimize.planner import HypopgPlanner, Statements, read_only_session
from postai.optimize.types import Advice, AdvisorOptions, Workload
from postai.optimize.workload import one_statement
from postai.sql.safety import Safety

STATEMENT_TIMEOUT_MS = 5000
"""Longest time that one EXPLAIN may take."""


def advise_indexes(
    db: Database,
    catalog: Catalog,
    safety: Safety,
    workload: Workload,
    options: AdvisorOptions,
    deadline: Deadline,
) -> Advice:
    """The indexes that a workload lacks.

    Nothing of the workload is run: its statements pass the guard, and are EXPLAINed in READ ONLY transactions.

    Args:
        db: a session outside a transaction; its settings are the same afterwards.
        catalog, safety: pictures of its database.
        workload: what it is asked per day.
        options: limits.
        deadline: of the caller; `options.seconds` may end the search sooner, with what was found by then.

    Raises:
        Cancelled: the caller went away.
        ConnectionLost: the session ended.
    """
    started = time.monotonic()
    limit = replace(deadline, at=min(deadline.at, started + options.seconds))
    extensions = read_extensions(db)
    ((path,),) = db.query("select pg_catalog.current_schemas(true)::pg_catalog.text[]")
    with read_only_session(db, STATEMENT_TIMEOUT_MS):
        statements = Statements(db)
        planner = HypopgPlanner(db, statements, extensions["hypopg"], catalog)
        run = Run(db, catalog, safety, statements, planner, options, limit, extensions, tuple(path))
        try:
            advice = run.advise(workload)
        finally:
            planner.close()
            statements.close()
    return replace(advice, seconds=time.monotonic() - started)


def advise_query(
    db: Database, catalog: Catalog, safety: Safety, sql: str, options: AdvisorOptions, deadline: Deadline
) -> Advice:
    """The indexes that one statement lacks, with its cost before and after; see `advise_indexes`."""
    return advise_indexes(db, catalog, safety, one_statement(sql), options, deadline)
