"""`post-ai init` and `post-ai demo`: a private server, from nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import DEFAULT

if TYPE_CHECKING:
    from postai.setup.local import LocalInstance

LOOK_SECONDS = 1.0
"""How often a demonstration looks whether it is still there."""


class Server(StrEnum):
    """Which server programs are used."""

    auto = "auto"
    embedded = "embedded"
    debian = "debian"


ServerOption = Annotated[
    Server, typer.Option("--server", help="embedded: from the wheel; debian: installed packages; auto: what fits best.")
]
OsUser = Annotated[str | None, typer.Option("--os-user", help="OS user of server and sidecar (needed by root).")]


class _Steps:
    """Says each step that lasts, and at its end how long it took; quick ones are not worth a line."""

    SHOWN_AFTER = 0.5  # seconds

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text: str | None = None
        self._shown = False
        self._began = 0.0
        self._timer = threading.Timer(0, self._show)

    def __call__(self, text: str) -> None:
        self.finish()
        with self._lock:
            self._text, self._shown, self._began = text, False, time.monotonic()
        self._timer = threading.Timer(self.SHOWN_AFTER, self._show)
        self._timer.daemon = True
        self._timer.start()

    def finish(self) -> None:
        """The step that was said last is over."""
        self._timer.cancel()
        with self._lock:
            if self._shown:
                sys.stderr.write(f" {time.monotonic() - self._began:.1f} s\n")
                sys.stderr.flush()
            self._text, self._shown = None, False

    def _show(self) -> None:
        with self._lock:
            if self._text is not None:
                self._shown = True
                sys.stderr.write(f"  {self._text} ...")
                sys.stderr.flush()


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    steps = _Steps()
    try:
        yield steps
    finally:
        steps.finish()


def _forget_environment() -> None:
    """A private server is found by what we know of it: PGPASSWORD and its like would mislead us and psql."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def init(
    database: Annotated[str, typer.Argument(help="Name of the database and of the login that owns it.")] = "app",
    home: Annotated[
        Path | None, typer.Option("--home", help="Directory that holds all of it. Default: below the configuration.")
    ] = None,
    os_user: OsUser = None,
    server: ServerOption = Server.embedded,
    stop: Annotated[bool, typer.Option("--stop", help="Stop server and sidecar; the files stay.")] = False,
    json: Json = False,
) -> None:
    """Create a local database with postai: private server, sidecar, configuration. A second run changes nothing."""
    from postai.setup.local import LocalInstance, default_home

    _forget_environment()
    instance = LocalInstance((home or default_home(database)).absolute(), database, os_user)
    if stop:
        instance.stop()
        if json:
            output.show_json({"stopped": instance.home})
        else:
            output.say(f"stopped; the files are in {instance.home}")
        return
    with instance.hold(), _steps() as on_step:
        instance.create(server.value, on_step)
        report = instance.prepare_database(on_step)
        instance.start_agent(on_step)
    name = _save(instance)
    text = instance.connection_string()
    if json:
        output.show_json({"connection": name, "dsn": text, "home": instance.home, "transport": report.transport})
        return
    if report.transport == "call":
        for notice in report.notices:
            output.say(f"note: {notice}")
    output.say(f'Ready: {instance.psql()} "{text}"')
    output.say(f"Saved as connection {name}. Create tables, then ask about them: post-ai ask 'how many ...?' -c {name}")
    output.say(f"Stop it with: post-ai init {database} --stop{f' --home {instance.home}' if home else ''}")


def _save(instance: LocalInstance) -> str:
    """Save the connection under `default`, or under the database's name when that is taken; found again by its file."""
    from postai.database.connections import NamedConnection, load_connections, save_connection
    from postai.settings import config_directory

    directory, passfile = config_directory(), str(instance.passfile)
    known = {connection.name: connection for connection in load_connections(directory)}
    name = next((name for name, one in known.items() if one.passfile == passfile), None)
    if name is None:
        name = instance.database if DEFAULT in known else DEFAULT
    user, port = instance.database, instance.server().port
    save_connection(
        directory,
        NamedConnection(name=name, host="127.0.0.1", port=port, dbname=user, user=user, passfile=passfile),
    )
    return name


def demo(
    home: Annotated[Path, typer.Option("--home", help="Directory that holds the demonstration.")] = Path(
        ".postai/demo"
    ),
    os_user: OsUser = None,
    server: ServerOption = Server.auto,
    once: Annotated[bool, typer.Option("--once", help="Stop everything and exit after the session.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Stop and delete the demonstration.")] = False,
    json: Json = False,
) -> None:
    """Build the sample store with postai, show a session in psql, and keep it and its dashboard until Ctrl-C."""
    from postai.setup import demo as demonstration
    from postai.setup.local import LocalInstance

    _forget_environment()
    home = home.absolute()
    instance = LocalInstance(home, demonstration.DATABASE, os_user)
    if remove:
        instance.remove()
        if json:
            output.show_json({"removed": home})
        else:
            output.say(f"removed {home}")
        return
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])):
        signal.signal(number, _interrupt)
    with instance.hold() as ours:
        try:
            _show(instance, server.value, once, json)
            if not once:
                output.say("Running until Ctrl-C. `make clean` removes all of it.")
                sys.stdout.flush()
                _wait_for_stop(ours)
        finally:
            if ours():
                _stop(instance)
            else:
                output.note(f"Another process removed {home}: the demonstration has ended.")


def _show(instance: LocalInstance, server: str, once: bool, json: bool) -> None:
    from postai.setup import demo as demonstration

    began = time.monotonic()
    with _steps() as on_step:
        demonstration.build(instance, server, on_step)
        has_web = find_spec("fastapi") is not None
        address = instance.start_web(on_step) if has_web else None
    session = demonstration.show_session(instance)
    seconds = time.monotonic() - began
    command = f'{instance.psql()} "{instance.connection_string()}"'
    if json:
        output.show_json({"psql": command, "dashboard": address, "seconds": round(seconds, 1), "session": session})
        return
    sys.stdout.write("\n" + session + "\n")
    output.say(f"Ready after {seconds:.0f} s.")
    if not once:
        output.say(f"Open it yourself:\n  {command}")
        output.say(
            f"In a browser: {_login(instance, address)}" if address else "The dashboard: pip install 'postai[web]'"
        )
    sys.stdout.flush()


def _login(instance: LocalInstance, address: str) -> str:
    """Where to log in and as whom; the password only on a person's own terminal, as a log would keep it."""
    known = instance.password() if sys.stdout.isatty() else None
    secret = f"password {known}" if known else f"its password is the last field of {instance.passfile}"
    return f"{address}\n  role {instance.database}, {secret}"


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _stop(instance: LocalInstance) -> None:
    """Stop to the end, also when Ctrl-C is pressed once more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.stderr.write("Stopping the dashboard, the sidecar and the server ...\n")
    instance.stop()


def _wait_for_stop(ours: Callable[[], bool]) -> None:
    """Wait for Ctrl-C, or for the end of the instance by another hand."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while ours() and not stop.wait(LOOK_SECONDS):
        pass
