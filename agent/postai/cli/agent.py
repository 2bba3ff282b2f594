"""`post-ai agent` and `post-ai status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file (TOML). Default: postai.toml in the configuration directory."),
]

STATUS_COLUMNS = ("version", "transport", "reachable", "leader", "last_poll", "model", "engine", "budget_left")
STATUS = f"select {', '.join(STATUS_COLUMNS)} from postai.agent()"  # noqa: S608 - fixed names


def agent(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
) -> int:
    """Run the sidecar in the foreground until SIGTERM or Ctrl-C."""
    from postai.service.main import run  # the daemon's libraries are needed by this command only
    from postai.settings import Settings

    return run(Settings.load(config, **({"agent": {"log_format": "json"}} if json else {})))


def status(dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Show whether the sidecar serves the database, by which transport, and what is left of the budget."""
    with open_database(dsn, connection) as database:
        row = database.query(STATUS)[0]
    values = dict(zip(STATUS_COLUMNS, row, strict=True))
    if json:
        output.show_json(values)
    else:
        output.show_table(("what", "value"), list(values.items()))
