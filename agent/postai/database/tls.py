"""Sockets and TLS for the pure Python driver, with libpq's meaning of sslmode.

https://www.postgresql.org/docs/current/libpq-ssl.html: `disable` never, `allow` and `prefer` as the server likes,
`require` encrypts without checking who the server is (with `sslrootcert` it checks the certificate), `verify-ca` checks
the certificate, `verify-full` also the host's name.
"""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

from postai.database.errors import ConnectionFailed, HostUnreachable, NoHbaEntry, TlsFailed, TlsRequired
from postai.errors import UsageError

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SSL_REQUEST = 80877103  # https://www.postgresql.org/docs/current/protocol-message-formats.html (SSLRequest)
_PLAIN, _WANTED, _NEEDED = "plain", "wanted", "needed"


def attempts(sslmode: str | None) -> tuple[str, ...]:
    """In which order to try: without TLS ("plain"), with it if offered ("wanted"), or only with it ("needed")."""
    mode = sslmode or "prefer"
    if mode not in MODES:
        raise UsageError(f"sslmode {mode!r} is unknown", hint=f"Use one of: {', '.join(MODES)}.")
    return {"disable": (_PLAIN,), "allow": (_PLAIN, _NEEDED), "prefer": (_WANTED, _PLAIN)}.get(mode, (_NEEDED,))


def try_next(attempt: str, sslmode: str | None, failure: ConnectionFailed) -> bool:
    """Whether the next attempt may succeed where this one failed: only when TLS, or its absence, was the reason."""
    last = attempts(sslmode)[-1] == attempt
    return not last and isinstance(failure, (NoHbaEntry, TlsRequired, TlsFailed))


def open_link(parameters: dict[str, str], attempt: str, connect_timeout: int) -> socket.socket:
    """A socket to the server with TLS agreed on (or not), ready for the startup message."""
    link = open_socket(parameters, connect_timeout)
    if attempt == _PLAIN or is_local(parameters["host"]):
        return link
    try:
        link.sendall(struct.pack("!ii", 8, _SSL_REQUEST))
        answer = link.recv(1)
        if answer == b"S":
            return client_context(parameters).wrap_socket(link, server_hostname=parameters["host"])
        if answer == b"":
            raise HostUnreachable(
                f"no PostgreSQL server answers there ({parameters['host']}:{parameters['port']})",
                detail="the connection was closed at the first message",
                hint="Check host and port.",
            )
        if attempt == _NEEDED:
            raise TlsFailed(
                f"the server does not offer TLS ({parameters['host']}:{parameters['port']})",
                detail=f"sslmode={parameters.get('sslmode')}",
                hint="Set ssl = on in postgresql.conf, or use sslmode=disable on a network that you trust.",
            )
    except BaseException:
        link.close()
        raise
    return link


def is_local(host: str) -> bool:
    """Whether the host is the directory of a unix socket (libpq: an absolute path, or "@" for an abstract one)."""
    return host.startswith(("/", "@")) or Path(host).is_absolute()


def open_socket(parameters: dict[str, str], connect_timeout: int) -> socket.socket:
    """A connected socket without TLS."""
    host, port = parameters["host"], int(parameters["port"])
    if not is_local(host):
        link = socket.create_connection((parameters.get("hostaddr") or host, port), connect_timeout)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return link
    if not hasattr(socket, "AF_UNIX"):
        raise HostUnreachable(
            "this platform has no unix sockets", detail=f"host={host}", hint="Connect with host=localhost."
        )
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(connect_timeout)
    name = f"{host}/.s.PGSQL.{port}"
    try:
        link.connect("\0" + name[1:] if host.startswith("@") else name)
    except BaseException:
        link.close()
        raise
    return link


def client_context(parameters: dict[str, str]) -> ssl.SSLContext:
    """What TLS with a server verifies, and the client's own certificate, as the parameters say."""
    mode = parameters.get("sslmode") or "prefer"
    root = parameters.get("sslrootcert")
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode.startswith("verify-") or (mode == "require" and root):
        context.verify_mode = ssl.CERT_REQUIRED
        if root != "system":
            path = Path(root) if root else Path.home() / ".postgresql" / "root.crt"
            if not path.exists():
                raise TlsFailed(
                    f"the root certificate {path} does not exist",
                    hint="Set sslrootcert to the file, or to `system` for the certificates of this machine.",
                )
            context = ssl.create_default_context(cafile=str(path))
            context.check_hostname = mode == "verify-full"
    else:
        context.verify_mode = ssl.CERT_NONE
    if "sslcert" in parameters:
        context.load_cert_chain(parameters["sslcert"], parameters.get("sslkey"), parameters.get("sslpassword", ""))
    return context
