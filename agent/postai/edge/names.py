"""Prepared statements by their names, on a client and on a server connection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

Name = tuple[bytes, bytes | None]
"""A statement's name and what it stands for (text and types, as in Parse); None = it is closed."""
ALL: Name = (b"\0", None)
"""All statements are closed."""
PREFIX = b"postai_"
ABSENT = PREFIX + b"absent"
"""Name that no statement on a server has."""
SHORT = 10_000
"""Bytes of a statement whose name is kept."""


class Names:
    """What the names of prepared statements stand for, before and after the server has answered.

    A batch is what the server skips as a whole after an error; of what was sent in an earlier batch, and not answered
    yet, nobody knows whether it is there.
    """

    __slots__ = ("_asked", "_hoped", "_known", "_shapes")

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._asked: dict[bytes, int] = {}
        self._hoped: dict[bytes, tuple[bytes | None, int]] = {}
        self._shapes: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: bytes) -> bytes | None:
        """What the name stands for when all that was sent succeeds."""
        hoped = self._hoped.get(name)
        return self._known.get(name) if hoped is None else hoped[0]

    def certain(self, name: bytes, batch: int) -> bool:
        """Whether `get` is right for whatever a batch does not skip."""
        hoped = self._hoped.get(name)
        return hoped is None or hoped[1] == batch

    def hope(self, change: Name, batch: int) -> None:
        """A message that changes a name was sent."""
        if self._shapes:
            self._shapes.pop(change[0], None)
        if change is ALL:
            self._hoped = dict.fromkeys((*self._known, *self._hoped), (None, batch))
            return
        self._hoped[change[0]] = (change[1], batch)

    def asked(self, name: bytes) -> int:
        """When the Parse was sent that has prepared it, by time.monotonic_ns(); 0 = it is not certainly there."""
        return self._asked.get(name, 0)

    def shape(self, name: bytes) -> tuple[int, int] | None:
        """What was said of a statement's result, and in which era; None = nothing."""
        return self._shapes.get(name)

    def described(self, name: bytes, shape: int, era: int) -> None:
        """The server has said what a statement's result is, since its last Parse.

        Args:
            name: the statement's.
            shape: stands for the columns.
            era: in which that was asked; 0 where nobody counts them.
        """
        self._shapes[name] = shape, era

    def confirm(self, change: Name, batch: int, asked: int = 0) -> None:
        """It has succeeded; a Parse of a name was sent at that time."""
        if change is ALL:
            self._known.clear()
            self._asked.clear()
            self._shapes.clear()
            self._hoped = {name: hoped for name, hoped in self._hoped.items() if hoped != (None, batch)}
            return
        name, meaning = change
        self._shapes.pop(name, None)
        if meaning is None:
            self._known.pop(name, None)
            self._asked.pop(name, None)
        else:
            self._known[name] = meaning
            if name:
                self._asked[name] = asked
        if self._hoped.get(name) == (meaning, batch):
            del self._hoped[name]

    def fail(self, pending: Iterable[tuple[Name, int]]) -> None:
        """Some were skipped; these are still to be answered."""
        self._hoped.clear()
        for change, batch in pending:
            self.hope(change, batch)

    def clear(self) -> None:
        """All statements are gone."""
        self._known.clear()
        self._asked.clear()
        self._hoped.clear()
        self._shapes.clear()

    def drop_unnamed(self) -> None:
        """The unnamed statement is gone, and nothing is on its way."""
        self._known.pop(b"", None)

    def set_unnamed(self, meaning: bytes) -> None:
        """The unnamed statement stands for this, and nothing is on its way."""
        self._known[b""] = meaning

    def used(self, name: bytes) -> None:
        """A statement that is certainly there is used."""
        if (meaning := self._known.pop(name, None)) is not None:
            self._known[name] = meaning

    def overdue(self, most: int) -> list[bytes]:
        """The named statements beyond that many, those that were used longest ago."""
        return [name for name in islice(self._known, max(len(self._known) - most, 0)) if name]

    def all(self) -> list[bytes]:
        """The names of all that are certainly there."""
        return [name for name in self._known if name]


def own_name(meaning: bytes) -> bytes:
    """The name that a statement has on servers."""
    return _short_own(meaning) if len(meaning) <= SHORT else _long_own(meaning)


@lru_cache(maxsize=1000)
def _short_own(meaning: bytes) -> bytes:
    return _long_own(meaning)


def _long_own(meaning: bytes) -> bytes:
    return PREFIX + blake2b(meaning, digest_size=16).hexdigest().encode()
