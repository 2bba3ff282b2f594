"""What both fronts, socket and job queue, share: who answers, and how a conversation ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from postai.ask.types import Explained
from postai.deadline import Deadline
from postai.service.frames import AskFrame


@dataclass(frozen=True)
class Outcome:
    """The end of a conversation.

    Attributes:
        message: the last frame: answer or error.
        ask_timeout: seconds the backend may run the statement; None = it will run nothing.
    """

    message: Mapping[str, Any]
    ask_timeout: float | None = None


ExplainThere = Callable[[str, str | None], Explained]
"""Runs EXPLAIN in the caller's backend, if the catalog there is still the one that the guard saw."""


class Asked(Protocol):
    """What answers questions (see `asking.Asking`)."""

    def respond(self, frame: AskFrame, explain: ExplainThere, deadline: Deadline) -> Outcome:
        """Think and give the last frame; never raises."""
        ...

    def cancel_backend(self, frame: AskFrame) -> None:
        """Cancel the statement that this frame's backend is running, if it is still the same one; never raises."""
        ...
