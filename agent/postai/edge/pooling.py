"""When a server connection may be lent to another client, and statements that clients prepared elsewhere.

Clients of a pool name their prepared statements as they like; on a server a statement has a name made of its text and
the types of its parameters, so that clients share it. Where a connection does not have it yet, its Parse is sent again
before the message that needs it, and the client does not see the reply.

Facts are from the protocol's chapter (https://www.postgresql.org/docs/current/protocol-flow.html): one reply ends each
message of the extended protocol, and after an error the server skips everything up to the next Sync.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from postai.edge import wire
from postai.edge.pinning import Pinning
from postai.edge.wire import BACKEND, FRONTEND, Framer, Violation

HELD = 1 << 20
"""Bytes of one message of a client that are looked into."""
PREFIX = b"postai_"
ABSENT = PREFIX + b"absent"
"""Name that no statement on a server has."""

_FROM_CLIENT = frozenset(b"QPBDECSFX")
_FROM_SERVER = frozenset(b"123TnCIsEZGWS")
_ENDS = {ord("1"): "P", ord("2"): "B", ord("3"): "C", ord("T"): "D", ord("n"): "D", ord("C"): "E", ord("I"): "E",
         ord("s"): "E"}  # fmt: skip
"""Replies, and the message that each of them ends."""
_ALWAYS = frozenset(b"SZ")
"""Replies that are about the session, whatever they come behind."""
_PARSE_COMPLETE = wire.message(b"1")
_DEALLOCATED = wire.message(b"C", b"DEALLOCATE\0")
_LENGTH = struct.Struct("!i")
_COUNT = struct.Struct("!h")

_SERVERS_OWN = frozenset({b"in_hot_standby"})
"""Settings whose change is nobody's doing in the session."""

Receive = Callable[[tuple[bytes | None, ...] | None], None]
"""Gets the first row of a query of the edge's own; None = it has failed, or gave none."""

Name = tuple[bytes, bytes | None]
"""A statement's name and what it stands for (text and types, as in Parse); None = it is closed."""


