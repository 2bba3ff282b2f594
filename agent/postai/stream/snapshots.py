"""Which transactions a snapshot of the server shows as completed. No input or output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postai.errors import PostaiError

Xid = int
_HALF = 1 << 31
_WRAP = 1 << 32


class UnreadableSnapshot(PostaiError):
    """The server's pg_current_snapshot() is not of the form that it is documented to have."""

    sqlstate = "08P01"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions are visible (pg_snapshot's own three parts, with 64 bits each)."""

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """Of the text "xmin:xmax:xip,xip".

        Raises:
            UnreadableSnapshot: it has another form.
        """
        try:
            xmin, xmax, running = text.split(":")
            return cls(int(xmin), int(xmax), frozenset(map(int, running.split(","))) if running else frozenset())
        except ValueError:
            raise UnreadableSnapshot("the server's snapshot cannot be read") from None

    def completed(self, xid: Xid) -> bool:
        """Whether a transaction, given by the low 32 bits of its number, had ended.

        The stream's numbers have 32 bits: they are compared as PostgreSQL compares them, by distance.
        """
        distance = (xid - self.xmax) % _WRAP
        full = self.xmax + (distance if distance < _HALF else distance - _WRAP)
        return full < self.xmin or (full < self.xmax and full not in self.running)

    def shows(self, xids: Iterable[Xid]) -> bool:
        """Whether all of them had ended."""
        return all(map(self.completed, xids))
