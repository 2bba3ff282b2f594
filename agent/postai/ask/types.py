"""What `ask` takes and gives: plain values that every engine, transport and face shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from postai.ask.finder import Finder
from postai.errors import ErrorParts
from postai.language.taught import Taught

Status = Literal["answered", "abstained", "refused", "failed"]
Engine = Literal["grammar", "model"]
EngineChoice = Literal["auto", "grammar", "model"]


@dataclass(frozen=True)
class AskRequest:
    """One question.

    Attributes:
        question: the person's words.
        role: role that will run the statement (for context only, never for authorization).
        search_path: the caller's schemas in order, resolved (`current_schemas(true)`, no "$user").
        max_rows: how many rows the caller will fetch.
        today: the date that "last month" is counted from.
        taught: what people told postai beforehand, as far as it counts for this caller.
    """

    question: str
    role: str
    search_path: tuple[str, ...]
    today: date
    max_rows: int = 100
    taught: Taught = field(default_factory=Taught)


@dataclass(frozen=True)
class Reading:
    """One way to understand a question.

    Attributes:
        text: one English line that says what the statement gives.
        sql: the statement.
        confidence: 0 to 1.
    """

    text: str
    sql: str
    confidence: float


@dataclass(frozen=True)
class Answer:
    """What became of a question.

    Attributes:
        status: answered (run `sql`), abstained (not sure), refused (not allowed), failed (something broke).
        sql: one SELECT statement, only when answered.
        explanation: what the statement gives, in words; empty unless answered.
        confidence: 0 to 1.
        engine: which engine decided.
        readings: what was hesitated between, or the readings of the chosen statement.
        reason: why there is no answer, one sentence; None when answered.
        sqlstate: PA001, PA003, PA004, … or the server's own code; None when answered.
        hint: what to do next.
    """

    status: Status
    sql: str | None
    explanation: str
    confidence: float
    engine: Engine
    readings: tuple[Reading, ...] = ()
    reason: str | None = None
    sqlstate: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Explained:
    """What the server said to EXPLAIN: either a plan or an error.

    Attributes:
        plan: the parsed result of EXPLAIN (FORMAT JSON): a list holding one object with key "Plan".
        error: the server's own SQLSTATE, message, detail and hint.
    """

    plan: object | None = None
    error: ErrorParts | None = None


Explain = Callable[[str], Explained]
"""Runs EXPLAIN (FORMAT JSON) of a guarded statement in the caller's backend, as the caller."""


@dataclass(frozen=True)
class Digested:
    """What a statement gives, as the caller's backend sums it up: never the rows, only whether two results are equal.

    Attributes:
        digest: hash of the multiset of rows, columns by position; None = it failed, or gave too many rows to compare.
        rows: how many rows were read.
        error: the server's own SQLSTATE, message, detail and hint; None = it ran.
    """

    digest: str | None
    rows: int
    error: ErrorParts | None = None


Digest = Callable[[str], Digested]
"""Runs a guarded statement read-only in the caller's backend, as the caller, with bounds on rows and time."""


class Recall(Protocol):
    """Answers that were given before and may be given again without a call of the model."""

    def find(self, key: str) -> Answer | None:
        """The answer kept under this key; None = none is. The answer's SQL must be checked again before it is used."""
        ...

    def keep(self, key: str, answer: Answer) -> None:
        """Remember the answer of the model engine. Never raises: losing it costs one call of the model."""
        ...


class Grammar(Protocol):
    """The embedded engine, prepared for one catalog."""

    @property
    def finder(self) -> Finder:
        """Which tables of the catalog a text is about."""
        ...

    def read(self, request: AskRequest) -> Answer:
        """Read a question: deterministic, no input or output."""
        ...


@dataclass(frozen=True)
class AskOptions:
    """The settings that steer `ask`.

    Attributes:
        engine: auto = grammar, then the model when the grammar is not sure; or one engine only.
        cost_ceiling: highest total cost of a plan, in the planner's units; None = no ceiling.
        share_values: whether sample values of columns may be sent to the model.
        second_sample: whether the model is asked a second time where it is not sure, and the results are compared.
        allowed_functions: user functions that an operator listed as safe, as `schema.name`.
    """

    engine: EngineChoice = "auto"
    cost_ceiling: float | None = None
    share_values: bool = False
    second_sample: bool = False
    allowed_functions: frozenset[str] = frozenset()
