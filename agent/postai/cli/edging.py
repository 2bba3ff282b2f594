"""`post-ai edge`."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli.agent import Config


def edge(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
) -> int:
    """Listen like a PostgreSQL server and stand before one, until SIGTERM or Ctrl-C."""
    from postai.daemon import log as log_lines
    from postai.edge.server.main import run
    from postai.settings import Settings

    settings = Settings.load(config)
    log_lines.configure("json" if json else settings.agent.log_format)
    return run(settings.edge)
