"""Sending the clients to the other side: the drivers, each asked first where it sends them now.

A driver never guesses: `where` looks at what is in force (the pooler's own table, the file, the hook's answer), so that
after a crash the switch is undone or finished by facts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from postai.database import dsn as connection_string
from postai.deadline import Deadline
from postai.errors import PostaiError, UsageError
from postai.replicate.types import Side


class RedirectFailed(PostaiError):
    """The clients could not be sent where they should go, or it is not known where they go."""

    sqlstate = "PA010"
    exit_code = 12
    title = "redirect failed"


@dataclass(frozen=True)
class Address:
    """Where the clients reach a side, as they (or their pooler) see it."""

    host: str
    port: int
    dbname: str

    @classmethod
    def of(cls, dsn: str) -> Address:
        """Host, port and database of a connection string.

        Raises:
            UsageError: it lacks a host or a database.
        """
        given = connection_string.parse(dsn)
        if not given.get("host") or not given.get("dbname"):
            raise UsageError("an address needs a host and a database", detail=connection_string.label(dsn))
        return cls(given["host"], int(given.get("port") or 5432), given["dbname"])


Addresses = Mapping[Side, Address]


class Driver(Protocol):
    """A way to send the clients to a side; every call may be repeated."""

    @property
    def holds(self) -> bool:
        """Whether it can hold the clients back for a moment, without an error to them."""
        ...

    @property
    def late(self) -> bool:
        """Whether a redirect that failed may take effect all the same, later."""
        ...

    @property
    def quick(self) -> bool:
        """Whether it may be asked every few seconds where the clients go."""
        ...

    def where(self) -> Side | None:
        """The side that new connections get now; None = neither, or some this and some that.

        Raises:
            RedirectFailed: that cannot be found out.
        """
        ...

    def unfit(self) -> str | None:
        """Why it cannot do its part as it is set up; None = it can, as far as it tells."""
        ...

    def stage(self, to: Side) -> None:
        """Do beforehand what a redirect to that side needs and nobody notices; one that is given up needs no undoing.

        Raises:
            RedirectFailed: the redirect would fail, too.
        """
        ...

    def pause(self, deadline: Deadline) -> None:
        """Let transactions that run come to an end, and hold back the next ones."""
        ...

    def redirect(self, to: Side, deadline: Deadline) -> None:
        """Send the clients to that side; on return it is in force.

        Raises:
            RedirectFailed: it is not.
        """
        ...

    def resume(self) -> None:
        """Let the clients go on."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


class FileDriver:
    """A file that the clients read at every connecting: a connection string, or a section of a service file.

    Args:
        path: the file. Host, port and database are rewritten, all else in it stays; it is replaced in one step.
        addresses: of both sides.
        service: name of the section; None = the whole file is one connection string.
    """

    holds, late, quick = False, False, True

    def __init__(self, path: Path, addresses: Addresses, service: str | None = None) -> None:
        self._path, self._addresses, self._service = path, addresses, service
        self._next: Next | None = None

    def where(self) -> Side | None:
        given = self._given(self._text())
        found = (given.get("host"), given.get("port") or "5432", given.get("dbname"))
        for side, address in self._addresses.items():
            if found == (address.host, str(address.port), address.dbname):
                return side
        return None

    def unfit(self) -> str | None:
        return None

    def stage(self, to: Side) -> None:
        self.close()
        self._next = Next(self._path, self._with(to))

    def pause(self, deadline: Deadline) -> None:
        """Nothing: a file holds nobody."""

    def redirect(self, to: Side, deadline: Deadline) -> None:
        if self.where() is not to:
            deadline.check()
            text = self._with(to)
            (self._next if self._next and self._next.text == text else Next(self._path, text)).put()
        if self.where() is not to:
            raise RedirectFailed(f"{self._path} does not say {to} after it was written")

    def resume(self) -> None:
        """Nothing is held; what a driver that died had staged goes."""
        drop_next(self._path)

    def close(self) -> None:
        if self._next is not None:
            drop_next(self._path)
        self._next = None

    def _with(self, to: Side) -> str:
        text, address = self._text(), self._addresses[to]
        return _in_section(text, self._service, address) if self._service else _dsn_at(text, address)

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError as error:
            failure = RedirectFailed(f"{self._path} cannot be read", detail=error.strerror)
        raise failure

    def _given(self, text: str) -> Mapping[str, str]:
        if self._service is None:
            return connection_string.parse(text.strip())
        return dict(pair for _, pair in _section(text, self._service))


