"""Named connections of the command line: one TOML file that only its owner can read, and a passfile beside it.

A password is never written to the TOML file: it goes to the passfile, in libpq's own format.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from postai.database import dsn as connection_string
from postai.database import libpq_files
from postai.errors import UsageError

FILE = "connections.toml"
PASSFILE = "passfile"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEYWORDS = ("host", "port", "dbname", "user", "passfile", "service", "sslmode", "sslrootcert")


@dataclass(frozen=True, slots=True)
class NamedConnection:
    """One entry; the fields mean what libpq's keywords of the same name mean.

    Attributes:
        name: what the person calls it: letters, digits, dot, dash and underscore.
        direct_dsn: connection string that goes past a pooler, without a password.
    """

    name: str
    host: str | None = None
    port: int | None = None
    dbname: str | None = None
    user: str | None = None
    passfile: str | None = None
    service: str | None = None
    sslmode: str | None = None
    sslrootcert: str | None = None
    direct_dsn: str | None = None

    def dsn(self) -> str:
        """The connection string, without a password (the driver takes it from the passfile)."""
        given = {keyword: getattr(self, keyword) for keyword in _KEYWORDS}
        return connection_string.build({key: str(value) for key, value in given.items() if value is not None})


def from_dsn(name: str, dsn: str, *, direct_dsn: str | None = None) -> tuple[NamedConnection, str | None]:
    """An entry made of a connection string, and the password that the string carried.

    Raises:
        UsageError: the name or the string is malformed, the string has keywords that an entry cannot keep, or
            `direct_dsn` carries a password.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a connection", hint="Use letters, digits, '.', '-' and '_', at most 63 characters."
        )
    parameters = connection_string.parse(dsn)
    password = parameters.pop("password", None)
    unknown = sorted(set(parameters) - set(_KEYWORDS))
    if unknown:
        raise UsageError(
            f"a named connection cannot keep {', '.join(unknown)}",
            hint="Put these into a service file and name the service.",
        )
    if direct_dsn is not None and connection_string.has_password(direct_dsn):
        raise UsageError(
            "the direct connection string carries a password", hint="Keep the password in a passfile or service file."
        )
    port = parameters.pop("port", None)
    if port is not None and not port.isdigit():
        raise UsageError(f"port {port!r} is not a number")
    return (
        NamedConnection(name=name, port=int(port) if port else None, direct_dsn=direct_dsn, **parameters),
        password or None,
    )


def load_connections(directory: Path, *, windows: bool = os.name == "nt") -> tuple[NamedConnection, ...]:
    """All entries, ordered by name; none when there is no file.

    Args:
        directory: the configuration directory.
        windows: whether file modes mean nothing, as on Windows.

    Raises:
        UsageError: the file can be read by others, or is malformed.
    """
    path = directory / FILE
    if not path.exists():
        return ()
    libpq_files.refuse_loose(path, windows=windows)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("connection", [])
        found = [_entry(entry) for entry in entries]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is malformed", detail=str(error), hint="Repair it, or remove it and add the connections again."
        ) from None
    return tuple(sorted(found, key=lambda connection: connection.name))


def find_connection(directory: Path, name: str, *, windows: bool = os.name == "nt") -> NamedConnection:
    """The entry of that name.

    Raises:
        UsageError: there is none; the hint lists what there is.
    """
    connections = load_connections(directory, windows=windows)
    for connection in connections:
        if connection.name == name:
            return connection
    known = ", ".join(connection.name for connection in connections)
    raise UsageError(
        f"there is no connection {name!r}",
        hint=f"Known are: {known}." if known else "Add it with: post-ai connection add",
    )


def save_connection(
    directory: Path, connection: NamedConnection, password: str | None = None, *, windows: bool = os.name == "nt"
) -> NamedConnection:
    """Add the entry, or replace the one of the same name.

    Args:
        directory: the configuration directory; made when missing.
        connection: the entry.
        password: kept in the passfile beside the entries; the saved entry points to it.
        windows: whether file modes mean nothing, as on Windows.

    Returns:
        the entry as saved.
    """
    others = [other for other in load_connections(directory, windows=windows) if other.name != connection.name]
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if password is not None:
        connection = _with_password(directory, connection, password, windows=windows)
    entries = sorted([*others, connection], key=lambda one: one.name)
    _write(directory / FILE, "\n".join(map(_toml, entries)))
    return connection


def _with_password(directory: Path, connection: NamedConnection, password: str, *, windows: bool) -> NamedConnection:
    if connection.service or _CONTROL.search(password):
        raise UsageError(
            "this password cannot be kept in a passfile",
            hint="With a service, keep the password in the service file; a password has no control characters.",
        )
    if not connection.host or not connection.user:
        raise UsageError("a password is kept for a host and a user", hint="Give host and user.")
    path = directory / PASSFILE
    lines = []
    if path.exists():
        libpq_files.refuse_loose(path, windows=windows)
        lines = path.read_text(encoding="utf-8").splitlines()
    place = (
        connection.host,
        str(connection.port or 5432),
        connection.dbname or connection.user,
        connection.user,
    )
    kept = [line for line in lines if tuple(libpq_files.split_passfile_line(line)[:4]) != place]
    _write(path, "\n".join([*kept, libpq_files.passfile_line(*place, password)]) + "\n")
    values = {field.name: getattr(connection, field.name) for field in fields(connection)}
    return NamedConnection(**{**values, "passfile": str(path)})


def _entry(values: object) -> NamedConnection:
    if not isinstance(values, dict):
        raise TypeError("[[connection]] is not a table")
    if any(keyword in connection_string.SECRETS for keyword in values):
        raise ValueError("a connection holds a password; it belongs into a passfile")
    for key, value in values.items():
        if not isinstance(value, int if key == "port" else str):
            raise TypeError(f"{key} is not of the right type")
    try:
        return NamedConnection(**values)
    except TypeError:
        raise TypeError(f"unknown or missing keys among {', '.join(sorted(values))}") from None


def _toml(connection: NamedConnection) -> str:
    lines = ["[[connection]]"]
    for key, value in asdict(connection).items():
        if isinstance(value, str) and _CONTROL.search(value):
            raise UsageError(f"{key} of connection {connection.name!r} holds a control character")
        if value is not None:
            # A JSON string without control characters is also a TOML basic string.
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Replace the file in one step; mkstemp makes it readable by its owner only, from the first byte on."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
