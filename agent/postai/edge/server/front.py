"""What happens between a client's first byte and its first ReadyForQuery."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from postai.database import libpq_files
from postai.edge import md5, wire
from postai.edge.scram import MECHANISM, NONCE_BYTES, ServerExchange, Verifier
from postai.edge.server.link import Link
from postai.edge.server.upstream import Address, Login, Secret, keep_alive
from postai.edge.server.users import Users
from postai.edge.wire import Cancel, Encryption, Malformed, Startup, Violation

LONGEST = 65_536
"""Bytes of a server's message that the edge takes during the login."""
TLS_RECORD = 0x16
"""First byte of a connection that begins with TLS."""
_INJECTED = "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack."
_PLUS = b"-PLUS"
_CODE = struct.Struct("!i")
_ANSWERED = frozenset({3, 5, 7, 8, 9, 10, 11})
"""AuthenticationXxx messages that the client answers."""


async def first_request(link: Link, certificate: ssl.SSLContext | None, *, ssl_required: bool) -> Startup | Cancel:
    """What a client wants, behind its requests for encryption.

    Args:
        link: the client's connection.
        certificate: for TLS; None = there is none.
        ssl_required: whether a session that comes over the network needs it.

    Raises:
        Violation, Malformed, Lost: it does not get as far.
    """
    keep_alive(link)
    if certificate is not None and await link.first_byte() == TLS_RECORD:
        await link.secure(certificate)
        if link.tls is None or link.tls.alpn is None:
            raise Malformed("received direct SSL connection request without ALPN protocol negotiation extension")
    open_requests = {wire.SSL_REQUEST, wire.GSSENC_REQUEST} if link.tls is None else set()
    while True:
        request = wire.parse_startup(await link.startup(), encryption=frozenset(open_requests))
        if not isinstance(request, Encryption):
            break
        open_requests.discard(request.code)
        offered = certificate if request.code == wire.SSL_REQUEST and not link.local else None
        if offered is None:
            link.send(b"N")
        if link.waiting:
            what = "SSL" if request.code == wire.SSL_REQUEST else "GSSAPI encryption"
            raise Violation("08P01", f"received unencrypted data after {what} request", detail=_INJECTED)
        if offered is not None:
            link.send(b"S")
            await link.secure(offered)
            open_requests.clear()
    if isinstance(request, Startup) and ssl_required and not (link.tls or link.local):
        raise Violation("28000", "this connection needs TLS", hint="Connect with sslmode=verify-full (or require).")
    return request


def agreed_version(startup: Startup) -> int:
    """The protocol version that the edge and the client speak."""
    return min(startup.version, wire.NEWEST)


@dataclass
class Greeting:
    """What a server said during a login.

    Attributes:
        key: process id and secret of its session; empty when it gave none.
        version: protocol version of the client's session.
        own_key: the key that the client got for it.
    """

    version: int
    key: bytes = field(default=b"", repr=False)
    own_key: bytes = field(default=b"", repr=False)


class Doors:
    """How clients prove who they are, where the edge itself asks them.

    Args:
        users: what is stored of their passwords; None = they tell the password, and the server judges it.
    """

    def __init__(self, users: Users | None) -> None:
        self._users = users
        self._mock = secrets.token_bytes(32)
        self._verifiers: dict[str, Verifier] = {}

    async def prove(self, client: Link, startup: Startup, address: Address, dbname: str) -> tuple[Secret, bytes]:
        """Let the client prove who it is.

        Args:
            client: the client.
            startup: its StartupMessage.
            address: of its server, whose passfile may have the password that counts there.
            dbname: name of the database on that server.

        Returns:
            what proves it to the server, and what is still to be sent before AuthenticationOk.

        Raises:
            Violation: it did not.
        """
        if startup.version > wire.NEWEST or startup.unknown_options:
            client.send(wire.negotiate_version(wire.NEWEST, startup.unknown_options))
        if self._users is None:
            return Secret(password=await _ask_password(client)), b""
        stored = await asyncio.to_thread(self._users.stored, startup.user)
        if stored is not None and md5.is_stored(stored):
            await _check_md5(client, startup.user, stored)
            found, last = Secret(md5=stored), b""
        else:
            found, last = await self._scram(client, startup.user, stored)
        if address.passfile is not None:
            place = {"passfile": address.passfile, "host": address.host, "port": address.port}
            full = {**place, "dbname": dbname, "user": startup.user}
            password = await asyncio.to_thread(libpq_files.password_for, full)
            found = found if password is None else Secret(password=password)
        return found, last

    async def _scram(self, client: Link, user: str, stored: str | None) -> tuple[Secret, bytes]:
        verifier = Verifier.parse(stored) if stored else Verifier.mock(user, self._mock)
        password = stored if verifier is None else None
        if verifier is None:
            assert password is not None
            verifier = await self._verifier_of(password)
        exchange = ServerExchange(verifier, secrets.token_urlsafe(NONCE_BYTES))
        client.send(wire.authentication(10, MECHANISM.encode() + b"\0\0"))
        mechanism, first = wire.parse_sasl_initial(await _response(client, user, wire.MAX_SASL, "SASL"))
        if mechanism != MECHANISM.encode():
            raise Violation("08P01", "client selected an invalid SASL authentication mechanism")
        if first is None:
            client.send(wire.authentication(11))
            first = await _response(client, user, wire.MAX_SASL, "SASL")
        client.send(wire.authentication(11, exchange.first(first)))
        proved = exchange.final(await _response(client, user, wire.MAX_SASL, "SASL"))
        if proved is None:
            raise wrong_password(user)
        last, keys = proved
        return Secret(keys, password), wire.authentication(12, last)

    async def _verifier_of(self, password: str) -> Verifier:
        """The verifier of a password, kept: how long an answer takes must not tell whether a user is there."""
        if password not in self._verifiers:
            salt = secrets.token_bytes(16)
            self._verifiers[password] = await asyncio.to_thread(Verifier.of, password, salt)
        return self._verifiers[password]


