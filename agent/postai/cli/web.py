"""`post-ai web`."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli.agent import Config


def web(
    config: Config = None,
    port: Annotated[int | None, typer.Option("--port", help="Instead of the one that [web] says.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
) -> None:
    """Serve the dashboard, until SIGTERM or Ctrl-C. People log in as roles of their PostgreSQL server."""
    from postai.daemon import log as log_lines
    from postai.settings import Settings
    from postai.web import main

    settings = Settings.load(config, **({"web": {"port": port}} if port else {}))
    log_lines.configure("json" if json else settings.agent.log_format)
    main.run(settings)
