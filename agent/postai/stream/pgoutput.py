"""The messages of the output plugin pgoutput, protocol version 1, as PostgreSQL 14 to 18 send them.

The format is that of https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html. Nothing here
does input or output. Columns of rows are left as they came until somebody asks for some of them: most are never looked
at. Names and values stay bytes in the encoding of the database, as nobody promises that they are well-formed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

from postai.errors import PostaiError

Oid = int
Lsn = int
Identity = Literal["d", "n", "f", "i"]


class Malformed(PostaiError):
    """The server sent something that pgoutput does not."""

    sqlstate = "08P01"
    title = "malformed replication message"


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""A value that an UPDATE left as it was and that lies outside of the row (TOAST), so that it was not sent."""

Value = bytes | None | Unchanged
"""Text of a value as its type writes it; None = NULL."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Everything up to the next `Commit` belongs to one transaction, sent after it was committed.

    Attributes:
        xid: the number of the transaction, never of a subtransaction; the low 32 bits of what `xid8` shows.
        commit_lsn: where its commit record begins.
    """

    xid: int
    commit_lsn: Lsn


@dataclass(frozen=True, slots=True)
class Commit:
    """The end of a transaction; every commit whose record ends at or before `end_lsn` has been sent."""

    commit_lsn: Lsn
    end_lsn: Lsn


@dataclass(frozen=True, slots=True)
class Column:
    """A published column. `key`: it is part of the replica identity (with REPLICA IDENTITY FULL each of them is)."""

    name: bytes
    type_oid: Oid
    key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What a table looks like from here on; sent before its first change and after each change of its definition."""

    oid: Oid
    schema: bytes
    name: bytes
    identity: Identity
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """A type that is not built in."""

    oid: Oid
    schema: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """The columns of a row as they were sent, not taken apart.

    Attributes:
        data: a whole message.
        start: where the first column begins in it.
        count: how many columns there are.
    """

    data: bytes
    start: int
    count: int

    def values(self, wanted: Sequence[int]) -> tuple[Value, ...]:
        """Some of its columns, by ascending numbers from 0.

        Raises:
            Malformed: there is no such column.
        """
        found: list[Value] = []
        at, number = self.start, 0
        for column in wanted:
            if not number <= column < self.count:
                raise Malformed(f"a row of {self.count} columns has none with number {column}")
            while number < column:
                at, number = _after_column(self.data, at), number + 1
            end = _after_column(self.data, at)
            found.append(_value(self.data, at, end))
            at, number = end, number + 1
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row."""

    relation: Oid
    new: Row


