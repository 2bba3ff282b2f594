"""The second tier of the cache, behind what a process keeps in its own memory: what it is told, asked, and keeps.

An entry carries the position in the server's log (LSN) at which it was proved fresh: of every change up to there it
knows. So whoever finds it later need not trust who has left it: it is stale if one of its tags was invalidated at a
later position. That holds too where several edges, whose streams are not equally far, keep entries for one another.

All of it is called in the thread of the loop, and nothing of it waits.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

Values = tuple[bytes | None, ...]
"""The values of a row's key, in one fixed form each; None = it is not known."""
Tag = int | tuple[int, Values]
"""What an entry was made from: a whole relation by its oid, or one row of it."""

REMEMBERED = 100_000
"""Tags of which `Recent` knows at least where they were invalidated last."""

_FORM = 1
_HEAD = struct.Struct("!IBQdH")
"""Checksum of what follows; form; position + 1 (0 = none); cost; number of tags."""
_TAG = struct.Struct("!IH")
"""Oid; number of values, 0 = the whole relation."""
_VALUE = struct.Struct("!i")
"""Length; -1 = None."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry.

    Attributes:
        reply: the bytes that answer the request.
        tags: what it depends on.
        until: time.monotonic() from which it may not be served any more.
        cost: seconds that the server took for it.
        position: the LSN at which it was proved fresh; None = nobody tells of changes, and `until` is all that was
            promised.
    """

    reply: bytes
    tags: tuple[Tag, ...]
    until: float
    cost: float
    position: int | None


@dataclass(slots=True)
class Figures:
    """What a tier has done since it began, and what it holds."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    dropped: int = 0
    """Entries that were not stored as too much waited already, or as they are too large."""
    evicted: int = 0
    failures: int = 0
    """How often the tier was switched off."""
    waiting: int = 0
    """What is yet to be written."""
    size: int | None = None
    """Bytes that it takes, where it knows."""
    off: str | None = "not begun"
    """Why it is switched off."""


class Second(Protocol):
    """A second tier, of one database."""

    @property
    def figures(self) -> Figures: ...

    def begin(self, source: bytes, start: int | None) -> None:
        """Entries of this source may be used from now on; all others are dropped.

        Called again when the stream has begun anew, and when the catalog or the roles have changed.

        Args:
            source: says which server's content this is, and which catalog and roles it was computed with.
            start: the LSN from which the stream tells every change; None = there is no stream. Nobody tells of what
                was changed before: entries with an earlier position are not found.
        """

    def end(self) -> None:
        """The stream is lost: only entries without a position are found, until `begin`."""

    def get(self, scope: bytes, request: bytes, receive: Callable[[Kept | None], None]) -> None:
        """Look for an entry.

        Args:
            scope: whose requests are answered alike: database, user, settings.
            request: the client's bytes.
            receive: gets it, perhaps before this returns; None = there is none. When it is called, the entry is fresh
                as far as this tier has been told of changes by then.
        """

    def put(self, scope: bytes, request: bytes, kept: Kept) -> None:
        """Keep an entry, unless too much waits to be kept already."""

    def invalidate(self, oid: int, rows: Iterable[Values] | None, position: int) -> None:
        """Forget what was made from changed rows.

        Args:
            oid: the relation.
            rows: keys of the rows, the old and the new ones; None = any row.
            position: where in the log the change ends.
        """

    def advance(self, position: int) -> None:
        """Every change up to there was told, all those of a transaction included: not before its last one."""

    def flush(self, position: int) -> None:
        """Forget everything, also what other edges have kept up to now."""

    async def close(self) -> None:
        """Write what waits, and let go of everything."""


class Recent:
    """Where relations and rows were changed last, in bounded memory.

    Two generations are kept. Before one is forgotten its newest position becomes the floor, and entries from before
    that count as stale, unless the tier itself has dropped what hangs on them.

    Attributes:
        applied: position up to which it has; 0 = it drops nothing itself.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._new: dict[int | tuple[int, Values | None], int] = {}
        self._old: dict[int | tuple[int, Values | None], int] = {}
        self._old_top = 0
        self._top = 0
        self.applied = 0
        self._floor: float = 0

    def note(self, oid: int, rows: Iterable[Values] | None, position: int) -> None:
        """Rows of a relation were changed at this position; None = any row."""
        self._top = max(self._top, position)
        self._new[oid] = position
        for values in (None,) if rows is None else rows:
            self._new[oid, values] = position
        if len(self._new) > self._remembered:
            if self._old_top > self.applied:
                self._floor = max(self._floor, self._old_top)
            self._old, self._old_top, self._new = self._new, self._top, {}

    def raise_floor(self, position: float) -> None:
        """Entries from before this position are stale, whatever their tags."""
        self._floor = max(self._floor, position)

    def restart(self, floor: float) -> None:
        """Forget all, with a new floor."""
        self._new, self._old = {}, {}
        self._old_top = self._top = self.applied = 0
        self._floor = floor

    def fresh(self, kept: Kept) -> bool:
        """Whether nothing that this entry was made from was changed since it was proved fresh."""
        position = kept.position
        if position is None:
            return True
        if position < self._floor:
            return False
        if self._new or self._old:
            for tag in kept.tags:
                if self._last(tag) > position or (not isinstance(tag, int) and self._last((tag[0], None)) > position):
                    return False
        return True

    def _last(self, tag: int | tuple[int, Values | None]) -> int:
        return self._new.get(tag) or self._old.get(tag, 0)


