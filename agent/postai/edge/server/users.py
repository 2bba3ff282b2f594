"""Where the edge finds what is stored of a user's password: a file, or a query on the server.

Both are asked in a thread. What they give has the forms of pg_authid.rolpassword (a SCRAM verifier, an md5 hash), and
in a file it may be the password itself.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Protocol

from postai.database import Database, connect
from postai.database.errors import ConnectionLost
from postai.database.libpq_files import refuse_loose
from postai.edge import md5
from postai.edge.scram import Verifier
from postai.errors import UsageError

_LINE = re.compile(r'\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"\s*')


class Users(Protocol):
    """Gives what is stored of a user's password."""

    def stored(self, user: str) -> str | None:
        """The stored form; None when there is no such user, or no password."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class FileUsers:
    """Users of a file with lines of `"name" "secret"`, which is read again when it has changed.

    Args:
        path: the file; only its owner may read it.

    Raises:
        UsageError: it is missing, malformed, or open to others.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[float, int] | None = None
        self._users: dict[str, str] = {}
        self.stored("")

    def stored(self, user: str) -> str | None:
        if not self._path.is_file():
            raise UsageError(f"there is no file {self._path}", hint="edge.auth_file names the list of users.")
        state = self._path.stat()
        if self._read != (state.st_mtime, state.st_size):
            refuse_loose(self._path)
            self._users = _parse(self._path)
            self._read = (state.st_mtime, state.st_size)
        return self._users.get(user)

    def close(self) -> None:
        """Nothing is held."""


def _parse(path: Path) -> dict[str, str]:
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith((";", "#")):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UsageError(
                f"{path}: line {number} is malformed", hint='Write "name" "secret"; a quote within is doubled.'
            )
        found[match[1].replace('""', '"')] = match[2].replace('""', '"')
    return found


class QueryUsers:
    """Users that a query finds, in a session that stays open.

    Args:
        dsn: connection string of a role that may read what is stored.
        query: the query, with $1 for the user's name; the last column of its row is what is stored.
    """

    def __init__(self, dsn: str, query: str) -> None:
        self._dsn = dsn
        self._query = query.replace("%", "%%").replace("$1", "%s")
        self._count = query.count("$1")
        self._session: Database | None = None
        self._lock = threading.Lock()

    def stored(self, user: str) -> str | None:
        if not user.isprintable():  # also what is no UTF-8, and could not be sent
            return None
        with self._lock:
            if self._session is not None:
                try:
                    return self._ask(self._session, user)
                except ConnectionLost:
                    self._session = None
            self._session = connect(self._dsn, application_name="postai edge", statement_timeout_ms=5000)
            return self._ask(self._session, user)

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _ask(self, session: Database, user: str) -> str | None:
        rows = session.query(self._query, [user] * self._count)
        found = str(rows[0][-1]) if rows else ""
        # Nothing else is taken for a password: pg_roles, for example, shows eight asterisks for everybody.
        return found if md5.is_stored(found) or Verifier.parse(found) else None
