"""The model engine: a schema, a question, one structured answer, and at most two chances to mend it."""

from __future__ import annotations

from postai.ask.prompt import ModelAnswer, system_blocks, user_turn
from postai.ask.questions import asks_for_change
from postai.ask.types import Answer, AskOptions, AskRequest, Explain, Reading
from postai.ask.verify import PlanningError, TooExpensive, verify
from postai.database.catalog import Catalog
from postai.deadline import Deadline
from postai.errors import ModelFailed, NotSure, Refused
from postai.model.blocks import one_line
from postai.model.generate import ComplaintError, generate
from postai.model.types import Completer
from postai.sql.safety import Safety

SURE_ENOUGH = 0.5
LONGEST_EXPLANATION = 1_500
LONGEST_REASON = 600


def read_with_model(
    request: AskRequest,
    *,
    catalog: Catalog,
    safety: Safety,
    explain: Explain,
    model: Completer,
    options: AskOptions,
    deadline: Deadline,
) -> Answer:
    """Answer a question through the model.

    Raises:
        NotSure: the model says that it cannot be answered, or is not sure enough.
        Refused: the question asks for a change, or the SQL is not allowed, also after one repair.
        ModelFailed, BudgetSpent: no usable answer; PA004 also when the SQL does not run after two repairs.
        NotPermitted: the caller lacks a right.
        PlanningError: the server could not plan at this moment (cancelled, locked, no memory).
        Cancelled, DeadlineExceeded: the caller is gone, the time is over.
    """

    def check(answer: ModelAnswer) -> Answer:
        deadline.check()
        return _judge(answer, request, safety=safety, explain=explain, options=options)

    system = system_blocks(request, catalog, share_values=options.share_values)
    return generate(model, "ask", system, user_turn(request), ModelAnswer, check, deadline)


def _judge(
    answer: ModelAnswer, request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions
) -> Answer:
    if answer.asks_for_change:
        raise asks_for_change()
    if answer.sql is None or not answer.sql.strip():
        raise NotSure(
            "the question cannot be answered from this database",
            detail=one_line(answer.cannot_answer_reason or "", LONGEST_REASON) or None,
            hint="Say which table or column you mean, or ask about what the database holds.",
        )
    sql = _verified(answer.sql, request, safety=safety, explain=explain, options=options)
    explanation = _explanation(answer)
    reading = Reading(explanation, sql, answer.confidence)
    if answer.confidence < SURE_ENOUGH:
        return Answer(
            "abstained", None, "", answer.confidence, "model", (reading,),
            reason="the model is not sure that this is what was asked",
            sqlstate=NotSure.sqlstate,
            hint="Put the question in other words; when the reading is what you meant, run its SQL.",
        )  # fmt: skip
    return Answer("answered", sql, explanation, answer.confidence, "model", (reading,))


def _verified(sql: str, request: AskRequest, *, safety: Safety, explain: Explain, options: AskOptions) -> str:
    try:
        return verify(sql, request, safety=safety, explain=explain, options=options)
    except TooExpensive:
        raise
    except Refused as refused:
        raise ComplaintError(
            f"The SQL is not allowed: {refused.message}. {refused.detail or ''}",
            refused,
            kind="guard",
            at_most=1,
        ) from None
    except PlanningError as failed:
        if not failed.about_statement:
            raise
        parts = failed.parts
        told = "\n".join(filter(None, (f"ERROR {parts.sqlstate}: {parts.message}", parts.detail, parts.hint)))
        raise ComplaintError(
            f"The server does not accept the SQL.\n{told}",
            ModelFailed(
                "the model's SQL does not run",
                detail=f"after all repairs the server still says: {one_line(parts.message, LONGEST_REASON)}",
                hint="Put the question in other words.",
            ),
            kind="server",
            at_most=2,
        ) from None


def _explanation(answer: ModelAnswer) -> str:
    text = one_line(answer.explanation, LONGEST_EXPLANATION)
    assumed = "; ".join(one_line(one, 200).rstrip(".") for one in answer.assumptions)
    return f"{text} Assumed: {assumed}." if assumed else text
