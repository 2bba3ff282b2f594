"""Limits of how often something may be tried: a token bucket for each key."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from postai.errors import PostaiError


class TooOften(PostaiError):
    """Something was tried more often than is allowed."""

    sqlstate = "53400"
    title = "too often"


class Limiter:
    """Lets `burst` tries of a key through at once, and one more every `seconds`.

    Args:
        burst: tries at once.
        seconds: until one more is allowed.
        clock: seconds, monotonic.
        most_keys: keys that are remembered; the one unused for longest is forgotten first.
    """

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float], most_keys: int = 10_000) -> None:
        self._burst = burst
        self._seconds = seconds
        self._clock = clock
        self._most = most_keys
        self._lock = threading.Lock()
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, key: object) -> int:
        """Count a try.

        Returns:
            0 when it is allowed, else the seconds (rounded up) until the next one is.
        """
        now = self._clock()
        with self._lock:
            left, at = self._left.pop(key, (float(self._burst), now))
            left = min(self._burst, left + (now - at) / self._seconds)
            allowed = left >= 1
            self._left[key] = (left - 1 if allowed else left, now)
            while len(self._left) > self._most:
                self._left.popitem(last=False)
        return 0 if allowed else math.ceil((1 - left) * self._seconds)

    def forget(self, key: object) -> None:
        """The tries of this key no longer count: it was a success."""
        with self._lock:
            self._left.pop(key, None)


class Shares:
    """Lets so much happen at one time, for one key and for all; what is more is refused and does not wait.

    Args:
        each, most: of one key, and of all.
    """

    def __init__(self, each: int, most: int) -> None:
        self._each = each
        self._most = most
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def one(self, key: Hashable) -> Iterator[None]:
        """One share of that key for the block.

        Raises:
            TooOften: as many as there may be are taken.
        """
        with self._lock:
            if self._taken[key] >= self._each:
                raise TooOften(f"{self._each} requests of yours are being served", hint="Wait until one is done.")
            if self._taken.total() >= self._most:
                raise TooOften("too many requests are being served", hint="Try again in a few seconds.")
            self._taken[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[key] -= 1
                if not self._taken[key]:
                    del self._taken[key]


def network_of(address: str) -> str:
    """What limits count an address as: of IPv6 the network of 64 bits, as that is what one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
