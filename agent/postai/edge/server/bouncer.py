"""A PgBouncer between the edge and its server, which the edge configures, starts and keeps running.

The edge logs in to it with what its clients proved, and it logs in to the server with the same: all three hold one
SCRAM verifier for a user. Facts are from https://www.pgbouncer.org/config.html (auth_file: a SCRAM secret that is the
server's own serves both sides; settings; quoting in [databases]).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from postai.database import dsn as connection_string
from postai.edge.server import upstream
from postai.edge.server.edge import Place
from postai.edge.server.room import files_needed
from postai.errors import FeatureMissing, UsageError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)

PROGRAM = "pgbouncer"
STARTED_WITHIN = 10.0
STOPPED_WITHIN = 5.0
AGAIN = 1.0
"""Seconds after which it is started again when it ends."""
PREPARED = (1, 21)
"""Version that knows prepared statements in pool_mode = transaction."""


def directory(settings: EdgeSettings) -> Path:
    """Where its socket and its configuration are."""
    return settings.runtime_directory / f"pgbouncer.{settings.port}"


def before(settings: EdgeSettings, places: dict[str, Place]) -> dict[str, Place]:
    """Where each database is for the edge, when a PgBouncer stands before its servers.

    Args:
        settings: of the edge.
        places: where the databases are.
    """
    if settings.pgbouncer is None:
        return places
    address = upstream.addresses(f"host='{directory(settings)}' port={settings.port}")
    return {name: Place(address, None) for name in places}


def configuration(settings: EdgeSettings, version: tuple[int, int]) -> str:
    """The text of pgbouncer.ini.

    Args:
        settings: of the edge.
        version: PgBouncer's.

    Raises:
        UsageError: they say what PgBouncer cannot do.
    """
    servers = {one.name: (one.server or settings.server or "", one.dbname) for one in settings.database}
    tls: set[tuple[str, str | None]] = set()
    lines = ["[databases]"]
    for name, (dsn, dbname) in (servers or {"*": (settings.server or "", None)}).items():
        found = upstream.addresses(dsn)
        if len(found) != 1:
            raise UsageError("PgBouncer behind the edge takes one host for each database", detail=name)
        if found[0].sslmode != "disable":
            tls.add((found[0].sslmode, connection_string.parse(dsn).get("sslrootcert")))
        where = {"host": found[0].host, "port": found[0].port, "dbname": dbname}
        said = " ".join(f"{key}={_quoted(value)}" for key, value in where.items() if value is not None)
        lines.append(f"{'*' if name == '*' else _identifier(name)} = {said}")
    if len(tls) > 1 or any(root == "system" for _, root in tls):
        raise UsageError("PgBouncer has one sslmode, and one file sslrootcert, for all servers")
    sessions = settings.max_connections * settings.processes
    pooled = settings.pgbouncer == "transaction"
    told: dict[str, object] = {
        "unix_socket_dir": directory(settings),
        "unix_socket_mode": "0700",
        "listen_port": settings.port,
        "auth_type": "scram-sha-256",
        "auth_file": settings.auth_file,
        "pool_mode": settings.pgbouncer,
        "max_client_conn": 2 * sessions,  # two generations of processes
        "default_pool_size": settings.pool_size if pooled else 2 * sessions,
        "ignore_startup_parameters": "extra_float_digits",
        "log_connections": 0,
        "log_disconnections": 0,
    }
    if pooled and version >= PREPARED:
        told["max_prepared_statements"] = settings.pool_statements
    for mode, root in tls:
        told |= {"server_tls_sslmode": mode} | ({} if root is None else {"server_tls_ca_file": root})
    lines += ["[pgbouncer]", *(f"{key} = {_plain(str(value))}" for key, value in told.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return "'" + _plain(value).replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + _plain(name).replace('"', '""') + '"'


def _plain(value: str) -> str:
    if not value.isprintable():
        raise UsageError("PgBouncer's configuration takes no control characters", detail=ascii(value))
    return value


class Bouncer:
    """PgBouncer as a child process.

    Args:
        settings: of the edge.

    Raises:
        UsageError, FeatureMissing: it is not installed, or cannot do what is wanted.
    """

    def __init__(self, settings: EdgeSettings) -> None:
        self._program = _program()
        self._place = directory(settings)
        self._socket = self._place / f".s.PGSQL.{settings.port}"
        self._file = self._place / "pgbouncer.ini"
        self._number = self._place / "pid"
        self._text = configuration(settings, _version(self._program))
        self._files = files_needed(settings.max_connections * settings.processes)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens.

        Raises:
            UsageError: it does not.
        """
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._end_orphan()
        self._file.touch(mode=0o600)
        self._file.write_text(self._text)
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        await self._run()
        try:
            async with asyncio.timeout(STARTED_WITHIN):
                while not self._socket.exists():
                    await asyncio.sleep(0.05)
                    if self._process is not None and self._process.returncode is not None:
                        raise UsageError("PgBouncer does not start", hint="What it says itself stands before this.")
        except TimeoutError:
            await self.stop()
            raise UsageError("PgBouncer does not listen", detail=str(self._socket)) from None
        self._watch = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """End it, with the sessions that it still has."""
        if self._watch is not None:
            self._watch.cancel()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOPPED_WITHIN)
        except TimeoutError:
            if self._process.returncode is None:  # it may have ended at that moment
                self._process.kill()

    async def _run(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-q", str(self._file), stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._number.write_text(str(self._process.pid))

    async def _end_orphan(self) -> None:
        """End the one that an edge which was killed has left behind, with its connections to servers."""
        if not self._number.exists() or not (said := self._number.read_text()).isdigit():
            return
        line = Path("/proc", said, "cmdline")  # the number may be another process's by now
        for sent in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + STOPPED_WITHIN
            while _names(line, self._file):
                if time.monotonic() > end:
                    break
                with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, or is somebody else's
                    os.kill(int(said), sent)
                await asyncio.sleep(0.2)

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            log.error("PgBouncer ended and is started again", extra={"pid": self._process.pid, "code": code})
            await asyncio.sleep(AGAIN)
            await self._run()


def _names(line: Path, file: Path) -> bool:
    """Whether a process's command line names a file; not one that has ended."""
    try:
        return os.fsencode(file) in line.read_bytes().split(b"\0")
    except OSError:
        return False


def installed() -> str | None:
    """Where the program is."""
    return shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _program() -> str:
    found = installed()
    if found is None:
        raise FeatureMissing("PgBouncer is not installed", hint="apt install pgbouncer, or unset edge.pgbouncer")
    return found


def _version(program: str) -> tuple[int, int]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    numbers = re.search(r"(\d+)\.(\d+)", told)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
