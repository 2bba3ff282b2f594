"""Limits of how often something may be tried: a token bucket for each key."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Callable

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


def network_of(address: str) -> str:
    """What limits count an address as: of IPv6 the network of 64 bits, as that is what one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
