"""Runs the advisors for postai.optimize and for the duty: looks, advises, and brings the proposals up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from postai.ask.verify import NOT_PERMITTED, SYNTAX_ERROR, PlanningError
from postai.database import Database, Pool
from postai.database.catalog import load_catalog
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import ErrorParts, FeatureMissing, NotPermitted, PostaiError
from postai.optimize.advise import advise_indexes
from postai.optimize.advisors import advise_everything, known_workload
from postai.optimize.drafts import drafts_of
from postai.optimize.left_out import left_out, of_the_run
from postai.optimize.statements import with_literals
from postai.optimize.types import AdvisorOptions, Effect, Recommendation
from postai.optimize.words import amount
from postai.optimize.workload import CALLS_OF_ONE, one_statement
from postai.proposals.keeping import ASKED, SILENT_DAYS, keep
from postai.sql.guard import check
from postai.sql.nodes import highest_parameter
from postai.sql.parse import Unparsable, parse_one
from postai.sql.plan import read_plan
from postai.sql.safety import load_safety

if TYPE_CHECKING:
    from postai.service.ground import Ground

log = logging.getLogger(__name__)

RUN_SECONDS = 55.0
"""Longest run of the advisors; those who wait for it may leave sooner."""
ADVICE_SECONDS = 20.0
"""Of these so many for the index advisor; the rest is for what looks at catalogs and counters."""
LOOK_SECONDS = 0.2
MOST_NOTES = 5
MOST_NAMED = 10

CANNOT_WRITE = "the parameters stand where only values may"

Proposal = Mapping[str, Any]
"""One row of postai.optimize."""
COLUMNS = ("id", "kind", "severity", "object", "title", "gain", "statement")


@dataclass(frozen=True)
class Report:
    """What a run came to.

    Attributes:
        proposals: open ones, the most valuable first.
        notes: sentences about what was not known or not done.
    """

    proposals: tuple[Proposal, ...]
    notes: tuple[str, ...]


class _Run:
    """A run that several may wait for."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.report: Report | None = None
        self.error: PostaiError | None = None


