"""What runs for people at this moment: how much of it one person may have, and its end before its time."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from postai.database import Database
from postai.errors import PostaiError
from postai.web.limits import TooOften

EACH = 3
"""Questions and statements of one person at a time."""
ALL = 20
"""Of all people: half of the threads that serve requests, so that pages and logins go on."""
SHOWN = 200


class Cancelled(PostaiError):
    """It was ended before it began: by its person, or because the browser went away."""

    sqlstate = "57014"
    title = "cancelled"


@dataclass(slots=True)
class Seat:
    """One question or statement that runs, from before its connection is opened until it is done.

    Attributes:
        number: names it for its person.
        text: how it begins.
        whose: the person, as `Session.whose` says it.
        database: the configured database's name.
    """

    text: str
    whose: tuple[str, ...]
    database: str
    number: str = field(default_factory=lambda: secrets.token_hex(6))
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _connection: Database | None = field(default=None, repr=False)
    _ended: bool = False

    @contextmanager
    def on(self, database: Database) -> Iterator[None]:
        """The block runs it on that connection.

        Raises:
            Cancelled: it was ended meanwhile.
        """
        with self._lock:
            if self._ended:
                raise Cancelled("it was cancelled before it began")
            self._connection = database
        try:
            yield
        finally:
            with self._lock:  # a cancel request that is under way reaches this connection, not who has it next
                self._connection = None

    def cancel(self) -> None:
        """End it: the server is asked to, as by pg_cancel_backend.

        Raises:
            ConnectionLost: the server cannot be reached for that.
        """
        with self._lock:
            self._ended = True
            if self._connection is not None:
                self._connection.cancel()


class Running:
    """The seats of this process.

    Args:
        each, most: seats of one person, and of all, at a time.
    """

    def __init__(self, each: int = EACH, most: int = ALL) -> None:
        self._each = each
        self._most = most
        self._lock = threading.Lock()
        self._seats: dict[str, Seat] = {}

    @contextmanager
    def begin(self, whose: tuple[str, ...], database: str, text: str) -> Iterator[Seat]:
        """A seat for the block.

        Raises:
            TooOften: that person, or all people together, have as many as there may be.
        """
        seat = Seat(" ".join(text.split())[:SHOWN], whose, database)
        with self._lock:
            if sum(one.whose == whose for one in self._seats.values()) >= self._each:
                raise TooOften(
                    f"{self._each} questions and statements of yours are running",
                    hint="Wait for one, or cancel one: the page Ask lists them.",
                )
            if len(self._seats) >= self._most:
                raise TooOften(
                    f"{self._most} questions and statements of this dashboard's people are running",
                    hint="Try again in a few seconds.",
                )
            self._seats[seat.number] = seat
        try:
            yield seat
        finally:
            with self._lock:
                del self._seats[seat.number]

    def of(self, whose: tuple[str, ...], database: str) -> list[Seat]:
        """What one person has running in a database, the oldest first."""
        with self._lock:
            return [one for one in self._seats.values() if one.whose == whose and one.database == database]

    def cancel(self, whose: tuple[str, ...], number: str) -> int:
        """End one of that person's; how many there were: 0 when it is over already."""
        with self._lock:
            seat = self._seats.get(number)
        if seat is None or seat.whose != whose:
            return 0
        seat.cancel()
        return 1
