"""Sockets that the edge listens on: TCP, shared out among processes, and a unix socket as PostgreSQL has.

They belong to the parent process, which hands them to its workers. Whoever replaces a worker gets the very sockets of
the one before, and with them the clients that wait in their queues: none is refused or reset.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable
from pathlib import Path

from postai.errors import UsageError
from postai.settings import EdgeSettings

BACKLOG = 4096

Place = tuple[str, ...]
"""Where sockets listen: ("tcp", address, port) or ("unix", path, permissions)."""


def places(settings: EdgeSettings) -> tuple[Place, ...]:
    """Where the settings let the edge listen."""
    port = str(settings.port)
    found: list[Place] = [("tcp", address, port) for address in settings.listen_addresses]
    if settings.unix_socket_directory is not None:
        path = str(settings.unix_socket_directory / f".s.PGSQL.{port}")
        found.append(("unix", path, settings.unix_socket_permissions))
    return tuple(found)


def open_place(place: Place, count: int) -> list[socket.socket]:
    """Sockets that listen at a place: of TCP so many for each of its addresses, between which the system shares out
    clients (SO_REUSEPORT); of a unix socket one.

    Raises:
        UsageError: it cannot be opened, or somebody listens there.
    """
    found: list[socket.socket] = []
    try:
        if place[0] == "unix":
            found.append(_unix(Path(place[1]), int(place[2], 8)))
        else:
            _tcp(place[1], int(place[2]), count, found)
    except OSError as error:
        close(found)
        where = place[1] if place[0] == "unix" else f"port {place[2]}"
        raise UsageError(
            f"the edge cannot listen on {where}",
            detail=f"{place[1]}: {error.strerror or error}",
            hint="edge.listen_addresses, edge.port and edge.unix_socket_directory say where.",
        ) from None
    for one in found:
        one.setblocking(False)
    return found


def open_all(settings: EdgeSettings, count: int = 1) -> list[socket.socket]:
    """Sockets at all places of the settings.

    Raises:
        UsageError: as `open_place`.
    """
    found: list[socket.socket] = []
    try:
        for place in places(settings):
            found += open_place(place, count)
    except UsageError:
        close(found)
        raise
    return found


def close(sockets: Iterable[socket.socket]) -> None:
    """Close sockets."""
    for one in sockets:
        one.close()


def remove(place: Place) -> None:
    """Take the file of a unix socket away."""
    if place[0] == "unix":
        Path(place[1]).unlink(missing_ok=True)


def _tcp(address: str, port: int, count: int, found: list[socket.socket]) -> None:
    host = None if address == "*" else address
    # In the order given, each once: a name may stand for one address twice.
    for family, _, _, _, where in dict.fromkeys(
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ):
        try:
            _bound(family, where, shared=False).close()  # refused where somebody else listens
            for _ in range(count):
                found.append(_bound(family, where, shared=True))
                found[-1].listen(BACKLOG)
        except OSError as error:
            if host is None and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                continue  # a machine without IPv6
            raise
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, "no address can be used")


def _bound(family: int, where: object, *, shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(where)  # type: ignore[arg-type]  # as getaddrinfo gave it
    except OSError:
        one.close()
        raise
    return one


def _unix(path: Path, permissions: int) -> socket.socket:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as other:
        try:
            other.connect(str(path))
        except FileNotFoundError:
            pass
        except ConnectionRefusedError:
            if not path.is_socket():
                raise OSError(errno.EEXIST, "there is a file that is no socket") from None
            path.unlink()  # of a process that was killed
        else:
            raise OSError(errno.EADDRINUSE, "another process listens there")
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.bind(str(path))
        path.chmod(permissions)
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one
