"""What is known of a server connection, and of messages that were sent there and are not answered yet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from postai.edge.names import Name, Names
from postai.edge.wire import BACKEND, Framer

HELD = 1 << 20
"""Bytes of one message that are looked into."""
STATEMENTS = 500
"""Prepared statements that a server connection keeps."""

_LENGTH = struct.Struct("!i")
_COUNT = struct.Struct("!h")

_SERVERS_OWN = frozenset({b"in_hot_standby"})
"""Settings whose change is nobody's doing in the session."""

Receive = Callable[[tuple[bytes | None, ...] | None], None]
"""Gets the first row of a query of the edge's own; None = it has failed, or gave none."""


class Server:
    """What is known of a server connection.

    Args:
        settings: what its ParameterStatus messages said during the login.
        statements: prepared statements that it keeps.

    Attributes:
        names: its prepared statements.
        settings: what it says of settings now.
        changed: whether one is not what it was at the login.
        readable: whether texts mean to the server what they mean to the parser.
        temporary: whether its search_path makes tables temporary.
    """

    __slots__ = ("_first", "changed", "names", "readable", "settings", "statements", "temporary")

    def __init__(self, settings: dict[bytes, bytes], statements: int = STATEMENTS) -> None:
        self.names = Names()
        self.settings = dict(settings)
        self.statements = statements
        self.temporary = False
        self._first = dict(settings)
        self._look()

    def tell(self, name: bytes, value: bytes) -> None:
        """A ParameterStatus message came."""
        if name not in _SERVERS_OWN:
            self.settings[name] = value
            self._look()

    def _look(self) -> None:
        read = self.settings.get
        self.changed = self.settings != self._first
        self.readable = read(b"standard_conforming_strings") == b"on" and read(b"client_encoding") == b"UTF8"


@dataclass(slots=True)
class Sent:
    """A message on its way: its type, what its success changes, of a Parse when and of a Describe in which era it was
    sent, and the cursor that it closes.
    """

    kind: str
    batch: int
    hidden: bool = False
    instead: bytes | None = None
    alias: tuple[bytes, bytes] | None = None
    client: Name | None = None
    server: Name | None = None
    hears: Hearer | None = None
    asked: int = 0
    closes: str | None = None


class Hearer:
    """Takes the reply to a query of the edge's own."""

    __slots__ = ("_failed", "_receive", "_rows")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._rows = b""
        self._failed = False

    def hear(self, kind: int, message: bytes) -> None:
        if kind == 0 and len(self._rows) < HELD:
            self._rows += message
        elif kind == ord("E"):
            self._failed = True

    def end(self) -> None:
        """Its ReadyForQuery came."""
        framer = Framer(BACKEND, frozenset(b"D"), HELD)
        rows = [message for kind, message in framer.feed(self._rows) if kind == ord("D")]
        self._receive(None if self._failed or not rows else values(rows[0]))


def values(row: bytes) -> tuple[bytes | None, ...]:
    """The values of a whole DataRow."""
    (count,) = _COUNT.unpack_from(row, 5)
    at = 7
    found: list[bytes | None] = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(row, at)
        at += 4
        found.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    return tuple(found)