@dataclass(frozen=True, slots=True)
class Update:
    """A changed row.

    Attributes:
        old: the row before; only with REPLICA IDENTITY FULL.
        old_key: as `old`, but only the columns of the replica identity hold something; None = the key stayed the same.
    """

    relation: Oid
    old: Row | None
    old_key: Row | None
    new: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """A row that is gone; `old` and `old_key` as in `Update`, and one of them is there."""

    relation: Oid
    old: Row | None
    old_key: Row | None


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tables that were emptied by one command, those that CASCADE took along included."""

    relations: tuple[Oid, ...]
    cascade: bool
    restart_identity: bool


@dataclass(frozen=True, slots=True)
class Message:
    """What pg_logical_emit_message() wrote; one that is not transactional comes alone, before or between others."""

    prefix: bytes
    content: bytes
    transactional: bool
    lsn: Lsn


@dataclass(frozen=True, slots=True)
class Origin:
    """The transaction was replicated from elsewhere."""

    lsn: Lsn
    name: bytes


Decoded = Begin | Commit | Relation | Type | Insert | Update | Delete | Truncate | Message | Origin

_BEGIN = struct.Struct("!QqI")
_COMMIT = struct.Struct("!BQQq")
_MESSAGE = struct.Struct("!BQ")
_COLUMN_END = struct.Struct("!Ii")
_TRUNCATE = struct.Struct("!iB")
_INT16 = struct.Struct("!h")
_INT32 = struct.Struct("!i")
_UINT32 = struct.Struct("!I")
_UINT64 = struct.Struct("!Q")
_WITHOUT_VALUE = b"nu"
_WITH_VALUE = b"tb"


def decode(data: bytes) -> Decoded:
    """Take one message apart.

    Args:
        data: the whole of it, and nothing else.

    Raises:
        Malformed: it is none of pgoutput's, is cut off, or goes on after its end.
    """
    read = _READERS.get(data[:1])
    if read is None:
        raise Malformed(f"pgoutput has no message {data[:1]!r}")
    try:
        message, end = read(data)
    except (struct.error, IndexError):
        raise Malformed(f"a message {data[:1]!r} is cut off", detail=f"{len(data)} bytes") from None
    if end != len(data):
        raise Malformed(f"a message {data[:1]!r} goes on after its end", detail=f"{len(data)} bytes, {end} expected")
    return message


def _begin(data: bytes) -> tuple[Begin, int]:
    lsn, _, xid = _BEGIN.unpack_from(data, 1)
    return Begin(xid, lsn), 1 + _BEGIN.size


def _commit(data: bytes) -> tuple[Commit, int]:
    _, lsn, end, _ = _COMMIT.unpack_from(data, 1)
    return Commit(lsn, end), 1 + _COMMIT.size


def _origin(data: bytes) -> tuple[Origin, int]:
    name, end = _string(data, 9)
    return Origin(_UINT64.unpack_from(data, 1)[0], name), end


def _type(data: bytes) -> tuple[Type, int]:
    schema, at = _string(data, 5)
    name, end = _string(data, at)
    return Type(_UINT32.unpack_from(data, 1)[0], schema, name), end


def _relation(data: bytes) -> tuple[Relation, int]:
    oid = _UINT32.unpack_from(data, 1)[0]
    schema, at = _string(data, 5)
    name, at = _string(data, at)
    identity = data[at : at + 1]
    if identity not in _IDENTITIES:
        raise Malformed(f"there is no replica identity {identity!r}")
    (count,) = _INT16.unpack_from(data, at + 1)
    at += 3
    columns: list[Column] = []
    for _ in range(_positive(count)):
        flags = data[at]
        column, at = _string(data, at + 1)
        type_oid, _ = _COLUMN_END.unpack_from(data, at)
        at += _COLUMN_END.size
        columns.append(Column(column, type_oid, bool(flags & 1)))
    return Relation(oid, schema, name, _IDENTITIES[identity], tuple(columns)), at


def _insert(data: bytes) -> tuple[Insert, int]:
    if data[5:6] != b"N":
        raise Malformed("an insert without a row")
    new, end = _row(data, 6)
    return Insert(_UINT32.unpack_from(data, 1)[0], new), end


def _update(data: bytes) -> tuple[Update, int]:
    old, key, at = _before(data, 5)
    if data[at : at + 1] != b"N":
        raise Malformed("an update without a row")
    new, end = _row(data, at + 1)
    return Update(_UINT32.unpack_from(data, 1)[0], old, key, new), end


def _delete(data: bytes) -> tuple[Delete, int]:
    old, key, end = _before(data, 5)
    if old is None and key is None:
        raise Malformed("a delete without a row")
    return Delete(_UINT32.unpack_from(data, 1)[0], old, key), end


def _truncate(data: bytes) -> tuple[Truncate, int]:
    count, options = _TRUNCATE.unpack_from(data, 1)
    relations = struct.unpack_from(f"!{_positive(count, (len(data) - 6) // 4)}I", data, 6)
    return Truncate(relations, bool(options & 1), bool(options & 2)), 6 + 4 * count


def _message(data: bytes) -> tuple[Message, int]:
    flags, lsn = _MESSAGE.unpack_from(data, 1)
    prefix, at = _string(data, 10)
    (length,) = _INT32.unpack_from(data, at)
    at += 4
    return Message(prefix, data[at : at + length], bool(flags & 1), lsn), at + _positive(length, len(data) - at)


def _before(data: bytes, at: int) -> tuple[Row | None, Row | None, int]:
    """The old row, the old key (one of them or none), and where they end."""
    kind = data[at : at + 1]
    if kind not in (b"K", b"O"):
        return None, None, at
    row, end = _row(data, at + 1)
    return (row, None, end) if kind == b"O" else (None, row, end)


def _row(data: bytes, at: int) -> tuple[Row, int]:
    count = _positive(_INT16.unpack_from(data, at)[0])
    start = at = at + 2
    for _ in range(count):
        at = _after_column(data, at)
    return Row(data, start, count), at


def _after_column(data: bytes, at: int) -> int:
    kind = data[at]
    if kind in _WITHOUT_VALUE:
        return at + 1
    if kind not in _WITH_VALUE:
        raise Malformed(f"there is no kind of value {chr(kind)!r}")
    (length,) = _INT32.unpack_from(data, at + 1)
    at += 5
    return at + _positive(length, len(data) - at)


def _value(data: bytes, at: int, end: int) -> Value:
    kind = data[at : at + 1]
    if kind == b"n":
        return None
    return UNCHANGED if kind == b"u" else data[at + 5 : end]


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """A text that ends with a zero byte, and where the next thing begins."""
    end = data.find(b"\0", at)
    if end < 0:
        raise IndexError
    return data[at:end], end + 1


def _positive(count: int, most: int | None = None) -> int:
    if count < 0 or (most is not None and count > most):
        raise Malformed(f"a message counts {count} where it cannot")
    return count


_IDENTITIES: Mapping[bytes, Identity] = MappingProxyType({b"d": "d", b"n": "n", b"f": "f", b"i": "i"})
_READERS: Mapping[bytes, Callable[[bytes], tuple[Decoded, int]]] = MappingProxyType({
    b"B": _begin, b"C": _commit, b"O": _origin, b"R": _relation, b"Y": _type, b"I": _insert, b"U": _update,
    b"D": _delete, b"T": _truncate, b"M": _message,
})  # fmt: skip
