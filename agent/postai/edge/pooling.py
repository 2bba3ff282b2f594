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
from collections.abc import Callable
from typing import Literal

from postai.edge import wire
from postai.edge.names import ABSENT, ALL, Name, Names, own_name
from postai.edge.pinning import Pinning, Special
from postai.edge.sent import HELD, Hearer, Receive, Sent, Server
from postai.edge.wire import BACKEND, FRONTEND, HEADER, Framer, Violation

_FROM_CLIENT = frozenset(b"QPBDECSFX")
_FROM_SERVER = frozenset(b"123TnCIsEZGWS")
_ENDS = {ord("1"): "P", ord("2"): "B", ord("3"): "C", ord("T"): "D", ord("n"): "D", ord("C"): "E", ord("I"): "E",
         ord("s"): "E"}  # fmt: skip
"""Replies, and the message that each of them ends."""
_SMOOTH = frozenset(b"TDCIns123N")
"""Replies after which nothing is to be done but what each message's success changes."""
_ALWAYS = frozenset(b"SZ")
"""Replies that are about the session, whatever they come behind."""
_QUIET = frozenset(b"DECS")
"""Messages that run no statement which another one has not named."""
_ENDING = frozenset(b"QS")
_FLUSH = wire.message(b"H")
_BATCHED = frozenset(b"PBDECQS")
_READY = wire.message(b"Z", b"I")
_PARSE_COMPLETE = wire.message(b"1")
_READY_IDLE = wire.message(b"Z", b"I")
_READY_HEAD = b"Z\0\0\0\5"
_LENGTH = struct.Struct("!i")
_SIZE = struct.Struct("!I")
_Q, _P, _B, _S, _X, _IDLE = b"QPBSXI"
_EXECUTE = wire.message(b"E", b"\0\0\0\0\0") + wire.message(b"S")
_ENDINGS = frozenset([_EXECUTE, wire.message(b"D", b"P\0") + _EXECUTE])
"""What usually comes behind a Bind."""

_STALE = (b"\0C0A000\0", b"\0CXX000\0")
"""Errors of a statement that was prepared before what it names was defined anew."""
_QUERY = Sent("Q", 0)
"""A Query before which nothing is on its way."""
_PACKED = Sent("S", 0)
"""The messages of one statement, see `Client.quick`."""
_PLAIN = {kind: Sent(kind, 0) for kind in "BDECHS"}
"""Messages whose success changes nothing."""


