"""When a server connection may be lent to another client, and the short way of usual statements.

A client's bytes are cut into messages (`take`), which are given to a server when it has one (`give`); what that answers
goes back (`answer`). Where nothing is on its way and one usual statement came whole, `quick` and `finish` do the same
at once, without looking at its messages one by one.
"""

from __future__ import annotations

import struct
from typing import Literal

from postai.edge import wire
from postai.edge.messages import IDLE, QUERY, Messages, end_of_text
from postai.edge.names import own_name
from postai.edge.pinning import Pinning
from postai.edge.sent import HELD, Hearer, Receive, Sent, Server
from postai.edge.wire import BACKEND, FRONTEND, HEADER, Framer

_FROM_CLIENT = frozenset(b"QPBDECSFX")
_FROM_SERVER = frozenset(b"123TtnCIsEZGWS")
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
_READY_HEAD = b"Z\0\0\0\5"
_SIZE = struct.Struct("!I")
_Q, _P, _B, _S, _X = b"QPBSX"
_EXECUTE = wire.message(b"E", b"\0\0\0\0\0") + wire.message(b"S")
_ENDINGS = frozenset([_EXECUTE, wire.message(b"D", b"P\0") + _EXECUTE])
"""What usually comes behind a Bind."""
_PACKED = Sent("S", 0)
"""The messages of one statement, see `Client.quick`."""


class Client(Messages):
    """A client of a pool: its messages to whatever server it has, and the replies.

    Args:
        pinning: says which statements leave something behind.
    """

    __slots__ = ("_backend", "_frontend", "_kept", "_packed", "over", "unnamed")

    def __init__(self, pinning: Pinning) -> None:
        super().__init__(pinning)
        self._frontend = Framer(FRONTEND, _FROM_CLIENT, HELD)
        self._backend = Framer(BACKEND, _FROM_SERVER)
        self._kept: list[tuple[int, bytes]] = []
        self._packed: tuple[bytes, bytes | None] | None = None
        self.over = False
        """Whether the client said that it sends no more."""
        self.unnamed: bytes | Literal[False] | None = False
        """What the unnamed statement stands for by answers that no server gave; False = there were none."""

    def meaning(self, name: bytes) -> bytes | None:
        """What a prepared statement stands for: text and types, as in Parse."""
        return self.unnamed if not name and self.unnamed is not False else self._names.get(name)

    def meaning_as_told(self, name: bytes) -> bytes | None:
        """The same; None, too, where definitions have changed since the client was told which columns it gives."""
        told = self._names.shape(name)
        return None if told is not None and told[1] != self.era() else self.meaning(name)

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
        self.over = self.over or any(kind == _X for kind, _ in kept)
        return self._server is not None or self.needs_server()

    def needs_server(self) -> bool:
        """Whether a server is needed for what was taken; what servers ignore between two queries is forgotten."""
        if any(kind and kind != _X for kind, _ in self._kept):
            return True
        self._kept.clear()
        return False

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
        return self._open or (not self._sent and self._status != IDLE)

    @property
    def begun(self) -> bool:
        """Whether what the server has answered belongs to a batch or a transaction that is not over."""
        return self._open or self._status != IDLE

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
    def expects(self) -> bool:
        """Whether the client is still to be answered."""
        return any(not sent.hidden for sent in self._sent)

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
                begin = end_of_text(piece, 5) + 1
                name = piece[begin : end_of_text(piece, begin)]
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
        """What is to be sent to the server of what was taken: all, unless it is asked about a statement before."""
        if self.asks():
            return b""
        self.resumes = False
        pieces, self._kept = self._kept, []
        if len(pieces) == 1 and pieces[0][0] == _Q and not self._skipping:
            return self._query(pieces[0][1])
        out = []
        for place, (kind, piece) in enumerate(pieces):
            if kind == 0 or (self._skipping and abs(kind) != _S):
                out.append(piece if abs(kind) != _X else b"")
            else:
                out.append(self._message(chr(abs(kind)), piece, whole=kind > 0))
                if self.asks():
                    self._kept = pieces[place:]
                    break
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

    # The short way.

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
        self._sent.append(QUERY)
        self._closed, self._open = True, False
        return data

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
            if server.names.get(own) is None or server.names.asked(own) < self._names.asked(name):
                return None
            if (told := self._names.shape(name)) is not None:
                found = server.names.shape(own)
                if found is None or found[0] != told[0]:
                    return None
                if told[1] != (era := self.era()):
                    self._names.described(name, told[0], era)
            server.names.used(own)
            size = end - bind - 1 + len(own) - len(name)
            out = b"B" + _SIZE.pack(size) + b"\0" + own + data[name_end:]
        elif parsed is None and server.names.get(b"") is not meaning:
            return None
        if self.reads is not None:
            self._judge(meaning)
        self._server = server
        self._packed = data, parsed
        self._sent.append(_PACKED)
        self._closed, self._open = True, False
        return out

    def _free(self, text: bytes) -> bool:
        found = self._pinning.find(text)
        return found.reason is None and found.special is None

    def finish(self, data: bytes) -> bool:
        """Take a server's bytes if they are all that was still to come, nothing in them is for anybody but the client,
        and its server can be lent again; whether that is so. The client then has no server any more.
        """
        server = self._server
        if (
            not self._simple
            or not self._closed
            or data[-6:] != _READY
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
        elif self._sent[0] is not QUERY:
            for sent in self._sent:
                self._confirm(sent)
        self._sent.clear()
        self._status, self._closed, self._batch = IDLE, False, 1
        self._server = None
        return True


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
