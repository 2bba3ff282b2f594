"""The model engine: a schema, a question, one structured answer, and at most two chances to mend it."""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from postai.ask.context import schema_context
from postai.ask.questions import asks_for_change
from postai.ask.types import Answer, AskOptions, AskRequest, Explain, Reading
from postai.ask.verify import PlanningError, TooExpensive, verify
from postai.database.catalog import Catalog
from postai.deadline import Deadline
from postai.errors import ModelFailed, NotSure, Refused
from postai.model.blocks import Block, data_block, one_line
from postai.model.client import Model
from postai.model.generate import ComplaintError, generate
from postai.model.prices import estimate_tokens
from postai.sql.safety import Safety

PROMPT = "ask_1"
"""Version of the instructions: the name of the file in prompts/; a changed text gets a new number."""

PROMPT_TOKENS = 8_000
"""What the whole prompt may have, estimated on the high side."""

FRAME_TOKENS = 120
"""What stands round the catalog."""

SURE_ENOUGH = 0.5
LONGEST_EXPLANATION = 1_500
LONGEST_REASON = 600


class ModelAnswer(BaseModel):
    """The form of the model's answer. Everything in it is untrusted."""

    model_config = ConfigDict(extra="ignore")

    sql: str | None = Field(max_length=20_000)
    explanation: str
    assumptions: list[str] = Field(max_length=20)
    confidence: float = Field(ge=0, le=1)
    asks_for_change: bool
    cannot_answer_reason: str | None


def read_with_model(
    request: AskRequest,
    *,
    catalog: Catalog,
    safety: Safety,
    explain: Explain,
    model: Model,
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


def instructions() -> str:
    """The text of the current prompt file."""
    return (files("postai.ask") / "prompts" / f"{PROMPT}.md").read_text("utf-8")


def system_blocks(request: AskRequest, catalog: Catalog, *, share_values: bool = False) -> tuple[Block, ...]:
    """Instructions, then the catalog: what changes least comes first, so that a prompt cache can serve it."""
    rules = instructions()
    rest = PROMPT_TOKENS - estimate_tokens(rules) - estimate_tokens(user_turn(request)) - FRAME_TOKENS
    context = schema_context(catalog, request.question, budget=rest, share_values=share_values)
    version = catalog.server_version // 10_000
    about = f"The server is PostgreSQL {version}."
    if context.left_out:
        about += (
            f" The catalog shows the {context.tables} tables that share most words with the question; "
            f"{context.left_out} others are left out."
        )
    return Block(rules, cache=True), Block(f"{about}\n{data_block('catalog', context.text)}", cache=True)


def user_turn(request: AskRequest) -> str:
    """The question with what belongs to this moment and this caller."""
    schemas = ", ".join(request.search_path) or "(none)"
    return "\n".join(
        (
            f"Today is {request.today.isoformat()} ({request.today:%A}).",
            "Where tables of several schemas fit, the person's schemas come first, in this order:",
            data_block("search_path", schemas),
            data_block("question", request.question),
        )
    )


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
                detail=f"after two repairs the server still says: {one_line(parts.message, LONGEST_REASON)}",
                hint="Put the question in other words.",
            ),
            kind="server",
            at_most=2,
        ) from None


def _explanation(answer: ModelAnswer) -> str:
    text = one_line(answer.explanation, LONGEST_EXPLANATION)
    assumed = "; ".join(one_line(one, 200).rstrip(".") for one in answer.assumptions)
    return f"{text} Assumed: {assumed}." if assumed else text