def digest(source: bytes, scope: bytes, request: bytes) -> bytes:
    """The name of an entry: 32 bytes that nobody can make equal for two requests."""
    name = blake2b(digest_size=32)
    for part in (source, scope):
        name.update(len(part).to_bytes(4, "big") + part)
    name.update(request)
    return name.digest()


def pack(kept: Kept, name: bytes) -> bytes:
    """An entry as bytes, without `until`.

    Args:
        kept: a storable entry.
        name: its digest, which the checksum covers too.
    """
    position = 0 if kept.position is None else kept.position + 1
    tags = b"".join(map(_pack_tag, kept.tags))
    head = _HEAD.pack(0, _FORM, position, kept.cost, len(kept.tags))[4:]
    body = head + tags + kept.reply
    return zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big") + body


def unpack(record: bytes, name: bytes, until: float) -> Kept | None:
    """The entry of such bytes; None if they are damaged, of another entry or of another form."""
    if len(record) < _HEAD.size:
        return None
    checksum, form, position, cost, count = _HEAD.unpack_from(record)
    if form != _FORM or zlib.crc32(memoryview(record)[4:], zlib.crc32(name)) != checksum:
        return None
    tags: list[Tag] = []
    at = _HEAD.size
    for _ in range(count):
        oid, number = _TAG.unpack_from(record, at)
        at += _TAG.size
        values: list[bytes | None] = []
        for _ in range(number):
            (length,) = _VALUE.unpack_from(record, at)
            at += _VALUE.size
            values.append(None if length < 0 else record[at : at + length])
            at += max(length, 0)
        tags.append((oid, tuple(values)) if values else oid)
    return Kept(record[at:], tuple(tags), until, cost, position - 1 if position else None)


def _pack_tag(tag: Tag) -> bytes:
    if isinstance(tag, int):
        return _TAG.pack(tag, 0)
    oid, values = tag
    return _TAG.pack(oid, len(values)) + b"".join(map(pack_value, values))


def pack_value(value: bytes | None) -> bytes:
    """A value of a key, told from what follows."""
    return _VALUE.pack(-1) if value is None else _VALUE.pack(len(value)) + value


def storable(kept: Kept, most: int) -> bool:
    """Whether an entry has at most that many bytes, and no more tags than `pack` can count."""
    return len(kept.reply) <= most and len(kept.tags) < 1 << 16
