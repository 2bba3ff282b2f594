"""`post-ai agent` and `post-ai status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.settings import Settings, config_directory

Config = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML). Default: postai.toml in the"
                                             " configuration directory.")]  # fmt: skip

STATUS_COLUMNS = ("version", "transport", "reachable", "leader", "last_poll", "model", "budget_left")
STATUS = "select version, transport, reachable, leader, last_poll, model, budget_left from postai.agent()"


def agent(
    config: Config = None,
    log_format: Annotated[str | None, typer.Option("--log-format", help="text or json.")] = None,
) -> int:
    """Run the sidecar in the foreground until SIGTERM or Ctrl-C."""
    from postai.service.main import run  # the daemon's libraries are needed by this command only

    flags = {"agent": {"log_format": log_format}} if log_format else {}
    settings = Settings.load(config, **flags)
    if not settings.databases:
        output.console(stderr=True).print(
            f"no [[database]] is configured in {config or config_directory() / 'postai.toml'}; see `post-ai init`"
        )
        return 2
    return run(settings)


def status(dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Show whether the sidecar serves the database, by which transport, and what is left of the budget."""
    with open_database(dsn, connection) as database:
        row = database.query(STATUS)[0]
    values = dict(zip(STATUS_COLUMNS, row, strict=True))
    if json:
        output.show_json(values)
    else:
        output.show_table(("what", "value"), list(values.items()))
