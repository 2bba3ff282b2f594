"""From generated SQL to SQL that may be given out: guarded, accepted by the server as the caller, affordable."""

from __future__ import annotations

import math
from typing import Any

from postai.ask.types import AskOptions, AskRequest, Explain
from postai.errors import ErrorParts, NotPermitted, PostaiError, Refused
from postai.sql.guard import check
from postai.sql.parse import Unparsable
from postai.sql.safety import Safety

NOT_PERMITTED = "42501"
SYNTAX_ERROR = "42601"
# Classes of SQLSTATE that speak of the statement itself; others (57 cancelled, 53 no memory, 55 locked) of the moment.
ABOUT_THE_STATEMENT = frozenset({"42", "22", "0A", "21", "2B", "3F", "54"})


class PlanningError(PostaiError):
    """The server refused to plan the statement.

    Attributes:
        parts: the server's own words.
        about_statement: whether other SQL could do better; False = the server had another reason.
    """

    title = "statement not accepted"

    def __init__(self, parts: ErrorParts) -> None:
        super().__init__(parts.message, detail=parts.detail, hint=parts.hint)
        self.parts = parts
        self.about_statement = parts.sqlstate[:2] in ABOUT_THE_STATEMENT

    def as_parts(self) -> ErrorParts:
        return self.parts


class TooExpensive(Refused):
    """The plan costs more than the ceiling allows.

    Attributes:
        sql: the statement, otherwise fit to run.
    """

    title = "too expensive"

    def __init__(self, sql: str, cost: float, ceiling: float) -> None:
        super().__init__(
            "the statement is too expensive to run",
            detail=f"the planner estimates a cost of {cost:.0f}, the ceiling is {ceiling:.0f}",
            hint="Ask for less (a shorter period, one customer), run ANALYZE when the estimate is wrong, or let an "
            "operator raise the setting ask_cost_ceiling.",
        )
        self.sql = sql


def verify(sql: str, request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions) -> str:
    """Check a statement in the order in which it is safe to do so: parse and guard first, then EXPLAIN, then cost.

    Returns:
        the statement to run.

    Raises:
        Refused: the guard does not allow it; nothing was sent to the server.
        NotPermitted: the caller lacks a right.
        PlanningError: the server does not accept it.
        TooExpensive: the planner's estimate is above the ceiling.
    """
    try:
        checked = check(sql, safety, search_path=request.search_path, allowed_functions=options.allowed_functions)
    except Unparsable as error:
        # No attack but a mistake: what the server would say to it.
        raise PlanningError(ErrorParts(SYNTAX_ERROR, error.message, error.detail, error.hint)) from None
    explained = explain(checked.sql)
    if explained.error is not None:
        if explained.error.sqlstate == NOT_PERMITTED:
            raise NotPermitted(
                explained.error.message,
                detail=explained.error.detail,
                hint=explained.error.hint or "Ask the owner for the right, or ask about tables that you may read.",
            )
        raise PlanningError(explained.error)
    cost = total_cost(explained.plan)
    if options.cost_ceiling is not None and not cost <= options.cost_ceiling:
        raise TooExpensive(checked.sql, cost, options.cost_ceiling)
    return checked.sql


def total_cost(plan: Any) -> float:
    """The top node's "Total Cost" of a parsed EXPLAIN (FORMAT JSON); a plan of another shape counts as infinite."""
    try:
        return float(plan[0]["Plan"]["Total Cost"])
    except (KeyError, IndexError, TypeError, ValueError):
        return math.inf
