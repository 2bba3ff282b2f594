"""What goes to a model and comes back, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from postai.deadline import Deadline
from postai.model.blocks import Block
from postai.model.prices import Usage

CallStatus = Literal[
    "ok", "refusal", "max_tokens", "rate_limited", "overloaded", "server_error", "connection", "timeout", "cancelled",
    "garbage", "rejected",
]  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class ModelReply:
    """A complete answer: untrusted text, yet to be checked against the schema that was asked for."""

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class ModelCall:
    """One attempt, for the record: never a value, a name or a text.

    Attributes:
        purpose: what it was for, e.g. "ask".
        model: the model id asked for.
        input_tokens: tokens read, the prompt cache's included; estimated when the server did not say.
        output_tokens: tokens written.
        cost_usd: estimate in US dollars.
        latency_ms: wall time in milliseconds.
        status: how it ended.
    """

    purpose: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    latency_ms: float
    status: CallStatus


class Completer(Protocol):
    """What answers a request: a model, or the record of one."""

    @property
    def name(self) -> str:
        """The model id."""
        ...

    def complete(
        self,
        purpose: str,
        system: Sequence[Block],
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        deadline: Deadline,
    ) -> ModelReply:
        """Ask once (see `client.Model.complete`)."""
        ...
