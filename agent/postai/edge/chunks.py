"""Which bytes of a client are one whole execution of one statement, and which replies are one whole result.

Only what clients send in one piece is looked at: a Query; or Parse (unnamed), Bind, Describe, Execute and Sync; or the
same without Parse for a statement prepared before; with Flush between them or not. Everything else goes to the server,
which also judges what is malformed: nothing here answers for it.

The layouts are from the protocol's chapter (https://www.postgresql.org/docs/current/protocol-message-formats.html).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from postai.edge.memory import Key

LONGEST = 65_536
"""Bytes of the longest execution that is looked at."""

_LENGTH = struct.Struct("!i")
_COUNT = struct.Struct("!H")
_FLUSH = rb"(?:H\x00{3}\x04)?"
_EXECUTION = re.compile(
    _FLUSH + rb"(?:D\x00{3}\x06P\x00" + _FLUSH + rb")?E\x00{3}\x09\x00([\x00-\x7f].{3})" + _FLUSH + rb"S\x00{3}\x04",
    re.DOTALL,
)
"""What follows a Bind: the unnamed portal is described or not, and executed to its end or up to some rows."""
_ALL = bytes(4)
_PARSE_DONE = b"1\0\0\0\4"
_BIND_DONE = b"2\0\0\0\4"
_SUSPENDED = b"s\0\0\0\4"
_READY = b"Z\0\0\0\5I"
_TAG = b"SELECT "


@dataclass(frozen=True, slots=True)
class Chunk:
    """One execution.

    Attributes:
        key: what it is found by.
        meaning: the statement's text with its NUL, and the types of its parameters, as in Parse; for a Query the text.
        values: the parameters; None = NULL.
        formats: of each parameter: 0 = text, 1 = binary.
        limit: rows that are wanted at most, as four bytes; zero = all.
        named: whether the statement was prepared before, so that the unnamed one stays what it is.
        simple: whether it is a Query.
        unnamed: what the unnamed statement stands for afterwards, unless it stays what it is; None = there is none.
    """

    key: Key
    meaning: bytes
    values: tuple[bytes | None, ...] = ()
    formats: tuple[int, ...] = ()
    limit: bytes = _ALL
    named: bool = False
    simple: bool = False
    unnamed: bytes | None = None

    @property
    def text(self) -> bytes:
        """The statement."""
        return self.meaning.partition(b"\0")[0]

    @property
    def types(self) -> tuple[int, ...]:
        """What the client says of its parameters' types; 0 = nothing."""
        tail = self.meaning.partition(b"\0")[2]
        return struct.unpack(f"!{(len(tail) - 2) // 4}I", tail[2:]) if tail else ()


def named_key(data: bytes, meaning_of: Callable[[bytes], bytes | None]) -> Key | None:
    """The key of an execution of a prepared statement, if that is what the bytes are; they are not checked.

    Args:
        data: what the client sent; begins with a Bind.
        meaning_of: what a name stands for.
    """
    end = data.find(0, 6)
    if end < 0 or data[5]:  # a portal with a name
        return None
    meaning = meaning_of(data[6:end])
    if meaning is None:
        return None
    (length,) = _LENGTH.unpack_from(data, 1)
    return meaning, _LENGTH.pack(length + 6 - end) + data[end:]


def read(data: bytes, meaning_of: Callable[[bytes], bytes | None]) -> Chunk | None:
    """The execution that a client's bytes are; None = they are something else.

    Args:
        data: all that the client sent since the last reply.
        meaning_of: what the name of a prepared statement stands for.
    """
    if not 5 < len(data) <= LONGEST:
        return None
    kind = data[0]
    if kind == 0x51:  # Query
        whole = _LENGTH.unpack_from(data, 1)[0] == len(data) - 1 and data.find(0, 5) == len(data) - 1
        return Chunk(data, data[5:-1], simple=True) if whole else None
    if kind == 0x50:  # Parse
        meaning, at = _parse(data)
        if meaning is None:
            return None
        bound = _bind(data, at)
        return Chunk(data, meaning, *bound[1:], unnamed=meaning) if bound is not None and not bound[0] else None
    if kind == 0x42:  # Bind
        bound = _bind(data, 0)
        key = named_key(data, meaning_of) if bound is not None else None
        return Chunk(key, key[0], *bound[1:], named=True) if bound and isinstance(key, tuple) else None
    return None


