"""A point in time after which work must stop, handed down instead of a number of seconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from postai.errors import PostaiError


class Cancelled(PostaiError):
    """The caller went away or pressed Ctrl-C."""

    sqlstate = "57014"
    title = "cancelled"


class DeadlineExceeded(PostaiError):
    """The time that the caller allowed is over."""

    sqlstate = "57014"
    title = "time limit"


@dataclass(frozen=True)
class Deadline:
    """When work must end, and a flag by which the caller can end it sooner.

    Attributes:
        at: `time.monotonic()` value, in seconds.
        cancel: set by whoever serves the caller when the caller is gone.
    """

    at: float
    cancel: threading.Event = field(default_factory=threading.Event, compare=False)

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> None:
        """Raise `Cancelled` or `DeadlineExceeded` when work must stop."""
        if self.cancel.is_set():
            raise Cancelled("the request was cancelled")
        if self.remaining() == 0.0:
            raise DeadlineExceeded("the time limit is over", hint="Ask again, or raise the time-out with postai.set.")
