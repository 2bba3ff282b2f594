"""What was read a moment ago is not read again for the next one who asks the same with the same rights."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

Value = TypeVar("Value")


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0
    value: object = None


class Kept:
    """Values by key, each for a few seconds. Who asks while another one reads waits for that one.

    Args:
        clock: seconds, monotonic.
        most: values that are kept; the one unused for longest goes first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = 200) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def get(self, key: Hashable, seconds: float, read: Callable[[], Value]) -> Value:
        """The value of a key, read where it is missing or older than `seconds`; what fails is not kept.

        Args:
            key: everything that the value depends on, the database and the role with whose rights it is read included.
                Who asks must hold a connection of that role to that database: a role's name alone proves nothing.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        with place.lock:
            if self._clock() >= place.until:
                place.value = read()
                place.until = self._clock() + seconds
            return cast(Value, place.value)