def _parse(data: bytes) -> tuple[bytes | None, int]:
    """What the unnamed statement is given by a Parse, and where that ends."""
    stop = 1 + _LENGTH.unpack_from(data, 1)[0]
    end = data.find(0, 6)
    if data[5] or end < 0 or end + 3 > stop or stop > len(data):
        return None, 0
    (count,) = _COUNT.unpack_from(data, end + 1)
    return (data[6:stop], stop) if stop == end + 3 + 4 * count else (None, 0)


def _bind(data: bytes, at: int) -> tuple[bytes, tuple[bytes | None, ...], tuple[int, ...], bytes] | None:
    """Name, parameters, their formats, and how many rows, of a Bind of the unnamed portal and its execution."""
    if len(data) < at + 7 or data[at] != 0x42 or data[at + 5]:
        return None
    stop = at + 1 + _LENGTH.unpack_from(data, at + 1)[0]
    execution = _EXECUTION.fullmatch(data, stop) if stop > at else None
    if execution is None:
        return None
    end = data.find(0, at + 6, stop)
    if end < 0:
        return None
    body = data[end + 1 : stop]
    formats, here = _formats(body, 0)
    if formats is None or len(body) < here + 2:
        return None
    (count,) = _COUNT.unpack_from(body, here)
    if len(formats) not in (0, 1, count):
        return None
    values, here = _values(body, here + 2, count)
    if values is None:
        return None
    results, here = _formats(body, here)
    if results is None or here != len(body):
        return None
    each = formats if len(formats) == count else (formats or (0,)) * count
    return data[at + 6 : end], values, each, execution[1]


def _formats(body: bytes, at: int) -> tuple[tuple[int, ...] | None, int]:
    """A list of format codes, and where it ends."""
    if len(body) < at + 2:
        return None, at
    (count,) = _COUNT.unpack_from(body, at)
    end = at + 2 + 2 * count
    if len(body) < end:
        return None, at
    found = struct.unpack_from(f"!{count}H", body, at + 2)
    return (found if not any(code > 1 for code in found) else None), end


def _values(body: bytes, at: int, count: int) -> tuple[tuple[bytes | None, ...] | None, int]:
    """That many parameters, and where they end."""
    found: list[bytes | None] = []
    for _ in range(count):
        if len(body) < at + 4:
            return None, at
        (length,) = _LENGTH.unpack_from(body, at)
        at += 4
        if length < 0:
            if length != -1:
                return None, at
            found.append(None)
            continue
        if len(body) < at + length:
            return None, at
        found.append(body[at : at + length])
        at += length
    return tuple(found), at


def is_result(reply: bytes, chunk: Chunk) -> bool:
    """Whether a reply is one whole result of a SELECT outside a transaction, and nothing else.

    No error, no notice, no changed setting and no notification is among it.
    """
    if chunk.simple:
        at, described = 0, True
    else:
        head = _BIND_DONE if chunk.named else _PARSE_DONE + _BIND_DONE
        if not reply.startswith(head):
            return False
        at = len(head)
        described = reply[at : at + 1] == b"T"
    if described:
        if reply[at : at + 1] != b"T":
            return False
        at = _next(reply, at)
    end = len(reply)
    while at < end and reply[at] == 0x44:  # DataRow
        at = _next(reply, at)
    if reply[at : at + 1] == b"C" and reply.startswith(_TAG, at + 5):
        return reply[_next(reply, at) :] == _READY
    return chunk.limit != _ALL and reply[at:] == _SUSPENDED + _READY


def _next(reply: bytes, at: int) -> int:
    """Where the message after that one begins; the reply's end when it is cut."""
    if len(reply) < at + 5:
        return len(reply)
    (length,) = _LENGTH.unpack_from(reply, at + 1)
    return at + 1 + int(length) if length >= 4 else len(reply)
