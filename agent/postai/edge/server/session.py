"""A session: one client, one connection to a server, and bytes that pass unchanged both ways."""

from __future__ import annotations

from collections.abc import Callable

from postai.edge.server import upstream
from postai.edge.server.link import Link
from postai.edge.server.upstream import Address
from postai.edge.wire import error_response

_TERMINATE = b"X\0\0\0\4"
_READY = b"Z\0\0\0\5"


class Session:
    """Relays between a client and its server until one of them ends.

    The messages are not looked into. Whether an error may be put into the stream is told by its last bytes: after a
    ReadyForQuery it may; bytes within a row that look like one are met when the session is lost anyhow.

    Args:
        client, server: connections past the login.
        address: where the server is.
        server_key: process id and secret of the server's session.
        identity: user and database.
        ended: called once, when both are closed.
    """

    __slots__ = ("_ended", "_open", "_said", "_tail", "_to_client", "_to_server", "address", "client", "identity",
                 "server", "server_key")  # fmt: skip

    def __init__(
        self,
        client: Link,
        server: Link,
        address: Address,
        server_key: bytes,
        identity: tuple[str, str],
        ended: Callable[[], None],
    ) -> None:
        self.identity = identity
        self.client, self.server, self.address, self.server_key = client, server, address, server_key
        self._ended = ended
        self._open = 2
        self._said = b""
        self._tail = _READY + b"I"
        self._to_server = server.send if server.tls else server.transport.write
        self._to_client = client.send if client.tls else client.transport.write

    def begin(self) -> None:
        """Let the bytes pass; those that came during the login first."""
        client, server = self.client, self.server
        client.peer, server.peer = server, client
        client.on_end, server.on_end = self._client_gone, self._server_gone
        client.on_eof = server.end_of_stream
        server.relay(self._from_server)
        client.relay(self._from_client)
        if server.ended:
            server.close()
        elif client.ended:
            server.end_of_stream()

    @property
    def idle(self) -> bool:
        """Whether the server waits for a query."""
        return self._tail[:5] == _READY

    def terminate(self, sqlstate: str, message: str) -> None:
        """End the session, saying why where the stream allows it."""
        if self.idle and self._said != _TERMINATE and not self.client.ended:
            self.client.send(error_response(sqlstate, message))
        self.client.close()
        self.server.close()

    async def cancel(self) -> None:
        """Cancel what the server does for this client.

        Raises:
            Unreachable: the server does not answer.
        """
        await upstream.cancel(self.server, self.address, self.server_key)

    def abort(self) -> None:
        """End the session at once, whatever was not sent yet."""
        self.client.transport.abort()
        self.server.transport.abort()

    def _from_client(self, data: bytes) -> None:
        self._said = data[-5:]
        self._to_server(data)

    def _from_server(self, data: bytes) -> None:
        self._tail = data[-6:]
        self._to_client(data)

    def _client_gone(self) -> None:
        self._gone(self.server)

    def _server_gone(self) -> None:
        if not self.client.transport.is_closing():
            self.terminate("08006", "the connection to the server was lost")
        self._gone(self.client)

    def _gone(self, other: Link) -> None:
        other.close()
        self._open -= 1
        if not self._open:
            self.client.peer = self.server.peer = None
            self._ended()
