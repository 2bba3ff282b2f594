"""`post-ai init` and `post-ai demo`: a private server, from nothing."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.database.connections import Connection, ConnectionFile
from postai.settings import config_directory
from postai.setup import demo as demonstration
from postai.setup.local import LocalInstance, OnStep

Server = Annotated[str, typer.Option("--server", help="embedded (the wheel), debian (installed packages) or auto.")]


@contextmanager
def _steps() -> Iterator[OnStep]:
    """Say each step when it begins, and how long it took when the next one begins."""
    state = {"text": "", "at": 0.0}

    def finish() -> None:
        if state["text"]:
            sys.stderr.write(f" {time.monotonic() - float(state['at']):.1f} s\n")
            sys.stderr.flush()

    def on_step(text: str) -> None:
        finish()
        state["text"], state["at"] = text, time.monotonic()
        sys.stderr.write(f"  {text} ...")
        sys.stderr.flush()

    try:
        yield on_step
    finally:
        finish()


def init(
    database: Annotated[str, typer.Argument(help="Name of the database and of the login that owns it.")] = "app",
    home: Annotated[Path | None, typer.Option("--home", help="Directory that will hold all of it.")] = None,
    server: Server = "embedded",
    json: Json = False,
) -> None:
    """Create a local database with postai: private server, sidecar, configuration. A second run changes nothing."""
    instance = LocalInstance((home or config_directory() / "local" / database).absolute(), database)
    with _steps() as on_step:
        instance.create(server, on_step)
        report = instance.prepare_database(on_step)
        instance.start_agent(on_step)
    saved = ConnectionFile.default()
    name = "default" if "default" not in saved.names() else database
    local = instance.server()
    saved.add(
        Connection(
            name=name, host="127.0.0.1", port=local.port, dbname=database, user=database, passfile=instance.passfile
        )
    )
    text = instance.connection_string()
    if json:
        output.show_json({"connection": name, "dsn": text, "home": instance.home, "transport": report.transport})
        return
    output.say(f'Ready: {instance.psql()} "{text}"')
    output.say(f"Saved as connection {name}; try: post-ai ask 'which tables are there?' -c {name}")


def demo(
    home: Annotated[Path, typer.Option("--home", help="Directory that holds the demonstration.")] = Path(
        ".postai/demo"
    ),
    os_user: Annotated[str | None, typer.Option("--os-user", help="OS user of server and sidecar (for root).")] = None,
    server: Server = "auto",
    once: Annotated[bool, typer.Option("--once", help="Stop everything and exit after the session.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Stop and delete the demonstration.")] = False,
    json: Json = False,
) -> None:
    """Build the sample store with postai, show a session in psql, and keep it running until Ctrl-C."""
    home = home.absolute()
    instance = LocalInstance(home, demonstration.DATABASE, os_user)
    if remove:
        instance.remove()
        output.say(f"removed {home}")
        return
    began = time.monotonic()
    with _steps() as on_step:
        demonstration.build(home, os_user, server, on_step)
    try:
        session = demonstration.show_session(instance)
        command = f'{instance.psql()} "{instance.connection_string()}"'
        if json:
            output.show_json({"psql": command, "seconds": time.monotonic() - began, "session": session})
        else:
            sys.stdout.write("\n" + session + "\n")
            output.say(f"Ready after {time.monotonic() - began:.0f} s. Open it yourself:\n  {command}")
        if not once:
            output.say("Running until Ctrl-C. `make clean` removes all of it.")
            _wait_for_stop()
    finally:
        instance.stop()


def _wait_for_stop() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
