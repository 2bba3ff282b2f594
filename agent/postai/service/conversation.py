"""What both fronts, socket and job queue, share: who answers, how a conversation ends, and what the caller can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from postai.ask.types import Digested, Explained
from postai.deadline import Deadline, DeadlineExceeded
from postai.service.frames import AskFrame, digested, explained, there_message

Exchange = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Sends one message to the caller's backend and gives what it replies, unread."""


@dataclass(frozen=True)
class Outcome:
    """The end of a conversation.

    Attributes:
        message: the last frame: answer or error.
        ask_timeout: seconds the backend may run the statement; None = it will run nothing.
    """

    message: Mapping[str, Any]
    ask_timeout: float | None = None


class There:
    """The caller's backend, which runs guarded statements as the caller and tells what came of it.

    Every method takes the fingerprint of the catalog that the guard decided on: the backend locks what the statement
    reads and refuses when its own differs.

    Args:
        identity: the request's id.
        exchange: the front's way to the backend.
        cancel: ends the statement that the backend is running; called when a statement that really runs takes longer
            than the caller allowed.
    """

    def __init__(self, identity: str, exchange: Exchange, cancel: Callable[[], None]) -> None:
        self._identity = identity
        self._exchange = exchange
        self._cancel = cancel

    def explain(self, sql: str, unchanged: str | None) -> Explained:
        """EXPLAIN (FORMAT JSON); nothing is run."""
        return explained(self._exchange(there_message(self._identity, "explain", sql, unchanged)), self._identity)

    def analyze(self, sql: str, unchanged: str | None) -> Explained:
        """EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON): the statement is run read-only, its rows are thrown away."""
        return explained(self._run("analyze", sql, unchanged), self._identity)

    def digest(self, sql: str, unchanged: str | None) -> Digested:
        """Run the statement read-only and give a hash of its rows, which says only whether two results are equal."""
        return digested(self._run("digest", sql, unchanged), self._identity)

    def _run(self, kind: str, sql: str, unchanged: str | None) -> Mapping[str, Any]:
        try:
            return self._exchange(there_message(self._identity, kind, sql, unchanged))
        except DeadlineExceeded:
            self._cancel()
            raise


class Asked(Protocol):
    """What answers questions (see `asking.Asking`)."""

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        """Think and give the last frame; never raises."""
        ...

    def cancel_backend(self, frame: AskFrame) -> None:
        """Cancel the statement that this frame's backend is running, if it is still the same one; never raises."""
        ...
