"""Which answers were used most, so that they are asked for again when all had to be forgotten."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

from postai.edge.chunks import Chunk, read
from postai.edge.memory import Entry, Key

LONGEST = 4096
"""Bytes of the longest request that is remembered."""
FADES = 0.8
"""What is left of a score when everything was forgotten once more."""
LEAST = 0.0001
"""Seconds that an answer must have saved to be worth remembering."""

_PARSE_DONE = b"1\0\0\0\4"
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Wish:
    """An answer that was used.

    Attributes:
        scope: names the identity whose answer it is.
        key: what it is found by.
        score: seconds of work that it saved: hits x cost.
    """

    scope: bytes
    key: Key
    score: float


class Wishes:
    """The answers of one database that were used most.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._scores: dict[tuple[bytes, Key], float] = {}

    def add(self, found: Iterable[Wish]) -> None:
        """Remember these, too, as they were saved."""
        for wish in found:
            known = self._scores.get((wish.scope, wish.key), 0.0)
            self._scores[wish.scope, wish.key] = max(known, wish.score)
        self._scores = _best(self._scores, self._most)

    def note(self, scope: bytes, entries: Iterable[Entry]) -> None:
        """All of a scope's answers are about to be forgotten."""
        used = _used(scope, entries)
        if used:
            for key in [key for key in self._scores if key[0] == scope]:
                used[key] = used.get(key, 0.0) + FADES * self._scores.pop(key)
            self._scores = _best(self._scores | used, self._most)

    def with_those(self, scopes: Iterable[tuple[bytes, Iterable[Entry]]]) -> list[Wish]:
        """What is to be saved: those that are known, and the answers that are kept now."""
        scores = dict(self._scores)
        for scope, entries in scopes:
            for key, score in _used(scope, entries).items():
                scores[key] = scores.get(key, 0.0) + score
        return _wishes(_best(scores, self._most))

    def of(self, scopes: Iterable[bytes]) -> list[Wish]:
        """Those of these scopes, the best first."""
        wanted = frozenset(scopes)
        return _wishes({key: score for key, score in self._scores.items() if key[0] in wanted})


def _used(scope: bytes, entries: Iterable[Entry]) -> dict[tuple[bytes, Key], float]:
    found = {}
    for entry in entries:
        score = (entry.uses - 1) * entry.cost
        if score >= LEAST and _length(entry.key) <= LONGEST:
            found[scope, entry.key] = score
    return found


def _best(scores: dict[tuple[bytes, Key], float], most: int) -> dict[tuple[bytes, Key], float]:
    if len(scores) > most:
        scores = dict(heapq.nlargest(most, scores.items(), key=lambda item: item[1]))
    return {key: score for key, score in scores.items() if score >= LEAST}


def _wishes(scores: dict[tuple[bytes, Key], float]) -> list[Wish]:
    found = [Wish(scope, key, score) for (scope, key), score in scores.items()]
    return sorted(found, key=lambda wish: wish.score, reverse=True)


def _length(key: Key) -> int:
    return len(key) if isinstance(key, bytes) else len(key[0]) + len(key[1])


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to a server for an answer.

    Attributes:
        data: the messages: a Query, or those of an unnamed statement.
        chunk: the execution that clients ask for.
        hidden: what the server's answer begins with that clients are not sent.
    """

    data: bytes
    chunk: Chunk
    hidden: bytes

    @property
    def meaning(self) -> bytes | None:
        """What the server's unnamed statement stands for afterwards; None = there is none."""
        return None if self.chunk.simple else self.chunk.meaning


def request(key: Key) -> Request | None:
    """The request that an answer is found by; None = nobody could have sent it."""
    if isinstance(key, bytes):
        chunk = read(key, lambda _: None)
        return None if chunk is None else Request(key, chunk, b"")
    # Parse and Bind of the unnamed statement; the rest begins with the length that Bind has without a name.
    meaning, rest = key
    data = b"P" + _LENGTH.pack(len(meaning) + 5) + b"\0" + meaning + b"B" + rest[:4] + b"\0" + rest[4:]
    chunk = read(data, lambda _: None)
    if chunk is None:
        return None
    return Request(data, replace(chunk, key=key, named=True, unnamed=None), _PARSE_DONE)


def pack(key: Key) -> bytes:
    """A key as bytes that name it alone."""
    if isinstance(key, bytes):
        return b"\0" + key
    meaning, rest = key
    return b"\1" + len(meaning).to_bytes(4, "big") + meaning + rest


def unpack(packed: bytes) -> Key:
    """The key that `pack` was given."""
    if packed[:1] == b"\0":
        return packed[1:]
    end = 5 + int.from_bytes(packed[1:5], "big")
    return packed[5:end], packed[end:]
