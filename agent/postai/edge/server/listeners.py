"""Sockets that the edge listens on: TCP, shared out among processes, and a unix socket as PostgreSQL has.

They belong to the parent process, which hands them to its workers. Whoever replaces a worker gets the very sockets of
the one before, and with them the clients that wait in their queues: none is refused or reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from postai.errors import UsageError
from postai.settings import EdgeSettings

BACKLOG = 4096

Place = tuple[str, str]
"""Where sockets listen: ("tcp", address) or ("unix", path)."""
Group = list[socket.socket]
"""Sockets at one address, between which the system shares out clients (SO_REUSEPORT)."""


def places(settings: EdgeSettings) -> tuple[Place, ...]:
    """Where the settings let the edge listen."""
    found = [("tcp", f"{address}:{settings.port}") for address in settings.listen_addresses]
    if settings.unix_socket_directory is not None:
        found.append(("unix", str(settings.unix_socket_directory / f".s.PGSQL.{settings.port}")))
    return tuple(found)


def open_place(place: Place, count: int, permissions: str) -> list[Group]:
    """Sockets of a place, bound; who serves them lets them listen.

    Args:
        place: where.
        count: sockets at each of its addresses; there is one unix socket.
        permissions: of a unix socket, octal.

    Raises:
        UsageError: it cannot be opened, or somebody listens there.
    """
    found: list[Group] = []
    try:
        if place[0] == "unix":
            found.append([_unix(Path(place[1]), int(permissions, 8))])
        else:
            address, _, port = place[1].rpartition(":")
            _tcp(None if address == "*" else address, int(port), found)
        for group in found:
            if place[0] == "tcp":
                more(group, count)
    except OSError as error:
        close(found)
        raise UsageError(
            f"the edge cannot listen on {place[1]}",
            detail=error.strerror or str(error),
            hint="edge.listen_addresses, edge.port and edge.unix_socket_directory say where.",
        ) from None
    return found


def open_all(settings: EdgeSettings) -> list[socket.socket]:
    """One socket at each address of the settings.

    Raises:
        UsageError: as `open_place`.
    """
    found: list[Group] = []
    try:
        for place in places(settings):
            found += open_place(place, 1, settings.unix_socket_permissions)
    except UsageError:
        close(found)
        raise
    return [one for group in found for one in group]


async def serve(
    loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.BaseProtocol], one: socket.socket
) -> asyncio.Server:
    """Accept clients at a socket; closing the server leaves the file of a unix socket to other processes."""
    if one.family != socket.AF_UNIX:
        return await loop.create_server(protocol, sock=one, backlog=BACKLOG)
    if sys.version_info >= (3, 13):
        return await loop.create_unix_server(protocol, sock=one, backlog=BACKLOG, cleanup_socket=False)
    return await loop.create_unix_server(protocol, sock=one, backlog=BACKLOG)


def more(group: Group, count: int) -> Group:
    """Add sockets at the group's address until there are so many; those that were added."""
    before = len(group)
    while len(group) < count:
        group.append(_bound(group[0].family, group[0].getsockname(), shared=True))
    return group[before:]


def close(groups: Iterable[Group]) -> None:
    """Close sockets."""
    for group in groups:
        for one in group:
            one.close()


def remove(place: Place) -> None:
    """Take the file of a unix socket away."""
    if place[0] == "unix":
        Path(place[1]).unlink(missing_ok=True)


def _tcp(host: str | None, port: int, found: list[Group]) -> None:
    # In the order given, each once: a name may stand for one address twice.
    for family, _, _, _, where in dict.fromkeys(
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ):
        try:
            _bound(family, where, shared=False).close()  # refused where somebody else listens
            found.append([_bound(family, where, shared=True)])
        except OSError as error:
            if host is None and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                continue  # a machine without IPv6
            raise
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, "no address can be used")


def _bound(family: int, where: tuple[Any, ...], *, shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(where)
    except OSError:
        one.close()
        raise
    one.setblocking(False)
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
    except OSError:
        one.close()
        raise
    one.setblocking(False)
    return one
