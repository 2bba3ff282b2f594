"""The command tree of `post-ai`, readable in one place, and the outermost layer: no traceback reaches a person.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 PA001 not sure · 4 PA002 agent not reachable · 5 PA003 refused ·
6 PA004 model failed · 7 PA005 budget spent · 8 PA006 not permitted · 9 PA007 feature missing · 10 PA008 stale ·
11 PA009 lock not obtained · 12 PA010 verification failed · 13 replies of a model are pending ·
20 `health` or `edge check` has warnings · 21 found something critical ·
22 `migrate drift` found differences · 130 interrupted · 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer
from typer.main import get_command

from postai import __version__
from postai.cli import (
    agent,
    ask,
    connections,
    designing,
    edging,
    evaluating,
    installing,
    lifecycle,
    linting,
    local,
    migrating,
    optimizing,
    replicating,
    reporting,
    teaching,
    watching,
    web,
)
from postai.cli.output import require_command, show_error
from postai.errors import FeatureMissing, NotPermitted, PostaiError, UsageError, from_parts

PROGRAMS = ("post-ai", "postai")
INTERRUPTED = 130
NOBODY_READS = 141

app = typer.Typer(
    name="post-ai",
    help="An AI database administrator that lives in PostgreSQL.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3-12 the errors PA001-PA010, 13 replies pending, 20-21 health,"
    " 22 drift, 130 interrupted.",
)

app.command("init", short_help="Create a local database with postai")(local.init)
app.command("demo", short_help="Build and show a sample store")(local.demo)
app.command("connect", short_help="Print the connection string")(connections.connect_command)
app.add_typer(connections.app, name="connection", short_help="Add, test or list named connections")
app.command("install", short_help="Install or upgrade postai in a database")(installing.install_command)
app.command("uninstall", short_help="Remove postai from a database")(installing.uninstall_command)
app.command("doctor", short_help="Check every prerequisite")(installing.doctor_command)
app.command("agent", short_help="Run the sidecar")(agent.agent)
app.add_typer(edging.app, name="edge", short_help="Listen before a server as its proxy")
app.command("report", short_help="Write a report about a database")(reporting.report)
app.command("web", short_help="Serve the dashboard")(web.web)
app.command("status", short_help="Show the state of the sidecar")(agent.status)
app.command("ask", short_help="Ask the database a question")(ask.ask)
app.command("sql", short_help="Print the statement for a question")(ask.sql)
app.command("explain", short_help="Say where a statement's time goes")(ask.explain)
app.command("design", short_help="Propose tables for a description")(designing.design)
app.command("change", short_help="Propose the change for a wish")(designing.change)
app.add_typer(migrating.app, name="migrate", short_help="Change a schema safely")
app.add_typer(replicating.app, name="replicate", short_help="Move a database to another server")
app.command("optimize", short_help="Say what would make the database faster")(optimizing.optimize)
app.command("lint", short_help="Say what is hazardous in SQL files")(linting.lint)
app.command("top", short_help="Show the statements that take most time")(watching.top)
app.command("health", short_help="Check the health of a database")(watching.health)
app.command("watch", short_help="Watch load, locks, waits and statements")(watching.watch)
app.command("teach", short_help="Keep a question with its statement")(teaching.teach)
app.command("define", short_help="Say what a word means here")(teaching.define)
app.command("feedback", short_help="Say whether an answer was right")(teaching.feedback)
app.command("apply", short_help="Apply a proposal")(lifecycle.apply)
app.command("undo", short_help="Undo an applied proposal")(lifecycle.undo)
app.add_typer(evaluating.app, name="eval", short_help="Measure an engine on known questions")
app.command("events", short_help="Show the audit log")(lifecycle.events)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"post-ai {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """An AI database administrator that lives in PostgreSQL."""
    require_command(context)


def run(arguments: Sequence[str], program: str = "post-ai") -> int:
    """Run one command and return its exit code; every expected error is printed in one form.

    Args:
        arguments: the command line without the program's name.
        program: the program's name in help texts.
    """
    as_json = "--json" in arguments
    try:
        # Not app(...): that would swallow the interrupt and the closed pipe, which have their own exit codes here.
        command = get_command(app)
        with command.make_context(program, list(arguments)) as context:
            result = command.invoke(context)
        sys.stdout.flush()
    except PostaiError as error:
        known = _not_usable(error) or error
        show_error(known, as_json=as_json)
        # An error of class PA that the server raised has the exit code of its class here too.
        return max(known.exit_code, from_parts(known.as_parts()).exit_code)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as mistake:
        asked = getattr(getattr(mistake, "ctx", None), "command_path", program)
        show_error(UsageError(mistake.format_message(), hint=f"{asked} --help"), as_json=as_json)
        return UsageError.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except RuntimeError as error:
        if not _was_interrupted(error):
            raise
        return _interrupted()
    except BrokenPipeError:
        # Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except OSError as error:
        place = None if error.filename is None else str(error.filename)
        show_error(PostaiError(error.strerror or "the operating system refused", detail=place), as_json=as_json)
        return PostaiError.exit_code
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    sys.stderr.write("interrupted\n")
    return INTERRUPTED


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error came of an interrupt that met a library, or an import, at a bad moment."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _not_usable(error: PostaiError) -> PostaiError | None:
    """What a missing or closed schema means to a person (3F000, 42P01, 42501)."""
    if error.sqlstate in ("3F000", "42P01") and '"postai' in error.message:
        return FeatureMissing(
            "postai is not installed in this database", detail=error.message, hint="Install it with: post-ai install"
        )
    if error.sqlstate == "42501" and error.message == "permission denied for schema postai":
        return NotPermitted(
            "you may not use postai in this database",
            detail=error.message,
            hint="Its owner, or a superuser: GRANT postai_user TO your role; (postai_operator, to carry out changes).",
        )
    return None


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say that postai has a bug: where, but not with which values (they may be secrets)."""
    if _was_interrupted(error):
        sys.stderr.write("interrupted\n")
        return
    if os.environ.get("POSTAI_TRACEBACK"):
        traceback.print_exception(kind, error, trace)
        return
    frames = traceback.extract_tb(trace)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    bug = PostaiError(
        f"this is a bug in postai: {kind.__name__}",
        detail=place,
        hint="Run it again with POSTAI_TRACEBACK=1 and report what it shows; look for secrets in it first.",
    )
    show_error(bug, as_json="--json" in sys.argv)


def main() -> None:
    """Entry point of the console scripts."""
    sys.excepthook = _unexpected
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no reason to fail
    program = Path(sys.argv[0]).stem if Path(sys.argv[0]).stem in PROGRAMS else PROGRAMS[0]
    if any(f"_{name.replace('-', '_').upper()}_COMPLETE" in os.environ for name in PROGRAMS):
        app(prog_name=program)  # the shell asks for completions
    sys.exit(run(sys.argv[1:], program))


if __name__ == "__main__":
    main()
