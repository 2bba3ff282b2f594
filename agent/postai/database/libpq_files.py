"""What libpq looks up beside the connection string, for the driver that has no libpq: environment, service file,
passfile and defaults.

https://www.postgresql.org/docs/current/libpq-pgservice.html, libpq-pgpass.html, libpq-envars.html
"""

from __future__ import annotations

import getpass
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from postai.errors import UsageError

_ENVIRONMENT = {
    "PGHOST": "host", "PGHOSTADDR": "hostaddr", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user",
    "PGPASSWORD": "password", "PGPASSFILE": "passfile", "PGSERVICE": "service", "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert", "PGSSLCERT": "sslcert", "PGSSLKEY": "sslkey",
}  # fmt: skip
_SOCKETS = ("/var/run/postgresql", "/tmp")  # noqa: S108  (where Debian's and PostgreSQL's own builds listen)


def resolve(
    parameters: Mapping[str, str],
    *,
    environment: Mapping[str, str] = os.environ,
    windows: bool = os.name == "nt",
) -> dict[str, str]:
    """Complete parameters: the given ones, then the service's, then the environment's, then defaults.

    Args:
        parameters: of the connection string.
        environment: where PGHOST and its like are looked up.
        windows: whether files lie where libpq has them on Windows.
    """
    found = dict(parameters)
    service = found.get("service") or environment.get("PGSERVICE")
    if service:
        for keyword, value in _service(service, environment, windows).items():
            found.setdefault(keyword, value)
    for variable, keyword in _ENVIRONMENT.items():
        if environment.get(variable):
            found.setdefault(keyword, environment[variable])
    if not found.get("user"):
        found["user"] = getpass.getuser()
    if not found.get("dbname"):
        found["dbname"] = found["user"]
    if not found.get("port"):
        found["port"] = "5432"
    if not found.get("host"):
        found["host"] = found.get("hostaddr") or _default_host(found["port"], windows)
    if not found.get("passfile"):
        found["passfile"] = str(_directory(environment) / "pgpass.conf" if windows else Path.home() / ".pgpass")
    return found


def port_of(parameters: Mapping[str, str], index: int) -> str:
    """The port of the host at that place; a single port serves all hosts.

    Raises:
        UsageError: the number of ports does not fit the hosts, or a port is no number.
    """
    ports = parameters["port"].split(",")
    if len(ports) not in (1, len(parameters["host"].split(","))):
        raise UsageError("the connection string has not as many ports as hosts")
    port = (ports[0] if len(ports) == 1 else ports[index]) or "5432"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"port {port!r} is not a number from 1 to 65535")
    return port


def password_for(parameters: Mapping[str, str]) -> str | None:
    """The password of the connection: given, or from the passfile.

    Raises:
        UsageError: the passfile can be read by others.
    """
    if parameters.get("password"):
        return parameters["password"]
    path = Path(parameters["passfile"])
    if not path.is_file():
        return None
    refuse_loose(path)
    host = "localhost" if parameters["host"] in _SOCKETS else parameters["host"]
    wanted = (host, parameters["port"], parameters["dbname"], parameters["user"])
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = split_passfile_line(line)
        if len(fields) >= 5 and all(field in ("*", value) for field, value in zip(fields, wanted, strict=False)):
            return fields[4]
    return None


def split_passfile_line(line: str) -> list[str]:
    """The fields of a passfile's line; a backslash takes the next character as it is."""
    if line.startswith("#"):
        return []
    fields: list[str] = []
    current, at = "", 0
    while at < len(line):
        if line[at] == "\\" and at + 1 < len(line):
            current += line[at + 1]
            at += 2
        elif line[at] == ":" and len(fields) < 4:
            fields.append(current)
            current = ""
            at += 1
        else:
            current += line[at]
            at += 1
    return [*fields, current]


def passfile_line(host: str, port: str, dbname: str, user: str, password: str) -> str:
    """A line of a passfile for exactly that connection."""
    return ":".join(value.replace("\\", "\\\\").replace(":", "\\:") for value in (host, port, dbname, user, password))


def refuse_loose(path: Path, *, windows: bool = os.name == "nt") -> None:
    """Refuse a secret file that its group or others can read or write (Windows keeps rights in another way).

    Raises:
        UsageError: with the command that repairs it.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if not windows and mode & 0o077:
        raise UsageError(f"{path} can be read by other users", detail=f"mode {mode:04o}", hint=f"chmod 600 '{path}'")


def _service(name: str, environment: Mapping[str, str], windows: bool) -> dict[str, str]:
    user_file = environment.get("PGSERVICEFILE") or (
        _directory(environment) / ".pg_service.conf" if windows else Path.home() / ".pg_service.conf"
    )
    files = [Path(user_file)]
    system = environment.get("PGSYSCONFDIR") or (None if windows else "/etc/postgresql-common")
    if system:
        files.append(Path(system) / "pg_service.conf")
    for file in files:
        entries = _section(file, name) if file.is_file() else None
        if entries is not None:
            return entries
    raise UsageError(
        f"the service {name!r} is not defined",
        detail=f"looked in {', '.join(map(str, files))}",
        hint="Add a section [name] with host=..., port=..., dbname=..., user=... to the service file.",
    )


def _section(file: Path, name: str) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            if found is not None:
                return found
            if text == f"[{name}]":
                found = {}
        elif found is not None and "=" in text:
            keyword, _, value = text.partition("=")
            found.setdefault(keyword.strip(), value.strip())
    return found


def _directory(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("APPDATA") or Path.home()) / "postgresql"


def _default_host(port: str, windows: bool) -> str:
    if windows:
        return "localhost"
    return next((path for path in _SOCKETS if Path(path, f".s.PGSQL.{port}").exists()), "localhost")
