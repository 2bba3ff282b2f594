"""A session of a pool: a client that has a server connection only while it needs one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from postai.edge.caching import Gate
from postai.edge.pooling import Client
from postai.edge.routing import Route
from postai.edge.sent import Receive
from postai.edge.server.backend import Backend
from postai.edge.server.link import Link, Lost
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import AtHome, Choose, Node, Scope
from postai.edge.server.upstream import Unreachable
from postai.edge.topology import NEVER
from postai.edge.wire import Malformed, Violation, error_response, notice_response

log = logging.getLogger(__name__)

KEPT = 131_072
"""Bytes of a client that waits for a server, before it is read no further."""
ATTEMPTS = 3
"""Servers that are tried for a transaction."""
_AWAY = frozenset({"57P01", "57P02", "57P03"})
"""SQLSTATEs with which a server says that it is ending, or not there yet."""

Done = Callable[[bytes | None], None]
"""Gets what a client was sent in answer to a chunk; None = it cannot be told, or is too long."""


class PooledSession:
    """Relays between a client and whatever server connection it has borrowed.

    Args:
        link: the client's connection, past its login.
        scope: its identity.
        pools: lend server connections.
        choose: says at which node.
        client: its protocol.
        ended: called once, when the client is gone.
    """

    __slots__ = (
        "_after", "_backend", "_before", "_behind", "_borrowing", "_choose", "_collected", "_done", "_ended", "_held",
        "_most", "_pools", "_quiet", "_resting", "_slot", "_straight", "_stuck", "_to_client", "_unsent", "_waiting",
        "answered", "client", "elsewhere", "gate", "last_write", "link", "route", "scope", "writing", "written",
        "written_to",
    )  # fmt: skip

    def __init__(
        self, link: Link, scope: Scope, pools: Pools, choose: Choose, client: Client, ended: Callable[[], None]
    ) -> None:
        self.link, self.scope, self.client = link, scope, client
        self._pools = pools
        self._choose = choose
        self._ended: Callable[[], None] | None = ended
        self._backend: Backend | None = None
        self._borrowing: asyncio.Task[None] | None = None
        self._waiting = 0
        self._resting = True
        self._straight = isinstance(choose, AtHome)
        self._stuck = False
        self.route: Route | None = None
        """Where its last transaction was sent, and why; None = there was no choice."""
        self.elsewhere = False
        """Whether the server that it has is not the primary."""
        self.writing = False
        """Whether what runs may write, as far as it is known."""
        self.last_write = NEVER
        """When the last transaction ended that may have written, in seconds of time.monotonic."""
        self._quiet, self._unsent = 0.0, 0
        self._held: bytes | None = None
        self._before: list[tuple[bytes, Receive]] | None = None
        self._behind: list[tuple[bytes, Receive]] | None = None
        self._after: list[tuple[bytes, Receive]] | None = None
        self._collected: list[bytes] | None = None
        self._most = 0
        self._slot: str | None = None
        self._done: Done | None = None
        self.gate: Gate | None = None
        """What the session's last write was; None = nothing that matters any more."""
        self.written_to = 0
        """Where in the log the last write ended of which the stream has told since."""
        self.answered = NEVER
        """When a server answered last, in seconds of time.monotonic."""
        self.written: Callable[[PooledSession], None] | None = None
        """Called when a transaction has ended that may have written (see `Client.reads`), while there is a server."""
        self._to_client = link.send if link.tls else link.transport.write

    def begin(self) -> None:
        """Let the bytes pass; those that came during the login first."""
        link = self.link
        link.on_end, link.on_eof = self._client_gone, self._client_done
        link.fed_by(link)  # who does not read answers is not read either
        link.relay(self._from_client)
        if link.ended:
            self._client_done()

    @property
    def held(self) -> bytes | None:
        """What the client said and `proceed` is to answer."""
        return self._held

    @property
    def waits(self) -> bool:
        """Whether the client is in the queue for a server connection."""
        return self._borrowing is not None

    @property
    def backend(self) -> Backend | None:
        """The server connection that this client has right now."""
        return self._backend

    def terminate(self, sqlstate: str, message: str) -> None:
        """End the session, saying why where the stream allows it."""
        self._say(error_response(sqlstate, message))
        self.link.close()

    def abort(self) -> None:
        """End the session at once, whatever was not sent yet."""
        self.link.transport.abort()
        if self._backend is not None:
            self._backend.link.transport.abort()

    async def cancel(self) -> None:
        """Cancel what a server does for this client.

        Raises:
            Unreachable: the server does not answer.
        """
        if self._backend is not None:
            await self._pools.cancel(self._backend)

    def tick(self, seconds: float, limit: float) -> None:
        """Some time has passed, in which a server connection was borrowed; who leaves it alone for too long ends.

        Args:
            seconds: how much.
            limit: seconds for which a client may leave its transaction alone, or read nothing of its answer.
        """
        before, self._unsent = self._unsent, self.link.unsent
        deaf = self._unsent > 0 and self._unsent == before
        if not deaf and not (self.client.idle and self.client.begun):
            self._quiet = 0.0
            return
        self._quiet += seconds
        if self._quiet > limit and deaf:
            log.info("a client that reads nothing of its answer is disconnected")
            self.abort()
        elif self._quiet > limit:
            self.terminate("25P03", "terminating connection due to idle-in-transaction timeout")

    # For who answers in the servers' place.

    def collect(self, most: int, done: Done, slot: str | None = None) -> None:
        """Let `done` have what the client is sent from now on until its server is given back.

        Args:
            most: bytes; None is given in place of more.
            done: gets it.
            slot: only what a connection to the server with this slot sends; None = what any one does.
        """
        self._collected, self._most, self._done, self._slot = [], most, done, slot

    def ask_before(self, query: bytes, receive: Receive) -> None:
        """Run a query on the server that is borrowed next, before what the client says."""
        self._before = [*(self._before or ()), (query, receive)]

    def ask_behind(self, query: bytes, receive: Receive, *, pipelined: bool = False) -> None:
        """Run a query on the server that the client has, before that is given back.

        Args:
            query: it.
            receive: gets its first row; may never be called when the session ends before.
            pipelined: it is sent right behind the client's next messages, which begin no transaction, and answers for
                what they write; if more comes before they are sent, it is not asked.
        """
        if pipelined:
            self._behind = [*(self._behind or ()), (query, receive)]
        else:
            self._after = [*(self._after or ()), (query, receive)]

    @property
    def collecting(self) -> bool:
        """Whether somebody wants what the client is sent."""
        return self._done is not None

    def notice(self, text: str) -> None:
        """Tell the client something before the answer to what it said."""
        self._say(notice_response(text))

    def forgo(self) -> None:
        """What the client is sent is of no use to anybody: it does not come of the primary."""
        self._before = None
        self._collect(None)

    def proceed(self, reply: bytes | None) -> None:
        """Go on with messages whose answer was put off.

        Args:
            reply: the answer to them; None = a server shall answer.
        """
        held, self._held = self._held, None
        if held is None or self._ended is None:
            return
        if reply is None:
            self._take(held)
        else:
            self._to_client(reply)
            self._resting = True

    # The client.

    def _from_client(self, data: bytes) -> None:
        if self._resting and self.scope.answer is not None:
            reply = self.scope.answer(self, data)
            if reply:
                self._to_client(reply)
                return
            if reply is not None:
                self._held, self._resting = data, False
                return
        if self._held is not None:
            self._held += data
            self.proceed(None)
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        client = self.client
        if self._collected is not None and self._backend is not None:
            self._collect(None)
        if not self._resting:
            self._behind = None  # what comes now may begin a transaction: it is asked once that is over
        if self._straight and self._hurry(data):
            return
        try:
            within = self._backend is not None and client.within
            needed = client.take(data)
            if self._backend is not None:
                if self._stuck or not (within or (self._choose.follows(self) and not self._is_others_turn())):
                    self._stick(data)
                    return
                if client.asks():
                    self._wait(data)
                self._pass_on(self._backend)
                return
        except (Violation, Malformed) as broken:
            self._break(broken)
            return
        if needed:
            if self._borrowing is None:
                self._waiting += 0 if self._straight else len(data)
                self._borrow()
            else:
                self._wait(data)
        elif client.over:
            self.link.close()
        else:
            self._resting = client.resting

    def _hurry(self, data: bytes) -> bool:
        """Take the short way, where a whole statement came and there is no choice of servers; whether it was taken."""
        backend = self._backend
        if backend is not None:
            out = self.client.quick(data, backend.server)
            if out is None:
                return False
        else:
            pool = self.scope.pools.get(self.scope.home)
            if self._borrowing is not None or self._before or pool is None or (backend := pool.borrow_now()) is None:
                return False
            out = self.client.quick(data, backend.server)
            if out is None:
                pool.give_back(backend)
                return False
            self._resting = False
            self._hold(backend)
        if self._behind:
            out += self._inject_behind()
        backend.link.send(out)
        return True

    def _is_others_turn(self) -> bool:
        """Whether others wait for the server, and all that is still on its way is what the edge asks about a write."""
        backend = self._backend
        return backend is not None and backend.pool.waiting > 0 and not self.client.expects

    def _wait(self, data: bytes) -> None:
        self._waiting += len(data)
        if self._waiting > KEPT:
            self.link.transport.pause_reading()

    def _go_on(self) -> None:
        if self._waiting > KEPT:
            self.link.transport.resume_reading()
        self._waiting = 0

    def _stick(self, data: bytes) -> None:
        """Messages wait until the server can be given back, as they are for another one."""
        self._stuck = True
        self._wait(data)

    def _borrow(self) -> None:
        self._resting = self._stuck = False
        if not self._straight and self.client.unfinished and self._waiting <= KEPT:
            if self.link.ended:
                self.link.close()  # the rest will never come
            return
        try:
            node = self._choose(self)
        except Violation as refused:
            self._refuse(refused)
            return
        backend = self._pools.pool(self.scope, node).borrow_now() if isinstance(node, Node) else None
        if backend is None:
            self._borrowing = asyncio.get_running_loop().create_task(self._queue(node))
        else:
            self._attach(backend)

    async def _queue(self, node: Node | Awaitable[Node]) -> None:
        backend, done = None, False
        try:
            for attempt in range(ATTEMPTS):
                try:
                    chosen = node if isinstance(node, Node) else await node
                except Violation as refused:
                    done = True
                    self._refuse(refused)
                    return
                try:
                    backend = await self._pools.pool(self.scope, chosen).borrow()
                    done = True
                    break
                except (Violation, Malformed, Lost) as error:
                    if attempt + 1 == ATTEMPTS or not _is_away(error) or not self._choose.failed(chosen, str(error)):
                        raise
                    node = self._choose(self)
        except Violation as refused:
            tried = {"tried": "; ".join(refused.failures)} if isinstance(refused, Unreachable) else {}
            log.info("a client got no server connection", extra={"error": refused.message, **tried})
            self._say(refused.response())
        except (Malformed, Lost) as error:
            log.error("a login at the server failed", extra={"error": str(error)})
            self._say(error_response("08006", "the connection to the server was lost"))
        finally:
            self._borrowing = None
            if not done:
                self.link.close()
        if backend is not None:
            self._attach(backend)

    def _refuse(self, refused: Violation) -> None:
        """No server may have what the client said; it may go on with something else."""
        self._before = self._behind = None
        self._collect(None)
        fields = {"detail": refused.detail, "hint": refused.hint}
        error = error_response(refused.sqlstate, refused.message, severity="ERROR", **fields)
        answer = self.client.refuse(error)
        if answer is None:
            self._break(refused)
            return
        self._go_on()
        self._resting = self.client.resting
        self._to_client(answer)
        if self.client.over or self.link.ended:
            self.link.close()

    def _attach(self, backend: Backend) -> None:
        self._go_on()
        self._hold(backend)
        self.client.instead = None if self.elsewhere else self.scope.instead
        first = self.client.attach(backend.server)
        if self._before:
            first, self._before = first + self._inject(self._before), None
        try:
            self._pass_on(backend, first)
        except (Violation, Malformed) as broken:
            self._break(broken)

    def _hold(self, backend: Backend) -> None:
        self._backend = backend
        if self.elsewhere or self._slot not in (None, backend.slot):
            self._collect(None)  # another server may not know yet what the stream has told of
        self._quiet = 0.0
        self._pools.lend(backend, self)
        self.link.fed_by(backend.link)
        backend.link.peer = self.link

    def _inject(self, queries: list[tuple[bytes, Receive]]) -> bytes:
        return b"".join(self.client.inject(query, receive) for query, receive in queries)

    def _inject_behind(self) -> bytes:
        """What was to be asked right behind what is given now; that it may have written is seen to with it."""
        assert self._behind is not None
        queries, self._behind = self._behind, None
        out = self._inject(queries)
        self.client.wrote = False
        return out

    def _pass_on(self, backend: Backend, first: bytes = b"") -> None:
        out = first + self.client.give()
        if self._behind and not self.client.asks():
            out += self._inject_behind()
        if out:
            backend.link.send(out)
        if self.client.over or self.link.ended:
            self._client_done()

    def _client_done(self) -> None:
        """The client says nothing more: its server ends when it has answered all that was said."""
        backend = self._backend
        if backend is None or self.client.lendable:
            self.link.close()
        elif not self._stuck and not self.client.asks():  # else it has said more, which is still to be sent
            backend.retired = True
            backend.link.end_of_stream()

    def _client_gone(self) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        if self._borrowing is not None:
            self._borrowing.cancel()
        backend = self._backend
        self._collect(None)
        if backend is not None:
            if self.client.lendable and not backend.link.ended:
                self._give_back()
            else:
                self._backend = None
                self._pools.abandon(backend)
        self.link.peer = None
        ended()

    def _break(self, broken: Violation | Malformed) -> None:
        """The client cannot go on."""
        if isinstance(broken, Violation):
            self._say(broken.response())
        self.link.close()

    def _say(self, message: bytes) -> None:
        if not self.link.ended and not self.client.over and (self._backend is None or self.client.speakable):
            self.link.send(message)

    # The server.

    def from_server(self, data: bytes) -> None:
        """Bytes came from the server."""
        client = self.client
        if self._straight and not self._after and not (client.wrote and self.written) and client.finish(data):
            self._to_client(data)
            if self._collected is not None:
                self._collect(data)
            self._returned()
            if client.over or self.link.ended:
                self.link.close()
            return
        out = client.answer(data)
        if out:
            self._to_client(out)
            if self._collected is not None:
                self._collect(out)
        if client.resumes and self._backend is not None:
            self._go_on()
            self._pass_on(self._backend)
        if client.lendable or (self._stuck and client.movable):
            backend = self._backend
            assert backend is not None
            if self.written is not None and client.wrote:
                client.wrote = False
                if not self.elsewhere:  # what is not the primary cannot have written
                    self.written(self)
            if self._after and not backend.link.finished:  # who says nothing more, writes and reads nothing more
                after, self._after = self._after, None
                backend.link.send(self._inject(after))
                return
            self._give_back()
            if self._stuck:
                if client.needs_server():
                    self._borrow()
                    return
                self._stuck = False  # it was only a Flush, or the end
                self._go_on()
                self._resting = client.resting
            if client.over or self.link.ended:
                self.link.close()
        elif self._stuck and client.within and client.idle:
            self._stuck = False  # it is in a transaction, and stays there
            self._go_on()
            assert self._backend is not None
            self._pass_on(self._backend)

    def _give_back(self) -> None:
        self.elsewhere = False
        if self.writing:
            self.writing, self.last_write = False, monotonic()
        self.client.detach()
        self._returned()

    def _returned(self) -> None:
        """The client has no server any more."""
        backend, self._backend = self._backend, None
        assert backend is not None
        self.answered = monotonic()
        self._resting = self.client.resting
        self.link.fed_by(self.link)
        self._pools.give_back(backend)
        if self._done is not None:
            done, found = self._done, self._collected or []
            self._done = self._collected = None
            done(b"".join(found))

    def _collect(self, out: bytes | None) -> None:
        """Keep what the client was sent; None = it is of no use any more."""
        if self._done is None or self._collected is None:
            return
        self._most -= len(out or b"")
        if out is None or self._most < 0 or self.client.pinned is not None:
            done, self._done, self._collected = self._done, None, None
            done(None)
        else:
            self._collected.append(out)

    def server_gone(self) -> None:
        """The server's connection is closed."""
        backend = self._backend
        assert backend is not None
        self._say(error_response("08006", "the connection to the server was lost"))
        self._backend = None
        self._collect(None)
        self._pools.drop(backend)
        self.link.close()


def _is_away(error: Exception) -> bool:
    """Whether it is the server that cannot be reached, rather than a client that is refused."""
    return not isinstance(error, Violation) or isinstance(error, Unreachable) or error.sqlstate in _AWAY
