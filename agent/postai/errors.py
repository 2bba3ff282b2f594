"""Errors that postai raises: one root, one class for each SQLSTATE of class PA.

The SQL functions, the command line and the page show the same four parts: SQLSTATE, message (what happened),
detail (where, and what was found) and hint (what to do next).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class PostaiError(Exception):
    """Root of everything postai raises on purpose.

    Args:
        message: what happened, one sentence without a full stop, never holding a secret or a row value.
        detail: where it happened and what was found.
        hint: what to do next.
    """

    sqlstate: ClassVar[str] = "PA000"
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "postai failed"

    def __init__(self, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    def as_parts(self) -> ErrorParts:
        """The four parts that every face shows."""
        return ErrorParts(self.sqlstate, self.message, self.detail, self.hint)


@dataclass(frozen=True)
class ErrorParts:
    """An error as plain values, as it crosses the socket, the job table or `--json`."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None


class UsageError(PostaiError):
    """A command, a setting or an argument was not understood."""

    sqlstate = "PA000"
    exit_code = 2
    title = "usage"


class NotSure(PostaiError):
    """The question has no reading that is certain enough; the nearest readings are in the detail."""

    sqlstate = "PA001"
    exit_code = 3
    title = "not sure"


class AgentNotReachable(PostaiError):
    """The sidecar does not answer or its heartbeat is old."""

    sqlstate = "PA002"
    exit_code = 4
    title = "agent not reachable"


class Refused(PostaiError):
    """The statement or the request is not on the list of what is allowed."""

    sqlstate = "PA003"
    exit_code = 5
    title = "refused as unsafe"


class ModelFailed(PostaiError):
    """The model did not give a usable answer."""

    sqlstate = "PA004"
    exit_code = 6
    title = "model failed"


class BudgetSpent(PostaiError):
    """The daily budget for model calls is used up."""

    sqlstate = "PA005"
    exit_code = 7
    title = "budget spent"


class NotPermitted(PostaiError):
    """The caller or the agent lacks a right; the hint holds the GRANT."""

    sqlstate = "PA006"
    exit_code = 8
    title = "not permitted"


class FeatureMissing(PostaiError):
    """The server or the transport lacks something that is needed."""

    sqlstate = "PA007"
    exit_code = 9
    title = "server or transport lacks a feature"


class StaleProposal(PostaiError):
    """The database changed since the proposal was made."""

    sqlstate = "PA008"
    exit_code = 10
    title = "stale proposal"


class LockNotObtained(PostaiError):
    """A lock was not granted within its time-out; nothing was changed."""

    sqlstate = "PA009"
    exit_code = 11
    title = "lock not obtained"


class VerificationFailed(PostaiError):
    """An action ran, but its postcondition does not hold."""

    sqlstate = "PA010"
    exit_code = 12
    title = "verification failed"


ERRORS: tuple[type[PostaiError], ...] = (
    NotSure,
    AgentNotReachable,
    Refused,
    ModelFailed,
    BudgetSpent,
    NotPermitted,
    FeatureMissing,
    StaleProposal,
    LockNotObtained,
    VerificationFailed,
)


def from_parts(parts: ErrorParts) -> PostaiError:
    """The exception for parts that crossed a process boundary (the root class for a server's own SQLSTATE)."""
    for kind in ERRORS:
        if kind.sqlstate == parts.sqlstate:
            return kind(parts.message, detail=parts.detail, hint=parts.hint)
    error = PostaiError(parts.message, detail=parts.detail, hint=parts.hint)
    error.sqlstate = parts.sqlstate  # type: ignore[misc]  # the classes above have one each
    return error
