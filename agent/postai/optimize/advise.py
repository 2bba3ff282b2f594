"""The index advisor: which indexes would save a workload most, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from postai.database import Database
from postai.database.catalog import Catalog
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import FeatureMissing, NotPermitted
from postai.optimize.advising import Run, Timetable, timetable
from postai.optimize.facts import first_facts, read_extensions
from postai.optimize.foreign_keys import hidden_lookups
from postai.optimize.grouping import grouped
from postai.optimize.planner import Planner
from postai.optimize.planner_copies import CopiesPlanner
from postai.optimize.planner_hypopg import HypopgPlanner, read_only_session
from postai.optimize.planner_model import ModelPlanner
from postai.optimize.report import Reporter, alternatives_of, effects_of
from postai.optimize.statements import Prepared, Preparer
from postai.optimize.types import Advice, AdvisorOptions, Skipped, Workload
from postai.optimize.workload import one_statement
from postai.scratch.copy_planner import copy_planner
from postai.sql.safety import Safety

LAST_SECONDS = 5.0
"""What trying the chosen indexes may take when the time for the advice is over; it takes far less."""

MORE_EXACT = "With the extension hypopg in this database PostgreSQL's planner is asked itself"

MOST_ON_COPIES = 250
"""Statements that are planned with real indexes on copies, which takes some 50 ms for each: our own model is faster."""

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
    times = timetable(replace(deadline, at=min(deadline.at, started + options.seconds)))
    ((path,),) = db.query("select pg_catalog.current_schemas(true)::pg_catalog.text[]")
    preparer = Preparer(catalog, safety, tuple(path))
    prepared, skipped, notes = _prepared(preparer, workload, times)
    extensions = read_extensions(db)
    facts = first_facts(db, catalog, extensions)
    if not any(one.sql for one in prepared):
        return Advice((), (*workload.skipped, *skipped), tuple(notes), time.monotonic() - started, not notes)
    said: list[str] = []
    with _planner(db, catalog, safety, extensions, prepared, options, times.whole, said) as planner:
        run = Run(db, planner, facts, options, times, workload.source)
        found = run.find(prepared, tuple(path))
        effects = effects_of(found)
        reporter = Reporter(found, effects, alternatives_of(found, effects))
    last = replace(deadline, at=min(deadline.at, max(times.whole.at, time.monotonic() + LAST_SECONDS)))
    advice = reporter.recommendations(db, last)
    everything = (*workload.skipped, *skipped, *found.skipped)
    complete = found.complete and not notes
    return Advice(advice, everything, (*notes, *said, *found.notes), time.monotonic() - started, complete)


def advise_query(
    db: Database, catalog: Catalog, safety: Safety, sql: str, options: AdvisorOptions, deadline: Deadline
) -> Advice:
    """The indexes that one statement lacks, with its cost before and after; see `advise_indexes`."""
    return advise_indexes(db, catalog, safety, one_statement(sql), options, deadline)


def _prepared(
    preparer: Preparer, workload: Workload, times: Timetable
) -> tuple[list[Prepared], list[Skipped], list[str]]:
    """Statements made ready, those that take most time first, as far as the time goes."""
    deadline = times.until("prepare")
    prepared: list[Prepared] = []
    skipped: list[Skipped] = []
    order = sorted(grouped(workload.statements), key=lambda one: -(one.mean_ms or 0.0) * one.calls_per_day)
    for number, statement in enumerate(order):
        try:
            deadline.check()
        except DeadlineExceeded:
            return prepared, skipped, [f"the time was over before {len(order) - number} statements were read"]
        one = preparer.prepare(statement)
        if isinstance(one, Prepared):
            prepared.append(one)
        else:
            skipped.append(one)
    lookups = (preparer.prepare(one) for one in list(hidden_lookups(prepared, preparer.catalog)))
    return [*prepared, *(one for one in lookups if isinstance(one, Prepared))], skipped, []


@contextmanager
def _planner(
    db: Database,
    catalog: Catalog,
    safety: Safety,
    extensions: Mapping[str, str],
    prepared: Sequence[Prepared],
    options: AdvisorOptions,
    deadline: Deadline,
    notes: list[str],
) -> Iterator[Planner]:
    """HypoPG where it is installed and the role may use it, else empty copies, else no more than the real tables."""
    if options.hypothetical and "hypopg" in extensions and _may_use_hypopg(db, notes):
        with read_only_session(db, STATEMENT_TIMEOUT_MS):
            hypopg = HypopgPlanner(db, extensions["hypopg"], catalog, safety.definitions)
            try:
                yield hypopg
            finally:
                hypopg.close()
    else:
        oids = dict.fromkeys(oid for one in prepared for oid in one.relations)
        number = sum(one.sql is not None for one in prepared)
        with ExitStack() as stack:
            try:
                if number > MOST_ON_COPIES:
                    raise FeatureMissing(f"{number} statements are too many to be planned with real indexes on copies")
                copies = stack.enter_context(copy_planner(db, oids, deadline, safety.definitions))
            except (FeatureMissing, NotPermitted) as error:
                notes.append(f"what indexes save was estimated by formulas: {error.message}. {MORE_EXACT}")
                stack.enter_context(read_only_session(db, STATEMENT_TIMEOUT_MS))
                modelled = ModelPlanner(db, safety.definitions, deadline)
                stack.callback(modelled.close)
                yield modelled
            else:
                yield CopiesPlanner(copies)


def _may_use_hypopg(db: Database, notes: list[str]) -> bool:
    """Whether every hypothetical index would not seem impossible.

    The role needs the extension's schema; and auto_explain, when it logs every plan, prints the one of EXPLAIN when
    HypoPG's indexes have no names any more ("cache lookup failed for index").
    """
    rows = db.query(
        "select pg_catalog.has_schema_privilege(e.extnamespace, 'USAGE'),"
        " pg_catalog.current_setting('auto_explain.log_min_duration', true) = '0', pg_catalog.quote_ident(current_user)"
        " from pg_catalog.pg_extension as e where e.extname = 'hypopg'"
    )
    allowed, logs_all, role = rows[0] if rows else (False, False, "")
    if allowed and logs_all:
        notes.append(
            "HypoPG cannot be asked while auto_explain.log_min_duration is 0;"
            f" ALTER ROLE {role} SET auto_explain.log_min_duration = -1; by a superuser helps"
        )
    return bool(allowed and not logs_all)
