"""TLS over bytes instead of a socket, so that a connection can begin without it and go on with it.

OpenSSL gives its buffers back between records; asyncio's own TLS keeps a read buffer of 256 KiB for every connection.
"""

from __future__ import annotations

import contextlib
import ssl

RECORD = 16_384
"""Bytes of plain text in a TLS record (RFC 8446, 5.1): one read never gives more."""
ALPN = "postgresql"


class Tls:
    """One side of one TLS connection.

    Args:
        context: certificates and what is verified.
        hostname: name that the other side must prove; None = this is the server's side.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "established")

    def __init__(self, context: ssl.SSLContext, hostname: str | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=hostname is None, server_hostname=hostname
        )
        self.established = False

    def handshake(self) -> None:
        """Go on with the handshake as far as what was received allows; `outgoing` then has what is to be sent.

        Raises:
            ssl.SSLError: it failed.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.established = True

    def decrypt(self, data: bytes) -> bytes:
        """Take what was received and give its plain text, which may be empty.

        Raises:
            ssl.SSLError: the other side broke the protocol, or failed in the handshake.
        """
        self._incoming.write(data)
        if not self.established:
            self.handshake()
            if not self.established:
                return b""
        parts = []
        # Zero: the other side says that it sends no more; the end of its stream follows.
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while part := self._object.read(RECORD):
                parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def encrypt(self, data: bytes) -> bytes:
        """The records of plain text, to be sent."""
        self._object.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """What TLS itself wants to be sent: handshake, answers, alerts."""
        return self._outgoing.read()

    def close(self) -> bytes:
        """Say that nothing more is sent (close_notify)."""
        if self.established:
            with contextlib.suppress(ssl.SSLError):  # the other side has not said so yet, or broke off
                self._object.unwrap()
        return self._outgoing.read()

    @property
    def alpn(self) -> str | None:
        """The protocol that both sides agreed on."""
        return self._object.selected_alpn_protocol()


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """The context of a server with its certificate chain and key (files of PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols([ALPN])
    # No tickets: each would be sent to every client after its handshake, and none comes back.
    context.num_tickets = 0
    return context