async def _ask_password(client: Link) -> str:
    if not (client.tls or client.local):
        raise Violation(
            "28000",
            "this connection needs TLS, as the password is sent as it is",
            hint="Connect with sslmode=verify-full (or require).",
        )
    client.send(wire.authentication(3))
    body = await _response(client, "", wire.MAX_AUTHENTICATION, "password")
    if not body or body.find(b"\0") != len(body) - 1:
        raise Violation("08P01", "invalid password packet size")
    if len(body) == 1:
        raise Violation("28P01", "empty password returned by client")
    return body[:-1].decode("utf-8", "surrogateescape")


async def _check_md5(client: Link, user: str, stored: str) -> None:
    salt = secrets.token_bytes(4)
    client.send(wire.authentication(5, salt))
    body = await _response(client, user, wire.MAX_AUTHENTICATION, "password")
    if not hmac.compare_digest(body.removesuffix(b"\0"), md5.response(stored, salt)):
        raise wrong_password(user)


def wrong_password(user: str) -> Violation:
    """What the server says to a wrong password, and to a user that does not exist."""
    return Violation("28P01", f'password authentication failed for user "{user}"')


async def _response(client: Link, user: str, most: int, kind: str) -> bytes:
    try:
        (code, body) = await client.message(most)
    except Malformed:
        raise wrong_password(user) from None
    if code != ord("p"):
        raise Violation("08P01", f"expected {kind} response, got message type {code}")
    return body


class Introduction:
    """Carries a server's login messages to a client, up to ReadyForQuery.

    Args:
        client: the client.
        server: a connection to the server, to which the StartupMessage was sent.
        user: the user's name.
        login: answers the server in the client's place; None = the client answers by itself.
        greeting: is filled.
        new_key: gives the key that the client gets for the server's.
    """

    def __init__(
        self,
        client: Link,
        server: Link,
        user: str,
        login: Login | None,
        greeting: Greeting,
        new_key: Callable[[Greeting], bytes],
    ) -> None:
        self._client, self._server, self._user, self._login = client, server, user, login
        self._greeting = greeting
        self._new_key = new_key

    async def run(self, first: bytes) -> bool:
        """Go on until the server is ready for queries; False when it refused instead.

        Args:
            first: what is sent to the client before anything else.
        """
        out = bytearray(first)
        while True:
            if not self._server.waiting:
                out = self._flush(out)
            kind, body = await self._server.message(LONGEST)
            raw = wire.message(bytes((kind,)), body)
            if kind == ord("R"):
                out = await self._authenticate(out, body)
            elif kind == ord("v"):
                self._negotiated(body)
                out += b"" if self._login else raw
            elif kind == ord("K"):
                self._greeting.key = body
                self._greeting.own_key = self._new_key(self._greeting)
                out += wire.message(b"K", self._greeting.own_key)
            else:
                out += raw
                if kind in b"ZE":
                    self._flush(out)
                    return kind == ord("Z")

    def _flush(self, out: bytearray) -> bytearray:
        if out:
            self._client.send(bytes(out))
        return bytearray()

    async def _authenticate(self, out: bytearray, body: bytes) -> bytearray:
        (code,) = _CODE.unpack_from(body)
        if self._login is not None:
            if code == 0:
                return out + wire.authentication(0)
            await self._login.answer(body)
            return out
        if code == 10:
            body = body[:4] + _without_binding(body[4:])
        out = self._flush(out + wire.message(b"R", body))
        if code in _ANSWERED:
            kind, answer = await self._answer(code)
            if code == 10:
                self._refuse_binding(answer)
            self._server.send(wire.message(bytes((kind,)), answer))
        return out

    async def _answer(self, code: int) -> tuple[int, bytes]:
        try:
            return await self._client.message(wire.MAX_SASL if code in (10, 11) else wire.MAX_AUTHENTICATION)
        except Malformed:
            if code in (10, 11):
                raise wrong_password(self._user) from None
            raise

    def _refuse_binding(self, answer: bytes) -> None:
        # A server that itself has TLS takes "y" (I could bind, you cannot) for an attack.
        if self._client.tls and self._server.tls and answer.partition(b"\0")[2][4:6] == b"y,":
            raise Violation(
                "28000",
                "the login cannot be handed on between two TLS connections with channel binding",
                hint='Set auth = "scram" or "password" in [edge], or connect with channel_binding=disable.',
            )

    def _negotiated(self, body: bytes) -> None:
        (version,) = struct.unpack_from("!I", body)
        full = version if version >> 16 else wire.VERSION_3_0 | version
        self._greeting.version = min(self._greeting.version, full)


def _without_binding(mechanisms: bytes) -> bytes:
    """The SASL mechanisms without those that bind to the TLS connection: the client's is not the server's."""
    names = [name for name in mechanisms.split(b"\0") if name and not name.endswith(_PLUS)]
    if not names:
        raise Violation("28000", "the server offers only logins with channel binding, which end at the edge")
    return b"".join(name + b"\0" for name in names) + b"\0"
