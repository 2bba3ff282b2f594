"""Which database a command talks to: a named connection, a connection string, or libpq's own environment."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from postai.database import Database, connect
from postai.database.connections import ConnectionFile
from postai.database.dsn import has_password
from postai.errors import UsageError

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="Connection string without a password (use passfile=... or service=...). Default: --connection,"
        " then POSTAI_DSN, then the connection named default, then libpq's environment (PGHOST, PGDATABASE, ...).",
    ),
]
Name = Annotated[str | None, typer.Option("--connection", "-c", help="A connection named by `post-ai connection add`.")]


def resolve(dsn: str | None, name: str | None) -> str:
    """The connection string that the options and the environment mean.

    Raises:
        UsageError: both options were given, the name is unknown, or the argument carries a password.
    """
    if dsn and name:
        raise UsageError("--dsn and --connection exclude each other")
    if dsn:
        if has_password(dsn):
            raise UsageError(
                "a connection string on the command line may carry no password",
                detail="other users of this machine can read it in the list of processes",
                hint="Use passfile=FILE or service=NAME, or save it once: post-ai connection add NAME",
            )
        return dsn
    if name:
        return ConnectionFile.default().get(name).dsn()
    if os.environ.get("POSTAI_DSN"):
        return os.environ["POSTAI_DSN"]
    saved = ConnectionFile.default()
    if "default" in saved.names():
        return saved.get("default").dsn()
    return ""


def open_database(dsn: str | None, name: str | None, *, statement_timeout_ms: int = 60_000) -> Database:
    """A session of the chosen database."""
    return connect(resolve(dsn, name), application_name="post-ai", statement_timeout_ms=statement_timeout_ms)
