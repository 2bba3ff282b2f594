"""Connections to servers: where they are, how one is opened, how a client's identity logs in there."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import struct
from dataclasses import dataclass, field

from postai.database import dsn as connection_string
from postai.database import libpq_files, tls
from postai.edge import md5, wire
from postai.edge.scram import MECHANISM, NONCE_BYTES, ClientExchange, Keys
from postai.edge.server.link import Link, Lost, public_reason, reason
from postai.edge.wire import Malformed, Violation
from postai.errors import UsageError

CONNECT_TIMEOUT = 10.0
MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")

_CODE = struct.Struct("!i")


@dataclass(frozen=True)
class Address:
    """One host of a server.

    Attributes:
        host: name, address, or directory of a unix socket.
        port: its port.
        sslmode: libpq's.
        timeout: seconds that a connection may take.
        context: for TLS; None = without.
        passfile: passwords of users whose verifier at the edge is not the server's.
    """

    host: str
    port: str
    sslmode: str = "disable"
    timeout: float = CONNECT_TIMEOUT
    context: ssl.SSLContext | None = field(default=None, repr=False)
    passfile: str | None = None

    @property
    def label(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Secret:
    """What proves a client's identity to a server.

    Attributes:
        keys: of SCRAM, fit for a server that stores the same verifier.
        password: the password itself.
        md5: the stored md5 hash, with its prefix.
    """

    keys: Keys | None = None
    password: str | None = field(default=None, repr=False)
    md5: str | None = field(default=None, repr=False)


def addresses(dsn: str) -> tuple[Address, ...]:
    """The hosts of a connection string, in the order in which they are tried.

    Raises:
        UsageError: it is malformed, or names a user, a password or an sslmode that cannot be had.
    """
    given = connection_string.parse(dsn)
    if refused := sorted({"user", "password", "options"} & given.keys()):
        raise UsageError(
            f"the edge's server takes no {refused[0]}",
            detail=connection_string.redacted(dsn),
            hint="Users log in as themselves; write host, port, dbname, sslmode, sslrootcert, connect_timeout.",
        )
    full = libpq_files.resolve(given)
    mode = full.get("sslmode", "prefer")
    if mode not in MODES:
        raise UsageError(f"sslmode {mode!r} is not one for the edge's server", hint=f"Use one of: {', '.join(MODES)}.")
    found = []
    for index, host in enumerate(full["host"].split(",")):
        local = tls.is_local(host)
        found.append(
            Address(
                host,
                libpq_files.port_of(full, index),
                "disable" if local else mode,
                float(full.get("connect_timeout") or CONNECT_TIMEOUT),
                None if local or mode == "disable" else tls.client_context({**full, "host": host}),
                given.get("passfile"),
            )
        )
    return tuple(found)


async def connect(choices: tuple[Address, ...], peer: tuple[str, int] | None = None) -> tuple[Link, Address]:
    """A connection to the first host that answers, with TLS as its sslmode says.

    Args:
        choices: hosts.
        peer: address and port that the host's name meant before.

    Raises:
        Unreachable: none answers.
    """
    failures, told = [], ""
    for address in choices:
        try:
            async with asyncio.timeout(address.timeout):
                return await _open(address, peer), address
        except (OSError, Lost) as error:  # of which TimeoutError and ssl.SSLError are kinds
            failures.append(f"{address.label}: {reason(error)}")
            told = public_reason(error)
    raise Unreachable(failures, told)


class Unreachable(Violation):
    """No host of a server answers; the client is not told which hosts those are.

    Args:
        failures: of each host, its name with the reason: for the log.
        told: the reason of the last one, for clients.
    """

    def __init__(self, failures: list[str], told: str) -> None:
        super().__init__("08001", "could not connect to the server", detail=told)
        self.failures = failures

    @property
    def last(self) -> str:
        """Why the last host did not answer, for who operates the edge."""
        return self.failures[-1].split(": ", 1)[1]


class Refused(Violation):
    """A server refuses a login; the client gets its own words.

    Args:
        body: of the server's ErrorResponse.
    """

    def __init__(self, body: bytes) -> None:
        fields = wire.parse_error(body)
        super().__init__(fields.get("C", "08001"), fields.get("M", ""), detail=fields.get("D"), hint=fields.get("H"))
        self._body = body

    def response(self) -> bytes:
        return wire.message(b"E", self._body)


async def _open(address: Address, peer: tuple[str, int] | None) -> Link:
    loop = asyncio.get_running_loop()
    if tls.is_local(address.host):
        place = f"{address.host}/.s.PGSQL.{address.port}"
        _, link = await loop.create_unix_connection(Link, "\0" + place[1:] if place.startswith("@") else place)
        return link
    host, port = peer or (address.host, int(address.port))
    _, link = await loop.create_connection(Link, host, port)
    keep_alive(link)
    try:
        await _encrypt(link, address)
    except BaseException:
        link.transport.abort()
        raise
    return link


async def cancel(link: Link, address: Address, key: bytes) -> bool:
    """Ask a server to cancel what a connection's session does.

    Args:
        link: the connection.
        address: where it is.
        key: process id and secret of its session.

    Returns:
        whether the server has taken the request: it closes once it has sent the signal.

    Raises:
        Unreachable: the server does not answer.
    """
    # The same machine, whatever the host's name means by now.
    peer = link.transport.get_extra_info("peername")
    other, _ = await connect((address,), peer[:2] if isinstance(peer, tuple) else None)
    other.send(wire.cancel_packet(key))
    try:
        async with asyncio.timeout(address.timeout):
            with contextlib.suppress(Lost):
                await other.first_byte()
    except TimeoutError:
        return False
    finally:
        other.close()
    return True


def keep_alive(link: Link) -> None:
    """Let the system find out that the other machine is gone."""
    taken = link.transport.get_extra_info("socket")
    if taken is not None and taken.family != socket.AF_UNIX:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def _encrypt(link: Link, address: Address) -> None:
    if address.context is None:
        return
    link.send(wire.encryption_packet())
    answer = await link.exactly(1)
    if answer == b"S" and not link.waiting:
        await link.secure(address.context, address.host)
    elif answer == b"S":
        raise Lost("the server sent unencrypted data after its answer to the SSL request")
    elif answer != b"N":
        raise Lost("the server does not answer an SSL request")
    elif address.sslmode != "prefer":
        raise Lost("the server does not support SSL, but SSL was required")


class Login:
    """Answers a server's requests for authentication.

    Args:
        link: to the server.
        user: the user's name.
        secret: what proves it.
    """

    def __init__(self, link: Link, user: str, secret: Secret) -> None:
        self._link = link
        self._user = user
        self._secret = secret
        self._exchange: ClientExchange | None = None

    async def answer(self, body: bytes) -> None:
        """Answer one AuthenticationXxx message.

        Raises:
            Violation: what the server asks for cannot be given.
        """
        (code,) = _CODE.unpack_from(body)
        data = body[4:]
        if code == 3 and self._secret.password is not None:
            self._respond(self._secret.password.encode("utf-8", "surrogateescape") + b"\0")
        elif code == 5 and (stored := self._md5()):
            self._respond(md5.response(stored, data) + b"\0")
        elif code == 10 and MECHANISM.encode() in data.split(b"\0"):
            secret = self._secret.password if self._secret.password is not None else self._secret.keys
            if secret is None:
                raise _cannot("SCRAM")
            self._exchange = ClientExchange(secret, secrets.token_urlsafe(NONCE_BYTES))
            self._link.send(wire.sasl_initial(MECHANISM, self._exchange.first()))
        elif code == 11 and self._exchange is not None:
            await self._prove(self._exchange, data)
        elif code == 12 and self._exchange is not None:
            if not self._exchange.proves(data):
                raise Violation("08001", "the server did not prove that it knows the password")
        else:
            raise _cannot({2: "Kerberos", 3: "a password", 5: "md5", 7: "GSSAPI", 9: "SSPI"}.get(code, str(code)))

    async def _prove(self, exchange: ClientExchange, data: bytes) -> None:
        try:
            if self._secret.password is None:
                proof = exchange.final(data)
            else:  # it takes as long as the server's number of iterations wants
                proof = await asyncio.to_thread(exchange.final, data)
        except ValueError as error:
            raise Malformed(str(error)) from error
        self._respond(proof)

    def _md5(self) -> str | None:
        password = self._secret.password
        return self._secret.md5 if password is None else md5.stored(password, self._user)

    def _respond(self, body: bytes) -> None:
        self._link.send(wire.message(b"p", body))


def _cannot(method: str) -> Violation:
    return Violation(
        "28000",
        f"the server asks for {method}, which cannot be answered for the user",
        hint="Let pg_hba.conf say scram-sha-256 for connections from here.",
    )