class Names:
    """What the names of prepared statements stand for, before and after the server has answered.

    A batch is what the server skips as a whole after an error; of what was sent in an earlier batch, and not answered
    yet, nobody knows whether it is there.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._hoped: dict[bytes, tuple[bytes | None, int]] = {}

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
        self._hoped[change[0]] = (change[1], batch)

    def confirm(self, change: Name, batch: int) -> None:
        """It has succeeded."""
        name, meaning = change
        if meaning is None:
            self._known.pop(name, None)
        else:
            self._known[name] = meaning
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
        self._hoped.clear()


class Server:
    """What is known of a server connection.

    Args:
        settings: what its ParameterStatus messages said during the login.
    """

    def __init__(self, settings: dict[bytes, bytes]) -> None:
        self.names = Names()
        self.settings = dict(settings)
        self._first = dict(settings)

    @property
    def changed(self) -> bool:
        """Whether a setting that the server reports is not what it was at the login."""
        return self.settings != self._first

    @property
    def readable(self) -> bool:
        """Whether texts mean to the server what they mean to the parser."""
        read = self.settings.get
        return read(b"standard_conforming_strings") == b"on" and read(b"client_encoding") == b"UTF8"


@dataclass(slots=True)
class _Sent:
    """A message on its way: its type, and what its success changes."""

    kind: str
    batch: int
    hidden: bool = False
    instead: bytes | None = None
    alias: tuple[bytes, bytes] | None = None
    client: Name | None = None
    server: Name | None = None
    hears: _Hearer | None = None


class _Hearer:
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


class Client:
    """A client of a pool: its messages to whatever server it has, and the replies.

    Args:
        pinning: says which statements leave something behind.
    """

    def __init__(self, pinning: Pinning) -> None:
        self._pinning = pinning
        self._frontend = Framer(FRONTEND, _FROM_CLIENT, HELD)
        self._backend = Framer(BACKEND, _FROM_SERVER)
        self._names = Names()
        self._sent: deque[_Sent] = deque()
        self._kept: list[tuple[int, bytes]] = []
        self._batch = 1
        self._skipping = False
        self._status = ord("I")
        self._server: Server | None = None
        self.pinned: str | None = None
        """Why the server stays with this client; None = it need not."""
        self.over = False
        """Whether the client said that it sends no more."""
        self.told = False
        """Whether the server has said why it ends the session."""

    def take(self, data: bytes) -> bool:
        """Take the client's next bytes; whether a server is needed for them.

        Raises:
            Violation, Malformed: the client breaks the protocol.
        """
        self._kept += self._frontend.feed(data)
        if self._frontend.broken is not None:
            raise self._frontend.broken
        if self._server is None and not any(kind for kind, _ in self._kept):
            self._kept.clear()  # what a server ignores between two queries
        if any(kind == ord("X") for kind, _ in self._kept):
            self.over = True
        return any(kind and kind != ord("X") for kind, _ in self._kept) or self._server is not None

    def attach(self, server: Server) -> None:
        """The client has this server from now on."""
        self._server = server
        if not server.readable:
            self._pin("a session whose texts are written differently")

    def detach(self) -> None:
        """The client gives its server back.

        Raises:
            ValueError: it may not.
        """
        if not self.lendable:
            raise ValueError("the session is not over its transaction")
        self._server = None

    @property
    def lendable(self) -> bool:
        """Whether the server may be lent to another client."""
        return (
            self.pinned is None
            and self._status == ord("I")
            and not self._sent
            and not self._skipping
            and not self._kept
            and not self._frontend.flowing
            and self._backend.between
        )

    @property
    def resting(self) -> bool:
        """Whether all that the client said is done, and it begins a new message."""
        return self._server is None and not self._kept and self._frontend.between

    @property
    def speakable(self) -> bool:
        """Whether a message may be put between those that the client gets."""
        return self._backend.between and not self.told

    @property
    def idle(self) -> bool:
        """Whether the server waits for the client."""
        return not self._sent and not self._skipping

    @property
    def status(self) -> int:
        """The transaction's, as the last ReadyForQuery told it: b"I", b"T" or b"E"."""
        return self._status

    def inject(self, query: bytes, receive: Receive) -> bytes:
        """A query of the edge's own, of which the client sees nothing; what is to be sent to the server.

        It is allowed before a client's message while nothing is on its way, and behind the Query or Sync that ends all
        that was given; never where the transaction may be open.

        Args:
            query: one statement, without its NUL, which leaves nothing behind.
            receive: gets its first row.
        """
        self._note(_Sent("Q", self._batch, hidden=True, server=(b"", None), hears=_Hearer(receive)))
        self._batch += 1
        return wire.message(b"Q", query + b"\0")

    def give(self) -> bytes:
        """What is to be sent to the server of all that was taken."""
        pieces, self._kept = self._kept, []
        out = bytearray()
        for kind, piece in pieces:
            if kind == 0 or (self._skipping and abs(kind) != ord("S")):
                out += piece if abs(kind) != ord("X") else b""
            else:
                out += self._message(chr(abs(kind)), piece, whole=kind > 0)
        return bytes(out)

    def answer(self, data: bytes) -> bytes:
        """What is to be sent to the client of a server's bytes."""
        out = bytearray()
        for kind, piece in self._backend.feed(data):
            if self._sent and (hears := self._sent[0].hears) is not None and kind not in _ALWAYS:
                hears.hear(kind, piece)
            else:
                out += piece if kind == 0 else self._reply(abs(kind), piece, whole=kind > 0)
        return bytes(out)

    # To the server.

    def _message(self, kind: str, message: bytes, *, whole: bool) -> bytes:
        if kind == "Q":
            name = self._pinning.deallocated(message[5:-1]) if whole else None
            if name is not None and self._names.get(name) is not None:
                return self._deallocate(name)
            self._watch(message[5:-1] if whole else None)
            self._note(_Sent("Q", self._batch, client=(b"", None), server=(b"", None)))
        elif kind == "P":
            return self._parse(message, whole=whole)
        elif kind == "B":
            return self._named("B", message, _end(message, 5) + 1)
        elif kind in "DC" and message[5:6] == b"S":
            return self._named("D", message, 6) if kind == "D" else self._close(message[6:-1])
        elif kind != "X":
            if kind == "F":
                self._pin("a function called by the protocol")
            self._note(_Sent(kind, self._batch))
        if kind in "QFS":
            self._batch += 1
            self._skipping = False
        return message if kind != "X" else b""

    def _parse(self, message: bytes, *, whole: bool) -> bytes:
        if not whole:
            raise Violation("54000", "the statement is too long for a pool", hint=f"At most {HELD} bytes are read.")
        name, _, meaning = message[5:].partition(b"\0")
        self._watch(meaning.partition(b"\0")[0])
        before = self._names.get(name)
        if not name:
            self._note(_Sent("P", self._batch, client=(b"", meaning), server=(b"", meaning)))
            return message
        if before is not None and self._names.certain(name, self._batch):  # the server says that it is there already
            own, out = _own(before), self._ensure(before)
            self._note(_Sent("P", self._batch, alias=(own, name)))
            return out + _parse_packet(own, meaning)
        own, change = _own(meaning), (name, meaning)
        held = self._held.names
        if held.get(own) is not None and held.certain(own, self._batch):
            self._note(_Sent("C", self._batch, instead=_PARSE_COMPLETE, client=change))
            return _close_packet(ABSENT)
        out = b"" if held.certain(own, self._batch) else self._forget(own)
        self._note(_Sent("P", self._batch, alias=(own, name), client=change, server=(own, meaning)))
        return out + _parse_packet(own, meaning)

    def _named(self, kind: str, message: bytes, at: int) -> bytes:
        """A Bind or a Describe, whose statement's name begins at that byte."""
        end = _end(message, at)
        name = message[at:end]
        meaning = self._names.get(name)
        if not name:
            out = self._ensure_unnamed(meaning)
            self._note(_Sent(kind, self._batch))
            return out + message
        out, own = (b"", ABSENT) if meaning is None else (self._ensure(meaning), _own(meaning))
        self._note(_Sent(kind, self._batch, alias=(own, name)))
        (length,) = _LENGTH.unpack_from(message, 1)
        return out + message[:1] + _LENGTH.pack(length + len(own) - len(name)) + message[5:at] + own + message[end:]

    def _close(self, name: bytes) -> bytes:
        self._note(_Sent("C", self._batch, client=(name, None), server=None if name else (b"", None)))
        return _close_packet(ABSENT if name else b"")

    def _deallocate(self, name: bytes) -> bytes:
        """DEALLOCATE by SQL of a statement that Parse has named: an empty query stands for it."""
        self._note(_Sent("C", self._batch, hidden=True, client=(b"", None), server=(b"", None)))
        self._note(_Sent("Q", self._batch, instead=_DEALLOCATED, client=(name, None)))
        self._batch += 1
        return _close_packet(b"") + wire.message(b"Q", b"\0")

    def _ensure(self, meaning: bytes) -> bytes:
        """What is to be sent so that the server has a statement."""
        own = _own(meaning)
        held = self._held.names
        certain = held.certain(own, self._batch)
        if certain and held.get(own) is not None:
            return b""
        out = b"" if certain else self._forget(own)
        self._note(_Sent("P", self._batch, hidden=True, server=(own, meaning)))
        return out + _parse_packet(own, meaning)

    def _ensure_unnamed(self, meaning: bytes | None) -> bytes:
        held = self._held.names
        if held.certain(b"", self._batch) and held.get(b"") == meaning:
            return b""
        if meaning is None:
            return self._forget(b"")
        self._note(_Sent("P", self._batch, hidden=True, server=(b"", meaning)))
        return _parse_packet(b"", meaning)

    def _forget(self, own: bytes) -> bytes:
        self._note(_Sent("C", self._batch, hidden=True, server=(own, None)))
        return _close_packet(own)

    @property
    def _held(self) -> Server:
        if self._server is None:
            raise ValueError("the client has no server")
        return self._server

    def _note(self, sent: _Sent) -> None:
        self._sent.append(sent)
        if sent.client is not None:
            self._names.hope(sent.client, sent.batch)
        if sent.server is not None:
            self._held.names.hope(sent.server, sent.batch)

    def _watch(self, text: bytes | None) -> None:
        if self.pinned is None:
            reason = "a text that is too long to be read" if text is None else self._pinning.reason(text)
            if reason is not None:
                self._pin(reason)

    def _pin(self, reason: str) -> None:
        self.pinned = self.pinned or reason

    # To the client.

    def _reply(self, kind: int, message: bytes, *, whole: bool) -> bytes:
        head = self._sent[0] if self._sent else None
        if kind == ord("Z"):
            return self._ready(message)
        if kind == ord("E"):
            return self._error(message, head) if whole else message
        if kind == ord("S"):
            name, value = message[5:-1].split(b"\0")
            if name not in _SERVERS_OWN:
                self._held.settings[name] = value
        elif kind in b"GW" and head is not None and head.kind == "E":
            self._pin("COPY by the extended protocol")  # whether a Sync within it counts depends on when it fails
        elif kind == ord("C") and message[5:-1] in (b"DEALLOCATE ALL", b"DISCARD ALL"):
            self._names.clear()
            self._held.names.clear()
        if kind == ord("I") and head is not None and head.kind == "Q":
            return head.instead or message
        if head is not None and _ENDS.get(kind) == head.kind:
            self._confirm(self._sent.popleft())
            if head.hidden:
                return b""
            return head.instead or message
        return message

    def _ready(self, message: bytes) -> bytes:
        hears = None
        while self._sent:
            sent = self._sent.popleft()
            if sent.kind in "QFS":
                self._confirm(sent)
                hears = sent.hears
                break
        self._status = message[5]
        if self._status == ord("I") and self._held.changed:
            self._pin("a setting")
        if hears is not None:
            hears.end()
            return b""
        return message

    def _error(self, message: bytes, head: _Sent | None) -> bytes:
        self.told = self.told or b"\0VFATAL\0" in message or b"\0VPANIC\0" in message
        if head is None or head.kind in "QFS":
            return message
        while self._sent and self._sent[0].kind != "S":
            self._sent.popleft()
        self._skipping = not self._sent
        self._names.fail((one.client, one.batch) for one in self._sent if one.client is not None)
        self._held.names.fail((one.server, one.batch) for one in self._sent if one.server is not None)
        if head.kind == "P" and head.server is not None and not head.server[0]:
            self._held.names.confirm((b"", None), head.batch)  # a failed Parse has dropped the unnamed one before
            self._names.confirm((b"", None), head.batch)
        if head.alias is None:
            return message
        sent, name = (b'"' + one + b'"' for one in head.alias)
        return wire.message(b"E", message[5:].replace(sent, name))

    def _confirm(self, sent: _Sent) -> None:
        if sent.client is not None:
            self._names.confirm(sent.client, sent.batch)
        if sent.server is not None:
            self._held.names.confirm(sent.server, sent.batch)


def _end(message: bytes, at: int) -> int:
    """Where the text that begins at a byte ends."""
    end = message.find(0, at)
    if end < 0:
        raise Violation("08P01", "invalid string in message")
    return end


def _own(meaning: bytes) -> bytes:
    """The name that a statement has on servers."""
    return PREFIX + blake2b(meaning, digest_size=16).hexdigest().encode()


def _parse_packet(name: bytes, meaning: bytes) -> bytes:
    return wire.message(b"P", name + b"\0" + meaning)


def _close_packet(name: bytes) -> bytes:
    return wire.message(b"C", b"S" + name + b"\0")