class Client:
    """A client of a pool: its messages to whatever server it has, and the replies.

    Args:
        pinning: says which statements leave something behind.
    """

    __slots__ = (
        "_backend", "_batch", "_clears", "_closed", "_discarded", "_frontend", "_kept", "_names", "_open", "_packed",
        "_pinning", "_sent", "_server", "_simple", "_skipping", "_status", "_stays", "instead", "over",
        "pinned", "reads", "sent_instead", "told", "unnamed", "wrote",
    )  # fmt: skip

    def __init__(self, pinning: Pinning) -> None:
        self._pinning = pinning
        self._frontend = Framer(FRONTEND, _FROM_CLIENT, HELD)
        self._backend = Framer(BACKEND, _FROM_SERVER)
        self._names = Names()
        self._sent: deque[Sent] = deque()
        self._kept: list[tuple[int, bytes]] = []
        self._batch = 1
        self._skipping = False
        self._simple = True  # no reply to what is on its way is hidden or changed
        self._closed = False  # and it ends with a Query or a Sync
        self._open = False  # the last message that was given leaves a batch open: the server commits it at its Sync
        self._packed: tuple[bytes, bytes | None] | None = None
        self._clears = False  # the unnamed statement is DEALLOCATE ALL
        self._discarded = False
        self._stays = False
        self._status = _IDLE
        self._server: Server | None = None
        self.pinned: str | None = None
        """Why the server stays with this client; None = it need not."""
        self.over = False
        """Whether the client said that it sends no more."""
        self.told = False
        """Whether the server has said why it ends the session."""
        self.unnamed: bytes | Literal[False] | None = False
        """What the unnamed statement stands for by answers that no server gave; False = there were none."""
        self.reads: Callable[[bytes], bool] | None = None
        """Says whether a statement (as in Parse, or the text of a Query) is known to change nothing."""
        self.instead: Callable[[bytes], bytes | None] | None = None
        """Gives the text that the server is sent in the place of a statement outside of transactions."""
        self.sent_instead: bytes | None = None
        """What that was, for the server that the client had last."""
        self.wrote = False
        """Whether the server was given something else since this was last set to False; it takes `reads` to know."""

    def meaning(self, name: bytes) -> bytes | None:
        """What a prepared statement stands for: text and types, as in Parse."""
        return self.unnamed if not name and self.unnamed is not False else self._names.get(name)

    def take(self, data: bytes) -> bool:
        """Take the client's next bytes; whether a server is needed for them.

        Raises:
            Violation, Malformed: the client breaks the protocol.
        """
        if self.unnamed is not False:
            self._answered()
        if self._packed is not None:
            self._unpack()
        kept, frontend = self._kept, self._frontend
        if not kept and data[:1] == b"Q" and frontend.between and _is_whole(data):
            kept.append((_Q, data))
            return True
        kept += frontend.feed(data)
        if frontend.broken is not None:
            raise frontend.broken
        needed = False
        for kind, _ in kept:
            if kind == _X:
                self.over = True
            elif kind:
                needed = True
        if self._server is not None:
            return True
        if not needed and not self.over:
            kept.clear()  # what a server ignores between two queries
        return needed

    def quick(self, data: bytes, server: Server) -> bytes | None:
        """Take and give in one, where nothing is on its way: a whole Query, or one statement's usual messages.

        Args:
            data: the client's next bytes.
            server: the one that it has, or else gets now, if this gives something.

        Returns:
            what is to be sent to the server; None = nothing was done, and it is for `take`, `attach` and `give`.
        """
        if (
            self._sent
            or self._kept
            or self.pinned is not None
            or self._skipping
            or self._clears
            or not self._frontend.between
            or not server.readable
            or server.temporary
            or len(server.names) > server.statements
            or not HEADER < len(data) < HELD
        ):
            return None
        if self.unnamed is not False:
            self._answered()
        if data[0] == _P or data[0] == _B:
            return self._quick_statement(data, server)
        if data[0] != _Q or _SIZE.unpack_from(data, 1)[0] + 1 != len(data) or not self._free(text := data[5:-1]):
            return None
        if self.reads is not None:
            self._judge(text)
        self._server = server
        self._names.drop_unnamed()
        server.names.drop_unnamed()
        self._sent.append(_QUERY)
        self._closed, self._open = True, False
        return data

    def attach(self, server: Server) -> bytes:
        """The client has this server from now on; what is to be sent there first."""
        self.sent_instead = None
        self._server = server
        if not server.readable:
            self._pin("a session whose texts are written differently", stays=True)
        if server.temporary:
            self._pin("temporary tables by search_path", stays=True)
        overdue = server.names.overdue(server.statements)
        return b"".join(map(self._forget, overdue)) if overdue else b""

    def detach(self) -> None:
        """The client gives its server back.

        Raises:
            ValueError: it may not.
        """
        if not self.movable:
            raise ValueError("the session is not over its transaction")
        self._server = None

    @property
    def lendable(self) -> bool:
        """Whether the server may be lent to another client."""
        return (
            not self._sent
            and not self.begun
            and self.pinned is None
            and not self._skipping
            and not self._kept
            and not self._frontend.flowing
            and self._backend.between
        )

    @property
    def within(self) -> bool:
        """Whether what comes next belongs to a message, a batch or a transaction that the server has begun."""
        if self._frontend.flowing or self.pinned is not None:
            return True
        return self._open or (not self._sent and self._status != _IDLE)

    @property
    def begun(self) -> bool:
        """Whether what the server has answered belongs to a batch or a transaction that is not over."""
        return self._open or self._status != _IDLE

    @property
    def movable(self) -> bool:
        """Whether what was taken, and not given yet, may be given to another server."""
        return (
            self.pinned is None and not self.begun and not self._sent and not self._skipping and self._backend.between
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

    def _asked(self) -> list[tuple[int, bytes]]:
        """What was taken, without a Flush for what is answered anyway."""
        if all(kind for kind, _ in self._kept):
            return self._kept
        found: list[tuple[int, bytes]] = []
        for kind, piece in self._kept:
            if kind or piece.replace(_FLUSH, b"") or (found and found[-1][0] not in _ENDING):
                found.append((kind, piece))
        return found

    @property
    def unfinished(self) -> bool:
        """Whether a batch was taken whose end is still to come, and that no server answers before."""
        kept = self._asked()
        return bool(kept) and kept[-1][0] not in _ENDING and all(kind in _BATCHED for kind, _ in kept)

    def texts(self) -> list[bytes] | None:
        """The statements that run when all that was taken is given: texts, those of Parse with NUL and types.

        None where they cannot be told, or where more is to come before the server has answered.
        """
        found: list[bytes] = []
        own: dict[bytes, bytes] = {}
        last = 0
        for last, piece in self._asked():
            if last == ord("Q"):
                found.append(piece[5:-1])
            elif last == ord("P"):
                name, _, meaning = piece[5:].partition(b"\0")
                own[name] = meaning
                found.append(meaning)
            elif last == ord("B"):
                begin = _end(piece, 5) + 1
                name = piece[begin : _end(piece, begin)]
                bound = own.get(name) or self.meaning(name)
                if bound is None:
                    return None
                found.append(bound)
            elif last not in _QUIET:
                return None
        return found if last in _ENDING else None

    def refuse(self, error: bytes) -> bytes | None:
        """Answer all that was taken in the server's place.

        Args:
            error: an ErrorResponse.

        Returns:
            what is sent to the client; None where nothing can be said before more of its messages came.
        """
        kept = self._asked()
        if not kept or kept[-1][0] not in _ENDING or self._skipping:
            return None
        out = bytearray()
        failed = False
        for kind, _ in kept:
            out += error if not failed and kind != ord("S") else b""
            failed = kind not in _ENDING
            out += b"" if failed else _READY
        self._kept.clear()
        return bytes(out)

    def inject(self, query: bytes, receive: Receive) -> bytes:
        """A query of the edge's own, of which the client sees nothing; what is to be sent to the server.

        It is allowed before a client's message while nothing is on its way, and behind the Query or Sync that ends all
        that was given; never where the transaction may be open.

        Args:
            query: one statement, without its NUL, which leaves nothing behind.
            receive: gets its first row.
        """
        self._unpack()
        self._note(Sent("Q", self._batch, hidden=True, server=(b"", None), hears=Hearer(receive)))
        self._batch += 1
        return wire.message(b"Q", query + b"\0")

    def finish(self, data: bytes) -> bool:
        """Take a server's bytes if they are all that was still to come, nothing in them is for anybody but the client,
        and its server can be lent again; whether that is so. The client then has no server any more.
        """
        server = self._server
        if (
            not self._simple
            or not self._closed
            or data[-6:] != _READY_IDLE
            or self._kept
            or server is None
            or server.changed
            or self._frontend.flowing
            or not self._backend.between
            or not _smooth(data)
        ):
            return False
        packed = self._packed
        if packed is not None:
            if (meaning := packed[1]) is not None:
                self._names.set_unnamed(meaning)
                server.names.set_unnamed(meaning)
            self._packed = None
        elif self._sent[0] is not _QUERY:
            for sent in self._sent:
                self._confirm(sent)
        self._sent.clear()
        self._status, self._closed, self._batch = _IDLE, False, 1
        self._server = None
        return True

    def _free(self, text: bytes) -> bool:
        found = self._pinning.find(text)
        return found.reason is None and found.special is None

    def _quick_statement(self, data: bytes, server: Server) -> bytes | None:
        """Parse of the unnamed statement, if any, Bind and Execute of the unnamed portal, Sync."""
        bind, parsed = 0, None
        if data[0] == _P:
            bind = 1 + _SIZE.unpack_from(data, 1)[0]
            if bind + HEADER >= len(data) or data[5] or data[bind] != _B:
                return None
            parsed = data[6:bind]
        end = bind + 1 + _SIZE.unpack_from(data, bind + 1)[0]
        if data[end:] not in _ENDINGS or data[bind + 5]:
            return None
        name_end = data.find(0, bind + 6, end)
        name = data[bind + 6 : name_end]
        meaning = self._names.get(name) if parsed is None or name else parsed
        if (
            meaning is None
            or name_end < 0
            or (parsed is not None and (name or not self._free(parsed.partition(b"\0")[0])))
        ):
            return None
        out = data
        if name:
            own = own_name(meaning)
            if server.names.get(own) is None:
                return None
            server.names.used(own)
            size = end - bind - 1 + len(own) - len(name)
            out = b"B" + _SIZE.pack(size) + b"\0" + own + data[name_end:]
        elif parsed is None and server.names.get(b"") != meaning:
            return None
        if self.reads is not None:
            self._judge(meaning)
        self._server = server
        self._packed = data, parsed
        self._sent.append(_PACKED)
        self._closed, self._open = True, False
        return out

    def _answered(self) -> None:
        if self.unnamed is not False:
            self._names.confirm((b"", self.unnamed), self._batch)
            self.unnamed = False

    def _unpack(self) -> None:
        """Note the messages of a statement one by one, as something else comes than their replies alone."""
        if self._packed is not None:
            (data, _), self._packed = self._packed, None
            self._sent.clear()
            self._closed = False
            for kind, piece in self._frontend.feed(data):
                self._message(chr(kind), piece, whole=True)

    def give(self) -> bytes:
        """What is to be sent to the server of all that was taken."""
        pieces, self._kept = self._kept, []
        if len(pieces) == 1 and pieces[0][0] == _Q and not self._skipping:
            return self._query(pieces[0][1])
        out = []
        for kind, piece in pieces:
            if kind == 0 or (self._skipping and abs(kind) != _S):
                out.append(piece if abs(kind) != _X else b"")
            else:
                out.append(self._message(chr(abs(kind)), piece, whole=kind > 0))
        return b"".join(out)

    def answer(self, data: bytes) -> bytes:
        """What is to be sent to the client of a server's bytes."""
        if self._simple and self._closed and data[-6:-1] == _READY_HEAD and self._backend.between and _smooth(data):
            self._succeeded(data[-1])
            return data
        if self._packed is not None:
            self._unpack()
        out = []
        for kind, piece in self._backend.feed(data):
            if self._sent and (hears := self._sent[0].hears) is not None and kind not in _ALWAYS:
                hears.hear(kind, piece)
            else:
                out.append(piece if kind == 0 else self._reply(abs(kind), piece, whole=kind > 0))
        return b"".join(out)

    # To the server.

    def _message(self, kind: str, message: bytes, *, whole: bool) -> bytes:
        if kind == "B":
            return self._named("B", message, _end(message, 5) + 1)
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
            self._pin(found.reason, stays=found.stays)
        if self.reads is not None:
            self._judge(text)
        if (other := self._other(text)) is not None:
            message = wire.message(b"Q", other + b"\0")
        if self._sent or self._skipping:
            self._note(Sent("Q", self._batch, client=(b"", None), server=(b"", None)))
            self._next_batch()
        else:
            self._names.drop_unnamed()
            self._held.names.drop_unnamed()
            self._sent.append(_QUERY)
            self._closed, self._open = True, False
        return message

    def _long_query(self, head: bytes) -> bytes:
        self._pin("a text that is too long to be read", stays=True)
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
        if alone and (self._status == _IDLE or (self._status == ord("T") and tag == b"DEALLOCATE ALL")):
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
            raise Violation("54000", "the statement is too long for a pool", hint=f"At most {HELD} bytes are read.")
        name, _, meaning = message[5:].partition(b"\0")
        found = self._pinning.find(meaning.partition(b"\0")[0])
        if found.reason is not None:
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
            own, out = own_name(before), self._ensure(before)
            self._note(Sent("P", self._batch, alias=(own, name)))
            return out + _parse_packet(own, meaning)
        own, change = own_name(meaning), (name, meaning)
        held = self._held.names
        if held.get(own) is not None and held.certain(own, self._batch):
            self._note(Sent("C", self._batch, instead=_PARSE_COMPLETE, client=change))
            return _close_packet(ABSENT)
        out = b"" if held.certain(own, self._batch) else self._forget(own)
        self._note(Sent("P", self._batch, alias=(own, name), client=change, server=(own, meaning)))
        return out + _parse_packet(own, meaning)

    def _named(self, kind: str, message: bytes, at: int) -> bytes:
        """A Bind or a Describe, whose statement's name begins at that byte."""
        end = _end(message, at)
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
        out, own = (b"", ABSENT) if meaning is None else (self._ensure(meaning), own_name(meaning))
        self._note(Sent(kind, self._batch, alias=(own, name)))
        (length,) = _LENGTH.unpack_from(message, 1)
        return out + message[:1] + _LENGTH.pack(length + len(own) - len(name)) + message[5:at] + own + message[end:]

    def _other(self, text: bytes) -> bytes | None:
        """What the server is sent in a statement's place, if it alone decides what a transaction sees."""
        if self.instead is None or self._status != _IDLE or self.pinned is not None or self._skipping:
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
        return meaning if other is None else other + end + types

    def _close(self, name: bytes) -> bytes:
        self._note(Sent("C", self._batch, client=(name, None), server=None if name else (b"", None)))
        return _close_packet(ABSENT if name else b"")

    def _ensure(self, meaning: bytes) -> bytes:
        """What is to be sent so that the server has a statement."""
        own = own_name(meaning)
        held = self._held.names
        certain = held.certain(own, self._batch)
        if certain and held.get(own) is not None:
            held.used(own)
            return b""
        out = b"" if certain else self._forget(own)
        self._note(Sent("P", self._batch, hidden=True, server=(own, meaning)))
        return out + _parse_packet(own, meaning)

    def _ensure_unnamed(self, meaning: bytes | None) -> bytes:
        held = self._held.names
        if held.certain(b"", self._batch) and held.get(b"") == meaning:
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
            self.wrote = meaning is None or not self.reads(meaning)

    def _pin(self, reason: str, *, stays: bool) -> None:
        self.pinned = self.pinned or reason
        self._stays = self._stays or stays
        self._simple = False

    # To the client.

    def _reply(self, kind: int, message: bytes, *, whole: bool) -> bytes:
        head = self._sent[0] if self._sent else None
        if kind == ord("Z"):
            return self._ready(message)
        if kind == ord("E"):
            return self._error(message, head) if whole else message
        if kind == ord("S"):
            name, value = message[5:-1].split(b"\0")
            self._held.tell(name, value)
        elif kind in b"GW" and head is not None and head.kind == "E":
            self._pin("COPY by the extended protocol", stays=True)  # whether a Sync in it counts depends on its failing
        elif kind == ord("C") and message[5:-1] in (b"DEALLOCATE ALL", b"DISCARD ALL"):
            self._names.confirm(ALL, 0)
            self._held.names.confirm(ALL, 0)
            self._discarded = message[5:-1] == b"DISCARD ALL" and head is not None and head.kind == "Q"
        if kind == ord("I") and head is not None and head.kind == "Q":
            return head.instead or message
        if head is not None and _ENDS.get(kind) == head.kind:
            self._confirm(self._sent.popleft())
            if head.hidden:
                return b""
            return head.instead or message
        return message

    def _succeeded(self, status: int) -> None:
        """All that is on its way was done, and nothing unusual came of it."""
        if self._packed is not None:
            if (meaning := self._packed[1]) is not None:
                self._names.set_unnamed(meaning)
                self._held.names.set_unnamed(meaning)
            self._packed = None
        for sent in self._sent:
            if sent.client is not None or sent.server is not None:
                self._confirm(sent)
        self._sent.clear()
        self._rested(status)

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
        if self._discarded and status == _IDLE and not self._stays and self._held.readable:
            self.pinned = None
        self._discarded = False
        if status == _IDLE and self._held.changed:
            self._pin("a setting", stays=False)
        self._simple = self.pinned is None

    def _error(self, message: bytes, head: Sent | None) -> bytes:
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
        if head.kind == "P" and head.server is not None and not head.server[0]:
            self._held.names.confirm((b"", None), head.batch)  # a failed Parse has dropped the unnamed one before
            self._names.confirm((b"", None), head.batch)
        if head.alias is None:
            return message
        if any(state in message for state in _STALE):
            self._held.names.hope((head.alias[0], None), 0)  # it is closed and prepared anew before it is used again
        sent, name = (b'"' + one + b'"' for one in head.alias)
        return wire.message(b"E", message[5:].replace(sent, name))

    def _fail(self) -> None:
        self._names.fail((one.client, one.batch) for one in self._sent if one.client is not None)
        self._held.names.fail((one.server, one.batch) for one in self._sent if one.server is not None)

    def _confirm(self, sent: Sent) -> None:
        if sent.client is not None:
            self._names.confirm(sent.client, sent.batch)
        if sent.server is not None:
            self._held.names.confirm(sent.server, sent.batch)


def _smooth(data: bytes) -> bool:
    """Whether a server's bytes, which end like a ReadyForQuery, are whole messages without any surprise."""
    at, end, size, smooth = 0, len(data) - 6, _SIZE.unpack_from, _SMOOTH
    while at < end:
        if data[at] not in smooth:
            return False
        at += 1 + size(data, at + 1)[0]
    return at == end


def _is_whole(data: bytes) -> bool:
    """Whether bytes are one message that is looked into."""
    return HEADER < len(data) < HELD and bool(_SIZE.unpack_from(data, 1)[0] + 1 == len(data))


def _end(message: bytes, at: int) -> int:
    """Where the text that begins at a byte ends."""
    end = message.find(0, at)
    if end < 0:
        raise Violation("08P01", "invalid string in message")
    return end


def _parse_packet(name: bytes, meaning: bytes) -> bytes:
    return wire.message(b"P", name + b"\0" + meaning)


def _close_packet(name: bytes) -> bytes:
    return wire.message(b"C", b"S" + name + b"\0")
