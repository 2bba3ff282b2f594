"""`explain`: a statement's plan in words, measured by running it as the caller where it is affordable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postai.ask.questions import AMBIGUOUS, BROKEN_SQL
from postai.ask.types import AskOptions, AskRequest, Explain, Explained
from postai.ask.verify import NOT_PERMITTED, SYNTAX_ERROR, PlanningError, total_cost
from postai.database.catalog import Catalog
from postai.errors import ErrorParts, NotPermitted
from postai.sql.guard import check
from postai.sql.parse import Unparsable, parse
from postai.sql.plan import PlanFinding, read_plan
from postai.sql.safety import Safety

Analyze = Callable[[str], Explained]
"""Runs EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) of a guarded statement in the caller's backend, as the caller."""


@dataclass(frozen=True)
class Explanation:
    """What a statement's plan says.

    Attributes:
        sql: the statement as it was planned.
        findings: in the order in which EXPLAIN prints the nodes.
    """

    sql: str
    findings: tuple[PlanFinding, ...]


def is_statement(text: str) -> bool:
    """Whether a text is meant as SQL and not as a question; what is broken SQL is meant as SQL too."""
    try:
        statements = parse(text)
    except Unparsable:
        return BROKEN_SQL.search(text) is not None
    return bool(statements) and not {one.statement_class for one in statements} <= AMBIGUOUS


def explain_statement(
    sql: str,
    request: AskRequest,
    *,
    catalog: Catalog,
    safety: Safety,
    explain: Explain,
    analyze: Analyze,
    options: AskOptions,
) -> Explanation:
    """Read the plan of a statement, with real times and rows when it may be run.

    Args:
        sql: one SELECT.
        request: who asks, and with which search_path.
        catalog: what the caller may see; names the indexes that are there and cannot be used.
        explain, analyze: run EXPLAIN, and EXPLAIN ANALYZE, as the caller.

    Raises:
        Refused: the guard does not allow it; nothing was sent to the server.
        NotPermitted: the caller lacks a right.
        PlanningError: the server does not accept it, or it failed while it ran.
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """
    try:
        checked = check(sql, safety, search_path=request.search_path, allowed_functions=options.allowed_functions)
    except Unparsable as error:
        raise PlanningError(ErrorParts(SYNTAX_ERROR, error.message, error.detail, error.hint)) from None
    planned = _plan(explain(checked.sql))
    cost = total_cost(planned)
    if options.cost_ceiling is not None and not cost <= options.cost_ceiling:
        told = PlanFinding(
            0,
            "the statement as a whole",
            f"it was not run: the planner estimates a cost of {cost:.0f}, the ceiling is {options.cost_ceiling:.0f}",
            "What follows are estimates. Explain a smaller part, run ANALYZE when the estimate is wrong, or let an "
            "operator raise the setting ask_cost_ceiling.",
            "MEDIUM",
        )
        return Explanation(checked.sql, (told, *read_plan(planned, catalog)))
    return Explanation(checked.sql, read_plan(_plan(analyze(checked.sql)), catalog))


def _plan(explained: Explained) -> object:
    if explained.error is None:
        return explained.plan
    if explained.error.sqlstate == NOT_PERMITTED:
        raise NotPermitted(
            explained.error.message,
            detail=explained.error.detail,
            hint=explained.error.hint or "Ask the owner for the right.",
        )
    raise PlanningError(explained.error)
