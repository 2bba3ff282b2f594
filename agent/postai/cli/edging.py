"""`post-ai edge` and its subcommands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from postai.cli.agent import Config

app = typer.Typer(help="Listen like a PostgreSQL server and stand before one.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def edge(
    context: typer.Context,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> int:
    """Listen like a PostgreSQL server and stand before one, until SIGTERM or Ctrl-C; SIGHUP takes new settings."""
    if context.invoked_subcommand is not None:
        return 0
    from postai.daemon import log as log_lines
    from postai.edge.server import main
    from postai.settings import EdgeSettings, Settings

    settings = Settings.load(config)
    log_lines.configure("json" if json else settings.agent.log_format)
    if worker is not None:
        return main.work(settings.edge, worker)

    def load() -> EdgeSettings:
        return Settings.load(config).edge

    options = [*(("--config", str(config.absolute())) if config else ()), *(("--json",) if json else ())]
    return main.run(load, [sys.executable, "-m", "postai.cli.main", "edge", *options, "--worker"])
