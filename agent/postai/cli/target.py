"""Which database a command talks to: a named connection, a connection string, or libpq's own environment."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from postai.errors import FeatureMissing, UsageError

if TYPE_CHECKING:
    from postai.database import Database

DEFAULT = "default"
"""The named connection that is used when none is named."""
INSTALLED = """
    select exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
                    where n.nspname = 'postai' and p.proname = 'migrate'),
           coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'its socket'), pg_catalog.current_setting('port')
"""


def saved_names() -> list[str]:
    """Names of the saved connections, for shell completion."""
    from postai.database.connections import load_connections
    from postai.settings import config_directory

    return [connection.name for connection in load_connections(config_directory())]


Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="Connection string without a password (use passfile=... or service=...). Default: --connection,"
        " then POSTAI_DSN, then the connection named default, then libpq's environment (PGHOST, PGDATABASE, ...).",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--connection", "-c", help="A connection saved by `post-ai connection add`.", autocompletion=saved_names
    ),
]


def resolve(dsn: str | None, name: str | None) -> str:
    """The connection string that the options and the environment mean.

    Raises:
        UsageError: both options were given, the name is unknown, or the argument carries a password.
    """
    from postai.database.connections import find_connection
    from postai.database.dsn import has_password
    from postai.settings import config_directory

    if dsn and name:
        raise UsageError("--dsn and --connection exclude each other")
    if dsn:
        if has_password(dsn):
            raise UsageError(
                "a connection string on the command line may carry no password",
                detail="Other users of this machine can read it in the list of processes.",
                hint="Use passfile=FILE or service=NAME, or save it once: post-ai connection add NAME --password",
            )
        return dsn
    if name:
        return find_connection(config_directory(), name).dsn()
    if os.environ.get("POSTAI_DSN"):
        return os.environ["POSTAI_DSN"]
    if DEFAULT in saved_names():
        return find_connection(config_directory(), DEFAULT).dsn()
    return ""


def open_database(
    dsn: str | None, name: str | None, *, statement_timeout_ms: int = 60_000, search_path: str = ""
) -> Database:
    """A session of the chosen database; `search_path` as for `connect`."""
    from postai.database import connect

    return connect(
        resolve(dsn, name),
        application_name="post-ai",
        statement_timeout_ms=statement_timeout_ms,
        search_path=search_path,
    )


def again(dsn: str | None, name: str | None) -> str:
    """The options with which another command talks to the same database, with a space before them; "" = none."""
    options = [("--dsn", dsn), ("--connection", name)]
    return "".join(f" {option} {shlex.quote(value)}" for option, value in options if value)


def require_postai(database: Database, what: str, dsn: str | None, name: str | None) -> None:
    """Say where postai is missing, and the command that mends it.

    Args:
        database: a session of the database.
        what: needs postai there, the beginning of a sentence.
        dsn, name: the options that led there.

    Raises:
        FeatureMissing: it is not installed, or an older version is.
    """
    ((installed, host, port),) = database.query(INSTALLED)
    if not installed:
        raise FeatureMissing(
            f"postai is not installed in database {database.name}",
            detail=f"{what} it, and its agent. The server is at {host}, port {port}.",
            hint=f"post-ai install{again(dsn, name)} --agent-login post_ai_agent, then post-ai agent. Without them"
            " explain, lint, generate, run, status, baseline and drift work.",
        )
