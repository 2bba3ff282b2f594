"""Where the agent's unix socket lies: a private directory, a lock that says who owns it, the listening socket.

The directory is 0750 and the socket 0660, with a group that the server's OS user shares. A lock file taken with
flock(2) tells a living agent from a dead one: the kernel frees it with the process, however that ended, so a stale
socket file is replaced and a living agent's is never stolen.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from postai.errors import FeatureMissing, NotPermitted, PostaiError, UsageError

LONGEST_PATH = 107
"""Bytes in sockaddr_un.sun_path on Linux, without the closing zero."""


class SocketTaken(PostaiError):
    """Another living agent serves this socket; nothing is wrong, this one waits."""

    sqlstate = "55006"
    title = "socket in use"


@dataclass(frozen=True)
class Place:
    """A bound, listening socket and the open lock file that protects it."""

    path: Path
    listener: socket.socket
    lock: int

    def leave(self) -> None:
        """Stop listening, remove the file, free the lock (in this order: the next owner finds a clean place)."""
        self.listener.close()
        self.path.unlink(missing_ok=True)
        os.close(self.lock)


def available() -> bool:
    """Whether this platform has unix sockets that name their peer."""
    return hasattr(socket, "AF_UNIX") and hasattr(socket, "SO_PEERCRED")


def require_platform() -> None:
    """Raise FeatureMissing where a socket server cannot be."""
    if not available():
        raise FeatureMissing(
            f"the socket transport does not exist on {sys.platform}",
            detail="Unix sockets that name the peer's user (SO_PEERCRED) are needed.",
            hint="Use the transport dblink or call, or run the agent on the server's host.",
        )


def peer_uid(connection: socket.socket) -> int:
    """User id of the process that connected, as the kernel noted it at connect time."""
    size = struct.calcsize("3i")
    _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


def user_id(name: str) -> int | None:
    """The uid of an OS user, given by name or number; None when there is no such user here."""
    import pwd

    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def shared_group(group: str | None, server_user: str) -> int | None:
    """The group id that lets the server's OS user reach the socket.

    Args:
        group: the configured group; None = the primary group of the server's OS user, where we may use it.

    Raises:
        UsageError: the configured group does not exist.
    """
    import grp
    import pwd

    if group is not None:
        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            raise UsageError(
                f'there is no OS group "{group}"', hint=f"Create it with `groupadd {group}`, or change socket_group."
            ) from None
    server_uid = user_id(server_user)
    try:
        candidate = pwd.getpwuid(server_uid).pw_gid if server_uid is not None else None
    except KeyError:
        return None  # a number of another host, as in a container
    if candidate is None:
        return None
    may_use = os.geteuid() == 0 or candidate in {os.getegid(), *os.getgroups()}
    return candidate if may_use else None


def take(directory: Path, name: str, group: int | None, backlog: int = 128) -> Place:
    """Prepare the directory, become its owner, listen.

    Raises:
        SocketTaken: a living agent owns it.
        FeatureMissing, UsageError, NotPermitted: the place cannot be used.
    """
    require_platform()
    path = directory / name
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise UsageError(
            "the path of the socket is too long",
            detail=f"{path} has {len(os.fsencode(path))} bytes, at most {LONGEST_PATH} are possible",
            hint="Choose a shorter socket_directory.",
        )
    _prepare(directory, group)
    lock = _lock(directory / f"{name}.lock")
    try:
        return Place(path, _listen(path, group, backlog), lock)
    except BaseException:
        os.close(lock)
        raise


def _prepare(directory: Path, group: int | None) -> None:
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise NotPermitted(
            f"the socket directory {directory} cannot be made",
            detail=error.strerror,
            hint="Create it for the agent's user, or choose another socket_directory.",
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{directory} is not a directory", hint="Choose another socket_directory.")
    if found.st_uid == os.geteuid():
        if group is not None and found.st_gid != group:
            _try_chown(directory, group)
        directory.chmod(0o750)
    elif found.st_uid != 0 or found.st_mode & 0o002:
        # Who owns the directory can put another socket there and answer in our name.
        raise NotPermitted(
            f"the socket directory {directory} belongs to another user",
            detail=f"owner uid {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}",
            hint="Use a directory that belongs to the agent's user.",
        )


def _lock(path: Path) -> int:
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NotPermitted(
            f"the lock file {path} cannot be opened",
            detail=error.strerror,
            hint="Run the agent as the user that owns the socket directory.",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SocketTaken(
            "another agent serves this socket", detail=str(path), hint="Stop it, or give this one its own directory."
        ) from None
    return descriptor


def _listen(path: Path, group: int | None, backlog: int) -> socket.socket:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UsageError(
                f"{path} exists and is not a socket", hint="Move it away, or choose another socket_directory."
            )
        path.unlink()  # we hold the lock, so whoever made it is dead
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        if group is not None and path.stat().st_gid != group:
            _try_chown(path, group)
        path.chmod(0o660)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise NotPermitted(
            f"cannot listen on {path}", detail=error.strerror, hint="Check the rights of the socket directory."
        ) from None
    return listener


def _try_chown(path: Path, group: int) -> None:
    try:
        os.chown(path, -1, group)
    except PermissionError:
        raise NotPermitted(
            f"the agent may not give {path} to the group {group}",
            hint="Make the agent's OS user a member of that group.",
        ) from None
