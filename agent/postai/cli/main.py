"""The command tree of `post-ai`, readable in one place.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 PA001 not sure · 4 PA002 agent not reachable · 5 PA003 refused ·
6 PA004 model failed · 7 PA005 budget spent · 8 PA006 not permitted · 9 PA007 feature missing · 10 PA008 stale ·
11 PA009 lock not obtained · 12 PA010 verification failed · 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from click.exceptions import Abort, ClickException, Exit

from postai import __version__
from postai.cli import agent, ask, connections, installing, lifecycle, local
from postai.cli.output import show_error
from postai.errors import PostaiError, from_parts

app = typer.Typer(
    name="post-ai",
    help="An AI database administrator that lives in PostgreSQL.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3-12 the errors PA001-PA010, 130 interrupted.",
)

app.command("init")(local.init)
app.command("demo")(local.demo)
app.command("connect")(connections.connect_command)
app.add_typer(connections.app, name="connection")
app.command("install")(installing.install_command)
app.command("uninstall")(installing.uninstall_command)
app.command("doctor")(installing.doctor_command)
app.command("agent")(agent.agent)
app.command("status")(agent.status)
app.command("ask")(ask.ask)
app.command("sql")(ask.sql)
app.command("apply")(lifecycle.apply)
app.command("undo")(lifecycle.undo)
app.command("events")(lifecycle.events)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"post-ai {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """An AI database administrator that lives in PostgreSQL."""


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error of ours is printed, none escapes as a traceback."""
    try:
        result = app(arguments, standalone_mode=False)
    except PostaiError as error:
        known = from_parts(error.as_parts())
        show_error(error, as_json="--json" in arguments)
        return known.exit_code if known.sqlstate == error.sqlstate else error.exit_code
    except Exit as stop:
        return stop.exit_code
    except ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return 130
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the console scripts."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