class Next:
    """The next text of a file, on the disk beside it, with its mode and owner; a symbolic link stays a link.

    Raises:
        RedirectFailed: it cannot be written.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.text = text
        try:
            self._path = path.resolve(strict=True)
            self._beside = _beside(self._path)
            self._beside.unlink(missing_ok=True)
            self._write()
        except OSError as error:
            failure = RedirectFailed(f"{path} cannot be replaced", detail=error.strerror)
        else:
            return
        raise failure

    def _write(self) -> None:
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(self.text)
            file.flush()
            known = self._path.stat()
            shutil.copymode(self._path, self._beside)
            if hasattr(os, "chown") and (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(self._beside, known.st_uid, known.st_gid)
            os.fsync(file.fileno())

    def put(self) -> None:
        """The file has that text, in one step; after a crash of the machine it is this one, or nobody saw it yet."""
        try:
            self._beside.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            failure = RedirectFailed(f"{self._path} cannot be replaced", detail=error.strerror)
        else:
            return
        raise failure


def drop_next(path: Path) -> None:
    """Take away what was staged and not put in place."""
    with suppress(OSError):  # what lies there disturbs nobody, and the next one replaces it
        _beside(path.resolve()).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.postai")


def _sync_directory(directory: Path) -> None:
    """Have the directory's entries on the disk (Windows cannot be asked to)."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dsn_at(text: str, address: Address) -> str:
    """A connection string with another host, port and database, in the form that it has."""
    stripped = text.strip()
    end = text[len(text.rstrip()) :]
    if not stripped.startswith(("postgresql://", "postgres://")):
        given = {key: value for key, value in connection_string.parse(stripped).items() if key != "hostaddr"}
        changed = {"host": address.host, "port": str(address.port), "dbname": address.dbname}
        return connection_string.build({**given, **changed}) + end
    parts = urlsplit(stripped)
    user, at, _ = parts.netloc.rpartition("@")
    host = f"[{address.host}]" if ":" in address.host else quote(address.host, safe="")
    place = f"{user}{at}{host}:{address.port}"
    return urlunsplit(parts._replace(netloc=place, path="/" + quote(address.dbname, safe=""))) + end


def _section(text: str, name: str) -> list[tuple[int, tuple[str, str]]]:
    """Line numbers (from 0) with key and value of a section of a service file.

    Raises:
        RedirectFailed: it has no such section.
    """
    found: list[tuple[int, tuple[str, str]]] | None = None
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        if stripped.startswith("["):
            if found is not None:
                break
            if stripped == f"[{name}]":
                found = []
        elif found is not None and "=" in stripped and not stripped.startswith("#"):
            key, _, value = stripped.partition("=")
            found.append((number, (key.strip(), value.strip())))
    if found is None:
        raise RedirectFailed(f"the service file has no section [{name}]")
    return found


def _in_section(text: str, name: str, address: Address) -> str:
    """The service file with another host, port and database in that section."""
    lines = text.splitlines()
    changed = {"host": address.host, "port": str(address.port), "dbname": address.dbname}
    for number, (key, _) in _section(text, name):
        if key in changed:
            lines[number] = f"{key}={changed.pop(key)}"
    head = next(number for number, line in enumerate(lines) if line.strip() == f"[{name}]")
    lines[head + 1 : head + 1] = [f"{key}={value}" for key, value in changed.items()]
    return "\n".join(lines) + "\n"


Maker = Callable[[Mapping[str, object], Addresses], Driver]


def _pgbouncer(options: Mapping[str, object], addresses: Addresses) -> Driver:
    from postai.replicate.pgbouncer import PgBouncerDriver

    return PgBouncerDriver(
        _text(options, "admin"), Path(_text(options, "file")), _texts(options, "databases"), addresses
    )


def _file(options: Mapping[str, object], addresses: Addresses) -> Driver:
    service = _text(options, "service") if "service" in options else None
    return FileDriver(Path(_text(options, "path")), addresses, service)


def _command(options: Mapping[str, object], addresses: Addresses) -> Driver:
    from postai.replicate.hooks import CommandDriver

    return CommandDriver(_texts(options, "command"), addresses, _seconds(options))


def _http(options: Mapping[str, object], addresses: Addresses) -> Driver:
    from postai.replicate.hooks import HttpDriver

    return HttpDriver(_text(options, "url"), addresses, _seconds(options))


@dataclass(frozen=True)
class Kind:
    """An entry of the registry of drivers.

    Attributes:
        name: what a person calls it.
        options: what must and may be given, with what it means.
        make: makes the driver.
    """

    name: str
    options: Mapping[str, str]
    make: Maker


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                "pgbouncer",
                {"admin": "connection string of the console", "file": "the ini file with the databases' lines",
                 "databases": "their names in it, all of this one database"},
                _pgbouncer,
            ),
            Kind("file", {"path": "the file", "service": "section of a service file (else it is a DSN)"}, _file),
            Kind("command", {"command": "program and arguments", "seconds": "time limit of one call"}, _command),
            Kind("http", {"url": "https, or http to this machine", "seconds": "time limit of one call"}, _http),
        )
    }
)  # fmt: skip


def make_driver(kind: str, options: Mapping[str, object], addresses: Addresses) -> Driver:
    """The driver of that name.

    Raises:
        UsageError: there is none of that name, or an option is unknown, missing or not of its type.
    """
    known = KINDS.get(kind)
    if known is None:
        raise UsageError(f"there is no redirect driver {kind!r}", hint=f"Known are: {', '.join(KINDS)}.")
    if unknown := sorted(set(options) - set(known.options)):
        raise UsageError(
            f"the redirect driver {kind} has no option {unknown[0]!r}",
            hint="It has: " + "; ".join(f"{name} ({meaning})" for name, meaning in known.options.items()) + ".",
        )
    return known.make(options, addresses)


def _text(options: Mapping[str, object], name: str) -> str:
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"the redirect driver needs {name!r}, a text")
    return value


def _texts(options: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = options.get(name)
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"the redirect driver needs {name!r}, a list of texts")
    return tuple(value)


def _seconds(options: Mapping[str, object]) -> float:
    value = options.get("seconds", 2.0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 60:
        raise UsageError("'seconds' of a redirect driver is a number above 0, up to 60")
    return float(value)
