"""The frontend/backend protocol, versions 3.0 and 3.2: framing and messages, without input and output.

Facts are from the protocol's chapter (https://www.postgresql.org/docs/current/protocol.html), and, for what the server
does with malformed input, from its sources: pqcomm.h (packet codes), backend_startup.c (startup packets),
postgres.c (`SocketBackend`: which message may have which length).

A `Framer` cuts a stream into messages. Whole are only the types that somebody wants to look into; all others flow
through as raw bytes, which are never held back, whatever length they declare. How the input is split changes nothing
in the messages, and what is held is bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION_3_0 = 0x00030000
VERSION_3_2 = 0x00030002
NEWEST = VERSION_3_2
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

MAX_STARTUP = 10_000
"""Bytes after the length word of a startup packet that the server still reads (MAX_STARTUP_PACKET_LENGTH)."""
MAX_AUTHENTICATION = 65_535
"""Length that a password message may declare (PG_MAX_AUTH_TOKEN_LENGTH)."""
MAX_SASL = 1024
"""Length that an answer within a SASL exchange may declare (PG_MAX_SASL_MESSAGE_LENGTH)."""
SMALL, LARGE = 10_000, 0x3FFFFFFE
"""Lengths that messages to the server may declare (PQ_SMALL_MESSAGE_LIMIT, PQ_LARGE_MESSAGE_LIMIT)."""
ANY = 0x7FFFFFFF

HEADER = 5
"""Bytes of a message's type and length."""
HELD = 65_536
"""Bytes of one message that a framer holds at most."""

FRONTEND: Mapping[int, int] = {
    **dict.fromkeys(b"QFBPd", LARGE),
    **dict.fromkeys(b"XCDEHScf", SMALL),
}
"""Types of messages to the server after the login, with the longest length that the server reads."""
BACKEND: Mapping[int, int] = dict.fromkeys(b"RKSvNEZT123CIDdcAsVtnGHW", ANY)
"""Types of messages from the server."""

_LENGTH = struct.Struct("!i")
_CODE = struct.Struct("!I")
_TWO = struct.Struct("!iI")
_COUNT = struct.Struct("!H")
_COLUMN = struct.Struct("!IHIhih")

Columns = tuple[tuple[bytes, int, int], ...]
"""Name, type's oid and type's modifier of each column of a result."""


