"""What was read a moment ago is not read again for the next one who asks the same with the same rights."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from postai.errors import PostaiError

Value = TypeVar("Value")

PATIENCE = 3.0
"""Seconds to wait for another one who reads the same: who waits keeps a thread and a connection of a server that is
slow just now."""
UNUSED = 120.0
"""Seconds after which a value that nobody asked for is let go: all of a large schema takes megabytes."""
SLOW, FAILED = 1.0, 5.0
"""A failure that took so many seconds is told again for that many: it is not tried by everybody in turn."""


class StillReading(PostaiError):
    """Another one reads the same, and it takes long."""

    sqlstate = "57014"
    title = "still reading"


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = float("-inf")
    value: object = None
    failure: PostaiError | None = None
    read_at: float | None = None
    used_at: float = 0.0


class Kept:
    """Values by key, each for a few seconds. Who asks while another one reads waits for that one, and not for long.

    Args:
        clock: seconds, monotonic.
        most: values that are kept; the one unused for longest goes first.
        patience: seconds to wait.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = 200, patience: float = PATIENCE
    ) -> None:
        self._clock = clock
        self._most = most
        self._patience = patience
        self._lock = threading.Lock()
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def get(self, key: Hashable, seconds: float, read: Callable[[], Value], stale: float = 60.0) -> Value:
        """The value of a key, read where it is missing or older than `seconds`.

        Args:
            key: everything that the value depends on, the database and the role with whose rights it is read included.
                Who asks must hold a connection of that role to that database: a role's name alone proves nothing.
            stale: seconds up to which the last value is good enough for whoever waited in vain for a newer one.

        Raises:
            StillReading: another one has been reading for long, and there is no last value.
            PostaiError: what `read` raised, a few seconds ago at most.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            now = place.used_at = self._clock()
            while len(self._places) > self._most or next(iter(self._places.values())).used_at < now - UNUSED:
                self._places.popitem(last=False)
        if not place.lock.acquire(timeout=self._patience):
            if place.read_at is not None and self._clock() - place.read_at <= stale:
                return cast(Value, place.value)
            raise StillReading(
                "the server takes long to answer this", detail="It is being read.", hint="Try again in a few seconds."
            )
        try:
            if self._clock() >= place.until:
                self._read(place, seconds, read)
            if place.failure is not None:
                raise place.failure.with_traceback(None)
            return cast(Value, place.value)
        finally:
            place.lock.release()

    def _read(self, place: _Place, seconds: float, read: Callable[[], object]) -> None:
        begun = self._clock()
        try:
            place.value = read()
        except PostaiError as error:
            now = self._clock()
            place.failure, place.until = error, now + (FAILED if now - begun >= SLOW else 0.0)
        else:
            place.failure, place.read_at = None, self._clock()
            place.until = place.read_at + seconds
