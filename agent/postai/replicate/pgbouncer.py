"""The redirect driver for PgBouncer: PAUSE, another host in the databases' lines, RELOAD, RESUME.

Where it sends clients is what SHOW DATABASES says: the file may say more than was loaded.
https://www.pgbouncer.org/usage.html#admin-console
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from postai.database import dsn as connection_string
from postai.database import failures
from postai.deadline import Deadline
from postai.errors import FeatureMissing, UsageError
from postai.replicate.redirect import Address, Addresses, Next, RedirectFailed, drop_next
from postai.replicate.types import Side

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

# Seconds for a command of the console that waits for nobody.
CALL_SECONDS = 2.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*")
_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|[^\s']+)")


class PgBouncerDriver:
    """PgBouncer with one console and one file.

    Args:
        admin: connection string of its console (database pgbouncer) for a user of admin_users.
        file: the ini file, or the one that it includes, with the databases' lines.
        databases: their names in it; each stands for the database that moves.
        addresses: of both sides as PgBouncer reaches them.
    """

    holds, late, quick = True, False, True

    def __init__(self, admin: str, file: Path, databases: tuple[str, ...], addresses: Addresses) -> None:
        if wrong := [name for name in databases if not _NAME.fullmatch(name)]:
            raise UsageError(f"{wrong[0]!r} cannot name a database of PgBouncer")
        self._admin, self._file, self._databases, self._addresses = admin, file, databases, addresses
        self._console: PGconn | None = None
        self._next: Next | None = None

    def where(self) -> Side | None:
        shown = self._shown()
        for side, address in self._addresses.items():
            if all(shown[name][:3] == (address.host, str(address.port), address.dbname) for name in self._databases):
                return side
        return None

    def unfit(self) -> str | None:
        modes = {one["name"]: one.get("pool_mode") for one in self._call("SHOW DATABASES")}
        usual = next((one["value"] for one in self._call("SHOW CONFIG") if one["key"] == "pool_mode"), "")
        wrong = [name for name in self._databases if (modes.get(name) or usual) == "session"]
        if not wrong:
            return None
        return f"PgBouncer has pool_mode = session for {wrong[0]}: a pause would wait until every client has gone"

    def stage(self, to: Side) -> None:
        self._unstage()
        self._next = Next(self._file, _with_hosts(self._file_text(), self._databases, self._addresses[to]))

    def pause(self, deadline: Deadline) -> None:
        for name in self._databases:
            if not self._paused(name):
                self._call(f"PAUSE {name}", deadline)

    def redirect(self, to: Side, deadline: Deadline) -> None:
        text = self._file_text()
        changed = _with_hosts(text, self._databases, self._addresses[to])
        if changed != text:
            (self._next if self._next and self._next.text == changed else Next(self._file, changed)).put()
        if changed != text or self.where() is not to:
            self._call("RELOAD", Deadline.after(max(deadline.remaining(), CALL_SECONDS)))
        if self.where() is not to:
            raise RedirectFailed(
                f"PgBouncer does not send its clients to the {to} after RELOAD",
                hint="Its log says what is wrong with its configuration.",
            )

    def resume(self) -> None:
        drop_next(self._file)
        for name in self._databases:
            if self._paused(name):
                self._call(f"RESUME {name}")

    def close(self) -> None:
        self._unstage()
        if self._console is not None:
            self._console.finish()
        self._console = None

    def _unstage(self) -> None:
        if self._next is not None:
            drop_next(self._file)
        self._next = None

    def _paused(self, name: str) -> bool:
        return self._shown()[name][3] == "1"

    def _shown(self) -> Mapping[str, tuple[str, str, str, str]]:
        """Host, port, database and whether it is paused, of each of the databases."""
        rows = self._call("SHOW DATABASES")
        found = {one["name"]: (one["host"], one["port"], one["database"], one["paused"]) for one in rows}
        if missing := [name for name in self._databases if name not in found]:
            raise RedirectFailed(f"PgBouncer has no database {missing[0]}", hint=f"Give it a line in {self._file}.")
        return found

    def _call(self, command: str, deadline: Deadline | None = None) -> list[dict[str, str]]:
        """One command of the console and its rows; once more on a new connection when the old one was lost.

        Raises:
            DeadlineExceeded: it did not end in time; the connection is given up, which ends a waiting PAUSE.
            RedirectFailed: the console refused it, or is not there.
        """
        deadline = deadline or Deadline.after(CALL_SECONDS)
        fresh = self._console is None
        try:
            return self._ask(command, deadline)
        except RedirectFailed:
            if fresh:
                raise
        return self._ask(command, deadline)

    def _ask(self, command: str, deadline: Deadline) -> list[dict[str, str]]:
        from psycopg import OperationalError, pq

        console = self._console = self._console or self._open(deadline)
        rows: list[dict[str, str]] = []
        try:
            console.send_query(command.encode())
            while True:
                while console.is_busy():
                    select.select([console.socket], [], [], min(0.05, deadline.remaining() + 0.001))
                    console.consume_input()
                    if console.is_busy():
                        deadline.check()
                result = console.get_result()
                if result is None:
                    return rows
                if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                    raise self._refused(command, bytes(result.error_message))
                names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
                for row in range(result.ntuples):
                    values = [(result.get_value(row, at) or b"").decode() for at in range(result.nfields)]
                    rows.append(dict(zip(names, values, strict=True)))
        except OperationalError as error:
            self.close()
            failure = self._refused(command, str(error).encode())
        except BaseException:
            self.close()
            raise
        raise failure

    def _open(self, deadline: Deadline) -> PGconn:
        try:
            from psycopg import pq
        except ImportError:
            raise FeatureMissing("PgBouncer's console needs psycopg", hint="Install libpq.") from None
        console = pq.PGconn.connect_start(
            connection_string.build({**connection_string.parse(self._admin), "application_name": "postai"}).encode()
        )
        until = min(time.monotonic() + CALL_SECONDS, deadline.at)
        while True:
            status = console.connect_poll()
            if status == pq.PollingStatus.OK:
                return console
            left = until - time.monotonic()
            if status == pq.PollingStatus.FAILED or left <= 0:
                message = bytes(console.error_message) or b"it does not answer"
                console.finish()
                raise self._refused("connecting", message)
            reading = status == pq.PollingStatus.READING
            select.select([console.socket] if reading else [], [] if reading else [console.socket], [], left)

    def _refused(self, command: str, message: bytes) -> RedirectFailed:
        secrets = failures.hidden_values(connection_string.parse(self._admin))
        return RedirectFailed(
            f"PgBouncer's console failed at {command}",
            detail=failures.scrub(message.decode(errors="replace").strip(), secrets),
            hint=f"The console is {connection_string.label(self._admin)}; its user must be one of admin_users.",
        )

    def _file_text(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8")
        except OSError as error:
            failure = RedirectFailed(f"{self._file} cannot be read", detail=error.strerror)
        raise failure


def _with_hosts(text: str, databases: tuple[str, ...], address: Address) -> str:
    """The ini file with another host, port and database in these databases' lines.

    Raises:
        RedirectFailed: one of them has no line.
    """
    lines, found, inside = text.splitlines(keepends=True), set(), True
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.lower() == "[databases]"
        name, equals, rest = stripped.partition("=")
        name = name.strip().strip('"')
        if inside and equals and name in databases:
            found.add(name)
            if (line_of := _line(rest, address)) is not None:
                lines[number] = f"{name} = {line_of}\n"
    if missing := sorted(set(databases) - found):
        raise RedirectFailed(f"no line of {missing[0]} in PgBouncer's file", hint="Name the file that has it.")
    return "".join(lines)


def _line(rest: str, address: Address) -> str | None:
    """What stands after the name, with that address; None when it has it already."""
    given = {key: value for key, value in _PAIR.findall(rest)}
    wanted = {"host": _quoted(address.host), "port": str(address.port), "dbname": _quoted(address.dbname)}
    if {"port": "5432", **given}.items() >= wanted.items():
        return None
    return " ".join(f"{key}={value}" for key, value in {**given, **wanted}.items())


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w.:/-]+", value) else "'" + value.replace("'", "''") + "'"
