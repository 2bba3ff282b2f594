"""`post-ai edge` and its subcommands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output
from postai.cli.agent import Config
from postai.cli.output import Json

if TYPE_CHECKING:
    from postai.settings import EdgeSettings

WARNING, CRITICAL = 20, 21
"""Exit codes of `check`, as of `health`."""

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def edge(
    context: typer.Context,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Log one JSON object per line.")] = False,
    worker: Annotated[
        int | None, typer.Option(hidden=True, help="Serve, as a process of the one on that file.")
    ] = None,
) -> int:
    """Listen like a PostgreSQL server and stand before one, until SIGTERM or Ctrl-C; SIGHUP takes new settings."""
    if context.invoked_subcommand is not None:
        return 0
    from postai.daemon import log as log_lines
    from postai.edge.server import main
    from postai.settings import Settings

    settings = Settings.load(config)
    log_lines.configure("json" if json else settings.agent.log_format)
    if worker is not None:
        return main.work(settings.edge, worker)

    def load() -> EdgeSettings:
        return Settings.load(config).edge

    options = [*(("--config", str(config.absolute())) if config else ()), *(("--json",) if json else ())]
    return main.run(load, [sys.executable, "-P", "-m", "postai.cli.main", "edge", *options, "--worker"])


def _settings(context: typer.Context, config: Config) -> EdgeSettings:
    """The settings that a subcommand, or `post-ai edge` before it, was given."""
    from postai.settings import Settings

    before = context.parent.params.get("config") if context.parent is not None else None
    return Settings.load(config or before).edge


@app.command("check", short_help="Say whether the edge would work")
def check(context: typer.Context, config: Config = None, json: Json = False) -> int:
    """Look at what the edge's settings name: files, servers, logins, what the cache needs. Exit code 20 or 21 for
    warnings or something critical."""
    from postai.edge.server import check as checks
    from postai.edge.server import main

    settings = _settings(context, config)
    findings = checks.check(settings, main.prepare(settings)[0])
    if json:
        output.show_json({"findings": findings})
    else:
        output.show_table(("what", "state", "found"), [(one.what, one.state, one.detail) for one in findings])
        for one in findings:
            if one.mend is not None:
                output.say(f"\n{one.what}:\n{one.mend}")
    states = {one.state for one in findings}
    return CRITICAL if "critical" in states else WARNING if "warning" in states else 0


@app.command("stats", short_help="Show the figures of a running edge")
def stats(context: typer.Context, config: Config = None, json: Json = False) -> None:
    """Show the figures of an edge that runs with these settings: processes, pools, caches, nodes."""
    from postai.edge.server import admin

    figures = admin.ask(_settings(context, config), "GET", "/figures")
    if json:
        output.show_json(figures)
        return
    tables: dict[str, list[dict[str, Any]]] = {"processes": []}
    for process in figures["processes"]:
        told = {name: value for name, value in process.items() if name != "tables"}
        for table, rows in process["tables"].items():
            if table == "edge":
                told |= rows[0]
            else:
                tables.setdefault(table, []).extend({"process": process["pid"], **row} for row in rows)
        tables["processes"].append(told)
    for table, rows in tables.items():
        if rows:
            output.say(f"\n{table}")
            cells = [[round(one, 3) if isinstance(one, float) else one for one in row.values()] for row in rows]
            output.show_table(tuple(rows[0]), cells)


@app.command("purge", short_help="Let a running edge forget cached answers")
def purge(
    context: typer.Context,
    table: Annotated[str | None, typer.Argument(help="Only answers that read this table (schema.name).")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only answers of this database.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Let the edge that runs with these settings forget cached answers, all or those of a database or a table."""
    from postai.edge.server import admin

    answer = admin.ask(_settings(context, config), "POST", "/purge", database=database, table=table)
    if json:
        output.show_json(answer)
    elif answer["databases"]:
        for name in answer["databases"]:
            if table is None:
                output.say(f"forgotten: all answers of {name}")
            elif name in answer["all"]:
                output.say(f"forgotten: all answers of {name}, as {table} is no table there whose changes are followed")
            else:
                output.say(f"forgotten: the answers of {name} that read {table}")
    else:
        output.say("nothing is cached there")
