"""The index advisor: which indexes would save a workload most, and what they cost."""

from __future__ import annotations

import time
from dataclasses import replace

from postai.database import Database
from postai.database.catalog import Catalog
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted
from postai.optimize.advising import Run
from postai.optimize.copied import CopiedPlanner, tables_of
from postai.optimize.facts import read_extensions
from postai.optimize.planner import HypopgPlanner, Statements, read_only_session
from postai.optimize.types import Advice, AdvisorOptions, Workload
from postai.optimize.workload import one_statement
from postai.scratch.copy_planner import copy_planner
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

    Nothing of the workload is run: its statements pass the guard, and are EXPLAINed in READ ONLY transactions. Where
    HypoPG is not installed they are EXPLAINed on empty copies, within one transaction that is rolled back.

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
    if options.hypothetical and "hypopg" in extensions:
        with read_only_session(db, STATEMENT_TIMEOUT_MS):
            statements = Statements(db)
            planner = HypopgPlanner(db, statements, extensions["hypopg"], catalog)
            run = Run(db, catalog, safety, statements, planner, options, limit, extensions, tuple(path))
            try:
                advice = run.advise(workload)
            finally:
                planner.close()
                statements.close()
    else:
        advice = _on_copies(db, catalog, safety, workload, options, limit, extensions, tuple(path))
    return replace(advice, seconds=time.monotonic() - started)


def _on_copies(
    db: Database,
    catalog: Catalog,
    safety: Safety,
    workload: Workload,
    options: AdvisorOptions,
    limit: Deadline,
    extensions: dict[str, str],
    path: tuple[str, ...],
) -> Advice:
    """The advice without HypoPG."""
    try:
        with copy_planner(db, tables_of(workload, catalog, path), limit) as copies:
            planner = CopiedPlanner(copies)
            advice = Run(db, catalog, safety, planner, planner, options, limit, extensions, path).advise(workload)
            return replace(advice, notes=(*advice.notes, *copies.notes))
    except (FeatureMissing, NotPermitted) as error:
        why = " ".join(one for one in (f"{error.message}.", error.detail, error.hint) if one)
        return Advice((), workload.skipped, (f"no index was looked for: {why}",))


def advise_query(
    db: Database, catalog: Catalog, safety: Safety, sql: str, options: AdvisorOptions, deadline: Deadline
) -> Advice:
    """The indexes that one statement lacks, with its cost before and after; see `advise_indexes`."""
    return advise_indexes(db, catalog, safety, one_statement(sql), options, deadline)
