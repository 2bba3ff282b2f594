"""What clients say to servers, and what they are told: statements that clients prepared elsewhere.

Clients of a pool name their prepared statements as they like; on a server a statement has a name made of its text and
the types of its parameters, so that clients share it. Where a connection does not have it yet, its Parse is sent again
before the message that needs it, and the client does not see the reply. What a Parse says is read when it comes: a
statement that another client prepared before that is prepared anew, as its names may have meant something else.

A client that was told which columns a named statement gives may read its rows by that for ever. Before such a statement
is bound on a connection of which that is not known, the server is asked, and if the columns are others the client gets
the error that it would get of a server connection of its own.

Facts are from the protocol's chapter (https://www.postgresql.org/docs/current/protocol-flow.html): one reply ends each
message of the extended protocol, and after an error the server skips everything up to the next Sync.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable

from postai.edge import wire
from postai.edge.names import ABSENT, ALL, Name, Names, own_name
from postai.edge.pinning import TOO_LONG, Finding, Pinning, Special
from postai.edge.sent import Sent, Server
from postai.edge.wire import Columns, Violation, columns_of

IDLE = ord("I")
"""ReadyForQuery's status outside of transactions."""
QUERY = Sent("Q", 0)
"""A Query before which nothing is on its way."""

_ENDS = {ord("1"): "P", ord("2"): "B", ord("3"): "C", ord("T"): "D", ord("n"): "D", ord("C"): "E", ord("I"): "E",
         ord("s"): "E"}  # fmt: skip
"""Replies, and the message that each of them ends."""
_PLAIN = {kind: Sent(kind, 0) for kind in "BDECHS"}
"""Messages whose success changes nothing."""
_LENGTH = struct.Struct("!i")
_STALE = (b"\0C0A000\0", b"\0CXX000\0")
"""Errors of a statement that was prepared before what it names was defined anew."""
_FLUSH = wire.message(b"H")
_FAILED = ord("E")


_CHANGED = wire.error_response(
    "0A000", "cached plan must not change result type", severity="ERROR", routine="RevalidateCachedQuery"
)
"""As the server says it: asyncpg and JDBC know it by the function, and prepare such a statement anew."""


class _Long(bytes):
    """Stands for a statement whose text was not kept: without a zero byte, unlike every text with its types."""


