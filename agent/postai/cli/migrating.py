"""`post-ai migrate`: schema changes out of files, seen before, carried out, resumed and taken back; and drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import generating, linting, output, scripting
from postai.cli.migrate_report import Report, left_sentence, show_plan, show_trace, told_left
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, again, open_database, require_postai, resolve
from postai.errors import UsageError

if TYPE_CHECKING:
    from postai.database import Database
    from postai.migrate.checks import Found
    from postai.migrate.files import Migration
    from postai.migrate.files_store import Carried, Consent
    from postai.migrate.types import Plan, Traced
    from postai.proposals.verbs import ActionStatus

SECONDS = 120.0
"""Longest look."""
CHECK_SECONDS = 30.0
"""Longest count of rows that stand in the way."""
RUN_SECONDS = 7 * 24 * 3600.0
"""Longest wait for one migration; the agent goes on with it in any case."""
DRIFT = 22
"""Exit code when the schema is not what it should be."""

app = typer.Typer(help="Change a schema safely.", rich_markup_mode=None)

Directory = Annotated[Path, typer.Argument(help="Directory of the migrations.")]
HERE = Path("migrations")
To = Annotated[int | None, typer.Option("--to", min=0, help="Number of the last migration. Default: all of them.")]
Unsafe = Annotated[
    bool, typer.Option("--unsafe", help="Yes to what cannot be undone; what is set aside is dropped for good at once.")
]
Triggers = Annotated[bool, typer.Option("--accept-triggers", help="Yes to triggers that fire where rows are written.")]
VersionedViews = Annotated[
    bool, typer.Option("--versioned-views", help="Leave a view under the old name of what is renamed.")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print a report in Markdown.")]


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Change a schema safely."""
    output.require_command(context)


app.command("generate", short_help="Write the up and down file of a migration")(generating.generate)
app.command("lint", short_help="Say what is hazardous in SQL files")(linting.lint)