class Violation(Exception):
    """What the server answers to input that it does not take: an error and the end of the session."""

    def __init__(self, sqlstate: str, message: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate, self.message, self.detail, self.hint = sqlstate, message, detail, hint
        self.for_version_2 = False

    def response(self) -> bytes:
        """The ErrorResponse, of severity FATAL; clients of versions before 3 get theirs."""
        if self.for_version_2:
            return b"EFATAL:  " + _text(self.message + "\n")
        return error_response(self.sqlstate, self.message, detail=self.detail, hint=self.hint)


class Malformed(Exception):
    """Input that the server answers with nothing but the end of the connection (it only writes to its log)."""


class Framer:
    """Cuts the bytes of one direction into messages.

    Args:
        limits: the longest length of every known type; a negative or missing one is a violation.
        whole: types that are wanted as whole messages.
        held: bytes of one message that are held at most.
    """

    __slots__ = ("_held", "_limits", "_most", "_need", "_whole", "between", "broken", "flowing")

    def __init__(self, limits: Mapping[int, int], whole: frozenset[int], held: int = HELD) -> None:
        self._limits = limits
        self._whole = whole
        self._most = held
        self._held = bytearray()  # is not copied with every byte that comes
        self._need = 0
        self.flowing = 0
        """Bytes that are still to come of a message of which a part was given."""
        self.broken: Violation | Malformed | None = None
        self.between = True
        """Whether the input so far ended with a message's last byte."""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take the next bytes, split anywhere, and give what is complete.

        Returns:
            in the stream's order: `(type, message)` for a whole message with its header; `(0, bytes)` for what flows
            through, cut anywhere; `(-type, head)` for the first `held` bytes of a wanted message that is longer, whose
            rest then flows through. After `broken` is set nothing more comes.
        """
        if self.broken is not None:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return []
            data, self._held = bytes(self._held), bytearray()
        end = len(data)
        if self.flowing >= end:
            self.flowing -= end
            self.between = not self.flowing
            return [(0, data)] if data else []
        pieces: list[tuple[int, bytes]] = []
        start, at = 0, self.flowing
        self.flowing = 0
        limits, wanted = self._limits, self._whole
        while end - at >= HEADER:
            kind = data[at]
            (length,) = _LENGTH.unpack_from(data, at + 1)
            if not 4 <= length <= limits.get(kind, -1):
                self.broken = _broken(kind, known=kind in limits)
                end = at
                break
            stop = at + 1 + length
            if kind in wanted:
                if start < at:
                    pieces.append((0, data[start:at]))
                start = at
                if length >= self._most:
                    if end - at < self._most:
                        self._need = self._most
                        break
                    at += self._most
                    pieces.append((-kind, data[start:at]))
                elif stop > end:
                    self._need = length + 1
                    break
                else:
                    pieces.append((kind, data[start:stop]))
                    start = at = stop
                    continue
                start = at
            if stop > end:
                self.flowing = stop - end
                at = end
            else:
                at = stop
        else:
            self._need = HEADER
        if start < at:
            pieces.append((0, data[start:at]))
        if at < end:
            self._held += data[at:end]
        self.between = at == end and not self.flowing
        return pieces


def _broken(kind: int, *, known: bool) -> Violation | Malformed:
    if known:
        return Malformed(f"invalid length of a message of type {chr(kind)}")
    return Violation("08P01", f"invalid frontend message type {kind}")


@dataclass(frozen=True)
class Startup:
    """A StartupMessage.

    Attributes:
        version: protocol version that the client asks for.
        parameters: names and values; bytes that are no UTF-8 are surrogates.
        packet: the message as it came, with its length.
    """

    version: int
    parameters: Mapping[str, str]
    packet: bytes = field(repr=False)

    @property
    def user(self) -> str:
        return self.parameters["user"]

    @property
    def database(self) -> str:
        """The database; the user's name where none is given."""
        return self.parameters.get("database") or self.user

    @property
    def unknown_options(self) -> tuple[str, ...]:
        """Protocol options, none of which is known yet."""
        return tuple(name for name in self.parameters if name.startswith("_pq_."))


@dataclass(frozen=True)
class Cancel:
    """A CancelRequest; its key is the process id and the secret, as the client got them."""

    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Encryption:
    """An SSLRequest or a GSSENCRequest."""

    code: int


def startup_length(word: bytes) -> int:
    """Bytes that follow the length word of a startup packet.

    Raises:
        Malformed: the server does not read packets of that length.
    """
    (length,) = _LENGTH.unpack(word)
    if not 4 <= length - 4 <= MAX_STARTUP:
        raise Malformed("invalid length of startup packet")
    return int(length) - 4


def parse_startup(body: bytes, *, encryption: frozenset[int] = frozenset()) -> Startup | Cancel | Encryption:
    """Read the first packet of a connection.

    Args:
        body: what follows the length word.
        encryption: codes of the requests that may come (still); others are versions that do not exist.

    Raises:
        Violation, Malformed: as the server answers.
    """
    (code,) = _CODE.unpack_from(body)
    if code == CANCEL_REQUEST:
        if not 9 <= len(body) <= 8 + 256:
            raise Malformed("invalid length of a cancel request")
        return Cancel(body[4:])
    if code in encryption:
        return Encryption(code)
    if code >> 16 != 3:
        newest = f"3.{NEWEST & 0xFFFF}"
        asked = f"{code >> 16}.{code & 0xFFFF}"
        unsupported = Violation("0A000", f"unsupported frontend protocol {asked}: server supports 3.0 to {newest}")
        unsupported.for_version_2 = code >> 16 < 3
        raise unsupported
    parts = body[4:].split(b"\0")
    # name NUL value NUL ... NUL: the last byte is the end of an empty name, and the split has one part after it.
    if len(parts) < 2 or len(parts) % 2 or parts[-1] or parts[-2] or not all(parts[:-2:2]):
        raise Violation("08P01", "invalid startup packet layout: expected terminator as last byte")
    texts = [part.decode("utf-8", "surrogateescape") for part in parts[:-2]]
    parameters = dict(zip(texts[::2], texts[1::2], strict=True))
    if not parameters.get("user"):
        raise Violation("28000", "no PostgreSQL user name specified in startup packet")
    return Startup(code, parameters, _LENGTH.pack(len(body) + 4) + body)


def startup_packet(version: int, parameters: Mapping[str, str]) -> bytes:
    """A StartupMessage."""
    pairs = b"".join(_text(name) + _text(value) for name, value in parameters.items())
    return _LENGTH.pack(len(pairs) + 9) + _CODE.pack(version) + pairs + b"\0"


def cancel_packet(key: bytes) -> bytes:
    """A CancelRequest for a process id with its secret."""
    return _TWO.pack(len(key) + 8, CANCEL_REQUEST) + key


def encryption_packet(code: int = SSL_REQUEST) -> bytes:
    """An SSLRequest (or GSSENCRequest)."""
    return _TWO.pack(8, code)


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message with its header."""
    return kind + _LENGTH.pack(len(body) + 4) + body


def authentication(code: int, body: bytes = b"") -> bytes:
    """A message of the authentication, e.g. 0 = AuthenticationOk."""
    return message(b"R", _LENGTH.pack(code) + body)


def sasl_initial(mechanism: str, first: bytes) -> bytes:
    """A SASLInitialResponse."""
    return message(b"p", _text(mechanism) + _LENGTH.pack(len(first)) + first)


def parse_sasl_initial(body: bytes) -> tuple[bytes, bytes | None]:
    """Mechanism and data of a SASLInitialResponse; None where it has no data.

    Raises:
        Violation: as the server answers.
    """
    mechanism, end, rest = body.partition(b"\0")
    if not end:
        raise Violation("08P01", "invalid string in message")
    if len(rest) < 4:
        raise Violation("08P01", "insufficient data left in message")
    (length,) = _LENGTH.unpack_from(rest)
    if length > len(rest) - 4 or length < -1:
        raise Violation("08P01", "insufficient data left in message")
    if max(length, 0) != len(rest) - 4:
        raise Violation("08P01", "invalid message format")
    return mechanism, None if length < 0 else rest[4:]


def negotiate_version(version: int, unknown: tuple[str, ...]) -> bytes:
    """A NegotiateProtocolVersion: the newest version that is spoken here, and the options that are not known."""
    return message(b"v", _TWO.pack(version, len(unknown)) + b"".join(map(_text, unknown)))


def error_response(
    sqlstate: str, text: str, *, severity: str = "FATAL", detail: str | None = None, hint: str | None = None,
    routine: str | None = None,
) -> bytes:  # fmt: skip
    """An ErrorResponse; `routine` = the server's function that says it, where drivers look for that."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": text, "D": detail, "H": hint, "R": routine}
    return message(b"E", b"".join(_text(name + value) for name, value in fields.items() if value) + b"\0")


def columns_of(message: bytes) -> Columns:
    """What a RowDescription says of columns, but for whose they are."""
    (count,) = _COUNT.unpack_from(message, 5)
    at, found = 7, []
    for _ in range(count):
        end = message.index(0, at)
        _, _, oid, _, modifier, _ = _COLUMN.unpack_from(message, end + 1)
        found.append((message[at:end], oid, modifier))
        at = end + 1 + _COLUMN.size
    return tuple(found)


def notice_response(text: str) -> bytes:
    """A NoticeResponse of severity NOTICE."""
    fields = {"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": text}
    return message(b"N", b"".join(_text(name + value) for name, value in fields.items()) + b"\0")


def parse_error(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or a NoticeResponse by their letters."""
    return {
        part[:1].decode("latin-1"): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if len(part) > 1
    }


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape") + b"\0"
