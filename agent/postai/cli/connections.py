"""`post-ai connect` and `post-ai connection add|test|list`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, resolve
from postai.database import connect
from postai.database.connections import Connection, ConnectionFile
from postai.errors import UsageError

app = typer.Typer(help="Named connections: saved once, tested, without a password in the file.", no_args_is_help=True)


def _test(dsn: str) -> dict[str, object]:
    """Open a session and read what it is."""
    with connect(dsn, application_name="post-ai") as database:
        row = database.query(
            "select pg_catalog.current_database(), current_user, pg_catalog.current_setting('server_version')"
        )[0]
    return dict(zip(("database", "user", "server_version"), row, strict=True))


def connect_command(
    name: Annotated[
        str | None, typer.Argument(help="A named connection. Default: the one that other commands use.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Open a session too.")] = False,
    json: Json = False,
) -> None:
    """Print the connection string for psql and other programs; it never holds the password."""
    dsn = resolve(None, name)
    result = _test(dsn) if test else {}
    if json:
        output.show_json({"dsn": dsn, **result})
        return
    output.say(dsn)
    if test:
        output.say(f"ok: {result['database']} as {result['user']}, PostgreSQL {result['server_version']}")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="How other commands will call it; `default` is used when none is named.")],
    host: Annotated[str | None, typer.Option(help="Host name, address or socket directory.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5432,
    dbname: Annotated[str | None, typer.Option(help="Database. Default: the user's name.")] = None,
    user: Annotated[str | None, typer.Option(help="Login role. Default: the OS user's name.")] = None,
    passfile: Annotated[Path | None, typer.Option(help="libpq password file (mode 0600).")] = None,
    service: Annotated[str | None, typer.Option(help="A service of pg_service.conf instead of host and port.")] = None,
    ask_password: Annotated[
        bool, typer.Option("--password", help="Ask for the password and keep it in a passfile of mode 0600.")
    ] = False,
    json: Json = False,
) -> None:
    """Save a connection after it was tested; what cannot connect is not saved."""
    if service and (host or dbname or user or passfile):
        raise UsageError("--service excludes --host, --dbname, --user and --passfile")
    saved = ConnectionFile.default()
    connection = Connection(
        name=name,
        host=host,
        port=None if service else port,
        dbname=dbname,
        user=user,
        passfile=passfile,
        service=service,
    )
    password = typer.prompt("Password", hide_input=True) if ask_password else None
    connection = saved.with_password(connection, password) if password is not None else connection
    result = _test(connection.dsn())
    saved.add(connection)
    if json:
        output.show_json({"name": name, **result})
    else:
        output.say(f"saved {name}: {result['database']} as {result['user']}, PostgreSQL {result['server_version']}")


@app.command("test")
def test(
    name: Annotated[str | None, typer.Argument(help="The connection's name.")] = None,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Open a session and say what it is, or why it fails."""
    result = _test(resolve(dsn, name))
    if json:
        output.show_json(result)
    else:
        output.say(f"ok: {result['database']} as {result['user']}, PostgreSQL {result['server_version']}")


@app.command("list")
def list_connections(json: Json = False) -> None:
    """List the saved connections."""
    saved = ConnectionFile.default()
    rows = [(name, saved.get(name).dsn()) for name in saved.names()]
    if json:
        output.show_json([{"name": name, "dsn": dsn} for name, dsn in rows])
    else:
        output.show_table(("name", "connection"), rows)
