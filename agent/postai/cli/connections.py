"""`post-ai connect` and `post-ai connection add|test|list`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, resolve, saved_names
from postai.errors import UsageError

app = typer.Typer(help="Named connections: saved once, tested, without a password in the file.", rich_markup_mode=None)

IDENTIFY = "select pg_catalog.current_database(), current_user, pg_catalog.current_setting('server_version')"


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Named connections: saved once, tested, without a password in the file."""
    output.require_command(context)


def _test(dsn: str) -> dict[str, object]:
    """Open a session and read what it is."""
    from postai.database import connect

    with connect(dsn, application_name="post-ai") as database:
        row = database.query(IDENTIFY)[0]
    return dict(zip(("database", "user", "server_version"), row, strict=True))


def _sentence(result: dict[str, object]) -> str:
    return f"{result['database']} as {result['user']}, PostgreSQL {result['server_version']}"


def connect_command(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A named connection. Default: the one that other commands use.", autocompletion=saved_names
        ),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Open a session too.")] = False,
    json: Json = False,
) -> None:
    """Print the connection string for psql and other programs; it never holds the password."""
    from postai.database.dsn import build, redacted
    from postai.database.libpq_files import resolve as complete

    dsn = resolve(None, name)
    result = _test(dsn) if test else {}
    if not dsn:  # libpq's environment and defaults say it
        dsn = build({key: value for key, value in complete({}).items() if key in ("host", "port", "dbname", "user")})
    shown = redacted(dsn)  # POSTAI_DSN may carry one
    if json:
        output.show_json({"dsn": shown, **result})
        return
    output.say(shown)
    if test:
        output.say(f"ok: {_sentence(result)}")


@app.command("add", short_help="Test and save a connection")
def add(
    name: Annotated[str, typer.Argument(help="How other commands will call it; `default` is used when none is named.")],
    host: Annotated[str | None, typer.Option(help="Host name, address or socket directory.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port. Default: 5432.")] = None,
    dbname: Annotated[str | None, typer.Option(help="Database. Default: the user's name.")] = None,
    user: Annotated[str | None, typer.Option(help="Login role. Default: the OS user's name.")] = None,
    passfile: Annotated[Path | None, typer.Option(help="libpq password file (mode 0600).")] = None,
    service: Annotated[str | None, typer.Option(help="A service of pg_service.conf instead of host and port.")] = None,
    sslmode: Annotated[str | None, typer.Option(help="As libpq's, for example verify-full.")] = None,
    sslrootcert: Annotated[Path | None, typer.Option(help="Certificate authority for verify-full.")] = None,
    password: Annotated[
        bool,
        typer.Option("--password", help="Ask for the password (or read it from a pipe); kept in a passfile, 0600."),
    ] = False,
    json: Json = False,
) -> None:
    """Save a connection after it was tested; what cannot connect is not saved."""
    from postai.database import dsn as connection_string
    from postai.database.connections import from_dsn, save_connection
    from postai.database.libpq_files import refuse_loose
    from postai.settings import config_directory

    if service and (host or port or dbname or user or passfile or password):
        raise UsageError("--service excludes --host, --port, --dbname, --user, --passfile and --password")
    if passfile is not None:
        refuse_loose(passfile)
    given = {
        "host": host,
        "port": None if service else port or 5432,
        "dbname": dbname,
        "user": user,
        "passfile": passfile.absolute() if passfile else None,
        "service": service,
        "sslmode": sslmode,
        "sslrootcert": sslrootcert.absolute() if sslrootcert else None,
    }
    known = {keyword: str(value) for keyword, value in given.items() if value is not None}
    connection, _ = from_dsn(name, connection_string.build(known))
    secret = _read_password() if password else None
    result = _test(connection_string.build({**known, "password": secret} if secret else known))
    save_connection(config_directory(), connection, secret)
    if json:
        output.show_json({"name": name, **result})
    else:
        output.say(f"saved {name}: {_sentence(result)}")


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, err=True))
    secret = sys.stdin.readline().rstrip("\n")
    if not secret:
        raise UsageError(
            "no password was given", detail="Standard input is no terminal and empty.", hint="Write it into the pipe."
        )
    return secret


@app.command("test", short_help="Open a session")
def test(
    name: Annotated[str | None, typer.Argument(help="The connection's name.", autocompletion=saved_names)] = None,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Open a session and say what it is, or why it fails."""
    result = _test(resolve(dsn, name))
    if json:
        output.show_json(result)
    else:
        output.say(f"ok: {_sentence(result)}")


@app.command("list", short_help="List the saved connections")
def list_connections(json: Json = False) -> None:
    """List the saved connections."""
    from postai.database.connections import load_connections
    from postai.settings import config_directory

    rows = [(connection.name, connection.dsn()) for connection in load_connections(config_directory())]
    if json:
        output.show_json([{"name": name, "dsn": dsn} for name, dsn in rows])
    elif rows:
        output.show_table(("name", "connection"), rows)
    else:
        output.say("none is saved; add one: post-ai connection add NAME --host HOST --dbname DATABASE --user USER")