@app.command("explain", short_help="Show the locks and the online steps of a file of statements")
def explain(
    file: Annotated[Path, typer.Argument(help="File of SQL statements.")],
    versioned_views: VersionedViews = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Show what each statement of a file would lock, rewrite and scan, and the online steps for it.

    Statements and steps are tried on an empty copy; rows that would make a step fail are counted; nothing is changed.
    """
    text, target = _read(file), resolve(dsn, connection)
    found, made = _explained(text, target, versioned_views=versioned_views)
    counts = _counted(made, target)
    if json:
        from postai.migrate.explained import explained, plan_as_json, planned

        output.show_json(
            {
                "statements": [
                    {**explained(one), "steps": planned(made, number)} for number, one in enumerate(found, start=1)
                ],
                "steps": planned(made),
                "plan": plan_as_json(made) | {"checks": list(counts)},
            }
        )
        return
    noted: set[str] = set()
    for number, one in enumerate(found, start=1):
        show_trace(number, one, noted)
    show_plan(made)
    for check in counts:
        if check.stands_in_the_way:
            output.say(f"   - {check.sentence()}")


@app.command("status", short_help="Show which migrations a database has")
def status(directory: Directory = HERE, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Show the migrations of a directory and of a database, each with its state."""
    from postai.migrate import files_store
    from postai.migrate.files import read_directory

    with open_database(dsn, connection) as database:
        found = files_store.compare(read_directory(directory), files_store.known(database))
    if json:
        output.show_json({"migrations": list(found)})
    else:
        rows = [(one.id, one.title, one.state, one.source, one.proposal) for one in found]
        output.show_table(("id", "title", "state", "source", "proposal"), rows)


@app.command("execute", short_help="Carry out the migrations that a database does not have yet")
def execute(
    directory: Directory = HERE,
    to: To = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run; change nothing.")] = False,
    explain_steps: Annotated[
        bool, typer.Option("--explain", help="Say the steps of each with their locks; change nothing.")
    ] = False,
    versioned_views: VersionedViews = False,
    unsafe: Unsafe = False,
    accept_triggers: Triggers = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Carry out the pending migrations one after the other, as proposals that the agent applies in online steps."""
    from postai.migrate import files_store
    from postai.migrate.files import read_directory

    report = Report(again(dsn, connection), json=json, markdown=markdown)
    with open_database(dsn, connection, statement_timeout_ms=120_000) as database:
        wanted = files_store.pending(read_directory(directory), files_store.known(database), to)
        if dry_run or explain_steps:
            for one in wanted:
                made = None
                if explain_steps:
                    made = _explained(one.up.body, resolve(dsn, connection), versioned_views=versioned_views)[1]
                report.add(one, "would run", made)
        else:
            require_postai(database, "Migrations are carried out through", dsn, connection)
            yes = files_store.Consent(accept_triggers, unsafe, versioned_views)
            _each(database, wanted, yes, files_store.execute, report, "applied")
    report.show()


@app.command("rollback", short_help="Carry out the down files of the last migrations")
def rollback(
    directory: Directory = HERE,
    to: Annotated[
        int | None,
        typer.Option("--to", min=0, help="Number of the migration that stays. Default: only the last one goes."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run; change nothing.")] = False,
    unsafe: Unsafe = False,
    accept_triggers: Triggers = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Take migrations back, the last one first, by their down files."""
    from postai.migrate import files_store
    from postai.migrate.files import read_directory

    report = Report(again(dsn, connection), json=json, markdown=markdown)
    with open_database(dsn, connection, statement_timeout_ms=120_000) as database:
        wanted = files_store.applied(read_directory(directory), files_store.known(database), to)
        if dry_run:
            for one in wanted:
                report.add(one, "would be rolled back", None)
        else:
            require_postai(database, "Migrations are taken back through", dsn, connection)
            yes = files_store.Consent(accept_triggers, unsafe)
            _each(database, wanted, yes, files_store.roll_back, report, "rolled back")
    report.show()


@app.command("resume", short_help="Go on with a migration that is under way")
def resume(
    unsafe: Unsafe = False,
    accept_triggers: Triggers = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Go on with the migrations that were begun, wherever they stopped.

    Those that are through but only set aside what they drop are named; with --unsafe it is dropped for good.
    """
    from postai.deadline import Deadline
    from postai.migrate import files_store

    done: list[dict[str, object]] = []
    with open_database(dsn, connection, statement_timeout_ms=120_000) as database:
        require_postai(database, "Migrations are carried out through", dsn, connection)
        yes = files_store.Consent(accept_triggers, unsafe)
        for one in files_store.unfinished(database, files_store.known(database)):
            now = files_store.resume(database, one, yes, Deadline.after(RUN_SECONDS), _progress(json))
            left = told_left(now.left, again(dsn, connection))
            done.append({"id": one.id, "proposal": one.proposal, "was": one.state, "left": left})
            if not json:
                through = "done" if one.state in files_store.UNDER_WAY or left else "dropped for good what it set aside"
                output.say(f"{one.id} {one.title}: {through}{left_sentence(left)}")
    if json:
        output.show_json({"resumed": done})
    elif not done:
        output.say("nothing is under way")


app.command("run", short_help="Run a script, or go on with one")(scripting.run)


@app.command("baseline", short_help="Say that a database is as it should be, and take over another tool's history")
def baseline(
    directory: Annotated[
        Path | None, typer.Argument(help="Migrations that are in the schema already, or the other tool's files.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--from", help="alembic, flyway or sqitch: take its history over.")
    ] = None,
    to: To = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Take a snapshot of the schema as what it should be, and note migrations that it has already; nothing is run."""
    from postai.migrate import drift_store, files_import, files_store
    from postai.migrate.files import read_directory

    if tool is not None and tool not in files_import.TOOLS:
        raise UsageError(f"{tool} is not known", hint=f"One of {', '.join(files_import.TOOLS)}.")
    noted, problems = [], []
    with open_database(dsn, connection) as database:
        if tool is not None:
            for one in files_import.read_history(database, tool, directory):
                problems += [one.problem] if one.problem else []
                if files_store.record(database, one.id, one.title, one.checksum, tool):
                    noted.append(one.id)
        elif directory is not None:
            for file in read_directory(directory):
                file.up.require_unchanged()
                wanted = to is None or int(file.id) <= to
                if wanted and files_store.record(database, file.id, file.up.title, file.up.checksum, "postai"):
                    noted.append(file.id)
        reason = "baseline" if tool is None else f"baseline, history of {tool}"
        found = drift_store.take(database, reason)
    if json:
        output.show_json({"hash": found, "noted": noted, "problems": problems})
    else:
        output.say("\n".join([f"schema {found}", *(f"{one}: applied" for one in noted)]))
        for problem in problems:
            output.note(problem)


@app.command("drift", short_help="Say where a schema is not what it should be")
def drift(dsn: Dsn = None, connection: Name = None, json: Json = False, markdown: Markdown = False) -> int:
    """Compare the schema with the newest snapshot and what postai changed since; each difference with its fix.

    Exit codes: 0 no difference, 22 differences.
    """
    from postai.cli.migrate_report import show_drift
    from postai.migrate import drift_store

    with open_database(dsn, connection) as database:
        report = drift_store.drift(database)
    show_drift(report, json=json, markdown=markdown)
    return DRIFT if report.differences else 0


def _each(
    database: Database,
    wanted: Sequence[Migration],
    consent: Consent,
    work: Callable[..., Carried],
    report: Report,
    done: str,
) -> None:
    from postai.deadline import Deadline

    for one in wanted:
        now = work(database, one, consent, Deadline.after(RUN_SECONDS), _progress(report.quiet))
        report.add(one, done, None, now)


def _progress(quiet: bool) -> Callable[[ActionStatus], None]:
    def tell(now: ActionStatus) -> None:
        if not quiet:
            share = "" if now.progress is None else f" {now.progress:.0%}"
            output.note(f"action {now.id}: {now.state}{share} {now.phase or ''}".rstrip())

    return tell


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("the file is not UTF-8", detail=f"{path}, byte {error.start}") from None


def _explained(text: str, dsn: str, *, versioned_views: bool) -> tuple[tuple[Traced, ...], Plan]:
    """What the statements of a text do, and the online steps for them with what those do."""
    from postai.database import connect
    from postai.deadline import Deadline
    from postai.migrate.plan import plan
    from postai.migrate.trace import trace
    from postai.migrate.tried import tried
    from postai.migrate.work import PlanOptions
    from postai.scratch.scratch_database import opener
    from postai.sql.parse import split

    deadline = Deadline.after(SECONDS)
    statements = split(text)
    with connect(dsn, application_name="post-ai", statement_timeout_ms=60_000) as database:
        found = trace(database, statements, deadline, opener(dsn))
        options = PlanOptions(versioned_views)
        made, _ = tried(database, plan(database, statements, deadline, options), deadline, opener(dsn))
    return found, made


def _counted(made: Plan, dsn: str) -> tuple[Found, ...]:
    """The rows that stand in the way of a plan, counted with the rights of whoever asks."""
    from postai.database import connect
    from postai.deadline import Deadline
    from postai.migrate.checks import run_checks

    if not made.checks:
        return ()
    with connect(dsn, application_name="post-ai") as database:
        return run_checks(database, made, Deadline.after(CHECK_SECONDS))
