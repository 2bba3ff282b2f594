"""The prompt of the model engine and the form of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from postai.ask.about_database import topic_names
from postai.ask.context import schema_context, stored_values
from postai.ask.dialect import dialect
from postai.ask.finder import Found
from postai.ask.lessons import Lessons, example_lines, lessons, term_line
from postai.ask.types import AskRequest, Grammar
from postai.database.catalog import Catalog
from postai.model.blocks import Block, data_block
from postai.model.prices import estimate_tokens

PROMPT = "ask_2"
"""Version of the instructions: the name of the file in prompts/; a changed text gets a new number."""

PROMPT_TOKENS = 8_000
"""What the whole prompt may have, estimated on the high side."""

FRAME_TOKENS = 120
"""What stands round the catalog."""

VALUES_TOKENS = 300
"""What stored values that the question names may have."""

SECOND_READING = "This is the second of two readings made independently of each other."

DEFINING_WEIGHT = 0.9
NOTES_WEIGHT = 0.4
"""How much words outside the question say about which tables it needs."""


class ModelAnswer(BaseModel):
    """The form of the model's answer. Everything in it is untrusted; what is missing is taken as said below."""

    model_config = ConfigDict(extra="ignore")

    plan: str = ""
    sql: str | None = Field(max_length=20_000)
    explanation: str = ""
    assumptions: list[str] = Field(default=[], max_length=20)
    confidence: float = Field(default=0.7, ge=0, le=1)
    asks_for_change: bool = False
    database_topic: str | None = None
    cannot_answer_reason: str | None = None


@dataclass(frozen=True)
class Prompt:
    """One request.

    Attributes:
        system: instructions and dialect; the catalog; what was taught. What changes least comes first, so that a
            provider's prompt cache can serve it.
        turn: the question with what belongs to this moment and this caller.
    """

    system: tuple[Block, ...]
    turn: str

    @property
    def tokens(self) -> int:
        """Estimated on the high side."""
        return sum(estimate_tokens(text) for text in (*(block.text for block in self.system), self.turn))


def instructions() -> str:
    """The text of the current prompt file."""
    return (files("postai.ask") / "prompts" / f"{PROMPT}.md").read_text("utf-8")


def build_prompt(request: AskRequest, catalog: Catalog, grammar: Grammar, *, share_values: bool = False) -> Prompt:
    """Put the prompt together.

    Args:
        request: the question and who asks.
        catalog: what the caller may read.
        grammar: the embedded engine of the same catalog, which chooses the tables where not all fit.
        share_values: whether stored values may be sent.
    """
    taught = lessons(request.taught, request.question, catalog, request.search_path)
    find = partial(_find, request, taught, grammar)
    rules = "\n".join(
        (instructions(), "# Topics", ", ".join(topic_names()), "", "# The server", dialect(catalog.server_version))
    )
    turn = _turn(request, taught, stored_values(catalog, find(), VALUES_TOKENS) if share_values else "")
    lesson = _taught_block(taught)
    rest = PROMPT_TOKENS - sum(map(estimate_tokens, (rules, turn, lesson))) - FRAME_TOKENS
    context = schema_context(catalog, find, budget=rest, share_values=share_values)
    about = (
        f"The catalog shows the {context.tables} tables that look most relevant; {context.left_out} others are left "
        f"out.\n"
        if context.left_out
        else ""
    )
    # A catalog that was chosen for one question is of no use to the next one.
    system = [Block(rules, cache=True), Block(about + data_block("catalog", context.text), cache=context.whole)]
    if lesson:
        system.append(Block(lesson))
    return Prompt(tuple(system), turn)


def _find(request: AskRequest, taught: Lessons, grammar: Grammar) -> Found:
    texts = [(request.question, 1.0)]
    # What defines a word of the question says as much as the question itself.
    texts += [(line, DEFINING_WEIGHT) for line in taught.defining]
    texts += [(term.meaning, DEFINING_WEIGHT) for term in taught.used]
    texts.append((taught.notes, NOTES_WEIGHT))
    return grammar.finder.find(texts, search_path=request.search_path, named=taught.tables)


def _taught_block(taught: Lessons) -> str:
    parts = []
    if taught.terms:
        parts.append(data_block("glossary", "\n".join(map(term_line, taught.terms))))
    if taught.examples:
        parts.append(data_block("examples", "\n\n".join(map(example_lines, taught.examples))))
    return "\n".join(parts)


def _turn(request: AskRequest, taught: Lessons, values: str) -> str:
    schemas = ", ".join(name for name in request.search_path if not name.startswith("pg_")) or "(none)"
    parts = [
        f"Today is {request.today.isoformat()} ({request.today:%A}).",
        "Where tables of several schemas fit, the person's schemas come first, in this order:",
        data_block("search_path", schemas),
    ]
    if taught.notes:
        parts.append(data_block("notes", taught.notes))
    if values:
        parts.append(data_block("values", values))
    return "\n".join((*parts, data_block("question", request.question)))
