"""The prompt of the model engine and the form of its answer."""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from postai.ask.context import schema_context
from postai.ask.types import AskRequest
from postai.database.catalog import Catalog
from postai.model.blocks import Block, data_block
from postai.model.prices import estimate_tokens

PROMPT = "ask_1"
"""Version of the instructions: the name of the file in prompts/; a changed text gets a new number."""

PROMPT_TOKENS = 8_000
"""What the whole prompt may have, estimated on the high side."""

FRAME_TOKENS = 120
"""What stands round the catalog."""


class ModelAnswer(BaseModel):
    """The form of the model's answer. Everything in it is untrusted."""

    model_config = ConfigDict(extra="ignore")

    sql: str | None = Field(max_length=20_000)
    explanation: str
    assumptions: list[str] = Field(max_length=20)
    confidence: float = Field(ge=0, le=1)
    asks_for_change: bool
    cannot_answer_reason: str | None


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
    schemas = ", ".join(name for name in request.search_path if not name.startswith("pg_")) or "(none)"
    return "\n".join(
        (
            f"Today is {request.today.isoformat()} ({request.today:%A}).",
            "Where tables of several schemas fit, the person's schemas come first, in this order:",
            data_block("search_path", schemas),
            data_block("question", request.question),
        )
    )