class Messages:
    """A client's messages to the server that it has, one after the other, and the replies.

    Args:
        pinning: says which statements leave something behind.
    """

    __slots__ = (
        "_asking", "_batch", "_clears", "_closed", "_cursors", "_discarded", "_freed", "_long", "_names", "_open",
        "_pinning", "_sent", "_server", "_simple", "_skipping", "_status", "_stays", "_swapped", "era", "instead",
        "pinned", "reads", "resumes", "sent_instead", "told", "wrote",
    )  # fmt: skip

    def __init__(self, pinning: Pinning) -> None:
        self._pinning = pinning
        self._names = Names()
        self._sent: deque[Sent] = deque()
        self._batch = 1
        self._skipping = False
        self._simple = True  # no reply to what is on its way is hidden or changed
        self._closed = False  # and it ends with a Query or a Sync
        self._open = False  # the last message that was given leaves a batch open: the server commits it at its Sync
        self._long = 0  # statements of which only the beginning was read
        self._clears = False  # the unnamed statement is DEALLOCATE ALL
        self._discarded = False
        self._cursors: set[str] = set()  # cursors WITH HOLD, where nothing else keeps the server
        self._freed = False  # they are closed
        self._stays = False
        self._swapped: tuple[bytes, bytes] = b"", b""  # what the client has prepared, and what the server got for it
        self._status = IDLE
        self._server: Server | None = None
        self.pinned: str | None = None
        """Why the server stays with this client; None = it need not."""
        self.told = False
        """Whether the server has said why it ends the session."""
        self.reads: Callable[[bytes], bool] | None = None
        """Says whether a statement (as in Parse, or the text of a Query) is known to change nothing."""
        self.instead: Callable[[bytes], bytes | None] | None = None
        """Gives the text that the server is sent in the place of a statement outside of transactions."""
        self.sent_instead: bytes | None = None
        """What that was, for the server that the client had last."""
        self.wrote = False
        """Whether the server was given something else since this was last set to False; it takes `reads` to know."""
        self.era: Callable[[], int] = int
        """Counts the changes of definitions, where somebody is told of them."""
        self._asking = False
        self.resumes = False
        """Whether it has said so, and what was taken meanwhile can be given."""

    # To the server.

    def _message(self, kind: str, message: bytes, *, whole: bool) -> bytes:
        if kind == "B":
            return self._named("B", message, end_of_text(message, 5) + 1)
        if kind == "P":
            return self._parse(message, whole=whole)
        if kind == "Q":
            return self._query(message) if whole else self._long_query(message)
        if kind in "DC" and message[5:6] == b"S":
            return self._named("D", message, 6) if kind == "D" else self._close(message[6:-1])
        if kind == "X":
            return b""
        if kind == "F":
            self.wrote = True
            self._pin("a function called by the protocol", stays=True)
            self._note(Sent("F", self._batch))
        elif kind == "E" and self._clears:
            self._clears = False
            self._note(Sent("E", self._batch, client=ALL, server=ALL))
        else:
            self._note(_PLAIN[kind])
        if kind in "FS":
            self._next_batch()
        return message

    def _query(self, message: bytes) -> bytes:
        text = message[5:-1]
        found = self._pinning.find(text)
        if found.special is not None and (other := self._special(found.special)) is not None:
            return other or message
        if found.reason is not None:
            self._leave(found, found.reason)
        if self.reads is not None:
            self._judge(text)
        if (other := self._other(text)) is not None:
            message = wire.message(b"Q", other + b"\0")
        if self._sent or self._skipping or (self._cursors and found.closed):
            self._note(Sent("Q", self._batch, client=(b"", None), server=(b"", None), closes=found.closed))
            self._next_batch()
        else:
            self._names.drop_unnamed()
            self._held.names.drop_unnamed()
            self._sent.append(QUERY)
            self._closed, self._open = True, False
        return message

    def _long_query(self, head: bytes) -> bytes:
        self._pin(TOO_LONG, stays=True)
        self._judge(None)
        self._note(Sent("Q", self._batch, client=(b"", None), server=(b"", None)))
        self._next_batch()
        return head

    def _next_batch(self) -> None:
        self._batch += 1
        self._skipping = False

    def _special(self, special: Special) -> bytes | None:
        """What is sent instead of a statement about prepared statements or the session.

        Returns:
            None = it is a statement like others; empty = it is sent, and all statements are gone afterwards.
        """
        tag, name = special
        if name is not None:
            return None if self._names.get(name) is None else self._instead(tag, [name])
        alone = not self._sent and not self._skipping and self.pinned is None
        if alone and (self._status == IDLE or (self._status == ord("T") and tag == b"DEALLOCATE ALL")):
            return self._instead(tag, self._names.all())
        self._note(Sent("Q", self._batch, client=ALL, server=ALL))
        self._next_batch()
        return b""

    def _instead(self, tag: bytes, names: list[bytes]) -> bytes:
        """An empty query stands for a statement that closes what Parse has named, and the client gets the tag."""
        out = [self._hide_close(b"", (b"", None), (b"", None))]
        for name in names:
            own = own_name(self._names.get(name) or b"")
            out.append(self._hide_close(own, (name, None), (own, None)))
        self._note(Sent("Q", self._batch, instead=wire.message(b"C", tag + b"\0")))
        self._next_batch()
        return b"".join(out) + wire.message(b"Q", b"\0")

    def _parse(self, message: bytes, *, whole: bool) -> bytes:
        if not whole:
            return self._long_parse(message)
        name, _, meaning = message[5:].partition(b"\0")
        found = self._pinning.find(meaning.partition(b"\0")[0])
        if found.reason is not None and not name:
            self._leave(found, found.reason)
        elif found.reason is not None:
            self._pin(found.reason, stays=found.stays)
        if not name:
            self._clears = found.special is not None and found.special[1] is None
            real = self._real(meaning)
            self._note(Sent("P", self._batch, client=(b"", meaning), server=(b"", real)))
            return message if real is meaning else _parse_packet(b"", real)
        if found.special is not None:
            self._pin(found.special[0].decode(), stays=False)
        before = self._names.get(name)
        if before is not None and self._names.certain(name, self._batch):  # the server says that it is there already
            own, out = own_name(before), self._ensure(before, self._names.asked(name))
            self._note(Sent("P", self._batch, alias=(own, name)))
            return out + _parse_packet(own, meaning)
        own, change = own_name(meaning), (name, meaning)
        out, now = self._forget_old(own), time.monotonic_ns()
        self._note(Sent("P", self._batch, alias=(own, name), client=change, server=(own, meaning), asked=now))
        return out + _parse_packet(own, meaning)

    def _long_parse(self, head: bytes) -> bytes:
        """The statement is on this server alone, under a name that no other one has had there."""
        end = end_of_text(head, 5)
        name = head[5:end]
        self._pin(TOO_LONG, stays=True)
        self._clears = self._clears and bool(name)
        before = self._names.get(name) if name else None
        if before is not None and self._names.certain(name, self._batch):  # the server says that it is there already
            own, out = own_name(before), self._ensure(before, self._names.asked(name))
            self._note(Sent("P", self._batch, alias=(own, name)))
        else:
            self._long += 1
            meaning, out = _Long(b"%d" % self._long), b""
            own = own_name(meaning) if name else b""
            alias = (own, name) if name else None
            self._note(Sent("P", self._batch, alias=alias, client=(name, meaning), server=(own, meaning)))
        (length,) = _LENGTH.unpack_from(head, 1)
        return out + head[:1] + _LENGTH.pack(length + len(own) - len(name)) + own + head[end:]

    def _named(self, kind: str, message: bytes, at: int) -> bytes:
        """A Bind or a Describe, whose statement's name begins at that byte."""
        end = end_of_text(message, at)
        name = message[at:end]
        meaning = self._names.get(name)
        if kind == "B" and self.reads is not None:
            self._judge(meaning)
        if meaning is not None:
            meaning = self._real(meaning)
        if not name:
            out = self._ensure_unnamed(meaning)
            self._note(_PLAIN[kind])
            return out + message if out else message
        self._clears = False
        out, own, wrong = b"", ABSENT, None
        if meaning is not None:
            out, own = self._ensure(meaning, self._names.asked(name)), own_name(meaning)
            if kind == "B" and (told := self._names.shape(name)) is not None and self._status != _FAILED:
                found = None if out else self._held.names.shape(own)
                if found is None:
                    self._asking = True
                    self._note(Sent("D", self._batch, hidden=True, alias=(own, name)))
                    return out + wire.message(b"D", b"S" + own + b"\0") + _FLUSH
                if found[0] == told[0]:
                    self._names.described(name, told[0], self.era())
                else:  # whatever the server did before it in this batch shall not count
                    own, wrong = ABSENT, _CHANGED
        self._note(Sent(kind, self._batch, instead=wrong, alias=(own, name), asked=self.era() if kind == "D" else 0))
        (length,) = _LENGTH.unpack_from(message, 1)
        return out + message[:1] + _LENGTH.pack(length + len(own) - len(name)) + message[5:at] + own + message[end:]

    def _other(self, text: bytes) -> bytes | None:
        """What the server is sent in a statement's place, if it alone decides what a transaction sees."""
        if self.instead is None or self._status != IDLE or self.pinned is not None or self._skipping:
            return None
        if (self._open and not self._sent) or any(sent.kind in "QSFE" and not sent.hidden for sent in self._sent):
            return None
        other = self.instead(text)
        self.sent_instead = other or self.sent_instead
        return other

    def _real(self, meaning: bytes) -> bytes:
        """What the server is to have of a statement: the same for one without parameters."""
        if self.instead is None:
            return meaning
        text, end, types = meaning.partition(b"\0")
        other = self._other(text) if types == b"\0\0" else None
        if other is None:
            return meaning
        real = other + end + types
        if self._swapped[0] is not meaning or self._swapped[1] != real:
            self._swapped = meaning, real
        return self._swapped[1]  # the same object while it stands for the same Parse: see `_ensure_unnamed`

    def _close(self, name: bytes) -> bytes:
        self._note(Sent("C", self._batch, client=(name, None), server=None if name else (b"", None)))
        return _close_packet(ABSENT if name else b"")

    def _ensure(self, meaning: bytes, asked: int) -> bytes:
        """What is to be sent so that the server has a statement, prepared at that time or later."""
        if isinstance(meaning, _Long):
            return b""
        own = own_name(meaning)
        held = self._held.names
        if held.certain(own, self._batch) and held.get(own) is not None and held.asked(own) >= asked:
            held.used(own)
            return b""
        out = self._forget_old(own)
        self._note(Sent("P", self._batch, hidden=True, server=(own, meaning), asked=time.monotonic_ns()))
        return out + _parse_packet(own, meaning)

    def _forget_old(self, own: bytes) -> bytes:
        """What is to be sent before the Parse of a statement, so that its name is free."""
        held = self._held.names
        return b"" if held.certain(own, self._batch) and held.get(own) is None else self._forget(own)

    def _ensure_unnamed(self, meaning: bytes | None) -> bytes:
        held = self._held.names
        if isinstance(meaning, _Long):
            return b""
        # The very same object: what this client's own Parse has left there, and not another's of the same text.
        if held.certain(b"", self._batch) and held.get(b"") is meaning:
            return b""
        if meaning is None:
            return self._forget(b"")
        self._note(Sent("P", self._batch, hidden=True, server=(b"", meaning)))
        return _parse_packet(b"", meaning)

    def _forget(self, own: bytes) -> bytes:
        return self._hide_close(own, None, (own, None))

    def _hide_close(self, sent: bytes, client: Name | None, server: Name | None) -> bytes:
        self._note(Sent("C", self._batch, hidden=True, client=client, server=server))
        return _close_packet(sent)

    @property
    def _held(self) -> Server:
        if self._server is None:
            raise ValueError("the client has no server")
        return self._server

    def _note(self, sent: Sent) -> None:
        if self._closed or sent.hidden or sent.instead is not None or sent.kind == "F":
            self._simple = False
        if sent.kind == "D" and sent.alias is not None:  # what it says of a result is remembered
            self._simple = False
        self._open = sent.kind not in "QFS"
        if sent.kind in "QS":
            self._closed = True
        self._sent.append(sent)
        if sent.client is not None:
            self._names.hope(sent.client, sent.batch)
        if sent.server is not None:
            self._held.names.hope(sent.server, sent.batch)

    def _judge(self, meaning: bytes | None) -> None:
        """Note whether a statement that is executed may write; None = it is not known."""
        if not self.wrote and self.reads is not None:
            self.wrote = meaning is None or isinstance(meaning, _Long) or not self.reads(meaning)

    def _leave(self, found: Finding, reason: str) -> None:
        """Note what a statement may leave behind."""
        if found.held is not None and (self.pinned is None or self._cursors or self._freed):
            self._cursors.add(found.held)
            self.pinned, self._freed, self._simple = reason, False, False
        else:
            self._pin(reason, stays=found.stays)

    def _pin(self, reason: str, *, stays: bool) -> None:
        self._cursors.clear()
        self._freed = False
        self.pinned = self.pinned or reason
        self._stays = self._stays or stays
        self._simple = False

    # To the client.

    def _reply(self, kind: int, message: bytes, *, whole: bool) -> bytes:
        head = self._sent[0] if self._sent else None
        if kind == ord("Z"):
            return self._ready(message)
        if kind == ord("E"):
            return self._error(message, head, whole=whole)
        if kind == ord("S"):
            name, value = message[5:-1].split(b"\0")
            self._held.tell(name, value)
        elif kind in b"GW" and head is not None and head.kind == "E":
            self._pin("COPY by the extended protocol", stays=True)  # whether a Sync in it counts depends on its failing
        elif kind == ord("C") and message[5:-1] in (b"DEALLOCATE ALL", b"DISCARD ALL"):
            self._names.confirm(ALL, 0)
            self._held.names.confirm(ALL, 0)
            self._discarded = message[5:-1] == b"DISCARD ALL" and head is not None and head.kind == "Q"
        elif kind == ord("C") and head is not None and head.closes in self._cursors:  # then it is that statement's tag
            self._cursors.discard(head.closes or "")
            self._freed = not self._cursors
        if kind == ord("I") and head is not None and head.kind == "Q":
            return head.instead or message
        if kind in b"Tn" and head is not None and head.kind == "D" and head.alias is not None:
            self._described(head, head.alias, columns_of(message) if whole and kind == ord("T") else ())
        elif kind == ord("t"):
            return b"" if head is not None and head.hidden else message
        if head is not None and _ENDS.get(kind) == head.kind:
            self._confirm(self._sent.popleft())
            if head.hidden:
                return b""
            return head.instead or message
        return message

    def _described(self, head: Sent, alias: tuple[bytes, bytes], found: Columns) -> None:
        """The server has said what a statement's result is."""
        own, name = alias
        self._held.names.described(own, hash(found), 0)
        if head.hidden:
            self._resume()
        else:
            self._names.described(name, hash(found), head.asked)

    def asks(self) -> bool:
        """Whether nothing is given before the server has said what a statement's result is."""
        return self._asking

    def _resume(self) -> None:
        self.resumes, self._asking = self._asking, False

    def _ready(self, message: bytes) -> bytes:
        hears = None
        while self._sent:
            sent = self._sent.popleft()
            if sent.kind in "QFS":
                self._confirm(sent)
                hears = sent.hears
                break
        if self._sent:
            self._status = message[5]
        else:
            self._rested(message[5])
        if hears is not None:
            hears.end()
            return b""
        return message

    def _rested(self, status: int) -> None:
        """Nothing is on its way any more."""
        self._status = status
        self._closed = False
        self._batch = 1
        if self._discarded and status == IDLE and not self._stays and self._held.readable:
            self._cursors.clear()
            self._freed = True
        if self._freed and status == IDLE:
            self.pinned, self._freed = None, False
        self._discarded = False
        if status == IDLE and self._held.changed:
            self._pin("a setting", stays=False)
        self._simple = self.pinned is None

    def _error(self, message: bytes, head: Sent | None, *, whole: bool) -> bytes:
        self.told = self.told or b"\0VFATAL\0" in message or b"\0VPANIC\0" in message
        if head is None or head.kind in "QFS":
            if head is not None and head.client is ALL:
                self._sent[0] = Sent("Q", head.batch, client=(b"", None), server=(b"", None))
                self._fail()
            return message
        while self._sent and self._sent[0].kind != "S":
            self._sent.popleft()
        self._skipping = not self._sent
        self._fail()
        if self._skipping:
            self._resume()
        if head.kind == "B" and head.instead is not None:
            return head.instead
        if head.kind == "P" and head.server is not None and not head.server[0]:
            self._held.names.confirm((b"", None), head.batch)  # a failed Parse has dropped the unnamed one before
            self._names.confirm((b"", None), head.batch)
        if head.alias is None:
            return message
        if any(state in message for state in _STALE):
            self._held.names.hope((head.alias[0], None), 0)  # it is closed and prepared anew before it is used again
        if not whole:
            return message
        sent, name = (b'"' + one + b'"' for one in head.alias)
        return wire.message(b"E", message[5:].replace(sent, name))

    def _fail(self) -> None:
        self._names.fail((one.client, one.batch) for one in self._sent if one.client is not None)
        self._held.names.fail((one.server, one.batch) for one in self._sent if one.server is not None)

    def _confirm(self, sent: Sent) -> None:
        if sent.client is not None:
            self._names.confirm(sent.client, sent.batch, sent.asked)
        if sent.server is not None:
            self._held.names.confirm(sent.server, sent.batch, sent.asked)


def end_of_text(message: bytes, at: int) -> int:
    """Where the text that begins at a byte ends."""
    end = message.find(0, at)
    if end < 0:
        raise Violation("08P01", "invalid string in message")
    return end


def _parse_packet(name: bytes, meaning: bytes) -> bytes:
    return wire.message(b"P", name + b"\0" + meaning)


def _close_packet(name: bytes) -> bytes:
    return wire.message(b"C", b"S" + name + b"\0")