class Optimizer:
    """The advisors of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
    """

    def __init__(self, name: str, pool: Pool) -> None:
        self._name = name
        self._pool = pool
        self._sql = load(__package__, "optimizing.sql")
        self._lock = threading.Lock()
        self._now: _Run | None = None
        self._ran_at: float | None = None

    def everything(self, deadline: Deadline) -> Report:
        """Run all advisors over the whole workload; who comes while they run gets the same report.

        Raises:
            Cancelled, DeadlineExceeded: the caller is gone, its time is over; the run goes on.
            PostaiError: the run failed.
        """
        with self._lock:
            run = self._now
            if run is None or run.over.is_set():
                run = self._now = _Run()
                threading.Thread(target=self._work, args=(run,), name=f"optimize-{self._name}", daemon=True).start()
        while not run.over.wait(LOOK_SECONDS):
            deadline.check()
        if run.report is None:
            error = run.error
            assert error is not None
            raise error
        return run.report

    def due(self) -> float:
        """Seconds until the advisors should run by themselves again; 0 = now."""
        with self._pool.database() as db:
            interval, said = db.query(self._sql["interval"])[0]
        # Another agent may have run them before this one was there.
        ago = said if self._ran_at is None else time.monotonic() - self._ran_at
        return 0.0 if ago is None else max(0.0, float(interval) - float(ago))

    def _work(self, run: _Run) -> None:
        try:
            with self._pool.database() as db:
                run.report = self._everything(db, Deadline.after(RUN_SECONDS))
        except PostaiError as error:
            run.error = error
        except Exception:
            # The outermost layer of this thread: those who wait must be told.
            log.exception("the advisors failed unexpectedly", extra={"database": self._name})
            run.error = PostaiError(
                "the advisors failed unexpectedly", hint="The agent's log has the details; please report it."
            )
        finally:
            self._ran_at = time.monotonic()
            run.over.set()

    def _everything(self, db: Database, deadline: Deadline) -> Report:
        began = time.monotonic()
        options, price = self._options(db)
        notes: list[str] = []
        workload, whole = None, False
        try:
            workload, whole = known_workload(db)
        except FeatureMissing as error:
            notes.append(f"No index was looked for: {error.message}. {error.hint}")
        told = advise_everything(
            db,
            load_catalog(db),
            load_safety(db),
            workload,
            options,
            deadline,
            price_per_gb_month=price,
            whole=whole,
            foreign_keys=True,
        )
        advice = told.advice
        kept = keep(db, drafts_of(advice.recommendations), over=told.complete)
        log.info(
            "the advisors ran",
            extra={
                "database": self._name, "seconds": round(time.monotonic() - began, 2),
                "advisors": round(advice.seconds, 2), "recommendations": len(kept.proposals),
                "new": len(kept.created), "closed": len(kept.closed), "refused": len(kept.refused),
                "skipped": len(advice.skipped),
            },
        )  # fmt: skip
        # The callers may be anybody, the statements were everybody's.
        notes += [_sentence(one) for one in of_the_run(advice.notes)]
        if kept.refused:
            notes.append(f"{len(kept.refused)} of what would help cannot be proposed; the agent's log says why.")
            log.warning("not proposed", extra={"database": self._name, "refused": [list(one) for one in kept.refused]})
        notes += _silent(kept.silenced)
        texts = {one.id: one.sql for one in workload.statements} if workload is not None else {}
        notes += [_sentence(one) for one in left_out(advice.skipped, texts)]
        return Report(_rows(db.query(self._sql["open"])), tuple(notes[:MOST_NOTES]))

    def statement(self, ground: Ground) -> Report:
        """What would make one SELECT faster.

        The guard comes first, then the caller's own backend plans it, so that nobody learns of tables that they may
        not read; then the agent asks the planner what indexes would do, for which it needs the right to read too.

        Raises:
            Refused: the guard does not let it pass; nothing was sent to the server.
            NotPermitted: the caller or the agent may not read a table.
            PlanningError: the server does not accept it.
            PostaiError: as for `everything`.
        """
        path = ground.request.search_path
        allowed = ground.options.ask.allowed_functions
        try:
            checked = check(ground.frame.question, ground.safety, search_path=path, allowed_functions=allowed)
        except Unparsable as error:
            raise PlanningError(ErrorParts(SYNTAX_ERROR, error.message, error.detail, error.hint)) from None
        # With parameters only the agent plans, for any values; who asks has to have the rights whatever they are.
        highest = highest_parameter(parse_one(checked.sql).tree)
        shown = checked.sql if not highest else with_literals(checked.sql, ("NULL",) * highest)
        if shown is None:
            raise PlanningError(ErrorParts(SYNTAX_ERROR, CANNOT_WRITE, None, "Write values in their places."))
        explained = ground.there.explain(shown)
        if explained.error is not None:
            if explained.error.sqlstate == NOT_PERMITTED:
                raise NotPermitted(explained.error.message, hint=explained.error.hint or "Ask the owner for the right.")
            raise PlanningError(explained.error)
        findings = () if highest else read_plan(explained.plan, ground.seen.catalog)
        with self._pool.database() as db:
            self._require_rights(db, checked.relations)
            options, _ = self._options(db)
            workload = one_statement(checked.sql, search_path=path)
            advice = advise_indexes(db, ground.seen.catalog, ground.safety, workload, options, ground.deadline)
            drafts = [
                replace(draft, evidence={**draft.evidence, ASKED: True, **_before_and_after(one)})
                for draft, one in zip(drafts_of(advice.recommendations), advice.recommendations, strict=True)
            ]
            kept = keep(db, drafts)
            known = [one for one in kept.proposals if one is not None]
            rows = {row["id"]: row for row in _rows(db.query(self._sql["some"], (known,)))}
        told = [
            {**rows[proposal], **_before_and_after(recommendation)}
            for proposal, recommendation in zip(kept.proposals, advice.recommendations, strict=True)
            if proposal in rows
        ]
        notes = [_sentence(one) for one in advice.notes]
        notes += [_sentence(f"Not proposed: {title}: {reason}") for title, reason in kept.refused]
        notes += _silent(kept.silenced)
        notes += [_sentence(one.reason) for one in advice.skipped]
        notes += [f"{one.problem} {one.advice}" for one in findings if one.severity in ("HIGH", "MEDIUM")]
        return Report(tuple(told), tuple(notes[:MOST_NOTES]))

    def _options(self, db: Database) -> tuple[AdvisorOptions, float]:
        budget, price = db.query(self._sql["settings"])[0]
        return AdvisorOptions(budget_bytes=int(budget) or None, seconds=ADVICE_SECONDS), float(price)

    def _require_rights(self, db: Database, relations: Sequence[int]) -> None:
        """The agent plans with its own rights."""
        missing = [name for (name,) in db.query(self._sql["unreadable"], (list(relations),))]
        if missing:
            role = db.query(self._sql["agent_role"])[0][0]
            raise NotPermitted(
                "the agent may not read what the statement reads",
                detail=", ".join(missing),
                hint=f"GRANT SELECT ON {', '.join(missing)} TO {role};",
            )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _silent(proposals: Sequence[int]) -> list[str]:
    """What is not proposed again, and which proposals tell why."""
    if not proposals:
        return []
    named = ", ".join(map(str, proposals[:MOST_NAMED])) + (" ..." if len(proposals) > MOST_NAMED else "")
    return [
        f"Not proposed again for {SILENT_DAYS} days, as it was dismissed, undone or of no use: proposal {named}"
        " (postai.proposals has its reason)."
    ]


def _rows(rows: Sequence[Sequence[Any]]) -> tuple[Proposal, ...]:
    return tuple(dict(zip(COLUMNS, row, strict=True)) for row in rows)


def _before_and_after(recommendation: Recommendation) -> dict[str, str]:
    """What it does for the statement that was asked about, in the place of the gain a day."""
    if not recommendation.effects:
        return {}
    effect = recommendation.effects[0]
    costs = f", costs {amount(recommendation.bytes)}" if recommendation.bytes > 0 else ""
    return {"gain": f"{_change(effect)}{costs}"}


def _change(effect: Effect) -> str:
    times = f"{effect.before_ms:,.1f} ms -> {effect.after_ms:,.1f} ms a call (assumed {CALLS_OF_ONE:,.0f} calls a day)"
    if effect.before_cost is None or effect.after_cost is None:
        return times
    return f"cost {effect.before_cost:,.0f} -> {effect.after_cost:,.0f}, {times}"
